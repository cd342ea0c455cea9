"""Optimizers that NumPy computes, element by element over the flat arrays: Keras 3's equations."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from hotloop._support.arguments import number
from hotloop.optimizers.base import Array, Optimizer, Scalar


def rate_of(owner: Any, name: str, value: float) -> float:
    """Return the share of a running mean that is kept; a ValueError outside [0, 1)."""
    return number(type(owner).__name__, name, value, "lie in [0, 1)", lambda v: 0.0 <= v < 1.0)


def not_negative(owner: Any, name: str, value: float) -> float:
    """Return a number; a ValueError when it is negative."""
    return number(type(owner).__name__, name, value, "not be negative", lambda v: v >= 0.0)


class ArrayOptimizer(Optimizer, builtin=True):
    """Base of those that NumPy computes; a subclass writes `move`."""

    @property
    def recordable(self) -> bool:
        """Whether an update is made of calls of the core: no."""
        return False

    def update_one(
        self, param: Array, grad: Array, slots: dict[str, Array], lr: Scalar, step: Scalar
    ) -> None:
        """Update in place: the decay first, then the equations."""
        if self.weight_decay:
            param *= param.dtype.type(1.0 - float(lr) * self.weight_decay)
        self.move(param, grad, slots, float(lr), float(step))

    def move(
        self, param: Array, grad: Array, slots: dict[str, Array], lr: float, step: float
    ) -> None:
        """Update in place, without decay; `step` counts from 1."""
        raise NotImplementedError

    # The arguments that the class has beside those of `Optimizer`.
    own: ClassVar[tuple[str, ...]] = ()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**{name: getattr(self, name) for name in self.own}, **super().get_config()}


class _Moments(ArrayOptimizer, builtin=True):
    """Two running statistics of the gradient."""

    slots: ClassVar = {"m": 0.0, "v": 0.0}
    own: ClassVar[tuple[str, ...]] = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = rate_of(self, "beta_1", beta_1)
        self.beta_2 = rate_of(self, "beta_2", beta_2)
        self.epsilon = not_negative(self, "epsilon", epsilon)


def moments(grad: Array, slots: dict[str, Array], beta_1: float, beta_2: float) -> None:
    """Move the running means of the gradient, ``m``, and of its square, ``v``."""
    m, v = slots["m"], slots["v"]
    m += (grad - m) * m.dtype.type(1.0 - beta_1)
    v += (np.square(grad) - v) * v.dtype.type(1.0 - beta_2)


class Adadelta(ArrayOptimizer, builtin=True):
    """Steps in the units of the weights (Zeiler, arXiv:1212.5701, 2012).

    ``a = rho a + (1 - rho) g^2``, ``u = sqrt(d + eps) / sqrt(a + eps) g``,
    ``d = rho d + (1 - rho) u^2``, ``w -= lr u``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        lr; the paper has 1.
    rho : float
        In [0, 1).
    epsilon : float
        eps.
    **kwargs
        `weight_decay`, `clipnorm`, `use_ema` ... of `Optimizer`.

    Examples
    --------
    >>> Adadelta(1.0).rho
    0.95
    """

    slots: ClassVar = {"accumulated_grad": 0.0, "accumulated_delta": 0.0}
    own: ClassVar = ("rho", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.rho = rate_of(self, "rho", rho)
        self.epsilon = not_negative(self, "epsilon", epsilon)

    def move(
        self,
        param: Array,
        grad: Array,
        slots: dict[str, Array],
        lr: float,
        step: float,  # noqa: ARG002
    ) -> None:
        """Update in place."""
        squares, deltas = slots["accumulated_grad"], slots["accumulated_delta"]
        squares += (np.square(grad) - squares) * grad.dtype.type(1.0 - self.rho)
        delta = np.sqrt((deltas + self.epsilon) / (squares + self.epsilon)) * grad
        deltas += (np.square(delta) - deltas) * grad.dtype.type(1.0 - self.rho)
        param -= delta * grad.dtype.type(lr)


class Adamax(_Moments, builtin=True):
    """Adam with the largest gradient of late below (Kingma and Ba, ICLR 2015, section 7.1).

    ``m = b1 m + (1 - b1) g``, ``v = max(b2 v, |g|)``, ``w -= lr / (1 - b1^t) m / (v + eps)``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        lr.
    beta_1, beta_2 : float
        b1, b2 in [0, 1).
    epsilon : float
        eps.
    **kwargs
        `weight_decay`, `clipnorm`, `use_ema` ... of `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> w = {"w": np.array([1.0])}
    >>> Adamax(0.1).update(w, {"w": np.array([3.0])})
    >>> w["w"].round(6)
    array([0.9])
    """

    def move(
        self, param: Array, grad: Array, slots: dict[str, Array], lr: float, step: float
    ) -> None:
        """Update in place."""
        m, v, kind = slots["m"], slots["v"], param.dtype.type
        m += (grad - m) * kind(1.0 - self.beta_1)
        v *= kind(self.beta_2)
        np.maximum(v, np.abs(grad), out=v)
        param -= m * kind(lr / (1.0 - self.beta_1**step)) / (v + kind(self.epsilon))


class Nadam(_Moments, builtin=True):
    """Adam with Nesterov's momentum (Dozat, ICLR workshop 2016).

    With ``u_t = b1 (1 - 0.96^t / 2)`` and ``U_t = u_1 ... u_t``:
    ``w -= lr (u_{t+1} m / (1 - U_{t+1}) + (1 - u_t) g / (1 - U_t)) / (sqrt(v / (1 - b2^t)) + eps)``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        lr.
    beta_1, beta_2 : float
        b1, b2 in [0, 1).
    epsilon : float
        eps.
    **kwargs
        `weight_decay`, `clipnorm`, `use_ema` ... of `Optimizer`.

    Examples
    --------
    >>> Nadam().get_config()["beta_1"]
    0.9
    """

    def move(
        self, param: Array, grad: Array, slots: dict[str, Array], lr: float, step: float
    ) -> None:
        """Update in place."""
        kind = param.dtype.type
        moments(grad, slots, self.beta_1, self.beta_2)
        now, after = (self.beta_1 * (1.0 - 0.5 * 0.96**t) for t in (step, step + 1.0))
        product = self._product(step)
        mean = slots["m"] * kind(after / (1.0 - product * after))
        mean += grad * kind((1.0 - now) / (1.0 - product))
        root = np.sqrt(slots["v"] * kind(1.0 / (1.0 - self.beta_2**step)))
        param -= mean * kind(lr) / (root + kind(self.epsilon))

    def _product(self, step: float) -> float:
        """Return ``u_1 ... u_t``; the factors' second part is 1 from step 4096 on."""
        first = np.arange(1.0, min(step, 4096.0) + 1.0)
        factors = np.prod(1.0 - 0.5 * 0.96**first)
        return float(self.beta_1**step * factors)


class Lion(ArrayOptimizer, builtin=True):
    """The sign of a momentum (Chen et al., NeurIPS 2023).

    ``w -= lr sign(b1 m + (1 - b1) g)``, then ``m = b2 m + (1 - b2) g``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        lr; a third to a tenth of Adam's.
    beta_1 : float
        b1 in (0, 1].
    beta_2 : float
        b2 in [0, 1).
    **kwargs
        `weight_decay`, `clipnorm`, `use_ema` ... of `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> w = {"w": np.array([1.0, 2.0])}
    >>> Lion(0.5).update(w, {"w": np.array([3.0, -0.1])})
    >>> w["w"]
    array([0.5, 2.5])
    """

    slots: ClassVar = {"m": 0.0}
    own: ClassVar = ("beta_1", "beta_2")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1 = number("Lion", "beta_1", beta_1, "lie in (0, 1]", lambda b: 0.0 < b <= 1.0)
        self.beta_2 = rate_of(self, "beta_2", beta_2)

    def move(
        self,
        param: Array,
        grad: Array,
        slots: dict[str, Array],
        lr: float,
        step: float,  # noqa: ARG002
    ) -> None:
        """Update in place."""
        m, kind = slots["m"], param.dtype.type
        param -= np.sign(m * kind(self.beta_1) + grad * kind(1.0 - self.beta_1)) * kind(lr)
        m *= kind(self.beta_2)
        m += grad * kind(1.0 - self.beta_2)


class Ftrl(ArrayOptimizer, builtin=True):
    """Follow the regularized leader (McMahan et al., KDD 2013), for sparse models.

    With ``n' = n + g^2`` and p the `learning_rate_power`:
    ``z += g + 2 s w - (n'^-p - n^-p) / lr w``,
    ``w = (clip(z, -l1, l1) - z) / (n'^-p / lr + 2 l2 + beta / lr)``, ``n = n'``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        lr.
    learning_rate_power : float
        p, not positive; 0 is a fixed rate.
    initial_accumulator_value : float
        First n.
    l1_regularization_strength, l2_regularization_strength : float
        l1, l2.
    l2_shrinkage_regularization_strength : float
        s.
    beta : float
        beta.
    **kwargs
        `weight_decay`, `clipnorm`, `use_ema` ... of `Optimizer`.

    Examples
    --------
    >>> Ftrl(l1_regularization_strength=0.1).learning_rate_power
    -0.5
    """

    own: ClassVar = (
        "learning_rate_power",
        "initial_accumulator_value",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "l2_shrinkage_regularization_strength",
        "beta",
    )

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.learning_rate_power = number(
            "Ftrl", "learning_rate_power", learning_rate_power, "not be positive", lambda p: p <= 0
        )
        given = (
            initial_accumulator_value,
            l1_regularization_strength,
            l2_regularization_strength,
            l2_shrinkage_regularization_strength,
        )
        for name, value in zip(self.own[1:5], given, strict=True):
            setattr(self, name, not_negative(self, name, value))
        self.beta = number("Ftrl", "beta", beta)
        self.slots = {"accumulator": float(initial_accumulator_value), "linear": 0.0}  # type: ignore[misc]

    def move(
        self,
        param: Array,
        grad: Array,
        slots: dict[str, Array],
        lr: float,
        step: float,  # noqa: ARG002
    ) -> None:
        """Update in place."""
        settings: dict[str, float] = {name: getattr(self, name) for name in self.own}
        total, linear, power = slots["accumulator"], slots["linear"], -self.learning_rate_power
        l1 = settings["l1_regularization_strength"]
        l2 = settings["l2_regularization_strength"] + self.beta / (2.0 * lr)
        before = total**power
        total += np.square(grad)
        root = total**power
        linear += grad + 2.0 * settings["l2_shrinkage_regularization_strength"] * param
        linear -= (root - before) / lr * param
        np.divide(np.clip(linear, -l1, l1) - linear, root / lr + 2.0 * l2, out=param)


class ScheduleFreeAdamW(_Moments, builtin=True):
    """Adam whose weights are a running mean of its points, without a schedule.

    With ``z`` the points and ``c = 1 / t``: ``z -= lr g / (sqrt(v / (1 - b2^t)) + eps)``,
    ``x = (1 - c) x + c z``, ``w = (1 - b1) z + b1 x``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        lr.
    beta_1, beta_2 : float
        b1 in (0, 1), b2 in [0, 1).
    epsilon : float
        eps.
    warmup_steps : int
        Steps in which lr grows in a line.
    **kwargs
        `weight_decay`, `clipnorm`, `use_ema` ... of `Optimizer`.

    Notes
    -----
    Source: Defazio et al., The Road Less Scheduled, NeurIPS 2024.

    Examples
    --------
    >>> ScheduleFreeAdamW().learning_rate
    0.0025
    """

    # How far z lies from the weights: 0 for those that are new.
    slots: ClassVar = {"offset": 0.0, "v": 0.0}
    own: ClassVar = ("beta_1", "beta_2", "epsilon", "warmup_steps")

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        number("ScheduleFreeAdamW", "beta_1", beta_1, "lie in (0, 1)", lambda b: b > 0.0)
        self.warmup_steps = int(not_negative(self, "warmup_steps", warmup_steps))

    def update_one(
        self, param: Array, grad: Array, slots: dict[str, Array], lr: Scalar, step: Scalar
    ) -> None:
        """Update in place; the decay takes off the weights, not z."""
        v, kind, rate, t = slots["v"], param.dtype.type, float(lr), float(step)
        z = param + slots["offset"]
        mean = param - z * kind(1.0 - self.beta_1)
        mean -= param * kind(rate * self.weight_decay)
        mean *= kind((1.0 - 1.0 / t) / self.beta_1)
        if self.warmup_steps:
            rate *= min(t / self.warmup_steps, 1.0)
        v += (np.square(grad) - v) * kind(1.0 - self.beta_2)
        root = np.sqrt(v * kind(1.0 / (1.0 - self.beta_2**t))) + kind(self.epsilon)
        z -= grad * kind(rate) / root
        mean += z * kind(1.0 / t)
        np.add(z * kind(1.0 - self.beta_1), mean * kind(self.beta_1), out=param)
        np.subtract(z, param, out=slots["offset"])


__all__ = ["Adadelta", "Adamax", "Ftrl", "Lion", "Nadam", "ScheduleFreeAdamW"]
