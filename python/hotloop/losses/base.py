"""What a loss is: reduction, weights, the by-hand interface."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hotloop import _core, config
from hotloop._support.answered import Number
from hotloop._support.describing import Described
from hotloop._support.overriding import check_overrides
from hotloop._support.quoting import quoted
from hotloop._support.watched import Watched
from hotloop.autodiff.rule import TensorBase
from hotloop.data.targets import as_array, matching_targets
from hotloop.losses.derived import derived, free_targets, on_tensor, values_on_tensor

Array = NDArray[Any]
# The order of arguments of a call.
CALLED = "a call takes the targets first, loss(y_true, y_pred)"
_REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


class Loss(Described, Watched):
    """Base of all losses; a subclass writes ``call(y_true, y_pred)``, or `per_sample`.

    Parameters
    ----------
    name : str, optional
        Shown in logs; None is the class's own.
    reduction : str
        ``"sum_over_batch_size"`` (also called ``"mean"``): the weighted sum over the samples,
        divided by their number; ``"mean_with_sample_weight"``: divided by the sum of their
        weights; ``"sum"``; or None (also called ``"none"``): a call answers a loss for each sample,
        and no model can be trained by it.
    dtype : optional
        Accepted as Keras does; a loss computes in the dtype of the outputs.
    """

    _name = "loss"
    # Which activation in front of it the loss takes over when it is fused.
    fuses: ClassVar[str | None] = None
    from_logits = False
    label_smoothing = 0.0
    # Whether targets may be class ids.
    counts_ids: ClassVar[bool] = False

    # The core's function for losses of this very class: a subclass may compute something else.
    kernel: ClassVar[str | None] = None
    kernel_parameter = 0.0

    @property
    def trains(self) -> Any:
        """The call of the core that computes loss and gradient of rows, or None.

        ``trains(y, t, total, dy)`` writes the loss to ``total[0]`` and, if asked, the gradient.
        """
        plain = self.kernel_scale(2) == 1.0 and self.kernel_applies(self.from_logits)
        return self._train if plain else None

    def _train(self, y: Array, t: Array, total: Array, dy: Array | None) -> None:
        kernel: Any = self.kernel
        _core.element_loss_train(kernel, y, t, None, total, dy, self.kernel_parameter)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check what the methods of a loss of the user's own take."""
        super().__init_subclass__(**kwargs)
        check_overrides(cls, Loss, ("targets", "per_sample"))

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        del dtype
        if reduction not in _REDUCTIONS:
            what = f"{type(self).__name__}: reduction"
            msg = f"{what} must be one of {_REDUCTIONS}, got {quoted(reduction)}"
            raise ValueError(msg)
        self.name = name or self._name
        self.reduction = reduction
        self._seen: tuple[Array, Array] | None = None

    # -- what subclasses write ---------------------------------------------------------------

    def targets(self, t: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        """Return targets as `per_sample` wants them; a ValueError when they do not fit."""
        if hasattr(self, "call"):
            return free_targets(self.name, t, output_shape, dtype)
        return matching_targets(self.name, t, output_shape, dtype)

    def takes_targets_as_they_are(self) -> bool:
        """Whether `targets` changes nothing but shape and dtype."""
        return self.builtin and not self.label_smoothing and not self.leaves_out

    @property
    def leaves_out(self) -> bool:
        """Whether some targets do not count."""
        return False

    def kernel_applies(self, logits: bool) -> bool:
        """Whether the core's function `kernel` computes this loss, of logits or of other outputs."""
        known = "kernel" in vars(type(self)) and self.reduction not in (None, "none")
        return known and (logits or self.fuses is None)

    def kernel_scale(self, size: int) -> float:
        """Return this loss over the mean of `kernel`, for samples of `size` elements."""
        del size
        return 1.0

    def of_logits(self) -> Loss:
        """Return this loss for outputs before the activation that it takes over."""
        made = self.from_config(self.get_config())
        made.from_logits = True
        return made

    def per_sample(self, y: Array, t: Array, gradient: bool) -> tuple[Array, Array | None]:
        """Return the loss of each sample ``(N,)`` and, if asked, its gradient by `y`.

        A subclass may write Keras's ``call(y_true, y_pred)`` over `hotloop.ops` instead, whose
        gradient is derived.
        """
        call = getattr(self, "call", None)
        if call is None:
            msg = f"{type(self).__name__}: a loss writes call(y_true, y_pred), or per_sample"
            raise NotImplementedError(msg)
        return derived(self.name, call, y, t, gradient)

    # -- what everybody uses -----------------------------------------------------------------

    def compute(
        self, y: Array, t: Array, sample_weight: Array | None = None, dy: Array | None = None
    ) -> float:
        """Return the reduced loss, and write its gradient to `dy` when given.

        Raises
        ------
        ValueError
            For an empty batch, whose mean does not exist, and without a reduction.
        """
        self.require_reduction(y)
        n = y.shape[0]
        values, gradient = self.per_sample(y, t, dy is not None)
        scale = 1.0 if self.reduction == "sum" else 1.0 / n
        if sample_weight is not None and self.reduction == "mean_with_sample_weight":
            total = float(np.sum(sample_weight, dtype=np.float64))
            scale = 1.0 / total if total else 0.0
        if dy is not None and gradient is not None:
            factor: Any = np.asarray(scale, y.dtype)
            if sample_weight is not None:
                weights = sample_weight.reshape((n,) + (1,) * (y.ndim - 1))
                factor = weights * factor
            np.multiply(gradient, factor, out=dy)
        if sample_weight is not None:
            values = values * sample_weight
        return float(np.sum(values, dtype=np.float64) * scale)

    def require_reduction(self, y: Array) -> None:
        """Raise a ValueError where there is no one number."""
        if self.reduction in (None, "none"):
            msg = (
                f"{self.name}: with reduction {self.reduction!r} it answers a loss for each sample; "
                "training needs one number, reduction='sum_over_batch_size'"
            )
            raise ValueError(msg)
        if y.shape[0] == 0:
            msg = f"{self.name}: the mean loss of an empty batch does not exist"
            raise ValueError(msg)

    def forward(self, y: Any, t: Any) -> float:
        """Return the loss of outputs `y` for targets `t`, and keep both for `backward`.

        The outputs come first, as what a layer's `forward` answers; Keras's call
        ``loss(y_true, y_pred)`` has the targets first.

        Raises
        ------
        ValueError
            When the targets do not fit the outputs; the text says when they look exchanged.
        """
        self._seen = self.pair(y, t, "forward takes the outputs first, forward(y, t)")
        return self.compute(*self._seen)

    def pair(self, y: Any, t: Any, order: str) -> tuple[Array, Array]:
        """Return outputs and targets for `per_sample`; say `order` where they look exchanged."""
        outputs = as_outputs(self.name, y)
        try:
            targets = self.targets(t, outputs.shape, outputs.dtype)
        except ValueError as error:
            if self._fits(t, y):
                msg = f"{error}; {order}"
                raise ValueError(msg) from None
            raise
        # Probabilities are not all 0 and 1, and targets seldom anything else.
        exact = self.fuses is not None and not self.from_logits and targets.dtype != np.int64
        exact = exact and len(outputs) > 0 and _is_binary(outputs[0])
        if exact and _is_binary(outputs) and not _is_binary(targets):
            what = "all outputs are 0 or 1, the targets are not"
            config.teach("order", f"{self.name}: {what}: {order}")
        return outputs, targets

    def _fits(self, y: Any, t: Any) -> bool:
        """Whether outputs and targets fit in this order."""
        try:
            outputs = as_outputs(self.name, y)
            self.targets(t, outputs.shape, outputs.dtype)
        except (TypeError, ValueError):
            return False
        return True

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

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss, in Keras's order of arguments: targets first, unlike `forward`.

        Of a tensor it is a tensor; without a reduction, a loss for each sample.
        """
        if self.reduction in (None, "none"):
            values = self.values(y_true, y_pred)
            if sample_weight is None:
                return values
            given = as_array(self.name, "sample_weight", sample_weight).astype(values.dtype)
            if values.ndim == 0:
                return values * given
            lead = given.reshape(given.shape[: values.ndim])
            return values * lead.reshape(lead.shape + (1,) * (values.ndim - lead.ndim))
        if isinstance(y_pred, TensorBase):
            return on_tensor(self, y_true, y_pred, sample_weight)
        outputs, targets = self.pair(y_pred, y_true, CALLED)
        weights: Array | None = None
        if sample_weight is not None:
            n = len(outputs)
            given = as_array(self.name, "sample_weight", sample_weight)
            weights = np.asarray(given, outputs.dtype)
            if weights.shape not in ((), (n,), (n, 1)):
                msg = f"{self.name}: sample_weight must have shape ({n},), got {weights.shape}"
                raise ValueError(msg)
            weights = np.broadcast_to(weights.reshape(-1), (n,))
        return Number(self.compute(outputs, targets, weights))

    def values(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of every row, whatever stands before the last axis; of a tensor as one."""
        if isinstance(y_pred, TensorBase):
            return values_on_tensor(self, y_true, y_pred)
        outputs, targets = self.pair(y_pred, y_true, CALLED)
        lead, k = outputs.shape[:-1], outputs.shape[-1]
        rows = targets.reshape(-1) if targets.ndim < outputs.ndim else targets.reshape(-1, k)
        found, _ = self.per_sample(outputs.reshape(-1, k), rows, False)
        return found.reshape(lead)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this loss again."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Make a loss from the result of `get_config`."""
        return cls(**config)

    def _settings(self) -> Any:
        # One that takes the activation over is copied into the step, by its arguments.
        return (super()._settings(), self.get_config() if self.fuses else None)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what `forward` kept."""
        return {**vars(self), "_seen": None}


def as_outputs(name: str, y: Any) -> Array:
    """Return `y` as float32 or float64 of at least two axes, one sample becoming a batch."""
    outputs = as_array(name, "outputs", y)
    if outputs.dtype not in (np.float32, np.float64):
        if outputs.dtype.kind not in "biuf":
            msg = f"{name}: outputs must be real numbers, got dtype {outputs.dtype}"
            raise TypeError(msg)
        outputs = outputs.astype(np.float64)
    return outputs.reshape(-1, 1) if outputs.ndim < 2 else outputs


def _is_binary(values: Array) -> bool:
    return bool(((values == 0) | (values == 1)).all())
