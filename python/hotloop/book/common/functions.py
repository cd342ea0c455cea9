"""Activations and losses, as ``common/functions.py`` of the book has them.

float32 and float64 arrays go through the compiled kernels and keep their dtype; integers, float16 and
scalars through NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import _core
from hotloop.book._arrays import Array, compiled

__all__ = [
    "cross_entropy_error",
    "identity_function",
    "np",
    "relu",
    "relu_grad",
    "sigmoid",
    "sigmoid_grad",
    "softmax",
    "softmax_loss",
    "step_function",
    "sum_squared_error",
]


def identity_function(x: Any) -> Any:
    """Return `x` itself, ``y = x``.

    Parameters
    ----------
    x : any object

    Returns
    -------
    the same object

    Notes
    -----
    Source: "Deep Learning from Scratch", section 3.4.3.

    Examples
    --------
    >>> identity_function(3)
    3
    """
    return x


def step_function(x: Any) -> Array:
    """Tell which numbers are positive, ``y = 1 if x > 0 else 0``.

    Parameters
    ----------
    x : ndarray or scalar

    Returns
    -------
    ndarray of int, shape of `x`

    Notes
    -----
    Source: "Deep Learning from Scratch", section 3.2.3.

    Examples
    --------
    >>> step_function(np.array([-1.0, 0.0, 2.0]))
    array([0, 0, 1])
    """
    return np.array(x > 0, dtype=int)


def sigmoid(x: Any) -> Any:
    """Squash into (0, 1), ``y = 1 / (1 + exp(-x))``.

    Parameters
    ----------
    x : ndarray or scalar

    Returns
    -------
    ndarray or scalar, shape of `x`
        float32 stays float32. Unlike the book's, the compiled form does not warn where exp overflows.

    Notes
    -----
    Source: "Deep Learning from Scratch", section 3.2.4.

    Examples
    --------
    >>> sigmoid(np.array([-1.0, 1.0, 2.0]))
    array([0.26894142, 0.73105858, 0.88079708])
    """
    if compiled(x):
        return _core.sigmoid(x)
    return 1 / (1 + np.exp(-x))


def sigmoid_grad(x: Any) -> Any:
    """Differentiate `sigmoid`, ``(1 - y) * y``.

    Parameters
    ----------
    x : ndarray or scalar
        What the sigmoid saw, not its output.

    Returns
    -------
    ndarray or scalar, shape of `x`

    Notes
    -----
    Source: "Deep Learning from Scratch", ``common/functions.py``.

    Examples
    --------
    >>> sigmoid_grad(np.array([0.0]))
    array([0.25])
    """
    y = sigmoid(x)
    return (1.0 - y) * y


def relu(x: Any) -> Any:
    """Cut off below zero, ``y = max(0, x)``.

    Parameters
    ----------
    x : array_like or scalar

    Returns
    -------
    ndarray or scalar, shape of `x`

    Notes
    -----
    Source: "Deep Learning from Scratch", section 3.2.7.

    Examples
    --------
    >>> relu(np.array([-5, 0, 4]))
    array([0, 0, 4])
    """
    return _core.relu(x) if compiled(x) else np.maximum(0, x)


def relu_grad(x: Any) -> Array:
    """Differentiate `relu`, ``1 if x >= 0 else 0``: at 0 it gives 1, where the layer `Relu` gives 0.

    Parameters
    ----------
    x : ndarray

    Returns
    -------
    ndarray, shape and dtype of `x`

    Notes
    -----
    Source: "Deep Learning from Scratch", ``common/functions.py``.

    Examples
    --------
    >>> relu_grad(np.array([-1.0, 0.0, 2.0]))
    array([0., 1., 1.])
    """
    slope: Array = np.greater_equal(x, 0).astype(np.asarray(x).dtype)
    return slope


def softmax(x: Any) -> Any:
    """Turn scores into probabilities, ``y = exp(x - max x) / sum(exp(x - max x))`` over the last axis.

    Parameters
    ----------
    x : ndarray, shape (K,), (N, K) or any other with an axis

    Returns
    -------
    ndarray, shape of `x`

    Notes
    -----
    Source: "Deep Learning from Scratch", section 3.5.2.

    Examples
    --------
    >>> softmax(np.array([0.3, 2.9, 4.0]))
    array([0.01821127, 0.24519181, 0.73659691])
    """
    if compiled(x) and x.size:
        return _core.softmax(x, -1)
    powers = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return powers / np.sum(powers, axis=-1, keepdims=True)


def sum_squared_error(y: Any, t: Any) -> Any:
    """Halve the sum of the squares, ``L = 1/2 sum((y - t)**2)``, over everything, also over a batch.

    Parameters
    ----------
    y, t : ndarrays that broadcast, or scalars

    Returns
    -------
    NumPy float

    Notes
    -----
    Source: "Deep Learning from Scratch", section 4.2.1.

    Examples
    --------
    >>> float(sum_squared_error(np.array([1.0, 2.0]), np.array([0.0, 4.0])))
    2.5
    """
    return 0.5 * np.sum(np.square(np.subtract(y, t)))


def cross_entropy_error(y: Array, t: Array) -> Any:
    """Average the surprise at the right classes, ``L = -1/N sum_i log(y[i, t_i] + 1e-7)``.

    Parameters
    ----------
    y : ndarray, shape (N, K) or (K,)
        Probabilities.
    t : ndarray, shape (N,) of class ids, or the shape of `y`, of which the largest of each row is taken
        What is right; as many numbers as `y` has mean one-hot rows.

    Returns
    -------
    NumPy float
        The 1e-7 keeps it finite, and moves it: a sure and right answer costs -1e-7.

    Notes
    -----
    Source: "Deep Learning from Scratch", section 4.2.4.

    Examples
    --------
    >>> y = np.array([[0.1, 0.9], [0.5, 0.5]])
    >>> float(round(cross_entropy_error(y, np.array([1, 0])), 6))
    0.399254
    """
    if y.ndim == 1:
        y, t = y[np.newaxis], t.reshape(1, -1)
    rows = y.shape[0]
    ids = t.argmax(axis=1) if t.size == y.size else t
    # N numbers of N * K: nothing here that a kernel could make faster.
    return -np.sum(np.log(y[np.arange(rows), ids] + 1e-7)) / rows


def softmax_loss(X: Array, t: Array) -> Any:
    """Take `softmax` and `cross_entropy_error` in one, ``L = cross_entropy_error(softmax(X), t)``.

    Parameters
    ----------
    X : ndarray, shape (N, K) or (K,)
        Scores.
    t : ndarray
        As `cross_entropy_error` takes it.

    Returns
    -------
    NumPy float

    Notes
    -----
    Source: "Deep Learning from Scratch", ``common/functions.py``.

    Examples
    --------
    >>> float(round(softmax_loss(np.zeros((1, 4)), np.array([2])), 6))
    1.386294
    """
    return cross_entropy_error(softmax(X), t)
