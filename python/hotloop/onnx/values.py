"""What the nodes of an ONNX graph read and answer while it becomes a model.

A value is an array that is known, or a symbol of the model. Of images a symbol may stand for the value with the
channels last: so the graphs that `hotloop.onnx.export` writes come back with the layers that they had.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import ops
from hotloop._support.quoting import quoted
from hotloop.graph.symbol import Symbol

Array = NDArray[Any]
# Stands for the batch size among the sizes that a graph computes with.
BATCH = 2**40 + 7
_TO_FIRST, _TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


@dataclass
class Value:
    """An array, or a symbol; `moved` when the symbol has the channels last that the graph has first."""

    array: Array | None = None
    symbol: Any = None
    moved: bool = False
    # The name of an initializer, whose numbers training may move.
    weight: str | None = None

    def plain(self) -> Any:
        """Return the symbol in the graph's order of axes."""
        if self.moved:
            self.symbol, self.moved = ops.transpose(self.symbol, _TO_FIRST), False
        return self.symbol

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape in the graph's order of axes."""
        if self.array is not None:
            return tuple(self.array.shape)
        shape: tuple[int | None, ...] = self.symbol.shape
        return tuple(shape[i] for i in _TO_FIRST) if self.moved else shape


@dataclass
class Node:
    """One node: its operator and attributes, and the values that it reads."""

    kind: str
    name: str
    attributes: dict[str, Any]
    inputs: list[Value | None]
    # The names of the inputs.
    names: list[str]
    outputs: list[str]
    reading: Any = field(repr=False)

    def fail(self, why: str) -> ValueError:
        """Return the error that names the node."""
        return ValueError(f"node {quoted(self.name, 60)} ({quoted(self.kind, 30)}): {why}")

    def get(self, name: str, otherwise: Any) -> Any:
        """Return an attribute."""
        return self.attributes.get(name, otherwise)

    def value(self, i: int) -> Value:
        """Return an input that must be there."""
        found = self.inputs[i] if i < len(self.inputs) else None
        if found is None:
            msg = f"input {i} is missing"
            raise self.fail(msg)
        return found

    def has(self, i: int) -> bool:
        """Whether there is an input `i`."""
        return i < len(self.inputs) and self.inputs[i] is not None

    def array(self, i: int) -> Array:
        """Return an input that must be known."""
        found = self.value(i).array
        if found is None:
            msg = f"input {i} must be an initializer or a constant"
            raise self.fail(msg)
        return found

    def whole(self, i: int, name: str = "") -> list[int] | None:
        """Return integers from an input, from an attribute `name` in older opsets, or None."""
        if self.has(i):
            return [int(n) for n in self.array(i).reshape(-1)]
        given = self.attributes.get(name)
        return None if given is None else [int(n) for n in np.atleast_1d(given)]

    def symbol(self, i: int) -> Symbol:
        """Return an input as a symbol; of an initializer, one that trains."""
        value = self.value(i)
        if value.symbol is None:
            value.symbol = self.reading.trained(value)
        symbol: Symbol = value.plain()
        return symbol

    def operand(self, i: int) -> Any:
        """Return an input as operations take it: a symbol, or an array or number that is known."""
        value = self.value(i)
        if value.array is None or value.weight is not None:
            return self.symbol(i)
        array = value.array
        if (array == BATCH).any():
            msg = "a value of the batch size cannot be computed with"
            raise self.fail(msg)
        if array.dtype.kind == "f":
            array = array.astype(self.reading.dtype)
        return (
            array.item()
            if array.ndim < 2 and array.size == 1 and array.dtype.kind in "fi"
            else array
        )

    def last(self, i: int) -> Symbol:
        """Return an image (N, C, H, W) as a symbol with the channels last."""
        value = self.value(i)
        if not value.moved:
            return ops.transpose(self.symbol(i), _TO_LAST)  # type: ignore[no-any-return]
        symbol: Symbol = value.symbol
        return symbol

    def named(self, layer: Any) -> Any:
        """Give a layer the name of the node, as far as that is free."""
        layer.model_name = self.reading.name_for(self.name, type(layer).__name__)
        return layer

    def shared(self, layer: Any, *weights: str) -> Any:
        """Return the layer that an earlier node made of the same weights and settings, or else `layer`."""
        settings = {k: v for k, v in layer.get_config().items() if k != "name"}
        key = (type(layer).__name__, weights, repr(settings))
        layers: dict[Any, Any] = self.reading.layers
        if not all(weights) or key not in layers:
            layers[key] = self.named(layer)
        return layers[key]


def transposed(node: Node) -> Value:
    """Return a transposed value; into the other order of an image and back, nothing is moved."""
    value = node.value(0)
    rank = len(value.shape)
    axes = tuple(int(a) for a in node.get("perm", range(rank)[::-1]))
    if value.symbol is not None and rank == 4:
        if axes == _TO_LAST and value.moved:
            return Value(symbol=value.symbol)
        if axes == _TO_FIRST and not value.moved:
            return Value(symbol=value.symbol, moved=True)
    if sorted(axes) != list(range(rank)):
        msg = f"perm {quoted(axes)} fits no {rank} axes"
        raise node.fail(msg)
    return Value(symbol=ops.transpose(node.symbol(0), axes))


def set_weights(layer: Any, **weights: Array | None) -> None:
    """Copy arrays into the weights of a built layer."""
    for name, value in weights.items():
        if value is not None:
            layer.weight(name).value[...] = value


__all__ = ["BATCH", "Array", "Node", "Value", "set_weights", "transposed"]
