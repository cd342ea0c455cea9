"""Class ids as rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop._support.typing import DTypeLike, FloatArray, IntArray

from ._common import Array


def class_ids(labels: Array, classes: int) -> IntArray:
    """Integer class ids, each checked to lie in [0, classes)."""
    ids = np.asarray(labels)
    if ids.dtype.kind not in "iu" and ids.size:
        msg = f"class ids must be integers, not {ids.dtype}"
        raise ValueError(msg)
    if ids.size and not (ids.min() >= 0 and ids.max() < classes):
        msg = f"class ids must lie in [0, {classes}), but they span [{ids.min()}, {ids.max()}]"
        raise ValueError(msg)
    return ids.astype(np.int64, copy=False)


def one_hot(labels: Array, num_classes: int, dtype: DTypeLike = "float32") -> FloatArray:
    """``y[i, k] = 1`` where ``labels[i] == k``, else 0: (N,) -> (N, K)."""
    ids = class_ids(labels, num_classes)
    y: np.ndarray[Any, Any] = (ids[..., np.newaxis] == np.arange(num_classes)).astype(dtype)
    return y
