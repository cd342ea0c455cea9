"""Models from the description of other models, with new weights."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hotloop._support import archive
from hotloop._support.quoting import quoted
from hotloop.registry import noting

if TYPE_CHECKING:
    from hotloop.models.model import Model


def clone_model(model: Model) -> Model:
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
    from hotloop.models import sequential  # noqa: PLC0415 - they import this module

    if not hasattr(model, "all_layers"):
        msg = f"clone_model: a model is needed, got {quoted(model)}"
        raise TypeError(msg)
    with noting() as found:
        description = sequential.described(model)
    made: Model = sequential.from_description(description, found)
    return made


def to_json(model: Model, **kwargs: Any) -> str:
    """Return the description of a model, without weights, as JSON; `kwargs` go to ``json.dumps``."""
    from hotloop.models import sequential  # noqa: PLC0415 - as above

    return json.dumps(sequential.described(model), **kwargs)


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Model:
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
    from hotloop.models import sequential  # noqa: PLC0415 - as above

    if not isinstance(json_string, str | bytes | bytearray):
        msg = f"model_from_json: a text is needed, got {type(json_string).__name__}"
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
        made: Model = getattr(sequential, name).from_config(described["config"], custom_objects)
    except archive.ERRORS as error:
        msg = f"model_from_json: {archive.reason(error)}"
        raise ValueError(msg) from error
    return made


__all__ = ["clone_model", "model_from_json", "to_json"]
