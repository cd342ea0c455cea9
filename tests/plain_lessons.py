"""The lessons' `MyModel` in plain NumPy, as their notebooks write it: an independent statement.

Nothing here knows hotloop. Tests hold the compiled model to it, and `bench/lessons.py` measures both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def softmax(x: Array) -> Array:
    shifted = x - x.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def cross_entropy(y: Array, t: Array) -> float:
    rows = np.arange(len(y))
    return float(-np.sum(np.log(y[rows, t.argmax(axis=1)] + 1e-7)) / len(y))


class ReLU:
    def forward(self, x: Array) -> Array:
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout: Array) -> Array:
        dout[self.mask] = 0
        return dout


class Affine:
    def __init__(self, w: Array, b: Array) -> None:
        self.w, self.b = w, b

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.asarray(np.dot(x, self.w) + self.b)

    def backward(self, dout: Array) -> Array:
        self.dw = np.dot(self.x.T, dout)
        self.db = dout.sum(axis=0)
        return np.asarray(np.dot(dout, self.w.T))


class BatchNorm:
    def __init__(self, gamma: Array, beta: Array) -> None:
        self.gamma, self.beta = gamma, beta
        self.running_mean, self.running_var = np.zeros_like(gamma), np.zeros_like(gamma)

    def forward(self, x: Array, is_train: bool) -> Array:
        if is_train:
            mean = x.mean(axis=0)
            self.xc = x - mean
            var = np.mean(self.xc**2, axis=0)
            self.std = np.sqrt(var + 1e-6)
            self.xn = xn = self.xc / self.std
            self.running_mean = 0.9 * self.running_mean + 0.1 * mean
            self.running_var = 0.9 * self.running_var + 0.1 * var
        else:
            xn = (x - self.running_mean) / np.sqrt(self.running_var + 1e-6)
        return np.asarray(self.gamma * xn + self.beta)

    def backward(self, dout: Array) -> Array:
        n = len(dout)
        self.dbeta = dout.sum(axis=0)
        self.dgamma = np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dxc = dxn / self.std
        dstd = -np.sum(dxn * self.xc / (self.std * self.std), axis=0)
        dvar = 0.5 * dstd / self.std
        dxc += 2.0 / n * self.xc * dvar
        return np.asarray(dxc - dxc.sum(axis=0) / n)


class Dropout:
    def __init__(self, ratio: float) -> None:
        self.ratio = ratio

    def forward(self, x: Array, is_train: bool) -> Array:
        if is_train:
            self.mask = np.random.rand(*x.shape) > self.ratio  # noqa: NPY002
            return x * self.mask
        return x * (1.0 - self.ratio)

    def backward(self, dout: Array) -> Array:
        return dout * self.mask


class SGD:
    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = learning_rate

    def update(self, params: dict[str, Array], grads: dict[str, Array]) -> None:
        for key in params:
            params[key] -= self.learning_rate * grads[key]


class Adam:
    def __init__(self, learning_rate: float) -> None:
        self.learning_rate, self.t = learning_rate, 0
        self.m: dict[str, Array] = {}
        self.v: dict[str, Array] = {}

    def update(self, params: dict[str, Array], grads: dict[str, Array]) -> None:
        if not self.m:
            self.m = {key: np.zeros_like(p) for key, p in params.items()}
            self.v = {key: np.zeros_like(p) for key, p in params.items()}
        self.t += 1
        rate = self.learning_rate * np.sqrt(1.0 - 0.999**self.t) / (1.0 - 0.9**self.t)
        for key in params:
            self.m[key] += (1 - 0.9) * (grads[key] - self.m[key])
            self.v[key] += (1 - 0.999) * (grads[key] ** 2 - self.v[key])
            params[key] -= rate * self.m[key] / (np.sqrt(self.v[key]) + 1e-7)


class PlainModel:
    """784 - hidden layers with batch normalisation, ReLU and maybe dropout - 10 classes."""

    def __init__(self, sizes: list[int], decay: float, dropout: bool) -> None:
        self.decay, self.count = decay, len(sizes) - 1
        self.params: dict[str, Array] = {}
        self.layers: list[Any] = []
        for i in range(1, self.count + 1):
            rows, columns = sizes[i - 1], sizes[i]
            w = np.sqrt(2.0 / columns) * np.random.randn(rows, columns)  # noqa: NPY002
            self.params[f"W{i}"], self.params[f"b{i}"] = w, np.zeros(columns)
        self.affine = [
            Affine(self.params[f"W{i}"], self.params[f"b{i}"]) for i in range(1, self.count + 1)
        ]
        self.norms = []
        for i, size in enumerate(sizes[1:-1], 1):
            gamma = self.params[f"gamma{i}"] = np.ones(size)
            beta = self.params[f"beta{i}"] = np.ones(size)
            self.norms.append(BatchNorm(gamma, beta))
            self.layers += [self.affine[i - 1], self.norms[-1], ReLU()]
            if dropout:
                self.layers.append(Dropout(0.5))
        self.layers.append(self.affine[-1])

    def predict(self, x: Array, is_train: bool = False) -> Array:
        for layer in self.layers:
            if isinstance(layer, BatchNorm | Dropout):
                x = layer.forward(x, is_train)
            else:
                x = layer.forward(x)
        return x

    def loss(self, x: Array, t: Array, is_train: bool = False) -> float:
        self.y = softmax(self.predict(x, is_train))
        decay = sum(0.5 * self.decay * np.sum(layer.w**2) for layer in self.affine)
        return float(cross_entropy(self.y, t) + decay)

    def accuracy(self, x: Array, t: Array) -> float:
        return float(np.sum(self.predict(x).argmax(axis=1) == t.argmax(axis=1)) / len(x))

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        self.loss(x, t, is_train=True)
        dout = (self.y - t) / len(t)
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        grads = {}
        for i, layer in enumerate(self.affine, 1):
            grads[f"W{i}"] = layer.dw + self.decay * layer.w
            grads[f"b{i}"] = layer.db
        for i, norm in enumerate(self.norms, 1):
            grads[f"gamma{i}"], grads[f"beta{i}"] = norm.dgamma, norm.dbeta
        return grads
