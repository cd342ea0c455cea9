"""Rows of what works element by element: activations, dropout, updates."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conformance.cases import KINDS, SEEDS, Array, F, Gradient, Op, Role, Sample, draw

# Sizes around the vectors of every instruction set, odd shapes, and blocks of several threads.
SHAPES: tuple[tuple[int, ...], ...] = (
    (3, 5), (), (0,), (0, 3), *((n,) for n in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63)),
    (64,), (65,), (127,), (1000,), (4099,), (2, 3, 17), (64, 65), (2, 0, 3), (1, 2, 3, 1, 2),
    (262_151,),
)  # fmt: skip
ANY_SHAPE = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=7)
HALF = np.ones(3, np.float16)


def unary(shape: tuple[int, ...], seed: int = 0, kind: str = "tails", **options: Any) -> Sample:
    """One array."""
    return Sample({"x": draw(shape, seed, kind)}, options, smooth=options.get("alpha", 0) >= 0)


def binary(
    shape: tuple[int, ...], seed: int = 0, kind: str = "tails", second: str = "y", **options: Any
) -> Sample:
    """Draw the incoming gradient and what the forward left."""
    return Sample({"dy": draw(shape, seed, kind), second: draw(shape, seed + 1, kind)}, options)


def activation(
    name: str,
    second: str = "y",
    alphas: tuple[float, ...] = (),
    backward: bool = True,
    why: str = "",
) -> list[Op]:
    """Give the rows of an activation and, if it has one, of its gradient."""
    extra: list[dict[str, Any]] = [{}, *({"alpha": a} for a in alphas)]
    alpha = st.sampled_from(extra)
    f: Any = getattr(F, name)
    b: Any = getattr(F, f"{name}_backward", None)
    bad_alpha = ((lambda: f(1.0, "a"), TypeError, "alpha must be a number, got str"),)
    shapes = (
        (
            lambda: b(np.ones(3), np.ones(4)),
            ValueError,
            rf"dy and {second} must have one shape.*\(3,\).*\(4,\)",
        ),
    )
    rows = [
        Op(
            name,
            samples=tuple(
                unary(s, i, **e) for e in extra for i, s in enumerate(SHAPES) if not e or i < 20
            ),
            draws=st.builds(
                lambda shape, seed, kind, e: unary(shape, seed, kind, **e),
                *(ANY_SHAPE, SEEDS, KINDS, alpha),
            ),
            bad=bad_alpha if alphas else (),
            gradient=Gradient(f"{name}_backward", ("x",)) if backward else None,
            why_no_gradient=why,
            alias=("x",),
        )
    ]
    if backward:
        rows.append(
            Op(
                f"{name}_backward",
                samples=tuple(
                    binary(s, i, second=second, **e)
                    for e in extra
                    for i, s in enumerate(SHAPES)
                    if not e or i < 20
                ),
                draws=st.builds(
                    lambda shape, seed, kind, e: binary(shape, seed, kind, second, **e),
                    *(ANY_SHAPE, SEEDS, KINDS, alpha),
                ),
                bad=shapes,
                alias=("dy", second),
                why_no_gradient="it is one",
            )
        )
    return rows


def dropped(
    shape: tuple[int, ...], seed: int = 0, rate: float = 0.5, key: int = 0, offset: int = 0
) -> Sample:
    return Sample({"x": draw(shape, seed)}, {"rate": rate, "seed": key, "offset": offset})


def kept(shape: tuple[int, ...], seed: int = 0, rate: float = 0.5) -> Sample:
    mask = np.asarray(np.random.default_rng(seed).integers(0, 2, shape), np.uint8)
    return Sample({"dy": draw(shape, seed), "mask": mask}, {"rate": rate}, {"mask": "mask"})


KEYS = ((0, 0, 0.5), (2**63 + 5, 2**40 + 1, 0.1), (-7, 3, 0.0), (5, -9, 1 - 1e-12))
WORDS = st.integers(-(2**63), 2**64 - 1)
RATES = st.sampled_from((0.0, 0.25, 1 / 3, 0.5, 0.999, 1 - 2**-24, 1 - 1e-12, 1e-12))
DROPOUT = [
    Op(
        "dropout",
        samples=tuple(
            dropped(shape, i, rate, key, offset)
            for key, offset, rate in KEYS
            for i, shape in enumerate(SHAPES)
        ),
        draws=st.builds(dropped, ANY_SHAPE, SEEDS, RATES, WORDS, WORDS),
        bad=(
            (lambda: F.dropout(np.ones(3), 1.0, seed=0), ValueError, r"rate must lie in \[0, 1\)"),
            (lambda: F.dropout(np.ones(3), -0.1, seed=0), ValueError, r"rate must lie in \[0, 1\)"),
            (lambda: F.dropout(np.ones(3), np.nan, seed=0), ValueError, "rate must lie in"),
            (lambda: F.dropout(np.ones(3), "a", seed=0), TypeError, "rate must be a number"),
            (lambda: F.dropout(np.ones(3), 0.5, seed=1.5), TypeError, "seed must be an integer"),
            (
                lambda: F.dropout(np.ones(3), 0.5, seed=1, offset="a"),
                TypeError,
                "offset must be an integer",
            ),
        ),
        gradient=Gradient("dropout_backward", ("x",), ("y", "mask")),
        alias=("x",),
    ),
    Op(
        "dropout_backward",
        samples=tuple(
            kept(shape, i, rate) for rate in (0.5, 0.0, 0.1) for i, shape in enumerate(SHAPES)
        ),
        draws=st.builds(kept, ANY_SHAPE, SEEDS, RATES),
        bad=(
            (
                lambda: F.dropout_backward(np.ones(3), np.ones(3, np.uint8), 1.5),
                ValueError,
                r"rate must lie in \[0, 1\)",
            ),
            (
                lambda: F.dropout_backward(np.ones(3), np.ones(4, np.uint8), 0.5),
                ValueError,
                r"mask must have the shape of dy, \(3,\), got \(4,\)",
            ),
            (
                lambda: F.dropout_backward(np.ones(3), np.ones(3), 0.5),
                TypeError,
                "mask must be uint8, got float64",
            ),
        ),
        alias=("dy",),
        why_no_gradient="it is one",
    ),
]

SLOTS = {
    "sgd_update": (),
    "momentum_update": ("velocity",),
    "adagrad_update": ("accumulator",),
    "rmsprop_update": ("square",),
    "adam_update": ("m", "v"),
}
# Arguments beyond lr and weight_decay.
RULES: dict[str, tuple[dict[str, Any], ...]] = {
    "sgd_update": ({},),
    "momentum_update": ({}, {"momentum": 0.8}, {"momentum": 0.8, "nesterov": True}),
    "adagrad_update": ({}, {"eps": 1e-3}),
    "rmsprop_update": ({}, {"rho": 0.7}, {"rho": 0.7, "eps": 1e-3}),
    "adam_update": (
        {"step": 1},
        {"step": 3},
        {"step": 1000, "beta1": 0.8, "beta2": 0.99, "eps": 1e-3},
    ),
}
PARAMETERS = ((37,), (), (0,), (0, 3), (1,), (7,), (3, 5), (13, 5), (2, 3, 17), (64, 65), (3, 3, 2, 7),
              (9001,), (60_001,))  # fmt: skip


def stepped(
    name: str, shape: tuple[int, ...], seed: int = 0, kind: str = "normal", **options: Any
) -> Sample:
    """Draw a parameter, its gradient, and slots, which as sums of squares are not negative."""
    arrays: dict[str, Array] = {"param": draw(shape, seed, kind), "grad": draw(shape, seed + 1)}
    roles: dict[str, Role] = {"param": "changed", "grad": "cast"}
    for i, slot in enumerate(SLOTS[name]):
        arrays[slot] = draw(shape, seed + 2 + i, "positive")
        roles[slot] = "changed"
    return Sample(arrays, {"lr": 0.1, **options}, roles)


def update(name: str) -> Op:
    """One optimizer step."""
    f, rules = getattr(F, name), RULES[name]
    extra = {"step": 1} if name == "adam_update" else {}
    ones = [np.ones((2, 3), np.float32) for _ in range(2 + len(SLOTS[name]))]
    frozen = np.ones((2, 3), np.float32)
    frozen.flags.writeable = False

    def with_(index: int, other: Any, **more: Any) -> Any:
        arrays = [a.copy() for a in ones]
        arrays[index] = other
        return lambda: f(*arrays, **{"lr": 1, **extra, **more})

    p = r"param must be a native float32 or float64 array, got "
    bad: list[Any] = [
        (with_(0, [1.0]), TypeError, "param is changed in place and must be a numpy array"),
        (with_(0, ones[0].astype(int)), TypeError, p + "int64"),
        (with_(0, ones[0].astype(">f4")), TypeError, p + ">f4"),
        (with_(0, ones[0].astype(np.float16)), TypeError, p + "float16"),
        (with_(0, frozen), ValueError, "param is changed in place but is read-only"),
        (
            with_(1, ones[1][0]),
            ValueError,
            r"grad must have the shape of param, \(2, 3\), got \(3,\)",
        ),
        (with_(1, ones[1].astype(complex)), TypeError, "grad must be float32 or float64"),
        (with_(1, None), TypeError, "grad must be an array, got None"),
        (with_(1, ones[1], lr="fast"), TypeError, "lr must be a number"),
        (with_(1, ones[1], weight_decay="a"), TypeError, "weight_decay must be a number"),
        (lambda: f(*ones[:1], *ones[:1], *ones[2:], lr=1, **extra), ValueError,
         "grad overlaps param"),
    ]  # fmt: skip
    for i, slot in enumerate(SLOTS[name], 2):
        bad += [
            (with_(i, None), TypeError, f"{slot} is changed in place and must be a numpy array"),
            (
                with_(i, np.ones((2, 2), np.float32)),
                ValueError,
                rf"{slot} must have the shape of param, \(2, 3\), got \(2, 2\)",
            ),
            (
                with_(i, np.ones((2, 3))),
                TypeError,
                f"{slot} must have the dtype of param, float32, got float64",
            ),
            (with_(i, frozen), ValueError, f"{slot} is changed in place but is read-only"),
        ]
    if SLOTS[name]:
        # The last slot is the one before it.
        changed = [np.ones(3) for _ in SLOTS[name]]
        before, last = ("param", *SLOTS[name])[-2:]
        bad.append(
            (
                lambda: f(changed[0], np.ones(3), *changed[1:], changed[-1], lr=1, **extra),
                ValueError,
                f"{last} overlaps {before}",
            )
        )
    if name == "adam_update":
        bad += [
            (with_(1, ones[1], step=0), ValueError, "step counts from 1, got 0"),
            (with_(1, ones[1], step="a"), TypeError, "step must be a number"),
        ]
    return Op(
        name,
        samples=tuple(
            stepped(name, shape, i, weight_decay=decay, **rule)
            for rule in rules
            for decay in (0.0, 0.1)
            for i, shape in enumerate(PARAMETERS)
        ),
        draws=st.builds(
            lambda shape, seed, kind, rule, decay, lr: stepped(
                name, shape, seed, kind, **{**rule, "weight_decay": decay, "lr": lr}
            ),
            *(ANY_SHAPE, SEEDS, KINDS, st.sampled_from(rules), st.sampled_from((0.0, 0.1))),
            st.floats(1e-6, 1.0),
        ),
        bad=tuple(bad),
        why_no_gradient="a step is not differentiated",
        values=dict.fromkeys(SLOTS[name], np.abs),
    )


ROWS: list[Op] = [
    *activation("relu"),
    *activation("leaky_relu", alphas=(0.0, 0.3, -0.5, 2)),
    *activation("elu", alphas=(0.0, 0.3, -0.5, 2)),
    *activation("gelu", second="x"),
    *activation("sigmoid"),
    *activation("tanh"),
    *activation("step", backward=False, why="flat wherever it has a derivative"),
    *activation("identity", backward=False, why="its gradient is the one that comes in"),
    *DROPOUT,
    *(update(name) for name in SLOTS),
]
