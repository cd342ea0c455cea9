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
from hotloop.autodiff import numeric as num
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


def _in_core(
    name: str, value: Callable[[Array], Array], back: Callable[[Array, Array, Array], Array]
) -> Rule:
    """Make a rule of one floating input in terms of `numeric`; `back` sees dy, input and answer."""

    def forward(saved: Saved, x: Any) -> Array:
        x = floating(x)
        y = value(x)
        if saved.needs[0]:
            saved.x, saved.y = x, y
        return y

    def backward(saved: Saved, dy: Array) -> tuple[Array]:
        return (back(dy, saved.x, saved.y),)

    return Rule(name, forward, backward)


def _flat(name: str, value: Callable[[Array], Array]) -> Rule:
    """Make a rule of a function that is flat where it has a derivative, such as floor."""

    def forward(saved: Saved, x: Any) -> Array:  # noqa: ARG001
        return value(floating(x))

    def backward(saved: Saved, dy: Array) -> tuple[Array]:  # noqa: ARG001
        return (num.zeros(dy.shape, dy),)

    return Rule(name, forward, backward)


def _numeric(
    name: str, value: Callable[[Array], Array], back: Callable[[Array, Array], Array]
) -> Rule:
    """Make a rule that keeps integers: ``abs`` of an int32 array is int32; `back` sees dy and input."""

    def forward(saved: Saved, x: Any) -> Array:
        x = x if isinstance(x, np.ndarray | np.generic) else floating(x)
        if x.dtype.kind == "b":
            x = x.astype(np.int32)
        if saved.needs[0]:
            saved.x = x
        return value(x)

    def backward(saved: Saved, dy: Array) -> tuple[Array]:
        return (back(dy, saved.x),)

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
    """Return erf; of other types than the core's, in the core's next one."""
    near = x if x.dtype.char in num.CORE else x.astype(np.result_type(x.dtype, np.float32))
    y: Array = _core.erf(near if near.dtype.char in num.CORE else near.astype(np.float64))
    return y.astype(x.dtype, copy=False)


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


def _scaled(factor: float, x: Array) -> Array:
    return num.multiply(num.constant(factor, x), x)


_LN2, _LN10 = math.log(2.0), math.log(10.0)

