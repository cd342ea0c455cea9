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


def test_class_ids_and_rows_count_alike() -> None:
    for metric in (metrics.TopKCategoricalAccuracy(k=2), metrics.F1Score(average="macro")):
        value = metric(T, P)
        metric.reset_state()
        assert metric(np.eye(3)[T], P) == value
    assert metrics.TopKCategoricalAccuracy(k=2)(T, P) == 0.75
    assert metrics.TopKCategoricalAccuracy(k=3)([0], [[np.nan, 0.0, 1.0]]) == 0.0


def test_confusion_matrix() -> None:
    expected = [[0, 1, 0], [0, 1, 0], [1, 0, 1]]
    answers = P.argmax(axis=1)
    np.testing.assert_array_equal(metrics.confusion_matrix(T, answers), expected)
    np.testing.assert_array_equal(metrics.confusion_matrix(np.eye(3)[T], P), expected)
    assert metrics.confusion_matrix(T, answers, num_classes=5).shape == (5, 5)
    weighted = metrics.confusion_matrix(T, answers, sample_weight=[0.5, 1, 2, 4])
    np.testing.assert_array_equal(weighted, [[0, 4, 0], [0, 0.5, 0], [1, 0, 2]])
    assert metrics.confusion_matrix([], []).shape == (0, 0)
    with pytest.raises(ValueError, match="y_true has 4 samples but y_pred has 3"):
        metrics.confusion_matrix(T, answers[:3])
    with pytest.raises(ValueError, match=r"classes must lie in 0\.\.1, got 2"):
        metrics.confusion_matrix(T, answers, num_classes=2)


def test_large_targets_lose_no_digits_in_r2() -> None:
    t = np.array([1.0, 2.0, 3.0, 4.0])
    y = np.array([1.0, 2.0, 3.0, 3.0])
    for shift in (0.0, 1e8):
        metric = metrics.R2Score()
        for i in range(4):
            metric.update_state(t[i : i + 1] + shift, y[i : i + 1] + shift)
        assert metric.result() == pytest.approx(0.8, rel=1e-7)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: metrics.Precision(thresholds=2.0), r"thresholds must lie in \[0, 1\]"),
        (lambda: metrics.F1Score(average="mean"), "average must be None, 'micro'"),
        (lambda: metrics.R2Score(class_aggregation="sum"), "class_aggregation must be one of"),
        (lambda: metrics.TopKCategoricalAccuracy(k=0), "k must be a positive integer, got 0"),
        (lambda: metrics.Recall(class_id=3)(np.eye(3), np.eye(3)), r"class_id must lie in 0\.\.2"),
        (lambda: metrics.R2Score()([1.0, 2.0], [1.0, 2.0], [1.0]), r"must have shape \(2,\)"),
    ],
)
def test_arguments_that_do_not_fit(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()


def test_functions_and_names_of_losses_are_metrics() -> None:
    def largest_error(t: Any, y: Any) -> Any:
        return np.abs(t - y).max(axis=1)

    metric = metrics.get(largest_error)
    assert metric.name == "largest_error"
    assert metric([[0.0, 1.0], [0.0, 0.0]], np.array([[0.5, 3.0], [1.0, 0.0]])) == 1.5
    described = {"fn": {"function": "largest_error"}, "name": "largest_error"}
    assert metric.get_config() == described
    with pytest.raises(ValueError, match="unknown metric function 'largest_error'"):
        metrics.FunctionMetric.from_config(described)
    entropy = metrics.get("binary_crossentropy")
    assert entropy([[1.0]], [[0.5]]) == pytest.approx(np.log(2))
    again = type(entropy).from_config(entropy.get_config())
    assert again([[1.0]], [[0.5]]) == entropy.result()
