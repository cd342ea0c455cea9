"""Layers and models of one's own whose `call` consists of layers: the call is traced once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from hotloop import _core
from hotloop.graph.symbol import Symbol, Unit, calls_of, connect, traced_losses
from hotloop.registry import own

# Attributes of a model that hold what it found, not what its author gave it.
_FOUND = frozenset({"_ranked", "_layers", "_own_weights", "first_output"})


class _TheRun(int):
    """The `training` that a traced call is given: true or false, and known again when passed on."""


TRAINING, INFERENCE = _TheRun(1), _TheRun(0)


def fixed(training: bool | None) -> bool | None:
    """Return what a layer is told in every run; None for what a traced call was given."""
    return None if training is None or isinstance(training, _TheRun) else bool(training)


# Whether a call is being traced, so that weights read in it are values of the model.
_tracing: ContextVar[bool] = ContextVar("_tracing", default=False)


def is_tracing() -> bool:
    """Whether a `call` runs on symbols in this thread."""
    return _tracing.get()


def weights_as_symbols(on: bool = True) -> _core.Scope:
    """Let attributes that hold weights answer symbols inside."""
    return _core.Scope(_tracing, on)


def own_call(unit: Unit) -> Callable[..., Any] | None:
    """Return the `call` that the author of a layer or model wrote, or None."""
    call: Callable[..., Any] | None = getattr(unit, "call", None)
    return call if callable(call) else None


def wants_training(call: Callable[..., Any]) -> bool:
    """Whether a `call` is told if it is run in training."""
    return "training" in inspect.signature(call).parameters


def _in_containers(value: Any) -> Iterator[Unit]:
    if isinstance(value, Unit):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _in_containers(item)
    elif isinstance(value, Mapping):
        yield from _in_containers(list(value.values()))


def parts_of(unit: Unit) -> list[Any]:
    """Return the layers and models that the attributes of `unit` hold, in the order of its code."""
    found: dict[int, Unit] = {}
    for name, value in vars(unit).items():
        if name not in _FOUND:
            found |= {id(part): part for part in _in_containers(value) if part is not unit}
    return list(found.values())


def call_on_symbols(unit: Any, given: Any, training: int | None, mask: Any = None) -> Any:
    """Return what the `call` of `unit` answers to symbols.

    Raises
    ------
    TypeError
        When the call does anything but use layers, models and ``+ - *`` on values.
    """
    call: Any = own_call(unit)
    told: dict[str, Any] = {}
    if wants_training(call):
        told["training"] = TRAINING if training is None else training
    if mask is not None and "mask" in inspect.signature(call).parameters:
        told["mask"] = mask
    kind = type(unit).__name__
    advice = (
        f"{kind} {unit.name!r}: a call may use layers, models, operators and hotloop.ops on values, "
        "whose gradients are known; for other computations, write a layer with forward(x, cache, "
        "training) and backward(dy, cache) (docs/custom_layer.md)"
    )
    with calls_of(unit), weights_as_symbols(), traced_losses() as losses:
        try:
            answer = call(given, **told)
        except (TypeError, AttributeError) as error:
            msg = f"{advice}; this call stopped at: {error}"
            raise TypeError(msg) from error
    ends = list(answer.values()) if isinstance(answer, Mapping) else answer
    ends = list(ends) if isinstance(ends, list | tuple) else [ends]
    if not ends or not all(isinstance(end, Symbol) for end in ends):
        msg = f"{advice}; this call answered {type(answer).__name__}"
        raise TypeError(msg)
    if losses:
        with calls_of(unit):
            end = connect(own("layer")["AddedLoss"](), (ends[0], *losses), True)
        return _replaced(answer, ends[0], end)
    return answer


def _replaced(answer: Any, old: Any, new: Any) -> Any:
    """Return an answer with `new` in the place of `old`."""
    if isinstance(answer, Mapping):
        return {name: new if part is old else part for name, part in answer.items()}
    if isinstance(answer, list | tuple):
        return type(answer)(new if part is old else part for part in answer)
    return new


__all__ = [
    "INFERENCE",
    "TRAINING",
    "call_on_symbols",
    "fixed",
    "own_call",
    "parts_of",
    "wants_training",
]
