"""What callbacks keep in a backup, and what a value from a file must be to take its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np

from hotloop._support.quoting import quoted

# Called with the callback and the value; says whether the value may be taken.
Rule = Callable[[Any, Any], bool]
_MOST = 2**53


def count(_: Any, value: Any) -> bool:
    """Whether a value is a number of epochs, batches or bytes."""
    return type(value) is int and 0 <= value < _MOST


def count_or_none(_: Any, value: Any) -> bool:
    """Whether a value is a count, or that there is none yet."""
    return value is None or count(None, value)


def figure(_: Any, value: Any) -> bool:
    """Whether a value is a figure of the logs, or that there is none yet."""
    return value is None or (
        isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124
    )


def weights(callback: Any, value: Any) -> bool:
    """Whether a value is weights of the callback's model, or that there are none yet."""
    if value is None:
        return True
    live = callback.model.get_weights()
    return (
        isinstance(value, list)
        and len(value) == len(live)
        and all(
            isinstance(new, np.ndarray) and new.shape == old.shape and new.dtype == old.dtype
            for new, old in zip(value, live, strict=True)
        )
    )


def counts(_: Any, value: Any) -> bool:
    """Whether a value is a list of epochs."""
    return isinstance(value, list) and all(count(None, each) for each in value)


def epochs(_: Any, value: Any) -> bool:
    """Whether a value is lists of epochs by key of the logs."""
    return isinstance(value, dict) and all(counts(None, each) for each in value.values())


def logs(_: Any, value: Any) -> bool:
    """Whether a value is what a `History` holds: lists of figures, or of lists of figures, by key."""
    return isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(each, list) and _plain(each, 8)
        for name, each in value.items()
    )


def _plain(value: Any, depth: int) -> bool:
    if isinstance(value, list):
        return depth > 0 and all(_plain(each, depth - 1) for each in value)
    return value is None or isinstance(value, bool | int | float | str)


def refuse(callback: Any, text: str) -> NoReturn:
    """Raise the error of a state that is not the callback's."""
    msg = f"altered: the state of {type(callback).__name__} {text}"
    raise ValueError(msg)


def checked(callback: Any, state: Any, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Return the values that `rules` name, each of which keeps its rule.

    Parameters
    ----------
    callback : Callback
        Whose state it is; its `get_state` says which names there are.
    state : dict
        From a file.
    rules : mapping of str to Rule
        Of the names that the caller takes.

    Raises
    ------
    ValueError
        A name that `get_state` does not answer, one that is missing, or a value against its rule.

    Examples
    --------
    >>> from hotloop.callbacks import BackupAndRestore
    >>> checked(BackupAndRestore("folder"), {"_batches": 3}, {"_batches": count})
    {'_batches': 3}
    """
    known = check_names(callback, state)
    for name, rule in rules.items():
        if name not in known or name not in state:
            refuse(callback, f"has no {name!r}")
        if not rule(callback, state[name]):
            refuse(callback, f"has {quoted(state[name])} as {name!r}")
    return {name: state[name] for name in rules}


def check_names(callback: Any, state: Any) -> set[str]:
    """Return the names of a callback's state; a ValueError when `state` has others."""
    known = set(callback.get_state())
    foreign = sorted(set(state) - known)
    if foreign:
        refuse(callback, f"has no {quoted(foreign[0], 60)}, only {quoted(sorted(known))}")
    return known


__all__ = [
    "Rule",
    "check_names",
    "checked",
    "count",
    "count_or_none",
    "counts",
    "epochs",
    "figure",
    "logs",
    "weights",
]
