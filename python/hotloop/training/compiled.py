"""The compiled state of a model, and what it does with one batch."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import losses, optimizers
from hotloop import metrics as metrics_module
from hotloop._support import forks
from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.autodiff.reductions import sum_
from hotloop.callbacks import History
from hotloop.data.arrays import ArrayData, Rows, array_data, direct, input_array
from hotloop.data.targets import like_outputs
from hotloop.engine.executor import Executor, LossStep

Array = NDArray[Any]


class Meter:
    """Loss and metrics over an epoch: sums over samples, never means of batches."""

    def __init__(
        self, found: Sequence[metrics_module.Metric], keys: Sequence[str], weighted: int = 0
    ) -> None:
        # Copies: an evaluation inside an epoch, or another model, may use the same metrics.
        self.metrics = [metric.fresh() for metric in found]
        self._found, self._keys = list(found), list(keys)
        self.total, self.count = 0.0, 0.0
        # The last `weighted` metrics see the samples' weights.
        plain = len(self.metrics) - weighted
        self._counted = [m for m in self.metrics[:plain] if counts_classes(m)]
        self._measured = [m for m in self.metrics[:plain] if not counts_classes(m)]
        self._weighted = self.metrics[plain:]

    def reset(self) -> None:
        """Start again from nothing."""
        self.total, self.count = 0.0, 0.0
        for metric in self.metrics:
            metric.reset_state()

    def update(self, step: LossStep, loss: float, data: ArrayData, rows: Rows) -> None:
        """Add what a step computed for some rows of `data`."""
        n = step.n
        self.total += loss * n
        self.count += n
        measured = self._measured
        if step.counts:
            for metric in self._counted:
                metric.add(float(step.correct[0]), n)
        else:
            measured = self._counted + measured
        if measured or self._weighted:
            y = like_outputs(data.y[rows], step.predictions.shape)
            for metric in measured:
                metric.update_state(y, step.predictions)
            weights = None if data.w is None else data.w[rows]
            for metric in self._weighted:
                metric.update_state(y, step.predictions, weights)

    def logs(self) -> dict[str, Any]:
        """Return the means so far, which the metrics given to `compile` show from now on."""
        logs: dict[str, Any] = {"loss": self.total / self.count if self.count else 0.0}
        for key, metric, given in zip(self._keys, self.metrics, self._found, strict=True):
            logs[key] = metric.result()
            metric.show_in(given)
        return logs


def counts_classes(metric: metrics_module.Metric) -> bool:
    """Whether the loss kernel's count of right classes is all that a metric needs."""
    return type(metric) in (
        metrics_module.SparseCategoricalAccuracy,
        metrics_module.CategoricalAccuracy,
    )


