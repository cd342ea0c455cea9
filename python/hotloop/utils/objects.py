"""Classes and functions of a user's own by name, and descriptions of any object."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from hotloop import registry
from hotloop._support.quoting import quoted, shortened

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "serialize_keras_object",
]

# Where a class may be found; names are unlike each other across these rooms.
_ROOMS = (
    "layers",
    "models",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "initializers",
    "regularizers",
)


class CustomObjectScope:
    """Let files and descriptions name classes and functions of your own inside a ``with`` block.

    Parameters
    ----------
    custom_objects : dict of str to class or function
        What they are called.

    Examples
    --------
    >>> import hotloop as hl
    >>> class Mine(hl.layers.Dense):
    ...     pass
    >>> text = hl.Sequential([hl.Input((2,)), Mine(1)]).to_json()
    >>> with hl.utils.custom_object_scope({"Mine": Mine}):
    ...     hl.models.model_from_json(text).count_params()
    3
    """

    def __init__(self, custom_objects: Mapping[str, Any]) -> None:
        self.custom_objects = dict(custom_objects or {})
        self._open = ExitStack()

    def __enter__(self) -> CustomObjectScope:  # noqa: PYI034 - Self comes with Python 3.11
        """Make the names known."""
        self._open.enter_context(registry.known(self.custom_objects))
        return self

    def __exit__(self, *_: object) -> None:
        """Forget them."""
        self._open.close()


custom_object_scope = CustomObjectScope


def get_custom_objects() -> dict[str, Any]:
    """Return the live table of registered classes and functions by name.

    Examples
    --------
    >>> "nothing" in get_custom_objects()
    False
    """
    return registry.CUSTOM


def get_registered_name(obj: Any) -> str:
    """Return the name under which a class or function is known to files.

    Parameters
    ----------
    obj : class or function
        Registered or not.

    Examples
    --------
    >>> import hotloop as hl
    >>> get_registered_name(hl.layers.Dense)
    'Dense'
    """
    return registry.registered_name(obj)


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Any = None
) -> Any:
    """Return the class or function of a name, or None.

    Parameters
    ----------
    name : str
        As `get_registered_name` gives it.
    custom_objects, module_objects : mapping, optional
        Further tables: looked at first and last.

    Examples
    --------
    >>> get_registered_object("nothing") is None
    True
    """
    for table in (custom_objects or {}, registry.CUSTOM, module_objects or {}):
        if name in table:
            return table[name]
    return None


def serialize_keras_object(obj: Any) -> Any:
    """Return an object as plain values: ``{"module", "class_name", "config", "registered_name"}``.

    Parameters
    ----------
    obj : object
        With ``get_config``, or a function, or numbers, texts, lists and dicts of them.

    Raises
    ------
    ValueError
        When it cannot be described.

    Examples
    --------
    >>> import hotloop as hl
    >>> serialize_keras_object(hl.regularizers.L2(0.5))["class_name"]
    'L2'
    """
    if obj is None or isinstance(obj, bool | int | float | str):
        return obj
    if isinstance(obj, list | tuple):
        return [serialize_keras_object(each) for each in obj]
    if isinstance(obj, Mapping):
        return {key: serialize_keras_object(each) for key, each in obj.items()}
    if hasattr(obj, "tolist"):
        return obj.tolist()
    thing = obj if callable(obj) and not hasattr(obj, "get_config") else type(obj)
    name = registry.registered_name(thing)
    module = str(thing.__module__)
    found = {"module": module, "registered_name": name if name in registry.CUSTOM else None}
    if thing is obj:
        return {**found, "class_name": "function", "config": name}
    if not hasattr(obj, "get_config"):
        msg = f"serialize_keras_object: {shortened(type(obj).__name__, 80)} has no get_config: {quoted(obj)}"
        raise ValueError(msg)
    return {**found, "class_name": thing.__name__, "config": obj.get_config()}


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True, **_: Any
) -> Any:
    """Return the object that `serialize_keras_object` described; modules that a description names are not imported.

    Parameters
    ----------
    config : dict or plain values
        The description.
    custom_objects : mapping, optional
        Classes and functions of your own by name.
    safe_mode : bool
        Accepted as Keras does: no code is ever run.

    Raises
    ------
    ValueError
        For a class or function that is not known, and arguments that it refuses.

    Examples
    --------
    >>> import hotloop as hl
    >>> described = serialize_keras_object(hl.regularizers.L2(0.5))
    >>> deserialize_keras_object(described).get_config()
    {'l2': 0.5}
    """
    del safe_mode
    if isinstance(config, list):
        return [deserialize_keras_object(each, custom_objects) for each in config]
    if not isinstance(config, dict) or "class_name" not in config:
        return config
    name: Any = config["class_name"]
    inner: Any = config.get("config")
    registered: Any = inner if name == "function" else config.get("registered_name") or name
    table: dict[Any, Any] = {**registry.CUSTOM, **(custom_objects or {})}
    found = table.get(registered, table.get(str(registered).rpartition(">")[2]))
    if found is None:
        found = _own(str(registered).rpartition(">")[2])
    if found is None or not callable(found):
        msg = (
            f"deserialize_keras_object: unknown {quoted(registered, 60)}; give it in custom_objects"
        )
        raise ValueError(msg)
    if name == "function":
        return found
    with registry.known(custom_objects):
        try:
            made = getattr(found, "from_config", None)
            return found(**inner) if made is None else made(dict(inner))
        except TypeError as error:
            msg = f"deserialize_keras_object: the config of {quoted(name, 60)} does not fit: {quoted(str(error))}"
            raise ValueError(msg) from error


def _own(name: str) -> Any:
    """Return a public name of the package's own, or None."""
    for room in _ROOMS:
        module = importlib.import_module(f"hotloop.{room}")
        if name in module.__all__:
            return getattr(module, name)
    return None
