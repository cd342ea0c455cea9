"""Keys of the logs, and which way a figure gets better."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hotloop.metrics.base import Metric


def log_keys(
    names: Sequence[tuple[str, str]], weighted: int = 0, taken: Iterable[str] = ()
) -> list[str]:
    """Return one key for each metric, numbered as Keras does where names are equal.

    Parameters
    ----------
    names : sequence of (str, str)
        The output's prefix and the metric's name.
    weighted : int
        How many at the end see the samples' weights; one whose name is taken becomes
        ``weighted_...``.
    taken : iterable of str
        Keys that are given away already, beside ``loss``.

    Examples
    --------
    >>> log_keys([("", "recall"), ("", "recall"), ("", "recall")], weighted=1)
    ['recall', 'recall_1', 'weighted_recall']
    """
    used = {"loss", *taken}
    keys: list[str] = []
    for i, (prefix, name) in enumerate(names):
        plain = key = prefix + name
        if i >= len(names) - weighted and key in used:
            plain = key = f"{prefix}weighted_{name}"
        number = 0
        while key in used:
            number += 1
            key = f"{plain}_{number}"
        used.add(key)
        keys.append(key)
    return keys


_UP = ("accuracy", "acc", "auc", "precision", "recall", "f1_score", "r2_score")
_DOWN = ("loss", "mse", "mae", "mean_squared_error", "mean_absolute_error")


def direction(key: str, metric: Metric | None) -> str | None:
    """Return "up" or "down", whichever is better for a figure, or None when nothing says it.

    A metric knows; a figure without one, such as a callback's own, says it by a name that has one
    meaning only.

    Parameters
    ----------
    key : str
        Key of the logs.
    metric : Metric or None
        What computes it.

    Examples
    --------
    >>> direction("val_accuracy", None), direction("val_loss", None), direction("score", None)
    ('up', 'down', None)
    """
    # Metrics written for Keras have the underscore.
    known: str | None = getattr(metric, "_direction", None) or getattr(metric, "direction", None)
    if known is not None:
        return known
    name = key.removeprefix("val_")
    if name in _UP or name.endswith(("_accuracy", "_acc")):
        return "up"
    return "down" if name in _DOWN else None
