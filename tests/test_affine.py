"""matmul and affine against the reference, finite differences and the contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import DTYPES, assert_close, assert_same_bits_on_any_thread_count
from hotloop import functional, reference

# Any: the tests also pass what the signatures forbid.
F: Any = functional
R: Any = reference


def make(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@given(
    st.integers(0, 40),
    st.integers(1, 70),
    st.integers(0, 40),
    st.sampled_from(DTYPES),
    st.integers(0, 99),
)
def test_affine_for_any_shape(n: int, o: int, i: int, dtype: str, seed: int) -> None:
    x, w = make((n, i), dtype, seed), make((i, o), dtype, seed + 1)
    b = make((o,), dtype, seed + 2)
    assert_close(F.affine(x, w, b), x.astype(np.float64) @ w.astype(np.float64) + b, dtype)
    dy = make((n, o), dtype, seed + 3)
    for got, expected in zip(F.affine_backward(dy, x, w), R.affine_backward(dy, x, w), strict=True):
        assert_close(got, expected.astype(np.float64), dtype)


# Of every way to go about a product: rows that share cache sets or not, few and many; panels copied
# while others are multiplied, whole and partial, short of time; k in blocks; k in halves, also those
# in blocks; columns that lie apart.
LARGE = [
    (28, 256, 9),
    (29, 512, 100),
    (57, 288, 3),
    (113, 256, 65),
    (192, 33, 7),
    (200, 97, 250),
    (230, 300, 31),
    (300, 64, 1024),
    (31, 256, 2600),
    (194, 70, 4100),
    (1100, 130, 300),
    (1000, 1, 40),
    (32, 100, 784),
    (64, 65, 257),
    (1, 60, 5001),
    (7, 77, 9001),
    (100, 163, 1024),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n", "k"), LARGE)
def test_large_products_are_exact_for_small_integers(m: int, n: int, k: int, dtype: str) -> None:
    rng = np.random.default_rng(m)
    a, b = rng.integers(-4, 5, (m, k)), rng.integers(-4, 5, (k, n))
    exact = (a @ b).astype(dtype)
    a, b = a.astype(dtype), b.astype(dtype)
    np.testing.assert_array_equal(F.matmul(a, b), exact)
    columns = np.ascontiguousarray(a.T)
    np.testing.assert_array_equal(F.matmul(columns, b, transpose_a=True), exact)
    rows = np.ascontiguousarray(b.T)
    np.testing.assert_array_equal(F.matmul(a, rows, transpose_b=True), exact)
    bias = rng.integers(-9, 9, n).astype(dtype)
    np.testing.assert_array_equal(
        F.affine(a, b, bias, activation="relu"), np.maximum(exact + bias, 0)
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", [None, "sigmoid"])
@pytest.mark.parametrize(("m", "n", "k"), [(32, 100, 784), (100, 50, 785), (40, 60, 5001)])
def test_sums_over_halves(m: int, n: int, k: int, activation: str | None, dtype: str) -> None:
    x, w, b = make((m, k), dtype), make((k, n), dtype, 1), make((n,), dtype, 2)
    w /= np.dtype(dtype).type(np.sqrt(k))
    expected = R.affine(*(a.astype("float64") for a in (x, w, b)), activation=activation)
    y = F.affine(x, w, b, activation=activation)
    assert_close(y, expected, dtype)
    plain = F.affine(x, w, activation=activation)
    assert_close(
        plain, R.affine(x.astype("float64"), w.astype("float64"), activation=activation), dtype
    )
    assert_same_bits_on_any_thread_count(lambda: F.affine(x, w, b, activation=activation))


def test_one_sample_answers_in_kind() -> None:
    x, w, b, dy = (
        make((4,), "float64"),
        make((4, 3), "float64"),
        make((3,), "float64"),
        make((3,), "float64", 1),
    )
    y = F.affine(x, w, b)
    assert y.shape == (3,)
    np.testing.assert_allclose(y, x @ w + b, rtol=1e-14)
    dx, dw, db = F.affine_backward(dy, x, w)
    assert (dx.shape, dw.shape, db.shape) == ((4,), (4, 3), (3,))
    np.testing.assert_allclose(dw, np.outer(x, dy), rtol=1e-14)


def test_nan_and_infinity_propagate() -> None:
    x = np.array([[np.nan, 1.0], [np.inf, 1.0], [0.0, 1.0]])
    y = F.affine(x, np.ones((2, 1)), activation="relu")
    np.testing.assert_array_equal(y, [[np.nan], [np.inf], [1.0]])


def test_empty_batches_and_empty_sums() -> None:
    assert F.affine(np.zeros((0, 3)), np.ones((3, 2)), np.ones(2)).shape == (0, 2)
    np.testing.assert_array_equal(
        F.affine(np.zeros((2, 0)), np.ones((0, 3)), np.ones(3)), np.ones((2, 3))
    )
    dx, dw, db = F.affine_backward(np.zeros((0, 2)), np.zeros((0, 3)), np.ones((3, 2)))
    assert dx.shape == (0, 3)
    np.testing.assert_array_equal(dw, np.zeros((3, 2)))
    np.testing.assert_array_equal(db, np.zeros(2))


def test_what_is_not_needed_is_none() -> None:
    dx, dw, db = F.affine_backward(
        np.ones((2, 3)), np.ones((2, 4)), np.ones((4, 3)), need_dx=False, need_db=False
    )
    assert dx is None
    assert db is None
    assert dw.shape == (4, 3)
