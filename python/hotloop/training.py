"""compile, fit, evaluate, predict: the training loop over recorded steps."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hotloop import losses, metrics, optimizers, random
from hotloop.callbacks import Callback, CallbackList, History, ProgbarLogger
from hotloop.data import ArrayData, array_data, input_array, is_batches
from hotloop.executor import Executor, LossStep
from hotloop.interrupts import DeferredInterrupt

if TYPE_CHECKING:
    from hotloop.layers.base import Shape

Array = NDArray[Any]
_PREDICT_BATCH = 256


class Meter:
    """Loss and metrics over an epoch: sums over samples, never means of batches."""

    def __init__(self, found: Sequence[metrics.Metric]) -> None:
        self.metrics = list(found)
        self.total, self.count = 0.0, 0

    def reset(self) -> None:
        """Start again from nothing."""
        self.total, self.count = 0.0, 0
        for metric in self.metrics:
            metric.reset_state()

    def update(self, step: LossStep, loss: float, y: Callable[[], Array]) -> None:
        """Add what a step computed; `y` answers its targets where a metric needs them."""
        self.total += loss * step.n
        self.count += step.n
        for metric in self.metrics:
            if step.counts and counts_classes(metric):
                metric.add(float(step.correct[0]), step.n)
            else:
                metric.update_state(y(), step.predictions)

    def logs(self) -> dict[str, float]:
        """Return the means so far."""
        logs = {"loss": self.total / self.count if self.count else 0.0}
        for metric in self.metrics:
            logs[metric.name] = metric.result()
        return logs


def counts_classes(metric: metrics.Metric) -> bool:
    """Whether the loss kernel's count of right classes is all that a metric needs."""
    return type(metric) in (metrics.SparseCategoricalAccuracy, metrics.CategoricalAccuracy)


