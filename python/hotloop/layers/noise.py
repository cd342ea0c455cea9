"""Layers that disturb their input in training, and one that penalizes it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop import _core, regularizers
from hotloop._support.arguments import number
from hotloop.autodiff import elementwise
from hotloop.autodiff import numeric as num
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array
from hotloop.layers.dropout import Dropout, Seeded
from hotloop.layers.order import Identity
from hotloop.layers.ruled import RuleLayer, Weights


class _Normal(RuleLayer, Seeded, builtin=True):
    """Normal numbers, drawn in Python."""

    recordable = False

    def normal(self, x: Any, mean: float, deviation: float) -> Array:
        """Return normal numbers of the shape and dtype of `x`."""
        key, calls = (part % 2**64 for part in self.drawn(recorded=False))
        rng = np.random.Generator(np.random.Philox(key=key, counter=[calls, 0, 0, 0]))
        return np.asarray(mean + deviation * rng.standard_normal(x.shape), x.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return Seeded.get_config(self)


class GaussianNoise(_Normal, builtin=True):
    """In training, add normal numbers.

    Parameters
    ----------
    stddev : float
        Their standard deviation; not negative.
    seed : int, optional
        None draws one from `hotloop.random` when the layer is built.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For a negative number.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.GaussianNoise(0.5)([[1.0, 2.0]])
    array([[1., 2.]], dtype=float32)
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(0.0, seed, **kwargs)
        self.stddev = number("GaussianNoise", "stddev", stddev, "not be negative", lambda s: s >= 0)

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Add noise in training."""
        if not training or not self.stddev:
            return x
        return elementwise.add(x, self.normal(x, 0.0, self.stddev))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        given = super().get_config()
        del given["rate"]
        return {"stddev": self.stddev, **given}


class GaussianDropout(_Normal, builtin=True):
    """In training, multiply by normal numbers of mean 1 and variance ``rate / (1 - rate)``.

    Parameters
    ----------
    rate : float
        In [0, 1).
    seed : int, optional
        As for `GaussianNoise`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        When `rate` lies outside.

    Notes
    -----
    Source: Srivastava et al., JMLR 15, 2014, section 10.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        number("GaussianDropout", "rate", rate, "lie in [0, 1)", lambda r: 0.0 <= r < 1.0)
        super().__init__(rate, seed, **kwargs)

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Multiply in training."""
        if not training or not self.rate:
            return x
        deviation = math.sqrt(self.rate / (1.0 - self.rate))
        return elementwise.multiply(x, self.normal(x, 1.0, deviation))


class AlphaDropout(RuleLayer, Dropout, builtin=True):
    """Dropout that keeps mean and variance of the inputs, to go with `selu` (Klambauer et al., 2017).

    In training a random share of the elements becomes ``-1.758``, the limit of `selu`, and everything
    is scaled and shifted.

    Parameters
    ----------
    rate, noise_shape, seed
        As for `Dropout`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        When `rate` lies outside [0, 1).
    """

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        number("AlphaDropout", "rate", rate, "lie in [0, 1)", lambda r: 0.0 <= r < 1.0)
        Dropout.__init__(self, rate, noise_shape, seed, **kwargs)

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:
        """Drop to the limit in training."""
        if not training or not self.rate:
            return x
        limit = -1.6732632423543772 * 1.0507009873554805
        scale = ((1 - self.rate) * (1 + self.rate * limit**2)) ** -0.5
        ones = np.ones(self.mask_shape(x.shape), x.dtype)
        factor, _ = _core.dropout(ones, self.rate, *self.drawn(weights.recorded))
        kept = _core.greater(factor, num.constant(0.0, ones))
        y = elementwise.where(kept, x, limit)
        return elementwise.add(elementwise.multiply(y, scale), -scale * limit * self.rate)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return Dropout.get_config(self)


class ActivityRegularization(Identity, builtin=True):
    """``y = x``; ``l1 sum |x| + l2 sum x ** 2``, divided by the number of samples, is added to the loss.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.ActivityRegularization(l2=0.1).activity_regularizer
    L1L2(l2=0.1)
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1, self.l2 = float(l1), float(l2)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        given = Layer.get_config(self)
        del given["activity_regularizer"]
        return {"l1": self.l1, "l2": self.l2, **given}
