"""Class ids as rows."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import ArrayLike, DTypeLike, FloatArray


def one_hot(labels: ArrayLike, num_classes: int, dtype: DTypeLike = "float32") -> FloatArray:
    """Write class ids as rows of zeros with a single one.

    ``y[i, k] = 1`` where ``labels[i] == k``, else 0.

    Parameters
    ----------
    labels : array_like of int (N,), or one int
        Class ids.
    num_classes : int
        K, the length of a row.
    dtype : dtype_like, default "float32"
        float32 or float64.

    Returns
    -------
    ndarray (N, K) or (K,)
        The rows.

    Raises
    ------
    TypeError
        If `dtype` is neither float32 nor float64.
    ValueError
        If a label is not an integer in [0, K).

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 4.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.one_hot([1, 0], 3)
    array([[0., 1., 0.],
           [1., 0., 0.]], dtype=float32)
    """
    return _core.one_hot(labels, num_classes, dtype)
