"""Activation functions: callable on arrays, tensors and symbols, found by Keras's strings.

Examples
--------
>>> from hotloop import activations
>>> activations.relu([-5.0, 0.0, 4.0])
array([0., 0., 4.])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import _core, ops, registry
from hotloop._support.names import serve
from hotloop._support.quoting import quoted
from hotloop.autodiff.answers import standing
from hotloop.autodiff.backward import gradients
from hotloop.autodiff.rule import TensorBase, mode
from hotloop.autodiff.tensor import Tensor
from hotloop.graph.symbol import Symbol, Unit
from hotloop.registry import lookup, own

Array = NDArray[Any]


class ActivationFunction:
    """A function of one array, elementwise but for a few, and its derivative.

    Parameters
    ----------
    name : str
        Keras's name.
    function : callable
        The function over `hotloop.ops`.
    forward : callable, optional
        ``forward(x, out=None) -> y`` of the core; without it, `function` computes.
    backward : callable, optional
        ``backward(dy, saved, out=None) -> dx``; without it, the rules of `function` are followed back.
    saves : str
        Which of ``"x"`` and ``"y"`` backward needs.
    elementwise : bool
        Whether backward may write over `dy`.
    fused : bool
        Whether the core's affine and conv2d apply it before they store.
    recordable : bool
        Whether it is core calls alone, there and back.
    keeps_shape : bool
        Whether the answer has the shape of the input.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        forward: Callable[..., Array] | None = None,
        backward: Callable[..., Array] | None = None,
        *,
        saves: str = "x",
        elementwise: bool = True,
        fused: bool = False,
        recordable: bool = True,
        keeps_shape: bool = True,
    ) -> None:
        self.name, self.function, self.saves, self.fused = name, function, saves, fused
        self.elementwise, self.recordable, self.keeps_shape = elementwise, recordable, keeps_shape
        self._forward, self._backward = forward, backward

    @property
    def is_linear(self) -> bool:
        """Whether it is the identity."""
        return self.name == "linear"

    @property
    def fused_name(self) -> Any:
        """What the core's fused ops are told: the name, or None."""
        return self.name if self.fused else None

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the activation of an array, tensor or symbol; further arguments are Keras's."""
        if args or kwargs or isinstance(x, TensorBase) or mode.tapes:
            return self.function(x, *args, **kwargs)
        if isinstance(x, Symbol):
            return own("layer")["Activation"](self)(x)
        if self._forward is not None:
            return self._forward(x)
        x = np.asarray(x)
        return self.function(x if x.dtype.kind == "f" else x.astype(np.float64))

    def forward(self, x: Array) -> Array:
        """Return y; `x` itself for the identity."""
        if self.is_linear:
            return x
        if self._forward is not None:
            return self._forward(x)
        answer = self._apart(x, False)
        return answer.data if isinstance(answer, TensorBase) else np.asarray(answer, x.dtype)

    def backward(self, dy: Array, saved: Array, owns_dy: bool = False) -> Array:
        """Return dx; `dy` itself for the identity, and where it may be written over."""
        if self.is_linear:
            return dy
        if self._backward is not None:
            return self._backward(dy, saved, out=dy if owns_dy and self.elementwise else None)
        return self._apart(saved, True, dy)  # type: ignore[no-any-return]

    def _apart(self, x: Array, back: bool, dy: Any = None) -> Any:
        """Compute on a tensor of its own, which no tape and no recording outside hears of."""
        before = mode.tapes, mode.recorder, mode.enabled
        mode.tapes, mode.recorder, mode.enabled = (), None, back
        try:
            tensor = Tensor(x, requires_grad=back)
            y = self.function(tensor)
            if not back:
                return y
            if not isinstance(y, Tensor):
                msg = f"activation {self.name!r}: its answer has no gradient; compute it with hotloop.ops"
                raise TypeError(msg)
            found = gradients([(y, dy)], [tensor]) if y.requires_grad else {}
            return found.get(id(tensor), np.zeros_like(x))
        finally:
            mode.tapes, mode.recorder, mode.enabled = before

    def output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the answer to an input of `shape`."""
        if self.keeps_shape:
            return shape
        twice = (
            self.forward(standing(tuple(size if n is None else n for n in shape), "float32")).shape
            for size in (2, 3)
        )
        return tuple(m if m == n else None for m, n in zip(*twice, strict=True))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name; one of the user's own by its function."""
        return get, (self.name if FUNCTIONS.get(self.name) is self else self.function,)

    def __repr__(self) -> str:
        """Return the name."""
        return f"<activation {self.name}>"


def _linear(x: Any) -> Any:
    return ops.convert_to_tensor(x)


def _relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Any:
    if threshold:
        low = ops.multiply(ops.subtract(x, threshold), negative_slope)
        y = ops.where(ops.greater(x, threshold), x, low)
    else:
        y = ops.leaky_relu(x, negative_slope) if negative_slope else ops.relu(x)
    return y if max_value is None else ops.minimum(y, max_value)


def _gelu(x: Any, approximate: bool = False) -> Any:
    return ops.gelu(x, approximate)


# Keras's slope of the string; the layer LeakyReLU has 0.3.
LEAKY_SLOPE = 0.2


def _leaky_relu(x: Array, out: Array | None = None) -> Array:
    return _core.leaky_relu(x, LEAKY_SLOPE, out)


def _leaky_relu_backward(dy: Array, y: Array, out: Array | None = None) -> Array:
    return _core.leaky_relu_backward(dy, y, LEAKY_SLOPE, out)


def _elu(x: Array, out: Array | None = None) -> Array:
    return _core.elu(x, 1.0, out)


def _elu_backward(dy: Array, y: Array, out: Array | None = None) -> Array:
    return _core.elu_backward(dy, y, 1.0, out)


