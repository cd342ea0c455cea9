"""Elements by index: picked, added up, summed along an axis, the largest few."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import AnyArray, ArrayLike, FloatArray, IntArray


def take(x: ArrayLike, indices: ArrayLike, *, axis: int | None = None) -> AnyArray:
    """Pick along an axis.

    ``y[..., j, ...] = x[..., indices[j], ...]``

    Parameters
    ----------
    x : array_like, any shape
        Floats, integers or bools, of which the answer has the dtype.
    indices : array_like of int
        Places along the axis; negative ones count from its end.
    axis : int, optional
        Along which to pick; without it the array is read as one row.

    Returns
    -------
    ndarray
        Shape of `x` with that of `indices` in the place of the axis.

    Raises
    ------
    TypeError
        For elements of more than 8 bytes, or that are no real numbers, and for indices that are no integers.
    ValueError
        If an index lies outside.

    Notes
    -----
    Source: NumPy, ``numpy.take``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.take([[1.0, 2.0], [3.0, 4.0]], [1, 1, 0], axis=0)
    array([[3., 4.],
           [3., 4.],
           [1., 2.]])
    """
    return _core.take(x, indices, axis)


def take_along_axis(x: ArrayLike, indices: ArrayLike, *, axis: int | None = -1) -> AnyArray:
    """Pick along an axis, at other places in each row.

    ``y[i, j] = x[i, indices[i, j]]``, for the last of two axes.

    Parameters
    ----------
    x : array_like, any shape
        Floats, integers or bools, of which the answer has the dtype.
    indices : array_like of int
        Of the sizes of `x` but along the axis: places along it;
        negative ones count from its end.
    axis : int, default -1
        Along which to pick; with None the array is read as one row.

    Returns
    -------
    ndarray
        Shape of `indices`.

    Raises
    ------
    TypeError
        For elements of more than 8 bytes, or that are no real numbers, and for indices that are no integers.
    ValueError
        If an index lies outside, or the shapes do not fit.

    Notes
    -----
    Source: NumPy, ``numpy.take_along_axis``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.take_along_axis([[1.0, 2.0], [3.0, 4.0]], [[1], [0]])
    array([[2.],
           [3.]])
    """
    return _core.take_along_axis(x, indices, axis)


def scatter_add(
    x: ArrayLike,
    indices: ArrayLike,
    size: int,
    *,
    axis: int = 0,
    out: FloatArray | None = None,
) -> FloatArray:
    """Add up at places along an axis: the way back of `take`.

    ``y[indices[j]] += x[j]`` in the order of j, from zeros.

    Parameters
    ----------
    x : array_like, any shape
        What is added, float32 or float64.
    indices : array_like of int (N,)
        A place for each element along the axis; negative ones count from the end.
    size : int
        Size of the answer along the axis.
    axis : int, default 0
        Along which the places lie.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray
        Shape of `x` with `size` along the axis, in its dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If an index lies outside, the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: PyTorch, ``torch.index_add``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.scatter_add([1, 2, 3], [0, 2, 0], 3)
    array([4., 0., 2.])
    """
    return _core.scatter_add(x, indices, size, axis, out)


def scatter_add_along_axis(
    x: ArrayLike,
    indices: ArrayLike,
    size: int,
    *,
    axis: int = 0,
    out: FloatArray | None = None,
) -> FloatArray:
    """Add up along an axis, at other places in each row: the way back of `take_along_axis`.

    ``y[i, indices[i, j]] += x[i, j]`` in the order of j, from zeros, for the last of two axes.

    Parameters
    ----------
    x : array_like, any shape
        What is added, float32 or float64.
    indices : array_like of int
        A place for each element; negative ones count from the end.
    size : int
        Size of the answer along the axis.
    axis : int, default 0
        Along which the places lie.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray
        Shape of `x` with `size` along the axis, in its dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If an index lies outside, the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: PyTorch, ``torch.scatter_add``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.scatter_add_along_axis([[1, 2]], [[1, 1]], 3, axis=1)
    array([[0., 3., 0.]])
    """
    return _core.scatter_add_along_axis(x, indices, size, axis, out)


def cumsum(
    x: ArrayLike,
    *,
    axis: int | None = -1,
    reverse: bool = False,
    out: FloatArray | None = None,
) -> FloatArray:
    """Add up all elements so far.

    ``y[j] = x[0] + ... + x[j]``, summed in float64.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    axis : int, default -1
        Along which to sum; with None the array is read as one row.
    reverse : bool, default False
        Sum from the end: ``y[j] = x[j] + ... + x[n - 1]``.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray
        Shape of `x`, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `x` has no such axis, or `out` does not fit.

    Notes
    -----
    Source: NumPy, ``numpy.cumsum``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.cumsum([1, 2, 3])
    array([1., 3., 6.])
    """
    return _core.cumsum(x, axis, reverse, out)


def top_k(x: ArrayLike, k: int, *, largest_first: bool = True) -> tuple[FloatArray, IntArray]:
    """Find the largest few of each row.

    ``y[i]`` are the `k` largest of ``x[i]``: of equal ones the first, NaN before all.

    Parameters
    ----------
    x : array_like, at least one axis
        Input, float32 or float64; its last axis is searched.
    k : int
        How many, at least 1.
    largest_first : bool, default True
        In the order of their size, else of their places.

    Returns
    -------
    values : ndarray
        Shape of `x` with `k` along the last axis.
    places : ndarray of int64
        Where they are along it.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `k` lies outside of 1 to the size of the last axis.

    Notes
    -----
    Source: PyTorch, ``torch.topk``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.top_k([1.0, 5.0, 3.0], 2)
    (array([5., 3.]), array([1, 2]))
    """
    return _core.top_k(x, k, largest_first)
