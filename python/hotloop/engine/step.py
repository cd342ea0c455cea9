"""One recorded step of a model: N inputs, M outputs, each with what it is trained for.

A step is recorded once for each batch size and purpose: fixed buffers, and core calls on them. A
training step is two lists, forward with the losses and backward with the update. Between them
Python looks at the losses: their kernels answer NaN for labels outside the classes, so a bad label
is found before any weight moves, and labels need no pass of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import _core
from hotloop.data.targets import check_range
from hotloop.engine.objective import Objective
from hotloop.engine.penalties import penalized, penalty, record_penalties
from hotloop.engine.program import Pass, Program
from hotloop.graph.graph import Graph
from hotloop.layers import Activation, Dense, Softmax
from hotloop.layers.conv import Convolution
from hotloop.losses import Loss
from hotloop.optimizers import Optimizer
from hotloop.optimizers.arrays import FlatSlots
from hotloop.parameters import FlatParameters, Weight, aligned_zeros

Array = NDArray[Any]
# What an output is compared with: class ids (True), values (False) or nothing (None), and whether
# samples have weights.
Form = tuple[bool | None, bool]
# Values of fewer bytes are copied sooner than a plan is told to read others.
_WORTH_BINDING = 16384


def activation_of(graph: Graph, value: int) -> str | None:
    """Return the activation that makes output `value`, when nothing but a loss reads it."""
    maker = next((node for node in graph.nodes if node.output == value), None)
    if maker is None or any(value in node.inputs for node in graph.nodes):
        return None
    layer = maker.layer
    if not graph.is_recorded(maker) or layer.activity_regularizer is not None:
        return None
    if isinstance(layer, Dense | Convolution | Activation):
        return layer.activation.name
    if isinstance(layer, Softmax) and layer.axis in (-1, len(graph.shapes[value]) - 1):
        return "softmax"
    return None


def taken_over(graph: Graph, objective: Objective) -> list[str | None]:
    """Return for each output the activation that its loss takes over, which is then left out."""
    found: list[str | None] = []
    for loss, value in zip(objective.losses, graph.outputs, strict=True):
        end = activation_of(graph, value) if graph.outputs.count(value) == 1 else None
        fused = loss is not None and loss.fuses is not None and not loss.from_logits
        found.append(end if fused and loss is not None and loss.fuses == end else None)
    return found


class Port:
    """A place where a step reads a part of a batch: its own buffer, or the caller's array.

    Parameters
    ----------
    buffer : ndarray
        What core calls read; data are copied to it, cast and rescaled.
    scaling : (float, float)
        Scale and offset of that.
    private : set of int
        Identities of arrays whose views are never read in place.
    """

    def __init__(
        self,
        buffer: Array,
        scaling: tuple[float, float] = (1.0, 0.0),
        private: frozenset[int] = frozenset(),
    ) -> None:
        self.buffer = self.bound = buffer
        self.shape, self.dtype = buffer.shape, buffer.dtype
        self.scale, self.offset = scaling
        self.binds = False
        # Whether arrays come in the buffer's shape, as targets do; samples may lack an axis of 1.
        self.is_exact = False
        self.plans: list[Any] = []
        # Ports of the same type: none of two may bind memory that the other reads too.
        self.beside: tuple[Port, ...] = ()
        self._private = private

    def load(self, part: Array) -> None:
        """Make the next run read `part`: in place where it can be, else from a converted copy."""
        if part is self.bound:
            return
        flags = part.flags
        if (
            self.binds
            and part.dtype == self.dtype
            and part.shape == self.shape
            and flags.c_contiguous
            and flags.aligned
            and not (part.base is not None and id(part.base) in self._private)
            and not (self.beside and self._is_shared(part))
        ):
            _core.rebind(self, "bound", self.plans, part)
        else:
            self.gather(part, None)

    def _is_shared(self, part: Array) -> bool:
        return any(np.may_share_memory(part, other.bound) for other in self.beside)

    def gather(self, array: Array, rows: Array | None) -> None:
        """Copy rows of `array` into the buffer, cast and rescaled by one kernel call."""
        if self.bound is not self.buffer:
            self.release()
        if not self.is_exact and array.shape[1:] != self.shape[1:]:
            array = array.reshape(len(array), *self.shape[1:])
        if self.dtype == np.int64 and array.dtype.kind == "f":
            array = array.astype(np.int64)
        _core.gather_rows(array, rows, self.buffer, self.scale, self.offset)

    def release(self) -> None:
        """Rebind the plans to this port's own buffer."""
        if self.bound is not self.buffer:
            _core.rebind(self, "bound", self.plans, self.buffer)


