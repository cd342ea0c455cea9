"""A network as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d

from hotloop.estimators.base import Array, NetworkEstimator
from hotloop.models import Model


def _shown(labels: Array) -> str:
    """Return labels as text of at most some 100 characters."""
    text = np.array2string(labels, threshold=10, edgeitems=3, max_line_width=10_000)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _several_labels(y: Array) -> bool:
    """Say whether `y` are rows of 0 and 1, one column a label; other rows are a ValueError."""
    if y.ndim == 1:
        return False
    if type_of_target(y) != "multilabel-indicator" or not np.isin(y, (0, 1)).all():
        msg = (
            "HotloopClassifier: y must be one label a sample (N,), or rows of 0 and 1 (N, K) for "
            f"several labels a sample, got shape {y.shape} with values {_shown(np.unique(y))}"
        )
        raise ValueError(msg)
    return True


class HotloopClassifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]
    """Classify with a network: hidden layers, then a softmax over the classes, two as well as more.

    Targets of several labels, rows of 0 and 1, get a sigmoid for each label.
    Features should be of the order of 1: put a ``StandardScaler`` before it.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Units of each hidden layer; ``()`` is a linear model.
    activation : str
        Of the hidden layers.
    model : callable, optional
        ``model(n_features, n_outputs, **model_params)`` answers the network instead; its outputs are probabilities ``(N, n_outputs)``, also for two classes. A model that is
        compiled keeps its own optimizer and loss. A function of a module, not a lambda, can go to other processes.
    model_params : dict, optional
        Further arguments of `model`.
    optimizer : str or Optimizer
        A name or an object of `hotloop.optimizers`; the object is copied.
    learning_rate : float, optional
        None is the optimizer's own.
    weight_decay : float
        Decoupled: each step first takes ``learning_rate * weight_decay * w`` off every weight.
    batch_size : int or "auto"
        "auto" is ``min(200, n_samples)``.
    max_iter : int
        Most epochs of a `fit`; a ConvergenceWarning says when they ended it.
    shuffle : bool
        Whether each epoch draws a new order.
    random_state : int, RandomState or None
        Of weights, order, dropout and validation part; an int makes `fit` repeatable bit for bit.
    tol : float
        What counts as better.
    n_iter_no_change : int
        More epochs than this without a better loss (or, with `early_stopping`, score) end the training.
    early_stopping : bool
        Whether a part of the samples is held out and scored after each epoch; the best weights are kept.
    validation_fraction : float
        Share of that part, drawn evenly from the classes.
    class_weight : dict or "balanced", optional
        A weight for each class, multiplied with `sample_weight`.
    warm_start : bool
        Whether `fit` goes on from the last one.
    dtype : str, optional
        ``"float32"`` or ``"float64"``; None computes in the dtype of `X` (integers in float64).
    verbose : int
        1 prints a line an epoch.

    Attributes
    ----------
    classes_ : ndarray
        The labels, sorted.
    model_ : Model
        The network.
    n_iter_ : int
        Epochs so far, over all calls that went on from each other.
    loss_curve_ : list of float
        Mean loss of each of them, over its training steps.
    best_loss_ : float
        Smallest of these.
    validation_scores_, best_validation_score_ : list of float, float
        Accuracy of the part held out, with `early_stopping`; else None.
    n_features_in_ : int
        Features; `feature_names_in_` names them when `X` does.

    Raises
    ------
    ValueError
        By `fit`, for data that scikit-learn refuses, settings out of range, and a loss that is no longer finite.

    Notes
    -----
    A batch's loss is ``sum(w * loss) / sum(w)``: a weight of 2 counts as the sample twice, a weight of 0 as none.
    Up to 200 samples make one batch with the default `batch_size`, and weights then give what repeats give, to
    rounding; above, a batch of 200 weighted samples is not the batch of their repeats.

    Examples
    --------
    >>> import hotloop as hl
    >>> (x, y), (x_test, y_test) = hl.datasets.digits.load_data()
    >>> x, x_test = (a.reshape(-1, 64).astype("float32") / 16 for a in (x, x_test))
    >>> classifier = HotloopClassifier((64,), early_stopping=True, max_iter=50, random_state=0)
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     _ = classifier.fit(x, y)
    >>> classifier.score(x_test, y_test) > 0.93
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        *,
        activation: Any = "relu",
        model: Callable[..., Model] | None = None,
        model_params: dict[str, Any] | None = None,
        optimizer: Any = "adam",
        learning_rate: float | None = None,
        weight_decay: float = 0.0,
        batch_size: int | str = "auto",
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        class_weight: Any = None,
        warm_start: bool = False,
        dtype: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.model = model
        self.model_params = model_params
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.dtype = dtype
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> HotloopClassifier:
        """Train on all samples.

        Parameters
        ----------
        X : array_like
            Features ``(N, I)``.
        y : array_like
            Labels ``(N,)`` of any kind that scikit-learn takes, or rows of 0 and 1 ``(N, K)``, sparse or
            not, for several labels a sample.
        sample_weight : array_like, optional
            ``(N,)``, not negative.

        Returns
        -------
        HotloopClassifier
            Itself.
        """
        self._check_settings()
        return self._learn(X, y, sample_weight, None, partial=False)

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> HotloopClassifier:
        """Train one epoch on these samples, going on from what was learnt.

        Parameters
        ----------
        X, y, sample_weight : array_like
            As for `fit`.
        classes : array_like, optional
            All labels that will ever come; needed at the first call when `y` lacks some, and the same
            in later calls.

        Returns
        -------
        HotloopClassifier
            Itself.

        Raises
        ------
        ValueError
            For labels that are not among the classes, other `classes` than at first, and
            ``class_weight="balanced"``, which needs all samples.
        """
        self._check_settings()
        if self.class_weight == "balanced":
            msg = (
                "HotloopClassifier: partial_fit cannot balance classes that it has not seen; "
                "give class_weight as a dict"
            )
            raise ValueError(msg)
        return self._learn(X, y, sample_weight, classes, partial=True)

    def _learn(
        self, x: Any, y: Any, sample_weight: Any, classes: Any, partial: bool
    ) -> HotloopClassifier:
        fresh = not hasattr(self, "model_") or not (partial or self.warm_start)
        sparse = issparse(y)
        x, y = self._validated(x, y, reset=fresh, numeric=False)
        check_classification_targets(y)
        if y.ndim == 2 and y.shape[1] == 1 and not sparse:
            y = column_or_1d(y, warn=True)
        multilabel = _several_labels(y)
        known = np.arange(y.shape[1]) if multilabel else np.unique(y)
        if classes is not None:
            known = np.unique(np.asarray(classes))
        if fresh:
            self._multilabel, self._sparse, self.classes_ = multilabel, sparse, known
        elif classes is not None and not np.array_equal(known, self.classes_):
            msg = (
                f"HotloopClassifier: classes must stay those of the first call, "
                f"{_shown(self.classes_)}, got {_shown(known)}"
            )
            raise ValueError(msg)
        t = self._codes(y)
        weights = self._weighted(y, self._weights(sample_weight, len(x)))
        if fresh:
            self._start(x.dtype)
        self._train(x, t, weights, partial)
        return self

    def _weighted(self, y: Array, weights: Array | None) -> Array | None:
        """Return the weights of the samples times those of their classes."""
        if self.class_weight is None:
            return weights
        if isinstance(self.class_weight, Mapping):
            unknown = [label for label in self.class_weight if label not in self.classes_]
            if unknown:
                msg = (
                    f"HotloopClassifier: class_weight names {unknown!r:.100}, which are not among the "
                    f"classes {_shown(self.classes_)}"
                )
                raise ValueError(msg)
        by_class: Array = compute_sample_weight(self.class_weight, y)
        if not (np.isfinite(by_class).all() and (by_class >= 0).all() and by_class.any()):
            msg = (
                "HotloopClassifier: class_weight must be finite, not negative and not zero for all, "
                f"got {self.class_weight!r:.100}"
            )
            raise ValueError(msg)
        return by_class if weights is None else weights * by_class

    def _codes(self, y: Array) -> Array:
        """Return ids of the classes, or rows of 0 and 1."""
        columns = len(self.classes_) if self._multilabel else 1
        if y.ndim != 1 + self._multilabel or np.size(y) != len(y) * columns:
            rows = f"rows of {columns} labels" if self._multilabel else "one label a sample"
            msg = f"HotloopClassifier: y must be {rows}, got shape {y.shape}"
            raise ValueError(msg)
        if self._multilabel:
            return np.ascontiguousarray(y, dtype=np.float64)
        labels, codes = np.unique(y, return_inverse=True)
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            msg = (
                f"HotloopClassifier: y has labels {_shown(unknown)} that are not among the classes "
                f"{_shown(self.classes_)}"
            )
            raise ValueError(msg)
        ids: Array = np.searchsorted(self.classes_, labels)[codes.reshape(-1)].astype(np.int64)
        return ids

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : array_like
            ``(N, I)``.

        Returns
        -------
        ndarray
            ``(N, K)``, columns in the order of `classes_`.
        """
        return self._outputs(self._samples(X))

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            logs: Array = np.log(self.predict_proba(X))
        return logs

    def predict(self, X: Any) -> Array:
        """Return the labels.

        Parameters
        ----------
        X : array_like
            ``(N, I)``.

        Returns
        -------
        ndarray
            ``(N,)``, or rows of 0 and 1 ``(N, K)`` when `fit` saw that, sparse when they were.
        """
        check_is_fitted(self, "model_")
        found: Array = self._decide(self.predict_proba(X))
        if self._multilabel:
            return csr_matrix(found) if self._sparse else found
        return self.classes_[found]

    def _decide(self, outputs: Array) -> Array:
        decided: Array = (
            (outputs > 0.5).astype(np.int64) if self._multilabel else outputs.argmax(axis=1)
        )
        return decided

    def _output(self) -> tuple[int, str]:
        return len(self.classes_), "sigmoid" if self._multilabel else "softmax"

    def _loss(self) -> Any:
        return "binary_crossentropy" if self._multilabel else "sparse_categorical_crossentropy"

    def _strata(self, t: Array) -> Array | None:
        return None if self._multilabel else t

    def _check_held_out(self, t: Array, held: int) -> None:
        super()._check_held_out(t, held)
        if self._multilabel:
            return
        classes, counts = np.unique(t, return_counts=True)
        if counts.min() < 2:
            rare = _shown(self.classes_[classes[counts < 2]])
            problem = f"samples of each class in both parts, but there is one sample of {rare}"
        elif min(held, len(t) - held) < len(classes):
            problem = (
                f"a sample of each of the {len(classes)} classes in both parts, but "
                f"validation_fraction={self.validation_fraction!r} splits {len(t)} samples into "
                f"{len(t) - held} and {held}"
            )
        else:
            return
        msg = f"HotloopClassifier: early_stopping needs {problem}"
        raise ValueError(msg)

    def _score_outputs(self, t: Array, outputs: Array, weights: Array | None) -> float:
        return float(accuracy_score(t, self._decide(outputs), sample_weight=weights))

    def __sklearn_tags__(self) -> Any:
        """Say that several labels are fine."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


__all__ = ["HotloopClassifier"]
