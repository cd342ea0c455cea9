"""Warnings that teach: each where it belongs, once, and nowhere else."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import batch
from hotloop import layers
from hotloop.config import DiagnosisWarning

LOSS = "sparse_categorical_crossentropy"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    hl.config.set_diagnosis(True)
    yield
    hl.config.set_diagnosis(True)


def network(*hidden: layers.Layer, rate: float = 0.1, features: int = 20) -> hl.Sequential:
    hl.set_seed(1)
    model = hl.Sequential([hl.Input((features,)), *hidden, layers.Dense(4, "softmax")])
    model.compile(hl.optimizers.SGD(rate), LOSS)
    return model


def warned(model: hl.Model, x: Any, t: Any, **kwargs: Any) -> list[str]:
    """Train, and return the warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model.fit(x, t, verbose=0, **kwargs)
    assert all(issubclass(w.category, DiagnosisWarning) for w in told)
    return [str(w.message) for w in told]


def test_a_good_training_is_left_alone() -> None:
    (x, t), _ = hl.datasets.digits.load_data()
    for first in ([layers.Flatten()], [layers.Conv2D(8, 3, activation="relu"), layers.MaxPool2D()]):
        hl.set_seed(1)
        body = [*first, layers.Flatten(), layers.Dense(16, "relu"), layers.Dense(10, "softmax")]
        model = hl.Sequential([hl.Input((8, 8, 1)), layers.Rescaling(1 / 16), *body])
        model.compile("adam", LOSS, ["accuracy"])
        assert warned(model, x[..., None], t, epochs=3, validation_split=0.2) == []


def test_pixels_that_are_not_scaled() -> None:
    x, t = np.random.default_rng(0).integers(0, 256, (64, 20)), np.arange(64) % 4
    for values in (x.astype(np.uint8), x.astype(np.float32)):
        hl.config.set_diagnosis(True)
        (text,) = warned(network(rate=1e-6), values, t)
        assert "the inputs lie between 0 and 255" in text
        assert "Rescaling(1 / 255)" in text
    assert warned(network(rate=1e-6), x, t) == []  # once
    hl.config.set_diagnosis(True)
    for first in (layers.Rescaling(1 / 255), layers.BatchNormalization()):
        assert warned(network(first, rate=1e-6), x, t) == []
    assert warned(network(rate=1e-6), x / 255, t) == []


def one_unit(end: str | None = "sigmoid", loss: Any = "binary_crossentropy", units: int = 1) -> Any:
    hl.set_seed(1)
    model = hl.Sequential([hl.Input((20,)), layers.Dense(units, end)])
    model.compile(hl.optimizers.SGD(0.01), loss)
    return model


UNREACHED = [
    (np.arange(60) % 10, "whole numbers from 0 to 9, such as class ids: for classes take Dense(10"),
    (np.arange(60) % 2 * 255, "are 0 and 255: give 0 and 1, for example y / 255"),
    (np.arange(60) % 2 * 2 - 1, "are -1 and 1: give 0 and 1, for example (y + 1) / 2"),
    (np.arange(60) % 2 + 1, "are 1 and 2: give 0 and 1, for example (y - 1) / 1"),
    (np.tile([-2.0, 0.5, 3.0], 20), "lie between -2 and 3: scale them to 0..1"),
]


@pytest.mark.parametrize(("t", "text"), UNREACHED)
@pytest.mark.parametrize("data", ["arrays", "batches", "several"])
@pytest.mark.parametrize("loss", ["binary_crossentropy", "mse"])
def test_targets_that_a_sigmoid_cannot_reach(t: Any, text: str, data: str, loss: str) -> None:
    x, model = batch(60, features=20)[0], one_unit(loss=loss)
    given: Any = (x, t)
    if data == "batches":
        given = (hl.DataLoader(x, t, batch_size=20), None)
    if data == "several":
        inputs = hl.Input((20,))
        ends = [layers.Dense(2)(inputs), layers.Dense(1, "sigmoid")(inputs)]
        model = hl.Model(inputs, ends)
        model.compile("sgd", ["mse", loss])
        given = (x, [np.ones((60, 2)), t])
    (told,) = warned(model, *given, epochs=2)
    assert text in told
    assert len(told) < 400
    assert warned(model, *given) == []  # once


