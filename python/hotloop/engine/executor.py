"""Recorded steps of one model: what `fit`, `train_on_batch`, `predict` and the rest run on.

For each batch size and purpose a step is recorded once: fixed buffers, and core calls on them.
A training step is two lists: forward with the loss, then backward with the update. Between them
Python looks at the loss. The loss kernel makes it NaN for labels outside the classes, so a bad
label is found before any weight moves, and labels need no pass of their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import _core
from hotloop._support.watched import ASSIGNMENTS, settings_of
from hotloop.data.targets import check_range
from hotloop.engine.penalties import penalized, penalty, record_penalties
from hotloop.engine.program import Pass, Program
from hotloop.graph.graph import Graph
from hotloop.layers import Activation, Conv2D, Dense, Softmax
from hotloop.losses import CategoricalLoss, Loss, MeanSquaredError
from hotloop.optimizers import Optimizer
from hotloop.optimizers.arrays import FlatSlots, twin
from hotloop.parameters import FlatParameters, Weight, aligned_zeros

Array = NDArray[Any]
_KEPT = 8


def final_activation(graph: Graph) -> str | None:
    """Return the activation that a loss may take over from the last call, by name."""
    if not graph.nodes or graph.nodes[-1].output != graph.outputs[0]:
        return None
    return activation_of(graph, graph.outputs[0])


def activation_of(graph: Graph, value: int) -> str | None:
    """Return the activation that makes output `value`, when nothing but a loss reads it."""
    maker = next((node for node in graph.nodes if node.output == value), None)
    if maker is None or any(value in node.inputs for node in graph.nodes):
        return None
    layer = maker.layer
    if not graph.is_recorded(maker) or layer.activity_regularizer is not None:
        return None
    if isinstance(layer, Dense | Conv2D | Activation):
        return layer.activation.name
    if isinstance(layer, Softmax) and layer.axis in (-1, len(graph.shapes[value]) - 1):
        return "softmax"
    return None


class Step:
    """Input buffers of one recorded step, and the plans that read them."""

    def __init__(self, executor: Executor, n: int, training: bool, logits: bool = False) -> None:
        graph, self.dtype = executor.graph, executor.dtype
        self.n = n
        shape = tuple(size or 0 for size in graph.shapes[graph.inputs[0]][1:])
        self.x_shape = (n, *shape)
        self.x_buffer = aligned_zeros(self.x_shape, self.dtype)
        self.scale, self.offset = graph.scaling(graph.inputs[0])
        self.forward_program = Program()
        self.passed = Pass(
            graph,
            {graph.inputs[0]: self.x_buffer},
            self.forward_program,
            training,
            logits,
            executor.frozen,
        )
        self.binds = (
            self.passed.binds(graph.inputs[0]) and (self.scale, self.offset) == (1.0, 0.0) and n > 0
        )
        self.bound: Array = self.x_buffer
        self._private = executor.private
        self.plans: list[Any] = []
        self.settings = executor.settings
        # What a step that is not finished gives back, besides gradients and its own buffers.
        self.saved: tuple[Array, ...] = tuple(self.passed.state)

    def finish(self, *programs: Program) -> None:
        """Close the programs."""
        self.passed.finish()
        self.plans = [plan for program in programs for plan in program.finish().plans]

    @property
    def output(self) -> Array:
        """Buffer of the model's output."""
        return self.passed.output

    def load(self, x: Array) -> None:
        """Make the next run read `x`: in place where it can be, else from a converted copy."""
        if x is self.bound:
            return
        if (
            self.binds
            and x.dtype == self.dtype
            and x.shape == self.x_shape
            and x.flags.c_contiguous
            and x.flags.aligned
            and not (x.base is not None and id(x.base) in self._private)
        ):
            _core.rebind(self, "bound", self.plans, x)
        else:
            self.gather(x, None)

    def gather(self, x: Array, indices: Array | None) -> None:
        """Copy rows of `x` into the input buffer, cast and rescaled by one kernel call."""
        self.release()
        if x.shape[1:] != self.x_shape[1:]:
            x = x.reshape(len(x), *self.x_shape[1:])
        _core.gather_rows(x, indices, self.x_buffer, self.scale, self.offset)

    def release(self) -> None:
        """Read the own buffer again, and let go of the array that was bound."""
        if self.bound is not self.x_buffer:
            _core.rebind(self, "bound", self.plans, self.x_buffer)


class ForwardStep(Step):
    """Forward alone; with `backward`, also the by-hand backward from a given gradient."""

    def __init__(self, executor: Executor, n: int, training: bool) -> None:
        super().__init__(executor, n, training)
        self.run = self.passed.finish().whole(self.saved)
        self.backward_program: Program | None = None
        self.dy: Array | None = None
        self.plans = self.forward_program.plans
        if training:
            # The by-hand caller may change x before backward, which reads it again.
            self.binds = False

    def backward(self, dy: Array) -> None:
        """Fill the gradients from that of the output."""
        if self.backward_program is None or self.dy is None:
            program = Program()
            self.dy = aligned_zeros(self.output.shape, self.dtype)
            self.passed.backward(program, {self.passed.graph.outputs[0]: self.dy})
            self.backward_program = program.finish()
            self._run_backward = self.backward_program.whole()
        self.dy[...] = dy
        self._run_backward()


