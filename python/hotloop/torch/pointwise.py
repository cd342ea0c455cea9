"""Functions of elements: arithmetic, comparison, elementary functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hotloop.autodiff import elementwise as rules
from hotloop.autodiff import numeric as num
from hotloop.autodiff.rule import Array, Rule, summed_to
from hotloop.torch import dtypes
from hotloop.torch.core import Op, Tensor, apply, in_place, wrap, write

CAST = Op("ToCopyBackward0", rules.cast.forward, rules.cast.backward)
_NUMBERS: dict[Any, Array] = {}


def cast(x: Tensor, kind: Any) -> Tensor:
    """Return a tensor in another of NumPy's dtypes; the same one if it has it."""
    return x if x._array.dtype == kind else apply(CAST, x, dtype=kind)


def number(value: Any, kind: Any) -> Array:
    """Return a Python number as an array of a dtype; the last ones are kept."""
    key = value, kind
    found = _NUMBERS.get(key)
    if found is None:
        if value is not True and isinstance(value, int) and kind.kind in "iu":
            info = np.iinfo(kind)
            if not info.min <= value <= info.max:
                msg = f"value cannot be converted to type {kind} without overflow"
                raise RuntimeError(msg)
        found = np.asarray(value, kind)
        found.flags.writeable = False
        if value != 0:
            if len(_NUMBERS) > 500:
                _NUMBERS.clear()
            _NUMBERS[key] = found
    return found


def plain(name: str, x: Any) -> Any:
    """Return an operand as a tensor or a Python number; a TypeError for anything else."""
    if isinstance(x, Tensor | bool | int | float):
        return x
    if isinstance(x, np.generic):
        return x.item()
    msg = f"{name}: takes tensors and numbers, got {type(x).__name__}"
    raise TypeError(msg)


def matched(name: str, *given: Any, floats: bool = False) -> list[Any]:
    """Return tensors and Python numbers in one dtype, as PyTorch promotes them."""
    operands = [plain(name, x) for x in given]
    kind = dtypes.result_of([x._array if isinstance(x, Tensor) else x for x in operands])
    if floats and kind.kind != "f":
        kind = dtypes.default_float()
    return [_in(x, kind) if isinstance(x, Tensor) else number(x, kind) for x in operands]


def _in(x: Tensor, kind: Any) -> Tensor:
    """Return an operand in a dtype; what changes the operand changes what the way back needs."""
    made = cast(x, kind)
    made._version = x._version
    return made


def into(out: Tensor | None, answer: Any) -> Any:
    """Return an answer, written into `out` where that is given."""
    if out is None:
        return answer
    if out._array.shape != answer._array.shape:
        out._array = np.empty(answer._array.shape, out._array.dtype)
    write(out._array, answer._array)
    out._version[0] += 1
    return out


def _fits(x: Any, y: Any) -> None:
    """Refuse shapes that do not broadcast, as PyTorch words it."""
    a, b = (
        np.shape(x._array if isinstance(x, Tensor) else x),
        np.shape(y._array if isinstance(y, Tensor) else y),
    )
    for i in range(1, min(len(a), len(b)) + 1):
        if a[-i] != b[-i] and 1 not in (a[-i], b[-i]):
            at = max(len(a), len(b)) - i
            msg = (
                f"The size of tensor a ({a[-i]}) must match the size of tensor b ({b[-i]}) at "
                f"non-singleton dimension {at}"
            )
            raise RuntimeError(msg)


def called(op: Op, x: Any, y: Any) -> Any:
    """Call an operation of two operands of one dtype."""
    try:
        return apply(op, x, y)
    except ValueError:
        _fits(x, y)
        raise


def _no_way_back(*_: Any) -> Any:
    msg = "derivative for aten::floor_divide is not implemented"
    raise NotImplementedError(msg)


