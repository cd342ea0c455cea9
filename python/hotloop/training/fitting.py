"""fit: the training loop over recorded steps."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from hotloop import config
from hotloop._support.arguments import number, whole
from hotloop._support.quoting import quoted
from hotloop.callbacks import Callback, History, ProgbarLogger
from hotloop.callbacks.base import as_list
from hotloop.data.arrays import ArrayData, batches_of, refuse_no_batch
from hotloop.engine.executor import LossStep
from hotloop.saving import training_state
from hotloop.saving.training_state import TrainingState
from hotloop.training import own_steps
from hotloop.training.compiled import require_samples
from hotloop.training.diagnosis import Diagnosis, diagnose_split
from hotloop.training.evaluating import (
    BATCH,
    Evaluating,
    batch_size_of,
    positive,
    unpack,
    verbosity,
)
from hotloop.training.feed import Feed, Run


class Trainable(Evaluating):
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
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] = 1,
    ) -> History:
        """Train for a number of epochs.

        Parameters
        ----------
        x, y : array_like
            Samples and targets, also `numpy.memmap` larger than the memory. `x` may also yield
            batches ``(x, y)`` or ``(x, y, sample_weight)``: a `DataLoader`, a generator or another
            iterable, or data with ``__len__`` and ``__getitem__``, such as `utils.PyDataset`, whose
            ``on_epoch_end`` is called. The samples of a PyTorch ``Dataset`` are put together.
        batch_size : int, optional
            Samples a step; None is 32. Batches bring their own.
        epochs : int
            Where to stop, counted from 0 as `initial_epoch` is.
        verbose : "auto", 0, 1 or 2
            Silent, a progress bar, or one line an epoch; "auto" is a bar in a terminal.
        callbacks : list of Callback, optional
            Called around epochs and batches.
        validation_split : float
            Fraction of the samples, taken from the end before shuffling, used only for
            validation, with its part of `sample_weight` and without `class_weight`.
        validation_data : tuple or iterable, optional
            ``(x, y)`` or ``(x, y, sample_weight)``, or batches, evaluated after each epoch.
        shuffle : bool
            Whether each epoch draws a new order, of samples or of the batches of data by index.
        class_weight : dict of int to float, optional
            A weight for each class, 1 for those that are not mentioned. Only training counts it.
        sample_weight : array_like, optional
            One weight for each sample.
        initial_epoch : int
            Where to start.
        steps_per_epoch : int, optional
            Batches of an epoch, for data without end; None is all of them. The next epoch goes
            on behind the last batch, and data that can start again does so where it ends.
        validation_steps : int, optional
            Batches of a validation; None is all of them.
        validation_batch_size : int, optional
            Samples of a validation batch; None is 256.
        validation_freq : int or collection of int
            Epochs from one validation to the next; or those that are validated, counted from 1.

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
        if self._fit_lock._is_owned():  # type: ignore[attr-defined]  # it lets its thread in again
            msg = (
                "fit: called from a callback while this model is fitted; call train_on_batch there"
            )
            raise RuntimeError(msg)
        with self._fit_lock:
            if self._steps_by_itself():
                if class_weight is not None:
                    msg = (
                        "fit: class_weight does not reach a train_step of the model's own; give "
                        "the weight of each sample as sample_weight"
                    )
                    raise ValueError(msg)
                return own_steps.fit(
                    self,
                    own_steps.Batches("fit", x, y, sample_weight, batch_size),
                    epochs=whole("fit", "epochs", epochs, least=0),
                    verbose=verbosity(verbose),
                    callbacks=callbacks,
                    validation=validation_data,
                    validation_split=validation_split,
                    shuffle=bool(shuffle),
                    initial_epoch=initial_epoch,
                    steps=steps_per_epoch,
                    validation_steps=validation_steps,
                    validates=_epochs_to_validate(validation_freq),
                )
            self._compiled("fit")
            epochs = whole("fit", "epochs", epochs, least=0)
            initial_epoch = whole("fit", "initial_epoch", initial_epoch, least=0)
            if not isinstance(shuffle, int | np.bool_):
                msg = f"fit: shuffle must be True or False, got {quoted(shuffle)}"
                raise ValueError(msg)
            steps = None
            if steps_per_epoch is not None:
                steps = positive("fit", "steps_per_epoch", steps_per_epoch)
            train = batches_of(
                "fit",
                x,
                batch_size,
                shuffle=bool(shuffle),
                y=y,
                sample_weight=sample_weight,
                validation_split=validation_split or None,
            )
            size = batch_size_of("fit", 32 if batch_size is None else batch_size)
            if train is None:
                with self._step_lock:
                    train = self._data("fit", x, y, sample_weight)
                    require_samples("fit", train)
            if validation_split and validation_data is None:
                train, validation = _split(train, validation_split)
                if config.diagnosis():
                    diagnose_split(train.y, validation.y)
            else:
                validation = self._validation(validation_data, validation_batch_size)
            if isinstance(train, ArrayData):
                train = self._weighed("fit", train, class_weight)
                self._settle_metrics(train)
                # An optimizer of another model is refused here, before callbacks open files.
                self.optimizer.flat_slots(self.executor().store.params)
            if validation_batch_size is None:
                val_size = BATCH
            else:
                val_size = batch_size_of("fit: validation", validation_batch_size)
            if validation_steps is not None:
                validation_steps = positive("fit", "validation_steps", validation_steps)
            validates = _epochs_to_validate(validation_freq)
            if validation is None and (validation_batch_size, validation_steps) != (None, None):
                warnings.warn(
                    "fit: validation_batch_size and validation_steps have no effect without "
                    "validation_data or validation_split",
                    stacklevel=2,
                )
            level = verbosity(verbose)
            self.history = History()
            bars = [ProgbarLogger(level)] if level else []

            def load(batch: Any) -> ArrayData:
                samples, targets, weights = unpack("fit", batch)
                with self._step_lock:
                    data = self._data("fit", samples, targets, weights)
                    return self._weighed("fit", data, class_weight)

            watch = Diagnosis(self) if config.diagnosis() else None
            feed = Feed(train, size, shuffle, load, steps)
            params = {"epochs": epochs, "steps": feed.steps_per_epoch, "verbose": level}
            params["validation"] = validation is not None
            calls = as_list(callbacks, self, params, self.history, *bars)
            run = self._run = Run(feed, calls, epochs)
            self.stop_training = False
            try:
                calls.call("on_train_begin", {})
                logs: dict[str, Any] = {}
                done, state = 0, run.resume
                if state is not None:
                    initial_epoch, done = max(initial_epoch, state.epoch), state.batch
                    if not done:
                        self._resume(state, inside=False)
                for epoch in range(initial_epoch, epochs):
                    if self.stop_training or not feed.lasts():
                        break
                    calls.call("on_epoch_begin", epoch, {})
                    run.meter = None
                    if done and state is not None:
                        self._resume(state, inside=True)
                    found = self._epoch(run, done, watch)
                    done = 0
                    if found is None:
                        break
                    logs = found
                    if validation is not None and validates(epoch + 1):
                        figures = self._validate(
                            "fit: validation_data", validation, val_size, validation_steps, calls
                        )
                        logs |= {f"val_{key}": value for key, value in figures.items()}
                    calls.call("on_epoch_end", epoch, logs)
                with self._step_lock:
                    self.optimizer.finalize_variable_values()
                calls.call("on_train_end", logs)
            finally:
                self._run = None
                for bar in bars:
                    bar.close()
            return self.history

    def _epoch(self, run: Run, done: int, watch: Diagnosis | None) -> dict[str, Any] | None:
        """Train for one epoch, of which `done` batches are over; None when the data ran out."""
        meter, calls = run.meter, run.calls
        step: LossStep | None = None
        last: ArrayData | None = None
        begins = bool(calls.train_begins)
        batch = done
        for data, rows in run.feed.epoch(done):
            if meter is None:
                meter = run.meter = self._meter(data)
                meter.reset()
                if watch is not None:
                    watch.look_at_data(data)
            if begins:
                calls.batch_begin("train", batch)
            with self._step_lock:
                in_order = isinstance(rows, slice)
                n = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
                # Looking a step up costs more than to see that the last one still holds.
                if step is None or step.n != n or data is not last or not self._is_current(step):
                    self._still_compiled(run)
                    step = self._step_for(data, n, train=True, update=True)
                    last = data
                data.load(step, rows)
                loss = step.run()
                meter.update(step, loss, data, rows)
                if loss != loss and watch is not None:  # noqa: PLR0124  (NaN)
                    watch.loss_is_nan(step)
                if in_order:
                    step.release()
                    step.release_targets()
            calls.train_batch_end(batch, meter.logs)
            batch += 1
            if self.stop_training:
                break
        if meter is None:
            if run.feed.ran_out:
                return None
            refuse_no_batch("fit", run.feed.source)
        logs = meter.logs()
        if watch is not None:
            watch.epoch_ends(logs["loss"], batch, step)
        return logs

    def _still_compiled(self, run: Run) -> None:
        """Raise when a callback took away what the run began with."""
        found = type(self._compiled("fit"))
        run.loss = run.loss or found
        if found is not run.loss:
            msg = "fit: a callback compiled the model with another loss; call fit again for that"
            raise RuntimeError(msg)

    def _resume(self, state: TrainingState, inside: bool) -> None:
        """Go on from a backup; inside an epoch, its loss and metrics go on too."""
        training_state.apply(self, state, inside)

    def _validation(self, given: Any, size: Any) -> Any:
        if given is None:
            return None
        batches = batches_of("fit: validation", given, size)
        if batches is not None:
            return batches
        x, y, weights = unpack("fit: validation_data", given)
        with self._step_lock:
            data = self._data("fit: validation_data", x, y, weights)
        require_samples("fit: validation_data", data)
        return data


def _epochs_to_validate(given: Any) -> Callable[[int], bool]:
    """Return what tells whether an epoch, counted from 1, is followed by a validation."""
    if isinstance(given, Collection) and not isinstance(given, str | bytes):
        return {whole("fit", "validation_freq", epoch, least=1) for epoch in given}.__contains__
    every = positive("fit", "validation_freq", given)
    return lambda epoch: epoch % every == 0


def _split(data: Any, share: float) -> tuple[ArrayData, ArrayData]:
    share = number("fit", "validation_split", share, "lie in [0, 1)", lambda s: 0.0 < s < 1.0)
    cut = int(len(data) * (1.0 - share))
    if cut == 0 or cut == len(data):
        msg = f"fit: validation_split {share} of {len(data)} samples leaves one part empty"
        raise ValueError(msg)
    # The weights of the validation part hold there too, as in Keras.
    return data.part(slice(0, cut)), data.part(slice(cut, len(data)))
