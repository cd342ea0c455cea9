"""Constraints: after every update the weights are where Keras leaves them."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import constraints, layers

Array = np.ndarray[Any, Any]
# Constraint of the kernels, and its arguments; weighted sums of the weights that Keras 3.15 leaves after
# six steps of SGD and of Adam (JAX behind it).
CASES: list[tuple[str, dict[str, Any], list[float]]] = [
    (
        "MaxNorm",
        {"max_value": 0.5, "axis": 0},
        [
            0.41931,
            -0.189815,
            -0.917962,
            -0.20379,
            -0.678533,
            -0.101444,
            0.585431,
            0.785197,
            -0.769565,
            -0.482995,
            -0.290099,
            0.005987,
            -0.919704,
            -0.054803,
            -0.676151,
            -0.100768,
            0.352832,
            0.395525,
            -0.402127,
            -0.437491,
        ],
    ),
    (
        "MaxNorm",
        {"max_value": 0.7, "axis": [0, 1, 2]},
        [
            0.340329,
            -0.180485,
            -0.867705,
            -0.204701,
            -0.681373,
            -0.101803,
            0.524378,
            0.825061,
            -3.445721,
            -0.518738,
            -0.386075,
            -0.112316,
            -0.978805,
            -0.219678,
            -0.67876,
            -0.102158,
            0.303757,
            0.883385,
            -3.744852,
            -0.470122,
        ],
    ),
    (
        "NonNeg",
        {},
        [
            0.735173,
            -0.166742,
            -0.759432,
            -0.288759,
            -0.679067,
            -0.095872,
            0.59189,
            0.809926,
            -0.825571,
            -0.529294,
            0.13182,
            -0.000839,
            -0.765412,
            -0.262947,
            -0.676818,
            -0.096244,
            0.698055,
            0.86403,
            -1.204429,
            -0.507324,
        ],
    ),
    (
        "UnitNorm",
        {"axis": 0},
        [
            0.413494,
            -0.184034,
            -0.910638,
            -0.202237,
            -0.674897,
            -0.099762,
            0.563518,
            0.79148,
            -1.687692,
            -0.499223,
            -0.748032,
            -0.004952,
            -0.968413,
            -0.062558,
            -0.673872,
            -0.099644,
            0.420611,
            0.488944,
            -1.699787,
            -0.470404,
        ],
    ),
    (
        "MinMaxNorm",
        {"min_value": 0.4, "max_value": 0.6, "rate": 0.5},
        [
            0.457381,
            -0.185203,
            -0.901813,
            -0.203991,
            -0.678119,
            -0.10039,
            0.556543,
            0.803386,
            -1.060313,
            -0.4897,
            -0.424085,
            0.000722,
            -1.021706,
            -0.116387,
            -0.675497,
            -0.09993,
            0.426419,
            0.863219,
            -0.994314,
            -0.451084,
        ],
    ),
]


def trained(keras: Any, name: str, arguments: dict[str, Any], optimizer: Any) -> list[float]:
    """Train a small network whose weights are held, and return weighted sums of its weights."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((24, 6, 6, 2)).astype("float32")
    t = rng.standard_normal((24, 3)).astype("float32")
    held = getattr(keras.constraints, name)(**arguments)
    dense = held if isinstance(arguments.get("axis", 0), int) else "max_norm"
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            keras.layers.Conv2D(
                4, 3, activation="tanh", kernel_constraint=held, bias_constraint="non_neg"
            ),
            keras.layers.BatchNormalization(
                gamma_constraint=keras.constraints.MaxNorm(1.0), beta_constraint="non_neg"
            ),
            keras.layers.Flatten(),
            keras.layers.LayerNormalization(gamma_constraint="non_neg"),
            keras.layers.Dense(3, kernel_constraint=dense, bias_constraint="max_norm"),
        ]
    )
    rng = np.random.default_rng(6)
    weights = [rng.standard_normal(w.shape).astype("float32") * 0.4 for w in model.get_weights()]
    model.set_weights([abs(w) if i == 5 else w for i, w in enumerate(weights)])
    model.compile(optimizer=optimizer, loss="mse")
    for start in (0, 8, 16, 0, 8, 16):
        model.train_on_batch(x[start : start + 8], t[start : start + 8])
    values = [np.asarray(w, np.float64).reshape(-1) for w in model.get_weights()]
    return [round(float((w * np.cos(np.arange(w.size))).sum()), 6) for w in values]


def optimizers(keras: Any) -> list[Any]:
    return [keras.optimizers.SGD(0.05), keras.optimizers.Adam(0.05)]


@pytest.mark.parametrize(("name", "arguments", "expected"), CASES, ids=lambda v: str(v)[:30])
def test_training_leaves_keras_weights(
    name: str, arguments: dict[str, Any], expected: list[float]
) -> None:
    found = [v for each in optimizers(hl) for v in trained(hl, name, arguments, each)]
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)


