"""Model files: one zip archive with a description in JSON and weights in safetensors.

::

    model.json              format, version, the model's description, how it was compiled
    weights.safetensors     every weight by its full name
    optimizer.safetensors   the optimizer's slots, when the model is compiled

Nothing in a file is ever executed or unpickled. The archive stores its members uncompressed,
each with a checksum; a model that is saved twice gives the same bytes twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hotloop import losses, metrics, optimizers, registry
from hotloop._support import archive, arguments
from hotloop._support.quoting import quoted
from hotloop.engine.objective import Objective
from hotloop.parameters import values_from
from hotloop.registry import deserialize, own, serialize
from hotloop.version import __version__

Array = NDArray[Any]
FORMAT = "hotloop model"
_WEIGHTS_FORMAT, _WEIGHTS_DESCRIPTION = "hotloop weights", "weights.json"
FORMAT_VERSION = 1
_DESCRIPTION, _WEIGHTS, _OPTIMIZER = "model.json", "weights.safetensors", "optimizer.safetensors"
# What `compile` takes beside the optimizer, loss and metrics.
COMPILE_OPTIONS = ("run_eagerly", "steps_per_execution", "jit_compile", "auto_scale_loss")
C = TypeVar("C", bound=Callable[..., Any])


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[C], C]:
    """Make a class or function of your own known to `load_model`, as a decorator.

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
        registry.CUSTOM[f"{package}>{name or registry.registered_name(cls)}"] = cls
        return cls

    return register


def save_model(model: Any, filepath: str | os.PathLike[str], *, overwrite: bool = True) -> None:
    """Write `model` to `filepath`: the old file or the new one is there, never a part.

    Raises
    ------
    ValueError
        When the model is not built, or an object in it cannot be described.
    FileExistsError
        When `overwrite` is false and the file exists.
    """
    path = Path(filepath)
    if not overwrite and path.exists():
        msg = f"save: {path} exists and overwrite is False"
        raise FileExistsError(msg)
    with model._trainer.step_lock:
        weights = {name: value.copy() for name, value in named_weights(model).items()}
        compiled, slots = _compile_description(model)
        description = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "hotloop_version": __version__,
            "model": _describe(model),
            "state": layer_states(model),
            "compile": compiled,
        }
    members = {
        _DESCRIPTION: archive.to_json("save", description),
        _WEIGHTS: archive.to_tensors(weights),
    }
    if compiled is not None:
        members[_OPTIMIZER] = archive.to_tensors(slots)
    archive.write(path, members)


