"""The rule of connectionist temporal classification (Graves et al., ICML 2006)."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop.autodiff.rule import Array, Rule, Saved, as_array, floating, quiet


def _sum3(a: Array, skips: Array) -> Array:
    """Return for each place ``log(exp(a[s]) + exp(a[s - 1]) + exp(a[s - 2]))``, the last where it may skip."""
    one = np.pad(a[:, :-1], ((0, 0), (1, 0)), constant_values=-np.inf)
    two = np.pad(a[:, :-2], ((0, 0), (2, 0)), constant_values=-np.inf)
    return np.asarray(np.logaddexp(np.logaddexp(a, one), np.where(skips, two, -np.inf)))


@quiet
def _forward(
    saved: Saved, target: Any, output: Any, labels: Any, frames: Any, *, mask_index: int
) -> Array:
    y, t = floating(output), as_array(target).astype(np.int64)
    if y.ndim != 3 or t.ndim != 2 or len(t) != len(y):
        msg = f"ctc_loss: target must be (N, L) and output (N, T, K), got {t.shape} and {y.shape}"
        raise ValueError(msg)
    n, steps, classes = y.shape
    count, ends = (np.broadcast_to(as_array(x), (n,)).astype(np.int64) for x in (labels, frames))
    if count.size and not (
        0 <= count.min() <= count.max() <= t.shape[1] and 1 <= ends.min() <= ends.max() <= steps
    ):
        msg = f"ctc_loss: lengths must lie in [0, {t.shape[1]}] and [1, {steps}], got {count.tolist()[:5]} and {ends.tolist()[:5]}"
        raise ValueError(msg)
    t = np.where(np.arange(t.shape[1]) < count[:, None], t, mask_index)
    if not 0 <= mask_index < classes or (t.size and not 0 <= t.min() <= t.max() < classes):
        msg = f"ctc_loss: labels and mask_index must lie in [0, {classes})"
        raise ValueError(msg)
    # Blanks between all labels, and at both ends.
    path = np.full((n, 2 * t.shape[1] + 1), mask_index)
    path[:, 1::2] = t
    skips = np.zeros(path.shape, bool)
    skips[:, 2:] = (path[:, 2:] != mask_index) & (path[:, 2:] != path[:, :-2])
    log_p = y.astype(np.float64) - y.max(axis=-1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=-1, keepdims=True))
    emit = np.take_along_axis(log_p, path[:, None, :], axis=2)
    rows, last = np.arange(n), 2 * count
    alpha = np.full(emit.shape, -np.inf)
    alpha[:, 0, :2] = emit[:, 0, :2]
    for i in range(1, steps):
        alpha[:, i] = _sum3(alpha[:, i - 1], skips) + emit[:, i]
    end = alpha[rows, ends - 1]
    before = np.where(count > 0, end[rows, np.maximum(last - 1, 0)], -np.inf)
    total = np.logaddexp(end[rows, last], before)
    if saved.needs[1]:
        saved.parts = (path, skips, log_p, emit, alpha, total, ends, last)
    return np.asarray(-total, y.dtype)


@quiet
def _backward(saved: Saved, dy: Array) -> tuple[None, Array, None, None]:
    path, skips, log_p, emit, alpha, total, ends, last = saved.parts
    n, steps, _ = log_p.shape
    place = np.arange(path.shape[1])
    # Where a path may end: the last label, or the blank behind it.
    start = np.where((place <= last[:, None]) & (place >= last[:, None] - 1), 0.0, -np.inf)
    flipped = np.zeros(skips.shape, bool)
    flipped[:, 2:] = skips[:, ::-1][:, :-2]
    beta, after = np.full(emit.shape, -np.inf), np.full(path.shape, -np.inf)
    for i in range(steps - 1, -1, -1):
        onward = _sum3(after[:, ::-1], flipped)[:, ::-1]
        beta[:, i] = np.where((ends - 1 == i)[:, None], start, onward)
        after = beta[:, i] + emit[:, i]
    likely = np.isfinite(total)
    share = np.exp(alpha + beta - np.where(likely, total, 0.0)[:, None, None])
    found = np.exp(log_p)
    for i in range(path.shape[1]):
        found[np.arange(n), :, path[:, i]] -= share[:, :, i]
    counts = likely[:, None] & (np.arange(steps) < ends[:, None])
    return None, (found * (counts * dy[:, None])[..., None]).astype(dy.dtype), None, None


ctc_loss = Rule("ctc_loss", _forward, _backward)
