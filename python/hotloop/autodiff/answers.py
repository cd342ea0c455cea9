"""Shapes of answers, found before anything large is made: options may come from a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hotloop._support.arguments import checked_size
from hotloop.autodiff import elementwise
from hotloop.autodiff.linalg import parse_einsum
from hotloop.autodiff.reductions import axes_of
from hotloop.autodiff.rule import Array, Rule, Saved
from hotloop.autodiff.segments import owners

Shape = tuple[int, ...]

# Elements that a rule without a formula may read, or answer, when its shape is found by trying.
_TRIED = 2**25


def standing(shape: Sequence[int], dtype: Any) -> Array:
    """Return an array of a shape that takes no memory, in the place of a value of that shape."""
    checked_size("an operation", "an input", shape)
    return np.broadcast_to(np.ones((), dtype), tuple(shape))


def _broadcast_to(x: Array, *, shape: Sequence[int]) -> Shape:
    return np.broadcast_shapes(x.shape, tuple(shape))


def _tile(x: Array, *, repeats: Sequence[int]) -> Shape:
    rank = max(x.ndim, len(repeats))
    sizes = (1,) * (rank - x.ndim) + x.shape
    times = (1,) * (rank - len(repeats)) + tuple(_count(n) for n in repeats)
    return tuple(n * m for n, m in zip(sizes, times, strict=True))


def _repeat(x: Array, *, repeats: Any, axis: int | None) -> Shape:
    sizes = list(x.shape) if axis is not None else [x.size]
    place = 0 if axis is None else axes_of("repeat", axis, x.ndim)[0]
    if isinstance(repeats, int):
        sizes[place] *= _count(repeats)
    else:
        times = [_count(n) for n in np.ravel(np.asarray(repeats)).tolist()]
        if len(times) not in (1, sizes[place]):
            msg = f"repeat: {len(times)} repeats do not fit an axis of {sizes[place]}"
            raise ValueError(msg)
        sizes[place] = times[0] * sizes[place] if len(times) == 1 else sum(times)
    return tuple(sizes)


def _pad(x: Array, *, width: Sequence[Sequence[int]], mode: str, value: float) -> Shape:
    if mode not in ("constant", "reflect", "symmetric", "edge", "wrap"):
        msg = (
            f"pad: mode must be constant, reflect, symmetric, edge or wrap, got {str(mode)[:80]!r}"
        )
        raise ValueError(msg)
    float(value)
    pairs = [(_count(low), _count(high)) for low, high in width]
    return tuple(n + low + high for n, (low, high) in zip(x.shape, pairs, strict=True))


def _scatter_add(indices: Array, updates: Array, *, shape: Sequence[int]) -> Shape:  # noqa: ARG001
    return tuple(_count(n) for n in shape)


def _take(x: Array, indices: Array, *, axis: int | None) -> Shape:
    if axis is None:
        return np.shape(indices)
    place = axes_of("take", axis, x.ndim)[0]
    return (*x.shape[:place], *np.shape(indices), *x.shape[place + 1 :])


def _matmul(x: Array, y: Array) -> Shape:
    if x.ndim == 0 or y.ndim == 0 or x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        msg = f"matmul: the columns of x must match the rows of y, got {x.shape} and {y.shape}"
        raise ValueError(msg)
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return (*lead, *x.shape[-2:-1], *(y.shape[-1:] if y.ndim > 1 else ()))


def _einsum(*operands: Array, subscripts: str) -> Shape:
    terms, answer = parse_einsum(subscripts, [x.shape for x in operands])
    sizes: dict[str, int] = {}
    for term, x in zip(terms, operands, strict=True):
        for letter, n in zip(term, x.shape, strict=True):
            if sizes.setdefault(letter, n) not in (n, 1) and n != 1:
                msg = f"einsum: {letter!r} stands for axes of {sizes[letter]} and {n}"
                raise ValueError(msg)
            sizes[letter] = max(sizes[letter], n)
    if len(set(answer)) != len(answer) or not set(answer) <= set(sizes):
        msg = f"einsum: the answer {answer[:80]!r} must name axes of the operands, each once"
        raise ValueError(msg)
    return tuple(sizes[letter] for letter in answer)


def _segments(name: str) -> Callable[..., Shape]:
    def formula(data: Array, ids: Array, *, count: int | None) -> Shape:
        given = None if count is None else _count(count)
        return (owners(name, len(data), ids, given)[2], *data.shape[1:])

    return formula


def _scatter_columns(x: Array, *, places: Any, size: int) -> Shape:
    if x.ndim != 3 or x.shape[-1] != np.size(places):
        msg = f"fold: the windows hold {np.size(places)} elements of each channel, got shape {x.shape}"
        raise ValueError(msg)
    return (*x.shape[:-1], _count(size))


def _conv_transpose(x: Array, w: Array, *, stride: Any, dilation: Any) -> Shape:
    if x.ndim != 4 or w.ndim != 4 or x.shape[-1] != w.shape[-1]:
        msg = f"conv_transpose: the kernel {w.shape} must end with the channels of the inputs {x.shape}"
        raise ValueError(msg)
    planes = zip(x.shape[1:3], w.shape[:2], stride, dilation, strict=True)
    sizes = [(n - 1) * _count(s) + (k - 1) * _count(d) + 1 for n, k, s, d in planes]
    return (x.shape[0], *sizes, w.shape[2])


def _count(n: Any) -> int:
    """Return a size or number of times."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
        msg = f"sizes and counts must be whole numbers, not negative, got {str(n)[:80]}"
        raise ValueError(msg)
    return int(n)


