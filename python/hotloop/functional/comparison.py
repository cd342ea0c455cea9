"""Comparisons of two arrays, and the choice between them."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import ArrayLike, BoolArray, FloatArray


def equal(a: ArrayLike, b: ArrayLike) -> BoolArray:
    """Tell where elements are equal.

    ``z = a == b``; NaN equals nothing.

    Parameters
    ----------
    a, b : array_like
        Operands of one shape, or with sizes of 1, or axes left out in front, where they are broadcast.

    Returns
    -------
    ndarray of bool
        Of the shape that both are broadcast to.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Source: IEEE 754, comparisons.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.equal([1, 2], 2)
    array([False,  True])
    """
    return _core.equal(a, b)


def not_equal(a: ArrayLike, b: ArrayLike) -> BoolArray:
    """Tell where elements differ.

    ``z = a != b``; NaN differs from everything.

    Parameters
    ----------
    a, b : array_like
        Operands of one shape, or with sizes of 1, or axes left out in front, where they are broadcast.

    Returns
    -------
    ndarray of bool
        Of the shape that both are broadcast to.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Source: IEEE 754, comparisons.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.not_equal([1, 2], 2)
    array([ True, False])
    """
    return _core.not_equal(a, b)


def less(a: ArrayLike, b: ArrayLike) -> BoolArray:
    """Tell where the first is less.

    ``z = a < b``; False where either is NaN.

    Parameters
    ----------
    a, b : array_like
        Operands of one shape, or with sizes of 1, or axes left out in front, where they are broadcast.

    Returns
    -------
    ndarray of bool
        Of the shape that both are broadcast to.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Source: IEEE 754, comparisons.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.less([1, 2], 2)
    array([ True, False])
    """
    return _core.less(a, b)


def less_equal(a: ArrayLike, b: ArrayLike) -> BoolArray:
    """Tell where the first is not larger.

    ``z = a <= b``; False where either is NaN.

    Parameters
    ----------
    a, b : array_like
        Operands of one shape, or with sizes of 1, or axes left out in front, where they are broadcast.

    Returns
    -------
    ndarray of bool
        Of the shape that both are broadcast to.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Source: IEEE 754, comparisons.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.less_equal([1, 2, 3], 2)
    array([ True,  True, False])
    """
    return _core.less_equal(a, b)


def greater(a: ArrayLike, b: ArrayLike) -> BoolArray:
    """Tell where the first is larger.

    ``z = a > b``; False where either is NaN.

    Parameters
    ----------
    a, b : array_like
        Operands of one shape, or with sizes of 1, or axes left out in front, where they are broadcast.

    Returns
    -------
    ndarray of bool
        Of the shape that both are broadcast to.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Source: IEEE 754, comparisons.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.greater([1, 2, 3], 2)
    array([False, False,  True])
    """
    return _core.greater(a, b)


def greater_equal(a: ArrayLike, b: ArrayLike) -> BoolArray:
    """Tell where the first is not less.

    ``z = a >= b``; False where either is NaN.

    Parameters
    ----------
    a, b : array_like
        Operands of one shape, or with sizes of 1, or axes left out in front, where they are broadcast.

    Returns
    -------
    ndarray of bool
        Of the shape that both are broadcast to.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Source: IEEE 754, comparisons.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.greater_equal([1, 2, 3], 2)
    array([False,  True,  True])
    """
    return _core.greater_equal(a, b)


def where(
    condition: ArrayLike, a: ArrayLike, b: ArrayLike, *, out: FloatArray | None = None
) -> FloatArray:
    """Choose between two arrays, element by element.

    ``z = a`` where the condition holds, else `b`.

    Parameters
    ----------
    condition : array_like of bool
        Integers and floats hold where they are not 0. Broadcast as `a` and `b` are.
    a, b : array_like
        Operands of one shape, or with sizes of 1, or axes left out in front, where they are broadcast.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be `a` or `b`,
        exactly.

    Returns
    -------
    ndarray
        Of the shape that all are broadcast to, in the promoted dtype of `a` and `b`.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: NumPy, ``numpy.where``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.where([True, False], [1, 2], 0)
    array([1., 0.])
    """
    return _core.where(condition, a, b, out)
