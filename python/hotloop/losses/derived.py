"""Losses over `hotloop.ops`: their gradient is derived, and the loss of a tensor is a tensor."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from hotloop import _core
from hotloop.autodiff import elementwise, reductions, shapes
from hotloop.autodiff.backward import one
from hotloop.autodiff.rule import TensorBase, run
from hotloop.autodiff.tensor import Tensor
from hotloop.data.targets import check_range

Array = NDArray[Any]


class LossLike(Protocol):
    """What is asked of a loss here."""

    name: str
    reduction: str | None
    counts_ids: ClassVar[bool]

    @property
    def trains(self) -> Any:
        """The call of the core that computes loss and gradient of rows, or None."""

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
    rank, dtype = y_pred.ndim, y_pred.dtype
    plain = sample_weight is None and loss.reduction == "sum_over_batch_size"
    if plain and loss.trains is not None and rank == 2 and dtype.kind == "f":
        targets = _for_core(loss, y_true, y_pred)
        if targets is not None:
            call: Any = _CoreLoss(loss)
            return run(call, y_pred, targets)
    if plain and hasattr(loss, "call") and len(y_pred):
        return _over_ops(loss, y_true, y_pred)
    call = _LossCall(loss)
    given = (y_pred, y_true) if sample_weight is None else (y_pred, y_true, sample_weight)
    return run(call, *given)


def _over_ops(loss: Any, y_true: Any, y_pred: Any) -> Any:
    """Return a loss that is written over `hotloop.ops` by the operations that it consists of."""
    outputs = y_pred if y_pred.ndim > 1 else shapes.reshape(y_pred, shape=(-1, 1))
    targets = y_true
    if not isinstance(y_true, TensorBase):
        targets = loss.targets(np.asarray(y_true), outputs.shape, outputs.dtype)
    elif targets.size == outputs.size:
        targets = elementwise.cast(targets, dtype=outputs.dtype.name)
        targets = shapes.reshape(targets, shape=outputs.shape)
    values: Any = loss.call(targets, outputs)
    if not isinstance(values, TensorBase):
        values = Tensor(np.asarray(values, outputs.dtype))
    rank, n = len(values.shape), outputs.shape[0]
    if rank and values.shape[0] not in (1, n):
        msg = (
            f"{loss.name}: the function must answer a loss for each of {n} samples, or one number, "
            f"got shape {values.shape}"
        )
        raise ValueError(msg)
    return reductions.mean(values, axis=None, keepdims=False) if rank else values


def _for_core(loss: LossLike, y_true: Any, y_pred: Any) -> Any:
    """Return targets that the core takes for outputs (N, K): ids as int64, or rows; else None."""
    t: Any = y_true if isinstance(y_true, TensorBase) else np.asarray(y_true)
    n, k = y_pred.shape
    if t.shape == (n, k) and t.dtype == y_pred.dtype and n:
        return t
    if not loss.counts_ids or t.dtype.kind not in "iu" or t.shape not in ((n,), (n, 1)) or not n:
        return None
    ids = t if t.dtype == np.int64 else elementwise.cast(t, dtype="int64")
    return ids if len(t.shape) == 1 else shapes.reshape(ids, shape=(n,))


class _CoreLoss:
    """Stands as the rule of a loss that one call of the core computes with its gradient."""

    how = "core"
    how_back = "look"

    def __init__(self, loss: LossLike) -> None:
        self.loss, self.name = loss, loss.name

    def forward(self, saved: Any, y: Array, t: Array) -> Array:
        """Return the loss; labels outside the classes are a ValueError."""
        y, t = np.ascontiguousarray(y), np.ascontiguousarray(t)
        total = np.zeros(1, np.float64)
        saved.slope = np.empty(y.shape, y.dtype) if saved.needs[0] else None
        assert self.loss.trains is not None
        self.loss.trains(y, t, total, saved.slope)
        answer = _core.gather_rows(total, None, np.empty(1, y.dtype)).reshape(())
        saved.check = total, partial(self._check, t, y.shape[-1])
        if np.isnan(total[0]):
            self._check(t, y.shape[-1])
        return answer

    def _check(self, t: Array, classes: int) -> None:
        if t.dtype == np.int64:
            check_range(self.name, t, classes)

    @staticmethod
    def backward(saved: Any, dy: Array) -> tuple[Array | None, ...]:
        """Scale the gradient that the forward made; a way back mostly starts with 1."""
        return saved.slope if dy is one(dy.dtype) else saved.slope * dy, None


class _LossCall:
    """Stands as the rule of any other loss."""

    def __init__(self, loss: LossLike) -> None:
        self.loss, self.name = loss, loss.name
        self.how = "python"

    def forward(self, saved: Any, y: Array, t: Any, weights: Any = None) -> Array:
        """Return the loss, reduced as it says."""
        outputs = y.reshape(-1, 1) if y.ndim < 2 else y
        targets = self.loss.targets(np.asarray(t), outputs.shape, outputs.dtype)
        if weights is not None:
            n = len(outputs)
            weights = np.broadcast_to(np.asarray(weights, outputs.dtype).reshape(-1), (n,))
        saved.shape, saved.slope = y.shape, np.empty_like(outputs)
        value = self.loss.compute(outputs, targets, weights, saved.slope)
        return np.asarray(value, outputs.dtype)

    @staticmethod
    def backward(saved: Any, dy: Array) -> tuple[Array | None, ...]:
        """Scale the gradient that the forward made."""
        return (saved.slope * dy).reshape(saved.shape), *(None,) * (len(saved.needs) - 1)


class _LossValues:
    """Stands as the rule of a loss of which every row is wanted."""

    how = "python"

    def __init__(self, loss: LossLike) -> None:
        self.loss, self.name = loss, loss.name

    def forward(self, saved: Any, y: Array, t: Any) -> Array:
        """Return the loss of every row."""
        outputs = y.reshape(-1, 1) if y.ndim < 2 else y
        targets = self.loss.targets(np.asarray(t), outputs.shape, outputs.dtype)
        lead, k = outputs.shape[:-1], outputs.shape[-1]
        rows = targets.reshape(-1) if targets.ndim < outputs.ndim else targets.reshape(-1, k)
        values, saved.slope = self.loss.per_sample(outputs.reshape(-1, k), rows, True)
        saved.shape = y.shape
        return np.asarray(values.reshape(lead), outputs.dtype)

    @staticmethod
    def backward(saved: Any, dy: Array) -> tuple[Array | None, ...]:
        """Scale the gradients that the forward made."""
        return (saved.slope * dy.reshape(-1, 1)).reshape(saved.shape), None


def values_on_tensor(loss: LossLike, y_true: Any, y_pred: Any) -> Any:
    """Return the loss of every row of a tensor as a tensor, nothing reduced over the batch."""
    call: Any = _LossValues(loss)
    return run(call, y_pred, y_true)
