"""Rules of sums, maxima and their kind over any axes, and of running sums."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hotloop import _core
from hotloop._support.quoting import quoted
from hotloop.autodiff import numeric as num
from hotloop.autodiff.rule import Array, Rule, Saved, as_array, floating, quiet

_SMALL = 1024  # elements
# What ndarray.sum calls.
_add_up: Any = np.add.reduce

Axis = int | Sequence[int] | None


def axes_of(name: str, axis: Axis, ndim: int) -> tuple[int, ...]:
    """Return `axis` as a tuple of axes from 0; a ValueError for what the array does not have."""
    if axis is None:
        return tuple(range(ndim))
    given = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    found = tuple(int(a) + ndim if a < 0 else int(a) for a in given)
    if any(not 0 <= a < ndim for a in found) or len(set(found)) != len(found):
        msg = f"{name}: axis {quoted(axis)} does not fit an array of {ndim} axes"
        raise ValueError(msg)
    return found


def _spread(saved: Saved, part: Array) -> Array:
    """Return what stands for the reduced axes again with axes of 1 in their place."""
    shape = tuple(1 if i in saved.axes else n for i, n in enumerate(saved.shape))
    return part.reshape(shape)


@quiet
def _sum_forward(saved: Saved, x: Any, *, axis: Axis, keepdims: bool) -> Array:
    x = as_array(x)
    saved.shape, saved.axes = x.shape, axes_of("sum", axis, x.ndim)
    if x.dtype.char in num.CORE:
        return _core.sum(x, saved.axes, keepdims)
    # As in Keras: small integers and bools are counted in int32, no wider than that.
    dtype = x.dtype
    kind = dtype.kind
    if kind != "f" and (kind == "b" or dtype.itemsize < 4):
        dtype = np.dtype(np.int32)
    return np.asarray(_add_up(x, axis=saved.axes, keepdims=keepdims, dtype=dtype))


def _repeated(part: Array, shape: tuple[int, ...]) -> Array:
    """Return `part` broadcast; small arrays are written out, which takes less than a view of them."""
    view = np.broadcast_to(part, shape)
    return view if math.prod(shape) > _SMALL else num.copy(view)


def _sum_backward(saved: Saved, dy: Array) -> tuple[Array]:
    return (_repeated(_spread(saved, dy), saved.shape),)


sum_ = Rule("sum", _sum_forward, _sum_backward)


@quiet
def _mean_forward(saved: Saved, x: Any, *, axis: Axis, keepdims: bool) -> Array:
    x = floating(x)
    saved.shape, saved.axes = x.shape, axes_of("mean", axis, x.ndim)
    saved.count = math.prod(x.shape[a] for a in saved.axes)
    if x.dtype.char in num.CORE:
        return _core.mean(x, saved.axes, keepdims)
    total = _add_up(x, axis=saved.axes, keepdims=keepdims, dtype=x.dtype)
    return np.asarray(np.divide(total, x.dtype.type(saved.count)))


def _mean_backward(saved: Saved, dy: Array) -> tuple[Array]:
    part = num.divide(_spread(saved, dy), num.constant(float(max(1, saved.count)), dy))
    return (_repeated(part, saved.shape),)


mean = Rule("mean", _mean_forward, _mean_backward)


def _extreme(name: str, value: Callable[..., Array], of_core: Callable[..., Array]) -> Rule:
    """Make a rule of a maximum or minimum; equal elements share its gradient."""

    def forward(saved: Saved, x: Any, *, axis: Axis, keepdims: bool) -> Array:
        x = as_array(x)
        saved.shape, saved.axes = x.shape, axes_of(name, axis, x.ndim)
        if math.prod(x.shape[a] for a in saved.axes) == 0 and x.size == 0:
            msg = f"{name}: an empty array has no {name}, got shape {x.shape}"
            raise ValueError(msg)
        if x.dtype.char in num.CORE:
            y = of_core(x, saved.axes, keepdims)
        else:
            y = np.asarray(value(x, axis=saved.axes, keepdims=keepdims))
        if saved.needs[0]:
            saved.x, saved.y = x, y
        return y

    def backward(saved: Saved, dy: Array) -> tuple[Array]:
        x, top = saved.x, _spread(saved, saved.y)
        zero, one = num.constant(0.0, dy), num.constant(1.0, dy)
        # Where an element is NaN, so is the answer.
        chosen = num.where(num.equal(x, top), one, num.where(num.not_equal(x, x), one, zero))
        count = num.total(chosen, saved.axes, keepdims=True)
        return (num.multiply(chosen, num.divide(_spread(saved, dy), count)),)

    return Rule(name, forward, backward)


max_ = _extreme("max", np.max, _core.max)
min_ = _extreme("min", np.min, _core.min)


@quiet
def _prod_forward(saved: Saved, x: Any, *, axis: Axis, keepdims: bool) -> Array:
    x = as_array(x)
    saved.shape, saved.axes = x.shape, axes_of("prod", axis, x.ndim)
    dtype = np.int32 if x.dtype.kind == "b" else x.dtype
    if x.dtype.char in num.CORE:
        y = _core.prod(x, saved.axes, keepdims)
    else:
        y = np.asarray(x.prod(axis=saved.axes, keepdims=keepdims, dtype=dtype))
    if saved.needs[0]:
        saved.x = x
    return y


def _prod_backward(saved: Saved, dy: Array) -> tuple[Array]:
    # The product of the others, without a division: zeros are among the factors.
    x, axes = saved.x, saved.axes
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    order = rest + axes
    rows = x.transpose(order).reshape(math.prod(x.shape[i] for i in rest), -1)
    ones = np.ones((len(rows), 1), x.dtype)
    before = np.cumprod(np.concatenate([ones, rows[:, :-1]], axis=1), axis=1)
    after = np.cumprod(np.concatenate([ones, rows[:, :0:-1]], axis=1), axis=1)[:, ::-1]
    others = (before * after).reshape([x.shape[i] for i in order])
    back = np.argsort(order)
    return (others.transpose(back) * _spread(saved, dy),)


prod = Rule("prod", _prod_forward, _prod_backward)


def _logsumexp_forward(saved: Saved, x: Any, *, axis: Axis, keepdims: bool) -> Array:
    x = floating(x)
    saved.shape, saved.axes = x.shape, axes_of("logsumexp", axis, x.ndim)
    zero = num.constant(0.0, x)
    if x.size == 0 or x.dtype.char not in num.CORE:
        top = x.max(axis=saved.axes, keepdims=True, initial=-np.inf)
    else:
        top = _core.max(x, saved.axes, True)
    finite = num.less(num.absolute(top), num.constant(math.inf, x))
    top = num.where(finite, top, zero)
    y = num.add(num.log(num.total(num.exp(num.subtract(x, top)), saved.axes, keepdims=True)), top)
    if saved.needs[0]:
        saved.x, saved.y = x, y
    return y if keepdims else y.squeeze(saved.axes)


def _logsumexp_backward(saved: Saved, dy: Array) -> tuple[Array]:
    part = num.exp(num.subtract(saved.x, saved.y))
    share = num.where(num.equal(saved.x, saved.y), num.constant(1.0, part), part)
    return (num.multiply(share, _spread(saved, dy)),)


logsumexp = Rule("logsumexp", _logsumexp_forward, _logsumexp_backward)


def _along(name: str, axis: int | None, x: Array) -> tuple[Array, int]:
    """Return the array to run along, flat for axis None, and the axis."""
    if axis is None:
        return num.contiguous(x).reshape(-1), 0
    return x, axes_of(name, axis, x.ndim)[0]


def _cumsum_forward(saved: Saved, x: Any, *, axis: int | None) -> Array:
    x = as_array(x)
    saved.shape = x.shape
    rows, saved.axis = _along("cumsum", axis, x)
    if x.dtype.char in num.CORE:
        return _core.cumsum(rows, saved.axis)
    dtype = np.int32 if x.dtype.kind == "b" else x.dtype
    return np.asarray(np.cumsum(rows, axis=saved.axis, dtype=dtype))


def _cumsum_backward(saved: Saved, dy: Array) -> tuple[Array]:
    if dy.dtype.char in num.CORE:
        return (_core.cumsum(dy, saved.axis, True).reshape(saved.shape),)
    back = np.flip(np.cumsum(np.flip(dy, saved.axis), axis=saved.axis), saved.axis)
    return (back.reshape(saved.shape),)


cumsum = Rule("cumsum", _cumsum_forward, _cumsum_backward)


def _cumprod_forward(saved: Saved, x: Any, *, axis: int | None) -> Array:
    x = as_array(x)
    saved.shape = x.shape
    rows, saved.axis = _along("cumprod", axis, x)
    dtype = np.int32 if x.dtype.kind == "b" else x.dtype
    y = np.asarray(np.cumprod(rows, axis=saved.axis, dtype=dtype))
    if saved.needs[0]:
        saved.x, saved.y = rows, y
    return y


def _cumprod_backward(saved: Saved, dy: Array) -> tuple[Array]:
    # dx_k = sum over j >= k of dy_j prod of x_i, i <= j, i != k: by a recurrence from behind.
    x, d = np.moveaxis(saved.x, saved.axis, 0), np.moveaxis(dy, saved.axis, 0)
    y = np.moveaxis(saved.y, saved.axis, 0)
    out = np.empty_like(d)
    tail = np.zeros_like(d[:1].sum(axis=0)) if len(d) else None
    for k in range(len(d) - 1, -1, -1):
        tail = d[k] + (x[k + 1] * tail if k + 1 < len(d) else 0)
        out[k] = tail * (y[k - 1] if k else 1)
    return (np.moveaxis(out, 0, saved.axis).reshape(saved.shape),)


cumprod = Rule("cumprod", _cumprod_forward, _cumprod_backward)


# -- without gradient ------------------------------------------------------------------------------


def _argument(name: str, value: Callable[..., Array], of_core: Callable[..., Array]) -> Rule:
    def forward(saved: Saved, x: Any, *, axis: int | None, keepdims: bool) -> Array:  # noqa: ARG001
        x = as_array(x)
        if axis is not None:
            axes_of(name, axis, x.ndim)
        if x.size == 0:
            msg = f"{name}: an empty array has no {name}, got shape {x.shape}"
            raise ValueError(msg)
        find = of_core if x.dtype.char in num.CORE else value
        return np.asarray(find(x, axis=axis, keepdims=keepdims)).astype(np.int32)

    return Rule(name, forward)


argmax = _argument("argmax", np.argmax, _core.argmax)
argmin = _argument("argmin", np.argmin, _core.argmin)


def _count(name: str, value: Callable[..., Array]) -> Rule:
    def forward(saved: Saved, x: Any, *, axis: Axis, keepdims: bool) -> Array:  # noqa: ARG001
        x = as_array(x)
        return np.asarray(value(x, axis=axes_of(name, axis, x.ndim), keepdims=keepdims))

    return Rule(name, forward)


any_ = _count("any", np.any)
all_ = _count("all", np.all)
