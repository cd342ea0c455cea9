"""Views of a tensor's memory, and functions that join, cut and move elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hotloop.autodiff import shapes as rules
from hotloop.autodiff.rule import Array, Saved, summed_to
from hotloop.torch import dtypes
from hotloop.torch.core import Op, Tensor, apply, view_of, wrap
from hotloop.torch.pointwise import cast, clone, into


class Size(tuple):  # type: ignore[type-arg]
    """The sizes of a tensor's axes: a tuple with `numel`."""

    __slots__ = ()

    def numel(self) -> int:
        """Return the number of elements."""
        return math.prod(self)

    def __repr__(self) -> str:
        """Return PyTorch's form."""
        return f"torch.Size({list(self)})"

    def __getitem__(self, index: Any) -> Any:
        """Return a size, or a `Size` for a slice."""
        found = tuple.__getitem__(self, index)
        return Size(found) if isinstance(index, slice) else found

    def __add__(self, other: Any) -> Any:
        """Return both, one after the other."""
        return Size(tuple.__add__(self, tuple(other)))


def axis_of(dim: Any, rank: int) -> int:
    """Return an axis from 0; an IndexError for one that is not there."""
    n = max(rank, 1)
    if not isinstance(dim, int):
        dim = dim.__index__()
    if not -n <= dim < n:
        msg = f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"
        raise IndexError(msg)
    return int(dim) % n


def sizes_of(shape: Sequence[Any]) -> tuple[Any, ...]:
    """Return sizes that came one by one, or as one list or tuple."""
    if len(shape) == 1 and isinstance(shape[0], tuple | list):
        shape = shape[0]
    return tuple([n if type(n) is int else n.__index__() for n in shape])