class Trainable:
    """The training half of a model; the other half gives it layers, weights and an executor."""

    def __init__(self) -> None:
        self.optimizer: Any = None
        self.loss: Any = None
        self.stop_training = False
        self.history: History | None = None
        self._metric_names: list[Any] = []
        self._found_metrics: list[metrics.Metric] | None = None
        self._fit_lock = threading.RLock()
        self._step_lock = threading.RLock()
        self._fast: tuple[LossStep, tuple[int, ...]] | None = None

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
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Any = None
    ) -> None:
        """Choose optimizer, loss and metrics.

        Parameters
        ----------
        optimizer : str or Optimizer
            Keras's name or an object; a new optimizer starts without history.
        loss : str or Loss
            What `fit` makes small. A final softmax is fused with the categorical cross
            entropies and a final sigmoid with the binary one.
        metrics : list of str or Metric, optional
            ``"accuracy"`` resolves by targets and outputs, as in Keras.

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
        wanted = [] if metrics is None else metrics
        wanted = [wanted] if not isinstance(wanted, list | tuple) else list(wanted)
        for identifier in wanted:
            _metrics_get(identifier)
        new_optimizer = optimizers.get(optimizer)
        new_loss = None if loss is None else losses.get(loss)
        with self._fit_lock, self._step_lock:
            self.optimizer, self.loss = new_optimizer, new_loss
            self._metric_names = wanted
            self._found_metrics = None
            self.relayout()

    @property
    def metrics_names(self) -> list[str]:
        """Keys of the logs: loss first."""
        return ["loss", *(m.name for m in self._found_metrics or [])]

    def _compiled(self, name: str, optimizer: bool = True) -> losses.Loss:
        loss: losses.Loss | None = self.loss
        if loss is None or (optimizer and self.optimizer is None):
            msg = f"{name}: call model.compile(optimizer=..., loss=...) first"
            raise RuntimeError(msg)
        return loss

    def _meter(self, data: ArrayData) -> Meter:
        if self._found_metrics is None:
            shape = (len(data), *(n or 0 for n in self.output_shape[1:]))
            self._found_metrics = [
                metrics.resolve(identifier, data.y.shape, shape)
                for identifier in self._metric_names
            ]
        return Meter(self._found_metrics)

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
        class_weight: Mapping[int, float] | None = None,
    ) -> ArrayData:
        loss = self._compiled(name, optimizer=False)
        array = self._input(name, x)
        return array_data(
            name, array, y, loss, self.output_shape, self.dtype, sample_weight, class_weight
        )

    def _step_for(self, data: ArrayData, n: int, *, train: bool, update: bool) -> LossStep:
        executor = self.executor()
        executor.loss = self.loss
        found = self._found_metrics or []
        return executor.loss_step(
            n,
            ids=data.ids,
            weighted=data.w is not None,
            train=train,
            outputs=any(not counts_classes(m) for m in found),
            optimizer=self.optimizer if update else None,
        )

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
        fast = self._fast
        if (
            fast is not None
            and sample_weight is None
            and class_weight is None
            and type(x) is np.ndarray
            and type(y) is np.ndarray
            and x.shape == fast[0].x_shape
            and y.shape == fast[1]
            and y.dtype is fast[0].t_buffer.dtype
            and self._is_current(fast[0])
        ):
            step = fast[0]
            with self._step_lock:
                step.load(x)
                step.load_targets(y)
                loss = step.run()
                found = self._found_metrics
                if not found and not return_dict:
                    return loss
                return self._batch_answer(step, loss, y, return_dict)
        with self._step_lock:
            self._compiled("train_on_batch")
            data = self._data("train_on_batch", x, y, sample_weight, class_weight)
            _require_samples("train_on_batch", data)
            self._meter(data)
            step = self._step_for(data, len(data), train=True, update=True)
            data.load(step, slice(0, len(data)))
            loss = step.run()
            as_given = data.t.shape == data.y.shape and data.y.dtype == data.t.dtype
            smoothed = getattr(self.loss, "label_smoothing", 0.0)
            self._fast = (step, data.y.shape) if as_given and not smoothed else None
            if data.w is not None:
                self._fast = None
            return self._batch_answer(step, loss, data.y, return_dict)

    def _is_current(self, step: LossStep) -> bool:
        raise NotImplementedError

    def _batch_answer(self, step: LossStep, loss: float, y: Array, return_dict: bool) -> Any:
        """Return loss and metrics of one batch."""
        found = self._found_metrics or []
        if not return_dict and len(found) == 1 and step.counts and counts_classes(found[0]):
            return [loss, int(step.correct[0]) / step.n]
        meter = Meter(found)
        meter.reset()
        meter.update(step, loss, lambda: y)
        return _answer(meter.logs(), return_dict)

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
            _require_samples("test_on_batch", data)
            meter = self._meter(data)
            return _answer(self._evaluate_data(data, meter, len(data)), return_dict)

    def predict_on_batch(self, x: Any) -> Array:
        """Return the outputs for one batch, in inference mode."""
        return self.predict(x, batch_size=max(1, len(x)), verbose=0)

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
            _require_samples("loss_and_grads", data)
            step = self._step_for(data, len(data), train=True, update=False)
            data.load(step, slice(0, len(data)))
            loss = step.run()
            step.release()
            step.release_targets()
            return loss, self.executor().store.grads

    # -- many batches ------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Sequence[Callback] | Callback | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        validation_batch_size: int | None = None,
    ) -> History:
        """Train for a number of epochs.

        Parameters
        ----------
        x, y : array_like
            Samples and targets; `x` may also be a `DataLoader` or another iterable of
            ``(x, y)`` or ``(x, y, sample_weight)`` batches.
        batch_size : int, optional
            Samples a step; None is 32.
        epochs : int
            Where to stop, counted from 0 as `initial_epoch` is.
        verbose : "auto", 0, 1 or 2
            Silent, a progress bar, or one line an epoch; "auto" is a bar in a terminal.
        callbacks : list of Callback, optional
            Called around epochs and batches.
        validation_split : float
            Share of the samples, from the end and before any shuffle, that only validates.
        validation_data : tuple or DataLoader, optional
            ``(x, y)`` or ``(x, y, sample_weight)``, evaluated after each epoch.
        shuffle : bool
            Whether each epoch draws a new order.
        class_weight : dict of int to float, optional
            A weight for each class.
        sample_weight : array_like, optional
            One weight for each sample.
        initial_epoch : int
            Where to start.
        validation_batch_size : int, optional
            Samples of a validation batch; None is 256.

        Returns
        -------
        History
            ``.history`` has a list for the loss, each metric and their ``val_`` twins.

        Raises
        ------
        RuntimeError
            Before `compile`.
        ValueError
            For shapes, labels and lengths that do not fit.
        KeyboardInterrupt
            After Ctrl-C, between two steps: the weights are those of the last finished step.
        """
        with self._fit_lock:
            self._compiled("fit")
            size = _batch_size("fit", 32 if batch_size is None else batch_size)
            train: Any = x
            if not is_batches(x):
                with self._step_lock:
                    train = self._data("fit", x, y, sample_weight, class_weight)
                    _require_samples("fit", train)
            elif y is not None or sample_weight is not None or validation_split:
                msg = "fit: with batches as x, leave out y, sample_weight and validation_split"
                raise ValueError(msg)
            if validation_split and validation_data is None:
                train, validation = _split(train, validation_split)
            else:
                validation = self._validation(validation_data)
            if isinstance(train, ArrayData):
                self._meter(train)
            level = _verbosity(verbose)
            self.history = History()
            given = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or [])
            bars = [ProgbarLogger(level)] if level else []
            steps = _count_steps(train, size)
            calls = CallbackList(
                [*given, self.history, *bars],
                self,  # type: ignore[arg-type]
                {"epochs": epochs, "steps": steps, "verbose": level},
            )
            self.stop_training = False
            with DeferredInterrupt() as guard:
                calls.call("on_train_begin", {})
                try:
                    for epoch in range(initial_epoch, epochs):
                        calls.call("on_epoch_begin", epoch, {})
                        logs = self._epoch(train, size, shuffle, class_weight, calls, guard)
                        if validation is not None:
                            val_size = validation_batch_size or _PREDICT_BATCH
                            for key, value in self._validate(validation, val_size).items():
                                logs[f"val_{key}"] = value
                        calls.call("on_epoch_end", epoch, logs)
                        if self.stop_training:
                            break
                except BaseException:
                    if bars:
                        bars[0].on_train_end({})
                    raise
                calls.call("on_train_end", {})
            return self.history

    def _epoch(
        self,
        train: Any,
        size: int,
        shuffle: bool,
        class_weight: Mapping[int, float] | None,
        calls: CallbackList,
        guard: DeferredInterrupt,
    ) -> dict[str, float]:
        """Train for one epoch and return its logs."""
        meter: Meter | None = None
        batch = 0
        for data, rows in self._batches(train, size, shuffle, class_weight):
            if meter is None:
                meter = self._meter(data)
                meter.reset()
            calls.batch_begin(batch)
            guard.inside = True
            with self._step_lock:
                n = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
                step = self._step_for(data, n, train=True, update=True)
                data.load(step, rows)
                loss = step.run()
                meter.update(step, loss, lambda data=data, rows=rows: data.y[rows])  # type: ignore[misc]
                if isinstance(rows, slice):
                    step.release()
                    step.release_targets()
            guard.inside = False
            if guard.pending is not None:
                guard.deliver()
            calls.batch_end(batch, meter.logs)
            batch += 1
            if self.stop_training:
                break
        if meter is None:
            msg = "fit: the data yielded no batch"
            raise ValueError(msg)
        return meter.logs()

    def _batches(
        self, train: Any, size: int, shuffle: bool, class_weight: Mapping[int, float] | None
    ) -> Any:
        if isinstance(train, ArrayData):
            order = random.generator().permutation(len(train)) if shuffle else None
            for rows in train.batches(size, order):
                yield train, rows
            return
        for batch in train:
            x, y, weights = _unpack("fit", batch)
            with self._step_lock:
                data = self._data("fit", x, y, weights, class_weight)
            if len(data):
                yield data, slice(0, len(data))

    def _validation(self, given: Any) -> Any:
        if given is None or is_batches(given):
            return given
        x, y, weights = _unpack("fit: validation_data", given)
        with self._step_lock:
            data = self._data("fit: validation_data", x, y, weights)
        _require_samples("fit: validation_data", data)
        return data

    def _validate(self, validation: Any, size: int) -> dict[str, float]:
        parts = [validation] if isinstance(validation, ArrayData) else self._parts(validation)
        meter: Meter | None = None
        for data in parts:
            if meter is None:
                meter = self._meter(data)
                meter.reset()
            self._accumulate(data, meter, size)
        if meter is None:
            msg = "evaluate: the data yielded no batch"
            raise ValueError(msg)
        return meter.logs()

    def _parts(self, batches: Any) -> Any:
        for batch in batches:
            x, y, weights = _unpack("evaluate", batch)
            with self._step_lock:
                yield self._data("evaluate", x, y, weights)

    def _accumulate(self, data: ArrayData, meter: Meter, size: int) -> None:
        for rows in data.batches(size, None):
            assert isinstance(rows, slice)
            with self._step_lock:
                step = self._step_for(data, rows.stop - rows.start, train=False, update=False)
                data.load(step, rows)
                loss = step.run()
                meter.update(step, loss, lambda rows=rows: data.y[rows])  # type: ignore[misc]
                step.release()
                step.release_targets()

    def _evaluate_data(self, data: ArrayData, meter: Meter, size: int) -> dict[str, float]:
        meter.reset()
        self._accumulate(data, meter, size)
        return meter.logs()

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return loss and metrics over all samples, in inference mode.

        Parameters
        ----------
        x, y : array_like
            Samples and targets; `x` may also be a `DataLoader`.
        batch_size : int, optional
            Samples of a batch; None is 256. It changes no result beyond rounding.
        verbose : "auto", 0, 1 or 2
            Whether a line with the figures is printed.
        sample_weight : array_like, optional
            One weight for each sample.
        return_dict : bool
            Whether a dict comes back.

        Returns
        -------
        float, list of float or dict
            The loss; with metrics a list, loss first.

        Raises
        ------
        RuntimeError
            Before `compile`.
        ValueError
            For shapes and labels that do not fit, and without samples.
        """
        self._compiled("evaluate", optimizer=False)
        size = _batch_size("evaluate", _PREDICT_BATCH if batch_size is None else batch_size)
        if is_batches(x):
            logs = self._validate(x, size)
        else:
            with self._step_lock:
                data = self._data("evaluate", x, y, sample_weight)
            _require_samples("evaluate", data)
            logs = self._evaluate_data(data, self._meter(data), size)
        if _verbosity(verbose, quiet=True):
            text = " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())
            sys.stdout.write(text + "\n")
        return _answer(logs, return_dict)

    def predict(self, x: Any, batch_size: int | None = None, verbose: Any = "auto") -> Array:
        """Return the outputs for all samples, in inference mode.

        Parameters
        ----------
        x : array_like
            Samples.
        batch_size : int, optional
            Samples of a batch; None is 256.
        verbose : "auto", 0, 1 or 2
            Accepted as Keras does; prediction prints nothing.

        Returns
        -------
        ndarray
            ``(N, ...)`` of the model's dtype, a new array.

        Raises
        ------
        ValueError
            For samples of another shape.
        """
        _verbosity(verbose)
        size = _batch_size("predict", _PREDICT_BATCH if batch_size is None else batch_size)
        with self._step_lock:
            array = self._input("predict", x)
        shape = tuple(n or 0 for n in self.output_shape[1:])
        out = np.empty((len(array), *shape), self.dtype)
        for start in range(0, len(array), size):
            rows = slice(start, min(len(array), start + size))
            with self._step_lock:
                step = self.executor().forward_step(rows.stop - start, training=False)
                step.load(array[rows])
                step.run()
                out[rows] = step.output
                step.release()
        return out


