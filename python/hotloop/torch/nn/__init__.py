"""Modules, their parameters, and the functions behind them."""

from hotloop._support.names import serve
from hotloop.torch.nn import functional, init, modules, parameter, utils
from hotloop.torch.nn.modules import *  # noqa: F403 - all of them
from hotloop.torch.nn.modules import __all__ as _modules
from hotloop.torch.nn.parameter import Buffer, Parameter

__all__ = [
    "Buffer",
    "Parameter",
    "functional",
    "init",
    "modules",
    "parameter",
    "utils",
]
__all__ += _modules  # noqa: PLE0605 - of the list there

serve(__name__)