# Rules whose answer may be much larger than what they read.
_FORMULAS: dict[str, Callable[..., Shape]] = {
    "broadcast_to": _broadcast_to,
    "conv2d_transpose": _conv_transpose,
    "einsum": _einsum,
    "matmul": _matmul,
    "pad": _pad,
    "repeat": _repeat,
    "scatter_add": _scatter_add,
    "scatter_columns": _scatter_columns,
    **{f"segment_{kind}": _segments(f"segment_{kind}") for kind in ("max", "min", "prod", "sum")},
    "take": _take,
    "tile": _tile,
}


def answer_shape(
    rule: Rule, inputs: Sequence[Any], options: dict[str, Any], part: int = 0
) -> Shape:
    """Return the shape of what `rule` answers.

    Parameters
    ----------
    rule : Rule
        The operation.
    inputs : sequence of array or number
        Values, or arrays that stand for them.
    options : dict
        Further arguments.
    part : int
        Which of several answers.

    Raises
    ------
    ValueError
        When the answer, or what has to be tried to find its shape, is too large; and whatever the
        rule raises for inputs and options that do not fit.
    """
    arrays = [np.asarray(x) for x in inputs]
    formula = _FORMULAS.get(rule.name)
    single = rule is vars(elementwise).get(rule.name) or formula is not None
    if single and part:
        msg = f"{rule.name} gives one answer, there is no part {part}"
        raise ValueError(msg)
    if formula is not None:
        found = formula(*arrays, **options)
    elif single:
        found = np.broadcast_shapes(*(x.shape for x in arrays))
        # One element each shows whether operands and options fit the rule.
        _tried(rule, [np.ones((1,) * x.ndim, x.dtype) for x in arrays], options)
    else:
        _look_at_sizes(rule.name, arrays, options)
        found = _tried(rule, inputs, options)[part].shape
    checked_size(rule.name, "the answer", found)
    return found


def _tried(rule: Rule, inputs: Sequence[Any], options: dict[str, Any]) -> tuple[Array, ...]:
    saved = Saved()
    saved.needs = (False,) * len(inputs)
    with np.errstate(all="ignore"):
        answer = rule.forward(saved, *inputs, **options)
    return answer if isinstance(answer, tuple) else (answer,)


def _look_at_sizes(name: str, arrays: Sequence[Array], options: dict[str, Any]) -> None:
    """Refuse what a trial may not compute: padding and indices may make more of their input."""
    times = 1
    index, pads = options.get("index"), options.get("padding")
    for one in index if isinstance(index, tuple) else (index,):
        times *= max(1, one.size) if isinstance(one, np.ndarray) else 1
    if not isinstance(pads, str | None):
        times *= math.prod(1 + 2 * abs(int(n)) for n in np.ravel(np.asarray(pads)).tolist())
    total = sum(math.prod(x.shape) for x in arrays) * times
    if total > _TRIED:
        msg = f"{name} over {total} elements is too large for an operation of a model"
        raise ValueError(msg)
