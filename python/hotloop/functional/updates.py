"""Optimizer steps: fused, in place, with the equations of Keras 3.

Each first shrinks the parameter by its decoupled decay, ``param -= lr * weight_decay * param``.
"""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import ArrayLike, FloatArray


def sgd_update(
    param: FloatArray,
    grad: ArrayLike,
    *,
    lr: float,
    weight_decay: float = 0.0,
) -> None:
    """Step down the gradient.

    ``param -= lr * grad``.

    Parameters
    ----------
    param : ndarray of float32 or float64, any shape
        The parameter, changed in place.
    grad : array_like
        Its gradient, of the same shape; cast to the dtype of `param`.
    lr : float
        Learning rate.
    weight_decay : float, default 0.0
        Decoupled decay: first of all ``param -= lr * weight_decay * param``.

    Raises
    ------
    TypeError
        If an array that changes is neither float32 nor float64.
    ValueError
        If the shapes differ, an array that changes is read-only or not in native byte order, or
        two of the arrays overlap.

    Notes
    -----
    Source: ``SGD`` of Keras 3; "Deep Learning from Scratch", chapter 6.

    Examples
    --------
    >>> import numpy as np
    >>> from hotloop import functional as F
    >>> w = np.array([1.0, 2.0])
    >>> F.sgd_update(w, [1, -1], lr=0.1)
    >>> w
    array([0.9, 2.1])
    """
    _core.sgd_update(param, grad, lr, weight_decay)


