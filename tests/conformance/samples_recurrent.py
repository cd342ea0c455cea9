"""Rows of recurrent layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from conformance.cases import SEEDS, F, Gradient, Op, R, Sample, draw

GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1}
# (N, T, I, U)
SIZES = (
    (3, 4, 5, 2), (1, 1, 1, 1), (2, 5, 3, 4), (17, 3, 2, 9),
    (35, 9, 70, 65), (130, 20, 40, 64),
)  # fmt: skip
NONE = ((0, 3, 2, 4), (2, 3, 0, 4))


def layer(cell: str, size: Any, form: int = 0, seed: int = 0) -> Sample:
    """Draw a call; bits of `form` choose what is given and how."""
    n, t, i, u = size
    g = GATES[cell] * u
    on = [bool(form >> k & 1) for k in range(9)]
    reset = not on[0]
    on[1] = on[1] or on[2]  # as gradients come in this order
    scale = 0.6 / np.sqrt(max(i, u))
    arrays: dict[str, Any] = {
        "x": draw((n, t, i), seed),
        "kernel": draw((i, g), seed + 1) * scale,
        "recurrent_kernel": draw((u, g), seed + 2) * scale,
    }
    if on[1]:
        arrays["bias"] = draw((2, g) if cell == "gru" and reset else (g,), seed + 3)
    if on[2]:
        arrays["h0"] = draw((n, u), seed + 4)
        if cell == "lstm":
            arrays["c0"] = draw((n, u), seed + 5)
    roles: Any = {}
    if on[3]:
        arrays["mask"] = draw((n, t), seed + 6) > -0.3
        roles["mask"] = "mask"
    if on[4]:
        arrays["recurrent_dropout"] = 2.0 * (draw((n, u), seed + 7) > 0)
    options: dict[str, Any] = {
        "activation": (None if on[8] else "relu") if on[7] else "tanh",
        "go_backwards": on[5],
        "return_sequences": not on[6],
        "zero_output_for_mask": on[4] and on[1],
    }
    if cell != "simple_rnn":
        options["recurrent_activation"] = "tanh" if on[8] else "sigmoid"
    if cell == "gru":
        options["reset_after"] = reset
    return Sample(arrays, options, roles, smooth=not on[7] or on[8], slack=4.0, floor=1.0)


def back(cell: str, size: Any, form: int = 0, seed: int = 0) -> Sample:
    forward = layer(cell, size, form, seed)
    y, h, *cells, tape = getattr(R, cell)(**forward.arrays, **forward.options)
    arrays = {"dy": draw(y.shape, seed + 8)}
    arrays |= {k: a for k, a in forward.arrays.items() if k not in ("bias", "h0", "c0")}
    arrays["tape"] = tape
    if form & 4:
        arrays["dh"] = draw(h.shape, seed + 9)
        if cells:
            arrays["dc"] = draw(h.shape, seed + 10)
    needs = {f"need_{name}": (form >> 1) % 3 != k for k, name in enumerate(("dx", "db", "d0"))}
    return Sample(
        arrays,
        {**forward.options, **needs},
        forward.roles,
        slack=4.0,
        floor=float(np.sqrt(size[0])),
    )


FORMS = (0, 0b000001111, 0b000111110, 0b101010100, 0b111101011, 0b010110011)
ANY = st.tuples(st.integers(1, 20), st.integers(1, 5), st.integers(1, 6), st.integers(1, 20))
X = np.ones((2, 3, 4), np.float32)


def rows(cell: str) -> list[Op]:
    g = GATES[cell]
    w, r = np.ones((4, 5 * g), np.float32), np.ones((5, 5 * g), np.float32)
    f, b = getattr(F, cell), getattr(F, f"{cell}_backward")
    tape = np.ones((4, 2, {"lstm": 7, "gru": 5, "simple_rnn": 1}[cell], 5), np.float32)
    sizes = (*SIZES, *NONE)
    states = ("h0", "c0") if cell == "lstm" else ("h0",)
    ends = ("h", "c") if cell == "lstm" else ("h",)
    return [
        Op(
            cell,
            samples=tuple(
                layer(cell, size, FORMS[(k + i) % len(FORMS)], k)
                for k, size in enumerate(sizes)
                for i in range(2 if size[0] < 35 else 1)
            ),
            draws=st.builds(layer, st.just(cell), ANY, st.integers(0, 511), SEEDS),
            bad=(
                (lambda: f(X[0], w, r), ValueError, r"x must be \(N, T, I\)"),
                (lambda: f(X[:, :0], w, r), ValueError, "at least 1 time step"),
                (lambda: f(X, w[:3], r), ValueError, "kernel must be"),
                (lambda: f(X, w, r[:, :-1]), ValueError, "recurrent_kernel must be"),
                (lambda: f(X, w, r, bias=w[:, 0]), ValueError, "bias must be"),
                (lambda: f(X, w, r, h0=X[0]), ValueError, r"h0 must be \(2, 5\)"),
                (lambda: f(X, w, r, mask=[[True]]), ValueError, r"mask must be \(N, T\), \(2, 3\)"),
                (lambda: f(X, w, r, mask=X[..., 0]), TypeError, "mask must be bool"),
                (lambda: f(X, w, r, recurrent_dropout=w), ValueError, "recurrent_dropout must be"),
                (lambda: f(X, w, r, activation="elu"), ValueError, "activation"),
            ),
            gradient=Gradient(
                f"{cell}_backward",
                ("x", "kernel", "recurrent_kernel", "bias", *states),
                ("y", *ends, "tape"),
            ),
            infinite=False,
        ),
        Op(
            f"{cell}_backward",
            samples=tuple(
                back(cell, size, FORMS[(k + i) % len(FORMS)], k)
                for k, size in enumerate(sizes)
                for i in range(2 if size[0] < 35 else 1)
            ),
            draws=st.builds(back, st.just(cell), ANY, st.integers(0, 511), SEEDS),
            bad=(
                (lambda: b(X[..., :1], X, w, r, tape), ValueError, r"dy must be \(2, 3, 5\)"),
                (lambda: b(X, X, w, r, tape[1:]), ValueError, "dy must be"),
                (
                    lambda: b(np.ones((2, 3, 5)), X, w, r, tape[1:]),
                    ValueError,
                    r"tape must be \(4, 2,",
                ),
            ),
            why_no_gradient="it is one",
            infinite=False,
        ),
    ]


ROWS = [op for cell in GATES for op in rows(cell)]
