"""Indexing, gathering and scattering."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop.autodiff import shapes as rules
from hotloop.autodiff.rule import Array, Saved, as_array, summed_to
from hotloop.torch import dtypes
from hotloop.torch import pointwise as pw
from hotloop.torch.core import Op, Tensor, apply, in_place, view_of, wrap
from hotloop.torch.reductions import gather_op
from hotloop.torch.shaping import INDEX, ITEM, SELECT, axis_of, reshape, sizes_of


def _key(index: Any) -> tuple[Any, bool]:
    """Return an index as NumPy takes it, and whether it finds a view."""
    parts = index if type(index) is tuple else (index,)
    found: list[Any] = []
    basic = True
    for part in parts:
        kind = type(part)
        if kind is int or kind is slice or part is None or part is Ellipsis:
            if kind is slice:
                _check_slice(part)
            found.append(part)
            continue
        if isinstance(part, Tensor):
            array = part._array
            if array.ndim == 0 and array.dtype.kind in "iu":
                found.append(int(array))
                continue
            if array.dtype.char == "B":
                array = array.astype(bool)
            if array.dtype.kind not in "biu":
                msg = "tensors used as indices must be long, int, byte or bool tensors"
                raise IndexError(msg)
            found.append(array)
        elif kind is bool or isinstance(part, np.ndarray | list | tuple | range):
            found.append(
                np.asarray([_item(p) for p in part] if isinstance(part, list | tuple) else part)
            )
            if found[-1].dtype.kind == "f" and found[-1].size == 0:
                found[-1] = found[-1].astype(np.int64)
        else:
            try:
                found.append(part.__index__())
            except AttributeError:
                msg = (
                    "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables "
                    f"are valid indices (got {kind.__name__})"
                )
                raise IndexError(msg) from None
            continue
        basic = False
    return (tuple(found) if len(found) > 1 or basic else found[0]), basic


def _item(part: Any) -> Any:
    return part._array if isinstance(part, Tensor) else part


def _check_slice(part: slice) -> None:
    if part.step is not None and part.step <= 0:
        msg = "step must be greater than zero"
        raise ValueError(msg)


def _refused(input: Tensor, error: Exception) -> Exception:
    text = str(error)
    if "too many indices" in text:
        return IndexError(f"too many indices for tensor of dimension {input._array.ndim}")
    return IndexError(text)


def getitem(input: Tensor, index: Any) -> Any:
    """Return elements: a view for whole numbers and slices, else a copy."""
    key, basic = _key(index)
    try:
        if basic:
            op = SELECT if any(type(part) is int for part in key) else ITEM
            return view_of(op, input, index=key if Ellipsis in key else (*key, ...))
        return apply(INDEX, input, index=key)
    except IndexError as error:
        raise _refused(input, error) from None


def _put_forward(saved: Saved, x: Array, value: Array, *, key: Any, add: bool) -> Array:
    saved.key, saved.shape, saved.add = key, value.shape, add
    y = x.copy()
    if add:
        np.add.at(y, key, value)
    else:
        y[key] = value
    return y


def _put_backward(saved: Saved, dy: Array) -> tuple[Array, Any]:
    own = summed_to(np.ascontiguousarray(dy[saved.key]), saved.shape) if saved.needs[1] else None
    if saved.add:
        return dy, own
    rest = dy.copy()
    rest[saved.key] = 0
    return rest, own


_PUT = Op("IndexPutBackward0", _put_forward, _put_backward)


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """Set elements in place; the gradient of `value` leads back to it."""
    if not isinstance(value, Tensor):
        value = np.asarray(value)
    key, basic = _key(index)
    try:
        if basic:
            # A view, whatever the mode: the check of leaves comes with the copy.
            target = getitem(input, index)
            if isinstance(value, Tensor) and value._array.ndim > target._array.ndim:
                value = _trimmed(value, target._array.ndim)
            pw.copy_(target, value)
            return
        if isinstance(value, Tensor) and value._array.dtype != input._array.dtype:
            msg = (
                "Index put requires the source and destination dtypes match, got "
                f"{dtypes.WORDS[input._array.dtype.char]} for the destination and "
                f"{dtypes.WORDS[value._array.dtype.char]} for the source."
            )
            raise RuntimeError(msg)
        source = value if isinstance(value, Tensor) else wrap(value)
        if np.shares_memory(source._array, input._array):
            msg = (
                "unsupported operation: some elements of the input tensor and the written-to tensor "
                "refer to a single memory location. Please clone() the tensor before performing the "
                "operation."
            )
            raise RuntimeError(msg)
        in_place(_PUT, input, pw.cast(source, input._array.dtype), key=key, add=False)
    except IndexError as error:
        raise _refused(input, error) from None
    except ValueError as error:
        msg = f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result"
        raise RuntimeError(msg) from error


def _trimmed(value: Tensor, rank: int) -> Any:
    """Return a value without leading axes of 1, which indexing ignores."""
    from_left = value._array.shape[: value._array.ndim - rank]
    if any(n != 1 for n in from_left):
        return value
    index = (0,) * len(from_left)
    return getitem(value, index)


# -- along an axis ---------------------------------------------------------------------------------


def _same_rank(name: str, input: Tensor, index: Tensor) -> None:
    if index._array.dtype.char not in "lq":
        msg = f"{name}(): Expected dtype int64 for index"
        raise RuntimeError(msg)
    if max(1, input._array.ndim) != max(1, index._array.ndim):
        msg = "Index tensor must have the same number of dimensions as input tensor"
        raise RuntimeError(msg)


def _inside(index: Tensor, limit: int, axis: int) -> None:
    array = index._array
    if array.size and not (int(array.min()) >= 0 and int(array.max()) < limit):
        wrong = array[(array < 0) | (array >= limit)].reshape(-1)[0]
        msg = f"index {wrong} is out of bounds for dimension {axis} with size {limit}"
        raise RuntimeError(msg)


def _cut(array: Array, shape: tuple[int, ...], axis: int) -> tuple[slice, ...]:
    """Return the part of an array that an index of `shape` reaches, whole along the axis."""
    return tuple(
        slice(None) if i == axis else slice(n)
        for i, n in zip(range(array.ndim), shape, strict=True)
    )


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Any:  # noqa: ARG001
    """Return ``input[..., index[...], ...]`` along an axis.

    Raises
    ------
    RuntimeError
        For indices outside, or of other axes than the tensor's.
    """
    _same_rank("gather", input, index)
    axis = axis_of(dim, input._array.ndim)
    if input._array.ndim == 0:
        return reshape(pw.clone(input), index._array.shape)
    own, shape = input._array.shape, index._array.shape
    for i, (n, m) in enumerate(zip(own, shape, strict=True)):
        if i != axis and m > n:
            msg = (
                f"Size does not match at dimension {i} expected index {list(shape)} to be no larger "
                f"than self {list(own)} apart from dimension {axis}"
            )
            raise RuntimeError(msg)
    _inside(index, own[axis], axis)
    if any(n != m for i, (n, m) in enumerate(zip(own, shape, strict=True)) if i != axis):
        input = getitem(input, _cut(input._array, shape, axis))
    return gather_op("Gather", input, axis, index)


def take_along_dim(input: Tensor, indices: Tensor, dim: int) -> Any:
    """Return elements at places along an axis."""
    return gather_op("Gather", input, axis_of(dim, input._array.ndim), indices)


def _scatter_forward(
    saved: Saved, x: Array, index: Array, source: Array, *, axis: int, how: str
) -> Array:
    saved.source = source.shape
    y = x.copy()
    place: list[Any] = list(np.indices(index.shape, sparse=True))
    if place:
        place[axis] = index
    source = (
        np.broadcast_to(source, index.shape)
        if source.ndim == 0
        else source[tuple(slice(n) for n in index.shape)]
    )
    key = tuple(place)
    saved.key, saved.how = key, how
    if how == "add":
        np.add.at(y, key, source)
    elif how == "multiply":
        np.multiply.at(y, key, source)
    else:
        y[key] = source
    return y


def _scatter_backward(saved: Saved, dy: Array) -> tuple[Any, None, Any]:
    rest, own = dy, None
    if saved.how != "add":
        rest = dy.copy()
        rest[saved.key] = 0
    if saved.needs[2]:
        picked = dy[saved.key]
        own = np.zeros(saved.source, dy.dtype)
        own[tuple(slice(n) for n in picked.shape)] = picked
    return rest, None, own


_SCATTER = Op("ScatterBackward0", _scatter_forward, _scatter_backward, "b")
_SCATTER_ADD = Op("ScatterAddBackward0", _scatter_forward, _scatter_backward, "b")


def _scattered(name: str, input: Tensor, dim: int, index: Tensor, src: Any) -> tuple[int, Any]:
    _same_rank(name, input, index)
    axis = axis_of(dim, input._array.ndim)
    if input._array.ndim:
        _inside(index, input._array.shape[axis], axis)
    if not isinstance(src, Tensor):
        return axis, np.asarray(src, input._array.dtype)
    if src._array.dtype != input._array.dtype:
        msg = f"{name}(): Expected self.dtype to be equal to src.dtype"
        raise RuntimeError(msg)
    pairs = list(zip(index._array.shape, src._array.shape, strict=False))
    own = list(zip(index._array.shape, input._array.shape, strict=False))
    if any(n > m for n, m in pairs) or any(n > m for i, (n, m) in enumerate(own) if i != axis):
        msg = (
            f"Expected index {list(index._array.shape)} to be no larger than self "
            f"{list(input._array.shape)} apart from dimension {axis} and to be no larger size than "
            f"src {list(src._array.shape)}"
        )
        raise RuntimeError(msg)
    return axis, src


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: Any = None,
) -> Any:
    """Return the tensor with elements of `src` written to places along an axis."""
    axis, source = _scattered("scatter", input, dim, index, src if value is None else value)
    return apply(_SCATTER, input, index, source, axis=axis, how=reduce or "set")


def scatter_(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: Any = None,
) -> Any:
    """Write elements of `src` to places along an axis, in place."""
    axis, source = _scattered("scatter", input, dim, index, src if value is None else value)
    return in_place(_SCATTER, input, index, source, axis=axis, how=reduce or "set")


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Any:
    """Return the tensor with elements of `src` added at places along an axis."""
    axis, source = _scattered("scatter_add", input, dim, index, src)
    return apply(_SCATTER_ADD, input, index, source, axis=axis, how="add")


def scatter_add_(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Any:
    """Add elements of `src` at places along an axis, in place."""
    axis, source = _scattered("scatter_add", input, dim, index, src)
    return in_place(_SCATTER_ADD, input, index, source, axis=axis, how="add")


_TAKE = Op("IndexSelectBackward0", rules.take.forward, rules.take.backward, "b")


def index_select(input: Tensor, dim: int, index: Tensor) -> Any:
    """Return places of an axis, in the order of `index`."""
    axis = axis_of(dim, input._array.ndim)
    if index._array.ndim > 1:
        msg = "index_select(): Index is supposed to be a vector"
        raise IndexError(msg)
    _inside_axis(index, input._array.shape[axis])
    return apply(_TAKE, input, index._array.reshape(-1), axis=axis)


def _inside_axis(index: Tensor, limit: int) -> None:
    array = index._array
    if array.size and not (int(array.min()) >= 0 and int(array.max()) < limit):
        msg = "index out of range in self"
        raise IndexError(msg)


def take(input: Tensor, index: Tensor) -> Any:
    """Return elements of the flat tensor."""
    return apply(_TAKE, input, index, axis=None)


def embedding_rows(weight: Tensor, index: Tensor) -> Any:
    """Return rows of a matrix, in the shape of `index`."""
    _inside_axis(index, weight._array.shape[0])
    return apply(EMBEDDING, weight, index, axis=0)


EMBEDDING = Op("EmbeddingBackward0", rules.take.forward, rules.take.backward)


def masked_select(input: Tensor, mask: Tensor) -> Any:
    """Return the elements where the mask holds, in a row."""
    shape = np.broadcast_shapes(input._array.shape, mask._array.shape)
    wide = input if input._array.shape == shape else input.expand(shape)
    return apply(INDEX, wide, index=np.broadcast_to(mask._array, shape))


def _boolean(name: str, mask: Tensor) -> None:
    if mask._array.dtype.kind != "b":
        msg = f"{name} only supports boolean masks, but got mask with dtype {mask.dtype}"
        raise RuntimeError(msg)


def _fill_forward(saved: Saved, x: Array, mask: Array, value: Array) -> Array:
    saved.mask, saved.shape = mask, x.shape
    return np.where(mask, value, x)


def _fill_backward(saved: Saved, dy: Array) -> tuple[Any, None, Any]:
    rest = summed_to(np.where(saved.mask, 0, dy).astype(dy.dtype), saved.shape)
    own = (
        np.asarray(dy[np.broadcast_to(saved.mask, dy.shape)].sum(), dy.dtype)
        if saved.needs[2]
        else None
    )
    return rest, None, own


_MASKED = Op("MaskedFillBackward0", _fill_forward, _fill_backward, "b")


def _filling(name: str, input: Tensor, mask: Tensor, value: Any) -> Any:
    _boolean(name, mask)
    if isinstance(value, Tensor):
        if value._array.ndim:
            msg = f"{name} only supports a 0-dimensional value tensor, but got tensor with {value._array.ndim} dimension(s)."
            raise RuntimeError(msg)
        return pw.cast(value, input._array.dtype)
    return np.asarray(value, input._array.dtype)


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Any:
    """Return the tensor with a number where the mask holds."""
    return apply(_MASKED, input, mask, _filling("masked_fill", input, mask, value))


def masked_fill_(input: Tensor, mask: Tensor, value: Any) -> Any:
    """Write a number where the mask holds, in place."""
    return in_place(_MASKED, input, mask, _filling("masked_fill_", input, mask, value))


def index_add_(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Any:
    """Add `source` to places of an axis, in place."""
    key = (*(slice(None),) * axis_of(dim, input._array.ndim), index._array)
    given = source if alpha == 1 else pw.mul(source, alpha)
    return in_place(_PUT, input, given, key=key, add=True)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Any:
    """Return the tensor with `source` added to places of an axis."""
    return index_add_(pw.clone(input), dim, index, source, alpha=alpha)


def index_fill_(input: Tensor, dim: int, index: Tensor, value: Any) -> Any:
    """Write a number to places of an axis, in place."""
    setitem(input, (*(slice(None),) * axis_of(dim, input._array.ndim), index), value)
    return input


def index_copy_(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Any:
    """Write `source` to places of an axis, in place."""
    setitem(input, (*(slice(None),) * axis_of(dim, input._array.ndim), index), source)
    return input


def index_put_(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Any:
    """Write, or add, elements at indices, in place."""
    key = tuple(i._array for i in indices)
    return in_place(_PUT, input, pw.cast(values, input._array.dtype), key=key, add=accumulate)


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Any:
    """Return windows of an axis, as a new last axis (a copy)."""
    axis = axis_of(dimension, input._array.ndim)
    n = input._array.shape[axis]
    starts = np.arange(0, n - size + 1, step)
    places = starts[:, None] + np.arange(size)
    picked = apply(_TAKE, input, as_array(places), axis=axis)
    order = [i for i in range(picked._array.ndim) if i != axis + 1]
    return picked.permute(*sizes_of((*order, axis + 1)))
