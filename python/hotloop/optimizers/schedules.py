"""Learning rates as functions of the count of steps, Keras 3's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hotloop._support.arguments import number
from hotloop._support.describing import Described
from hotloop._support.names import serve
from hotloop._support.quoting import quoted
from hotloop.registry import deserialize as _deserialize
from hotloop.registry import serialize

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


def _not_negative(value: float) -> bool:
    return value >= 0.0


class LearningRateSchedule(Described):
    """Base of all schedules; a subclass writes `__call__` and `get_config`.

    An optimizer that is given one as its `learning_rate` asks it before each step, with the number
    of steps taken so far.
    """

    def __call__(self, step: int) -> float:
        """Return the rate of the step after `step` others."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this schedule again."""
        msg = f"schedule {type(self).__name__} defines no get_config, which saving needs"
        raise NotImplementedError(msg)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """Make a schedule from the result of `get_config`."""
        return cls(**config)


class _Decay(LearningRateSchedule):
    """A first rate and the steps that its decay takes."""

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, name: str | None = None
    ) -> None:
        owner = type(self).__name__
        number(owner, "decay_steps", decay_steps, "be positive", lambda n: n > 0.0)
        self.initial_learning_rate = number(
            owner, "initial_learning_rate", initial_learning_rate, "not be negative", _not_negative
        )
        self.decay_steps = decay_steps
        self.name = name or type(self).__name__

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "name": self.name,
        }


class _Staircase(_Decay):
    """A decay with a rate, in steps or smooth."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, name)
        self.decay_rate = number(type(self).__name__, "decay_rate", decay_rate)
        self.staircase = bool(staircase)

    def place(self, step: int) -> float:
        """Return how many decays `step` makes."""
        p = step / self.decay_steps
        return math.floor(p) if self.staircase else p

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {"decay_rate": self.decay_rate, "staircase": self.staircase}
        return {**own, **super().get_config()}


class ExponentialDecay(_Staircase):
    """``lr = initial * decay_rate ^ (step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : float
        First rate.
    decay_steps : int
        Positive.
    decay_rate : float
        Factor of one decay.
    staircase : bool
        Whether the quotient is rounded down.
    name : str, optional
        Shown in descriptions.

    Raises
    ------
    ValueError
        When `decay_steps` is not positive.

    Examples
    --------
    >>> ExponentialDecay(0.5, decay_steps=10, decay_rate=0.5)(20)
    0.125
    """

    def __call__(self, step: int) -> float:
        """Return the rate after `step` steps."""
        return float(self.initial_learning_rate * self.decay_rate ** self.place(step))


class InverseTimeDecay(_Staircase):
    """``lr = initial / (1 + decay_rate * step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : float
        First rate.
    decay_steps : int
        Positive.
    decay_rate : float
        What one decay adds to the divisor.
    staircase : bool
        Whether the quotient is rounded down.
    name : str, optional
        Shown in descriptions.

    Raises
    ------
    ValueError
        When `decay_steps` is not positive.

    Examples
    --------
    >>> InverseTimeDecay(0.5, decay_steps=10, decay_rate=0.5)(20)
    0.25
    """

    def __call__(self, step: int) -> float:
        """Return the rate after `step` steps."""
        return self.initial_learning_rate / (1.0 + self.decay_rate * self.place(step))


class PolynomialDecay(_Decay):
    """``lr = (initial - end) (1 - step / decay_steps)^power + end``, `step` at most `decay_steps`.

    Parameters
    ----------
    initial_learning_rate : float
        First rate.
    decay_steps : int
        Positive.
    end_learning_rate : float
        Last rate.
    power : float
        1 is a straight line.
    cycle : bool
        Whether `decay_steps` becomes its first multiple that is not below `step`.
    name : str, optional
        Shown in descriptions.

    Raises
    ------
    ValueError
        When `decay_steps` is not positive.

    Examples
    --------
    >>> PolynomialDecay(1.0, decay_steps=10, end_learning_rate=0.5)(5)
    0.75
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, name)
        owner = "PolynomialDecay"
        self.end_learning_rate = number(
            owner, "end_learning_rate", end_learning_rate, "not be negative", _not_negative
        )
        self.power = number(owner, "power", power)
        self.cycle = bool(cycle)

    def __call__(self, step: int) -> float:
        """Return the rate after `step` steps."""
        total = self.decay_steps
        if self.cycle:
            total *= max(1, math.ceil(step / self.decay_steps))
        p = min(step, total) / total
        span = self.initial_learning_rate - self.end_learning_rate
        return float(span * (1.0 - p) ** self.power + self.end_learning_rate)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
        }
        return {**own, **super().get_config()}


