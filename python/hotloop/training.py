"""fit, evaluate, predict: the training loop over recorded steps."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import random
from hotloop.callbacks import Callback, CallbackList, History, ProgbarLogger
from hotloop.compiled import Compiled, Meter, answer, require_samples
from hotloop.data import ArrayData, is_batches
from hotloop.interrupts import DeferredInterrupt

Array = NDArray[Any]
_PREDICT_BATCH = 256


class Trainable(Compiled):
    """The training half of a model; the other half gives layers, weights and an executor."""

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
                    require_samples("fit", train)
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
            guard = DeferredInterrupt()
            guard.take()
            try:
                calls.call("on_train_begin", {})
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
                calls.call("on_train_end", {})
            finally:
                for bar in bars:
                    bar.close()
                guard.give_back()
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
        batches = self._batches(train, size, shuffle, class_weight)
        for batch, (data, rows) in enumerate(batches):
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
        require_samples("fit: validation_data", data)
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

    def evaluate_data(self, data: ArrayData, meter: Meter, size: int) -> dict[str, float]:
        """Return the logs of a pass over `data` in inference mode."""
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
            require_samples("evaluate", data)
            logs = self.evaluate_data(data, self._meter(data), size)
        if _verbosity(verbose, quiet=True):
            text = " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())
            sys.stdout.write(text + "\n")
        return answer(logs, return_dict)

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

    def predict_on_batch(self, x: Any) -> Array:
        """Return the outputs for one batch, in inference mode."""
        return self.predict(x, batch_size=max(1, len(x)), verbose=0)


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


def _verbosity(verbose: Any, quiet: bool = False) -> int:
    if verbose == "auto":
        terminal = sys.stderr is not None and sys.stderr.isatty()
        return (
            (0 if quiet else 1) if terminal or "ipykernel" in sys.modules else (0 if quiet else 2)
        )
    if verbose in (0, 1, 2):
        return int(verbose)
    msg = f"verbose must be 'auto', 0, 1 or 2, got {verbose!r}"
    raise ValueError(msg)
