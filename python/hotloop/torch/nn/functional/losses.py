"""Losses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop import _core
from hotloop.autodiff import numeric as num
from hotloop.autodiff.rule import Array, Saved
from hotloop.torch import dtypes
from hotloop.torch import pointwise as pw
from hotloop.torch import reductions as red
from hotloop.torch.core import Op, Tensor, apply, wrap
from hotloop.torch.nn.functional.activations import log_softmax, softplus
from hotloop.torch.reductions import gather_op
from hotloop.torch.shaping import broadcast_tensors, movedim, reshape, squeeze, unsqueeze


def reduced(loss: Tensor, reduction: str) -> Any:
    """Return a loss as it is, its mean or its sum."""
    if reduction == "mean":
        return red.mean(loss)
    if reduction == "sum":
        return red.sum(loss)
    if reduction != "none":
        msg = f"{reduction} is not a valid value for reduction"
        raise ValueError(msg)
    return loss


def _legacy(size_average: Any, reduce: Any, reduction: str) -> str:
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


def _entropy_forward(saved: Saved, x: Array, labels: Array) -> Array:
    """X (N, K), labels (N,) -> the mean of -log softmax(x) at the labels."""
    loss = np.empty(1, np.float64)
    count = np.zeros(1, np.int64)
    dx = np.empty_like(x) if saved.needs[0] else None
    _core.softmax_cross_entropy_train(x, labels, None, loss, count, None, dx)
    saved.dx = dx
    return np.asarray(loss[0], x.dtype)


def _entropy_backward(saved: Saved, dy: Array) -> tuple[Array, None]:
    return num.multiply(saved.dx, dy), None


_ENTROPY = Op("NllLossBackward0", _entropy_forward, _entropy_backward, "a")


def _classes_first(input: Tensor, target: Tensor) -> tuple[Any, Any, Any]:
    """Return (N, K) and (N,) of a batch with further axes, and the shape of the losses."""
    x, t = input._array, target._array
    if x.ndim == 1:
        if t.ndim != 0:
            msg = f"0D target tensor expected, got shape {list(t.shape)}"
            raise RuntimeError(msg)
        return reshape(input, 1, -1), reshape(target, 1), ()
    if x.ndim != t.ndim + 1 or x.shape[0] != t.shape[0] or x.shape[2:] != t.shape[1:]:
        msg = (
            f"Expected input batch_size ({x.shape[0]}) to match target batch_size "
            f"({t.shape[0] if t.ndim else 1}), got shapes {list(x.shape)} and {list(t.shape)}"
        )
        raise ValueError(msg)
    if x.ndim == 2:
        return input, target, t.shape
    return reshape(movedim(input, 1, -1), -1, x.shape[1]), reshape(target, -1), t.shape


def _labels(target: Tensor) -> None:
    if target._array.dtype.char not in "lqB":
        msg = f"expected scalar type Long but found {dtypes.WORDS[target._array.dtype.char]}"
        raise RuntimeError(msg)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return ``-x[target]``, weighted; `input` holds log probabilities (N, K, ...).

    Raises
    ------
    IndexError
        For targets outside the classes.
    RuntimeError, ValueError
        For dtypes and shapes that do not fit.
    """
    reduction = _legacy(size_average, reduce, reduction)
    _labels(target)
    rows, labels, shape = _classes_first(input, target)
    t = labels._array.astype(np.int64, copy=False)
    k = rows._array.shape[1]
    ignored = t == ignore_index
    bad = (~ignored) & ((t < 0) | (t >= k))
    if bad.any():
        msg = f"Target {t[bad][0]} is out of bounds."
        raise IndexError(msg)
    some = bool(ignored.any())
    place = np.where(ignored, 0, t) if some else t
    loss = pw.neg(squeeze(gather_op("Gather", rows, 1, wrap(place[:, None])), 1))
    if weight is None and not some:
        return reduced(reshape(loss, shape) if reduction == "none" else loss, reduction)
    kind = rows._array.dtype
    factors = np.ones(len(t), kind) if weight is None else weight._array[place]
    factors = wrap(np.where(ignored, 0, factors).astype(kind))
    loss = pw.mul(loss, factors)
    if some:
        loss = pw.where(wrap(ignored), 0.0, loss)
    if reduction == "none":
        return reshape(loss, shape)
    total = red.sum(loss)
    return pw.div(total, red.sum(factors)) if reduction == "mean" else reduced(loss, reduction)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Return ``-log softmax(x)[target]`` of logits (N, K, ...); `target` holds classes or probabilities.

    Raises
    ------
    IndexError
        For targets outside the classes.
    RuntimeError, ValueError
        For dtypes and shapes that do not fit.
    """
    reduction = _legacy(size_average, reduce, reduction)
    x, t = input._array, target._array
    simple = weight is None and not label_smoothing and reduction == "mean"
    if simple and x.ndim == 2 and t.ndim == 1 and t.dtype.char in "lq" and len(x) == len(t) > 0:
        low, high = int(t.min()), int(t.max())
        if low >= 0 and high < x.shape[1] and not low <= ignore_index <= high:
            if not x.flags.c_contiguous:
                input = pw.clone(input)
            return apply(_ENTROPY, input, target)
    axis = 0 if x.ndim == 1 else 1
    logs = log_softmax(input, axis)
    if t.shape == x.shape and t.dtype.kind == "f":
        return _soft_entropy(logs, target, weight, axis, reduction, label_smoothing)
    loss = nll_loss(logs, target, weight, None, ignore_index, None, reduction)
    if not label_smoothing:
        return loss
    # The same share of every class, in the place of the label's.
    w = 1.0 if weight is None else reshape(weight, -1, *([1] * (x.ndim - 1 - axis)))
    smooth = pw.neg(red.sum(pw.mul(logs, w), axis))
    ignored = wrap(t == ignore_index)
    if ignored._array.any():
        smooth = pw.where(ignored, 0.0, smooth)
    if reduction == "mean":
        kept = np.where(ignored._array, 0, t)
        counts = (~ignored._array).astype(x.dtype)
        if weight is not None:
            counts = counts * weight._array[kept]
        smooth = pw.div(red.sum(smooth), float(counts.sum()))
    else:
        smooth = reduced(smooth, reduction)
    k = x.shape[axis]
    return pw.add(pw.mul(loss, 1 - label_smoothing), pw.mul(smooth, label_smoothing / k))


def _soft_entropy(
    logs: Tensor, target: Tensor, weight: Any, axis: int, reduction: str, smoothing: float
) -> Any:
    k = logs._array.shape[axis]
    if smoothing:
        target = pw.add(pw.mul(target, 1 - smoothing), smoothing / k)
    product = pw.mul(logs, target)
    if weight is not None:
        product = pw.mul(product, reshape(weight, -1, *([1] * (logs._array.ndim - 1 - axis))))
    loss = pw.neg(red.sum(product, axis))
    return reduced(loss, reduction)


def _pairs(name: str, input: Tensor, target: Tensor) -> tuple[Any, Any]:
    if not isinstance(target, Tensor) or not isinstance(input, Tensor):
        msg = f"{name}: takes two tensors, got {type(input).__name__} and {type(target).__name__}"
        raise TypeError(msg)
    if input._array.shape != target._array.shape:
        return broadcast_tensors(input, target)
    return input, target


def _mse_forward(saved: Saved, x: Array, t: Array) -> Array:
    d = _core.subtract(x, t)
    saved.d = d
    return _core.mean(_core.square(d))


def _mse_backward(saved: Saved, dy: Array) -> tuple[Any, Any]:
    factor = num.multiply(dy, num.constant(2.0 / max(1, saved.d.size), dy))
    dx = num.multiply(saved.d, factor)
    return dx if saved.needs[0] else None, num.negative(dx) if saved.needs[1] else None


_MSE = Op("MseLossBackward0", _mse_forward, _mse_backward, "ab")


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """Return ``(x - t)^2``."""
    reduction = _legacy(size_average, reduce, reduction)
    x, t = _pairs("mse_loss", input, target)
    same = x._array.dtype is t._array.dtype and x._array.dtype.char in "fd"
    if reduction == "mean" and weight is None and same and x._array.size:
        return apply(_MSE, x, t)
    loss = pw.square(pw.sub(x, t))
    return reduced(loss if weight is None else pw.mul(loss, weight), reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return ``|x - t|``."""
    x, t = _pairs("l1_loss", input, target)
    return reduced(pw.abs(pw.sub(x, t)), _legacy(size_average, reduce, reduction))


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    """Return ``d^2 / (2 beta)`` where ``d = |x - t| < beta``, else ``d - beta / 2``."""
    if beta == 0:
        return l1_loss(input, target, size_average, reduce, reduction)
    loss = pw.div(_huber(input, target, beta), beta)
    return reduced(loss, _legacy(size_average, reduce, reduction))


