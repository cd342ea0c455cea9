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
