"""The optimizers: Keras 3's equations and defaults, each one fused pass of the core."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from hotloop import _core
from hotloop._support.arguments import number
from hotloop.optimizers.base import Array, Optimizer, Scalar


def _check_rate(owner: str, name: str, value: float) -> float:
    return number(owner, name, value, "lie in [0, 1)", lambda v: 0.0 <= v < 1.0)


def _check_epsilon(owner: str, value: float, name: str = "epsilon") -> float:
    return number(owner, name, value, "not be negative", lambda v: v >= 0.0)


class SGD(Optimizer, builtin=True):
    """Gradient descent, plain or with momentum.

    ``w -= lr g``; with momentum ``v = momentum v - lr g``, ``w += v``, and with Nesterov
    ``w += momentum v - lr g``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        lr.
    momentum : float
        In [0, 1].
    nesterov : bool
        Whether the step looks ahead (Nesterov 1983; Sutskever et al. 2013).
    **kwargs
        `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`, `name` of `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> w = {"w": np.array([1.0])}
    >>> SGD(0.1).update(w, {"w": np.array([1.0])})
    >>> w["w"]
    array([0.9])
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.momentum = number(
            "SGD", "momentum", momentum, "lie in [0, 1]", lambda m: 0.0 <= m <= 1.0
        )
        self.nesterov = bool(nesterov)
        if self.momentum:
            self.slots = {"velocity": 0.0}  # type: ignore[misc]

    def update_one(
        self,
        param: Array,
        grad: Array,
        slots: dict[str, Array],
        lr: Scalar,
        step: Scalar,  # noqa: ARG002
    ) -> None:
        """Update in place."""
        if self.momentum:
            _core.momentum_update(
                param,
                grad,
                slots["velocity"],
                lr,
                self.momentum,
                self.nesterov,
                self.weight_decay,
            )
        else:
            _core.sgd_update(param, grad, lr, self.weight_decay)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"momentum": self.momentum, "nesterov": self.nesterov, **super().get_config()}


class Adam(Optimizer, builtin=True):
    """Moments of the gradient with bias correction (Kingma and Ba, ICLR 2015).

    ``m = b1 m + (1 - b1) g``, ``v = b2 v + (1 - b2) g^2``,
    ``w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps)``. With `amsgrad` the largest v so far
    stands for v (Reddi, Kale and Kumar, ICLR 2018); NumPy then takes the step.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        lr.
    beta_1, beta_2 : float
        b1, b2 in [0, 1).
    epsilon : float
        eps.
    amsgrad : bool
        Whether v may only grow.
    **kwargs
        `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`, `name` of `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> w = {"w": np.array([1.0])}
    >>> Adam(0.1).update(w, {"w": np.array([3.0])})
    >>> w["w"].round(6)
    array([0.9])
    """

    slots: ClassVar = {"m": 0.0, "v": 0.0}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.amsgrad = bool(amsgrad)
        if self.amsgrad:
            self.slots = {**Adam.slots, "v_hat": 0.0}  # type: ignore[misc]
        self.beta_1 = _check_rate(type(self).__name__, "beta_1", beta_1)
        self.beta_2 = _check_rate(type(self).__name__, "beta_2", beta_2)
        self.epsilon = _check_epsilon(type(self).__name__, epsilon)

    def update_one(
        self, param: Array, grad: Array, slots: dict[str, Array], lr: Scalar, step: Scalar
    ) -> None:
        """Update in place."""
        if self.amsgrad:
            self._apply_amsgrad(param, grad, slots, float(lr), float(step))
            return
        _core.adam_update(
            param,
            grad,
            slots["m"],
            slots["v"],
            lr,
            step,
            self.beta_1,
            self.beta_2,
            self.epsilon,
            self.weight_decay,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return {**own, "amsgrad": self.amsgrad, **super().get_config()}

    @property
    def recordable(self) -> bool:
        """Whether a step is a call of the core."""
        return super().recordable and not self.amsgrad

    def _apply_amsgrad(
        self, param: Array, grad: Array, slots: dict[str, Array], lr: float, step: float
    ) -> None:
        m, v, v_hat = slots["m"], slots["v"], slots["v_hat"]
        if self.weight_decay:
            param *= param.dtype.type(1.0 - lr * self.weight_decay)
        m *= m.dtype.type(self.beta_1)
        m += grad * m.dtype.type(1.0 - self.beta_1)
        v *= v.dtype.type(self.beta_2)
        with np.errstate(over="ignore"):  # as in the core, an infinite v stops the parameter
            v += np.square(grad) * v.dtype.type(1.0 - self.beta_2)
        np.maximum(v_hat, v, out=v_hat)
        rate = lr * math.sqrt(1.0 - self.beta_2**step) / (1.0 - self.beta_1**step)
        param -= m * m.dtype.type(rate) / (np.sqrt(v_hat) + self.epsilon)


class AdamW(Adam, builtin=True):
    """`Adam` with decoupled weight decay on by default (Loshchilov and Hutter, ICLR 2019).

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon, amsgrad, **kwargs
        As in `Adam`.
    weight_decay : float
        Share of the weights that a step of rate 1 would take off.

    Examples
    --------
    >>> AdamW().weight_decay
    0.004
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs
        )