def _huber(input: Tensor, target: Tensor, delta: float) -> Any:
    x, t = _pairs("huber_loss", input, target)
    d = pw.sub(x, t)
    size = pw.abs(d)
    near = pw.mul(pw.square(d), 0.5)
    return pw.where(pw.lt(size, delta), near, pw.mul(pw.sub(size, 0.5 * delta), delta))


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Any:
    """Return ``d^2 / 2`` where ``d = |x - t| < delta``, else ``delta (d - delta / 2)``."""
    loss = _huber(input, target, delta)
    return reduced(loss if weight is None else pw.mul(loss, weight), reduction)


def _same_shape(name: str, input: Tensor, target: Tensor) -> None:
    if input._array.shape != target._array.shape:
        msg = (
            f"{name}: Target size (torch.Size({list(target._array.shape)})) must be the same as input "
            f"size (torch.Size({list(input._array.shape)}))"
        )
        raise ValueError(msg)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return ``-t log(x) - (1 - t) log(1 - x)`` of probabilities; logarithms end at -100."""
    _same_shape("binary_cross_entropy", input, target)
    array = input._array
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        msg = "all elements of input should be between 0 and 1"
        raise RuntimeError(msg)
    yes, no = pw.clamp(pw.log(input), min=-100.0), pw.clamp(pw.log1p(pw.neg(input)), min=-100.0)
    loss = pw.sub(pw.mul(pw.sub(target, 1), no), pw.mul(target, yes))
    loss = loss if weight is None else pw.mul(loss, weight)
    return reduced(loss, _legacy(size_average, reduce, reduction))


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """Return the binary cross-entropy of ``sigmoid(x)``, from logits."""
    _same_shape("binary_cross_entropy_with_logits", input, target)
    # log(1 + exp(-x)), without a threshold.
    other = softplus(pw.neg(input), threshold=math.inf)
    rest = pw.mul(pw.sub(1, target), input)
    if pos_weight is not None:
        other = pw.mul(other, pw.add(pw.mul(target, pw.sub(pos_weight, 1)), 1))
    loss = pw.add(rest, other)
    loss = loss if weight is None else pw.mul(loss, weight)
    return reduced(loss, _legacy(size_average, reduce, reduction))


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    """Return ``t (log t - x)``; `input` holds log probabilities."""
    reduction = _legacy(size_average, reduce, reduction)
    if log_target:
        loss = pw.mul(pw.exp(target), pw.sub(target, input))
    else:
        zero = wrap(target._array == 0)
        own = pw.where(zero, 0.0, pw.mul(target, pw.log(pw.where(zero, 1.0, target))))
        loss = pw.sub(own, pw.mul(target, input))
    if reduction == "batchmean":
        return pw.div(red.sum(loss), max(1, input._array.shape[0] if input._array.ndim else 1))
    return reduced(loss, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:
    """Return ``(log var + (x - t)^2 / var) / 2``."""
    if not isinstance(var, Tensor):
        var = wrap(np.full(input._array.shape, var, input._array.dtype))
    raised = var.detach().clamp(min=eps)
    var = pw.add(var, pw.sub(raised, var.detach()))
    loss = pw.mul(pw.add(pw.log(var), pw.div(pw.square(pw.sub(input, target)), var)), 0.5)
    return reduced(pw.add(loss, 0.5 * math.log(2 * math.pi)) if full else loss, reduction)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    size_average: Any = None,
    full: bool = False,
    eps: float = 1e-8,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return ``exp(x) - t x``, or ``x - t log(x + eps)``."""
    if log_input:
        loss = pw.sub(pw.exp(input), pw.mul(target, input))
    else:
        loss = pw.sub(input, pw.mul(target, pw.log(pw.add(input, eps))))
    if full:
        t = target._array
        big = np.where(t > 1, t, 2)
        more = big * np.log(big) - big + 0.5 * np.log(2 * np.pi * big)
        loss = pw.add(loss, wrap(np.where(t > 1, more, 0).astype(t.dtype)))
    return reduced(loss, _legacy(size_average, reduce, reduction))


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return ``x`` where the target is 1, ``max(0, margin - x)`` where it is -1."""
    zero = wrap(np.zeros((), input._array.dtype))
    far = pw.where(pw.eq(target, -1), pw.clamp(pw.sub(margin, input), min=0.0), zero)
    near = pw.where(pw.eq(target, 1), input, zero)
    return reduced(pw.add(far, near), _legacy(size_average, reduce, reduction))


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return ``log(1 + exp(-t x))``."""
    loss = pw.log1p(pw.exp(pw.neg(pw.mul(target, input))))
    return reduced(loss, _legacy(size_average, reduce, reduction))


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return ``max(0, -t (x1 - x2) + margin)``."""
    loss = pw.clamp(pw.add(pw.mul(pw.neg(target), pw.sub(input1, input2)), margin), min=0.0)
    return reduced(loss, _legacy(size_average, reduce, reduction))


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return the mean over other classes of ``max(0, margin - x[t] + x)^p``."""
    own = gather_op("Gather", input, 1, unsqueeze(target, 1))
    gap = pw.clamp(pw.add(pw.sub(input, own), margin), min=0.0)
    gap = gap if p == 1 else pw.pow(gap, p)
    if weight is not None:
        gap = pw.mul(gap, unsqueeze(wrap(weight._array[target._array]), 1))
    others = wrap(
        (target._array[:, None] != np.arange(input._array.shape[1])).astype(input._array.dtype)
    )
    loss = pw.div(red.sum(pw.mul(gap, others), 1), input._array.shape[1])
    return reduced(loss, _legacy(size_average, reduce, reduction))


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Any:
    """Return the cosine between vectors along an axis."""
    # A size below eps is eps, without gradient.
    sizes = [pw.clamp(red.norm(x, 2, dim, True), min=eps) for x in (x1, x2)]
    return red.sum(pw.mul(pw.div(x1, sizes[0]), pw.div(x2, sizes[1])), dim)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Any:
    """Return the norms of ``x1 - x2 + eps`` along the last axis."""
    return red.norm(pw.add(pw.sub(x1, x2), eps), p, -1, keepdim)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return ``1 - cos`` where the target is 1, ``max(0, cos - margin)`` where it is -1."""
    near = cosine_similarity(input1, input2, -1)
    far = pw.clamp(pw.sub(near, margin), min=0.0)
    loss = pw.where(pw.eq(target, 1), pw.sub(1, near), far)
    return reduced(loss, _legacy(size_average, reduce, reduction))


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return ``max(0, |a - p| - |a - n| + margin)``."""
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = pw.minimum(far, pairwise_distance(positive, negative, p, eps))
    loss = pw.clamp(pw.add(pw.sub(near, far), margin), min=0.0)
    return reduced(loss, _legacy(size_average, reduce, reduction))


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """Return the mean over classes of the binary cross-entropy of logits."""
    loss = binary_cross_entropy_with_logits(input, target, weight, reduction="none")
    return reduced(red.mean(loss, -1), _legacy(size_average, reduce, reduction))
