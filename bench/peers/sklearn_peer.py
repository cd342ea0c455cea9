"""scikit-learn: one ``partial_fit`` of MLPClassifier, where a network fits that class."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from peers.base import Array, Job, Task, TrainingJob, UnsupportedError, training_outputs

_ACTIVATIONS = {"relu": "relu", "sigmoid": "logistic", "tanh": "tanh"}


def variants(_job: Job) -> list[str]:
    """Name the one way."""
    return [""]


def build(job: Job, _variant: str) -> Task:
    """Make a training job of dense layers with one activation ready."""
    if not isinstance(job, TrainingJob) or job.images or job.optimizer["name"] == "rmsprop":
        message = "MLPClassifier has dense layers, SGD and Adam"
        raise UnsupportedError(message)
    hidden = list(job.layers[:-1])
    activations = {layer["activation"] for layer in hidden}
    classes = np.arange(job.layers[-1]["units"])
    if len(activations) != 1 or len(classes) < 3:
        message = "MLPClassifier has one activation, and a softmax from three classes on"
        raise UnsupportedError(message)
    momentum = job.optimizer.get("momentum", 0.0)
    model: Any = MLPClassifier(
        tuple(layer["units"] for layer in hidden),
        activation=_ACTIVATIONS[activations.pop()],
        solver=job.optimizer["name"],
        alpha=0.0,
        batch_size=len(job.x),
        learning_rate_init=job.optimizer["lr"],
        momentum=momentum,
        nesterovs_momentum=False,
        epsilon=job.optimizer.get("eps", 1e-10),
        shuffle=False,
    )
    x, labels = job.x.astype(job.dtype), job.labels
    model.partial_fit(x, labels, classes=classes)  # builds the network; its state is then set back
    _restart(model, job.weights)

    def step() -> float:
        model.partial_fit(x, labels)
        return float(model.loss_)

    def weights() -> list[Array]:
        pairs = zip(model.coefs_, model.intercepts_, strict=True)
        return [np.array(w) for pair in pairs for w in pair]

    return Task(lambda: training_outputs(step, weights), lambda: model.partial_fit(x, labels))


def _restart(model: Any, weights: Any) -> None:
    """Write the weights into the live arrays and forget the optimizer's first step."""
    for kernel, bias, w, b in zip(
        model.coefs_, model.intercepts_, weights[0::2], weights[1::2], strict=True
    ):
        kernel[...], bias[...] = w, b
    optimizer = model._optimizer
    for name in ("ms", "vs", "velocities"):
        for slot in getattr(optimizer, name, ()):
            slot[...] = 0.0
    if hasattr(optimizer, "t"):
        optimizer.t = 0
