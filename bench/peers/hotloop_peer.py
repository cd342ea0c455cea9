"""hotloop: the functions with ``out=`` given, and ``train_on_batch`` of a model."""

from __future__ import annotations

from functools import partial

import numpy as np

import hotloop
from hotloop import _core, functional
from hotloop._bench.steps import build_model
from peers._library import bound_arguments, call_of, changed, workload_of
from peers.base import Job, OpJob, Task, TrainingJob, UnsupportedError, training_outputs


def variants(_job: Job) -> list[str]:
    """Name the one way: the layout of the models."""
    return [""]


def build(job: Job, _variant: str) -> Task:
    """Make a job ready."""
    return _op(job) if isinstance(job, OpJob) else _training(job)


def _op(job: OpJob) -> Task:
    function = getattr(functional, job.op, None)
    if function is None:
        raise UnsupportedError(job.op)
    call = call_of(job)
    first = changed(call, call.run(functional))
    result = call_of(job).run(functional)
    if isinstance(result, np.ndarray):
        return Task(lambda: first, partial(call.run, functional, out=result))
    if isinstance(result, tuple):
        # The compiled function takes buffers for what comes beside others, as the models give them.
        arrays = tuple(y for y in result if not isinstance(y, float))
        buffers = arrays if len(arrays) == len(result) else arrays[0]
        compiled = partial(getattr(_core, job.op), **bound_arguments(function, call), out=buffers)
        return Task(lambda: first, compiled)
    return Task(lambda: first, partial(call.run, functional))


def _training(job: TrainingJob) -> Task:
    model = build_model(hotloop, workload_of(job))
    model.set_weights(list(job.weights))
    x, labels = job.x, job.labels

    def step() -> float:
        return float(np.ravel(model.train_on_batch(x, labels))[0])

    return Task(
        lambda: training_outputs(step, model.get_weights), lambda: model.train_on_batch(x, labels)
    )
