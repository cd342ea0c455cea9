"""The breadth of Keras's metrics: the figures of Keras itself over batches, states, files, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
import keras_oracle
from hotloop import metrics

RNG = np.random.default_rng(8)
N, K = 40, 3
UNIT = RNG.random((N, 1)).astype("f4")
BIT = (RNG.random((N, 1)) < 0.3 + 0.5 * UNIT).astype("f4")
PROBS = RNG.dirichlet(np.ones(K), N).astype("f4")
BITS = (RNG.random((N, K)) < 0.2 + 0.6 * PROBS).astype("f4")
IDS = RNG.integers(0, K, N)
ANSWERS = np.where(RNG.random(N) < 0.5, IDS, RNG.integers(0, K, N))
ROWS = np.eye(K, dtype="f4")[IDS]
VALUES = RNG.standard_normal((N, K)).astype("f4")
GUESSES = (VALUES + 0.5 * RNG.standard_normal((N, K))).astype("f4")
POSITIVE = (RNG.random((N, K)) + 0.1).astype("f4")
SIGNS = np.where(BITS > 0, 1.0, -1.0).astype("f4")
WEIGHTS = RNG.random(N).astype("f4")

# Class, arguments, targets, outputs; Keras's figure without and with weights.
CASES: list[tuple[str, dict[str, Any], Any, Any, list[Any]]] = [
    ("AUC", {}, BIT, UNIT, [0.773657, 0.768072]),
    ("AUC", {"curve": "PR"}, BIT, UNIT, [0.857108, 0.870107]),
    (
        "AUC",
        {"curve": "PR", "summation_method": "majoring", "num_thresholds": 11},
        BIT,
        UNIT,
        [0.866365, 0.888314],
    ),
    ("AUC", {"summation_method": "minoring", "num_thresholds": 7}, BIT, UNIT, [0.677749, 0.672651]),
    ("AUC", {"curve": "PRGAIN"}, BIT, UNIT, [0.406861, 0.374315]),
    ("AUC", {"thresholds": [0.1, 0.3, 0.35, 0.8]}, BITS, PROBS, [0.595197, 0.560222]),
    ("AUC", {"multi_label": True, "num_labels": 3}, BITS, PROBS, [0.611635, 0.584632]),
    (
        "AUC",
        {"multi_label": True, "label_weights": [0.2, 0.3, 0.5], "curve": "PR"},
        BITS,
        PROBS,
        [0.482133, 0.439623],
    ),
    (
        "AUC",
        {"from_logits": True, "label_weights": [0.2, 0.3, 0.5]},
        BITS,
        VALUES,
        [0.475899, 0.507139],
    ),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, BIT, UNIT, [0.73913, 0.737209]),
    (
        "SpecificityAtSensitivity",
        {"sensitivity": 0.7, "num_thresholds": 50},
        BIT,
        UNIT,
        [0.647059, 0.640479],
    ),
    ("PrecisionAtRecall", {"recall": 0.6}, BIT, UNIT, [0.73913, 0.792252]),
    ("RecallAtPrecision", {"precision": 0.6, "class_id": 1}, BITS, PROBS, [0.0, 0.0]),
    ("TruePositives", {}, BIT, UNIT, [11.0, 5.464073]),
    (
        "TruePositives",
        {"thresholds": [0.7, 0.2, 0.5]},
        BITS,
        PROBS,
        [[6.0, 36.0, 16.0], [2.428306, 18.413315, 9.03151]],
    ),
    ("FalsePositives", {"thresholds": 0.3}, BIT, UNIT, [8.0, 4.659802]),
    ("TrueNegatives", {}, BITS, PROBS, [57.0, 28.215797]),
    ("FalseNegatives", {}, BIT, UNIT, [12.0, 6.75874]),
    (
        "IoU",
        {"dtype": "float32", "num_classes": 3, "target_class_ids": [0, 2]},
        IDS,
        ANSWERS,
        [0.564103, 0.545098],
    ),
    (
        "MeanIoU",
        {"dtype": "float32", "num_classes": 3, "ignore_class": 1},
        IDS,
        ANSWERS,
        [0.412281, 0.400081],
    ),
    ("BinaryIoU", {"dtype": "float32"}, BIT, UNIT, [0.505029, 0.497288]),
    (
        "BinaryIoU",
        {"dtype": "float32", "target_class_ids": [1], "threshold": 0.3},
        BIT,
        UNIT,
        [0.580645, 0.555373],
    ),
    (
        "OneHotIoU",
        {"dtype": "float32", "num_classes": 3, "target_class_ids": [1]},
        ROWS,
        PROBS,
        [0.25, 0.270054],
    ),
    ("OneHotMeanIoU", {"dtype": "float32", "num_classes": 3}, ROWS, PROBS, [0.193478, 0.229641]),
    ("RootMeanSquaredError", {}, VALUES, GUESSES, [0.491696, 0.463666]),
    ("MeanAbsolutePercentageError", {}, POSITIVE, PROBS, [74.576424, 77.664642]),
    ("MeanSquaredLogarithmicError", {}, POSITIVE, PROBS, [0.099122, 0.10009]),
    ("LogCoshError", {}, VALUES, GUESSES, [0.109976, 0.099118]),
    ("CosineSimilarity", {}, VALUES, GUESSES, [0.88446, 0.86937]),
    ("KLDivergence", {}, ROWS, PROBS, [1.461868, 1.440752]),
    ("Poisson", {}, POSITIVE, PROBS, [1.238668, 1.250577]),
    ("Hinge", {}, SIGNS, GUESSES, [1.134094, 1.056549]),
    ("SquaredHinge", {}, SIGNS, GUESSES, [2.144981, 1.854222]),
    ("CategoricalHinge", {}, ROWS, GUESSES, [1.883162, 1.953676]),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, BITS, PROBS, [0.78665, 0.831359]),
    ("CategoricalCrossentropy", {"from_logits": True}, ROWS, GUESSES, [1.553424, 1.583289]),
    ("SparseCategoricalCrossentropy", {}, IDS, PROBS, [1.461871, 1.440755]),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, IDS, PROBS, [0.7, 0.75162]),
    ("FBetaScore", {"average": "macro", "beta": 2.0}, ROWS, PROBS, [0.338146, 0.403078]),
    (
        "FBetaScore",
        {"average": "micro", "beta": 0.5, "threshold": 0.4},
        BITS,
        PROBS,
        [0.526316, 0.497924],
    ),
    ("PearsonCorrelation", {}, VALUES, GUESSES, [0.926081, 0.947736]),
    ("ConcordanceCorrelation", {}, VALUES, GUESSES, [0.766042, 0.776309]),
]
IDS_OF = [f"{name}-{i}" for i, (name, *_) in enumerate(CASES)]


def close(got: Any, want: Any) -> None:
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "config", "t", "y", "right"), CASES, ids=IDS_OF)
@pytest.mark.parametrize("weighted", [0, 1])
def test_figures(
    name: str, config: dict[str, Any], t: Any, y: Any, right: list[Any], weighted: int
) -> None:
    own = getattr(metrics, name)(**config)
    for rows in (slice(0, 11), slice(11, 12), slice(12, N)):
        weights = WEIGHTS[rows] if weighted else None
        own.update_state(t[rows], y[rows], sample_weight=weights)
    close(own.result(), right[weighted])
    again = metrics.deserialize(metrics.serialize(own))
    again.set_state(own.get_state())
    np.testing.assert_array_equal(again.result(), own.result())
    assert again.get_config() == own.get_config()
    other = own.fresh()
    other.update_state(t, y)
    close(own.result(), right[weighted])
    own.reset_state()
    assert np.all(np.nan_to_num(own.result()) == 0)


@pytest.mark.parametrize(("name", "config", "t", "y", "right"), CASES, ids=IDS_OF)
def test_as_keras(name: str, config: dict[str, Any], t: Any, y: Any, right: list[Any]) -> None:
    theirs = getattr(keras_oracle.keras().metrics, name)(**config)
    own = getattr(metrics, name)(**config)
    theirs.update_state(t, y)
    own.update_state(t, y)
    close(own.result(), keras_oracle.as_numpy(theirs.result()))
    close(own.result(), right[0])
    assert own.name == theirs.name.rstrip("_0123456789")


FUNCTIONS: list[tuple[str, Any, Any]] = [
    ("binary_accuracy", BITS, PROBS),
    ("categorical_accuracy", ROWS, PROBS),
    ("sparse_categorical_accuracy", IDS, PROBS),
    ("top_k_categorical_accuracy", np.eye(9)[IDS], np.tile(PROBS, 3)),
    ("sparse_top_k_categorical_accuracy", IDS, np.tile(PROBS, 3)),
    ("pearson_correlation", VALUES, GUESSES),
    ("concordance_correlation", VALUES, GUESSES),
    ("mean_squared_error", VALUES, GUESSES),
    ("kl_divergence", ROWS, PROBS),
    ("binary_focal_crossentropy", BITS, PROBS),
]


@pytest.mark.parametrize(("name", "t", "y"), FUNCTIONS)
def test_functions_as_keras(name: str, t: Any, y: Any) -> None:
    right = keras_oracle.as_numpy(getattr(keras_oracle.keras().metrics, name)(t, y))
    close(getattr(metrics, name)(t, y), right)


def test_area_under_the_curve_is_the_share_of_pairs_in_order() -> None:
    auc = metrics.AUC(num_thresholds=20001)(BIT, UNIT)
    ones, zeros = UNIT[BIT == 1], UNIT[BIT == 0]
    assert auc == pytest.approx((ones[:, None] > zeros).mean(), abs=1e-3)
    assert metrics.AUC(thresholds=[0.5])([0, 1], [0.2, 0.8]) == 1.0


def test_in_training_and_in_files(tmp_path: Path) -> None:
    hl.set_seed(3)
    model = hl.Sequential([hl.layers.Dense(1, "sigmoid", input_shape=(2,))])
    names = ["AUC", "TruePositives", "hinge", "cosine_similarity", "RootMeanSquaredError"]
    model.compile("adam", "binary_crossentropy", [*names, metrics.PrecisionAtRecall(0.5)])
    x = np.concatenate([UNIT, 1 - UNIT], axis=1)
    history = model.fit(x, BIT, epochs=2, verbose=0, validation_data=(x, BIT)).history
    assert {*names, "precision_at_recall", "val_AUC"} <= set(history)
    model.save(tmp_path / "m.hotloop")
    again = hl.models.load_model(tmp_path / "m.hotloop")
    assert again.evaluate(x, BIT, verbose=0) == model.evaluate(x, BIT, verbose=0)


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("AUC", {"curve": "roc"}, r"auc: curve must be one of \('ROC', 'PR', 'PRGAIN'\), got 'roc'"),
    ("AUC", {"num_thresholds": 1}, "num_thresholds must be an integer of at least 2, got 1"),
    ("AUC", {"num_labels": 3}, "num_labels goes with multi_label=True"),
    ("PrecisionAtRecall", {"recall": 1.5}, r"recall must lie in \[0, 1\], got 1.5"),
    ("TruePositives", {"thresholds": [0.5, 2.0]}, r"thresholds must lie in \[0, 1\], got 2.0"),
    ("MeanIoU", {"num_classes": 0}, "num_classes must be a positive integer, got 0"),
    ("IoU", {"num_classes": 2, "target_class_ids": [2]}, "target_class_ids must lie below 2"),
    ("FBetaScore", {"beta": 0.0}, "beta must be positive, got 0.0"),
    ("CosineSimilarity", {"axis": 0}, "axis 0 holds the samples"),
]


@pytest.mark.parametrize(("name", "config", "text"), BAD)
def test_what_is_refused(name: str, config: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        getattr(metrics, name)(**config)


def test_refusals_that_need_data() -> None:
    with pytest.raises(ValueError, match=r"classes must lie in 0\.\.1, got 2"):
        metrics.MeanIoU(2)([0, 2], [0, 1])
    with pytest.raises(ValueError, match="class_id must lie in"):
        metrics.RecallAtPrecision(0.5, class_id=4)(BITS, PROBS)
    with pytest.raises(ValueError, match=r"do not match outputs"):
        metrics.AUC()(BITS, PROBS[:, :2])
    with pytest.raises(ValueError, match="does not fit outputs"):
        metrics.AUC()(BIT, UNIT, np.ones(3))
