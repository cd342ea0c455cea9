"""fit: the training loop over recorded steps."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from hotloop import config
from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop.callbacks import CallbackList, History, ProgbarLogger
from hotloop.callbacks.base import as_list
from hotloop.data.arrays import ArrayData, batches_of, refuse_no_batch, require_samples
from hotloop.engine.step import Step
from hotloop.saving import training_state
from hotloop.saving.training_state import TrainingState
from hotloop.training import own_steps
from hotloop.training.diagnosis import Diagnosis, diagnose_split
from hotloop.training.evaluating import BATCH, batch_size_of, positive, unpack, validate, verbosity
from hotloop.training.feed import Feed
from hotloop.training.meter import Meter
from hotloop.training.own_steps import cut_of
from hotloop.training.trainer import Trainer


@dataclass
class Run:
    """A `fit` that is under way: its batches, callbacks, figures, and what it goes on from."""

    feed: Feed
    calls: CallbackList
    epochs: int
    meter: Meter | None = None
    resume: TrainingState | None = None
    losses: list[Any] | None = None  # what the targets were checked for, once there was a step


def fit(
    trainer: Trainer,
    x: Any,
    y: Any,
    batch_size: int | None,
    epochs: int,
    verbose: Any,
    callbacks: Any,
    validation_split: float,
    validation_data: Any,
    shuffle: bool,
    class_weight: Any,
    sample_weight: Any,
    initial_epoch: int,
    steps_per_epoch: int | None,
    validation_steps: int | None,
    validation_batch_size: int | None,
    validation_freq: int | Collection[int],
) -> History:
    """See `Model.fit`."""
    model = trainer.model
    if trainer.fit_lock._is_owned():  # type: ignore[attr-defined]  # it lets its thread in again
        msg = "fit: called from a callback while this model is fitted; call train_on_batch there"
        raise RuntimeError(msg)
    with trainer.fit_lock:
        epochs = whole("fit", "epochs", epochs, least=0)
        initial_epoch = whole("fit", "initial_epoch", initial_epoch, least=0)
        if not isinstance(shuffle, int | np.bool_):
            msg = f"fit: shuffle must be True or False, got {quoted(shuffle)}"
            raise ValueError(msg)
        steps = None
        if steps_per_epoch is not None:
            steps = positive("fit", "steps_per_epoch", steps_per_epoch)
        if validation_steps is not None:
            validation_steps = positive("fit", "validation_steps", validation_steps)
        validates = _epochs_to_validate(validation_freq)
        level = verbosity(verbose)
        if model.steps_by_itself():
            if class_weight is not None:
                msg = (
                    "fit: class_weight does not reach a train_step of the model's own; give "
                    "the weight of each sample as sample_weight"
                )
                raise ValueError(msg)
            return own_steps.fit(
                model,
                own_steps.Batches("fit", x, y, sample_weight, batch_size),
                epochs=epochs,
                verbose=level,
                callbacks=callbacks,
                validation=validation_data,
                validation_split=validation_split,
                shuffle=bool(shuffle),
                initial_epoch=initial_epoch,
                steps=steps,
                validation_steps=validation_steps,
                validates=validates,
            )
        trainer.compiled("fit")
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
            with trainer.step_lock:
                train = trainer.data("fit", x, y, sample_weight)
                require_samples("fit", train)
        if validation_split and validation_data is None:
            train, validation = _split(train, validation_split)
            if config.diagnosis():
                diagnose_split(_compared(train), _compared(validation))
        else:
            validation = _validation(trainer, validation_data, validation_batch_size)
        if isinstance(train, ArrayData):
            train = trainer.weighed("fit", train, class_weight)
            trainer.settle_by(train)
            # An optimizer of another model is refused here, before callbacks open files.
            trainer.optimizer.flat_slots(trainer.network.executor().store.params)
        if validation_batch_size is None:
            val_size = BATCH
        else:
            val_size = batch_size_of("fit: validation", validation_batch_size)
        if validation is None and (validation_batch_size, validation_steps) != (None, None):
            warnings.warn(
                "fit: validation_batch_size and validation_steps have no effect without "
                "validation_data or validation_split",
                stacklevel=4,
            )
        history = model.history = History()
        bars = [ProgbarLogger(level)] if level else []

        def load(batch: Any) -> ArrayData:
            samples, targets, weights = unpack("fit", batch)
            with trainer.step_lock:
                data = trainer.data("fit", samples, targets, weights)
                return trainer.weighed("fit", data, class_weight)

        watch = Diagnosis(model) if config.diagnosis() else None
        feed = Feed(train, size, shuffle, load, steps)
        params = {"epochs": epochs, "steps": feed.steps_per_epoch, "verbose": level}
        params["validation"] = validation is not None
        calls = as_list(callbacks, model, params, history, *bars)
        run = trainer.run = Run(feed, calls, epochs)
        trainer.stop_training = False
        try:
            calls.call("on_train_begin", {})
            logs: dict[str, Any] = {}
            done, state = 0, run.resume
            if state is not None:
                initial_epoch, done = max(initial_epoch, state.epoch), state.batch
                if not done:
                    training_state.apply(model, state, inside=False)
            for epoch in range(initial_epoch, epochs):
                if trainer.stop_training or not feed.lasts():
                    break
                calls.call("on_epoch_begin", epoch, {})
                run.meter = None
                if done and state is not None:
                    training_state.apply(model, state, inside=True)
                found = _epoch(trainer, run, done, watch)
                done = 0
                if found is None:
                    break
                logs = found
                if validation is not None and validates(epoch + 1):
                    figures = validate(
                        trainer,
                        "fit: validation_data",
                        validation,
                        val_size,
                        validation_steps,
                        calls,
                    )
                    logs |= {f"val_{key}": value for key, value in figures.items()}
                calls.call("on_epoch_end", epoch, logs)
            with trainer.step_lock:
                trainer.optimizer.finalize_variable_values()
            calls.call("on_train_end", logs)
        finally:
            trainer.run = None
            for bar in bars:
                bar.close()
        return history


def _epoch(trainer: Trainer, run: Run, done: int, watch: Diagnosis | None) -> dict[str, Any] | None:
    """Train for one epoch, of which `done` batches are over; None when the data ran out."""
    meter, calls, network = run.meter, run.calls, trainer.network
    step: Step | None = None
    last: ArrayData | None = None
    begins = bool(calls.train_begins)
    batch = done
    for data, rows in run.feed.epoch(done):
        if meter is None:
            meter = run.meter = Meter(trainer.settle_by(data))
            meter.reset()
            if watch is not None:
                watch.look_at_data(data)
        if begins:
            calls.batch_begin("train", batch)
        with trainer.step_lock:
            in_place = isinstance(rows, slice)
            n = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
            # Looking a step up costs more than to see that the last one still holds.
            if step is None or step.n != n or data is not last or not network.is_current(step):
                _still_compiled(trainer, run)
                step = trainer.step_for(data, n, train=True, update=True)
                last = data
            data.load(step, rows)
            loss = step.run()
            meter.update(step, loss, data, rows)
            if loss != loss and watch is not None:  # noqa: PLR0124  (NaN)
                watch.loss_is_nan(step)
            if in_place:
                step.release()
        calls.train_batch_end(batch, meter.logs)
        batch += 1
        if trainer.stop_training:
            break
    if meter is None:
        if run.feed.ran_out:
            return None
        refuse_no_batch("fit", run.feed.source)
    logs = meter.logs()
    if watch is not None:
        watch.epoch_ends(logs["loss"], batch, step)
    return logs


def _still_compiled(trainer: Trainer, run: Run) -> None:
    """Raise when a callback took away what the run began with."""
    found = [type(loss) for loss in trainer.compiled("fit").losses]
    run.losses = run.losses or found
    if found != run.losses:
        msg = "fit: a callback compiled the model with another loss; call fit again for that"
        raise RuntimeError(msg)


def _validation(trainer: Trainer, given: Any, size: Any) -> Any:
    if given is None:
        return None
    batches = batches_of("fit: validation", given, size)
    if batches is not None:
        return batches
    x, y, weights = unpack("fit: validation_data", given)
    with trainer.step_lock:
        data = trainer.data("fit: validation_data", x, y, weights)
    require_samples("fit: validation_data", data)
    return data


def _epochs_to_validate(given: Any) -> Callable[[int], bool]:
    """Return what tells whether an epoch, counted from 1, is followed by a validation."""
    if isinstance(given, Collection) and not isinstance(given, str | bytes):
        return {whole("fit", "validation_freq", epoch, least=1) for epoch in given}.__contains__
    every = positive("fit", "validation_freq", given)
    return lambda epoch: epoch % every == 0


def _split(data: ArrayData, share: float) -> tuple[ArrayData, ArrayData]:
    cut = cut_of(len(data), share)
    # The weights of the validation part hold there too, as in Keras.
    return data.part(slice(0, cut)), data.part(slice(cut, len(data)))


def _compared(data: ArrayData) -> Any:
    """Return the targets of the first output that has any."""
    return next(y for y, t in zip(data.ys, data.ts, strict=True) if t is not None)


__all__ = ["Run", "fit"]
