"""Losses: values by the formulas, gradients against central differences, targets in every form."""

from __future__ import annotations

import numpy as np
import pytest

from helpers_models import numerical
from hotloop import losses

RNG = np.random.default_rng(2)
Z = RNG.standard_normal((5, 4))
P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
IDS = np.array([0, 3, 1, 1, 2])
ROWS = np.eye(4)[IDS]
SOFT = RNG.dirichlet(np.ones(4), 5)
VALUES = RNG.standard_normal((5, 4))
BITS = (VALUES > 0).astype(float)

CASES = [
    (losses.SparseCategoricalCrossentropy(), P, IDS, -np.log(P[np.arange(5), IDS]).mean()),
    (
        losses.SparseCategoricalCrossentropy(from_logits=True),
        Z,
        IDS,
        -np.log(P[np.arange(5), IDS]).mean(),
    ),
    (losses.CategoricalCrossentropy(), P, SOFT, -(SOFT * np.log(P)).sum() / 5),
    (losses.CategoricalCrossentropy(from_logits=True), Z, SOFT, -(SOFT * np.log(P)).sum() / 5),
    (
        losses.CategoricalCrossentropy(label_smoothing=0.2),
        P,
        ROWS,
        -((0.8 * ROWS + 0.05) * np.log(P)).sum() / 5,
    ),
    (
        losses.BinaryCrossentropy(),
        P,
        BITS,
        -(BITS * np.log(P) + (1 - BITS) * np.log(1 - P)).mean(),
    ),
    (
        losses.BinaryCrossentropy(from_logits=True),
        Z,
        BITS,
        (np.log1p(np.exp(Z)) - BITS * Z).mean(),
    ),
    (losses.MeanSquaredError(), Z, VALUES, ((Z - VALUES) ** 2).mean()),
    (losses.MeanAbsoluteError(), Z, VALUES, np.abs(Z - VALUES).mean()),
    (
        losses.Huber(0.5),
        Z,
        VALUES,
        np.where(
            np.abs(Z - VALUES) <= 0.5, (Z - VALUES) ** 2 / 2, 0.5 * (np.abs(Z - VALUES) - 0.25)
        ).mean(),
    ),
    (losses.NLL(), np.log(P), IDS, -np.log(P[np.arange(5), IDS]).mean()),
    (losses.NLL(), np.log(P), SOFT, -(SOFT * np.log(P)).sum() / 5),
    (losses.SumSquaredError(), Z, VALUES, ((Z - VALUES) ** 2).sum() / 10),
]


@pytest.mark.parametrize(
    ("loss", "y", "t", "expected"), CASES, ids=lambda v: getattr(v, "name", "")
)
def test_value_and_gradient(
    loss: losses.Loss, y: np.ndarray, t: np.ndarray, expected: float
) -> None:
    y = y.copy()
    assert loss.forward(y, t) == pytest.approx(expected, rel=1e-12)
    assert loss(t, y) == loss.forward(y, t)
    dy = loss.backward()
    np.testing.assert_allclose(dy, numerical(lambda: loss.forward(y, t), y), atol=2e-9)


@pytest.mark.parametrize(
    ("loss", "y", "t", "expected"), CASES, ids=lambda v: getattr(v, "name", "")
)
def test_weights_are_a_weighted_sum_over_the_number_of_samples(
    loss: losses.Loss, y: np.ndarray, t: np.ndarray, expected: float
) -> None:
    weights = np.array([0.0, 2.0, 1.0, 0.5, 3.0])
    each = [loss(t[i : i + 1], y[i : i + 1]) for i in range(5)]
    assert np.mean(each) == pytest.approx(expected, rel=1e-12)
    assert loss(t, y, weights) == pytest.approx(float(np.dot(each, weights)) / 5, rel=1e-12)


def test_reductions() -> None:
    y, t, w = np.array([[1.0], [3.0]]), np.array([[0.0], [0.0]]), np.array([1.0, 3.0])
    for reduction, plain, weighted in (
        ("sum_over_batch_size", 5.0, 14.0),
        ("mean", 5.0, 14.0),
        ("mean_with_sample_weight", 5.0, 7.0),
        ("sum", 10.0, 28.0),
    ):
        loss = losses.MeanSquaredError(reduction=reduction)
        assert loss(t, y) == plain
        assert loss(t, y, w) == weighted
    assert losses.SumSquaredError(reduction="sum")(t, y) == 5.0
    with pytest.raises(ValueError, match="reduction must be one of"):
        losses.MeanSquaredError(reduction="average")
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(2,\), got \(3,\)"):
        losses.MeanSquaredError()(t, y, [1.0, 2.0, 3.0])


