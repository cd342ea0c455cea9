"""Sums, maxima and their kind; sorted and running values."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from hotloop.autodiff import nn as soft
from hotloop.autodiff import reductions as rules
from hotloop.autodiff import shapes
from hotloop.autodiff.rule import Rule
from hotloop.torch import dtypes
from hotloop.torch import pointwise as pw
from hotloop.torch.core import Op, Tensor, apply, array_of, wrap
from hotloop.torch.pointwise import cast, into
from hotloop.torch.shaping import axis_of, reshape


class _Values(NamedTuple):
    values: Any
    indices: Any

    def __repr__(self) -> str:
        """Return PyTorch's form."""
        parts = f"\nvalues={self.values!r},\nindices={self.indices!r}"
        return f"torch.return_types.{type(self).__name__}({parts})"


_Pair: dict[str, Any] = {
    name: type(name, (_Values,), {"__slots__": (), "__module__": "torch.return_types"})
    for name in ("max", "min", "sort", "topk", "median", "kthvalue")
}


def axes_of(dim: Any, rank: int) -> Any:
    """Return axes from 0; None for all of them."""
    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return None
    if isinstance(dim, tuple | list):
        axes = tuple(axis_of(d, rank) for d in dim)
        if len(set(axes)) != len(axes):
            msg = f"dim {axes[-1]} appears multiple times in the list of dims"
            raise RuntimeError(msg)
    else:
        axes = (axis_of(dim, rank),)
    return axes if rank else ()


def _over(rule: Rule, node: str, keeps: str = "") -> tuple[Op, Op]:
    return (
        Op(f"{node}Backward0", rule.forward, rule.backward, keeps),
        Op(f"{node}Backward1", rule.forward, rule.backward, keeps),
    )


_SUM, _MEAN = _over(rules.sum_, "Sum"), _over(rules.mean, "Mean")
_PROD = _over(rules.prod, "Prod", "ar")
_MAX, _MIN = _over(rules.max_, "Max", "ar"), _over(rules.min_, "Min", "ar")
_AMAX, _AMIN = _over(rules.max_, "Amax", "ar"), _over(rules.min_, "Amin", "ar")
_LSE = _over(rules.logsumexp, "Logsumexp", "ar")
_ANY, _ALL = _over(rules.any_, "Any"), _over(rules.all_, "All")


def _reduced(ops: tuple[Op, Op], input: Tensor, dim: Any, keepdim: bool) -> Any:
    axes = axes_of(dim, input._array.ndim)
    return apply(ops[0 if axes is None else 1], input, axis=axes, keepdims=keepdim)


def sum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Any:
    """Return the sum over axes; of integers as int64."""
    if dtype is not None:
        input = cast(input, dtypes.to_numpy(dtype))
    elif input._array.dtype.kind != "f":
        input = cast(input, dtypes.INT64)
    return into(out, _reduced(_SUM, input, dim, keepdim))


