"""Callbacks: what happens around epochs and batches of `fit`, with Keras's hooks."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hotloop.models import Model

Logs = dict[str, float]


class Callback:
    """Base of all callbacks: every hook does nothing.

    Attributes
    ----------
    model : Model
        The model that trains; ``model.stop_training = True`` ends `fit` after the epoch.
    params : dict
        ``epochs``, ``steps``, ``verbose``.

    Examples
    --------
    >>> class Stop(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.model.stop_training = logs["loss"] < 0.1
    """

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Model) -> None:
        """Remember the model."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Remember epochs, steps and verbose."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before epoch `epoch`, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After epoch `epoch`; `logs` has the loss, metrics and their ``val_`` twins."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before training batch `batch`."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After training batch `batch`; `logs` has the means of the epoch so far."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before evaluation batch `batch`."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After evaluation batch `batch`."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before prediction batch `batch`."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After prediction batch `batch`."""


class History(Callback):
    """What `fit` returns: the logs of every epoch.

    Attributes
    ----------
    history : dict of str to list of float
        One entry an epoch for the loss, each metric and their ``val_`` twins.
    epoch : list of int
        The epochs, counted from 0.

    Examples
    --------
    >>> History().history
    {}
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Start with no epochs."""
        self.history, self.epoch = {}, []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the epoch's logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class ProgbarLogger(Callback):
    """A tqdm bar for each epoch, or one line for each.

    Parameters
    ----------
    verbose : int
        1 a bar with loss and metrics, 2 one line an epoch.
    """

    # Seconds between two refreshes of the figures beside the bar.
    _REFRESH = 0.1

    def __init__(self, verbose: int = 1) -> None:
        super().__init__()
        self.verbose = verbose
        self._bar: Any = None
        self._shown = 0.0
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Open the epoch's bar."""
        self._started = time.perf_counter()
        self._shown = 0.0
        if self.verbose == 1:
            # Slow to import, and seldom needed.
            from tqdm.auto import tqdm  # noqa: PLC0415

            self._bar = tqdm(
                total=self.params.get("steps"),
                desc=f"Epoch {epoch + 1}/{self.params.get('epochs')}",
                mininterval=self._REFRESH,
                unit="batch",
                dynamic_ncols=True,
            )

    def wants_batch(self) -> bool:
        """Whether the figures beside the bar are old enough to be shown again."""
        return self._bar is not None and time.perf_counter() - self._shown > self._REFRESH

    def advance(self) -> None:
        """Count one batch without showing figures."""
        if self._bar is not None:
            self._bar.update(1)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Show the figures so far."""
        if self._bar is not None:
            self._shown = time.perf_counter()
            self._bar.set_postfix(_figures(logs), refresh=False)
            self._bar.update(1)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Show the epoch's figures and close the bar, or print the line."""
        if self._bar is not None:
            self._bar.set_postfix(_figures(logs), refresh=True)
            self._bar.close()
            self._bar = None
        elif self.verbose == 2:
            seconds = time.perf_counter() - self._started
            text = " - ".join(f"{name}: {value}" for name, value in _figures(logs).items())
            line = f"Epoch {epoch + 1}/{self.params.get('epochs')} - {seconds:.1f}s - {text}\n"
            sys.stdout.write(line)
            sys.stdout.flush()

    def close(self) -> None:
        """Close a bar that an interrupted epoch left open."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _figures(logs: Logs | None) -> dict[str, str]:
    return {name: f"{value:.4f}" for name, value in (logs or {}).items()}


class CallbackList:
    """Callbacks called in order; batch hooks only where somebody listens."""

    def __init__(self, callbacks: Sequence[Callback], model: Model, params: dict[str, Any]) -> None:
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        self.progress = next((c for c in self.callbacks if type(c) is ProgbarLogger), None)
        self._listens = {
            hook: [c for c in self.callbacks if c is not self.progress and _overrides(c, hook)]
            for hook in ("on_train_batch_begin", "on_train_batch_end")
        }

    def call(self, hook: str, *args: Any) -> None:
        """Call one hook of every callback."""
        for callback in self.callbacks:
            getattr(callback, hook)(*args)

    def batch_begin(self, batch: int) -> None:
        """Before a training batch."""
        for callback in self._listens["on_train_batch_begin"]:
            callback.on_train_batch_begin(batch, {})

    def batch_end(self, batch: int, logs: Any) -> None:
        """After a training batch; `logs` is called only when somebody wants the figures."""
        listeners = self._listens["on_train_batch_end"]
        progress = self.progress
        shows = progress is not None and progress.wants_batch()
        if not listeners and not shows:
            if progress is not None:
                progress.advance()
            return
        figures = logs()
        for callback in listeners:
            callback.on_train_batch_end(batch, figures)
        if progress is not None:
            if shows:
                progress.on_train_batch_end(batch, figures)
            else:
                progress.advance()


def _overrides(callback: Callback, hook: str) -> bool:
    return getattr(type(callback), hook, None) is not getattr(Callback, hook)


__all__ = ["Callback", "CallbackList", "History", "ProgbarLogger"]