class CosineDecay(_Decay):
    """Half a cosine from the first rate to `alpha` times it, after a linear warm-up if wanted.

    ``lr = initial ((1 - alpha) (1 + cos(pi step / decay_steps)) / 2 + alpha)``. With a
    `warmup_target` the rate first rises in a line to it, within `warmup_steps`, and decays from
    there.

    Parameters
    ----------
    initial_learning_rate : float
        First rate.
    decay_steps : int
        Positive; the warm-up comes on top.
    alpha : float
        Last rate, as a share of the one that the decay starts from.
    name : str, optional
        Shown in descriptions.
    warmup_target : float, optional
        Rate at the end of the warm-up.
    warmup_steps : int
        Length of the warm-up.

    Raises
    ------
    ValueError
        When `decay_steps` is not positive.

    Notes
    -----
    Source: Loshchilov and Hutter, SGDR, ICLR 2017.

    Examples
    --------
    >>> rate = CosineDecay(1.0, decay_steps=10)
    >>> [round(rate(step), 3) for step in (0, 5, 10, 99)]
    [1.0, 0.5, 0.0, 0.0]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str | None = None,
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, name)
        self.alpha = number("CosineDecay", "alpha", alpha)
        self.warmup_target = (
            None if warmup_target is None else number("CosineDecay", "warmup_target", warmup_target)
        )
        self.warmup_steps = warmup_steps

    def __call__(self, step: int) -> float:
        """Return the rate after `step` steps."""
        top = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return top + (self.warmup_target - top) * step / self.warmup_steps
            step, top = step - self.warmup_steps, self.warmup_target
        p = min(step, self.decay_steps) / self.decay_steps
        return top * ((1.0 - self.alpha) * 0.5 * (1.0 + math.cos(math.pi * p)) + self.alpha)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {
            "alpha": self.alpha,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }
        return {**own, **super().get_config()}


class CosineDecayRestarts(LearningRateSchedule):
    """Half a cosine again and again, each `t_mul` times as long and `m_mul` times as high.

    ``lr = initial ((1 - alpha) m_mul^i (1 + cos(pi p)) / 2 + alpha)`` at the part p of restart i.

    Parameters
    ----------
    initial_learning_rate : float
        First rate.
    first_decay_steps : int
        Length of the first decay, positive.
    t_mul : float
        Factor of the lengths, at least 1.
    m_mul : float
        Factor of the heights.
    alpha : float
        Last rate, as a share of the first one.
    name : str, optional
        Shown in descriptions.

    Raises
    ------
    ValueError
        When `first_decay_steps` is not positive, or `t_mul` below 1.

    Notes
    -----
    Source: Loshchilov and Hutter, SGDR, ICLR 2017.

    Examples
    --------
    >>> rate = CosineDecayRestarts(1.0, first_decay_steps=10)
    >>> [round(rate(step), 3) for step in (0, 5, 10, 20, 30)]
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str | None = None,
    ) -> None:
        owner = "CosineDecayRestarts"
        self.initial_learning_rate = number(
            owner, "initial_learning_rate", initial_learning_rate, "not be negative", _not_negative
        )
        number(owner, "first_decay_steps", first_decay_steps, "be positive", lambda n: n > 0.0)
        self.first_decay_steps = first_decay_steps
        self.t_mul = number(owner, "t_mul", t_mul, "be at least 1", lambda t: t >= 1.0)
        self.m_mul, self.alpha = number(owner, "m_mul", m_mul), number(owner, "alpha", alpha)
        self.name = name or "SGDRDecay"

    def __call__(self, step: int) -> float:
        """Return the rate after `step` steps."""
        place, t = step / self.first_decay_steps, self.t_mul
        if t == 1.0:
            restarts = math.floor(place)
            part = place - restarts
        else:
            # Of the lengths 1, t, t^2 ... so many fit before `place`.
            restarts = math.floor(math.log(1.0 + place * (t - 1.0)) / math.log(t) + 1e-12)
            part = (place - (t**restarts - 1.0) / (t - 1.0)) / t**restarts
        height = self.m_mul**restarts * 0.5 * (1.0 + math.cos(math.pi * part))
        return self.initial_learning_rate * ((1.0 - self.alpha) * height + self.alpha)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        names = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")
        return {name: getattr(self, name) for name in names}


