"""Models from the description of other models, with new weights."""

from __future__ import annotations

import json
from typing import Any

from hotloop._support import archive
from hotloop._support.quoting import quoted
from hotloop.registry import deserialize, known, noting, own


def clone_model(model: Any) -> Any:
    """Return a model of the same layers, with new weights and not compiled.

    Parameters
    ----------
    model : Model
        Stays as it is.

    Raises
    ------
    ValueError
        When a layer cannot be described.

    Examples
    --------
    >>> import hotloop as hl
    >>> model = hl.Sequential([hl.layers.Dense(2, input_shape=(3,), name="answer")])
    >>> clone_model(model).get_layer("answer").units
    2
    """
    if not hasattr(model, "all_layers"):
        msg = f"clone_model: a model is needed, got {quoted(model)}"
        raise TypeError(msg)
    with noting() as found:
        description = model.described()
    return unit_from(description, found)


def to_json(model: Any, **kwargs: Any) -> str:
    """Return the description of a model, without weights, as JSON; `kwargs` go to ``json.dumps``."""
    return json.dumps(model.described(), **kwargs)


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the model that ``Model.to_json`` described, with new weights and not compiled.

    Parameters
    ----------
    json_string : str
        The description.
    custom_objects : dict of str to class, optional
        Classes of your own by name; registered ones are known.

    Raises
    ------
    ValueError
        When the text describes no model, or a class is unknown.

    Examples
    --------
    >>> import hotloop as hl
    >>> model = hl.Sequential([hl.layers.Dense(2, input_shape=(3,))])
    >>> model_from_json(model.to_json()).count_params()
    8
    """
    if not isinstance(json_string, str | bytes | bytearray):
        msg = f"model_from_json: a text is needed, got {quoted(json_string)}"
        raise TypeError(msg)
    try:
        described = json.loads(json_string)
    except (ValueError, RecursionError) as error:
        msg = f"model_from_json: the text is not JSON: {archive.reason(error)}"
        raise ValueError(msg) from error
    name = described.get("class") if isinstance(described, dict) else None
    if name not in ("Sequential", "Model") or not isinstance(described.get("config"), dict):
        msg = f"model_from_json: the text describes no model, got {quoted(json_string[:60])}"
        raise ValueError(msg)
    try:
        return unit_from(described, custom_objects)
    except archive.ERRORS as error:
        msg = f"model_from_json: {archive.reason(error)}"
        raise ValueError(msg) from error


def unit_from(description: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the layer or model of a description, with new weights."""
    cls = own("model").get(str(description.get("class"))) if isinstance(description, dict) else None
    if cls is not None and isinstance(description.get("config"), dict):
        with known(custom_objects):
            return cls.from_config(description["config"], custom_objects)
    return deserialize("layer", description, own("layer"), custom_objects)


__all__ = ["clone_model", "model_from_json", "to_json", "unit_from"]