# name: function, derivative of input x and answer y
exp = _in_core("exp", num.exp, lambda d, x, y: num.multiply(d, y))  # noqa: ARG005
exp2 = _unary("exp2", np.exp2, lambda x, y: y * y.dtype.type(_LN2))  # noqa: ARG005
expm1 = _in_core(
    "expm1",
    num.expm1,
    lambda d, x, y: num.multiply(d, num.add(y, num.constant(1.0, y))),  # noqa: ARG005
)
log = _in_core("log", num.log, lambda d, x, y: num.divide(d, x))  # noqa: ARG005
log2 = _unary("log2", np.log2, lambda x, y: 1.0 / (x * x.dtype.type(_LN2)))  # noqa: ARG005
log10 = _unary("log10", np.log10, lambda x, y: 1.0 / (x * x.dtype.type(_LN10)))  # noqa: ARG005
log1p = _in_core(
    "log1p",
    num.log1p,
    lambda d, x, y: num.divide(d, num.add(x, num.constant(1.0, x))),  # noqa: ARG005
)
sqrt = _in_core("sqrt", num.sqrt, lambda d, x, y: num.divide(_scaled(0.5, d), y))  # noqa: ARG005
rsqrt = _in_core(
    "rsqrt",
    num.rsqrt,
    lambda d, x, y: num.multiply(d, num.divide(_scaled(-0.5, y), x)),
)
cbrt = _unary("cbrt", np.cbrt, lambda x, y: 1.0 / (3.0 * y * y))  # noqa: ARG005
reciprocal = _in_core(
    "reciprocal",
    num.reciprocal,
    lambda d, x, y: num.negative(num.multiply(d, num.square(y))),  # noqa: ARG005
)
sin = _in_core("sin", num.sin, lambda d, x, y: num.multiply(d, num.cos(x)))  # noqa: ARG005
cos = _in_core(
    "cos",
    num.cos,
    lambda d, x, y: num.negative(num.multiply(d, num.sin(x))),  # noqa: ARG005
)
tan = _unary("tan", np.tan, lambda x, y: 1.0 + y * y)  # noqa: ARG005
arcsin = _unary("arcsin", np.arcsin, lambda x, y: 1.0 / np.sqrt(1.0 - x * x))  # noqa: ARG005
arccos = _unary("arccos", np.arccos, lambda x, y: -1.0 / np.sqrt(1.0 - x * x))  # noqa: ARG005
arctan = _unary("arctan", np.arctan, lambda x, y: 1.0 / (1.0 + x * x))  # noqa: ARG005
sinh = _unary("sinh", np.sinh, lambda x, y: np.cosh(x))  # noqa: ARG005
cosh = _unary("cosh", np.cosh, lambda x, y: np.sinh(x))  # noqa: ARG005
arcsinh = _unary("arcsinh", np.arcsinh, lambda x, y: 1.0 / np.sqrt(x * x + 1.0))  # noqa: ARG005
arccosh = _unary("arccosh", np.arccosh, lambda x, y: 1.0 / np.sqrt(x * x - 1.0))  # noqa: ARG005
arctanh = _unary("arctanh", np.arctanh, lambda x, y: 1.0 / (1.0 - x * x))  # noqa: ARG005
erf = _in_core(
    "erf",
    _erf,
    lambda d, x, y: num.multiply(  # noqa: ARG005
        d, _scaled(2.0 / math.sqrt(math.pi), num.exp(num.negative(num.square(x))))
    ),
)
erfinv = _unary(
    "erfinv",
    _erfinv,
    lambda x, y: x.dtype.type(math.sqrt(math.pi) / 2) * np.exp(y * y),
)
i0 = _unary("i0", lambda x: np.i0(x).astype(x.dtype), lambda x, y: _i1(x))  # noqa: ARG005
softplus = _in_core(
    "softplus",
    num.softplus,
    lambda d, x, y: num.multiply(d, _core.sigmoid(x)),  # noqa: ARG005
)
silu = _in_core(
    "silu",
    _core.silu,
    lambda d, x, y: num.multiply(d, _silu_slope(x)),  # noqa: ARG005
)


def _silu_slope(x: Array) -> Array:
    s, one = _core.sigmoid(x), num.constant(1.0, x)
    return num.multiply(s, num.add(one, num.multiply(x, num.subtract(one, s))))


floor = _flat("floor", num.floor)
ceil = _flat("ceil", num.ceil)
trunc = _flat("trunc", lambda x: np.asarray(np.trunc(x)))
rint = _flat("rint", num.rint)

negative = _numeric("negative", num.negative, lambda d, x: num.negative(d))  # noqa: ARG005
absolute = _numeric("absolute", num.absolute, lambda d, x: num.multiply(d, num.sign(x)))
square = _numeric("square", num.square, lambda d, x: num.multiply(d, num.add(x, x)))
sign = _numeric("sign", num.sign, lambda d, x: num.zeros(d.shape, d))  # noqa: ARG005

relu = _core_unary("relu", _core.relu, _core.relu_backward, of_input=False)
sigmoid = _core_unary("sigmoid", _core.sigmoid, _core.sigmoid_backward, of_input=False)
tanh = _core_unary("tanh", _core.tanh, _core.tanh_backward, of_input=False)
gelu = _core_unary("gelu", _core.gelu, _core.gelu_backward, of_input=True)


def _sloped(saved: Saved, x: Array, y: Array, slope: Array) -> Array:
    """Keep the slope below 0, and what tells where that is."""
    if saved.needs[0]:
        saved.x, saved.slope = x, slope
    return y


def _leaky_forward(saved: Saved, x: Any, *, alpha: float) -> Array:
    x = floating(x)
    slope = num.constant(float(alpha), x)
    y = num.where(num.greater(x, num.constant(0.0, x)), x, num.multiply(x, slope))
    return _sloped(saved, x, y, slope)


def _sloped_backward(saved: Saved, dy: Array) -> tuple[Array]:
    above = num.greater(saved.x, num.constant(0.0, dy))
    return (num.where(above, dy, num.multiply(dy, saved.slope)),)


leaky_relu = Rule("leaky_relu", _leaky_forward, _sloped_backward)


