"""Sums, products and extremes over axes."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import ArrayLike, FloatArray, IntArray


def sum(
    x: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    out: FloatArray | None = None,
) -> FloatArray:
    """Add up over axes.

    ``y = sum(x)``, 0 of nothing.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    axis : int or tuple of int, optional
        Axes to reduce; all without it.
    keepdims : bool, default False
        Keep the axes, with size 1.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray
        Shape of `x` without the axes, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `x` has no such axes, or `out` does not fit.

    Notes
    -----
    Source: long sums are cut into runs of 256 additions, see ARCHITECTURE.md.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.sum([[1, 2], [3, 4]], axis=0)
    array([4., 6.])
    """
    return _core.sum(x, axis, keepdims, out)


def mean(
    x: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    out: FloatArray | None = None,
) -> FloatArray:
    """Average over axes.

    ``y = sum(x) / n``, NaN of nothing.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    axis : int or tuple of int, optional
        Axes to reduce; all without it.
    keepdims : bool, default False
        Keep the axes, with size 1.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray
        Shape of `x` without the axes, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `x` has no such axes, or `out` does not fit.

    Notes
    -----
    Source: long sums are cut into runs of 256 additions, see ARCHITECTURE.md.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.mean([[1, 2], [3, 4]], axis=0)
    array([2., 3.])
    """
    return _core.mean(x, axis, keepdims, out)


def prod(
    x: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    out: FloatArray | None = None,
) -> FloatArray:
    """Multiply over axes.

    ``y`` is the product of the elements, 1 of nothing.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    axis : int or tuple of int, optional
        Axes to reduce; all without it.
    keepdims : bool, default False
        Keep the axes, with size 1.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray
        Shape of `x` without the axes, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `x` has no such axes, or `out` does not fit.

    Notes
    -----
    Source: NumPy, ``numpy.prod``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.prod([[1, 2], [3, 4]], axis=0)
    array([3., 8.])
    """
    return _core.prod(x, axis, keepdims, out)


def max(
    x: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    out: FloatArray | None = None,
) -> FloatArray:
    """Find the largest over axes.

    ``y = max(x)``, NaN where one is NaN.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    axis : int or tuple of int, optional
        Axes to reduce; all without it.
    keepdims : bool, default False
        Keep the axes, with size 1.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray
        Shape of `x` without the axes, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `x` has no such axes, or `out` does not fit,
        or there is nothing along the axes.

    Notes
    -----
    Source: NumPy, ``numpy.max``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.max([[1, 2], [3, 0]], axis=0)
    array([3., 2.])
    """
    return _core.max(x, axis, keepdims, out)


def min(
    x: ArrayLike,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    out: FloatArray | None = None,
) -> FloatArray:
    """Find the smallest over axes.

    ``y = min(x)``, NaN where one is NaN.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    axis : int or tuple of int, optional
        Axes to reduce; all without it.
    keepdims : bool, default False
        Keep the axes, with size 1.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype that overlaps no input.

    Returns
    -------
    ndarray
        Shape of `x` without the axes, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `x` has no such axes, or `out` does not fit,
        or there is nothing along the axes.

    Notes
    -----
    Source: NumPy, ``numpy.min``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.min([[1, 2], [3, 0]], axis=0)
    array([1., 0.])
    """
    return _core.min(x, axis, keepdims, out)


def argmax(x: ArrayLike, *, axis: int | None = None, keepdims: bool = False) -> IntArray:
    """Find where the largest is.

    ``y`` is the place of ``max(x)``, the first of equal ones; of the first NaN if there is one.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    axis : int, optional
        Axis to search; without it the array is read as one row.
    keepdims : bool, default False
        Keep the axis, with size 1.

    Returns
    -------
    ndarray of int64
        Shape of `x` without the axis.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `x` has no such axis, or nothing along it.

    Notes
    -----
    Source: NumPy, ``numpy.argmax``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.argmax([[1, 2], [3, 0]], axis=1)
    array([1, 0])
    """
    return _core.argmax(x, axis, keepdims)


def argmin(x: ArrayLike, *, axis: int | None = None, keepdims: bool = False) -> IntArray:
    """Find where the smallest is.

    ``y`` is the place of ``min(x)``, the first of equal ones; of the first NaN if there is one.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    axis : int, optional
        Axis to search; without it the array is read as one row.
    keepdims : bool, default False
        Keep the axis, with size 1.

    Returns
    -------
    ndarray of int64
        Shape of `x` without the axis.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `x` has no such axis, or nothing along it.

    Notes
    -----
    Source: NumPy, ``numpy.argmin``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.argmin([[1, 2], [3, 0]], axis=1)
    array([0, 1])
    """
    return _core.argmin(x, axis, keepdims)
