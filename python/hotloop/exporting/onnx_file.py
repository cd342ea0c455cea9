"""A model as an ONNX graph.

Convolutions of ONNX take the channels first. A value that such an operation made is kept in that order as long as
what reads it does not mind, and moved back where one does: `_Writing.plain` and `_Writing.first`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hotloop._support.atomic import atomic_open
from hotloop._support.optional import needed
from hotloop._support.quoting import quoted
from hotloop.exporting.lowering import Array, Op, lowered
from hotloop.exporting.onnx_operations import OPERATIONS, gelu
from hotloop.version import __version__

OPSET = 18
_FIRST, _LAST = (0, 3, 1, 2), (0, 2, 3, 1)
# Where an axis of (N, H, W, C) lies in (N, C, H, W).
_MOVED = {0: 0, 1: 2, 2: 3, 3: 1}


def export(
    model: Any, filepath: str | os.PathLike[str], *, opset: int = OPSET, external: bool = False
) -> None:
    """Write what a model computes outside of training as an ONNX file; the batch stays open.

    Parameters
    ----------
    model : Model
        Built; of any kind.
    filepath : path
        Usually ``.onnx``.
    opset : int
        Version of ONNX's operators, 18 at least.
    external : bool
        Whether the weights go to a file of their own, ``<filepath>.data``; what passes 2 GB must.

    Raises
    ------
    ImportError
        Without the package `onnx`.
    ValueError
        When the model is not built, or a layer or operation has no form in ONNX; the text names it.

    Examples
    --------
    >>> import hotloop as hl
    >>> model = hl.Sequential([hl.Input((4,)), hl.layers.Dense(2, activation="softmax")])
    >>> hl.onnx.export(model, "m.onnx")  # doctest: +SKIP
    """
    onnx = needed("onnx", "onnx")
    highest = onnx.defs.onnx_opset_version()
    if not isinstance(opset, int) or not OPSET <= opset <= highest:
        msg = (
            f"onnx.export: opset must be an integer from {OPSET} to {highest}, got {quoted(opset)}"
        )
        raise ValueError(msg)
    path = Path(filepath)
    with model._trainer.step_lock:
        made = _Writing(onnx, model, opset).model()
    if external:
        with atomic_open(path.with_name(f"{path.name}.data")) as file:
            _move_weights(onnx, made, file, f"{path.name}.data")
    with atomic_open(path) as file:
        file.write(made.SerializeToString(deterministic=True))
    # With weights beside it, the check reads them from there.
    onnx.checker.check_model(str(path) if external else made, full_check=True)


def _move_weights(onnx: Any, made: Any, file: Any, location: str) -> None:
    """Write the numbers of the initializers to a file, and leave where they are."""
    for tensor in made.graph.initializer:
        if len(tensor.raw_data) < 1024:
            continue
        file.write(bytes(-file.tell() % 4096))  # pages, which readers may map
        where = {"location": location, "offset": file.tell(), "length": len(tensor.raw_data)}
        file.write(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in where.items():
            tensor.external_data.add(key=key, value=str(value))


class _Writing:
    """Nodes and initializers under way, and the names of values in either order of axes."""

    def __init__(self, onnx: Any, model: Any, opset: int) -> None:
        self.onnx, self.opset = onnx, opset
        self.program = lowered(model)
        self.dtype = np.dtype(self.program.dtype)
        self.nodes: list[Any] = []
        self.weights: dict[str, Array] = {}
        self._plain: dict[int, str] = {}
        self._first: dict[int, str] = {}
        self._taken: dict[str, int] = {}
        self.layer = ""
        self._input_names = _unique(model.input_names, "x")
        self._output_names = [
            name if name not in self._input_names else f"{name}_out"
            for name in _unique(model.output_names, "y")
        ]
        for value, name in zip(self.program.inputs, self._input_names, strict=True):
            self._plain[value] = name

    def model(self) -> Any:
        """Return the ONNX model."""
        helper = self.onnx.helper
        for op in self.program.ops:
            self.layer = op.layer
            writer = WRITERS.get(op.kind)
            if writer is None:
                raise self.missing(op.kind)
            writer(self, op)
        self.layer = "output"
        for value, name in zip(self.program.outputs, self._output_names, strict=True):
            self.nodes.append(helper.make_node("Identity", [self.plain(value)], [name], name=name))
        element = helper.np_dtype_to_tensor_dtype(self.dtype)
        ends = [
            [
                helper.make_tensor_value_info(name, element, ["N", *self.program.shapes[value][1:]])
                for value, name in zip(values, names, strict=True)
            ]
            for values, names in (
                (self.program.inputs, self._input_names),
                (self.program.outputs, self._output_names),
            )
        ]
        initializers = [
            self.onnx.numpy_helper.from_array(np.array(value, order="C"), name)
            for name, value in self.weights.items()
        ]
        graph = helper.make_graph(self.nodes, self.program.name, *ends, initializers)
        opsets = [helper.make_opsetid("", self.opset)]
        version = helper.find_min_ir_version_for(opsets)
        return helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=version,
            producer_name="hotloop",
            producer_version=__version__,
        )

    def missing(self, what: str) -> ValueError:
        """Return the error for what has no form."""
        return ValueError(f"onnx.export: layer {self.layer!r}: {what} has no form in ONNX")

    def node(self, kind: str, inputs: Sequence[str], count: int = 1, **attributes: Any) -> Any:
        """Add a node and return the name of what it answers, or a list of several."""
        number = self._taken[self.layer] = self._taken.get(self.layer, -1) + 1
        name = f"{self.layer}/{kind}_{number}"
        names = [name] if count == 1 else [f"{name}_{i}" for i in range(count)]
        made = self.onnx.helper.make_node(kind, list(inputs), names, name=name, **attributes)
        self.nodes.append(made)
        return names[0] if count == 1 else names

    def weight(self, name: str, value: Array) -> str:
        """Add a weight of the layer once, and return its name."""
        full, tries = f"{self.layer}/{name}", 1
        while full in self.weights and not _same(self.weights[full], value):
            tries += 1
            full = f"{self.layer}/{name}_{tries}"
        self.weights[full] = value
        return full

    def number(self, value: Any) -> str:
        """Add a constant of the model's dtype."""
        return self.weight("constant", np.asarray(value, self.dtype))

    def whole(self, *values: int) -> str:
        """Add a list of integers, as shapes and axes come."""
        return self.weight("integers", np.asarray(values, np.int64))

    # -- values in either order ----------------------------------------------------------------

    def plain(self, value: int) -> str:
        """Return the name of a value in its own order of axes."""
        if value not in self._plain:
            self._plain[value] = self.node("Transpose", [self._first[value]], perm=_LAST)
        return self._plain[value]

    def first(self, value: int) -> str:
        """Return the name of a value (N, H, W, C) with the channels first."""
        if value not in self._first:
            self._first[value] = self.node("Transpose", [self.plain(value)], perm=_FIRST)
        return self._first[value]

    def is_moved(self, *values: int) -> bool:
        """Whether values are at hand with the channels first alone."""
        return all(value in self._first and value not in self._plain for value in values)

    def put(self, value: int, name: str, moved: bool = False) -> None:
        """Remember what a value is called."""
        (self._first if moved else self._plain)[value] = name

    def each(self, op: Op, write: Callable[[list[str], bool], str]) -> None:
        """Write an operation that knows either order of axes."""
        moved = self.is_moved(*op.inputs) and bool(op.inputs)
        names = [self.first(i) if moved else self.plain(i) for i in op.inputs]
        self.put(op.output, write(names, moved), moved)


