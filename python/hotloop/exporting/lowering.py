"""What a model computes outside of training, as a short list of plain operations on numbered values.

| kind | attributes | weights |
| --- | --- | --- |
| dense | | kernel (I, O), bias (O,) |
| conv2d | strides, pads, dilation, groups, first | kernel (KH, KW, C / groups, O), bias (O,) |
| max_pool, avg_pool | size, strides, pads, first | |
| global_avg_pool | first, keepdims | |
| batch_norm | axis, last, epsilon | gamma, beta, mean, variance (C,) |
| layer_norm | axes, epsilon | gamma, beta |
| relu sigmoid tanh gelu, softmax and log_softmax | axis | |
| leaky_relu, elu | alpha | |
| clipped | ceiling, slope, threshold | |
| reshape | shape | |
| transpose | axes, of a sample from 1 on | |
| add, multiply | | |
| concatenate | axis | |
| scale | scale, offset | |
| constant | | value |
| operation | operation, template, options, part | |

`pads` is ((top, bottom), (left, right)), `first` whether the channels come first, an axis counts from the batch, 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.graph.graph import Node

Array = NDArray[Any]


@dataclass
class Op:
    """One operation: the values it reads, the one it makes, and the layer that it comes from."""

    kind: str
    inputs: tuple[int, ...]
    output: int
    layer: str
    attributes: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, Array] = field(default_factory=dict)


@dataclass
class Program:
    """All operations in order; shapes of the values have the batch in front (None)."""

    name: str
    dtype: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    ops: list[Op]
    shapes: dict[int, Shape]


class Lowering:
    """A program under way: what a layer's function adds operations to."""

    def __init__(self, model: Any) -> None:
        graph = model.graph()
        model.executor()
        self.shapes: dict[int, Shape] = dict(graph.shapes)
        self.ops: list[Op] = []
        self._next = 1 + max(self.shapes)
        self._same: dict[int, int] = {}
        self.layer: Any = None
        for value, layer in graph.rescale.items():
            self.layer = layer
            given = {"scale": float(layer.scale), "offset": float(layer.offset)}
            self._same[value] = self.add("scale", (value,), given)
        for node in graph.nodes:
            self._lower(node)
        outputs = tuple(self._same.get(i, i) for i in graph.outputs)
        self.program = Program(
            model.name, model.dtype, graph.inputs, outputs, self.ops, self.shapes
        )

    def _lower(self, node: Node) -> None:
        layer: Any = node.layer
        self.layer = layer
        rule = RULES.get(type(layer).__name__) if layer.builtin else None
        if rule is None:
            msg = (
                f"export: layer {layer.name!r} ({type(layer).__name__}) has no form outside of "
                "hotloop"
            )
            raise ValueError(msg)
        inputs = tuple(self._same.get(i, i) for i in node.inputs)
        self.told, self.which = node.told(False), node.which
        self.shape_out = self.shapes[node.output]
        self._same[node.output] = rule(self, layer, inputs)

    def add(
        self,
        kind: str,
        inputs: tuple[int, ...],
        attributes: dict[str, Any] | None = None,
        weights: dict[str, Array] | None = None,
        shape: Shape | None = None,
    ) -> int:
        """Add an operation and return its value, of the first input's shape unless one is given."""
        output, self._next = self._next, self._next + 1
        self.shapes[output] = self.shapes[inputs[0]] if shape is None else shape
        kept = {name: np.array(value) for name, value in (weights or {}).items()}
        self.ops.append(Op(kind, inputs, output, self.layer.name, attributes or {}, kept))
        return output

    def activation(self, name: str, value: int) -> int:
        """Add an activation by its Keras name."""
        if name == "linear":
            return value
        if name in ("leaky_relu", "elu"):
            return self.add(name, (value,), {"alpha": 0.2 if name == "leaky_relu" else 1.0})
        if name in ("softmax", "log_softmax"):
            return self.add(name, (value,), {"axis": len(self.shapes[value]) - 1})
        if name in ("relu", "sigmoid", "tanh", "gelu"):
            return self.add(name, (value,))
        msg = f"export: layer {self.layer.name!r}: activation {quoted(name)} has no form outside of hotloop"
        raise ValueError(msg)


