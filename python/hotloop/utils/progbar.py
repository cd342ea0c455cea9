"""A progress bar for loops written by hand."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from hotloop._support.quoting import quoted

__all__ = ["Progbar"]


class Progbar:
    """A bar with averages of figures beside it, for loops written by hand.

    Parameters
    ----------
    target : int or None
        Steps in all; None when that is not known.
    width : int
        Of the bar.
    verbose : {0, 1, 2}
        Nothing, a bar, or one line at the end.
    interval : float
        Seconds between two pictures.
    stateful_metrics : iterable of str, optional
        Figures that are shown as they come, not averaged over the steps.
    stateless_metrics : iterable of str, optional
        Figures that are averaged, and no others.
    unit_name : str
        What a step is called.

    Raises
    ------
    ValueError
        When both kinds of figures are listed.

    Notes
    -----
    Source: keras.utils.Progbar.

    Examples
    --------
    >>> bar = Progbar(2, verbose=2)
    >>> bar.add(1, [("loss", 0.5)])
    >>> bar.add(1, [("loss", 0.25)])  # doctest: +ELLIPSIS
    2/2 - 0s - ...s/step - loss: 0.3750
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            msg = "Progbar: give stateful_metrics or stateless_metrics, not both"
            raise ValueError(msg)
        if verbose not in (0, 1, 2):
            msg = f"Progbar: verbose must be 0, 1 or 2, got {quoted(verbose)}"
            raise ValueError(msg)
        self.target, self.width, self.verbose = target, width, verbose
        self.interval, self.unit_name = interval, unit_name
        self.stateful_metrics = set(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._sums: dict[str, tuple[float, int]] = {}
        self._seen, self._shown, self._columns = 0, 0.0, 0
        self._start = time.time()

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, Any]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Show that `current` steps are over.

        Parameters
        ----------
        current : int
            Steps so far.
        values : list of (str, float), optional
            Figures of the last step.
        finalize : bool, optional
            Whether it was the last one; by default when `target` is reached.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        steps = max(current - self._seen, 1)
        for name, value in values or ():
            figure = float(np.mean(value))
            if self.stateless_metrics is None:
                averaged = name not in self.stateful_metrics
            else:
                averaged = name in self.stateless_metrics
            total, count = self._sums.get(name, (0.0, 0)) if averaged else (0.0, 0)
            self._sums[name] = (total + figure * steps, count + steps)
        self._seen = current
        now = time.time()
        late = now - self._shown >= self.interval
        if not self.verbose or not (finalize or (self.verbose == 1 and late)):
            return
        self._shown = now
        taken = now - self._start
        parts = [self._counted(current), f"{taken:.0f}s", self._pace(taken / max(current, 1))]
        for name, (total, count) in self._sums.items():
            mean = total / max(count, 1)
            parts.append(f"{name}: {mean:.4f}" if abs(mean) > 1e-3 else f"{name}: {mean:.4e}")
        text = " - ".join(parts)
        back = "\r" if self.verbose == 1 else ""
        sys.stdout.write(f"{back}{text.ljust(self._columns)}" + ("\n" if finalize else ""))
        sys.stdout.flush()
        self._columns = len(text) if self.verbose == 1 else 0

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Show that `n` more steps are over; see `update`."""
        self.update(self._seen + n, values)

    def _counted(self, current: int) -> str:
        if not self.target:
            return f"{current}/Unknown"
        text = f"{current:{len(str(self.target))}}/{self.target}"
        if self.verbose == 2:
            return text
        done = min(self.width, self.width * current // self.target)
        return f"{text} {'━' * done}{'─' * (self.width - done)}"

    def _pace(self, seconds: float) -> str:
        for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
            if seconds >= size or unit == "us":
                break
        return f"{seconds / size:.0f}{unit}/{self.unit_name}"
