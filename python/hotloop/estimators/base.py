"""What both estimators share: the model that they make, and the loop that trains it."""

from __future__ import annotations

import copy
import math
import numbers
import sys
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from hotloop import config, layers, optimizers, random
from hotloop._support.quoting import quoted
from hotloop.callbacks import Callback
from hotloop.callbacks.base import Logs
from hotloop.data.targets import refuse_masked
from hotloop.estimators import _settings
from hotloop.models import Model, Sequential

Array = NDArray[Any]
Held = tuple[Array, Array, Array | None]  # samples, targets and weights of the validation part


class _Watch(Callback):
    """Keeps the curves of an estimator, and ends its training when nothing gets better."""

    def __init__(self, owner: NetworkEstimator, held: Held | None) -> None:
        super().__init__()
        self.owner, self.held = owner, held
        self.stale, self.stopped = 0, False
        self.best: list[Array] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Judge the epoch by its loss, or by the score of the validation part."""
        owner, loss = self.owner, float((logs or {})["loss"])
        if not math.isfinite(loss):
            owner._diverged("the loss", loss, len(owner.loss_curve_) + 1)
        owner.loss_curve_.append(loss)
        if self.held is None:
            better = loss < owner.best_loss_ - owner.tol
            owner.best_loss_ = min(owner.best_loss_, loss)
        else:
            better = self._scores_better(*self.held)
        self.stale = 0 if better else self.stale + 1
        owner._report(loss)
        self.stopped = self.model.stop_training = self.stale > owner.n_iter_no_change

    def _scores_better(self, x: Array, t: Array, weights: Array | None) -> bool:
        """Score the validation part, and keep the weights of the best score."""
        owner = self.owner
        outputs = owner._outputs(x)
        if not np.isfinite(outputs).all():
            owner._diverged("an output", math.nan, len(owner.loss_curve_))
        score, known = owner._score_outputs(t, outputs, weights), owner.best_validation_score_
        if known is None or score > known:
            owner.best_validation_score_, self.best = score, self.model.get_weights()
        assert owner.validation_scores_ is not None
        owner.validation_scores_.append(score)
        return known is None or score > known + owner.tol


class NetworkEstimator(BaseEstimator):  # type: ignore[misc]
    """Base of the estimators; a subclass prepares targets, names loss and output, and scores.

    A batch's loss is ``sum(w * loss) / sum(w)`` over its samples, so that weights count as repeats;
    samples of weight 0 are left out before anything else is done with them.
    """

    # Set by the subclasses, whose __init__ lists them for scikit-learn.
    hidden_layer_sizes: Any
    activation: Any
    model: Callable[..., Model] | None
    model_params: dict[str, Any] | None
    loss: Any
    optimizer: Any
    learning_rate: float | None
    weight_decay: float
    batch_size: Any
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    n_iter_no_change: int
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    dtype: Any
    verbose: int

    # -- what subclasses write ---------------------------------------------------------------

    def _output(self) -> tuple[int, str]:
        """Return units and activation of the last layer."""
        raise NotImplementedError

    def _loss(self) -> Any:
        """Return the loss that an uncompiled model gets."""
        raise NotImplementedError

    def _score_outputs(self, t: Array, outputs: Array, weights: Array | None) -> float:
        """Return the score of outputs for prepared targets."""
        raise NotImplementedError

    def _strata(self, t: Array) -> Array | None:  # noqa: ARG002 - for classes
        """Return what a validation part is drawn evenly from, or None."""
        return None

    # -- data --------------------------------------------------------------------------------

    def _validated(self, x: Any, y: Any, *, reset: bool, numeric: bool) -> tuple[Array, Array]:
        for what, given in (("X", x), ("y", y)):
            refuse_masked(type(self).__name__, what, given)
        features, targets = validate_data(
            self,
            x,
            y,
            reset=reset,
            dtype=(np.float64, np.float32),
            multi_output=True,
            y_numeric=numeric,
        )
        # Targets are few columns; a sparse container of them is taken for what it holds.
        return features, targets.toarray() if issparse(targets) else targets

    def _samples(self, x: Any) -> Array:
        check_is_fitted(self, "model_")
        refuse_masked(type(self).__name__, "X", x)
        checked: Array = validate_data(self, x, reset=False, dtype=(np.float64, np.float32))
        return checked

    def _weights(self, sample_weight: Any, n: int) -> Array | None:
        if sample_weight is None:
            return None
        name = type(self).__name__
        refuse_masked(name, "sample_weight", sample_weight)
        weights: Array = check_array(
            sample_weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight"
        )
        if weights.ndim == 0:
            weights = np.full(n, float(weights))
        if weights.shape != (n,):
            msg = f"{name}: sample_weight must have shape ({n},), got {weights.shape}"
            raise ValueError(msg)
        if (weights < 0).any():
            msg = f"{name}: sample_weight must not be negative, got {weights.min()}"
            raise ValueError(msg)
        if not weights.any():
            msg = f"{name}: sample_weight is zero for every sample, there is nothing to learn from"
            raise ValueError(msg)
        return weights

    # -- the model ---------------------------------------------------------------------------

    def _start(self, dtype: Any) -> None:
        """Make a new model from a new stream of random numbers."""
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self._generator = np.random.Generator(np.random.PCG64(int(seed)))
        self.loss_curve_: list[float] = []
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_loss_ = math.inf
        self.best_validation_score_: float | None = None
        with random.using(self._generator):
            self.model_ = self._make_model(self.dtype or np.dtype(dtype).name)

    def _make_model(self, dtype: str) -> Model:
        units, final = self._output()
        if self.model is not None:
            made = self.model(self.n_features_in_, units, **(self.model_params or {}))
            if not isinstance(made, Model):
                msg = (
                    f"{type(self).__name__}: model must return a hotloop model, got {quoted(made)}"
                )
                raise TypeError(msg)
        else:
            sizes = self.hidden_layer_sizes
            sizes = [sizes] if isinstance(sizes, numbers.Integral) else list(sizes)
            made = Sequential([layers.Input((self.n_features_in_,))], dtype=dtype)
            for size in sizes:
                made.add(layers.Dense(size, activation=self.activation))
            made.add(layers.Dense(units, activation=final))
        if made.loss is None:
            optimizer = copy.deepcopy(optimizers.get(self.optimizer))
            optimizer.iterations = 0  # each training begins anew, whatever it did before
            optimizer.set_slot_values({})
            if self.learning_rate is not None:
                optimizer.learning_rate = self.learning_rate
            if self.weight_decay:
                optimizer.weight_decay = float(self.weight_decay)
            made.compile(optimizer, self._loss())
        return made

    def _outputs(self, x: Array) -> Array:
        outputs: Array = self.model_.predict(x, batch_size=1024, verbose=0)
        return outputs

    # -- training ----------------------------------------------------------------------------

    def _train(self, x: Array, t: Array, weights: Array | None, partial: bool) -> None:
        """Train one epoch, or up to `max_iter` and until nothing gets better."""
        epochs = 1 if partial else self.max_iter
        loss = self.model_.loss
        if weights is not None:
            kept = weights > 0
            x, t, weights = x[kept], t[kept], weights[kept]
            if loss.reduction == "sum_over_batch_size":
                loss.reduction = "mean_with_sample_weight"
        with random.using(self._generator), config.without_diagnosis():
            held: Held | None = None
            if self.early_stopping and not partial:
                x, t, weights, held = self._hold_out(x, t, weights)
            size = min(200, len(x)) if self.batch_size == "auto" else int(self.batch_size)
            watch = _Watch(self, held)
            self.model_.fit(
                x,
                t,
                batch_size=size,
                epochs=epochs,
                shuffle=self.shuffle,
                sample_weight=weights,
                callbacks=[watch],
                verbose=0,
            )
            if not (watch.stopped or partial):
                self._warn_of_end(epochs)
            if watch.best is not None:
                self.model_.set_weights(watch.best)
        self.n_iter_ = len(self.loss_curve_)

    def _diverged(self, what: str, value: float, epoch: int) -> NoReturn:
        msg = (
            f"{type(self).__name__}: {what} became {value} in epoch {epoch}: "
            "scale the features or lower learning_rate"
        )
        raise ValueError(msg)

    def _hold_out(
        self, x: Array, t: Array, weights: Array | None
    ) -> tuple[Array, Array, Array | None, Held]:
        """Split off the validation part."""
        held_rows = math.ceil(self.validation_fraction * len(x))
        self._check_held_out(t, held_rows)
        seed = int(self._generator.integers(2**31 - 1))
        train, held = train_test_split(
            np.arange(len(x)),
            test_size=held_rows,
            random_state=seed,
            stratify=self._strata(t),
        )
        self._check_held_targets(t[held], len(x))
        w = (None, None) if weights is None else (weights[train], weights[held])
        return x[train], t[train], w[0], (x[held], t[held], w[1])

    def _check_held_out(self, t: Array, held: int) -> None:
        """Raise a ValueError when `held` of these targets cannot be split off."""
        if not 0 < held < len(t):
            name, share = type(self).__name__, self.validation_fraction
            msg = (
                f"{name}: early_stopping cannot hold out validation_fraction={share!r} of "
                f"{len(t)} samples: that is {held}, and both parts need at least one"
            )
            raise ValueError(msg)

    def _check_held_targets(self, held: Array, n: int) -> None:
        """Raise a ValueError when no score can be told from these `held` of `n` targets."""

    def _report(self, loss: float) -> None:
        if self.verbose:
            line = f"Epoch {len(self.loss_curve_)} - loss: {loss:.4f}"
            if self.validation_scores_:
                line += f" - validation score: {self.validation_scores_[-1]:.4f}"
            sys.stdout.write(line + "\n")

    def _warn_of_end(self, epochs: int) -> None:
        text = f"{type(self).__name__}: still improving after max_iter={epochs} epochs"
        warnings.warn(text, ConvergenceWarning, stacklevel=4)

    def _check_settings(self) -> None:
        _settings.check(type(self).__name__, self.get_params(deep=False))


__all__ = ["NetworkEstimator"]
