"""The network of a model: its calls, its weights in one flat array, and the steps recorded on both."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from hotloop._support.watched import ASSIGNMENTS
from hotloop.data.arrays import direct
from hotloop.data.targets import as_array
from hotloop.engine.executor import Executor
from hotloop.engine.step import Step
from hotloop.graph.graph import Graph
from hotloop.parameters import FlatParameters, Weight

Array = NDArray[Any]


class Network:
    """Calls, weights and recorded steps, each made when it is first needed.

    Parameters
    ----------
    model : Model
        Says what they are made from: `make_graph`, `all_layers`, `dtype` and the names of its ends.
    """

    def __init__(self, model: Any) -> None:
        self._model = weakref.ref(model)
        self._graph: Graph | None = None
        self._executor: Executor | None = None
        self._by_hand: Step | None = None

    @property
    def model(self) -> Any:
        """The model."""
        return self._model()

    @property
    def is_built(self) -> bool:
        """Whether there is a graph."""
        return self._graph is not None

    @property
    def dtype(self) -> str:
        """The dtype that the model computes in."""
        dtype: str = self.model.dtype
        return dtype

    @property
    def output_names(self) -> list[str]:
        """Names by which a dict gives targets, losses and metrics."""
        names: list[str] = self.model.output_names
        return names or ["output"]

    @property
    def input_shapes(self) -> list[Any]:
        """Shape of each input, batch in front (None)."""
        graph = self.graph()
        return [graph.shapes[value] for value in graph.inputs]

    @property
    def fronts(self) -> list[Any]:
        """What turns each input's data into numbers, or None."""
        graph = self.graph()
        return [graph.fronts.get(value) for value in graph.inputs]

    @property
    def output_shapes(self) -> list[Any]:
        """Shape of each output, batch in front (None)."""
        graph = self.graph()
        return [graph.shapes[value] for value in graph.outputs]

    def output_shapes_for(self, xs: Sequence[Array]) -> list[Any]:
        """Shape of each output for batches like `xs`, batch in front (None)."""
        graph = self.executor().sized(xs)
        return [graph.shapes[value] for value in graph.outputs]

    def graph(self, x: Any = None) -> Graph:
        """Return the calls, building the model on the first use; `x` may say the shape."""
        if self._graph is None:
            self._graph = self.model.make_graph(x)
        return self._graph

    def executor(self, x: Any = None) -> Executor:
        """Return the recorded steps, building the model for `x` when it is not built."""
        executor = self._executor
        if executor is None or executor.store.lost:
            graph, model = self.graph(x), self.model
            trainable: dict[str, Weight] = {}
            frozen: dict[str, Weight] = {}
            for layer in model.all_layers():
                for weight in layer.ordered_weights():
                    kind = trainable if layer.trainable and weight.trainable else frozen
                    kind[f"{layer.name}/{weight.name}"] = weight
            store = FlatParameters(trainable, frozen, self.dtype, self._model)
            executor = self._executor = Executor(graph, store, self.dtype)
            self._by_hand = None
        return executor

    def relayout(self) -> None:
        """Lay the weights out again at the next use, trainable ones first."""
        self._executor = self._by_hand = None

    def replace(self, graph: Graph | None = None) -> None:
        """Take other calls, or have them made at the next use."""
        self._graph = graph
        self.relayout()

    def is_current(self, step: Step) -> bool:
        """Whether a step still works on this network's arrays, and is what would be recorded now."""
        executor = self._executor
        return (
            executor is not None
            and step.settings is executor.settings
            and executor.seen == ASSIGNMENTS[0]
        )

    def forward(self, arrays: Sequence[Array], training: bool) -> list[Array]:
        """Return the outputs for one batch of checked samples; with `training`, keep it for `backward`."""
        step = self.executor().forward_step(len(arrays[0]), training, arrays)
        for port, array in zip(step.ports, arrays, strict=True):
            port.load(direct(array))
        step.forward()
        outs = [y.copy() for y in step.outputs]
        step.release()
        if training:
            self._by_hand = step
        return outs

    def backward(self, dys: Sequence[Any]) -> None:
        """Fill the gradients from those of the outputs of the last forward in training."""
        if self._by_hand is not None:
            self.executor()  # forgets it where the weights are those of another model now
        step = self._by_hand
        if step is None:
            msg = "backward: call model.forward(x, training=True) first"
            raise RuntimeError(msg)
        arrays = [as_array("backward", "dy", dy) for dy in dys]
        want, got = ([array.shape for array in each] for each in (step.outputs, arrays))
        if got != want:
            text = "outputs' shapes" if len(want) > 1 else "output's shape"
            shown = (want, got) if len(want) > 1 else (want[0], got[0])
            msg = f"backward: dy must have the {text} {shown[0]}, got {shown[1]}"
            raise ValueError(msg)
        step.backward(arrays)


__all__ = ["Network"]
