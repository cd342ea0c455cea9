"""Whether a call consists of core calls alone, found by recording it and looking at what it touched.

A rule says nothing about how it computes. It is recorded into a plan twice, on its own inputs and on
others of the same shapes: what it computes outside of the core shows as an array that no core call
made, or as a number that changed. What is left is run, and must answer the bits of the plain call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from hotloop import _core
from hotloop.autodiff.rule import Array, Saved

# function(saved, *arrays) -> an array, or a tuple of arrays and None
Function = Callable[..., Any]


def root(array: Array) -> Array:
    """Return the array that owns the memory of `array`."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def parts_of(answer: Any) -> tuple[Any, ...]:
    """Return an answer as a tuple."""
    return tuple(answer) if isinstance(answer, tuple | list) else (answer,)


def arrays_in(value: Any) -> Iterator[Array]:
    """Yield the arrays in nested tuples, lists, dicts and saved values."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, Saved):
        yield from arrays_in(vars(value))
    elif isinstance(value, dict):
        for item in value.values():
            yield from arrays_in(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from arrays_in(item)


def _others(value: Any, made: dict[int, Array]) -> Any:
    """Return `value` with other numbers in its arrays, each replaced once."""
    if isinstance(value, np.ndarray):
        if id(value) not in made:
            with np.errstate(all="ignore"):
                other: Array = (
                    ~value if value.dtype.kind == "b" else value.dtype.type(-1.25) - value
                )
            made[id(value)] = np.ascontiguousarray(other).reshape(value.shape)
        return made[id(value)]
    if isinstance(value, Saved):
        copy = Saved()
        vars(copy).update({key: _others(item, made) for key, item in vars(value).items()})
        return copy
    if isinstance(value, tuple | list):
        return type(value)(_others(item, made) for item in value)
    return value


def _copied(saved: Any) -> Any:
    if not isinstance(saved, Saved):
        return saved
    copy = Saved()
    vars(copy).update(vars(saved))
    return copy


def _foreign(plan: Any, known: set[int]) -> list[Array] | None:
    """Return constants that a plan reads beside known arrays; None when it reads anything else."""
    held = plan.held()
    known |= {id(root(array)) for array, made in held if made}
    foreign = [array for array, _ in held if id(root(array)) not in known]
    return foreign if all(a.size == 1 and a.dtype.kind == "f" for a in foreign) else None


def _same(a: Any, b: Any) -> bool:
    """Whether two saved values are equal where they are no arrays."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.shape == b.shape
    if isinstance(a, Saved):
        return isinstance(b, Saved) and _same(vars(a), vars(b))
    if isinstance(a, dict):
        return (
            isinstance(b, dict) and list(a) == list(b) and all(_same(a[key], b[key]) for key in a)
        )
    if isinstance(a, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and bool(a == b)


def same_bits(a: Array, b: Array) -> bool:
    """Whether two arrays hold the same bytes."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def recorded(
    function: Function, saved: Any, arrays: Sequence[Any], answer: tuple[Any, ...]
) -> tuple[Any, tuple[Any, ...], Any] | None:
    """Return the plan of a call, what it answers and what it saved; None unless the core does it all.

    Parameters
    ----------
    function : callable
        ``function(saved, *arrays)``.
    saved : Saved
        What the call before it kept; arrays that the plan may read.
    arrays : sequence of array or number
        Inputs; the plan reads them where they lie.
    answer : tuple of array or None
        What a plain call answered.
    """
    if any(isinstance(x, np.ndarray) and x.dtype.kind in "iub" for x in arrays):
        # Indices and labels are checked in Python.
        return None
    plan, mine = _core.Plan(exact=True), _copied(saved)
    trial = _core.Plan(exact=True)
    seen: dict[int, Array] = {}
    inputs = tuple(arrays)
    try:
        with plan.recording(anyone=True):
            parts = parts_of(function(mine, *inputs))
        others = _others(inputs, seen)
        second = _others(saved, seen)
        with trial.recording(anyone=True):
            function(second, *others)
    except Exception:
        return None
    before = [*arrays_in(inputs), *arrays_in(saved)]
    known = {id(root(a)) for a in before}
    foreign = _foreign(plan, known)
    known_to_trial = {id(root(a)) for a in [*arrays_in(others), *seen.values()]}
    constant = _foreign(trial, known_to_trial)
    if foreign is None or constant is None or len(foreign) != len(constant):
        return None
    if len(plan) != len(trial) or not all(map(same_bits, foreign, constant)):
        return None
    known |= {id(root(a)) for a in foreign}
    kept = [a for part in parts if part is not None for a in [np.asarray(part)]]
    if any(id(root(a)) not in known for a in [*kept, *arrays_in(mine)]) or not _same(mine, second):
        return None
    if [part is None for part in parts] != [part is None for part in answer]:
        return None
    constants = {id(root(a)) for a in foreign}
    if any(id(root(a)) in constants for a in kept):
        return None
    plan.run()
    pairs = zip(parts, answer, strict=True)
    if not all(a is None or same_bits(np.asarray(a), np.asarray(b)) for a, b in pairs):
        return None
    return plan, tuple(None if a is None else np.asarray(a) for a in parts), mine
