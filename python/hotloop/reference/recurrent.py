"""Recurrent layers, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._common import Array, promote
from .activations import sigmoid, sigmoid_backward, tanh, tanh_backward
from .rectifiers import relu, relu_backward

_ACT: dict[Any, Any] = {"tanh": tanh, "sigmoid": sigmoid, "relu": relu, None: lambda x: x}
_BACK: dict[Any, Any] = {
    "tanh": tanh_backward,
    "sigmoid": sigmoid_backward,
    "relu": relu_backward,
    None: lambda dy, y: dy,  # noqa: ARG005
}
# Slots of the tape: h, and how many there are without a dropped state.
_STATE = {"simple_rnn": 0, "gru": 4, "lstm": 6}


def _steps(x: Any, mask: Any, back: bool) -> tuple[Any, Any]:
    """Return inputs (T, N, I) and masks (T, N, 1) in the order of the steps."""
    n, t = x.shape[:2]
    keep = np.ones((n, t), bool) if mask is None else np.asarray(mask) != 0
    order = slice(None, None, -1 if back else 1)
    return x.transpose(1, 0, 2)[order], keep.T[order][..., None]


def _forward(
    cell: str, arrays: Any, mask: Any, acts: Any, after: bool, back: bool, seq: bool, zero: bool
) -> Any:
    x, kernel, recurrent, bias, h0, c0, drop = arrays
    act, gate = (_ACT[name] for name in acts)
    (n, t, _), u = x.shape, len(recurrent)
    xs, keep = _steps(x, mask, back)
    at = _STATE[cell]
    tape = np.zeros((t + 1, n, at + 1 + (drop is not None), u), x.dtype)
    if h0 is not None:
        tape[0, :, at] = h0
    if c0 is not None:
        tape[0, :, 4] = c0
    if drop is not None:
        tape[0, :, -1] = tape[0, :, at] * drop
    two = cell == "gru" and after
    first, second = (bias if two else (bias, None)) if bias is not None else (None, None)
    zx = np.matmul(xs, kernel) + (0 if first is None else first)
    y, outputs = np.zeros((n, u), x.dtype), []
    for s in range(t):
        before, row = tape[s], tape[s + 1]
        read, h = before[:, -1], before[:, at]
        if cell == "gru":
            r_part = read @ recurrent[:, : None if after else 2 * u]
            r_part = r_part + (0 if second is None else second)
            z = gate(zx[s, :, :u] + r_part[:, :u])
            r = gate(zx[s, :, u : 2 * u] + r_part[:, u : 2 * u])
            q = r_part[:, 2 * u :] if after else r * read
            g = act(zx[s, :, 2 * u :] + (r * q if after else q @ recurrent[:, 2 * u :]))
            parts = [z, r, g, q, z * h + (1 - z) * g]
        elif cell == "lstm":
            i, f, g, o = np.split(zx[s] + read @ recurrent, 4, axis=1)
            i, f, g, o = gate(i), gate(f), act(g), gate(o)
            c = f * before[:, 4] + i * g
            parts = [i, f, g, o, c, act(c), o * act(c)]
        else:
            parts = [act(zx[s] + read @ recurrent)]
        if drop is not None:
            parts.append(parts[-1] * drop)
        for k, part in enumerate(parts):
            kept = before[:, k] if k >= at or (cell == "lstm" and k == 4) else 0
            row[:, k] = np.where(keep[s], part, kept)
        y = np.where(keep[s], row[:, at], 0 if zero else y)
        outputs.append(y)
    if seq:
        y = np.stack(outputs, axis=1)
    cells = (tape[-1, :, 4].copy(),) if cell == "lstm" else ()
    return (y, tape[-1, :, at].copy(), *cells, tape)


def _backward(
    cell: str, arrays: Any, mask: Any, acts: Any, after: bool, back: bool, seq: bool, zero: bool
) -> Any:
    dy, x, kernel, recurrent, tape, dh, dc, drop = arrays
    act, gate = (_BACK[name] for name in acts)
    (n, t, _), u = x.shape, len(recurrent)
    xs, keep = _steps(x, mask, back)
    at = _STATE[cell]
    dh = np.zeros((n, u), x.dtype) if dh is None else dh.copy()
    dc = np.zeros((n, u), x.dtype) if dc is None else dc.copy()
    dkernel, drecurrent = np.zeros_like(kernel), np.zeros_like(recurrent)
    db, db2 = np.zeros((2, kernel.shape[1]), x.dtype)
    dxs = np.zeros_like(xs)
    later = np.zeros((n, u), x.dtype)  # of outputs that repeat the one before
    for s in reversed(range(t)):
        row, before = tape[s + 1], tape[s]
        given = dy[:, s] if seq else dy if s == t - 1 else np.zeros_like(later)
        later = later + np.where(keep[s], given, 0 if zero else given)
        dh = dh + np.where(keep[s], later, 0)
        later = np.where(keep[s], 0, later)
        read, past = before[:, -1], np.zeros_like(dh)
        if cell == "lstm":
            i, f, g, o, _, a = (row[:, k] for k in range(6))
            cells = dc + act(dh * o, a)
            dz = np.concatenate(
                [
                    gate(cells * g, i),
                    gate(cells * before[:, 4], f),
                    act(cells * i, g),
                    gate(dh * a, o),
                ],
                axis=1,
            )
            dc = np.where(keep[s], cells * f, dc)
            dr, through = dz, np.zeros_like(dh)
        elif cell == "simple_rnn":
            dz = act(dh, row[:, 0])
            dr, through = dz, np.zeros_like(dh)
        else:
            z, r, g, q = (row[:, k] for k in range(4))
            dzz = gate(dh * (before[:, at] - g), z)
            dg = act(dh * (1 - z), g)
            through = dh * z
            if after:
                drr, dq = gate(dg * q, r), dg * r
            else:
                inner = dg @ recurrent[:, 2 * u :].T
                drr, dq = gate(inner * read, r), dg
                past = np.where(keep[s], inner * r, 0)
            dz = np.concatenate([dzz, drr, dg], axis=1)
            dr = np.concatenate([dzz, drr, dq], axis=1)
        dz, dr = np.where(keep[s], dz, 0), np.where(keep[s], dr, 0)
        dkernel += xs[s].T @ dz
        db, db2 = db + dz.sum(axis=0), db2 + dr.sum(axis=0)
        dxs[s] = dz @ kernel.T
        if cell == "gru" and not after:
            drecurrent[:, : 2 * u] += read.T @ dr[:, : 2 * u]
            drecurrent[:, 2 * u :] += row[:, 3].T @ dr[:, 2 * u :]
            past = past + dr[:, : 2 * u] @ recurrent[:, : 2 * u].T
        else:
            drecurrent += read.T @ dr
            past = past + dr @ recurrent.T
        dh = np.where(keep[s], through, dh) + past * (1 if drop is None else drop)
    dx = dxs[:: -1 if back else 1].transpose(1, 0, 2)
    return dx, dkernel, drecurrent, np.stack([db, db2]) if cell == "gru" and after else db, dh, dc


def _promoted(*arrays: Array | None) -> Any:
    """Bring what is given to one dtype."""
    some = promote(*(a for a in arrays if a is not None))
    return [None if a is None else some.pop(0) for a in arrays]


def lstm(
    x: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    h0: Array | None = None,
    c0: Array | None = None,
    mask: Array | None = None,
    recurrent_dropout: Array | None = None,
    *,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    go_backwards: bool = False,
    return_sequences: bool = True,
    zero_output_for_mask: bool = False,
) -> Any:
    """Compute outputs, last states and tape."""
    arrays = _promoted(x, kernel, recurrent_kernel, bias, h0, c0, recurrent_dropout)
    acts = (activation, recurrent_activation)
    form = (go_backwards, return_sequences, zero_output_for_mask)
    return _forward("lstm", arrays, mask, acts, True, *form)


def lstm_backward(
    dy: Array,
    x: Array,
    kernel: Array,
    recurrent_kernel: Array,
    tape: Array,
    dh: Array | None = None,
    dc: Array | None = None,
    mask: Array | None = None,
    recurrent_dropout: Array | None = None,
    *,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    go_backwards: bool = False,
    return_sequences: bool = True,
    zero_output_for_mask: bool = False,
    need_dx: bool = True,
    need_db: bool = True,
    need_d0: bool = True,
) -> Any:
    """Compute the gradients of inputs, weights and initial states."""
    arrays = _promoted(dy, x, kernel, recurrent_kernel, tape, dh, dc, recurrent_dropout)
    acts = (activation, recurrent_activation)
    form = (go_backwards, return_sequences, zero_output_for_mask)
    found = _backward("lstm", arrays, mask, acts, True, *form)
    needs = (need_dx, True, True, need_db, need_d0, need_d0)
    return tuple(part if need else None for part, need in zip(found, needs, strict=True))


def gru(
    x: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    h0: Array | None = None,
    mask: Array | None = None,
    recurrent_dropout: Array | None = None,
    *,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    reset_after: bool = True,
    go_backwards: bool = False,
    return_sequences: bool = True,
    zero_output_for_mask: bool = False,
) -> Any:
    """Compute outputs, last state and tape."""
    arrays = _promoted(x, kernel, recurrent_kernel, bias, h0, None, recurrent_dropout)
    acts = (activation, recurrent_activation)
    form = (go_backwards, return_sequences, zero_output_for_mask)
    return _forward("gru", arrays, mask, acts, reset_after, *form)


def gru_backward(
    dy: Array,
    x: Array,
    kernel: Array,
    recurrent_kernel: Array,
    tape: Array,
    dh: Array | None = None,
    mask: Array | None = None,
    recurrent_dropout: Array | None = None,
    *,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    reset_after: bool = True,
    go_backwards: bool = False,
    return_sequences: bool = True,
    zero_output_for_mask: bool = False,
    need_dx: bool = True,
    need_db: bool = True,
    need_d0: bool = True,
) -> Any:
    """Compute the gradients of inputs, weights and initial state."""
    arrays = _promoted(dy, x, kernel, recurrent_kernel, tape, dh, None, recurrent_dropout)
    acts = (activation, recurrent_activation)
    form = (go_backwards, return_sequences, zero_output_for_mask)
    found = _backward("gru", arrays, mask, acts, reset_after, *form)
    needs = (need_dx, True, True, need_db, need_d0)
    return tuple(part if need else None for part, need in zip(found, needs, strict=False))


def simple_rnn(
    x: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    h0: Array | None = None,
    mask: Array | None = None,
    recurrent_dropout: Array | None = None,
    *,
    activation: str | None = "tanh",
    go_backwards: bool = False,
    return_sequences: bool = True,
    zero_output_for_mask: bool = False,
) -> Any:
    """Compute outputs, last state and tape."""
    arrays = _promoted(x, kernel, recurrent_kernel, bias, h0, None, recurrent_dropout)
    form = (go_backwards, return_sequences, zero_output_for_mask)
    return _forward("simple_rnn", arrays, mask, (activation, None), True, *form)


def simple_rnn_backward(
    dy: Array,
    x: Array,
    kernel: Array,
    recurrent_kernel: Array,
    tape: Array,
    dh: Array | None = None,
    mask: Array | None = None,
    recurrent_dropout: Array | None = None,
    *,
    activation: str | None = "tanh",
    go_backwards: bool = False,
    return_sequences: bool = True,
    zero_output_for_mask: bool = False,
    need_dx: bool = True,
    need_db: bool = True,
    need_d0: bool = True,
) -> Any:
    """Compute the gradients of inputs, weights and initial state."""
    arrays = _promoted(dy, x, kernel, recurrent_kernel, tape, dh, None, recurrent_dropout)
    form = (go_backwards, return_sequences, zero_output_for_mask)
    found = _backward("simple_rnn", arrays, mask, (activation, None), True, *form)
    needs = (need_dx, True, True, need_db, need_d0)
    return tuple(part if need else None for part, need in zip(found, needs, strict=False))
