"""Metrics from counts of right and wrong answers at many thresholds: areas under curves, and counts."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from hotloop._support.arguments import number, whole
from hotloop._support.quoting import quoted
from hotloop.data.targets import matching_targets
from hotloop.metrics.base import Array, Metric, as_rows

_EPSILON = 1e-7
_NAMES = ("true_positives", "false_positives", "true_negatives", "false_negatives")


def weights_like(name: str, weights: Any, outputs: Array) -> Array:
    """Return a weight for each element, of one for each sample or each element.

    Raises
    ------
    ValueError
        For another shape.
    """
    w = np.asarray(weights, np.float64)
    if w.shape == (len(outputs), 1) or w.ndim < outputs.ndim:
        w = w.reshape(w.shape[: w.ndim] + (1,) * (outputs.ndim - w.ndim))
    try:
        return np.broadcast_to(w, outputs.shape)
    except ValueError:
        msg = f"{name}: sample_weight of shape {np.shape(weights)} does not fit outputs {outputs.shape}"
        raise ValueError(msg) from None


def evenly(name: str, count: Any, least: int) -> Array:
    """Return thresholds from 0 to 1, evenly spaced; one alone is 0.5."""
    n = whole(name, "num_thresholds", count, least=least)
    return np.array([0.5]) if n == 1 else np.linspace(0.0, 1.0, n)


def over(a: Array, b: Array) -> Array:
    """Return ``a / b``, 0 where b is."""
    return np.divide(a, b, out=np.zeros(np.broadcast_shapes(a.shape, b.shape)), where=b != 0)


class Counts(Metric):
    """Base of metrics over counts at ascending thresholds, for all outputs or one row for each label."""

    state_names = _NAMES
    direction: str | None = "up"
    class_id: int | None = None
    labels: int | None = None

    def start(self, limits: Array) -> None:
        """Begin to count at `limits`."""
        self._limits = limits
        self.reset_state()

    def reset_state(self) -> None:
        """Start again from nothing."""
        shape = (len(self._limits),) + ((self.labels,) if self.labels else ())
        for name in _NAMES:
            setattr(self, name, np.zeros(shape))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of targets 0 or 1 and outputs of the same shape."""
        outputs = as_rows(y_pred)
        truth = matching_targets(self.name, y_true, outputs.shape, np.float64) != 0
        weights = np.ones(outputs.shape)
        if sample_weight is not None:
            weights = weights_like(self.name, sample_weight, outputs)
        weights = self.weighted(weights)
        if self.class_id is not None:
            if self.class_id >= outputs.shape[-1]:
                last = outputs.shape[-1] - 1
                msg = f"{self.name}: class_id must lie in 0..{last}, got {self.class_id}"
                raise ValueError(msg)
            outputs, truth, weights = (a[..., self.class_id] for a in (outputs, truth, weights))
        if self.labels and outputs.shape[-1] != self.labels:
            msg = f"{self.name}: {self.labels} labels are counted, got outputs {outputs.shape}"
            raise ValueError(msg)
        k, n = self.labels or 1, len(self._limits)
        # How many thresholds lie below an output: at so many it is a positive.
        places = np.searchsorted(self._limits, outputs.reshape(-1, k), side="left")
        places += np.arange(k) * (n + 1)
        for own, right in zip((truth, ~truth), (True, False), strict=True):
            found = np.bincount(
                places.reshape(-1), (own * weights).reshape(-1), minlength=k * (n + 1)
            )
            sums = found.reshape(k, n + 1)
            above = sums[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:].T
            below = sums.sum(axis=1) - above
            names = ("true_positives", "false_negatives") if right else _NAMES[1:3]
            for name, count in zip(names, (above, below), strict=True):
                getattr(self, name)[...] += count if self.labels else count[:, 0]

    def weighted(self, weights: Array) -> Array:
        """Return the weights of elements, as a subclass changes them."""
        return weights

    def rates(self) -> tuple[Array, Array, Array]:
        """Return recall, precision and specificity at each threshold."""
        tp, fp, tn, fn = (getattr(self, name) for name in _NAMES)
        return over(tp, tp + fn), over(tp, tp + fp), over(tn, tn + fp)


