"""Activations as layers of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hotloop import _core, activations
from hotloop._support.arguments import number, whole
from hotloop._support.typing import Shape
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache


class Activation(Layer, builtin=True):
    """Any activation of `hotloop.activations`.

    Parameters
    ----------
    activation : str or callable
        ``"relu"``, ``"softmax"`` ..., or a function over `hotloop.ops`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Activation("relu")([[-1.0, 2.0]])
    array([[0., 2.]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape as it is, but for ``"glu"`` and functions of one's own."""
        return self.activation.output_shape(input_shape)

    @property
    def binds_input(self) -> bool:
        """The core sees the very array, unless nothing is computed."""
        return not self.activation.is_linear

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Apply the function."""
        act = activations.linear if cache.logits else self.activation
        y = act.forward(x)
        cache.saved, cache.act = y if act.saves == "y" else x, act
        return y

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Apply the derivative."""
        if not cache.need_dx:
            return None
        dx: Array = cache.act.backward(dy, cache.saved, cache.owns_dy)
        return dx

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"activation": activations.serialize(self.activation), **super().get_config()}


class _Named(Activation, builtin=True):
    """An `Activation` whose function is fixed."""

    _function = "linear"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(self._function, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        given = super().get_config()
        del given["activation"]
        return given


class ReLU(Activation, builtin=True):
    """``y = max(x, 0)``, or with a slope, a ceiling and a threshold.

    ``y = max_value`` where x >= max_value, ``x`` where x > threshold, else
    ``negative_slope * (x - threshold)``.

    Parameters
    ----------
    max_value : float, optional
        The ceiling, not negative; None has none.
    negative_slope, threshold : float
        Not negative.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For a negative number.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.ReLU()([[-1.0, 9.0]])
    array([[0., 9.]], dtype=float32)
    >>> hl.layers.ReLU(6.0, negative_slope=0.5)([[-1.0, 9.0]])
    array([[-0.5,  6. ]], dtype=float32)
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        # A unit of a slope never dies, and what it is called here says so.
        super().__init__("leaky_relu" if negative_slope else "relu", **kwargs)
        for name, value in (
            ("max_value", 0.0 if max_value is None else max_value),
            ("negative_slope", negative_slope),
            ("threshold", threshold),
        ):
            number("ReLU", name, value, "not be negative", lambda v: v >= 0.0)
        self.max_value = None if max_value is None else float(max_value)
        self.negative_slope, self.threshold = float(negative_slope), float(threshold)

    def is_recordable(self, shapes: Sequence[Shape]) -> bool:  # noqa: ARG002
        """Whether there is a slope alone: ceilings and thresholds are NumPy's."""
        return self._is_sloped()

    def _is_sloped(self) -> bool:
        return self.max_value is None and self.threshold == 0.0

    @property
    def binds_input(self) -> bool:
        """Whether the core sees the very array."""
        return self._is_sloped()

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:
        """Apply the function."""
        if self._is_sloped() and not self.negative_slope:
            return super().forward(x, cache, training)
        if self._is_sloped():
            cache.y = _core.leaky_relu(x, self.negative_slope)
            return cache.y  # type: ignore[no-any-return]
        below, slope = x <= self.threshold, x.dtype.type(self.negative_slope)
        y = np.where(below, slope * (x - self.threshold) if slope else slope, x)
        cache.slope = np.where(below, slope, x.dtype.type(1))
        if self.max_value is not None:
            # A NaN is neither below nor above, and goes through.
            above = x >= self.max_value
            y[above], cache.slope[above] = self.max_value, 0
        return y

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Apply the derivative."""
        if not cache.need_dx:
            return None
        if not self._is_sloped():
            return dy * cache.slope  # type: ignore[no-any-return]
        if not self.negative_slope:
            return super().backward(dy, cache)
        out = dy if cache.owns_dy else None
        return _core.leaky_relu_backward(dy, cache.y, self.negative_slope, out)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }
        rest = super().get_config()
        del rest["activation"]
        return {**own, **rest}


class Sigmoid(_Named, builtin=True):
    """``y = 1 / (1 + exp(-x))``; takes the arguments of `Layer`."""

    _function = "sigmoid"


class Tanh(_Named, builtin=True):
    """``y = tanh(x)``; takes the arguments of `Layer`."""

    _function = "tanh"


class GELU(_Named, builtin=True):
    """``y = x Phi(x)``, exact (Hendrycks and Gimpel, 2016); takes the arguments of `Layer`."""

    _function = "gelu"


class _Sloped(Layer, builtin=True):
    """A rectifier with one number; what it is called differs."""

    binds_input = True

    def check(self, slope: Any) -> float:
        """Return the number; a ValueError for a negative one."""
        who = type(self).__name__
        return number(who, "the slope", slope, "not be negative", lambda s: 0.0 <= s < math.inf)


class LeakyReLU(_Sloped, builtin=True):
    """``y = x`` where x > 0, else ``negative_slope * x`` (Maas, Hannun and Ng, ICML 2013).

    Parameters
    ----------
    negative_slope : float
        Not negative.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For a negative slope.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.LeakyReLU(0.5)([[-1.0, 2.0]])
    array([[-0.5,  2. ]], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        self.negative_slope = self.check(slope)

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Apply the function."""
        cache.y = _core.leaky_relu(x, self.negative_slope)
        return cache.y  # type: ignore[no-any-return]

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Apply the derivative."""
        if not cache.need_dx:
            return None
        out = dy if cache.owns_dy else None
        return _core.leaky_relu_backward(dy, cache.y, self.negative_slope, out)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"negative_slope": self.negative_slope, **super().get_config()}


class ELU(_Sloped, builtin=True):
    """``y = x`` where x > 0, else ``alpha (exp(x) - 1)`` (Clevert et al., ICLR 2016).

    Parameters
    ----------
    alpha : float
        Not negative.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For a negative alpha.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.ELU()([[0.0, 2.0]])
    array([[0., 2.]], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = self.check(alpha)

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Apply the function."""
        cache.y = _core.elu(x, self.alpha)
        return cache.y  # type: ignore[no-any-return]

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Apply the derivative."""
        if not cache.need_dx:
            return None
        return _core.elu_backward(dy, cache.y, self.alpha, dy if cache.owns_dy else None)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"alpha": self.alpha, **super().get_config()}


class Softmax(Layer, builtin=True):
    """``y = exp(x) / sum(exp(x))`` along `axis`.

    Parameters
    ----------
    axis : int
        The classes.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Softmax()([[0.0, 0.0]])
    array([[0.5, 0.5]], dtype=float32)
    """

    binds_input = True

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = whole("Softmax", "axis", axis)

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Apply the softmax."""
        cache.y = x if cache.logits else _core.softmax(x, self.axis)
        return cache.y  # type: ignore[no-any-return]

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Apply its derivative."""
        if cache.logits or not cache.need_dx:
            return dy
        return _core.softmax_backward(dy, cache.y, self.axis)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"axis": self.axis, **super().get_config()}
