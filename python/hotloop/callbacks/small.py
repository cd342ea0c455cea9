"""Callbacks of a few lines: learning rates by epoch, NaN, functions."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from hotloop._support.arguments import number
from hotloop._support.quoting import quoted
from hotloop.callbacks.base import Callback, Logs
from hotloop.callbacks.telling import tell


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch.

    Parameters
    ----------
    schedule : callable
        ``schedule(epoch, learning_rate)`` or ``schedule(epoch)`` answers the new rate.
    verbose : int
        1 prints a line each epoch.

    Raises
    ------
    TypeError
        When `schedule` is no function.

    Examples
    --------
    >>> LearningRateScheduler(lambda epoch, rate: rate * 0.9).verbose
    0
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            msg = f"LearningRateScheduler: schedule must be a function, got {quoted(schedule)}"
            raise TypeError(msg)
        self.schedule, self.verbose = schedule, verbose
        self._takes_rate = _takes(schedule, 2)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Set the rate."""
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate)
        answer = self.schedule(epoch, rate) if self._takes_rate else self.schedule(epoch)
        rule = f"answer a number for epoch {epoch}"
        new = number("LearningRateScheduler", "schedule", answer, rule)
        optimizer.learning_rate = new
        if self.verbose:
            tell(f"Epoch {epoch + 1}: learning rate {new:g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Put the rate into the logs."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def _takes(function: Callable[..., Any], count: int) -> bool:
    """Whether `function` can be called with `count` arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True


class TerminateOnNaN(Callback):
    """End `fit` at the first batch whose loss is NaN or infinite.

    Examples
    --------
    >>> TerminateOnNaN().model is None
    True
    """

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the mean loss, which one such batch turns."""
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            tell(f"Batch {batch}: the loss is {loss}, training ends")
            self.model.stop_training = True


class LambdaCallback(Callback):
    """A callback made of functions.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end : callable, optional
        Called with ``(epoch, logs)``.
    on_train_begin, on_train_end : callable, optional
        Called with ``(logs)``.
    on_train_batch_begin, on_train_batch_end : callable, optional
        Called with ``(batch, logs)``.
    **kwargs
        Any other hook of `Callback` by its name; other names become attributes.

    Examples
    --------
    >>> lines = []
    >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: lines.append(epoch))
    >>> callback.on_epoch_end(3, {})
    >>> lines
    [3]
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, hook in hooks.items():
            if not hasattr(Callback, name) or not (hook is None or callable(hook)):
                msg = f"LambdaCallback: {name} must be a hook, and its value a function, got {quoted(hook)}"
                raise TypeError(msg)
        vars(self).update({name: value for name, value in hooks.items() if value is not None})


class SwapEMAWeights(Callback):
    """Evaluate with the averaged weights of an optimizer with ``use_ema=True``, then take them out again.

    Parameters
    ----------
    swap_on_epoch : bool
        Whether they are there between epochs too, such as for a `ModelCheckpoint` behind this one.

    Raises
    ------
    ValueError
        At the start of `fit` or `evaluate`, when the optimizer keeps no averages.

    Examples
    --------
    >>> SwapEMAWeights(swap_on_epoch=True).swap_on_epoch
    True
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = bool(swap_on_epoch)
        self._kept: Any = None

    def _swap(self, averages: bool) -> None:
        if averages and self._kept is None:
            self._kept = self.model.get_weights()
            self.model.optimizer.finalize_variable_values()
        elif not averages and self._kept is not None:
            self.model.set_weights(self._kept)
            self._kept = None

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Look whether there are averages."""
        if not self.model.optimizer.use_ema:
            msg = "SwapEMAWeights: the optimizer must have use_ema=True"
            raise ValueError(msg)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Train the weights themselves."""
        self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Show the averages to what comes behind."""
        if self.swap_on_epoch:
            self._swap(True)

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Leave the averages in the weights, as the end of `fit` does."""
        self._kept = None

    def on_test_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Evaluate the averages."""
        self._swap(True)

    def on_test_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Go on with the weights."""
        self._swap(False)

    on_predict_begin, on_predict_end = on_test_begin, on_test_end
