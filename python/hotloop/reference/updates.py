"""Optimizer steps in place, as in Keras 3; weight decay comes first, apart from the gradient."""

from __future__ import annotations

import math

import numpy as np

from hotloop._support.typing import FloatArray

from ._common import Array


def _decayed(param: FloatArray, grad: Array, rate: float) -> FloatArray:
    """Shrink the parameter by its decay; return the gradient in its dtype."""
    if rate:
        param -= rate * param
    return np.asarray(grad, dtype=param.dtype)


def sgd_update(param: FloatArray, grad: Array, *, lr: float, weight_decay: float = 0.0) -> None:
    """``param -= lr * grad``."""
    g = _decayed(param, grad, lr * weight_decay)
    param -= lr * g


def momentum_update(
    param: FloatArray,
    grad: Array,
    velocity: FloatArray,
    *,
    lr: float,
    momentum: float = 0.9,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> None:
    """``v = momentum * v - lr * grad; param += v``; Nesterov adds ``momentum * v - lr * grad``."""
    g = _decayed(param, grad, lr * weight_decay)
    velocity *= momentum
    velocity -= lr * g
    param += momentum * velocity - lr * g if nesterov else velocity


def adagrad_update(
    param: FloatArray,
    grad: Array,
    accumulator: FloatArray,
    *,
    lr: float,
    eps: float = 1e-7,
    weight_decay: float = 0.0,
) -> None:
    """Add ``a += grad ** 2``, then ``param -= lr * grad / sqrt(a + eps)``."""
    g = _decayed(param, grad, lr * weight_decay)
    accumulator += g * g
    param -= lr * g / np.sqrt(accumulator + eps)


def rmsprop_update(
    param: FloatArray,
    grad: Array,
    square: FloatArray,
    *,
    lr: float,
    rho: float = 0.9,
    eps: float = 1e-7,
    weight_decay: float = 0.0,
) -> None:
    """``s = rho * s + (1 - rho) * grad ** 2; param -= lr * grad / sqrt(s + eps)``."""
    g = _decayed(param, grad, lr * weight_decay)
    square *= rho
    square += (1 - rho) * (g * g)
    param -= lr * g / np.sqrt(square + eps)


def adam_update(
    param: FloatArray,
    grad: Array,
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
    """``param -= alpha * m / (sqrt(v) + eps)``, m and v running means of grad and its square.

    ``alpha = lr * sqrt(1 - beta2 ** step) / (1 - beta1 ** step)``; steps count from 1.
    """
    g = _decayed(param, grad, lr * weight_decay)
    alpha = lr * math.sqrt(1 - beta2**step) / (1 - beta1**step)
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * (g * g)
    param -= alpha * m / (np.sqrt(v) + eps)
