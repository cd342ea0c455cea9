"""A gradient check of every layer, every loss and several models: all right, and no fault is named."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hotloop as hl
import layer_cases
from gradient_cases import LAYERS, LOSSES, MODELS, normal, perceptron
from hotloop.utils import gradient_check

Array = NDArray[Any]
L, C = hl.layers, hl.losses
SHARES = np.array([0.0, 1.0, 2.0, 0.5, 1.0, 3.0])


# --- layers


def batches(shapes: Any) -> Any:
    if isinstance(shapes, list):
        return [normal(*shape, seed=i) for i, shape in enumerate(shapes)]
    return normal(*shapes)


def test_every_layer_is_in_the_list() -> None:
    checked = {type(make()).__name__ for make, _ in LAYERS}
    # Held to differences in test_layers_keras.py.
    checked |= {type(layer_cases.make(hl, case)).__name__ for case in layer_cases.CASES}
    # What reads no value has no gradient of an input; own weights and added losses are checked
    # within a model. What draws anew in each call, or takes ids: their own tests.
    without = {"AddedLoss", "InputLayer", "OwnWeights", "RandomDraw"}
    # Cells and their RNN train as Keras's do, a table of ids and masks in test_recurrent.py, what stands
    # around a layer in test_wrappers.py.
    without |= {"Embedding", "GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells", "StepMask"}
    without |= {"RNN", "SpectralNormalization", "Wrapper"}
    without |= {"CategoryEncoding", "IntegerLookup", "RandomCrop", "RandomFlip"}
    without |= {"StringLookup", "TextVectorization"}
    assert set(L.CLASSES) - checked == without


@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
def test_every_layer(training: bool) -> None:
    for make, shapes in LAYERS:
        layer = make()
        report = gradient_check(layer, batches(shapes), training=training, max_elements=30)
        assert report.ok, f"{layer.get_config()}\n{report}"
        assert report.faults == []
        inputs = len(shapes) if isinstance(shapes, list) else 1
        assert len(report) >= inputs
        assert report.difference < 1e-7


def test_a_dropout_that_drops_everything() -> None:
    report = gradient_check(L.Dropout(1.0), normal(5, 4))
    assert report.ok
    assert report.difference == 0


def test_weights_that_are_not_as_they_began() -> None:
    """Faults hide behind a gamma of 1 and a beta of 0."""
    layer = L.BatchNormalization()
    layer.ensure_built((None, 4))
    layer.set_weights([normal(4, seed=1), normal(4, seed=2), normal(4, seed=3), np.ones(4) * 2])
    for training in (True, False):
        report = gradient_check(layer, normal(6, 4), training=training)
        assert report.ok, str(report)
        assert {entry.name.split("/")[1] for entry in report} == {"input", "gamma", "beta"}


# --- losses


def test_every_loss_is_in_the_list() -> None:
    left = set(C.CLASSES) - {type(loss).__name__ for loss, _, _ in LOSSES}
    # The gradient of a function is derived: test_keras_names.py and test_ops.py check it.
    assert left == {"FunctionLoss"}


@pytest.mark.parametrize(("loss", "y", "t"), LOSSES)
def test_every_loss(loss: Any, y: Array, t: Array) -> None:
    report = gradient_check(loss, y, t, max_elements=None)
    assert report.ok, str(report)
    assert report.difference < 1e-7
    assert report[f"{loss.name}/output"].checked == y.size
    weights = SHARES[: len(y)]
    weighted = gradient_check(loss, y, t, sample_weight=weights)
    assert weighted.ok, str(weighted)
    assert weighted.arrays[-1].name == f"{loss.name}/output, weighted"


# --- models


@pytest.mark.parametrize("name", MODELS)
def test_every_model(name: str) -> None:
    hl.set_seed(3)
    make, shape = MODELS[name]
    model, x = make(), normal(*shape)
    labels = np.arange(len(x)) % 2
    loss: Any = "sparse_categorical_crossentropy" if name != "shared" else "mse"
    t = labels if name != "shared" else normal(len(x), 2, seed=4)
    for report in (
        gradient_check(model, x, max_elements=8),
        gradient_check(model, x, t, loss=loss, max_elements=8),
        gradient_check(
            model, x, t, loss=loss, sample_weight=np.linspace(0, 2, len(x)), max_elements=8
        ),
    ):
        assert report.ok, str(report)
        assert {entry.name for entry in report} == set(model.params)
        assert report.difference < 1e-5


def test_a_compiled_model_needs_no_loss_again() -> None:
    model = perceptron()
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    assert gradient_check(model, normal(6, 4), np.arange(6) % 2, max_elements=5).ok


def test_a_model_of_several_inputs_and_outputs() -> None:
    a, b = hl.Input((3,), name="a"), hl.Input((2,), name="b")
    both = L.Dense(4, "tanh")(L.Concatenate()([a, b]))
    model = hl.Model([a, b], [L.Dense(2, "softmax", name="c")(both), L.Dense(1, name="d")(both)])
    x = [normal(6, 3), normal(6, 2)]
    assert gradient_check(model, x).ok
    t = [np.arange(6) % 2, normal(6, 1)]
    losses = ["sparse_categorical_crossentropy", "mse"]
    assert gradient_check(model, x, t, loss=losses).ok
    model.compile("sgd", losses, loss_weights=[1.0, 0.3])
    report = gradient_check(model, dict(zip("ab", x, strict=True)), dict(zip("cd", t, strict=True)))
    assert report.ok, str(report)
    assert len(report) == 6


def test_a_model_that_is_not_built_and_one_that_is_partly_frozen() -> None:
    model = hl.Sequential([L.Dense(3, "tanh"), L.Dense(2)])
    assert gradient_check(model, normal(5, 4)).ok
    assert not model.built
    model.layers[0].trainable = False
    report = gradient_check(model, normal(5, 4))
    assert [entry.name for entry in report] == ["dense_1/kernel", "dense_1/bias"]


def test_a_layer_made_of_layers() -> None:
    class Block(L.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = L.Dense(4, "tanh", name="one"), L.Dense(3, name="two")

        def call(self, x: Any) -> Any:
            return self.two(self.one(x))

    report = gradient_check(Block(), normal(5, 4))
    assert report.ok, str(report)
    assert len(report) == 4


class Network(hl.Model):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.answer = L.Dense(4, "relu"), L.Dense(2, "softmax")

    def call(self, x: Any, training: Any = False) -> Any:
        return self.answer(x + L.Dropout(0.2)(self.hidden(x), training=training))


def test_a_model_with_a_call_of_its_own() -> None:
    model = Network()
    model.compile("adam", "sparse_categorical_crossentropy")
    report = gradient_check(model, normal(6, 4), np.arange(6) % 2)
    assert report.ok, str(report)
    assert len(report) == 4
    assert not model.built


# --- what is left as it was


def test_everything_is_left_as_it_was() -> None:
    model = hl.Sequential(
        [
            L.Dense(4, "relu", input_shape=(3,)),
            L.BatchNormalization(),
            L.Dropout(0.5),
            L.Dense(2, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    x, t = normal(8, 3).astype(np.float32), np.arange(8) % 2
    model.fit(x, t, epochs=2, verbose=0)
    twin = hl.models.clone_model(model)
    twin.compile("adam", "sparse_categorical_crossentropy")
    weights = [value.tobytes() for value in model.get_weights()]
    states = [layer.get_state() for layer in model.layers]
    grads = {name: grad.tobytes() for name, grad in model.grads.items()}
    chance = hl.random.get_state(), np.random.get_state()[1].tolist(), python_random.getstate()  # type: ignore[index]  # noqa: NPY002
    kept = x.copy(), t.copy()
    assert gradient_check(model, x, t).ok
    assert gradient_check(model.layers[1], normal(8, 4)).ok
    assert [value.tobytes() for value in model.get_weights()] == weights
    assert [layer.get_state() for layer in model.layers] == states
    assert {name: grad.tobytes() for name, grad in model.grads.items()} == grads
    assert chance == (
        hl.random.get_state(),
        np.random.get_state()[1].tolist(),  # type: ignore[index]  # noqa: NPY002
        python_random.getstate(),
    )
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(t, kept[1])
    assert model.dtype == "float32"
    assert model.optimizer.iterations == 2


def test_a_layer_that_is_not_built_stays_so() -> None:
    layer = L.Dense(3)
    assert gradient_check(layer, normal(4, 2)).ok
    assert not layer.built
    assert layer.dtype == "float32"


# --- the report


def test_a_report_says_what_was_checked() -> None:
    report = gradient_check(L.Dense(3, name="answer"), normal(50, 9), max_elements=40)
    assert bool(report)
    assert [entry.name for entry in report] == ["answer/input", "answer/kernel", "answer/bias"]
    assert [entry.checked for entry in report] == [40, 27, 3]
    assert report["answer/kernel"].shape == (9, 3)
    assert str(report).splitlines()[0] == "gradient check of answer: every gradient is right"
    assert "answer/kernel  (9, 3)      27 checked  difference" in str(report)
    assert repr(report) == str(report)
    with pytest.raises(KeyError, match=r"no array 'bias'; there are \['answer/input'"):
        report["bias"]


def test_gradient_check_refuses() -> None:
    with pytest.raises(TypeError, match=r"target must be a layer, a loss or a model, got 3"):
        gradient_check(3, normal(2, 2))
    with pytest.raises(ValueError, match=r"a loss needs targets"):
        gradient_check(C.MeanSquaredError(), normal(2, 2))
    with pytest.raises(ValueError, match=r"give a loss, or compile the model"):
        gradient_check(hl.Sequential([L.Dense(2)]), normal(2, 2), normal(2, 2))
    with pytest.raises(ValueError, match=r"h and tolerance must be positive, but got -1 and"):
        gradient_check(L.Dense(2), normal(2, 2), h=-1)


class OwnWeights(L.Layer):
    """A layer with a `call` and a weight of its own, which is then a value of the model."""

    def build(self, input_shape: Any) -> None:
        self.k = self.add_weight("k", (input_shape[-1], 3))

    def call(self, x: Any) -> Any:
        return hl.ops.tanh(hl.ops.matmul(x, self.k))


def test_weights_that_are_values_of_the_model() -> None:
    x = np.random.default_rng(0).normal(size=(5, 4))
    model = hl.Sequential([hl.Input((4,)), OwnWeights(), L.Dense(2)])
    model.compile("sgd", "mse")
    report = gradient_check(model, x, np.zeros((5, 2)))
    assert report.ok
    assert [entry.name for entry in report] == [
        "own_weights/k",
        "dense/kernel",
        "dense/bias",
    ]
    assert gradient_check(OwnWeights(), x).ok
