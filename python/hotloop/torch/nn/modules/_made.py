"""New parameters for modules."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop.torch import creation, dtypes
from hotloop.torch.core import Tensor, wrap
from hotloop.torch.nn.parameter import Parameter


def array(*shape: int, device: Any = None, dtype: Any = None) -> Any:
    """Return zeros of the default dtype or another."""
    if device is not None:
        creation.device(device)
    return np.zeros(shape, dtypes.default_float() if dtype is None else dtype.numpy)


def parameter(*shape: int, device: Any = None, dtype: Any = None) -> Parameter:
    """Return a parameter of zeros."""
    return Parameter(wrap(array(*shape, device=device, dtype=dtype)))  # type: ignore[no-any-return]


def buffer(*shape: int, value: float = 0.0, device: Any = None, dtype: Any = None) -> Tensor:
    """Return a tensor of one value."""
    made = array(*shape, device=device, dtype=dtype)
    made[...] = value
    return wrap(made)


def pair(value: Any) -> tuple[Any, ...]:
    """Return a number twice, or the two that came."""
    return tuple(value) if isinstance(value, list | tuple) else (value, value)


def single(value: Any) -> tuple[Any, ...]:
    """Return a number as a tuple of one."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)
