"""Operators of ONNX as layers and operations: one function or one line of a table each.

Source: the operator specification of ONNX, opset 13 and newer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hotloop import layers, ops
from hotloop._support import arguments
from hotloop._support.quoting import quoted
from hotloop.onnx.values import BATCH, Node, Value, set_weights, transposed

Answer = Value | list[Value]
_BATCH = "the samples of a batch would be cut, joined or repeated"
_MOVED = {0: 0, 1: 3, 2: 1, 3: 2}  # where an axis of (N, C, H, W) lies in (N, H, W, C)


def _of(symbol: Any) -> Value:
    return Value(symbol=symbol)


# -- products --------------------------------------------------------------------------------------


def _dense(node: Node, kernel: Any, bias: Any, *names: str) -> Value:
    made = layers.Dense(kernel.shape[1], use_bias=bias is not None)
    layer = node.shared(made, *names, repr((kernel.shape, node.attributes)))
    out = layer(node.symbol(0))
    set_weights(layer, kernel=kernel, bias=bias)
    return _of(out)


def _gemm(node: Node) -> Value:
    alpha, beta = float(node.get("alpha", 1.0)), float(node.get("beta", 1.0))
    first, second = node.value(0), node.value(1)
    bias = node.value(2) if node.has(2) else None
    is_layer = second.array is not None and len(first.shape) == 2 and not node.get("transA", 0)
    if is_layer and (bias is None or bias.array is not None):
        kernel = node.array(1).T if node.get("transB", 0) else node.array(1)
        if kernel.ndim != 2 or first.shape[1] != kernel.shape[0]:
            msg = f"shapes {first.shape} and {second.shape} do not fit"
            raise node.fail(msg)
        given = None if bias is None else np.asarray(bias.array) * beta
        if given is None or given.size in (1, kernel.shape[1]):
            row = None if given is None else np.broadcast_to(given.reshape(-1), kernel.shape[1:])
            return _dense(node, kernel * alpha, row, *node.names[1:])
    a, b = node.operand(0), node.operand(1)
    a = ops.transpose(a, (1, 0)) if node.get("transA", 0) else a
    b = ops.transpose(b, (1, 0)) if node.get("transB", 0) else b
    y = ops.matmul(a, b)
    y = y if alpha == 1.0 else y * alpha
    if bias is not None:
        c = node.operand(2)
        y = ops.add(y, c if beta == 1.0 else c * beta)
    return _of(y)


def _matmul(node: Node) -> Value:
    first, second = node.value(0), node.value(1)
    kernel = second.array
    if kernel is not None and kernel.ndim == 2 and len(first.shape) >= 2 and first.array is None:
        if first.shape[-1] != kernel.shape[0]:
            msg = f"shapes {first.shape} and {kernel.shape} do not fit"
            raise node.fail(msg)
        bias = node.reading.bias_of(node, kernel.shape[1])
        if bias is None:
            return _dense(node, kernel, None, node.names[1])
        return _dense(node, kernel, bias[1], node.names[1], bias[0])
    return _of(ops.matmul(node.operand(0), node.operand(1)))


# -- images ----------------------------------------------------------------------------------------


def _pads(node: Node, kernel: list[int], strides: list[int], dilations: list[int]) -> Any:
    """Return ((top, bottom), (left, right)), with what `ceil_mode` adds."""
    auto = node.get("auto_pad", "NOTSET")
    sizes = node.value(0).shape[2:]
    given = [int(n) for n in node.get("pads", [0] * 2 * len(kernel))]
    if len(given) != 2 * len(kernel) or min(given) < 0:
        msg = f"pads {quoted(given)}"
        raise node.fail(msg)
    found = []
    for i, (n, k, s, d) in enumerate(zip(sizes, kernel, strides, dilations, strict=True)):
        before, after = given[i], given[i + len(kernel)]
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            total = max((-(-(n or 1) // s) - 1) * s + d * (k - 1) + 1 - (n or 1), 0)
            before = total // 2 if auto == "SAME_UPPER" else total - total // 2
            after = total - before
        elif auto == "VALID":
            before = after = 0
        free = (n or 0) + before + after - d * (k - 1) - 1
        if node.get("ceil_mode", 0) and free >= 0:
            windows = -(-free // s) + 1
            windows -= (windows - 1) * s >= (n or 0) + before
            after += max((windows - 1) * s - free, 0)
        found.append((before, after))
    return tuple(found)


def _windows(node: Node, kernel: list[int]) -> dict[str, Any]:
    """Return strides, padding and dilation of a two-dimensional operator."""
    if len(node.value(0).shape) != 4 or len(kernel) != 2:
        msg = f"only images (N, C, H, W) are known, got {node.value(0).shape}"
        raise node.fail(msg)
    strides = [int(n) for n in node.get("strides", [1, 1])]
    dilations = [int(n) for n in node.get("dilations", [1, 1])]
    if len(strides) != 2 or len(dilations) != 2 or min(*kernel, *strides, *dilations) < 1:
        msg = f"window {quoted(kernel)}, strides {quoted(strides)}, dilations {quoted(dilations)}"
        raise node.fail(msg)
    pads = _pads(node, kernel, strides, dilations)
    padding = "valid" if not any(map(any, pads)) else pads
    if node.kind == "Conv" and padding != "valid":
        padding = _same(node, kernel, strides, dilations, pads)
    return {"strides": tuple(strides), "padding": padding, "dilation_rate": tuple(dilations)}


def _same(node: Node, kernel: Any, strides: Any, dilations: Any, pads: Any) -> Any:
    """Return "same" where the padding is what that means, as Keras writes it."""
    sizes = node.value(0).shape[2:]
    for n, k, s, d, given in zip(sizes, kernel, strides, dilations, pads, strict=True):
        total = max((-(-(n or 1) // s) - 1) * s + d * (k - 1) + 1 - (n or 1), 0)
        if given != (total // 2, total - total // 2):
            return pads
    return "same"


def _image(node: Node, layer: Any, first: bool) -> Value:
    x = node.symbol(0) if first else node.last(0)
    return Value(symbol=layer(x), moved=not first)


def _is_first(node: Node) -> bool:
    return not node.value(0).moved


def _conv(node: Node) -> Value:
    kernel = node.array(1)
    if kernel.ndim != 4:
        msg = f"only images (N, C, H, W) are known, got a kernel of {kernel.shape}"
        raise node.fail(msg)
    bias, first = node.array(2) if node.has(2) else None, _is_first(node)
    layer = layers.Conv2D(
        kernel.shape[0],
        kernel.shape[2:],
        groups=int(node.get("group", 1)),
        use_bias=bias is not None,
        data_format="channels_first" if first else "channels_last",
        **_windows(node, list(kernel.shape[2:])),
    )
    layer = node.shared(layer, *node.names[1:])
    value = _image(node, layer, first)
    set_weights(layer, kernel=kernel.transpose(2, 3, 1, 0), bias=bias)
    return value


def _pool(node: Node) -> Answer:
    kernel = [int(n) for n in node.get("kernel_shape", [])]
    given = _windows(node, kernel)
    if given.pop("dilation_rate") != (1, 1):
        msg = "pooling windows with dilations are not known"
        raise node.fail(msg)
    averages = node.kind == "AveragePool"
    if averages and node.get("count_include_pad", 0) and given["padding"] != "valid":
        msg = "an average that counts the padding is not known"
        raise node.fail(msg)
    if len([name for name in node.outputs if name]) > 1:
        msg = "only the largest values are known, not their places"
        raise node.fail(msg)
    first = _is_first(node)
    kind = layers.AvgPool2D if averages else layers.MaxPool2D
    form = "channels_first" if first else "channels_last"
    return _image(node, node.named(kind(tuple(kernel), data_format=form, **given)), first)


def _global_average(node: Node) -> Value:
    if len(node.value(0).shape) != 4:
        return _of(
            ops.mean(node.symbol(0), tuple(range(2, len(node.value(0).shape))), keepdims=True)
        )
    first = _is_first(node)
    form = "channels_first" if first else "channels_last"
    return _image(node, node.named(layers.GlobalAvgPool2D(form, keepdims=True)), first)


def _batch_norm(node: Node) -> Answer:
    if node.get("training_mode", 0):
        msg = "training_mode is not known: a model that is loaded trains by `fit`"
        raise node.fail(msg)
    rank = len(node.value(0).shape)
    first = _is_first(node) and rank == 4
    layer = layers.BatchNormalization(
        axis=1 if first else -1,
        momentum=float(node.get("momentum", 0.9)),
        epsilon=float(node.get("epsilon", 1e-5)),
    )
    layer = node.shared(layer, *node.names[1:])
    if rank in (2, 4):
        value = _image(node, layer, first or rank == 2)
    else:
        moved = ops.moveaxis(node.symbol(0), 1, -1)
        value = _of(ops.moveaxis(layer(moved), -1, 1))
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    set_weights(layer, **{name: node.array(i + 1) for i, name in enumerate(names)})
    return value


def _layer_norm(node: Node) -> Value:
    rank = len(node.value(0).shape)
    axis = int(node.get("axis", -1)) % rank
    layer = layers.LayerNormalization(
        list(range(axis, rank)), float(node.get("epsilon", 1e-5)), center=node.has(2)
    )
    layer = node.shared(layer, *node.names[1:])
    out = layer(node.symbol(0))
    given = {"gamma": node.array(1), "beta": node.array(2) if node.has(2) else None}
    set_weights(layer, **given)
    return _of(out)


# -- shapes ----------------------------------------------------------------------------------------


def _target(node: Node, sizes: list[int]) -> Value:
    """Return the value in another shape, in which 0 copies a size and BATCH is the batch's."""
    value = node.value(0)
    shape = value.shape
    wanted: list[int | None] = [
        None if n == BATCH else shape[i] if n == 0 and i < len(shape) else n
        for i, n in enumerate(sizes)
    ]
    if any(n is not None and n < -1 for n in wanted):
        msg = f"shape {quoted(sizes)}"
        raise node.fail(msg)
    rest, known = wanted[1:], [n for n in shape[1:] if n is not None]
    counted = math.prod(n for n in rest if n is not None and n != -1)
    total = math.prod(known)
    keeps = wanted[:1] in ([None], [1], [-1]) or (rest.count(-1) == 1 and wanted[0] == shape[0])
    fits = counted == total or (-1 in rest and counted and total % counted == 0)
    if shape[:1] == (None,) and keeps and fits and None not in rest and rest.count(-1) < 2:
        if len(rest) == 1 and total:
            return _flat(node)
        return _of(node.named(layers.Reshape([n for n in rest if n is not None]))(node.symbol(0)))
    return _of(ops.reshape(node.symbol(0), tuple(-1 if n is None else n for n in wanted)))


