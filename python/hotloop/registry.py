"""Names to classes and back: strings like ``"relu"`` or ``"adam"``, and descriptions in files."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

# Classes that users registered for load_model, under "package>name".
CUSTOM: dict[str, type] = {}


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


def lookup(kind: str, name: str, table: Mapping[str, T]) -> T:
    """Return ``table[name]``; a ValueError lists the valid names."""
    try:
        return table[name]
    except KeyError:
        msg = f"unknown {kind} {name!r}; valid names: {', '.join(sorted(table))}"
        raise ValueError(msg) from None


def registered_name(cls: type) -> str:
    """Return the name under which a file describes `cls`."""
    for name, registered in CUSTOM.items():
        if registered is cls:
            return name
    return cls.__name__


def serialize(obj: Any) -> dict[str, Any]:
    """Return ``{"class": name, "config": {...}}`` for an object with ``get_config``."""
    return {"class": registered_name(type(obj)), "config": obj.get_config()}


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
        ``{"class": str, "config": dict}``.
    builtin : mapping of str to class
        The package's own classes of this kind.
    custom_objects : mapping of str to class, optional
        Further classes by name; registered ones are always known.

    Raises
    ------
    ValueError
        When the description is malformed, the class unknown, or its arguments refused.
    """
    if (
        not isinstance(description, dict)
        or not isinstance(description.get("class"), str)
        or not isinstance(description.get("config"), dict)
    ):
        msg = f"{kind}: the description must hold a class name and a config, got {description!r}"
        raise ValueError(msg)
    name, config = description["class"], description["config"]
    cls: Any = None
    if custom_objects is not None:
        cls = custom_objects.get(name, custom_objects.get(name.rpartition(">")[2]))
    if cls is None:
        cls = CUSTOM.get(name, builtin.get(name))
    if cls is None:
        msg = (
            f"unknown {kind} class {name!r}; give it in custom_objects={{{name!r}: ...}} "
            "or register it with hotloop.saving.register_keras_serializable"
        )
        raise ValueError(msg)
    try:
        if inspect.isclass(cls) and hasattr(cls, "from_config"):
            return cls.from_config(dict(config))
        return cls(**config)
    except TypeError as error:
        msg = f"{kind} {name!r}: its config does not fit: {error}"
        raise ValueError(msg) from error
