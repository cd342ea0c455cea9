"""``keras.backend`` and the other modules that Keras scripts import beside layers."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import backend as K
from hotloop import config, layers, mixed_precision, random

X = np.sin(np.arange(24.0)).reshape(2, 3, 4).astype("f4")
Y = np.cos(np.arange(30.0)).reshape(2, 3, 5).astype("f4")
IMAGES = X.reshape(2, 3, 2, 2)
# Call, and what NumPy answers.
CASES: list[tuple[Any, Any]] = [
    (lambda: K.mean(K.square(X), axis=-1, keepdims=True), np.square(X).mean(-1, keepdims=True)),
    (lambda: K.argmax(X), X.argmax(-1)),
    (lambda: K.argmin(X, axis=1), X.argmin(1)),
    (lambda: K.sqrt(X), np.sqrt(np.maximum(X, 0))),
    (lambda: K.cast_to_floatx([1, 2]), np.array([1, 2], "f4")),
    (lambda: K.concatenate([X, X]), np.concatenate([X, X], -1)),
    (lambda: K.cumsum(X), X.cumsum(0)),
    (lambda: K.cumprod(X, 1), X.cumprod(1)),
    (lambda: K.flatten(X), X.reshape(-1)),
    (lambda: K.batch_flatten(X), X.reshape(2, 12)),
    (lambda: K.batch_dot(X, X, axes=(1, 1)), np.einsum("bia,bic->bac", X, X)),
    (lambda: K.batch_dot(X, Y, axes=1), np.einsum("bia,bic->bac", X, Y)),
    (lambda: K.batch_dot(X[:, 0], X[:, 1]), (X[:, 0] * X[:, 1]).sum(-1)[:, None]),
    (lambda: K.batch_dot(X, X[:, 0]), np.einsum("bia,ba->bi", X, X[:, 0])),
    (lambda: K.permute_dimensions(X, (0, 2, 1)), X.transpose(0, 2, 1)),
    (lambda: K.gather(X, [1, 0]), X[[1, 0]]),
    (lambda: K.bias_add(IMAGES, np.arange(2.0)), IMAGES + np.arange(2.0)),
    (
        lambda: K.bias_add(IMAGES, np.arange(3.0), "channels_first"),
        IMAGES + np.arange(3.0)[:, None, None],
    ),
    (lambda: K.l2_normalize(X, -1), X / np.sqrt(np.square(X).sum(-1, keepdims=True))),
    (lambda: K.relu(X, 0.5, 0.8), np.clip(np.where(X > 0, X, X / 2), 0, 0.8)),
    (lambda: K.repeat(X[:, 0], 3), np.repeat(X[:, :1], 3, axis=1)),
    (lambda: K.repeat_elements(X, 2, axis=1), np.repeat(X, 2, axis=1)),
    (lambda: K.resize_images(IMAGES, 2, 1), np.repeat(IMAGES, 2, axis=1)),
    (lambda: K.temporal_padding(X), np.pad(X, ((0, 0), (1, 1), (0, 0)))),
    (
        lambda: K.spatial_2d_padding(IMAGES, ((1, 0), (0, 2)), "channels_first"),
        np.pad(IMAGES, ((0, 0), (0, 0), (1, 0), (0, 2))),
    ),
    (lambda: K.pool2d(IMAGES, (2, 2)), np.maximum(IMAGES[:, :2], IMAGES[:, 1:]).max(2)[:, :, None]),
    (lambda: K.pool2d(IMAGES, (1, 2), pool_mode="avg"), IMAGES.mean(2, keepdims=True)),
    (lambda: K.conv1d(X, np.ones((1, 4, 2), "f4")), np.repeat(X.sum(-1, keepdims=True), 2, -1)),
    (lambda: K.conv2d(IMAGES, np.ones((1, 1, 2, 1), "f4")), IMAGES.sum(-1, keepdims=True)),
    (lambda: K.depthwise_conv2d(IMAGES, np.full((1, 1, 2, 1), 2, "f4")), IMAGES * 2),
    (lambda: K.switch(X > 0, X, lambda: -X), abs(X)),
    (lambda: K.constant(2, shape=(3,)), np.full(3, 2.0)),
    (lambda: K.zeros((2,)) + K.ones((2,)), np.ones(2)),
    (lambda: K.reverse(X, 1), X[:, ::-1]),
    (lambda: K.map_fn(lambda row: row * 2, X), X * 2),
    (lambda: K.binary_crossentropy(np.ones(2), np.full(2, 0.5)), np.full(2, np.log(2))),
    (lambda: K.categorical_crossentropy(np.eye(2), np.full((2, 2), 0.5)), np.full(2, np.log(2))),
    (
        lambda: K.sparse_categorical_crossentropy(np.array([0, 1]), np.zeros((2, 2)), True),
        np.full(2, np.log(2)),
    ),
    (lambda: K.eval(hl.Tensor([1.0])), np.ones(1)),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_values(case: int) -> None:
    call, expected = CASES[case]
    np.testing.assert_allclose(call(), expected, rtol=1e-5, atol=1e-6)


def test_variables_and_learning_rates() -> None:
    v = K.variable([1.0, 2.0])
    assert K.update_add(v, 1.0) is v
    assert K.update_sub(v, np.array([0.0, 1.0])).tolist() == [2.0, 2.0]
    assert K.moving_average_update(v, np.zeros(2), 0.5).tolist() == [1.0, 1.0]
    K.batch_set_value([(v, [5.0, 6.0])])
    assert K.batch_get_value([v])[0].tolist() == [5.0, 6.0]
    assert K.get_value(v).tolist() == [5.0, 6.0]
    model = hl.Sequential([hl.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    assert float(K.get_value(model.optimizer.learning_rate)) == pytest.approx(0.01)
    K.set_value(model.optimizer.learning_rate, 0.5)
    assert float(model.optimizer.learning_rate) == 0.5


def test_names_of_dtypes_and_shapes() -> None:
    assert K.int_shape(hl.Input((3,))) == (None, 3)
    assert K.count_params(X) == 24
    assert K.is_keras_tensor(hl.Input((3,)))
    assert not K.is_keras_tensor(X)
    assert not K.is_sparse(X)
    assert K.standardize_dtype(np.float64) == "float64"
    assert (K.is_float_dtype("float32"), K.is_int_dtype("uint8"), K.is_int_dtype("bool")) == (
        True,
        True,
        False,
    )
    assert K.result_type("int32", "float32") == "float32"
    assert K.learning_phase() == 0
    with K.name_scope("block") as name:
        assert name == "block"
    with pytest.raises(ValueError, match="batch_dot: axes must not be the batch"):
        K.batch_dot(X, X, axes=0)
    with pytest.raises(ValueError, match="interpolation must be 'nearest'"):
        K.resize_images(IMAGES, 2, 2, interpolation="bilinear")
    with pytest.raises(AttributeError, match=r"no attribute 'meen'; did you mean 'mean'\?"):
        getattr(K, "me" + "en")


def test_a_loss_and_a_sampling_layer_of_backend_functions_train() -> None:
    """What scripts of variational autoencoders write."""

    def sampling(parts: Any) -> Any:
        mean, log_var = parts
        noise = K.random_normal(shape=(K.shape(mean)[0], K.int_shape(mean)[1]))
        return mean + K.exp(0.5 * log_var) * noise

    x = hl.Input((4,))
    mean, log_var = layers.Dense(2)(x), layers.Dense(2)(x)
    z = layers.Lambda(sampling)([mean, log_var])
    model = hl.Model(x, layers.Dense(4, activation="sigmoid")(z))

    def loss(t: Any, y: Any) -> Any:
        return K.mean(K.binary_crossentropy(t, y), axis=-1)

    model.compile("adam", loss)
    t = (X.reshape(6, 4) > 0).astype("f4")
    history = model.fit(t, t, epochs=3, verbose=0).history["loss"]
    assert np.isfinite(history).all()


def test_random_numbers_of_keras() -> None:
    assert random.randint((1000,), 2, 5, seed=1).min() == 2
    assert random.randint((1000,), 2, 5, seed=1).max() == 4
    assert random.randint((2,), 0, 9).dtype == "int32"
    assert abs(random.truncated_normal((2000,), seed=1)).max() <= 2.0
    assert random.truncated_normal((2000,), 1.0, 0.1, seed=1).mean() == pytest.approx(1.0, abs=0.02)
    assert random.gamma((4000,), 3.0, seed=1).mean() == pytest.approx(3.0, abs=0.1)
    assert random.beta((4000,), 1.0, 3.0, seed=1).mean() == pytest.approx(0.25, abs=0.02)
    assert random.binomial((4000,), 4, 0.25, seed=1).mean() == pytest.approx(1.0, abs=0.1)
    assert K.random_bernoulli((4000,), 0.25, seed=1).mean() == pytest.approx(0.25, abs=0.03)
    drawn = random.categorical(np.log([[0.2, 0.8], [1.0, 1e-9]]), 4000, seed=1)
    np.testing.assert_allclose(drawn.mean(axis=1), [0.8, 0.0], atol=0.03)
    shuffled = random.shuffle(np.arange(50), seed=1)
    assert sorted(shuffled) == list(range(50)) != shuffled.tolist()
    assert sorted(random.shuffle(X, axis=2, seed=1)[0, 0]) == sorted(X[0, 0])
    dropped = random.dropout(np.ones((100, 100), "f4"), 0.25, seed=1)
    assert set(np.unique(dropped)) == {0.0, np.float32(4 / 3)}
    assert dropped.mean() == pytest.approx(1.0, abs=0.03)
    tensor = hl.Tensor(np.ones(9), requires_grad=True)
    random.dropout(tensor, 0.5, seed=2).sum().backward()
    assert tensor.grad is not None
    assert set(tensor.grad) <= {0.0, 2.0}
    with pytest.raises(ValueError, match=r"dropout: rate must lie in \[0, 1\), got 1"):
        random.dropout(X, 1)
    hl.set_seed(5)
    first = random.gamma((3,), 2.0), random.categorical(np.zeros((1, 9)), 5)
    hl.set_seed(5)
    again = random.gamma((3,), 2.0), random.categorical(np.zeros((1, 9)), 5)
    assert [a.tolist() for a in first] == [b.tolist() for b in again]


def test_policies_name_one_dtype() -> None:
    assert mixed_precision.global_policy().name == "float32"
    try:
        mixed_precision.set_global_policy("float64")
        assert config.floatx() == config.dtype_policy().compute_dtype == "float64"
        config.told.discard("mixed precision")
        with pytest.warns(
            config.DiagnosisWarning, match="mixed_float16: models compute in float32"
        ):
            mixed_precision.set_global_policy("mixed_float16")
        assert config.floatx() == "float32"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            mixed_precision.set_global_policy(mixed_precision.Policy("mixed_bfloat16"))
    finally:
        config.set_floatx("float32")
    with pytest.raises(ValueError, match="DTypePolicy: name must be one of"):
        config.DTypePolicy("int8")


def test_imports_below_keras_are_the_package_itself() -> None:
    text = """
import hotloop.keras as keras
from hotloop.keras import layers
from hotloop.keras.layers import Dense
from hotloop.keras.optimizers.schedules import ExponentialDecay
import hotloop.keras.backend as K
import hotloop as hl
assert keras is hl is hl.keras and layers is hl.layers and Dense is hl.layers.Dense
assert K is hl.backend and ExponentialDecay is hl.optimizers.schedules.ExponentialDecay
try:
    import hotloop.keras.nothing
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == "No module named 'hotloop.nothing'\n"
