"""What the ops compute: the reference, its derivatives, special values, nothing at all."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.cases import (
    DTYPES,
    FLOATING,
    Array,
    F,
    Op,
    Sample,
    count,
    draw,
    expected,
    flat,
    run,
    same_bits,
)
from conformance.layouts import FOR_CHANGED, lay
from conformance.table import ROWS, TABLE
from helpers import TOLERANCE, numeric_gradient

every = pytest.mark.parametrize("name", TABLE)
# Up to how many elements a central difference is taken of.
FEW = 200
# Rounding errors of sums of subnormal numbers, in the smallest one.
STEPS = 1000


def test_every_public_name_has_one_row() -> None:
    assert sorted(op.name for op in ROWS) == sorted(F.__all__)


def test_every_backward_is_the_gradient_of_a_forward() -> None:
    backwards = {op.name for op in ROWS if op.name.endswith("_backward")}
    named = {op.gradient.op for op in ROWS if op.gradient}
    assert backwards <= named
    assert all(bool(op.gradient) != bool(op.why_no_gradient) for op in ROWS)


@every
def test_a_row_is_whole(name: str) -> None:
    """It has small samples, work for several threads, and nothing at all or an error for that."""
    op = TABLE[name]
    assert op.small
    assert op.large
    assert op.empty or any("empty" in text for _, _, text in op.bad)
    parameters = inspect.signature(getattr(F, op.name)).parameters
    given_ = {name for s in op.samples for name in (*s.arrays, *s.options)}
    assert given_ <= set(parameters)
    # Each argument but `out` takes a value of its own somewhere in the samples.
    assert set(parameters) - given_ <= {"out"}


def close(got: Array, want: Array, tolerance: float, floor: float) -> None:
    """Hold finite numbers to an error relative to the largest of them, and all else exactly."""
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite])
    scale = max(float(np.abs(want[finite]).max(initial=0.0)), floor)
    error = float(np.abs(got[finite] - want[finite]).max(initial=0.0))
    # The dtype has no numbers between its smallest one and zero.
    step = float(np.finfo(got.dtype).smallest_subnormal)
    assert error <= max(tolerance * scale, step), f"error {error:.3g} for values up to {scale:.3g}"


def agree(op: Op, sample: Sample, dtype: str, got: list[Array]) -> None:
    """Hold results to the reference: float32 in float64, float64 in the dtype of the row."""
    wide = np.float64 if dtype == "float32" else op.wide
    want = expected(op, sample, wide)
    assert len(got) == len(want)
    result = sample.options.get("dtype", dtype)
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        assert g.shape == w.shape
        if w.dtype.kind == "f":
            assert g.dtype == ("float64" if op.loss and i == 0 else result)
            close(g, w.astype(np.float64), TOLERANCE[dtype] * sample.slack, sample.floor)
        else:
            assert g.dtype == w.dtype
            np.testing.assert_array_equal(g, w)


@every
@pytest.mark.parametrize("dtype", DTYPES)
def test_reference(name: str, dtype: str, pytestconfig: pytest.Config) -> None:
    op = TABLE[name]
    largest = pytestconfig.getoption("--conformance-largest", default=sys.maxsize)
    for sample in op.samples:
        if sample.size > largest:
            continue
        given_ = sample.cast(dtype)
        agree(op, given_, dtype, run(op, given_.fresh()))
        count(op, "empty" if sample.empty else "reference")
    if op.loss:
        first = flat(getattr(F, op.name)(**op.small[0].arrays, **op.small[0].options))[0]
        assert type(first) is float


@every
@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=15)
@given(data=st.data())
def test_any_sample(name: str, dtype: str, data: st.DataObject) -> None:
    op = TABLE[name]
    sample = data.draw(op.draws).cast(dtype)
    layout = data.draw(st.sampled_from(FOR_CHANGED))
    got = run(op, sample.fresh())
    agree(op, sample, dtype, got)
    assert same_bits(run(op, sample.map(lambda _, a: lay(a, layout))), got)
    count(op, "any sample")


@every
def test_differences(name: str) -> None:
    op = TABLE[name]
    if not op.gradient:
        return
    gradient = op.gradient
    ran = 0
    for sample in op.small:
        by = [argument for argument in gradient.by if argument in sample.arrays]
        if not sample.smooth or sum(sample.arrays[a].size for a in by) > FEW:
            continue
        given_ = sample.cast("float64")
        results = run(op, given_.fresh())
        dy = np.ones(()) if op.loss else draw(results[0].shape, 11)

        def value(sample: Sample = given_, dy: Any = dy) -> float:
            return float((run(op, sample.fresh())[0] * dy).sum())

        backward = gradient.sample(given_, results, dy)
        analytic = flat(getattr(F, gradient.op)(**backward.arrays, **backward.options))
        for argument, ours in zip(by, analytic, strict=False):
            numeric = numeric_gradient(value, given_.arrays[argument])
            scale = max(1.0, float(np.abs(numeric).max(initial=0.0)))
            np.testing.assert_allclose(ours, numeric, rtol=0, atol=1e-6 * scale, err_msg=argument)
            ran += numeric.size
    assert ran
    count(op, "differences", ran)


def close_in_places(
    op: Op, sample: Sample, dtype: str, usual: list[float], steps: float = 0
) -> None:
    """Compare where there are NaN and infinities, and what is finite beside them."""
    got, want = run(op, sample.fresh()), expected(op, sample, np.float64)
    smallest = float(np.finfo(dtype).smallest_subnormal)
    for g, w, scale in zip(got, want, usual, strict=True):
        with np.errstate(over="ignore"):
            limit = w.astype(g.dtype)
        finite = np.abs(w) < np.finfo(dtype).max / 1000
        edge = np.isfinite(w) & ~finite
        limit[edge] = g[edge]
        if op.infinite:
            np.testing.assert_array_equal(g[~finite], limit[~finite])
        else:
            assert not np.isfinite(g[~finite]).any()
        largest = float(np.abs(w[finite]).max(initial=0.0))
        error = np.abs(g[finite].astype(np.float64) - w[finite]).max(initial=0.0)
        if steps:
            assert error <= TOLERANCE[dtype] * largest + steps * smallest
            assert largest < 100 * steps * smallest or g.any()
        else:
            assert error <= TOLERANCE[dtype] * max(largest, scale)


def largest_of(arrays: list[Array]) -> list[float]:
    return [float(np.abs(a[np.isfinite(a)]).max(initial=0.0)) for a in arrays]


@every
@pytest.mark.parametrize("dtype", DTYPES)
def test_special(name: str, dtype: str) -> None:
    """NaN, infinities, zeros of both signs and subnormal numbers, in one argument at a time."""
    op = TABLE[name]
    rng = np.random.default_rng(0)
    chosen = [s for s in op.small if s.size >= 6 and not s.empty]
    for sample in chosen[:: max(1, len(chosen) // 16)]:
        given_ = sample.cast(dtype)
        usual = [max(n, sample.floor) for n in largest_of(expected(op, given_, np.float64))]
        for argument in given_.named(*FLOATING):
            keep: Any = op.values.get(argument, np.asarray)
            for special in (np.nan, np.inf, -np.inf, 0.0, -0.0):
                other = given_.arrays[argument].copy()
                places = rng.integers(0, other.size, 1 + other.size // 20)
                other.reshape(-1)[places] = special
                close_in_places(op, given_.but(**{argument: keep(other)}), dtype, usual)
                count(op, "special")
            tiny = given_.arrays[argument] * np.dtype(dtype).type(np.finfo(dtype).tiny / 100)
            close_in_places(op, given_.but(**{argument: tiny}), dtype, usual, STEPS)
            count(op, "special")
