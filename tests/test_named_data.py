"""Data, weights and settings that are given by name, or beside what they need: none is ignored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop as hl

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((20, 5)), RNG.integers(0, 3, 20)
TWO, ENDS = {"i": X, "j": X}, {"a": X[:, 0], "b": Y}


def one() -> hl.Sequential:
    hl.set_seed(1)
    made = hl.Sequential([hl.Input((5,)), hl.layers.Dense(3, activation="softmax", name="d")])
    made.compile("sgd", "sparse_categorical_crossentropy")
    return made


def two() -> hl.Model:
    hl.set_seed(1)
    i, j = hl.Input((5,), name="i"), hl.Input((5,), name="j")
    both = hl.layers.Concatenate()([i, j])
    b = hl.layers.Dense(3, activation="softmax", name="b")(both)
    made = hl.Model([i, j], [hl.layers.Dense(1, name="a")(both), b])
    made.compile("sgd", {"a": "mse", "b": "sparse_categorical_crossentropy"})
    return made


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "an input": (lambda: two().predict({"i": X, "z": X}), r"no \['z'\]; there are \['i', 'j'\]"),
    "an input too many": (lambda: two().predict({**TWO, "k": X}), r"no \['k'\]"),
    "an input missing": (lambda: two().predict({"i": X}), "x is missing"),
    "an output missing": (
        lambda: two().evaluate(TWO, {"a": X[:, 0]}, verbose=0),
        "y of 'b' is missing",
    ),
    "a weight": (
        lambda: two().fit(TWO, ENDS, sample_weight={"z": np.ones(20)}, verbose=0),
        r"sample_weight: no \['z'\]; there are \['a', 'b'\]",
    ),
    "a weight of one output": (
        lambda: one().fit(X, Y, sample_weight={"z": np.ones(20)}, verbose=0),
        r"sample_weight: no \['z'\]; there are \['d'\]",
    ),
    "a weight that is no number": (
        lambda: one().fit(X, Y, sample_weight=np.full(20, np.nan), verbose=0),
        "sample_weight must be finite, got nan",
    ),
    "a class weight that is no number": (
        lambda: one().fit(X, Y, class_weight={0: float("inf")}, verbose=0),
        "the class_weight of 0 must be finite, got inf",
    ),
    "a list of batches": (
        lambda: one().fit([(X, Y)], verbose=0),
        "fit: x is a list whose parts have different shapes",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_named(what: str) -> None:
    call, text = WRONG[what]
    with pytest.raises(ValueError, match=text):
        call()


def test_the_only_output_takes_its_weights_by_name_too() -> None:
    w = np.linspace(0.0, 2.0, 20)
    by_name = one().fit(X, Y, sample_weight={"d": w}, shuffle=False, verbose=0).history
    assert by_name == one().fit(X, Y, sample_weight=w, shuffle=False, verbose=0).history


@pytest.mark.parametrize("given", [{"validation_steps": 3}, {"validation_batch_size": 3}])
def test_settings_of_a_validation_that_is_not_there_are_told(given: dict[str, Any]) -> None:
    with pytest.warns(UserWarning, match="no effect without validation_data"):
        one().fit(X, Y, verbose=0, **given)
    one().fit(X, Y, verbose=0, validation_data=(X, Y), **given)


def test_batches_of_several_inputs_give_every_output() -> None:
    made = two()
    want = made.predict(TWO)
    for batches in (
        ({"i": X[k : k + 8], "j": X[k : k + 8]} for k in range(0, 20, 8)),
        (((X[k : k + 8], X[k : k + 8]), None) for k in range(0, 20, 8)),
    ):
        got = made.predict(batches)
        assert [y.shape for y in got] == [(20, 1), (20, 3)]
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
