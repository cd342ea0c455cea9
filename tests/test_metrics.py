"""Metrics: counts over an epoch, resolution of names, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hotloop import metrics

P = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.3, 0.4, 0.3]])
T = np.array([1, 2, 2, 0])


@pytest.mark.parametrize(
    ("metric", "t", "y", "expected"),
    [
        (metrics.SparseCategoricalAccuracy(), T, P, 0.5),
        (metrics.SparseCategoricalAccuracy(), T.reshape(-1, 1), P, 0.5),
        (metrics.CategoricalAccuracy(), np.eye(3)[T], P, 0.5),
        (metrics.BinaryAccuracy(), [1, 0, 1, 1], [0.9, 0.6, 0.5, 0.51], 0.5),
        (metrics.BinaryAccuracy(threshold=0.4), [[1, 0]], [[0.45, 0.3]], 1.0),
        (metrics.Accuracy(), [1, 2, 3], [1, 0, 3], 2 / 3),
        (metrics.MeanSquaredError(), [[1, 2]], [[2.0, 5.0]], 5.0),
        (metrics.MeanAbsoluteError(), [[1, 2]], [[2.0, 5.0]], 2.0),
    ],
)
def test_values(metric: metrics.Metric, t: Any, y: Any, expected: float) -> None:
    assert metric(t, y) == pytest.approx(expected)


def test_counts_accumulate_and_batches_are_not_averaged() -> None:
    metric = metrics.SparseCategoricalAccuracy()
    metric.update_state([1], P[:1])
    metric.update_state([0, 0, 1], P[1:])
    assert metric.result() == 0.75
    metric.reset_state()
    assert metric.result() == 0.0
    metric.update_state(T, P, [1, 0, 0, 3])
    assert metric.result() == 0.25


@pytest.mark.parametrize(
    ("targets", "outputs", "kind"),
    [
        ((8,), (8, 3), metrics.SparseCategoricalAccuracy),
        ((8, 1), (8, 3), metrics.SparseCategoricalAccuracy),
        ((8, 3), (8, 3), metrics.CategoricalAccuracy),
        ((8,), (8, 1), metrics.BinaryAccuracy),
    ],
)
@pytest.mark.parametrize("name", ["accuracy", "acc"])
def test_accuracy_resolves_as_in_keras(targets: Any, outputs: Any, kind: Any, name: str) -> None:
    metric = metrics.resolve(name, targets, outputs)
    assert type(metric) is kind
    assert metric.name == name


def test_names_and_errors() -> None:
    assert metrics.resolve("mse", (8, 3), (8, 3)).name == "mse"
    assert metrics.get("binary_accuracy").name == "binary_accuracy"
    assert metrics.get(metrics.BinaryAccuracy(threshold=0.3).__class__).name == "binary_accuracy"
    with pytest.raises(ValueError, match="unknown metric 'f1'; valid names: acc, accuracy"):
        metrics.get("f1")
    with pytest.raises(TypeError, match="a metric must be a name"):
        metrics.get(3)
    with pytest.raises(ValueError, match="do not match outputs"):
        metrics.MeanSquaredError()([[1.0, 2.0]], [[1.0, 2.0, 3.0]])