def _flat(node: Node) -> Value:
    return _of(node.named(layers.Flatten())(node.symbol(0)))


def _reshape(node: Node) -> Value:
    sizes = node.whole(1, "shape") or []
    if node.get("allowzero", 0) and 0 in sizes:
        msg = "allowzero is not known"
        raise node.fail(msg)
    return _target(node, sizes)


def _flatten(node: Node) -> Value:
    rank = len(node.value(0).shape)
    axis = int(node.get("axis", 1)) % max(rank, 1)
    if axis == 1:
        return _flat(node)
    msg = f"flattening from axis {axis} is not known"
    raise node.fail(msg)


def _squeeze(node: Node) -> Value:
    value = node.value(0)
    rank = len(value.shape)
    axes = node.whole(1, "axes")
    gone = (
        [i for i, n in enumerate(value.shape) if n == 1]
        if axes is None
        else [a % rank for a in axes]
    )
    if any(value.shape[a] != 1 for a in gone):
        msg = f"axes {gone} of {value.shape} are not of size 1"
        raise node.fail(msg)
    return _target(
        node, [BATCH if n is None else n for i, n in enumerate(value.shape) if i not in gone]
    )


def _unsqueeze(node: Node) -> Value:
    value = node.value(0)
    axes = node.whole(1, "axes") or []
    rank = len(value.shape) + len(axes)
    new = {a % rank for a in axes}
    left = iter(BATCH if n is None else n for n in value.shape)
    return _target(node, [1 if i in new else next(left) for i in range(rank)])


