"""Activations as layers of their own."""

from __future__ import annotations

from typing import Any

from hotloop import _core, activations
from hotloop.layers.base import Array, Cache, Layer


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
