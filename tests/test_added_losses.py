"""`add_loss` and `activity_regularizer`, in every way to train, held to Keras."""

from __future__ import annotations

import copy
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import ops
from keras_oracle import as_numpy, keras

KINDS = ["sequential", "added", "functional", "subclass"]
X = np.random.default_rng(0).normal(size=(32, 6)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 32)


def penalized(k: Any) -> Any:
    """Return a layer's class that adds two losses, made with hotloop's or Keras's base."""

    class Penalized(k.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            self.add_loss(0.05 * k.ops.mean(k.ops.square(x)))
            self.add_loss([k.ops.sum(k.ops.abs(x)) * 0.001])
            return x * 2.0

    return Penalized


def build(k: Any, kind: str) -> Any:
    layers, dense = k.layers, k.layers.Dense
    added = penalized(k)
    if kind == "sequential":
        return k.Sequential(
            [
                k.Input((6,)),
                dense(5, activation="tanh", activity_regularizer="l2"),
                dense(3, activation="softmax", activity_regularizer=k.regularizers.L1(0.02)),
            ]
        )
    if kind == "added":
        return k.Sequential([k.Input((6,)), dense(5, activation="relu"), added(), dense(3)])
    if kind == "functional":
        x = k.Input((6,))
        h = dense(8, activation="relu", activity_regularizer="l1", kernel_regularizer="l2")(x)
        h = layers.Flatten()(layers.Reshape((2, 4), activity_regularizer="l2")(added()(h)))
        return k.Model(x, dense(3, activation="softmax")(h))

    class Own(k.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first = dense(5, activation="tanh", activity_regularizer="l1")
            self.added, self.last = added(), dense(3)

        def call(self, x: Any) -> Any:
            h = self.added(self.first(x))
            self.add_loss(0.1 * k.ops.mean(h))
            return self.last(h)

    model = Own()
    model.build((None, 6))
    return model


def compiled(k: Any, kind: str, weights: Any = None) -> Any:
    model = build(k, kind)
    if weights is not None:
        model.set_weights(weights)
    logits = kind in ("added", "subclass")
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=logits)
    model.compile(k.optimizers.SGD(0.1), loss)
    return model


@pytest.fixture(scope="module")
def keras_runs() -> dict[str, Any]:
    k = keras()
    runs = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's own, of NumPy
        for kind in KINDS:
            model = compiled(k, kind)
            model(X[:1])
            start = model.get_weights()
            before = model.evaluate(X, Y, verbose=0)
            history = model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0).history[
                "loss"
            ]
            model(X)
            losses = sorted(float(as_numpy(loss)) for loss in model.losses)
            runs[kind] = (start, before, history, model.get_weights(), losses)
    return runs


@pytest.mark.parametrize("kind", KINDS)
def test_fit_evaluate_and_losses_are_keras_s(keras_runs: dict[str, Any], kind: str) -> None:
    start, before, history, weights, losses = keras_runs[kind]
    model = compiled(hl, kind, start)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(before, rel=1e-5)
    found = model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0).history["loss"]
    assert found == pytest.approx(history, rel=1e-5)
    for mine, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    with hl.GradientTape():
        model(X)
    assert sorted(map(float, model.losses)) == pytest.approx(losses, rel=1e-4)


