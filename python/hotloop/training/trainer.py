"""What a model was compiled for, and the steps that it takes on batches."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import metrics, optimizers
from hotloop._support import forks
from hotloop._support.watched import ASSIGNMENTS
from hotloop.autodiff.reductions import sum_
from hotloop.data.arrays import ArrayData, direct, require_samples
from hotloop.engine.network import Network
from hotloop.engine.objective import Objective
from hotloop.engine.step import Step
from hotloop.training import in_order
from hotloop.training.meter import Figure, Meter, figures

Array = NDArray[Any]
# A metric, and the output that it looks at.
Row = tuple[int, Any]


class Trainer:
    """Optimizer, objective and metrics of a model, and what is done with them on its network.

    Parameters
    ----------
    network : Network
        Its calls, weights and recorded steps.
    model : Model
        Whose network it is: callbacks, and steps of its own, get it.
    """

    def __init__(self, network: Network, model: Any) -> None:
        self.network = network
        self._model = weakref.ref(model)
        self.optimizer: Any = None
        self.objective: Objective | None = None
        # Each metric of `compile` with its output; the last `weighted` see the samples' weights.
        self.rows: list[Row] = []
        self.weighted = 0
        # What `compile` was given before a traced call showed the outputs.
        self._late: tuple[Any, ...] | None = None
        self.figures: list[Figure] | None = None
        self.target_shapes: list[tuple[int, ...]] = []
        self._reads: tuple[bool, ...] = ()
        self._at_once = False  # whether kernels compute all figures by the way
        self._batch_meter: Meter | None = None
        self._fast: Step | None = None
        self.run: Any = None
        self.stop_training = False
        self.fit_lock = threading.RLock()
        self.step_lock = threading.RLock()
        forks.watch(self)

    @property
    def model(self) -> Any:
        """The model."""
        return self._model()

    def after_fork(self) -> None:
        """Get new locks for those that threads of the parent process hold."""
        # Free, or held by the thread that forked, which is the one that is left.
        if not forks.is_ours(self.step_lock):
            self.step_lock = threading.RLock()
        if not forks.is_ours(self.fit_lock):
            self.fit_lock = threading.RLock()
            self.run = None

    # -- compile -----------------------------------------------------------------------------

    def compile(
        self, optimizer: Any, loss: Any, loss_weights: Any, given: Any, weighted: Any
    ) -> None:
        """Take what `Model.compile` was given; `given` and `weighted` are metrics."""
        new, late = optimizers.get(optimizer), None
        if not self.model.knows_its_ends():
            late = new, loss, loss_weights, given, weighted
            loss = "mse" if isinstance(loss, list | tuple | Mapping) else loss
            loss_weights = given = weighted = None
        names = self.network.output_names
        plain = in_order.watched("metrics", given, names)
        rows = plain + in_order.watched("weighted_metrics", weighted, names)
        for _, identifier in rows:
            metrics.get(identifier)
        self.take(new, in_order.objective(loss, loss_weights, names), rows, len(rows) - len(plain))
        self._late = late

    def compile_late(self) -> None:
        """Take what `compile` was given before a traced call showed the outputs."""
        late, self._late = self._late, None
        if late is not None:
            self.compile(*late)

    def take(
        self, optimizer: Any, objective: Objective | None, rows: list[Row], weighted: int
    ) -> None:
        """Take what to train for, each part in the order of the outputs."""
        with self.fit_lock, self.step_lock:
            self.optimizer, self.objective = optimizer, objective
            self.rows, self.weighted = rows, weighted
            self.forget_figures()
            self.network.relayout()

    def use(self, optimizer: Any, loss: Any) -> None:
        """Train with another optimizer or loss from now on."""
        if loss is not self.objective:
            loss = in_order.objective(loss, None, self.network.output_names)
        self.optimizer, self.objective, self._fast = optimizer, loss, None
        ASSIGNMENTS[0] += 1

    def compiled(self, name: str, optimizer: bool = True) -> Objective:
        """Return the objective; a RuntimeError names who needs it."""
        if self.objective is None or (optimizer and self.optimizer is None):
            msg = f"{name}: call model.compile(optimizer=..., loss=...) first"
            raise RuntimeError(msg)
        return self.objective

    def forget_figures(self) -> None:
        """Let the next data say again what the metrics are."""
        self.figures, self._batch_meter, self._fast = None, None, None
        self._reads, self._at_once = (), False

    def settle(self, targets: list[tuple[int, ...]]) -> list[Figure]:
        """Return the figures of the logs, found by the shapes of targets at the first time."""
        if self.figures is None:
            assert self.objective is not None
            network = self.network
            self.target_shapes = targets
            self.figures = figures(
                self.rows,
                self.weighted,
                self.objective.losses,
                network.output_names,
                targets,
                network.output_shapes,
            )
            looked = {figure.output for figure in self.figures if figure.reads}
            self._reads = tuple(i in looked for i in range(len(targets)))
            self._at_once = bool(self.figures) and not looked
        return self.figures

    def new_meter(self, targets: list[tuple[int, ...]]) -> Meter:
        """Return sums of nothing over the figures that targets of some shapes have."""
        return Meter(self.settle(targets))

    def settle_by(self, data: ArrayData) -> list[Figure]:
        """Return the figures of the logs, found by the first data."""
        return self.figures or self.settle([np.shape(y) for y in data.ys])

    # -- data --------------------------------------------------------------------------------

    def samples(self, name: str, x: Any) -> list[Array]:
        """Return checked samples for each input, building the model for `x` when it is not built."""
        model, network = self.model, self.network
        model.settle(x)
        network.executor(model.alone(x))
        owners = model.entrances()
        names, shapes, fronts = model.input_names or owners, network.input_shapes, network.fronts
        return in_order.samples(name, x, names, owners, shapes, fronts)

    def data(self, name: str, x: Any, y: Any, sample_weight: Any = None) -> ArrayData:
        """Return checked samples, targets and weights in the order of inputs and outputs."""
        goal = self.compiled(name, optimizer=False)
        network = self.network
        arrays = self.samples(name, x)
        # What a traced call answers is known with the first samples.
        goal = self.objective or goal
        return in_order.targets(
            name,
            arrays,
            y,
            sample_weight,
            goal,
            network.output_names,
            network.output_shapes_for(arrays),
            network.dtype,
        )

    def weighed(self, name: str, data: ArrayData, class_weight: Any) -> ArrayData:
        """Return data to train on, where classes weigh what the caller says."""
        if class_weight is None:
            return data
        goal, network = self.compiled(name), self.network
        names, shapes = network.output_names, network.output_shapes
        return in_order.by_class(name, data, class_weight, goal, names, shapes, network.dtype)

    def step_for(self, data: ArrayData, n: int, *, train: bool, update: bool) -> Step:
        """Return the recorded step for batches of `n` from `data`."""
        executor = self.network.executor()
        assert self.objective is not None
        executor.use(self.objective, self.optimizer)
        return executor.loss_step(
            n,
            xs=data.xs,
            forms=data.form,
            train=train,
            reads=self._reads or (False,) * len(data.form),
            optimizer=self.optimizer if update else None,
        )

    # -- one batch ---------------------------------------------------------------------------

    def train_on_batch(
        self, x: Any, y: Any, sample_weight: Any, class_weight: Any, return_dict: bool
    ) -> Any:
        """See `Model.train_on_batch`."""
        with self.step_lock:
            fast = self._fast
            if (
                fast is not None
                and sample_weight is None
                and class_weight is None
                and self.network.is_current(fast)
                and (arrays := loaded_as_they_are(fast, x, y))
            ):
                loss = fast.run()
                if not self.figures and not return_dict:
                    return loss
                if not return_dict:
                    at_once = self._figures_at_once(fast, loss)
                    if at_once is not None:
                        return at_once
                k = len(fast.inputs)
                ys = arrays[k:]
                data = ArrayData(arrays[:k], ys, ys, [None] * len(ys))
            else:
                goal = self.compiled("train_on_batch")
                data = self.data("train_on_batch", x, y, sample_weight)
                require_samples("train_on_batch", data)
                data = self.weighed("train_on_batch", data, class_weight)
                self.settle_by(data)
                fast = self.step_for(data, len(data), train=True, update=True)
                data.load(fast, slice(0, len(data)))
                loss = fast.run()
                self._fast = None if data.is_weighed or not goal.takes_all() else fast
            return self._answer(fast, loss, data, return_dict)

    def _answer(self, step: Step, loss: float, data: ArrayData, return_dict: bool) -> Any:
        """Return loss and metrics of one batch."""
        at_once = None if return_dict else self._figures_at_once(step, loss)
        if at_once is not None:
            return at_once
        meter = self._batch_meter
        if meter is None:
            meter = self._batch_meter = Meter(self.figures or [])
        meter.reset()
        meter.update(step, loss, data, slice(0, len(data)))
        return answer(meter.logs(), return_dict)

    def _figures_at_once(self, step: Step, loss: float) -> list[float] | None:
        """Return the figures where all stand in the step: no sums over batches are needed."""
        if not self._at_once:
            return None
        heads, n, found = step.heads, step.n, [loss]
        for figure in self.figures or []:
            head = heads[figure.output]
            if not figure.counts:
                found.append(head.figure() * n / n)  # as a mean over batches has it
            elif head.counts:
                found.append(head.correct.item() / head.rows)
            else:
                return None
        return found

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any, return_dict: bool) -> Any:
        """See `Model.test_on_batch`."""
        with self.step_lock:
            data = self.data("test_on_batch", x, y, sample_weight)
            require_samples("test_on_batch", data)
            self.settle_by(data)
            step = self.step_for(data, len(data), train=False, update=False)
            data.load(step, slice(0, len(data)))
            loss = step.run()
            answered = self._answer(step, loss, data, return_dict)
            step.release()
            return answered

    def loss_and_grads(self, x: Any, t: Any, sample_weight: Any) -> tuple[float, Any]:
        """See `Model.loss_and_grads`."""
        with self.step_lock:
            data = self.data("loss_and_grads", x, t, sample_weight)
            require_samples("loss_and_grads", data)
            step = self.step_for(data, len(data), train=True, update=False)
            data.load(step, slice(0, len(data)))
            loss = step.run()
            step.release()
            return loss, self.network.executor().store.grads

    def compute_loss(self, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        """See `Model.compute_loss`."""
        goal, names = self.compiled("compute_loss", optimizer=False), self.network.output_names
        if len(goal.losses) == 1:
            names = names[:1]
        several = len(names) > 1
        ys, outputs = (
            in_order.by_name("compute_loss", given, names) if several else [given]
            for given in (y, y_pred)
        )
        total: Any = None
        for loss, weight, t, out in zip(goal.losses, goal.weights, ys, outputs, strict=True):
            if loss is None:
                continue
            value = loss(t, out, sample_weight)
            value = value if weight == 1.0 else value * weight
            total = value if total is None else total + value
        return sum((sum_(loss, axis=None, keepdims=False) for loss in self.model.losses), total)

    def reset_metrics(self) -> None:
        """Let every metric start again from nothing."""
        for figure in self.figures or []:
            figure.metric.reset_state()
        if self.run is not None and self.run.meter is not None:
            self.run.meter.reset()

    # -- pickling ----------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """Return what `compile` was given, and nothing that a use of it has found."""
        return {name: getattr(self, name) for name in _KEPT}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take what `get_state` returned."""
        for name in _KEPT:
            setattr(self, name, state[name])


