"""Sums and extremes of segments, scans, patterns of axes, and functions made to take batches."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hotloop.autodiff import segments as rules
from hotloop.autodiff import shapes as shape_rules
from hotloop.autodiff.custom import custom_gradient
from hotloop.autodiff.reductions import axes_of
from hotloop.ops.core import convert_to_tensor, ndim, shape, values

__all__ = [
    "associative_scan",
    "custom_gradient",
    "rearrange",
    "segment_max",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "unravel_index",
    "vectorize",
]


def segment_sum(
    data: Any,
    segment_ids: Any,
    num_segments: int | None = None,
    sorted: bool = False,  # noqa: ARG001
) -> Any:
    """Return the sum of the rows of each segment; rows with an id outside are left out.

    Examples
    --------
    >>> segment_sum([1.0, 2.0, 4.0], [0, 1, 0])
    array([5., 2.], dtype=float32)
    """
    return rules.segment_sum(data, segment_ids, count=num_segments)


def segment_max(
    data: Any,
    segment_ids: Any,
    num_segments: int | None = None,
    sorted: bool = False,  # noqa: ARG001
) -> Any:
    """Return the maximum of the rows of each segment; ``-inf`` for one without rows."""
    return rules.segment_max(data, segment_ids, count=num_segments)


def segment_min(
    data: Any,
    segment_ids: Any,
    num_segments: int | None = None,
    sorted: bool = False,  # noqa: ARG001
) -> Any:
    """Return the minimum of the rows of each segment; ``inf`` for one without rows."""
    return rules.segment_min(data, segment_ids, count=num_segments)


def segment_prod(
    data: Any,
    segment_ids: Any,
    num_segments: int | None = None,
    sorted: bool = False,  # noqa: ARG001
) -> Any:
    """Return the product of the rows of each segment; 1 for one without rows."""
    return rules.segment_prod(data, segment_ids, count=num_segments)


def unravel_index(indices: Any, shape: Sequence[int]) -> tuple[Any, ...]:
    """Return for each axis the index, int32, of places counted in a row.

    Examples
    --------
    >>> unravel_index(np.array([5]), (2, 3))
    (array([1], dtype=int32), array([2], dtype=int32))
    """
    given = np.asarray(values(indices))
    total = math.prod(shape)
    found = np.unravel_index(np.where(given < 0, given + total, given), tuple(shape))
    return tuple(np.asarray(part, dtype=np.int32) for part in found)


def associative_scan(
    f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """Return ``f(...f(f(x_0, x_1), x_2)..., x_i)`` for every i along an axis, in log(n) calls of `f`.

    `elems` is an array, or a list, tuple or dict of them, and `f` takes and answers two such.

    Examples
    --------
    >>> associative_scan(lambda a, b: a + b, np.arange(5))
    array([ 0,  1,  3,  6, 10])
    """
    if not callable(f):
        msg = f"associative_scan: f must be a function, got {type(f).__name__}"
        raise TypeError(msg)
    if isinstance(elems, dict):
        names = list(elems)
        parts = list(elems.values())
    else:
        names = []
        parts = list(elems) if isinstance(elems, list | tuple) else [elems]
    parts = [convert_to_tensor(part) for part in parts]

    def packed(flat: list[Any]) -> Any:
        if names:
            return dict(zip(names, flat, strict=True))
        return type(elems)(flat) if isinstance(elems, list | tuple) else flat[0]

    def joined(a: list[Any], b: list[Any]) -> list[Any]:
        answer = f(packed(a), packed(b))
        if isinstance(answer, dict):
            return [answer[name] for name in names]
        return list(answer) if isinstance(elems, list | tuple) else [answer]

    def cut(flat: list[Any], piece: Any) -> list[Any]:
        found = []
        for x in flat:
            place = axes_of("associative_scan", axis, ndim(x))[0]
            found.append(shape_rules.getitem(x, index=(np.s_[:],) * place + (piece,)))
        return found

    def scanned(flat: list[Any]) -> list[Any]:
        n = shape(flat[0])[axis] or 0
        if n < 2:
            return flat
        pairs = scanned(joined(cut(flat, np.s_[: n - n % 2 : 2]), cut(flat, np.s_[1::2])))
        evens = cut(flat, np.s_[:1])
        if n > 2:
            rest = joined(cut(pairs, np.s_[: (n - 1) // 2]), cut(flat, np.s_[2::2]))
            evens = [
                shape_rules.concatenate(a, b, axis=axis) for a, b in zip(evens, rest, strict=True)
            ]
        # The evens stand first: their places and those of the odd ones in turn.
        count = (n + 1) // 2
        order = np.array([i // 2 if i % 2 == 0 else count + i // 2 for i in range(n)])
        return [
            shape_rules.take(shape_rules.concatenate(a, b, axis=axis), order, axis=axis)
            for a, b in zip(evens, pairs, strict=True)
        ]

    if len({shape(part)[axis] for part in parts}) > 1:
        msg = f"associative_scan: all must have one size along axis {axis}, got {[shape(p) for p in parts]}"
        raise ValueError(msg)
    if reverse:
        parts = [shape_rules.flip(part, axis=axis) for part in parts]
    found = scanned(parts)
    if reverse:
        found = [shape_rules.flip(part, axis=axis) for part in found]
    return packed(found)


def _groups(text: str) -> list[list[str]]:
    return [part.strip("()").split() for part in re.findall(r"\w+|\([^)]*\)", text)]


def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """Return axes split, moved and joined as `pattern` says, such as ``"b h w c -> b (h w) c"``.

    Examples
    --------
    >>> rearrange(np.zeros((2, 6, 4)), "b (h h1) c -> b h (c h1)", h1=2).shape
    (2, 3, 8)
    """
    left, arrow, right = pattern.partition("->")
    before, after = _groups(left), _groups(right)
    names = list(itertools.chain(*before))
    full = shape(tensor)
    if not arrow or len(before) != len(full) or sorted(names) != sorted(itertools.chain(*after)):
        msg = f"rearrange: the pattern {pattern!r} does not fit an array of shape {full}"
        raise ValueError(msg)
    sizes: dict[str, int | None] = dict(axes_lengths)
    for group, n in zip(before, full, strict=True):
        known = math.prod(sizes[name] or 1 for name in group if name in sizes)
        unknown = [name for name in group if name not in sizes]
        if len(unknown) > 1 or (n is not None and (n % known if unknown else n != known)):
            msg = (
                f"rearrange: an axis of {n} cannot be split into {group} with sizes {axes_lengths}"
            )
            raise ValueError(msg)
        if unknown:
            sizes[unknown[0]] = None if n is None else n // known
    y = shape_rules.reshape(tensor, shape=_open([sizes[name] for name in names]))
    y = shape_rules.transpose(y, axes=[names.index(name) for name in itertools.chain(*after)])
    joined = [
        None if any(sizes[n] is None for n in group) else math.prod(sizes[n] or 0 for n in group)
        for group in after
    ]
    return shape_rules.reshape(y, shape=_open(joined))


def _open(sizes: list[int | None]) -> tuple[int, ...]:
    if sizes.count(None) > 1:
        msg = f"rearrange: only one axis may have an open size, got {sizes}"
        raise ValueError(msg)
    return tuple(-1 if n is None else n for n in sizes)


def vectorize(
    pyfunc: Callable[..., Any], *, excluded: Any = None, signature: str | None = None
) -> Callable[..., Any]:
    """Return a function that calls `pyfunc` on each element of its arguments, and stacks the answers.

    Parameters
    ----------
    pyfunc : callable
        Of arrays without axes, or of those that `signature` says.
    excluded : set of int, optional
        Places of arguments that are passed as they are.
    signature : str, optional
        Axes of arguments and answers, such as ``"(m,n),(n)->(m)"``; those before them are looped
        over, and broadcast.

    Examples
    --------
    >>> vectorize(lambda a, b: a + b)(np.array([1, 2, 3]), 2)
    array([3, 4, 5])
    """
    if not callable(pyfunc):
        msg = f"vectorize: pyfunc must be a function, got {type(pyfunc).__name__}"
        raise ValueError(msg)
    left_out = set(excluded or ())
    axes = None
    if signature is not None:
        axes = [
            len([name for name in part.split(",") if name.strip()])
            for part in re.findall(r"\(([^)]*)\)", signature.split("->", maxsplit=1)[0])
        ]

    def called(*args: Any, **kwargs: Any) -> Any:
        looped = [i for i in range(len(args)) if i not in left_out]
        if axes is not None and len(axes) != len(looped):
            msg = (
                f"vectorize: signature {signature!r} names {len(axes)} arguments, got {len(looped)}"
            )
            raise ValueError(msg)
        given = {i: convert_to_tensor(args[i]) for i in looped}
        cores = dict(zip(looped, axes or [0] * len(looped), strict=True))
        batches: dict[int, Any] = {
            i: tuple(shape(x))[: ndim(x) - cores[i]] for i, x in given.items()
        }
        batch = np.broadcast_shapes(*batches.values())
        for i, x in given.items():
            core = tuple(shape(x))[ndim(x) - cores[i] :]
            given[i] = shape_rules.broadcast_to(x, shape=(*batch, *core))
        found = []
        for place in np.ndindex(*batch):
            parts = [
                shape_rules.getitem(given[i], index=place) if i in given else args[i]
                for i in range(len(args))
            ]
            found.append(pyfunc(*parts, **kwargs))
        if not found:
            msg = f"vectorize: nothing to call the function on, the arguments broadcast to {batch}"
            raise ValueError(msg)
        if isinstance(found[0], tuple):
            return tuple(_stacked(part, batch) for part in zip(*found, strict=True))
        return _stacked(found, batch)

    return called


def _stacked(parts: Sequence[Any], batch: tuple[int, ...]) -> Any:
    y = shape_rules.stack(*parts, axis=0)
    return shape_rules.reshape(y, shape=(*batch, *shape(parts[0])))
