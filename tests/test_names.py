"""Names at the door: what ``dir``, ``help``, ``repr`` and a misspelt name answer, and what a type checker sees."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import zoo
from test_package import answer, run

PUBLIC = [
    "activations", "backend", "book", "callbacks", "config", "datasets", "estimators", "functional",
    "initializers", "layers", "losses", "metrics", "models", "optimizers", "optimizers.schedules",
    "plotting", "random", "reference", "regularizers", "saving", "utils",
]  # fmt: skip


def public_module(name: str) -> Any:
    if name == "estimators":
        pytest.importorskip("sklearn")
    return importlib.import_module(f"hotloop.{name}")


@pytest.mark.parametrize("name", PUBLIC)
def test_dir_lists_the_public_names_and_no_others(name: str) -> None:
    module = public_module(name)
    listed = [other for other in dir(module) if not other.startswith("__")]
    assert set(module.__all__) <= set(dir(module))
    assert not {"Any", "TYPE_CHECKING", "annotations", "importlib", "np", "serve"} & set(listed)
    for other in listed:
        assert getattr(module, other) is not None


def test_dir_of_the_package_lists_what_an_extra_needs_too() -> None:
    listed = dir(hl)
    assert {"estimators", "plotting", "regularizers", "book"} <= set(listed)
    assert not {"Any", "TYPE_CHECKING", "importlib"} & set(listed)
    assert {name for name in PUBLIC if "." not in name} <= set(listed)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_misspelt_name_is_answered_with_the_nearest(name: str) -> None:
    module = public_module(name)
    meant = max(module.__all__, key=len)
    slip = f"{meant[:-2]}{meant[-1]}{meant[-2]}x"
    with pytest.raises(AttributeError) as caught:
        getattr(module, slip)
    said = f"module 'hotloop.{name}' has no attribute {slip!r}; did you mean {meant!r}?"
    assert str(caught.value) == said
    with pytest.raises(AttributeError, match=r"has no attribute 'qqqqq'$"):
        module.qqqqq  # noqa: B018
    with pytest.raises(AttributeError) as caught:
        getattr(module, "q" * 100_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: hl.optimizers.Adma, "no attribute 'Adma'; did you mean 'Adam'?"),  # type: ignore[attr-defined]
        (lambda: hl.layers.Dens, "no attribute 'Dens'; did you mean 'Dense'?"),  # type: ignore[attr-defined]
        (lambda: hl.layers.maxpooling2d, "did you mean 'MaxPooling2D'?"),  # type: ignore[attr-defined]
        (lambda: hl.sequential, "did you mean 'Sequential'?"),  # type: ignore[attr-defined]
        (
            lambda: hl.optimizers.get("adma"),
            "schedulefreeadamw, sgd; did you mean 'adam'?",
        ),
        (lambda: hl.activations.get("reluu"), "...; did you mean 'relu'?"),
        (lambda: hl.losses.get("binary_crosentropy"), "did you mean 'binary_crossentropy'?"),
        (lambda: hl.metrics.get("acuracy"), "did you mean 'accuracy'?"),
        (lambda: hl.initializers.get("glorot_unifrom"), "did you mean 'glorot_uniform'?"),
        (lambda: hl.regularizers.get("L12"), "did you mean 'l1"),
        (lambda: zoo.build("simple_cn", (8, 8, 1), 10), "did you mean 'simple_cnn'?"),
        (lambda: hl.optimizers.get("q" * 10_000), "valid names: adadelta"),
    ],
)
def test_misspelt_names_and_strings(call: Any, said: str) -> None:
    with pytest.raises((AttributeError, ValueError)) as caught:
        call()
    assert said in str(caught.value)
    assert len(str(caught.value)) <= 400


def test_a_traceback_guesses_once() -> None:
    last = run("import hotloop; hotloop.optimizers.Adma").stderr.strip().splitlines()[-1]
    assert last.lower().count("did you mean") == 1


def test_a_probe_for_a_private_name_costs_no_search() -> None:
    code = "import json, sys, hotloop; hasattr(hotloop, '_ipython_display_'); print(json.dumps('difflib' in sys.modules))"
    assert answer(code) is False


if TYPE_CHECKING:
    # To a type checker every module is a module: had it become Any, these would fail.
    from typing_extensions import assert_type

    hl.plotting.nowhere  # type: ignore[attr-defined]  # noqa: B018
    assert_type(hl.estimators.HotloopClassifier().n_iter_no_change, int)
    assert_type(hl.regularizers.L2(0.1), hl.regularizers.L2)
    assert_type(hl.book.load_params.__name__, str)
    hl.nowhere  # type: ignore[attr-defined]  # noqa: B018
    hl.utils.nowhere  # type: ignore[attr-defined]  # noqa: B018
    hl.book.nowhere  # type: ignore[attr-defined]  # noqa: B018


def net() -> Any:
    model = hl.Sequential([hl.layers.Dense(2, input_shape=(4,))], name="net")
    model.predict(np.zeros((1, 4)), verbose=0)
    return model


SHOWN: list[tuple[Any, str]] = [
    (lambda: hl.Sequential(name="net"), "<Sequential name='net', not built>"),
    (net, "<Sequential name='net', (None, 4) -> (None, 2), 10 parameters>"),
    (lambda: hl.layers.Dense(3, name="d"), "<Dense name='d'>"),
    (hl.optimizers.Adam, "Adam(learning_rate=0.001)"),
    (lambda: hl.optimizers.SGD(0.1, nesterov=True), "SGD(learning_rate=0.1, nesterov=True)"),
    (lambda: hl.optimizers.AdamW(clipnorm=1.0), "AdamW(learning_rate=0.001, clipnorm=1.0)"),
    (
        lambda: hl.optimizers.SGD(hl.optimizers.schedules.ExponentialDecay(0.1, 9, 0.5)),
        "SGD(learning_rate=ExponentialDecay(...))",
    ),
    (
        lambda: hl.optimizers.schedules.ExponentialDecay(0.1, 9, 0.5),
        "ExponentialDecay(initial_learning_rate=0.1, decay_steps=9, decay_rate=0.5)",
    ),
    (hl.losses.Huber, "Huber()"),
    (lambda: hl.losses.MeanSquaredError(name="error"), "MeanSquaredError(name='error')"),
    (lambda: hl.losses.BinaryCrossentropy(from_logits=True), "BinaryCrossentropy(from_logits=True)"),
    (lambda: hl.metrics.Recall(class_id=1), "Recall(class_id=1)"),
    (hl.metrics.F1Score, "F1Score()"),
    (lambda: hl.metrics.FunctionMetric(max), "FunctionMetric(fn=max, name='max')"),
    (lambda: hl.initializers.RandomNormal(stddev=0.1), "RandomNormal(stddev=0.1)"),
    (lambda: hl.regularizers.L2(0.1), "L2(l2=0.1)"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "shown"), SHOWN)
def test_objects_show_what_they_are(make: Any, shown: str) -> None:
    assert repr(make()) == shown


def test_showing_a_model_builds_nothing_and_draws_nothing() -> None:
    model = hl.Sequential([hl.layers.Dense(2)])
    state = hl.random.get_state()
    assert repr(model) == "<Sequential name='sequential', not built>"
    assert not model.built
    assert hl.random.get_state() == state


@pytest.mark.parametrize("name", ["Sequential", "Model", "Layer", "Optimizer", "Loss", "Metric"])
def test_help_sends_to_nothing_that_is_not_public(name: str) -> None:
    cls = getattr(hl, name)
    for method in [part for part in dir(cls) if not part.startswith("_")]:
        for owner in re.findall(r"[Ss]ee `(\w+)\.\w+`", inspect.getdoc(getattr(cls, method)) or ""):
            assert hasattr(hl, owner), f"{name}.{method} sends to {owner}"
    if name in ("Sequential", "Model"):
        assert "loss_weights" in (cls.compile.__doc__ or "")
