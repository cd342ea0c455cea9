"""Nodes of a graph whose answer is known before there is data: arithmetic of shapes, mostly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hotloop._support import arguments
from hotloop.onnx.values import BATCH, Array, Node, Value

_PAIRS: dict[str, Any] = {
    "Add": np.add, "Equal": np.equal, "Greater": np.greater, "Less": np.less, "Max": np.maximum,
    "Min": np.minimum, "Mod": np.mod, "Mul": np.multiply, "Sub": np.subtract,
}  # fmt: skip


def folded(node: Node) -> Value | list[Value] | None:
    """Return what a node answers when all that it reads is known, else None."""
    if node.kind == "Shape":
        sizes = [BATCH if n is None else n for n in node.value(0).shape]
        cut = sizes[slice(node.get("start", None), node.get("end", None))]
        return Value(array=np.array(cut, np.int64))
    if node.kind == "Constant":
        return Value(array=_constant(node))
    function = _FUNCTIONS.get(node.kind)
    known = [value.array for value in node.inputs if value is not None and value.array is not None]
    if len(known) < len(node.inputs) or (function is None and node.kind not in _PAIRS):
        return None
    # An initializer that trains stays one.
    if any(value is not None and value.weight is not None for value in node.inputs):
        return None
    if function is not None:
        return Value(array=np.asarray(function(node, known)))
    found = known[0]
    for other in known[1:]:
        found = _PAIRS[node.kind](found, other)
    return Value(array=np.asarray(found))


def _constant(node: Node) -> Array:
    for name, dtype in (("value_float", np.float32), ("value_int", np.int64)):
        if name in node.attributes:
            return np.asarray(node.attributes[name], dtype)
    for name, dtype in (("value_floats", np.float32), ("value_ints", np.int64)):
        if name in node.attributes:
            return np.asarray(list(node.attributes[name]), dtype)
    if not isinstance(node.attributes.get("value"), np.ndarray):
        msg = "only constants of numbers are known"
        raise node.fail(msg)
    found: Array = node.attributes["value"]
    return found


def _filled(node: Node, known: list[Array]) -> Array:
    sizes = [int(n) for n in known[0].reshape(-1)]
    arguments.checked_size("ConstantOfShape", "the shape", sizes)
    fill = np.asarray(node.get("value", np.zeros(1, np.float32))).reshape(-1)
    return np.full(sizes, fill[0], fill.dtype)


def _range(node: Node, known: list[Array]) -> Array:
    start, limit, step = (part.reshape(-1)[0] for part in known)
    if step == 0 or (limit - start) / step > 2**24:
        msg = f"a range from {start} to {limit} by {step}"
        raise node.fail(msg)
    return np.arange(start, limit, step)


def _slice(node: Node, known: list[Array]) -> Array:
    starts, ends, axes, steps = (node.whole(i) for i in range(1, 5))
    starts, ends = starts or [], ends or []
    index = [slice(None)] * known[0].ndim
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = axes[i] if axes else i
        index[axis] = slice(start, end, steps[i] if steps else 1)
    return known[0][tuple(index)]


def _cast(node: Node, known: list[Array]) -> Array:
    kinds = {1: "f4", 6: "i4", 7: "i8", 9: "?", 11: "f8"}
    if node.get("to", 0) not in kinds:
        msg = f"values of ONNX's type {node.get('to', 0)} are not known"
        raise node.fail(msg)
    return known[0].astype(kinds[node.get("to", 0)])


def _unsqueezed(node: Node, known: list[Array]) -> Array:
    return np.expand_dims(known[0], tuple(node.whole(1, "axes") or ()))


def _squeezed(node: Node, known: list[Array]) -> Array:
    axes = node.whole(1, "axes")
    return np.squeeze(known[0], None if axes is None else tuple(axes))


def _transposed(node: Node, known: list[Array]) -> Array:
    return known[0].transpose(node.get("perm", None))


_FUNCTIONS: dict[str, Callable[[Node, list[Array]], Any]] = {
    "Cast": _cast,
    "Concat": lambda node, known: np.concatenate(known, int(node.get("axis", 0))),
    "ConstantOfShape": _filled,
    "Div": lambda _, known: (
        known[0] // known[1] if known[0].dtype.kind == "i" else known[0] / known[1]
    ),
    "Gather": lambda node, known: np.take(known[0], known[1], int(node.get("axis", 0))),
    "Identity": lambda _, known: known[0],
    "Neg": lambda _, known: -known[0],
    "Range": _range,
    "ReduceProd": lambda _, known: np.prod(known[0], keepdims=True),
    "Slice": _slice,
    "Sqrt": lambda _, known: np.sqrt(known[0]),
    "Squeeze": _squeezed,
    "Transpose": _transposed,
    "Unsqueeze": _unsqueezed,
    "Where": lambda _, known: np.where(*known),
}

__all__ = ["folded"]
