"""The array and argument types, named once: for every signature and the stub of the core."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = [
    "Activation",
    "Algorithm",
    "AnyArray",
    "ArrayLike",
    "BoolArray",
    "BuildFacts",
    "CellArray",
    "DTypeLike",
    "DataFormat",
    "FloatArray",
    "Gradients",
    "IntArray",
    "LiveFloat",
    "LiveInt",
    "MaskArray",
    "Normalised",
    "Padding",
    "Pair",
    "Shape",
    "Shape4D",
]

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.int64]
# Floats, integers or bools.
AnyArray: TypeAlias = NDArray[Any]
BoolArray: TypeAlias = NDArray[np.bool_]
MaskArray: TypeAlias = NDArray[np.uint8]
# The cell of its window that a maximum was in; int32 where a window has more than 255.
CellArray: TypeAlias = NDArray[np.uint8] | NDArray[np.int32]
Normalised: TypeAlias = tuple[FloatArray, FloatArray, FloatArray]  # y, mean, inv_std; or gradients

Gradients: TypeAlias = tuple[FloatArray | None, FloatArray, FloatArray | None]  # dx, dw, db
# A number, or a one-element array (float64, or int64) that a recorded step reads at each run.
LiveFloat: TypeAlias = float | FloatArray
LiveInt: TypeAlias = int | IntArray

Shape: TypeAlias = tuple[int | None, ...]  # batch in front (None)
Pair: TypeAlias = int | tuple[int, int]
Padding: TypeAlias = (
    int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]] | Literal["valid", "same"]
)
Shape4D: TypeAlias = tuple[int, int, int, int]

Activation: TypeAlias = Literal["relu", "sigmoid", "tanh"]
Algorithm: TypeAlias = Literal["im2col", "implicit_gemm"]
DataFormat: TypeAlias = Literal["channels_first", "channels_last"]


class BuildFacts(TypedDict):
    """What the compiled core says of itself."""

    isa: str
    isa_available: list[str]
    threads: int
    threading: str
    threading_available: list[str]
    openmp_library: str
    cache_sizes: tuple[int, int, int]
    compiler: str
