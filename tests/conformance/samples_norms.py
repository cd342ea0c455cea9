"""Rows of normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from conformance.cases import KINDS, SEEDS, F, Gradient, Op, R, Role, Sample, draw
from conformance.samples_images import FORMATS

# (N, F) and images, with many and few elements a channel, and more than one block of each.
BATCHES: tuple[tuple[tuple[int, ...], bool], ...] = (
    ((7, 5), False), ((2, 3, 2, 3), False), ((2, 2, 3, 3), True), ((6, 3), False), ((700, 1), True),
    ((130, 70), False), ((1300, 3), False), ((3, 4, 5, 6), False), ((3, 5, 6, 4), True),
    ((2, 1, 9, 8), False), ((9, 12, 13, 33), True), ((33, 65), True), ((3, 5, 4, 7), False),
    ((3, 4, 7, 17), True), ((0, 3), False), ((0, 3, 4, 4), False), ((0, 4, 4, 3), True),
    ((2, 3, 101, 103), False), ((6000, 19), False), ((4, 19, 40, 41), False),
    ((4, 40, 41, 19), True),
)  # fmt: skip


def channels(shape: tuple[int, ...], last: bool) -> int:
    return shape[1] if len(shape) == 2 or not last else shape[-1]


def batch_norm(
    shape: tuple[int, ...], last: bool, training: bool, seed: int = 0, kind: str = "normal"
) -> Sample:
    c = channels(shape, last)
    gamma, beta, running, spread = (draw((c,), seed + i) for i in (1, 2, 3, 4))
    arrays = {
        "x": draw(shape, seed, kind) + 1,
        "gamma": gamma,
        "beta": beta,
        "running_mean": running,
        "running_var": np.abs(spread) + 1,
    }
    role: Role = "running" if training else "aside"
    return Sample(
        arrays,
        {"training": training, "momentum": 0.8, "eps": 1e-3, "data_format": FORMATS[last]},
        {"running_mean": role, "running_var": role},
        smooth=training,
    )


def batch_norm_back(
    shape: tuple[int, ...], last: bool, seed: int = 0, kind: str = "normal"
) -> Sample:
    a = batch_norm(shape, last, True, seed, kind).arrays
    running = (a["running_mean"].copy(), a["running_var"].copy())
    _, mean, inv_std = R.batch_norm(
        a["x"], a["gamma"], a["beta"], *running, training=True, data_format=FORMATS[last]
    )
    return Sample(
        {
            "dy": draw(shape, seed + 5),
            "x": a["x"],
            "gamma": a["gamma"],
            "mean": mean,
            "inv_std": inv_std,
        },
        {"data_format": FORMATS[last]},
        floor=float(np.abs(inv_std).max(initial=0)) if shape[0] < 5 else 0.0,
    )


def layer_norm(shape: tuple[int, ...], seed: int = 0, kind: str = "normal") -> Sample:
    k = shape[-1]
    arrays = {"x": draw(shape, seed, kind), "gamma": draw((k,), seed + 1), "beta": draw((k,), 2)}
    return Sample(arrays, {"eps": 1e-3})


def layer_norm_back(shape: tuple[int, ...], seed: int = 0, kind: str = "normal") -> Sample:
    a = layer_norm(shape, seed, kind).arrays
    _, mean, inv_std = R.layer_norm(**a, eps=1e-3)
    return Sample(
        {
            "dy": draw(shape, seed + 3),
            "x": a["x"],
            "gamma": a["gamma"],
            "mean": np.asarray(mean),
            "inv_std": np.asarray(inv_std),
        },
        floor=float(np.abs(inv_std).max(initial=0)) if shape[-1] < 5 else 0.0,
    )


ROWS_OF: tuple[tuple[int, ...], ...] = (
    (4, 5), (5,), (2, 3, 4), (6, 3), (33, 65), (3, 5, 4, 7), (3, 4, 7, 17), (7, 2), (9, 80),
    (0, 5), (2, 0, 5), (130, 1), (4000, 29), (301, 999),
)  # fmt: skip
ANY_ROWS = st.builds(
    lambda lead, k: (*lead, k), st.lists(st.integers(0, 9), max_size=3), st.integers(2, 80)
)
ANY_BATCH = st.tuples(st.integers(2, 40), st.integers(1, 40)) | st.tuples(
    *(st.integers(2, 5) for _ in range(4))
)
B, C = np.ones((4, 3), np.float32), np.ones(3, np.float32)


def normed(*arrays: Any, training: bool) -> Any:
    return lambda: F.batch_norm(*(np.copy(a) for a in arrays), training=training)


NORMS = [
    Op(
        "batch_norm",
        samples=tuple(
            batch_norm(shape, last, training)
            for training in (True, False)
            for shape, last in BATCHES
        ),
        draws=st.builds(batch_norm, ANY_BATCH, st.booleans(), st.booleans(), SEEDS, KINDS),
        bad=(
            (normed(B, C[:2], C, C, C, training=True), ValueError, r"gamma must be \(3,\)"),
            (normed(B, C, C[:1], C, C, training=False), ValueError, r"beta must be \(3,\)"),
            (normed(B, C, C, C[:2], C, training=False), ValueError, r"running_mean must be \(3,\)"),
            (normed(B, C, C, C, C[:2], training=True), ValueError, r"running_var must be \(3,\)"),
            (
                normed(B[0], C, C, C, C, training=False),
                ValueError,
                r"x must be \(N, F\) or a batch of images",
            ),
            (
                lambda: F.batch_norm(B, C, C, [0, 0, 0], C.copy(), training=True),
                TypeError,
                "running_mean is changed in place",
            ),
            (
                lambda: F.batch_norm(B, C, C, C, C.copy(), training=True),
                ValueError,
                "overlaps an input",
            ),
            (
                lambda: F.batch_norm(B, C, C, *[np.zeros(3)] * 2, training=True),
                ValueError,
                "running_mean overlaps running_var",
            ),
        ),
        gradient=Gradient("batch_norm_backward", ("x", "gamma", "beta"), ("y", "mean", "inv_std")),
        alias=("x",),
        wide=np.longdouble,
        values={"running_var": np.abs},
    ),
    Op(
        "batch_norm_backward",
        samples=tuple(batch_norm_back(shape, last) for shape, last in BATCHES),
        draws=st.builds(batch_norm_back, ANY_BATCH, st.booleans(), SEEDS, KINDS),
        bad=(
            (
                lambda: F.batch_norm_backward(B[:2], B, C, C, C),
                ValueError,
                r"dy must be \(4, 3\), the shape of x, got \(2, 3\)",
            ),
            (lambda: F.batch_norm_backward(B, B, C, C[:1], C), ValueError, r"mean must be \(3,\)"),
            (
                lambda: F.batch_norm_backward(B, B, C, C, C[:1]),
                ValueError,
                r"inv_std must be \(3,\)",
            ),
        ),
        alias=("dy", "x"),
        wide=np.longdouble,
        infinite=False,
        why_no_gradient="it is one",
    ),
    Op(
        "layer_norm",
        samples=tuple(layer_norm(shape) for shape in ROWS_OF),
        draws=st.builds(layer_norm, ANY_ROWS, SEEDS, KINDS),
        bad=(
            (
                lambda: F.layer_norm(B, C[:2], C),
                ValueError,
                r"gamma must be \(3,\), the last axis of x",
            ),
            (lambda: F.layer_norm(B, C, C[:2]), ValueError, r"beta must be \(3,\), the last axis"),
            (lambda: F.layer_norm(3.0, C, C), ValueError, "x must have at least 1 axis"),
            (
                lambda: F.layer_norm(B[:, :0], C[:0], C[:0]),
                ValueError,
                "the last axis must not be empty",
            ),
        ),
        gradient=Gradient("layer_norm_backward", ("x", "gamma", "beta"), ("y", "mean", "inv_std")),
        wide=np.longdouble,
    ),
    Op(
        "layer_norm_backward",
        samples=tuple(layer_norm_back(shape) for shape in ROWS_OF),
        draws=st.builds(layer_norm_back, ANY_ROWS, SEEDS, KINDS),
        bad=(
            (
                lambda: F.layer_norm_backward(B, B, C, C, C),
                ValueError,
                r"mean must be \(4,\), one number a row",
            ),
            (
                lambda: F.layer_norm_backward(B[:2], B, C, C, C),
                ValueError,
                r"dy must be \(4, 3\), the shape of x, got \(2, 3\)",
            ),
        ),
        wide=np.longdouble,
        infinite=False,
        why_no_gradient="it is one",
    ),
]

ROWS: list[Op] = NORMS