class AUC(Counts):
    """Area under a curve of rates over thresholds.

    Parameters
    ----------
    num_thresholds : int
        At least 2, evenly spaced.
    curve : str
        ``"ROC"`` (recall over the false positive rate), ``"PR"`` (precision over recall) or
        ``"PRGAIN"``.
    summation_method : str
        ``"interpolation"`` (trapezoids; for PR as Davis and Goadrich 2006), ``"minoring"`` or
        ``"majoring"``.
    name, dtype
        As in `Metric`.
    thresholds : list of float, optional
        In place of `num_thresholds`.
    multi_label : bool
        Whether each output is a problem of its own, whose areas are averaged.
    num_labels : int, optional
        How many outputs there are then.
    label_weights : list of float, optional
        One weight for each output.
    from_logits : bool
        Whether outputs go through a sigmoid first.

    Raises
    ------
    ValueError
        For unknown curves and methods, and targets that do not fit the outputs.

    Examples
    --------
    >>> round(AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]), 6)
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(name or "auc", dtype)
        for what, value, valid in (
            ("curve", curve, ("ROC", "PR", "PRGAIN")),
            ("summation_method", summation_method, ("interpolation", "minoring", "majoring")),
        ):
            if value not in valid:
                msg = f"{self.name}: {what} must be one of {valid}, got {quoted(value)}"
                raise ValueError(msg)
        self.curve, self.summation_method = curve, summation_method
        self.given = None if thresholds is None else sorted(float(t) for t in thresholds)
        if self.given is None:
            inner = evenly(self.name, num_thresholds, 2)[1:-1]
        else:
            inner = np.array([number(self.name, "thresholds", t) for t in self.given])
        self.num_thresholds = len(inner) + 2
        self.multi_label, self.from_logits = bool(multi_label), bool(from_logits)
        if num_labels and not multi_label:
            msg = f"{self.name}: num_labels goes with multi_label=True, got {quoted(num_labels)}"
            raise ValueError(msg)
        self.num_labels = self.labels = num_labels
        self.label_weights = None if label_weights is None else [float(w) for w in label_weights]
        self.start(np.concatenate([[-_EPSILON], inner, [1.0 + _EPSILON]]))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of targets 0 or 1 and outputs of the same shape."""
        outputs = as_rows(y_pred)
        if self.multi_label and self.labels is None:
            self.labels = outputs.shape[-1]
            self.reset_state()
        if self.from_logits:
            with np.errstate(over="ignore"):
                outputs = 1.0 / (1.0 + np.exp(-outputs))
        super().update_state(y_true, outputs, sample_weight)

    def weighted(self, weights: Array) -> Array:
        """Return the weights times those of the labels."""
        if self.multi_label or self.label_weights is None:
            return weights
        weighted: Array = weights * np.asarray(self.label_weights)
        return weighted

    def result(self) -> Any:
        """Return the area."""
        tp, fp, tn, fn = (getattr(self, name) for name in _NAMES)
        recall, precision, specificity = self.rates()
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._mean(self._interpolated(tp, fp, fn))
        x, y = (1.0 - specificity) * ((fp + tn) > 0), recall
        if self.curve == "PR":
            x, y = recall, precision
        if self.curve == "PRGAIN":
            scale = over(tp + fn, tn + fp)
            none = tp == 0
            x = np.maximum(np.where(none, 0.0, 1.0 - scale * over(fn, tp)), 0.0)
            y = np.where(none, 1.0, 1.0 - scale * over(fp, tp))
        heights = (y[:-1] + y[1:]) / 2.0
        if self.summation_method != "interpolation":
            choose = np.minimum if self.summation_method == "minoring" else np.maximum
            heights = choose(y[:-1], y[1:])
        return self._mean(((x[:-1] - x[1:]) * heights).sum(axis=0))

    @staticmethod
    def _interpolated(tp: Array, fp: Array, fn: Array) -> Array:
        p = tp + fp
        dtp, dp = tp[:-1] - tp[1:], p[:-1] - p[1:]
        slope = over(dtp, np.maximum(dp, 0.0))
        intercept = tp[1:] - slope * p[1:]
        both = (p[:-1] > 0) & (p[1:] > 0)
        ratio = np.divide(p[:-1], p[1:], out=np.ones_like(dp), where=both)
        areas: Array = over(slope * (dtp + intercept * np.log(ratio)), tp[1:] + fn[1:]).sum(axis=0)
        return areas

    def _mean(self, areas: Any) -> float:
        if self.multi_label and self.label_weights is not None:
            return float(np.average(areas, weights=self.label_weights))
        return float(np.mean(areas))

    def set_state(self, state: dict[str, Array]) -> None:
        """Continue from what `get_state` returned."""
        shape = np.shape(state.get("true_positives", ()))
        if self.multi_label and self.labels is None and len(shape) == 2:
            self.labels = shape[1]
        super().set_state(state)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        names = ("num_thresholds", "curve", "summation_method", "multi_label", "num_labels")
        own = {name: getattr(self, name) for name in (*names, "label_weights", "from_logits")}
        return {**own, "thresholds": self.given, **super().get_config()}


