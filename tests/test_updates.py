"""Optimizer steps against the reference and the contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import DTYPES, Array, assert_close, assert_same_bits_on_any_thread_count, variants
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
def test_strided_arrays_are_changed_in_place(name: str, slots: int, kw: dict[str, Any]) -> None:
    expected = arrays((6, 5), "float32", slots)
    layouts = [dict(variants(a)) for a in expected]
    getattr(R, name)(*expected, lr=0.1, **kw)
    for kind in ("Fortran", "sliced", "reversed", "offset by one", "misaligned"):
        given_arrays = [layout[kind] for layout in layouts]
        getattr(F, name)(*given_arrays, lr=0.1, **kw)
        for a, b in zip(given_arrays, expected, strict=True):
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


P, G = np.ones((2, 3), np.float32), np.ones((2, 3), np.float32)
FROZEN = np.ones((2, 3), np.float32)
FROZEN.flags.writeable = False


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: F.sgd_update([1.0], [1.0], lr=1),
            TypeError,
            "sgd_update: param is changed in place",
        ),
        (lambda: F.sgd_update(P.astype(int), G, lr=1), TypeError, "native float32 or float64"),
        (lambda: F.sgd_update(P.astype(">f4"), G, lr=1), TypeError, "got >f4"),
        (lambda: F.sgd_update(P.astype(np.float16), G, lr=1), TypeError, "got float16"),
        (
            lambda: F.sgd_update(FROZEN, G, lr=1),
            ValueError,
            "param is changed in place but is read-only",
        ),
        (
            lambda: F.sgd_update(P, G[0], lr=1),
            ValueError,
            r"grad must have the shape of param, \(2, 3\), got \(3,\)",
        ),
        (lambda: F.sgd_update(P, P, lr=1), ValueError, "grad overlaps param"),
        (lambda: F.sgd_update(P, G.astype(complex), lr=1), TypeError, "grad must be float32"),
        (lambda: F.sgd_update(P, G, lr="fast"), TypeError, "lr must be a number"),
        (
            lambda: F.momentum_update(P, G, G[:, :2].copy(), lr=1),
            ValueError,
            r"velocity must have the shape of param, \(2, 3\), got \(2, 2\)",
        ),
        (
            lambda: F.adagrad_update(P, G, G.astype(np.float64), lr=1),
            TypeError,
            "accumulator must have the dtype of param, float32, got float64",
        ),
        (lambda: F.rmsprop_update(P, G, P, lr=1), ValueError, "square overlaps param"),
        (lambda: F.adam_update(P, G.copy(), G, G, lr=1, step=1), ValueError, "v overlaps m"),
        (
            lambda: F.adam_update(P, G, G.copy(), G.copy(), lr=1, step=0),
            ValueError,
            "adam_update: step counts from 1, got 0",
        ),
    ],
)
def test_errors_name_op_rule_and_shapes(call: Any, error: type[Exception], text: str) -> None:
    before = P.copy()
    with pytest.raises(error, match=text):
        call()
    np.testing.assert_array_equal(P, before)
