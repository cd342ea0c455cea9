"""What losses written as a formula over the rules share: their gradient is derived."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hotloop._support.arguments import whole
from hotloop.autodiff.rule import TensorBase
from hotloop.autodiff.tensor import Tensor
from hotloop.data.targets import like_outputs, matching_targets, real_array
from hotloop.losses.base import Loss

Array = NDArray[Any]
EPSILON = 1e-7


def pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return targets and outputs of a formula as tensors or float arrays of one shape."""
    y = outputs(y_pred)
    if isinstance(y_true, TensorBase):
        return y_true, y
    t = real_array("loss", "y_true", y_true)
    return np.asarray(like_outputs(t, y.shape), y.dtype), y


def outputs(y_pred: Any) -> Any:
    """Return outputs as a tensor or a float array."""
    if isinstance(y_pred, TensorBase):
        return y_pred
    y = real_array("loss", "y_pred", y_pred)
    return y if y.dtype.kind == "f" else y.astype(np.float64)


def axis_of(name: str, axis: Any) -> int:
    """Return an axis; a ValueError for what is no whole number."""
    if isinstance(axis, bool):
        msg = f"{name}: axis must be an integer, got {axis}"
        raise ValueError(msg)
    return whole(name, "axis", axis)


class FormulaLoss(Loss, builtin=True):
    """Base of losses made of a function ``formula(y_true, y_pred, **options)`` over the rules."""

    # Attributes that the formula takes, which are arguments of the class.
    options: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def formula(y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each sample, or of its parts."""
        raise NotImplementedError

    def targets(self, t: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        """Return targets in the shape of the outputs; a ValueError when they do not fit."""
        return matching_targets(self.name, t, output_shape, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the formula's answer."""
        return type(self).formula(y_true, y_pred, **self.chosen())

    def chosen(self) -> dict[str, Any]:
        """Return what the formula takes beside targets and outputs."""
        return {name: getattr(self, name) for name in self.options}

    def values(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each sample, or of its parts, nothing reduced over the batch."""
        return self.call(*pair(y_true, y_pred))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this loss again."""
        return {**self.chosen(), **super().get_config()}


class CoupledLoss(FormulaLoss, builtin=True):
    """Base of formulas whose numbers depend on the whole batch, or are one number for it."""

    def compute(
        self, y: Array, t: Array, sample_weight: Array | None = None, dy: Array | None = None
    ) -> float:
        """Return the reduced loss; the gradient goes through the weighted sum as a whole."""
        self.require_reduction(y)
        tensor = Tensor(y, requires_grad=dy is not None)
        values = self.call(t, tensor)
        found = np.asarray(values.numpy(), np.float64)
        factor = self.factors(found, len(y), sample_weight)
        if dy is not None:
            values.backward(np.broadcast_to(factor, found.shape).astype(y.dtype))
            dy[...] = 0.0 if tensor.grad is None else tensor.grad
        return float((found * factor).sum())

    def factors(self, values: Array, n: int, weights: Array | None) -> Array:
        """Return what each value counts in the reduced loss."""
        w = np.ones(n) if weights is None else np.asarray(weights, np.float64)
        total = float(w.sum())
        by = {"sum": 1.0, "mean_with_sample_weight": total}.get(str(self.reduction), float(n))
        if values.ndim == 0:
            return np.asarray(1.0 if weights is None else total / by if by else 0.0)
        lead = w.reshape(n, *(1,) * (values.ndim - 1)) * (n / max(1, values.size))
        return lead / by if by else np.zeros_like(lead)


__all__ = ["EPSILON", "CoupledLoss", "FormulaLoss", "axis_of", "outputs", "pair"]
