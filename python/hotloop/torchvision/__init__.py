"""Data sets and transforms of images, by torchvision's names."""

from hotloop._support.names import serve
from hotloop.torchvision import datasets, transforms, utils

__all__ = ["datasets", "transforms", "utils"]

serve(__name__)
