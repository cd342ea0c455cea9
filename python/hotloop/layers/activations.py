"""Activations as layers of their own."""

from __future__ import annotations

from typing import Any

from hotloop import _core, activations
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache


class Activation(Layer):
    """Any activation of `hotloop.activations`.

    Parameters
    ----------
    activation : str
        ``"relu"``, ``"softmax"`` ...
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Activation("relu")([[-1.0, 2.0]])
    array([[0., 2.]], dtype=float32)
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

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
        return {"activation": self.activation.name, **super().get_config()}


class _Named(Activation):
    """An `Activation` whose function is fixed."""

    _function = "linear"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(self._function, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        given = super().get_config()
        del given["activation"]
        return given


class ReLU(_Named):
    """``y = max(x, 0)``; takes the arguments of `Layer`."""

    _function = "relu"


class Sigmoid(_Named):
    """``y = 1 / (1 + exp(-x))``; takes the arguments of `Layer`."""

    _function = "sigmoid"


class Tanh(_Named):
    """``y = tanh(x)``; takes the arguments of `Layer`."""

    _function = "tanh"


class GELU(_Named):
    """``y = x Phi(x)``, exact (Hendrycks and Gimpel, 2016); takes the arguments of `Layer`."""

    _function = "gelu"


class _Sloped(Layer):
    """A rectifier with one number; what it is called differs."""

    binds_input = True

    def __init__(self, slope: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0.0 <= slope < float("inf"):
            msg = f"{type(self).__name__}: the slope must not be negative, got {slope}"
            raise ValueError(msg)
        self._slope = float(slope)


class LeakyReLU(_Sloped):
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
        super().__init__(kwargs.pop("alpha", negative_slope), **kwargs)
        self.negative_slope = self._slope

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Apply the function."""
        cache.y = _core.leaky_relu(x, self._slope)
        return cache.y  # type: ignore[no-any-return]

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Apply the derivative."""
        if not cache.need_dx:
            return None
        out = dy if cache.owns_dy else None
        return _core.leaky_relu_backward(dy, cache.y, self._slope, out)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"negative_slope": self.negative_slope, **super().get_config()}


class ELU(_Sloped):
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
        super().__init__(alpha, **kwargs)
        self.alpha = self._slope

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Apply the function."""
        cache.y = _core.elu(x, self._slope)
        return cache.y  # type: ignore[no-any-return]

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Apply the derivative."""
        if not cache.need_dx:
            return None
        return _core.elu_backward(dy, cache.y, self._slope, dy if cache.owns_dy else None)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"alpha": self.alpha, **super().get_config()}


class Softmax(Layer):
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
        self.axis = int(axis)

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
