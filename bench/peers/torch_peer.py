"""PyTorch, eager: training steps and operations, in both memory formats."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from torch import nn

from peers._torch_ops import OPS, UPDATES
from peers.base import (
    Array,
    Job,
    OpJob,
    Task,
    TrainingJob,
    UnsupportedError,
    training_outputs,
)

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))

FUSED = frozenset({"sgd", "adam", "sgd_update", "momentum_update", "adam_update", "adagrad_update"})


def variants(job: Job) -> list[str]:
    """Name memory formats for images, and the fused form of the optimizers that have one."""
    found = ["", "channels-last"] if job.images else [""]
    name = job.op if isinstance(job, OpJob) else job.optimizer["name"]
    if name in FUSED:
        found.append("channels-last fused" if job.images else "fused")
    return found


def build(job: Job, variant: str) -> Task:
    """Make a job ready."""
    if isinstance(job, TrainingJob):
        return _training(job, last="last" in variant, fused="fused" in variant)
    if job.op in UPDATES:
        return UPDATES[job.op](job, fused=variant == "fused")
    if job.op not in OPS:
        raise UnsupportedError(job.op)
    with torch.no_grad():
        outputs, run = OPS[job.op](job, "last" in variant)

    def quiet() -> object:
        with torch.no_grad():
            return run()

    losses = {"softmax_cross_entropy", "binary_cross_entropy", "mean_squared_error"}
    return Task(lambda: outputs(run()), quiet if job.op in losses else run)


_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}


def _network(job: TrainingJob) -> nn.Sequential:
    modules: list[nn.Module] = []
    channels = job.input_shape[-1]
    features: int | None = channels if len(job.input_shape) == 1 else None
    kernels = iter(job.weights_channels_first[::2])
    for layer in job.layers:
        if layer["kind"] == "dense":
            features = next(kernels).shape[0]
            modules.append(nn.Linear(features, layer["units"]))
        elif layer["kind"] == "conv":
            next(kernels)
            modules.append(
                nn.Conv2d(
                    channels,
                    layer["filters"],
                    layer["kernel"],
                    stride=layer["stride"],
                    padding=layer["padding"],
                    dilation=layer["dilation"],
                    groups=layer["groups"],
                )
            )
            channels = layer["filters"]
        elif layer["kind"] == "max_pool":
            modules.append(nn.MaxPool2d(layer["size"]))
        else:
            modules.append(nn.Flatten())
        if layer.get("activation"):
            modules.append(_ACTIVATIONS[layer["activation"]]())
    return nn.Sequential(*modules)


def _optimizer(job: TrainingJob, model: nn.Module, fused: bool) -> torch.optim.Optimizer:
    options = job.optimizer
    # ``fused=None`` leaves PyTorch its usual choice.
    if options["name"] == "adam":
        return torch.optim.Adam(
            model.parameters(), lr=options["lr"], eps=options["eps"], fused=fused or None
        )
    if options["name"] == "rmsprop":
        root = options["eps"] ** 0.5  # PyTorch adds it outside the root
        return torch.optim.RMSprop(model.parameters(), lr=options["lr"], alpha=0.9, eps=root)
    momentum = options.get("momentum", 0.0)
    return torch.optim.SGD(
        model.parameters(), lr=options["lr"], momentum=momentum, fused=fused or None
    )


def _training(job: TrainingJob, *, last: bool, fused: bool) -> Task:
    model = _network(job).to(getattr(torch, job.dtype))
    with torch.no_grad():
        for param, value in zip(model.parameters(), job.weights_channels_first, strict=True):
            tensor = torch.from_numpy(value)
            param.copy_(tensor.T if param.ndim == 2 else tensor)
    x = torch.from_numpy(job.x)
    if job.images:
        x = x.permute(0, 3, 1, 2).contiguous()
    if last:
        cast("Any", model).to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    labels = torch.from_numpy(job.labels)
    optimizer = _optimizer(job, model, fused)
    loss_function = nn.CrossEntropyLoss()

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_function(model(x), labels)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    def weights() -> list[Array]:
        tensors = [p.detach() for p in model.parameters()]
        return [(t.T if t.ndim == 2 else t).contiguous().numpy().copy() for t in tensors]

    return Task(partial(training_outputs, step, weights), step, channels_first=True)
