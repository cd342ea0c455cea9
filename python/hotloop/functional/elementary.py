"""Exponentials, logarithms and their kin, element by element."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import ArrayLike, FloatArray


def exp(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Raise e to each element.

    ``y = exp(x)``

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
    Source: Cody and Waite, "Software Manual for the Elementary Functions" (1980).

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.exp([0, 1]).round(6)
    array([1.      , 2.718282])
    """
    return _core.exp(x, out)


def expm1(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Raise e to each element, less 1.

    ``y = exp(x) - 1``, exact for small `x` too.

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
    Source: Cody and Waite, "Software Manual for the Elementary Functions" (1980).

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.expm1([0, 1]).round(6)
    array([0.      , 1.718282])
    """
    return _core.expm1(x, out)


def log(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Take the natural logarithm.

    ``y = log(x)``, -inf at 0, NaN below.

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
    Source: Tang, "Table-driven implementation of the logarithm function" (1990).

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.log([1, 2]).round(6)
    array([0.      , 0.693147])
    """
    return _core.log(x, out)


def log1p(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Take the natural logarithm of 1 + x.

    ``y = log(1 + x)``, exact for small `x` too.

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
    Source: Kahan, "Interval arithmetic options in the proposed IEEE standard" (1980).

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.log1p([0, 1]).round(6)
    array([0.      , 0.693147])
    """
    return _core.log1p(x, out)


def erf(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Integrate the normal distribution.

    ``y = 2 / sqrt(pi)`` times the integral of ``exp(-t * t)`` from 0 to `x`.

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
    Source: Shepherd and Laframboise, "Chebyshev approximation of (1+2x)exp(x^2)erfc x" (1981).

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.erf([0, 1]).round(6)
    array([0.      , 0.842701])
    """
    return _core.erf(x, out)


def softplus(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Approach 0 below and x above.

    ``y = log(1 + exp(x))``, without overflow at any `x`.

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
    Source: Dugas et al., "Incorporating second-order functional knowledge" (2001).

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.softplus([0, 100]).round(6)
    array([  0.693147, 100.      ])
    """
    return _core.softplus(x, out)


def silu(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Weigh each element by its sigmoid.

    ``y = x / (1 + exp(-x))``

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
    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units" (2018).

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.silu([0, 1]).round(6)
    array([0.      , 0.731059])
    """
    return _core.silu(x, out)


def sin(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Take the sine.

    ``y = sin(x)``, `x` in radians.

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
    Source: Cody and Waite, "Software Manual for the Elementary Functions" (1980).

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.sin([0, 1]).round(6)
    array([0.      , 0.841471])
    """
    return _core.sin(x, out)


def cos(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Take the cosine.

    ``y = cos(x)``, `x` in radians.

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
    Source: Cody and Waite, "Software Manual for the Elementary Functions" (1980).

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.cos([0, 1]).round(6)
    array([1.      , 0.540302])
    """
    return _core.cos(x, out)