@pytest.mark.parametrize("way", ["train_on_batch", "tape", "compile", "train_step"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_way_to_train_takes_the_same_steps(kind: str, way: str) -> None:
    hl.random.set_seed(3)
    whole = compiled(hl, kind)
    model = compiled(hl, kind, whole.get_weights())

    def step(x: Any, y: Any) -> Any:
        weights = model.trainable_variables
        with hl.GradientTape() as tape:
            p = model(x, training=True)
            if way == "train_step":
                loss = model.compute_loss(x, y, p)
            else:
                loss = model.loss(y, p) + sum(ops.sum(one) for one in model.losses)
        grads = tape.gradient(loss, weights)
        model.optimizer.apply_gradients(zip(grads, weights, strict=True))
        return loss

    run = hl.compile(step) if way == "compile" else step
    if way == "train_on_batch":
        run = model.train_on_batch
    for i in range(0, 32, 8):
        want = whole.train_on_batch(X[i : i + 8], Y[i : i + 8])
        assert float(run(X[i : i + 8], Y[i : i + 8])) == pytest.approx(want, rel=1e-5)
    for mine, theirs in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


@pytest.mark.parametrize("kind", ["sequential", "added", "functional"])
def test_losses_survive_saving_pickling_and_copying(kind: str, tmp_path: Path) -> None:
    model = compiled(hl, kind)
    with hl.GradientTape():
        model(X)
    want = model.evaluate(X, Y, verbose=0)
    assert copy.deepcopy(model).evaluate(X, Y, verbose=0) == want
    if kind != "added":
        assert kind == "functional" or pickle.loads(pickle.dumps(model)).evaluate(
            X, Y, verbose=0
        ) == pytest.approx(want)
    model.save(tmp_path / "m.hotloop")
    again = hl.models.load_model(tmp_path / "m.hotloop", {"Penalized": penalized(hl)})
    assert again.evaluate(X, Y, verbose=0) == want
    model.fit(X, Y, epochs=1, shuffle=False, verbose=0)
    again.fit(X, Y, epochs=1, shuffle=False, verbose=0)
    for mine, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        assert np.array_equal(mine, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_added_losses_is_that_of_differences(kind: str) -> None:
    before = hl.config.floatx()
    hl.config.set_floatx("float64")
    try:
        model = compiled(hl, kind)
    finally:
        hl.config.set_floatx(before)
    x, y = X[:5].astype(np.float64), Y[:5]
    kernel = model.trainable_variables[0]
    with hl.GradientTape() as tape:
        loss = model.compute_loss(x, y, model(x))
    grad = tape.gradient(loss, kernel)
    for place in [(0, 0), (3, 2), (5, 4)]:
        found = []
        for step in (1e-6, -2e-6):
            moved = kernel.numpy()
            moved[place] += step
            kernel.assign(moved)
            found.append(model.evaluate(x, y, verbose=0))
        moved[place] += 1e-6
        kernel.assign(moved)
        assert (found[0] - found[1]) / 2e-6 == pytest.approx(grad[place], rel=1e-5, abs=1e-9)


def test_a_regularizer_of_ones_own_needs_a_formula_alone() -> None:
    class Far(hl.regularizers.Regularizer):
        def __call__(self, x: Any) -> Any:
            return 0.3 * ops.sum(ops.square(ops.square(x)))

    model = hl.Sequential(
        [hl.Input((6,)), hl.layers.Dense(3, kernel_regularizer=Far(), activity_regularizer=Far())]
    )
    model.compile(hl.optimizers.SGD(0.001), "mse")
    t = np.zeros((32, 3), np.float32)
    w, b = model.get_weights()
    y = X @ w + b
    want = (y**2).mean() + 0.3 * (w**4).sum() + 0.3 * (y**4).sum() / 32
    assert model.train_on_batch(X, t) == pytest.approx(want, rel=1e-5)
    slope = 2 * y / y.size + 0.3 * 4 * y**3 / 32
    np.testing.assert_allclose(
        model.get_weights()[0], w - 0.001 * (X.T @ slope + 1.2 * w**3), atol=1e-6
    )


def test_what_is_added_from_the_last_call_counts_alone() -> None:
    layer = penalized(hl)()
    with hl.GradientTape():
        layer(hl.Tensor(X))
        layer(hl.Tensor(X[:1] * 0))
    assert [float(loss) for loss in layer.losses] == [0.0, 0.0]


def test_predict_and_the_by_hand_interface_leave_losses_out() -> None:
    model = compiled(hl, "sequential")
    plain = build(hl, "sequential")
    plain.set_weights(model.get_weights())
    for layer in plain.layers:
        layer.activity_regularizer = None
    assert np.array_equal(model.predict(X, verbose=0), plain.predict(X, verbose=0))
    for each in (model, plain):
        each.forward(X, training=True)
        each.backward(np.ones((32, 3)))
    assert np.array_equal(model.grads["dense/kernel"], plain.grads["dense/kernel"])


def test_a_symbol_outside_of_a_call_is_refused() -> None:
    layer = hl.layers.Dense(2)
    with pytest.raises(TypeError, match="inside of call"):
        layer.add_loss(ops.sum(layer(hl.Input((3,)))))