W = np.array([[3.0, -0.1, 0.0], [4.0, 0.2, 0.0]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values(dtype: str) -> None:
    w = W.astype(dtype)
    length = np.sqrt(np.square(W).sum(axis=0))
    unit = constraints.UnitNorm()(w)
    assert unit.dtype == dtype
    np.testing.assert_allclose(unit, W / (length + 1e-7), rtol=1e-6)
    capped = constraints.MaxNorm(2.0)(w)
    np.testing.assert_allclose(np.sqrt(np.square(capped).sum(axis=0)), [2.0, length[1], 0], 1e-6)
    half = constraints.MinMaxNorm(1.0, 2.0, rate=0.5, axis=-1)(w)
    rows = np.sqrt(np.square(W).sum(axis=-1))
    np.testing.assert_allclose(
        np.sqrt(np.square(half).sum(axis=-1)), 0.5 * (rows + np.clip(rows, 1, 2)), rtol=1e-6
    )
    assert (constraints.NonNeg()(w) == np.maximum(w, 0)).all()
    assert np.isnan(constraints.NonNeg()(np.array([np.nan]))).all()
    assert constraints.MaxNorm()(np.zeros((0, 3), dtype)).shape == (0, 3)


def test_what_names_a_constraint() -> None:
    assert constraints.get(None) is None
    assert type(constraints.get("unit_norm")) is constraints.UnitNorm
    assert type(constraints.get("MinMaxNorm")) is constraints.MinMaxNorm
    assert constraints.get(constraints.NonNeg).get_config() == {}
    again = constraints.get(constraints.serialize(constraints.MaxNorm(3.0, axis=[0, 1])))
    assert again.get_config() == {"max_value": 3.0, "axis": [0, 1]}
    assert constraints.serialize(None) is None
    with pytest.raises(ValueError, match=r"unknown constraint 'max_nrm'.*did you mean 'max_norm'"):
        constraints.get("max_nrm")
    with pytest.raises(TypeError, match="a constraint must be a name, a Constraint or a function"):
        constraints.get(3)
    with pytest.raises(ValueError, match="MinMaxNorm: rate must lie in"):
        constraints.MinMaxNorm(rate=2.0)
    with pytest.raises(ValueError, match="MaxNorm: max_value must not be negative"):
        constraints.MaxNorm(-1.0)


def model_of(**kwargs: Any) -> hl.Sequential:
    model = hl.Sequential([hl.Input((4,)), layers.Dense(3, **kwargs), layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    return model


X, T = np.linspace(-1, 1, 64, dtype="f4").reshape(16, 4), np.ones((16, 1), "f4")


def test_files_keep_constraints(tmp_path: Any) -> None:
    model = model_of(kernel_constraint=constraints.MaxNorm(0.1), bias_constraint="non_neg")
    model.save(tmp_path / "held.hotloop")
    loaded = hl.models.load_model(tmp_path / "held.hotloop")
    copies = [loaded, pickle.loads(pickle.dumps(model)), hl.models.clone_model(model)]
    for each in copies:
        config = each.layers[0].get_config()
        assert config["kernel_constraint"]["config"]["max_value"] == 0.1
        assert json.dumps(config["bias_constraint"])
        assert "kernel_constraint" not in each.layers[1].get_config()
        each.compile(optimizer="sgd", loss="mse")
        each.fit(X, T, epochs=1, batch_size=8, verbose=0)
        kernel = each.layers[0].get_weights()[0]
        assert np.sqrt(np.square(kernel).sum(axis=0)).max() <= 0.1 + 1e-6


def test_a_layer_of_ones_own_and_a_function() -> None:
    class Scale(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight(
                shape=(input_shape[-1],),
                initializer="ones",
                constraint=lambda w: hl.ops.clip(w, 0.9, 1.1),
            )

        def call(self, x: Any) -> Any:
            return x * self.scale

    model = hl.Sequential([hl.Input((4,)), Scale(), layers.Dense(1)])
    model.compile(optimizer=hl.optimizers.SGD(10.0), loss="mse")
    model.fit(X, T, epochs=1, batch_size=8, verbose=0)
    scale = model.layers[0].get_weights()[0]
    assert scale.min() >= np.float32(0.9)
    assert scale.max() <= np.float32(1.1)
    assert (scale != 1.0).any()


class Halved(constraints.Constraint):
    """A constraint of a user's own."""

    def __call__(self, w: Any) -> Any:
        return w * 0.5


def test_a_constraint_of_ones_own_by_tape_and_by_step() -> None:
    kernels = []
    for by_tape in (False, True):
        model = model_of(kernel_constraint=Halved(), kernel_initializer="ones")
        model.layers[1].set_weights([np.ones((3, 1)), np.zeros(1)])
        if by_tape:
            with hl.GradientTape() as tape:
                loss = hl.ops.mean(hl.ops.square(T - model(X, training=True)))
            grads = tape.gradient(loss, model.trainable_variables)
            model.optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True))
        else:
            model.train_on_batch(X, T)
        kernels.append(model.layers[0].get_weights()[0])
    np.testing.assert_allclose(kernels[0], kernels[1], rtol=1e-6)
    assert abs(kernels[0]).max() < 0.6
