"""Names to classes and back: strings like ``"relu"`` or ``"adam"``, and descriptions in files."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from types import FunctionType
from typing import Any, TypeVar

from hotloop import _core
from hotloop._support.names import unknown
from hotloop._support.quoting import quoted, shortened

T = TypeVar("T")

# Classes and functions that users registered for load_model, under "package>name".
CUSTOM: dict[str, Any] = {}
# What else is known by name just now, also to descriptions inside of descriptions.
_known: ContextVar[Mapping[str, Any]] = ContextVar("_known", default={})  # noqa: B039 - never changed
# Where `serialize` notes whom it has described.
_noted: ContextVar[dict[str, Any] | None] = ContextVar("_noted", default=None)
# The package's own classes: kind -> name -> class. A room enters its own; the rooms below find them here.
_OWN: dict[str, dict[str, Any]] = {}
# Where the kinds come from that may be asked for before their room is loaded; `hotloop` says so.
_ROOMS: dict[str, str] = {}
# A function can be one of these; nothing else in a file may name one.
_FUNCTIONS = ("activation", "initializer", "metric function", "loss function", "learning rate")


def snake_case(name: str) -> str:
    """Return ``"conv2d"`` for ``"Conv2D"``, ``"glorot_uniform"`` for ``"GlorotUniform"``.

    Examples
    --------
    >>> snake_case("MaxPool2D"), snake_case("ReLU"), snake_case("GlorotUniform")
    ('max_pool2d', 're_lu', 'glorot_uniform')
    """
    out: list[str] = []
    for i, char in enumerate(name):
        if char.isupper() and i > 0:
            before = name[i - 1]
            after = name[i + 1] if i + 1 < len(name) else ""
            if before.islower() or (before.isupper() and after.islower()):
                out.append("_")
        out.append(char.lower())
    return "".join(out)


def enter(kind: str, classes: Iterable[type[T]]) -> dict[str, type[T]]:
    """Enter the package's own classes of a kind, and return all of them by name."""
    entered = {cls.__name__: cls for cls in classes}
    _OWN.setdefault(kind, {}).update(entered)
    return entered


def enter_rooms(rooms: Mapping[str, str]) -> None:
    """Say which module enters the classes of a kind."""
    _ROOMS.update(rooms)


def own(kind: str) -> dict[str, Any]:
    """Return the package's own classes of a kind by name."""
    if kind not in _OWN:
        importlib.import_module(_ROOMS[kind])
    return _OWN[kind]


def lookup(kind: str, name: str, table: Mapping[str, T]) -> T:
    """Return ``table[name]``; a ValueError lists the valid names."""
    try:
        return table[name]
    except KeyError:
        raise ValueError(unknown(kind, name, table)) from None


def registered_name(thing: Any) -> str:
    """Return the name under which a file describes a class or a function."""
    for name, registered in CUSTOM.items():
        if registered is thing:
            return name
    name = str(getattr(thing, "__name__", type(thing).__name__))
    # One of ours and one of a user's may share a name.
    ours = isinstance(thing, FunctionType) and thing.__module__.startswith("hotloop.")
    return f"hotloop>{name}" if ours else name


def known(custom_objects: Mapping[str, Any] | None) -> _core.Scope:
    """Let `deserialize` know classes and functions by name, also for what a description holds inside."""
    return _core.Scope(_known, {**_known.get(), **(custom_objects or {})})


def noting() -> _core.Scope:
    """Give the block a dict of the classes and functions by name that `serialize` describes meanwhile."""
    return _core.Scope(_noted, {})


def serialize(obj: Any) -> dict[str, Any]:
    """Return ``{"class": name, "config": {...}}`` for an object with ``get_config``, else ``{"function": name}``."""
    described = not callable(obj) or hasattr(obj, "get_config")
    thing = type(obj) if described else obj
    name, noted = registered_name(thing), _noted.get()
    if noted is not None:
        noted[name] = thing
    return {"class": name, "config": obj.get_config()} if described else {"function": name}


def deserialize(
    kind: str,
    description: Any,
    builtin: Mapping[str, Callable[..., Any]],
    custom_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Build the object that `serialize` described.

    Parameters
    ----------
    kind : str
        What is described, for error texts: ``"layer"``, ``"optimizer"`` ...
    description : dict
        ``{"class": str, "config": dict}``; for an initializer, a metric's function or a learning rate also
        ``{"function": str}``.
    builtin : mapping of str to class
        The package's own classes of this kind.
    custom_objects : mapping of str to class or function, optional
        Further ones by name, for what the description holds inside too; registered ones are always known.

    Raises
    ------
    ValueError
        When the description is malformed, the class unknown, or its arguments refused.
    """
    with known(custom_objects):
        if kind in _FUNCTIONS and isinstance(description, dict) and "function" in description:
            return _named(kind, description["function"], builtin, function=True)
        if (
            not isinstance(description, dict)
            or not isinstance(description.get("class"), str)
            or not isinstance(description.get("config"), dict)
        ):
            got = quoted(description)
            msg = f"{kind}: the description must hold a class name and a config, got {got}"
            raise ValueError(msg)
        name, config = description["class"], description["config"]
        cls = _named(kind, name, builtin, function=False)
        try:
            if isinstance(cls, type) and hasattr(cls, "from_config"):
                return cls.from_config(dict(config))
            return cls(**config)
        except TypeError as error:
            msg = f"{kind} {quoted(name, 60)}: its config does not fit: {shortened(str(error))}"
            raise ValueError(msg) from error


def _named(kind: str, name: Any, builtin: Mapping[str, Any], function: bool) -> Any:
    """Return the class or function that a file names: never one where the other belongs."""
    found: Any = None
    if isinstance(name, str):
        given, own = _known.get(), CUSTOM.get(name, builtin.get(name))
        found = given.get(name, given.get(name.rpartition(">")[2], own))
    if not callable(found) or isinstance(found, type) == function:
        quote = quoted(name, 60)
        what = kind if function else f"{kind} class"
        msg = (
            f"unknown {what} {quote}; give it in custom_objects={{{quote}: ...}} or register it with "
            "hotloop.saving.register_keras_serializable"
        )
        raise ValueError(msg)
    return found