def _softmax_backward(dy: Array, y: Array, out: Array | None = None) -> Array:
    return _core.softmax_backward(dy, y, -1, out=out)


def _log_softmax_backward(dy: Array, y: Array, out: Array | None = None) -> Array:
    return _core.log_softmax_backward(dy, y, -1, out=out)


def _mish(x: Any) -> Any:
    return ops.multiply(x, ops.tanh(ops.softplus(x)))


_F = ActivationFunction
linear = _F("linear", _linear, _core.identity)
relu = _F("relu", _relu, _core.relu, _core.relu_backward, saves="y", fused=True)
sigmoid = _F("sigmoid", ops.sigmoid, _core.sigmoid, _core.sigmoid_backward, saves="y", fused=True)
tanh = _F("tanh", ops.tanh, _core.tanh, _core.tanh_backward, saves="y", fused=True)
leaky_relu = _F("leaky_relu", ops.leaky_relu, _leaky_relu, _leaky_relu_backward, saves="y")
elu = _F("elu", ops.elu, _elu, _elu_backward, saves="y")
gelu = _F("gelu", _gelu, _core.gelu, _core.gelu_backward)
softmax = _F("softmax", ops.softmax, _core.softmax, _softmax_backward, saves="y", elementwise=False)
log_softmax = _F(
    "log_softmax",
    ops.log_softmax,
    _core.log_softmax,
    _log_softmax_backward,
    saves="y",
    elementwise=False,
)
# The rest follow from the rules of their operations.
celu = _F("celu", ops.celu)
exponential = _F("exponential", ops.exp)
glu = _F("glu", ops.glu, recordable=False, keeps_shape=False)
hard_shrink = _F("hard_shrink", ops.hard_shrink)
hard_sigmoid = _F("hard_sigmoid", ops.hard_sigmoid)
hard_silu = hard_swish = _F("hard_silu", ops.hard_silu)
hard_tanh = _F("hard_tanh", ops.hard_tanh)
log_sigmoid = _F("log_sigmoid", ops.log_sigmoid)
mish = _F("mish", _mish)
relu6 = _F("relu6", ops.relu6)
selu = _F("selu", ops.selu)
silu = swish = _F("silu", ops.silu)
soft_shrink = _F("soft_shrink", ops.soft_shrink)
softplus = _F("softplus", ops.softplus)
softsign = _F("softsign", ops.softsign)
sparse_plus = _F("sparse_plus", ops.sparse_plus)
sparse_sigmoid = _F("sparse_sigmoid", ops.sparse_sigmoid)
sparsemax = _F("sparsemax", ops.sparsemax, recordable=False)
squareplus = _F("squareplus", ops.squareplus)
tanh_shrink = _F("tanh_shrink", ops.tanh_shrink)
# Takes two numbers more, so no layer can be told its name.
threshold = ops.threshold

FUNCTIONS = {
    function.name: function
    for function in list(vars().values())
    if isinstance(function, ActivationFunction)
}
_STRINGS = {**FUNCTIONS, "hard_swish": hard_silu, "swish": silu}
_BY_FUNCTION = {function.function: function for function in FUNCTIONS.values()}
_BY_FUNCTION |= {ops.relu: relu, ops.gelu: ActivationFunction("gelu_tanh", ops.gelu)}


def get(identifier: Any) -> ActivationFunction:
    """Return the activation that None, a string, a function, a layer or a description stands for.

    Parameters
    ----------
    identifier : None, str, ActivationFunction, callable, Layer or dict
        None is ``"linear"``. A function is one over `hotloop.ops`, a layer one without weights.

    Raises
    ------
    ValueError
        For an unknown name; the text lists the valid ones.
    TypeError
        For anything else.

    Examples
    --------
    >>> get("relu")
    <activation relu>
    >>> from hotloop import ops
    >>> get(lambda x: ops.maximum(x, -1.0))([-2.0, 2.0])
    array([-1.,  2.])
    """
    if identifier is None:
        return linear
    if isinstance(identifier, ActivationFunction):
        return identifier
    if isinstance(identifier, str):
        return lookup("activation", identifier, _STRINGS)
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, Unit) or (callable(identifier) and not isinstance(identifier, type)):
        return _of_ones_own(identifier)
    msg = (
        "an activation must be None, a name, one of hotloop.activations, a function over hotloop.ops "
        f"or a layer, got {quoted(identifier)}"
    )
    raise TypeError(msg)


def _of_ones_own(function: Any) -> ActivationFunction:
    known = _BY_FUNCTION.get(function)
    if known is not None:
        return known
    if getattr(function, "weights", None):
        msg = f"an activation has no weights; put the layer {quoted(function)} behind instead"
        raise TypeError(msg)
    name = str(getattr(function, "__name__", getattr(function, "name", type(function).__name__)))
    return ActivationFunction(name, function, recordable=False, keeps_shape=False)


def serialize(activation: Any) -> Any:
    """Return the name of an activation, or the description of a function of one's own.

    Examples
    --------
    >>> serialize(relu)
    'relu'
    """
    kept = get(activation)
    return kept.name if FUNCTIONS.get(kept.name) is kept else registry.serialize(kept.function)


def deserialize(config: Any, custom_objects: Any = None) -> ActivationFunction:
    """Return the activation that `serialize` described.

    Examples
    --------
    >>> deserialize("relu")
    <activation relu>
    """
    if not isinstance(config, dict):
        return get(config)
    kind = "activation" if "function" in config else "layer"
    known = own("layer") if kind == "layer" else {}
    return _of_ones_own(registry.deserialize(kind, config, known, custom_objects))


__all__ = [
    "ActivationFunction",
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

serve(__name__)
