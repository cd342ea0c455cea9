"""Arithmetic of two arrays, with broadcasting."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import ArrayLike, FloatArray


def add(a: ArrayLike, b: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Add.

    ``z = a + b``

    Parameters
    ----------
    a, b : array_like
        Operands of one shape, or with sizes of 1, or axes left out in front, where they are broadcast.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input of that
        shape, exactly.

    Returns
    -------
    ndarray
        Of the shape that both are broadcast to, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: IEEE 754.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.add([1, 2], [[3], [4]])
    array([[4., 5.],
           [5., 6.]])
    """
    return _core.add(a, b, out)


def subtract(a: ArrayLike, b: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Subtract.

    ``z = a - b``

    Parameters
    ----------
    a, b : array_like
        Operands of one shape, or with sizes of 1, or axes left out in front, where they are broadcast.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input of that
        shape, exactly.

    Returns
    -------
    ndarray
        Of the shape that both are broadcast to, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: IEEE 754.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.subtract([1, 2], 3)
    array([-2., -1.])
    """
    return _core.subtract(a, b, out)


def multiply(a: ArrayLike, b: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Multiply element by element.

    ``z = a * b``

    Parameters
    ----------
    a, b : array_like
        Operands of one shape, or with sizes of 1, or axes left out in front, where they are broadcast.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input of that
        shape, exactly.

    Returns
    -------
    ndarray
        Of the shape that both are broadcast to, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: IEEE 754.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.multiply([1, 2], [[3], [4]])
    array([[3., 6.],
           [4., 8.]])
    """
    return _core.multiply(a, b, out)


def divide(a: ArrayLike, b: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Divide.

    ``z = a / b``

    Parameters
    ----------
    a, b : array_like
        Operands of one shape, or with sizes of 1, or axes left out in front, where they are broadcast.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input of that
        shape, exactly.

    Returns
    -------
    ndarray
        Of the shape that both are broadcast to, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: IEEE 754.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.divide([1, 2], 4)
    array([0.25, 0.5 ])
    """
    return _core.divide(a, b, out)


def maximum(a: ArrayLike, b: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Take the larger of two elements.

    ``z = max(a, b)``, NaN where either is NaN.

    Parameters
    ----------
    a, b : array_like
        Operands of one shape, or with sizes of 1, or axes left out in front, where they are broadcast.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input of that
        shape, exactly.

    Returns
    -------
    ndarray
        Of the shape that both are broadcast to, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: NumPy, ``numpy.maximum``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.maximum([1, 5], 3)
    array([3., 5.])
    """
    return _core.maximum(a, b, out)


def minimum(a: ArrayLike, b: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Take the smaller of two elements.

    ``z = min(a, b)``, NaN where either is NaN.

    Parameters
    ----------
    a, b : array_like
        Operands of one shape, or with sizes of 1, or axes left out in front, where they are broadcast.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input of that
        shape, exactly.

    Returns
    -------
    ndarray
        Of the shape that both are broadcast to, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: NumPy, ``numpy.minimum``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.minimum([1, 5], 3)
    array([1., 3.])
    """
    return _core.minimum(a, b, out)


def power(a: ArrayLike, b: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Raise to a power.

    ``z = a ** b``

    Parameters
    ----------
    a, b : array_like
        Operands of one shape, or with sizes of 1, or axes left out in front, where they are broadcast.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input of that
        shape, exactly.

    Returns
    -------
    ndarray
        Of the shape that both are broadcast to, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: ISO C, ``pow``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.power([2, 9], [3, 0.5])
    array([8., 3.])
    """
    return _core.power(a, b, out)
