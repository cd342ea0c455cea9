"""Optimizer steps against the reference and the contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import DTYPES, Array, assert_close, assert_same_bits_on_any_thread_count
from hotloop import _core, functional, reference

# Any: the tests also pass what the signatures forbid.
F: Any = functional
R: Any = reference

# name, number of slots, arguments beyond lr and weight_decay
STEPS: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("sgd_update", 0, {}),
    ("momentum_update", 1, {"momentum": 0.8}),
    ("momentum_update", 1, {"momentum": 0.8, "nesterov": True}),
    ("adagrad_update", 1, {"eps": 1e-6}),
    ("rmsprop_update", 1, {"rho": 0.7}),
    ("adam_update", 2, {"step": 1}),
    ("adam_update", 2, {"step": 1000, "beta1": 0.8, "beta2": 0.99, "eps": 1e-3}),
)
steps = pytest.mark.parametrize(("name", "slots", "kw"), STEPS)


def arrays(shape: tuple[int, ...], dtype: str, slots: int, seed: int = 0) -> list[Array]:
    """Draw a parameter, its gradient, and slots that are not negative, as sums of squares are."""
    rng = np.random.default_rng(seed)
    drawn = [rng.standard_normal(shape).astype(dtype) for _ in range(2 + slots)]
    return [*drawn[:2], *(np.asarray(np.abs(a)) for a in drawn[2:])]


@steps
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (37,), (13, 5), (3, 3, 2, 7), (9001,)])
def test_three_steps_equal_the_reference(
    name: str,
    slots: int,
    kw: dict[str, Any],
    dtype: str,
    weight_decay: float,
    shape: tuple[int, ...],
) -> None:
    ours, theirs = (arrays(shape, dtype, slots) for _ in range(2))
    for k in range(3):
        args = {**kw, "lr": 0.01 * (k + 1), "weight_decay": weight_decay}
        assert getattr(F, name)(*ours, **args) is None
        getattr(R, name)(*theirs, **args)
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a, b)


@given(n=st.integers(0, 200), step=st.integers(1, 10**6), lr=st.floats(1e-6, 1.0))
def test_adam_at_any_step(n: int, step: int, lr: float) -> None:
    ours, theirs = (arrays((n,), "float64", 2, seed=n) for _ in range(2))
    F.adam_update(*ours, lr=lr, step=step)
    R.adam_update(*theirs, lr=lr, step=step)
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a, b)


@steps
def test_the_gradient_is_cast_to_the_parameter(name: str, slots: int, kw: dict[str, Any]) -> None:
    param, _, *rest = arrays((4,), "float32", slots)
    expected = [a.copy() for a in (param, *rest)]
    getattr(F, name)(param, [1, -2, 3, 0], *rest, lr=0.1, **kw)
    getattr(R, name)(expected[0], [1, -2, 3, 0], *expected[1:], lr=0.1, **kw)
    for a, b in zip((param, *rest), expected, strict=True):
        assert a.dtype == np.float32
        assert_close(a, b)


def scattered(dtype: str, count: int, seed: int) -> Array:
    """Draw numbers of every size that the type has, with zeros, infinities and NaN among them."""
    rng = np.random.default_rng(seed)
    info = np.finfo(dtype)
    exponents = rng.integers(info.minexp - info.nmant, info.maxexp, count)
    exponents = np.where(rng.random(count) < 0.7, rng.integers(-90, 1, count), exponents)
    with np.errstate(all="ignore"):
        x = np.ldexp(rng.uniform(1, 2, count), exponents).astype(dtype)
    x[rng.random(count) < 0.2] = 0
    for value in (np.inf, np.nan, info.smallest_subnormal, info.tiny):
        x[rng.integers(0, count, 2)] = value
    return np.asarray(np.where(rng.random(count) < 0.5, -x, x), dtype)


@steps
@pytest.mark.parametrize("dtype", DTYPES)
def test_tiny_numbers_touch_no_neighbour(
    name: str, slots: int, kw: dict[str, Any], dtype: str
) -> None:
    """Vectors that hold subnormal numbers are computed in another way, number by number the same."""
    count = 2000
    param, grad, *rest = (scattered(dtype, count, seed) for seed in range(2 + slots))
    rest = [a if name == "momentum_update" else np.abs(a) for a in rest]
    together, alone, theirs = ([a.copy() for a in (param, grad, *rest)] for _ in range(3))
    with np.errstate(all="ignore"):
        getattr(F, name)(*together, lr=0.1, **kw)
        for i in range(count):
            getattr(F, name)(*(a[i : i + 1] for a in alone), lr=0.1, **kw)
        getattr(R, name)(*theirs, lr=0.1, **kw)
    info = np.finfo(dtype)
    # The parameter moves by what may be a small difference of large numbers; and NumPy rounds
    # lr * m to a subnormal number before it divides by eps.
    allowed = [(5000, 50 / 1e-7), *((50, 50) for _ in range(1 + slots))]
    before = [param, grad, *rest]
    for a, b, c, old, (eps, units) in zip(together, alone, theirs, before, allowed, strict=True):
        np.testing.assert_array_equal(a, b)
        usual = np.isfinite(c)
        np.testing.assert_array_equal(a[~usual], c[~usual])
        error = np.abs(a[usual] - c[usual])
        size = np.maximum(np.abs(c[usual]), np.abs(old[usual]))
        assert np.all(error <= eps * info.eps * size + units * info.smallest_subnormal)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["momentum_update", "rmsprop_update", "adam_update"])
def test_what_decays_stays_subnormal(name: str, dtype: str) -> None:
    """Nothing is flushed to zero: 0.9 times a few of the smallest number rounds to it again."""
    smallest = np.finfo(dtype).smallest_subnormal
    start = np.array([3, -3, 4, 1000, 0], dtype) * smallest
    slots = [np.abs(start) if name == "rmsprop_update" else start.copy()]
    slots += [np.zeros(5, dtype)] if name == "adam_update" else []
    kw = {"step": 5000} if name == "adam_update" else {}
    for _ in range(100):
        getattr(F, name)(np.zeros(5, dtype), np.zeros(5, dtype), *slots, lr=0.1, **kw)
    ours = np.abs(slots[0] / smallest)
    np.testing.assert_array_equal(ours[[0, 1, 4]], [3, 3, 0])
    assert 0 < ours[2] <= 4
    assert 0 < ours[3] < 10


def test_no_decay_leaves_infinities_alone() -> None:
    param = np.array([np.inf, -np.inf, np.nan, 1.0])
    F.sgd_update(param, np.ones(4), lr=0.5)
    np.testing.assert_array_equal(param, [np.inf, -np.inf, np.nan, 0.5])


@steps
def test_bits_do_not_depend_on_the_number_of_threads(
    name: str, slots: int, kw: dict[str, Any]
) -> None:
    def run() -> tuple[Array, ...]:
        fresh = arrays((60_001,), "float32", slots)
        getattr(F, name)(*fresh, lr=0.1, weight_decay=0.01, **kw)
        return tuple(fresh)

    assert_same_bits_on_any_thread_count(run)


def test_a_recorded_step_reads_rate_and_step_at_each_run() -> None:
    ours, theirs = (arrays((50,), "float32", 2) for _ in range(2))
    lr, step = np.array([0.1]), np.array([1.0])
    plan = _core.Plan()
    with plan.recording():
        _core.adam_update(ours[0], ours[1], ours[2], ours[3], lr, step)
    for k in range(1, 4):
        lr[0], step[0] = 0.1 / k, k
        plan.run()
        R.adam_update(*theirs, lr=0.1 / k, step=k)
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a, b)


def test_a_plan_refuses_what_it_would_have_to_copy() -> None:
    plan = _core.Plan()
    strided, grad = np.ones(8, np.float32)[::2], np.ones(4, np.float32)
    with plan.recording():
        with pytest.raises(RuntimeError, match="sgd_update: param would have to be converted"):
            _core.sgd_update(strided, grad, 0.1)
        with pytest.raises(RuntimeError, match="sgd_update: grad would have to be converted"):
            _core.sgd_update(grad, np.ones(4), 0.1)
    assert len(plan) == 0


@steps
@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_whose_square_is_too_large(
    name: str, slots: int, kw: dict[str, Any], dtype: str
) -> None:
    """A mean of squares that overflows stays infinite and stops the parameter, step after step."""
    large = np.finfo(dtype).max / 2
    start = np.array([1.0, -2.0, 3.0, 0.5, 0.25] * 7, dtype)
    ours, theirs = ([start.copy(), *(np.zeros_like(start) for _ in range(slots))] for _ in range(2))
    for sign in (1, 1, -1, 1):
        grad = sign * np.resize(np.array([large, 1e25, -1e25, 1.0, 1e-3], dtype), start.shape)
        getattr(F, name)(ours[0], grad, *ours[1:], lr=1e-3, **kw)
        with np.errstate(over="ignore"):
            getattr(R, name)(theirs[0], grad, *theirs[1:], lr=1e-3, **kw)
        assert np.isfinite(ours[0]).all()
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, 1e-5)