class Weights(Port):
    """The samples' weights, one for each of the numbers that a loss kernel adds up.

    Parameters
    ----------
    buffer : ndarray ``(N, ...)``
        Each sample's weight stands in its whole row.
    mean : bool
        Whether the loss divides by the sum of the weights rather than by their number.
    """

    def __init__(self, buffer: Array, mean: bool) -> None:
        super().__init__(buffer)
        self._mean = mean
        self._column = (len(buffer), *(1 for _ in buffer.shape[1:]))

    def load(self, part: Array) -> None:
        """Copy the weights of a batch."""
        self.gather(part, None)

    def gather(self, array: Array, rows: Array | None) -> None:
        """Copy some of the weights, scaled where the loss divides by their sum."""
        part = array if rows is None else array[rows]
        self.buffer[...] = part.reshape(self._column)
        if self._mean:
            total = float(np.sum(part, dtype=np.float64))
            self.buffer *= len(part) / total if total else 0.0


class Head:
    """One output, and what a step compares it with.

    Attributes
    ----------
    loss : Loss or None
        None for an output that is held to nothing.
    value : ndarray ``(1,)``, float64
        The loss of the last batch, before its weight.
    correct : ndarray ``(1,)``, int64
        How many rows were right, where the kernel counts them.
    counts, rows
        Whether it does, and how many rows there are.
    predictions : ndarray
        What metrics look at, once the activation that the loss took over has been applied.
    """

    def __init__(
        self, output: Array, loss: Loss | None, weight: float, form: Form, end: str | None
    ) -> None:
        ids, weighted = form
        self.y = self.predictions = output
        self.loss, self.weight, self.end, self.ids = loss, weight, end, bool(ids)
        self.value, self.correct = np.zeros(1), np.zeros(1, np.int64)
        self.counts, self.rows, self.scale = False, len(output), 1.0
        self.classes = output.shape[-1]
        self.targets: Port | None = None
        self.weights: Weights | None = None
        self.dy: Array | None = None
        self.kernel: str | None = None
        self.mask: Array | None = None
        self.masked = self.value
        if loss is None or ids is None:
            return
        takes_over = end is not None
        if loss.kernel_applies(takes_over or loss.from_logits):
            self.kernel = loss.kernel
        elif takes_over:
            self.loss = loss.of_logits()
        lead = output.shape[:-1]
        self.targets = Port(
            aligned_zeros(lead if ids else output.shape, np.int64 if ids else output.dtype)
        )
        self.targets.is_exact = True
        self.targets.binds = self.ids or (
            self.kernel is not None and self.targets.buffer.nbytes >= _WORTH_BINDING
        )
        if weighted:
            mean = loss.reduction == "mean_with_sample_weight" and self.kernel is not None
            shape = {None: lead[:1], "softmax_cross_entropy": lead}.get(self.kernel, output.shape)
            self.weights = Weights(aligned_zeros(shape, output.dtype), mean)

    def cover(self, mask: Array) -> None:
        """Let only the steps count that a mask of the output, or of its first axes, holds."""
        if self.targets is None or mask.ndim >= self.y.ndim:
            return
        by_kernel = {None: mask.shape, "softmax_cross_entropy": self.y.shape[:-1]}
        shape = by_kernel.get(self.kernel, self.y.shape)
        self.mask, self.masked = mask, aligned_zeros(shape, self.y.dtype)

    def _weigh(self) -> None:
        """Weigh each step: those that count share what all would have, as in Keras."""
        assert self.loss is not None
        assert self.mask is not None
        whole = self.mask.reshape(*self.mask.shape, *(1,) * (self.masked.ndim - self.mask.ndim))
        self.masked[...] = whole != 0
        if self.loss.reduction != "sum":
            total = float(np.sum(self.mask != 0))
            self.masked *= self.mask.size / total if total else 0.0
        if self.weights is not None:
            given = self.weights.buffer
            self.masked *= given.reshape(*given.shape, *(1,) * (self.masked.ndim - given.ndim))

    def record(self, program: Program, reads: bool) -> None:
        """Append the loss, and its gradient to `dy` where there is one."""
        if self.targets is None:
            return
        loss, y, n = self.loss, self.y, len(self.y)
        assert loss is not None
        weights = None if self.weights is None else self.weights.buffer
        if self.mask is not None:
            program.python(self._weigh)
            weights = self.masked
        if self.end is not None and reads and self.kernel != "softmax_cross_entropy":
            with program.recording():
                soft = self.end == "softmax"
                self.predictions = _core.softmax(y, -1) if soft else _core.sigmoid(y)
        if self.kernel is None:
            program.python(self._compute)
            return
        self.scale = n if loss.reduction == "sum" else 1.0
        k = self.classes
        if self.kernel != "softmax_cross_entropy":
            self.scale *= loss.kernel_scale(y.size // n)
            factor = self.scale * self.weight
            with program.recording():
                _core.element_loss_train(  # the kernel's name is checked there
                    self.kernel,  # type: ignore[arg-type]
                    y,
                    self.targets.buffer,
                    weights,
                    self.value,
                    self.dy,
                    loss.kernel_parameter,
                    factor,
                )
            return
        self.counts, self.rows = True, y.size // k
        if self.end is not None and reads:
            self.predictions = aligned_zeros(y.shape, y.dtype)
        rows, probs, dy = (
            None if array is None else array.reshape(-1, k)
            for array in (
                y,
                None if self.predictions is y else self.predictions,
                self.dy,
            )
        )
        t = self.targets.buffer.reshape(-1) if self.ids else self.targets.buffer.reshape(-1, k)
        if self.ids and loss.label_smoothing:
            t = self._smoothed(program).reshape(-1, k)
        with program.recording():
            _core.softmax_cross_entropy_train(
                rows,  # type: ignore[arg-type]
                t,
                None if weights is None else weights.reshape(-1),
                self.value,
                self.correct,
                probs,
                dy,
                self.scale * self.weight,
            )

    def _smoothed(self, program: Program) -> Array:
        """Append what makes smoothed rows of the ids; return the buffer of the rows."""
        loss: Any = self.loss
        rows = aligned_zeros(self.y.shape, self.y.dtype)

        def run() -> None:
            self.check_ids()
            loss.rows_of(self.targets.bound, rows)  # type: ignore[union-attr]

        program.python(run)
        return rows

    def _compute(self) -> None:
        """Let NumPy compute the loss, or the functions of one of the user's own."""
        assert self.loss is not None
        assert self.targets is not None
        if self.ids:
            self.check_ids()
        weights = None if self.weights is None else self.weights.buffer
        y, t, dy = self.y, self.targets.bound, self.dy
        if self.mask is not None:  # each step a sample
            axes = self.mask.ndim
            y, t = (a.reshape(-1, *a.shape[axes:]) for a in (y, t))
            dy = None if dy is None else dy.reshape(y.shape)
            weights = self.masked.reshape(-1)
        self.value[0] = self.loss.compute(y, t, weights, dy)
        if self.dy is not None and self.weight != 1.0:
            self.dy *= self.dy.dtype.type(self.weight)

    def check_ids(self) -> None:
        """Raise the ValueError of labels outside the classes."""
        assert self.loss is not None
        assert self.targets is not None
        check_range(self.loss.name, self.targets.bound, self.classes)

    def figure(self) -> float:
        """Return the loss of the last batch, before its weight."""
        return self.value.item() * self.scale


class Step:
    """Forward; with heads also the losses; for training also backward, and update with an optimizer.

    Parameters
    ----------
    executor : Executor
        Of the model.
    n : int
        Batch size.
    training : bool
        Whether layers run in training mode, and a backward follows where there are heads.
    objective : Objective, optional
        Losses and weights; None for a forward alone, with `backward` by hand.
    forms : sequence of Form
        What each output is compared with.
    reads : sequence of bool
        Of which outputs metrics look at the values.
    optimizer : Optimizer, optional
        What updates the weights.
    graph : Graph, optional
        The executor's, with the sizes that it leaves open.
    """

    def __init__(
        self,
        executor: Any,
        n: int,
        training: bool,
        objective: Objective | None = None,
        forms: Sequence[Form] = (),
        reads: Sequence[bool] = (),
        optimizer: Optimizer | None = None,
        graph: Graph | None = None,
    ) -> None:
        graph = executor.graph if graph is None else graph
        self.graph, self.n, self.objective, self.optimizer = graph, n, objective, optimizer
        self.settings: Any = executor.settings
        self.slots: Any = None
        ends = [] if objective is None else taken_over(graph, objective)
        taken = zip(graph.outputs, ends, strict=False)
        logits = frozenset(value for value, end in taken if end is not None)
        self.inputs = [
            Port(
                aligned_zeros(
                    (n, *(k or 0 for k in graph.shapes[v][1:])),
                    np.int64 if v in graph.ids else executor.dtype,
                ),
                graph.scaling(v),
                executor.private,
            )
            for v in graph.inputs
        ]
        buffers = {v: port.buffer for v, port in zip(graph.inputs, self.inputs, strict=True)}
        self.forward_program, self.backward_program = Program(), Program()
        self.passed = Pass(
            graph,
            buffers,
            self.forward_program,
            training,
            logits,
            executor.frozen,
            executor.dtype,
        )
        # The by-hand caller may change x before backward, which reads it again.
        if objective is not None or not training:
            for v, port in zip(graph.inputs, self.inputs, strict=True):
                port.binds = self.passed.binds(v) and graph.scaling(v) == (1.0, 0.0) and n > 0
        # What a step that is not finished gives back, besides gradients and its own buffers.
        self.saved: tuple[Array, ...] = tuple(self.passed.state)
        self.outputs = [self.passed.values[v] for v in graph.outputs]
        self.heads = [
            Head(y, loss, weight, form, end)
            for y, loss, weight, form, end in zip(
                self.outputs if objective is not None else (),
                objective.losses if objective is not None else (),
                objective.weights if objective is not None else (),
                forms,
                ends,
                strict=True,
            )
        ]
        for head, value in zip(self.heads, graph.masks, strict=False):
            if value is not None:
                head.cover(self.passed.values[value])
        self.penalized = penalized(graph) if self.heads else []
        self._penalty = 0.0
        needed = bool(self.heads) and training and bool(executor.store.params)
        for head, read in zip(self.heads, reads, strict=True):
            head.dy = aligned_zeros(head.y.shape, head.y.dtype) if needed else None
            head.record(self.forward_program, read)
        if self.heads:
            self.passed.penalize(needed)
        if needed:
            self._record_backward(executor)
        self.passed.finish()
        self.backward_program.finish()
        self._connect_ports()
        self._parts = (
            *self.forward_program.steps,
            *([self._penalize] if self.penalized or self.passed.adds_losses else []),
            *((head.value, head.check_ids) for head in self.heads if head.ids),
            *self.backward_program.steps,
        )
        # A forward alone.
        self.forward = self.forward_program.whole(self.saved)
        self._held = [head for head in self.heads if head.targets is not None]
        self._one = len(self._held) == 1 and self._held[0].weight * self._held[0].scale == 1.0
        self._value = self._held[0].value if self._one else np.zeros(1)
        self._dys: dict[int, Array] = {}

    def _connect_ports(self) -> None:
        targets = [head.targets for head in self.heads if head.targets is not None]
        weights = [head.weights for head in self.heads if head.weights is not None]
        # In the order of the arrays of `ArrayData`.
        self.ports: list[Port] = [*self.inputs, *targets, *weights]
        self.is_pair = len(self.inputs) == len(targets) == len(self.heads) == 1 and not weights
        plans = [*self.forward_program.plans, *self.backward_program.plans]
        for port in self.ports:
            port.plans = plans if port in self.inputs else self.forward_program.plans
            port.beside = tuple(
                other
                for other in self.ports
                if other is not port and other.binds and other.dtype == port.dtype
            )

    def _record_backward(self, executor: Any) -> None:
        first: dict[int, Array] = {}
        for v, head in zip(self.graph.outputs, self.heads, strict=True):
            assert head.dy is not None
            if v in first:
                with self.backward_program.recording():
                    _core.add(first[v], head.dy, out=first[v])
            else:
                first[v] = head.dy
        self.passed.backward(self.backward_program, first)
        record_penalties(self.penalized, self.backward_program)
        if self.optimizer is not None:
            self.slots = executor.record_update(self.backward_program, self.optimizer)
            self.saved += changed_by(self.optimizer, executor.store, self.slots)

    def release(self) -> None:
        """Let go of the caller's arrays."""
        for port in self.ports:
            if port.bound is not port.buffer:
                port.release()

    def _penalize(self) -> None:
        self._penalty = penalty(self.penalized) + self.passed.penalty()

    def run(self) -> float:
        """Run the step on what was loaded, and return the whole loss.

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
        if self._one:
            return self._value.item() + self._penalty
        return self._penalty + sum(head.weight * head.figure() for head in self._held)

    def backward(self, dys: Sequence[Array]) -> None:
        """Fill the gradients from those of the outputs, after a forward without heads."""
        if not self._dys:
            outputs = zip(self.graph.outputs, self.outputs, strict=True)
            self._dys = {v: aligned_zeros(y.shape, y.dtype) for v, y in outputs}
            self.passed.backward(self.backward_program, self._dys)
            self._run_backward: Callable[[], None] = self.backward_program.finish().whole()
        for buffer in self._dys.values():
            buffer[...] = 0
        for v, dy in zip(self.graph.outputs, dys, strict=True):
            self._dys[v] += dy
        self._run_backward()


def changed_by(optimizer: Optimizer, store: FlatParameters, slots: FlatSlots) -> tuple[Array, ...]:
    """Return what an update may leave half changed, by what of it runs in Python."""
    if not optimizer.recordable:
        return (store.params.flat, *slots.flat.values())
    return (store.params.flat,) if constrained(store) else ()


def constrained(store: FlatParameters) -> list[Weight]:
    """Return the weights that train under a constraint."""
    return [w for w in store.params.weights.values() if w.constraint is not None]


__all__ = ["Form", "Head", "Port", "Step", "Weights", "activation_of", "constrained"]