class RMSprop(Optimizer, builtin=True):
    """Gradient over the root of its running mean square (Hinton, Coursera lecture 6e, 2012).

    ``s = rho s + (1 - rho) g^2``, ``w -= lr g / sqrt(s + eps)``. Centered, the squared running mean of
    g is taken off s; with a momentum, ``v = momentum v + lr g / sqrt(...)``, ``w -= v``. NumPy takes
    the step of either.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        lr.
    rho : float
        In [0, 1).
    momentum : float
        In [0, 1).
    epsilon : float
        eps.
    centered : bool
        Whether the running variance stands for the running mean square.
    **kwargs
        `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`, `name` of `Optimizer`.

    Examples
    --------
    >>> RMSprop().rho
    0.9
    """

    slots: ClassVar = {"square": 0.0}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.rho = _check_rate("RMSprop", "rho", rho)
        self.momentum = _check_rate("RMSprop", "momentum", momentum)
        self.epsilon, self.centered = _check_epsilon("RMSprop", epsilon), bool(centered)
        more = {"mean": self.centered, "velocity": self.momentum > 0}
        if any(more.values()):
            self.slots = {  # type: ignore[misc]
                **RMSprop.slots,
                **{slot: 0.0 for slot, used in more.items() if used},
            }

    @property
    def recordable(self) -> bool:
        """Whether a step is a call of the core."""
        return super().recordable and not self.centered and not self.momentum

    def update_one(
        self,
        param: Array,
        grad: Array,
        slots: dict[str, Array],
        lr: Scalar,
        step: Scalar,  # noqa: ARG002
    ) -> None:
        """Update in place."""
        if self.centered or self.momentum:
            self._apply_centered(param, grad, slots, float(lr))
            return
        _core.rmsprop_update(
            param, grad, slots["square"], lr, self.rho, self.epsilon, self.weight_decay
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon}
        return {**own, "centered": self.centered, **super().get_config()}

    def _apply_centered(
        self, param: Array, grad: Array, slots: dict[str, Array], lr: float
    ) -> None:
        square, kind = slots["square"], param.dtype.type
        if self.weight_decay:
            param *= kind(1.0 - lr * self.weight_decay)
        stopped = np.isinf(square)  # as in the core, an infinite mean of squares stays so
        with np.errstate(over="ignore", invalid="ignore"):
            square += (np.square(grad) - square) * kind(1.0 - self.rho)
        square[stopped] = np.inf
        spread = square
        if self.centered:
            mean = slots["mean"]
            mean += (grad - mean) * kind(1.0 - self.rho)
            spread = square - np.square(mean)
        move = grad * kind(lr) / np.sqrt(spread + kind(self.epsilon))
        if self.momentum:
            velocity = slots["velocity"]
            velocity *= kind(self.momentum)
            velocity += move
            move = velocity
        param -= move


class Adagrad(Optimizer, builtin=True):
    """Gradient over the root of its summed squares (Duchi, Hazan and Singer, JMLR 2011).

    ``a += g^2``, ``w -= lr g / sqrt(a + eps)``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        lr.
    initial_accumulator_value : float
        First value of a.
    epsilon : float
        eps.
    **kwargs
        `weight_decay`, `clipnorm`, `clipvalue`, `global_clipnorm`, `name` of `Optimizer`.

    Examples
    --------
    >>> Adagrad().slots
    {'accumulator': 0.1}
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.initial_accumulator_value = _check_epsilon(
            "Adagrad", initial_accumulator_value, "initial_accumulator_value"
        )
        self.epsilon = _check_epsilon("Adagrad", epsilon)
        self.slots = {"accumulator": self.initial_accumulator_value}  # type: ignore[misc]

    def update_one(
        self,
        param: Array,
        grad: Array,
        slots: dict[str, Array],
        lr: Scalar,
        step: Scalar,  # noqa: ARG002
    ) -> None:
        """Update in place."""
        _core.adagrad_update(param, grad, slots["accumulator"], lr, self.epsilon, self.weight_decay)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }
        return {**own, **super().get_config()}
