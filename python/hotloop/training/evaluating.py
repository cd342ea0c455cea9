"""evaluate and predict: passes over data in inference mode."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop.callbacks.base import CallbackList, as_list
from hotloop.callbacks.progress import figures
from hotloop.data.arrays import (
    ArrayData,
    batches_of,
    direct,
    is_direct,
    refuse_no_batch,
    require_samples,
)
from hotloop.data.indexed import one_pass
from hotloop.training import own_steps
from hotloop.training.meter import Meter
from hotloop.training.trainer import Trainer, answer

Array = NDArray[Any]
BATCH = 256


def validate(
    trainer: Trainer, name: str, data: Any, size: int, steps: int | None, calls: CallbackList
) -> dict[str, Any]:
    """Return the logs of a pass over `data`, of at most `steps` batches."""
    batches: Iterator[tuple[Any, Any]]
    if isinstance(data, ArrayData):
        batches = ((data, rows) for rows in data.batches(size, None))
    else:
        parts = _parts(trainer, name, data)
        batches = ((part, slice(0, len(part))) for part in parts if len(part))
    calls.call("on_test_begin", {})
    meter: Meter | None = None
    for batch, (part, rows) in enumerate(itertools.islice(batches, steps)):
        if meter is None:
            meter = Meter(trainer.settle_by(part))
            meter.reset()
        calls.batch_begin("test", batch)
        with trainer.step_lock:
            step = trainer.step_for(part, rows.stop - rows.start, train=False, update=False)
            part.load(step, rows)
            loss = step.run()
            meter.update(step, loss, part, rows)
            step.release()
        calls.batch_end("test", batch, meter.logs)
    if meter is None:
        refuse_no_batch(name, data)
    logs = meter.logs()
    calls.call("on_test_end", logs)
    return logs


def _parts(trainer: Trainer, name: str, batches: Any) -> Iterator[ArrayData]:
    for batch in one_pass(batches):
        x, y, weights = unpack(name, batch)
        with trainer.step_lock:
            part = trainer.data(name, x, y, weights)
        yield part


def evaluate(
    trainer: Trainer,
    x: Any,
    y: Any,
    batch_size: int | None,
    verbose: Any,
    sample_weight: Any,
    steps: int | None,
    callbacks: Any,
    return_dict: bool,
) -> Any:
    """See `Model.evaluate`."""
    model = trainer.model
    if model.tests_by_itself():
        batches = own_steps.Batches("evaluate", x, y, sample_weight, batch_size or BATCH)
        return answer(own_steps.evaluate(model, batches, steps), return_dict)
    trainer.compiled("evaluate", optimizer=False)
    data = batches_of("evaluate", x, batch_size, y=y, sample_weight=sample_weight)
    size = batch_size_of("evaluate", BATCH if batch_size is None else batch_size)
    if data is None:
        with trainer.step_lock:
            data = trainer.data("evaluate", x, y, sample_weight)
        require_samples("evaluate", data)
    level = verbosity(verbose, quiet=True)
    if steps is not None:
        steps = positive("evaluate", "steps", steps)
    calls = as_list(callbacks, model, {"verbose": level, "steps": steps})
    logs = validate(trainer, "evaluate", data, size, steps, calls)
    if level:
        text = " - ".join(f"{name}: {value}" for name, value in figures(logs).items())
        sys.stdout.write(text + "\n")
    return answer(logs, return_dict)


def predict(
    trainer: Trainer,
    x: Any,
    batch_size: int | None,
    verbose: Any,
    steps: int | None,
    callbacks: Any,
) -> list[Array]:
    """Return the outputs in order; see `Model.predict`."""
    level = verbosity(verbose)
    batches = batches_of("predict", x, batch_size)
    size = batch_size_of("predict", BATCH if batch_size is None else batch_size)
    if steps is not None:
        steps = positive("predict", "steps", steps)
    calls = as_list(callbacks, trainer.model, {"verbose": level, "steps": steps})
    calls.call("on_predict_begin", {})
    if batches is None:
        outs = _predicted(trainer, x, size, steps, calls, 0)
    else:
        first = (b[0] if isinstance(b, tuple | list) else b for b in one_pass(batches))
        parts = [
            _predicted(trainer, part, sys.maxsize, None, calls, i)
            for i, part in enumerate(itertools.islice(first, steps))
        ]
        if not parts:
            refuse_no_batch("predict", x)
        outs = [np.concatenate(of_one) for of_one in zip(*parts, strict=True)]
    calls.call("on_predict_end", {})
    return outs


def _predicted(
    trainer: Trainer, x: Any, size: int, steps: int | None, calls: CallbackList, first: int
) -> list[Array]:
    network = trainer.network
    with trainer.step_lock:
        arrays = trainer.samples("predict", x)
    n = len(arrays[0]) if steps is None else min(len(arrays[0]), steps * size)
    shapes = [tuple(k or 0 for k in shape[1:]) for shape in network.output_shapes_for(arrays)]
    outs = [np.empty((n, *shape), network.dtype) for shape in shapes]
    plain = [is_direct(array) for array in arrays]
    for batch, start in enumerate(range(0, n, size), first):
        rows = slice(start, min(n, start + size))
        calls.batch_begin("predict", batch)
        with trainer.step_lock:
            step = network.executor().forward_step(rows.stop - start, False, arrays)
            for port, array, whole_rows in zip(step.ports, arrays, plain, strict=True):
                part = array[rows]
                port.load(part if whole_rows else direct(part))
            step.forward()
            for out, y in zip(outs, step.outputs, strict=True):
                out[rows] = y
            step.release()

        def logs(rows: slice = rows) -> dict[str, Any]:
            copies = [out[rows].copy() for out in outs]
            return {"outputs": copies if len(copies) > 1 else copies[0]}

        calls.batch_end("predict", batch, logs)
    return outs


def unpack(name: str, batch: Any) -> tuple[Any, Any, Any]:
    """Return samples, targets and weights of a batch; a ValueError for anything else."""
    if isinstance(batch, tuple | list) and len(batch) in (2, 3):
        return batch[0], batch[1], batch[2] if len(batch) == 3 else None
    msg = f"{name}: expected (x, y) or (x, y, sample_weight), got {type(batch).__name__}"
    raise ValueError(msg)


def batch_size_of(name: str, value: Any) -> int:
    """Return a number of samples; a ValueError below 1."""
    return positive(name, "batch_size", value)


def positive(name: str, what: str, value: Any) -> int:
    """Return a whole number from 1; a ValueError names `what`."""
    return whole(name, what, value, least=1)


def verbosity(verbose: Any, quiet: bool = False) -> int:
    """Return 0, 1 or 2; "auto" is a bar in a terminal or a notebook, else lines."""
    if verbose == "auto":
        if quiet:
            return 0
        terminal = sys.stderr is not None and sys.stderr.isatty()
        return 1 if terminal or "ipykernel" in sys.modules else 2
    if verbose in (0, 1, 2):
        return int(verbose)
    msg = f"verbose must be 'auto', 0, 1 or 2, got {quoted(verbose)}"
    raise ValueError(msg)