def _two(name: str, rule: Rule, node: str, keeps: str = "", floats: bool = False) -> Any:
    """Make a function of two operands, and its in-place form."""
    back = _no_way_back if node == "FloorDivide" else rule.backward
    op = Op(f"{node}Backward0", rule.forward, back, keeps)

    def function(input: Any, other: Any, *, out: Any = None) -> Any:
        if isinstance(input, Tensor) and isinstance(other, Tensor):
            kind = input._array.dtype
            if kind is not other._array.dtype or (floats and kind.kind != "f"):
                input, other = matched(name, input, other, floats=floats)
        else:
            input, other = matched(name, input, other, floats=floats)
        answer = called(op, input, other)
        return answer if out is None else into(out, answer)

    def changed(input: Tensor, other: Any) -> Tensor:
        x, y = matched(f"{name}_", input, other, floats=floats)
        if x is not input:
            # A dtype that the tensor cannot hold is refused; a wider float is rounded.
            kind = input._array.dtype
            if not dtypes.fits(x._array.dtype, kind):
                words = dtypes.WORDS
                msg = (
                    f"result type {words[x._array.dtype.char]} can't be cast to the desired output "
                    f"type {words[kind.char]}"
                )
                raise RuntimeError(msg)
            y = cast(y, kind) if isinstance(y, Tensor) else y.astype(kind)
        try:
            return in_place(op, input, y)
        except ValueError:
            _fits(input, y)
            raise

    function.__name__, changed.__name__ = name, f"{name}_"
    return function, changed


_add, _add_ = _two("add", rules.add, "Add")
_sub, _sub_ = _two("sub", rules.subtract, "Sub")
mul, mul_ = _two("mul", rules.multiply, "Mul", "AB")
_div, _div_ = _two("div", rules.divide, "Div", "AbR", floats=True)
_pow, _pow_ = _two("pow", rules.power, "Pow", "abS")
maximum, _ = _two("maximum", rules.maximum, "Maximum", "ab")
minimum, _ = _two("minimum", rules.minimum, "Minimum", "ab")
atan2, _ = _two("atan2", rules.arctan2, "Atan2", "ab", floats=True)
_remainder, remainder_ = _two("remainder", rules.mod, "Remainder", "AD")
_fmod, fmod_ = _two("fmod", rules.fmod, "Fmod", "AD")
logaddexp, _ = _two("logaddexp", rules.logaddexp, "Logaddexp", "abr", floats=True)
eq, eq_ = _two("eq", rules.equal, "Eq")
ne, ne_ = _two("ne", rules.not_equal, "Ne")
lt, lt_ = _two("lt", rules.less, "Lt")
le, le_ = _two("le", rules.less_equal, "Le")
gt, gt_ = _two("gt", rules.greater, "Gt")
ge, ge_ = _two("ge", rules.greater_equal, "Ge")
logical_and, _ = _two("logical_and", rules.logical_and, "And")
logical_or, _ = _two("logical_or", rules.logical_or, "Or")
logical_xor, _ = _two("logical_xor", rules.logical_xor, "Xor")
bitwise_and, bitwise_and_ = _two("bitwise_and", rules.bitwise_and, "And")
bitwise_or, bitwise_or_ = _two("bitwise_or", rules.bitwise_or, "Or")
bitwise_xor, bitwise_xor_ = _two("bitwise_xor", rules.bitwise_xor, "Xor")


_floor_divide, floor_divide_ = _two("floor_divide", rules.floor_divide, "FloorDivide")


def _whole_by(function: Any, name: str) -> Any:
    """Refuse to divide whole numbers by 0."""

    def divided(input: Any, other: Any, *, out: Any = None) -> Any:
        by = other._array if isinstance(other, Tensor) else other
        kind = input._array.dtype.kind if isinstance(input, Tensor) else "i"
        if kind == "b" and (other is True or getattr(by, "dtype", None) == dtypes.BOOL):
            _no_bool("div_floor" if name == "floor_divide" else name)
        whole = by.dtype.kind in "iub" if isinstance(by, np.ndarray) else isinstance(by, int)
        if whole and kind in "iub" and np.any(np.equal(by, 0)):
            msg = "ZeroDivisionError"
            raise RuntimeError(msg)
        return function(input, other, out=out)

    divided.__name__ = name
    return divided