def _same(a: Array, b: Array) -> bool:
    return (
        a.dtype == b.dtype
        and a.shape == b.shape
        and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    )


def _unique(names: Sequence[str], base: str) -> list[str]:
    found: list[str] = []
    for i, name in enumerate(names or [base]):
        found.append(name if name not in found else f"{name}_{i}")
    return found


# -- operations of layers --------------------------------------------------------------------------


def _dense(w: _Writing, op: Op) -> None:
    x, kernel = w.plain(op.inputs[0]), w.weight("kernel", op.weights["kernel"])
    bias = [w.weight("bias", op.weights["bias"])] if "bias" in op.weights else []
    if len(w.program.shapes[op.inputs[0]]) == 2:
        y = w.node("Gemm", [x, kernel, *bias])
    else:
        y = w.node("MatMul", [x, kernel])
        y = w.node("Add", [y, *bias]) if bias else y
    w.put(op.output, y)


def _image(w: _Writing, op: Op, kind: str, rest: Sequence[str] = (), **attributes: Any) -> None:
    first = op.attributes["first"]
    x = w.plain(op.inputs[0]) if first else w.first(op.inputs[0])
    w.put(op.output, w.node(kind, [x, *rest], **attributes), not first)


def _frame(op: Op) -> list[int]:
    (top, bottom), (left, right) = op.attributes["pads"]
    return [top, left, bottom, right]


