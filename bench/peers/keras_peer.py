"""Keras 3: ``train_on_batch`` on the first backend that is installed."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import Any

import numpy as np

from hotloop._bench.steps import build_model
from peers._library import workload_of
from peers.base import Job, Task, TrainingJob, UnsupportedError, training_outputs

_BACKENDS = ("tensorflow", "jax", "torch")
os.environ.setdefault(
    "KERAS_BACKEND", next((b for b in _BACKENDS if importlib.util.find_spec(b)), "jax")
)
keras: Any = importlib.import_module("keras")  # after its environment is set


def variants(_job: Job) -> list[str]:
    """Name the one way."""
    return [""]


def build(job: Job, _variant: str) -> Task:
    """Make a training job ready."""
    if not isinstance(job, TrainingJob) or job.dtype != "float32":
        message = "Keras is timed on float32 training steps"
        raise UnsupportedError(message)
    model = build_model(keras, workload_of(job), is_keras=True)
    model.set_weights(list(job.weights))
    x, labels = job.x, job.labels

    def step() -> float:
        model.reset_metrics()  # else the loss is the mean over all steps so far
        return float(np.ravel(model.train_on_batch(x, labels))[0])

    return Task(
        lambda: training_outputs(step, model.get_weights), lambda: model.train_on_batch(x, labels)
    )
