"""Schedules of learning rates, by PyTorch's names: ``step()`` once after each epoch or batch."""

from __future__ import annotations

import bisect
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hotloop.torch.core import Tensor


class LRScheduler:
    """Base of schedules: `get_lr` answers the rate of each group.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates change.
    last_epoch : int
        Number of the last step; -1 begins.

    Attributes
    ----------
    base_lrs : list of float
        The rates that the groups began with.
    """

    def __init__(self, optimizer: Any, last_epoch: int = -1) -> None:
        if not hasattr(optimizer, "param_groups"):
            msg = f"{type(optimizer).__name__} is not an Optimizer"
            raise TypeError(msg)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                msg = (
                    "param 'initial_lr' is not specified in "
                    f"param_groups[{i}] when resuming an optimizer"
                )
                raise KeyError(msg)
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self.step()

    def get_last_lr(self) -> list[float]:
        """Return the rates that the last step set."""
        return self._last_lr

    def get_lr(self) -> list[float]:
        """Return the rates of this step; a subclass writes this."""
        raise NotImplementedError

    def _closed(self) -> list[float] | None:
        """Return the rates of `last_epoch` whatever came before, where they can be told."""
        return None

    def step(self, epoch: int | None = None) -> None:
        """Set the rates of the next step, or of a given one."""
        if self._step_count == 1 and not self.optimizer._step_count:
            text = (
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 "
                "and later, you should call them in the opposite order: `optimizer.step()` before "
                "`lr_scheduler.step()`."
            )
            warnings.warn(text, UserWarning, stacklevel=2)
        self._step_count += 1
        if epoch is None:
            self.last_epoch += 1
            rates = self.get_lr()
        else:
            self.last_epoch = epoch
            rates = self._closed() or self.get_lr()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = list(rates)

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return all but the optimizer, and functions that are no objects."""
        return {key: value for key, value in vars(self).items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what `state_dict` answered."""
        vars(self).update(state_dict)


class _Scaled(LRScheduler):
    """A schedule whose rate is the first one times `factor` of the step."""

    def factor(self, step: int) -> float:
        """Return by what the first rate is multiplied."""
        raise NotImplementedError

    def get_lr(self) -> list[float]:
        """Return the rates, which move from where they are: a rate set by hand is kept up."""
        now = self.factor(self.last_epoch)
        if self.last_epoch <= 0:
            return [rate * now for rate in self._rates()]
        before = self.factor(self.last_epoch - 1)
        if now == before:
            return self._rates()
        if before == 0:
            return [base * now for base in self.base_lrs]
        return [rate * (now / before) for rate in self._rates()]

    def _closed(self) -> list[float]:
        return [base * self.factor(self.last_epoch) for base in self.base_lrs]


