"""A gradient check of every layer, every loss and several models: all right, and no fault is named."""

from __future__ import annotations

import random as python_random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hotloop as hl
from hotloop import zoo
from hotloop.utils import gradient_check

Array = NDArray[Any]
L = hl.layers


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


# --- layers

ROWS, IMAGES, FIRST = (5, 4), (3, 6, 5, 4), (3, 4, 6, 5)
ACTIVATIONS = [
    "elu",
    "gelu",
    "leaky_relu",
    "linear",
    "log_softmax",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]

LAYERS: list[tuple[Callable[[], Any], Any]] = [
    *[(lambda a=a: L.Activation(a), ROWS) for a in ACTIVATIONS],
    *[(lambda a=a: L.Dense(3, a), ROWS) for a in ACTIVATIONS],
    *[(lambda a=a: L.Conv2D(3, 2, activation=a), IMAGES) for a in ACTIVATIONS],
    (lambda: L.Dense(3, use_bias=False), ROWS),
    (lambda: L.Dense(3, "relu"), (2, 3, 4)),
    (lambda: L.Conv2D(4, 3, padding="same", strides=2), IMAGES),
    (lambda: L.Conv2D(4, (2, 3), padding=((1, 0), (2, 1)), use_bias=False), IMAGES),
    (lambda: L.Conv2D(4, 2, dilation_rate=2, groups=2), IMAGES),
    (lambda: L.Conv2D(3, 3, data_format="channels_first", strides=(2, 1)), FIRST),
    (lambda: L.Conv2D(3, 1), IMAGES),
    (L.MaxPool2D, IMAGES),
    (lambda: L.MaxPool2D(3, strides=2, padding="same"), IMAGES),
    (lambda: L.MaxPool2D(2, strides=1, data_format="channels_first"), FIRST),
    (L.AvgPool2D, IMAGES),
    (lambda: L.AvgPool2D(3, strides=2, padding="same"), IMAGES),
    (lambda: L.AvgPool2D((2, 1), data_format="channels_first"), FIRST),
    (L.GlobalAvgPool2D, IMAGES),
    (lambda: L.GlobalAvgPool2D(data_format="channels_first"), FIRST),
    (L.BatchNormalization, ROWS),
    (L.BatchNormalization, IMAGES),
    (lambda: L.BatchNormalization(axis=1), FIRST),
    (lambda: L.BatchNormalization(center=False), ROWS),
    (lambda: L.BatchNormalization(scale=False, epsilon=0.1), ROWS),
    (lambda: L.BatchNormalization(trainable=False), ROWS),
    (L.LayerNormalization, ROWS),
    (lambda: L.LayerNormalization(axis=[1, 2]), (3, 4, 5)),
    (lambda: L.LayerNormalization(center=False, scale=False), ROWS),
    (lambda: L.Dropout(0.4, seed=1), ROWS),
    (lambda: L.Dropout(0.0), ROWS),
    (L.Flatten, IMAGES),
    (lambda: L.Reshape((5, -1)), (2, 10)),
    (lambda: L.Rescaling(0.5, 1.0), ROWS),
    (L.ReLU, IMAGES),
    (lambda: L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2), ROWS),
    (lambda: L.LeakyReLU(0.2), ROWS),
    (lambda: L.ELU(0.7), ROWS),
    (L.GELU, ROWS),
    (L.Sigmoid, ROWS),
    (L.Tanh, ROWS),
    (L.Softmax, ROWS),
    (lambda: L.Softmax(axis=1), (3, 4, 2)),
    (L.Add, [ROWS, ROWS]),
    (L.Add, [ROWS, (5, 1), ROWS]),
    (L.Multiply, [ROWS, ROWS, ROWS]),
    (L.Multiply, [ROWS, (5, 1)]),
    (L.Concatenate, [ROWS, (5, 2)]),
    (lambda: L.Concatenate(axis=1), [IMAGES, IMAGES]),
]


def batches(shapes: Any) -> Any:
    if isinstance(shapes, list):
        return [normal(*shape, seed=i) for i, shape in enumerate(shapes)]
    return normal(*shapes)


def test_every_layer_is_in_the_list() -> None:
    checked = {type(make()).__name__ for make, _ in LAYERS}
    assert set(L.CLASSES) - checked == {"InputLayer"}


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

