"""Layers of one's own, written right, to plant faults in; and what the tests of gradient_check share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import hotloop as hl
from hotloop.utils import gradient_check

Array = NDArray[Any]


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


class Layer(hl.layers.Layer):
    """What the layers below share."""

    def forward(self, x: Array, cache: Any, training: bool) -> Any:  # noqa: ARG002
        cache.x, cache.y = x, self.answer(x, cache)
        y: Array = cache.y
        return y

    def answer(self, x: Array, cache: Any) -> Any:
        raise NotImplementedError


class Affine(Layer):
    """x w + b, right."""

    units = 4

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight("w", (input_shape[-1], self.units), "glorot_normal")
        self.b = self.add_weight("b", (self.units,), "normal")

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def answer(self, x: Array, cache: Any) -> Any:  # noqa: ARG002
        y: Array = x @ self.w + self.b
        return y

    def backward(self, dy: Array, cache: Any) -> Any:
        cache.grad("w")[...] = self.dw(cache.x, dy)
        cache.grad("b")[...] = self.db(dy)
        return self.dx(dy)

    def dw(self, x: Array, dy: Array) -> Any:
        return x.T @ dy

    def db(self, dy: Array) -> Any:
        return dy.sum(axis=0)

    def dx(self, dy: Array) -> Any:
        return dy @ self.w.T


class Sigmoid(Layer):
    def answer(self, x: Array, cache: Any) -> Any:  # noqa: ARG002
        y: Array = 1 / (1 + np.exp(-x))
        return y

    def backward(self, dy: Array, cache: Any) -> Any:
        return self.slope(cache.x, cache.y) * dy

    def slope(self, x: Array, y: Array) -> Any:  # noqa: ARG002
        return y * (1 - y)


class Tanh(Sigmoid):
    def answer(self, x: Array, cache: Any) -> Any:  # noqa: ARG002
        return np.tanh(x)

    def slope(self, x: Array, y: Array) -> Any:  # noqa: ARG002
        return 1 - y * y


class ReLU(Layer):
    def answer(self, x: Array, cache: Any) -> Any:  # noqa: ARG002
        return np.maximum(x, 0)

    def backward(self, dy: Array, cache: Any) -> Any:
        return np.where(cache.x > 0, dy, 0)


class Pool(Layer):
    """The largest of 2 x 2."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        n, h, w, c = input_shape
        return (n, h // 2, w // 2, c)

    def answer(self, x: Array, cache: Any) -> Any:
        n, h, w, c = x.shape
        windows = x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4)
        windows = windows.reshape(n, h // 2, w // 2, c, 4)
        cache.best = windows.argmax(axis=-1)
        y: Array = windows.max(axis=-1)
        return y

    def backward(self, dy: Array, cache: Any) -> Any:
        n, h, w, c = cache.x.shape
        windows = np.zeros((n, h // 2, w // 2, c, 4))
        np.put_along_axis(windows, self.place(cache.best)[..., None], dy[..., None], -1)
        windows = windows.reshape(n, h // 2, w // 2, c, 2, 2)
        return windows.transpose(0, 1, 4, 2, 5, 3).reshape(cache.x.shape)

    def place(self, best: Array) -> Array:
        return best


class BatchNorm(Layer):
    axes: Any = 0

    def answer(self, x: Array, cache: Any) -> Any:
        cache.inv = 1 / np.sqrt(x.var(axis=self.axes) + 1e-5)
        cache.hat = (x - x.mean(axis=self.axes)) * cache.inv
        hat: Array = cache.hat
        return hat

    def backward(self, dy: Array, cache: Any) -> Any:
        return self.dx(dy, cache.hat, cache.inv)

    def dx(self, dy: Array, hat: Array, inv: Array) -> Any:
        mean, along = dy.mean(axis=self.axes), (dy * hat).mean(axis=self.axes)
        return inv * (dy - mean - hat * along)


class Softmax(Layer):
    def answer(self, x: Array, cache: Any) -> Any:  # noqa: ARG002
        e = np.exp(x - x.max(axis=1, keepdims=True))
        y: Array = e / e.sum(axis=1, keepdims=True)
        return y

    def backward(self, dy: Array, cache: Any) -> Any:
        y: Array = cache.y
        return y * (dy - (dy * y).sum(axis=1, keepdims=True))


class InPlace(ReLU):
    """Writes into dy."""

    def backward(self, dy: Array, cache: Any) -> Any:
        dy[cache.x <= 0] = 0
        return dy


RIGHT = [Affine, Sigmoid, Tanh, ReLU, Pool, BatchNorm, Softmax]
ROWS, SQUARE, IMAGES = normal(8, 4), normal(4, 4), normal(3, 6, 6, 2)


def faults(layer: Any, x: Array, **kwargs: Any) -> list[str]:
    report = gradient_check(layer, x, **kwargs)
    assert report.ok == (not report.faults)
    return report.faults


def only(found: list[str]) -> str:
    assert len(found) == 1, found
    return found[0]