LOGITS = hl.losses.BinaryCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    ("model", "t", "text"),
    [
        (("tanh", "mse"), np.arange(60.0), "outputs of tanh lie from -1 to 1"),
        ((None, LOGITS), np.arange(60) % 2 * 2 - 1, "-1 and 1"),
        (
            ("softmax", "categorical_crossentropy", 3),
            np.eye(3)[np.arange(60) % 3] * 255,
            "0 and 255",
        ),
        (("softmax",), np.arange(60) % 2, "a softmax over one unit answers 1 to every"),
    ],
)
def test_other_targets_without_an_output(model: Any, t: Any, text: str) -> None:
    (told,) = warned(one_unit(*model), batch(60, features=20)[0], t)
    assert text in told


@pytest.mark.parametrize(
    ("end", "loss", "units", "t"),
    [
        ("sigmoid", "binary_crossentropy", 1, np.arange(60) % 2),
        ("sigmoid", "binary_crossentropy", 1, (np.arange(60) % 2).astype(bool)),
        ("sigmoid", "mse", 1, np.linspace(0, 1, 60)),
        ("tanh", "mse", 1, np.linspace(-1, 1, 60)),
        (None, "mse", 1, np.arange(60) / 9.0),
        ("relu", "mae", 1, np.arange(60) / 9),
        ("softmax", "sparse_categorical_crossentropy", 10, np.arange(60) % 10),
        ("softmax", "categorical_crossentropy", 10, np.eye(10)[np.arange(60) % 10]),
        ("softmax", "sparse_categorical_crossentropy", 10, np.arange(60)[:, None] % 10),
    ],
)
def test_targets_that_fit_are_left_alone(end: Any, loss: str, units: int, t: Any) -> None:
    x = batch(60, features=20)[0] / 10
    assert warned(one_unit(end, loss, units), x, t) == []


def test_a_warning_points_to_the_line_of_the_user() -> None:
    x = batch(60, features=20)[0]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        one_unit().fit(x, np.arange(60) % 10, verbose=0)
        hl.losses.BinaryCrossentropy().forward([[0.0], [1.0]], [[0.2], [0.9]])
    assert [w.filename for w in told] == [__file__] * 2


ROWS = np.array([[1.0, 0.0], [0.0, 1.0]])
PROBABILITIES = np.array([[0.8, 0.2], [0.4, 0.6]])


def test_outputs_and_targets_in_the_wrong_order() -> None:
    ids = np.array([0, 1])
    for loss in (hl.losses.SparseCategoricalCrossentropy(), hl.losses.CategoricalCrossentropy()):
        value = loss.forward(PROBABILITIES, ids)
        assert loss(ids, PROBABILITIES) == value
        with pytest.raises(ValueError, match="forward takes the outputs first, forward"):
            loss.forward(ids, PROBABILITIES)
        with pytest.raises(ValueError, match="a call takes the targets first, loss"):
            loss(PROBABILITIES, ids)
    with pytest.raises(ValueError, match="a call takes the targets first, loss"):
        hl.losses.sparse_categorical_crossentropy(PROBABILITIES, ids)
    with pytest.raises(ValueError, match="do not match") as told:
        hl.losses.MeanSquaredError().forward(np.ones((2, 3)), np.ones((2, 2)))
    assert "first" not in str(told.value)


@pytest.mark.parametrize("name", ["BinaryCrossentropy", "CategoricalCrossentropy"])
def test_probabilities_as_targets_of_exact_outputs(name: str) -> None:
    loss = getattr(hl.losses, name)()
    calls: list[tuple[Callable[[], float], str]] = [
        (lambda: loss.forward(ROWS, PROBABILITIES), "forward takes the outputs first"),
        (lambda: loss(PROBABILITIES, ROWS), "a call takes the targets first"),
    ]
    for call, order in calls:
        hl.config.set_diagnosis(True)
        with pytest.warns(DiagnosisWarning, match=f"all outputs are 0 or 1, .*: {order}"):
            call()
        call()  # once
    hl.config.set_diagnosis(True)
    loss.forward(PROBABILITIES, ROWS)
    loss(ROWS, PROBABILITIES)
    loss(ROWS, ROWS)
    hl.config.set_diagnosis(False)
    loss.forward(ROWS, PROBABILITIES)


