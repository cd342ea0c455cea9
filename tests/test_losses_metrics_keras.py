"""Losses and metrics against Keras, to 1e-6, with and without sample weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hotloop import losses, metrics
from keras_oracle import as_numpy, keras

RNG = np.random.default_rng(5)
N, K = 12, 4
LOGITS = RNG.standard_normal((N, K)).astype(np.float32)
PROBS = (np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)).astype(np.float32)
IDS = RNG.integers(0, K, N)
ROWS = np.eye(K, dtype=np.float32)[IDS]
BITS = (RNG.random((N, K)) > 0.5).astype(np.float32)
VALUES = RNG.standard_normal((N, K)).astype(np.float32)
UNIT = RNG.random((N, 1)).astype(np.float32)
BIT = (RNG.random((N, 1)) > 0.4).astype(np.float32)
WEIGHTS = RNG.random(N).astype(np.float32)
# Saturated outputs: what clipping does shows only here.
HARD = np.eye(K, dtype=np.float32)[::-1][IDS]

LOSSES = [
    ("SparseCategoricalCrossentropy", {}, IDS, PROBS),
    ("SparseCategoricalCrossentropy", {}, IDS, HARD),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, IDS, LOGITS),
    ("CategoricalCrossentropy", {}, ROWS, PROBS),
    ("CategoricalCrossentropy", {}, ROWS, HARD),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, ROWS, LOGITS),
    ("BinaryCrossentropy", {}, BITS, PROBS),
    ("BinaryCrossentropy", {}, BITS, HARD),
    ("BinaryCrossentropy", {}, BIT, UNIT),
    ("BinaryCrossentropy", {"from_logits": True}, BITS, LOGITS * 20),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, BITS, PROBS),
    ("MeanSquaredError", {}, VALUES, LOGITS),
    ("MeanAbsoluteError", {}, VALUES, LOGITS),
    ("Huber", {"delta": 0.7}, VALUES, LOGITS),
]


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "config", "t", "y"), LOSSES)
def test_losses(
    name: str, config: dict[str, Any], t: Any, y: Any, weighted: bool, reduction: str
) -> None:
    oracle = getattr(keras().losses, name)(**config, reduction=reduction)
    own = getattr(losses, name)(**config, reduction=reduction)
    weights = WEIGHTS if weighted else None
    expected = float(as_numpy(oracle(t, y, sample_weight=weights)))
    assert own(t, y, sample_weight=weights) == pytest.approx(expected, rel=1e-6, abs=1e-6)


METRICS = [
    ("Accuracy", {}, ROWS, np.round(PROBS)),
    ("BinaryAccuracy", {"threshold": 0.3}, BITS, PROBS),
    ("BinaryAccuracy", {}, BIT, UNIT),
    ("SparseCategoricalAccuracy", {}, IDS, PROBS),
    ("CategoricalAccuracy", {}, ROWS, PROBS),
    ("TopKCategoricalAccuracy", {"k": 2}, ROWS, PROBS),
    ("Precision", {}, BIT, UNIT),
    ("Precision", {"thresholds": [0.2, 0.5, 0.9]}, BITS, PROBS),
    ("Precision", {"top_k": 2}, BITS, PROBS),
    ("Precision", {"top_k": 2, "thresholds": 0.3}, BITS, PROBS),
    ("Precision", {"class_id": 1, "thresholds": 0.25}, BITS, PROBS),
    ("Recall", {}, BIT, UNIT),
    ("Recall", {"thresholds": [0.2, 0.5]}, BITS, PROBS),
    ("Recall", {"top_k": 1, "class_id": 2}, BITS, PROBS),
    ("F1Score", {}, ROWS, PROBS),
    ("F1Score", {"average": "micro"}, ROWS, PROBS),
    ("F1Score", {"average": "macro", "threshold": 0.3}, BITS, PROBS),
    ("F1Score", {"average": "weighted"}, ROWS, PROBS),
    ("MeanSquaredError", {}, VALUES, LOGITS),
    ("MeanAbsoluteError", {}, VALUES, LOGITS),
    ("R2Score", {}, VALUES, LOGITS),
    ("R2Score", {"class_aggregation": None}, VALUES, LOGITS),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, VALUES, LOGITS),
    ("R2Score", {"num_regressors": 3}, VALUES, LOGITS),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "config", "t", "y"), METRICS)
def test_metrics(name: str, config: dict[str, Any], t: Any, y: Any, weighted: bool) -> None:
    oracle = getattr(keras().metrics, name)(**config)
    own = getattr(metrics, name)(**config)
    assert own.name == oracle.name.rstrip("_0123456789")
    for rows in (slice(0, 5), slice(5, 7), slice(7, N)):
        weights = WEIGHTS[rows] if weighted else None
        # Keras multiplies R2's weights with rows as they stand.
        theirs = weights[:, None] if weights is not None and name == "R2Score" else weights
        oracle.update_state(t[rows], y[rows], sample_weight=theirs)
        own.update_state(t[rows], y[rows], sample_weight=weights)
    expected = as_numpy(oracle.result())
    np.testing.assert_allclose(own.result(), expected, rtol=2e-6, atol=1e-6)
    state = own.get_state()
    again = type(own).from_config(own.get_config())
    again.set_state(state)
    np.testing.assert_array_equal(again.result(), own.result())
    own.reset_state()
    assert np.sum(own.result()) == 0.0
