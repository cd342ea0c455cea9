"""The losses and their gradients against the reference, and by differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hotloop.functional as F
import hotloop.reference as R
from helpers import (
    DTYPES,
    Array,
    assert_close,
    assert_same_bits_on_any_thread_count,
)

LABELLED = ("softmax_cross_entropy", "cross_entropy", "nll")
PAIRS = ("binary_cross_entropy", "mean_squared_error")


def call(module: Any, name: str) -> Callable[..., Any]:
    """Look up one operation in functional or in the reference."""
    function: Callable[..., Any] = getattr(module, name)
    return function


def draw(shape: Any, dtype: Any, seed: int = 0) -> Array:
    """Draw normal numbers."""
    x: Array = (3 * np.random.default_rng(seed).normal(size=shape)).astype(dtype)
    return x


def scores(op: str, shape: Any, dtype: Any) -> Array:
    """Draw what the loss takes: logits, probabilities or log-probabilities."""
    x = draw(shape, "float64")
    if op == "cross_entropy":
        x = R.softmax(x)
    if op == "nll":
        x = R.log_softmax(x)
    return x.astype(dtype)


def labels_for(shape: tuple[int, ...], rows: bool, dtype: Any = "float64") -> Array:
    """Draw class ids, or rows that sum to one."""
    rng = np.random.default_rng(7)
    if rows:
        t: Array = rng.dirichlet(np.ones(shape[-1]), shape[:-1]).astype(dtype)
        return t
    return np.asarray(rng.integers(0, shape[-1], shape[:-1]))


def wide(*arrays: Any) -> list[Any]:
    """Give the arguments of the reference: floats in float64."""
    return [
        a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
        for a in arrays
    ]


def value(result: Any) -> float:
    """Return the loss of a result that may have probabilities beside it."""
    return float(result[0] if isinstance(result, tuple) else result)


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [5, 100])
def test_sample_weight(k: int, dtype: str, rows: bool) -> None:
    x, t = draw((19, k), dtype), labels_for((19, k), rows, dtype)
    w = np.random.default_rng(3).uniform(0, 2, 19).astype(dtype)
    loss, probs = F.softmax_cross_entropy(x, t, sample_weight=w)
    wx, wt, ww, wp = wide(x, t, w, probs)
    assert_close(loss, R.softmax_cross_entropy(wx, wt, sample_weight=ww)[0], dtype)
    dx = F.softmax_cross_entropy_backward(probs, t, sample_weight=w)
    assert_close(dx, R.softmax_cross_entropy_backward(wp, wt, sample_weight=ww))


@pytest.mark.parametrize("eps", [0.0, 1e-7, 0.1])
@pytest.mark.parametrize("rows", [False, True])
def test_eps(rows: bool, eps: float) -> None:
    p, t = scores("cross_entropy", (6, 5), "float64"), labels_for((6, 5), rows)
    assert_close(F.cross_entropy(p, t, eps=eps), R.cross_entropy(p, t, eps=eps), "float64")
    assert_close(F.cross_entropy_backward(p, t, eps=eps), R.cross_entropy_backward(p, t, eps=eps))


@pytest.mark.parametrize("op", LABELLED)
def test_a_single_sample(op: str) -> None:
    x = scores(op, (7,), "float64")
    for t in (3, np.int32(3), np.eye(7)[3]):
        loss = call(F, op)(x, t)
        assert_close(value(loss), value(call(R, op)(x[np.newaxis], [3])), "float64")
        dx = call(F, f"{op}_backward")(x, t)
        np.testing.assert_array_equal(dx, call(F, f"{op}_backward")(x[np.newaxis], [3])[0])
    if op == "softmax_cross_entropy":
        assert loss[1].shape == (7,)


def test_published_figures() -> None:
    y = np.array([0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0])
    assert F.cross_entropy(y, 2, eps=1e-7) == pytest.approx(0.510825457099338, rel=1e-13)
    y[[2, 7]] = y[[7, 2]]
    assert F.cross_entropy(y, 2, eps=1e-7) == pytest.approx(2.302584092994546, rel=1e-13)


def test_confident_binary_predictions_keep_their_digits() -> None:
    x, t = np.array([40.0, 20.0], np.float32), np.ones(2, np.float32)
    assert F.binary_cross_entropy(x, t) == pytest.approx(
        R.binary_cross_entropy(*wide(x, t)), rel=1e-5
    )


def test_a_mean_over_many_floats_is_summed_in_double() -> None:
    y = np.full(3_000_000, 0.1, np.float32)
    exact = float(np.float32(0.1)) ** 2
    assert F.mean_squared_error(y, np.zeros_like(y)) == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize("k", [5, 100])
@pytest.mark.parametrize("rows", [False, True])
def test_nan_and_infinity_propagate_as_in_numpy(rows: bool, k: int) -> None:
    for bad in (np.nan, np.inf, -np.inf):
        x, t = draw((3, k), "float64"), labels_for((3, k), rows)
        x[1, 2] = bad
        with np.errstate(all="ignore"):
            loss, probs = R.softmax_cross_entropy(x, t)
        got, got_probs = F.softmax_cross_entropy(x, t)
        np.testing.assert_allclose(got, loss, rtol=1e-12)
        np.testing.assert_allclose(got_probs, probs, rtol=1e-12)


@pytest.mark.parametrize("op", PAIRS)
def test_nan_and_infinity_propagate_elementwise(op: str) -> None:
    special = np.array([np.nan, np.inf, -np.inf, 0.0, 1.0])
    for x in special:
        for t in (0.0, 1.0, np.nan):
            with np.errstate(all="ignore"):
                expected = call(R, op)([x], [t])
                gradient = call(R, f"{op}_backward")([x], [t])
            np.testing.assert_allclose(call(F, op)([x], [t]), expected, rtol=1e-12)
            np.testing.assert_allclose(call(F, f"{op}_backward")([x], [t]), gradient, rtol=1e-12)


def test_log_of_zero_probability() -> None:
    p = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert F.cross_entropy(p, [0, 0]) == np.inf
    assert np.isnan(F.cross_entropy(p, np.eye(2)[::-1]))
    np.testing.assert_array_equal(F.cross_entropy_backward(p, [0, 0]), [[-np.inf, 0], [-0.5, 0]])


@pytest.mark.parametrize("kind", ["int8", "uint8", "int32", "uint64", ">i4"])
def test_ids_of_any_integer_type(kind: str) -> None:
    x, t = draw((9, 4), "float32"), labels_for((9, 4), rows=False)
    assert F.softmax_cross_entropy(x, t.astype(kind))[0] == F.softmax_cross_entropy(x, t)[0]


def test_integer_rows_become_float64() -> None:
    x, t = draw((9, 4), "float32"), labels_for((9, 4), rows=False)
    rows = np.eye(4, dtype=np.uint8)[t]
    loss, probs = F.softmax_cross_entropy(x, rows)
    assert probs.dtype == np.float64
    assert_close(loss, F.softmax_cross_entropy(x.astype(np.float64), t)[0], "float64")


@pytest.mark.parametrize("op", LABELLED)
def test_empty_batches(op: str) -> None:
    for shape in ((0, 4), (3, 0)):
        with pytest.raises(
            ValueError, match=f"^{op}: the mean loss of an empty batch is undefined"
        ):
            call(F, op)(np.ones(shape), np.ones(shape))
    empty: list[int] = []
    assert call(F, f"{op}_backward")(np.ones((0, 4)), empty).shape == (0, 4)
    assert (
        call(F, f"{op}_backward")(np.ones((0, 4), np.float32), np.zeros(0, int)).dtype == np.float32
    )


@pytest.mark.parametrize("op", PAIRS)
def test_elementwise_refusals(op: str) -> None:
    with pytest.raises(ValueError, match=f"^{op}: the mean loss of an empty batch is undefined"):
        call(F, op)(np.ones((0, 3)), np.ones((0, 3)))
    assert call(F, f"{op}_backward")(np.ones((0, 3)), np.ones((0, 3))).shape == (0, 3)
    for name in (op, f"{op}_backward"):
        with pytest.raises(ValueError, match=rf"^{name}: .* must have one shape.*\(4, 1\).*\(4,\)"):
            call(F, name)(np.ones((4, 1)), np.ones(4))
        with pytest.raises(TypeError, match=f"^{name}: .* must be an array, got None"):
            call(F, name)(np.ones(3), None)


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("shape", [(3001, 10), (501, 101)])
@pytest.mark.parametrize("op", LABELLED)
def test_bits_do_not_depend_on_threads(op: str, shape: tuple[int, int], rows: bool) -> None:
    x, t = scores(op, shape, "float32"), labels_for(shape, rows, "float32")
    assert_same_bits_on_any_thread_count(lambda: call(F, op)(x, t))
    assert_same_bits_on_any_thread_count(lambda: call(F, f"{op}_backward")(x, t))


@pytest.mark.parametrize("op", PAIRS)
def test_bits_do_not_depend_on_threads_elementwise(op: str) -> None:
    x, t = draw(70_001, "float32"), draw(70_001, "float32", 1)
    assert_same_bits_on_any_thread_count(lambda: call(F, op)(x, t))
    assert_same_bits_on_any_thread_count(lambda: call(F, f"{op}_backward")(x, t))


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from(DTYPES), st.booleans())
def test_any_shape(n: int, k: int, dtype: str, rows: bool) -> None:
    x, t = draw((n, k), dtype), labels_for((n, k), rows, dtype)
    loss, probs = F.softmax_cross_entropy(x, t)
    expected, expected_probs = R.softmax_cross_entropy(*wide(x, t))
    # With one class the loss is 0 but for rounding.
    assert loss == pytest.approx(expected, rel=1e-5 if dtype == "float32" else 1e-12, abs=1e-12)
    assert_close(probs, expected_probs)