def test_a_validation_split_of_sorted_labels() -> None:
    x, t = batch(60, features=20)
    order = np.argsort(t)
    for labels in (t[order], np.eye(4)[t[order]], t[order].reshape(-1, 1)):
        hl.config.set_diagnosis(True)
        (text,) = warned(network(), x[order], labels, validation_split=0.1)
        assert "the labels are sorted" in text
        assert "of class 3 alone" in text
    hl.config.set_diagnosis(True)
    assert warned(network(), x, t, validation_split=0.1) == []
    assert warned(network(), x[order], t[order]) == []


def test_a_loss_that_stays_at_that_of_guessing() -> None:
    x, t = batch(200, features=20)
    model = network(rate=0.0)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    (text,) = warned(model, x, t, batch_size=2, epochs=3)
    assert "still 1.3863, that of guessing among 4 classes" in text
    hl.config.set_diagnosis(True)
    assert warned(network(rate=0.0), x * 3, t, batch_size=2, epochs=3) == []


@pytest.mark.parametrize("conv", [False, True])
def test_dead_relus(conv: bool) -> None:
    x, t = batch(64, features=36)
    low: dict[str, Any] = {"bias_initializer": hl.initializers.Constant(-50), "name": "gone"}
    hidden: list[layers.Layer] = [layers.Dense(10, "relu", **low)]
    if conv:
        gone = layers.Conv2D(10, 3, activation="relu", **low)
        hidden = [layers.Reshape((6, 6, 1)), gone, layers.MaxPool2D(), layers.Flatten()]
    (text,) = warned(network(*hidden, rate=0.001, features=36), x, t)
    assert "10 of the 10 units of layer 'gone' answered 0" in text


def test_nan_names_the_layer_where_it_began() -> None:
    x, t = batch(64, features=20)
    model = network(layers.Dense(8, "tanh"), layers.Dense(8, name="second"))
    model.params["second/bias"][3] = np.nan
    (text,) = warned(model, x, t)
    assert "the loss became NaN in step 1;" in text
    assert "in the output of layer 'second'" in text
    hl.config.set_diagnosis(True)
    x[5, 2] = np.nan
    (text,) = warned(network(), x, t)
    assert "in the inputs: x holds NaN" in text


def test_each_is_told_once() -> None:
    x, t = batch(64, features=20)
    order = np.argsort(t)
    (text,) = warned(network(), x[order], t[order], validation_split=0.1)
    assert "the labels are sorted" in text
    assert warned(network(), x[order], t[order], validation_split=0.1) == []

    def stuck() -> list[str]:
        model = network(rate=0.0)
        model.set_weights([np.zeros_like(w) for w in model.get_weights()])
        return warned(model, x, t, batch_size=1, epochs=5)

    def dead() -> list[str]:
        low = hl.initializers.Constant(-50)
        hidden = layers.Dense(10, "relu", bias_initializer=low)
        return warned(network(hidden, rate=0.001), x, t)

    def not_a_number() -> list[str]:
        model = network()
        model.params["dense/bias"][3] = np.nan
        return warned(model, x, t)

    for told in (stuck, dead, not_a_number):
        assert len(told()) == 1, told.__name__
        assert told() == [], told.__name__


def test_labels_outside_the_classes_are_an_error_before_any_weight_moves() -> None:
    x, t = batch(60, features=20)
    model = network()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.3 for 4 outputs"):
        model.fit(x, t + 1, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_switch_for_all() -> None:
    x, t = np.random.default_rng(0).integers(0, 256, (64, 20)), np.sort(np.arange(64) % 4)
    hl.config.set_diagnosis(False)
    assert not hl.config.diagnosis()
    model = network(layers.Dense(8, "relu", bias_initializer=hl.initializers.Constant(-1e5)))
    model.params["dense_1/kernel"][0, 0] = np.nan
    assert warned(model, x, t, validation_split=0.2) == []


def test_no_warning_comes_where_a_caller_wants_none() -> None:
    hl.config.set_diagnosis(True)
    with hl.config.without_diagnosis():
        assert not hl.config.diagnosis()
        hl.config.teach("kind", "text")
    with pytest.warns(hl.config.DiagnosisWarning, match="text"):
        hl.config.teach("kind", "text")
