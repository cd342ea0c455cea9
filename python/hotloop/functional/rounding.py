"""Signs, squares, roots and whole numbers, element by element."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import ArrayLike, FloatArray


def absolute(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Take the size without the sign.

    ``y = |x|``

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Shape of `x`, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `out` does not fit.

    Notes
    -----
    Source: IEEE 754.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.absolute([-1, 2])
    array([1., 2.])
    """
    return _core.absolute(x, out)


def negative(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Change the sign.

    ``y = -x``

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Shape of `x`, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `out` does not fit.

    Notes
    -----
    Source: IEEE 754.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.negative([-1, 2])
    array([ 1., -2.])
    """
    return _core.negative(x, out)


def sign(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Take the sign.

    ``y = 1`` above 0, -1 below, else `x`: a zero, or NaN.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Shape of `x`, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `out` does not fit.

    Notes
    -----
    Source: NumPy, ``numpy.sign``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.sign([-3, 0, 2])
    array([-1.,  0.,  1.])
    """
    return _core.sign(x, out)


def square(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Square.

    ``y = x * x``

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Shape of `x`, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `out` does not fit.

    Notes
    -----
    Source: IEEE 754.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.square([-3, 2])
    array([9., 4.])
    """
    return _core.square(x, out)


def reciprocal(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Divide 1 by each element.

    ``y = 1 / x``

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Shape of `x`, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `out` does not fit.

    Notes
    -----
    Source: IEEE 754.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.reciprocal([4, 2])
    array([0.25, 0.5 ])
    """
    return _core.reciprocal(x, out)


def sqrt(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Take the square root.

    ``y = sqrt(x)``, NaN below 0.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Shape of `x`, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `out` does not fit.

    Notes
    -----
    Source: IEEE 754.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.sqrt([4, 9])
    array([2., 3.])
    """
    return _core.sqrt(x, out)


def rsqrt(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Divide 1 by the square root.

    ``y = 1 / sqrt(x)``

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Shape of `x`, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `out` does not fit.

    Notes
    -----
    Source: IEEE 754.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.rsqrt([4, 16])
    array([0.5 , 0.25])
    """
    return _core.rsqrt(x, out)


def floor(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Round down.

    ``y`` is the largest whole number that is at most `x`.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Shape of `x`, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `out` does not fit.

    Notes
    -----
    Source: IEEE 754.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.floor([-1.5, 1.5])
    array([-2.,  1.])
    """
    return _core.floor(x, out)


def ceil(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Round up.

    ``y`` is the smallest whole number that is at least `x`.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Shape of `x`, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `out` does not fit.

    Notes
    -----
    Source: IEEE 754.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.ceil([-1.5, 1.5])
    array([-1.,  2.])
    """
    return _core.ceil(x, out)


def rint(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Round to the nearest whole number.

    ``y`` is the whole number next to `x`, the even one of two.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Shape of `x`, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `out` does not fit.

    Notes
    -----
    Source: IEEE 754.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.rint([0.5, 1.5, 2.4])
    array([0., 2., 2.])
    """
    return _core.rint(x, out)
