"""Rows of pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from conformance.cases import KINDS, SEEDS, F, Gradient, Op, R, Sample, draw
from conformance.samples_images import FORMATS

Shape4 = tuple[int, int, int, int]

# What a pool takes beside its size; the usual one first.
GEOMETRIES: tuple[dict[str, Any], ...] = (
    {"pool_size": 2},
    {"pool_size": 3, "stride": 2},
    {"pool_size": 3, "stride": 1, "padding": "same"},
    {"pool_size": (2, 3), "stride": (3, 1), "padding": ((1, 0), (2, 1))},
    {"pool_size": 2, "stride": 3, "ceil_mode": True},
    {"pool_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"pool_size": 2, "padding": 4},
)
SHAPES: tuple[Shape4, ...] = (
    (2, 2, 5, 6), (2, 3, 9, 7), (1, 1, 24, 37), (3, 6, 8, 8), (2, 70, 5, 6), (0, 2, 6, 6),
    (2, 0, 6, 6),
)  # fmt: skip
LARGE: tuple[Shape4, ...] = ((5, 67, 40, 42),)
CASES = [(shape, g) for shape in SHAPES for g in GEOMETRIES] + [(s, GEOMETRIES[5]) for s in LARGE]
# Options that meet each other by the remainders of a count.
for seed in range(20):
    window = tuple(int(n) for n in np.random.default_rng(seed).integers(1, 4, size=2))
    mixed = {
        "pool_size": window,
        "stride": [None, 1, (2, 3)][seed % 3],
        "padding": [0, 1, ((0, 2), (3, 1)), "same", 6][seed % 5],
        "ceil_mode": seed % 2 == 1,
    }
    CASES.append(((seed % 4, 5, 7, 6), mixed))
PADDINGS = (0, 1, (1, 2), ((0, 2), (3, 1)), "same", "valid", 7)
X = np.zeros((2, 3, 6, 8), np.float32)


def laid(shape: Shape4, last: bool) -> Shape4:
    """(N, C, H, W) in the layout."""
    n, c, h, w = shape
    return (n, h, w, c) if last else shape


def pooled(
    shape: Shape4, geometry: dict[str, Any], last: bool, seed: int = 0, kind: str = "normal"
) -> Sample:
    x = draw(laid(shape, last), seed, kind)
    # A window of padding alone gives -inf.
    smooth = kind != "ties" and geometry.get("padding") != 4
    return Sample({"x": x}, {**geometry, "data_format": FORMATS[last]}, smooth=smooth)


def max_back(
    shape: Shape4, geometry: dict[str, Any], last: bool, seed: int = 0, kind: str = "normal"
) -> Sample:
    forward = pooled(shape, geometry, last, seed, kind)
    y, argmax = R.max_pool2d(forward.arrays["x"], **forward.options)
    return Sample(
        {"dy": draw(y.shape, seed + 1), "argmax": np.ascontiguousarray(argmax)},
        {"input_shape": forward.arrays["x"].shape, "data_format": FORMATS[last]},
        {"argmax": "index"},
    )


def average_back(
    shape: Shape4, geometry: dict[str, Any], last: bool, seed: int = 0, kind: str = "normal"
) -> Sample:
    forward = pooled(shape, geometry, last, seed)
    y = R.avg_pool2d(forward.arrays["x"], **forward.options)
    return Sample(
        {"dy": draw(y.shape, seed + 1, kind)},
        {"input_shape": forward.arrays["x"].shape, **forward.options},
    )


@st.composite
def any_pool(draw_: st.DrawFn, build: Any, *, dilated: bool) -> Sample:
    """Any pool in which a window fits."""
    k = draw_(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    d = draw_(st.integers(1, 2)) if dilated else 1
    h, w = ((size - 1) * d + 1 + draw_(st.integers(0, 17)) for size in k)
    geometry = {
        "pool_size": k,
        "stride": draw_(
            st.none() | st.integers(1, 3) | st.tuples(st.integers(1, 3), st.integers(1, 3))
        ),
        "padding": draw_(st.sampled_from(PADDINGS)),
        "ceil_mode": draw_(st.booleans()),
        **({"dilation": d} if dilated else {"count_include_pad": draw_(st.booleans())}),
    }
    shape = (draw_(st.integers(0, 3)), draw_(st.integers(1, 40)), h, w)
    sample: Sample = build(shape, geometry, draw_(st.booleans()), draw_(SEEDS), draw_(KINDS))
    return sample


def refused(name: str) -> tuple[Any, ...]:
    """Geometries that no pool takes."""
    f = getattr(F, name)
    dilation: tuple[Any, ...] = (
        (lambda: f(X, 2, dilation=0), ValueError, "dilation must be at least 1"),
    )
    return (
        (lambda: f(X, 7), ValueError, r"no window fits.*image: \(6, 8\), window: \(7, 7\)"),
        (lambda: f(X, 2, stride=0), ValueError, "stride must be at least 1"),
        (lambda: f(X, 0), ValueError, "size must be at least 1"),
        (lambda: f(X, 2, padding=-1), ValueError, "padding .* must be at least 0"),
        (lambda: f(X, (2, 2, 2)), ValueError, "pool_size must be an integer or a pair"),
        (lambda: f(X, 2.0), TypeError, "pool_size must be an integer or a pair"),
        (lambda: f(X, 2, padding="full"), ValueError, "'valid' or 'same', got 'full'"),
        (lambda: f(X, 2, padding=1.5), TypeError, "padding must be"),
        (lambda: f(X, 2, data_format="NCHW"), ValueError, "got 'NCHW'"),
        (lambda: f(X[0], 2), ValueError, r"x must be \(N, C, H, W\), got \(3, 6, 8\)"),
        *(dilation if name == "max_pool2d" else ()),
    )


def counted(case: tuple[Shape4, dict[str, Any]], count: bool) -> tuple[Shape4, dict[str, Any]]:
    return case[0], {**case[1], "count_include_pad": count}


def mean(shape: Shape4, last: bool, seed: int = 0, kind: str = "normal") -> Sample:
    return Sample({"x": draw(laid(shape, last), seed, kind)}, {"data_format": FORMATS[last]})


def mean_back(shape: Shape4, last: bool, seed: int = 0, kind: str = "normal") -> Sample:
    options = {"input_shape": laid(shape, last), "data_format": FORMATS[last]}
    return Sample({"dy": draw(shape[:2], seed, kind)}, options)


MEANS: tuple[Shape4, ...] = (
    (2, 3, 4, 3), (2, 3, 9, 7), (1, 1, 30, 31), (3, 70, 5, 6), (0, 2, 3, 3), (2, 0, 3, 3),
    (9, 41, 50, 51),
)  # fmt: skip
ANY_IMAGES = (
    st.tuples(*(st.integers(lo, hi) for lo, hi in ((0, 3), (1, 40), (1, 9), (1, 30)))),
    *(st.booleans(), SEEDS, KINDS),
)

POOLS = [
    Op(
        "max_pool2d",
        samples=(
            *(
                pooled(shape, {**g, "dilation": 1 + i % 2} if ties else g, last, kind=kind)
                for kind, ties in (("normal", False), ("ties", True))
                for i, (shape, g) in enumerate(CASES)
                for last in (False, True)
                if not (ties and g["pool_size"] == 3 and min(shape[2:]) < 6)
            ),
            pooled((2, 3, 40, 41), {"pool_size": 17, "stride": 5}, True, kind="ties"),
        ),
        draws=any_pool(pooled, dilated=True),
        bad=refused("max_pool2d"),
        gradient=Gradient("max_pool2d_backward", ("x",), ("y", "argmax")),
    ),
    Op(
        "max_pool2d_backward",
        samples=tuple(
            max_back(*case, last, kind=kind)
            for kind in ("normal", "ties")
            for case in CASES
            for last in (False, True)
        ),
        draws=any_pool(max_back, dilated=True),
        bad=(
            (
                lambda: F.max_pool2d_backward(X, np.zeros((2, 3, 6, 7), np.int64), X.shape),
                ValueError,
                "argmax must have the shape of dy",
            ),
            (
                lambda: F.max_pool2d_backward(X, np.full(X.shape, 48), X.shape),
                ValueError,
                r"argmax must lie in -1 .. 47",
            ),
            (
                lambda: F.max_pool2d_backward(X, np.full(X.shape, -2), X.shape),
                ValueError,
                r"argmax must lie in -1 .. 47",
            ),
            (
                lambda: F.max_pool2d_backward(X, np.zeros(X.shape, np.int64), (2, 4, 6, 8)),
                ValueError,
                "dy has 2 images of 3 channels but input_shape 2 of 4",
            ),
            (
                lambda: F.max_pool2d_backward(X, np.zeros(X.shape), X.shape),
                TypeError,
                "argmax must be integers, got float64",
            ),
        ),
        why_no_gradient="it is one",
    ),
    Op(
        "avg_pool2d",
        samples=tuple(
            pooled(*counted(case, include), last)
            for include in (True, False)
            for case in CASES
            for last in (False, True)
        ),
        draws=any_pool(pooled, dilated=False),
        bad=refused("avg_pool2d"),
        gradient=Gradient("avg_pool2d_backward", ("x",)),
    ),
    Op(
        "avg_pool2d_backward",
        samples=tuple(
            average_back(*counted(case, include), last)
            for include in (True, False)
            for case in CASES
            for last in (False, True)
        ),
        draws=any_pool(average_back, dilated=False),
        bad=(
            (
                lambda: F.avg_pool2d_backward(X, (2, 3, 6, 8), 2),
                ValueError,
                r"dy must be \(2, 3, 3, 4\), the shape of y, got \(2, 3, 6, 8\)",
            ),
            (lambda: F.avg_pool2d_backward(X, 5, 2), TypeError, "input_shape must be a tuple"),
        ),
        why_no_gradient="it is one",
    ),
    Op(
        "global_avg_pool2d",
        samples=(
            *(mean(shape, last) for shape in MEANS for last in (False, True)),
            mean((320, 400, 3, 3), False),  # large enough for the interpreter to go on beside it
        ),
        draws=st.builds(mean, *ANY_IMAGES),
        bad=(
            (lambda: F.global_avg_pool2d(X[0]), ValueError, r"x must be \(N, C, H, W\)"),
            (
                lambda: F.global_avg_pool2d(np.ones((2, 3, 0, 4))),
                ValueError,
                "a plane without pixels has no mean",
            ),
        ),
        gradient=Gradient("global_avg_pool2d_backward", ("x",)),
    ),
    Op(
        "global_avg_pool2d_backward",
        samples=tuple(mean_back(shape, last) for shape in MEANS for last in (False, True))
        + tuple(mean_back((320, 330, 3, 3), last) for last in (False, True)),
        draws=st.builds(mean_back, *ANY_IMAGES),
        bad=(
            (
                lambda: F.global_avg_pool2d_backward(np.zeros((2, 4)), (2, 3, 6, 8)),
                ValueError,
                r"dy must be \(2, 3\), got \(2, 4\)",
            ),
        ),
        why_no_gradient="it is one",
    ),
]

ROWS: list[Op] = POOLS