def _elu_forward(saved: Saved, x: Any, *, alpha: float) -> Array:
    x = floating(x)
    zero, factor = num.constant(0.0, x), num.constant(float(alpha), x)
    low = num.multiply(num.expm1(num.minimum(x, zero)), factor)
    y = num.where(num.greater(x, zero), x, low)
    return _sloped(saved, x, y, num.add(low, factor) if saved.needs[0] else low)


elu = Rule("elu", _elu_forward, _sloped_backward)


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

    def forward(saved: Saved, x: Any, y: Any) -> Array:
        x, y = promoted_pair(x, y)
        if floats and x.dtype.kind != "f":
            x, y = floating(x), floating(y)
        z = value(x, y)
        needs = saved.needs
        if needs[0] or needs[1]:
            saved.shapes = x.shape, y.shape
            if keeps:
                saved.x, saved.y, saved.z = x, y, z
        return z

    def backward(saved: Saved, dz: Array) -> tuple[Array | None, Array | None]:
        a, b = saved.shapes
        needs = saved.needs
        return (
            summed_to(first(dz, saved), a) if needs[0] else None,
            summed_to(second(dz, saved), b) if needs[1] else None,
        )

    return Rule(name, forward, backward)


def _in_numpy(function: Callable[..., Any]) -> Callable[..., Array]:
    """Return a function of NumPy without its warnings, for what the core does not have."""
    silent = quiet(function)
    return lambda *arrays: np.asarray(silent(*arrays))


def _power_of_base(dz: Array, s: Saved) -> Array:
    x, y = s.x, s.y
    zero, one = num.constant(0.0, y), num.constant(1.0, y)
    slope = num.multiply(y, num.power(x, num.subtract(y, one)))
    return num.multiply(dz, num.where(num.equal(y, zero), zero, slope))


def _power_of_exponent(dz: Array, s: Saved) -> Array:
    x, y = s.x, s.y
    zero = num.constant(0.0, y)
    slope = num.multiply(s.z, num.log(x))
    at_zero = num.where(num.greater_equal(y, zero), zero, slope)
    return num.multiply(dz, num.where(num.equal(x, zero), at_zero, slope))


def _share(dz: Array, won: Array, s: Saved) -> Array:
    """Return dz where an operand won, and half of it where both are equal."""
    tied = num.where(num.equal(s.x, s.y), _scaled(0.5, dz), num.constant(0.0, dz))
    return num.where(won, dz, tied)


add = _binary("add", num.add, lambda d, s: d, lambda d, s: d, keeps=False)  # noqa: ARG005
subtract = _binary(
    "subtract",
    num.subtract,
    lambda d, s: d,  # noqa: ARG005
    lambda d, s: num.negative(d),  # noqa: ARG005
    keeps=False,
)
multiply = _binary(
    "multiply",
    num.multiply,
    lambda d, s: num.multiply(d, s.y),
    lambda d, s: num.multiply(d, s.x),
)
divide = _binary(
    "divide",
    num.divide,
    lambda d, s: num.divide(d, s.y),
    lambda d, s: num.negative(num.divide(num.multiply(d, s.z), s.y)),
    floats=True,
)
power = _binary("power", num.power, _power_of_base, _power_of_exponent)
maximum = _binary(
    "maximum",
    num.maximum,
    lambda d, s: _share(d, num.greater(s.x, s.y), s),
    lambda d, s: _share(d, num.greater(s.y, s.x), s),
)
minimum = _binary(
    "minimum",
    num.minimum,
    lambda d, s: _share(d, num.less(s.x, s.y), s),
    lambda d, s: _share(d, num.less(s.y, s.x), s),
)
arctan2 = _binary(
    "arctan2",
    _in_numpy(np.arctan2),
    _in_numpy(lambda d, s: d * s.y / (s.x * s.x + s.y * s.y)),
    _in_numpy(lambda d, s: -d * s.x / (s.x * s.x + s.y * s.y)),
    floats=True,
)
mod = _binary(
    "mod",
    _in_numpy(np.mod),
    lambda d, s: d,  # noqa: ARG005
    _in_numpy(lambda d, s: -d * np.floor_divide(s.x, s.y)),
)
fmod = _binary(
    "fmod",
    _in_numpy(np.fmod),
    lambda d, s: d,  # noqa: ARG005
    _in_numpy(lambda d, s: -d * np.trunc(s.x / s.y)),
)
floor_divide = _binary(
    "floor_divide",
    _in_numpy(np.floor_divide),
    lambda d, s: num.zeros(d.shape, d),  # noqa: ARG005
    lambda d, s: num.zeros(d.shape, d),  # noqa: ARG005
    keeps=False,
)


