"""Model files: one zip archive with a description in JSON and weights in safetensors.

::

    model.json              format, version, the model's description, how it was compiled
    weights.safetensors     every weight by its full name
    optimizer.safetensors   the optimizer's slots, when the model is compiled

Nothing in a file is ever executed or unpickled. The archive stores its members uncompressed,
each with a checksum; a model that is saved twice gives the same bytes twice.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hotloop import losses, metrics, optimizers, registry
from hotloop._atomic import atomic_open
from hotloop.models import Model, Sequential
from hotloop.parameters import values_from
from hotloop.registry import deserialize, serialize
from hotloop.version import __version__

Array = NDArray[Any]
FORMAT = "hotloop model"
FORMAT_VERSION = 1
_DESCRIPTION, _WEIGHTS, _OPTIMIZER = "model.json", "weights.safetensors", "optimizer.safetensors"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODELS: dict[str, type[Model]] = {"Sequential": Sequential}
C = TypeVar("C", bound=type)


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[C], C]:
    """Make a class of your own known to `load_model`, as a decorator.

    Parameters
    ----------
    package : str
        Prefix of the name in files.
    name : str, optional
        None is the class's own.

    Examples
    --------
    >>> import hotloop as hl
    >>> @hl.saving.register_keras_serializable("demo")
    ... class Double(hl.layers.Layer):
    ...     def forward(self, x, cache, training):
    ...         return 2 * x
    ...     def backward(self, dy, cache):
    ...         return 2 * dy
    """

    def register(cls: C) -> C:
        registry.CUSTOM[f"{package}>{name or cls.__name__}"] = cls
        return cls

    return register


def save_model(model: Model, filepath: str | os.PathLike[str], *, overwrite: bool = True) -> None:
    """Write `model` to `filepath`: the old file or the new one is there, never a part.

    Raises
    ------
    ValueError
        When the model is not built, or an object in it cannot be described.
    FileExistsError
        When `overwrite` is false and the file exists.
    """
    from safetensors.numpy import save  # noqa: PLC0415 - slow to import

    path = Path(filepath)
    if not overwrite and path.exists():
        msg = f"save: {path} exists and overwrite is False"
        raise FileExistsError(msg)
    with model._step_lock:
        weights = {name: value.copy() for name, value in _named_weights(model).items()}
        compiled, slots = _compile_description(model)
        description = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "hotloop_version": __version__,
            "model": _describe(model),
            "state": _layer_states(model),
            "compile": compiled,
        }
    try:
        text = json.dumps(description, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        msg = f"save: the model's description is not plain JSON: {error}"
        raise ValueError(msg) from error
    members = {_DESCRIPTION: text.encode(), _WEIGHTS: save(weights)}
    if compiled is not None:
        members[_OPTIMIZER] = save(slots)
    with atomic_open(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)


def _describe(obj: Any) -> dict[str, Any]:
    try:
        return serialize(obj)
    except (AttributeError, NotImplementedError) as error:
        msg = f"save: {type(obj).__name__} cannot be described: {error}"
        raise ValueError(msg) from error


def _named_weights(model: Model) -> dict[str, Array]:
    model.executor()
    return {
        f"{layer.name}/{weight.name}": weight.value
        for layer in model.all_layers()
        for weight in layer.ordered_weights()
    }


def _layer_states(model: Model) -> dict[str, dict[str, int]]:
    """Return what layers keep beside their weights, such as dropout's count of calls."""
    states = {layer.name: layer.get_state() for layer in model.all_layers()}
    return {name: state for name, state in states.items() if state}


def _restore_states(model: Model, states: Any) -> None:
    for layer in model.all_layers():
        expected = layer.get_state()
        if not expected:
            continue
        state: Any = states.get(layer.name) if isinstance(states, dict) else None
        whole = isinstance(state, dict) and all(type(n) is int for n in state.values())
        if not whole or set(state) != set(expected):
            msg = f"altered: the state of layer {layer.name!r} is {state!r}"
            raise ValueError(msg)
        layer.set_state(state)


def _compile_description(model: Model) -> tuple[dict[str, Any] | None, dict[str, Array]]:
    optimizer = model.optimizer
    if optimizer is None:
        return None, {}
    slots = {
        f"{slot}/{name}": np.ascontiguousarray(array)
        for slot, arrays in optimizer.slot_values().items()
        for name, array in arrays.items()
    }
    names = [m if isinstance(m, str) else _describe(metrics.get(m)) for m in model._metric_names]
    description = {
        "optimizer": _describe(optimizer),
        "iterations": optimizer.iterations,
        "loss": None if model.loss is None else _describe(model.loss),
        "metrics": names,
    }
    return description, slots


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
) -> Model:
    """Return the model in a file; see `hotloop.models.load_model`."""
    path = Path(filepath)
    if not path.exists():
        msg = f"load_model: there is no file {path}"
        raise FileNotFoundError(msg)
    try:
        description, weights, slots = _read(path)
        return _restore(description, weights, slots, custom_objects, compile)
    except _ERRORS as error:
        msg = f"load_model: {path}: {error}"
        raise ValueError(msg) from error


