"""Softmax and its logarithm."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import ArrayLike, FloatArray


def softmax(x: ArrayLike, axis: int = -1, *, out: FloatArray | None = None) -> FloatArray:
    """Turn scores into probabilities along an axis.

    ``y = exp(x - m) / sum(exp(x - m))`` with m the maximum, so that nothing overflows.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    axis : int, default -1
        The axis that holds the classes.
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
    >>> F.softmax([0.3, 2.9, 4.0]).round(8)
    array([0.01821127, 0.24519181, 0.73659691])
    """
    return _core.softmax(x, axis, out)


def softmax_backward(
    dy: ArrayLike, y: ArrayLike, axis: int = -1, *, out: FloatArray | None = None
) -> FloatArray:
    """Carry the gradient back through `softmax`.

    ``dx = y * (dy - sum(dy * y))``.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output, of its shape.
    y : array_like
        Output of the forward function.
    axis : int, default -1
        The axis that holds the classes.
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
    >>> F.softmax_backward([1, 0], [0.25, 0.75])
    array([ 0.1875, -0.1875])
    """
    return _core.softmax_backward(dy, y, axis, out)


def log_softmax(x: ArrayLike, axis: int = -1, *, out: FloatArray | None = None) -> FloatArray:
    """Compute the logarithm of the softmax along an axis.

    ``y = x - m - log(sum(exp(x - m)))`` with m the maximum.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    axis : int, default -1
        The axis that holds the classes.
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
    >>> F.log_softmax([0, 0]).round(6)
    array([-0.693147, -0.693147])
    """
    return _core.log_softmax(x, axis, out)


def log_softmax_backward(
    dy: ArrayLike, y: ArrayLike, axis: int = -1, *, out: FloatArray | None = None
) -> FloatArray:
    """Carry the gradient back through `log_softmax`.

    ``dx = dy - exp(y) * sum(dy)``.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output, of its shape.
    y : array_like
        Output of the forward function.
    axis : int, default -1
        The axis that holds the classes.
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
    >>> F.log_softmax_backward([1, 0], F.log_softmax([0, 0])).round(6)
    array([ 0.5, -0.5])
    """
    return _core.log_softmax_backward(dy, y, axis, out)
