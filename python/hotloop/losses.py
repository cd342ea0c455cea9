"""Losses: a number for outputs and targets, and its gradient.

``loss(y_true, y_pred, sample_weight)`` is Keras's order. By hand, ``loss.forward(y, t)`` answers
the loss and ``loss.backward()`` the gradient of what `forward` saw last. All reduce as Keras
does: the weighted sum over the samples, divided by their number.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hotloop.registry import deserialize, lookup
from hotloop.targets import class_targets, matching_targets

Array = NDArray[Any]
EPSILON = 1e-7


class Loss:
    """Base of all losses; a subclass writes `per_sample`.

    Parameters
    ----------
    name : str, optional
        Shown in logs; None is the class's own.
    reduction : str
        ``"sum_over_batch_size"`` or ``"sum"``.
    """

    _name = "loss"
    # Which activation in front of it the loss takes over when it is fused.
    fuses: ClassVar[str | None] = None
    from_logits = False

    def __init__(self, name: str | None = None, reduction: str = "sum_over_batch_size") -> None:
        if reduction not in ("sum_over_batch_size", "sum"):
            msg = f"{type(self).__name__}: reduction must be 'sum_over_batch_size' or 'sum'"
            raise ValueError(f"{msg}, got {reduction!r}")
        self.name = name or self._name
        self.reduction = reduction
        self._seen: tuple[Array, Array] | None = None

    # -- what subclasses write ---------------------------------------------------------------

    def targets(self, t: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        """Return targets as `per_sample` wants them; a ValueError when they do not fit."""
        return matching_targets(self.name, t, output_shape, dtype)

    def per_sample(self, y: Array, t: Array, gradient: bool) -> tuple[Array, Array | None]:
        """Return the loss of each sample ``(N,)`` and, if asked, its gradient by `y`."""
        raise NotImplementedError

    # -- what everybody uses -----------------------------------------------------------------

    def compute(
        self, y: Array, t: Array, sample_weight: Array | None = None, dy: Array | None = None
    ) -> float:
        """Return the reduced loss, and write its gradient to `dy` when given.

        Raises
        ------
        ValueError
            For an empty batch, whose mean does not exist.
        """
        n = y.shape[0]
        if n == 0:
            msg = f"{self.name}: the mean loss of an empty batch does not exist"
            raise ValueError(msg)
        values, gradient = self.per_sample(y, t, dy is not None)
        scale = 1.0 if self.reduction == "sum" else 1.0 / n
        if dy is not None and gradient is not None:
            factor: Any = np.asarray(scale, y.dtype)
            if sample_weight is not None:
                weights = sample_weight.reshape((n,) + (1,) * (y.ndim - 1))
                factor = weights * factor
            np.multiply(gradient, factor, out=dy)
        if sample_weight is not None:
            values = values * sample_weight
        return float(np.sum(values, dtype=np.float64) * scale)

    def forward(self, y: Any, t: Any) -> float:
        """Return the loss of outputs `y` for targets `t`, and keep both for `backward`."""
        outputs = as_outputs(self.name, y)
        self._seen = (outputs, self.targets(t, outputs.shape, outputs.dtype))
        return self.compute(*self._seen)

    def backward(self) -> Array:
        """Return the gradient of the last `forward` by its outputs.

        Raises
        ------
        RuntimeError
            Before any `forward`.
        """
        if self._seen is None:
            msg = f"{self.name}: backward needs a forward first"
            raise RuntimeError(msg)
        dy = np.empty_like(self._seen[0])
        self.compute(*self._seen, dy=dy)
        return dy

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Return the loss, in Keras's order of arguments."""
        outputs = as_outputs(self.name, y_pred)
        targets = self.targets(y_true, outputs.shape, outputs.dtype)
        weights = None if sample_weight is None else np.asarray(sample_weight, outputs.dtype)
        return self.compute(outputs, targets, weights)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this loss again."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Make a loss from the result of `get_config`."""
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what `forward` kept."""
        return {**vars(self), "_seen": None}


def as_outputs(name: str, y: Any) -> Array:
    """Return `y` as float32 or float64 of at least two axes, one sample becoming a batch."""
    outputs = np.asarray(y)
    if outputs.dtype not in (np.float32, np.float64):
        if outputs.dtype.kind not in "biuf":
            msg = f"{name}: outputs must be real numbers, got dtype {outputs.dtype}"
            raise TypeError(msg)
        outputs = outputs.astype(np.float64)
    return outputs.reshape(-1, 1) if outputs.ndim < 2 else outputs


def _over_samples(values: Array) -> Array:
    """Mean over all axes but the batch."""
    return values.reshape(values.shape[0], -1).mean(axis=1)


class MeanSquaredError(Loss):
    """``mean((y - t)^2)`` over each sample.

    Examples
    --------
    >>> loss = MeanSquaredError()
    >>> loss.forward([[1.0, 2.0]], [[0.0, 0.0]])
    2.5
    >>> loss.backward()
    array([[1., 2.]])
    """

    _name = "mean_squared_error"

    def per_sample(self, y: Array, t: Array, gradient: bool) -> tuple[Array, Array | None]:
        """Return squares' means and ``2 (y - t) / size``."""
        d = y - t
        size = max(1, d[0].size)
        return _over_samples(d * d), d * (2.0 / size) if gradient else None


