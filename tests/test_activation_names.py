"""Keras's activations: values and gradients of each, and where a function or a layer may stand for one."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import activations, layers, ops
from hotloop.autodiff import purity

X = np.array([[-6.5, -2.0, -1.1, -0.75, -0.55, -0.25, 0.1, 0.4, 0.45, 1.2, 2.5, 7.0]], "float32")
WEIGHTS, PROBE = np.cos(np.arange(12.0)).astype("f4"), np.sin(np.arange(12.0))
# Weighted sums of what Keras 3.15 answers to X, and of its gradient (PyTorch behind it).
KERAS = {
    "celu": [-3.27987, 0.10276],
    "elu": [-3.27987, 0.10276],
    "exponential": [-7.12376, -0.37924],
    "gelu": [-2.53384, 0.13957],
    "glu": [-2.94777, 0.54996],
    "hard_shrink": [-9.1809, 0.50777],
    "hard_sigmoid": [-1.11275, 0.05388],
    "hard_silu": [-2.11681, 0.22545],
    "hard_tanh": [-1.50675, 0.16603],
    "leaky_relu": [-4.0463, 0.19146],
    "linear": [-8.91971, 0.31883],
    "log_sigmoid": [-6.15256, 0.14543],
    "log_softmax": [-6.02037, -0.08746],
    "mish": [-2.42252, 0.10726],
    "relu": [-2.82795, 0.15962],
    "relu6": [-2.83238, 0.16404],
    "selu": [-3.76586, 0.06775],
    "sigmoid": [-1.07524, -0.02272],
    "silu": [-2.24246, 0.15769],
    "soft_shrink": [-8.56775, 0.50777],
    "softmax": [-0.00637, -0.0066],
    "softplus": [-2.76715, 0.1734],
    "softsign": [-1.24431, -0.12697],
    "sparse_plus": [-2.58534, 0.16318],
    "sparse_sigmoid": [-0.95988, 0.08301],
    "sparsemax": [0.00443, 0.0],
    "squareplus": [-3.02822, 0.17123],
    "tanh": [-1.56348, -0.13463],
    "tanh_shrink": [-7.35623, 0.45346],
    "hard_swish": [-2.11681, 0.22545],
    "swish": [-2.24246, 0.15769],
}


@pytest.mark.parametrize("name", KERAS)
def test_values_and_gradients_are_those_of_keras(name: str) -> None:
    function, (value, slope) = activations.get(name), KERAS[name]
    weights = WEIGHTS[: 6 if name == "glu" else 12]
    np.testing.assert_allclose((function(X)[0] * weights).sum(), value, atol=2e-5)
    assert function(X).dtype == "float32"
    assert np.asarray(getattr(activations, name)(X.astype("f8"))).dtype == "float64"
    tensor = hl.Tensor(X, requires_grad=True)
    (function(tensor) * weights).sum().backward()
    assert tensor.grad is not None
    np.testing.assert_allclose((tensor.grad[0] * PROBE).sum(), slope, atol=2e-5)
    y = function.forward(X)
    saved = y if function.saves == "y" else X
    dx = function.backward(weights[None], saved)
    np.testing.assert_allclose(dx, tensor.grad, atol=1e-6)
    symbol = hl.Input((12,))
    model = hl.Model(symbol, function(symbol))
    np.testing.assert_allclose(model.predict(X, verbose=0), y, rtol=1e-6, atol=1e-7)


def test_every_name_of_ours_is_in_the_table() -> None:
    assert set(activations.FUNCTIONS) <= set(KERAS)


@pytest.mark.parametrize("name", [n for n in activations.FUNCTIONS if n != "glu"])
def test_recorded_steps_hold_what_says_so(name: str) -> None:
    function, dy = activations.get(name), np.ascontiguousarray(X[:, ::-1])

    def forward(_: Any, x: Any) -> Any:
        return function.forward(x)

    def backward(_: Any, dy: Any, x: Any) -> Any:
        return function.backward(dy, x)

    for call, arrays in ((forward, [X]), (backward, [dy, X])):
        found = purity.recorded(call, None, arrays, (call(None, *arrays),))
        assert (found is not None) == function.recordable


def test_arguments_of_keras() -> None:
    x = np.array([-2.0, 0.5, 3.0])
    assert activations.relu(x, 0.5, 2.0).tolist() == [-1.0, 0.5, 2.0]
    assert activations.relu(x, negative_slope=0.1, threshold=1.0).round(6).tolist() == [
        -0.3,
        -0.05,
        3,
    ]
    assert activations.threshold(x, 1.0, 7.0).tolist() == [7.0, 7.0, 3.0]
    assert activations.elu(x, alpha=0.0).tolist() == [0.0, 0.5, 3.0]
    np.testing.assert_allclose(activations.softmax(X, axis=0), 1.0)
    assert activations.linear([1, 2]).tolist() == [1, 2]


def trained(*made: Any) -> Any:
    hl.set_seed(4)
    model = hl.Sequential([hl.Input((12,)), *made, layers.Dense(1, kernel_initializer="ones")])
    model.compile(optimizer="sgd", loss="mse")
    rows = np.repeat(X, 8, axis=0) * np.linspace(-1, 1, 8, dtype="f4")[:, None]
    model.fit(rows, np.ones((8, 1), "f4"), epochs=2, batch_size=4, shuffle=False, verbose=0)
    return model


def double_relu(x: Any) -> Any:
    """Return what an activation of a user answers."""
    return ops.maximum(x, 0.0) * 2.0


def test_functions_and_layers_as_activations(tmp_path: Any) -> None:
    by_layer = trained(layers.Dense(3, activation=layers.LeakyReLU(0.1)))
    by_lambda = trained(layers.Dense(3, activation=lambda x: ops.leaky_relu(x, 0.1)))
    behind = trained(layers.Dense(3), layers.LeakyReLU(0.1))
    for other in (by_lambda, behind):
        for a, b in zip(by_layer.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    by_layer.save(tmp_path / "layer.hotloop")
    loaded = hl.models.load_model(tmp_path / "layer.hotloop")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), by_layer.predict(X, verbose=0))

    own = trained(layers.Dense(3, activation=double_relu), layers.Activation(double_relu))
    own.save(tmp_path / "own.hotloop")
    with pytest.raises(ValueError, match="unknown activation 'double_relu'"):
        hl.models.load_model(tmp_path / "own.hotloop")
    known = {"double_relu": double_relu}
    copies = [hl.models.load_model(tmp_path / "own.hotloop", custom_objects=known)]
    copies.append(pickle.loads(pickle.dumps(own)))
    for each in copies:
        np.testing.assert_array_equal(each.predict(X, verbose=0), own.predict(X, verbose=0))


def test_what_is_no_activation() -> None:
    assert activations.get(ops.relu) is activations.relu
    assert activations.get(ops.silu) is activations.get("swish")
    assert activations.deserialize(activations.serialize("mish")) is activations.get("mish")
    assert activations.serialize(None) == "linear"
    dense = layers.Dense(2)
    dense.build((None, 12))
    with pytest.raises(TypeError, match="an activation has no weights"):
        layers.Dense(3, activation=dense)
    with pytest.raises(TypeError, match="an activation must be None, a name"):
        layers.Dense(3, activation=layers.ReLU)
    with pytest.raises(TypeError, match="activation '<lambda>': its answer has no gradient"):
        trained(layers.Dense(3, activation=lambda x: np.asarray(x) * 2))


def test_glu_halves_the_last_axis() -> None:
    assert layers.Activation("glu").compute_output_shape((None, 12)) == (None, 6)
    with pytest.raises(ValueError, match="must have an even size"):
        activations.glu(X[:, :5])
    model = trained(layers.Activation("glu"))
    assert model.layers[1].kernel.shape == (6, 1)