def _metrics_get(identifier: Any) -> metrics.Metric:
    return metrics.get(identifier)


def _answer(logs: dict[str, float], return_dict: bool) -> Any:
    if return_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


def _unpack(name: str, batch: Any) -> tuple[Any, Any, Any]:
    if isinstance(batch, tuple | list) and len(batch) in (2, 3):
        return batch[0], batch[1], batch[2] if len(batch) == 3 else None
    msg = f"{name}: expected (x, y) or (x, y, sample_weight), got {type(batch).__name__}"
    raise ValueError(msg)


def _split(data: Any, share: float) -> tuple[ArrayData, ArrayData]:
    if not 0.0 < share < 1.0:
        msg = f"fit: validation_split must lie in [0, 1), got {share}"
        raise ValueError(msg)
    cut = int(len(data) * (1.0 - share))
    if cut == 0 or cut == len(data):
        msg = f"fit: validation_split {share} of {len(data)} samples leaves one part empty"
        raise ValueError(msg)
    # The weights of the validation part hold there too, as in Keras.
    return data.part(slice(0, cut)), data.part(slice(cut, len(data)))


def _count_steps(train: Any, size: int) -> int | None:
    if isinstance(train, ArrayData):
        return -(-len(train) // size)
    return len(train) if hasattr(train, "__len__") else None


def _batch_size(name: str, value: Any) -> int:
    if isinstance(value, bool) or int(value) != value or value < 1:
        msg = f"{name}: batch_size must be a positive integer, got {value!r}"
        raise ValueError(msg)
    return int(value)


def _require_samples(name: str, data: ArrayData) -> None:
    if not len(data):
        msg = f"{name}: the data has no samples, the mean loss of an empty batch does not exist"
        raise ValueError(msg)


def _verbosity(verbose: Any, quiet: bool = False) -> int:
    if verbose == "auto":
        terminal = sys.stderr is not None and sys.stderr.isatty()
        return (0 if quiet else 1) if terminal or "ipykernel" in sys.modules else (0 if quiet else 2)
    if verbose in (0, 1, 2):
        return int(verbose)
    msg = f"verbose must be 'auto', 0, 1 or 2, got {verbose!r}"
    raise ValueError(msg)
