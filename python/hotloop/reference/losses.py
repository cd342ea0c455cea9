"""Losses of classes: the mean over the batch, and the gradient by the first argument.

Labels are class ids (N,) or rows (N, K); a single sample (K,) takes one id or one row, N = 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop._support.typing import FloatArray

from ._common import Array, promote
from .encoding import class_ids
from .softmax import shifted


def batch_size(x: FloatArray) -> int:
    """Return N, which is 1 for a single sample; a mean needs at least one."""
    n = len(x) if x.ndim > 1 else 1
    if x.size == 0:
        msg = f"the mean loss of an empty batch is undefined (got shape {x.shape})"
        raise ValueError(msg)
    return n


def _with_labels(x: Array, labels: Array) -> tuple[Any, Any, bool]:
    """Return x, the labels as ids or as rows beside x, and whether they are rows."""
    x, labels = np.asarray(x), np.asarray(labels)
    if labels.shape == x.shape:
        return *promote(x, labels), True
    if labels.shape != x.shape[:-1]:
        msg = f"labels must be ids {x.shape[:-1]} or rows {x.shape}, not {labels.shape}"
        raise ValueError(msg)
    return promote(x), class_ids(labels, x.shape[-1])[..., np.newaxis], False


def _minus_labelled(log_probs: FloatArray, labels: Any, rows: bool) -> FloatArray:
    """``-sum(t * log p)`` of each sample."""
    if rows:
        y: FloatArray = -(labels * log_probs).sum(axis=-1)
        return y
    return -np.take_along_axis(log_probs, labels, axis=-1)[..., 0]


def softmax_cross_entropy(
    logits: Array, labels: Array, *, sample_weight: Array | None = None
) -> tuple[float, FloatArray]:
    """``sum_i w_i * -sum_k(t_ik * log softmax(logits)_ik) / N`` and the softmax."""
    if sample_weight is not None:
        logits, sample_weight = promote(logits, sample_weight)
    x, t, rows = _with_labels(logits, labels)
    z = shifted(x, axis=-1)
    probs = np.exp(z)
    total = probs.sum(axis=-1, keepdims=True)
    probs /= total
    losses = _minus_labelled(z - np.log(total), t, rows)
    if sample_weight is not None:
        losses = losses * sample_weight
    return float(losses.sum() / batch_size(x)), probs


def softmax_cross_entropy_backward(
    probs: Array, labels: Array, *, sample_weight: Array | None = None
) -> FloatArray:
    """``w_i / N * (probs * sum_k t_ik - t)``: for labels that sum to one, probs - t."""
    if sample_weight is not None:
        probs, sample_weight = promote(probs, sample_weight)
    p, t, rows = _with_labels(probs, labels)
    if rows:
        dx = p * t.sum(axis=-1, keepdims=True) - t
    else:
        dx = p.copy()
        np.put_along_axis(dx, t, np.take_along_axis(p, t, axis=-1) - 1, axis=-1)
    if sample_weight is not None:
        dx *= np.asarray(sample_weight)[..., np.newaxis]
    dx /= max(len(p) if p.ndim > 1 else 1, 1)
    result: FloatArray = dx
    return result


def cross_entropy(probs: Array, labels: Array, *, eps: float = 0.0) -> float:
    """``-sum(t * log(probs + eps)) / N``."""
    p, t, rows = _with_labels(probs, labels)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(_minus_labelled(np.log(p + eps), t, rows).sum() / batch_size(p))


def cross_entropy_backward(probs: Array, labels: Array, *, eps: float = 0.0) -> FloatArray:
    """``-t / (probs + eps) / N``."""
    p, t, rows = _with_labels(probs, labels)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _scatter(
            -t / (p + eps) if rows else -1 / (np.take_along_axis(p, t, -1) + eps), p, t, rows
        )


def nll(log_probs: Array, labels: Array) -> float:
    """``-sum(t * log_probs) / N``."""
    x, t, rows = _with_labels(log_probs, labels)
    return float(_minus_labelled(x, t, rows).sum() / batch_size(x))


def nll_backward(log_probs: Array, labels: Array) -> FloatArray:
    """``-t / N``."""
    x, t, rows = _with_labels(log_probs, labels)
    return _scatter(-t if rows else -np.ones(t.shape, x.dtype), x, t, rows)


def _scatter(values: FloatArray, like: FloatArray, labels: Any, rows: bool) -> FloatArray:
    """``values / N``: as they are for rows, at the labels and 0 elsewhere for ids."""
    values = values / max(len(like) if like.ndim > 1 else 1, 1)
    if rows:
        return values
    dx = np.zeros_like(like)
    np.put_along_axis(dx, labels, values, axis=-1)
    return dx
