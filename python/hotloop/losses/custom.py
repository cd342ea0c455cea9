"""Losses from plain functions over `hotloop.ops`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotloop.losses.base import Loss
from hotloop.registry import deserialize, serialize


class FunctionLoss(Loss, builtin=True):
    """A function ``f(y_true, y_pred)`` over `hotloop.ops` as a loss; its gradient is derived.

    Parameters
    ----------
    fn : callable
        Answers a loss for each sample, or for each element of a sample, which are averaged; one
        number stands for the whole batch.
    name, reduction : str
        As in `Loss`.

    Raises
    ------
    TypeError
        When the function answers no values, or computes with something that has no gradient.

    Examples
    --------
    >>> import hotloop as hl
    >>> from hotloop import ops
    >>> loss = FunctionLoss(lambda y, p: ops.mean(ops.square(y - p), axis=-1))
    >>> loss.forward([[1.0, 3.0]], [[0.0, 0.0]])
    5.0
    >>> loss.backward()
    array([[1., 3.]])
    """

    def __init__(
        self,
        fn: Callable[[Any, Any], Any],
        name: str | None = None,
        reduction: str = "sum_over_batch_size",
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", "loss"), reduction)
        self.fn = deserialize("loss function", fn, {}) if isinstance(fn, dict) else fn

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return what the function answers."""
        return self.fn(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; of the function its name, under which `custom_objects` give it back."""
        return {"fn": serialize(self.fn), **super().get_config()}
