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
    assert_gradient,
    assert_same_bits_on_any_thread_count,
    variants,
)
from hotloop import _core

OPS = ("softmax", "log_softmax")
# Lengths around one and two vectors of every instruction set: short rows go another way than long.
LENGTHS = (1, 2, 3, 4, 5, 8, 9, 10, 16, 17, 31, 32, 33, 64, 65, 100, 1000)


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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_rows_of_every_length(op: str, dtype: str) -> None:
    for length in LENGTHS:
        for rows in (1, 5, 16, 19):
            check(op, draw((rows, length), dtype), -1)
        check(op, draw(length, dtype), 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_columns_of_every_width(op: str, dtype: str) -> None:
    for width in LENGTHS:
        for length in (1, 5, 19):
            check(op, draw((length, width), dtype), 0)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("axis", range(-4, 4))
def test_every_axis(op: str, axis: int) -> None:
    check(op, draw((3, 4, 5, 6), "float64"), axis)
    check(op, draw((2, 70, 3, 35), "float32"), axis)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gradients_by_differences(op: str, axis: int) -> None:
    x, dy = draw((3, 5), "float64"), draw((3, 5), "float64", 1)
    analytic = call(F, f"{op}_backward")(dy, call(F, op)(x, axis), axis)
    assert_gradient(analytic, lambda: float((dy * call(F, op)(x, axis)).sum()), x)


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


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("op", OPS)
def test_layouts_of_memory(op: str, axis: int) -> None:
    x, dy = draw((5, 7), "float32"), draw((5, 7), "float32", 1)
    y = call(F, op)(x, axis)
    dx = call(F, f"{op}_backward")(dy, y, axis)
    for name, other in variants(x):
        np.testing.assert_array_equal(call(F, op)(other, axis), y, err_msg=name)
    for (name, a), (_, b) in zip(variants(dy), variants(y), strict=True):
        got = call(F, f"{op}_backward")(a, b, axis)
        np.testing.assert_array_equal(got, dx, err_msg=name)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,), (2, 0, 3)])
@pytest.mark.parametrize("op", OPS)
def test_empty(op: str, shape: tuple[int, ...]) -> None:
    for axis in range(len(shape)):
        assert call(F, op)(np.ones(shape), axis).shape == shape
        assert call(F, f"{op}_backward")(np.ones(shape), np.ones(shape), axis).shape == shape


@pytest.mark.parametrize("op", OPS)
def test_out(op: str) -> None:
    x = draw((4, 9), "float32")
    expected = call(F, op)(x)
    out = np.full_like(x, np.nan)
    assert call(F, op)(x, out=out) is out
    np.testing.assert_array_equal(out, expected)
    strided = np.zeros((4, 18), np.float32)[:, ::-2]
    assert call(F, op)(x, out=strided) is strided
    np.testing.assert_array_equal(strided, expected)
    dx = np.zeros_like(x)
    assert call(F, f"{op}_backward")(x, expected, out=dx) is dx
    np.testing.assert_array_equal(dx, call(F, f"{op}_backward")(x, expected))


@pytest.mark.parametrize("op", OPS)
def test_out_is_refused(op: str) -> None:
    x = draw((4, 9), "float32")
    with pytest.raises(ValueError, match=rf"{op}: out overlaps an input in memory"):
        call(F, op)(x, out=x)
    with pytest.raises(ValueError, match=rf"{op}: out must have shape \(4, 9\), got \(9, 4\)"):
        call(F, op)(x, out=np.zeros((9, 4), np.float32))
    with pytest.raises(TypeError, match=rf"{op}: out must have dtype float32, got float64"):
        call(F, op)(x, out=np.zeros((4, 9)))
    read_only = np.zeros((4, 9), np.float32)
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match=rf"{op}: out is read-only"):
        call(F, op)(x, out=read_only)


@pytest.mark.parametrize("op", OPS)
def test_what_cannot_be(op: str) -> None:
    with pytest.raises(
        ValueError, match=rf"{op}: axis 2 is out of bounds .* 2 axes \(x: \(4, 9\)\)"
    ):
        call(F, op)(np.ones((4, 9)), 2)
    with pytest.raises(ValueError, match=rf"{op}: axis -1 is out of bounds .* 0 axes"):
        call(F, op)(1.0)
    with pytest.raises(TypeError, match=rf"{op}: axis must be an integer, got float"):
        call(F, op)(np.ones(3), 0.0)
    with pytest.raises(
        ValueError, match=rf"{op}_backward: dy and y must have one shape.*\(3,\).*\(4,\)"
    ):
        call(F, f"{op}_backward")(np.ones(3), np.ones(4))
    with pytest.raises(TypeError, match=rf"{op}_backward: y must be an array, got None"):
        call(F, f"{op}_backward")(np.ones(3), None)
    with pytest.raises(TypeError, match=rf"{op}: x must be float32 or float64"):
        call(F, op)(np.ones(3, np.float16))


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