class LossStep(Step):
    """Forward and loss; for training also backward, and update when an optimizer is given.

    Parameters
    ----------
    executor : Executor
        Of the model.
    n : int
        Batch size.
    ids : bool
        Whether targets are class ids rather than values of the model's dtype.
    weighted : bool
        Whether samples have weights.
    train : bool
        Whether layers run in training mode and a backward follows.
    outputs : bool
        Whether metrics will read the outputs.
    """

    def __init__(
        self,
        executor: Executor,
        n: int,
        ids: bool,
        weighted: bool,
        train: bool,
        outputs: bool,
        optimizer: Optimizer | None,
    ) -> None:
        loss = executor.loss
        graph = executor.graph
        end = final_activation(graph)
        takes_over = loss.fuses is not None and loss.fuses == end and not loss.from_logits
        super().__init__(executor, n, train, takes_over)
        self.loss, self.loss_name = loss, loss.name
        y = self.output
        self.classes = y.shape[-1]
        self.loss_value = np.zeros(1, np.float64)
        self.correct = np.zeros(1, np.int64)
        shape = y.shape[:-1] if ids else y.shape
        self.t_buffer = aligned_zeros(shape, np.int64 if ids else self.dtype)
        self.t_bound: Array = self.t_buffer
        self.ids = ids
        self.w_buffer = aligned_zeros((n,), self.dtype) if weighted else None
        needed = train and bool(executor.store.params)
        dy = aligned_zeros(y.shape, self.dtype) if needed else None
        self.predictions: Array = y
        logits = takes_over or loss.from_logits
        plain = loss.reduction == "sum_over_batch_size"
        self.counts = False
        if loss.builtin and plain:
            if isinstance(loss, CategoricalLoss) and logits and y.ndim == 2:
                probs = None
                if takes_over and outputs:
                    probs = self.predictions = aligned_zeros(y.shape, self.dtype)
                t = self.t_buffer
                if ids and loss.label_smoothing:
                    t = self._smoothed(loss, y)
                with self.forward_program.recording():
                    _core.softmax_cross_entropy_train(
                        y, t, self.w_buffer, self.loss_value, self.correct, probs, dy
                    )
                self.counts = True
            elif isinstance(loss, MeanSquaredError) and not weighted:
                with self.forward_program.recording():
                    _core.mean_squared_error_train(y, self.t_buffer, self.loss_value, dy)
            else:
                self._python_loss(y, dy, takes_over, outputs)
        else:
            self._python_loss(y, dy, takes_over, outputs)
        self.backward_program = Program()
        self.optimizer = optimizer
        self.slots: FlatSlots | None = None
        self.penalized = penalized(graph)
        self.passed.penalize(dy is not None)
        if dy is not None:
            self.passed.backward(self.backward_program, {graph.outputs[0]: dy})
            record_penalties(self.penalized, self.backward_program)
            if optimizer is not None:
                self.slots = executor.record_update(self.backward_program, optimizer)
                self.saved += changed_by(optimizer, executor.store, self.slots)
        self.finish(self.forward_program, self.backward_program)
        self._penalty = 0.0
        self._parts = (
            *self.forward_program.steps,
            *([self._penalize] if self.penalized or self.passed.adds_losses else []),
            *([(self.loss_value, self._check_ids)] if ids else []),
            *self.backward_program.steps,
        )

    def _smoothed(self, loss: CategoricalLoss, y: Array) -> Array:
        """Append what makes smoothed rows of the ids; return the buffer of the rows."""
        rows = aligned_zeros(y.shape, self.dtype)

        def run() -> None:
            check_range(self.loss_name, self.t_bound, self.classes)
            loss.rows_of(self.t_bound, rows)

        self.forward_program.python(run)
        return rows

    def _python_loss(self, y: Array, dy: Array | None, takes_over: bool, outputs: bool) -> None:
        """Append a loss that NumPy computes."""
        loss, t, w, value = self.loss, self.t_buffer, self.w_buffer, self.loss_value
        if takes_over:
            fused = loss.from_config(loss.get_config())
            fused.from_logits = True
            loss = fused
            if outputs:
                end = final_activation(self.passed.graph)
                with self.forward_program.recording():
                    soft = end == "softmax"
                    self.predictions = _core.softmax(y, -1) if soft else _core.sigmoid(y)

        def run() -> None:
            if self.ids:
                check_range(self.loss_name, self.t_bound, self.classes)
            value[0] = loss.compute(y, self.t_bound if self.ids else t, w, dy)

        self.forward_program.python(run)

    def load_targets(self, t: Array) -> None:
        """Make the next run read targets that have the form the step was recorded for."""
        flags = t.flags
        if self.ids and t.dtype == self.t_buffer.dtype and flags.c_contiguous and flags.aligned:
            if t is not self.t_bound:
                _core.rebind(self, "t_bound", self.forward_program.plans, t)
        else:
            self.release_targets()
            self.t_buffer[...] = t

    def release_targets(self) -> None:
        """Read the own target buffer again."""
        if self.t_bound is not self.t_buffer:
            _core.rebind(self, "t_bound", self.forward_program.plans, self.t_buffer)

    def _penalize(self) -> None:
        self._penalty = penalty(self.penalized) + self.passed.penalty()

    def _check_ids(self) -> None:
        check_range(self.loss_name, self.t_bound, self.classes)

    def run(self) -> float:
        """Run the step on what was loaded, and return the loss.

        It is one call of the core, which runs to its end or leaves everything as it was: weights,
        slots, running statistics and the optimizer's count.

        Raises
        ------
        ValueError
            For labels outside the classes.
        """
        if self.optimizer is not None:
            self.optimizer.begin_step()
        _core.run_whole(self._parts, self.saved, self.optimizer)
        loss: float = self.loss_value.item()
        return loss + self._penalty


