"""Parameters and buffers: the tensors that modules keep."""

from __future__ import annotations

from typing import Any

from hotloop.torch.core import Tensor
from hotloop.torch.tensor import Parameter


class Buffer(Tensor):
    """A tensor that a module keeps beside its parameters once it is assigned to it.

    Parameters
    ----------
    data : Tensor
        The values, whose memory it shares.
    persistent : bool
        Whether it is part of the state dict.
    """

    persistent: bool

    def __new__(cls, data: Any, *, persistent: bool = True) -> Any:
        """Make a tensor around the values of another."""
        made = object.__new__(cls)
        made._array, made._version = data._array, data._version
        made._grad = made._node = made._view = None
        made._index, made._needs = 0, False
        made.persistent = persistent
        return made


__all__ = ["Buffer", "Parameter"]
