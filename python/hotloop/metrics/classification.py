"""Precision, recall and F1 from counts of right and wrong answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from hotloop._support.arguments import number, whole
from hotloop._support.quoting import quoted
from hotloop.data.targets import as_array, as_ids, class_targets, matching_targets, real_array
from hotloop.metrics.base import Array, Metric, as_rows, sample_weights

_EPSILON = 1e-7  # Keras's


class _Thresholded(Metric):
    """Counts of positives that were right, wrong and missed, for each threshold."""

    state_names = ("true_positives", "other")
    direction = "up"
    # Which elements beside the right positives stand in the denominator.
    _misses = False

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        several = list(thresholds) if isinstance(thresholds, list | tuple) else [thresholds]
        given = [
            number(self.name, "thresholds", value, "lie in [0, 1]", lambda v: 0.0 <= v <= 1.0)
            for value in ([] if thresholds is None else several)
        ]
        if top_k is not None:
            whole(self.name, "top_k", top_k, least=1)
        if class_id is not None:
            whole(self.name, "class_id", class_id, least=0)
        self.thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        default = -np.inf if top_k is not None else 0.5
        self._limits = np.array(given or [default])
        self.reset_state()

    def reset_state(self) -> None:
        """Start again from nothing."""
        self.true_positives = np.zeros(len(self._limits))
        self.other = np.zeros(len(self._limits))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of targets 0 or 1 and outputs of the same shape."""
        outputs = as_rows(y_pred)
        truth = matching_targets(self.name, y_true, outputs.shape, outputs.dtype) != 0
        allowed = np.ones(outputs.shape, bool)
        if self.top_k is not None:
            order = np.argsort(-outputs, axis=-1, kind="stable")[..., : self.top_k]
            allowed = np.zeros(outputs.shape, bool)
            np.put_along_axis(allowed, order, values=True, axis=-1)
        if self.class_id is not None:
            if not 0 <= self.class_id < outputs.shape[-1]:
                k = outputs.shape[-1]
                msg = f"{self.name}: class_id must lie in 0..{k - 1}, got {self.class_id}"
                raise ValueError(msg)
            one = slice(self.class_id, self.class_id + 1)
            outputs, truth, allowed = outputs[..., one], truth[..., one], allowed[..., one]
        n = len(outputs)
        weights: Any = 1.0
        if sample_weight is not None:
            one_each = sample_weights(self.name, sample_weight, n)
            weights = one_each.reshape(n, *(1,) * (outputs.ndim - 1))
        for i, limit in enumerate(self._limits):
            positive = (outputs > limit) & allowed
            other = truth & ~positive if self._misses else positive & ~truth
            self.true_positives[i] += ((truth & positive) * weights).sum()
            self.other[i] += (other * weights).sum()

    def result(self) -> Any:
        """Return the ratio, 0 where nothing counts; an array when several thresholds were given."""
        whole = self.true_positives + self.other
        ratio = np.divide(self.true_positives, whole, out=np.zeros_like(whole), where=whole > 0)
        several = self.thresholds is not None and np.ndim(self.thresholds) > 0
        return ratio if several else float(ratio[0])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        limits = self.thresholds
        plain = limits if limits is None else np.asarray(limits, float).tolist()
        own = {"thresholds": plain, "top_k": self.top_k, "class_id": self.class_id}
        return {**own, **super().get_config()}


class Precision(_Thresholded):
    """``TP / (TP + FP)``: the share of the outputs above the threshold that are right.

    Parameters
    ----------
    thresholds : float or list of float, optional
        An output above it is a positive; None is 0.5, a list gives an array of results.
    top_k : int, optional
        Only the `top_k` largest outputs of a sample may be positives (without `thresholds`, all
        of them are).
    class_id : int, optional
        Only this output counts.
    name : str, optional
        Key in logs.
    dtype : optional
        Accepted as Keras does.

    Raises
    ------
    ValueError
        For thresholds outside [0, 1], and targets that do not fit the outputs.

    Examples
    --------
    >>> Precision()([0, 1, 1, 1], [0.9, 0.2, 0.7, 0.8])
    0.6666666666666666
    """


class Recall(_Thresholded):
    """``TP / (TP + FN)``: the share of the true elements whose output is above the threshold.

    Parameters
    ----------
    thresholds, top_k, class_id, name, dtype
        As in `Precision`.

    Raises
    ------
    ValueError
        For thresholds outside [0, 1], and targets that do not fit the outputs.

    Examples
    --------
    >>> Recall()([0, 1, 1, 1], [0.9, 0.2, 0.7, 0.3])
    0.3333333333333333
    """

    _misses = True


