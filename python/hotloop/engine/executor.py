"""Recorded steps of one model: what `fit`, `train_on_batch`, `predict` and the rest run on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from hotloop._support.watched import ASSIGNMENTS, settings_of
from hotloop.engine.objective import Objective
from hotloop.engine.program import Program
from hotloop.engine.step import Form, Step, constrained
from hotloop.graph.graph import Graph
from hotloop.optimizers import Optimizer
from hotloop.optimizers.arrays import FlatSlots, twin
from hotloop.parameters import FlatParameters

_KEPT = 8
_KEPT_OF_OPEN = 32  # of models whose batches differ in length


class Executor:
    """The recorded steps of one model, the last few of them.

    Parameters
    ----------
    graph : Graph
        The model's calls.
    store : FlatParameters
        Its weights.
    dtype : str
        Its dtype.
    """

    def __init__(self, graph: Graph, store: FlatParameters, dtype: str) -> None:
        self.graph, self.store = graph, store
        self.dtype = np.dtype(dtype)
        self.objective: Objective | None = None
        self.optimizer: Optimizer | None = None
        # What `trainable` says now may not be what it said when the weights were laid out.
        self.frozen = frozenset(id(node.layer) for node in graph.nodes if not node.layer.trainable)
        self.settings: Any = None
        # How many attributes had been set when the settings were last looked at.
        self.seen = -1
        self._steps: OrderedDict[Any, Step] = OrderedDict()
        self._graphs: dict[Any, Graph] = {}
        # Arrays whose views must never be bound: a step would mistake them for its own operands.
        self.private = frozenset(
            id(flat if flat.base is None else flat.base)
            for flat in (store.params.flat, store.grads.flat)
        )

    def record_update(self, program: Program, optimizer: Optimizer) -> FlatSlots:
        """Append the update of all weights, and return the slots that it works on."""
        store = self.store
        slots = optimizer.flat_slots(store.params)
        grads = store.grads
        if optimizer.clipping and not optimizer.gradient_accumulation_steps:
            # model.grads stay as the backward left them.
            grads = twin(slots.layout, store.grads.flat)
            program.python(lambda: optimizer.clipping.apply(store.grads, grads))
        works = optimizer.works(store.params, grads, slots)
        if optimizer.recordable:
            with program.recording():
                optimizer.record(works)
        else:
            program.python(partial(optimizer.run, works))
        for weight in constrained(store):
            program.python(weight.constrain)
        return slots

    def _settings(self) -> Any:
        """Return everything that a recorded step was made from, besides shapes and arrays."""
        graph = self.graph
        weights = [w for node in graph.nodes for w in node.layer.ordered_weights()]
        return settings_of(
            [
                self.objective,
                self.optimizer,
                [node.layer for node in graph.nodes],
                list(graph.rescale.values()),
                [(weight.regularizer, weight.constraint) for weight in weights],
            ]
        )

    def use(self, objective: Objective, optimizer: Optimizer | None) -> None:
        """Take what the next steps are made for."""
        if objective is not self.objective or optimizer is not self.optimizer:
            self.objective, self.optimizer = objective, optimizer
            self.seen = -1

    def _refresh(self) -> None:
        """Forget the recorded steps where something that they were made from has been set."""
        seen = ASSIGNMENTS[0]
        if self.seen == seen:
            return
        now = self._settings()
        if self.settings is None or now != self.settings:
            self._steps.clear()
            self.settings = now
        self.seen = seen

    def sized(self, xs: Sequence[Any]) -> Graph:
        """Return the calls for batches like `xs`, which say the sizes that the model leaves open."""
        if not self.graph.is_open:
            return self.graph
        ranks = [len(self.graph.shapes[value]) for value in self.graph.inputs]
        shapes = tuple(
            (None, *x.shape[1:rank], *((1,) * (rank - x.ndim)))
            for x, rank in zip(xs, ranks, strict=True)
        )
        found = self._graphs.get(shapes)
        if found is None:
            found = self._graphs[shapes] = self.graph.sized(shapes)
        return found

    def forward_step(self, n: int, training: bool, xs: Sequence[Any] = ()) -> Step:
        """Return the forward for batches of `n` like `xs`."""
        graph = self.sized(xs)
        return self._step_of(
            ("forward", n, training, self._sizes(graph)),
            lambda: Step(self, n, training, graph=graph),
        )

    def _sizes(self, graph: Graph) -> Any:
        open_one = graph is not self.graph
        return tuple(graph.shapes[value] for value in graph.inputs) if open_one else None

    def loss_step(
        self,
        n: int,
        *,
        xs: Sequence[Any] = (),
        forms: Sequence[Form],
        train: bool,
        reads: Sequence[bool],
        optimizer: Optimizer | None = None,
    ) -> Step:
        """Return forward and losses for batches of `n`, with backward and update as asked."""
        if optimizer is not None:
            optimizer.flat_slots(self.store.params)  # made now, as that counts as a change
        goal, graph = self.objective, self.sized(xs)
        key = ("loss", n, forms, train, reads, optimizer is not None, self._sizes(graph))
        return self._step_of(
            key, lambda: Step(self, n, train, goal, forms, reads, optimizer, graph)
        )

    def _step_of(self, key: Any, make: Callable[[], Step]) -> Step:
        step = self._find(key)
        if step is None or self._lost_slots(step):
            step = self._keep(key, make())
        return step

    def _lost_slots(self, step: Step) -> bool:
        optimizer = step.optimizer
        return (
            optimizer is not None
            and step.slots is not None
            and (optimizer.flat_slots(self.store.params) is not step.slots)
        )

    def _find(self, key: Any) -> Step | None:
        self._refresh()
        step = self._steps.get(key)
        if step is None:
            return None
        self._steps.move_to_end(key)
        return step

    def _keep(self, key: Any, step: Step) -> Step:
        self._steps[key] = step
        while len(self._steps) > (_KEPT_OF_OPEN if self.graph.is_open else _KEPT):
            self._steps.popitem(last=False)
        return step


__all__ = ["Executor"]
