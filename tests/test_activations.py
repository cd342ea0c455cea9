"""The elementwise activations against the reference, in every layout, and by differences."""

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

UNARY = ("relu", "leaky_relu", "elu", "gelu", "sigmoid", "tanh", "step", "identity")
BACKWARD = ("relu", "leaky_relu", "elu", "gelu", "sigmoid", "tanh")


def call(module: Any, name: str) -> Callable[..., Any]:
    """Look up one operation in functional or in the reference."""
    function: Callable[..., Any] = getattr(module, name)
    return function


def draw(shape: Any, dtype: Any, seed: int = 0) -> Array:
    """Draw normal numbers that reach the tails."""
    x: Array = (3 * np.random.default_rng(seed).normal(size=shape)).astype(dtype)
    return x


def second(op: str, x: Array) -> Array:
    """Return what the backward takes beside dy: x for gelu, else y."""
    return x if op == "gelu" else np.asarray(call(F, op)(x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", UNARY)
def test_nan_and_infinity_propagate_as_in_numpy(op: str, dtype: str) -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0] * 5, dtype)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(call(F, op)(x), call(R, op)(x), rtol=1e-6)


@pytest.mark.parametrize("op", BACKWARD)
def test_nan_and_infinity_propagate_in_gradients(op: str) -> None:
    values = [np.nan, np.inf, -np.inf, 0.0, 1.0, -1.0]
    dy, other = (a.ravel() for a in np.meshgrid(values, values))
    with np.errstate(invalid="ignore"):
        expected = call(R, f"{op}_backward")(dy, other)
    np.testing.assert_allclose(call(F, f"{op}_backward")(dy, other), expected, rtol=1e-12)


@pytest.mark.parametrize("op", UNARY)
def test_extreme_arguments_stay_exact(op: str) -> None:
    x = np.array([-1000.0, -700.0, -40.0, -1e-300, 1e-300, 40.0, 700.0, 1000.0])
    assert_close(call(F, op)(x), call(R, op)(x))


@pytest.mark.parametrize("op", ["relu", "elu", "tanh", "identity"])
def test_subnormal_numbers_are_not_flushed_to_zero(op: str) -> None:
    tiny = np.array([1e-45, 1e-40], np.float32)
    np.testing.assert_array_equal(call(F, op)(tiny), tiny)


@pytest.mark.parametrize("op", UNARY)
def test_numbers_lists_integers_and_bools_become_float64(op: str) -> None:
    assert call(F, op)(0.5).shape == ()
    for x in (2, True, [1, -2], [[True, False]], np.arange(3, dtype=np.uint8)):
        y = call(F, op)(x)
        assert y.dtype == np.float64
        assert_close(y, call(R, op)(x))


@pytest.mark.parametrize("op", BACKWARD)
def test_out_of_a_gradient_may_be_either_input(op: str) -> None:
    backward = call(F, f"{op}_backward")
    dy, x = draw(50, "float32"), draw(50, "float32", 1)
    y = second(op, x)
    expected = backward(dy, y)
    for which in (0, 1):
        inputs = [dy.copy(), y.copy()]
        assert backward(*inputs, out=inputs[which]) is inputs[which]
        np.testing.assert_array_equal(inputs[which], expected)


@pytest.mark.parametrize("op", UNARY)
def test_out_is_refused(op: str) -> None:
    f = call(F, op)
    x = draw(20, "float32")
    buffer = np.zeros(30, np.float32)
    with pytest.raises(ValueError, match=rf"{op}: out overlaps an input in memory"):
        f(buffer[:20], out=buffer[1:21])
    with pytest.raises(ValueError, match=rf"{op}: out overlaps an input in memory"):
        f(buffer[:20], out=buffer[19::-1])
    with pytest.raises(ValueError, match=rf"{op}: out must have shape \(20,\), got \(30,\)"):
        f(x, out=buffer)
    with pytest.raises(TypeError, match=rf"{op}: out must have dtype float32, got float64"):
        f(x, out=np.zeros(20))
    with pytest.raises(TypeError, match=rf"{op}: out must be a numpy array, got list"):
        f(x, out=[0.0] * 20)
    read_only = np.zeros(20, np.float32)
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match=rf"{op}: out is read-only"):
        f(x, out=read_only)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", UNARY)
def test_bits_do_not_depend_on_threads(op: str, dtype: str) -> None:
    x = draw(50_001, dtype)
    assert_same_bits_on_any_thread_count(lambda: call(F, op)(x))
    if op in BACKWARD:
        assert_same_bits_on_any_thread_count(lambda: call(F, f"{op}_backward")(x, x))


@pytest.mark.parametrize("op", UNARY)
def test_an_element_does_not_depend_on_its_place(op: str) -> None:
    x = draw(99, "float32")
    whole = call(F, op)(x)
    for start in (0, 1, 13, 50, 98):
        np.testing.assert_array_equal(call(F, op)(x[start:]), whole[start:])


@given(
    st.sampled_from(UNARY),
    hnp.array_shapes(min_dims=0, max_dims=5, max_side=5),
    st.sampled_from(DTYPES),
)
def test_any_shape(op: str, shape: tuple[int, ...], dtype: str) -> None:
    x = draw(shape, dtype)
    y = call(F, op)(x)
    assert y.shape == shape
    assert_close(y, call(R, op)(x.astype(np.float64)), dtype)


def test_add() -> None:
    for dtype in DTYPES:
        a, b = draw((3, 17), dtype), draw((3, 17), dtype, 1)
        np.testing.assert_array_equal(_core.add(a, b), a + b)
        kept = a + b
        assert _core.add(a, b, b) is b
        np.testing.assert_array_equal(b, kept)
    with pytest.raises(ValueError, match=r"add: a and b must have one shape"):
        _core.add(np.ones(2), np.ones(3))


@pytest.mark.parametrize("op", ["relu", "sigmoid", "tanh"])
def test_a_recorded_gradient_joins_the_affine_before_it(op: str) -> None:
    x, w, dy = draw((9, 5), "float32"), draw((5, 4), "float32", 1), draw((9, 4), "float32", 2)
    y = np.asarray(call(F, op)(draw((9, 5), "float32", 3)))
    expected = call(F, f"{op}_backward")(F.affine_backward(dy, x, w)[0], y)
    plan = _core.Plan()
    with plan.recording():
        dx, _, _ = _core.affine_backward(dy, x, w)
        assert dx is not None
        result = getattr(_core, f"{op}_backward")(dx, y, dx)
    assert len(plan) == 1
    plan.run()
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [0, 1, 5])
def test_large_outputs_past_the_caches_have_the_same_bits(offset: int, dtype: str) -> None:
    n = (32 << 20) // np.dtype(dtype).itemsize + 77
    x = np.random.default_rng(0).standard_normal(n + offset).astype(dtype)[offset:]
    out = np.full(n + offset + 1, 7.0, dtype)
    y = F.tanh(x, out=out[offset:-1])
    dx = F.tanh_backward(x, y)
    half = n // 2 + 3
    np.testing.assert_array_equal(y[:half], F.tanh(x[:half]))
    np.testing.assert_array_equal(y[half:], F.tanh(x[half:]))
    np.testing.assert_array_equal(dx[half:], F.tanh_backward(x[half:], y[half:]))
    assert (out[:offset] == 7.0).all()
    assert out[-1] == 7.0
