"""Layers: values, gradients against central differences, shapes, errors, descriptions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import Scale, check_gradients
from hotloop import layers, losses, optimizers

RNG = np.random.default_rng(5)


def model_of(*items: hl.layers.Layer, shape: tuple[int, ...]) -> hl.Sequential:
    hl.set_seed(11)
    return hl.Sequential([hl.Input(shape), *items], dtype="float64")


@pytest.mark.parametrize("activation", [None, "relu", "sigmoid", "tanh", "softmax", "log_softmax"])
@pytest.mark.parametrize("use_bias", [True, False])
def test_dense_gradients(activation: str | None, use_bias: bool) -> None:
    model = model_of(
        layers.Dense(4, activation, use_bias, bias_initializer="normal"),
        layers.Dense(3, activation, use_bias, bias_initializer="normal"),
        shape=(5,),
    )
    check_gradients(model, RNG.standard_normal((6, 5)))


def test_dense_works_on_the_last_axis_of_any_rank() -> None:
    model = model_of(layers.Dense(4, "tanh"), layers.Dense(2, "relu"), shape=(3, 5))
    x = RNG.standard_normal((2, 3, 5))
    y = model.forward(x)
    assert y.shape == (2, 3, 2)
    k, b = model.params["dense/kernel"], model.params["dense/bias"]
    k1, b1 = model.params["dense_1/kernel"], model.params["dense_1/bias"]
    np.testing.assert_allclose(y, np.maximum(np.tanh(x @ k + b) @ k1 + b1, 0), rtol=1e-12)
    check_gradients(model, x)


CONVOLUTIONS: list[dict[str, Any]] = [
    {},
    {"padding": "same", "strides": 2},
    {"padding": ((0, 1), (2, 1)), "activation": "tanh"},
    {"padding": 1, "dilation_rate": 2},
    {"padding": (1, 0), "groups": 2, "activation": "relu"},
    {"use_bias": False, "strides": (1, 2)},
]


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("arguments", CONVOLUTIONS, ids=str)
def test_conv_gradients(data_format: str, arguments: dict[str, Any]) -> None:
    shape = (6, 5, 2) if data_format == "channels_last" else (2, 6, 5)
    model = model_of(
        layers.Conv2D(2, 1, data_format=data_format),
        layers.Conv2D(4, (3, 2), data_format=data_format, **arguments),
        shape=shape,
    )
    assert model.params["conv2d_1/kernel"].shape == (3, 2, 2 // arguments.get("groups", 1), 4)
    check_gradients(model, RNG.standard_normal((2, *shape)))


@pytest.mark.parametrize("arguments", CONVOLUTIONS, ids=str)
def test_conv_answers_the_same_in_both_formats(arguments: dict[str, Any]) -> None:
    last = model_of(layers.Conv2D(4, (3, 2), **arguments), shape=(6, 5, 2))
    first = model_of(
        layers.Conv2D(4, (3, 2), data_format="channels_first", **arguments), shape=(2, 6, 5)
    )
    first.set_weights(last.get_weights())
    x = RNG.standard_normal((3, 6, 5, 2))
    y = last.forward(x)
    assert y.shape[1:] == last.output_shape[1:]
    y_first = first.forward(x.transpose(0, 3, 1, 2))
    assert y_first.shape[1:] == first.output_shape[1:]
    np.testing.assert_allclose(y, y_first.transpose(0, 2, 3, 1), atol=1e-12)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"pool_size": 3, "strides": 1, "padding": "same"},
        {"pool_size": (2, 1), "padding": ((1, 0), (0, 0))},
    ],
    ids=str,
)
def test_max_pool_gradients(data_format: str, arguments: dict[str, Any]) -> None:
    shape = (6, 5, 2) if data_format == "channels_last" else (2, 6, 5)
    model = model_of(
        layers.Conv2D(3, 1, data_format=data_format),
        layers.MaxPool2D(data_format=data_format, **arguments),
        shape=shape,
    )
    y = model.forward(RNG.standard_normal((2, *shape)))
    assert y.shape[1:] == model.output_shape[1:]
    check_gradients(model, RNG.standard_normal((2, *shape)))


@pytest.mark.parametrize(
    "layer",
    [
        layers.ReLU,
        layers.Sigmoid,
        layers.Tanh,
        layers.Softmax,
        lambda: layers.Softmax(axis=1),
        lambda: layers.Activation("relu"),
        lambda: layers.Activation("linear"),
        layers.Flatten,
        lambda: layers.Reshape((-1, 2)),
        lambda: layers.Rescaling(0.5, 3.0),
        Scale,
    ],
)
def test_other_layers_gradients(layer: Any) -> None:
    model = model_of(layers.Dense(4), layer(), layers.Dense(2), shape=(3, 5))
    check_gradients(model, RNG.standard_normal((2, 3, 5)))


def test_values_of_the_plain_layers() -> None:
    x = np.array([[-1.0, 0.5]])
    np.testing.assert_array_equal(layers.ReLU(dtype="float64")(x), [[0, 0.5]])
    np.testing.assert_allclose(layers.Sigmoid(dtype="float64")(x), 1 / (1 + np.exp(-x)), rtol=1e-14)
    np.testing.assert_allclose(layers.Tanh(dtype="float64")(x), np.tanh(x), rtol=1e-14)
    np.testing.assert_array_equal(layers.Rescaling(2, 1)(x), [[-1, 2]])
    assert layers.Flatten()(np.zeros((2, 3, 4))).shape == (2, 12)
    assert layers.Reshape((4, -1))(np.zeros((2, 3, 4))).shape == (2, 4, 3)


def test_flatten_keeps_the_order_of_the_model() -> None:
    x = np.arange(12.0).reshape(1, 2, 3, 2)
    model = hl.Sequential([hl.Input((2, 3, 2)), layers.Flatten()])
    np.testing.assert_array_equal(model.predict(x), x.reshape(1, 12))


def test_calling_a_layer_builds_it_and_answers_a_new_array() -> None:
    layer = layers.Dense(2, kernel_initializer="ones")
    x = np.ones((3, 4), np.float32)
    y = layer(x)
    assert layer.built
    assert layer.kernel.shape == (4, 2)
    y[...] = 0
    np.testing.assert_array_equal(layer(x), np.full((3, 2), 4, np.float32))


def test_a_weight_attribute_is_live_and_assignment_copies_into_it() -> None:
    layer = layers.Dense(2)
    model = hl.Sequential([hl.Input((3,)), layer])
    layer.kernel = np.ones((3, 2))
    np.testing.assert_array_equal(model.params["dense/kernel"], np.ones((3, 2)))
    model.params["dense/kernel"][...] = 2
    np.testing.assert_array_equal(layer.kernel, np.full((3, 2), 2))
    with pytest.raises(ValueError, match=r"weight 'kernel' has shape \(3, 2\), got \(2, 2\)"):
        layer.kernel = np.ones((2, 2))


def test_keras_aliases() -> None:
    assert layers.MaxPooling2D is layers.MaxPool2D
    assert isinstance(hl.Input((3,)).layer, layers.InputLayer)
    assert hl.Input(batch_shape=(None, 3)).shape == (None, 3)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: layers.Dense(0), "Dense: units must be a positive integer, got 0"),
        (lambda: layers.Dense(3, "swosh"), "unknown activation 'swosh'; valid names: .*relu"),
        (
            lambda: layers.Dense(3, kernel_initializer="h"),
            "unknown initializer 'h'; valid .*he_normal",
        ),
        (lambda: layers.Conv2D(4, 3, strides=0), "Conv2D: strides must be .* at least 1, got 0"),
        (lambda: layers.Conv2D(4, 3, padding="full"), "Conv2D: padding must be .*'full'"),
        (lambda: layers.Conv2D(4, 3, padding=-1), "none negative, got"),
        (lambda: layers.Conv2D(4, 3, groups=3), "positive divisor of filters 4, got 3"),
        (lambda: layers.Conv2D(4, 3, data_format="NHWC"), "data_format must be one of .*'NHWC'"),
        (lambda: layers.MaxPool2D(0), "MaxPool2D: pool_size must be .* at least 1, got 0"),
        (lambda: layers.Dense(3, name="a/b"), "without '/'"),
        (hl.Input, "give the shape of one sample"),
    ],
)
def test_bad_arguments(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (layers.Conv2D(2, 3), (28, 28), r"Conv2D 'conv2d': input must have 4 axes \(N, H, W, C\)"),
        (
            layers.Conv2D(2, 5),
            (3, 3, 1),
            "Conv2D 'conv2d': the output would have size -1 on axis 1",
        ),
        (layers.MaxPool2D(4), (3, 3, 1), "MaxPool2D 'max_pool2d': the output would have size 0"),
        (layers.Conv2D(4, 1, groups=2), (3, 3, 3), "3 channels do not divide by groups 2"),
        (
            layers.Reshape((4,)),
            (3,),
            r"Reshape 'reshape': 3 elements of \(None, 3\) do not fit \(4,\)",
        ),
    ],
)
def test_shapes_that_do_not_fit_name_the_layer(layer: Any, shape: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        hl.Sequential([hl.Input(shape), layer])


def test_a_function_of_numpy_is_an_activation() -> None:
    model = hl.Sequential(
        [layers.Dense(3, np.tanh, input_shape=(4,)), layers.Dense(1)], dtype="float64"
    )
    model.compile("sgd", "mse")
    x = np.linspace(-1, 1, 8).reshape(2, 4)
    report = hl.utils.gradient_check(model, x, np.ones((2, 1)))
    assert report.ok
    assert report.difference < 1e-8
    kernel, bias = model.layers[0].get_weights()
    np.testing.assert_allclose(model.layers[0](x), np.tanh(x @ kernel + bias), rtol=1e-12)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dense(3, "relu", name="d", kernel_initializer=hl.initializers.HeNormal(seed=3)),
        layers.Conv2D(4, (3, 2), padding=((0, 1), (1, 0)), groups=2, input_shape=(8, 8, 2)),
        layers.MaxPool2D(2, padding="same"),
        layers.Flatten(),
        layers.Reshape((3, -1)),
        layers.Rescaling(0.5, 1),
        layers.ReLU(),
        layers.Softmax(axis=1),
        layers.Activation("tanh", trainable=False),
        layers.InputLayer((3, 4)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_config_makes_the_layer_again(layer: hl.layers.Layer) -> None:
    config = layer.get_config()
    assert type(layer).from_config(config).get_config() == config


@pytest.mark.parametrize(
    "table",
    [layers.CLASSES, losses.CLASSES, optimizers.CLASSES],
    ids=["layers", "losses", "optimizers"],
)
def test_the_packages_own_classes_say_so_and_subclasses_do_not(table: dict[str, type]) -> None:
    """Only what is known to consist of core calls is recorded, so a class of a user's own never is."""
    assert len(table) > 4
    for name, cls in table.items():
        assert cls.builtin, name  # type: ignore[attr-defined]
        assert not type("Mine", (cls,), {}).builtin, name  # type: ignore[attr-defined]


def test_views_without_elements_are_recorded() -> None:
    model = hl.Sequential([hl.Input((4,)), layers.Reshape((2, 2)), layers.Flatten()])
    assert model.forward(np.ones((0, 4), np.float32), training=True).shape == (0, 4)