def test_probabilities_are_clipped_as_keras_does() -> None:
    loss = losses.SparseCategoricalCrossentropy()
    assert loss.forward(np.array([[0.0, 1.0]]), [0]) == pytest.approx(-np.log(1e-7), rel=1e-12)
    np.testing.assert_array_equal(loss.backward(), [[0.0, 0.0]])
    binary = losses.BinaryCrossentropy()
    assert binary.forward(np.array([[0.0]]), [[1.0]]) == pytest.approx(-np.log(1e-7), rel=1e-9)


def test_large_logits_stay_finite() -> None:
    z = np.array([[1000.0, -1000.0]])
    assert losses.SparseCategoricalCrossentropy(from_logits=True).forward(z, [1]) == 2000
    binary = losses.BinaryCrossentropy(from_logits=True)
    assert binary.forward(z, [[1.0, 0.0]]) == 0
    np.testing.assert_array_equal(binary.backward(), [[0.0, 0.0]])


@pytest.mark.parametrize("labels", [IDS, IDS.reshape(5, 1), IDS.astype(np.uint8), IDS * 1.0, ROWS])
def test_both_categorical_losses_take_ids_columns_and_rows(labels: np.ndarray) -> None:
    for cls in (losses.SparseCategoricalCrossentropy, losses.CategoricalCrossentropy):
        assert cls().forward(P, labels) == pytest.approx(CASES[0][3], rel=1e-12)


def test_vectors_match_columns() -> None:
    mse = losses.MeanSquaredError()
    assert mse.forward(np.ones((3, 1)), np.zeros(3)) == 1.0
    assert mse.forward(np.ones(3), np.zeros((3, 1))) == 1.0
    assert mse.backward().shape == (3, 1)


def test_sum_reduction() -> None:
    mse = losses.MeanSquaredError(reduction="sum")
    y = Z.copy()
    assert mse.forward(y, VALUES) == pytest.approx(((Z - VALUES) ** 2).mean() * 5)
    np.testing.assert_allclose(
        mse.backward(), numerical(lambda: mse.forward(y, VALUES), y), atol=1e-8
    )


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([0, 1, 2, 3, 4], r"labels must lie in 0..3 for 4 outputs, got 4"),
        ([0, 1, 2, 3, -1], r"labels must lie in 0..3 for 4 outputs, got -1"),
        ([0, 1, 2, 3, np.nan], "labels must be whole class ids, got nan"),
        ([0, 1, 2, 3, 0.5], "labels must be whole class ids, got 0.5"),
        ([0, 1], r"labels must be class ids \(5,\) .* got shape \(2,\)"),
    ],
)
def test_bad_labels(labels: list[float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        losses.SparseCategoricalCrossentropy().forward(P, labels)


def test_other_errors() -> None:
    mse = losses.MeanSquaredError()
    with pytest.raises(ValueError, match=r"targets \(5, 3\) do not match outputs \(5, 4\)"):
        mse.forward(Z, np.zeros((5, 3)))
    with pytest.raises(ValueError, match="mean loss of an empty batch"):
        mse.forward(np.zeros((0, 2)), np.zeros((0, 2)))
    with pytest.raises(RuntimeError, match="backward needs a forward first"):
        losses.Huber().backward()
    with pytest.raises(TypeError, match="must be real numbers, got dtype complex128"):
        mse.forward(Z * 1j, Z)
    with pytest.raises(ValueError, match=r"unknown loss 'mze'; valid names: .*mse"):
        losses.get("mze")
    with pytest.raises(TypeError, match="a loss must be a name"):
        losses.get(3)
    with pytest.raises(ValueError, match=r"reduction must be .* got 'never'"):
        losses.MeanSquaredError(reduction="never")
    with pytest.raises(ValueError, match="label_smoothing must lie in"):
        losses.CategoricalCrossentropy(label_smoothing=2)


def test_a_config_makes_the_loss_again() -> None:
    for loss, *_ in CASES:
        again = losses.get({"class": type(loss).__name__, "config": loss.get_config()})
        assert type(again) is type(loss)
        assert again.get_config() == loss.get_config()
