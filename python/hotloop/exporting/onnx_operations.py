"""Operations of `hotloop.ops` as nodes of ONNX.

Every value of a model is a float: what answers truths or places is cast, and cast back where it is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hotloop.exporting.lowering import Op

Write = Callable[[Any, list[str], Op], str]

_SAME = {
    "absolute": "Abs", "add": "Add", "arccos": "Acos", "arccosh": "Acosh", "arcsin": "Asin",
    "arcsinh": "Asinh", "arctan": "Atan", "arctanh": "Atanh", "ceil": "Ceil", "copy": "Identity",
    "cos": "Cos", "cosh": "Cosh", "divide": "Div", "erf": "Erf", "exp": "Exp", "floor": "Floor",
    "log": "Log", "matmul": "MatMul", "maximum": "Max", "minimum": "Min", "multiply": "Mul",
    "negative": "Neg", "power": "Pow", "reciprocal": "Reciprocal", "relu": "Relu", "rint": "Round",
    "sigmoid": "Sigmoid", "sign": "Sign", "sin": "Sin", "sinh": "Sinh", "softplus": "Softplus",
    "sqrt": "Sqrt", "stop_gradient": "Identity", "subtract": "Sub", "tan": "Tan", "tanh": "Tanh",
}  # fmt: skip
_TRUTHS = {
    "equal": "Equal", "greater": "Greater", "greater_equal": "GreaterOrEqual", "isnan": "IsNaN",
    "isinf": "IsInf", "less": "Less", "less_equal": "LessOrEqual",
}  # fmt: skip
_OF_TRUTHS = {"logical_and": "And", "logical_not": "Not", "logical_or": "Or", "logical_xor": "Xor"}
_REDUCED = {
    "logsumexp": "ReduceLogSumExp", "max": "ReduceMax", "mean": "ReduceMean", "min": "ReduceMin",
    "prod": "ReduceProd", "sum": "ReduceSum",
}  # fmt: skip


def _cast(w: Any, x: str, dtype: Any) -> str:
    element = w.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return str(w.node("Cast", [x], to=element))


def _floats(w: Any, x: str) -> str:
    return _cast(w, x, w.dtype)


def _truth(w: Any, x: str) -> str:
    return _cast(w, x, bool)


def _rank(w: Any, op: Op, which: int = 0) -> int:
    return len(w.program.shapes[op.inputs[which]])


def gelu(w: Any, x: str) -> str:
    """Write ``x Phi(x)``, for which opset 18 has no node."""
    inner = w.node("Erf", [w.node("Mul", [x, w.number(math.sqrt(0.5))])])
    half = w.node("Mul", [x, w.number(0.5)])
    return str(w.node("Mul", [half, w.node("Add", [inner, w.number(1.0)])]))


def _reduced(kind: str) -> Write:
    def write(w: Any, x: list[str], op: Op) -> str:
        axis, keep = (op.attributes["options"].get(k) for k in ("axis", "keepdims"))
        axes = [] if axis is None else [axis] if isinstance(axis, int) else list(axis)
        rest = [w.whole(*axes)] if axes else []
        return str(w.node(kind, [*x, *rest], keepdims=int(bool(keep))))

    return write


def _extreme(kind: str) -> Write:
    def write(w: Any, x: list[str], op: Op) -> str:
        options = op.attributes["options"]
        if options.get("axis") is None:
            msg = f"{op.attributes['operation']} over all axes"
            raise w.missing(msg)
        keep = int(bool(options.get("keepdims")))
        return _floats(w, w.node(kind, x, axis=options["axis"], keepdims=keep))

    return write


def _along(kind: str) -> Write:
    return lambda w, x, op: w.node(kind, x, axis=op.attributes["options"].get("axis", -1))


def _getitem(w: Any, x: list[str], op: Op) -> str:
    index = op.attributes["options"]["index"]
    index = list(index) if isinstance(index, tuple | list) else [index]
    rank = _rank(w, op)
    used = sum(part is not None and part is not Ellipsis for part in index)
    if Ellipsis in index:
        at = index.index(Ellipsis)
        index[at : at + 1] = [slice(None)] * (rank - used)
    y, axis, gone, new = x[0], 0, [], []
    starts, ends, axes, steps = [], [], [], []
    place = 0
    for part in index:
        if part is None:
            new.append(place)
            place += 1
            continue
        if isinstance(part, int):
            y = w.node("Gather", [y, w.whole(part)], axis=axis)
            gone.append(axis)
        elif isinstance(part, slice):
            step = 1 if part.step is None else int(part.step)
            edges = (0, 2**31 - 1) if step > 0 else (2**31 - 1, -(2**31))
            if (part.start, part.stop, step) != (None, None, 1):
                starts.append(edges[0] if part.start is None else int(part.start))
                ends.append(edges[1] if part.stop is None else int(part.stop))
                axes.append(axis)
                steps.append(step)
            place += 1
        else:
            msg = "an index of arrays"
            raise w.missing(msg)
        axis += 1
    if axes:
        y = w.node("Slice", [y, *(w.whole(*each) for each in (starts, ends, axes, steps))])
    y = w.node("Squeeze", [y, w.whole(*gone)]) if gone else y
    return str(w.node("Unsqueeze", [y, w.whole(*new)]) if new else y)


def _reshape(w: Any, x: list[str], op: Op) -> str:
    shape = op.attributes["options"]["shape"]
    sizes = [0 if n is None and i == 0 else -1 if n is None else n for i, n in enumerate(shape)]
    return str(w.node("Reshape", [*x, w.whole(*sizes)]))


def _pad(w: Any, x: list[str], op: Op) -> str:
    a = op.attributes["options"]
    mode = {"constant": "constant", "reflect": "reflect", "edge": "edge"}.get(a["mode"])
    if mode is None:
        msg = f"padding of mode {a['mode']}"
        raise w.missing(msg)
    pads = w.whole(*(before for before, _ in a["width"]), *(after for _, after in a["width"]))
    fill = [w.number(a.get("value") or 0)] if mode == "constant" else []
    return str(w.node("Pad", [*x, pads, *fill], mode=mode))


def _stack(w: Any, x: list[str], op: Op) -> str:
    axis = op.attributes["options"].get("axis", 0)
    parts = [w.node("Unsqueeze", [part, w.whole(axis)]) for part in x]
    return str(w.node("Concat", parts, axis=axis))


def _take(w: Any, x: list[str], op: Op) -> str:
    axis = op.attributes["options"].get("axis")
    if axis is None:
        msg = "take over all axes"
        raise w.missing(msg)
    return str(w.node("Gather", [x[0], _cast(w, x[1], np.int64)], axis=axis))


def _flip(w: Any, x: list[str], op: Op) -> str:
    axis = op.attributes["options"].get("axis")
    axes = list(range(_rank(w, op))) if axis is None else [axis] if isinstance(axis, int) else axis
    far = (w.whole(*[n] * len(axes)) for n in (2**31 - 1, -(2**31)))
    return str(w.node("Slice", [*x, *far, w.whole(*axes), w.whole(*[-1] * len(axes))]))


def _top_k(w: Any, x: list[str], op: Op) -> str:
    a = op.attributes
    largest = int(bool(a["options"].get("largest_first", True)))
    found = w.node("TopK", [*x, w.whole(a["options"]["k"])], 2, largest=largest)
    return str(found[0] if a["part"] == 0 else _floats(w, found[1]))


def _cast_option(w: Any, x: list[str], op: Op) -> str:
    dtype = np.dtype(op.attributes["options"]["dtype"])
    return x[0] if dtype.kind == "f" else _floats(w, _cast(w, x[0], dtype))


def _cumsum(w: Any, x: list[str], op: Op) -> str:
    axis = op.attributes["options"].get("axis")
    if axis is None:
        msg = "cumsum over all axes"
        raise w.missing(msg)
    name = w.weight("axis", np.asarray(axis, np.int64))
    return str(w.node("CumSum", [*x, name]))


def _tile(w: Any, x: list[str], op: Op) -> str:
    repeats = tuple(op.attributes["options"]["repeats"])
    repeats = (*(1,) * (_rank(w, op) - len(repeats)), *repeats)
    return str(w.node("Tile", [*x, w.whole(*repeats)]))


def _plain(kind: str) -> Write:
    return lambda w, x, _: w.node(kind, x)


def _truths(kind: str) -> Write:
    return lambda w, x, _: _floats(w, w.node(kind, x))


def _of_truths(kind: str) -> Write:
    return lambda w, x, _: _floats(w, w.node(kind, [_truth(w, part) for part in x]))


def _scaled(kind: str, factor: float) -> Write:
    return lambda w, x, _: w.node("Mul", [w.node(kind, x), w.number(factor)])


OPERATIONS: dict[str, Write] = {
    **{name: _plain(kind) for name, kind in _SAME.items()},
    **{name: _truths(kind) for name, kind in _TRUTHS.items()},
    **{name: _of_truths(kind) for name, kind in _OF_TRUTHS.items()},
    **{name: _reduced(kind) for name, kind in _REDUCED.items()},
    "argmax": _extreme("ArgMax"),
    "argmin": _extreme("ArgMin"),
    "cast": _cast_option,
    "clip": lambda w, x, _: w.node("Min", [w.node("Max", x[:2]), x[2]]),
    "concatenate": _along("Concat"),
    "cumsum": _cumsum,
    "einsum": lambda w, x, op: w.node("Einsum", x, equation=op.attributes["options"]["subscripts"]),
    "elu": lambda w, x, op: w.node("Elu", x, alpha=float(op.attributes["options"].get("alpha", 1.0))),
    "expm1": lambda w, x, _: w.node("Sub", [w.node("Exp", x), w.number(1.0)]),
    "flip": _flip,
    "floor_divide": lambda w, x, _: w.node("Floor", [w.node("Div", x)]),
    "gelu": lambda w, x, _: gelu(w, x[0]),
    "getitem": _getitem,
    "leaky_relu": lambda w, x, op: w.node(
        "LeakyRelu", x, alpha=float(op.attributes["options"].get("alpha", 0.2))
    ),
    "log10": _scaled("Log", 1 / math.log(10)),
    "log1p": lambda w, x, _: w.node("Log", [w.node("Add", [*x, w.number(1.0)])]),
    "log2": _scaled("Log", 1 / math.log(2)),
    "log_softmax": _along("LogSoftmax"),
    "not_equal": lambda w, x, _: _floats(w, w.node("Not", [w.node("Equal", x)])),
    "pad": _pad,
    "reshape": _reshape,
    "rsqrt": lambda w, x, _: w.node("Reciprocal", [w.node("Sqrt", x)]),
    "silu": lambda w, x, _: w.node("Mul", [*x, w.node("Sigmoid", x)]),
    "softmax": _along("Softmax"),
    "square": lambda w, x, _: w.node("Mul", [*x, *x]),
    "stack": _stack,
    "take": _take,
    "tile": _tile,
    "top_k": _top_k,
    "transpose": lambda w, x, op: w.node(
        "Transpose", x, perm=op.attributes["options"].get("axes") or range(_rank(w, op))[::-1]
    ),
    "where": lambda w, x, _: w.node("Where", [_truth(w, x[0]), *x[1:]]),
}  # fmt: skip

__all__ = ["OPERATIONS", "gelu"]