def lowered(model: Any) -> Program:
    """Return what a built model computes outside of training.

    Raises
    ------
    ValueError
        When the model is not built, or a layer has no form outside of hotloop; the text names it.
    """
    return Lowering(model).program


def _weights(layer: Any, **names: str) -> dict[str, Array]:
    """Return the weights of a layer that are there, under other names."""
    held = {weight.name: weight.value for weight in layer.ordered_weights()}
    return {ours: held[theirs] for ours, theirs in names.items() if theirs in held}


def _pads(low: Lowering, layer: Any, window: Any, dilation: Any, shape: Shape) -> Any:
    """Return the padding of rows and columns in numbers."""
    if layer.padding == "valid":
        return (0, 0), (0, 0)
    if layer.padding != "same":
        return tuple(tuple(pads) for pads in layer.padding)
    found = []
    plane = shape[2:4] if layer.data_format == "channels_first" else shape[1:3]
    for size, k, stride, d in zip(plane, window, layer.strides, dilation, strict=True):
        if size is None and stride != 1:
            msg = f"export: layer {low.layer.name!r}: 'same' with strides needs a known size, got {shape}"
            raise ValueError(msg)
        n = 1 if size is None else size
        total = max((-(-n // stride) - 1) * stride + d * (k - 1) + 1 - n, 0)
        found.append((total // 2, total - total // 2))
    return tuple(found)


def _dense(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
    held = _weights(layer, kernel="kernel", bias="bias")
    return low.activation(
        layer.activation.name, low.add("dense", inputs, None, held, low.shape_out)
    )


def _conv2d(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
    shape = low.shapes[inputs[0]]
    given = {
        "strides": layer.strides,
        "pads": _pads(low, layer, layer.kernel_size, layer.dilation_rate, shape),
        "dilation": layer.dilation_rate,
        "groups": layer.groups,
        "first": layer.data_format == "channels_first",
    }
    held = _weights(layer, kernel="kernel", bias="bias")
    value = low.add("conv2d", inputs, given, held, low.shape_out)
    return low.activation(layer.activation.name, value)


def _pool(kind: str) -> Callable[..., int]:
    def lower(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
        shape = low.shapes[inputs[0]]
        given = {
            "size": layer.pool_size,
            "strides": layer.strides,
            "pads": _pads(low, layer, layer.pool_size, (1, 1), shape),
            "first": layer.data_format == "channels_first",
        }
        return low.add(kind, inputs, given, None, low.shape_out)

    return lower


def _global_avg_pool(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
    given = {"first": layer.data_format == "channels_first", "keepdims": layer.keepdims}
    return low.add("global_avg_pool", inputs, given, None, low.shape_out)


def _batch_norm(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
    if low.told and layer.trainable:
        msg = (
            f"export: layer {layer.name!r} normalises by the batch in every run, which no file says"
        )
        raise ValueError(msg)
    ones = np.ones(layer.channels, layer.dtype)
    held = {"gamma": ones, "beta": 0 * ones}
    held |= _weights(
        layer, gamma="gamma", beta="beta", mean="moving_mean", variance="moving_variance"
    )
    last = layer.data_format != "channels_first"
    given = {"axis": layer.rank - 1 if last else 1, "last": last, "epsilon": layer.epsilon}
    return low.add("batch_norm", inputs, given, held)


def _layer_norm(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
    held = {"gamma": np.ones(layer.shape, layer.dtype), "beta": np.zeros(layer.shape, layer.dtype)}
    held |= _weights(layer, gamma="gamma", beta="beta")
    given = {"axes": len(layer.shape), "epsilon": layer.epsilon}
    return low.add("layer_norm", inputs, given, held)


def _activation(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
    return low.activation(layer.activation.name, inputs[0])


def _relu(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
    if layer.max_value is None and not layer.threshold:
        slope = layer.negative_slope
        return low.add("leaky_relu", inputs, {"alpha": slope}) if slope else low.add("relu", inputs)
    given = {
        "ceiling": layer.max_value,
        "slope": layer.negative_slope,
        "threshold": layer.threshold,
    }
    return low.add("clipped", inputs, given)


def _softmax(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
    rank = len(low.shapes[inputs[0]])
    axis = layer.axis % rank
    if axis == 0:
        msg = (
            f"export: layer {layer.name!r}: a softmax over the batch has no form outside of hotloop"
        )
        raise ValueError(msg)
    return low.add("softmax", inputs, {"axis": axis})


def _dropout(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
    if low.told and layer.rate:
        msg = f"export: layer {layer.name!r} drops in every run, which no file says"
        raise ValueError(msg)
    return inputs[0]


def _flatten(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
    value, shape = inputs[0], low.shapes[inputs[0]]
    if layer.data_format == "channels_first" and len(shape) > 2:
        axes = (*range(2, len(shape)), 1)
        moved = (None, *(shape[a] for a in axes))
        value = low.add("transpose", inputs, {"axes": axes}, None, moved)
    return _reshaped(low, value, low.shape_out)


def _reshape(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
    shape = low.shape_out
    if None in shape[1:]:
        shape = (None, *layer.target_shape)
    return _reshaped(low, inputs[0], shape)


def _reshaped(low: Lowering, value: int, shape: Shape) -> int:
    target = tuple(-1 if n is None else n for n in shape[1:])
    return low.add("reshape", (value,), {"shape": target}, None, low.shape_out)


def _concatenate(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
    axis = layer.axis % len(low.shape_out)
    return low.add("concatenate", inputs, {"axis": axis}, None, low.shape_out)


def _rescaling(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
    given = {"scale": float(layer.scale), "offset": float(layer.offset)}
    return low.add("scale", inputs, given)


def _weight(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
    value = layer.weight(low.which).value
    return low.add("constant", inputs, None, {"value": value}, value.shape)


def _operation(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
    given = {
        "operation": layer.rule.name,
        "template": layer.template,
        "options": layer.options,
        "part": layer.part,
    }
    return low.add("operation", inputs, given, None, low.shape_out)


def _kind(kind: str, alpha: str = "") -> Callable[..., int]:
    """Return the function of layers that are one operation, with one number at most."""

    def lower(low: Lowering, layer: Any, inputs: tuple[int, ...]) -> int:
        given = {"alpha": float(getattr(layer, alpha))} if alpha else {}
        return low.add(kind, inputs, given, None, low.shape_out)

    return lower


RULES: dict[str, Callable[[Lowering, Any, tuple[int, ...]], int]] = {
    "Activation": _activation,
    "Add": _kind("add"),
    "AddedLoss": lambda _low, _layer, inputs: inputs[0],
    "AvgPool2D": _pool("avg_pool"),
    "BatchNormalization": _batch_norm,
    "Concatenate": _concatenate,
    "Conv2D": _conv2d,
    "Dense": _dense,
    "Dropout": _dropout,
    "ELU": _kind("elu", "alpha"),
    "Flatten": _flatten,
    "GELU": _activation,
    "GlobalAvgPool2D": _global_avg_pool,
    "InputLayer": lambda _low, _layer, inputs: inputs[0],
    "LayerNormalization": _layer_norm,
    "LeakyReLU": _kind("leaky_relu", "negative_slope"),
    "MaxPool2D": _pool("max_pool"),
    "Multiply": _kind("multiply"),
    "Operation": _operation,
    "OwnWeights": _weight,
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Reshape": _reshape,
    "Sigmoid": _activation,
    "Softmax": _softmax,
    "Tanh": _activation,
}


def elements(shape: Shape) -> int:
    """Return the number of elements of a sample."""
    return math.prod(n or 0 for n in shape[1:])


__all__ = ["Array", "Op", "Program", "elements", "lowered"]