def _conv2d(w: _Writing, op: Op) -> None:
    kernel = np.ascontiguousarray(op.weights["kernel"].transpose(3, 2, 0, 1))
    rest = [w.weight("kernel", kernel)]
    rest += [w.weight("bias", op.weights["bias"])] if "bias" in op.weights else []
    a = op.attributes
    _image(
        w,
        op,
        "Conv",
        rest,
        kernel_shape=kernel.shape[2:],
        strides=a["strides"],
        pads=_frame(op),
        dilations=a["dilation"],
        group=a["groups"],
    )


def _pool(kind: str, **more: Any) -> Callable[[_Writing, Op], None]:
    def write(w: _Writing, op: Op) -> None:
        a = op.attributes
        if any(max(pads) >= k for pads, k in zip(a["pads"], a["size"], strict=True)):
            msg = f"padding {a['pads']} as large as the window {a['size']}"
            raise w.missing(msg)
        _image(w, op, kind, kernel_shape=a["size"], strides=a["strides"], pads=_frame(op), **more)

    return write


def _global_avg_pool(w: _Writing, op: Op) -> None:
    if op.attributes["keepdims"]:
        _image(w, op, "GlobalAveragePool")
        return
    x = w.plain(op.inputs[0]) if op.attributes["first"] else w.first(op.inputs[0])
    w.put(op.output, w.node("Flatten", [w.node("GlobalAveragePool", [x])], axis=1))


def _batch_norm(w: _Writing, op: Op) -> None:
    held = [w.weight(name, op.weights[name]) for name in ("gamma", "beta", "mean", "variance")]
    epsilon = float(op.attributes["epsilon"])
    rank = len(w.program.shapes[op.output])
    if rank == 4 and op.attributes["last"]:
        x = w.first(op.inputs[0])
        w.put(op.output, w.node("BatchNormalization", [x, *held], epsilon=epsilon), moved=True)
        return
    x = w.plain(op.inputs[0])
    order = (0, rank - 1, *range(1, rank - 1))
    turned = op.attributes["last"] and rank > 2
    x = w.node("Transpose", [x], perm=order) if turned else x
    y = w.node("BatchNormalization", [x, *held], epsilon=epsilon)
    back = (0, *range(2, rank), 1)
    w.put(op.output, w.node("Transpose", [y], perm=back) if turned else y)


def _layer_norm(w: _Writing, op: Op) -> None:
    x = [w.plain(op.inputs[0]), *(w.weight(n, op.weights[n]) for n in ("gamma", "beta"))]
    given: Any = {"axis": -op.attributes["axes"], "epsilon": float(op.attributes["epsilon"])}
    w.put(op.output, w.node("LayerNormalization", x, **given))


