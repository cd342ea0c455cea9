"""The losses that training records: loss, count, probabilities and gradient in one call."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import hotloop as hl
import hotloop.functional as F
from helpers import DTYPES, Array, assert_close, assert_same_bits_on_any_thread_count
from hotloop import _core


def draw(shape: Any, dtype: Any, seed: int = 0) -> Array:
    """Draw normal numbers."""
    x: Array = (3 * np.random.default_rng(seed).normal(size=shape)).astype(dtype)
    return x


def train(
    x: Array,
    labels: Array,
    weight: Array | None = None,
    *,
    probs: bool = True,
    gradient: bool = True,
) -> tuple[float, int, Array | None, Array | None]:
    """Call softmax_cross_entropy_train on fresh arrays."""
    loss, correct = np.full(1, np.nan), np.full(1, -1)
    p = np.full_like(x, np.nan) if probs else None
    d = np.full_like(x, np.nan) if gradient else None
    _core.softmax_cross_entropy_train(x, labels, weight, loss, correct, p, d)
    return float(loss[0]), int(correct[0]), p, d


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_agrees_with_the_separate_operations(dtype: str, rows: bool, weighted: bool) -> None:
    rng = np.random.default_rng(1)
    for n, k in ((1, 1), (32, 5), (100, 10), (17, 33), (130, 100)):
        x = draw((n, k), dtype)
        ids = rng.integers(0, k, n)
        labels = rng.dirichlet(np.ones(k), n).astype(dtype) if rows else ids
        weight = rng.uniform(0, 2, n).astype(dtype) if weighted else None
        target = labels.argmax(axis=1) if rows else ids
        expected, expected_probs = F.softmax_cross_entropy(x, labels, sample_weight=weight)
        gradient = F.softmax_cross_entropy_backward(expected_probs, labels, sample_weight=weight)
        for with_probs in (False, True):
            for with_gradient in (False, True):
                loss, correct, p, d = train(
                    x, labels, weight, probs=with_probs, gradient=with_gradient
                )
                assert loss == expected
                assert correct == (x.argmax(axis=1) == target).sum()
                if p is not None:
                    np.testing.assert_array_equal(p, expected_probs)
                if d is not None and k > 1:
                    assert_close(d, gradient)


@pytest.mark.parametrize("k", [10, 100])
def test_the_largest_logit_is_the_first_or_nan_as_in_argmax(k: int) -> None:
    x = np.zeros((5, k), np.float32)
    x[1, [3, 6]] = 2
    x[2, [4, 7]] = np.nan
    x[3] = -np.inf
    x[4, 5], x[4, 8] = np.inf, np.nan
    target = x.argmax(axis=1)
    np.testing.assert_array_equal(target, [0, 3, 4, 0, 8])
    assert train(x, target)[1] == 5
    assert train(x, (target + 1) % k)[1] == 0
    assert train(x, np.eye(k, dtype=np.float32)[target])[1] == 5


@pytest.mark.parametrize("bad", [-1, 10**6, 2**40])
@pytest.mark.parametrize("k", [4, 100])
def test_an_id_that_is_no_class_gives_nan(k: int, bad: int) -> None:
    x = draw((3, k), "float32")
    loss, correct, p, d = train(x, np.array([0, bad, 1]))
    assert np.isnan(loss)
    assert correct == int(x[0].argmax() == 0) + int(x[2].argmax() == 1)
    assert p is not None
    assert d is not None
    np.testing.assert_array_equal(p, F.softmax(x))
    assert np.isnan(d[1]).all()
    assert np.isfinite(d[[0, 2]]).all()


@pytest.mark.parametrize("shape", [(3001, 10), (501, 101)])
def test_bits_do_not_depend_on_threads(shape: tuple[int, int]) -> None:
    x, ids = draw(shape, "float32"), np.arange(shape[0]) % shape[1]
    assert_same_bits_on_any_thread_count(lambda: train(x, ids))


def test_mean_squared_error() -> None:
    for dtype in DTYPES:
        y, t = draw((9, 33), dtype), draw((9, 33), dtype, 1)
        loss, dy = np.zeros(1), np.empty_like(y)
        _core.element_loss_train("squared_error", y, t, None, loss, dy)
        assert loss[0] == F.mean_squared_error(y, t)
        np.testing.assert_array_equal(dy, F.mean_squared_error_backward(y, t))


# What is summed, by its definition, and what it is derived to.
ELEMENTS: dict[Any, tuple[float, Any, Any]] = {
    "squared_error": (0.0, lambda y, t: (y - t) ** 2, lambda y, t: 2 * (y - t)),
    "absolute_error": (0.0, lambda y, t: np.abs(y - t), lambda y, t: np.sign(y - t)),
    "huber": (
        0.5,
        lambda y, t: np.where(
            np.abs(y - t) <= 0.5, 0.5 * (y - t) ** 2, 0.5 * (np.abs(y - t) - 0.25)
        ),
        lambda y, t: np.clip(y - t, -0.5, 0.5),
    ),
    "binary_cross_entropy": (
        0.1,
        lambda y, t: np.logaddexp(0, y) - y * (0.9 * t + 0.05),
        lambda y, t: 1 / (1 + np.exp(-y)) - (0.9 * t + 0.05),
    ),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1,), (3, 5), (9, 33), (4, 3, 7), (201, 101)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ELEMENTS)
def test_losses_of_elements(kind: Any, weighted: bool, shape: tuple[int, ...], dtype: str) -> None:
    parameter, values, slopes = ELEMENTS[kind]
    rng = np.random.default_rng(5)
    y, t = (rng.standard_normal(shape).astype(dtype) * 2 for _ in range(2))
    t.reshape(-1)[::7] = y.reshape(-1)[::7]  # where |y - t| bends
    w = rng.uniform(0, 2, shape).astype(dtype) if weighted else None

    def run() -> tuple[Array, Array]:
        loss, dy = np.zeros(1), np.empty_like(y)
        _core.element_loss_train(kind, y, t, w, loss, dy, parameter, 0.25)
        return loss, dy

    loss, dy = run()
    a, b, ones = y.astype(np.float64), t.astype(np.float64), np.ones(shape) if w is None else w
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(loss[0], (ones * values(a, b)).mean(), rtol=tolerance)
    expected = 0.25 * ones * slopes(a, b) / y.size
    np.testing.assert_allclose(dy, expected, rtol=tolerance, atol=tolerance / y.size)
    alone = np.zeros(1)
    _core.element_loss_train(kind, y, t, w, alone, None, parameter)
    assert alone[0] == loss[0]
    assert_same_bits_on_any_thread_count(run)


@pytest.mark.parametrize("kind", ELEMENTS)
def test_nan_and_infinity_in_losses_of_elements(kind: Any) -> None:
    for bad in (np.nan, np.inf):
        y, t, dy = np.ones((3, 5)), np.zeros((3, 5)), np.empty((3, 5))
        y[1, 2], loss = bad, np.zeros(1)
        _core.element_loss_train(kind, y, t, None, loss, dy, 0.5)
        assert np.isnan(loss[0]) if np.isnan(bad) else not np.isfinite(loss[0])
        assert np.isnan(dy[1, 2]) or not np.isnan(bad)
        assert np.isfinite(np.delete(dy.reshape(-1), 7)).all()


def test_what_losses_of_elements_refuse() -> None:
    y, loss = np.ones((2, 3)), np.zeros(1)
    kind: Any = "cubed_error"
    with pytest.raises(
        ValueError, match=r"element_loss_train: kind must be squared_error, .* got cubed"
    ):
        _core.element_loss_train(kind, y, y, None, loss)
    with pytest.raises(ValueError, match=r"element_loss_train: y and t must have one shape|shape"):
        _core.element_loss_train("huber", y, y[:1], None, loss)
    with pytest.raises(ValueError, match="sample_weight"):
        _core.element_loss_train("huber", y, y, np.ones(2), loss)


def test_a_factor_scales_the_gradient_alone() -> None:
    x, ids = draw((9, 5), "float32"), np.arange(9) % 5
    found = []
    for factor in (1.0, 0.5):
        loss, correct, dx = np.zeros(1), np.zeros(1, np.int64), np.zeros_like(x)
        _core.softmax_cross_entropy_train(x, ids, None, loss, correct, None, dx, factor)
        found.append((loss[0], dx))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1] * np.float32(0.5), found[1][1])


def test_a_plan_repeats_them_on_new_labels() -> None:
    x, ids = draw((20, 10), "float32"), np.arange(20) % 10
    loss, correct, dx = np.zeros(1), np.zeros(1, np.int64), np.zeros_like(x)
    plan = _core.Plan()
    with plan.recording():
        _core.softmax_cross_entropy_train(x, ids, None, loss, correct, None, dx)
    other = np.ascontiguousarray(ids[::-1])
    plan.rebind(ids, other)
    plan.run()
    expected = train(x, other, probs=False)
    assert (loss[0], correct[0]) == expected[:2]
    np.testing.assert_array_equal(dx, np.asarray(expected[3]))


def test_a_loss_that_returns_a_number_cannot_be_recorded() -> None:
    x = np.ones((2, 3), np.float32)
    plan = _core.Plan()
    with plan.recording():
        for call in (
            lambda: F.softmax_cross_entropy(x, [0, 1]),
            lambda: F.nll(x, [0, 1]),
            lambda: F.cross_entropy(x, [0, 1]),
            lambda: F.mean_squared_error(x, x),
            lambda: F.binary_cross_entropy(x, x),
        ):
            with pytest.raises(
                RuntimeError, match="returns a Python float, which a plan cannot record"
            ):
                call()
    assert len(plan) == 0


@pytest.mark.parametrize("logits", [False, True])
def test_label_smoothing_over_ids_is_that_over_rows(logits: bool) -> None:
    rng = np.random.default_rng(2)
    x, ids = rng.standard_normal((12, 4)), rng.integers(0, 3, 12)
    losses = []
    for t in (ids, np.eye(3)[ids]):
        hl.set_seed(3)
        end = hl.layers.Dense(3, activation=None if logits else "softmax")
        model = hl.Sequential([hl.Input((4,)), end], dtype="float64")
        loss = hl.losses.CategoricalCrossentropy(from_logits=logits, label_smoothing=0.2)
        model.compile("sgd", loss, metrics=["accuracy"])
        history = model.fit(x, t, epochs=3, batch_size=5, shuffle=False, verbose=0).history
        losses.append((history, model.evaluate(x, t, verbose=0), model.train_on_batch(x, t)))
        by_hand = (loss.forward(model.predict(x), t), loss.backward())
    assert losses[0] == losses[1]
    again = loss.forward(model.predict(x), ids)
    assert again == pytest.approx(by_hand[0], rel=1e-12)
    np.testing.assert_allclose(loss.backward(), by_hand[1], rtol=1e-12)


def test_label_smoothing_over_ids_of_many_classes_needs_rows_alone() -> None:
    k = 30_000
    loss = hl.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    tracemalloc.start()
    try:
        value = loss([5, 7], np.zeros((2, k)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert value == pytest.approx(np.log(k))
    assert peak < 20 * 2 * k * 8  # an identity matrix is 7.2 GB


def test_smoothed_ids_outside_the_classes_move_no_weight() -> None:
    model = hl.Sequential([hl.Input((4,)), hl.layers.Dense(3, activation="softmax")])
    model.compile("sgd", hl.losses.CategoricalCrossentropy(label_smoothing=0.1))
    x = np.ones((2, 4))
    model.train_on_batch(x, [0, 2])
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.2"):
        model.train_on_batch(x, [0, 3])
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
