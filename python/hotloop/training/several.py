"""Models with several inputs or outputs: their data, recorded steps and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import _core, metrics
from hotloop._support.quoting import quoted
from hotloop.data.arrays import ArrayData, Rows, class_weights
from hotloop.data.targets import check_range, like_outputs
from hotloop.engine.executor import Executor, activation_of, changed_by
from hotloop.engine.penalties import penalized, penalty, record_penalties
from hotloop.engine.program import Pass, Program
from hotloop.losses import Loss
from hotloop.losses.several import PerOutput
from hotloop.optimizers import Optimizer
from hotloop.parameters import aligned_zeros
from hotloop.training.compiled import Meter

Array = NDArray[Any]


def by_name(what: str, given: Any, names: Sequence[str], default: Any = None) -> list[Any]:
    """Return one item for each name, from a dict by name or a list in order.

    Raises
    ------
    ValueError
        For names that do not exist, and another number of items.
    """
    if isinstance(given, Mapping):
        unknown = sorted(set(given) - set(names))
        if unknown:
            msg = f"{what}: no {quoted(unknown)}; there are {quoted(list(names))}"
            raise ValueError(msg)
        return [given.get(name, default) for name in names]
    items = list(given) if isinstance(given, list | tuple) else [given]
    if len(items) != len(names):
        msg = f"{what}: one item for each of {list(names)} is needed, got {len(items)}"
        raise ValueError(msg)
    return items


class SeveralData(ArrayData):
    """Lists of arrays: samples for each input; targets and weights for each output."""

    def __init__(self, x: list[Array], y: list[Any], t: list[Any], w: list[Any]) -> None:
        self.parts, self.ys, self.ts, self.ws = x, y, t, w
        # What stands for all where one array is looked at.
        self.x, self.w = x[0], None
        self.y = next((a for a, b in zip(y, t, strict=True) if b is not None), x[0])
        # Every output's form, by which a recorded step is known.
        self.form = tuple(
            (None if a is None else a.dtype == np.int64, b is not None)
            for a, b in zip(t, w, strict=True)
        )

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.parts[0])

    def part(self, rows: slice) -> SeveralData:
        """Return views of some rows."""
        lists = (self.parts, self.ys, self.ts, self.ws)
        cut: Any = ([None if a is None else a[rows] for a in arrays] for arrays in lists)
        return SeveralData(*cut)

    def weighed(self, name: str, known: int | None, given: Any, dtype: Any) -> SeveralData:
        """Return the same samples, weighed by class; a ValueError with several outputs."""
        if len(self.ts) > 1 or self.ts[0] is None:
            msg = f"{name}: class_weight needs a model with one output; give sample_weight instead"
            raise ValueError(msg)
        w, old = class_weights(name, self.ts[0], known, given, dtype), self.ws[0]
        return SeveralData(self.parts, self.ys, self.ts, [w if old is None else w * old])

    def load(self, step: Any, rows: Rows) -> None:
        """Copy a batch into the buffers of a recorded step."""
        if isinstance(rows, slice):
            step.gather([part[rows] for part in self.parts], None)
        else:
            step.gather(self.parts, rows)
        for buffer, values in zip(
            [*step.t_buffers, *step.w_buffers], [*self.ts, *self.ws], strict=True
        ):
            if buffer is not None:
                buffer[...] = values[rows]


class SeveralStep:
    """Buffers for every input, and a forward on them."""

    def __init__(
        self, executor: Executor, n: int, training: bool, logits: frozenset[int] = frozenset()
    ) -> None:
        graph, self.n = executor.graph, n
        self.graph = graph
        shapes = {v: (n, *(size or 0 for size in graph.shapes[v][1:])) for v in graph.inputs}
        self.buffers = {v: aligned_zeros(shape, executor.dtype) for v, shape in shapes.items()}
        self.program = Program()
        self.passed = Pass(graph, self.buffers, self.program, training, logits, executor.frozen)
        self.outputs = [self.passed.values[v] for v in graph.outputs]
        self.settings = executor.settings
        self.saved: tuple[Array, ...] = tuple(self.passed.state)
        self.counts = False
        # There is no one number of classes.
        self.classes = 0
        self.optimizer: Optimizer | None = None
        self.slots: Any = None

    def gather(self, parts: Sequence[Array], indices: Array | None) -> None:
        """Copy rows of every input, cast and rescaled."""
        for v, part in zip(self.graph.inputs, parts, strict=True):
            buffer = self.buffers[v]
            rows = part.reshape(len(part), *buffer.shape[1:])
            _core.gather_rows(rows, indices, buffer, *self.graph.scaling(v))

    @property
    def bound(self) -> Array:
        """What the last run read, in a row."""
        return np.concatenate([buffer.reshape(-1) for buffer in self.buffers.values()])

    def release(self) -> None:
        """Nothing is bound."""

    def release_targets(self) -> None:
        """Nothing is bound."""


class SeveralForward(SeveralStep):
    """The by-hand forward, and its backward."""

    def __init__(self, executor: Executor, n: int, training: bool) -> None:
        super().__init__(executor, n, training)
        self.run = self.passed.finish().whole(self.saved)
        self._backward: Program | None = None
        self._dys: dict[int, Array] = {}

    def backward(self, dys: Sequence[Array]) -> None:
        """Fill the gradients from those of the outputs."""
        if self._backward is None:
            outputs = zip(self.graph.outputs, self.outputs, strict=True)
            self._dys = {v: aligned_zeros(y.shape, y.dtype) for v, y in outputs}
            self._backward = Program()
            self.passed.backward(self._backward, self._dys)
            self._run_backward = self._backward.finish().whole()
        for buffer in self._dys.values():
            buffer[...] = 0
        for v, dy in zip(self.graph.outputs, dys, strict=True):
            self._dys[v] += dy
        self._run_backward()


class SeveralLossStep(SeveralStep):
    """Forward and the losses; for training also backward, and update with an optimizer."""

    def __init__(
        self,
        executor: Executor,
        n: int,
        form: tuple[tuple[bool | None, bool], ...],
        train: bool,
        optimizer: Optimizer | None,
    ) -> None:
        loss = executor.loss
        assert isinstance(loss, PerOutput)
        graph = executor.graph
        self.loss = loss
        found: list[tuple[Loss | None, str | None]] = []
        for one, value in zip(loss.losses, graph.outputs, strict=True):
            end = activation_of(graph, value) if graph.outputs.count(value) == 1 else None
            takes = one is not None and one.fuses is not None and one.fuses == end
            if one is not None and takes and not one.from_logits:
                one = one.from_config(one.get_config())  # noqa: PLW2901
                one.from_logits = True
                found.append((one, end))
            else:
                found.append((one, None))
        fused = zip(found, graph.outputs, strict=True)
        logits = frozenset(value for (_, end), value in fused if end is not None)
        super().__init__(executor, n, train, logits)
        self.optimizer = optimizer
        self.losses = [one for one, _ in found]
        self.values = [0.0] * len(found)
        self.predictions: Any = []
        for (_, end), y in zip(found, self.outputs, strict=True):
            with self.program.recording():
                if end is None:
                    self.predictions.append(y)
                else:
                    soft = end == "softmax"
                    self.predictions.append(_core.softmax(y, -1) if soft else _core.sigmoid(y))
        self.t_buffers, self.w_buffers = [], []
        for (ids, weighted), y in zip(form, self.outputs, strict=True):
            shape, dtype = (y.shape[:-1], np.dtype(np.int64)) if ids else (y.shape, y.dtype)
            self.t_buffers.append(None if ids is None else aligned_zeros(shape, dtype))
            self.w_buffers.append(aligned_zeros((n,), y.dtype) if weighted else None)
        needed = train and bool(executor.store.params)
        self._dys = [aligned_zeros(y.shape, y.dtype) if needed else None for y in self.outputs]
        self.penalized = penalized(graph)
        self.passed.penalize(needed)
        self._backward = Program()
        if needed:
            self._record_backward(executor)
        forward, backward = self.passed.finish(), self._backward.finish()
        self._parts = (*forward.steps, self._lose, *backward.steps)
        self._total = 0.0

    def _record_backward(self, executor: Executor) -> None:
        first: dict[int, Array] = {}
        for v, dy in zip(self.graph.outputs, self._dys, strict=True):
            if dy is None:
                continue
            if v in first:
                with self._backward.recording():
                    _core.add(first[v], dy, out=first[v])
            else:
                first[v] = dy
        self.passed.backward(self._backward, first)
        record_penalties(self.penalized, self._backward)
        if self.optimizer is not None:
            self.slots = executor.record_update(self._backward, self.optimizer)
            self.saved += changed_by(self.optimizer, executor.store, self.slots)

    def run(self) -> float:
        """Run the step on what was loaded, whole or not at all, and return the whole loss."""
        if self.optimizer is not None:
            self.optimizer.begin_step()
        _core.run_whole(self._parts, self.saved, self.optimizer)
        return self._total

    def _lose(self) -> None:
        """Compute the losses and their gradients."""
        total = penalty(self.penalized) + self.passed.penalty()
        for i, loss in enumerate(self.losses):
            t, dy, weight = self.t_buffers[i], self._dys[i], self.loss.weights[i]
            if loss is None or t is None:
                continue
            if t.dtype == np.int64:
                check_range(loss.name, t, self.outputs[i].shape[-1])
            self.values[i] = loss.compute(self.outputs[i], t, self.w_buffers[i], dy)
            total += weight * self.values[i]
            if dy is not None and weight != 1.0:
                dy *= dy.dtype.type(weight)
        self._total = total


class OutputLoss(metrics.Metric):
    """The mean loss of one output."""

    direction = "down"


class SeveralMeter(Meter):
    """The whole loss, the loss of each output, and metrics of each."""

    def __init__(
        self,
        found: Sequence[metrics.Metric],
        keys: Sequence[str],
        loss: PerOutput,
        weighted: int = 0,
    ) -> None:
        super().__init__(found, keys)
        self._loss = loss
        self._sees_weights = [False] * (len(found) - weighted) + [True] * weighted

    def update(self, step: Any, loss: float, data: Any, rows: Rows) -> None:
        """Add what a step computed for some rows of `data`."""
        self.total += loss * step.n
        self.count += step.n
        outputs = self._loss.metric_outputs
        own = len(self.metrics) - len(outputs)  # the losses of single outputs come first
        held = [i for i, one in enumerate(self._loss.losses) if one is not None]
        for i, metric in zip(held, self.metrics[:own], strict=False):
            metric.add(step.values[i] * step.n, step.n)
        each = zip(outputs, self.metrics[own:], self._sees_weights[own:], strict=True)
        for i, metric, weighted in each:
            y = like_outputs(data.ys[i][rows], step.predictions[i].shape)
            w = data.ws[i] if weighted else None
            metric.update_state(y, step.predictions[i], None if w is None else w[rows])


__all__ = [
    "SeveralData",
    "SeveralForward",
    "SeveralLossStep",
    "SeveralMeter",
    "SeveralStep",
    "by_name",
]
