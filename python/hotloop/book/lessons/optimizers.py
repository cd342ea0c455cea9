"""Optimizers over dicts of arrays, in the book's equations, with the lessons' ``learning_rate=``.

A value that the kernels take (an array of float32 or float64) is updated in place by one compiled
pass; anything else, a plain float for instance, gets a new value by the same equation.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from hotloop import _core

Params = MutableMapping[str, Any]
Grads = Mapping[str, Any]
_EPS = 1e-7
_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def _compiled(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype in _DTYPES and value.flags.writeable


class SGD:
    """``p -= learning_rate * g``.

    Parameters
    ----------
    learning_rate : float
        Factor of the gradient.

    Examples
    --------
    >>> params = {"w": 1.0}
    >>> SGD(learning_rate=0.5).update(params, {"w": 1.0})
    >>> params
    {'w': 0.5}
    """

    def __init__(self, learning_rate: float = 0.01) -> None:
        self.learning_rate = learning_rate

    def update(self, params: Params, grads: Grads) -> None:
        """Move every parameter by its gradient."""
        for key, p in params.items():
            if _compiled(p):
                _core.sgd_update(p, grads[key], self.learning_rate)
            else:
                params[key] = p - self.learning_rate * grads[key]


class Momentum:
    """``v = momentum * v - learning_rate * g``, ``p += v``.

    Parameters
    ----------
    learning_rate : float
        Factor of the gradient.
    momentum : float
        Share of the velocity that a step keeps.

    Examples
    --------
    >>> params = {"w": 1.0}
    >>> optimizer = Momentum(learning_rate=0.5)
    >>> optimizer.update(params, {"w": 1.0})
    >>> optimizer.update(params, {"w": 0.0})
    >>> round(float(params["w"]), 3)
    0.05
    """

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.9) -> None:
        self.learning_rate, self.momentum = learning_rate, momentum
        self.v: dict[str, Any] | None = None

    def update(self, params: Params, grads: Grads) -> None:
        """Move every parameter by its velocity."""
        if self.v is None:
            self.v = {key: np.zeros_like(p) for key, p in params.items()}
        for key, p in params.items():
            if _compiled(p):
                _core.momentum_update(p, grads[key], self.v[key], self.learning_rate, self.momentum)
            else:
                self.v[key] = self.momentum * self.v[key] - self.learning_rate * grads[key]
                params[key] = p + self.v[key]


class AdaGrad:
    """``h += g**2``, ``p -= learning_rate * g / (sqrt(h) + 1e-7)``.

    Keras, and so ``hotloop.optimizers``, has the small number under the root.

    Parameters
    ----------
    learning_rate : float
        Factor of the gradient.

    Examples
    --------
    >>> params = {"w": 1.0}
    >>> AdaGrad(learning_rate=0.5).update(params, {"w": 4.0})
    >>> round(float(params["w"]), 6)
    0.5
    """

    def __init__(self, learning_rate: float = 0.01) -> None:
        self.learning_rate = learning_rate
        self.h: dict[str, Any] | None = None

    def update(self, params: Params, grads: Grads) -> None:
        """Move every parameter, the less the more it has moved."""
        if self.h is None:
            self.h = {key: np.zeros_like(p) for key, p in params.items()}
        for key, p in params.items():
            self.h[key] += np.square(grads[key])
            params[key] = _divided(p, grads[key], self.h[key], self.learning_rate)


class RMSProp:
    """``h = decay_rate * h + (1 - decay_rate) * g**2``, ``p -= learning_rate * g / (sqrt(h) + 1e-7)``.

    Keras, and so ``hotloop.optimizers``, has the small number under the root.

    Parameters
    ----------
    learning_rate : float
        Factor of the gradient.
    decay_rate : float
        Share of the mean square that a step keeps.

    Examples
    --------
    >>> params = {"w": 1.0}
    >>> RMSProp(learning_rate=0.01).update(params, {"w": 4.0})
    >>> round(float(params["w"]), 6)
    0.9
    """

    def __init__(self, learning_rate: float = 0.01, decay_rate: float = 0.99) -> None:
        self.learning_rate, self.decay_rate = learning_rate, decay_rate
        self.h: dict[str, Any] | None = None

    def update(self, params: Params, grads: Grads) -> None:
        """Move every parameter by its gradient over the root of its mean square."""
        if self.h is None:
            self.h = {key: np.zeros_like(p) for key, p in params.items()}
        for key, p in params.items():
            self.h[key] *= self.decay_rate
            self.h[key] += (1 - self.decay_rate) * np.square(grads[key])
            params[key] = _divided(p, grads[key], self.h[key], self.learning_rate)


def _divided(p: Any, g: Any, h: Any, rate: float) -> Any:
    """Return ``p - rate * g / (sqrt(h) + 1e-7)``, in place for an array."""
    if not _compiled(p):
        return p - rate * g / (np.sqrt(h) + _EPS)
    move = np.sqrt(h)
    move += _EPS
    np.divide(g, move, out=move)
    _core.sgd_update(p, move, rate)
    return p


class Adam:
    """Momentum and root mean square, both corrected for their start at zero.

    ``m += (1 - beta1) * (g - m)``, ``v += (1 - beta2) * (g**2 - v)``,
    ``p -= rate_t * m / (sqrt(v) + 1e-7)``,
    ``rate_t = learning_rate * sqrt(1 - beta2**t) / (1 - beta1**t)``.

    Parameters
    ----------
    learning_rate : float
        Length of the steps.
    beta1, beta2 : float
        Shares of m and v that a step keeps.

    Examples
    --------
    >>> params = {"w": 1.0}
    >>> Adam(learning_rate=0.1).update(params, {"w": 4.0})
    >>> round(float(params["w"]), 6)
    0.9
    """

    def __init__(
        self, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999
    ) -> None:
        self.learning_rate, self.beta1, self.beta2 = learning_rate, beta1, beta2
        self.iter = 0
        self.m: dict[str, Any] | None = None
        self.v: dict[str, Any] | None = None

    def update(self, params: Params, grads: Grads) -> None:
        """Move every parameter."""
        if self.m is None or self.v is None:
            self.m = {key: np.zeros_like(p) for key, p in params.items()}
            self.v = {key: np.zeros_like(p) for key, p in params.items()}
        self.iter += 1
        b1, b2, t = self.beta1, self.beta2, self.iter
        for key, p in params.items():
            g, m, v = grads[key], self.m[key], self.v[key]
            if _compiled(p):
                _core.adam_update(p, g, m, v, self.learning_rate, t, b1, b2, _EPS)
            else:
                m = self.m[key] = m + (1 - b1) * (g - m)
                v = self.v[key] = v + (1 - b2) * (np.square(g) - v)
                rate = self.learning_rate * np.sqrt(1 - b2**t) / (1 - b1**t)
                params[key] = p - rate * m / (np.sqrt(v) + _EPS)