def mean(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Any:
    """Return the mean over axes; a RuntimeError for integers."""
    if dtype is not None:
        input = cast(input, dtypes.to_numpy(dtype))
    if input._array.dtype.kind != "f":
        word = dtypes.WORDS[input._array.dtype.char]
        msg = (
            "mean(): could not infer output dtype. Input dtype must be either a floating point or "
            f"complex dtype. Got: {word}"
        )
        raise RuntimeError(msg)
    return into(out, _reduced(_MEAN, input, dim, keepdim))


def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Return the product over an axis, or all."""
    if dtype is not None:
        input = cast(input, dtypes.to_numpy(dtype))
    elif input._array.dtype.kind != "f":
        input = cast(input, dtypes.INT64)
    return _reduced(_PROD, input, dim, keepdim)


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Any:
    """Return ``log(sum(exp(x)))`` over axes."""
    return _reduced(_LSE, input, dim, keepdim)


def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Return whether any element is true."""
    return _reduced(_ANY, input, dim, keepdim)


def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Return whether all elements are true."""
    return _reduced(_ALL, input, dim, keepdim)


def _not_empty(name: str, input: Tensor, axes: Any) -> None:
    array = input._array
    if array.size == 0 and (axes is None or math.prod(array.shape[a] for a in axes) == 0):
        if axes is None:
            msg = (
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify "
                "the reduction dim with the 'dim' argument."
            )
            raise RuntimeError(msg)
        msg = f"{name}(): Expected reduction dim {axes[0]} to have non-zero size."
        raise IndexError(msg)


def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Any:
    """Return the maximum over axes; equal elements share its gradient."""
    _not_empty("amax", input, axes_of(dim, input._array.ndim))
    return _reduced(_AMAX, input, dim, keepdim)


def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Any:
    """Return the minimum over axes; equal elements share its gradient."""
    _not_empty("amin", input, axes_of(dim, input._array.ndim))
    return _reduced(_AMIN, input, dim, keepdim)


def _place(name: str, rule: Rule, input: Tensor, dim: Any, keepdim: bool) -> Any:
    """Return the first place of the largest or smallest element."""
    axes = axes_of(dim, input._array.ndim)
    _not_empty(name, input, axes)
    array = input._array
    if array.dtype.kind == "b":
        msg = f"{name}(): does not support bool input"
        raise RuntimeError(msg)
    if array.ndim == 0:
        return apply_plain(rule, array, axis=None, keepdims=False)
    return apply_plain(rule, array, axis=None if axes is None else axes[0], keepdims=keepdim)


def apply_plain(rule: Rule, array: Any, **options: Any) -> Any:
    """Call a rule of places; they come as int64."""
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    return cast(apply(Op(rule.name, rule.forward), array, **options), dtypes.INT64)


def argmax(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the place of the maximum."""
    return _place("argmax", rules.argmax, input, dim, keepdim)


def argmin(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the place of the minimum."""
    return _place("argmin", rules.argmin, input, dim, keepdim)


_PICK = {
    name: Op(
        f"{name}Backward0", shapes.take_along_axis.forward, shapes.take_along_axis.backward, "b"
    )
    for name in ("Max", "Min", "Sort", "Topk", "Median", "Gather", "Kthvalue", "Mode")
}


def gather_op(name: str, input: Tensor, dim: int, index: Tensor) -> Any:
    """Return elements at places along an axis, of `index`'s shape."""
    return apply(_PICK[name], input, index, axis=dim)


def _extreme(
    name: str, rule: Rule, ops: tuple[Op, Op], two: Any, input: Tensor, dim: Any, keepdim: bool
) -> Any:
    if dim is None:
        _not_empty(name, input, None)
        if input._array.dtype.kind == "b":
            return cast(_reduced(ops, cast(input, np.dtype(np.uint8)), None, False), dtypes.BOOL)
        return _reduced(ops, input, None, False)
    if isinstance(dim, Tensor):
        return two(input, dim)
    axis = axis_of(dim, input._array.ndim)
    _not_empty(name, input, (axis,) if input._array.ndim else None)
    pair = _Pair[name]
    if input._array.ndim == 0:
        return pair(pw.clone(input), wrap(np.zeros((), np.int64)))
    places = apply_plain(rule, input._array, axis=axis, keepdims=True)
    values = gather_op(name.capitalize(), input, axis, places)
    if keepdim:
        return pair(values, places)
    return pair(_without(values, axis), wrap(np.squeeze(places._array, axis)))


def _without(values: Tensor, axis: int) -> Any:
    shape = values._array.shape
    return reshape(values, (*shape[:axis], *shape[axis + 1 :]))


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the maximum; along an axis, values and places; of two tensors, the larger elements."""
    return _extreme("max", rules.argmax, _MAX, pw.maximum, input, dim, keepdim)


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the minimum; along an axis, values and places; of two tensors, the smaller elements."""
    return _extreme("min", rules.argmin, _MIN, pw.minimum, input, dim, keepdim)


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: Any = True,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> Any:
    """Return the variance over axes: the sum of squares over ``n - correction``."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    less = (1 if unbiased else 0) if correction is None else correction
    shape = input._array.shape
    axes = axes_of(dim, len(shape))
    count = math.prod(shape if axes is None else [shape[a] for a in axes])
    away = pw.sub(input, mean(input, dim, True))
    total = sum(pw.square(away), dim, keepdim)
    return pw.div(total, float(count - less) if count > less else 0.0)


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: Any = True,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> Any:
    """Return the standard deviation over axes."""
    return pw.sqrt(var(input, dim, unbiased, keepdim, correction=correction))


def var_mean(input: Tensor, dim: Any = None, **options: Any) -> Any:
    """Return variance and mean."""
    return var(input, dim, **options), mean(input, dim, options.get("keepdim", False))


def std_mean(input: Tensor, dim: Any = None, **options: Any) -> Any:
    """Return standard deviation and mean."""
    return std(input, dim, **options), mean(input, dim, options.get("keepdim", False))


def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Any:
    """Return the norm of order `p` (2 by default) over axes."""
    if dtype is not None:
        input = cast(input, dtypes.to_numpy(dtype))
    if input._array.dtype.kind != "f":
        msg = (
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{dtypes.WORDS[input._array.dtype.char]}"
        )
        raise RuntimeError(msg)
    if p in ("fro", None, 2, 2.0):
        return _root(sum(pw.square(input), dim, keepdim))
    size = pw.abs(input)
    if p == math.inf:
        return amax(size, () if dim is None else dim, keepdim)
    if p == -math.inf:
        return amin(size, () if dim is None else dim, keepdim)
    if p == 1:
        return sum(size, dim, keepdim)
    if p == 0:
        return sum(cast(pw.ne(input, 0), input._array.dtype), dim, keepdim)
    return pw.pow(sum(pw.pow(size, p), dim, keepdim), 1.0 / p)


def _root(total: Tensor) -> Any:
    """Return the root of sums of squares; where they are 0, so is the gradient."""
    zero = total._array == 0
    if not zero.any():
        return pw.sqrt(total)
    mask = wrap(zero)
    return pw.mul(pw.sqrt(pw.where(mask, 1.0, total)), cast(wrap(~zero), total._array.dtype))


_CUMSUM = Op("CumsumBackward0", rules.cumsum.forward, rules.cumsum.backward)
_CUMPROD = Op("CumprodBackward0", rules.cumprod.forward, rules.cumprod.backward, "ar")


def _running(op: Op, input: Tensor, dim: int, dtype: Any) -> Any:
    axis = axis_of(dim, input._array.ndim)
    if dtype is not None:
        input = cast(input, dtypes.to_numpy(dtype))
    elif input._array.dtype.kind != "f":
        input = cast(input, dtypes.INT64)
    if input._array.ndim == 0:
        return pw.clone(input)
    return apply(op, input, axis=axis)


def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Any:
    """Return running sums along an axis."""
    return _running(_CUMSUM, input, dim, dtype)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Any:
    """Return running products along an axis."""
    return _running(_CUMPROD, input, dim, dtype)


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:  # noqa: ARG001
    """Return the order of the elements along an axis; equal ones stay in theirs."""
    array = input._array
    axis = axis_of(dim, array.ndim)
    if array.ndim == 0:
        return wrap(np.zeros((), np.int64))
    if descending:
        # Stable from behind, so that of equal values the first comes first.
        n = array.shape[axis]
        back = np.flip(np.argsort(np.flip(array, axis), axis=axis, kind="stable"), axis)
        return wrap(n - 1 - back.astype(np.int64))
    return wrap(np.argsort(array, axis=axis, kind="stable").astype(np.int64))


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Return the elements in order along an axis, and where they were."""
    order = argsort(input, dim, descending, stable)
    if input._array.ndim == 0:
        return _Pair["sort"](pw.clone(input), order)
    return _Pair["sort"](gather_op("Sort", input, axis_of(dim, input._array.ndim), order), order)


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:  # noqa: ARG001
    """Return the `k` largest elements along an axis, and where they are."""
    rank = input._array.ndim
    axis = axis_of(dim, rank)
    if input._array.dtype.kind == "b":
        msg = "topk does not support bool dtypes on CPU"
        raise RuntimeError(msg)
    n = input._array.shape[axis] if rank else 1
    if not 0 <= k <= n:
        msg = "selected index k out of range"
        raise RuntimeError(msg)
    if rank == 0:
        return _Pair["topk"](pw.clone(input), wrap(np.zeros((), np.int64)))
    order = argsort(input, dim, largest)
    places = wrap(np.ascontiguousarray(order._array[(slice(None),) * axis + (slice(k),)]))
    return _Pair["topk"](gather_op("Topk", input, axis, places), places)


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """Return the `k`-th smallest element along an axis, and where it is."""
    return _ranked("kthvalue", input, k - 1, dim, keepdim)


def _ranked(name: str, input: Tensor, at: int, dim: int, keepdim: bool) -> Any:
    axis = axis_of(dim, input._array.ndim)
    if input._array.ndim == 0:
        return _Pair[name](pw.clone(input), wrap(np.zeros((), np.int64)))
    array = input._array
    order = argsort(input, dim)._array
    if name == "median" and array.dtype.kind == "f":
        # NaN come last: the first of them is the median.
        count = np.isnan(array).sum(axis=axis, keepdims=True)
        first = array.shape[axis] - count
        moved = np.take_along_axis(order, np.minimum(first, array.shape[axis] - 1), axis)
        order = np.where(count > 0, moved, order)
    places = wrap(np.ascontiguousarray(order[(slice(None),) * axis + (slice(at, at + 1),)]))
    values = gather_op(name.capitalize(), input, axis, places)
    if not keepdim:
        values, places = _without(values, axis), wrap(np.squeeze(places._array, axis))
    return _Pair[name](values, places)


def _median_forward(saved: Any, x: Any) -> Any:
    flat = np.sort(x, axis=None)
    nan = flat.size == 0 or (x.dtype.kind == "f" and np.isnan(flat[-1]))
    y = np.asarray(np.nan if nan else flat[(flat.size - 1) // 2], x.dtype)
    saved.x, saved.y, saved.shape, saved.axes = x, y, x.shape, tuple(range(x.ndim))
    return y


# Equal elements share the gradient, as of a maximum.
_MEDIAN = Op("MedianBackward0", _median_forward, rules.max_.backward, "ar")


def median(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the lower median; along an axis, values and places."""
    if input._array.dtype.kind == "b":
        msg = "\"median_cpu\" not implemented for 'Bool'"
        raise NotImplementedError(msg)
    if dim is None:
        return apply(_MEDIAN, input)
    n = (input._array.shape or (1,))[axis_of(dim, input._array.ndim)]
    return _ranked("median", input, (n - 1) // 2, dim, keepdim)


def count_nonzero(input: Tensor, dim: Any = None) -> Any:
    """Return how many elements are not 0."""
    return wrap(
        np.asarray(np.count_nonzero(input._array, axis=axes_of(dim, input._array.ndim)), np.int64)
    )


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Return the indices of elements that are not 0."""
    found = [i.astype(np.int64) for i in np.nonzero(input._array)]
    return (
        tuple(map(wrap, found))
        if as_tuple
        else wrap(np.stack(found, axis=1) if found else np.zeros((1, 0), np.int64))
    )


def unique(
    input: Tensor,
    sorted: bool = True,  # noqa: ARG001
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: Any = None,
) -> Any:
    """Return the different elements in order; with their places and counts where asked for."""
    values, inverse, counts = np.unique(
        input._array, return_inverse=True, return_counts=True, axis=dim
    )
    shape = input._array.shape if dim is None else (-1,)
    answers = [wrap(values)]
    if return_inverse:
        answers.append(wrap(inverse.reshape(shape).astype(np.int64)))
    if return_counts:
        answers.append(wrap(counts.astype(np.int64)))
    return answers[0] if len(answers) == 1 else tuple(answers)


def bincount(input: Tensor, weights: Any = None, minlength: int = 0) -> Any:
    """Return how often each whole number occurs."""
    given = None if weights is None else array_of(weights)
    return wrap(np.bincount(input._array, given, minlength))


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """Return how many elements lie in each of equally wide bins."""
    array = input._array
    low, high = (array.min(), array.max()) if min == max else (min, max)
    return wrap(np.histogram(array, bins, (float(low), float(high)))[0].astype(array.dtype))


def quantile(input: Tensor, q: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Return quantiles, linear between elements; without gradient."""
    found = np.quantile(input._array, array_of(q), axis=dim, keepdims=keepdim)
    return wrap(np.asarray(found, input._array.dtype))


def dist(input: Tensor, other: Tensor, p: float = 2) -> Any:
    """Return the norm of the difference."""
    return norm(pw.sub(input, other), p)


def nan_to_num(input: Tensor, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Return numbers in place of NaN and infinities."""
    array = input._array
    fixed = wrap(np.nan_to_num(array, nan=nan, posinf=posinf, neginf=neginf))
    return pw.where(wrap(np.isfinite(array)), input, fixed)


_SOFTMAX = Op("SoftmaxBackward0", soft.softmax.forward, soft.softmax.backward, "r")
_LOG_SOFTMAX = Op("LogSoftmaxBackward0", soft.log_softmax.forward, soft.log_softmax.backward, "r")


def floats_alone(name: str, x: Tensor) -> None:
    """Refuse a tensor of another kind; a RuntimeError."""
    if x._array.dtype.kind != "f":
        msg = f"\"{name}\" not implemented for '{dtypes.WORDS[x._array.dtype.char]}'"
        raise RuntimeError(msg)


def _usual_axis(rank: int) -> int:
    return 0 if rank in (0, 1, 3) else 1


def softmax(input: Tensor, dim: Any = None, *, dtype: Any = None) -> Any:
    """Return ``exp(x)`` over its sum along an axis."""
    return _softened(_SOFTMAX, "softmax", input, dim, dtype)


def log_softmax(input: Tensor, dim: Any = None, *, dtype: Any = None) -> Any:
    """Return the logarithm of `softmax`."""
    return _softened(_LOG_SOFTMAX, "log_softmax", input, dim, dtype)


def _softened(op: Op, name: str, input: Tensor, dim: Any, dtype: Any) -> Any:
    if dtype is not None:
        input = cast(input, dtypes.to_numpy(dtype))
    floats_alone(f"{name}_lastdim_kernel_impl", input)
    rank = input._array.ndim
    axis = axis_of(_usual_axis(rank) if dim is None else dim, rank)
    if rank == 0:
        return reshape(apply(op, reshape(input, 1), axis=0), ())
    if input._array.size == 0:
        return pw.clone(input)
    return apply(op, input, axis=axis)
