"""Quantiles and correlations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop.autodiff import elementwise as pointwise
from hotloop.autodiff import linalg as products
from hotloop.autodiff import reductions as sums
from hotloop.autodiff import segments as rules
from hotloop.autodiff import shapes as shape_rules
from hotloop.ops.core import ndim, shape
from hotloop.ops.elementwise import _float


def _quantile(x: Any, q: Any, axis: Any, method: str, keepdims: bool, skip_nan: bool) -> Any:
    rank = ndim(x)
    axes = sums.axes_of("quantile", axis, rank)
    rest = [i for i in range(rank) if i not in axes]
    full = shape(x)
    open_sizes = [i for i in rest if full[i] is None]
    if any(full[a] is None for a in axes) or len(open_sizes) > 1:
        msg = f"quantile: the sizes of axes {axes} of {full} must be known"
        raise ValueError(msg)
    rows = shape_rules.transpose(x, axes=[*rest, *axes])
    kept = tuple(-1 if full[i] is None else full[i] for i in rest)
    rows = shape_rules.reshape(rows, shape=(*kept, math.prod(full[a] or 0 for a in axes)))
    share = np.asarray(q, dtype=np.float64)
    y = rules.quantile(rows, q=share.tolist(), method=method, skip_nan=skip_nan)
    if keepdims:
        ones = tuple(1 if i in axes else -1 if full[i] is None else full[i] for i in range(rank))
        y = shape_rules.reshape(y, shape=(*share.shape, *ones))
    return y


def median(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the middle value over axes; of an even number, the mean of the middle two."""
    return quantile(x, 0.5, axis, keepdims=keepdims)


def quantile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Return the value below which a share `q` of the elements lies, over axes.

    `method` is ``"linear"``, ``"lower"``, ``"higher"``, ``"nearest"`` or ``"midpoint"``.
    """
    return _quantile(_float(x), q, axis, method, keepdims, skip_nan=False)


def percentile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Return the value below which `q` percent of the elements lie, over axes."""
    return quantile(x, np.asarray(q, dtype=np.float64) / 100.0, axis, method, keepdims)


def nanmedian(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the middle value over axes, NaN left out; NaN where all are."""
    return nanquantile(x, 0.5, axis, keepdims=keepdims)


def nanquantile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Return the value below which a share `q` of the elements lies, NaN left out; see `quantile`."""
    return _quantile(_float(x), q, axis, method, keepdims, skip_nan=True)


def nanpercentile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Return the value below which `q` percent of the elements lie, NaN left out."""
    return nanquantile(x, np.asarray(q, dtype=np.float64) / 100.0, axis, method, keepdims)


def corrcoef(x: Any) -> Any:
    """Return ``C_ij / sqrt(C_ii C_jj)`` of the covariances C of the rows of `x`.

    Examples
    --------
    >>> corrcoef([[1.0, 1.0, 3.0, 3.0], [3.0, 3.0, 1.0, 1.0]])
    array([[ 1., -1.],
           [-1.,  1.]], dtype=float32)
    """
    x = _float(x)
    if ndim(x) not in (1, 2):
        msg = f"corrcoef: x must be a vector or a matrix, got shape {shape(x)}"
        raise ValueError(msg)
    rows = shape_rules.reshape(x, shape=(1, -1)) if ndim(x) == 1 else x
    apart = pointwise.subtract(rows, sums.mean(rows, axis=1, keepdims=True))
    size = pointwise.sqrt(sums.sum_(pointwise.square(apart), axis=1, keepdims=True))
    unit = pointwise.divide(apart, size)
    y = products.matmul(unit, shape_rules.transpose(unit, axes=(1, 0)))
    y = pointwise.clip(y, -1.0, 1.0)
    return shape_rules.reshape(y, shape=()) if ndim(x) == 1 else y


def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """Return ``c_k = sum_n x1[n + k] x2[n]`` of two vectors.

    `mode` is ``"full"`` for every k, ``"same"`` for as many as the longer vector has elements, or
    ``"valid"`` for those where the vectors cover each other.

    Examples
    --------
    >>> correlate([1.0, 2.0, 3.0], [0.0, 1.0, 0.5])
    array([3.5], dtype=float32)
    """
    n, m = (shape(x)[0] or 0 if ndim(x) == 1 else 0 for x in (x1, x2))
    y = rules.correlate(_float(x1), _float(x2))
    least, most = min(n, m), max(n, m)
    if mode == "full":
        return y
    if mode == "valid":
        return shape_rules.getitem(y, index=np.s_[least - 1 : most])
    if mode == "same":
        start = (least - 1) // 2 if n >= m else least // 2
        return shape_rules.getitem(y, index=np.s_[start : start + most])
    msg = f"correlate: mode must be 'valid', 'same' or 'full', got {mode!r}"
    raise ValueError(msg)