remainder = _whole_by(_remainder, "remainder")
fmod = _whole_by(_fmod, "fmod")
floor_divide = _whole_by(_floor_divide, "floor_divide")


def add(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """Return ``input + alpha other``."""
    return _add(input, other if alpha == 1 else mul(other, alpha), out=out)


def add_(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """Add ``alpha other`` in place."""
    return _add_(input, other if alpha == 1 else mul(other, alpha))  # type: ignore[no-any-return]


def sub(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """Return ``input - alpha other``."""
    _no_bools(input, other)
    return _sub(input, other if alpha == 1 else mul(other, alpha), out=out)


def sub_(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """Subtract ``alpha other`` in place."""
    _no_bools(input, other)
    return _sub_(input, other if alpha == 1 else mul(other, alpha))  # type: ignore[no-any-return]


def _no_bools(*operands: Any) -> None:
    for x in operands:
        if x is True or x is False or (isinstance(x, Tensor) and x._array.dtype.kind == "b"):
            msg = (
                "Subtraction, the `-` operator, with a bool tensor is not supported. If you are "
                "trying to invert a mask, use the `~` or `logical_not()` operator instead."
            )
            raise RuntimeError(msg)


def rsub(input: Any, other: Any) -> Any:
    """Return ``other - input``."""
    return sub(other, input)


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Any = None) -> Any:
    """Return the quotient; rounded with ``"floor"`` or ``"trunc"``."""
    if rounding_mode is None:
        return _div(input, other, out=out)
    if rounding_mode == "floor":
        return floor_divide(input, other, out=out)
    whole = trunc(_div(input, other))
    kinds = [x._array.dtype.kind for x in (input, other) if isinstance(x, Tensor)]
    if "f" not in kinds and not isinstance(other, float):
        whole = cast(whole, dtypes.INT64)
    return into(out, whole)


def div_(input: Tensor, other: Any) -> Tensor:
    """Divide in place."""
    return _div_(input, other)  # type: ignore[no-any-return]


SQUARE = Op("PowBackward0", rules.square.forward, rules.square.backward, "a")


def pow(input: Any, exponent: Any, *, out: Any = None) -> Any:
    """Return the power; ``x ** 2`` is a square."""
    if isinstance(input, Tensor) and not isinstance(exponent, Tensor):
        kind = input._array.dtype.kind
        if exponent == 2 and kind == "f":
            return into(out, apply(SQUARE, input))
        if kind in "iu" and isinstance(exponent, int) and exponent < 0:
            msg = "Integers to negative integer powers are not allowed."
            raise RuntimeError(msg)
    if isinstance(input, Tensor) and isinstance(exponent, bool) and input._array.dtype.kind == "b":
        return into(out, logical_or(input, not exponent))
    if isinstance(input, Tensor) and isinstance(exponent, Tensor):
        kinds = input._array.dtype.kind + exponent._array.dtype.kind
        if kinds == "bb":
            _no_bool("pow")
        if "f" not in kinds and (exponent._array < 0).any():
            return into(out, wrap(_whole_powers(input._array, exponent._array)))
    return _pow(input, exponent, out=out)


def _whole_powers(x: Array, y: Array) -> Array:
    """Return powers of whole numbers, where 1 and -1 alone have negative ones."""
    kind = np.promote_types(x.dtype, y.dtype)
    odd = np.where(np.abs(x) == 1, np.where(y % 2 == 0, 1, x), 0)
    return np.where(y < 0, odd, np.power(x.astype(kind), np.maximum(y, 0))).astype(kind)


def pow_(input: Tensor, exponent: Any) -> Tensor:
    """Raise to a power in place."""
    return _pow_(input, exponent)  # type: ignore[no-any-return]


def _own_input(forward: Any) -> Any:
    """Let a rule keep a copy of its input, which may be changed then."""

    def copied(saved: Any, x: Array) -> Array:
        return forward(saved, x.copy() if saved.needs[0] else x)  # type: ignore[no-any-return]

    return copied


def _one(name: str, rule: Rule, node: str = "", keeps: str = "", floats: bool = True) -> Any:
    """Make a function of one operand, and its in-place form."""
    forward = _own_input(rule.forward) if name == "rsqrt" else rule.forward
    op = Op(f"{node or name.capitalize()}Backward0", forward, rule.backward, keeps)

    def function(input: Tensor, *, out: Any = None) -> Any:
        if not isinstance(input, Tensor):
            msg = f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
            raise TypeError(msg)
        if floats and input._array.dtype.kind != "f":
            input = cast(input, dtypes.default_float())
        answer = apply(op, input)
        return answer if out is None else into(out, answer)

    def changed(input: Tensor) -> Tensor:
        if floats and input._array.dtype.kind != "f":
            kind = dtypes.WORDS[input._array.dtype.char]
            msg = f"result type Float can't be cast to the desired output type {kind}"
            raise RuntimeError(msg)
        return in_place(op, input)

    function.__name__, changed.__name__ = name, f"{name}_"
    return function, changed


exp, exp_ = _one("exp", rules.exp, keeps="r")
exp2, _ = _one("exp2", rules.exp2, keeps="r")
expm1, expm1_ = _one("expm1", rules.expm1, keeps="r")
log, log_ = _one("log", rules.log, keeps="a")
log2, log2_ = _one("log2", rules.log2, keeps="a")
log10, log10_ = _one("log10", rules.log10, keeps="a")
log1p, log1p_ = _one("log1p", rules.log1p, keeps="a")
sqrt, sqrt_ = _one("sqrt", rules.sqrt, keeps="r")
rsqrt, rsqrt_ = _one("rsqrt", rules.rsqrt, keeps="r")
reciprocal, reciprocal_ = _one("reciprocal", rules.reciprocal, keeps="r")
sin, sin_ = _one("sin", rules.sin, keeps="a")
cos, cos_ = _one("cos", rules.cos, keeps="a")
tan, tan_ = _one("tan", rules.tan, keeps="r")
asin, _ = _one("asin", rules.arcsin, keeps="a")
acos, _ = _one("acos", rules.arccos, keeps="a")
atan, _ = _one("atan", rules.arctan, keeps="a")
sinh, _ = _one("sinh", rules.sinh, keeps="a")
cosh, _ = _one("cosh", rules.cosh, keeps="a")
asinh, _ = _one("asinh", rules.arcsinh, keeps="a")
acosh, _ = _one("acosh", rules.arccosh, keeps="a")
atanh, _ = _one("atanh", rules.arctanh, keeps="a")
erf, _ = _one("erf", rules.erf, keeps="a")
erfinv, _ = _one("erfinv", rules.erfinv, keeps="r")
sigmoid, sigmoid_ = _one("sigmoid", rules.sigmoid, keeps="r")
tanh, tanh_ = _one("tanh", rules.tanh, keeps="r")
_relu, _relu_ = _one("relu", rules.relu, keeps="r", floats=False)
silu, silu_ = _one("silu", rules.silu, keeps="a")
floor, floor_ = _one("floor", rules.floor, floats=False)
ceil, ceil_ = _one("ceil", rules.ceil, floats=False)
trunc, trunc_ = _one("trunc", rules.trunc, floats=False)
_round, _round_ = _one("round", rules.rint, floats=False)
_abs, abs_ = _one("abs", rules.absolute, keeps="a", floats=False)
_neg, neg_ = _one("neg", rules.negative, floats=False)
_sign, sign_ = _one("sign", rules.sign, floats=False)
isnan, _ = _one("isnan", rules.isnan, floats=False)
isinf, _ = _one("isinf", rules.isinf, floats=False)
isfinite, _ = _one("isfinite", rules.isfinite, floats=False)
logical_not, logical_not_ = _one("logical_not", rules.logical_not, floats=False)
bitwise_not, bitwise_not_ = _one("bitwise_not", rules.bitwise_not, floats=False)


def abs(input: Tensor, *, out: Any = None) -> Any:
    """Return the absolute values."""
    if isinstance(input, Tensor) and input._array.dtype.kind == "b":
        _no_bool("abs")
    return _abs(input, out=out)


def neg(input: Tensor, *, out: Any = None) -> Any:
    """Return minus the tensor."""
    if isinstance(input, Tensor) and input._array.dtype.kind == "b":
        msg = (
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
        raise RuntimeError(msg)
    return _neg(input, out=out)


def _no_bool(name: str) -> None:
    msg = f"\"{name}_cpu\" not implemented for 'Bool'"
    raise NotImplementedError(msg)


def _whole_stays(function: Any) -> Any:
    """Let floor and its kind answer integers as they came."""

    def called_on(input: Tensor, **options: Any) -> Any:
        kind = input._array.dtype.kind
        if kind == "b":
            _no_bool(function.__name__)
        return function(input, **options) if kind == "f" else wrap(input._array.copy())

    called_on.__name__ = function.__name__
    return called_on


floor, ceil, trunc, _round = map(_whole_stays, (floor, ceil, trunc, _round))


def round(input: Tensor, *, decimals: int = 0, out: Any = None) -> Any:
    """Return the nearest whole numbers (even ones of two), or numbers of some decimals."""
    if decimals:
        return into(out, div(_round(mul(input, 10.0**decimals)), 10.0**decimals))
    return into(out, _round(input))


def relu(input: Tensor) -> Any:
    """Return ``max(x, 0)``."""
    if input._array.dtype.kind == "b":
        msg = "Boolean inputs not supported for relu"
        raise RuntimeError(msg)
    return _relu(input) if input._array.dtype.kind == "f" else clamp(input, 0)


def relu_(input: Tensor) -> Any:
    """Set elements below 0 to 0."""
    return _relu_(input) if input._array.dtype.kind == "f" else clamp_(input, 0)


def sign(input: Tensor, *, out: Any = None) -> Any:
    """Return 1, -1 or 0; 0 for NaN."""
    array = input._array
    if array.dtype.kind == "b":
        return into(out, wrap(array.copy()))
    answer = _sign(input)
    if array.dtype.kind == "f":
        answer._array[np.isnan(array)] = 0
    return into(out, answer)


def square(input: Tensor) -> Any:
    """Return the squares."""
    if input._array.dtype.kind == "f":
        return apply(SQUARE, input)
    input = cast(input, dtypes.INT64) if input._array.dtype.kind == "b" else input
    return mul(input, input)


def square_(input: Tensor) -> Any:
    """Square in place."""
    return in_place(SQUARE, input)


_LOW = Op("ClampBackward1", rules.clip.forward, rules.clip.backward, "a")


def _bounds(input: Tensor, low: Any, high: Any) -> list[Any]:
    if low is None and high is None:
        msg = "torch.clamp: At least one of 'min' or 'max' must not be None"
        raise ValueError(msg)
    given = [input, *(x for x in (low, high) if x is not None)]
    matching = matched("clamp", *given)
    kind = matching[0]._array.dtype
    ends = [-np.inf, np.inf] if kind.kind == "f" else [np.iinfo(kind).min, np.iinfo(kind).max]
    rest = iter(matching[1:])
    return [
        matching[0],
        number(ends[0], kind) if low is None else next(rest),
        number(ends[1], kind) if high is None else next(rest),
    ]


def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: Any = None) -> Any:
    """Return elements moved between bounds."""
    return into(out, apply(_LOW, *_bounds(input, min, max)))


def clamp_(input: Tensor, min: Any = None, max: Any = None) -> Any:
    """Move elements between bounds in place."""
    return in_place(_LOW, input, *_bounds(input, min, max)[1:])


_WHERE = Op("WhereBackward0", rules.where.forward, rules.where.backward)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """Return `input` where the condition holds, else `other`; alone, the indices where it does."""
    if input is None and other is None:
        return tuple(wrap(i.astype(np.int64)) for i in np.nonzero(condition._array))
    x, y = matched("where", input, other)
    return apply(_WHERE, condition, x, y)


def lerp(input: Tensor, end: Any, weight: Any) -> Any:
    """Return ``input + weight (end - input)``."""
    return add(input, mul(sub(end, input), weight))


def lerp_(input: Tensor, end: Any, weight: Any) -> Any:
    """Move a share of the way to `end`, in place."""
    return add_(input, mul(sub(end, input), weight))


def addcmul(input: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """Return ``input + value tensor1 tensor2``."""
    return add(input, mul(mul(tensor1, tensor2), value) if value != 1 else mul(tensor1, tensor2))


def addcmul_(input: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """Add ``value tensor1 tensor2`` in place."""
    return add_(input, mul(tensor1, tensor2), alpha=value)


def addcdiv(input: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """Return ``input + value tensor1 / tensor2``."""
    return add(input, div(tensor1, tensor2), alpha=value)


def addcdiv_(input: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """Add ``value tensor1 / tensor2`` in place."""
    return add_(input, div(tensor1, tensor2), alpha=value)


def _copy_forward(saved: Any, x: Array, source: Array) -> Array:
    saved_needs = saved.needs
    if saved_needs[0] or (len(saved_needs) > 1 and saved_needs[1]):
        saved.shape, saved.kind = source.shape, source.dtype
    return np.broadcast_to(source, x.shape).astype(x.dtype)


def _copy_backward(saved: Any, dy: Array) -> tuple[Any, Any]:
    from_source = summed_to(dy, saved.shape).astype(saved.kind) if saved.needs[1] else None
    return num.zeros(dy.shape, dy), from_source


_COPY = Op("CopyBackwards", _copy_forward, _copy_backward)
_FILL = Op("FillBackward0", _copy_forward, lambda s, dy: (num.zeros(dy.shape, dy), None))  # noqa: ARG005
_CLONE = Op("CloneBackward0", rules.copy.forward, rules.copy.backward)


def copy_(input: Tensor, src: Any, non_blocking: bool = False) -> Any:  # noqa: ARG001
    """Copy the values of another tensor, broadcast and cast."""
    try:
        return in_place(_COPY, input, src if isinstance(src, Tensor) else np.asarray(src))
    except ValueError:
        _fits(input, src)
        shapes = list(input._array.shape), list(np.shape(getattr(src, "_array", src)))
        msg = (
            f"The expanded size of the tensor {shapes[0]} must match the existing size {shapes[1]}"
        )
        raise RuntimeError(msg) from None


def fill_(input: Tensor, value: Any) -> Any:
    """Set every element to a number."""
    if isinstance(value, Tensor):
        if value._array.ndim:
            msg = (
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{value._array.ndim} dimensions."
            )
            raise RuntimeError(msg)
        return in_place(_COPY, input, value)
    return in_place(_FILL, input, np.asarray(value, input._array.dtype))


def zero_(input: Tensor) -> Any:
    """Set every element to 0."""
    return in_place(_FILL, input, number(0, input._array.dtype))


def clone(input: Tensor, *, memory_format: Any = None) -> Any:  # noqa: ARG001
    """Return a copy, through which gradients lead."""
    return apply(_CLONE, input)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: value
    for name, value in list(globals().items())
    if callable(value)
    and getattr(value, "__name__", "").strip("_") == name.strip("_")
    and not name.startswith("_")
    and name
    not in {
        "apply",
        "in_place",
        "wrap",
        "write",
        "called",
        "matched",
        "plain",
        "number",
        "into",
        "cast",
        "Any",
        "Callable",
        "Op",
        "Tensor",
        "Rule",
    }
}
for _name, _same in {
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "absolute": "abs",
    "negative": "neg",
    "negative_": "neg_",
    "clip": "clamp",
    "clip_": "clamp_",
    "divide": "div",
    "true_divide": "div",
    "multiply": "mul",
    "subtract": "sub",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "not_equal": "ne",
}.items():
    FUNCTIONS[_name] = FUNCTIONS[_same]
