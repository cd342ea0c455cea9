"""Cross entropies, binary and categorical, from probabilities and from logits."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from hotloop import _core
from hotloop._support.arguments import number, whole
from hotloop.data.targets import class_targets
from hotloop.losses.base import Array, Loss
from hotloop.losses.derived import over_samples
from hotloop.losses.formula import axis_of

EPSILON = 1e-7
_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")


class BinaryCrossentropy(Loss, builtin=True):
    """``-t log(p) - (1 - t) log(1 - p)``, the mean over each sample.

    Parameters
    ----------
    from_logits : bool
        Outputs are logits z, p = sigmoid(z); else probabilities, clipped to [1e-7, 1 - 1e-7].
    label_smoothing : float
        Targets become ``t (1 - s) + s / 2``.
    axis : int
        Accepted as Keras does: the mean is taken over each sample whole.
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> round(BinaryCrossentropy().forward([[0.5], [0.5]], [[0.0], [1.0]]), 6)
    0.693147
    """

    _name = "binary_crossentropy"
    fuses = "sigmoid"
    kernel = "binary_cross_entropy"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = bool(from_logits)
        self.label_smoothing = check_smoothing(self.name, label_smoothing)
        self.axis = axis_of(self.name, axis)

    @property
    def kernel_parameter(self) -> float:  # type: ignore[override]
        """The label smoothing."""
        return self.label_smoothing

    def per_sample(self, y: Array, t: Array, gradient: bool) -> tuple[Array, Array | None]:
        """Return the entropies' means and their gradient."""
        return self.with_logits(y, t, gradient, self.from_logits)

    def with_logits(
        self, y: Array, t: Array, gradient: bool, logits: bool
    ) -> tuple[Array, Array | None]:
        """Return the entropies' means and gradient, of logits or of probabilities."""
        s = self.label_smoothing
        t = t * (1.0 - s) + 0.5 * s if s else t
        size = max(1, y[0].size)
        if logits:
            # log(1 + exp(z)) - t z, without overflow
            e = np.exp(-np.abs(y))
            values = np.maximum(y, 0.0) - y * t + np.log1p(e)
            if not gradient:
                return over_samples(values), None
            p = np.where(y >= 0, 1.0, e) / (1.0 + e)
            return over_samples(values), ((p - t) / size).astype(y.dtype, copy=False)
        low, high = y.dtype.type(EPSILON), y.dtype.type(1.0 - EPSILON)
        p = np.clip(y, low, high)
        values = -(t * np.log(p) + (1.0 - t) * np.log1p(-p))
        if not gradient:
            return over_samples(values), None
        inside = (y >= low) & (y <= high)
        return over_samples(values), (p - t) / (p * (1.0 - p)) * (inside / y.dtype.type(size))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this loss again."""
        own = {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing}
        return {**own, "axis": self.axis, **super().get_config()}


def check_smoothing(name: str, value: float) -> float:
    """Return the label smoothing; a ValueError outside [0, 1]."""
    return number(name, "label_smoothing", value, "lie in [0, 1]", lambda s: 0.0 <= s <= 1.0)


class CategoricalLoss(Loss, builtin=True):
    """Cross entropy over the last axis, from class ids or from rows."""

    fuses: ClassVar[str | None] = "softmax"
    counts_ids = True
    axis = -1

    @property
    def trains(self) -> Any:
        """The core's softmax with cross entropy, for logits without label smoothing."""
        return None if self.label_smoothing else super().trains

    def _train(self, y: Array, t: Array, total: Array, dy: Array | None) -> None:
        correct = np.zeros(1, np.int64)
        _core.softmax_cross_entropy_train(y, t, None, total, correct, None, dy)

    def targets(self, t: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        """Return int64 ids or smoothed rows of `dtype`; a ValueError when they do not fit."""
        if self.axis not in (-1, len(output_shape) - 1):
            msg = (
                f"{self.name}: the classes must lie along the last axis of outputs {output_shape}, got "
                f"axis {self.axis}; move it there, as ops.moveaxis does"
            )
            raise ValueError(msg)
        ids_or_rows = class_targets(self.name, t, output_shape, dtype)
        if not self.label_smoothing or ids_or_rows.dtype == np.int64:
            return ids_or_rows  # ids become rows batch by batch
        s = self.label_smoothing
        return ids_or_rows * (1.0 - s) + s / output_shape[-1]

    def rows_of(self, ids: Array, out: Array) -> Array:
        """Write the smoothed rows of class ids to `out` ``(..., K)`` and return it."""
        out[...] = self.label_smoothing / out.shape[-1]
        flat = out.reshape(-1, out.shape[-1])
        flat[np.arange(len(flat)), ids.reshape(-1)] += 1.0 - self.label_smoothing
        return out

    def per_sample(self, y: Array, t: Array, gradient: bool) -> tuple[Array, Array | None]:
        """Return the entropies and their gradient."""
        k = y.shape[-1]
        rows = y.reshape(-1, k)
        if self.label_smoothing and t.dtype == np.int64:
            t = self.rows_of(t, np.empty_like(y))
        ids = t.dtype == np.int64
        t = t.reshape(-1) if ids else t.reshape(-1, k)
        places = (np.arange(len(rows)), t) if ids else None
        if self.from_logits:
            shifted = rows - rows.max(axis=1, keepdims=True)
            e = np.exp(shifted)
            total = e.sum(axis=1, keepdims=True)
            logs = shifted - np.log(total)
        else:
            total = rows.sum(axis=1, keepdims=True)
            share = rows / total
            low, high = y.dtype.type(EPSILON), y.dtype.type(1.0 - EPSILON)
            clipped = np.clip(share, low, high)
            logs = np.log(clipped)
        values = -logs[places] if places is not None else -(t * logs).sum(axis=1)
        inner = max(1, len(rows) // max(1, len(y)))
        if gradient:
            target: Array = t
            if places is not None:
                target = np.zeros_like(rows)
                target[places] = 1.0
            if self.from_logits:
                slope = e / total * target.sum(axis=1, keepdims=True) - target
            else:
                direct = -target / clipped * ((share >= low) & (share <= high))
                slope = (direct - (direct * share).sum(axis=1, keepdims=True)) / total
            slope = (slope / y.dtype.type(inner)).reshape(y.shape)
        return over_samples(values.reshape(len(y), -1)), slope if gradient else None


class SparseCategoricalCrossentropy(CategoricalLoss, builtin=True):
    """``-log p[t]`` for class ids t; rows of probabilities are taken too.

    Parameters
    ----------
    from_logits : bool
        Outputs are logits, p = softmax(logits); else probabilities, divided by their sum and
        clipped to [1e-7, 1 - 1e-7].
    ignore_class : int, optional
        Targets of this id do not count: the mean is over the others of the batch.
    axis : int
        Of the classes: the last one.
    name, reduction, dtype
        As in `Loss`.

    Raises
    ------
    ValueError
        For ids outside the classes and targets that do not fit.

    Examples
    --------
    >>> loss = SparseCategoricalCrossentropy()
    >>> round(loss.forward([[0.25, 0.75]], [1]), 6)
    0.287682
    """

    _name = "sparse_categorical_crossentropy"
    kernel = "softmax_cross_entropy"

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = bool(from_logits)
        self.ignore_class = (
            None if ignore_class is None else whole(self.name, "ignore_class", ignore_class)
        )
        self.axis = axis_of(self.name, axis)

    @property
    def leaves_out(self) -> bool:
        """Whether some targets do not count."""
        return self.ignore_class is not None

    def kernel_applies(self, logits: bool) -> bool:
        """Whether the core computes this loss: not where targets are left out."""
        return super().kernel_applies(logits) and not self.leaves_out

    def targets(self, t: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        """Return class ids; with `ignore_class` rows, of zeros where a target does not count."""
        if self.ignore_class is None:
            return super().targets(t, output_shape, dtype)
        given = np.asarray(t)
        if given.shape == output_shape and given.shape[-1] > 1:
            return given.astype(dtype)  # rows already
        left_out = given == self.ignore_class
        ids = super().targets(np.where(left_out, 0, given), output_shape, dtype)
        rows: Array = (np.arange(output_shape[-1]) == ids[..., None]).astype(dtype)
        rows[left_out.reshape(ids.shape)] = 0
        return rows

    def per_sample(self, y: Array, t: Array, gradient: bool) -> tuple[Array, Array | None]:
        """Return the entropies and their gradient, over the targets that count."""
        values, slope = super().per_sample(y, t, gradient)
        if self.ignore_class is None or self.reduction not in _MEANS:
            return values, slope
        counted = self._counted(t, y)
        scale: Any = y.dtype.type(1.0 / max(float(counted.mean()), 1.0 / max(1, t.size)))
        if self.reduction == "mean_with_sample_weight":
            scale = np.divide(1.0, counted, out=np.zeros_like(counted), where=counted > 0)
        if slope is not None:
            slope = slope * np.reshape(scale, np.shape(scale) + (1,) * (y.ndim - np.ndim(scale)))
        return values * scale, slope

    def compute(
        self, y: Array, t: Array, sample_weight: Array | None = None, dy: Array | None = None
    ) -> float:
        """Return the reduced loss; a mean over weights leaves those of ignored targets out."""
        if self.leaves_out and self.reduction == "mean_with_sample_weight":
            counted = self._counted(t, y)
            sample_weight = counted if sample_weight is None else sample_weight * counted
        return super().compute(y, t, sample_weight, dy)

    @staticmethod
    def _counted(t: Array, y: Array) -> Array:
        """Return which share of each sample's targets counts."""
        share: Array = t.any(axis=-1).reshape(len(t), -1).mean(axis=1).astype(y.dtype)
        return share

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this loss again."""
        own = {"from_logits": self.from_logits, "ignore_class": self.ignore_class}
        return {**own, "axis": self.axis, **super().get_config()}


class CategoricalCrossentropy(CategoricalLoss, builtin=True):
    """``-sum t log p`` for rows t of class probabilities; class ids are taken too.

    Parameters
    ----------
    from_logits : bool
        Outputs are logits, p = softmax(logits); else probabilities, divided by their sum and
        clipped to [1e-7, 1 - 1e-7].
    label_smoothing : float
        Targets become ``t (1 - s) + s / K``.
    axis : int
        Of the classes: the last one.
    name, reduction, dtype
        As in `Loss`.

    Raises
    ------
    ValueError
        For targets that do not fit.

    Examples
    --------
    >>> loss = CategoricalCrossentropy()
    >>> round(loss.forward([[0.25, 0.75]], [[0.0, 1.0]]), 6)
    0.287682
    """

    _name = "categorical_crossentropy"
    kernel = "softmax_cross_entropy"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = bool(from_logits)
        self.label_smoothing = check_smoothing(self.name, label_smoothing)
        self.axis = axis_of(self.name, axis)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this loss again."""
        own = {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing}
        return {**own, "axis": self.axis, **super().get_config()}


class NLL(CategoricalLoss, builtin=True):
    """``-y[t]`` for log-probabilities y and class ids t, or ``-sum t y`` for rows t.

    The loss for a model that ends in a log-softmax (PyTorch's ``NLLLoss``); no output is clipped.

    Parameters
    ----------
    name, reduction, dtype
        As in `Loss`.

    Raises
    ------
    ValueError
        For ids outside the classes and targets that do not fit.

    Examples
    --------
    >>> loss = NLL()
    >>> loss.forward([[-0.25, -1.5], [-2.0, -0.5]], [1, 1])
    1.0
    >>> loss.backward()
    array([[ 0. , -0.5],
           [ 0. , -0.5]])
    """

    _name = "nll"
    fuses = None

    def per_sample(self, y: Array, t: Array, gradient: bool) -> tuple[Array, Array | None]:
        """Return minus the log-probabilities, and their gradient."""
        k = y.shape[-1]
        if t.dtype == np.int64:
            rows = np.zeros((t.size, k), y.dtype)
            rows[np.arange(t.size), t.reshape(-1)] = 1.0
            target = rows.reshape(y.shape)
            values = -np.take_along_axis(y, t[..., None], axis=-1)[..., 0]
        else:
            target = t
            values = -(t * y).sum(axis=-1)
        inner = max(1, y.size // max(1, len(y) * k))
        slope = 0.0 - target * y.dtype.type(1.0 / inner) if gradient else None
        return over_samples(values.reshape(len(y), -1)), slope
