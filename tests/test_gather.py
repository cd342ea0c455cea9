"""Batches gathered by index, cast and scaled, in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import DTYPES, assert_close, assert_same_bits_on_any_thread_count, variants
from hotloop import _core

SOURCES = [
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "bool",
    "float32",
    "float64",
]


def draw(shape: tuple[int, ...], dtype: str) -> Any:
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(9,), (7, 1), (11, 37), (5, 4, 3, 2), (6, 0)])
def test_rows_are_cast_and_scaled(source: str, dtype: str, shape: tuple[int, ...]) -> None:
    x = draw(shape, source)
    indices = np.random.default_rng(1).integers(0, len(x), 13)
    out = np.empty((13, *shape[1:]), dtype)
    assert _core.gather_rows(x, indices, out) is out
    np.testing.assert_array_equal(out, x[indices].astype(dtype))
    _core.gather_rows(x, indices, out, 1 / 255, -0.5)
    assert_close(out, (x[indices].astype(np.float64) * (1 / 255) - 0.5).astype(dtype))
    rows = np.empty((3, *shape[1:]), dtype)
    _core.gather_rows(x, None, rows)
    np.testing.assert_array_equal(rows, x[:3].astype(dtype))


@given(rows=st.integers(1, 20), row=st.integers(0, 70), count=st.integers(0, 30))
def test_any_width(rows: int, row: int, count: int) -> None:
    x = draw((rows, row), "uint8")
    indices = np.random.default_rng(count).integers(0, rows, count)
    out = _core.gather_rows(x, indices, np.empty((count, row), np.float32), 2.0, 1.0)
    np.testing.assert_array_equal(out, x[indices] * np.float32(2) + np.float32(1))


def test_large_integers_are_scaled_in_double() -> None:
    x = np.array([2**53 - 1, -(2**62)])
    out = _core.gather_rows(x, None, np.empty(2, np.float32), 2.0**-53, 0.0)
    np.testing.assert_array_equal(out, np.array([1 - 2**-53, -512.0], np.float32))


def test_class_ids_stay_integers() -> None:
    ids = np.array([3, 1, 4, 1, 5], np.uint8)
    out = _core.gather_rows(ids, [4, 0], np.empty(2, np.int64))
    np.testing.assert_array_equal(out, [5, 3])
    with pytest.raises(TypeError, match="out must be float32 or float64"):
        _core.gather_rows(np.ones(3), [0], np.empty(1, np.int64))


def test_every_memory_layout_of_the_source() -> None:
    x = draw((6, 5, 4), "float32")
    for name, other in variants(x):
        out = _core.gather_rows(other, [5, 0, 3], np.empty((3, 5, 4), np.float32))
        np.testing.assert_array_equal(out, x[[5, 0, 3]], err_msg=name)


def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    x = draw((300, 784), "uint8")
    indices = np.random.default_rng(1).permutation(300)
    assert_same_bits_on_any_thread_count(
        lambda: _core.gather_rows(x, indices, np.empty((300, 784), np.float32), 1 / 255, 0.0)
    )


def test_a_recorded_step_takes_new_sources_and_indices() -> None:
    x, indices = draw((8, 5), "uint8"), np.array([1, 7, 2])
    out = np.empty((3, 5), np.float32)
    plan = _core.Plan()
    with plan.recording():
        _core.gather_rows(x, indices, out, 0.5, 0.0)
    plan.run()
    np.testing.assert_array_equal(out, x[[1, 7, 2]] * np.float32(0.5))
    plan.rebind(x, x[::-1].copy())
    plan.rebind(indices, np.array([0, 0, 8]))
    with pytest.raises(ValueError, match=r"indices\[2\] is 8 but src has 8 rows"):
        plan.run()


X = np.zeros((4, 3), np.uint8)
OUT = np.zeros((2, 3), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: _core.gather_rows(X, [0, 4], OUT),
            ValueError,
            r"indices\[1\] is 4 but src has 4 rows",
        ),
        (lambda: _core.gather_rows(X, [-1, 0], OUT), ValueError, r"indices\[0\] is -1"),
        (
            lambda: _core.gather_rows(X, [0, 1, 2], OUT),
            ValueError,
            r"out must have shape \(3, 3\), got \(2, 3\)",
        ),
        (lambda: _core.gather_rows(X[:1], None, OUT), ValueError, "out has 2 rows but src has 1"),
        (
            lambda: _core.gather_rows(X, [[0, 1]], OUT),
            ValueError,
            r"indices must be \(N,\), got \(1, 2\)",
        ),
        (lambda: _core.gather_rows(X, [0.0, 1.0], OUT), TypeError, "indices must be integers"),
        (lambda: _core.gather_rows(X.astype(np.float16), [0, 1], OUT), TypeError, "src must be"),
        (lambda: _core.gather_rows(X.astype(complex), [0, 1], OUT), TypeError, "src must be"),
        (lambda: _core.gather_rows(OUT, [0, 1], OUT), ValueError, "out overlaps an input"),
        (lambda: _core.gather_rows(X, [0, 1], OUT.astype(np.int32)), TypeError, "out must be"),
        (lambda: _core.gather_rows(3, [0, 1], OUT), ValueError, "src must have a first axis"),
    ],
)
def test_errors_name_op_rule_and_shapes(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
