"""Softmax and its logarithm along any axis against the reference, and by differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import hotloop.functional as F
import hotloop.reference as R
from helpers import (
    DTYPES,
    Array,
    assert_close,
    assert_same_bits_on_any_thread_count,
)
from hotloop import _core

OPS = ("softmax", "log_softmax")


def call(module: Any, name: str) -> Callable[..., Any]:
    """Look up one operation in functional or in the reference."""
    function: Callable[..., Any] = getattr(module, name)
    return function


def draw(shape: Any, dtype: Any, seed: int = 0) -> Array:
    """Draw normal numbers."""
    x: Array = (3 * np.random.default_rng(seed).normal(size=shape)).astype(dtype)
    return x


def check(op: str, x: Array, axis: int) -> None:
    """Compare forward and backward with the reference in float64."""
    y = call(F, op)(x, axis)
    assert y.dtype == x.dtype
    assert_close(y, call(R, op)(x.astype(np.float64), axis))
    dy = draw(x.shape, x.dtype, 1)
    dx = call(F, f"{op}_backward")(dy, y, axis)
    assert dx.dtype == x.dtype
    assert_close(dx, call(R, f"{op}_backward")(dy.astype(np.float64), y.astype(np.float64), axis))


def test_published_figures() -> None:
    np.testing.assert_allclose(
        F.softmax([0.3, 2.9, 4.0]), [0.01821127, 0.24519181, 0.73659691], atol=1e-8
    )
    np.testing.assert_allclose(
        F.softmax([1010, 1000, 990]), [9.99954600e-01, 4.53978686e-05, 2.06106005e-09], rtol=1e-8
    )


@pytest.mark.parametrize("length", [5, 100])
@pytest.mark.parametrize("op", OPS)
def test_nan_and_infinity_propagate_as_in_numpy(op: str, length: int) -> None:
    rows = draw((6, length), "float64")
    rows[0, 2] = np.nan
    rows[1, 3] = np.inf
    rows[2, 0] = -np.inf
    rows[3] = -np.inf
    rows[4, [1, 4]] = np.inf, -np.inf
    with np.errstate(all="ignore"):
        expected = call(R, op)(rows)
    np.testing.assert_allclose(call(F, op)(rows), expected, rtol=1e-10, atol=1e-300)
    columns = np.ascontiguousarray(rows.T)
    np.testing.assert_allclose(call(F, op)(columns, 0), expected.T, rtol=1e-10, atol=1e-300)


@pytest.mark.parametrize("op", OPS)
def test_large_numbers_do_not_overflow(op: str) -> None:
    x = np.array([[1e30, 0.0, -1e30], [-1e38, 0.0, 2e38]], np.float32)
    assert_close(call(F, op)(x), call(R, op)(x.astype(np.float64)))


@pytest.mark.parametrize("shape", [(2003, 10), (401, 100), (37, 5, 301)])
@pytest.mark.parametrize("op", OPS)
def test_bits_do_not_depend_on_threads(op: str, shape: tuple[int, ...]) -> None:
    x = draw(shape, "float32")
    assert_same_bits_on_any_thread_count(lambda: call(F, op)(x, 1))
    assert_same_bits_on_any_thread_count(lambda: call(F, f"{op}_backward")(x, x, 1))


@pytest.mark.parametrize("length", [10, 100])
@pytest.mark.parametrize("op", OPS)
def test_a_row_does_not_depend_on_its_neighbours(op: str, length: int) -> None:
    x = draw((40, length), "float32")
    whole = call(F, op)(x)
    for first, last in ((0, 1), (3, 4), (5, 40), (39, 40)):
        np.testing.assert_array_equal(call(F, op)(x[first:last]), whole[first:last])


@given(
    st.sampled_from(OPS),
    hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=40),
    st.data(),
)
def test_any_shape_and_axis(op: str, shape: tuple[int, ...], data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    check(op, draw(shape, data.draw(st.sampled_from(DTYPES))), axis)


@pytest.mark.parametrize("op", OPS)
def test_a_plan_repeats_it(op: str) -> None:
    x = draw((6, 10), "float32")
    plan = _core.Plan()
    with plan.recording():
        y = getattr(_core, op)(x, -1)
    x[...] = draw((6, 10), "float32", 5)
    plan.run()
    np.testing.assert_array_equal(y, call(F, op)(x))
