"""The optimizers: Keras 3's equations and defaults, each one fused pass of the core."""

from __future__ import annotations

from typing import Any, ClassVar

from hotloop import _core
from hotloop.optimizers.base import Array, Optimizer, Scalar


def _check_rate(owner: str, name: str, value: float) -> float:
    if not 0.0 <= value < 1.0:
        msg = f"{owner}: {name} must lie in [0, 1), got {value}"
        raise ValueError(msg)
    return float(value)


class SGD(Optimizer):
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
        if not 0.0 <= momentum <= 1.0:
            msg = f"SGD: momentum must lie in [0, 1], got {momentum}"
            raise ValueError(msg)
        self.momentum = float(momentum)
        self.nesterov = bool(nesterov)
        if self.momentum:
            self.slots = {"velocity": 0.0}  # type: ignore[misc]

    def apply(
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


class Adam(Optimizer):
    """Moments of the gradient with bias correction (Kingma and Ba, ICLR 2015).

    ``m = b1 m + (1 - b1) g``, ``v = b2 v + (1 - b2) g^2``,
    ``w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps)``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        lr.
    beta_1, beta_2 : float
        b1, b2 in [0, 1).
    epsilon : float
        eps.
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
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = _check_rate(type(self).__name__, "beta_1", beta_1)
        self.beta_2 = _check_rate(type(self).__name__, "beta_2", beta_2)
        self.epsilon = float(epsilon)

    def apply(
        self, param: Array, grad: Array, slots: dict[str, Array], lr: Scalar, step: Scalar
    ) -> None:
        """Update in place."""
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
        return {**own, **super().get_config()}


class AdamW(Adam):
    """`Adam` with decoupled weight decay on by default (Loshchilov and Hutter, ICLR 2019).

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon, **kwargs
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
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, weight_decay=weight_decay, **kwargs
        )


class RMSprop(Optimizer):
    """Gradient over the root of its running mean square (Hinton, Coursera lecture 6e, 2012).

    ``s = rho s + (1 - rho) g^2``, ``w -= lr g / sqrt(s + eps)``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        lr.
    rho : float
        In [0, 1).
    epsilon : float
        eps.
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
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.rho = _check_rate("RMSprop", "rho", rho)
        self.epsilon = float(epsilon)

    def apply(
        self,
        param: Array,
        grad: Array,
        slots: dict[str, Array],
        lr: Scalar,
        step: Scalar,  # noqa: ARG002
    ) -> None:
        """Update in place."""
        _core.rmsprop_update(
            param, grad, slots["square"], lr, self.rho, self.epsilon, self.weight_decay
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"rho": self.rho, "epsilon": self.epsilon, **super().get_config()}


class Adagrad(Optimizer):
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
        self.initial_accumulator_value = float(initial_accumulator_value)
        self.epsilon = float(epsilon)
        self.slots = {"accumulator": self.initial_accumulator_value}  # type: ignore[misc]

    def apply(
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