def _resolved(shape: tuple[int, ...], total: int) -> tuple[int, ...]:
    """Return a shape with its -1 filled in; a RuntimeError where it does not fit."""
    known = math.prod(n for n in shape if n != -1)
    open_ones = shape.count(-1)
    if open_ones > 1:
        msg = "only one dimension can be inferred"
        raise RuntimeError(msg)
    if any(n < -1 for n in shape):
        msg = f"invalid shape dimension {min(shape)}"
        raise RuntimeError(msg)
    if open_ones:
        if known == 0 or total % known:
            msg = f"shape '{list(shape)}' is invalid for input of size {total}"
            raise RuntimeError(msg)
        return tuple(total // known if n == -1 else n for n in shape)
    if known != total:
        msg = f"shape '{list(shape)}' is invalid for input of size {total}"
        raise RuntimeError(msg)
    return shape


def _reshape_forward(saved: Saved, x: Array, *, shape: tuple[int, ...]) -> Array:
    saved.shape = x.shape
    return x.reshape(shape)


def _reshape_backward(saved: Saved, dy: Array) -> tuple[Array]:
    return (dy.reshape(saved.shape),)


def _shaped(node: str) -> Op:
    return Op(f"{node}Backward0", _reshape_forward, _reshape_backward)


_VIEW, _RESHAPE, _UNSAFE = _shaped("View"), _shaped("View"), _shaped("UnsafeView")
_SQUEEZE, _UNSQUEEZE = _shaped("Squeeze"), _shaped("Unsqueeze")


def _expand_forward(saved: Saved, x: Array, *, shape: tuple[int, ...]) -> Array:
    saved.shape = x.shape
    if x.shape == shape:
        return x[...]
    lead = (0,) * (len(shape) - x.ndim)
    steps = (0 if n == 1 else s for n, s in zip(x.shape, x.strides, strict=True))
    return np.lib.stride_tricks.as_strided(x, shape, (*lead, *steps))


_EXPAND = Op("ExpandBackward0", _expand_forward, lambda s, dy: (summed_to(dy, s.shape),))


def _turned(node: str) -> Op:
    return Op(node, rules.transpose.forward, rules.transpose.backward)


_PERMUTE, _TRANSPOSE, _T = (
    _turned("PermuteBackward0"),
    _turned("TransposeBackward0"),
    _turned("TBackward0"),
)


def view(input: Tensor, *shape: Any) -> Any:
    """Return the same memory in another shape; of a dtype, the values cast by their bytes.

    Raises
    ------
    RuntimeError
        For a shape that does not fit the elements, or the order in which they lie.
    """
    if len(shape) == 1 and isinstance(shape[0], dtypes.dtype):
        return wrap(input._array.view(shape[0].numpy))
    array = input._array
    sizes = _resolved(sizes_of(shape), array.size)
    if not array.flags.c_contiguous:
        found = array.reshape(sizes)
        if array.size and not (found.base is array or found.base is array.base):
            msg = (
                "view size is not compatible with input tensor's size and stride (at least one "
                "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
            )
            raise RuntimeError(msg)
    return view_of(_VIEW, input, shape=sizes)


def reshape(input: Tensor, *shape: Any) -> Any:
    """Return the elements in another shape: a view where that can be, else a copy."""
    return view_of(_RESHAPE, input, shape=_resolved(sizes_of(shape), input._array.size))


def view_as(input: Tensor, other: Tensor) -> Any:
    """Return a view in the shape of `other`."""
    return view(input, other._array.shape)


def reshape_as(input: Tensor, other: Tensor) -> Any:
    """Return the elements in the shape of `other`."""
    return reshape(input, other._array.shape)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Return axes joined into one."""
    shape = input._array.shape
    start, end = axis_of(start_dim, len(shape)), axis_of(end_dim, len(shape))
    if not shape:
        return reshape(input, 1)
    if start > end:
        msg = "flatten() has invalid args: start_dim cannot come after end_dim"
        raise RuntimeError(msg)
    if start == end:
        return input
    return reshape(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Any:
    """Return one axis as several."""
    shape = input._array.shape
    axis = axis_of(dim, len(shape))
    return view(input, (*shape[:axis], *_resolved(tuple(sizes), shape[axis]), *shape[axis + 1 :]))


def ravel(input: Tensor) -> Any:
    """Return the elements in a row."""
    return reshape(input, -1)


def squeeze(input: Tensor, dim: Any = None) -> Any:
    """Return the tensor without axes of 1."""
    shape = input._array.shape
    if dim is None:
        axes = set(range(len(shape)))
    else:
        axes = {axis_of(d, len(shape)) for d in (dim if isinstance(dim, tuple | list) else (dim,))}
    kept = tuple(n for i, n in enumerate(shape) if not (i in axes and n == 1))
    return view_of(_SQUEEZE, input, shape=kept)


def unsqueeze(input: Tensor, dim: int) -> Any:
    """Return the tensor with an axis of 1 more."""
    shape = input._array.shape
    at = axis_of(dim, len(shape) + 1)
    return view_of(_UNSQUEEZE, input, shape=(*shape[:at], 1, *shape[at:]))


def _ordered(op: Op, input: Tensor, order: Sequence[int]) -> Any:
    return view_of(op, input, axes=tuple(order)) if order else view_of(_VIEW, input, shape=())


def permute(input: Tensor, *dims: Any) -> Any:
    """Return the axes in another order."""
    rank = input._array.ndim
    order = sizes_of(dims)
    if len(order) != rank:
        msg = (
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {rank} is not equal "
            f"to len(dims) = {len(order)}"
        )
        raise RuntimeError(msg)
    axes = [axis_of(d, rank) for d in order]
    if len(set(axes)) != rank:
        msg = "permute(): duplicate dims are not allowed."
        raise RuntimeError(msg)
    return _ordered(_PERMUTE, input, axes)


def transpose(input: Tensor, dim0: int, dim1: int) -> Any:
    """Return two axes exchanged."""
    rank = input._array.ndim
    a, b = axis_of(dim0, rank), axis_of(dim1, rank)
    order = list(range(rank))
    if rank:
        order[a], order[b] = b, a
    return _ordered(_TRANSPOSE, input, order)


def t(input: Tensor) -> Any:
    """Return a matrix transposed; a vector as it is."""
    rank = input._array.ndim
    if rank > 2:
        msg = f"t() expects a tensor with <= 2 dimensions, but self is {rank}D"
        raise RuntimeError(msg)
    return _ordered(_T, input, tuple(reversed(range(rank))))


def reversed_axes(input: Tensor) -> Any:
    """Return the axes in reverse: ``x.T``."""
    return _ordered(_PERMUTE, input, tuple(reversed(range(input._array.ndim))))


def movedim(input: Tensor, source: Any, destination: Any) -> Any:
    """Return axes moved to other places."""
    return (
        permute(input, *np.moveaxis(np.empty((1,) * input._array.ndim), source, destination).shape)
        if (input._array.ndim == 0)
        else permute(input, *_moved(input._array.ndim, source, destination))
    )


def _moved(rank: int, source: Any, destination: Any) -> list[int]:
    sources = [axis_of(d, rank) for d in (source if isinstance(source, tuple | list) else [source])]
    targets = [
        axis_of(d, rank)
        for d in (destination if isinstance(destination, tuple | list) else [destination])
    ]
    order = [i for i in range(rank) if i not in sources]
    for at, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(at, axis)
    return order


def expand(input: Tensor, *sizes: Any) -> Any:
    """Return a view that repeats axes of 1 without copying."""
    shape, own = list(sizes_of(sizes)), input._array.shape
    lead = len(shape) - len(own)
    for i, n in enumerate(shape):
        if n == -1 and i >= lead:
            shape[i] = own[i - lead]
        fits = n >= 0 or i >= lead
        if lead < 0 or not fits or (i >= lead and own[i - lead] not in (1, shape[i])):
            msg = (
                f"The expanded size of the tensor ({n}) must match the existing size "
                f"({list(own)}) at non-singleton dimension {i}.  Target sizes: {list(shape)}"
            )
            raise RuntimeError(msg)
    if lead < 0:
        msg = (
            f"expand({list(own)}, size={list(shape)}): the number of sizes provided ({len(shape)}) "
            f"must be greater or equal to the number of dimensions in the tensor ({len(own)})"
        )
        raise RuntimeError(msg)
    return view_of(_EXPAND, input, sure=True, shape=tuple(shape))


def expand_as(input: Tensor, other: Tensor) -> Any:
    """Return a view in the shape of `other`."""
    return expand(input, other._array.shape)


def broadcast_to(input: Tensor, size: Any) -> Any:
    """Return a view of a larger shape."""
    return expand(input, size)


def contiguous(input: Tensor, memory_format: Any = None) -> Any:  # noqa: ARG001
    """Return the tensor, or a copy whose elements lie in a row."""
    return input if input._array.flags.c_contiguous else clone(input)


# -- pieces ----------------------------------------------------------------------------------------

ITEM = Op("SliceBackward0", rules.getitem.forward, rules.getitem.backward)
SELECT = Op("SelectBackward0", rules.getitem.forward, rules.getitem.backward)
INDEX = Op("IndexBackward0", rules.getitem.forward, rules.getitem.backward)
_SPLIT = Op("SplitBackward0", rules.getitem.forward, rules.getitem.backward)
_UNBIND = Op("UnbindBackward0", rules.getitem.forward, rules.getitem.backward)


def select(input: Tensor, dim: int, index: int) -> Any:
    """Return one place of an axis."""
    axis = axis_of(dim, input._array.ndim)
    n = input._array.shape[axis]
    if not -n <= index < n:
        msg = f"select(): index {index} out of range for tensor of size {list(input._array.shape)} at dimension {axis}"
        raise IndexError(msg)
    return view_of(SELECT, input, index=((slice(None),) * axis + (index,)))


def narrow(input: Tensor, dim: int, start: int, length: int) -> Any:
    """Return `length` places of an axis."""
    axis = axis_of(dim, input._array.ndim)
    n = input._array.shape[axis]
    start = start + n if start < 0 else int(start)
    if length < 0 or not 0 <= start <= n - length:
        msg = f"start ({start}) + length ({length}) exceeds dimension size ({n})."
        raise RuntimeError(msg)
    return view_of(ITEM, input, index=((slice(None),) * axis + (slice(start, start + length),)))


def _pieces(op: Op, input: Tensor, axis: int, parts: Sequence[Any]) -> tuple[Any, ...]:
    lead = (slice(None),) * axis
    return tuple([view_of(op, input, True, index=(*lead, part)) for part in parts])


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Return an axis in pieces of one size, or of the sizes given."""
    axis = axis_of(dim, tensor._array.ndim)
    n = tensor._array.shape[axis]
    size = split_size_or_sections
    if isinstance(size, tuple | list):
        if sum(size) != n or any(s < 0 for s in size):
            msg = (
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size "
                f"at dimension {axis}), but got split_sizes={list(size)}"
            )
            raise RuntimeError(msg)
        ends = np.cumsum(size).tolist()
        return _pieces(
            _SPLIT, tensor, axis, [slice(e - s, e) for s, e in zip(size, ends, strict=True)]
        )
    if size <= 0 and n:
        msg = f"split expects split_size be non-negative, but got split_size={size}"
        raise RuntimeError(msg)
    return _pieces(
        _SPLIT, tensor, axis, [slice(i, min(i + size, n)) for i in range(0, max(n, 1), size or 1)]
    )


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """Return an axis in at most `chunks` pieces of one size, the last one smaller."""
    if chunks <= 0:
        msg = "chunk expects `chunks` to be greater than 0, got: {chunks}"
        raise RuntimeError(msg)
    n = input._array.shape[axis_of(dim, input._array.ndim)]
    return split(input, max(1, -(-n // chunks)), dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Any, ...]:
    """Return the places of an axis."""
    axis = axis_of(dim, input._array.ndim)
    return _pieces(_UNBIND, input, axis, range(input._array.shape[axis]))


# -- joined ----------------------------------------------------------------------------------------

_CAT = Op("CatBackward0", rules.concatenate.forward, rules.concatenate.backward)


def _stack_backward(saved: Saved, dy: Array) -> list[Array]:
    return [np.asarray(part) for part in rules.stack.backward(saved, dy)]


_STACK = Op("StackBackward0", rules.stack.forward, _stack_backward)


def in_one_dtype(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return tensors in the dtype that holds them all."""
    first = tensors[0]._array.dtype
    if all(x._array.dtype is first for x in tensors):
        return list(tensors)
    kind = dtypes.result_of([x._array for x in tensors])
    return [cast(x, kind) for x in tensors]


def cat(tensors: Sequence[Tensor], dim: int = 0, *, out: Any = None) -> Any:
    """Return tensors side by side along an axis.

    Raises
    ------
    RuntimeError
        When the other axes differ.
    """
    if not tensors:
        msg = "torch.cat(): expected a non-empty list of Tensors"
        raise ValueError(msg)
    parts = [x for x in tensors if x._array.shape != (0,)] or list(tensors)
    shape = parts[0]._array.shape
    if not shape:
        msg = "zero-dimensional tensor (at position 0) cannot be concatenated"
        raise RuntimeError(msg)
    axis = axis_of(dim, len(shape))
    for i, x in enumerate(parts):
        own = x._array.shape
        if len(own) != len(shape):
            msg = f"Tensors must have same number of dimensions: got {len(shape)} and {len(own)}"
            raise RuntimeError(msg)
        for j, (n, m) in enumerate(zip(shape, own, strict=True)):
            if n != m and j != axis:
                msg = (
                    f"Sizes of tensors must match except in dimension {axis}. Expected size {n} "
                    f"but got size {m} for tensor number {i} in the list."
                )
                raise RuntimeError(msg)
    return into(out, apply(_CAT, *in_one_dtype(parts), axis=axis))


def stack(tensors: Sequence[Tensor], dim: int = 0, *, out: Any = None) -> Any:
    """Return tensors of one shape side by side along a new axis."""
    if not tensors:
        msg = "stack expects a non-empty TensorList"
        raise RuntimeError(msg)
    shape = tensors[0]._array.shape
    for i, x in enumerate(tensors):
        if x._array.shape != shape:
            msg = (
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(x._array.shape)} at entry {i}"
            )
            raise RuntimeError(msg)
    axis = axis_of(dim, len(shape) + 1)
    return into(out, apply(_STACK, *in_one_dtype(tensors), axis=axis))


def hstack(tensors: Sequence[Tensor]) -> Any:
    """Return tensors side by side."""
    parts = [x if x._array.ndim else reshape(x, 1) for x in tensors]
    return cat(parts, 0 if parts[0]._array.ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Any:
    """Return tensors below each other."""
    return cat([x if x._array.ndim > 1 else reshape(x, 1, -1) for x in tensors], 0)


def _all(rule: Any, node: str, keeps: str = "") -> Op:
    return Op(f"{node}Backward0", rule.forward, rule.backward, keeps)


_FLIP, _ROLL, _TILE = _all(rules.flip, "Flip"), _all(rules.roll, "Roll"), _all(rules.tile, "Repeat")
_REPEAT = _all(rules.repeat, "RepeatInterleave")
_TRIL, _TRIU = _all(rules.tril, "Tril"), _all(rules.triu, "Triu")
_DIAGONAL = _all(rules.diagonal, "Diagonal")


def flip(input: Tensor, *dims: Any) -> Any:
    """Return axes in reverse (a copy)."""
    axes = tuple(axis_of(d, input._array.ndim) for d in sizes_of(dims))
    if input._array.ndim == 0:
        return clone(input)
    return clone(apply(_FLIP, input, axis=axes))


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Any:
    """Return elements moved around axes."""
    return apply(_ROLL, input, shift=shifts, axis=dims)


def tile(input: Tensor, *dims: Any) -> Any:
    """Return the tensor repeated along axes, counted from the last."""
    return apply(_TILE, input, repeats=sizes_of(dims))


def repeat(input: Tensor, *repeats: Any) -> Any:
    """Return the tensor repeated along each axis."""
    times = sizes_of(repeats)
    if len(times) < input._array.ndim:
        msg = (
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
        raise RuntimeError(msg)
    return apply(_TILE, input, repeats=times)


def repeat_interleave(input: Tensor, repeats: Any, dim: Any = None) -> Any:
    """Return each place of an axis several times."""
    times = repeats._array if isinstance(repeats, Tensor) else repeats
    axis = None if dim is None else axis_of(dim, input._array.ndim)
    return apply(_REPEAT, input, repeats=times, axis=axis)


def _matrix(name: str, input: Tensor) -> None:
    if input._array.ndim < 2:
        msg = f"{name}: input tensor must have at least 2 dimensions"
        raise RuntimeError(msg)


def tril(input: Tensor, diagonal: int = 0) -> Any:
    """Return the lower triangle, 0 above."""
    _matrix("tril", input)
    return apply(_TRIL, input, k=diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Any:
    """Return the upper triangle, 0 below."""
    _matrix("triu", input)
    return apply(_TRIU, input, k=diagonal)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """Return a diagonal (a copy)."""
    return apply(_DIAGONAL, input, offset=offset, axis1=dim1, axis2=dim2)


def diag(input: Tensor, diagonal: int = 0) -> Any:
    """Return the diagonal of a matrix, or a matrix with this diagonal."""
    array = input._array
    if array.ndim == 2:
        return apply(_DIAGONAL, input, offset=diagonal, axis1=0, axis2=1)
    n = array.size + (diagonal if diagonal > 0 else -diagonal)
    rows = np.arange(array.size) + max(0, -diagonal)
    columns = np.arange(array.size) + max(0, diagonal)
    place = np.stack([rows, columns], axis=1)
    return apply(_PUT_DIAGONAL, place, input, shape=(n, n))


_PUT_DIAGONAL = _all(rules.scatter_add, "DiagEmbed")


def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """Return views of one shape."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    shape = np.broadcast_shapes(*(x._array.shape for x in given))
    return tuple(expand(x, shape) for x in given)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """Return the coordinates of a grid, an array for each axis."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    return tuple(wrap(a.copy()) for a in np.meshgrid(*(x._array for x in given), indexing=indexing))  # type: ignore[call-overload]
