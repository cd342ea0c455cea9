"""One training step, in plain NumPy from ``hotloop.reference`` and with a model of the library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import hotloop
from hotloop import reference
from hotloop._bench.workloads import (
    Array,
    Workload,
    from_channels_first,
    to_channels_first,
)


class NumpyStep:
    """Train a workload by hand with the functions of ``hotloop.reference``, images channels-first.

    Parameters
    ----------
    workload
        The network; its last layer gives the logits of a softmax cross entropy.
    weights
        Kernel, bias, kernel, bias ... in canonical layout; copied.
    dtype
        The floating type to compute in; the type of the workload if absent.
    """

    def __init__(
        self, workload: Workload, weights: Sequence[Array], dtype: str | None = None
    ) -> None:
        self._ops: Any = reference
        self._workload = workload
        self._dtype = np.dtype(dtype or workload.dtype)
        self._weights = [w.astype(self._dtype) for w in to_channels_first(workload, weights)]
        slots = {"adam": 2, "rmsprop": 1, "sgd": int("momentum" in workload.optimizer)}
        count = slots[workload.optimizer["name"]]
        self._slots = [[np.zeros_like(w) for _ in range(count)] for w in self._weights]
        self._iteration = 0

    def weights(self) -> list[Array]:
        """Give the current weights in canonical layout, as copies."""
        return from_channels_first(self._workload, self._weights)

    def __call__(self, x: Array, labels: Array) -> float:
        """Run one step on a batch (images as (N, C, H, W)) and give its loss."""
        ops = self._ops
        kept: list[tuple[Array, Any]] = []
        h = x
        weights = iter(self._weights)
        for layer in self._workload.layers:
            before, extra = h, None
            if layer["kind"] == "dense":
                h = ops.affine(h, next(weights), next(weights), activation=layer["activation"])
            elif layer["kind"] == "conv":
                activation = layer["activation"]
                h = ops.conv2d(
                    h, next(weights), next(weights), activation=activation, **_geometry(layer)
                )
            elif layer["kind"] == "max_pool":
                h, extra = ops.max_pool2d(h, layer["size"])
            else:
                h = h.reshape(len(h), -1)
            kept.append((before, extra))
        loss, probs = ops.softmax_cross_entropy(h, labels)
        self._update(self._gradients(ops.softmax_cross_entropy_backward(probs, labels), kept, h))
        return float(loss)

    def _gradients(self, dy: Array, kept: list[tuple[Array, Any]], out: Array) -> list[Array]:
        ops = self._ops
        gradients: list[Array] = []
        kernels = iter(self._weights[-2::-2])
        first = next(i for i, s in enumerate(self._workload.layers) if "activation" in s)
        for index in range(len(kept) - 1, -1, -1):
            layer = self._workload.layers[index]
            before, extra = kept[index]
            if layer.get("activation"):
                dy = getattr(ops, layer["activation"] + "_backward")(dy, out)
            need = index > first
            if layer["kind"] == "dense":
                dy, dw, db = ops.affine_backward(dy, before, next(kernels), need_dx=need)
                gradients += [db, dw]
            elif layer["kind"] == "conv":
                dy, dw, db = ops.conv2d_backward(
                    dy, before, next(kernels), need_dx=need, **_geometry(layer)
                )
                gradients += [db, dw]
            elif layer["kind"] == "max_pool":
                dy = ops.max_pool2d_backward(dy, extra, before.shape)
            else:
                dy = dy.reshape(before.shape)
            if index == first:
                break
            out = before
        return gradients[::-1]

    def _update(self, gradients: list[Array]) -> None:
        ops, optimizer = self._ops, self._workload.optimizer
        self._iteration += 1
        lr = optimizer["lr"]
        for param, grad, slots in zip(self._weights, gradients, self._slots, strict=True):
            if optimizer["name"] == "adam":
                ops.adam_update(
                    param, grad, *slots, lr=lr, step=self._iteration, eps=optimizer["eps"]
                )
            elif optimizer["name"] == "rmsprop":
                ops.rmsprop_update(param, grad, *slots, lr=lr, eps=optimizer["eps"])
            elif slots:
                ops.momentum_update(param, grad, *slots, lr=lr, momentum=optimizer["momentum"])
            else:
                ops.sgd_update(param, grad, lr=lr)


def _geometry(layer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: layer[name] for name in ("stride", "padding", "dilation", "groups")}


def build_model(keras: Any, workload: Workload, *, is_keras: bool = False) -> Any:
    """Build and compile the workload with a Keras-shaped library, hotloop or Keras itself.

    Keras knows no padding in pixels, so it gets ``"same"`` where that is the same padding, else a
    layer that pads; and it takes the loss from logits, which is its faster form.
    """
    layers = keras.layers
    model = keras.Sequential([layers.Input(shape=workload.input_shape)])
    for layer in workload.layers:
        if layer["kind"] == "dense":
            last = layer is workload.layers[-1]
            activation = "softmax" if last and not is_keras else layer["activation"]
            model.add(layers.Dense(layer["units"], activation=activation))
        elif layer["kind"] == "conv":
            padding: Any = layer["padding"]
            if is_keras:
                same = layer["stride"] == 1 and 2 * padding == layer["dilation"] * (
                    layer["kernel"] - 1
                )
                if padding and not same:
                    model.add(layers.ZeroPadding2D(padding))
                padding = "same" if padding and same else "valid"
            model.add(
                layers.Conv2D(
                    layer["filters"],
                    layer["kernel"],
                    strides=layer["stride"],
                    padding=padding,
                    dilation_rate=layer["dilation"],
                    groups=layer["groups"],
                    activation=layer["activation"],
                )
            )
        elif layer["kind"] == "max_pool":
            model.add(layers.MaxPool2D(layer["size"]))
        else:
            model.add(layers.Flatten())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=is_keras)
    model.compile(optimizer=_optimizer(keras, workload), loss=loss)
    return model


def _optimizer(keras: Any, workload: Workload) -> Any:
    options = workload.optimizer
    if options["name"] == "adam":
        return keras.optimizers.Adam(options["lr"], epsilon=options["eps"])
    if options["name"] == "rmsprop":
        return keras.optimizers.RMSprop(options["lr"], epsilon=options["eps"])
    return keras.optimizers.SGD(options["lr"], momentum=options.get("momentum", 0.0))


def numpy_step(
    workload: Workload, dtype: str | None = None
) -> tuple[Callable[[], float], NumpyStep]:
    """Make the NumPy step of a workload on its own weights and batch, ready to be timed."""
    stepper = NumpyStep(workload, workload.make_weights(), dtype)
    x, labels = workload.make_batch()
    if x.ndim == 4:
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    x = x.astype(dtype or workload.dtype)
    return lambda: stepper(x, labels), stepper


def hotloop_step(workload: Workload) -> tuple[Callable[[], float], Any]:
    """Make ``train_on_batch`` of a hotloop model on the weights and batch of ``numpy_step``."""
    model = build_model(hotloop, workload)
    model.set_weights(workload.make_weights())
    x, labels = workload.make_batch()
    return lambda: float(np.ravel(model.train_on_batch(x, labels))[0]), model
