"""Moving, joining, cutting and picking elements; arrays from nothing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from hotloop.autodiff import elementwise as pointwise
from hotloop.autodiff import shapes as rules
from hotloop.autodiff.reductions import axes_of
from hotloop.autodiff.tensor import plain_index
from hotloop.ops.core import dtype_of, ndim, shape, values
from hotloop.ops.core import values as array_of
from hotloop.ops.reductions import sum as total


def reshape(x: Any, newshape: Any) -> Any:
    """Return the elements in another shape; one size may be -1, and is worked out.

    Raises
    ------
    ValueError
        When the sizes do not fit.

    Examples
    --------
    >>> reshape([1.0, 2.0, 3.0, 4.0], (2, -1))
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    sizes = (newshape,) if isinstance(newshape, int | np.integer) else tuple(newshape)
    return rules.reshape(x, shape=tuple(-1 if n is None else int(n) for n in sizes))


def ravel(x: Any) -> Any:
    """Return all elements in a row."""
    return rules.reshape(x, shape=(-1,))


def transpose(x: Any, axes: Any = None) -> Any:
    """Return the axes in another order; in reverse without one."""
    return rules.transpose(x, axes=axes)


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Return `x` with two axes swapped."""
    order = list(range(ndim(x)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return rules.transpose(x, axes=order)


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Return `x` with axes moved to other places."""
    rank = ndim(x)
    first, second = axes_of("moveaxis", source, rank), axes_of("moveaxis", destination, rank)
    order = [i for i in range(rank) if i not in first]
    for place, axis in sorted(zip(second, first, strict=True)):
        order.insert(place, axis)
    return rules.transpose(x, axes=order)


def expand_dims(x: Any, axis: Any) -> Any:
    """Return `x` with axes of size 1 put in at `axis`."""
    given = [int(axis)] if isinstance(axis, int | np.integer) else [int(a) for a in axis]
    rank = ndim(x) + len(given)
    places = axes_of("expand_dims", given, rank)
    index = tuple(None if i in places else np.s_[:] for i in range(rank))
    return rules.getitem(x, index=index)


def squeeze(x: Any, axis: Any = None) -> Any:
    """Return `x` without axes of size 1: all of them, or those in `axis`."""
    sizes = shape(x)
    places = (
        tuple(i for i, n in enumerate(sizes) if n == 1)
        if axis is None
        else axes_of("squeeze", axis, len(sizes))
    )
    wrong = [i for i in places if sizes[i] != 1]
    if wrong:
        msg = f"squeeze: axis {wrong[0]} of shape {sizes} is not of size 1"
        raise ValueError(msg)
    return rules.getitem(x, index=tuple(0 if i in places else np.s_[:] for i in range(len(sizes))))


def broadcast_to(x: Any, shape: Any) -> Any:
    """Return `x` repeated along axes of size 1 to `shape`."""
    return rules.broadcast_to(x, shape=tuple(shape))


def concatenate(xs: Sequence[Any], axis: int = 0) -> Any:
    """Return arrays joined along an axis."""
    return rules.concatenate(*xs, axis=axis)


def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """Return `x2` joined to the end of `x1`; both in a row for None."""
    if axis is None:
        return rules.concatenate(ravel(x1), ravel(x2), axis=0)
    return rules.concatenate(x1, x2, axis=axis)


def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Return arrays of one shape joined along a new axis."""
    return rules.stack(*x, axis=axis)


def _at_least(x: Any, rank: int) -> Any:
    while ndim(x) < rank:
        x = expand_dims(x, -1 if rank == 3 and ndim(x) == 2 else 0)
    return x


def hstack(xs: Sequence[Any]) -> Any:
    """Return arrays side by side: along the second axis, or the only one."""
    parts = [_at_least(x, 1) for x in xs]
    return rules.concatenate(*parts, axis=0 if ndim(parts[0]) == 1 else 1)


def vstack(xs: Sequence[Any]) -> Any:
    """Return arrays below each other, along the first axis."""
    return rules.concatenate(*[_at_least(x, 2) for x in xs], axis=0)


def dstack(xs: Sequence[Any]) -> Any:
    """Return arrays behind each other, along the third axis."""
    return rules.concatenate(*[_at_least(_at_least(x, 2), 3) for x in xs], axis=2)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Return parts along an axis: so many of one size, or cut at the places given."""
    return _parts("split", x, indices_or_sections, axis, even=True)


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Return so many parts along an axis, the first ones larger by one where it does not divide."""
    return _parts("array_split", x, indices_or_sections, axis, even=False)


def _parts(name: str, x: Any, cuts: Any, axis: int, even: bool) -> list[Any]:
    rank = ndim(x)
    place = axes_of(name, axis, rank)[0]
    n = shape(x)[place]
    if n is None:
        msg = f"{name}: axis {axis} of {shape(x)} is open"
        raise ValueError(msg)
    if isinstance(cuts, int | np.integer):
        count = int(cuts)
        if count < 1 or (even and n % count):
            msg = f"{name}: an axis of {n} has no {count} equal parts"
            raise ValueError(msg)
        sizes = [n // count + (i < n % count) for i in range(count)]
        bounds = [0, *np.cumsum(sizes).tolist()]
    else:
        bounds = [0, *(int(c) for c in cuts), n]
    every = np.s_[:]
    return [
        rules.getitem(x, index=(every,) * place + (np.s_[a:b],))
        for a, b in itertools.pairwise(bounds)
    ]


def hsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Return parts along the second axis, or the only one."""
    return split(x, indices_or_sections, axis=1 if ndim(x) > 1 else 0)


def vsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Return parts along the first axis."""
    return split(x, indices_or_sections, axis=0)


def dsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Return parts along the third axis."""
    return split(x, indices_or_sections, axis=2)


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """Return `x` with elements put around it: constant, reflect, symmetric, edge or wrap.

    `pad_width` is a number, a pair, or a pair for each axis.
    """
    if mode not in ("constant", "reflect", "symmetric", "edge", "wrap"):
        msg = f"pad: mode must be constant, reflect, symmetric, edge or wrap, got {mode!r}"
        raise ValueError(msg)
    if constant_values is not None and mode != "constant":
        msg = f"pad: constant_values are for mode 'constant' alone, got mode {mode!r}"
        raise ValueError(msg)
    width = np.broadcast_to(np.asarray(pad_width), (ndim(x), 2)).tolist()
    if any(n < 0 for pair in width for n in pair):
        msg = f"pad: widths must not be negative, got {pad_width!r}"
        raise ValueError(msg)
    return rules.pad(x, width=width, mode=mode, value=constant_values or 0)


def flip(x: Any, axis: Any = None) -> Any:
    """Return elements in reverse order along axes; all of them for None."""
    return rules.flip(x, axis=axis)


def flipud(x: Any) -> Any:
    """Return `x` upside down."""
    return rules.flip(x, axis=0)


def fliplr(x: Any) -> Any:
    """Return `x` from right to left."""
    return rules.flip(x, axis=1)


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Return elements moved along axes, those that leave coming in at the other end."""
    return rules.roll(x, shift=shift, axis=axis)


def rot90(array: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """Return `array` turned `k` times by 90 degrees, from the first of `axes` towards the second."""
    first, second = axes_of("rot90", axes, ndim(array))
    k %= 4
    if k == 0:
        return pointwise.copy(array)
    if k == 2:
        return rules.flip(array, axis=(first, second))
    if k == 1:
        return swapaxes(rules.flip(array, axis=second), first, second)
    return rules.flip(swapaxes(array, first, second), axis=second)


def tile(x: Any, repeats: Any) -> Any:
    """Return copies of `x` beside each other, so many along each axis."""
    return rules.tile(x, repeats=(repeats,) if isinstance(repeats, int) else tuple(repeats))


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Return each element so many times in a row; `x` in a row for axis None."""
    return rules.repeat(
        x, repeats=values(repeats) if not isinstance(repeats, int) else repeats, axis=axis
    )


def get_item(x: Any, key: Any) -> Any:
    """Return ``x[key]``."""
    return rules.getitem(x, index=plain_index(key))


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Return elements, or slices along `axis`, at whole-number `indices`.

    Raises
    ------
    ValueError
        For an index outside the axis.
    """
    return rules.take(x, indices, axis=axis)


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Return elements along an axis at `indices`, one array of them beside the other."""
    return rules.take_along_axis(x, indices, axis=axis)


def sort(x: Any, axis: int = -1) -> Any:
    """Return elements in rising order along an axis."""
    return rules.sort(x, axis=axis)


def argsort(x: Any, axis: int | None = -1) -> Any:
    """Return the order that sorts along an axis, equals in their order, as int32."""
    return rules.argsort(x, axis=axis)


def argpartition(x: Any, kth: int, axis: int | None = -1) -> Any:
    """Return an order with the `kth` smallest in its place, smaller ones before it, as int32."""
    return pointwise.argpartition(x, kth=kth, axis=axis)


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Any, Any]:
    """Return the `k` largest elements along the last axis, the largest first, and their places."""
    return tuple(rules.top_k(x, k=k, largest_first=bool(sorted)))


def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Return whether class `targets` of each row is among its `k` largest predictions."""
    given, scores = np.asarray(values(targets)), np.asarray(values(predictions))
    mine = np.take_along_axis(scores, given[:, None].astype(np.int64), axis=1)
    return (scores > mine).sum(axis=1) < k


def diag(x: Any, k: int = 0) -> Any:
    """Return the diagonal of a matrix, or the matrix of a diagonal."""
    if ndim(x) == 1:
        n = (shape(x)[0] or 0) + builtin_abs(k)
        places = np.arange(shape(x)[0] or 0)
        index = np.stack([places + max(0, -k), places + max(0, k)], axis=-1)
        return rules.scatter_add(index, x, shape=(n, n))
    return rules.diagonal(x, offset=k, axis1=0, axis2=1)


builtin_abs = abs


def diagflat(x: Any, k: int = 0) -> Any:
    """Return the matrix whose diagonal is all of `x`."""
    return diag(ravel(x), k)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return a diagonal over two axes, as the last axis."""
    return rules.diagonal(x, offset=offset, axis1=axis1, axis2=axis2)


