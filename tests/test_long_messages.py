"""No message is longer than 400 characters, whatever it quotes: huge values for every argument in turn."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from conformance.table import TABLE

MODULES = [
    "activations", "callbacks", "initializers", "layers", "losses", "metrics",
    "models", "optimizers", "optimizers.schedules", "regularizers", "utils",
]  # fmt: skip


class Long:
    """An object that shows itself at length."""

    def __repr__(self) -> str:
        return "long " * 10_000


HUGE: dict[str, Any] = {
    "text": "q" * 20_000,
    "list": [0.5] * 20_000,
    "texts": ["q" * 300] * 300,
    "dict": {f"key {i}": np.full(9, 0.5) for i in range(3000)},
    "array": np.full((3, 3000), 0.5),
    "object": Long(),
    "dtype": np.dtype([(f"field {i}", "<f4") for i in range(300)]),
    "class": type("C" * 5000, (), {}),
    "instance": type("C" * 5000, (), {})(),
    "number": 10**4000,
}
# What operations read beside that.
MORE: dict[str, Any] = {
    **HUGE,
    "fields": np.zeros(2, [(f"field {i}", "<f4") for i in range(300)]),
    "axes": np.zeros((*(0, 123_456_789), *(1,) * 29)),
}
PLAIN: dict[str, Any] = {
    "units": 2, "filters": 2, "kernel_size": 3, "pool_size": 2, "target_shape": (4,), "rate": 0.5,
    "monitor": "loss", "filepath": "m.hotloop", "filename": "log.csv", "schedule": abs, "scale": 2.0,
    "shape": (4,), "activation": "relu", "log_dir": "logs", "boundaries": [1], "values": [0.1, 0.2],
    "initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.5, "value": 1.0, "fn": max,
    "loss": "mse", "k": 3, "identifier": None, "x": np.ones((2, 4)), "alpha": 0.5, "num_classes": 2,
}  # fmt: skip


def callables() -> list[tuple[str, Any]]:
    found = []
    for name in MODULES:
        module = importlib.import_module(f"hotloop.{name}")
        found += [(f"{name}.{each}", getattr(module, each)) for each in module.__all__]
    return [(name, value) for name, value in found if callable(value)]


def refusals(call: Any) -> list[str]:
    """Return what is said of each huge value as each argument, of calls that are right beside it."""
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):
        return []
    told = []
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    needed = {p.name: PLAIN.get(p.name, np.ones((2, 4))) for p in named if p.default is p.empty}
    for parameter in named:
        for value in HUGE.values():
            try:
                call(**{**needed, parameter.name: value})
            except OSError:
                pass  # the system's own text
            except Exception as error:
                if not str(error).startswith(
                    "could not convert string to float: np.str_("
                ):  # NumPy's own
                    told.append(f"{parameter.name}: {error}")
    return told


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "call"), callables(), ids=[name for name, _ in callables()])
def test_no_message_is_longer_than_400_characters(
    name: str, call: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for told in refusals(call):
        assert len(told) <= 400 + 30, f"{name}: {told[:500]}"


def test_models_quote_briefly_too(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = hl.Sequential([hl.layers.Dense(2, input_shape=(4,))])
    told: list[str] = []
    call: Any
    for call in (model.compile, model.get_layer, model.set_weights, model.load_weights, model.save):
        told += refusals(call)
    model.compile("sgd", "mse")
    for call in (model.fit, model.evaluate, model.predict, model.train_on_batch):
        told += refusals(call)
    assert told
    assert max(map(len, told)) <= 400 + 30, max(told, key=len)[:500]


@pytest.mark.parametrize("name", hl.functional.__all__)
def test_no_message_of_an_operation_is_longer_than_400_characters(name: str) -> None:
    function, said = getattr(hl.functional, name), []
    sample = next(s for s in TABLE[name].small if not s.empty)
    for argument in inspect.signature(function).parameters:
        for value in MORE.values():
            arrays = {key: array.copy() for key, array in sample.arrays.items()}
            try:
                function(**{**arrays, **sample.options, argument: value})
            except (TypeError, ValueError, MemoryError) as error:
                said.append(f"{argument}: {error}")
    assert said
    longest = max(said, key=lambda text: len(text.partition(": ")[2]))
    assert len(longest.partition(": ")[2]) <= 400, longest
