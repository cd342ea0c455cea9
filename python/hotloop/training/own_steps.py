"""`fit` and `evaluate` of models that write their own `train_step` or `test_step`, as in Keras."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from hotloop import config, random
from hotloop._support.arguments import number, whole
from hotloop.callbacks import History, ProgbarLogger
from hotloop.callbacks.base import as_list
from hotloop.data.arrays import batches_of, refuse_no_batch
from hotloop.data.targets import as_array
from hotloop.training.diagnosis import teach_nan

BATCH = 32


def parts_in(x: Any) -> list[Any]:
    """Return the arrays of data that may come as an array, a list or a dict."""
    if isinstance(x, Mapping):
        return list(x.values())
    return list(x) if isinstance(x, list | tuple) else [x]


def floats_in(batch: Any) -> Iterator[Any]:
    """Yield the arrays of floats in a batch, nested as it may be."""
    parts = batch.values() if isinstance(batch, Mapping) else batch
    for part in parts if isinstance(batch, Mapping | list | tuple) else [batch]:
        if isinstance(part, Mapping | list | tuple):
            yield from floats_in(part)
        elif part is not None and np.asarray(part).dtype.kind == "f":
            yield np.asarray(part)


def rows_of(x: Any, rows: Any) -> Any:
    """Return rows of data, nested as they came."""
    if x is None:
        return None
    if isinstance(x, Mapping):
        return {name: part[rows] for name, part in x.items()}
    if isinstance(x, list | tuple):
        return type(x)(part[rows] for part in x)
    return x[rows]


def as_arrays(name: str, what: str, x: Any) -> Any:
    """Return data as arrays, nested as they came."""
    if x is None:
        return x
    if isinstance(x, Mapping):
        return {key: as_array(name, f"{what}[{key!r}]", part) for key, part in x.items()}
    if isinstance(x, list | tuple) and all(isinstance(part, np.ndarray) for part in x):
        return [as_array(name, f"{what}[{i}]", part) for i, part in enumerate(x)]
    return as_array(name, what, x)


def cut_of(n: int, share: Any) -> int:
    """Return how many of n samples are trained on when a share of them validates."""
    share = number("fit", "validation_split", share, "lie in [0, 1)", lambda s: 0.0 < s < 1.0)
    cut = int(n * (1.0 - share))
    if cut in (0, n):
        msg = f"fit: validation_split {share} of {n} samples leaves one part empty"
        raise ValueError(msg)
    return cut


class Batches:
    """What a step gets, batch by batch: ``x``, ``(x, y)`` or ``(x, y, sample_weight)``.

    Parameters
    ----------
    name : str
        Of the method, for messages.
    x, y, w : array_like
        Data in memory, or batches as `x`.
    size : int
        Samples of a batch of arrays.
    """

    def __init__(self, name: str, x: Any, y: Any, w: Any, size: int | None) -> None:
        source = batches_of(name, x, size, y=y, sample_weight=w)
        self.loaded = source is None
        self.x = as_arrays(name, "x", x) if self.loaded else source
        self.y = as_arrays(name, "y", y)
        self.w = as_arrays(name, "sample_weight", w)
        self.size = BATCH if size is None else whole(name, "batch_size", size, least=1)
        if not self.loaded:
            return
        parts = [p for data in (self.x, self.y, self.w) if data is not None for p in parts_in(data)]
        lengths = {len(part) for part in parts if np.ndim(part)}
        if len(lengths) != 1:
            msg = f"{name}: all data must have one number of samples, got {sorted(lengths)}"
            raise ValueError(msg)
        self.n = lengths.pop()

    def part(self, rows: slice) -> Batches:
        """Return some rows of data in memory."""
        x, y, w = (rows_of(data, rows) for data in (self.x, self.y, self.w))
        return Batches("fit", x, y, w, self.size)

    @property
    def count(self) -> int | None:
        """Number of batches, when it is known."""
        if self.loaded:
            return -(-self.n // self.size)
        return len(self.x) if hasattr(self.x, "__len__") else None

    def run(self, shuffle: bool) -> Iterator[Any]:
        """Yield the batches once."""
        if not self.loaded:
            yield from self.x
            return
        order = random.generator().permutation(self.n) if shuffle else np.arange(self.n)
        for start in range(0, self.n, self.size):
            rows = order[start : start + self.size]
            x, y, w = (rows_of(data, rows) for data in (self.x, self.y, self.w))
            yield x if y is None else (x, y) if w is None else (x, y, w)


def figures(name: str, answer: Any) -> dict[str, float]:
    """Return what a step answered as numbers; a TypeError for anything but a dict of them."""
    if not isinstance(answer, Mapping):
        msg = f"{name} must return a dict of numbers, got {type(answer).__name__}"
        raise TypeError(msg)
    logs = {}
    for key, value in answer.items():
        array = np.asarray(value.result() if hasattr(value, "result") else value)
        if array.size != 1:
            msg = f"{name}: {key!r} must be one number, got an array of shape {array.shape}"
            raise ValueError(msg)
        logs[str(key)] = float(array.reshape(-1)[0])
    return logs


def reset(model: Any) -> None:
    """Let the metrics of a model start again from nothing."""
    for metric in model.metrics:
        metric.reset_state()


def evaluate(
    model: Any, batches: Batches, steps: int | None, calls: Any = None
) -> dict[str, float]:
    """Return the last figures of `test_step` over all batches."""
    reset(model)
    logs: dict[str, float] = {}
    for i, batch in enumerate(batches.run(shuffle=False)):
        if steps is not None and i >= steps:
            break
        if calls is not None:
            calls.batch_begin("test", i)
        logs = figures("test_step", model.test_step(batch))
        if calls is not None:
            calls.batch_end("test", i, lambda logs=logs: logs)
    return logs


def epoch(model: Any, batches: Batches, shuffle: bool, steps: int | None, calls: Any) -> Any:
    """Train for one epoch, and return the last figures of `train_step`; None without a batch."""
    reset(model)
    logs: dict[str, float] | None = None
    for i, batch in enumerate(batches.run(shuffle)):
        if steps is not None and i >= steps:
            break
        calls.batch_begin("train", i)
        logs = figures("train_step", model.train_step(batch))
        if math.isnan(logs.get("loss", 0.0)) and config.diagnosis():
            given = all(np.isfinite(part).all() for part in floats_in(batch))
            teach_nan(i + 1, "in the train_step" if given else "in the batch that it was given")
        calls.train_batch_end(i, lambda logs=logs: logs)
        if model.stop_training:
            break
    return logs


def fit(
    model: Any,
    batches: Batches,
    *,
    epochs: int,
    verbose: int,
    callbacks: Any,
    validation: Any,
    validation_split: float,
    shuffle: bool,
    initial_epoch: int,
    steps: int | None,
    validation_steps: int | None,
    validates: Callable[[int], bool],
) -> History:
    """Train a model by its own `train_step`; see `Model.fit`."""
    judged: Batches | None = None
    if validation is not None:
        given = (
            (*validation, None, None)[:3]
            if isinstance(validation, tuple)
            else (validation, None, None)
        )
        x, y, w = given
        judged = Batches("fit: validation_data", x, y, w, batches.size)
    elif validation_split:
        if not batches.loaded:
            msg = "fit: validation_split needs arrays; give validation_data beside batches"
            raise ValueError(msg)
        cut = cut_of(batches.n, validation_split)
        batches, judged = batches.part(slice(0, cut)), batches.part(slice(cut, batches.n))
    history = model.history = History()
    bars = [ProgbarLogger(verbose)] if verbose else []
    params = {"epochs": epochs, "steps": steps or batches.count, "verbose": verbose}
    calls = as_list(callbacks, model, params, history, *bars)
    model.stop_training = False
    logs: dict[str, float] = {}
    try:
        calls.call("on_train_begin", {})
        for number in range(initial_epoch, epochs):
            calls.call("on_epoch_begin", number, {})
            found = epoch(model, batches, shuffle, steps, calls)
            if found is None:
                refuse_no_batch("fit", batches.x)
            logs = found
            if judged is not None and validates(number + 1):
                calls.call("on_test_begin", {})
                figures_of = evaluate(model, judged, validation_steps, calls)
                calls.call("on_test_end", figures_of)
                logs = logs | {f"val_{key}": value for key, value in figures_of.items()}
            calls.call("on_epoch_end", number, logs)
            if model.stop_training:
                break
        if model.optimizer is not None:
            model.optimizer.finalize_variable_values()
        calls.call("on_train_end", logs)
    finally:
        for bar in bars:
            bar.close()
    return history


__all__ = ["BATCH", "Batches", "cut_of", "epoch", "evaluate", "figures", "fit"]
