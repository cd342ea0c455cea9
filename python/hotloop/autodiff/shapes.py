"""Rules that move, join, cut and pick elements; every way back moves them back or adds them up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hotloop import _core
from hotloop.autodiff import numeric as num
from hotloop.autodiff.reductions import axes_of
from hotloop.autodiff.rule import Array, Rule, Saved, as_array, promoted, summed_to


def _reshape_forward(saved: Saved, x: Any, *, shape: Sequence[int]) -> Array:
    x = as_array(x)
    saved.shape = x.shape
    try:
        return np.reshape(num.contiguous(x), shape)
    except ValueError as error:
        msg = f"reshape: an array of shape {x.shape} has no shape {tuple(shape)}"
        raise ValueError(msg) from error


def _reshape_backward(saved: Saved, dy: Array) -> tuple[Array]:
    return (num.contiguous(dy).reshape(saved.shape),)


reshape = Rule("reshape", _reshape_forward, _reshape_backward)


def _transpose_forward(saved: Saved, x: Any, *, axes: Sequence[int] | None) -> Array:
    x = as_array(x)
    order = tuple(reversed(range(x.ndim))) if axes is None else axes_of("transpose", axes, x.ndim)
    if len(order) != x.ndim:
        msg = f"transpose: axes {axes!r} must name each of the {x.ndim} axes once"
        raise ValueError(msg)
    back = [0] * len(order)
    for i, axis in enumerate(order):
        back[axis] = i
    saved.back = back
    y: Array = x.transpose(order)
    return y


def _transpose_backward(saved: Saved, dy: Array) -> tuple[Array]:
    return (dy.transpose(saved.back),)


transpose = Rule("transpose", _transpose_forward, _transpose_backward)


def _broadcast_forward(saved: Saved, x: Any, *, shape: Sequence[int]) -> Array:
    x = as_array(x)
    saved.shape = x.shape
    return num.copy(np.broadcast_to(x, tuple(shape)))


def _broadcast_backward(saved: Saved, dy: Array) -> tuple[Array]:
    return (summed_to(dy, saved.shape),)


broadcast_to = Rule("broadcast_to", _broadcast_forward, _broadcast_backward)


def _concatenate_forward(saved: Saved, *arrays: Any, axis: int) -> Array:
    if not arrays:
        msg = "concatenate: needs at least one array, got none"
        raise ValueError(msg)
    parts = promoted(*(as_array(x) for x in arrays))
    saved.axis = axes_of("concatenate", axis, parts[0].ndim)[0]
    saved.sizes = [part.shape[saved.axis] if part.ndim > saved.axis else 0 for part in parts]
    return num.concatenate(parts, saved.axis)


def _concatenate_backward(saved: Saved, dy: Array) -> tuple[Array, ...]:
    lead: tuple[Any, ...] = (slice(None),) * saved.axis
    ends = np.cumsum(saved.sizes).tolist()
    return tuple(dy[(*lead, slice(end - n, end))] for n, end in zip(saved.sizes, ends, strict=True))


concatenate = Rule("concatenate", _concatenate_forward, _concatenate_backward)


def _stack_forward(saved: Saved, *arrays: Any, axis: int) -> Array:
    if not arrays:
        msg = "stack: needs at least one array, got none"
        raise ValueError(msg)
    parts = promoted(*(as_array(x) for x in arrays))
    if len({part.shape for part in parts}) > 1:
        msg = f"stack: all arrays must have one shape, got {sorted({p.shape for p in parts})}"
        raise ValueError(msg)
    saved.axis = axes_of("stack", axis, parts[0].ndim + 1)[0]
    return num.concatenate([np.expand_dims(part, saved.axis) for part in parts], saved.axis)


def _stack_backward(saved: Saved, dy: Array) -> tuple[Array, ...]:
    return tuple(np.moveaxis(dy, saved.axis, 0))


stack = Rule("stack", _stack_forward, _stack_backward)


def _basic(index: Any) -> tuple[Any, ...] | None:
    """Return an index of whole numbers, slices, None and Ellipsis as what finds a view, else None."""
    parts = index if isinstance(index, tuple) else (index,)
    for part in parts:
        plain = part is None or part is Ellipsis or isinstance(part, int | np.integer | slice)
        if not plain or isinstance(part, bool):
            return None
    # With an Ellipsis one element is a view too.
    return parts if any(part is Ellipsis for part in parts) else (*parts, ...)


def _item_forward(saved: Saved, x: Any, *, index: Any) -> Array:
    x = as_array(x)
    saved.shape, saved.index, saved.basic = x.shape, index, _basic(index)
    return np.asarray(x[index if saved.basic is None else saved.basic])


def _item_backward(saved: Saved, dy: Array) -> tuple[Array]:
    dx = num.zeros(saved.shape, dy)
    if saved.basic is not None:
        num.copy_into(dx[saved.basic], dy)
    else:
        # Elements that were read more than once add up, in the order of the index.
        np.add.at(dx, saved.index, dy)
    return (dx,)


getitem = Rule("getitem", _item_forward, _item_backward)


def _gather_sum(shape: tuple[int, ...], axis: int, indices: Array, dy: Array) -> Array:
    """Return zeros of `shape` with the rows `dy` added at `indices` along `axis`, in order."""
    if dy.dtype.char in num.CORE:
        lead, tail = shape[:axis], shape[axis + 1 :]
        rows = num.contiguous(dy).reshape(*lead, indices.size, *tail)
        return _core.scatter_add(rows, indices.reshape(-1), shape[axis], axis)
    dx: Array = np.zeros(shape, dy.dtype)
    into = np.moveaxis(dx, axis, 0)
    places = tuple(range(axis, axis + indices.ndim))
    given = np.moveaxis(dy, places, range(indices.ndim))
    np.add.at(into, indices.reshape(-1), given.reshape(indices.size, *into.shape[1:]))
    return dx


def checked_indices(name: str, indices: Any, limit: int) -> Array:
    """Return indices as int64, from 0; an error for fractions and for what lies outside.

    Raises
    ------
    TypeError
        For indices that are no whole numbers.
    ValueError
        For an index outside ``[-limit, limit)``.
    """
    array = np.asarray(indices)
    if array.size and array.dtype.kind not in "biu":
        msg = f"{name}: indices must be whole numbers, got dtype {array.dtype}"
        raise TypeError(msg)
    array = array.astype(np.int64)
    if array.size and not (-limit <= int(array.min()) and int(array.max()) < limit):
        wrong = array[(array < -limit) | (array >= limit)].reshape(-1)[0]
        msg = f"{name}: index {wrong} lies outside an axis of {limit}"
        raise ValueError(msg)
    return np.where(array < 0, array + limit, array)


def _whole(name: str, indices: Any) -> Array:
    """Return indices as int32 or int64; the core sees that they lie inside."""
    array = np.asarray(indices)
    if array.size and array.dtype.kind not in "biu":
        msg = f"{name}: indices must be whole numbers, got dtype {array.dtype}"
        raise TypeError(msg)
    return array if array.dtype.char in "ilq" else array.astype(np.int64)


def _take_forward(saved: Saved, x: Any, indices: Any, *, axis: int | None) -> Array:
    x = as_array(x)
    saved.shape = x.shape
    rows = num.contiguous(x).reshape(-1) if axis is None else x
    saved.axis = 0 if axis is None else axes_of("take", axis, x.ndim)[0]
    saved.rows, saved.indices = rows.shape, _whole("take", indices)
    return _core.take(rows, saved.indices, saved.axis)


def _take_backward(saved: Saved, dy: Array) -> tuple[Array, None]:
    return _gather_sum(saved.rows, saved.axis, saved.indices, dy).reshape(saved.shape), None


take = Rule("take", _take_forward, _take_backward)


def _along_forward(saved: Saved, x: Any, indices: Any, *, axis: int | None) -> Array:
    x = as_array(x)
    saved.shape = x.shape
    rows = num.contiguous(x).reshape(-1) if axis is None else x
    saved.axis = 0 if axis is None else axes_of("take_along_axis", axis, x.ndim)[0]
    index = _whole("take_along_axis", indices)
    if index.ndim == rows.ndim:
        # Sizes of 1 beside the axis are repeated, as in NumPy.
        lead = [i for i in range(rows.ndim) if i != saved.axis]
        sizes = np.broadcast_shapes(
            tuple(rows.shape[i] for i in lead), tuple(index.shape[i] for i in lead)
        )
        full = [rows.shape[saved.axis]] * rows.ndim
        for i, n in zip(lead, sizes, strict=True):
            full[i] = n
        saved.full = tuple(full)
        full[saved.axis] = index.shape[saved.axis]
        index = num.spread(index, tuple(full))
        saved.rows, saved.indices = rows.shape, index
        return _core.take_along_axis(num.spread(rows, saved.full), index, saved.axis)
    return np.take_along_axis(rows, index, axis=saved.axis)


def _along_backward(saved: Saved, dy: Array) -> tuple[Array, None]:
    if dy.dtype.char in num.CORE:
        n = saved.full[saved.axis]
        dx = _core.scatter_add_along_axis(dy, saved.indices, n, saved.axis)
    else:
        dx = np.zeros(saved.full, dy.dtype)
        place: list[Array] = list(np.indices(dy.shape, sparse=True))
        place[saved.axis] = saved.indices
        np.add.at(dx, tuple(place), dy)
    return summed_to(dx, saved.rows).reshape(saved.shape), None


take_along_axis = Rule("take_along_axis", _along_forward, _along_backward)


def _flip_forward(saved: Saved, x: Any, *, axis: Any) -> Array:
    x = as_array(x)
    saved.axes = axes_of("flip", axis, x.ndim)
    return np.flip(x, saved.axes)


flip = Rule("flip", _flip_forward, lambda saved, dy: (np.flip(dy, saved.axes),))


def _roll_forward(saved: Saved, x: Any, *, shift: Any, axis: Any) -> Array:
    saved.shift, saved.axis = shift, axis
    return np.roll(as_array(x), shift, axis)


def _roll_backward(saved: Saved, dy: Array) -> tuple[Array]:
    back = [-s for s in saved.shift] if isinstance(saved.shift, list | tuple) else -saved.shift
    return (np.roll(dy, back, saved.axis),)


roll = Rule("roll", _roll_forward, _roll_backward)


def _pad_forward(
    saved: Saved, x: Any, *, width: Sequence[Sequence[int]], mode: str, value: float
) -> Array:
    x = as_array(x)
    saved.shape, saved.width, saved.mode = x.shape, [tuple(w) for w in width], mode
    if mode == "constant" and np.ndim(value) == 0:
        return _core.pad(x, saved.width, float(value))
    if mode == "constant":
        return np.pad(x, saved.width, "constant", constant_values=value)
    return np.pad(x, saved.width, mode)  # type: ignore[call-overload,no-any-return]


def _pad_backward(saved: Saved, dy: Array) -> tuple[Array]:
    if saved.mode == "constant":
        inside = tuple(
            slice(low, low + n) for (low, _), n in zip(saved.width, saved.shape, strict=True)
        )
        return (dy[inside],)
    # Which element each cell repeats: padded indices of one axis after the other.
    for axis, (n, width) in enumerate(zip(saved.shape, saved.width, strict=True)):
        source = np.pad(np.arange(n), width, saved.mode)
        shape = (*dy.shape[:axis], n, *dy.shape[axis + 1 :])
        dy = _gather_sum(shape, axis, source, dy)
    return (dy,)


pad = Rule("pad", _pad_forward, _pad_backward)


def _repeat_forward(saved: Saved, x: Any, *, repeats: Any, axis: int | None) -> Array:
    x = as_array(x)
    saved.shape = x.shape
    rows = num.contiguous(x).reshape(-1) if axis is None else x
    saved.axis = 0 if axis is None else axes_of("repeat", axis, x.ndim)[0]
    saved.rows = rows.shape
    saved.source = np.repeat(np.arange(rows.shape[saved.axis]), repeats)
    return _core.take(rows, saved.source, saved.axis)


def _repeat_backward(saved: Saved, dy: Array) -> tuple[Array]:
    return (_gather_sum(saved.rows, saved.axis, saved.source, dy).reshape(saved.shape),)


repeat = Rule("repeat", _repeat_forward, _repeat_backward)


def _tile_forward(saved: Saved, x: Any, *, repeats: Sequence[int]) -> Array:
    x = as_array(x)
    rank = max(x.ndim, len(repeats))
    saved.shape = x.shape
    saved.full = (1,) * (rank - x.ndim) + x.shape
    saved.repeats = (1,) * (rank - len(repeats)) + tuple(repeats)
    # Each axis with one before it, along which it is repeated.
    pairs = [n for size in saved.full for n in (1, size)]
    full = [n for pair in zip(saved.repeats, saved.full, strict=True) for n in pair]
    rows = num.copy(np.broadcast_to(num.contiguous(x).reshape(pairs), full))
    return rows.reshape([n * m for n, m in zip(saved.repeats, saved.full, strict=True)])


def _tile_backward(saved: Saved, dy: Array) -> tuple[Array]:
    split = [n for pair in zip(saved.repeats, saved.full, strict=True) for n in pair]
    total = num.total(num.contiguous(dy).reshape(split), tuple(range(0, len(split), 2)))
    return (total.reshape(saved.shape),)


tile = Rule("tile", _tile_forward, _tile_backward)


def _triangle(name: str, cut: Any) -> Rule:
    def forward(saved: Saved, x: Any, *, k: int) -> Array:
        x = as_array(x)
        if x.ndim < 2:
            msg = f"{name}: needs a matrix, got shape {x.shape}"
            raise ValueError(msg)
        saved.k = k
        return np.asarray(cut(x, k))

    return Rule(name, forward, lambda saved, dy: (cut(dy, saved.k),))


tril = _triangle("tril", np.tril)
triu = _triangle("triu", np.triu)


def _diagonal_forward(saved: Saved, x: Any, *, offset: int, axis1: int, axis2: int) -> Array:
    x = as_array(x)
    saved.shape, saved.offset = x.shape, offset
    saved.axes = axes_of("diagonal", (axis1, axis2), x.ndim)
    return np.array(np.diagonal(x, offset, *saved.axes))


def _diagonal_backward(saved: Saved, dy: Array) -> tuple[Array]:
    dx = np.zeros(saved.shape, dy.dtype)
    view = np.moveaxis(dx, saved.axes, (-2, -1))
    k = saved.offset
    n = dy.shape[-1]
    rows = np.arange(n) + max(0, -k)
    columns = np.arange(n) + max(0, k)
    view[..., rows, columns] = dy
    return (dx,)


diagonal = Rule("diagonal", _diagonal_forward, _diagonal_backward)


def _places(name: str, indices: Any, shape: tuple[int, ...]) -> tuple[Array, ...]:
    """Return the last axis of `indices` as one array of places for each axis of `shape`."""
    index = np.asarray(indices)
    if index.ndim == 0 or index.shape[-1] > len(shape):
        msg = f"{name}: indices of shape {index.shape} do not point into an array of shape {shape}"
        raise ValueError(msg)
    return tuple(
        checked_indices(name, part, n)
        for part, n in zip(np.moveaxis(index, -1, 0), shape, strict=False)
    )


def _scatter_add_forward(saved: Saved, indices: Any, updates: Any, *, shape: Any) -> Array:
    updates = as_array(updates)
    saved.place, saved.shape = _places("scatter", indices, shape), updates.shape
    y = np.zeros(shape, updates.dtype)
    np.add.at(y, saved.place, updates)
    return y


def _scatter_add_backward(saved: Saved, dy: Array) -> tuple[None, Array]:
    return None, dy[saved.place].reshape(saved.shape)


scatter_add = Rule("scatter_add", _scatter_add_forward, _scatter_add_backward)


def _scatter_forward(saved: Saved, x: Any, indices: Any, updates: Any) -> Array:
    x, updates = promoted(as_array(x), as_array(updates))
    place = _places("scatter_update", indices, x.shape)
    saved.place, saved.shape = place, updates.shape
    y = np.array(x)
    y[place] = updates
    return y


def _scatter_backward(saved: Saved, dy: Array) -> tuple[Array, None, Array]:
    dx = dy.copy()
    dx[saved.place] = 0
    # Of updates of one place the last one stands; the others went nowhere.
    rows = saved.place[0].shape
    number = np.arange(saved.place[0].size).reshape(rows)
    last = np.zeros(dy.shape[: len(saved.place)], np.int64)
    last[saved.place] = number
    lost = last[saved.place] != number
    given = dy[saved.place]
    given[lost] = 0
    return dx, None, summed_to(given, saved.shape)


scatter_update = Rule("scatter_update", _scatter_forward, _scatter_backward)


def _sort_forward(saved: Saved, x: Any, *, axis: int) -> Array:
    x = as_array(x)
    saved.axis = axes_of("sort", axis, x.ndim)[0]
    saved.order = np.argsort(x, axis=saved.axis, kind="stable")
    return np.take_along_axis(x, saved.order, axis=saved.axis)


def _sort_backward(saved: Saved, dy: Array) -> tuple[Array]:
    dx = np.empty_like(dy)
    np.put_along_axis(dx, saved.order, dy, axis=saved.axis)
    return (dx,)


sort = Rule("sort", _sort_forward, _sort_backward)


def _argsort_forward(saved: Saved, x: Any, *, axis: int | None) -> Array:  # noqa: ARG001
    x = as_array(x)
    return np.asarray(np.argsort(x, axis=axis, kind="stable")).astype(np.int32)


argsort = Rule("argsort", _argsort_forward)


def _top_forward(saved: Saved, x: Any, *, k: int, largest_first: bool) -> tuple[Array, Array]:
    x = as_array(x)
    n = x.shape[-1] if x.ndim else 0
    if not 0 < k <= n:
        msg = f"top_k: k must lie in 1 to {n}, the size of the last axis, got {k}"
        raise ValueError(msg)
    saved.shape = x.shape
    if x.dtype.char in num.CORE:
        values, saved.order = _core.top_k(x, k, largest_first)
        return values, saved.order.astype(np.int32)
    # Stable from behind, so that of equal values the first comes first.
    order = np.flip(n - 1 - np.argsort(np.flip(x, -1), axis=-1, kind="stable"), -1)[..., :k]
    saved.order = order if largest_first else np.sort(order, axis=-1)
    return np.take_along_axis(x, saved.order, axis=-1), saved.order.astype(np.int32)


def _top_backward(saved: Saved, dy: Array, _: Array) -> tuple[Array]:
    if dy.dtype.char in num.CORE:
        return (_core.scatter_add_along_axis(dy, saved.order, saved.shape[-1], -1),)
    dx: Array = np.zeros(saved.shape, dy.dtype)
    np.put_along_axis(dx, saved.order, dy, axis=-1)
    return (dx,)


top_k = Rule("top_k", _top_forward, _top_backward)