def momentum_update(
    param: FloatArray,
    grad: ArrayLike,
    velocity: FloatArray,
    *,
    lr: float,
    momentum: float = 0.9,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> None:
    """Step with momentum.

    ``v = momentum * v - lr * grad``, then ``param += v``, or with Nesterov
    ``param += momentum * v - lr * grad``.

    Parameters
    ----------
    param : ndarray of float32 or float64, any shape
        The parameter, changed in place.
    grad : array_like
        Its gradient, of the same shape; cast to the dtype of `param`.
    velocity : ndarray of the shape and dtype of `param`
        The velocity, changed in place; zeros before the first step.
    lr : float
        Learning rate.
    momentum : float, default 0.9
        Share of the velocity that is kept.
    nesterov : bool, default False
        Look ahead along the velocity.
    weight_decay : float, default 0.0
        Decoupled decay: first of all ``param -= lr * weight_decay * param``.

    Raises
    ------
    TypeError
        If an array that changes is neither float32 nor float64.
    ValueError
        If the shapes differ, an array that changes is read-only or not in native byte order, or
        two of the arrays overlap.

    Notes
    -----
    Source: ``SGD`` of Keras 3; Sutskever et al., ICML 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from hotloop import functional as F
    >>> w, v = np.array([1.0]), np.zeros(1)
    >>> for _ in range(2):
    ...     F.momentum_update(w, [1.0], v, lr=0.1)
    >>> w.round(6), v.round(6)
    (array([0.71]), array([-0.19]))
    """
    _core.momentum_update(param, grad, velocity, lr, momentum, nesterov, weight_decay)


def adagrad_update(
    param: FloatArray,
    grad: ArrayLike,
    accumulator: FloatArray,
    *,
    lr: float,
    eps: float = 1e-7,
    weight_decay: float = 0.0,
) -> None:
    """Step less where gradients were large, ever.

    ``a += grad ** 2``, then ``param -= lr * grad / sqrt(a + eps)``.

    Parameters
    ----------
    param : ndarray of float32 or float64, any shape
        The parameter, changed in place.
    grad : array_like
        Its gradient, of the same shape; cast to the dtype of `param`.
    accumulator : ndarray of the shape and dtype of `param`
        Sum of the squared gradients, changed in place.
    lr : float
        Learning rate.
    eps : float, default 1e-7
        Added where the denominator could be 0.
    weight_decay : float, default 0.0
        Decoupled decay: first of all ``param -= lr * weight_decay * param``.

    Raises
    ------
    TypeError
        If an array that changes is neither float32 nor float64.
    ValueError
        If the shapes differ, an array that changes is read-only or not in native byte order, or
        two of the arrays overlap.

    Notes
    -----
    Source: ``Adagrad`` of Keras 3; Duchi, Hazan and Singer, JMLR 12, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from hotloop import functional as F
    >>> w, a = np.array([1.0]), np.zeros(1)
    >>> F.adagrad_update(w, [2.0], a, lr=0.1)
    >>> w.round(6), a
    (array([0.9]), array([4.]))
    """
    _core.adagrad_update(param, grad, accumulator, lr, eps, weight_decay)


def rmsprop_update(
    param: FloatArray,
    grad: ArrayLike,
    square: FloatArray,
    *,
    lr: float,
    rho: float = 0.9,
    eps: float = 1e-7,
    weight_decay: float = 0.0,
) -> None:
    """Step less where gradients were large, of late.

    ``s = rho * s + (1 - rho) * grad ** 2``, then ``param -= lr * grad / sqrt(s + eps)``.

    Parameters
    ----------
    param : ndarray of float32 or float64, any shape
        The parameter, changed in place.
    grad : array_like
        Its gradient, of the same shape; cast to the dtype of `param`.
    square : ndarray of the shape and dtype of `param`
        Running mean of the squared gradients, changed in place.
    lr : float
        Learning rate.
    rho : float, default 0.9
        Share of the running mean that is kept.
    eps : float, default 1e-7
        Added where the denominator could be 0.
    weight_decay : float, default 0.0
        Decoupled decay: first of all ``param -= lr * weight_decay * param``.

    Raises
    ------
    TypeError
        If an array that changes is neither float32 nor float64.
    ValueError
        If the shapes differ, an array that changes is read-only or not in native byte order, or
        two of the arrays overlap.

    Notes
    -----
    Source: ``RMSprop`` of Keras 3; Tieleman and Hinton, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from hotloop import functional as F
    >>> w, s = np.array([1.0]), np.zeros(1)
    >>> F.rmsprop_update(w, [2.0], s, lr=0.1)
    >>> w.round(6), s.round(6)
    (array([0.683772]), array([0.4]))
    """
    _core.rmsprop_update(param, grad, square, lr, rho, eps, weight_decay)


def adam_update(
    param: FloatArray,
    grad: ArrayLike,
    m: FloatArray,
    v: FloatArray,
    *,
    lr: float,
    step: int,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-7,
    weight_decay: float = 0.0,
) -> None:
    """Step by the mean gradient over its root mean square.

    ``m = beta1 * m + (1 - beta1) * grad``, ``v = beta2 * v + (1 - beta2) * grad ** 2``, then
    ``param -= alpha * m / (sqrt(v) + eps)`` with
    ``alpha = lr * sqrt(1 - beta2 ** step) / (1 - beta1 ** step)``.

    Parameters
    ----------
    param : ndarray of float32 or float64, any shape
        The parameter, changed in place.
    grad : array_like
        Its gradient, of the same shape; cast to the dtype of `param`.
    m : ndarray of the shape and dtype of `param`
        Running mean of the gradients, changed in place; zeros before the first step.
    v : ndarray of the shape and dtype of `param`
        Running mean of their squares, changed in place; zeros before the first step.
    lr : float
        Learning rate.
    step : int
        Number of this step, from 1.
    beta1, beta2 : float, default 0.9 and 0.999
        Shares of the running means that are kept.
    eps : float, default 1e-7
        Added where the denominator could be 0.
    weight_decay : float, default 0.0
        Decoupled decay: first of all ``param -= lr * weight_decay * param``.

    Raises
    ------
    TypeError
        If an array that changes is neither float32 nor float64.
    ValueError
        If the shapes differ, an array that changes is read-only or not in native byte order, or
        two of the arrays overlap.

    Notes
    -----
    Source: ``Adam`` of Keras 3; Kingma and Ba, ICLR 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from hotloop import functional as F
    >>> w, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> F.adam_update(w, [2.0], m, v, lr=0.1, step=1)
    >>> w.round(6), m.round(6), v.round(6)
    (array([0.9]), array([0.2]), array([0.004]))
    """
    _core.adam_update(param, grad, m, v, lr, step, beta1, beta2, eps, weight_decay)
