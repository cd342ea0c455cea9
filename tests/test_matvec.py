"""Products of which one side is a vector: kernels of their own, at every length and transposition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import functional, reference

F: Any = functional
R: Any = reference
SIZES = (1, 2, 7, 31, 32, 33, 65, 130, 1000)
TYPES = (np.float32, np.float64)


def tolerance(dtype: Any) -> float:
    """Of the sums of normal numbers here."""
    return 3e-4 if dtype is np.float32 else 1e-11


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("one_row", [True, False])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_every_layout(dtype: Any, one_row: bool, transpose_a: bool, transpose_b: bool) -> None:
    rng = np.random.default_rng(1)
    for size in SIZES:
        for k in SIZES:
            m, n = (1, size) if one_row else (size, 1)
            a, b = rng.standard_normal((m, k)), rng.standard_normal((k, n))
            x = np.ascontiguousarray((a.T if transpose_a else a).astype(dtype))
            y = np.ascontiguousarray((b.T if transpose_b else b).astype(dtype))
            got = F.matmul(x, y, transpose_a=transpose_a, transpose_b=transpose_b)
            assert got.shape == (m, n)
            np.testing.assert_allclose(got, a @ b, rtol=0, atol=tolerance(dtype))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("activation", [None, "relu", "sigmoid", "tanh"])
@pytest.mark.parametrize(
    "shape", [(1, 45, 70), (45, 1, 70), (1, 1, 70), (45, 1, 5), (1, 3000, 300)]
)
def test_affine_and_its_gradient(dtype: Any, activation: Any, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(2)
    n, outputs, inputs = shape
    x, w, b, dy = (
        rng.standard_normal(s).astype(dtype)
        for s in ((n, inputs), (inputs, outputs), (outputs,), (n, outputs))
    )
    wide = [v.astype(np.float64) for v in (x, w, b, dy)]
    got = F.affine(x, w, b, activation=activation)
    want = R.affine(wide[0], wide[1], wide[2], activation=activation)
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance(dtype))
    for mine, theirs in zip(
        F.affine_backward(dy, x, w), R.affine_backward(wide[3], *wide[:2]), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance(dtype))


@pytest.mark.parametrize("kind", ["row", "column", "dot"])
def test_long_sums_keep_their_accuracy(kind: str) -> None:
    """Equal numbers, whose roundings all fall to the same side; several stretches of k."""
    k = 200_003
    value = np.float32(0.1)
    if kind == "row":  # a sum of rows
        got = F.matmul(np.ones((1, k), np.float32), np.full((k, 3), value))
    elif kind == "column":
        got = F.matmul(np.full((k, 3), value), np.ones((k, 1), np.float32), transpose_a=True)
    else:
        got = F.matmul(np.full((3, k), value), np.ones((k, 1), np.float32))
    np.testing.assert_allclose(got.ravel(), float(value) * k, rtol=1e-5)


def test_the_bits_do_not_depend_on_threads() -> None:
    rng = np.random.default_rng(3)
    before = hl.get_num_threads()
    for m, n, k in ((1, 1000, 1000), (1000, 1, 1000), (1, 5003, 701), (1, 77, 40_000)):
        a = rng.standard_normal((m, k)).astype(np.float32)
        b = rng.standard_normal((k, n)).astype(np.float32)
        bt = np.ascontiguousarray(b.T)
        found = []
        try:
            for threads in (1, 2, 3, 7):
                hl.set_num_threads(threads)
                found.append(
                    (F.matmul(a, b).tobytes(), F.matmul(a, bt, transpose_b=True).tobytes())
                )
        finally:
            hl.set_num_threads(before)
        assert len(set(found)) == 1, (m, n, k)


@pytest.mark.parametrize("dtype", TYPES)
def test_nan_and_infinity_come_through(dtype: Any) -> None:
    for one_row in (True, False):
        a = np.ones((1, 90) if one_row else (40, 90), dtype)
        b = np.ones((90, 40) if one_row else (90, 1), dtype)
        a[0, 3], b[50, 0] = np.inf, np.nan
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(F.matmul(a, b), a @ b)
