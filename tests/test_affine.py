"""matmul and affine against the reference, finite differences and the contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import DTYPES, assert_close, assert_gradient, variants
from hotloop import functional, reference

# Any: the tests also pass what the signatures forbid.
F: Any = functional
R: Any = reference

ACTIVATIONS = (None, "relu", "sigmoid", "tanh")
# Every tile edge: one row or column, just under and over a tile, several tiles, long sums.
SIZES = (
    (1, 1, 1),
    (30, 40, 5000),
    (2, 3, 5),
    (13, 33, 7),
    (15, 16, 17),
    (29, 65, 31),
    (100, 50, 784),
    (256, 40, 1030),
    (3, 5, 9000),
    (200, 130, 64),
    (64, 1024, 128),
    (256, 300, 70),
)


def make(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n", "k"), SIZES)
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_matmul_equals_numpy_in_every_transposition(
    m: int, n: int, k: int, transpose_a: bool, transpose_b: bool, dtype: str
) -> None:
    a = make((k, m) if transpose_a else (m, k), dtype)
    b = make((n, k) if transpose_b else (k, n), dtype, 1)
    c = F.matmul(a, b, transpose_a=transpose_a, transpose_b=transpose_b)
    wide = np.longdouble if dtype == "float64" else np.float64
    left, right = a.astype(wide), b.astype(wide)
    expected = (left.T if transpose_a else left) @ (right.T if transpose_b else right)
    assert c.dtype == dtype
    assert_close(c, expected.astype(np.float64), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("n", "o", "i"), SIZES[:8])
def test_affine_equals_reference(
    n: int, o: int, i: int, activation: str | None, dtype: str
) -> None:
    x, w, b = (
        make((n, i), dtype),
        make((i, o), dtype, 1) / np.sqrt(i).astype(dtype),
        make((o,), dtype, 2),
    )
    exact = [v.astype(np.float64) for v in (x, w, b)]
    assert_close(
        F.affine(x, w, b, activation=activation), R.affine(*exact, activation=activation), dtype
    )
    assert_close(
        F.affine(x, w, activation=activation), R.affine(*exact[:2], activation=activation), dtype
    )
    dy = make((n, o), dtype, 3)
    for got, expected in zip(
        F.affine_backward(dy, x, w),
        R.affine_backward(dy.astype(np.float64), *exact[:2]),
        strict=True,
    ):
        assert_close(got, expected, dtype)


def test_backward_equals_central_differences() -> None:
    x, w, b, dy = (
        make((5, 4), "float64"),
        make((4, 3), "float64", 1),
        make((3,), "float64", 2),
        make((5, 3), "float64", 3),
    )

    def loss() -> float:
        return float((F.affine(x, w, b) * dy).sum())

    dx, dw, db = F.affine_backward(dy, x, w)
    for gradient, variable in ((dx, x), (dw, w), (db, b)):
        assert_gradient(gradient, loss, variable)


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


@pytest.mark.parametrize("dtype", DTYPES)
def test_memory_layout_changes_no_bit(dtype: str) -> None:
    x, w, b, dy = (
        make((6, 5), dtype),
        make((5, 7), dtype, 1),
        make((7,), dtype, 2),
        make((6, 7), dtype, 3),
    )
    expected = F.affine(x, w, b)
    gradients = F.affine_backward(dy, x, w)
    for (name, xv), (_, wv), (_, bv), (_, dv) in zip(
        variants(x), variants(w), variants(b), variants(dy), strict=True
    ):
        np.testing.assert_array_equal(F.affine(xv, wv, bv), expected, err_msg=name)
        for got, want in zip(F.affine_backward(dv, xv, wv), gradients, strict=True):
            np.testing.assert_array_equal(got, want, err_msg=name)


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


def test_dtypes_promote_as_numpy_promotes() -> None:
    assert F.affine([[1, 2]], [[1], [1]], [1]).dtype == np.float64
    single = make((2, 2), "float32")
    assert F.affine(single, single).dtype == np.float32
    assert F.affine(single, single, np.zeros(2)).dtype == np.float64
    assert F.matmul(single.astype(bool), single).dtype == np.float64


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


def test_out_is_filled_and_returned() -> None:
    x, w = make((3, 4), "float64"), make((4, 5), "float64")
    out = np.empty((3, 5))
    assert F.affine(x, w, out=out) is out
    np.testing.assert_array_equal(out, F.affine(x, w))
    strided = np.zeros((5, 3)).T
    assert F.matmul(x, w, out=strided) is strided
    np.testing.assert_array_equal(strided, out)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_bits_do_not_depend_on_threads(threads: int, restore_threads: Any) -> None:
    restore_threads(1)
    cases = []
    for m, n, k in ((100, 50, 784), (300, 700, 120), (20, 20, 70000), (513, 257, 129)):
        x, w, dy = make((m, k), "float32"), make((k, n), "float32", 1), make((m, n), "float32", 2)
        cases.append((x, w, dy, F.affine(x, w), F.affine_backward(dy, x, w)))
    restore_threads(threads)
    for x, w, dy, y, gradients in cases:
        np.testing.assert_array_equal(F.affine(x, w), y)
        for got, want in zip(F.affine_backward(dy, x, w), gradients, strict=True):
            np.testing.assert_array_equal(got, want)


X, W = np.ones((2, 3)), np.ones((3, 4))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: F.affine(X.astype(np.float16), W),
            TypeError,
            "affine: x must be float32 or float64",
        ),
        (lambda: F.affine(X.astype(complex), W), TypeError, "complex128"),
        (
            lambda: F.affine(X, np.ones((4, 4))),
            ValueError,
            r"affine: x has 3 features but w takes 4 \(x: \(2, 3\), w: \(4, 4\)\)",
        ),
        (
            lambda: F.affine(np.ones((1, 2, 3)), W),
            ValueError,
            r"affine: x must be a batch \(N, I\) or one sample \(I,\), got \(1, 2, 3\)",
        ),
        (lambda: F.affine(X, np.ones(3)), ValueError, r"affine: w must be \(I, O\), got \(3,\)"),
        (
            lambda: F.affine(X, W, np.ones(3)),
            ValueError,
            r"affine: b must be \(4,\) as w has 4 outputs, got \(3,\)",
        ),
        (
            lambda: F.affine(X, W, activation="swish"),
            ValueError,
            "activation must be None, 'relu', 'sigmoid' or 'tanh', got 'swish'",
        ),
        (
            lambda: F.affine(X, W, out=np.ones((2, 3))),
            ValueError,
            r"affine: out must have shape \(2, 4\), got \(2, 3\)",
        ),
        (
            lambda: F.affine(X, W, out=np.ones((2, 4), "f4")),
            TypeError,
            "affine: out must have dtype float64, got float32",
        ),
        (
            lambda: F.affine(X, W, out=[[0.0] * 4] * 2),
            TypeError,
            "affine: out must be a numpy array, got list",
        ),
        (
            lambda: F.affine_backward(np.ones((2, 3)), X, W),
            ValueError,
            r"affine_backward: dy must be \(2, 4\), the shape of y, got \(2, 3\)",
        ),
        (
            lambda: F.matmul(X, X),
            ValueError,
            r"matmul: the inner sizes 3 and 2 differ \(a: \(2, 3\), b: \(2, 3\)\)",
        ),
        (lambda: F.matmul(X, np.ones(3)), ValueError, "matmul: a and b must have 2 axes"),
        (lambda: F.affine("text", W), TypeError, "affine: x"),
        (lambda: F.affine(None, W), TypeError, "affine: x"),
    ],
)
def test_bad_input_is_named(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_read_only_and_overlapping_out_are_refused() -> None:
    fixed = np.ones((2, 4))
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="affine: out is read-only"):
        F.affine(X, W, out=fixed)
    block = np.ones((4, 4))
    with pytest.raises(ValueError, match="affine: out overlaps an input"):
        F.affine(block, block, out=block)
    with pytest.raises(ValueError, match="overlaps an input"):
        F.matmul(block[:2], np.ones((4, 4)), out=block[1:3])