class FBetaScore(Metric):
    """``(1 + beta^2) p r / (beta^2 p + r)`` of precision p and recall r, for each class or averaged.

    Parameters
    ----------
    average : None, "micro", "macro" or "weighted"
        As in `F1Score`.
    beta : float
        Above 1 the recall counts more.
    threshold : float, optional
        Outputs above it are positives; None takes each row's largest.
    name, dtype
        As in `Metric`.

    Raises
    ------
    ValueError
        For another `average`, and targets that do not fit the outputs.

    Examples
    --------
    >>> metric = FBetaScore("macro", beta=2.0)
    >>> round(metric([[1, 0], [0, 1], [0, 1]], [[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]]), 6)
    0.694444
    """

    _name: ClassVar[str | None] = "fbeta_score"
    state_names = ("true_positives", "false_positives", "false_negatives")
    direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        if average not in (None, "micro", "macro", "weighted"):
            msg = f"{self.name}: average must be None, 'micro', 'macro' or 'weighted', got {quoted(average)}"
            raise ValueError(msg)
        self.average = average
        self.beta = number(self.name, "beta", beta, "be positive", lambda b: b > 0.0)
        self.threshold = None if threshold is None else number(self.name, "threshold", threshold)
        self.reset_state()

    def reset_state(self) -> None:
        """Start again from nothing."""
        self.true_positives: Array | None = None
        self.false_positives: Array | None = None
        self.false_negatives: Array | None = None

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of rows of targets, or of class ids, and rows of outputs."""
        outputs = as_rows(y_pred)
        k = outputs.shape[-1]
        targets = as_array(self.name, "y_true", y_true)
        if k > 1 and targets.size * k == outputs.size:
            ids = class_targets(self.name, targets, outputs.shape, outputs.dtype)
            truth: Array = np.arange(k) == ids[..., None]
        else:
            truth = matching_targets(self.name, targets, outputs.shape, np.float64)
        if self.threshold is None:
            largest = outputs >= outputs.max(axis=-1, keepdims=True)
            positive = largest & (np.abs(outputs) > 1e-9)
        else:
            positive = outputs > self.threshold
        weights = np.ones(len(outputs))
        if sample_weight is not None:
            weights = sample_weights(self.name, sample_weight, len(outputs))
        weights = weights.reshape(-1, *(1,) * (outputs.ndim - 1))
        axes = None if self.average == "micro" else tuple(range(outputs.ndim - 1))
        counts = (truth * positive, (1 - truth) * positive, truth * ~positive)
        for name, count in zip(self.state_names, counts, strict=True):
            before = getattr(self, name)
            sums = np.asarray((count * weights).sum(axis=axes))
            setattr(self, name, sums if before is None else before + sums)

    def result(self) -> Any:
        """Return the score; an array when `average` is None, 0 when nothing was added."""
        tp, fp, fn = self.true_positives, self.false_positives, self.false_negatives
        if tp is None or fp is None or fn is None:
            return 0.0
        precision, recall = tp / (tp + fp + _EPSILON), tp / (tp + fn + _EPSILON)
        square = self.beta**2
        score = (1 + square) * precision * recall / (square * precision + recall + _EPSILON)
        if self.average is None:
            return score
        if self.average == "weighted":
            support = tp + fn
            return float((score * support / (support.sum() + _EPSILON)).sum())
        return float(np.mean(score))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**own, **super().get_config()}


class F1Score(FBetaScore):
    """``2 P R / (P + R)`` of precision P and recall R, class by class.

    Parameters
    ----------
    average : None, "micro", "macro" or "weighted"
        None gives one figure for each class; "micro" counts all classes together, "macro" is the
        mean, "weighted" the mean by the classes' frequency.
    threshold : float, optional
        Outputs above it are positives; None takes each row's largest.
    name : str, optional
        Key in logs.
    dtype : optional
        Accepted as Keras does.

    Raises
    ------
    ValueError
        For another `average`, and targets that do not fit the outputs.

    Examples
    --------
    >>> metric = F1Score(average="macro")
    >>> round(metric([[1, 0], [0, 1], [0, 1]], [[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]]), 6)
    0.666667
    """

    _name = "f1_score"

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        config = super().get_config()
        del config["beta"]
        return config


def confusion_matrix(
    y_true: Any, y_pred: Any, num_classes: int | None = None, sample_weight: Any = None
) -> Array:
    """Count for each true class (rows) how often each class was answered (columns).

    Parameters
    ----------
    y_true, y_pred : array_like
        Class ids ``(N,)`` or ``(N, 1)``, or rows ``(N, K)`` whose largest element is the class.
    num_classes : int, optional
        K; None is the largest id plus one, or the length of the rows.
    sample_weight : array_like, optional
        One weight for each sample.

    Returns
    -------
    ndarray
        ``(K, K)``, int64, or float64 with weights.

    Raises
    ------
    ValueError
        When the lengths differ, or an id lies outside ``0 .. num_classes - 1``.

    Examples
    --------
    >>> confusion_matrix([0, 1, 1], [0, 1, 0])
    array([[1, 0],
           [1, 1]])
    """
    found = []
    width = 0
    for values in (y_true, y_pred):
        array = as_array("confusion_matrix", "classes", values)
        if array.ndim == 2 and array.shape[1] > 1:
            width = max(width, array.shape[1])
            found.append(array.argmax(axis=1))
        else:
            found.append(
                as_ids("confusion_matrix", real_array("confusion_matrix", "classes", array))
            )
            found[-1] = found[-1].reshape(-1)
    truth, answers = found
    if len(truth) != len(answers):
        msg = f"confusion_matrix: y_true has {len(truth)} samples but y_pred has {len(answers)}"
        raise ValueError(msg)
    both = np.concatenate(found)
    if num_classes is not None:
        num_classes = whole("confusion_matrix", "num_classes", num_classes, least=1)
    k = num_classes or max(width, int(both.max()) + 1 if both.size else 0)
    if both.size and (both.min() < 0 or both.max() >= k):
        worst = int(both.min()) if both.min() < 0 else int(both.max())
        msg = f"confusion_matrix: classes must lie in 0..{k - 1}, got {worst}"
        raise ValueError(msg)
    weights = None
    if sample_weight is not None:
        weights = sample_weights("confusion_matrix", sample_weight, len(truth))
    counts = np.bincount(truth * k + answers, weights, minlength=k * k)
    return counts.reshape(k, k)
