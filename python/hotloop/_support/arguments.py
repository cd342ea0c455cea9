"""Reading arguments: numbers, whole numbers and shapes, with errors that name whose they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from hotloop._support.quoting import quoted, shortened

# No array has more elements: its bytes still fit into 63 bits.
MOST_ELEMENTS = 2**59


def _fail(owner: str, name: str, rule: str, value: Any) -> ValueError:
    return ValueError(f"{shortened(str(owner), 80)}: {name} must {rule}, got {quoted(value)}")


def _real(value: Any) -> float | None:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    # A bool is a number to Python; as an argument it is a slip.
    if not isinstance(value, Real) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def number(
    owner: str,
    name: str,
    value: Any,
    rule: str = "be a number",
    holds: Callable[[float], bool] | None = None,
) -> float:
    """Read a real number that keeps a rule.

    Raises
    ------
    ValueError
        ``owner: name must <rule>, got <value>``; for what is no number, it must be one.
    """
    read = _real(value)
    if read is None:
        raise _fail(owner, name, "be a number", value)
    if holds is not None and not holds(read):
        raise _fail(owner, name, rule, value)
    return read


def whole(owner: str, name: str, value: Any, least: int | None = None, rule: str = "") -> int:
    """Read a whole number, of an integer or of a float without a fraction.

    Raises
    ------
    ValueError
        ``owner: name must <rule>, got <value>``; the rule is made of `least` unless it is given.
    """
    if not rule:
        kinds = {
            None: "be an integer",
            0: "be an integer, not negative",
            1: "be a positive integer",
        }
        rule = kinds.get(least, f"be an integer of at least {least}")
    read = _real(value)
    if read is None or read != read // 1 or (least is not None and read < least):
        raise _fail(owner, name, rule, value)
    return int(value)


def shape(owner: str, name: str, value: Any, *, least: int = 1) -> tuple[int | None, ...]:
    """Read the sizes of axes; None stands for one that is open.

    Raises
    ------
    ValueError
        ``owner: name must be sizes of axes, ...``, and where no array can have so many elements.
    """
    rule = f"be a tuple of sizes, each an integer of at least {least} or None"
    sizes = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(sizes, Sequence) or isinstance(sizes, str | bytes):
        raise _fail(owner, name, rule, value)
    for size in sizes:
        if size is not None and (
            not isinstance(size, Integral) or isinstance(size, bool) or size < least
        ):
            raise _fail(owner, name, rule, value)
    read = tuple(None if size is None else int(size) for size in sizes)
    checked_size(owner, name, read)
    return read


def dtype_of(owner: str, value: Any) -> np.dtype[Any]:
    """Return a NumPy dtype; a TypeError for what names none."""
    try:
        found: np.dtype[Any] = np.dtype(value)
    except TypeError:
        msg = f"{owner}: dtype must name a dtype of NumPy, got {quoted(value)}"
        raise TypeError(msg) from None
    return found


def checked_size(owner: str, name: str, sizes: Iterable[int | None]) -> int:
    """Return the product of sizes; open ones count as 1.

    Raises
    ------
    ValueError
        Where no array can have so many elements. As in NumPy, a size of 0 makes up for no other.
    """
    known = [size for size in sizes if size is not None]
    most = 1
    for size in known:
        most *= max(size, 1)
        if most > MOST_ELEMENTS:
            msg = (
                f"{owner}: {name} of sizes {quoted(tuple(known))} is too large: "
                "at most 2^59 elements are supported"
            )
            raise ValueError(msg)
    return 0 if 0 in known else most
