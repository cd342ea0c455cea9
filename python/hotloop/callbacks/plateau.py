"""Callbacks that watch one figure from epoch to epoch."""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar

import numpy as np

from hotloop._support.arguments import number, whole
from hotloop._support.quoting import quoted
from hotloop.callbacks.base import Callback, Logs
from hotloop.callbacks.telling import tell
from hotloop.metrics.naming import direction
from hotloop.saving import kept


class Monitor(Callback):
    """Base of callbacks that compare one figure of the logs with the best so far.

    Parameters
    ----------
    monitor : str
        Key of the logs.
    mode : "auto", "min" or "max"
        What is better; "auto" asks the metric behind `monitor`, whatever it is called.
    min_delta : float
        What a figure has to be better by.

    Raises
    ------
    ValueError
        For another `mode`; and from `fit`, when "auto" finds nothing that says what is better.
    """

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            msg = f"{type(self).__name__}: mode must be 'auto', 'min' or 'max', got {quoted(mode)}"
            raise ValueError(msg)
        owner = type(self).__name__
        if not isinstance(monitor, str):
            msg = f"{owner}: monitor must be the name of a figure, got {quoted(monitor)}"
            raise TypeError(msg)
        self.monitor, self.mode = monitor, mode
        self.min_delta = abs(number(owner, "min_delta", min_delta))
        self.best: float | None = None
        self._missed = False

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Refuse a figure of unknown direction before an epoch is spent, where metrics are known."""
        if getattr(self.model, "knows_its_metrics", False):
            self._rises()

    def _rises(self) -> bool:
        """Whether larger figures are better; the model's metrics may be known only by an epoch."""
        if self.mode != "auto":
            return self.mode == "max"
        metric_of = getattr(self.model, "metric_of", None)
        found = direction(self.monitor, metric_of(self.monitor) if metric_of else None)
        if found is None:
            names = ", ".join(getattr(self.model, "metrics_names", ["loss"]))
            msg = (
                f"{type(self).__name__}: nothing says whether a larger or a smaller "
                f"{self.monitor[:60]!r} is better; give mode='max' or mode='min' (the model's own "
                f"figures are {names[:150]}, and the same with val_)"
            )
            raise ValueError(msg)
        return found == "up"

    def better(self, value: float, than: float | None) -> bool:
        """Whether `value` beats `than` by more than `min_delta`."""
        if math.isnan(value):
            return False
        sign = -1.0 if self._rises() else 1.0
        return than is None or sign * value + self.min_delta < sign * than

    def figure(self, logs: Logs | None) -> float | None:
        """Return the monitored figure, or None with one warning when the logs lack it."""
        self._rises()
        value = (logs or {}).get(self.monitor)
        if value is None:
            # With validation_freq, a validation figure comes in later epochs.
            twin = self.monitor.removeprefix("val_")
            later = twin != self.monitor and twin in (logs or {}) and self.params.get("validation")
            if not self._missed and not later:
                self._missed = True
                names = ", ".join(logs or {})
                warnings.warn(
                    f"{type(self).__name__}: there is no {self.monitor!r} to watch, only {names}",
                    stacklevel=2,
                )
            return None
        if np.ndim(value):
            msg = (
                f"{type(self).__name__}: {self.monitor!r} is {np.size(value)} figures, of which "
                "none says what is better as a whole; watch a metric of one figure"
            )
            raise ValueError(msg)
        return float(value)


class EarlyStopping(Monitor):
    """End `fit` when a figure has stopped getting better.

    Parameters
    ----------
    monitor : str
        Key of the logs.
    min_delta : float
        What a figure has to be better by.
    patience : int
        Epochs without a better figure after which training ends.
    verbose : int
        1 prints a line when it happens.
    mode : "auto", "min" or "max"
        What is better.
    baseline : float, optional
        A figure that has to be beaten too.
    restore_best_weights : bool
        Whether the model ends with the weights of its best epoch.
    start_from_epoch : int
        Earlier epochs do not count.

    Raises
    ------
    ValueError
        For another `mode`.

    Examples
    --------
    >>> EarlyStopping(monitor="val_accuracy", patience=3).better(0.9, than=0.8)
    True
    """

    state_rules: ClassVar = {
        "best": kept.figure,
        "best_weights": kept.weights,
        **dict.fromkeys(("best_epoch", "wait", "stopped_epoch"), kept.count),
    }

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        owner = "EarlyStopping"
        self.patience, self.verbose = whole(owner, "patience", patience, least=0), verbose
        self.baseline = None if baseline is None else number(owner, "baseline", baseline)
        self.restore_best_weights = bool(restore_best_weights)
        self.start_from_epoch = whole(owner, "start_from_epoch", start_from_epoch, least=0)
        self._start()

    def _start(self) -> None:
        self.best, self.best_weights = None, None
        self.wait = self.stopped_epoch = self.best_epoch = 0

    best_weights: list[Any] | None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start again from nothing."""
        super().on_train_begin(logs)
        self._start()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the figure with the best one."""
        value = self.figure(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self.better(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.better(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Put the best weights back."""
        if self.stopped_epoch and self.verbose:
            tell(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                tell(f"Restoring the weights of the best epoch, {self.best_epoch + 1}")
            self.model.set_weights(self.best_weights)


class ReduceLROnPlateau(Monitor):
    """Make the learning rate smaller when a figure has stopped getting better.

    Parameters
    ----------
    monitor : str
        Key of the logs.
    factor : float
        What the learning rate is multiplied by, below 1.
    patience : int
        Epochs without a better figure after which that happens.
    verbose : int
        1 prints a line when it happens.
    mode : "auto", "min" or "max"
        What is better.
    min_delta : float
        What a figure has to be better by.
    cooldown : int
        Epochs after a reduction in which none is counted.
    min_lr : float
        The learning rate never goes below it.

    Raises
    ------
    ValueError
        When `factor` is not below 1, and for another `mode`.

    Examples
    --------
    >>> ReduceLROnPlateau(factor=0.5, patience=2).factor
    0.5
    """

    state_rules: ClassVar = {
        "best": kept.figure,
        "wait": kept.count,
        "cooldown_counter": kept.count,
    }

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        owner = "ReduceLROnPlateau"
        self.factor = number(owner, "factor", factor, "lie in [0, 1)", lambda f: 0.0 <= f < 1.0)
        self.patience, self.verbose = whole(owner, "patience", patience, least=0), verbose
        self.cooldown = whole(owner, "cooldown", cooldown, least=0)
        self.min_lr = number(owner, "min_lr", min_lr, "not be negative", lambda r: r >= 0.0)
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start again from nothing."""
        super().on_train_begin(logs)
        self.best, self.wait, self.cooldown_counter = None, 0, 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the figure with the best one; the rate goes into the logs."""
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate)
        if logs is not None:
            logs["learning_rate"] = rate
        value = self.figure(logs)
        if value is None:
            return
        cooling = self.cooldown_counter > 0
        if cooling:
            self.cooldown_counter -= 1
            self.wait = 0
            cooling = self.cooldown_counter > 0
        if self.better(value, self.best):
            self.best, self.wait = value, 0
        elif not cooling:
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                optimizer.learning_rate = max(rate * self.factor, self.min_lr)
                self.cooldown_counter, self.wait = self.cooldown, 0
                if self.verbose:
                    tell(
                        f"Epoch {epoch + 1}: learning rate {rate:g} -> {optimizer.learning_rate:g}"
                    )
