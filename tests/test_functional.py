"""``hotloop.functional`` is thin: the reference's names, their arguments handed on in order."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import hotloop._core
import hotloop.functional as F
import hotloop.reference as R

# Arguments of the compiled functions, read from the stub: {name: [argument, ...]}.
STUB = {
    node.name: [argument.arg for argument in node.args.args]
    for node in ast.parse(Path(hotloop._core.__file__).with_name("_core.pyi").read_text()).body
    if isinstance(node, ast.FunctionDef)
}
# These answer one array without taking `out`: the labels alone do not say where it would go.
WITHOUT_OUT = {"one_hot"}


def test_names_are_those_of_the_reference() -> None:
    assert F.__all__ == R.__all__ == sorted(F.__all__)
    cells = {f"{cell}{end}" for cell in ("gru", "lstm", "simple_rnn") for end in ("", "_backward")}
    assert cells <= set(F.__all__)
    assert set(F.__all__) - cells <= set(STUB)
    rooms = [{m.name for m in pkgutil.iter_modules(p.__path__) if m.name[0] != "_"} for p in (F, R)]
    assert rooms[0] == rooms[1]


@pytest.mark.parametrize("name", F.__all__)
def test_signature_is_that_of_the_reference_and_out(name: str) -> None:
    ours = dict(inspect.signature(getattr(F, name)).parameters)
    out = ours.pop("out", None)
    theirs = inspect.signature(getattr(R, name)).parameters
    assert list(ours) == list(theirs)
    assert [(p.kind, p.default) for p in ours.values()] == [
        (p.kind, p.default) for p in theirs.values()
    ]
    one_array = inspect.signature(getattr(F, name)).return_annotation in {
        "FloatArray",
        "Normalised | FloatArray",
    }
    assert (out is not None) == (one_array and name not in WITHOUT_OUT)


@pytest.mark.parametrize("name", F.__all__)
def test_arguments_reach_the_core_in_its_order(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function = getattr(F, name)
    arguments = {parameter: object() for parameter in inspect.signature(function).parameters}
    seen: list[tuple[object, ...]] = []
    # One operation of the core has the cell as its first argument.
    cell = name.removesuffix("_backward")
    core_name = name.replace(cell, "recurrent") if cell in {"gru", "lstm", "simple_rnn"} else name

    def record(*given: object) -> tuple[None, ...]:
        seen.append(given)
        return (None,) * (6 if name.endswith("_backward") else 4)

    core = SimpleNamespace(**{core_name: record})
    monkeypatch.setattr(importlib.import_module(function.__module__), "_core", core)
    function(**arguments)
    received = dict(zip(STUB[core_name], seen[0], strict=False))
    if core_name != name:
        assert received.pop("cell") == cell
        received = {key: value for key, value in received.items() if key in arguments}
    assert received == arguments


@pytest.mark.parametrize("name", F.__all__)
def test_docstrings_say_what_is_needed(name: str) -> None:
    text = inspect.getdoc(getattr(F, name)) or ""
    sections = ["Parameters", "Raises", "Notes", "Examples"]
    if not name.endswith("_update"):
        sections.insert(1, "Returns")
    places = [text.find(f"\n{section}\n---") for section in sections]
    assert places == sorted(places)
    assert places[0] > 0
    assert "``" in text[: places[0]]  # the formula
    assert "Source: " in text
    for parameter in inspect.signature(getattr(F, name)).parameters:
        listed = text[places[0] : places[1]]
        assert (
            f"\n{parameter} : " in listed
            or f"{parameter}, " in listed
            or f", {parameter} : " in listed
        )


def test_out_is_what_comes_back() -> None:
    x = np.linspace(-1, 1, 6).reshape(2, 3)
    out: np.ndarray[Any, Any] = np.empty((2, 3))
    assert F.affine(x, np.eye(3), out=out) is out
    np.testing.assert_array_equal(out, x)


MANY_AXES = np.ones((1,) * 9)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("sgd_update: param", lambda: F.sgd_update(MANY_AXES.copy(), MANY_AXES, lr=0.1)),
        (
            "dropout_backward: mask",
            lambda: F.dropout_backward(np.ones(1), MANY_AXES.astype("u1"), 0.5),
        ),
        (
            "softmax_cross_entropy: labels",
            lambda: F.softmax_cross_entropy(np.ones((1, 2)), MANY_AXES.astype(int)),
        ),
        ("one_hot: labels", lambda: F.one_hot(MANY_AXES.astype(int), 2)),
        ("relu: x", lambda: F.relu(MANY_AXES)),
        (
            "max_pool2d_backward: argmax",
            lambda: F.max_pool2d_backward(
                np.ones((1, 1, 1, 1)), MANY_AXES.astype(int), (1, 1, 2, 2)
            ),
        ),
    ],
)
def test_arrays_of_too_many_axes_are_named(name: str, call: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} has 9 axes; at most 8"):
        call()
