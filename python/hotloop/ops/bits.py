"""Whole numbers and bits: divisors, logic, shifts, and elements read as another dtype."""

from __future__ import annotations

from typing import Any

from hotloop.autodiff import elementwise as rules
from hotloop.ops.core import checked_dtype, dtype_of
from hotloop.ops.elementwise import _float


def _whole(name: str, *arrays: Any) -> None:
    for x in arrays:
        if dtype_of(x).startswith("float"):
            msg = f"{name}: needs whole numbers, got dtype {dtype_of(x)}"
            raise TypeError(msg)


def gcd(x1: Any, x2: Any) -> Any:
    """Return the greatest common divisor of whole numbers."""
    _whole("gcd", x1, x2)
    return rules.gcd(x1, x2)


def lcm(x1: Any, x2: Any) -> Any:
    """Return the least common multiple of whole numbers."""
    _whole("lcm", x1, x2)
    return rules.lcm(x1, x2)


def nextafter(x1: Any, x2: Any) -> Any:
    """Return the next floating point number from `x1` towards `x2`."""
    return rules.nextafter(_float(x1), _float(x2))


def view(x: Any, dtype: Any = None) -> Any:
    """Return the bits of `x` read as another dtype."""
    return rules.view(x, dtype=checked_dtype(dtype))


def bitwise_and(x: Any, y: Any) -> Any:
    """Return the conjunction of bits."""
    return rules.bitwise_and(x, y)


def bitwise_or(x: Any, y: Any) -> Any:
    """Return the disjunction of bits."""
    return rules.bitwise_or(x, y)


def bitwise_xor(x: Any, y: Any) -> Any:
    """Return where exactly one bit is set."""
    return rules.bitwise_xor(x, y)


def bitwise_not(x: Any) -> Any:
    """Return the negation of bits."""
    return rules.bitwise_not(x)


bitwise_invert = bitwise_not


def left_shift(x: Any, y: Any) -> Any:
    """Return bits shifted to the left."""
    return rules.left_shift(x, y)


def right_shift(x: Any, y: Any) -> Any:
    """Return bits shifted to the right."""
    return rules.right_shift(x, y)


bitwise_left_shift, bitwise_right_shift = left_shift, right_shift
