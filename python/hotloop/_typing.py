"""Names of the array and argument types, used by every signature and by the stub of the compiled module."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = [
    "Activation",
    "Algorithm",
    "ArrayLike",
    "DTypeLike",
    "DataFormat",
    "FloatArray",
    "IntArray",
    "MaskArray",
    "Padding",
    "Pair",
    "Shape4D",
]

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.int64]
MaskArray: TypeAlias = NDArray[np.uint8]

Pair: TypeAlias = int | tuple[int, int]
Padding: TypeAlias = (
    int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]] | Literal["valid", "same"]
)
Shape4D: TypeAlias = tuple[int, int, int, int]

Activation: TypeAlias = Literal["relu", "sigmoid", "tanh"]
Algorithm: TypeAlias = Literal["im2col", "implicit_gemm"]
DataFormat: TypeAlias = Literal["channels_first", "channels_last"]
