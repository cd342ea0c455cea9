"""Losses over `hotloop.ops`: their gradient is derived, and the loss of a tensor is a tensor."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hotloop.autodiff.rule import TensorBase, remembered
from hotloop.autodiff.tensor import Tensor

Array = NDArray[Any]


class LossLike(Protocol):
    """What is asked of a loss here."""

    name: str

    def targets(self, t: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        """Return targets as `per_sample` wants them."""

    def per_sample(self, y: Array, t: Array, gradient: bool) -> tuple[Array, Array | None]:
        """Return the loss of each sample, and its gradient."""

    def compute(
        self, y: Array, t: Array, sample_weight: Array | None = None, dy: Array | None = None
    ) -> float:
        """Return the reduced loss, and write its gradient to `dy`."""


def over_samples(values: Array) -> Array:
    """Mean over all axes but the batch."""
    means: Array = values.reshape(values.shape[0], -1).mean(axis=1)
    return means


def free_targets(name: str, t: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
    """Return targets for a function: in the outputs' shape, or class ids as they came.

    Raises
    ------
    TypeError
        For targets that are no real numbers.
    ValueError
        For another number of samples, and shapes that do not fit the outputs.
    """
    array = np.asarray(t)
    if array.dtype.kind not in "biuf":
        msg = f"{name}: targets must be real numbers, got dtype {array.dtype}"
        raise TypeError(msg)
    n = output_shape[0]
    if array.ndim == 0 or len(array) != n:
        msg = f"{name}: {n} outputs need as many targets, got shape {array.shape}"
        raise ValueError(msg)
    if array.size == math.prod(output_shape):
        return array.reshape(output_shape).astype(dtype)
    if array.size == math.prod(output_shape[:-1]) and array.dtype.kind in "iu":
        return array.reshape(output_shape[:-1]).astype(np.int64)
    msg = f"{name}: targets of shape {array.shape} do not fit outputs of {output_shape}"
    raise ValueError(msg)


def derived(
    name: str, fn: Callable[[Any, Any], Any], y: Array, t: Array, gradient: bool
) -> tuple[Array, Array | None]:
    """Return what ``fn(t, y)`` answers, a number for each sample, and its gradient by `y`.

    Raises
    ------
    ValueError
        When the answer is neither one number nor one part for each sample.
    """
    n = len(y)
    tensor = Tensor(y, requires_grad=gradient)
    answer = fn(t, tensor)
    if not isinstance(answer, Tensor):
        answer = Tensor(np.asarray(answer, dtype=y.dtype))
    values = np.asarray(answer.numpy(), dtype=y.dtype)
    whole = values.ndim == 0 or (values.ndim == 1 and values.shape[0] == 1 != n)
    if not whole and values.shape[0] != n:
        msg = (
            f"{name}: the function must answer a loss for each of {n} samples, or one number, got "
            f"shape {values.shape}"
        )
        raise ValueError(msg)
    per = np.full(n, values.reshape(-1)[0], y.dtype) if whole else over_samples(values)
    if not gradient:
        return per, None
    slope = np.zeros_like(y)
    if answer.requires_grad:
        weight = float(n) if whole else n / max(1, values.size)
        answer.backward(np.full(values.shape, weight, y.dtype))
        if tensor.grad is not None:
            slope = np.asarray(tensor.grad, y.dtype)
    return per, slope


def on_tensor(loss: LossLike, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
    """Return a loss of a tensor as a tensor, reduced as the loss says.

    Raises
    ------
    TypeError
        When the targets require a gradient: only outputs have one.
    """
    if isinstance(y_true, TensorBase) and y_true.requires_grad:
        msg = (
            f"{loss.name}: the targets (y_true) require a gradient, but losses have one for the "
            "outputs (y_pred) alone; use ops.stop_gradient on the targets, or write the loss with ops"
        )
        raise TypeError(msg)
    shape = y_pred.shape
    outputs = y_pred.data.reshape(-1, 1) if y_pred.ndim < 2 else y_pred.data
    targets = loss.targets(np.asarray(y_true), outputs.shape, outputs.dtype)
    weights = None
    if sample_weight is not None:
        n = len(outputs)
        weights = np.broadcast_to(np.asarray(sample_weight, outputs.dtype).reshape(-1), (n,))
    slope = np.empty_like(outputs)
    value = np.asarray(loss.compute(outputs, targets, weights, slope), outputs.dtype)
    return remembered(loss.name, y_pred, value, lambda dy: (slope * dy).reshape(shape))


def values_on_tensor(loss: LossLike, y_true: Any, y_pred: Any) -> Any:
    """Return the loss of every row of a tensor as a tensor, nothing reduced over the batch."""
    outputs = y_pred.data.reshape(-1, 1) if y_pred.ndim < 2 else y_pred.data
    targets = loss.targets(np.asarray(y_true), outputs.shape, outputs.dtype)
    lead, k = outputs.shape[:-1], outputs.shape[-1]
    rows = targets.reshape(-1) if targets.ndim < outputs.ndim else targets.reshape(-1, k)
    values, slope = loss.per_sample(outputs.reshape(-1, k), rows, True)
    assert slope is not None
    answer = np.asarray(values.reshape(lead), outputs.dtype)

    def backward(dy: Array) -> Array:
        return (slope * dy.reshape(-1, 1)).reshape(y_pred.shape)

    return remembered(loss.name, y_pred, answer, backward)