class PiecewiseConstantDecay(LearningRateSchedule):
    """``values[i]``, i the first place with ``step <= boundaries[i]``, else the last value.

    Parameters
    ----------
    boundaries : sequence of int
        Steps, increasing.
    values : sequence of float
        One more than there are boundaries.
    name : str, optional
        Shown in descriptions.

    Raises
    ------
    ValueError
        When the numbers do not fit.

    Examples
    --------
    >>> rate = PiecewiseConstantDecay([100, 200], [1.0, 0.5, 0.1])
    >>> rate(100), rate(101), rate(1000)
    (1.0, 0.5, 0.1)
    """

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str | None = None
    ) -> None:
        if not isinstance(boundaries, Sequence) or not isinstance(values, Sequence):
            msg = (
                "PiecewiseConstantDecay: boundaries and values must be lists, "
                f"got {quoted(boundaries, 120)} and {quoted(values, 120)}"
            )
            raise TypeError(msg)
        if len(boundaries) != len(values) - 1 or not boundaries:
            msg = (
                "PiecewiseConstantDecay: values must have one item more than boundaries, at least "
                f"two, got {len(boundaries)} boundaries and {len(values)} values"
            )
            raise ValueError(msg)
        owner = "PiecewiseConstantDecay"
        self.boundaries = list(boundaries)
        places = [number(owner, "each boundary", b) for b in self.boundaries]
        if places != sorted(places):
            msg = f"{owner}: boundaries must ascend, got {self.boundaries}"
            raise ValueError(msg)
        self.values = [
            number(owner, "each value", v, "not be negative", _not_negative) for v in values
        ]
        self.name = name or type(self).__name__

    def __call__(self, step: int) -> float:
        """Return the rate after `step` steps."""
        for boundary, value in zip(self.boundaries, self.values, strict=False):
            if step <= boundary:
                return value
        return self.values[-1]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


CLASSES: dict[str, type[LearningRateSchedule]] = {
    cls.__name__: cls
    for cls in (
        CosineDecay,
        CosineDecayRestarts,
        ExponentialDecay,
        InverseTimeDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
    )
}


def deserialize(config: dict[str, Any]) -> Any:
    """Make a schedule from its description.

    Parameters
    ----------
    config : dict
        ``{"class": name, "config": arguments}`` or, for a function of your own, ``{"function": name}``: what
        `serialize` answers.

    Raises
    ------
    ValueError
        When the class is unknown.

    Examples
    --------
    >>> deserialize(serialize(ExponentialDecay(0.1, 10, 0.9))).decay_rate
    0.9
    """
    return _deserialize("learning rate", config, CLASSES)


serve(__name__)
