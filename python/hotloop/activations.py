"""Activation functions: each with its derivative, callable on arrays, found by Keras's strings.

Examples
--------
>>> from hotloop import activations
>>> activations.relu([-5.0, 0.0, 4.0])
array([0., 0., 4.])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from hotloop import _core
from hotloop._support.names import serve
from hotloop._support.quoting import quoted
from hotloop.graph.symbol import Symbol
from hotloop.registry import lookup, own

Array = NDArray[Any]


class ActivationFunction:
    """An elementwise function, or softmax, and its derivative.

    Parameters
    ----------
    name : str
        Keras's name.
    forward : callable
        ``forward(x, out=None) -> y``; None for the identity.
    backward : callable
        ``backward(dy, saved, out=None) -> dx``.
    saves : str
        Which of ``"x"`` and ``"y"`` backward needs.
    elementwise : bool
        Whether backward may write over `dy`.
    fused : bool
        Whether the core's affine and conv2d apply it before they store.
    """

    def __init__(
        self,
        name: str,
        forward: Callable[..., Array] | None,
        backward: Callable[..., Array] | None,
        *,
        saves: str = "y",
        elementwise: bool = True,
        fused: bool = False,
    ) -> None:
        self.name, self.saves, self.fused = name, saves, fused
        self.elementwise = elementwise
        self._forward, self._backward = forward, backward

    @property
    def is_linear(self) -> bool:
        """Whether it is the identity."""
        return self._forward is None

    @property
    def fused_name(self) -> Any:
        """What the core's fused ops are told: the name, or None."""
        return self.name if self.fused else None

    def __call__(self, x: Any) -> Any:
        """Return the activation of any array, or the symbol that an `Activation` layer answers."""
        if isinstance(x, Symbol):
            return own("layer")["Activation"](self)(x)
        return _core.identity(x) if self._forward is None else self._forward(x)

    def forward(self, x: Array) -> Array:
        """Return y; `x` itself for the identity."""
        return x if self._forward is None else self._forward(x)

    def backward(self, dy: Array, saved: Array, owns_dy: bool = False) -> Array:
        """Return dx; `dy` itself for the identity, and where it may be written over."""
        if self._backward is None:
            return dy
        return self._backward(dy, saved, out=dy if owns_dy and self.elementwise else None)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name."""
        return get, (self.name,)

    def __repr__(self) -> str:
        """Return the name."""
        return f"<activation {self.name}>"


linear = ActivationFunction("linear", None, None)
relu = ActivationFunction("relu", _core.relu, _core.relu_backward, fused=True)
sigmoid = ActivationFunction("sigmoid", _core.sigmoid, _core.sigmoid_backward, fused=True)
tanh = ActivationFunction("tanh", _core.tanh, _core.tanh_backward, fused=True)


def _leaky_relu(x: Array, out: Array | None = None) -> Array:
    return _core.leaky_relu(x, LEAKY_SLOPE, out)


def _leaky_relu_backward(dy: Array, y: Array, out: Array | None = None) -> Array:
    return _core.leaky_relu_backward(dy, y, LEAKY_SLOPE, out)


def _elu(x: Array, out: Array | None = None) -> Array:
    return _core.elu(x, 1.0, out)


def _elu_backward(dy: Array, y: Array, out: Array | None = None) -> Array:
    return _core.elu_backward(dy, y, 1.0, out)


# Keras's slope of the string; the layer LeakyReLU has 0.3.
LEAKY_SLOPE = 0.2
leaky_relu = ActivationFunction("leaky_relu", _leaky_relu, _leaky_relu_backward)
elu = ActivationFunction("elu", _elu, _elu_backward)
gelu = ActivationFunction("gelu", _core.gelu, _core.gelu_backward, saves="x")


def _softmax_backward(dy: Array, y: Array, out: Array | None = None) -> Array:
    return _core.softmax_backward(dy, y, -1, out=out)


def _log_softmax_backward(dy: Array, y: Array, out: Array | None = None) -> Array:
    return _core.log_softmax_backward(dy, y, -1, out=out)


softmax = ActivationFunction("softmax", _core.softmax, _softmax_backward, elementwise=False)
log_softmax = ActivationFunction(
    "log_softmax", _core.log_softmax, _log_softmax_backward, elementwise=False
)

FUNCTIONS = {
    function.name: function
    for function in (linear, relu, leaky_relu, elu, gelu, sigmoid, tanh, softmax, log_softmax)
}


def get(identifier: Any) -> ActivationFunction:
    """Return the activation that None, a string or an activation stands for.

    Parameters
    ----------
    identifier : None, str or ActivationFunction
        None is ``"linear"``.

    Raises
    ------
    ValueError
        For an unknown name; the text lists the valid ones.
    TypeError
        For a plain function: without a derivative it cannot be trained.

    Examples
    --------
    >>> get("relu")
    <activation relu>
    """
    if identifier is None:
        return linear
    if isinstance(identifier, ActivationFunction):
        return identifier
    if isinstance(identifier, str):
        return lookup("activation", identifier, FUNCTIONS)
    msg = (
        f"an activation must be None, a name or one of hotloop.activations, got {quoted(identifier)}; "
        "a function of your own needs its derivative: write it as a Layer"
    )
    raise TypeError(msg)


def serialize(activation: ActivationFunction) -> str:
    """Return the name of an activation, which `get` finds it by.

    Examples
    --------
    >>> serialize(relu)
    'relu'
    """
    return activation.name


__all__ = [
    "ActivationFunction",
    "elu",
    "gelu",
    "get",
    "leaky_relu",
    "linear",
    "log_softmax",
    "relu",
    "serialize",
    "sigmoid",
    "softmax",
    "tanh",
]

serve(__name__)
