"""The names of public modules: loaded when first used, listed by ``dir``, and the nearest one for a misspelt one."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from hotloop._support.absent import reason

__all__ = ["nearest", "no_attribute", "serve", "unknown"]

# Longer names are no slips of a finger, and comparing takes their square; private ones are asked for by machines.
_LONGEST = 60
_LISTED = 250  # characters of a message


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name that was probably meant, or None.

    Examples
    --------
    >>> nearest("Dens", ["Conv2D", "Dense"]), nearest("maxpool2d", ["MaxPool2D"])
    ('Dense', 'MaxPool2D')
    >>> nearest("nope", ["Conv2D", "Dense"])
    """
    if len(name) > _LONGEST or name.startswith("_"):
        return None
    import difflib  # noqa: PLC0415 - only a mistake needs it

    known: dict[str, list[str]] = {}
    for other in sorted(valid):
        known.setdefault(_folded(other), []).append(other)
    # One letter of three is two thirds.
    cutoff = 0.65 if len(name) <= 3 else 0.7
    folded = _folded(name)
    # Two letters in the wrong order are the likeliest slip.
    swapped = [other for other in known if sorted(other) == sorted(folded)]
    found = difflib.get_close_matches(folded, swapped or known, n=3, cutoff=cutoff)
    # Of names that are as near, the one of more of the same letters: "poold1" means 1D, not 2D.
    found.sort(
        key=lambda other: (
            difflib.SequenceMatcher(None, other, folded).ratio(),
            sum(min(other.count(c), folded.count(c)) for c in set(folded)),
        ),
        reverse=True,
    )
    return difflib.get_close_matches(name, known[found[0]], n=1, cutoff=0.0)[0] if found else None


def _hint(name: str, valid: Iterable[str]) -> str:
    meant = nearest(name, valid)
    return f"; did you mean {meant!r}?" if meant else ""


def _shown(name: str) -> str:
    return repr(name if len(name) <= _LONGEST else f"{name[:_LONGEST]}...")


def unknown(kind: str, name: str, valid: Iterable[str]) -> str:
    """Return what to say of a string that names nothing: the nearest name, and the valid ones.

    Examples
    --------
    >>> unknown("optimizer", "adma", ["sgd", "adam"])
    "unknown optimizer 'adma'; valid names: adam, sgd; did you mean 'adam'?"
    >>> unknown("optimizer", "nope", ["sgd", "adam"])
    "unknown optimizer 'nope'; valid names: adam, sgd"
    """
    listed = ", ".join(sorted(valid))
    if len(listed) > _LISTED:
        listed = f"{listed[:_LISTED].rpartition(', ')[0]}, ..."
    return f"unknown {kind} {_shown(name)}; valid names: {listed}{_hint(name, valid)}"


def no_attribute(module: str, name: str, valid: Iterable[str]) -> AttributeError:
    """Return the error of a module that lacks a name, with the nearest of the valid ones."""
    why = None if name.startswith("_") else reason(module, name)
    told = f": {why} (docs/keras.md)" if why else _hint(name, valid)
    msg = f"module {module!r} has no attribute {_shown(name)}{told}"
    # Python would guess, too, from the object: None has nothing to guess from.
    return AttributeError(msg, name=name, obj=None)


def serve(
    module: str,
    lazy: Mapping[str, str] | None = None,
    shown: Iterable[str] = (),
) -> None:
    """Give a module ``__getattr__`` and ``__dir__`` (PEP 562).

    A type checker sees neither: to it, a misspelt name is an error.

    Parameters
    ----------
    module : str
        Its ``__name__``; its ``__all__`` is there already.
    lazy : mapping of str to str, optional
        Names that are loaded when they are first used: ``"package.module"`` or ``"package.module:name"``.
    shown : iterable of str
        Names that ``dir`` lists beside ``__all__``.
    """
    place = sys.modules[module]
    targets = dict(lazy or {})
    public = {*place.__all__, *shown}

    def missing(name: str) -> Any:
        target = targets.get(name)
        if target is None:
            raise no_attribute(module, name, public)
        source, _, attribute = target.partition(":")
        value: Any = importlib.import_module(source)
        if attribute:
            value = getattr(value, attribute)
        setattr(place, name, value)
        return value

    def names() -> list[str]:
        return sorted({*public, *(name for name in vars(place) if name.startswith("__"))})

    setattr(place, "__getattr__", missing)  # noqa: B010 - a module's own hooks
    setattr(place, "__dir__", names)  # noqa: B010
