"""Whether tensors are the same, or nearly."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop.torch.core import Tensor, wrap


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one shape and the same elements."""
    return bool(np.array_equal(input._array, other._array))


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all elements are nearly the same: ``|a - b| <= atol + rtol |b|``."""
    return bool(np.allclose(input._array, other._array, rtol, atol, equal_nan))


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Return where elements are nearly the same."""
    return wrap(np.isclose(input._array, other._array, rtol, atol, equal_nan))


def is_tensor(obj: Any) -> bool:
    """Whether an object is a tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether the elements have fractions."""
    return input._array.dtype.kind == "f"


def numel(input: Tensor) -> int:
    """Return the number of elements."""
    return int(input._array.size)