def _logaddexp_weight(d: Array, mine: Array, z: Array) -> Array:
    """Return dz exp(x - z); equal infinities have no difference, and no gradient."""
    w: Array = np.exp(np.where(mine == z, 0, mine - z))
    return d * w


logaddexp = _binary(
    "logaddexp",
    _in_numpy(np.logaddexp),
    _in_numpy(lambda d, s: _logaddexp_weight(d, s.x, s.z)),
    _in_numpy(lambda d, s: _logaddexp_weight(d, s.y, s.z)),
    floats=True,
)


def _where_forward(saved: Saved, condition: Any, x: Any, y: Any) -> Array:
    condition = np.asarray(condition)
    if condition.dtype.kind != "b":
        condition = condition != 0
    x, y = promoted(x, y)
    saved.condition, saved.shapes = condition, (x.shape, y.shape)
    return num.where(condition, x, y)


def _where_backward(saved: Saved, dz: Array) -> tuple[None, Array | None, Array | None]:
    a, b = saved.shapes
    zero = num.constant(0.0, dz)
    return (
        None,
        summed_to(num.where(saved.condition, dz, zero), a) if saved.needs[1] else None,
        summed_to(num.where(saved.condition, zero, dz), b) if saved.needs[2] else None,
    )


where = Rule("where", _where_forward, _where_backward)


def _clip_forward(saved: Saved, x: Any, low: Any, high: Any) -> Array:
    x, low, high = (np.asarray(part) for part in promoted(x, low, high))
    raised = num.maximum(x, low)
    if any(saved.needs):
        saved.parts, saved.raised = (x, low, high), raised
    return num.minimum(raised, high)


def _clip_backward(saved: Saved, dy: Array) -> tuple[Array | None, ...]:
    # As maximum and minimum in turn: where the bounds cross, the upper one stands.
    x, low, high = saved.parts
    zero = num.constant(0.0, dy)
    over = num.greater(saved.raised, high)
    grads: list[Array | None] = [None, None, None]
    if saved.needs[0]:
        inside = num.where(num.greater_equal(x, low), dy, zero)
        grads[0] = num.where(num.less_equal(x, high), inside, zero)
    if saved.needs[1]:
        grads[1] = num.where(over, zero, num.where(num.less(x, low), dy, zero))
    if saved.needs[2]:
        grads[2] = num.where(over, dy, zero)
    return tuple(
        None if g is None else summed_to(g, part.shape)
        for g, part in zip(grads, saved.parts, strict=True)
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
    return num.copy(np.asarray(x))


copy = Rule("copy", _copy_forward, lambda saved, dy: (dy,))  # noqa: ARG005
stop_gradient = Rule("stop_gradient", _copy_forward)


# -- without gradient ------------------------------------------------------------------------------


def _logical(
    name: str, value: Callable[..., Array], same: bool = True, count: int | None = None
) -> Rule:
    """Make a rule without gradient of `count` operands; with `same` they come in one dtype."""
    if isinstance(value, np.ufunc):
        count = value.nargs - value.nout

    def forward(saved: Saved, *arrays: Any) -> Array:  # noqa: ARG001
        # NumPy would write into one array more.
        if count is not None and len(arrays) != count:
            msg = f"{name}: takes {count} arrays, got {len(arrays)}"
            raise TypeError(msg)
        if same and len(arrays) > 1:
            arrays = promoted(*arrays)
        return np.asarray(value(*(np.asarray(x) for x in arrays)))

    return Rule(name, forward)


equal = _logical("equal", num.equal, count=2)
not_equal = _logical("not_equal", num.not_equal, count=2)
less = _logical("less", num.less, count=2)
less_equal = _logical("less_equal", num.less_equal, count=2)
greater = _logical("greater", num.greater, count=2)
greater_equal = _logical("greater_equal", num.greater_equal, count=2)
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
