"""Rows of convolution and patches."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from conformance.cases import KINDS, SEEDS, F, Gradient, Op, R, Sample, draw
from hotloop.reference._windows import axes

FORMATS = ("channels_first", "channels_last")
ALGORITHMS = (None, "implicit_gemm", "im2col")
ACTIVATIONS = (None, "relu", "sigmoid", "tanh")
Case = tuple[int, int, int, int, int, tuple[int, int], dict[str, Any]]

# N, C, H, W, O, kernel, options
CASES: list[Case] = [
    (2, 2, 5, 6, 3, (3, 2), {"stride": (1, 2), "padding": ((1, 0), (2, 1))}),
    (3, 2, 5, 6, 4, (3, 3), {"padding": 1}),
    (2, 3, 5, 4, 3, (3, 3), {"padding": 1, "groups": 3}),
    (2, 2, 6, 6, 2, (2, 2), {"groups": 2, "dilation": 2, "padding": 1}),
    (0, 2, 5, 5, 3, (3, 3), {}),
    (2, 1, 7, 8, 3, (3, 3), {}),
    (3, 2, 9, 8, 5, (3, 3), {"stride": 2, "padding": 1}),
    (2, 4, 9, 11, 6, (3, 3), {"padding": ((1, 2), (0, 3)), "dilation": 2, "groups": 2}),
    (5, 3, 8, 8, 33, (2, 3), {"padding": "same"}),
    (2, 3, 8, 7, 4, (3, 2), {"padding": "same", "stride": (2, 3)}),
    (2, 6, 8, 9, 6, (3, 3), {"padding": 1, "groups": 6}),
    (3, 20, 9, 9, 20, (3, 3), {"padding": 1, "stride": 2, "groups": 20}),
    (2, 5, 9, 9, 5, (2, 3), {"padding": 2, "dilation": (1, 2), "groups": 5}),
    (1, 3, 30, 31, 40, (5, 5), {"stride": (2, 3), "padding": 4}),
    (9, 1, 28, 28, 30, (5, 5), {}),
    (17, 16, 14, 14, 16, (3, 3), {"padding": 1}),
    (2, 2, 5, 5, 3, (1, 1), {"stride": 3}),
    (1, 2, 6, 6, 3, (3, 3), {"stride": 4, "padding": 2}),
    (2, 3, 6, 6, 4, (2, 2), {"padding": 5}),
    (40, 20, 6, 6, 24, (3, 3), {"padding": 1}),
    (2, 3, 7, 7, 4, (3, 1), {"padding": (1, 0)}),
    (3, 4, 6, 6, 8, (3, 3), {"padding": 1, "groups": 4}),
    (1, 3, 6, 6, 2, (6, 6), {"padding": "valid"}),
    # Few channels and 3 or 5 kernel columns: the row kernels, with rows of one and several tiles.
    (3, 2, 9, 12, 6, (5, 5), {"padding": 2}),
    (2, 1, 5, 31, 7, (2, 5), {"padding": ((1, 0), (3, 4)), "stride": (2, 1)}),
    (4, 4, 6, 7, 8, (3, 3), {"padding": 1, "groups": 2}),
    (2, 13, 4, 3, 16, (3, 3), {"dilation": (2, 1), "padding": 2}),
    (1, 3, 40, 5, 4, (1, 5), {}),
    (9, 11, 8, 16, 10, (3, 3), {"padding": 1}),
    # Enough work for every thread: row kernels, wide and few channels, one channel a group.
    (16, 3, 30, 31, 16, (3, 3), {"padding": 1}),
    (12, 32, 17, 19, 40, (3, 3), {"padding": 1, "stride": 2}),
    (20, 40, 21, 20, 40, (3, 3), {"padding": 1, "groups": 40}),
]
SMALL = st.integers(1, 3)


def mixed_case(seed: int) -> tuple[Case, bool]:
    """Draw a geometry in which strides, dilation, padding and groups meet; and the layout."""
    rng = np.random.default_rng(seed)
    groups, c, o = (int(n) for n in rng.integers(1, 4, size=3))
    options: dict[str, Any] = {
        "stride": tuple(int(n) for n in rng.integers(1, 4, size=2)),
        "dilation": tuple(int(n) for n in rng.integers(1, 3, size=2)),
        "padding": [0, 1, (2, 1), ((0, 1), (3, 2)), "same", "valid", 5][seed % 7],
        "groups": groups,
    }
    h, w, kh, kw = (int(n) for n in (*rng.integers(5, 12, size=2), *rng.integers(1, 4, size=2)))
    return (seed % 3, groups * c, h, w, groups * o, (kh, kw), options), seed % 5 < 2


MIXED = [mixed_case(seed) for seed in range(40)]


def tensors(case: Case, last: bool, seed: int = 0, kind: str = "normal") -> dict[str, Any]:
    """Images, kernels, bias and the gradient of the answer."""
    n, c, h, w, o, (kh, kw), options = case
    per_group = c // options.get("groups", 1)
    x = draw((n, h, w, c) if last else (n, c, h, w), seed, kind)
    kernel = draw((kh, kw, per_group, o) if last else (o, per_group, kh, kw), seed + 1)
    geometry = {key: options[key] for key in options if key != "groups"}
    rows, columns = axes((h, w), (kh, kw), **{"stride": 1, "padding": 0, **geometry})
    y = (n, rows.out, columns.out, o) if last else (n, o, rows.out, columns.out)
    kernel = kernel / np.sqrt(per_group * kh * kw)
    return {"x": x, "w": kernel, "b": draw((o,), seed + 2), "dy": draw(y, seed + 3)}


def conv(
    case: Case,
    last: bool,
    algorithm: str | None = None,
    activation: str | None = None,
    bias: bool = True,
    **drawn: Any,
) -> Sample:
    found = tensors(case, last, **drawn)
    options = {"data_format": FORMATS[last], "algorithm": algorithm, "activation": activation}
    names = ("x", "w", "b") if bias else ("x", "w")
    arrays = {name: found[name] for name in names}
    return Sample(arrays, {**case[-1], **options}, smooth=activation is None)


def conv_back(
    case: Case,
    last: bool,
    algorithm: str | None = None,
    dx: bool = True,
    db: bool = True,
    **drawn: Any,
) -> Sample:
    found = tensors(case, last, **drawn)
    options = {"data_format": FORMATS[last], "algorithm": algorithm, "need_dx": dx, "need_db": db}
    return Sample({name: found[name] for name in ("dy", "x", "w")}, {**case[-1], **options})


@st.composite
def any_case(draw_: st.DrawFn) -> Case:
    """Any geometry in which a window fits."""
    groups = draw_(SMALL)
    c, o = groups * draw_(SMALL), groups * draw_(st.integers(1, 9))
    kernel = draw_(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    stride, dilation = draw_(st.tuples(SMALL, SMALL)), draw_(st.tuples(SMALL, SMALL))
    pads = st.tuples(st.integers(0, 3), st.integers(0, 3))
    padding = draw_(
        st.integers(0, 4) | st.sampled_from(("valid", "same")) | pads | st.tuples(pads, pads)
    )
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    h, w = (r + draw_(st.integers(0, 9)) for r in reach)
    options = {"stride": stride, "dilation": dilation, "padding": padding, "groups": groups}
    return (draw_(st.integers(0, 3)), c, h, w, o, kernel, options)


CONV_CASES = [
    *((case, last, how) for case in CASES for last in (False, True) for how in ALGORITHMS),
    *((case, last, how) for case, last in MIXED for how in ALGORITHMS),
]
DRAWN = (any_case(), st.booleans(), st.sampled_from(ALGORITHMS))
X, W = np.ones((2, 4, 8, 8)), np.ones((6, 4, 3, 3))

CONVOLUTIONS = [
    Op(
        "conv2d",
        samples=(
            *(
                conv(case, last, algorithm, activation)
                for case, last, algorithm in CONV_CASES
                for activation in ACTIVATIONS
            ),
            *(conv(case, last, algorithm, bias=False) for case, last, algorithm in CONV_CASES),
        ),
        draws=st.builds(
            lambda case, last, algorithm, activation, bias, seed: conv(
                case, last, algorithm, activation, bias, seed=seed
            ),
            *(*DRAWN, st.sampled_from(ACTIVATIONS), st.booleans(), SEEDS),
        ),
        bad=(
            (
                lambda: F.conv2d(np.ones((8, 4, 28, 28)), np.ones((16, 3, 3, 3))),
                ValueError,
                r"w has 3 input channels per group but x has 4 channels / 1 group "
                r"\(x: \(8, 4, 28, 28\), w: \(16, 3, 3, 3\)\)",
            ),
            (lambda: F.conv2d(X[0], W), ValueError, r"x must .*\(4, 8, 8\)"),
            (
                lambda: F.conv2d(X, W[0]),
                ValueError,
                r"w must be \(O, C / groups, KH, KW\), got \(4, 3, 3\)",
            ),
            (lambda: F.conv2d(X, W, np.ones(5)), ValueError, r"b must be \(6,\)"),
            (lambda: F.conv2d(X, W, stride=0), ValueError, "stride.*0"),
            (lambda: F.conv2d(X, W, stride=(1, -2)), ValueError, "stride.*-2"),
            (lambda: F.conv2d(X, W, dilation=0), ValueError, "dilation.*0"),
            (lambda: F.conv2d(X, W, padding=-1), ValueError, "padding.*-1"),
            (lambda: F.conv2d(X, W, padding="full"), ValueError, "padding.*full"),
            (lambda: F.conv2d(X, np.ones((6, 4, 9, 9))), ValueError, "output"),
            (
                lambda: F.conv2d(X, np.ones((6, 2, 3, 3)), groups=3),
                ValueError,
                "w has 2 input channels per group",
            ),
            (
                lambda: F.conv2d(X, np.ones((5, 2, 3, 3)), groups=2),
                ValueError,
                "5 output channels of w do not divide into 2 groups",
            ),
            (lambda: F.conv2d(X, W, groups=0), ValueError, "groups must be positive, got 0"),
            (lambda: F.conv2d(X, W, data_format="NCHW"), ValueError, "data_format.*NCHW"),
            (
                lambda: F.conv2d(X, W, algorithm="winograd"),
                ValueError,
                "algorithm must be None, 'implicit_gemm' or 'im2col', got 'winograd'",
            ),
            (lambda: F.conv2d(X, W, stride="2"), TypeError, "stride"),
            (lambda: F.conv2d(X, W, stride=1.5), TypeError, "stride"),
        ),
        gradient=Gradient("conv2d_backward", ("x", "w", "b")),
        optional=("b",),
    ),
    Op(
        "conv2d_backward",
        samples=tuple(
            conv_back(case, last, algorithm, *needed)
            for i, (case, last, algorithm) in enumerate(CONV_CASES)
            for needed in ((True, True), ((False, False), (True, False), (False, True))[i % 3])
        ),
        draws=st.builds(
            lambda case, last, algorithm, dx, db, seed, kind: conv_back(
                case, last, algorithm, dx, db, seed=seed, kind=kind
            ),
            *(*DRAWN, st.booleans(), st.booleans(), SEEDS, KINDS),
        ),
        bad=(
            (
                lambda: F.conv2d_backward(np.ones((2, 6, 5, 5)), X, W),
                ValueError,
                r"dy must be \(2, 6, 6, 6\), the shape of y, got \(2, 6, 5, 5\)",
            ),
            (lambda: F.conv2d_backward(X, X, W[0]), ValueError, "w must be"),
            (lambda: F.conv2d_backward(X, X, W, groups=2), ValueError, "w has 4 input channels"),
        ),
        why_no_gradient="it is one",
    ),
]

# N, C, H, W; kernel; the rest.
PATCHES: tuple[tuple[tuple[int, int, int, int], Any, dict[str, Any]], ...] = (
    *(
        ((n, c, h, w), kernel, {key: rest[key] for key in ("stride", "padding", "dilation")})
        for (n, c, h, w, _, kernel, rest), last in MIXED
        if not last
    ),
    ((2, 2, 4, 5), (2, 3), {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2)}),
    ((2, 3, 7, 8), 3, {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2)}),
    ((0, 2, 5, 5), 3, {}),
    ((2, 0, 5, 5), 3, {}),
    ((2, 3, 6, 5), 1, {}),
    ((1, 1, 5, 6), (2, 3), {"padding": "same", "stride": 2}),
    ((3, 2, 9, 11), (3, 2), {"padding": 6}),
    ((2, 5, 8, 20), (4, 4), {"stride": 3, "padding": "valid"}),
    ((27, 5, 30, 31), 3, {}),
)


def patches(
    shape: tuple[int, int, int, int], k: Any, rest: dict[str, Any], seed: int = 0
) -> Sample:
    return Sample({"x": draw(shape, seed)}, {"kernel_size": k, **rest})


def images(shape: tuple[int, int, int, int], k: Any, rest: dict[str, Any], seed: int = 0) -> Sample:
    cols = R.im2col(np.zeros(shape), k, **rest)
    return Sample(
        {"cols": draw(cols.shape, seed)}, {"input_shape": shape, "kernel_size": k, **rest}
    )


@st.composite
def any_patches(draw_: st.DrawFn, build: Any) -> Sample:
    n, c, h, w, _, kernel, options = draw_(any_case())
    rest = {key: options[key] for key in ("stride", "padding", "dilation")}
    sample: Sample = build((n, c, h, w), kernel, rest, draw_(SEEDS))
    return sample


Z = np.zeros((2, 3, 5, 6))
PATCHED = [
    Op(
        "im2col",
        samples=tuple(patches(*case) for case in PATCHES),
        draws=any_patches(patches),
        bad=(
            (
                lambda: F.im2col(Z[0, 0], 2),
                ValueError,
                r"x must be \(N, C, H, W\), got \(5, 6\)",
            ),
            (lambda: F.im2col(Z, 2, stride=0), ValueError, "stride must be at least 1"),
            (lambda: F.im2col(Z, 9), ValueError, r"no window fits.*image: \(5, 6\)"),
            (lambda: F.im2col(Z, 2.0), TypeError, "kernel_size must be"),
        ),
        gradient=Gradient("col2im", ("x",), dy="cols"),
    ),
    Op(
        "col2im",
        samples=tuple(images(*case) for case in PATCHES),
        draws=any_patches(images),
        bad=(
            (
                lambda: F.col2im(np.zeros((40, 11)), (2, 3, 5, 6), 2),
                ValueError,
                r"cols must be \(40, 12\), got \(40, 11\)",
            ),
            (
                lambda: F.col2im(np.zeros((40, 12)), 5, 2),
                TypeError,
                "input_shape must be a tuple of integers",
            ),
        ),
        gradient=Gradient("im2col", ("cols",), dy="x"),
    ),
]

ROWS: list[Op] = [*CONVOLUTIONS, *PATCHED]
