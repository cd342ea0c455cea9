"""What a backup may not change: the arguments of callbacks, the range of generators and rates; and how long words may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import hotloop as hl

LONGEST = 400
_PLAIN = str | int | float | bool | Path | None


def watched(folder: Path) -> list[hl.callbacks.Callback]:
    """Return callbacks that keep something in a backup."""
    return [
        hl.callbacks.ModelCheckpoint(folder / "best", monitor="loss", save_best_only=True),
        hl.callbacks.EarlyStopping("loss", patience=5, restore_best_weights=True),
        hl.callbacks.ReduceLROnPlateau("loss"),
        hl.callbacks.CSVLogger(folder / "log.csv"),
    ]


def arguments(calls: list[hl.callbacks.Callback]) -> list[dict[str, Any]]:
    """Return what each callback was given, which no state says."""
    return [
        {
            name: value
            for name, value in vars(call).items()
            if name[0] != "_"
            and name not in {"model", *call.state_rules}
            and isinstance(value, _PLAIN)
        }
        for call in calls
    ]


def wrong(model: Any, calls: list[hl.callbacks.Callback], before: list[dict[str, Any]]) -> str:
    """Return what is not as it must be after a run, or nothing."""
    if arguments(calls) != before:
        return "a backup has changed what a callback was given"
    _, _, place, *_ = np.random.get_state()  # noqa: NPY002 - a backup holds it
    if not 0 <= int(place) <= 624:
        return f"NumPy's generator stands at {place}"
    np.random.random(3)  # noqa: NPY002 - as above
    rate = float(model.optimizer.learning_rate)
    return "" if rate >= 0.0 else f"the learning rate is {rate}"


__all__ = ["LONGEST", "arguments", "watched", "wrong"]
