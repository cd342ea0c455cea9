"""Rows of what moves elements, picks them by index and adds them up."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conformance.cases import KINDS, SEEDS, Array, Bad, F, Op, Role, Sample, draw

Shape = tuple[int, ...]
RULE = "hotloop.autodiff has its way back"
X = np.arange(6.0).reshape(2, 3)
MOVED: dict[str, Role] = {"x": "moved"}
SHAPES: tuple[Shape, ...] = (
    (3, 5), (1,), (7,), (33,), (2, 3, 4), (4, 1, 3), (2, 3, 2, 3), (17, 9), (64, 65), (3, 100), (100, 3), (2, 2, 2, 2, 2, 2, 2),
    (301, 401), (40, 50, 60),
)  # fmt: skip
NONE: tuple[Shape, ...] = ((0,), (0, 3), (3, 0), (2, 0, 3))
ANY = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=6)


def moved(shape: Shape, seed: int = 0, kind: str = "normal", **options: Any) -> Sample:
    return Sample({"x": draw(shape, seed, kind)}, options, MOVED)


def with_axes(shape: Shape, seed: int, kind: str, order: int = 0) -> Sample:
    """Draw an order of the axes; some count from the end."""
    rng = np.random.default_rng(order)
    axes = rng.permutation(len(shape)) - len(shape) * rng.integers(0, 2, len(shape))
    return moved(shape, seed, kind, axes=tuple(map(int, axes)))


def padded(shape: Shape, seed: int, kind: str, value: float = 0.0) -> Sample:
    rng = np.random.default_rng(seed)
    width = tuple((int(a), int(b)) for a, b in rng.integers(0, 4, (len(shape), 2)))
    return moved(shape, seed, kind, width=width, value=value)


def joined(shape: Shape, seed: int, kind: str, axis: int = 0) -> Sample:
    """Draw arrays of one shape in a row; others are in tests/test_moves.py."""
    return Sample({"arrays": draw((3, *shape), seed, kind)}, {"axis": axis}, {"arrays": "moved"})


MOVES = [
    Op(
        "transpose",
        samples=(
            *(moved(s, i) for i, s in enumerate((*SHAPES, *NONE))),
            *(with_axes(s, i, "normal", i) for i, s in enumerate((*SHAPES, *NONE))),
            moved(()),
        ),
        draws=st.builds(with_axes, ANY, SEEDS, KINDS, SEEDS),
        bad=(
            (lambda: F.transpose(X, axes=(0,)), ValueError, "axes must name each of the 2 axes"),
            (lambda: F.transpose(X, axes=(0, 0)), ValueError, "axes must name each axis of x once"),
            (lambda: F.transpose(X, axes=(0, 2)), ValueError, "axis 2"),
            (lambda: F.transpose(X, axes=("a", 1)), TypeError, "axes must be an integer"),
            (lambda: F.transpose(X + 0j), TypeError, "x must be floats, integers or bools"),
        ),
        why_no_gradient=RULE,
    ),
    Op(
        "flip",
        samples=(
            *(moved(s, i) for i, s in enumerate((*SHAPES, *NONE))),
            *(moved(s, i, axis=-1) for i, s in enumerate((*SHAPES, *NONE))),
            *(moved(s, i, axis=(0, 1)) for i, s in enumerate(SHAPES) if len(s) > 1),
        ),
        draws=st.builds(lambda s, seed, kind: moved(s, seed, kind, axis=0), ANY, SEEDS, KINDS),
        bad=(
            (lambda: F.flip(X, axis=2), ValueError, "axis 2"),
            (lambda: F.flip(X, axis=(0, 0)), ValueError, "axis names axis 0 twice"),
        ),
        why_no_gradient=RULE,
    ),
    Op(
        "pad",
        samples=tuple(
            padded(s, i, "normal", 0.5 * (i % 2)) for i, s in enumerate((*SHAPES, *NONE))
        ),
        draws=st.builds(padded, ANY, SEEDS, KINDS, st.sampled_from((0.0, -1.5))),
        bad=(
            (lambda: F.pad(X, ((1, 1),)), ValueError, "width must be two numbers for each axis"),
            (lambda: F.pad(X, ((1, 1), (0, -1))), ValueError, "width must not be negative"),
            (lambda: F.pad(X, ((1, 1), (0, 0.5))), TypeError, "width must be an integer"),
        ),
        why_no_gradient=RULE,
    ),
    Op(
        "concatenate",
        samples=(
            *(joined(s, i, "normal") for i, s in enumerate((*SHAPES[:-3], *NONE, (301, 401)))),
            *(joined(s, i, "normal", -1) for i, s in enumerate((*SHAPES[:-3], *NONE))),
        ),
        draws=st.builds(joined, ANY, SEEDS, KINDS),
        bad=(
            (lambda: F.concatenate([]), ValueError, "arrays must hold at least one array"),
            (lambda: F.concatenate(3.0), TypeError, "arrays must be a list of arrays, got float"),
            (lambda: F.concatenate([X, X[0]]), ValueError, "arrays must have the same sizes"),
            (
                lambda: F.concatenate([X, X[:, :2]]),
                ValueError,
                r"along axis 0 .*\(2, 3\).*\(2, 2\)",
            ),
            (lambda: F.concatenate([X, X], axis=2), ValueError, "axis 2"),
            (lambda: F.concatenate([X, None]), TypeError, "arrays must be an array, got None"),
        ),
        why_no_gradient=RULE,
    ),
]


def places(shape: Shape, n: int, seed: int) -> Array:
    """Draw places along an axis of n, some from its end, many of them twice."""
    return np.asarray(np.random.default_rng(seed).integers(-n, n, shape), np.int64)


def take(
    shape: Shape, seed: int = 0, kind: str = "normal", axis: int | None = 0, at: Shape = (4,)
) -> Sample:
    n = shape[axis] if axis is not None else int(np.prod(shape))
    arrays = {"x": draw(shape, seed, kind), "indices": places(at, n, seed)}
    return Sample(arrays, {"axis": axis}, {"x": "moved", "indices": "index"})


def along(shape: Shape, seed: int = 0, kind: str = "normal", axis: int | None = -1) -> Sample:
    x = draw(shape, seed, kind)
    where = [*shape] if axis is not None else [5]
    where[axis or 0] = 1 + seed % 5
    index = places(tuple(where), x.size if axis is None else shape[axis], seed)
    return Sample({"x": x, "indices": index}, {"axis": axis}, {"x": "moved", "indices": "index"})


def scattered(
    shape: Shape, seed: int = 0, kind: str = "normal", axis: int = 0, rows: bool = True
) -> Sample:
    x = draw(shape, seed, kind)
    size = 1 + seed % 7
    index = places((shape[axis],) if rows else shape, size, seed)
    options = {"size": size, "axis": axis}
    # Sums of many terms that cancel count as their terms.
    return Sample({"x": x, "indices": index}, options, {"indices": "index"}, floor=30.0)


def scatter(name: str, rows: bool) -> Op:
    f = getattr(F, name)
    where = np.array([0, 1]) if rows else np.array([[0, 1, 1], [0, 0, 1]])
    return Op(
        name,
        samples=(
            *(scattered(s, i, "normal", 0, rows) for i, s in enumerate((*SHAPES, (0, 3), (3, 0)))),
            *(scattered(s, i, "normal", -1, rows) for i, s in enumerate(SHAPES)),
            scattered((2000, 70), 2, "normal", 0, rows),
        ),
        draws=st.builds(lambda s, seed, kind: scattered(s, seed, kind, 0, rows), ANY, SEEDS, KINDS),
        bad=(
            (lambda: f(X, where, 1), ValueError, "index 1 lies outside an axis of 1"),
            (lambda: f(X, where, -1), ValueError, "size must not be negative"),
            (lambda: f(X, where[:1], 3), ValueError, "indices must "),
            (lambda: f(X, where, "a"), TypeError, "size must be an integer"),
            (lambda: f(X, where * 0.5, 2), TypeError, "indices must be whole numbers"),
            (lambda: f(X, where, 2, axis=2), ValueError, "axis 2"),
        ),
        why_no_gradient="its gradient is what is picked again",
    )


def summed(
    shape: Shape, seed: int = 0, kind: str = "normal", axis: int | None = -1, reverse: bool = False
) -> Sample:
    x = draw(shape, seed, kind)
    return Sample(
        {"x": x}, {"axis": axis, "reverse": reverse}, floor=float(np.abs(x).max(initial=0))
    )


def largest(shape: Shape, seed: int = 0, kind: str = "ties", first: bool = True) -> Sample:
    k = 1 + seed % shape[-1]
    return Sample({"x": draw(shape, seed, kind)}, {"k": k, "largest_first": first})


def outside(name: str) -> tuple[Bad, ...]:
    f = getattr(F, name)
    wrong, right = ([[3], [0]], [[0], [0]]) if name == "take_along_axis" else ([3], [0])
    return (
        (lambda: f(X, wrong, axis=1), ValueError, "index 3 lies outside an axis of 3"),
        (lambda: f(X, np.array(right) * 0.5, axis=1), TypeError, "indices must be whole numbers"),
        (lambda: f(X, right, axis=2), ValueError, "axis 2"),
    )


PICKS = [
    Op(
        "take",
        samples=(
            *(take(s, i) for i, s in enumerate(SHAPES)),
            *(take(s, i, axis=-1, at=(2, 3)) for i, s in enumerate(SHAPES[:-3])),
            *(take(s, i, axis=None, at=()) for i, s in enumerate(SHAPES)),
            *(take(s, i, at=(0,)) for i, s in enumerate(SHAPES)),
            take((3, 0), 0),
            take((5000, 40), 1, at=(7000,)),
            take((50,), 1, at=(200_000,)),
        ),
        draws=st.builds(take, ANY, SEEDS, KINDS),
        bad=outside("take"),
        why_no_gradient=RULE,
    ),
    Op(
        "take_along_axis",
        samples=(
            *(along(s, i) for i, s in enumerate(SHAPES)),
            *(along(s, i, axis=0) for i, s in enumerate(SHAPES)),
            *(along(s, i, axis=None) for i, s in enumerate(SHAPES)),
            along((0, 3), 0),
            Sample(
                {"x": draw((200, 300), 1), "indices": places((200, 1000), 300, 1)},
                {"axis": 1},
                {"x": "moved", "indices": "index"},
            ),
        ),
        draws=st.builds(along, ANY, SEEDS, KINDS),
        bad=(
            *outside("take_along_axis"),
            (lambda: F.take_along_axis(X, [0]), ValueError, "indices must have the sizes of x"),
        ),
        why_no_gradient=RULE,
    ),
    scatter("scatter_add", rows=True),
    scatter("scatter_add_along_axis", rows=False),
    Op(
        "cumsum",
        samples=(
            *(summed(s, i, reverse=i % 2 == 1) for i, s in enumerate((*SHAPES, *NONE))),
            *(summed(s, i, axis=0) for i, s in enumerate((*SHAPES, *NONE))),
            *(summed(s, i, axis=None) for i, s in enumerate(SHAPES)),
            summed((200_003,), 3),
        ),
        draws=st.builds(summed, ANY, SEEDS, KINDS),
        bad=((lambda: F.cumsum(X, axis=2), ValueError, "axis 2"),),
        why_no_gradient="its gradient is a sum from the other end",
    ),
    Op(
        "top_k",
        samples=(
            *(largest(s, i) for i, s in enumerate(SHAPES)),
            *(largest(s, i, "normal", first=False) for i, s in enumerate(SHAPES)),
            largest((0, 3), 1),
        ),
        draws=st.builds(largest, ANY, SEEDS, KINDS),
        bad=(
            (lambda: F.top_k(X, 4), ValueError, "k must lie in 1 to 3, the size of the last axis"),
            (lambda: F.top_k(X, 0), ValueError, "k must lie in 1 to 3"),
            (lambda: F.top_k(1.0, 1), ValueError, "k must lie in 1 to 0"),
            (lambda: F.top_k(X, "a"), TypeError, "k must be an integer"),
        ),
        why_no_gradient=RULE,
    ),
]
ROWS: list[Op] = [*MOVES, *PICKS]
