"""Pooling, normalisation, dropout, merging and further activations as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import check_gradients, numerical
from hotloop import layers, reference

RNG = np.random.default_rng(8)
Array = np.ndarray[Any, Any]


def model_of(*items: hl.layers.Layer, shape: tuple[int, ...]) -> hl.Sequential:
    hl.set_seed(11)
    return hl.Sequential([hl.Input(shape), *items], dtype="float64")


def is_recorded(model: hl.Sequential, n: int) -> bool:
    """Whether forward and backward are one plan each."""
    x = np.zeros((n, *(size or 0 for size in model.input_shape[1:])))
    model.backward(np.zeros_like(model.forward(x, training=True)))
    step = model.executor().forward_step(n, training=True)
    assert step.backward_program is not None
    return len(step.forward_program.steps) == len(step.backward_program.steps) == 1


FIRST: dict[str, Any] = {"data_format": "channels_first"}
IMAGE_LAYERS: list[Callable[[], hl.layers.Layer]] = [
    layers.AvgPool2D,
    lambda: layers.AvgPool2D(3, 1, "same"),
    lambda: layers.AvgPool2D((2, 1), padding=((1, 0), (0, 0))),
    lambda: layers.AvgPool2D(2, data_format="channels_first"),
    layers.GlobalAvgPool2D,
    lambda: layers.GlobalAvgPool2D("channels_first", keepdims=True),
    lambda: layers.GlobalAvgPool2D(keepdims=True),
    layers.BatchNormalization,
    lambda: layers.BatchNormalization(axis=1),
    lambda: layers.BatchNormalization(scale=False),
    lambda: layers.BatchNormalization(center=False, momentum=0.5),
    lambda: layers.BatchNormalization(trainable=False, moving_mean_initializer="ones"),
    layers.LayerNormalization,
    lambda: layers.LayerNormalization(axis=[-2, -1]),
    lambda: layers.LayerNormalization(axis=(1, 2, 3), scale=False),
    lambda: layers.LayerNormalization(center=False),
    layers.LeakyReLU,
    lambda: layers.ELU(0.7),
    layers.GELU,
    lambda: layers.Activation("leaky_relu"),
    lambda: layers.Activation("elu"),
    lambda: layers.Conv2D(2, (3, 2), padding="same", activation="gelu"),
    lambda: layers.Conv2D(2, (3, 2), activation="relu", data_format="channels_first"),
    lambda: layers.Conv2D(2, 1, groups=2, strides=2, data_format="channels_first"),
]


@pytest.mark.parametrize("make", IMAGE_LAYERS)
def test_gradients_of_image_layers_and_that_they_are_recorded(
    make: Callable[[], hl.layers.Layer],
) -> None:
    # axis 1 and the last have two channels both, so that either format fits.
    model = model_of(layers.Dense(2, "tanh"), make(), layers.Dense(3), shape=(2, 5, 4))
    x = RNG.standard_normal((3, 2, 5, 4))
    assert model.forward(x).shape[1:] == model.output_shape[1:]
    check_gradients(model, x)
    assert is_recorded(model, 3)


@pytest.mark.parametrize("shape", [(4,), (1,), (3, 4), (2, 2, 3, 4)])
def test_normalisation_of_any_rank(shape: tuple[int, ...]) -> None:
    for layer in (layers.BatchNormalization(), layers.LayerNormalization()):
        model = model_of(layers.Dense(4), layer, layers.Dense(2), shape=shape)
        check_gradients(model, RNG.standard_normal((5, *shape)), tolerance=1e-6)
        assert is_recorded(model, 5)


def test_batch_normalisation_values_and_running_statistics() -> None:
    layer = layers.BatchNormalization(momentum=0.8)
    model = model_of(layer, shape=(6, 5, 3))
    mean, variance = np.zeros(3), np.ones(3)
    for seed in range(3):
        x = np.random.default_rng(seed).normal(2.0, 3.0, (4, 6, 5, 3))
        m, v = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
        y = model.forward(x, training=True)
        np.testing.assert_allclose(y, (x - m) / np.sqrt(v + 1e-3), atol=1e-12)
        mean, variance = 0.8 * mean + 0.2 * m, 0.8 * variance + 0.2 * v
    gamma, beta, moving_mean, moving_variance = model.get_weights()
    np.testing.assert_array_equal(gamma, np.ones(3))
    np.testing.assert_array_equal(beta, np.zeros(3))
    np.testing.assert_allclose(moving_mean, mean, rtol=1e-12)
    np.testing.assert_allclose(moving_variance, variance, rtol=1e-12)
    x = RNG.standard_normal((2, 6, 5, 3))
    np.testing.assert_allclose(
        model.predict(x), (x - mean) / np.sqrt(variance + 1e-3), rtol=1e-10, atol=1e-12
    )
    assert list(model.params) == ["batch_normalization/gamma", "batch_normalization/beta"]
    assert model.count_params() == 12


def test_a_frozen_batch_normalisation_keeps_its_statistics() -> None:
    frozen = layers.BatchNormalization(trainable=False)
    model = model_of(layers.Dense(3), frozen, layers.Dense(1), shape=(4,))
    model.compile("sgd", "mse")
    before = frozen.get_weights()
    model.fit(RNG.standard_normal((20, 4)), RNG.standard_normal(20), verbose=0)
    for a, b in zip(before, frozen.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_gradients_of_an_unfrozen_batch_normalisation_outside_training() -> None:
    layer = layers.BatchNormalization(dtype="float64")
    x = RNG.standard_normal((5, 3))
    layer(x)
    layer.moving_mean, layer.moving_variance = RNG.random(3), RNG.random(3) + 0.5
    layer.gamma, dy = RNG.random(3), RNG.standard_normal((5, 3))

    def forward() -> float:
        return float((layer.forward(x, layers.Cache(layer), False) * dy).sum())

    cache = layers.Cache(layer)
    layer.forward(x, cache, False)
    dx: Any = layer.backward(dy, cache)
    np.testing.assert_allclose(dx, numerical(forward, x), atol=1e-8)
    for name in ("gamma", "beta"):
        slope = numerical(forward, layer.params[name])
        np.testing.assert_allclose(cache.grad(name), slope, atol=1e-8)


def test_layer_normalisation_values() -> None:
    x = RNG.standard_normal((3, 4, 5))
    y = layers.LayerNormalization(axis=(1, 2), dtype="float64")(x)
    m, v = x.mean(axis=(1, 2), keepdims=True), x.var(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(y, (x - m) / np.sqrt(v + 1e-3), atol=1e-12)


def test_dropout_draws_anew_each_step_and_scales() -> None:
    model = model_of(layers.Dropout(0.25, seed=3), shape=(50,))
    x = np.ones((200, 50))
    first, second = (model.forward(x, training=True) for _ in range(2))
    assert set(np.unique(first)) == {0.0, 1 / 0.75}
    assert (first != second).any()
    assert abs((first == 0).mean() - 0.25) < 0.02
    np.testing.assert_array_equal(model.predict(x), x)
    again = model_of(layers.Dropout(0.25, seed=3), shape=(50,))
    np.testing.assert_array_equal(again.forward(x, training=True), first)
    offset = int(np.float64(1.0).view(np.int64))
    expected, _ = reference.dropout(x, 0.25, seed=3, offset=offset)
    np.testing.assert_allclose(first, expected)
    assert (layers.Dropout(0.5, seed=1)(x, True) != layers.Dropout(0.5, seed=2)(x, True)).any()


@pytest.mark.parametrize("rate", [0.0, 0.4, 1.0])
def test_dropout_gradient(rate: float) -> None:
    dropout = layers.Dropout(rate, seed=5)
    model = model_of(layers.Dense(6, "relu"), dropout, layers.Dense(2), shape=(4,))
    x = RNG.standard_normal((3, 4))
    state = dropout.get_state()
    y = model.forward(x, training=True)
    model.backward(np.ones_like(y))
    assert dropout.get_state()["calls"] - state["calls"] == (0 < rate < 1)

    def again() -> float:
        dropout.set_state(state)
        return float(model.forward(x, training=True).sum())

    grad = model.grads["dense/kernel"].copy()
    np.testing.assert_allclose(grad, numerical(again, model.params["dense/kernel"]), atol=1e-7)
    assert is_recorded(model, 3)


def test_dropout_seeds_follow_the_seed_of_the_process() -> None:
    def masks(seed: int) -> Array:
        hl.set_seed(seed)
        model = hl.Sequential([hl.Input((40,)), layers.Dropout(0.5), layers.Dropout(0.5)])
        y: Array = model.forward(np.ones((3, 40)), training=True)
        return y

    np.testing.assert_array_equal(masks(1), masks(1))
    assert (masks(1) != masks(2)).any()


def test_training_goes_on_with_the_next_mask_after_saving(tmp_path: Any) -> None:
    x, y = RNG.standard_normal((40, 5)), RNG.integers(0, 3, 40)
    model = model_of(
        layers.Dense(8, "relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        layers.Dense(3, "softmax"),
        shape=(5,),
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=2, shuffle=False, verbose=0)
    model.save(tmp_path / "m.hotloop")
    again = hl.models.load_model(tmp_path / "m.hotloop")
    for m in (model, again):
        m.fit(x, y, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu", None])
def test_the_pool_that_folds_an_activation_gives_the_gradients_of_the_plain_one(
    activation: str | None,
) -> None:
    model = model_of(
        layers.Conv2D(3, 2, bias_initializer="normal", activation=activation),
        layers.MaxPool2D(),
        layers.Conv2D(2, 1),
        layers.ReLU(),
        layers.MaxPool2D(2, 1),
        shape=(7, 7, 2),
    )
    check_gradients(model, RNG.standard_normal((2, 7, 7, 2)))


def test_a_channels_first_network_is_recorded() -> None:
    model = model_of(
        layers.Conv2D(3, 3, activation="relu", **FIRST),
        layers.BatchNormalization(axis=1),
        layers.MaxPool2D(2, **FIRST),
        layers.Conv2D(4, 2, padding="same", groups=1, **FIRST),
        layers.AvgPool2D(2, **FIRST),
        layers.Flatten(),
        layers.Dense(3),
        shape=(2, 10, 10),
    )
    assert is_recorded(model, 4)
    check_gradients(model, RNG.standard_normal((2, 2, 10, 10)))


def test_average_pools_do_not_count_padding() -> None:
    x = np.ones((1, 3, 3, 1))
    np.testing.assert_allclose(layers.AvgPool2D(2, 1, "same")(x), np.ones((1, 3, 3, 1)))
    np.testing.assert_allclose(layers.AvgPool2D(2, padding=1)(x), np.ones((1, 2, 2, 1)))


MERGES: list[tuple[hl.layers.Layer, Any]] = [
    (layers.Add(dtype="float64"), lambda a, b, c: a + b + c),
    (layers.Multiply(dtype="float64"), lambda a, b, c: a * b * c),
    (layers.Concatenate(dtype="float64"), lambda *p: np.concatenate(p, -1)),
    (layers.Concatenate(1, dtype="float64"), lambda *p: np.concatenate(p, 1)),
]


@pytest.mark.parametrize(("layer", "function"), MERGES)
def test_values_and_gradients_of_merging_layers(layer: Any, function: Any) -> None:
    parts = tuple(RNG.standard_normal((2, 3, 4)) for _ in range(3))
    np.testing.assert_allclose(layer(list(parts)), function(*parts), rtol=1e-14)
    cache = layers.Cache(layer)
    dy = RNG.standard_normal(function(*parts).shape)
    layer.forward(parts, cache, True)
    for grad, part in zip(layer.backward(dy, cache), parts, strict=True):
        slope = numerical(lambda: float((function(*parts) * dy).sum()), part)
        np.testing.assert_allclose(grad, slope, atol=1e-8)


@pytest.mark.parametrize("cls", [layers.Add, layers.Multiply])
def test_merging_layers_broadcast(cls: Any) -> None:
    layer = cls(dtype="float64")
    a, b = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 1, 4))
    y = layer([a, b])
    np.testing.assert_allclose(y, a + b if cls is layers.Add else a * b)
    assert layer.output_shape == (None, 3, 4)
    cache = layers.Cache(layer)
    layer.forward((a, b), cache, True)
    da, db = layer.backward(np.ones_like(y), cache)
    assert da.shape == a.shape
    other = np.full_like(a, 1.0) if cls is layers.Add else a
    np.testing.assert_allclose(db, other.sum(axis=1, keepdims=True))


def test_keras_aliases() -> None:
    assert layers.AveragePooling2D is layers.AvgPool2D
    assert layers.GlobalAveragePooling2D is layers.GlobalAvgPool2D


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: layers.Dropout(1.5), r"Dropout: rate must lie in \[0, 1\], got 1.5"),
        (lambda: layers.BatchNormalization(momentum=2), r"momentum must lie in \[0, 1\], got 2"),
        (lambda: layers.LayerNormalization(epsilon=-1), "epsilon must not be negative, got -1"),
        (lambda: layers.LeakyReLU(-1.0), "LeakyReLU: the slope must not be negative"),
        (lambda: model_of(layers.BatchNormalization(2), shape=(3, 4, 5)), "axis 2 of"),
        (lambda: model_of(layers.LayerNormalization(1), shape=(3, 4)), "axis 1 of"),
        (lambda: layers.Add()([np.ones((2, 3)), np.ones((2, 4))]), r"Add 'add': inputs must have"),
        (lambda: layers.Add()([np.ones((2, 3))]), "Add 'add': it takes a list of at least two"),
        (lambda: layers.Concatenate(0)([np.ones((2, 3))] * 2), "axis 0 is the batch"),
        (
            lambda: layers.Concatenate()([np.ones((2, 3, 4)), np.ones((2, 4, 4))]),
            r"Concatenate 'concatenate': inputs must agree on every axis but -1, got",
        ),
        (lambda: layers.Dense(1, kernel_regularizer="l3"), "unknown regularizer 'l3'; valid"),
    ],
)
def test_bad_arguments_name_the_layer(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize(
    "layer",
    [
        layers.AvgPool2D(3, padding=((0, 1), (1, 0))),
        layers.GlobalAvgPool2D(keepdims=True),
        layers.BatchNormalization(axis=1, momentum=0.5, gamma_regularizer="l2"),
        layers.LayerNormalization(axis=[1, 2], center=False),
        layers.Dropout(0.3, seed=7),
        layers.LeakyReLU(0.1),
        layers.ELU(0.1),
        layers.GELU(),
        layers.Add(),
        layers.Multiply(),
        layers.Concatenate(axis=1),
        layers.Dense(3, kernel_regularizer=hl.regularizers.L1L2(0.1, 0.2), bias_regularizer="l1"),
        layers.Conv2D(3, 1, kernel_regularizer="l2"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_config_makes_the_layer_again(layer: hl.layers.Layer) -> None:
    config = layer.get_config()
    assert type(layer).from_config(config).get_config() == config


@pytest.mark.parametrize(
    "given",
    [
        {"negative_slope": 0.2},
        {"max_value": 6.0},
        {"threshold": 1.5},
        {"max_value": 3.0, "negative_slope": 0.25, "threshold": 0.5},
    ],
)
def test_relu_with_a_slope_a_ceiling_and_a_threshold(given: dict[str, float]) -> None:
    # As Keras's docstring defines it.
    ceiling, slope, start = (
        given.get(k, d)
        for k, d in (("max_value", np.inf), ("negative_slope", 0.0), ("threshold", 0.0))
    )
    x = np.array([[-2.0, -0.3, 0.2, 0.7, 1.6, 2.9, 3.3, 7.0]])
    want = np.where(x >= ceiling, ceiling, np.where(x > start, x, slope * (x - start)))
    layer = hl.layers.ReLU(**given)
    model = hl.Sequential([hl.Input((8,)), hl.layers.Dense(8), layer], dtype="float64")
    model.set_weights([np.eye(8), np.zeros(8)])
    np.testing.assert_allclose(model.predict(x), want, rtol=1e-12)
    check_gradients(model, x)
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    assert np.isnan(layer([[np.nan]])).all()


def test_relu_refuses_negative_numbers() -> None:
    for name in ("max_value", "negative_slope", "threshold"):
        with pytest.raises(ValueError, match=f"ReLU: {name} must not be negative, got -1"):
            hl.layers.ReLU(**{name: -1.0})


def test_a_layer_that_drops_all_still_passes_the_gradient_of_inference() -> None:
    layer, dy = layers.Dropout(1.0), np.ones((2, 3), np.float32)
    layer.ensure_built((None, 3))
    for training, expected in ((False, dy), (True, 0 * dy)):
        cache = layers.Cache(layer)
        layer.forward(dy, cache, training)
        np.testing.assert_array_equal(layer.backward(dy, cache), expected)
