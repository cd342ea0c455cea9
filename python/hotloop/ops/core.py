"""Conversions, dtypes and shapes; loops and choices written as functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hotloop import config
from hotloop.autodiff import elementwise as rules
from hotloop.autodiff import shapes as shape_rules
from hotloop.autodiff.rule import TensorBase, as_array, operand

_FLOATS = {"float16", "float32", "float64"}
_KNOWN = _FLOATS | {
    "bool",
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
}


def is_tensor(x: Any) -> bool:
    """Return whether `x` is an array or tensor."""
    return isinstance(x, np.ndarray | TensorBase)


def values(x: Any) -> Any:
    """Return the values of an array or tensor as an array."""
    return x.data if isinstance(x, TensorBase) else as_array(operand("ops", x))


def checked_dtype(dtype: Any) -> str:
    """Return the name of a dtype; None is the default float type.

    Raises
    ------
    TypeError
        For what is no dtype of real numbers.
    """
    if dtype is None:
        return str(config.floatx())
    if dtype in (float, int, bool):
        return {float: str(config.floatx()), int: "int32", bool: "bool"}[dtype]
    try:
        name = str(np.dtype(dtype).name)
    except TypeError:
        name = repr(dtype)
    if name not in _KNOWN:
        msg = f"ops: dtype must be one of real numbers, such as float32, int32 or bool, got {name[:80]}"
        raise TypeError(msg)
    return name


def dtype_of(x: Any) -> str:
    """Return the name of the dtype of an array, tensor, symbol or number."""
    found = getattr(x, "dtype", None)
    return str(as_array(operand("dtype", x)).dtype if found is None else np.dtype(found))


def dtype(x: Any) -> str:
    """Return the name of the dtype of `x`.

    Examples
    --------
    >>> dtype([1.0])
    'float32'
    """
    return dtype_of(x)


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:  # noqa: ARG001
    """Return `x` as an array; tensors and symbols stay what they are.

    Parameters
    ----------
    x : array_like, Tensor or symbol
        Real numbers.
    dtype : str, optional
        To cast to. Without it floats in lists become the default float type, and whole numbers
        int32.
    sparse, ragged : bool, optional
        Ignored, as dense arrays are all there is.

    Examples
    --------
    >>> convert_to_tensor([1, 2])
    array([1, 2], dtype=int32)
    """
    if hasattr(x, "__operation__") or isinstance(x, TensorBase):
        return x if dtype is None or dtype_of(x) == checked_dtype(dtype) else cast(x, dtype)
    array = as_array(operand("convert_to_tensor", x))
    return array if dtype is None else array.astype(checked_dtype(dtype), copy=False)


def convert_to_numpy(x: Any) -> Any:
    """Return the values of `x` as an array.

    Examples
    --------
    >>> import hotloop as hl
    >>> convert_to_numpy(hl.Tensor([1.0]))
    array([1.], dtype=float32)
    """
    return values(x)


def cast(x: Any, dtype: Any) -> Any:
    """Return `x` in another dtype.

    Examples
    --------
    >>> cast([1.5, 2.5], "int32")
    array([1, 2], dtype=int32)
    """
    return rules.cast(x, dtype=checked_dtype(dtype))


def saturate_cast(x: Any, dtype: Any) -> Any:
    """Return `x` in another dtype, moved into its range first."""
    name = checked_dtype(dtype)
    if name == "bool" or name in _FLOATS:
        return cast(x, name)
    limits = np.iinfo(name)
    return cast(rules.clip(x, float(limits.min), float(limits.max)), name)


def copy(x: Any) -> Any:
    """Return a copy of `x`."""
    return rules.copy(x)


def stop_gradient(variable: Any) -> Any:
    """Return the values of `variable`, with no gradient leading back to it.

    Examples
    --------
    >>> import hotloop as hl
    >>> t = hl.Tensor([3.0], requires_grad=True)
    >>> (t * stop_gradient(t)).sum().backward()
    >>> t.grad
    array([3.], dtype=float32)
    """
    return rules.stop_gradient(variable)


def shape(x: Any) -> tuple[int | None, ...]:
    """Return the sizes of the axes; None where a symbol leaves one open.

    Examples
    --------
    >>> shape([[1.0, 2.0]])
    (1, 2)
    """
    return tuple(x.shape) if hasattr(x, "shape") else values(x).shape


def ndim(x: Any) -> int:
    """Return the number of axes."""
    return len(shape(x))


def size(x: Any) -> int:
    """Return the number of elements; a ValueError where a symbol leaves a size open."""
    sizes = shape(x)
    if None in sizes:
        msg = f"size: the number of elements of {sizes} is not known before the model runs"
        raise ValueError(msg)
    return math.prod(n or 0 for n in sizes)


def slice(inputs: Any, start_indices: Sequence[int], shape: Sequence[int]) -> Any:
    """Return the block of `shape` that begins at `start_indices`."""
    return shape_rules.getitem(inputs, index=_block(start_indices, shape))


def _block(starts: Any, sizes: Sequence[int]) -> tuple[Any, ...]:
    builtin = type(np.s_[:])
    return tuple(
        builtin(int(start), int(start) + int(n))
        for start, n in zip(np.asarray(values(starts)).tolist(), sizes, strict=True)
    )


def slice_update(inputs: Any, start_indices: Sequence[int], updates: Any) -> Any:
    """Return `inputs` with the block that begins at `start_indices` replaced by `updates`."""
    whole = shape(inputs)
    block = _block(start_indices, [int(n or 0) for n in shape(updates)])
    places = np.stack(
        np.meshgrid(*(np.arange(b.start, b.stop) for b in block), indexing="ij"), axis=-1
    )
    if any(b.stop > (n or 0) for b, n in zip(block, whole, strict=True)):
        msg = f"slice_update: a block of {shape(updates)} at {tuple(start_indices)} does not fit {whole}"
        raise ValueError(msg)
    flat = shape_rules.reshape(updates, shape=(-1,))
    return shape_rules.scatter_update(inputs, places.reshape(-1, len(whole)), flat)


def scatter(indices: Any, values: Any, shape: Sequence[int]) -> Any:
    """Return zeros of `shape` with `values` added at `indices`, in their order."""
    return shape_rules.scatter_add(indices, values, shape=tuple(int(n) for n in shape))


def scatter_update(inputs: Any, indices: Any, updates: Any) -> Any:
    """Return `inputs` with the elements at `indices` replaced by `updates`."""
    return shape_rules.scatter_update(inputs, indices, updates)


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """Return the parts of `x` along an axis, which is left out."""
    count = shape(x)[axis] if num is None else num
    if count is None:
        msg = f"unstack: axis {axis} of {shape(x)} is open; give num"
        raise ValueError(msg)
    rank = ndim(x)
    place = axis % rank
    every = np.s_[:]
    return [shape_rules.getitem(x, index=(every,) * place + (i,)) for i in range(count)]


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Return ``true_fn()`` where the one value `pred` is true, else ``false_fn()``."""
    return true_fn() if bool(values(pred)) else false_fn()


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Return the answer of branch `index`, moved into the branches there are."""
    place = min(max(int(values(index)), 0), len(branches) - 1)
    return branches[place](*operands)


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """Return the variables after calling `body` on them for as long as `cond` is true of them."""
    several = isinstance(loop_vars, list | tuple)
    state = tuple(loop_vars) if several else (loop_vars,)
    count = 0
    while bool(values(cond(*state))) and (maximum_iterations is None or count < maximum_iterations):
        answer = body(*state)
        state = tuple(answer) if isinstance(answer, list | tuple) else (answer,)
        count += 1
    return state if several else state[0]


def fori_loop(lower: int, upper: int, body_fun: Callable[[int, Any], Any], init_val: Any) -> Any:
    """Return what calling ``body_fun(i, value)`` for each i from `lower` below `upper` leaves."""
    value = init_val
    for i in range(int(values(lower)), int(values(upper))):
        value = body_fun(i, value)
    return value


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: Any = 1,  # noqa: ARG001
) -> tuple[Any, Any]:
    """Return the last state and the stacked answers of ``state, y = f(state, x)`` along axis 0."""
    n = length if xs is None else shape(xs)[0]
    if n is None:
        msg = "scan: give xs, or the length"
        raise ValueError(msg)
    order = range(n - 1, -1, -1) if reverse else range(n)
    state, found = init, []
    for i in order:
        state, y = f(state, None if xs is None else shape_rules.getitem(xs, index=i))
        found.append(y)
    if reverse:
        found.reverse()
    if not found or found[0] is None:
        return state, None
    return state, shape_rules.stack(*found, axis=0)


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """Return the answers of `f` to the parts of `xs` along axis 0, stacked."""
    return shape_rules.stack(*[f(part) for part in unstack(xs)], axis=0)


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """Return the answers of `function` to the parts of `elements` along axis 0, stacked."""
    return map(function, elements)
