"""Cross entropies for classes that are rare, or labels that are wrong at times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop._support.arguments import number
from hotloop._support.quoting import quoted
from hotloop.autodiff import elementwise as e
from hotloop.autodiff.nn import softmax
from hotloop.autodiff.reductions import mean, sum_
from hotloop.data.targets import as_ids, check_range, class_targets
from hotloop.losses.crossentropy import check_smoothing
from hotloop.losses.formula import EPSILON, FormulaLoss, axis_of, outputs, pair

Array = NDArray[Any]


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return the mean of ``(1 - p_t)^gamma`` times the binary cross entropy along an axis.

    ``p_t = t p + (1 - t) (1 - p)``; with `apply_class_balancing` also times ``alpha t + (1 - alpha) (1 - t)``.

    Examples
    --------
    >>> binary_focal_crossentropy([[1.0, 0.0]], [[0.5, 0.5]]).round(6)
    array([0.173287])
    """
    t, y = pair(y_true, y_pred)
    t = t * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else t
    p = e.sigmoid(y) if from_logits else y
    clipped = e.clip(p, EPSILON, 1.0 - EPSILON)
    entropy = -(t * e.log(clipped) + (1.0 - t) * e.log(1.0 - clipped))
    right = t * p + (1.0 - t) * (1.0 - p)
    entropy = e.power(1.0 - right, gamma) * entropy
    if apply_class_balancing:
        entropy = (t * alpha + (1.0 - t) * (1.0 - alpha)) * entropy
    return mean(entropy, axis=axis, keepdims=False)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return ``-sum(alpha (1 - p)^gamma t log p)`` along an axis.

    Examples
    --------
    >>> categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).round(6)
    array([0.043322])
    """
    t, y = pair(y_true, y_pred)
    if label_smoothing:
        t = t * (1.0 - label_smoothing) + label_smoothing / t.shape[-1]
    p = softmax(y, axis=axis) if from_logits else y
    p = e.clip(p / sum_(p, axis=axis, keepdims=True), EPSILON, 1.0 - EPSILON)
    try:
        weight = np.asarray(alpha, p.dtype)
    except (TypeError, ValueError):
        msg = f"categorical_focal_crossentropy: alpha must be a number or one for each class, got {quoted(alpha)}"
        raise ValueError(msg) from None
    values = e.power(1.0 - p, gamma) * weight * t * e.log(p)
    return -sum_(values, axis=axis, keepdims=False)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float = 0.5) -> Any:
    """Return ``(1 - p[t]^q) / q`` for class ids t (Zhang and Sabuncu, NeurIPS 2018).

    Examples
    --------
    >>> categorical_generalized_cross_entropy([1], [[0.75, 0.25]])
    array([1.])
    """
    y = outputs(y_pred)
    ids = np.asarray(y_true)
    if ids.shape != y.shape[:-1]:
        ids = ids.reshape(y.shape[:-1])
    ids = as_ids("categorical_generalized_cross_entropy", ids)
    check_range("categorical_generalized_cross_entropy", ids, y.shape[-1])
    rows = (np.arange(y.shape[-1]) == ids[..., None]).astype(y.dtype)
    p = sum_(y * rows, axis=-1, keepdims=False)
    return (1.0 - e.power(p, q)) / q


class BinaryFocalCrossentropy(FormulaLoss, builtin=True):
    """Binary cross entropy times ``(1 - p_t)^gamma``, which looks at what is wrong (Lin et al. 2017).

    Parameters
    ----------
    apply_class_balancing : bool
        Whether `alpha` weighs the classes.
    alpha, gamma : float
        Weight of class 1, and the exponent.
    from_logits, label_smoothing
        As in `BinaryCrossentropy`.
    axis : int
        Along which the mean is taken.
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> round(BinaryFocalCrossentropy()([[1.0, 0.0]], [[0.5, 0.5]]), 6)
    0.173287
    """

    _name = "binary_focal_crossentropy"
    formula = staticmethod(binary_focal_crossentropy)
    options = ("apply_class_balancing", "alpha", "gamma", "from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.apply_class_balancing = bool(apply_class_balancing)
        self.alpha = number(self.name, "alpha", alpha)
        self.gamma = number(self.name, "gamma", gamma)
        self.from_logits = bool(from_logits)
        self.label_smoothing = check_smoothing(self.name, label_smoothing)
        self.axis = axis_of(self.name, axis)


class CategoricalFocalCrossentropy(FormulaLoss, builtin=True):
    """Categorical cross entropy times ``alpha (1 - p)^gamma`` (Lin et al., ICCV 2017).

    Parameters
    ----------
    alpha : float or list of float
        Weight, also one for each class.
    gamma : float
        The exponent.
    from_logits, label_smoothing
        As in `CategoricalCrossentropy`.
    axis : int
        Of the classes.
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> round(CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]), 6)
    0.043322
    """

    _name = "categorical_focal_crossentropy"
    formula = staticmethod(categorical_focal_crossentropy)
    options = ("alpha", "gamma", "from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        several = isinstance(alpha, list | tuple | np.ndarray)
        self.alpha: Any = (
            [number(self.name, "alpha", a) for a in np.asarray(alpha).tolist()]
            if several
            else number(self.name, "alpha", alpha)
        )
        self.gamma = number(self.name, "gamma", gamma)
        self.from_logits = bool(from_logits)
        self.label_smoothing = check_smoothing(self.name, label_smoothing)
        self.axis = axis_of(self.name, axis)


class CategoricalGeneralizedCrossEntropy(FormulaLoss, builtin=True):
    """``(1 - p[t]^q) / q`` for class ids t: less led astray by wrong labels (Zhang and Sabuncu 2018).

    Parameters
    ----------
    q : float
        In (0, 1): near 0 a cross entropy, near 1 an absolute error.
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> CategoricalGeneralizedCrossEntropy()([1], [[0.75, 0.25]])
    1.0
    """

    _name = "categorical_generalized_cross_entropy"
    formula = staticmethod(categorical_generalized_cross_entropy)
    options = ("q",)
    counts_ids = True

    def __init__(
        self,
        q: float = 0.5,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.q = number(self.name, "q", q, "lie in (0, 1)", lambda v: 0.0 < v < 1.0)

    def targets(self, t: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        """Return class ids; a ValueError when they do not fit."""
        ids = class_targets(self.name, t, output_shape, dtype)
        return ids if ids.dtype == np.int64 else ids.argmax(axis=-1)

    def values(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each sample."""
        return self.call(y_true, y_pred)
