"""Activations as modules; each is the function of `nn.functional` of its name."""

from __future__ import annotations

from typing import Any, ClassVar

from hotloop.torch.nn import functional
from hotloop.torch.nn.modules._made import parameter
from hotloop.torch.nn.modules._table import REQUIRED, FunctionModule
from hotloop.torch.nn.modules.module import Module


class _InPlace(FunctionModule):
    options: ClassVar[dict[str, Any]] = {"inplace": False}
    shown = ("?inplace",)


class ReLU(_InPlace):
    """``max(x, 0)``."""

    function = "relu"


class ReLU6(_InPlace):
    """``min(max(x, 0), 6)``."""

    function = "relu6"


class SELU(_InPlace):
    """The self-normalising ELU (Klambauer et al., 2017)."""

    function = "selu"


class SiLU(_InPlace):
    """``x * sigmoid(x)``."""

    function = "silu"


class Mish(_InPlace):
    """``x * tanh(softplus(x))``."""

    function = "mish"


class Hardsigmoid(_InPlace):
    """``relu6(x + 3) / 6``."""

    function = "hardsigmoid"


class Hardswish(_InPlace):
    """``x * relu6(x + 3) / 6``."""

    function = "hardswish"


class LeakyReLU(FunctionModule):
    """``x`` where positive, else ``negative_slope * x``."""

    function = "leaky_relu"
    options: ClassVar[dict[str, Any]] = {"negative_slope": 0.01, "inplace": False}
    shown = ("negative_slope", "?inplace")


class ELU(FunctionModule):
    """``x`` where positive, else ``alpha * (exp(x) - 1)``."""

    function = "elu"
    options: ClassVar[dict[str, Any]] = {"alpha": 1.0, "inplace": False}
    shown = ("alpha", "?inplace")


class CELU(ELU):
    """``max(0, x) + min(0, alpha * (exp(x / alpha) - 1))``."""

    function = "celu"


class GELU(FunctionModule):
    """``x * Phi(x)``, exactly or by ``approximate="tanh"``."""

    function = "gelu"
    options: ClassVar[dict[str, Any]] = {"approximate": "none"}

    def extra_repr(self) -> str:
        """List the option."""
        return f"approximate={self.approximate!r}"


class Sigmoid(FunctionModule):
    """``1 / (1 + exp(-x))``."""

    function = "sigmoid"


class Tanh(FunctionModule):
    """The hyperbolic tangent."""

    function = "tanh"


class Softsign(FunctionModule):
    """``x / (1 + |x|)``."""

    function = "softsign"


class LogSigmoid(FunctionModule):
    """``log(sigmoid(x))``."""

    function = "logsigmoid"


class Tanhshrink(FunctionModule):
    """``x - tanh(x)``."""

    function = "tanhshrink"


class Softplus(FunctionModule):
    """``log(1 + exp(beta * x)) / beta``."""

    function = "softplus"
    options: ClassVar[dict[str, Any]] = {"beta": 1.0, "threshold": 20.0}
    shown = ("beta", "threshold")


class Hardtanh(FunctionModule):
    """``x``, cut at `min_val` and `max_val`."""

    function = "hardtanh"
    options: ClassVar[dict[str, Any]] = {"min_val": -1.0, "max_val": 1.0, "inplace": False}
    shown = ("min_val", "max_val", "?inplace")


class Hardshrink(FunctionModule):
    """``x`` where it is beyond `lambd`, else 0."""

    function = "hardshrink"
    options: ClassVar[dict[str, Any]] = {"lambd": 0.5}
    shown = ("=lambd",)


class Softshrink(Hardshrink):
    """``x``, moved towards 0 by `lambd`."""

    function = "softshrink"


class Threshold(FunctionModule):
    """``x`` where it is above `threshold`, else `value`."""

    function = "threshold"
    options: ClassVar[dict[str, Any]] = {"threshold": REQUIRED, "value": REQUIRED, "inplace": False}
    shown = ("threshold", "value", "?inplace")


class GLU(FunctionModule):
    """The first half times the sigmoid of the second."""

    function = "glu"
    options: ClassVar[dict[str, Any]] = {"dim": -1}
    shown = ("dim",)


class Softmax(FunctionModule):
    """``exp(x) / sum(exp(x))`` along an axis."""

    function = "softmax"
    options: ClassVar[dict[str, Any]] = {"dim": None}
    shown = ("dim",)


class Softmin(Softmax):
    """`Softmax` of ``-x``."""

    function = "softmin"


class LogSoftmax(Softmax):
    """The logarithm of `Softmax`."""

    function = "log_softmax"


class Softmax2d(Module):
    """`Softmax` over the channels of images."""

    def forward(self, input: Any) -> Any:
        """Call the function."""
        return functional.softmax(input, dim=-3)


class PReLU(Module):
    """``x`` where positive, else a learned slope times x.

    Parameters
    ----------
    num_parameters : int
        1, or one for each channel.
    init : float
        First slope.
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.weight = parameter(num_parameters, device=device, dtype=dtype)
        self.weight._array[...] = init

    def forward(self, input: Any) -> Any:
        """Call the function."""
        return functional.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """List the option."""
        return f"num_parameters={self.num_parameters}"
