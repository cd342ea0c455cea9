"""A plain NumPy network and numerical gradients, to hold models against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hotloop as hl

Array = NDArray[Any]


def numerical(f: Callable[[], float], x: Array, h: float = 1e-6) -> Array:
    """Return the central differences of `f` by the elements of `x`, which is changed and restored."""
    grad = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + h
        above = f()
        x[i] = kept - h
        below = f()
        x[i] = kept
        grad[i] = (above - below) / (2 * h)
    return grad


def check_gradients(model: hl.Model, x: Array, seed: int = 0, tolerance: float = 1e-7) -> None:
    """Compare every gradient of a float64 model with central differences of a random projection."""
    y = model.forward(x, training=True)
    direction = np.random.default_rng(seed).standard_normal(y.shape)
    model.backward(direction)
    assert model.grads
    for name, grad in model.grads.items():
        expected = numerical(
            lambda: float((model.forward(x, training=True) * direction).sum()), model.params[name]
        )
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(grad, expected, rtol=0, atol=tolerance * scale, err_msg=name)


class TwoLayer:
    """sigmoid hidden layer, softmax and cross entropy: forward, gradients, SGD, by the formulas."""

    def __init__(self, w1: Array, b1: Array, w2: Array, b2: Array) -> None:
        self.params = [p.astype(np.float64) for p in (w1, b1, w2, b2)]

    def probabilities(self, x: Array) -> Array:
        w1, b1, w2, b2 = self.params
        self.h = 1 / (1 + np.exp(-(x @ w1 + b1)))
        z = self.h @ w2 + b2
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p: Array = e / e.sum(axis=1, keepdims=True)
        return p

    def loss_and_grads(
        self, x: Array, t: Array, weight: Array | None = None
    ) -> tuple[float, list[Array]]:
        n = len(x)
        p = self.probabilities(x)
        weight = np.ones(n) if weight is None else weight
        loss = float((-np.log(p[np.arange(n), t]) * weight).sum() / n)
        dz = p.copy()
        dz[np.arange(n), t] -= 1
        dz *= weight[:, None] / n
        dh = dz @ self.params[2].T * self.h * (1 - self.h)
        return loss, [x.T @ dh, dh.sum(axis=0), self.h.T @ dz, dz.sum(axis=0)]

    def sgd(self, x: Array, t: Array, lr: float, weight: Array | None = None) -> float:
        loss, grads = self.loss_and_grads(x, t, weight)
        for p, g in zip(self.params, grads, strict=True):
            np.subtract(p, lr * g, out=p)
        return loss


def two_layer_model(dtype: str = "float64", seed: int = 3) -> hl.Sequential:
    """Return a 6-5-4 network with a final softmax."""
    hl.set_seed(seed)
    return hl.Sequential(
        [
            hl.layers.Dense(5, activation="sigmoid", input_shape=(6,), bias_initializer="normal"),
            hl.layers.Dense(4, activation="softmax", bias_initializer="normal"),
        ],
        dtype=dtype,
    )


def batch(n: int, seed: int = 0, features: int = 6, classes: int = 4) -> tuple[Array, Array]:
    """Return random samples and class ids."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, features)), rng.integers(0, classes, n)


class Scale(hl.layers.Layer):
    """A layer of the user's own: ``y = x * scale``, with the weight as an attribute."""

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight("scale", (input_shape[-1],), "ones")

    def forward(self, x: Array, cache: Any, training: bool) -> Array:  # noqa: ARG002
        cache.x = x
        y: Array = x * self.scale
        return y

    def backward(self, dy: Array, cache: Any) -> Array:
        cache.grad("scale")[...] = (dy * cache.x).reshape(-1, dy.shape[-1]).sum(axis=0)
        dx: Array = dy * self.scale
        return dx
