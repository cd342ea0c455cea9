"""The optimizers of the book, as ``common/optimizer.py`` has them: dicts of arrays, changed in place.

float32 and float64 arrays go through the compiled updates; numbers and other arrays, such as the two scalars of
``ch06/optimizer_compare_naive.py``, through NumPy. ``update(params, grads)`` steps every key of `params`.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, TypeAlias

import numpy as np

from hotloop import _core
from hotloop.book._arrays import compiled

__all__ = ["SGD", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSprop", "np"]

# Arrays or, in lessons, numbers.
Values: TypeAlias = MutableMapping[str, Any]

_EPS = 1e-7
# A step so late that 1 - beta**step is 1 for every beta that is used.
_LATE = 1e9


def _in_core(param: Any, grad: Any, *slots: Any) -> bool:
    """Say whether a compiled update takes these: floating arrays of one shape, of which it may write the first."""
    if not compiled(param, grad, *slots) or param.shape != grad.shape or not param.flags.writeable:
        return False
    for slot in slots:
        if slot.shape != param.shape or slot.dtype != param.dtype:
            return False
    return not np.may_share_memory(param, grad)


def _zeros(params: Values) -> dict[str, Any]:
    """Make one slot of zeros for each of `params`."""
    return {key: np.zeros_like(value) for key, value in params.items()}


class SGD:
    """Step down the gradient, ``p -= lr * g``.

    Parameters
    ----------
    lr : float

    Notes
    -----
    Source: "Deep Learning from Scratch", section 6.1.2.

    Examples
    --------
    >>> params = {"W": np.array([1.0, 2.0])}
    >>> SGD(lr=0.1).update(params, {"W": np.array([1.0, -1.0])})
    >>> params["W"]
    array([0.9, 2.1])
    """

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr

    def update(self, params: Values, grads: Values) -> None:
        """Step every parameter."""
        for key in params:
            if _in_core(params[key], grads[key]):
                _core.sgd_update(params[key], grads[key], self.lr)
            else:
                params[key] -= self.lr * grads[key]


class Momentum:
    """Step with momentum, ``v = momentum v - lr g``, ``p += v``.

    Parameters
    ----------
    lr, momentum : float

    Attributes
    ----------
    v : dict, None before the first update

    Notes
    -----
    Source: "Deep Learning from Scratch", section 6.1.4.

    Examples
    --------
    >>> params, optimizer = {"W": np.array([1.0])}, Momentum(lr=0.1)
    >>> for _ in range(2):
    ...     optimizer.update(params, {"W": np.array([1.0])})
    >>> params["W"]
    array([0.71])
    """

    _nesterov = False

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self.v: Any = None

    def update(self, params: Values, grads: Values) -> None:
        """Step every parameter."""
        if self.v is None:
            self.v = _zeros(params)
        for key in params:
            if _in_core(params[key], grads[key], self.v[key]):
                _core.momentum_update(
                    params[key], grads[key], self.v[key], self.lr, self.momentum, self._nesterov
                )
            else:
                self._step(params, grads, key)

    def _step(self, params: Values, grads: Values, key: str) -> None:
        """Step what the core does not take."""
        self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]
        params[key] += self.v[key]


class Nesterov(Momentum):
    """Step with the momentum that the next step will have.

    ``p += momentum^2 v - (1 + momentum) lr g``, ``v = momentum v - lr g``.

    Parameters
    ----------
    lr, momentum : float

    Attributes
    ----------
    v : dict, None before the first update

    Notes
    -----
    Source: Bengio et al., "Advances in optimizing recurrent networks", https://arxiv.org/abs/1212.0901.

    Examples
    --------
    >>> params = {"W": np.array([1.0])}
    >>> Nesterov(lr=0.1).update(params, {"W": np.array([1.0])})
    >>> params["W"]
    array([0.81])
    """

    _nesterov = True

    def _step(self, params: Values, grads: Values, key: str) -> None:
        """Step what the core does not take."""
        m, step = self.momentum, self.lr * grads[key]
        params[key] += m * m * self.v[key] - (1 + m) * step
        self.v[key] = m * self.v[key] - step


class AdaGrad:
    """Divide by the root of all squares so far, ``h += g^2``, ``p -= lr g / (sqrt(h) + 1e-7)``.

    Parameters
    ----------
    lr : float

    Attributes
    ----------
    h : dict, None before the first update

    Notes
    -----
    Source: "Deep Learning from Scratch", section 6.1.5. NumPy: the compiled update has Keras's
    ``sqrt(h + eps)``, which is another number.

    Examples
    --------
    >>> params = {"W": np.array([1.0])}
    >>> AdaGrad(lr=0.1).update(params, {"W": np.array([5.0])})
    >>> params["W"].round(6)
    array([0.9])
    """

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr
        self.h: Any = None

    def update(self, params: Values, grads: Values) -> None:
        """Step every parameter."""
        if self.h is None:
            self.h = _zeros(params)
        for key in params:
            grad = grads[key]
            self.h[key] += grad * grad
            # One temporary for the whole quotient.
            quotient = np.sqrt(self.h[key])
            quotient += _EPS
            quotient = np.divide(grad, quotient, out=quotient if np.ndim(quotient) else None)
            quotient *= self.lr
            params[key] -= quotient


class RMSprop:
    """Divide by the root of a running mean of squares, ``h = d h + (1 - d) g^2``, ``p -= lr g / (sqrt(h) + 1e-7)``.

    Parameters
    ----------
    lr, decay_rate : float

    Attributes
    ----------
    h : dict, None before the first update

    Notes
    -----
    Source: "Deep Learning from Scratch", ``common/optimizer.py``. Compiled as the Adam that it is: one without
    momentum, so late that its correction of the start has come to 1.

    Examples
    --------
    >>> params = {"W": np.array([1.0])}
    >>> RMSprop(lr=0.1).update(params, {"W": np.array([5.0])})
    >>> params["W"].round(6)
    array([0.])
    """

    def __init__(self, lr: float = 0.01, decay_rate: float = 0.99) -> None:
        self.lr = lr
        self.decay_rate = decay_rate
        self.h: Any = None
        self._m: dict[str, Any] = {}

    def update(self, params: Values, grads: Values) -> None:
        """Step every parameter."""
        if self.h is None:
            self.h, self._m = _zeros(params), _zeros(params)
        d = self.decay_rate
        for key in params:
            param, grad, h = params[key], grads[key], self.h[key]
            if 0 <= d < 1 - 1e-6 and _in_core(param, grad, h):
                # From 0, m = 0 + (g - 0) is the gradient to the last bit.
                self._m[key].fill(0)
                _core.adam_update(param, grad, self._m[key], h, self.lr, _LATE, 0.0, d, _EPS)
            else:
                self.h[key] = d * h + (1 - d) * grad * grad
                params[key] -= self.lr * grad / (np.sqrt(self.h[key]) + _EPS)


class Adam:
    """Step by running means of the gradient and its square.

    ``m += (1 - beta1) (g - m)``, ``v += (1 - beta2) (g^2 - v)``, ``p -= lr_t m / (sqrt(v) + 1e-7)`` with
    ``lr_t = lr sqrt(1 - beta2^t) / (1 - beta1^t)``.

    Parameters
    ----------
    lr, beta1, beta2 : float

    Attributes
    ----------
    iter : int
        The steps so far, t.
    m, v : dicts, None before the first update

    Notes
    -----
    Source: "Deep Learning from Scratch", section 6.1.6; Kingma and Ba, https://arxiv.org/abs/1412.6980v8.

    Examples
    --------
    >>> params = {"W": np.array([1.0])}
    >>> Adam(lr=0.1).update(params, {"W": np.array([5.0])})
    >>> params["W"].round(6)
    array([0.9])
    """

    def __init__(self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999) -> None:
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.iter = 0
        self.m: Any = None
        self.v: Any = None

    def update(self, params: Values, grads: Values) -> None:
        """Step every parameter."""
        if self.m is None:
            self.m, self.v = _zeros(params), _zeros(params)
        self.iter += 1
        b1, b2 = self.beta1, self.beta2
        for key in params:
            param, grad, m, v = params[key], grads[key], self.m[key], self.v[key]
            if _in_core(param, grad, m, v):
                _core.adam_update(param, grad, m, v, self.lr, self.iter, b1, b2, _EPS)
            else:
                self.m[key] = m + (1 - b1) * (grad - m)
                self.v[key] = v + (1 - b2) * (grad**2 - v)
                rate = self.lr * np.sqrt(1.0 - b2**self.iter) / (1.0 - b1**self.iter)
                params[key] -= rate * self.m[key] / (np.sqrt(self.v[key]) + _EPS)