class MeanAbsoluteError(Loss):
    """``mean(|y - t|)`` over each sample.

    Examples
    --------
    >>> MeanAbsoluteError().forward([[1.0, -3.0]], [[0.0, 0.0]])
    2.0
    """

    _name = "mean_absolute_error"

    def per_sample(self, y: Array, t: Array, gradient: bool) -> tuple[Array, Array | None]:
        """Return absolute values' means and ``sign(y - t) / size``."""
        d = y - t
        size = max(1, d[0].size)
        return _over_samples(np.abs(d)), np.sign(d) / size if gradient else None


class Huber(Loss):
    """Quadratic within `delta` of the target, linear beyond (Huber 1964).

    Parameters
    ----------
    delta : float
        Where the two meet.
    name, reduction : str
        As in `Loss`.

    Examples
    --------
    >>> Huber(delta=1.0).forward([[0.5], [3.0]], [[0.0], [0.0]])
    1.3125
    """

    _name = "huber_loss"

    def __init__(
        self,
        delta: float = 1.0,
        name: str | None = None,
        reduction: str = "sum_over_batch_size",
    ) -> None:
        super().__init__(name, reduction)
        self.delta = float(delta)

    def per_sample(self, y: Array, t: Array, gradient: bool) -> tuple[Array, Array | None]:
        """Return the means of the pieces, and the clipped difference / size."""
        d = y - t
        size = max(1, d[0].size)
        away = np.abs(d)
        values = np.where(
            away <= self.delta, 0.5 * d * d, self.delta * away - 0.5 * self.delta**2
        )
        slope = np.clip(d, -self.delta, self.delta) / size if gradient else None
        return _over_samples(values), slope

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this loss again."""
        return {"delta": self.delta, **super().get_config()}


class BinaryCrossentropy(Loss):
    """``-t log(p) - (1 - t) log(1 - p)``, the mean over each sample.

    Parameters
    ----------
    from_logits : bool
        Outputs are logits z, p = sigmoid(z); else probabilities, clipped to [1e-7, 1 - 1e-7].
    label_smoothing : float
        Targets become ``t (1 - s) + s / 2``.
    name, reduction : str
        As in `Loss`.

    Examples
    --------
    >>> round(BinaryCrossentropy().forward([[0.5], [0.5]], [[0.0], [1.0]]), 6)
    0.693147
    """

    _name = "binary_crossentropy"
    fuses = "sigmoid"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        name: str | None = None,
        reduction: str = "sum_over_batch_size",
    ) -> None:
        super().__init__(name, reduction)
        self.from_logits = bool(from_logits)
        self.label_smoothing = check_smoothing(self.name, label_smoothing)

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
                return _over_samples(values), None
            p = np.where(y >= 0, 1.0, e) / (1.0 + e)
            return _over_samples(values), ((p - t) / size).astype(y.dtype, copy=False)
        low, high = y.dtype.type(EPSILON), y.dtype.type(1.0 - EPSILON)
        p = np.clip(y, low, high)
        values = -(t * np.log(p) + (1.0 - t) * np.log1p(-p))
        if not gradient:
            return _over_samples(values), None
        inside = (y >= low) & (y <= high)
        return _over_samples(values), (p - t) / (p * (1.0 - p)) * (inside / y.dtype.type(size))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this loss again."""
        own = {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing}
        return {**own, **super().get_config()}


