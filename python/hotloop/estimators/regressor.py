"""A network as a scikit-learn regressor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import column_or_1d

from hotloop.estimators.base import Array, NetworkEstimator
from hotloop.models import Model


class HotloopRegressor(RegressorMixin, MultiOutputMixin, NetworkEstimator):  # type: ignore[misc]
    """Regress with a network: hidden layers, then one linear unit for each target.

    Features and targets should be of the order of 1: put a ``StandardScaler`` before, and
    ``sklearn.compose.TransformedTargetRegressor`` around it.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Units of each hidden layer; ``()`` is a linear model.
    activation : str
        Of the hidden layers.
    model : callable, optional
        ``model(n_features, n_outputs, **model_params)`` answers the network instead; its output is ``(N, n_outputs)``. A model that is
        compiled keeps its own optimizer and loss. A function of a module, not a lambda, can go to other processes.
    model_params : dict, optional
        Further arguments of `model`.
    loss : str or Loss
        ``"mean_squared_error"``, ``"mean_absolute_error"``, ``"huber"`` or an object of `hotloop.losses`.
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
        Share of that part.
    warm_start : bool
        Whether `fit` goes on from the last one.
    dtype : str, optional
        ``"float32"`` or ``"float64"``; None computes in the dtype of `X` (integers in float64).
    verbose : int
        1 prints a line an epoch.

    Attributes
    ----------
    model_ : Model
        The network.
    n_iter_ : int
        Epochs so far, over all calls that went on from each other.
    loss_curve_ : list of float
        Mean loss of each of them, over its training steps.
    best_loss_ : float
        Smallest of these.
    validation_scores_, best_validation_score_ : list of float, float
        R2 of the part held out, with `early_stopping`; else None.
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
    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> regressor = HotloopRegressor((16,), learning_rate=0.01, max_iter=500, random_state=0)
    >>> regressor.fit(x, np.abs(x[:, 0])).score(x, np.abs(x[:, 0])) > 0.95
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        *,
        activation: Any = "relu",
        model: Callable[..., Model] | None = None,
        model_params: dict[str, Any] | None = None,
        loss: Any = "mean_squared_error",
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
        warm_start: bool = False,
        dtype: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.model = model
        self.model_params = model_params
        self.loss = loss
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
        self.warm_start = warm_start
        self.dtype = dtype
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> HotloopRegressor:
        """Train on all samples.

        Parameters
        ----------
        X : array_like
            Features ``(N, I)``.
        y : array_like
            Targets ``(N,)`` or ``(N, O)``.
        sample_weight : array_like, optional
            ``(N,)``, not negative.

        Returns
        -------
        HotloopRegressor
            Itself.
        """
        self._check_settings()
        return self._learn(X, y, sample_weight, partial=False)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> HotloopRegressor:
        """Train one epoch on these samples, going on from what was learnt.

        Parameters
        ----------
        X, y, sample_weight : array_like
            As for `fit`.

        Returns
        -------
        HotloopRegressor
            Itself.
        """
        self._check_settings()
        return self._learn(X, y, sample_weight, partial=True)

    def _learn(self, x: Any, y: Any, sample_weight: Any, partial: bool) -> HotloopRegressor:
        fresh = not hasattr(self, "model_") or not (partial or self.warm_start)
        x, y = self._validated(x, y, reset=fresh, numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        weights = self._weights(sample_weight, len(x))
        if fresh:
            self._target_shape = y.shape[1:]
            self._start(x.dtype)
        elif y.shape[1:] != self._target_shape:
            known = self._target_shape[0] if self._target_shape else 1
            given = y.shape[1] if y.ndim == 2 else 1
            msg = f"HotloopRegressor: y has {given} targets, but {known} were learnt before"
            raise ValueError(msg)
        t = np.ascontiguousarray(y.reshape(len(y), -1), dtype=self.model_.dtype)
        self._train(x, t, weights, partial)
        return self

    def predict(self, X: Any) -> Array:
        """Return the targets of `X`.

        Parameters
        ----------
        X : array_like
            ``(N, I)``.

        Returns
        -------
        ndarray
            ``(N,)``, or ``(N, O)`` when `fit` saw that, in the dtype that the network computes in.
        """
        x = self._samples(X)
        return self._outputs(x).reshape(len(x), *self._target_shape)

    def _output(self) -> tuple[int, str]:
        return (self._target_shape[0] if self._target_shape else 1), "linear"

    def _loss(self) -> Any:
        return self.loss

    def _check_held_targets(self, held: Array, n: int) -> None:
        # R2 compares with the spread of the targets.
        if (held == held[0]).all():
            msg = (
                f"HotloopRegressor: early_stopping scores R2, which needs different targets in the "
                f"validation part, but it is {len(held)} of {n} samples"
                + (", all equal" if len(held) > 1 else "")
                + ": raise validation_fraction or give more samples"
            )
            raise ValueError(msg)

    def _score_outputs(self, t: Array, outputs: Array, weights: Array | None) -> float:
        return float(r2_score(t, outputs, sample_weight=weights))


__all__ = ["HotloopRegressor"]
