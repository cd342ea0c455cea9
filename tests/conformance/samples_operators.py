"""Rows of what broadcasts: arithmetic, functions of one array, comparisons, the choice."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conformance.cases import KINDS, SEEDS, Array, F, Op, Sample, draw
from conformance.samples_elementwise import ANY_SHAPE, SHAPES, unary

Shape = tuple[int, ...]
RULE = "hotloop.autodiff has its way back"
# Shapes that are broadcast: rows and columns, long and short, middle axes, scalars, nothing.
PAIRS: tuple[tuple[Shape, Shape], ...] = (
    ((3, 5), (5,)), ((3, 5), (3, 1)), ((3, 1), (1, 5)), ((5,), (3, 1)), ((), (7,)), ((7,), ()), ((2, 3, 4), (3, 1)),
    ((2, 3, 4), (2, 1, 4)), ((2, 1, 70), (3, 70)), ((2, 3, 70), (2, 3, 1)), ((1, 70), (3, 1)), ((4, 100), (4, 1)),
    ((0, 3), (1, 3)), ((3, 0), (1,)), ((1, 1), (1,)), ((1, 2, 3, 1, 2), (3, 4, 1)), ((513, 3), (3,)), ((600, 2), (600, 1)),
    ((2, 2, 2, 2, 2, 2, 2), (2, 1, 2, 1, 2, 1, 2)), ((700, 301), (301,)), ((400, 500), (400, 1)), ((70_001, 3), (70_001, 1)),
)  # fmt: skip
BROADCAST = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=6)


def pair(a: Shape, b: Shape, seed: int = 0, kind: str = "tails") -> Sample:
    return Sample({"a": draw(a, seed, kind), "b": draw(b, seed + 1, kind)})


def positive(sample: Sample) -> Sample:
    """Take the sizes of all numbers, away from 0."""
    return sample.map(lambda _, a: np.abs(a) + 0.1)


def drawn(shapes: hnp.BroadcastableShapes, seed: int, kind: str) -> Sample:
    a, b = shapes.input_shapes
    return pair(a, b, seed, kind)


def moderate(sample: Sample) -> Sample:
    """Draw bases away from 0 and exponents of a few."""
    return Sample(
        {"a": np.abs(sample.arrays["a"]) % 9 + 0.1, "b": np.clip(sample.arrays["b"], -4, 4)}
    )


def arithmetic(name: str) -> Op:
    f = getattr(F, name)
    change = moderate if name == "power" else lambda s: s
    samples = [pair(s, s, i) for i, s in enumerate(SHAPES)]
    samples += [pair(a, b, i) for i, (a, b) in enumerate(PAIRS)]
    samples += [pair((5, 7), (5, 7), 3, "ties")]
    return Op(
        name,
        samples=tuple(change(s) for s in samples),
        draws=st.builds(drawn, BROADCAST, SEEDS, KINDS).map(change),
        bad=(
            (
                lambda: f(np.ones(3), np.ones(4)),
                ValueError,
                r"a and b must have one shape, or sizes of 1 \(a: \(3,\), b: \(4,\)\)",
            ),
            (
                lambda: f(np.ones((2, 3)), np.ones((3, 2))),
                ValueError,
                "a and b must have one shape",
            ),
        ),
        why_no_gradient=RULE,
        alias=("a", "b"),
    )


def comparison(name: str) -> Op:
    f = getattr(F, name)
    samples = [pair(s, s, i, "ties") for i, s in enumerate(SHAPES)]
    samples += [pair(a, b, i, "ties") for i, (a, b) in enumerate(PAIRS)]
    return Op(
        name,
        samples=tuple(samples),
        draws=st.builds(drawn, BROADCAST, SEEDS, KINDS),
        bad=((lambda: f(np.ones(3), np.ones(4)), ValueError, "a and b must have one shape"),),
        why_no_gradient="it answers bools",
    )


# Where functions have values, and what their samples are multiplied by.
POSITIVE = ("log", "sqrt", "rsqrt", "reciprocal")


def function(name: str) -> Op:
    def change(x: Array) -> Array:
        if name in POSITIVE:
            return np.abs(x) + 0.1
        if name == "log1p":
            return np.abs(x) - 0.5
        return np.clip(x, -30, 30) if name in ("exp", "expm1") else x

    def changed(sample: Sample) -> Sample:
        return sample.map(lambda _, x: np.asarray(change(x)))

    samples = [unary(s, i) for i, s in enumerate(SHAPES)]
    samples += [unary((5, 7), 1, "ties"), unary((300,), 2, "large"), unary((300,), 2, "tiny")]
    return Op(
        name,
        samples=tuple(map(changed, samples)),
        draws=st.builds(unary, ANY_SHAPE, SEEDS, KINDS).map(changed),
        bad=((lambda: getattr(F, name)(np.ones(3, np.float16)), TypeError, "x must be float32"),),
        why_no_gradient=RULE,
        alias=("x",),
        values={"x": np.abs} if name == "log1p" else {},
    )


def choice(mask: Shape, a: Shape, b: Shape, seed: int = 0, kind: str = "normal") -> Sample:
    condition = np.asarray(np.random.default_rng(seed).integers(0, 2, mask), np.bool_)
    arrays = {"condition": condition, "a": draw(a, seed, kind), "b": draw(b, seed + 1, kind)}
    return Sample(arrays, roles={"condition": "mask"})


def chosen(shapes: hnp.BroadcastableShapes, seed: int, kind: str) -> Sample:
    mask, a, b = shapes.input_shapes
    return choice(mask, a, b, seed, kind)


WHERE = Op(
    "where",
    samples=(
        *(choice(s, s, s, i) for i, s in enumerate(SHAPES)),
        *(choice(a, b, a, i) for i, (a, b) in enumerate(PAIRS)),
        *(choice(b, a, a, i) for i, (a, b) in enumerate(PAIRS)),
        *(choice((), a, b, i) for i, (a, b) in enumerate(PAIRS[:8])),
    ),
    draws=st.builds(
        chosen,
        hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=4, max_side=6),
        *(SEEDS, KINDS),
    ),
    bad=(
        (
            lambda: F.where(np.ones(3, bool), np.ones(4), 0),
            ValueError,
            "condition and a and b must have one shape",
        ),
        (lambda: F.where(True, np.ones(4), np.ones(3)), ValueError, "a and b must have one shape"),
        (lambda: F.where("yes", 1, 2), TypeError, "condition must be bools, integers or floats"),
    ),
    why_no_gradient=RULE,
    alias=("a", "b"),
)

ROWS: list[Op] = [
    *map(arithmetic, ("add", "subtract", "multiply", "divide", "maximum", "minimum", "power")),
    *map(function, ("absolute", "negative", "sign", "square", "reciprocal", "sqrt", "rsqrt", "floor", "ceil", "rint")),
    *map(function, ("exp", "expm1", "log", "log1p", "erf", "softplus", "silu", "sin", "cos")),
    *map(comparison, ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")),
    WHERE,
]  # fmt: skip
