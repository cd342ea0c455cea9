"""Methods that a user's subclass writes: what they must take is said when the class is defined."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

__all__ = ["check_overrides"]


def check_overrides(cls: type, base: type, names: Iterable[str], hint: str = "") -> None:
    """Raise a TypeError for a method of `cls` that cannot be called as `base` is.

    Parameters
    ----------
    cls : type
        A class that is being defined.
    base : type
        Whose methods of these names show what they are given, by position.
    names : iterable of str
        The methods to look at, where `cls` defines them itself.
    hint : str
        What else might have been meant.

    Raises
    ------
    TypeError
        The text names the method, what it must take and what it takes.
    """
    for name in names:
        method = vars(cls).get(name)
        if not inspect.isfunction(method):
            continue
        own, wanted = inspect.signature(method), inspect.signature(getattr(base, name))
        try:
            own.bind(*wanted.parameters)
        except TypeError:
            taken = f"({', '.join(map(_shown, own.parameters.values()))})"
            msg = (
                f"{cls.__name__}.{name} must take ({', '.join(wanted.parameters)}), it takes "
                f"{taken:.120}{hint}"
            )
            raise TypeError(msg) from None


def _shown(parameter: inspect.Parameter) -> str:
    default = "" if parameter.default is inspect.Parameter.empty else "=..."
    return f"{parameter.name}{default}"
