"""What serves around training: `data`."""

from hotloop._support.names import serve
from hotloop.torch.utils import data

__all__ = ["data"]

serve(__name__)
