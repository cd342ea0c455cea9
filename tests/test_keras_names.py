"""Names that Keras scripts use beside layers and models: backend, loss functions, top-level classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hotloop as keras
from helpers_models import Scale

Array = NDArray[Any]
RNG = np.random.default_rng(0)
PROBS = RNG.dirichlet(np.ones(4), size=6)
IDS = RNG.integers(0, 4, 6)
ROWS = np.eye(4)[IDS]


@pytest.mark.parametrize(
    ("name", "y_true", "values"),
    [
        ("mean_squared_error", ROWS, ((ROWS - PROBS) ** 2).mean(axis=1)),
        ("mean_absolute_error", ROWS, abs(ROWS - PROBS).mean(axis=1)),
        ("huber", ROWS, (0.5 * (ROWS - PROBS) ** 2).mean(axis=1)),
        ("categorical_crossentropy", ROWS, -np.log(PROBS[np.arange(6), IDS])),
        ("sparse_categorical_crossentropy", IDS, -np.log(PROBS[np.arange(6), IDS])),
        (
            "binary_crossentropy",
            ROWS,
            -np.where(ROWS == 1, np.log(PROBS), np.log1p(-PROBS)).mean(axis=1),
        ),
    ],
)
def test_loss_function_answers_each_sample(name: str, y_true: Array, values: Array) -> None:
    function = getattr(keras.losses, name)
    np.testing.assert_allclose(function(y_true, PROBS), values, rtol=1e-12)
    # The function, its name and its class are one loss.
    assert type(keras.losses.get(function)) is type(keras.losses.get(name))
    np.testing.assert_allclose(keras.losses.get(name)(y_true, PROBS), values.mean(), rtol=1e-12)


def test_loss_functions_take_further_axes_and_logits() -> None:
    logits = RNG.standard_normal((2, 3, 4))
    ids = RNG.integers(0, 4, (2, 3))
    expected = (
        np.log(np.exp(logits).sum(-1)) - np.take_along_axis(logits, ids[..., None], -1)[..., 0]
    )
    losses = keras.losses
    found = losses.sparse_categorical_crossentropy(ids, logits, from_logits=True)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    rows = losses.categorical_crossentropy(np.eye(4)[ids], logits, from_logits=True)
    np.testing.assert_allclose(rows, expected, rtol=1e-12)
    np.testing.assert_allclose(losses.mean_squared_error(logits, logits + 2), np.full((2, 3), 4.0))
    smooth = losses.binary_crossentropy([[1.0]], [[0.5]], label_smoothing=0.5)
    np.testing.assert_allclose(smooth, np.log(2))
    assert losses.huber([[0.0]], [[3.0]], delta=2.0).tolist() == [4.0]


def test_a_function_is_a_loss_whose_gradient_is_derived() -> None:
    loss = keras.losses.get(lambda y_true, y_pred: (y_true - y_pred) ** 2)
    assert loss.forward([[3.0, 1.0]], [[1.0, 1.0]]) == 2.0
    assert loss.backward().tolist() == [[2.0, 0.0]]


def test_model_compiles_with_a_loss_function() -> None:
    model = keras.Sequential([keras.layers.Dense(4, activation="softmax", input_shape=(3,))])
    model.compile(
        "sgd",
        keras.losses.sparse_categorical_crossentropy,
        metrics=[keras.losses.sparse_categorical_crossentropy],
    )
    logs = model.evaluate(RNG.standard_normal((6, 3)), IDS, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["loss"], logs["sparse_categorical_crossentropy"], rtol=1e-6)


def test_backend_answers_and_sets_what_config_does() -> None:
    K = keras.backend
    assert (K.backend(), K.epsilon(), K.floatx(), K.image_data_format()) == (
        "hotloop",
        1e-7,
        "float32",
        "channels_last",
    )
    K.set_image_data_format("channels_first")
    try:
        assert keras.config.image_data_format() == "channels_first"
    finally:
        K.set_image_data_format("channels_last")
    K.clear_session()


@pytest.mark.parametrize("name", ["Initializer", "Layer", "Loss", "Metric", "Model", "Optimizer"])
def test_base_classes_stand_at_the_top(name: str) -> None:
    base = getattr(keras, name)
    module = getattr(keras, {"Loss": "losses"}.get(name, f"{name.lower()}s"))
    assert base is getattr(module, name)
    child = {"Initializer": "Zeros", "Layer": "Dense", "Loss": "Huber", "Metric": "Accuracy",
             "Model": "Sequential", "Optimizer": "Adam"}[name]  # fmt: skip
    assert issubclass(getattr(module, child), base)


def test_initializers_are_described_and_made_again() -> None:
    described = keras.initializers.serialize(keras.initializers.VarianceScaling(2.0, seed=3))
    again = keras.initializers.get(described)
    first, second = (i((3, 4)) for i in (keras.initializers.get(described), again))
    np.testing.assert_array_equal(first, second)


def small_model() -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, activation="relu"),
            Scale(),
            keras.layers.Dense(2),
        ]
    )


def test_clone_has_the_same_layers_and_weights_of_its_own() -> None:
    model = small_model()
    clone = keras.models.clone_model(model)
    assert [(type(a), a.name) for a in model.layers] == [(type(b), b.name) for b in clone.layers]
    assert (model.get_weights()[0] != clone.get_weights()[0]).any()
    clone.set_weights(model.get_weights())
    x = RNG.standard_normal((5, 3))
    np.testing.assert_array_equal(model.predict(x), clone.predict(x))


def test_json_describes_a_model() -> None:
    model = small_model()
    again = keras.models.model_from_json(model.to_json(indent=1), {"Scale": Scale})
    assert again.get_config() == model.get_config()
    with pytest.raises(ValueError, match="unknown layer class 'Scale'"):
        keras.models.model_from_json(model.to_json())
    with pytest.raises(ValueError, match="the text describes no model"):
        keras.models.model_from_json('{"class": "os", "config": {}}')


def test_models_are_saved_by_function_too(tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    keras.models.save_model(model, tmp_path / "m.keras")
    with pytest.raises(FileExistsError):
        keras.models.save_model(model, tmp_path / "m.keras", overwrite=False)
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


def test_variables_are_weights() -> None:
    model = keras.Sequential([keras.layers.BatchNormalization(input_shape=(3,))])
    assert [
        len(v) for v in (model.variables, model.trainable_variables, model.non_trainable_variables)
    ] == [4, 2, 2]
    assert model.variables[0] is model.weights[0]


def test_compile_takes_what_keras_tells_its_backends() -> None:
    model = small_model()
    model.compile("adam", "mse", run_eagerly=True, jit_compile=False, steps_per_execution=4)
    assert model.train_on_batch(np.ones((2, 3)), np.ones((2, 2))) > 0


def test_merging_functions_are_their_layers() -> None:
    x = RNG.standard_normal((2, 3)).astype(np.float32)
    layers = keras.layers
    np.testing.assert_array_equal(layers.add([x, x]), 2 * x)
    np.testing.assert_array_equal(layers.multiply([x, x]), x * x)
    np.testing.assert_array_equal(layers.concatenate([x, x], axis=1), np.hstack([x, x]))


def test_input_dim_is_short_for_an_input_shape() -> None:
    model = keras.Sequential([keras.layers.Dense(3, input_dim=8)])
    assert model.input_shape == (None, 8)


def test_what_keras_keeps_under_several_modules() -> None:
    assert keras.utils.register_keras_serializable is keras.saving.register_keras_serializable
    assert keras.utils.clear_session is keras.backend.clear_session
    with pytest.raises(AttributeError, match=r"module 'hotloop.utils' has no attribute 'nowhere'"):
        _ = keras.utils.nowhere  # type: ignore[attr-defined]
    activations = keras.activations
    assert activations.get(activations.serialize(activations.gelu)) is activations.gelu


def test_values_of_a_functional_model_add_and_multiply() -> None:
    inputs = keras.Input((3,))
    x = keras.layers.Dense(3)(inputs)
    x += inputs
    model = keras.Model(inputs, x * inputs)
    data = RNG.standard_normal((4, 3)).astype(np.float32)
    kernel = model.get_weights()[0]
    np.testing.assert_allclose(model.predict(data), (data @ kernel + data) * data, rtol=1e-5)
    with pytest.raises(ValueError, match=r"add: inputs of shape .* do not fit"):
        _ = inputs + np.ones((4, 3))