def check_smoothing(name: str, value: float) -> float:
    """Return the label smoothing; a ValueError outside [0, 1]."""
    if not 0.0 <= value <= 1.0:
        msg = f"{name}: label_smoothing must lie in [0, 1], got {value}"
        raise ValueError(msg)
    return float(value)


class _CategoricalBase(Loss):
    """Cross entropy over the last axis, from class ids or from rows."""

    fuses = "softmax"
    label_smoothing = 0.0

    def targets(self, t: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        """Return int64 ids or rows of `dtype`; a ValueError when they do not fit."""
        ids_or_rows = class_targets(self.name, t, output_shape, dtype)
        if not self.label_smoothing:
            return ids_or_rows
        k = output_shape[-1]
        if ids_or_rows.dtype == np.int64:
            ids_or_rows = np.eye(k, dtype=dtype)[ids_or_rows]
        return ids_or_rows * (1.0 - self.label_smoothing) + self.label_smoothing / k

    def per_sample(self, y: Array, t: Array, gradient: bool) -> tuple[Array, Array | None]:
        """Return the entropies and their gradient."""
        k = y.shape[-1]
        rows = y.reshape(-1, k)
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
        return _over_samples(values.reshape(len(y), -1)), slope if gradient else None


class SparseCategoricalCrossentropy(_CategoricalBase):
    """``-log p[t]`` for class ids t; rows of probabilities are taken too.

    Parameters
    ----------
    from_logits : bool
        Outputs are logits, p = softmax(logits); else probabilities, divided by their sum and
        clipped to [1e-7, 1 - 1e-7].
    name, reduction : str
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

    def __init__(
        self,
        from_logits: bool = False,
        name: str | None = None,
        reduction: str = "sum_over_batch_size",
    ) -> None:
        super().__init__(name, reduction)
        self.from_logits = bool(from_logits)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this loss again."""
        return {"from_logits": self.from_logits, **super().get_config()}


class CategoricalCrossentropy(_CategoricalBase):
    """``-sum t log p`` for rows t of class probabilities; class ids are taken too.

    Parameters
    ----------
    from_logits : bool
        Outputs are logits, p = softmax(logits); else probabilities, divided by their sum and
        clipped to [1e-7, 1 - 1e-7].
    label_smoothing : float
        Targets become ``t (1 - s) + s / K``.
    name, reduction : str
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

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        name: str | None = None,
        reduction: str = "sum_over_batch_size",
    ) -> None:
        super().__init__(name, reduction)
        self.from_logits = bool(from_logits)
        self.label_smoothing = check_smoothing(self.name, label_smoothing)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this loss again."""
        own = {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing}
        return {**own, **super().get_config()}


CLASSES: dict[str, type[Loss]] = {
    cls.__name__: cls
    for cls in (
        SparseCategoricalCrossentropy,
        CategoricalCrossentropy,
        BinaryCrossentropy,
        MeanSquaredError,
        MeanAbsoluteError,
        Huber,
    )
}
_STRINGS: dict[str, type[Loss]] = {
    **{cls._name: cls for cls in CLASSES.values()},
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "huber": Huber,
}


def get(identifier: Any) -> Loss:
    """Return the loss that a string, a description, a class or a loss stands for.

    Parameters
    ----------
    identifier : str, dict, class or Loss
        ``"mse"``, ``"sparse_categorical_crossentropy"`` ...

    Raises
    ------
    ValueError
        For an unknown name; the text lists the valid ones.
    TypeError
        For anything else.

    Examples
    --------
    >>> get("mse").name
    'mean_squared_error'
    """
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, str):
        cls = CLASSES.get(identifier)
        return (cls or lookup("loss", identifier, _STRINGS))()
    if isinstance(identifier, dict):
        made: Loss = deserialize("loss", identifier, CLASSES)
        return made
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    msg = f"a loss must be a name or a hotloop.losses.Loss, got {identifier!r}"
    raise TypeError(msg)