class _At(Counts):
    """Base of the largest of one rate where another one is at least a value."""

    value_name: ClassVar[str]
    # Places of what is bound and of what is asked for among recall, precision and specificity.
    places: ClassVar[tuple[int, int]]

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        self.value = number(
            self.name, self.value_name, value, "lie in [0, 1]", lambda v: 0.0 <= v <= 1.0
        )
        self.num_thresholds = num_thresholds
        self.class_id = (
            None if class_id is None else whole(self.name, "class_id", class_id, least=0)
        )
        self.start(evenly(self.name, num_thresholds, 1))

    def result(self) -> float:
        """Return the rate; 0 where no threshold will do."""
        rates = self.rates()
        bound, asked = (rates[place] for place in self.places)
        return float(np.where(bound >= self.value, asked, 0.0).max(initial=0.0))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        own = {self.value_name: self.value, "num_thresholds": self.num_thresholds}
        return {**own, "class_id": self.class_id, **super().get_config()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Make a metric from the result of `get_config`."""
        rest = dict(config)
        return cls(rest.pop(cls.value_name), **rest)


def _at(name: str, value_name: str, places: tuple[int, int], what: str) -> type[_At]:
    doc = f"""{what}.

    Parameters
    ----------
    {value_name} : float
        In [0, 1].
    num_thresholds : int
        Evenly spaced.
    class_id : int, optional
        Only this output counts.
    name, dtype
        As in `Metric`.

    Examples
    --------
    >>> from hotloop import metrics
    >>> metrics.{name}(0.5)([0, 0, 1, 1], [0.1, 0.5, 0.6, 0.9])
    1.0
    """

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        if value_name in kwargs:
            args = (kwargs.pop(value_name), *args)
        _At.__init__(self, *args, **kwargs)

    body = {"__doc__": doc, "__init__": init, "value_name": value_name, "places": places}
    return type(name, (_At,), {**body, "__module__": __name__})


SensitivityAtSpecificity = _at(
    "SensitivityAtSpecificity",
    "specificity",
    (2, 0),
    "The best recall of thresholds whose specificity is at least a value",
)
SpecificityAtSensitivity = _at(
    "SpecificityAtSensitivity",
    "sensitivity",
    (0, 2),
    "The best specificity of thresholds whose recall is at least a value",
)
PrecisionAtRecall = _at(
    "PrecisionAtRecall",
    "recall",
    (0, 1),
    "The best precision of thresholds whose recall is at least a value",
)
RecallAtPrecision = _at(
    "RecallAtPrecision",
    "precision",
    (1, 0),
    "The best recall of thresholds whose precision is at least a value",
)


class _Count(Counts):
    """Base of one of the four counts."""

    direction = None
    which: ClassVar[str]

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.thresholds = thresholds
        several = np.atleast_1d(np.asarray(0.5 if thresholds is None else thresholds))
        for value in several.tolist():
            number(self.name, "thresholds", value, "lie in [0, 1]", lambda v: 0.0 <= v <= 1.0)
        self._order = np.argsort(several, kind="stable")
        self.start(several[self._order].astype(np.float64))

    def result(self) -> Any:
        """Return the count; an array when several thresholds were given."""
        found = np.empty(len(self._limits))
        found[self._order] = getattr(self, self.which)
        return found if np.ndim(self.thresholds) else float(found[0])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        limits = None if self.thresholds is None else np.asarray(self.thresholds).tolist()
        return {"thresholds": limits, **super().get_config()}


class TruePositives(_Count):
    """How many ones are above the threshold.

    Parameters
    ----------
    thresholds : float or list of float, optional
        None is 0.5; a list gives an array of results.
    name, dtype
        As in `Metric`.

    Examples
    --------
    >>> TruePositives()([0, 1, 1, 1], [0.9, 0.2, 0.7, 0.8])
    2.0
    """

    which = "true_positives"


class FalsePositives(_Count):
    """How many zeros are above the threshold; arguments as in `TruePositives`.

    Examples
    --------
    >>> FalsePositives()([0, 1, 1, 1], [0.9, 0.2, 0.7, 0.8])
    1.0
    """

    which = "false_positives"


class TrueNegatives(_Count):
    """How many zeros are not above the threshold; arguments as in `TruePositives`.

    Examples
    --------
    >>> TrueNegatives()([0, 1, 1, 1], [0.3, 0.2, 0.7, 0.8])
    1.0
    """

    which = "true_negatives"


class FalseNegatives(_Count):
    """How many ones are not above the threshold; arguments as in `TruePositives`.

    Examples
    --------
    >>> FalseNegatives()([0, 1, 1, 1], [0.9, 0.2, 0.7, 0.8])
    1.0
    """

    which = "false_negatives"


CLASSES = (
    AUC,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    PrecisionAtRecall,
    RecallAtPrecision,
    TruePositives,
    FalsePositives,
    TrueNegatives,
    FalseNegatives,
)
