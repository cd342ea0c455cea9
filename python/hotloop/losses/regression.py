"""Losses of values: squared, absolute, Huber, half the sum of squares."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop._support.arguments import number
from hotloop.losses.base import Array, Loss
from hotloop.losses.derived import over_samples


class MeanSquaredError(Loss, builtin=True):
    """``mean((y - t)^2)`` over each sample.

    Parameters
    ----------
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> loss = MeanSquaredError()
    >>> loss.forward([[1.0, 2.0]], [[0.0, 0.0]])
    2.5
    >>> loss.backward()
    array([[1., 2.]])
    """

    _name = "mean_squared_error"
    kernel = "squared_error"

    def per_sample(self, y: Array, t: Array, gradient: bool) -> tuple[Array, Array | None]:
        """Return squares' means and ``2 (y - t) / size``."""
        d = y - t
        size = max(1, d[0].size)
        return over_samples(d * d), d * (2.0 / size) if gradient else None


class MeanAbsoluteError(Loss, builtin=True):
    """``mean(|y - t|)`` over each sample.

    Parameters
    ----------
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> MeanAbsoluteError().forward([[1.0, -3.0]], [[0.0, 0.0]])
    2.0
    """

    _name = "mean_absolute_error"
    kernel = "absolute_error"

    def per_sample(self, y: Array, t: Array, gradient: bool) -> tuple[Array, Array | None]:
        """Return absolute values' means and ``sign(y - t) / size``."""
        d = y - t
        size = max(1, d[0].size)
        return over_samples(np.abs(d)), np.sign(d) / size if gradient else None


class Huber(Loss, builtin=True):
    """Quadratic within `delta` of the target, linear beyond (Huber 1964).

    Parameters
    ----------
    delta : float
        Where the two meet.
    name, reduction, dtype
        As in `Loss`.

    Examples
    --------
    >>> Huber(delta=1.0).forward([[0.5], [3.0]], [[0.0], [0.0]])
    1.3125
    """

    _name = "huber_loss"
    kernel = "huber"

    def __init__(
        self,
        delta: float = 1.0,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = number("Huber", "delta", delta, "be positive", lambda d: d > 0.0)

    @property
    def kernel_parameter(self) -> float:  # type: ignore[override]
        """The `delta`."""
        return self.delta

    def per_sample(self, y: Array, t: Array, gradient: bool) -> tuple[Array, Array | None]:
        """Return the means of the pieces, and the clipped difference / size."""
        d = y - t
        size = max(1, d[0].size)
        away = np.abs(d)
        values = np.where(away <= self.delta, 0.5 * d * d, self.delta * away - 0.5 * self.delta**2)
        slope = np.clip(d, -self.delta, self.delta) / size if gradient else None
        return over_samples(values), slope

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this loss again."""
        return {"delta": self.delta, **super().get_config()}


class SumSquaredError(Loss, builtin=True):
    """``sum((y - t)^2) / 2`` over each sample.

    Parameters
    ----------
    name, reduction, dtype
        As in `Loss`: the mean over the batch by default; ``"sum"`` is the book's figure for a
        whole batch.

    Notes
    -----
    Source: K. Saito, "Deep Learning from Scratch", O'Reilly Japan, 2016, section 4.2.1.

    Examples
    --------
    >>> SumSquaredError().forward([[1.0, 3.0]], [[0.0, 0.0]])
    5.0
    """

    _name = "sum_squared_error"
    kernel = "squared_error"

    def kernel_scale(self, size: int) -> float:
        """Return half the number of elements: nothing is averaged over a sample."""
        return size / 2

    def per_sample(self, y: Array, t: Array, gradient: bool) -> tuple[Array, Array | None]:
        """Return half the sums of squares, and ``y - t``."""
        d = y - t
        return 0.5 * (d * d).reshape(len(d), -1).sum(axis=1), d if gradient else None
