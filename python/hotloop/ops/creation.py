"""Arrays from nothing, or like others: constants, ranges, grids and window functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop import config
from hotloop.autodiff import elementwise as pointwise
from hotloop.autodiff import shapes as rules
from hotloop.ops.core import cast, checked_dtype, convert_to_tensor, dtype_of, shape, values


def array(x: Any, dtype: Any = None) -> Any:
    """Return `x` as an array; see `convert_to_tensor`."""
    return convert_to_tensor(x, dtype)


def zeros(shape: Any, dtype: Any = None) -> Any:
    """Return zeros."""
    return np.zeros(shape, checked_dtype(dtype))


def ones(shape: Any, dtype: Any = None) -> Any:
    """Return ones."""
    return np.ones(shape, checked_dtype(dtype))


def empty(shape: Any, dtype: Any = None) -> Any:
    """Return zeros: an array is never handed out with what happened to be in memory."""
    return np.zeros(shape, checked_dtype(dtype))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """Return an array of one value."""
    kind = checked_dtype(dtype) if dtype is not None else dtype_of(fill_value)
    return np.full(shape, values(fill_value), kind)


def _like(x: Any, value: Any, dtype: Any) -> Any:
    kind = checked_dtype(dtype) if dtype is not None else dtype_of(x)
    if hasattr(x, "__operation__"):
        return cast(pointwise.add(pointwise.multiply(x, 0), value), kind)
    return np.full(shape(x), value, kind)


def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Return zeros of the shape and dtype of `x`."""
    return _like(x, 0, dtype)


def ones_like(x: Any, dtype: Any = None) -> Any:
    """Return ones of the shape and dtype of `x`."""
    return _like(x, 1, dtype)


def empty_like(x: Any, dtype: Any = None) -> Any:
    """Return zeros of the shape and dtype of `x`; see `empty`."""
    return _like(x, 0, dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """Return one value in the shape and dtype of `x`."""
    return _like(x, fill_value, dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """Return a matrix with ones on the diagonal `k`."""
    return np.eye(N, M, k, dtype=checked_dtype(dtype))


def identity(n: int, dtype: Any = None) -> Any:
    """Return a square matrix with ones on the diagonal."""
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """Return a matrix with ones on and below the diagonal `k`."""
    return np.tri(N, M, k, dtype=checked_dtype(dtype))


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Return numbers from `start` below `stop`, `step` apart; one argument is the stop."""
    given = [values(n).item() for n in (start, stop, step) if n is not None]
    first, last = (0, given[0]) if stop is None else (given[0], given[1])
    width = 1 if step is None else values(step).item()
    if dtype is None:
        kind = str(config.floatx()) if any(isinstance(n, float) for n in given) else "int32"
    else:
        kind = checked_dtype(dtype)
    return np.arange(first, last, width).astype(kind)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Return `num` numbers at equal distances from `start` to `stop`."""
    kind = checked_dtype(dtype)
    line, step = np.linspace(values(start), values(stop), num, endpoint, retstep=True, axis=axis)
    return (line.astype(kind), step) if retstep else line.astype(kind)


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Return powers of `base`, their exponents at equal distances from `start` to `stop`."""
    line = np.logspace(values(start), values(stop), num, endpoint, base, axis=axis)
    return line.astype(checked_dtype(dtype))


def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """Return `num` numbers from `start` to `stop`, each a fixed multiple of the one before."""
    line = np.geomspace(values(start), values(stop), num, endpoint, axis=axis)
    return line.astype(checked_dtype(dtype))


def meshgrid(*x: Any, indexing: str = "xy") -> list[Any]:
    """Return the coordinates of a grid, one array for each vector."""
    rank = len(x)
    order = list(range(rank))
    if indexing == "xy" and rank > 1:
        order[0], order[1] = 1, 0
    elif indexing not in ("xy", "ij"):
        msg = f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}"
        raise ValueError(msg)
    sizes = [math.prod(n or 0 for n in shape(v)) for v in x]
    full_shape = [0] * rank
    for place, n in zip(order, sizes, strict=True):
        full_shape[place] = n
    return [
        rules.broadcast_to(
            rules.reshape(v, shape=tuple(-1 if i == place else 1 for i in range(rank))),
            shape=tuple(full_shape),
        )
        for v, place in zip(x, order, strict=True)
    ]


def bartlett(x: Any) -> Any:
    """Return the triangular window of `x` points, ``1 - |2 n / (x - 1) - 1|``."""
    return np.bartlett(int(values(x))).astype(config.floatx())


def blackman(x: Any) -> Any:
    """Return Blackman's window, ``0.42 - 0.5 cos(2 pi n / (x - 1)) + 0.08 cos(4 pi n / (x - 1))``."""
    return np.blackman(int(values(x))).astype(config.floatx())


def hamming(x: Any) -> Any:
    """Return Hamming's window, ``0.54 - 0.46 cos(2 pi n / (x - 1))``."""
    return np.hamming(int(values(x))).astype(config.floatx())


def hanning(x: Any) -> Any:
    """Return von Hann's window, ``0.5 - 0.5 cos(2 pi n / (x - 1))``."""
    return np.hanning(int(values(x))).astype(config.floatx())


def kaiser(x: Any, beta: float) -> Any:
    """Return Kaiser's window, ``i0(beta sqrt(1 - (2 n / (x - 1) - 1) ** 2)) / i0(beta)``."""
    return np.kaiser(int(values(x)), float(values(beta))).astype(config.floatx())