def _describe(obj: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = obj.described() if hasattr(obj, "described") else serialize(obj)
        return found
    except (AttributeError, NotImplementedError) as error:
        msg = f"save: {type(obj).__name__} cannot be described: {error}"
        raise ValueError(msg) from error


def named_weights(model: Any) -> dict[str, Array]:
    """Return the live weights of a model by their full names."""
    model.executor()
    return {
        f"{layer.name}/{weight.name}": weight.value
        for layer in model.all_layers()
        for weight in layer.ordered_weights()
    }


def layer_states(model: Any) -> dict[str, dict[str, int]]:
    """Return what layers keep beside their weights, such as dropout's count of calls."""
    states = {layer.name: layer.get_state() for layer in model.all_layers()}
    return {name: state for name, state in states.items() if state}


def restore_states(model: Any, states: Any) -> None:
    """Let layers go on from what `layer_states` saw; a ValueError changes nothing."""
    found = []
    for layer in model.all_layers():
        expected = layer.get_state()
        if not expected:
            continue
        state: Any = states.get(layer.name) if isinstance(states, dict) else None
        whole = isinstance(state, dict) and all(
            type(n) is int and -(2**63) <= n < 2**64 for n in state.values()
        )
        if not whole or set(state) != set(expected):
            msg = f"altered: the state of layer {quoted(layer.name)} is {quoted(state)}"
            raise ValueError(msg)
        found.append((layer, state, expected))
    try:
        for layer, state, _ in found:
            layer.set_state(state)
    except Exception:
        for layer, _, before in found:
            layer.set_state(before)
        raise


def _compile_description(model: Any) -> tuple[dict[str, Any] | None, dict[str, Array]]:
    optimizer = model.optimizer
    if optimizer is None:
        return None, {}
    slots = {
        f"{slot}/{name}": np.ascontiguousarray(array)
        for slot, arrays in optimizer.slot_values().items()
        for name, array in arrays.items()
    }
    trainer = model._trainer
    names = [m if isinstance(m, str) else serialize(metrics.get(m)) for _, m in trainer.rows]
    description = {
        "optimizer": _describe(optimizer),
        "iterations": optimizer.iterations,
        "loss": _describe_objective(trainer.objective, [i for i, _ in trainer.rows]),
        "metrics": names,
        "weighted": trainer.weighted,  # so many of them, the last ones
        "options": {name: getattr(model, name) for name in COMPILE_OPTIONS},
    }
    return description, slots


def _describe_objective(objective: Objective | None, places: list[int]) -> dict[str, Any] | None:
    """Return a loss alone, or losses and weights with the output that each metric looks at."""
    if objective is None:
        return None
    if objective.alone is not None:
        return _describe(objective.alone)
    config = {
        "losses": [None if loss is None else _describe(loss) for loss in objective.losses],
        "weights": list(objective.weights),
        "metric_outputs": places,
        "name": "per_output",
        "reduction": "sum_over_batch_size",
    }
    return {"class": "PerOutput", "config": config}


def _objective_of(described: Any, metrics: int, outputs: int) -> tuple[Objective | None, list[int]]:
    """Return what `_describe_objective` described; a ValueError when it fits no model."""
    config = described.get("config") if isinstance(described, dict) else None
    if not isinstance(config, dict) or described.get("class") != "PerOutput":
        loss = None if described is None else deserialize("loss", described, losses.CLASSES)
        return None if loss is None else Objective([loss], [1.0]), [0] * metrics
    found = [
        None if loss is None else deserialize("loss", loss, losses.CLASSES)
        for loss in config["losses"]
    ]
    places = [
        arguments.whole("compile", "each of metric_outputs", i, least=0)
        for i in config["metric_outputs"]
    ]
    if len(found) != outputs or len(places) != metrics or max(places, default=0) >= outputs:
        msg = (
            f"compile: {len(found)} losses and metrics for the outputs {quoted(places)} do not "
            f"fit {outputs} outputs and {metrics} metrics"
        )
        raise ValueError(msg)
    return Objective(found, config["weights"]), places


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
) -> Any:
    """Return the model in a file; see `hotloop.models.load_model`."""
    path = Path(filepath)
    if not path.exists():
        msg = f"load_model: there is no file {path}"
        raise FileNotFoundError(msg)
    try:
        description, weights, slots = _read(path)
        return _restore(description, weights, slots, custom_objects, compile)
    except archive.ERRORS as error:
        msg = f"load_model: {path}: {archive.reason(error)}"
        raise ValueError(msg) from error


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array], dict[str, Array]]:
    """Return description, weights and slots, checked for format, version and checksums."""
    contents = archive.read(path, (_DESCRIPTION, _WEIGHTS, _OPTIMIZER), "model")
    description = archive.description(contents, _DESCRIPTION, FORMAT, FORMAT_VERSION, "model")
    if "model" not in description or "compile" not in description:
        msg = f"{_DESCRIPTION!r} is altered: parts are missing"
        raise ValueError(msg)
    if _WEIGHTS not in contents or (description["compile"] is None) == (_OPTIMIZER in contents):
        msg = f"the members {sorted(contents)} do not fit the description"
        raise ValueError(msg)
    weights = archive.tensors(_WEIGHTS, contents[_WEIGHTS])
    slots: dict[str, Array] = {}
    if _OPTIMIZER in contents:
        slots = archive.tensors(_OPTIMIZER, contents[_OPTIMIZER])
    return description, weights, slots


def _restore(
    description: dict[str, Any],
    weights: dict[str, Array],
    slots: dict[str, Array],
    custom_objects: dict[str, Any] | None,
    compile: bool,
) -> Any:
    described = description["model"]
    if not isinstance(described, dict) or described.get("class") not in own("model"):
        msg = f"unknown model class in {_DESCRIPTION!r}"
        raise ValueError(msg)
    cls: Any = own("model")[described["class"]]
    with values_from(weights):
        model = cls.from_config(described["config"], custom_objects)
    expected = set(named_weights(model)) if model.built else set()
    if expected != set(weights):
        msg = f"weights and description do not fit: {sorted(expected ^ set(weights))}"
        raise ValueError(msg)
    restore_states(model, description.get("state", {}))
    if compile and description["compile"] is not None:
        _restore_compile(model, description["compile"], slots, custom_objects)
    return model