PROBS = np.exp(normal(6, 3)) / np.exp(normal(6, 3)).sum(axis=1, keepdims=True)
IDS = np.array([0, 2, 1, 1, 0, 2])
SHARES = np.array([0.0, 1.0, 2.0, 0.5, 1.0, 3.0])
C = hl.losses
LOSSES: list[tuple[Any, Array, Array]] = [
    (C.SparseCategoricalCrossentropy(), PROBS, IDS),
    (C.SparseCategoricalCrossentropy(from_logits=True), normal(6, 3), IDS),
    (C.CategoricalCrossentropy(), PROBS, np.eye(3)[IDS]),
    (
        C.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        normal(6, 3),
        np.eye(3)[IDS],
    ),
    (C.CategoricalCrossentropy(from_logits=True), normal(2, 3, 3), np.eye(3)[IDS].reshape(2, 3, 3)),
    (C.BinaryCrossentropy(), PROBS, np.eye(3)[IDS]),
    (C.BinaryCrossentropy(from_logits=True, label_smoothing=0.2), normal(6, 1), IDS % 2),
    (C.MeanSquaredError(), normal(6, 3), normal(6, 3, seed=1)),
    (C.MeanSquaredError(reduction="sum"), normal(6, 2, 3), normal(6, 2, 3, seed=1)),
    (C.MeanAbsoluteError(), normal(6, 3), normal(6, 3, seed=1)),
    (C.Huber(0.5), normal(6, 3), normal(6, 3, seed=1)),
    (C.NLL(), np.log(PROBS), IDS),
    (C.NLL(), np.log(PROBS), np.eye(3)[IDS]),
    (C.SumSquaredError(), normal(6, 3), normal(6, 3, seed=1)),
]


def test_every_loss_is_in_the_list() -> None:
    assert set(C.CLASSES) - {type(loss).__name__ for loss, _, _ in LOSSES} == {"PerOutput"}


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


def branches() -> Any:
    x = hl.Input((4,))
    left = L.Dense(3, "relu", name="left")(x)
    right = L.Dense(3, "tanh", name="right")(L.Dropout(0.3)(x))
    both = L.Concatenate()([left, right, L.Multiply()([left, right])])
    return hl.Model(x, L.Dense(2, "softmax", name="end")(L.BatchNormalization()(both)))


def shared() -> Any:
    x = hl.Input((4,))
    twice = L.Dense(4, "tanh", name="twice")
    return hl.Model(x, L.Dense(2, name="end")(L.Add()([twice(twice(x)), x])))


def residual() -> Any:
    x = hl.Input((6, 6, 2))
    inner = L.Conv2D(2, 3, padding="same", use_bias=False)(x)
    inner = L.BatchNormalization()(inner)
    inner = L.ReLU()(inner)
    out = L.GlobalAvgPool2D()(L.Add()([inner, x]))
    return hl.Model(x, L.Dense(2, "softmax")(out))


def perceptron() -> Any:
    return hl.Sequential(
        [
            L.Rescaling(0.5, 0.1, input_shape=(4,)),
            L.Dense(6, "relu", kernel_regularizer="l2"),
            L.BatchNormalization(),
            L.Dropout(0.5),
            L.Dense(5, "sigmoid", bias_regularizer="l1"),
            L.LayerNormalization(),
            L.Dense(2, "softmax"),
        ]
    )


def first() -> Any:
    return hl.Sequential(
        [
            L.Conv2D(3, 3, activation="relu", data_format="channels_first", input_shape=(1, 6, 6)),
            L.MaxPool2D(data_format="channels_first"),
            L.Flatten(),
            L.Dense(2, "softmax"),
        ]
    )


MODELS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "perceptron": (perceptron, (7, 4)),
    "channels first": (first, (7, 1, 6, 6)),
    "branches": (branches, (7, 4)),
    "shared": (shared, (7, 4)),
    "residual": (residual, (7, 6, 6, 2)),
    "mlp": (lambda: zoo.mlp((3, 3, 1), 2, scale=0.5), (7, 3, 3, 1)),
    "simple_cnn": (lambda: zoo.simple_cnn((6, 6, 1), 2, scale=0.5), (4, 6, 6, 1)),
    "deep_cnn": (lambda: zoo.deep_cnn((4, 4, 1), 2, scale=0.5), (3, 4, 4, 1)),
}


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