def changed_by(optimizer: Optimizer, store: FlatParameters, slots: FlatSlots) -> tuple[Array, ...]:
    """Return what an update may leave half changed, by what of it runs in Python."""
    if not optimizer.recordable:
        return (store.params.flat, *slots.flat.values())
    return (store.params.flat,) if constrained(store) else ()


def constrained(store: FlatParameters) -> list[Weight]:
    """Return the weights that train under a constraint."""
    return [w for w in store.params.weights.values() if w.constraint is not None]


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
        self.loss: Loss = MeanSquaredError()
        self.optimizer: Optimizer | None = None
        # What `trainable` says now may not be what it said when the weights were laid out.
        self.frozen = frozenset(id(node.layer) for node in graph.nodes if not node.layer.trainable)
        self.settings: Any = None
        self._assignments = -1
        self._steps: OrderedDict[Any, Any] = OrderedDict()
        # Arrays whose views must never be bound: a step would mistake them for its own operands.
        self.private = {
            id(flat if flat.base is None else flat.base)
            for flat in (store.params.flat, store.grads.flat)
        }

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
                self.loss,
                self.optimizer,
                [node.layer for node in graph.nodes],
                list(graph.rescale.values()),
                [(weight.regularizer, weight.constraint) for weight in weights],
            ]
        )

    def use(self, loss: Loss, optimizer: Optimizer | None) -> None:
        """Take what the next steps are made for."""
        if loss is not self.loss or optimizer is not self.optimizer:
            self.loss, self.optimizer = loss, optimizer
            self._assignments = -1

    def is_current(self, step: Any) -> bool:
        """Whether a step is what would be recorded now; False also where that takes a look."""
        return step.settings is self.settings and self._assignments == ASSIGNMENTS[0]

    def _refresh(self) -> None:
        """Forget the recorded steps where something that they were made from has been set."""
        seen = ASSIGNMENTS[0]
        if self._assignments == seen:
            return
        now = self._settings()
        if self.settings is None or now != self.settings:
            self._steps.clear()
            self.settings = now
        self._assignments = seen

    def forward_step(self, n: int, training: bool) -> ForwardStep:
        """Return the forward for batches of `n`."""
        key = ("forward", n, training)
        step: ForwardStep | None = self._find(key)
        if step is None:
            step = self._keep(key, ForwardStep(self, n, training))
        return step

    def loss_step(
        self,
        n: int,
        *,
        ids: bool,
        weighted: bool,
        train: bool,
        outputs: bool,
        optimizer: Optimizer | None = None,
    ) -> LossStep:
        """Return forward and loss for batches of `n`, with backward and update as asked."""
        key = ("loss", n, ids, weighted, train, outputs, optimizer is not None)
        step: LossStep = self.step_of(
            key, lambda: LossStep(self, n, ids, weighted, train, outputs, optimizer)
        )
        return step

    def step_of(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return the step of `key`, made when there is none that still works."""
        step = self._find(key)
        if step is None or self._lost_slots(step):
            step = self._keep(key, make())
        return step

    def _lost_slots(self, step: Any) -> bool:
        optimizer = step.optimizer
        return (
            optimizer is not None
            and step.slots is not None
            and (optimizer.flat_slots(self.store.params) is not step.slots)
        )

    def _find(self, key: Any) -> Any:
        self._refresh()
        step = self._steps.get(key)
        if step is None:
            return None
        self._steps.move_to_end(key)
        return step

    def _keep(self, key: Any, step: Any) -> Any:
        self._steps[key] = step
        while len(self._steps) > _KEPT:
            self._steps.popitem(last=False)
        return step


__all__ = ["Executor", "ForwardStep", "LossStep", "Step", "activation_of", "final_activation"]