def _restore_compile(
    model: Any,
    compiled: dict[str, Any],
    slots: dict[str, Array],
    custom_objects: dict[str, Any] | None,
) -> None:
    loss, options = compiled["loss"], compiled.get("options", {})
    try:
        with registry.known(custom_objects):
            optimizer = deserialize("optimizer", compiled["optimizer"], optimizers.CLASSES)
            found = [
                m if isinstance(m, str) else deserialize("metric", m, metrics.CLASSES)
                for m in compiled["metrics"]
            ]
            objective, places = _objective_of(loss, len(found), max(1, len(model.outputs)))
    except ValueError as error:
        if not str(error).startswith("unknown "):
            raise
        msg = f"{error}; with compile=False the model is loaded without what it was compiled with"
        raise ValueError(msg) from error
    weighted = check_count("weighted metrics", compiled.get("weighted", 0))
    if weighted > len(found) or not set(options) <= set(COMPILE_OPTIONS):
        msg = f"altered: compiled with {weighted} weighted metrics and {quoted(options)}"
        raise ValueError(msg)
    values = checked_slots(optimizer, named_weights(model), slots)
    iterations = check_count("iterations", compiled["iterations"])
    optimizer.set_slot_values(values)
    optimizer.iterations = iterations
    model.compile(optimizer, **options)
    rows = list(zip(places, found, strict=True))
    model._trainer.take(optimizer, objective, rows, weighted)


def check_count(name: str, value: Any) -> int:
    """Return a count that a file holds; a ValueError when it is none."""
    if type(value) is not int or not 0 <= value < 2**53:
        msg = f"altered: {name} {quoted(value)}"
        raise ValueError(msg)
    return value


def checked_slots(
    optimizer: Any, named: dict[str, Array], slots: dict[str, Array]
) -> dict[str, dict[str, Array]]:
    """Return slots by slot and weight; a ValueError when one fits no weight."""
    values: dict[str, dict[str, Array]] = {}
    for full, array in slots.items():
        slot, _, name = full.partition("/")
        fits = name in named and named[name].shape == array.shape and slot in optimizer.all_slots
        if not fits or array.dtype != named[name].dtype:
            msg = f"optimizer slot {full!r} fits no weight"
            raise ValueError(msg)
        values.setdefault(slot, {})[name] = array
    return values


def check_weights(named: dict[str, Array], weights: dict[str, Array]) -> None:
    """Raise a ValueError when weights of a file are not those of a model."""
    if set(named) != set(weights):
        only = sorted(set(named) ^ set(weights))
        msg = f"these weights are in the model or in the file alone: {', '.join(only)}"
        raise ValueError(msg)
    for name, live in named.items():
        if live.shape != weights[name].shape or weights[name].dtype.kind != "f":
            found = weights[name]
            msg = f"weight {name!r} is {live.shape} here, {found.dtype} {found.shape} in the file"
            raise ValueError(msg)


def save_weights(model: Any, filepath: str | os.PathLike[str], *, overwrite: bool = True) -> None:
    """Write the weights alone; see `Model.save_weights`."""
    path = Path(filepath)
    if not overwrite and path.exists():
        msg = f"save_weights: {path} exists and overwrite is False"
        raise FileExistsError(msg)
    with model._trainer.step_lock:
        weights = {name: value.copy() for name, value in named_weights(model).items()}
    description = {
        "format": _WEIGHTS_FORMAT,
        "format_version": FORMAT_VERSION,
        "hotloop_version": __version__,
        "names": list(weights),
    }
    members = {
        _WEIGHTS_DESCRIPTION: archive.to_json("save_weights", description),
        _WEIGHTS: archive.to_tensors(weights),
    }
    archive.write(path, members)


def load_weights(model: Any, filepath: str | os.PathLike[str]) -> None:
    """Copy the weights of a file into a model; see `Model.load_weights`."""
    path = Path(filepath)
    if not path.exists():
        msg = f"load_weights: there is no file {path}"
        raise FileNotFoundError(msg)
    try:
        members = (_WEIGHTS_DESCRIPTION, _DESCRIPTION, _WEIGHTS, _OPTIMIZER)
        contents = archive.read(path, members, "weights")
        if _DESCRIPTION in contents:
            order = None
            weights = _read(path)[1]
        else:
            description = archive.description(
                contents, _WEIGHTS_DESCRIPTION, _WEIGHTS_FORMAT, FORMAT_VERSION, "weights"
            )
            order = description["names"]
            weights = archive.tensors(_WEIGHTS, contents[_WEIGHTS])
            if not isinstance(order, list) or sorted(order) != sorted(weights):
                msg = f"altered: {_WEIGHTS_DESCRIPTION!r} does not name its weights"
                raise ValueError(msg)
        named = named_weights(model)
        if order is not None and set(order) != set(named) and len(order) == len(named):
            # As Keras does: the same layers under other names go by their order.
            weights = {name: weights[old] for name, old in zip(named, order, strict=True)}
        check_weights(named, weights)
    except archive.ERRORS as error:
        msg = f"load_weights: {path}: {archive.reason(error)}"
        raise ValueError(msg) from error
    with model._trainer.step_lock:
        for name, live in named.items():
            live[...] = weights[name]


__all__ = [
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
]
