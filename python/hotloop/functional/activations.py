"""Sigmoid and tanh, and the two that networks only pass through: step and identity."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import ArrayLike, FloatArray


def sigmoid(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Squash into (0, 1).

    ``y = 1 / (1 + exp(-x))``, without overflow at any x.

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
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 3.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.sigmoid([-1, 1, 2]).round(8)
    array([0.26894142, 0.73105858, 0.88079708])
    """
    return _core.sigmoid(x, out)


def sigmoid_backward(dy: ArrayLike, y: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Carry the gradient back through `sigmoid`.

    ``dx = dy * y * (1 - y)``.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output, of its shape.
    y : array_like
        Output of the forward function.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Gradient with respect to the input, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 5.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.sigmoid_backward([1, 2], [0.5, 0.25])
    array([0.25 , 0.375])
    """
    return _core.sigmoid_backward(dy, y, out)


def tanh(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Squash into (-1, 1).

    ``y = tanh(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x))``.

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
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 6.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.tanh([-1, 0, 1]).round(6)
    array([-0.761594,  0.      ,  0.761594])
    """
    return _core.tanh(x, out)


def tanh_backward(dy: ArrayLike, y: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Carry the gradient back through `tanh`.

    ``dx = dy * (1 - y * y)``.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output, of its shape.
    y : array_like
        Output of the forward function.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Gradient with respect to the input, in the promoted dtype.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: the derivative of the hyperbolic tangent.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.tanh_backward([1, 2], [0, 0.5])
    array([1. , 1.5])
    """
    return _core.tanh_backward(dy, y, out)


def step(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Answer 1 above 0, else 0.

    ``y = 1`` where ``x > 0``, else 0 (also for NaN).

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
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 3. It has no backward.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.step([-1, 1, 2])
    array([0., 1., 1.])
    """
    return _core.step(x, out)


def identity(x: ArrayLike, *, out: FloatArray | None = None) -> FloatArray:
    """Copy.

    ``y = x``.

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
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 3.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.identity([1, 2])
    array([1., 2.])
    """
    return _core.identity(x, out)
