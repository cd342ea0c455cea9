"""Rows of what works on rows: products, softmax, losses, class ids."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conformance.cases import KINDS, SEEDS, F, Gradient, Op, R, Sample, draw
from helpers import TOLERANCE

ACTIVATIONS = (None, "relu", "sigmoid", "tanh")
# M, N, K at every tile edge: one row or column, just under and over a tile, several, long sums.
SIZES = ((2, 3, 5), (1, 1, 1), (13, 33, 7), (15, 16, 17), (29, 65, 31), (100, 50, 784), (0, 3, 4),
         (256, 40, 1030), (3, 5, 9000), (200, 130, 64), (64, 1024, 128), (3, 0, 4), (2, 3, 0),
         (30, 40, 5000), (256, 300, 70), (300, 700, 120), (20, 20, 70_000), (513, 257, 129))  # fmt: skip
SIZE = st.integers(0, 40)
# Rows of a batch, or one sample, by outputs and inputs.
BATCHED = tuple(
    (n, o, i) for n in (None, 0, 1, 5, 130) for i, o in ((1, 1), (3, 17), (65, 10), (4, 3))
)
X, W = np.ones((2, 3)), np.ones((3, 4))


def product(
    m: int, n: int, k: int, ta: bool = False, tb: bool = False, seed: int = 0, kind: str = "normal"
) -> Sample:
    a = draw((k, m) if ta else (m, k), seed, kind)
    b = draw((n, k) if tb else (k, n), seed + 1)
    slack = 4 if k > 10_000 else 1
    return Sample({"a": a, "b": b}, {"transpose_a": ta, "transpose_b": tb}, slack=slack)


def affine(
    n: int | None,
    o: int,
    i: int,
    activation: str | None = None,
    bias: bool = True,
    seed: int = 0,
    kind: str = "normal",
) -> Sample:
    """Draw a batch of n rows, or one sample."""
    arrays = {
        "x": draw((i,) if n is None else (n, i), seed, kind),
        "w": draw((i, o), seed + 1) / max(i, 1) ** 0.5,
        "b": draw((o,), seed + 2),
    }
    if not bias:
        del arrays["b"]
    slack = 4.0 if i > 10_000 else 1.0
    if activation is not None:
        # An activation of large terms that nearly cancel is as wrong as their sum: float32 rounds at 2^-24 of them.
        terms = float((np.abs(arrays["x"]) @ np.abs(arrays["w"])).max(initial=0.0))
        slack = max(slack, terms * 2.0**-22 / TOLERANCE["float32"])
    return Sample(arrays, {"activation": activation}, smooth=activation is None, slack=slack)


def affine_back(
    n: int | None,
    o: int,
    i: int,
    dx: bool = True,
    db: bool = True,
    seed: int = 0,
    kind: str = "normal",
) -> Sample:
    lead = () if n is None else (n,)
    arrays = {
        "dy": draw((*lead, o), seed, kind),
        "x": draw((*lead, i), seed + 1),
        "w": draw((i, o), seed + 2),
    }
    return Sample(arrays, {"need_dx": dx, "need_db": db})


PRODUCTS = [
    Op(
        "matmul",
        samples=tuple(
            product(m, n, k, ta, tb)
            for m, n, k in (*SIZES, *((n, o, i) for n, o, i in BATCHED if n is not None))
            for ta in (False, True)
            for tb in (False, True)
        ),
        draws=st.builds(product, SIZE, SIZE, SIZE, st.booleans(), st.booleans(), SEEDS, KINDS),
        bad=(
            (
                lambda: F.matmul(X, X),
                ValueError,
                r"the inner sizes 3 and 2 differ \(a: \(2, 3\), b: \(2, 3\)\)",
            ),
            (lambda: F.matmul(X, np.ones(3)), ValueError, "a and b must have at least 2 axes"),
        ),
        why_no_gradient="two more products",
    ),
    Op(
        "affine",
        samples=tuple(
            affine(n, o, i, activation, bias)
            for n, o, i in (*SIZES, *BATCHED)
            for activation in (ACTIVATIONS if i < 1000 else (None, "relu"))
            for bias in ((True, False) if i < 1000 else (True,))
        ),
        draws=st.builds(
            affine,
            *(SIZE, st.integers(0, 70), SIZE, st.sampled_from(ACTIVATIONS), st.booleans()),
            *(SEEDS, KINDS),
        ),
        bad=(
            (
                lambda: F.affine(X, np.ones((4, 4))),
                ValueError,
                r"x has 3 features but w takes 4 \(x: \(2, 3\), w: \(4, 4\)\)",
            ),
            (
                lambda: F.affine(np.ones((1, 2, 3)), W),
                ValueError,
                r"x must be a batch \(N, I\) or one sample \(I,\), got \(1, 2, 3\)",
            ),
            (lambda: F.affine(X, np.ones(3)), ValueError, r"w must be \(I, O\), got \(3,\)"),
            (
                lambda: F.affine(X, W, np.ones(3)),
                ValueError,
                r"b must be \(4,\) as w has 4 outputs, got \(3,\)",
            ),
            (
                lambda: F.affine(X, W, activation="swish"),
                ValueError,
                "activation must be None, 'relu', 'sigmoid' or 'tanh', got 'swish'",
            ),
        ),
        gradient=Gradient("affine_backward", ("x", "w", "b")),
        optional=("b",),
    ),
    Op(
        "affine_backward",
        samples=tuple(
            affine_back(n, o, i, *needed)
            for n, o, i in (*SIZES, *BATCHED)
            for needed in ((True, True), (False, False), (True, False))
            if needed[1] or i < 1000
        ),
        draws=st.builds(
            affine_back,
            *(SIZE, st.integers(0, 70), SIZE, st.booleans(), st.booleans(), SEEDS, KINDS),
        ),
        bad=(
            (
                lambda: F.affine_backward(np.ones((2, 3)), X, W),
                ValueError,
                r"dy must be \(2, 4\), the shape of y, got \(2, 3\)",
            ),
            (lambda: F.affine_backward(X, X, np.ones((4, 3))), ValueError, "x has 3 features"),
        ),
        why_no_gradient="it is one",
    ),
]

# Lengths around one and two vectors: short rows go another way than long.
LENGTHS = (1, 2, 3, 4, 5, 8, 9, 10, 16, 17, 31, 32, 33, 64, 65, 100, 1000)
SOFTMAXED: tuple[tuple[tuple[int, ...], int], ...] = (
    ((3, 5), -1), ((3, 5), 0), ((4,), 0), ((0, 3), 0), ((0, 3), 1), ((3, 0), 0), ((3, 0), 1),
    ((0,), 0), ((2, 0, 3), 0), ((2, 0, 3), 1), ((2, 0, 3), 2), ((1,), 0), ((7,), -1), ((2, 3, 17), 0),
    ((2, 3, 17), -1), ((64, 65), 0), ((64, 65), -1),
    *(((3, 4, 5, 6), axis) for axis in range(-4, 4)), *(((2, 70, 3, 35), a) for a in range(-4, 4)),
    *(((rows, n), -1) for n in LENGTHS for rows in (1, 5, 16, 19)), *(((n,), 0) for n in LENGTHS),
    *(((rows, n), 0) for n in LENGTHS for rows in (1, 5, 19)),
    ((20_003, 10), 1), ((4001, 100), 1), ((37, 5, 1301), 1), ((301, 999), 0),
)  # fmt: skip


def rows(shape: tuple[int, ...], axis: int, seed: int = 0, kind: str = "tails") -> Sample:
    return Sample({"x": draw(shape, seed, kind)}, {"axis": axis})


def rows_back(shape: tuple[int, ...], axis: int, log: bool, seed: int = 0) -> Sample:
    y = (R.log_softmax if log else R.softmax)(draw(shape, seed, "tails"), axis)
    return Sample({"dy": draw(shape, seed + 1), "y": y}, {"axis": axis})


@st.composite
def any_axis(draw_: st.DrawFn, build: Any, *more: Any) -> Sample:
    shape = draw_(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=40))
    shape = shape if np.prod(shape) < 20_000 else shape[:2]
    axis = draw_(st.integers(-len(shape), len(shape) - 1))
    sample: Sample = build(shape, axis, *more, draw_(SEEDS))
    return sample


def softmax(name: str) -> list[Op]:
    f, b, log = getattr(F, name), getattr(F, f"{name}_backward"), name == "log_softmax"
    return [
        Op(
            name,
            samples=tuple(rows(shape, axis) for shape, axis in SOFTMAXED),
            draws=any_axis(rows),
            bad=(
                (
                    lambda: f(np.ones((4, 9)), 2),
                    ValueError,
                    r"axis 2 is out of bounds .* 2 axes \(x: \(4, 9\)\)",
                ),
                (lambda: f(1.0), ValueError, "axis -1 is out of bounds .* 0 axes"),
                (lambda: f(np.ones(3), 0.0), TypeError, "axis must be an integer, got float"),
            ),
            gradient=Gradient(f"{name}_backward", ("x",)),
        ),
        Op(
            f"{name}_backward",
            samples=tuple(rows_back(shape, axis, log) for shape, axis in SOFTMAXED),
            draws=any_axis(rows_back, log),
            bad=(
                (
                    lambda: b(np.ones(3), np.ones(4)),
                    ValueError,
                    r"dy and y must have one shape.*\(3,\).*\(4,\)",
                ),
                (lambda: b(np.ones(3), np.ones(3), 1), ValueError, "axis 1 is out of bounds"),
            ),
            why_no_gradient="it is one",
        ),
    ]


ROWS: list[Op] = [*PRODUCTS, *softmax("softmax"), *softmax("log_softmax")]
