"""Elements moved: axes turned and flipped, edges added, arrays joined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hotloop._support.typing import AnyArray

from ._common import Array


def transpose(x: Array, *, axes: tuple[int, ...] | None = None) -> AnyArray:
    """Return the axes in another order."""
    return np.array(np.transpose(x, axes), order="C")


def flip(x: Array, *, axis: int | tuple[int, ...] | None = None) -> AnyArray:
    """Return axes read from their end."""
    return np.array(np.flip(x, axis))


def pad(x: Array, width: tuple[tuple[int, int], ...], *, value: float = 0.0) -> AnyArray:
    """Return the elements with a constant around them."""
    return np.pad(x, width, constant_values=value)


def concatenate(arrays: Sequence[Array] | AnyArray, *, axis: int = 0) -> AnyArray:
    """Return the arrays one behind the other."""
    return np.concatenate(arrays, axis=axis)
