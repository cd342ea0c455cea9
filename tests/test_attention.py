"""Attention layers by their formulas: masks, scores, several heads, and the one way of a call in a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import layers

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(4)
Q, V = (RNG.standard_normal((3, n, 4)).astype("f4") for n in (5, 6))
Q_MASK, V_MASK = np.ones((3, 5), bool), np.ones((3, 6), bool)
Q_MASK[0, 3:] = V_MASK[1, 2:5] = V_MASK[2, 0] = False


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    found: Array = e / e.sum(axis=-1, keepdims=True)
    return found


def test_masks_hide_values_and_queries() -> None:
    y, scores = layers.Attention()(
        [Q, V], mask=[Q_MASK, V_MASK], return_attention_scores=True, use_causal_mask=True
    )
    allowed = V_MASK[:, None] & np.tri(5, 6, dtype=bool)
    logits = np.where(allowed, Q @ V.transpose(0, 2, 1), -1e9)
    np.testing.assert_allclose(scores, softmax(logits), atol=1e-5)
    expected = softmax(logits) @ V * Q_MASK[..., None]
    np.testing.assert_allclose(y, expected, atol=1e-5)
    only = layers.AdditiveAttention()([Q, V], mask=[None, V_MASK])
    hidden = V.copy()
    hidden[~V_MASK] = 100.0
    layer = layers.AdditiveAttention()
    np.testing.assert_allclose(
        layer([Q, V], mask=[None, V_MASK]), layer([Q, hidden], mask=[None, V_MASK]), atol=1e-5
    )
    assert only.shape == (3, 5, 4)


def test_masks_of_several_heads_meet() -> None:
    layer = layers.MultiHeadAttention(2, 3)
    y, scores = layer(
        Q, V, query_mask=Q_MASK, value_mask=V_MASK, use_causal_mask=True,
        return_attention_scores=True,
    )  # fmt: skip
    allowed = Q_MASK[:, :, None] & V_MASK[:, None] & np.tri(5, 6, dtype=bool)
    again, other = layer(Q, V, attention_mask=allowed, return_attention_scores=True)
    np.testing.assert_array_equal(scores, other)
    np.testing.assert_array_equal(y, again)
    some = allowed.any(axis=-1)
    hidden = np.where(allowed[:, None], 0.0, scores) * some[:, None, :, None]
    assert np.abs(hidden).max() == 0.0
    np.testing.assert_allclose(scores.sum(axis=-1), 1.0, atol=1e-6)
    four = np.broadcast_to(allowed[:, None], (3, 2, 5, 6))
    np.testing.assert_allclose(layer(Q, V, attention_mask=four), y, atol=1e-6)


def test_shared_keys_are_repeated_ones() -> None:
    few = layers.GroupQueryAttention(3, 4, 2)
    few(Q, V)
    many = layers.MultiHeadAttention(4, 3)
    many(Q, V)
    weights = few.get_weights()
    for i in (2, 4):  # key and value
        weights[i] = weights[i].repeat(2, axis=1)
        weights[i + 1] = weights[i + 1].repeat(2, axis=0)
    many.set_weights(weights)
    np.testing.assert_allclose(few(Q, V), many(Q, V), atol=1e-5)


def test_scores_in_a_model_its_file_and_its_gradient(tmp_path: Path) -> None:
    hl.set_seed(3)
    query, value, mask = hl.Input((5, 4)), hl.Input((6, 4)), hl.Input((6,))
    layer = layers.MultiHeadAttention(2, 3)
    y, scores = layer(query, value, value_mask=mask, return_attention_scores=True)
    assert y.shape == (None, 5, 4)
    assert scores.shape == (None, 2, 5, 6)
    model = hl.Model([query, value, mask], [y, scores])
    given = [Q, V, V_MASK.astype("f4")]
    found = model.predict(given, verbose=0)
    direct = layer(Q, V, value_mask=V_MASK, return_attention_scores=True)
    for a, b in zip(found, direct, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    model.save(tmp_path / "m.hotloop")
    again = hl.models.load_model(tmp_path / "m.hotloop").predict(given, verbose=0)
    for a, b in zip(found, again, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="called in one way"):
        layer(query, query)
    with hl.GradientTape() as tape:
        loss = hl.ops.sum(layer(Q, V)[:, 0])
    grads = tape.gradient(loss, layer.trainable_variables)
    assert [g.shape for g in grads] == [w.shape for w in layer.get_weights()]
    assert all(np.isfinite(g).all() for g in map(np.asarray, grads))


def test_dropout_of_scores_is_for_training() -> None:
    layer = layers.MultiHeadAttention(2, 3, dropout=0.5, seed=1)
    np.testing.assert_array_equal(layer(Q, V), layer(Q, V))
    first, second = layer(Q, V, training=True), layer(Q, V, training=True)
    assert np.abs(first - second).max() > 0
    model = hl.Sequential([hl.Input((5, 4)), SelfAttention(), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    losses = [model.train_on_batch(Q, np.ones((3, 1))) for _ in range(3)]
    assert len(set(losses)) == 3


class SelfAttention(layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.inner = layers.Attention(dropout=0.3, seed=2)

    def call(self, x: Any) -> Any:
        return self.inner([x, x])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Attention .*: it takes a list \[query, value\]"):
        layers.Attention()(Q)
    with pytest.raises(ValueError, match=r"must agree: \(N, Tq, D\)"):
        layers.Attention()([Q, V[:, :, :3]])
    with pytest.raises(ValueError, match="num_query_heads must be a multiple"):
        layers.GroupQueryAttention(3, 3, 2)
    with pytest.raises(ValueError, match=r"attention_axes .* do not fit"):
        layers.MultiHeadAttention(2, 3, attention_axes=2)(Q, V)
    with pytest.raises(ValueError, match="EinsumDense: equation must be"):
        layers.EinsumDense("ab,bc", 3)
    with pytest.raises(ValueError, match="do not fit the equation"):
        layers.EinsumDense("ab,bc->ac", 3)(Q)
