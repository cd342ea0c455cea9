"""Layers over sequences: as Keras computes and trains them, with masks, states and open lengths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import layers
from hotloop import reference as R
from recurrent_cases import CASES, data, weights

VALUES = json.loads((Path(__file__).parent / "recurrent_values.json").read_text(encoding="utf-8"))
CELLS = ("LSTM", "GRU", "SimpleRNN")


@pytest.mark.parametrize("name", CASES)
def test_forward_and_twenty_steps_are_keras(name: str) -> None:
    """Recorded from Keras 3.15 on PyTorch."""
    want, model = VALUES[name], CASES[name](hl)
    x, t = data(name)
    model.set_weights(weights([w.shape for w in model.get_weights()]))
    first = model.predict(x, verbose=0).ravel()[:6]
    np.testing.assert_allclose(first, want["first"], atol=1e-5)
    model.compile(hl.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    losses = [model.train_on_batch(x, t) for _ in range(20)]
    np.testing.assert_allclose([losses[i] for i in (0, 1, 4, 19)], want["losses"], atol=1e-5)
    last = [np.abs(w).sum() for w in model.get_weights()]
    np.testing.assert_allclose(last, want["last"], rtol=1e-5, atol=1e-5)


KEPT = (
    "tagger LSTM",
    "states GRU",
    "classifier SimpleRNN backwards",
    "tagger from both ends GRU",
    "cells of all kinds",
    "classifier LSTM of elu",
)


@pytest.mark.parametrize("name", KEPT)
def test_files_and_descriptions_make_the_same_model(name: str, tmp_path: Path) -> None:
    model, (x, t) = CASES[name](hl), data(name)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, t, verbose=0)
    model.save(tmp_path / "model")
    again = hl.models.load_model(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert again.train_on_batch(x, t) == model.train_on_batch(x, t)
    twin = hl.models.clone_model(again)
    assert [w.shape for w in twin.get_weights()] == [w.shape for w in model.get_weights()]
    assert twin.to_json() == model.to_json()


@pytest.mark.parametrize("cell", CELLS)
def test_tapes_answer_the_gradients_of_recorded_steps(cell: str) -> None:
    name = f"states {cell}"
    model, (x, t) = CASES[name](hl), data(name)
    model.compile("sgd", "sparse_categorical_crossentropy")
    loss = hl.losses.SparseCategoricalCrossentropy()
    with hl.GradientTape() as tape:
        value = loss(t, model(x, training=True))
    found = tape.gradient(value, model.trainable_variables)
    _, grads = model.loss_and_grads(x, t)
    for a, b in zip(found, grads.values(), strict=True):
        np.testing.assert_allclose(np.asarray(a), b, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_batches_may_differ_in_length(cell: str) -> None:
    model = hl.Sequential([hl.Input((None, 3)), getattr(layers, cell)(4), layers.Dense(1)])
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 9, 3)).astype("float32")
    batches = [(x[:, :t], x[:, :1, 0]) for t in (9, 4, 9, 1, 6)]
    history = model.fit(iter(batches), steps_per_epoch=5, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert model.predict(x[:, :5], verbose=0).shape == (8, 1)
    short, whole = model.evaluate(*batches[1], verbose=0), model.evaluate(*batches[0], verbose=0)
    assert short != whole


@pytest.mark.parametrize("cell", CELLS)
def test_a_stateful_layer_goes_on_where_the_batch_before_ended(cell: str) -> None:
    layer = getattr(layers, cell)(4, stateful=True)
    x = np.random.default_rng(0).normal(size=(3, 6, 2)).astype("float32")
    layer(x[:, :2])
    after = layer(x[:, 2:])
    layer.reset_states()
    np.testing.assert_allclose(after, layer(x), atol=1e-6)
    with pytest.raises(ValueError, match="each batch must have 3 samples, got 2"):
        layer(x[:2])
    model = hl.Sequential([hl.Input((2, 2)), getattr(layers, cell)(4, stateful=True)])
    first = model.predict(x[:, :2], verbose=0)
    assert not np.array_equal(model.predict(x[:, :2], verbose=0), first)
    model.layers[0].reset_states()
    np.testing.assert_array_equal(model.predict(x[:, :2], verbose=0), first)


@pytest.mark.parametrize("cell", CELLS)
def test_dropout_is_drawn_once_a_call_and_only_in_training(cell: str) -> None:
    drops = getattr(layers, cell)(8, dropout=0.5, recurrent_dropout=0.5, seed=1)
    x = np.ones((4, 5, 6), np.float32)
    still = drops(x)
    np.testing.assert_array_equal(drops(x), still)
    one, two = drops(x, training=True), drops(x, training=True)
    assert not np.array_equal(one, two)
    assert not np.array_equal(one, still)
    drops.set_state({"seed_0": 1, "calls_0": 0, "seed_1": 2, "calls_1": 0})
    np.testing.assert_array_equal(drops(x, training=True), one)
    alone = getattr(layers, cell)(8, dropout=0.5, seed=1, return_sequences=True)
    alone(np.zeros((1, 5, 6)))
    kernel = np.eye(6, alone.get_weights()[0].shape[1])
    alone.set_weights([kernel, *(0 * w for w in alone.get_weights()[1:])])
    y = alone(np.ones((2, 3, 6)), training=True)
    np.testing.assert_array_equal(y[:, 0] != 0, y[:, 2] != 0)


def test_numbers_stay_whole_from_fit_to_the_table() -> None:
    big = 2**24 + 1  # no float32
    model = hl.Sequential([hl.Input((2,), dtype="int64"), layers.Embedding(3, 1), layers.Flatten()])
    model.compile("sgd", "mse")
    step = model.executor().forward_step(1, False)
    assert step.ports[0].buffer.dtype == np.int64
    with pytest.raises(ValueError, match=f"index {big} lies outside an axis of 3"):
        model.predict(np.array([[0, big]]), verbose=0)
    np.testing.assert_array_equal(
        model.predict(np.array([[0.0, 2.0]]), verbose=0), model.get_weights()[0][[0, 2]].T
    )


def test_gradients_of_equal_numbers_add_up() -> None:
    model = hl.Sequential([hl.Input((3,)), layers.Embedding(5, 2)])
    model.compile("sgd", "mse")
    x, t = np.array([[1, 3, 1], [1, 1, 4]]), np.ones((2, 3, 2))
    _, grads = model.loss_and_grads(x, t)
    y = model.predict(x, verbose=0)
    want = np.zeros((5, 2))
    np.add.at(want, x, 2 * (y - t) / t.size)
    np.testing.assert_allclose(next(iter(grads.values())), want, atol=1e-7)


def test_a_mask_weighs_the_losses_of_steps() -> None:
    words = hl.Input((4,))
    y = layers.Dense(2)(layers.Embedding(5, 3, mask_zero=True)(words))
    model = hl.Model(words, y)
    x, t = np.array([[1, 2, 0, 0], [3, 0, 4, 0]]), np.ones((2, 4, 2), np.float32)
    for loss in ("mse", "mae", "mean_absolute_percentage_error"):
        model.compile("sgd", loss)
        got = model.evaluate(x, t, verbose=0)
        error = model.predict(x, verbose=0) - t
        each = np.square(error) if loss == "mse" else np.abs(error)
        want = each[x != 0].mean() * (100 if "percentage" in loss else 1)
        assert got == pytest.approx(want, rel=1e-5)
    weight = np.array([1.0, 3.0])
    model.compile("sgd", "mse")
    got = model.evaluate(x, t, sample_weight=weight, verbose=0)
    each = np.square(model.predict(x, verbose=0) - t).mean(axis=-1) * weight[:, None]
    assert got == pytest.approx((each * (x != 0)).sum() / 4, rel=1e-5)


def test_masks_are_the_reference() -> None:
    layer = layers.LSTM(3, return_sequences=True, zero_output_for_mask=True)
    x = np.random.default_rng(0).normal(size=(2, 4, 2)).astype("float32")
    mask = np.array([[False, True, False, True], [True, True, False, False]])
    y = layer(x, mask=mask)
    given: dict[str, Any] = {"mask": mask, "zero_output_for_mask": True}
    kernel, recurrent, bias = layer.get_weights()
    want = R.lstm(x, kernel, recurrent, bias, **given)[0]
    np.testing.assert_allclose(y, want, atol=1e-6)
    assert not y[~mask].any()


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="LSTM: units must be a positive integer, got 0"):
        layers.LSTM(0)
    with pytest.raises(ValueError, match=r"GRU: dropout must lie in \[0, 1\]"):
        layers.GRU(2, dropout=2)
    with pytest.raises(ValueError, match=r"3 axes \(N, T, I\)"):
        layers.LSTM(2)(np.ones((2, 3)))
    with pytest.raises(ValueError, match="initial_state must be 2 arrays, got 1"):
        layers.LSTM(2)(np.ones((2, 3, 4)), initial_state=[np.ones((2, 2))])
    with pytest.raises(ValueError, match=r"h0 must be \(2, 2\)"):
        layers.GRU(2)(np.ones((2, 3, 4)), initial_state=np.ones((2, 3)))
    with pytest.raises(TypeError, match="there is no argument 'size'"):
        layers.SimpleRNN(2, size=3)


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_step_by_step_is_the_layer(cell: str) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 2)).astype("float32")
    layer = getattr(layers, cell)(5, return_sequences=True, return_state=True)
    steps = layers.RNN(getattr(layers, f"{cell}Cell")(5), return_sequences=True, return_state=True)
    want = layer(x)
    steps(x)
    steps.set_weights(layer.get_weights())
    for a, b in zip(steps(x), want, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_cell_of_ones_own_trains() -> None:
    class Minimal(layers.Layer):
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = self.state_size = units

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
            self.inner = self.add_weight(shape=(self.units, self.units), name="inner")

        def call(self, inputs: Any, states: Any) -> Any:
            y = hl.ops.tanh(hl.ops.matmul(inputs, self.kernel) + states[0] @ self.inner)
            return y, [y]

    x = np.random.default_rng(0).normal(size=(6, 4, 2)).astype("float32")
    model = hl.Sequential([hl.Input((None, 2)), layers.RNN(Minimal(5)), layers.Dense(1)])
    plain = hl.Sequential(
        [hl.Input((None, 2)), layers.SimpleRNN(5, use_bias=False), layers.Dense(1)]
    )
    plain.set_weights(model.get_weights())
    for one in (model, plain):
        one.compile("adam", "mse")
    for _ in range(3):
        a, b = (one.train_on_batch(x, x[:, 0, :1]) for one in (model, plain))
        assert a == pytest.approx(b, rel=1e-5)


def test_both_ends_answer_outputs_and_states() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 2)).astype("float32")
    layer = layers.Bidirectional(layers.LSTM(5, return_state=True), merge_mode=None)
    assert [a.shape for a in layer(x)] == [(3, 5)] * 6
    y = layers.Bidirectional(layers.GRU(2), name="both")
    first = y(x)
    np.testing.assert_allclose(y(x[:, ::-1])[:, 2:], _turned(y, x), atol=1e-6)
    assert first.shape == (3, 4)
    with pytest.raises(ValueError, match="takes a recurrent layer"):
        layers.Bidirectional(layers.Dense(2))
    with pytest.raises(ValueError, match="opposite ways"):
        layers.Bidirectional(layers.GRU(2), backward_layer=layers.GRU(2))
    with pytest.raises(ValueError, match="TimeDistributed: takes a layer of one input"):
        layers.TimeDistributed(layers.Add())


def _turned(both: Any, x: Any) -> Any:
    """Return what the second layer answers to steps as they stand."""
    layer = layers.GRU(2)
    layer(x)
    layer.set_weights(both.get_weights()[3:])
    return layer(x)
