"""The calls that make up a model, in an order in which they can run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from hotloop._support.typing import Shape
from hotloop.graph.layer import LayerLike

T = TypeVar("T")


@dataclass(frozen=True)
class Node:
    """One call of one layer: the values it reads and the one it makes."""

    layer: LayerLike
    inputs: tuple[int, ...]
    output: int
    # What the layer is told in every run; None leaves it to the run.
    training: bool | None = None
    # Which of its layer's values it answers; only nodes that read none have several.
    which: str | None = None
    # What the inputs behind the layer's own are: "mask", "h0", "c0".
    roles: tuple[str, ...] = ()
    # Further answers: their places among the layer's, and the values that they are.
    parts: tuple[tuple[int, int], ...] = ()

    @property
    def outputs(self) -> tuple[int, ...]:
        """Every value that the call makes."""
        return (self.output, *(value for _, value in self.parts))

    def told(self, training: bool) -> bool:
        """Return the `training` that the layer is told in a run with `training`."""
        return training if self.training is None else self.training


@dataclass(frozen=True)
class Graph:
    """All calls of a model; values are numbered, `shapes` has the batch in front (None)."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    nodes: tuple[Node, ...]
    shapes: dict[int, Shape]
    # A leading Rescaling of an input, which belongs to gathering the batch.
    rescale: dict[int, LayerLike] = field(default_factory=dict)
    # What turns an input's data, such as texts, into numbers before they are checked.
    fronts: dict[int, LayerLike] = field(default_factory=dict)
    # The mask of each output, where there is one.
    masks: tuple[int | None, ...] = ()

    @cached_property
    def ids(self) -> frozenset[int]:
        """The inputs that are read as whole numbers alone, and stay such."""
        readers = {v: [n for n in self.nodes if v in n.inputs] for v in self.inputs}
        return frozenset(
            v
            for v, nodes in readers.items()
            if nodes and v not in self.outputs and all(node.layer.reads_ids for node in nodes)
        )

    @cached_property
    def is_open(self) -> bool:
        """Whether batches say sizes of an input, besides their own."""
        return any(None in self.shapes[value][1:] for value in self.inputs)

    def sized(self, shapes: Sequence[Shape]) -> Graph:
        """Return the calls for inputs of whole shapes, batch in front (None)."""
        if not self.is_open:
            return self
        found = dict(zip(self.inputs, shapes, strict=True))
        for node in self.nodes:
            given: Any = tuple(found[i] for i in node.inputs)
            open_ones = [v for v in node.outputs if None in self.shapes[v][1:]]
            found |= {v: self.shapes[v] for v in node.outputs}
            if open_ones:
                layer = node.layer
                shape = layer.compute_output_shape(given if layer.takes_several else given[0])
                found[node.output] = tuple(shape)
        return replace(self, shapes=found)

    def scaling(self, value: int) -> tuple[float, float]:
        """Return scale and offset that are applied to an input when a batch is gathered."""
        layer = self.rescale.get(value)
        return (1.0, 0.0) if layer is None else (layer.scale, layer.offset)

    def is_recorded(self, node: Node) -> bool:
        """Whether a call consists of core calls alone."""
        shapes = [self.shapes[i] for i in node.inputs]
        if node.layer.reads_ids and node.inputs[0] not in self.ids:
            return False
        return node.layer.is_recorded(shapes)

    def evaluate(
        self, inputs: Mapping[int, T], call: Callable[[Node, tuple[T, ...]], T]
    ) -> dict[int, T]:
        """Return every value of the graph, in whatever form the inputs have.

        Parameters
        ----------
        inputs : mapping of int to value
            Values of the inputs, scaled where `rescale` says so.
        call : callable
            ``call(node, parts)`` answers what a node makes of the values that it reads; all answers
            where the node has further ones.
        """
        values = dict(inputs)
        for node in self.nodes:
            answer: Any = call(node, tuple(values[i] for i in node.inputs))
            if node.parts:
                values |= {value: answer[place] for place, value in node.parts}
                answer = answer[0]
            values[node.output] = answer
        return values

    def needs_gradient(self) -> set[int]:
        """Return the values that lie behind a weight with a gradient."""
        needed: set[int] = set()
        for node in self.nodes:
            trains = any(weight.grad is not None for weight in node.layer.ordered_weights())
            if trains or any(i in needed for i in node.inputs):
                needed.update(node.outputs)
        return needed


def chain(layers: Sequence[LayerLike], input_shape: Shape, dtype: str) -> Graph:
    """Return the graph of layers in a row, building each for what the one before answers."""
    shapes: dict[int, Shape] = {0: input_shape}
    nodes: list[Node] = []
    rescale: dict[int, LayerLike] = {}
    fronts: dict[int, LayerLike] = {}
    value = 0
    for layer in layers:
        shape = layer.ensure_built(shapes[value], dtype)
        if layer.builtin and layer.is_input:
            continue
        if layer.builtin and layer.reads_text:
            fronts[0] = put_first(layer, bool(nodes or rescale or fronts))
            shapes[0] = shape
            continue
        if layer.builtin and layer.scales_input and not nodes and not rescale:
            rescale[0] = layer
            continue
        nodes.append(Node(layer, (value,), value + 1))
        value += 1
        shapes[value] = shape
    return Graph((0,), (value,), tuple(nodes), shapes, rescale, fronts)


def put_first(layer: LayerLike, late: bool) -> LayerLike:
    """Return a layer that runs before the numbers; a ValueError when it does not stand first."""
    if late:
        kind = type(layer).__name__
        msg = f"{kind} {layer.name!r} reads texts, so it must stand first in a model, on an Input"
        raise ValueError(msg)
    return layer


def extended(graph: Graph, layer: LayerLike, dtype: str) -> Graph:
    """Return the graph of a chain with one more layer, built for what the chain answers."""
    value = graph.outputs[0]
    shapes = graph.shapes  # shared, as a copy for each of n layers would take n^2 steps
    shapes[value + 1] = layer.ensure_built(shapes[value], dtype)
    nodes = (*graph.nodes, Node(layer, (value,), value + 1))
    return Graph(graph.inputs, (value + 1,), nodes, shapes, graph.rescale, graph.fronts)
