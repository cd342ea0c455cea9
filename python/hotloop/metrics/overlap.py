"""Intersection over union of classes, from a confusion matrix that accumulates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from hotloop._support.arguments import number, whole
from hotloop._support.quoting import quoted, shortened
from hotloop.data.targets import as_array
from hotloop.metrics.base import Array, Metric
from hotloop.metrics.thresholds import weights_like


class IoU(Metric):
    """Mean over some classes of ``both / (true + answered - both)``.

    Parameters
    ----------
    num_classes : int
        K.
    target_class_ids : list of int
        Classes whose scores are averaged.
    name, dtype
        As in `Metric`; weights of samples count as they are, where Keras makes them whole numbers
        unless `dtype` is a float.
    ignore_class : int, optional
        Targets of this id do not count.
    sparse_y_true, sparse_y_pred : bool
        Whether targets and answers are class ids, or rows whose largest element is the class.
    axis : int
        Of the rows.

    Raises
    ------
    ValueError
        For ids outside the classes.

    Examples
    --------
    >>> IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1])
    0.3333333333333333
    """

    _name = "io_u"
    state_names = ("total_cm",)
    direction = "up"
    _sparse: ClassVar[tuple[bool, bool]] = (True, True)

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self.num_classes = whole(self.name, "num_classes", num_classes, least=1)
        self.target_class_ids = [
            whole(self.name, "target_class_ids", i, least=0) for i in target_class_ids
        ]
        if max(self.target_class_ids, default=0) >= self.num_classes:
            found = quoted(self.target_class_ids)
            msg = f"{shortened(self.name, 80)}: target_class_ids must lie below {num_classes}, got {found}"
            raise ValueError(msg)
        self.ignore_class = ignore_class
        self.sparse_y_true, self.sparse_y_pred = bool(sparse_y_true), bool(sparse_y_pred)
        self.axis = whole(self.name, "axis", axis)
        self.reset_state()

    def reset_state(self) -> None:
        """Start again from nothing."""
        self.total_cm: Array = np.zeros((self.num_classes, self.num_classes))

    def answers(self, y_pred: Array) -> Array:
        """Return the class of each answer."""
        return y_pred if self.sparse_y_pred else y_pred.argmax(axis=self.axis)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of targets and answers, each with its weight where there are any."""
        truth = as_array(self.name, "y_true", y_true)
        truth = (truth if self.sparse_y_true else truth.argmax(axis=self.axis)).astype(np.int64)
        found = self.answers(as_array(self.name, "y_pred", y_pred)).astype(np.int64)
        if truth.size != found.size:
            msg = f"{self.name}: targets {truth.shape} do not match answers {found.shape}"
            raise ValueError(msg)
        weights = np.ones(truth.size)
        if sample_weight is not None:
            weights = weights_like(self.name, sample_weight, truth).reshape(-1)
        flat, given = truth.reshape(-1), found.reshape(-1)
        if self.ignore_class is not None:
            keep = flat != self.ignore_class
            flat, given, weights = flat[keep], given[keep], weights[keep]
        both = np.concatenate([flat, given])
        k = self.num_classes
        if both.size and (both.min() < 0 or both.max() >= k):
            worst = int(both.min()) if both.min() < 0 else int(both.max())
            msg = f"{self.name}: classes must lie in 0..{k - 1}, got {worst}"
            raise ValueError(msg)
        counts = np.bincount(flat * k + given, weights, minlength=k * k)
        self.total_cm = self.total_cm + counts.reshape(k, k)

    def result(self) -> float:
        """Return the mean over the classes that were seen; 0 when none was."""
        both = np.diag(self.total_cm)
        union = self.total_cm.sum(axis=0) + self.total_cm.sum(axis=1) - both
        both, union = both[self.target_class_ids], union[self.target_class_ids]
        seen = union > 0
        scores = np.divide(both, union, out=np.zeros_like(both), where=seen)
        return float(scores.sum() / seen.sum()) if seen.any() else 0.0

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        names = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true")
        own = {name: getattr(self, name) for name in (*names, "sparse_y_pred", "axis")}
        return {**own, **super().get_config()}


class MeanIoU(IoU):
    """`IoU` over all classes.

    Parameters
    ----------
    num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        As in `IoU`.

    Examples
    --------
    >>> MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])
    0.3333333333333333
    """

    _name = "mean_io_u"

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        ids = range(whole("MeanIoU", "num_classes", num_classes, least=1))
        super().__init__(
            num_classes, ids, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        config = super().get_config()
        del config["target_class_ids"]
        return config


class BinaryIoU(IoU):
    """`IoU` of answers above and below a threshold.

    Parameters
    ----------
    target_class_ids : list of int
        0, 1 or both.
    threshold : float
        Answers from it on are class 1.
    name, dtype
        As in `Metric`.

    Examples
    --------
    >>> BinaryIoU()([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])
    0.5833333333333333
    """

    _name = "binary_io_u"

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.threshold = number("BinaryIoU", "threshold", threshold)
        super().__init__(2, target_class_ids, name, dtype)

    def answers(self, y_pred: Array) -> Array:
        """Return the class of each answer."""
        return y_pred >= self.threshold

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        own = {"target_class_ids": self.target_class_ids, "threshold": self.threshold}
        return {**own, "name": self.name}


class OneHotIoU(IoU):
    """`IoU` of rows.

    Parameters
    ----------
    num_classes, target_class_ids, name, dtype, ignore_class, sparse_y_pred, axis
        As in `IoU`.

    Examples
    --------
    >>> OneHotIoU(2, [0, 1])([[1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8]])
    1.0
    """

    _name = "one_hot_io_u"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        config = super().get_config()
        del config["sparse_y_true"]
        return config


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of rows.

    Parameters
    ----------
    num_classes, name, dtype, ignore_class, sparse_y_pred, axis
        As in `IoU`.

    Examples
    --------
    >>> OneHotMeanIoU(2)([[1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8]])
    1.0
    """

    _name = "one_hot_mean_io_u"

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        config = super().get_config()
        del config["sparse_y_true"]
        return config


CLASSES = (IoU, MeanIoU, BinaryIoU, OneHotIoU, OneHotMeanIoU)
