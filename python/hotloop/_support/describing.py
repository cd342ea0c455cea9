"""What an object shows in a terminal or a notebook: the call that makes it again."""

from __future__ import annotations

import inspect
from typing import Any

from hotloop._support.quoting import quoted, shortened

_UNKNOWN = object()


class Described:
    """Gives ``repr`` to a class with ``get_config``: its name, and the arguments that are not the default ones.

    Examples
    --------
    >>> from hotloop.optimizers import SGD
    >>> SGD(momentum=0.9)
    SGD(learning_rate=0.01, momentum=0.9)
    """

    # Arguments that are shown whatever they are.
    _always_shown: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return the call that makes this object again, as far as it fits a line."""
        kind = type(self)
        try:
            config: dict[str, Any] = getattr(self, "get_config", dict)()
        except Exception:  # a subclass of the user's may not be describable, or not finished
            return f"<{kind.__name__} name={quoted(vars(self).get('name'), 60)}>"
        usual = _defaults(kind)
        order = [*usual, *config]
        told = [
            f"{name}={_text(value)}"
            for name, value in sorted(config.items(), key=lambda item: order.index(item[0]))
            if not (name == "name" and _is_of(value, kind))
            and (name in self._always_shown or not _same(value, usual.get(name, _UNKNOWN)))
        ]
        return shortened(f"{kind.__name__}({', '.join(told)})", 300)


def _is_of(name: Any, kind: type) -> bool:
    """Say whether a name is the one that the class gives by itself, such as ``"huber_loss"``."""
    folded = str(name).replace("_", "").lower()
    return folded.removesuffix("loss") == kind.__name__.lower()


def _defaults(kind: type) -> dict[str, Any]:
    """Return the defaults of the constructor, those that it hands on to its base included."""
    found: dict[str, Any] = {}
    for base in kind.__mro__[:-1]:
        for name, parameter in inspect.signature(base.__init__).parameters.items():  # type: ignore[misc]
            found.setdefault(name, parameter.default)
    return found


def _same(value: Any, usual: Any) -> bool:
    off = (None, 0, False)
    plain = all(isinstance(one, bool | int | float | type(None)) for one in (value, usual))
    return (plain and value in off and usual in off) or quoted(value, 60) == quoted(usual, 60)


def _text(value: Any) -> str:
    if isinstance(value, dict) and isinstance(value.get("class"), str):
        return f"{shortened(value['class'], 60)}(...)"
    if isinstance(value, dict) and isinstance(value.get("function"), str):
        return shortened(value["function"], 60)
    return quoted(value, 60)