def _concat(node: Node) -> Value:
    axis = int(node.get("axis", 0))
    parts = [node.value(i) for i in range(len(node.inputs))]
    rank = len(parts[0].shape)
    if not axis % rank:
        raise node.fail(_BATCH)
    if all(part.moved for part in parts):
        symbols = [part.symbol for part in parts]
        return Value(symbol=layers.Concatenate(_MOVED[axis % rank])(symbols), moved=True)
    if all(part.array is None for part in parts) and axis % rank and len(parts) > 1:
        return _of(layers.Concatenate(axis)([node.symbol(i) for i in range(len(parts))]))
    return _of(ops.concatenate([node.operand(i) for i in range(len(parts))], axis))


def _split(node: Node) -> list[Value]:
    axis, value = int(node.get("axis", 0)), node.value(0)
    size, count = value.shape[axis], len(node.outputs)
    if size is None:
        msg = "the batch cannot be split"
        raise node.fail(msg)
    each = -(-size // count)
    sizes = node.whole(1, "split") or [min(each, size - i * each) for i in range(count)]
    if len(sizes) != count or sum(sizes) != size or min(sizes) < 0:
        msg = f"parts {quoted(sizes)} of a size {size}"
        raise node.fail(msg)
    symbol, found, at = node.symbol(0), [], 0
    for n in sizes:
        index = (slice(None),) * (axis % len(value.shape))
        found.append(_of(symbol[(*index, slice(at, at + n))]))
        at += n
    return found


def _slice(node: Node) -> Value:
    rank = len(node.value(0).shape)
    starts, ends = node.whole(1, "starts") or [], node.whole(2, "ends") or []
    axes = node.whole(3, "axes") or list(range(len(starts)))
    steps = node.whole(4, "steps") or [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        msg = "starts, ends, axes and steps do not fit each other"
        raise node.fail(msg)
    index = [slice(None)] * rank
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = node.value(0).shape[axis]
        if size is None and (start, step) != (0, 1):
            raise node.fail(_BATCH)
        limit = 2**31 if size is None else size
        stop: int | None = end
        if step < 0 and (end < -limit or end >= limit):
            stop = None if end < 0 else end
        begin = start if step > 0 else min(start, limit - 1)
        if size is None and 0 <= end < limit and end != BATCH:
            raise node.fail(_BATCH)
        index[axis % rank] = slice(begin, None if step > 0 and end >= limit else stop, step)
    return _of(node.symbol(0)[tuple(index)])


def _gather(node: Node) -> Value:
    axis = int(node.get("axis", 0))
    where = node.value(1)
    if where.array is not None and where.array.ndim == 0:
        rank = len(node.value(0).shape)
        index: list[Any] = [slice(None)] * rank
        index[axis % rank] = int(where.array)
        return _of(node.symbol(0)[tuple(index)])
    places = node.symbol(1) if where.array is None else where.array
    return _of(ops.take(node.symbol(0), places, axis))


def _pad(node: Node) -> Value:
    mode = node.get("mode", "constant")
    pads, rank = node.whole(1, "pads") or [], len(node.value(0).shape)
    if node.has(3) or len(pads) != 2 * rank or min(pads, default=0) < 0 or mode == "wrap":
        msg = f"padding {quoted(pads)} of mode {quoted(mode, 20)}"
        raise node.fail(msg)
    width = [(pads[i], pads[i + rank]) for i in range(rank)]
    fill = float(node.array(2)) if node.has(2) else 0.0
    rest = {"constant_values": fill} if mode == "constant" else {}
    return _of(ops.pad(node.symbol(0), width, mode, **rest))


def _expand(node: Node) -> Value:
    sizes, shape = node.whole(1) or [], node.value(0).shape
    wanted = [None if n == BATCH else n for n in sizes]
    if len(wanted) == len(shape) and all(
        w in (1, None, n) for w, n in zip(wanted, shape, strict=True)
    ):
        return node.value(0)
    if None in wanted:
        msg = "only known sizes can be expanded to"
        raise node.fail(msg)
    arguments.checked_size("Expand", "the shape", wanted)
    return _of(ops.multiply(node.symbol(0), np.ones(sizes, node.reading.dtype)))


def _tile(node: Node) -> Value:
    if (node.whole(1) or [1])[0] != 1:
        raise node.fail(_BATCH)
    return _of(ops.tile(node.symbol(0), tuple(node.whole(1) or ())))


# -- elementwise, reductions -----------------------------------------------------------------------


def _each(function: Callable[..., Any]) -> Callable[[Node], Answer]:
    """Return the function of an operator that looks at one element at a time: images stay as they lie."""

    def read(node: Node) -> Value:
        value = node.value(0)
        if value.moved:
            return Value(symbol=function(node, value.symbol), moved=True)
        return _of(function(node, node.symbol(0)))

    return read


def _layer(make: Callable[[Node], Any]) -> Callable[[Node], Answer]:
    return _each(lambda node, x: node.named(make(node))(x))


def _binary(function: Callable[..., Any]) -> Callable[[Node], Answer]:
    def read(node: Node) -> Value:
        values = [node.value(i) for i in range(len(node.inputs))]
        if all(value.moved for value in values) and len({value.shape for value in values}) == 1:
            y = values[0].symbol
            for value in values[1:]:
                y = function(y, value.symbol)
            return Value(symbol=y, moved=True)
        if node.kind == "Div" and node.reading.integers.intersection(node.names):
            msg = "integers are divided"
            raise node.fail(msg)
        y = node.operand(0)
        for i in range(1, len(values)):
            y = function(y, node.operand(i))
        if len(values) == 1:
            return values[0]
        return _of(y)

    return read


def _reduce(function: Callable[..., Any]) -> Callable[[Node], Answer]:
    def read(node: Node) -> Value:
        axes = node.whole(1, "axes")
        if not axes and node.get("noop_with_empty_axes", 0):
            return node.value(0)
        keep = bool(node.get("keepdims", 1))
        return _of(function(node.symbol(0), tuple(axes) if axes else None, keepdims=keep))

    return read


def _extreme(function: Callable[..., Any]) -> Callable[[Node], Answer]:
    def read(node: Node) -> Value:
        if node.get("select_last_index", 0):
            msg = "select_last_index is not known"
            raise node.fail(msg)
        axis, keep = int(node.get("axis", 0)), bool(node.get("keepdims", 1))
        return _of(function(node.symbol(0), axis, keepdims=keep))

    return read


def _softmax(name: str) -> Callable[[Node], Answer]:
    def read(node: Node) -> Value:
        value = node.value(0)
        rank = len(value.shape)
        old = node.reading.opset < 13
        axis = int(node.get("axis", 1 if old else -1)) % rank
        if old and axis != rank - 1:
            msg = "before opset 13 a softmax joins all axes from its own on"
            raise node.fail(msg)
        at = _MOVED[axis] if value.moved else axis
        x = value.symbol if value.moved else node.symbol(0)
        if name == "softmax":
            y = node.named(layers.Softmax(at if at != rank - 1 else -1))(x)
        else:
            y = ops.log_softmax(x, at)
        return Value(symbol=y, moved=value.moved)

    return read


def _clip(node: Node) -> Answer:
    low = float(node.array(1)) if node.has(1) else float(node.get("min", -math.inf))
    high = float(node.array(2)) if node.has(2) else float(node.get("max", math.inf))
    if low == 0.0 and high > 0:
        ceiling = None if high == math.inf else high
        return _layer(lambda _: layers.ReLU(ceiling))(node)
    return _each(lambda _, x: ops.minimum(ops.maximum(x, low), high))(node)


def _cast(node: Node) -> Answer:
    kinds = {1: "", 10: "", 11: "", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool"}
    to = int(node.get("to", 1))
    if to not in kinds:
        msg = f"values of ONNX's type {to} are not known"
        raise node.fail(msg)
    return _each(lambda _, x: ops.cast(x, kinds[to]) if kinds[to] else x)(node)


def _where(node: Node) -> Value:
    return _of(ops.where(node.operand(0), node.operand(1), node.operand(2)))


def _dropout(node: Node) -> Answer:
    if len([name for name in node.outputs if name]) > 1:
        msg = "the mask of a dropout is not known"
        raise node.fail(msg)
    if node.has(2) and node.array(2).any():
        msg = "training_mode is not known: a model that is loaded trains by `fit`"
        raise node.fail(msg)
    rate = float(node.array(1)) if node.has(1) else float(node.get("ratio", 0.5))
    return _layer(lambda _: layers.Dropout(rate))(node)


def _gelu(node: Node) -> Answer:
    if node.get("approximate", "none") != "none":
        return _each(lambda _, x: ops.gelu(x, approximate=True))(node)
    return _layer(lambda _: layers.GELU())(node)


def _cumsum(node: Node) -> Value:
    if node.get("exclusive", 0) or node.get("reverse", 0):
        msg = "exclusive and reverse are not known"
        raise node.fail(msg)
    return _of(ops.cumsum(node.symbol(0), int(node.array(1))))


def _top_k(node: Node) -> list[Value]:
    if not node.get("largest", 1):
        msg = "the smallest are not known"
        raise node.fail(msg)
    if int(node.get("axis", -1)) % len(node.value(0).shape) != len(node.value(0).shape) - 1:
        msg = "only the last axis is known"
        raise node.fail(msg)
    found = ops.top_k(node.symbol(0), int(node.array(1).reshape(-1)[0]))
    return [_of(part) for part in found]


def _einsum(node: Node) -> Value:
    operands = [node.operand(i) for i in range(len(node.inputs))]
    return _of(ops.einsum(str(node.get("equation", "")), *operands))


def _isinf(node: Node, x: Any) -> Any:
    signs = [s for s in ("negative", "positive") if node.get(f"detect_{s}", 1)]
    if len(signs) == 2:
        return ops.isinf(x)
    return ops.equal(x, {"negative": -math.inf, "positive": math.inf}[signs[0]]) if signs else x * 0


def _pow(a: Any, b: Any) -> Any:
    return ops.square(a) if isinstance(b, int | float) and b == 2 else ops.power(a, b)


_SAME = {
    "Abs": ops.absolute, "Acos": ops.arccos, "Acosh": ops.arccosh, "Asin": ops.arcsin,
    "Asinh": ops.arcsinh, "Atan": ops.arctan, "Atanh": ops.arctanh, "Ceil": ops.ceil, "Cos": ops.cos,
    "Cosh": ops.cosh, "Erf": ops.erf, "Exp": ops.exp, "Floor": ops.floor, 
    "IsNaN": ops.isnan, "Log": ops.log, "Neg": ops.negative, "Not": ops.logical_not,
    "Reciprocal": ops.reciprocal, "Round": ops.round, "Sign": ops.sign, "Sin": ops.sin,
    "Sinh": ops.sinh, "Softplus": ops.softplus, "Softsign": ops.softsign, "Sqrt": ops.sqrt,
    "Tan": ops.tan,
}  # fmt: skip
_PAIRS = {
    "And": ops.logical_and, "Add": lambda a, b: a + b, "Div": lambda a, b: a / b,
    "Equal": ops.equal, "Greater": ops.greater, "GreaterOrEqual": ops.greater_equal,
    "Less": ops.less, "LessOrEqual": ops.less_equal, "Max": ops.maximum, "Min": ops.minimum,
    "Mul": lambda a, b: a * b, "Or": ops.logical_or, "Pow": _pow, "Sub": lambda a, b: a - b,
    "Sum": lambda a, b: a + b, "Xor": ops.logical_xor,
}  # fmt: skip
_SUMS = {
    "ReduceL1": lambda x, axis, keepdims: ops.sum(ops.absolute(x), axis, keepdims=keepdims),
    "ReduceL2": lambda x, axis, keepdims: ops.sqrt(ops.sum(ops.square(x), axis, keepdims=keepdims)),
    "ReduceLogSumExp": ops.logsumexp, "ReduceMax": ops.max, "ReduceMean": ops.mean,
    "ReduceMin": ops.min, "ReduceProd": ops.prod, "ReduceSum": ops.sum,
    "ReduceSumSquare": lambda x, axis, keepdims: ops.sum(ops.square(x), axis, keepdims=keepdims),
}  # fmt: skip
READERS: dict[str, Callable[[Node], Answer]] = {
    **{kind: _each(lambda _, x, f=function: f(x)) for kind, function in _SAME.items()},
    **{kind: _binary(function) for kind, function in _PAIRS.items()},
    **{kind: _reduce(function) for kind, function in _SUMS.items()},
    "ArgMax": _extreme(ops.argmax),
    "ArgMin": _extreme(ops.argmin),
    "AveragePool": _pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "CumSum": _cumsum,
    "Dropout": _dropout,
    "Einsum": _einsum,
    "Elu": _layer(lambda node: layers.ELU(float(node.get("alpha", 1.0)))),
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average,
    "HardSigmoid": _each(
        lambda node, x: ops.clip(
            x * float(node.get("alpha", 0.2)) + float(node.get("beta", 0.5)), 0.0, 1.0
        )
    ),
    "Identity": lambda node: node.value(0),
    "IsInf": _each(_isinf),
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _layer(lambda node: layers.LeakyReLU(float(node.get("alpha", 0.01)))),
    "LogSoftmax": _softmax("log_softmax"),
    "MatMul": _matmul,
    "MaxPool": _pool,
    "Pad": _pad,
    "Relu": _layer(lambda _: layers.ReLU()),
    "Reshape": _reshape,
    "Sigmoid": _layer(lambda _: layers.Sigmoid()),
    "Slice": _slice,
    "Softmax": _softmax("softmax"),
    "Split": _split,
    "Squeeze": _squeeze,
    "Tanh": _layer(lambda _: layers.Tanh()),
    "Tile": _tile,
    "TopK": _top_k,
    "Transpose": transposed,
    "Unsqueeze": _unsqueeze,
    "Where": _where,
}

__all__ = ["READERS"]
