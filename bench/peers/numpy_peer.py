"""NumPy: the functions of ``hotloop.reference``, and training written by hand with them."""

from __future__ import annotations

import numpy as np

from hotloop import reference
from hotloop._bench.steps import NumpyStep
from peers._library import call_of, changed, workload_of
from peers.base import Job, OpJob, Task, training_outputs


def variants(_job: Job) -> list[str]:
    """Name the one way."""
    return [""]


def build(job: Job, _variant: str) -> Task:
    """Make a job ready; images of a training step are channels-first, as in the book."""
    if isinstance(job, OpJob):
        call = call_of(job)
        return Task(lambda: changed(call, call.run(reference)), lambda: call.run(reference))
    step = NumpyStep(workload_of(job), job.weights, job.dtype)
    x = job.x.astype(job.dtype)
    if job.images:
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    labels = job.labels
    return Task(
        lambda: training_outputs(lambda: step(x, labels), step.weights), lambda: step(x, labels)
    )
