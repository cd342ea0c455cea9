"""What `fit` shows and keeps: history, bar, lines."""

from __future__ import annotations

import sys
import time
import unicodedata
from typing import Any

import numpy as np

from hotloop.callbacks.base import BatchProgress, Callback, Logs
from hotloop.saving import kept


class History(Callback):
    """What `fit` returns: the logs of every epoch.

    Attributes
    ----------
    history : dict of str to list of float
        One entry an epoch for the loss, each metric and their ``val_`` twins.
    epoch : list of int
        The epochs, counted from 0.
    epochs : dict of str to list of int
        The epochs of each key; validation figures may come in some of them alone.

    Examples
    --------
    >>> History().history
    {}
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.epochs: dict[str, list[int]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Start with no epochs."""
        self.history, self.epoch, self.epochs = {}, [], {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the epoch's logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self.epochs.setdefault(name, []).append(epoch)

    def get_state(self) -> dict[str, Any]:
        """Return the epochs so far."""
        plain = {k: [np.asarray(v).tolist() for v in vs] for k, vs in self.history.items()}
        return {"epoch": list(self.epoch), "epochs": dict(self.epochs), "history": plain}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on behind the epochs of the run that is resumed."""
        rules = {"epoch": kept.counts, "epochs": kept.epochs, "history": kept.logs}
        found = kept.checked(self, state, rules)
        self.epoch, self.epochs, self.history = found["epoch"], found["epochs"], found["history"]


class ProgbarLogger(BatchProgress):
    """A bar for each epoch in a terminal or a notebook, or one line for each in a log.

    Figures stand behind the bar where all of them have room, else in lines below it.

    Parameters
    ----------
    verbose : int
        1 a tqdm bar with loss and metrics, 2 one line an epoch.

    Examples
    --------
    >>> ProgbarLogger(verbose=2).verbose
    2
    """

    # Seconds between two refreshes of the figures beside the bar.
    _REFRESH = 0.1

    def __init__(self, verbose: int = 1) -> None:
        super().__init__()
        self.verbose = verbose
        self._bar: Any = None
        self._below: list[Any] = []
        self._shown = 0.0
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Open the epoch's bar."""
        self._started = time.perf_counter()
        self._shown = 0.0
        if self.verbose == 1 and sys.stderr is not None:
            # Slow to import, and seldom needed.
            from tqdm.auto import tqdm  # noqa: PLC0415

            self._bar = bar = tqdm(
                total=self.params.get("steps"),
                desc=f"Epoch {epoch + 1}/{self.params.get('epochs')}",
                mininterval=self._REFRESH,
                unit="batch",
                dynamic_ncols=True,
            )
            # Neither a log nor a notebook's widget has columns, even where COLUMNS says so.
            if hasattr(bar, "container") or not bar.fp.isatty():
                bar.dynamic_ncols = bar.ncols = None

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
            self._show(logs)
            self._bar.update(1)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Show the epoch's figures and close the bar, or print the line."""
        if self._bar is not None:
            self._show(logs)
            self._bar.refresh()
            self.close()
        elif self.verbose == 2 and sys.stdout is not None:
            seconds = time.perf_counter() - self._started
            text = " - ".join(f"{name}: {value}" for name, value in figures(logs).items())
            line = f"Epoch {epoch + 1}/{self.params.get('epochs')} - {seconds:.1f}s - {text}\n"
            sys.stdout.write(line)
            sys.stdout.flush()

    def close(self) -> None:
        """Leave the bar as it is, with the figures below it; also one of an interrupted epoch."""
        if self._bar is not None:
            lines = [line.desc for line in self._below]
            self._place([])
            self._bar.close()
            self._bar.fp.write("".join(f"{line}\n" for line in lines))
            self._bar.fp.flush()
            self._bar = None

    def _show(self, logs: Logs | None) -> None:
        """Put figures behind the bar, or where they have no room below it."""
        bar, shown = self._bar, figures(logs)
        bar.bar_format = None
        bar.set_postfix(shown, refresh=False)
        width = bar.format_dict["ncols"]
        if width is None or _length(bar) <= width:
            lines = []
        else:
            bar.set_postfix_str("", refresh=False)
            shorter = iter(_SHORTER if bar.total else _SHORTER[1:])
            while _length(bar) > width and (form := next(shorter, None)):
                bar.bar_format = form
            lines = _wrapped([f"{name}={value}" for name, value in shown.items()], width)
        self._place(lines)

    def _place(self, lines: list[str]) -> None:
        """Let these lines stand below the bar, for as long as it runs."""
        while len(self._below) > len(lines):
            self._below.pop().close()
        while len(self._below) < len(lines):
            place = len(self._below) + 1
            self._below.append(
                type(self._bar)(
                    position=place, bar_format="{desc}", leave=False, dynamic_ncols=True
                )
            )
        for line, text in zip(self._below, lines, strict=True):
            line.set_description_str(text)


# What a bar is without room for its rate, and without room for itself.
_SHORTER = (
    "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]",
    "{desc}: {n_fmt}/{total_fmt}",
    "{n_fmt}/{total_fmt}",
)


def _length(bar: Any) -> int:
    """Return the columns that a bar takes with ten for the bar itself."""
    return _columns(bar.format_meter(**{**bar.format_dict, "ncols": None}))


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes; wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "FW" else 1 for c in text)


def _wrapped(fields: list[str], width: int) -> list[str]:
    """Return fields in lines of at most `width` columns; one longer than that has its own."""
    lines: list[str] = []
    for field in fields:
        if lines and _columns(f"{lines[-1]}, {field}") <= width:
            lines[-1] += f", {field}"
        else:
            lines.append(f"  {field}")
    return lines


def figures(logs: Logs | None) -> dict[str, str]:
    """Return logs as they are shown: four decimals, more for what is smaller than those."""
    return {name: _figure(value) for name, value in (logs or {}).items()}


def _figure(value: Any) -> str:
    if np.ndim(value):
        return "[" + " ".join(_figure(v) for v in np.ravel(value)) + "]"
    small = 0.0 < abs(value) < 1e-3
    return f"{value:.4e}" if small else f"{value:.4f}"