def _plain_kind(kind: str, *names: str) -> Callable[[_Writing, Op], None]:
    def write(w: _Writing, op: Op) -> None:
        given: Any = {name: float(op.attributes[name]) for name in names}
        w.each(op, lambda x, _: w.node(kind, x, **given))

    return write


def _along(kind: str) -> Callable[[_Writing, Op], None]:
    """Return the writer of an operation along an axis."""

    def write(w: _Writing, op: Op) -> None:
        axis = op.attributes["axis"]
        w.each(op, lambda x, moved: w.node(kind, x, axis=_MOVED[axis] if moved else axis))

    return write


def _merge(kind: str) -> Callable[[_Writing, Op], None]:
    def write(w: _Writing, op: Op) -> None:
        def sums(x: list[str], _: bool) -> str:
            y = x[0]
            for other in x[1:]:
                y = w.node(kind, [y, other])
            return y

        w.each(op, sums)

    return write


def _clipped(w: _Writing, op: Op) -> None:
    ceiling, slope, threshold = (op.attributes[k] for k in ("ceiling", "slope", "threshold"))

    def write(names: list[str], _: bool) -> str:
        (x,) = names
        below = w.node("LessOrEqual", [x, w.number(threshold)])
        sloped = w.node("Mul", [w.node("Sub", [x, w.number(threshold)]), w.number(slope)])
        y = w.node("Where", [below, sloped, x])
        return str(y if ceiling is None else w.node("Min", [y, w.number(ceiling)]))

    w.each(op, write)


def _scale(w: _Writing, op: Op) -> None:
    def write(x: list[str], _: bool) -> str:
        y = w.node("Mul", [*x, w.number(op.attributes["scale"])])
        offset = op.attributes["offset"]
        return str(w.node("Add", [y, w.number(offset)]) if offset else y)

    w.each(op, write)


def _reshape(w: _Writing, op: Op) -> None:
    target = op.attributes["shape"]
    x = w.plain(op.inputs[0])
    if len(target) == 1:
        w.put(op.output, w.node("Flatten", [x], axis=1))
        return
    w.put(op.output, w.node("Reshape", [x, w.whole(0, *target)]))


def _transpose(w: _Writing, op: Op) -> None:
    x = w.plain(op.inputs[0])
    w.put(op.output, w.node("Transpose", [x], perm=(0, *op.attributes["axes"])))


def _constant(w: _Writing, op: Op) -> None:
    w.put(op.output, w.weight("weight", op.weights["value"]))


def _operation(w: _Writing, op: Op) -> None:
    a = op.attributes
    writer = OPERATIONS.get(a["operation"])
    if writer is None:
        msg = f"operation {a['operation']}"
        raise w.missing(msg)
    given = iter(op.inputs)
    x = [
        w.plain(next(given)) if constant is None else w.number(constant)
        for constant in a["template"]
    ]
    w.put(op.output, writer(w, x, op))


WRITERS: dict[str, Callable[[_Writing, Op], None]] = {
    "add": _merge("Add"),
    "avg_pool": _pool("AveragePool", count_include_pad=0),
    "batch_norm": _batch_norm,
    "clipped": _clipped,
    "concatenate": _along("Concat"),
    "constant": _constant,
    "conv2d": _conv2d,
    "dense": _dense,
    "elu": _plain_kind("Elu", "alpha"),
    "gelu": lambda w, op: w.each(op, lambda x, _: gelu(w, x[0])),
    "global_avg_pool": _global_avg_pool,
    "layer_norm": _layer_norm,
    "leaky_relu": _plain_kind("LeakyRelu", "alpha"),
    "log_softmax": _along("LogSoftmax"),
    "max_pool": _pool("MaxPool"),
    "multiply": _merge("Mul"),
    "operation": _operation,
    "relu": _plain_kind("Relu"),
    "reshape": _reshape,
    "scale": _scale,
    "sigmoid": _plain_kind("Sigmoid"),
    "softmax": _along("Softmax"),
    "tanh": _plain_kind("Tanh"),
    "transpose": _transpose,
}

__all__ = ["OPSET", "export"]