_ERRORS = (
    ValueError,
    TypeError,
    KeyError,
    zipfile.BadZipFile,
    EOFError,
    OverflowError,
    MemoryError,
)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array], dict[str, Array]]:
    """Return description, weights and slots, checked for format, version and checksums."""
    if not zipfile.is_zipfile(path):
        msg = "not a hotloop model file, or truncated (no zip archive)"
        raise ValueError(msg)
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        contents: dict[str, bytes] = {}
        for info in archive.infolist():
            known = info.filename in (_DESCRIPTION, _WEIGHTS, _OPTIMIZER)
            if not known or info.filename in contents:
                msg = f"not a hotloop model file: it holds {info.filename!r}"
                raise ValueError(msg)
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > size:
                msg = f"{info.filename!r} is compressed or larger than the file: altered"
                raise ValueError(msg)
            try:
                contents[info.filename] = archive.read(info)
            except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
                msg = f"{info.filename!r} is truncated or altered: {error}"
                raise ValueError(msg) from error
    if _DESCRIPTION not in contents:
        msg = f"not a hotloop model file: no {_DESCRIPTION!r} in it"
        raise ValueError(msg)
    description = _parse(contents[_DESCRIPTION])
    if _WEIGHTS not in contents or (description["compile"] is None) == (_OPTIMIZER in contents):
        msg = f"the members {sorted(contents)} do not fit the description"
        raise ValueError(msg)
    weights = _tensors(_WEIGHTS, contents[_WEIGHTS])
    slots = _tensors(_OPTIMIZER, contents[_OPTIMIZER]) if _OPTIMIZER in contents else {}
    return description, weights, slots


def _parse(content: bytes) -> dict[str, Any]:
    try:
        description = json.loads(content)
    except (ValueError, RecursionError) as error:
        msg = f"{_DESCRIPTION!r} is altered: {error}"
        raise ValueError(msg) from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        msg = f"not a hotloop model file: {_DESCRIPTION!r} names no {FORMAT!r}"
        raise ValueError(msg)
    version = description.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        msg = f"altered: format version {version!r}"
        raise ValueError(msg)
    if version > FORMAT_VERSION:
        msg = (
            f"written in format {version} by hotloop {description.get('hotloop_version')}, newer "
            f"than this hotloop {__version__} reads (format {FORMAT_VERSION}); update hotloop"
        )
        raise ValueError(msg)
    if "model" not in description or "compile" not in description:
        msg = f"{_DESCRIPTION!r} is altered: parts are missing"
        raise ValueError(msg)
    return description


def _tensors(name: str, content: bytes) -> dict[str, Array]:
    from safetensors import SafetensorError  # noqa: PLC0415 - slow to import
    from safetensors.numpy import load  # noqa: PLC0415

    try:
        return load(content)
    except (SafetensorError, KeyError, ValueError) as error:
        msg = f"{name!r} is altered: {error}"
        raise ValueError(msg) from error


def _restore(
    description: dict[str, Any],
    weights: dict[str, Array],
    slots: dict[str, Array],
    custom_objects: dict[str, Any] | None,
    compile: bool,
) -> Model:
    described = description["model"]
    if not isinstance(described, dict) or described.get("class") not in _MODELS:
        msg = f"unknown model class in {_DESCRIPTION!r}"
        raise ValueError(msg)
    cls: Any = _MODELS[described["class"]]
    with values_from(weights):
        model: Model = cls.from_config(described["config"], custom_objects)
    expected = set(_named_weights(model)) if model.built else set()
    if expected != set(weights):
        msg = f"weights and description do not fit: {sorted(expected ^ set(weights))}"
        raise ValueError(msg)
    _restore_states(model, description.get("state", {}))
    if compile and description["compile"] is not None:
        _restore_compile(model, description["compile"], slots, custom_objects)
    return model


def _restore_compile(
    model: Model,
    compiled: dict[str, Any],
    slots: dict[str, Array],
    custom_objects: dict[str, Any] | None,
) -> None:
    optimizer = deserialize("optimizer", compiled["optimizer"], optimizers.CLASSES, custom_objects)
    loss = compiled["loss"]
    if loss is not None:
        loss = deserialize("loss", loss, losses.CLASSES, custom_objects)
    found = [
        m if isinstance(m, str) else deserialize("metric", m, metrics.CLASSES, custom_objects)
        for m in compiled["metrics"]
    ]
    values: dict[str, dict[str, Array]] = {}
    named = _named_weights(model)
    for full, array in slots.items():
        slot, _, name = full.partition("/")
        fits = name in named and named[name].shape == array.shape and slot in optimizer.slots
        if not fits or array.dtype != named[name].dtype:
            msg = f"optimizer slot {full!r} fits no weight"
            raise ValueError(msg)
        values.setdefault(slot, {})[name] = array
    iterations = compiled["iterations"]
    if not isinstance(iterations, int) or isinstance(iterations, bool) or iterations < 0:
        msg = f"altered: iterations {iterations!r}"
        raise ValueError(msg)
    optimizer.set_slot_values(values)
    optimizer.iterations = iterations
    model.compile(optimizer, loss, found)


__all__ = ["load_model", "register_keras_serializable", "save_model"]