# Of `Compiled.compile`, kept by these names; nothing here depends on them.
class Compiled:
    """Optimizer, loss and metrics of a model; subclasses give layers, weights and an executor."""

    run_eagerly = False
    steps_per_execution = 1
    jit_compile: Any = "auto"
    auto_scale_loss = True

    def __init__(self) -> None:
        self.optimizer: Any = None
        self.loss: Any = None
        self.stop_training = False
        self.history: History | None = None
        self._metric_names: list[Any] = []
        self._found_metrics: list[metrics_module.Metric] | None = None
        self._metric_keys: list[str] = []
        self._batch_meter: Meter | None = None
        self._weighted = 0
        self._target_shape: tuple[int, ...] = ()
        self._run: Any = None
        self._fit_lock = threading.RLock()
        self._step_lock = threading.RLock()
        forks.watch(self)
        self._fast: LossStep | None = None

    # -- what the other half gives -----------------------------------------------------------

    def executor(self, x: Any = None) -> Executor:
        """Return the recorded steps, building the model for `x` when it is not built."""
        raise NotImplementedError

    @property
    def input_shape(self) -> Shape:
        """Shape of the input, batch in front."""
        raise NotImplementedError

    @property
    def output_shape(self) -> Shape:
        """Shape of the output, batch in front."""
        raise NotImplementedError

    @property
    def dtype(self) -> str:
        """The dtype that the model computes in."""
        raise NotImplementedError

    def relayout(self) -> None:
        """Lay the weights out again, trainable ones first."""
        raise NotImplementedError

    def first_layer_name(self) -> str:
        """Name of the layer that the input enters."""
        raise NotImplementedError

    # -- compile -----------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        *,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose optimizer, loss and metrics.

        Parameters
        ----------
        optimizer : str or Optimizer
            Keras's name or an object; a new optimizer starts without history. An object trains
            one model: a second one is refused by a ValueError when it trains.
        loss : str or Loss
            What `fit` makes small. A final softmax is fused with the categorical cross
            entropies and a final sigmoid with the binary one.
        metrics : list of str or Metric, optional
            ``"accuracy"`` resolves by targets and outputs, as in Keras. They do not see the
            samples' weights.
        weighted_metrics : list of str or Metric, optional
            Metrics that see the samples' weights.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss
            What Keras has to know of its backends; kept as attributes, without effect here.

        Raises
        ------
        ValueError
            For unknown names; the text lists the valid ones.

        Examples
        --------
        >>> import hotloop as hl
        >>> model = hl.Sequential([hl.layers.Dense(2, activation="softmax", input_shape=(3,))])
        >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        """
        weighted = listed(weighted_metrics)
        wanted = listed(metrics) + weighted
        for identifier in wanted:
            _metrics_get(identifier)
        new_optimizer = optimizers.get(optimizer)
        new_loss = None if loss is None else losses.get(loss)
        steps = whole("compile", "steps_per_execution", steps_per_execution, least=1)
        if jit_compile != "auto" and not isinstance(jit_compile, bool | np.bool_ | None):
            msg = f"compile: jit_compile must be 'auto', True or False, got {quoted(jit_compile)}"
            raise ValueError(msg)
        with self._fit_lock, self._step_lock:
            self.optimizer, self.loss = new_optimizer, new_loss
            self._metric_names, self._weighted = wanted, len(weighted)
            self._forget_metrics()
            self.run_eagerly, self.steps_per_execution = bool(run_eagerly), steps
            self.jit_compile = "auto" if jit_compile == "auto" else bool(jit_compile)
            self.auto_scale_loss = bool(auto_scale_loss)
            self.relayout()

    @property
    def metrics(self) -> list[Any]:
        """The metrics of `compile`, once data have shown which they are, and those of attributes."""
        own = [value for value in vars(self).values() if isinstance(value, metrics_module.Metric)]
        return [*(self._found_metrics or []), *own]

    def reset_metrics(self) -> None:
        """Let every metric start again from nothing."""
        for metric in self._found_metrics or []:
            metric.reset_state()
        if self._run is not None and self._run.meter is not None:
            self._run.meter.reset()

    @property
    def metrics_names(self) -> list[str]:
        """Keys of the logs: loss first; equal names are numbered as in Keras."""
        return ["loss", *self._metric_keys]

    def metric_of(self, key: str) -> metrics_module.Metric | None:
        """Return the metric behind a key of the logs, also a ``val_`` one; None if there is none."""
        found = dict(zip(self._metric_keys, self._found_metrics or [], strict=False))
        return found.get(key, found.get(key.removeprefix("val_")))

    def _compiled(self, name: str, optimizer: bool = True) -> losses.Loss:
        loss: losses.Loss | None = self.loss
        if loss is None or (optimizer and self.optimizer is None):
            msg = f"{name}: call model.compile(optimizer=..., loss=...) first"
            raise RuntimeError(msg)
        return loss

    def _settle_metrics(self, data: ArrayData) -> None:
        if self._found_metrics is None:
            self._resolve_metrics(self._shape_of_targets(data))

    def _meter(self, data: ArrayData) -> Meter:
        self._settle_metrics(data)
        return self._new_meter()

    def _new_meter(self) -> Meter:
        """Return sums of nothing over the metrics that have been resolved."""
        return Meter(self._found_metrics or [], self._metric_keys, self._weighted)

    def _forget_metrics(self) -> None:
        """Let the next data say again what the metrics are."""
        self._found_metrics, self._batch_meter = None, None
        self._metric_keys = []

    def _shape_of_targets(self, data: ArrayData) -> Any:
        return data.y.shape

    def _resolve_metrics(self, target_shape: tuple[int, ...]) -> None:
        self._target_shape = target_shape
        shape = (target_shape[0], *(n or 0 for n in self.output_shape[1:]))
        self._found_metrics = [
            metrics_module.resolve(identifier, target_shape, shape)
            for identifier in self._metric_names
        ]
        names = [("", metric.name) for metric in self._found_metrics]
        self._metric_keys = metrics_module.log_keys(names, self._weighted)

    # -- data --------------------------------------------------------------------------------

    def _input(self, name: str, x: Any) -> Array:
        self.executor(x)
        return input_array(name, self.first_layer_name(), x, self.input_shape)

    def _data(
        self,
        name: str,
        x: Any,
        y: Any,
        sample_weight: Any = None,
    ) -> ArrayData:
        loss = self._compiled(name, optimizer=False)
        array = self._input(name, x)
        return array_data(name, array, y, loss, self.output_shape, self.dtype, sample_weight)

    def _weighed(
        self, name: str, data: ArrayData, class_weight: Mapping[int, float] | None
    ) -> ArrayData:
        """Return data to train on, where classes weigh what the caller says; others never do."""
        if class_weight is None:
            return data
        units = self.output_shape[-1] or 1
        binary = units == 1 and isinstance(self.loss, losses.BinaryCrossentropy)
        known = 2 if binary else units if units > 1 else None
        return data.weighed(name, known, class_weight, self.dtype)

    def _step_for(self, data: ArrayData, n: int, *, train: bool, update: bool) -> LossStep:
        executor = self.executor()
        executor.use(self.loss, self.optimizer)
        found = self._found_metrics or []
        return executor.loss_step(
            n,
            ids=data.ids,
            weighted=data.w is not None,
            train=train,
            outputs=bool(self._weighted) or any(not counts_classes(m) for m in found),
            optimizer=self.optimizer if update else None,
        )

    # -- steps that a subclass may write -----------------------------------------------------

    def train_step(self, data: Any) -> Any:
        """Take one training step on a batch; a subclass may write its own, as in Keras.

        Parameters
        ----------
        data : tuple
            ``(x, y)`` or ``(x, y, sample_weight)``; what `fit` was given, without missing parts.

        Returns
        -------
        dict of str to float
            What the logs show.
        """
        x, y, w = (*data, None)[:3]
        return self.train_on_batch(x, y, w, return_dict=True)

    def test_step(self, data: Any) -> Any:
        """Judge one batch; a subclass may write its own. See `train_step`."""
        x, y, w = (*data, None)[:3]
        return self.test_on_batch(x, y, w, return_dict=True)

    def _steps_by_itself(self) -> bool:
        """Whether the class of this model has a `train_step` of its own."""
        return type(self).train_step is not Compiled.train_step

    def _tests_by_itself(self) -> bool:
        """Whether the class of this model has a `test_step` of its own."""
        return type(self).test_step is not Compiled.test_step

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None
    ) -> Any:
        """Return the compiled loss of outputs and `losses`, for a `train_step` of one's own.

        Parameters
        ----------
        x : optional
            Not looked at.
        y, y_pred : array_like, Tensor
            Targets and outputs.
        sample_weight : array_like, optional
            One weight for each sample.
        """
        del x
        me: Any = self
        total = self._compiled("compute_loss", optimizer=False)(y, y_pred, sample_weight)
        return sum((sum_(loss, axis=None, keepdims=False) for loss in me.losses), total)

    # -- one batch ---------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Take one training step and return the loss of this batch before it.

        Parameters
        ----------
        x, y : array_like
            One batch; C-contiguous arrays of the model's dtype and int64 ids are not copied.
        sample_weight : array_like, optional
            One weight for each sample.
        class_weight : dict of int to float, optional
            A weight for each class.
        return_dict : bool
            Whether a dict comes back.

        Returns
        -------
        float, list of float or dict
            Loss, or loss and metrics, of this batch alone.

        Raises
        ------
        RuntimeError
            Before `compile`.
        ValueError
            For shapes and labels that do not fit, and an empty batch; no weight moves then.
        """
        with self._step_lock:
            fast = self._fast
            if (
                fast is not None
                and sample_weight is None
                and class_weight is None
                and type(x) is np.ndarray
                and type(y) is np.ndarray
                and x.shape == fast.x_shape
                and y.shape == fast.t_buffer.shape
                and y.dtype == fast.t_buffer.dtype
                and self._is_current(fast)
            ):
                fast.load(x if x.dtype == fast.dtype else direct(x))
                fast.load_targets(y)
                loss = fast.run()
                if not self._found_metrics and not return_dict:
                    return loss
                return self._batch_answer(fast, loss, ArrayData(x, y, y, None), return_dict)
            self._compiled("train_on_batch")
            data = self._data("train_on_batch", x, y, sample_weight)
            require_samples("train_on_batch", data)
            data = self._weighed("train_on_batch", data, class_weight)
            self._settle_metrics(data)
            step = self._step_for(data, len(data), train=True, update=True)
            data.load(step, slice(0, len(data)))
            loss = step.run()
            self._fast = step if data.w is None and self.loss.takes_targets_as_they_are() else None
            return self._batch_answer(step, loss, data, return_dict)

    def _is_current(self, step: LossStep) -> bool:
        """Whether a step still works on this model's arrays."""
        raise NotImplementedError

    def _batch_answer(self, step: LossStep, loss: float, data: ArrayData, return_dict: bool) -> Any:
        """Return loss and metrics of one batch."""
        found = self._found_metrics or []
        counted = len(found) == 1 and counts_classes(found[0]) and not self._weighted
        if not return_dict and counted and step.counts:
            return [loss, int(step.correct[0]) / step.n]
        meter = self._batch_meter
        if meter is None:
            meter = self._batch_meter = self._meter(data)
        meter.reset()
        meter.update(step, loss, data, slice(0, len(data)))
        return answer(meter.logs(), return_dict)

    def test_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Return loss and metrics of one batch, without training.

        Parameters
        ----------
        x, y : array_like
            One batch.
        sample_weight : array_like, optional
            One weight for each sample.
        return_dict : bool
            Whether a dict comes back.

        Raises
        ------
        RuntimeError
            Before `compile`.
        ValueError
            For shapes and labels that do not fit, and an empty batch.
        """
        with self._step_lock:
            data = self._data("test_on_batch", x, y, sample_weight)
            require_samples("test_on_batch", data)
            self._settle_metrics(data)
            step = self._step_for(data, len(data), train=False, update=False)
            data.load(step, slice(0, len(data)))
            loss = step.run()
            answered = self._batch_answer(step, loss, data, return_dict)
            step.release()
            step.release_targets()
            return answered

    def loss_and_grads(self, x: Any, t: Any, sample_weight: Any = None) -> tuple[float, Any]:
        """Return the loss of one batch and the live gradients, without an update.

        Parameters
        ----------
        x, t : array_like
            One batch of inputs and targets.
        sample_weight : array_like, optional
            One weight for each sample.

        Returns
        -------
        loss : float
        grads : dict of str to ndarray
            ``model.grads``: live, overwritten by the next step.

        Raises
        ------
        RuntimeError
            Before `compile`.
        ValueError
            For shapes and labels that do not fit, and an empty batch.
        """
        with self._step_lock:
            data = self._data("loss_and_grads", x, t, sample_weight)
            require_samples("loss_and_grads", data)
            step = self._step_for(data, len(data), train=True, update=False)
            data.load(step, slice(0, len(data)))
            loss = step.run()
            step.release()
            step.release_targets()
            return loss, self.executor().store.grads


def listed(given: Any) -> list[Any]:
    """Return a list of what was given: one, several or none."""
    if given is None:
        return []
    return list(given) if isinstance(given, list | tuple) else [given]


def _metrics_get(identifier: Any) -> metrics_module.Metric:
    return metrics_module.get(identifier)


def answer(logs: dict[str, float], return_dict: bool) -> Any:
    """Return a dict, or as Keras does a list, or the loss alone where there is nothing else."""
    if return_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


def require_samples(name: str, data: ArrayData) -> None:
    """Raise a ValueError for data without samples."""
    if not len(data):
        msg = f"{name}: the data has no samples, the mean loss of an empty batch does not exist"
        raise ValueError(msg)
