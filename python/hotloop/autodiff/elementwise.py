"""Rules of what is computed element by element, with broadcasting.

Where a function has no derivative at a point, PyTorch's choice stands: 0 for ``abs`` and ``relu``
at 0, half for each of two equal operands of ``maximum``, 1 for ``clip`` at its bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hotloop import _core
from hotloop.autodiff.rule import (
    Array,
    Rule,
    Saved,
    floating,
    promoted,
    promoted_pair,
    quiet,
    summed_to,
)

_Derivative = Callable[[Array, Array], Any]


def _unary(name: str, value: Callable[[Array], Array], derivative: _Derivative) -> Rule:
    """Make a rule of one floating input; `derivative` sees the input and the answer."""
    value = quiet(value)

    def forward(saved: Saved, x: Any) -> Array:
        x = floating(x)
        y: Array = value(x)
        if type(y) is not np.ndarray:
            y = np.asarray(y)
        if saved.needs[0]:
            saved.x, saved.y = x, y
        return y

    @quiet
    def backward(saved: Saved, dy: Array) -> tuple[Array]:
        return (np.asarray(dy * derivative(saved.x, saved.y)),)

    return Rule(name, forward, backward)


def _flat(name: str, value: Callable[[Array], Array]) -> Rule:
    """Make a rule of a function that is flat where it has a derivative, such as floor."""
    value = quiet(value)

    def forward(saved: Saved, x: Any) -> Array:  # noqa: ARG001
        return np.asarray(value(floating(x)))

    def backward(saved: Saved, dy: Array) -> tuple[Array]:  # noqa: ARG001
        return (np.zeros_like(dy),)

    return Rule(name, forward, backward)


def _numeric(name: str, value: Callable[[Array], Array], derivative: _Derivative) -> Rule:
    """Make a rule that keeps integers: ``abs`` of an int32 array is int32."""

    def forward(saved: Saved, x: Any) -> Array:
        x = x if isinstance(x, np.ndarray | np.generic) else floating(x)
        if x.dtype.kind == "b":
            x = x.astype(np.int32)
        y = np.asarray(value(x))
        if saved.needs[0]:
            saved.x, saved.y = x, y
        return y

    def backward(saved: Saved, dy: Array) -> tuple[Array]:
        return (np.asarray(dy * derivative(saved.x, saved.y)),)

    return Rule(name, forward, backward)


def _core_unary(name: str, forward_op: Any, backward_op: Any, of_input: bool) -> Rule:
    """Make a rule of a pair of core functions, whose backward sees the input or the answer."""

    def forward(saved: Saved, x: Any) -> Array:
        x = floating(x)
        y: Array = forward_op(x)
        if saved.needs[0]:
            saved.seen = x if of_input else y
        return y

    def backward(saved: Saved, dy: Array) -> tuple[Array]:
        return (backward_op(dy, saved.seen),)

    return Rule(name, forward, backward)


def _erf(x: Array) -> Array:
    """Return erf: the core's Gauss unit away from 0, and the power series near it.

    ``gelu(x) = x (1 + erf(x / sqrt(2))) / 2`` (Hendrycks and Gimpel, 2016), solved for erf.
    """
    z = np.abs(x)
    near = np.minimum(z, 1.0).astype(x.dtype)
    square = near * near
    term = near.copy()
    series = near.copy()
    for n in range(1, 20):
        term = term * (-square / n)
        series += term / (2 * n + 1)
    far = np.clip(z, 1.0, 8.0).astype(x.dtype) * x.dtype.type(math.sqrt(2.0))
    away = 2.0 * _core.gelu(far) / far - 1.0
    y = np.where(z < 1.0, series * x.dtype.type(2.0 / math.sqrt(math.pi)), away)
    return np.copysign(np.where(np.isnan(x), x, y), x).astype(x.dtype)


def _erfinv(x: Array) -> Array:
    """Return the inverse of erf: Winitzki's estimate (2008), then steps of Halley's method."""
    y = x.astype(np.float64)
    inside = np.where(np.abs(y) < 1, y, 0)
    part = np.log1p(-inside * inside)
    middle = 2 / (math.pi * 0.147) + part / 2
    z = np.copysign(np.sqrt(np.sqrt(middle * middle - part / 0.147) - middle), inside)
    for _ in range(3):
        step = (_erf(z) - inside) * (math.sqrt(math.pi) / 2) * np.exp(z * z)
        z = z - step / (1 + z * step)
    edge = np.where(np.abs(y) == 1, np.copysign(np.inf, y), np.nan)
    return np.where(np.abs(y) < 1, z, edge).astype(x.dtype)


def _i1(x: Array) -> Array:
    """Return the Bessel function I1, the mean of ``cos(t) exp(x cos(t))`` over half a turn."""
    turn = np.cos((np.arange(128) + 0.5) * (math.pi / 128))
    return np.asarray((np.exp(x[..., None] * turn) * turn).mean(axis=-1), x.dtype)


_LN2, _LN10 = math.log(2.0), math.log(10.0)

# name: function, derivative of input x and answer y
exp = _unary("exp", np.exp, lambda x, y: y)  # noqa: ARG005
exp2 = _unary("exp2", np.exp2, lambda x, y: y * y.dtype.type(_LN2))  # noqa: ARG005
expm1 = _unary("expm1", np.expm1, lambda x, y: y + 1.0)  # noqa: ARG005
log = _unary("log", np.log, lambda x, y: 1.0 / x)  # noqa: ARG005
log2 = _unary("log2", np.log2, lambda x, y: 1.0 / (x * x.dtype.type(_LN2)))  # noqa: ARG005
log10 = _unary("log10", np.log10, lambda x, y: 1.0 / (x * x.dtype.type(_LN10)))  # noqa: ARG005
log1p = _unary("log1p", np.log1p, lambda x, y: 1.0 / (1.0 + x))  # noqa: ARG005
sqrt = _unary("sqrt", np.sqrt, lambda x, y: 0.5 / y)  # noqa: ARG005
rsqrt = _unary("rsqrt", lambda x: 1.0 / np.sqrt(x), lambda x, y: -0.5 * y / x)
cbrt = _unary("cbrt", np.cbrt, lambda x, y: 1.0 / (3.0 * y * y))  # noqa: ARG005
reciprocal = _unary("reciprocal", lambda x: 1.0 / x, lambda x, y: -y * y)  # noqa: ARG005
sin = _unary("sin", np.sin, lambda x, y: np.cos(x))  # noqa: ARG005
cos = _unary("cos", np.cos, lambda x, y: -np.sin(x))  # noqa: ARG005
tan = _unary("tan", np.tan, lambda x, y: 1.0 + y * y)  # noqa: ARG005
arcsin = _unary("arcsin", np.arcsin, lambda x, y: 1.0 / np.sqrt(1.0 - x * x))  # noqa: ARG005
arccos = _unary("arccos", np.arccos, lambda x, y: -1.0 / np.sqrt(1.0 - x * x))  # noqa: ARG005
arctan = _unary("arctan", np.arctan, lambda x, y: 1.0 / (1.0 + x * x))  # noqa: ARG005
sinh = _unary("sinh", np.sinh, lambda x, y: np.cosh(x))  # noqa: ARG005
cosh = _unary("cosh", np.cosh, lambda x, y: np.sinh(x))  # noqa: ARG005
arcsinh = _unary("arcsinh", np.arcsinh, lambda x, y: 1.0 / np.sqrt(x * x + 1.0))  # noqa: ARG005
arccosh = _unary("arccosh", np.arccosh, lambda x, y: 1.0 / np.sqrt(x * x - 1.0))  # noqa: ARG005
arctanh = _unary("arctanh", np.arctanh, lambda x, y: 1.0 / (1.0 - x * x))  # noqa: ARG005
erf = _unary(
    "erf",
    _erf,
    lambda x, y: x.dtype.type(2.0 / math.sqrt(math.pi)) * np.exp(-x * x),  # noqa: ARG005
)
erfinv = _unary(
    "erfinv",
    _erfinv,
    lambda x, y: x.dtype.type(math.sqrt(math.pi) / 2) * np.exp(y * y),
)
i0 = _unary("i0", lambda x: np.i0(x).astype(x.dtype), lambda x, y: _i1(x))  # noqa: ARG005
softplus = _unary(
    "softplus",
    lambda x: np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))),
    lambda x, y: _core.sigmoid(x),  # noqa: ARG005
)
silu = _unary(
    "silu",
    lambda x: x * _core.sigmoid(x),
    lambda x, y: _silu_slope(x),  # noqa: ARG005
)


def _silu_slope(x: Array) -> Array:
    s: Array = _core.sigmoid(x)
    return s * (1.0 + x * (1.0 - s))


floor = _flat("floor", np.floor)
ceil = _flat("ceil", np.ceil)
trunc = _flat("trunc", np.trunc)
rint = _flat("rint", np.rint)

negative = _numeric("negative", np.negative, lambda x, y: -1)  # noqa: ARG005
absolute = _numeric("absolute", np.abs, lambda x, y: np.sign(x))  # noqa: ARG005
square = _numeric("square", np.square, lambda x, y: x + x)  # noqa: ARG005
sign = _numeric("sign", np.sign, lambda x, y: np.zeros_like(x))  # noqa: ARG005

relu = _core_unary("relu", _core.relu, _core.relu_backward, of_input=False)
sigmoid = _core_unary("sigmoid", _core.sigmoid, _core.sigmoid_backward, of_input=False)
tanh = _core_unary("tanh", _core.tanh, _core.tanh_backward, of_input=False)
gelu = _core_unary("gelu", _core.gelu, _core.gelu_backward, of_input=True)


def _leaky_forward(saved: Saved, x: Any, *, alpha: float) -> Array:
    x = floating(x)
    if saved.needs[0]:
        saved.slope = np.where(x > 0, x.dtype.type(1.0), x.dtype.type(alpha))
    y: Array = np.where(x > 0, x, x * x.dtype.type(alpha))
    return y


def _leaky_backward(saved: Saved, dy: Array) -> tuple[Array]:
    return (dy * saved.slope,)


leaky_relu = Rule("leaky_relu", _leaky_forward, _leaky_backward)


def _elu_forward(saved: Saved, x: Any, *, alpha: float) -> Array:
    x = floating(x)
    y: Array = np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)) * x.dtype.type(alpha))
    if saved.needs[0]:
        saved.slope = np.where(x > 0, x.dtype.type(1.0), y + x.dtype.type(alpha))
    return y


elu = Rule("elu", _elu_forward, _leaky_backward)


# -- two operands ----------------------------------------------------------------------------------


def _binary(
    name: str,
    value: Callable[[Array, Array], Array],
    first: Callable[[Array, Saved], Array],
    second: Callable[[Array, Saved], Array],
    keeps: bool = True,
    floats: bool = False,
) -> Rule:
    """Make a rule of two operands; `first` and `second` are the gradients of each, from dy."""
    value = quiet(value)

    def forward(saved: Saved, x: Any, y: Any) -> Array:
        x, y = promoted_pair(x, y)
        if floats and x.dtype.kind != "f":
            x, y = floating(x), floating(y)
        z: Array = value(x, y)
        if type(z) is not np.ndarray:
            z = np.asarray(z)
        needs = saved.needs
        if needs[0] or needs[1]:
            saved.shapes = x.shape, y.shape
            if keeps:
                saved.x, saved.y, saved.z = x, y, z
        return z

    @quiet
    def backward(saved: Saved, dz: Array) -> tuple[Array | None, Array | None]:
        a, b = saved.shapes
        needs = saved.needs
        return (
            summed_to(np.asarray(first(dz, saved)), a) if needs[0] else None,
            summed_to(np.asarray(second(dz, saved)), b) if needs[1] else None,
        )

    return Rule(name, forward, backward)


def _power_of_base(dz: Array, s: Saved) -> Array:
    slope = np.where(s.y == 0, 0, s.y * np.power(s.x, s.y - 1))
    return dz * slope


def _power_of_exponent(dz: Array, s: Saved) -> Array:
    slope = np.where((s.x == 0) & (s.y >= 0), 0, s.z * np.log(s.x))
    return dz * slope


def _share(dz: Array, chosen: Array, other: Array) -> Array:
    """Return dz where `chosen` won, and half of it where both are equal."""
    won: Array = np.where(chosen > other, dz, np.where(chosen == other, dz * 0.5, 0))
    return won.astype(dz.dtype, copy=False)


add = _binary("add", np.add, lambda d, s: d, lambda d, s: d, keeps=False)  # noqa: ARG005
subtract = _binary("subtract", np.subtract, lambda d, s: d, lambda d, s: -d, keeps=False)  # noqa: ARG005
multiply = _binary("multiply", np.multiply, lambda d, s: d * s.y, lambda d, s: d * s.x)
divide = _binary(
    "divide",
    np.divide,
    lambda d, s: d / s.y,
    lambda d, s: -d * s.z / s.y,
    floats=True,
)
power = _binary("power", np.power, _power_of_base, _power_of_exponent)
maximum = _binary(
    "maximum", np.maximum, lambda d, s: _share(d, s.x, s.y), lambda d, s: _share(d, s.y, s.x)
)
minimum = _binary(
    "minimum", np.minimum, lambda d, s: _share(d, -s.x, -s.y), lambda d, s: _share(d, -s.y, -s.x)
)
arctan2 = _binary(
    "arctan2",
    np.arctan2,
    lambda d, s: d * s.y / (s.x * s.x + s.y * s.y),
    lambda d, s: -d * s.x / (s.x * s.x + s.y * s.y),
    floats=True,
)
mod = _binary("mod", np.mod, lambda d, s: d, lambda d, s: -d * np.floor_divide(s.x, s.y))  # noqa: ARG005
fmod = _binary("fmod", np.fmod, lambda d, s: d, lambda d, s: -d * np.trunc(s.x / s.y))  # noqa: ARG005
floor_divide = _binary(
    "floor_divide",
    np.floor_divide,
    lambda d, s: np.zeros_like(d),  # noqa: ARG005
    lambda d, s: np.zeros_like(d),  # noqa: ARG005
    keeps=False,
)


def _logaddexp_weight(d: Array, mine: Array, z: Array) -> Array:
    """Return dz exp(x - z); equal infinities have no difference, and no gradient."""
    w: Array = np.exp(np.where(mine == z, 0, mine - z))
    return d * w


logaddexp = _binary(
    "logaddexp",
    np.logaddexp,
    lambda d, s: _logaddexp_weight(d, s.x, s.z),
    lambda d, s: _logaddexp_weight(d, s.y, s.z),
    floats=True,
)


def _where_forward(saved: Saved, condition: Any, x: Any, y: Any) -> Array:
    condition = np.asarray(condition)
    if condition.dtype.kind != "b":
        condition = condition != 0
    x, y = promoted(x, y)
    saved.condition, saved.shapes = condition, (x.shape, y.shape)
    chosen: Array = np.where(condition, x, y)
    return chosen


def _where_backward(saved: Saved, dz: Array) -> tuple[None, Array | None, Array | None]:
    a, b = saved.shapes
    zero = dz.dtype.type(0)
    return (
        None,
        summed_to(np.where(saved.condition, dz, zero), a) if saved.needs[1] else None,
        summed_to(np.where(saved.condition, zero, dz), b) if saved.needs[2] else None,
    )


where = Rule("where", _where_forward, _where_backward)


def _clip_forward(saved: Saved, x: Any, low: Any, high: Any) -> Array:
    x, low, high = (np.asarray(part) for part in promoted(x, low, high))
    if any(saved.needs):
        # As maximum and minimum in turn: where the bounds cross, the upper one stands.
        over = np.maximum(x, low) > high
        saved.whose = ((x >= low) & (x <= high), (x < low) & ~over, over)
        saved.shapes = x.shape, low.shape, high.shape
    return np.asarray(np.minimum(np.maximum(x, low), high))


def _clip_backward(saved: Saved, dy: Array) -> tuple[Array | None, ...]:
    zero = dy.dtype.type(0)
    return tuple(
        summed_to(np.where(mine, dy, zero), shape) if needed else None
        for mine, shape, needed in zip(saved.whose, saved.shapes, saved.needs, strict=True)
    )


clip = Rule("clip", _clip_forward, _clip_backward)


def _cast_forward(saved: Saved, x: Any, *, dtype: str) -> Array:
    array = np.asarray(x)
    saved.dtype = array.dtype
    if np.dtype(dtype).kind not in "biuf":
        msg = f"cast: dtype must be one of real numbers, got {str(dtype)[:80]}"
        raise TypeError(msg)
    with np.errstate(all="ignore"):
        return array.astype(dtype)


def _cast_backward(saved: Saved, dy: Array) -> tuple[Array]:
    return (dy.astype(saved.dtype),)


cast = Rule("cast", _cast_forward, _cast_backward)


def _copy_forward(saved: Saved, x: Any) -> Array:  # noqa: ARG001
    return np.array(x)


copy = Rule("copy", _copy_forward, lambda saved, dy: (dy,))  # noqa: ARG005
stop_gradient = Rule("stop_gradient", _copy_forward)


# -- without gradient ------------------------------------------------------------------------------


def _logical(name: str, value: Callable[..., Array], same: bool = True) -> Rule:
    """Make a rule without gradient; with `same`, operands come in one dtype."""
    count = value.nargs - value.nout if isinstance(value, np.ufunc) else None

    def forward(saved: Saved, *arrays: Any) -> Array:  # noqa: ARG001
        # NumPy would write into one array more.
        if count is not None and len(arrays) != count:
            msg = f"{name}: takes {count} arrays, got {len(arrays)}"
            raise TypeError(msg)
        if same and len(arrays) > 1:
            arrays = promoted(*arrays)
        return np.asarray(value(*(np.asarray(x) for x in arrays)))

    return Rule(name, forward)


equal = _logical("equal", np.equal)
not_equal = _logical("not_equal", np.not_equal)
less = _logical("less", np.less)
less_equal = _logical("less_equal", np.less_equal)
greater = _logical("greater", np.greater)
greater_equal = _logical("greater_equal", np.greater_equal)
logical_and = _logical("logical_and", np.logical_and)
logical_or = _logical("logical_or", np.logical_or)
logical_xor = _logical("logical_xor", np.logical_xor)
logical_not = _logical("logical_not", np.logical_not)
isnan = _logical("isnan", np.isnan)
isinf = _logical("isinf", np.isinf)
isfinite = _logical("isfinite", np.isfinite)
isreal = _logical("isreal", np.isreal)
signbit = _logical("signbit", np.signbit)
bitwise_and = _logical("bitwise_and", np.bitwise_and)
bitwise_or = _logical("bitwise_or", np.bitwise_or)
bitwise_xor = _logical("bitwise_xor", np.bitwise_xor)
bitwise_not = _logical("bitwise_not", np.invert)
left_shift = _logical("left_shift", np.left_shift)
right_shift = _logical("right_shift", np.right_shift)
gcd = _logical("gcd", np.gcd)
lcm = _logical("lcm", np.lcm)
nextafter = _logical("nextafter", np.nextafter)


def _view_forward(saved: Saved, x: Any, *, dtype: str) -> Array:  # noqa: ARG001
    return np.ascontiguousarray(x).view(dtype)


view = Rule("view", _view_forward)


def _partition_forward(saved: Saved, x: Any, *, kth: int, axis: int | None) -> Array:  # noqa: ARG001
    return np.asarray(np.argpartition(x, kth, axis=axis)).astype(np.int32)


argpartition = Rule("argpartition", _partition_forward)