def tril(x: Any, k: int = 0) -> Any:
    """Return `x` with zeros above the diagonal `k`."""
    return rules.tril(x, k=k)


def triu(x: Any, k: int = 0) -> Any:
    """Return `x` with zeros below the diagonal `k`."""
    return rules.triu(x, k=k)


def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Return differences of neighbours along an axis, `n` times."""
    place = axes_of("diff", axis, ndim(a))[0]
    lead = (np.s_[:],) * place
    for _ in range(n):
        after, before = (*lead, np.s_[1:]), (*lead, np.s_[:-1])
        if dtype_of(a) == "bool":
            a = pointwise.not_equal(get_item(a, after), get_item(a, before))
        else:
            a = pointwise.subtract(get_item(a, after), get_item(a, before))
    return a


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """Return the area below `y` along an axis, by trapezoids."""
    place = axes_of("trapezoid", axis, ndim(y))[0]
    lead = (np.s_[:],) * place
    width: Any = dx
    if x is not None:
        width = diff(x)
        if ndim(x) == 1:
            sizes = [1] * ndim(y)
            sizes[place] = -1
            width = rules.reshape(width, shape=tuple(sizes))
    means = pointwise.add(get_item(y, (*lead, np.s_[1:])), get_item(y, (*lead, np.s_[:-1])))
    return total(pointwise.multiply(pointwise.multiply(means, width), 0.5), axis)


def nonzero(x: Any) -> tuple[Any, ...]:
    """Return the places of elements that are not 0, one array for each axis."""
    return tuple(np.asarray(part, dtype=np.int32) for part in np.nonzero(values(x)))


def unique(
    x: Any,
    sorted: bool = True,  # noqa: ARG001
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """Return the different values in rising order; with their places and counts where asked for."""
    found = np.unique(
        values(x), return_index=True, return_inverse=True, return_counts=True, axis=axis
    )
    different = found[0]
    if size is not None:
        different = different[:size]
        more = size - len(different)
        if more > 0:
            filler = different[:1].min() if fill_value is None else fill_value
            tail = np.full((more, *different.shape[1:]), filler, different.dtype)
            different = np.concatenate([different, tail])
    parts = [different]
    asked = (return_index, return_inverse, return_counts)
    parts += [p.astype(np.int32) for p, want in zip(found[1:], asked, strict=True) if want]
    return parts[0] if len(parts) == 1 else tuple(parts)


def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """Return where `values` go into a rising sequence, before or behind equals."""
    return np.searchsorted(array_of(sorted_sequence), array_of(values), side).astype(np.int32)  # type: ignore[call-overload]


def digitize(x: Any, bins: Any) -> Any:
    """Return in which bin each element lies, bins given by their edges."""
    return np.digitize(values(x), values(bins)).astype(np.int32)


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:  # noqa: ARG001
    """Return how often each whole number occurs, in each row of a matrix."""
    given = values(x)
    if given.ndim == 1:
        w = None if weights is None else values(weights)
        count = np.bincount(given, w, minlength)
        return count.astype(np.int32 if w is None else values(weights).dtype)
    n = builtin_max(minlength, int(given.max(initial=-1)) + 1)
    flat = given.reshape(len(given), -1) + np.arange(len(given))[:, None] * n
    w = None if weights is None else values(weights).reshape(-1)
    count = np.bincount(flat.reshape(-1), w, len(given) * n).reshape(len(given), n)
    return count.astype(np.int32 if w is None else w.dtype)


builtin_max = max


def histogram(x: Any, bins: int = 10, range: Any = None) -> tuple[Any, Any]:
    """Return how many elements lie in each of `bins` of equal width, and the edges."""
    counts, edges = np.histogram(values(x), bins, range)
    return counts.astype(np.int32), edges.astype(values(x).dtype)


def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Return which elements of `x1` occur in `x2`."""
    return np.isin(values(x1), values(x2), assume_unique=assume_unique, invert=invert)


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Return for each element the choice whose condition is the first that is true."""
    y = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        y = pointwise.where(condition, choice, y)
    return y


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Return powers of each element in a row, falling from ``N - 1`` to 0."""
    n = (shape(x)[0] or 0) if N is None else N
    powers = np.arange(n) if increasing else np.arange(n)[::-1]
    return pointwise.power(expand_dims(x, -1), powers.astype(dtype_of(x)))
