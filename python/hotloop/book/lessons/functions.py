"""Activations and losses as the lessons name them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotloop import _core

Array = NDArray[Any]
_DELTA = 1e-7


def sigmoid(x: ArrayLike) -> Array:
    """``1 / (1 + exp(-x))``, elementwise.

    Parameters
    ----------
    x : array_like
        Any shape.

    Returns
    -------
    ndarray
        Of the shape of `x`; no overflow anywhere.

    Examples
    --------
    >>> sigmoid([-1.0, 1.0, 2.0])
    array([0.26894142, 0.73105858, 0.88079708])
    """
    return _core.sigmoid(x)


def sigmoid_grad(x: ArrayLike) -> Array:
    """Slope of the sigmoid at `x`, ``sigmoid(x) * (1 - sigmoid(x))``.

    Parameters
    ----------
    x : array_like
        What went into the sigmoid, not what came out.

    Returns
    -------
    ndarray
        Of the shape of `x`.

    Examples
    --------
    >>> sigmoid_grad([0.0])
    array([0.25])
    """
    y = _core.sigmoid(x)
    return _core.sigmoid_backward(np.ones_like(y), y)


def relu(x: ArrayLike) -> Array:
    """``max(x, 0)``, elementwise.

    Parameters
    ----------
    x : array_like
        Any shape.

    Returns
    -------
    ndarray
        Of the shape of `x`.

    Examples
    --------
    >>> relu([-5, 0, 4])
    array([0., 0., 4.])
    """
    return _core.relu(x)


def relu_grad(x: ArrayLike) -> Array:
    """Slope of ReLU at `x`: 1 where ``x >= 0``, else 0.

    Parameters
    ----------
    x : array_like
        What went into ReLU.

    Returns
    -------
    ndarray
        Of the shape of `x`. At 0 the lessons answer 1, as the book does; the rest of hotloop
        answers 0 there.

    Examples
    --------
    >>> relu_grad([-5.0, 0.0, 4.0])
    array([0., 1., 1.])
    """
    # step(-x) is 1 where x < 0.
    return 1.0 - _core.step(-np.asarray(x, np.result_type(np.asarray(x), np.float32)))


def softmax(x: ArrayLike) -> Array:
    """Probabilities from scores, row by row; the maximum is taken away first.

    Parameters
    ----------
    x : array_like (K,) or (N, K)
        Scores.

    Returns
    -------
    ndarray
        Of the shape of `x`; each row sums to one.

    Examples
    --------
    >>> softmax([0.3, 2.9, 4.0]).round(8)
    array([0.01821127, 0.24519181, 0.73659691])
    """
    return _core.softmax(x, -1)


def softmax_of_batch(x: ArrayLike) -> Array:
    """Softmax over all numbers of `x` at once: the whole batch sums to one, not each row.

    The lesson that trains MNIST by numerical gradient writes ``exp(a) / sum(exp(a))`` for one
    sample and then gives it a batch. The largest class of each row is right all the same, and its
    loss is what it is because of this.

    Parameters
    ----------
    x : array_like
        Scores, any shape.

    Returns
    -------
    ndarray
        Of the shape of `x`.

    Examples
    --------
    >>> softmax_of_batch([[1.0, 1.0], [1.0, 1.0]])
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    x = np.asarray(x)
    return _core.softmax(x.reshape(-1), -1).reshape(x.shape)


def sum_squares_error(y: ArrayLike, t: ArrayLike) -> float:
    """Half the summed squares, ``sum((y - t)**2) / 2``; the batch is summed too.

    Parameters
    ----------
    y, t : array_like
        Outputs and targets, of one shape.

    Returns
    -------
    float
        The loss.

    Examples
    --------
    >>> sum_squares_error([1.0, 2.0], [0.0, 0.0])
    2.5
    """
    y = np.asarray(y)
    return 0.5 * y.size * _core.mean_squared_error(y, t)


def mean_squared_error(y: ArrayLike, t: ArrayLike) -> float:
    """Half the summed squares: the lessons' name says mean, but nothing is averaged.

    Parameters
    ----------
    y, t : array_like
        Outputs and targets, of one shape.

    Returns
    -------
    float
        What `sum_squares_error` answers.

    Examples
    --------
    >>> mean_squared_error([1.0, 2.0], [0.0, 0.0])
    2.5
    """
    return sum_squares_error(y, t)


def cross_entropy_error(y: ArrayLike, t: ArrayLike, eps: float = _DELTA) -> float:
    """Cross entropy summed over the batch, ``-sum(t * log(y + eps))``.

    Parameters
    ----------
    y : array_like (K,) or (N, K)
        Probabilities.
    t : array_like
        One-hot rows like `y`, or class ids: one for each row.
    eps : float
        Added before the logarithm, so that probability 0 costs 16.1 and not infinity.

    Returns
    -------
    float
        The sum; `cross_entropy_error_for_batch` divides it by N.

    Examples
    --------
    >>> round(cross_entropy_error([0.1, 0.3, 0.6], [0, 0, 1]), 12)
    0.510825457099
    """
    rows = np.atleast_2d(np.asarray(y))
    return len(rows) * cross_entropy_error_for_batch(rows, t, eps)


def cross_entropy_error_for_batch(y: ArrayLike, t: ArrayLike, eps: float = _DELTA) -> float:
    """Cross entropy as the mean over the batch, ``-sum(t * log(y + eps)) / N``.

    Parameters
    ----------
    y : array_like (K,) or (N, K)
        Probabilities.
    t : array_like
        One-hot rows like `y`, or class ids: one for each row.
    eps : float
        Added before the logarithm.

    Returns
    -------
    float
        The mean.

    Examples
    --------
    >>> round(cross_entropy_error_for_batch([[0.1, 0.3, 0.6], [0.2, 0.2, 0.6]], [2, 2]), 12)
    0.510825457099
    """
    rows, labels = np.atleast_2d(np.asarray(y)), np.asarray(t)
    if labels.size == rows.size and not (labels.ndim == 1 and rows.shape[-1] == 1):
        labels = np.asarray(labels.reshape(rows.shape), np.result_type(rows, np.float32))
    else:
        labels = labels.reshape(-1)
    return _core.cross_entropy(rows, labels, eps)


def cross_entropy_error_for_bin(y: ArrayLike, t: ArrayLike) -> float:
    """Half the summed binary cross entropy, ``-sum(t log y + (1 - t) log(1 - y)) / 2``.

    Parameters
    ----------
    y : array_like
        Probabilities strictly between 0 and 1.
    t : array_like
        Targets of a shape that broadcasts to that of `y`. In the two-layer XOR lesson two columns
        of predictions meet one of targets, and both count.

    Returns
    -------
    float
        The loss.

    Examples
    --------
    >>> round(cross_entropy_error_for_bin([0.5, 0.5], [0, 1]), 6)
    0.693147
    """
    y, t = np.asarray(y), np.asarray(t)
    return float(-0.5 * np.sum(t * np.log(y) + (1 - t) * np.log(1 - y)))


def softmax_loss(X: ArrayLike, t: ArrayLike) -> float:
    """Softmax of each row, then the mean cross entropy with 1e-7 in the logarithm.

    Parameters
    ----------
    X : array_like (K,) or (N, K)
        Scores.
    t : array_like
        One-hot rows or class ids.

    Returns
    -------
    float
        The loss.

    Examples
    --------
    >>> round(softmax_loss([[0.3, 2.9, 4.0]], [2]), 6)
    0.305714
    """
    return cross_entropy_error_for_batch(softmax(X), t)
