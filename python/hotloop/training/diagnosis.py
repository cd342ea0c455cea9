"""Warnings that teach: what a training that goes wrong looks like, and what to try.

Each is given once in a process; `hotloop.config.set_diagnosis(False)` switches all of them off.
What is looked at lies in buffers that are there anyway, once an epoch; a step costs one
comparison of its loss with itself.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import config
from hotloop.data.arrays import ArrayData
from hotloop.engine.step import Step, activation_of
from hotloop.layers import (
    Activation,
    Dense,
    Flatten,
    Reshape,
)
from hotloop.layers.conv import Convolution
from hotloop.layers.operation import Operation
from hotloop.losses import BinaryCrossentropy, CategoricalLoss, Loss

Array = NDArray[Any]

_ROWS = 256  # samples that stand for all of them
_STEPS = 100  # fewer are no reason to judge a loss by
_FEW = 32  # samples that a unit must have answered 0 to


def diagnose_split(train: Array, validation: Array) -> None:
    """Warn when labels are sorted, so that the split put whole classes aside."""
    both = []
    for y in (train, validation):
        both.append(y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(len(y), -1))
    if any(y.ndim == 2 and y.shape[1] > 1 for y in both):
        return
    labels = np.concatenate([y.reshape(-1) for y in both])
    first, last = labels[0], labels[-1]
    if first == last or not bool((np.trunc(labels) == labels).all()):
        return
    rises = labels[1:] >= labels[:-1] if last > first else labels[1:] <= labels[:-1]
    if len(labels) > 20 and bool(rises.all()):
        classes = np.unique(both[1])
        config.teach(
            "split",
            "the labels are sorted, and validation_split takes the end of the data before any "
            f"shuffle: the validation samples are of class {_some(classes)} alone; shuffle x and "
            "y together first, for example with hotloop.utils.train_test_split",
        )


def _some(classes: Array) -> str:
    shown = [f"{value:g}" for value in classes[:5]]
    return ", ".join(shown) + (", ..." if len(classes) > 5 else "")


# Between which values the outputs of an activation lie.
_REACH = {"sigmoid": 0, "hard_sigmoid": 0, "softmax": 0, "tanh": -1, "softsign": -1}


def _look_at_targets(loss: Loss, y: Any, shape: tuple[int | None, ...], end: str | None) -> None:
    """Warn of targets that the outputs of an activation, or the loss, cannot mean."""
    if not loss.builtin:
        return
    if end == "softmax" and shape[-1] == 1:
        config.teach(
            "one unit",
            "a softmax over one unit answers 1 to every sample: for a yes-or-no answer take "
            "Dense(1, 'sigmoid') with binary_crossentropy, for K classes Dense(K, 'softmax')",
        )
    entropy = isinstance(loss, BinaryCrossentropy | CategoricalLoss)
    ids = loss.counts_ids and np.shape(y) != (len(y), *shape[1:])
    least = 0 if entropy else _REACH.get(end or "")
    values = np.asarray(y)[:: max(1, len(y) // _ROWS)]
    if least is None or ids or not values.size:
        return
    low, high = float(values.min()), float(values.max())
    if not (low < least - 1e-3 or high > 1.0 + 1e-3):
        return
    kinds = np.unique(values)
    if len(kinds) == 2:
        what = f"are {low:g} and {high:g}"
        shifted = f"(y - {low:g})" if low > 0 else f"(y + {-low:g})" if low < 0 else "y"
        advice = f"give 0 and 1, for example {shifted} / {high - low:g}"
    elif shape[-1] == 1 and low >= 0 and bool((np.trunc(kinds) == kinds).all()):
        what = f"are whole numbers from {low:g} to {high:g}, such as class ids"
        advice = (
            f"for classes take Dense({high + 1:g}, 'softmax') with "
            "sparse_categorical_crossentropy, for amounts a linear unit with mse"
        )
    else:
        what = f"lie between {low:g} and {high:g}"
        advice = f"scale them to {least}..1" + ("" if entropy else ", or end in a linear unit")
    meant = f"{loss.name} means targets" if entropy else f"outputs of {end} lie"
    config.teach("targets", f"{meant} from {least} to 1, but the targets {what}: {advice}")


def _acts_as(node: Any) -> str | None:
    """Return the activation that a call ends in, by a layer or by an operation."""
    layer = node.layer
    if isinstance(layer, Operation):
        return layer.rule.name
    known = isinstance(layer, Dense | Convolution | Activation)
    return layer.activation.name if known else None


def _end_of(graph: Any, value: int) -> str | None:
    """Return the activation that makes an output."""
    maker = next((node for node in graph.nodes if node.output == value), None)
    by_rule = maker is not None and isinstance(maker.layer, Operation)
    return _acts_as(maker) if by_rule else activation_of(graph, value)


def teach_nan(step: int, where: str) -> None:
    """Warn of a loss that became NaN."""
    config.teach(
        "nan",
        f"the loss became NaN in step {step}; the first value that is no number appeared {where}. Try "
        "a smaller learning rate or clipnorm=1.0, look for NaN in the data, and stop such runs early "
        "with callbacks.TerminateOnNaN",
    )


class Diagnosis:
    """Watches one `fit`.

    Parameters
    ----------
    model : Model
        The one that trains, built.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._steps = 0
        self._stuck = 0
        self._looked = False

    def look_at_data(self, data: Any) -> None:
        """Warn of inputs and targets that a network cannot use as they are, at the first of them."""
        if not self._looked:
            self._looked = True
            self._look_at_inputs(data)
            graph, losses = self.model.graph(), self._losses()
            for one, y, value in zip(losses, data.ys, graph.outputs, strict=True):
                if one is not None:
                    _look_at_targets(one, y, graph.shapes[value], _end_of(graph, value))

    def _losses(self) -> list[Any]:
        loss = self.model.loss
        return [loss] if loss is None or isinstance(loss, Loss) else list(loss.losses)

    def _look_at_inputs(self, data: ArrayData) -> None:
        graph = self.model.graph()
        if graph.rescale or len(graph.inputs) > 1 or self._normalizes(graph):
            return
        sample = data.xs[0][:: max(1, len(data) // _ROWS)][:_ROWS]
        if sample[0].size < 16:
            return
        low, high = float(sample.min()), float(sample.max())
        if low >= 0.0 and 128.0 <= high <= 255.0:
            config.teach(
                "scale",
                f"the inputs lie between {low:g} and {high:g}: networks learn faster and further "
                "from values near 1; divide by 255, or begin the model with "
                "hotloop.layers.Rescaling(1 / 255), which keeps uint8 images small in memory",
            )

    @staticmethod
    def _normalizes(graph: Any) -> bool:
        for node in graph.nodes:
            if not isinstance(node.layer, Flatten | Reshape):
                return not isinstance(node.layer, Dense | Convolution | Activation)
        return True

    def loss_is_nan(self, step: Step) -> None:
        """Say in which layer the first number appeared that is none."""
        if "nan" in config.told:
            return
        where = "in the loss itself: every output is finite"
        seen = step.passed.seen
        if not all(np.isfinite(port.bound).all() for port in step.inputs):
            where = "in the inputs: x holds NaN or infinity"
        else:
            for node in self.model.graph().nodes:
                if not np.isfinite(seen(node.output)).all():
                    where = f"in the output of layer {node.layer.name!r}"
                    break
        teach_nan(self.model.optimizer.iterations, where)

    def epoch_ends(self, loss: float, steps: int, step: Step | None) -> None:
        """Look at the epoch's loss and the last batch's activations."""
        self._steps += steps
        if step is None or not math.isfinite(loss):
            return
        self._look_at_loss(loss, step)
        if "relu" not in config.told and step.n >= _FEW:
            self._look_for_dead_units(step)

    def _look_at_loss(self, loss: float, step: Step) -> None:
        k = step.heads[0].classes
        if not isinstance(self.model.loss, CategoricalLoss) or k < 2:
            return
        guess = math.log(k)
        self._stuck = self._stuck + 1 if abs(loss - guess) < 0.005 * guess else 0
        if self._stuck >= 2 and self._steps >= _STEPS:
            config.teach(
                "stuck",
                f"after {self._steps} steps the loss is still {loss:.4f}, that of guessing among "
                f"{k} classes (log {k} = {guess:.4f}): nothing is learned. Look whether x and y "
                "belong together row by row, whether the inputs are scaled, whether the initial "
                "weights are all equal; then try another learning rate",
            )

    def _look_for_dead_units(self, step: Step) -> None:
        for node in self.model.graph().nodes:
            layer = node.layer
            if _acts_as(node) != "relu":
                continue
            y = step.passed.seen(node.output)
            # The axis of units is the last, or the second of images with channels first.
            axis = 1 if getattr(layer, "data_format", None) == "channels_first" else y.ndim - 1
            alive = np.asarray((y > 0).any(axis=tuple(i for i in range(y.ndim) if i != axis)))
            dead = int(len(alive) - alive.sum())
            if len(alive) >= 8 and dead >= 0.8 * len(alive):
                config.teach(
                    "relu",
                    f"{dead} of the {len(alive)} units of layer {layer.name!r} answered 0 to "
                    f"every one of the last {step.n} samples: dead ReLUs, which no gradient "
                    "reaches. Try a smaller learning rate, kernel_initializer='he_normal', or "
                    "LeakyReLU",
                )
                return
