"""Whether anything was set that recorded steps have read.

Layers, losses, optimizers and penalties may be changed at any time: ``layer.rate = 0.5``. A recorded
step holds what it found when it was recorded, so each assignment is counted here; a step that was
recorded before the last one is compared with what holds now before it runs again.
"""

from __future__ import annotations

from typing import Any, ClassVar

# How many attributes have been set so far; a list, so that its one element may be read directly.
ASSIGNMENTS = [0]

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


class Watched:
    """Counts its assignments; names that begin with an underscore, and `live` ones, do not count.

    A class of the package's is compared by its attributes; one of a user's own runs as it is in
    each step.
    """

    # Whether the package knows all that the class does: said by each of its own, true of none made from them.
    builtin: ClassVar[bool] = False
    # What a recorded step reads anew in each run, or never.
    live: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, builtin: bool = False, **kwargs: Any) -> None:
        """Take ``class Dense(Layer, builtin=True)``; a class of a user's own says nothing."""
        super().__init_subclass__(**kwargs)
        cls.builtin = builtin

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute, and count that."""
        object.__setattr__(self, name, value)
        if name not in self.live and not name.startswith("_"):
            ASSIGNMENTS[0] += 1

    def _settings(self) -> Any:
        """Return what is compared."""
        if not self.builtin:
            return Same(self)
        return Same(self), {
            name: settings_of(item)
            for name, item in vars(self).items()
            if name not in self.live and not name.startswith("_")
        }


class Same:
    """An object that is equal to itself alone, and alive for as long as it is compared with."""

    __slots__ = ("it",)

    def __init__(self, it: Any) -> None:
        self.it = it

    def __eq__(self, other: object) -> bool:
        """Whether both hold one object."""
        return isinstance(other, Same) and self.it is other.it

    __hash__ = None  # type: ignore[assignment]


def settings_of(value: Any) -> Any:
    """Return what can be compared with a later state of `value`: its attributes, seen deeply."""
    if isinstance(value, _PLAIN):
        return type(value), value
    if isinstance(value, list | tuple):
        return [settings_of(item) for item in value]
    return value._settings() if isinstance(value, Watched) else Same(value)


__all__ = ["ASSIGNMENTS", "Same", "Watched", "settings_of"]
