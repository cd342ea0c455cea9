"""Rows of reductions: shapes by axes, long sums, nothing at all."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conformance.cases import KINDS, SEEDS, Bad, F, Op, Sample, draw

Axis = int | tuple[int, ...] | None
RULE = "hotloop.autodiff has its way back"
CASES: tuple[tuple[tuple[int, ...], Axis], ...] = (
    ((3, 5), None), ((3, 5), 0), ((3, 5), 1), ((3, 5), -1), ((3, 5), (0, 1)), ((3, 5), (1, 0)), ((3, 5), ()), ((), None),
    ((1,), 0), ((7,), None), ((33,), 0), ((65,), None), ((4099,), 0), ((2, 3, 4), 1), ((2, 3, 4), (0, 2)), ((2, 3, 4), (1, 2)),
    ((2, 3, 4), (0, 1)), ((2, 3, 4, 5), (0, 2)), ((2, 3, 4, 5), (1, 3)), ((3, 2, 3, 2, 3), (0, 2, 4)), ((3, 2, 3, 2, 3), (1, 3)),
    ((2, 2, 2, 2, 2, 2, 2), (0, 2, 4, 6)), ((1, 3, 1, 2), (0, 2)), ((17, 70), 0), ((17, 70), 1), ((9, 1), 0), ((600, 3), 0),
    ((600, 3), 1), ((40_000,), None), ((100_003,), None), ((3, 40_001), 1), ((40_001, 3), 0), ((301, 401), 0), ((301, 401), 1),
    ((301, 401), None), ((20, 70, 90), (0, 2)), ((20, 70, 90), 1),
)  # fmt: skip
EMPTY: tuple[tuple[tuple[int, ...], Axis], ...] = (
    ((0,), None), ((0, 3), 0), ((0, 3), 1), ((3, 0), 0), ((2, 0, 3), (0, 2)),
)  # fmt: skip
SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=6)


def reduced(
    shape: tuple[int, ...], axis: Axis, keepdims: bool = False, seed: int = 0, kind: str = "normal"
) -> Sample:
    x = draw(shape, seed, kind)
    # Terms of a sum that cancels count as much as the sum.
    return Sample(
        {"x": x}, {"axis": axis, "keepdims": keepdims}, floor=float(np.abs(x).max(initial=0))
    )


def about_one(sample: Sample) -> Sample:
    """Draw factors whose product stays within reach."""
    return sample.map(lambda _, x: 1 + 0.01 * np.tanh(x))


def along(shape: tuple[int, ...], axis: int | None, keepdims: bool, seed: int, kind: str) -> Sample:
    return Sample({"x": draw(shape, seed, kind)}, {"axis": axis, "keepdims": keepdims})


def one_of(shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.integers(-len(shape), len(shape) - 1))


def any_of(shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    several = st.sets(st.integers(0, len(shape) - 1)).map(tuple)
    return st.one_of(one_of(shape), several)


def refused(name: str, several: bool) -> tuple[Bad, ...]:
    f = getattr(F, name)
    bad: list[Bad] = [
        (lambda: f(np.ones((2, 3)), axis=2), ValueError, r"axis 2 .*\(2, 3\)"),
        (lambda: f(np.ones((2, 3)), axis=-3), ValueError, r"axis -3 .*\(2, 3\)"),
        (lambda: f(np.ones((2, 3)), axis="a"), TypeError, "axis must be an integer"),
    ]
    if several:
        bad += [
            (lambda: f(np.ones((2, 3)), axis=(0, 0)), ValueError, "axis names axis 0 twice"),
            (lambda: f(np.ones((2, 3)), axis=(1, -1)), ValueError, "axis names axis -1 twice"),
        ]
    if name not in ("sum", "mean", "prod"):
        bad += [
            (lambda: f(np.ones((2, 0))), ValueError, f"an empty array has no {name}"),
            (lambda: f(np.ones((2, 0)), axis=1), ValueError, f"an empty array has no {name}"),
        ]
    return tuple(bad)


def reduction(name: str) -> Op:
    empty = EMPTY if name in ("sum", "mean", "prod") else EMPTY[2:4]
    samples = [reduced(s, a, k, i) for k in (False, True) for i, (s, a) in enumerate(CASES)]
    samples += [reduced(s, a, k) for k in (False, True) for s, a in empty]
    samples += [reduced((9, 40), 1, kind="ties"), reduced((50, 40), 0, kind="large")]
    change = about_one if name == "prod" else lambda s: s
    return Op(
        name,
        samples=tuple(change(s) for s in samples),
        draws=SHAPES.flatmap(
            lambda shape: st.builds(
                reduced, st.just(shape), any_of(shape), st.booleans(), SEEDS, KINDS
            )
        ).map(change),
        bad=refused(name, several=True),
        why_no_gradient=RULE,
    )


def place(name: str) -> Op:
    cases = [(s, a) for s, a in CASES if not isinstance(a, tuple)]
    samples = [
        along(s, a, k, i, kind)
        for kind in ("ties", "normal")
        for k in (False, True)
        for i, (s, a) in enumerate(cases)
    ]
    return Op(
        name,
        samples=(*samples, along((3, 0), 0, False, 0, "normal")),
        draws=SHAPES.flatmap(
            lambda shape: st.builds(
                along, st.just(shape), one_of(shape), st.booleans(), SEEDS, KINDS
            )
        ),
        bad=refused(name, several=False),
        why_no_gradient="it answers places",
    )


ROWS: list[Op] = [
    *map(reduction, ("sum", "mean", "prod", "max", "min")),
    *map(place, ("argmax", "argmin")),
]