class StepLR(_Scaled):
    """Times `gamma` every `step_size` steps.

    Examples
    --------
    >>> from hotloop import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = StepLR(optimizer, step_size=2, gamma=0.5)
    >>> rates = []
    >>> for _ in range(5):
    ...     optimizer.step()
    ...     rates += schedule.get_last_lr()
    ...     schedule.step()
    >>> rates
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Any, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, step: int) -> float:
        """Return ``gamma ** (step // step_size)``."""
        return float(self.gamma ** (step // self.step_size))


class MultiStepLR(_Scaled):
    """Times `gamma` at each of the milestones."""

    def __init__(
        self, optimizer: Any, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, step: int) -> float:
        """Return gamma to the power of the milestones passed."""
        return float(self.gamma ** sum(n for at, n in self.milestones.items() if at <= step))


class ExponentialLR(_Scaled):
    """Times `gamma` at each step."""

    def __init__(self, optimizer: Any, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, step: int) -> float:
        """Return ``gamma ** step``."""
        return float(self.gamma**step)


class ConstantLR(_Scaled):
    """Times `factor` until `total_iters` steps are done."""

    def __init__(
        self, optimizer: Any, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0 <= factor <= 1:
            msg = "Constant multiplicative factor expected to be between 0 and 1."
            raise ValueError(msg)
        self.start_factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def factor(self, step: int) -> float:
        """Return the factor, and 1 afterwards."""
        return self.start_factor if step < self.total_iters else 1.0


class LinearLR(_Scaled):
    """From `start_factor` to `end_factor` in `total_iters` steps, in a line."""

    def __init__(
        self,
        optimizer: Any,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            msg = "Starting multiplicative factor expected to be greater than 0 and less or equal to 1."
            raise ValueError(msg)
        if not 0 <= end_factor <= 1:
            msg = "Ending multiplicative factor expected to be between 0 and 1."
            raise ValueError(msg)
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def factor(self, step: int) -> float:
        """Return the factor of a step."""
        share = min(step, self.total_iters) / self.total_iters
        return self.start_factor + (self.end_factor - self.start_factor) * share


class PolynomialLR(_Scaled):
    """``(1 - step / total_iters) ** power``, and 0 afterwards."""

    def __init__(
        self, optimizer: Any, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def factor(self, step: int) -> float:
        """Return the factor of a step."""
        return float((1.0 - min(step, self.total_iters) / self.total_iters) ** self.power)


class LambdaLR(LRScheduler):
    """The first rate times a function of the step; one function, or one for each group."""

    def __init__(self, optimizer: Any, lr_lambda: Any, last_epoch: int = -1) -> None:
        several = isinstance(lr_lambda, list | tuple)
        n = len(optimizer.param_groups)
        self.lr_lambdas: list[Callable[[int], float]] = (
            list(lr_lambda) if several else [lr_lambda] * n
        )
        if len(self.lr_lambdas) != n:
            msg = f"Expected {n} lr_lambdas, but got {len(self.lr_lambdas)}"
            raise ValueError(msg)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates of this step."""
        pairs = zip(self.lr_lambdas, self.base_lrs, strict=True)
        return [base * function(self.last_epoch) for function, base in pairs]

    def state_dict(self) -> dict[str, Any]:
        """Return all but the optimizer and the functions."""
        return {k: v for k, v in super().state_dict().items() if k != "lr_lambdas"}


class MultiplicativeLR(LambdaLR):
    """The last rate times a function of the step."""

    def get_lr(self) -> list[float]:
        """Return the rates of this step."""
        if self.last_epoch <= 0:
            return self._rates()
        pairs = zip(self.lr_lambdas, self._rates(), strict=True)
        return [rate * function(self.last_epoch) for function, rate in pairs]


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the first rate to `eta_min` in `T_max` steps, and back (SGDR, 2017)."""

    def __init__(
        self, optimizer: Any, T_max: float, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates of this step."""
        if self.last_epoch == 0:
            return self._rates()
        return self._closed()

    def _closed(self) -> list[float]:
        share = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine in `T_0` steps, again and again, each `T_mult` times as long (SGDR, 2017)."""

    def __init__(
        self,
        optimizer: Any,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if T_0 <= 0 or not isinstance(T_0, int):
            msg = f"Expected positive integer T_0, but got {T_0}"
            raise ValueError(msg)
        if T_mult < 1 or not isinstance(T_mult, int):
            msg = f"Expected integer T_mult >= 1, but got {T_mult}"
            raise ValueError(msg)
        self.T_0, self.T_mult, self.T_i, self.eta_min = T_0, T_mult, T_0, eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates of this step."""
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]

    def step(self, epoch: Any = None) -> None:
        """Set the rates of the next step, or of a given one, which need not be whole."""
        if epoch is not None and epoch < 0:
            msg = f"Expected non-negative epoch, but got {epoch}"
            raise ValueError(msg)
        at = self.last_epoch + 1 if epoch is None else epoch
        self.T_i, start = self.T_0, 0.0
        while at - start >= self.T_i:
            start += self.T_i
            self.T_i *= self.T_mult
            if self.T_mult == 1:
                start = at - at % self.T_0
        self.T_cur = at - start
        self.last_epoch = math.floor(at) - 1
        super().step()


def _cycled(group: dict[str, Any], value: float | None = None) -> float:
    """Return a group's momentum, or set it: the first of its betas, where it has these."""
    if "betas" in group:
        if value is not None:
            group["betas"] = (value, *group["betas"][1:])
        return float(group["betas"][0])
    if "momentum" not in group:
        msg = "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
        raise ValueError(msg)
    if value is not None:
        group["momentum"] = value
    return float(group["momentum"])


def _each(optimizer: Any, name: str, value: Any) -> list[float]:
    n = len(optimizer.param_groups)
    if isinstance(value, list | tuple):
        if len(value) != n:
            msg = f"expected {n} values for {name}, got {len(value)}"
            raise ValueError(msg)
        return list(value)
    return [value] * n


class CyclicLR(LRScheduler):
    """Up to `max_lr` and down to `base_lr` again and again (Smith, 2017)."""

    def __init__(
        self,
        optimizer: Any,
        base_lr: Any,
        max_lr: Any,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.8,
        max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            msg = "mode is invalid and scale_fn is None"
            raise ValueError(msg)
        for group, low in zip(
            optimizer.param_groups, _each(optimizer, "base_lr", base_lr), strict=True
        ):
            if last_epoch == -1:
                group["lr"] = low
                group["initial_lr"] = low
        self.max_lrs = _each(optimizer, "max_lr", max_lr)
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up) + float(down)
        self.step_ratio = float(step_size_up) / self.total_size
        self.mode, self.gamma, self.scale_fn = mode, gamma, scale_fn
        self.scale_mode = "iterations" if mode == "exp_range" and scale_fn is None else scale_mode
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums = _each(optimizer, "base_momentum", base_momentum)
            self.max_momentums = _each(optimizer, "max_momentum", max_momentum)
            for group, most in zip(optimizer.param_groups, self.max_momentums, strict=True):
                _cycled(group, most if last_epoch == -1 else None)
        super().__init__(optimizer, last_epoch)

    def _scale(self, cycle: float) -> float:
        x = cycle if self.scale_mode == "cycle" else self.last_epoch
        if self.scale_fn is not None:
            return self.scale_fn(x)
        if self.mode == "triangular":
            return 1.0
        return float(self.gamma**x) if self.mode == "exp_range" else 1 / 2.0 ** (x - 1)

    def get_lr(self) -> list[float]:
        """Return the rates of this step, and set the momenta."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        height *= self._scale(cycle)
        if self.cycle_momentum:
            for group, low, high in zip(
                self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True
            ):
                _cycled(group, high - (high - low) * height)
        return [
            low + (high - low) * height
            for low, high in zip(self.base_lrs, self.max_lrs, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """Return all but the optimizer and the function."""
        return {k: v for k, v in super().state_dict().items() if k != "scale_fn"}


class OneCycleLR(LRScheduler):
    """Up to `max_lr` and down to almost nothing, once (Smith and Topin, 2018)."""

    def __init__(
        self,
        optimizer: Any,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                msg = "You must define either total_steps OR (epochs AND steps_per_epoch)"
                raise ValueError(msg)
            total_steps = epochs * steps_per_epoch
        if total_steps <= 0:
            msg = f"Expected positive integer total_steps, but got {total_steps}"
            raise ValueError(msg)
        if not 0 <= pct_start <= 1:
            msg = f"Expected float between 0 and 1 pct_start, but got {pct_start}"
            raise ValueError(msg)
        if anneal_strategy not in ("cos", "linear"):
            msg = f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            raise ValueError(msg)
        self.total_steps, self.anneal_strategy = total_steps, anneal_strategy
        self.cycle_momentum = cycle_momentum
        top = pct_start * total_steps - 1
        ends = [top, 2 * top, total_steps - 2, total_steps - 1]
        # What each phase ends with: the first rate, the largest, and the last.
        if three_phase:
            ends = [top, 2 * pct_start * total_steps - 2, total_steps - 1]
            rates, momenta = ["initial_lr", "max_lr", "initial_lr", "min_lr"], [1, 0, 1, 1]
        else:
            ends = [top, total_steps - 1]
            rates, momenta = ["initial_lr", "max_lr", "min_lr"], [1, 0, 1]
        self.phases = ends
        highs = _each(optimizer, "max_lr", max_lr)
        if last_epoch == -1:
            for group, high in zip(optimizer.param_groups, highs, strict=True):
                group["initial_lr"] = high / div_factor
                group["max_lr"] = high
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.corners = rates
        self.momentum_corners = momenta
        if cycle_momentum:
            lows = _each(optimizer, "base_momentum", base_momentum)
            tops = _each(optimizer, "max_momentum", max_momentum)
            for group, low, high in zip(optimizer.param_groups, lows, tops, strict=True):
                if last_epoch == -1:
                    _cycled(group, high)
                    group["max_momentum"], group["base_momentum"] = high, low
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates of this step, and set the momenta."""
        at = self.last_epoch
        if at > self.total_steps:
            msg = (
                f"Tried to step {at} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
            raise ValueError(msg)
        start = 0.0
        phase = 0
        while phase < len(self.phases) - 1 and at > self.phases[phase]:
            start = self.phases[phase]
            phase += 1
        length = self.phases[phase] - start
        share = (at - start) / length if length else 1.0

        def between(a: float, b: float) -> float:
            if self.anneal_strategy == "linear":
                return (b - a) * share + a
            return b + (a - b) / 2.0 * (1 + math.cos(math.pi * share))

        rates = []
        for group in self.optimizer.param_groups:
            rates.append(between(group[self.corners[phase]], group[self.corners[phase + 1]]))
            if self.cycle_momentum:
                ends = (group["base_momentum"], group["max_momentum"])
                corners = self.momentum_corners
                _cycled(group, between(ends[corners[phase]], ends[corners[phase + 1]]))
        return rates


class SequentialLR(LRScheduler):
    """One schedule after another, from one milestone to the next."""

    def __init__(
        self,
        optimizer: Any,
        schedulers: Sequence[Any],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        if len(milestones) != len(schedulers) - 1:
            msg = (
                "SequentialLR expects one milestone less than schedulers, got "
                f"{len(schedulers)} schedulers and {len(milestones)} milestones"
            )
            raise ValueError(msg)
        if any(each.optimizer is not optimizer for each in schedulers):
            msg = "SequentialLR expects all schedulers to belong to its optimizer"
            raise ValueError(msg)
        self._schedulers, self._milestones = list(schedulers), list(milestones)
        self.optimizer, self.last_epoch = optimizer, last_epoch + 1
        # The schedules have all made their first step: only the first one's counts.
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        for each in schedulers:
            each.last_epoch -= 1
        schedulers[0]._initial_step()
        self._last_lr = schedulers[0].get_last_lr()

    def step(self, epoch: Any = None) -> None:
        """Set the rates of the next step."""
        if epoch is not None:
            msg = "SequentialLR.step takes no epoch"
            raise ValueError(msg)
        self.last_epoch += 1
        which = bisect.bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[which]
        if which > 0 and self._milestones[which - 1] == self.last_epoch:
            scheduler.step(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Return all but the optimizer, with the states of the schedules."""
        states = [each.state_dict() for each in self._schedulers]
        return {**super().state_dict(), "_schedulers": states}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what `state_dict` answered."""
        own = {k: v for k, v in state_dict.items() if k != "_schedulers"}
        vars(self).update(own)
        for each, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            each.load_state_dict(state)


class ReduceLROnPlateau(LRScheduler):
    """Times `factor` when a figure has not got better for `patience` steps."""

    def __init__(
        self,
        optimizer: Any,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: Any = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            msg = "Factor should be < 1.0."
            raise ValueError(msg)
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            msg = f"mode {str(mode)[:40]} or threshold mode {str(threshold_mode)[:40]} is unknown!"
            raise ValueError(msg)
        self.optimizer = optimizer
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.min_lrs = _each(optimizer, "min_lr", min_lr)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = self._rates()

    def is_better(self, figure: float, best: float) -> bool:
        """Whether a figure is better than the best, by more than the threshold."""
        sign = 1.0 if self.mode == "min" else -1.0
        if self.threshold_mode == "rel":
            return sign * figure < sign * best * (1.0 - sign * self.threshold)
        return sign * figure < sign * best - self.threshold

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """See a figure, and lower the rates where it is time."""
        figure = float(metrics._array) if isinstance(metrics, Tensor) else float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self.is_better(figure, self.best):
            self.best, self.num_bad_epochs = figure, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                rate = max(group["lr"] * self.factor, least)
                if group["lr"] - rate > self.eps:
                    group["lr"] = rate
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._rates()


__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