_KEPT = ("optimizer", "objective", "rows", "weighted", "stop_training", "_late")


def compiled_before(state: dict[str, Any]) -> dict[str, Any]:
    """Return what a trainer's `get_state` would, of a pickle from before models had one."""
    loss, names, weighted = (state.pop(n) for n in ("loss", "_metric_names", "_weighted"))
    places = getattr(loss, "metric_outputs", [0] * len(names))
    if loss is not None and not isinstance(loss, Objective):
        loss = Objective([loss], [1.0])
    for name in ("_found_metrics", "_metric_keys", "_target_shape"):
        state.pop(name, None)
    late = state.pop("_late", None)
    if late is not None:
        optimizer, given, plain, seeing, options = late
        late = optimizer, given, options.get("loss_weights"), plain, seeing
    return {
        "optimizer": state.pop("optimizer"),
        "objective": loss,
        "rows": list(zip(places, names, strict=True)),
        "weighted": weighted,
        "stop_training": state.pop("stop_training"),
        "_late": late,
    }


def loaded_as_they_are(step: Step, x: Any, y: Any) -> Any:
    """Load arrays that need no check beyond their shapes, and return them; None for others."""
    ports = step.ports
    if step.is_pair:
        first, second = ports
        if (
            type(x) is not np.ndarray
            or type(y) is not np.ndarray
            or x.shape != first.shape
            or y.shape != second.shape
            or y.dtype != second.dtype
        ):
            return None
        if x is not first.bound:
            first.load(x if x.dtype == first.dtype else direct(x))
        if y is not second.bound:
            second.load(y)
        return x, y
    xs, ys = step.inputs, step.heads
    many = type(x) in (list, tuple) if len(xs) > 1 else None
    if many is False or (len(ys) > 1 and type(y) not in (list, tuple)):
        return None
    given = (*(x if many else (x,)), *(y if len(ys) > 1 else (y,)))
    if len(given) != len(ports):
        return None
    for i, port in enumerate(ports):
        array = given[i]
        if type(array) is not np.ndarray or array.shape != port.shape:
            return None
        if array.dtype == port.dtype:
            port.load(array)
        elif i < len(xs):
            port.load(direct(array))
        else:
            return None
    return given


def answer(logs: dict[str, float], return_dict: bool) -> Any:
    """Return a dict, or as Keras does a list, or the loss alone where there is nothing else."""
    if return_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


__all__ = ["Row", "Trainer", "answer"]
