"""Losses of elements: the mean over all, and the gradient by the first argument."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import ArrayLike, FloatArray


def binary_cross_entropy(logits: ArrayLike, targets: ArrayLike) -> float:
    """Compare scores of yes or no with the truth.

    ``loss = mean(-t * log(s) - (1 - t) * log(1 - s))`` with ``s = sigmoid(logits)``, computed from
    the logits without overflow.

    Parameters
    ----------
    logits : array_like, any shape
        Scores before the sigmoid.
    targets : array_like, the same shape
        Probabilities of yes, 0 to 1.

    Returns
    -------
    float
        The loss.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes differ or are empty.

    Notes
    -----
    Source: ``BCEWithLogitsLoss`` of PyTorch.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> round(F.binary_cross_entropy([0.0, 2.0], [1, 1]), 6)
    0.410038
    """
    return _core.binary_cross_entropy(logits, targets)


def binary_cross_entropy_backward(
    logits: ArrayLike, targets: ArrayLike, *, out: FloatArray | None = None
) -> FloatArray:
    """Compute the gradient of `binary_cross_entropy` with respect to `logits`.

    ``dx = (sigmoid(logits) - targets) / size``.

    Parameters
    ----------
    logits : array_like, any shape
        Scores before the sigmoid.
    targets : array_like, the same shape
        Probabilities of yes, 0 to 1.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Gradient with respect to `logits`, of its shape.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: ``BCEWithLogitsLoss`` of PyTorch.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.binary_cross_entropy_backward([0.0, 0.0], [1, 0])
    array([-0.25,  0.25])
    """
    return _core.binary_cross_entropy_backward(logits, targets, out)


def mean_squared_error(y: ArrayLike, t: ArrayLike) -> float:
    """Average the squared differences.

    ``loss = mean((y - t) ** 2)`` over all elements (the book takes half of the sum).

    Parameters
    ----------
    y : array_like, any shape
        Predictions.
    t : array_like, the same shape
        Targets.

    Returns
    -------
    float
        The loss.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes differ or are empty.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 4; ``MeanSquaredError`` of Keras 3.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.mean_squared_error([1, 2], [0, 4])
    2.5
    """
    return _core.mean_squared_error(y, t)


def mean_squared_error_backward(
    y: ArrayLike, t: ArrayLike, *, out: FloatArray | None = None
) -> FloatArray:
    """Compute the gradient of `mean_squared_error` with respect to `y`.

    ``dy = 2 * (y - t) / size``.

    Parameters
    ----------
    y : array_like, any shape
        Predictions.
    t : array_like, the same shape
        Targets.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Gradient with respect to `y`, of its shape.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: "Deep Learning from Scratch", chapter 4; ``MeanSquaredError`` of Keras 3.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.mean_squared_error_backward([1, 2], [0, 4])
    array([ 1., -2.])
    """
    return _core.mean_squared_error_backward(y, t, out)
