"""Values in messages: short whatever they are, also when they come from a stranger's file."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

__all__ = ["LONGEST", "quoted", "shortened"]

LONGEST = 200
_DEPTH, _ITEMS = 4, 8  # what is quoted of containers
_BRACKETS: dict[type, Any] = {
    list: "[]",
    tuple: "()",
    set: "{}",
    frozenset: ("frozenset({", "})"),
    dict: "{}",
}


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return a text of at most `longest` characters; what is left out in the middle is dots.

    Examples
    --------
    >>> shortened("abcdefghijkl", 9)
    'abc...jkl'
    """
    if len(text) <= longest:
        return text
    kept = longest - 3
    return f"{text[: kept - kept // 2]}...{text[len(text) - kept // 2 :]}"


def quoted(value: Any, longest: int = LONGEST) -> str:
    """Return the `repr` of a value as a message quotes it: at most `longest` characters.

    A container is written to a small depth and a few items, and a long text or number is cut before it is
    written: what is nested deeply, or holds one object many times over, costs no more than its first items.

    Examples
    --------
    >>> quoted([1, "a", (2.5, None)])
    "[1, 'a', (2.5, None)]"
    >>> nested = ()
    >>> for _ in range(100_000):
    ...     nested = (nested, nested)
    >>> len(quoted(nested)) <= 200
    True
    """
    return shortened(_quoted(value, _DEPTH, longest), longest)


def _quoted(value: Any, depth: int, longest: int) -> str:
    kind = type(value)
    if kind in _BRACKETS:
        first, last = _BRACKETS[kind]
        if not depth and value:
            return f"{first}...{last}"
        if not value and kind in (set, frozenset):
            return repr(value)
        parts = _parts(value, depth - 1, longest)
        return f"{first}{parts}{',' if kind is tuple and len(value) == 1 else ''}{last}"
    if kind in (str, bytes, bytearray) and len(value) > longest:
        return shortened(repr(value[:longest]), longest - 3) + "..."
    if kind is int and value.bit_length() > 256:
        # Python refuses to write very long ones.
        return f"an integer of {value.bit_length()} bits"
    if kind.__module__ == "numpy" and getattr(value, "size", 0) > _ITEMS:
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if kind is functools.partial:
        return "functools.partial(...)"
    try:
        return repr(value)
    except Exception:  # whatever a class of the user's does
        return f"<{kind.__name__}>"


def _parts(value: Any, depth: int, longest: int) -> str:
    items: Iterable[Any] = value.items() if isinstance(value, dict) else value
    found: list[str] = []
    left = longest
    for i, item in enumerate(items):
        if i == _ITEMS or left <= 0:
            found.append("...")
            break
        if isinstance(value, dict):
            key, each = (_quoted(part, depth, longest) for part in item)
            found.append(f"{key}: {each}")
        else:
            found.append(_quoted(item, depth, longest))
        left -= len(found[-1])
    return ", ".join(found)
