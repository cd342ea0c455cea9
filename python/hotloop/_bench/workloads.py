"""Networks for training benchmarks, described as plain data that every library can build from.

Weights are kept in one canonical layout, the one of the models: dense kernels ``(I, O)``,
convolution kernels ``(KH, KW, C / groups, O)``, ``Flatten`` in the order (H, W, C).
``to_channels_first`` and ``from_channels_first`` translate for libraries that hold
``(O, C / groups, KH, KW)`` and flatten (C, H, W).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Layer: TypeAlias = Mapping[str, Any]
Shape: TypeAlias = tuple[int, ...]


def dense(units: int, activation: str | None = None) -> Layer:
    """Describe an affine layer with an optional activation."""
    return {"kind": "dense", "units": units, "activation": activation}


def conv(
    filters: int,
    kernel: int,
    activation: str | None = "relu",
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Layer:
    """Describe a square convolution with an optional activation."""
    return {
        "kind": "conv",
        "filters": filters,
        "kernel": kernel,
        "activation": activation,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
    }


def max_pool(size: int) -> Layer:
    """Describe a max pooling layer whose stride is its size."""
    return {"kind": "max_pool", "size": size}


def flatten() -> Layer:
    """Describe the step from images to rows."""
    return {"kind": "flatten"}


@dataclass(frozen=True)
class Workload:
    """A network, its batch size and its optimizer; the last layer gives the logits."""

    name: str
    title: str
    input_shape: Shape
    layers: Sequence[Layer]
    batch: int
    optimizer: Mapping[str, Any]
    dtype: str = "float32"

    @property
    def classes(self) -> int:
        """Number of classes, the width of the last layer."""
        return int(self.layers[-1]["units"])

    def walk(self) -> Iterator[tuple[Layer, Shape, Shape]]:
        """Give each layer with the shape of one sample before and after it."""
        shape = self.input_shape
        for layer in self.layers:
            after = output_shape(layer, shape)
            yield layer, shape, after
            shape = after

    def weight_shapes(self) -> list[Shape]:
        """Shapes of kernel, bias, kernel, bias ... in canonical layout."""
        shapes: list[Shape] = []
        for layer, before, _ in self.walk():
            if layer["kind"] == "dense":
                shapes += [(before[0], layer["units"]), (layer["units"],)]
            elif layer["kind"] == "conv":
                k, c = layer["kernel"], before[2] // layer["groups"]
                shapes += [(k, k, c, layer["filters"]), (layer["filters"],)]
        return shapes

    def make_weights(self, seed: int = 0) -> list[Array]:
        """Glorot-uniform kernels and small nonzero biases, so that a wrong bias layout shows."""
        rng = np.random.default_rng(seed)
        weights: list[Array] = []
        for shape in self.weight_shapes():
            field = int(np.prod(shape[:-2]))
            fan = field * sum(shape[-2:])
            limit = 0.05 if len(shape) == 1 else float(np.sqrt(6.0 / fan))
            weights.append(rng.uniform(-limit, limit, shape).astype(self.dtype))
        return weights

    def make_batch(self, seed: int = 1) -> tuple[Array, Array]:
        """One batch of values in [0, 1) and class ids."""
        rng = np.random.default_rng(seed)
        x = rng.random((self.batch, *self.input_shape)).astype(self.dtype)
        return x, rng.integers(0, self.classes, self.batch)

    def flops(self) -> float:
        """FLOPs of one step: forward, weight gradient, input gradient (none at the first layer)."""
        total = 0.0
        passes = 2
        for layer, before, after in self.walk():
            if layer["kind"] == "dense":
                multiplications = before[0] * after[0]
            elif layer["kind"] == "conv":
                taps = layer["kernel"] ** 2 * before[2] // layer["groups"]
                multiplications = int(np.prod(after)) * taps
            else:
                continue
            total += 2.0 * passes * multiplications * self.batch
            passes = 3
        return total


def output_shape(layer: Layer, shape: Shape) -> Shape:
    """Shape of one sample after ``layer``, images as (H, W, C)."""
    kind = layer["kind"]
    if kind == "dense":
        return (int(layer["units"]),)
    if kind == "flatten":
        return (int(np.prod(shape)),)
    height, width, channels = shape
    if kind == "max_pool":
        return (height // layer["size"], width // layer["size"], channels)
    reach = layer["dilation"] * (layer["kernel"] - 1) + 1 - 2 * layer["padding"]
    rows, columns = ((size - reach) // layer["stride"] + 1 for size in (height, width))
    return (rows, columns, int(layer["filters"]))


def to_channels_first(workload: Workload, weights: Sequence[Array]) -> list[Array]:
    """Translate canonical weights to ``(O, C, KH, KW)`` kernels and (C, H, W) flattening."""
    return _translate(workload, weights, forward=True)


def from_channels_first(workload: Workload, weights: Sequence[Array]) -> list[Array]:
    """Undo ``to_channels_first``."""
    return _translate(workload, weights, forward=False)


def _translate(workload: Workload, weights: Sequence[Array], *, forward: bool) -> list[Array]:
    out: list[Array] = []
    source = iter(weights)
    flattened: Shape | None = None
    for layer, before, _ in workload.walk():
        if layer["kind"] == "flatten":
            flattened = before
        if layer["kind"] not in {"dense", "conv"}:
            continue
        kernel, bias = next(source), next(source)
        if layer["kind"] == "conv":
            kernel = kernel.transpose((3, 2, 0, 1) if forward else (2, 3, 1, 0))
        elif flattened is not None and len(flattened) == 3:
            height, width, channels = flattened
            split = (height, width, channels) if forward else (channels, height, width)
            order = (2, 0, 1, 3) if forward else (1, 2, 0, 3)
            kernel = kernel.reshape(*split, -1).transpose(order).reshape(kernel.shape)
        flattened = None if layer["kind"] == "dense" else flattened
        out += [np.ascontiguousarray(kernel), bias.copy()]
    return out


BOOK_MLP = Workload(
    "W1",
    "784-50-10 sigmoid, batch 100, SGD",
    (784,),
    (dense(50, "sigmoid"), dense(10)),
    100,
    {"name": "sgd", "lr": 0.1},
)

SIMPLE_CONV_NET = Workload(
    "W5",
    "SimpleConvNet, batch 100, Adam",
    (28, 28, 1),
    (conv(30, 5), max_pool(2), flatten(), dense(100, "relu"), dense(10)),
    100,
    {"name": "adam", "lr": 0.001, "eps": 1e-10},
)
