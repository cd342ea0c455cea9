"""Descriptions of layers, models and what `compile` was given, as Keras 3 writes them, and back.

A class that both have goes by its config: keys that are the same are taken as they are, what Keras alone knows must say
nothing (None or False). So a layer needs a line here only where names or the order of weights differ.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from hotloop import initializers, losses, metrics, optimizers, regularizers
from hotloop._support.quoting import quoted
from hotloop.layers.sources import OwnWeights, RandomDraw
from hotloop.optimizers import schedules
from hotloop.registry import CUSTOM, deserialize, own, serialize

# Ours -> Keras's.
RENAMED = {
    "AvgPool1D": "AveragePooling1D",
    "AvgPool2D": "AveragePooling2D",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
}
_OURS = {theirs: ours for ours, theirs in RENAMED.items()}
# Layers that Keras writes as an Activation.
_ACTIVATIONS = {"GELU": "gelu", "Sigmoid": "sigmoid", "Tanh": "tanh"}
# What Keras has no class for; it is written under our name.
_ALONE = ("AddedLoss", "Operation", "OwnWeights", "RandomDraw")
# Where Keras keeps a layer's weights that are those of its parts, each with as many.
PARTS = {
    "Bidirectional": ("forward_layer/cell", "backward_layer/cell"),
    "GRU": ("cell",),
    "LSTM": ("cell",),
    "SimpleRNN": ("cell",),
    "TimeDistributed": ("layer",),
}
# Keys of Keras's that change no answer of ours.
_WITHOUT_EFFECT = frozenset(
    {
        "autocast",
        "optional",
        "ragged",
        "renorm_momentum",
        "shared_object_id",
        "sparse",
        "jit_compile",
    }
)
_KINDS = {
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
    "rate": "keras.optimizers.schedules",
    "layer": "keras.layers",
    "cell": "keras.layers",
    "cells": "keras.layers",
}

_INNER: dict[str, Callable[[], Any]] = {
    "initializer": lambda: initializers.CLASSES,
    "regularizer": lambda: regularizers.CLASSES,
    "rate": lambda: schedules.CLASSES,
    "layer": lambda: own("layer"),
    "cell": lambda: own("layer"),
}


def written(description: Any, module: str) -> dict[str, Any]:
    """Return ``{"class": ..., "config": ...}`` as Keras writes an object."""
    if "function" in description:
        name = description["function"]
        return {
            "module": "builtins",
            "class_name": "function",
            "config": name,
            "registered_name": name,
        }
    name = description["class"]
    custom = CUSTOM.get(name)
    if ">" in name or custom is not None:
        module, registered, name = "hotloop", name, name.rpartition(">")[2]
        module = getattr(custom, "__module__", module)
    else:
        alone = name in _ALONE
        registered, module = (f"hotloop>{name}", "hotloop.layers") if alone else (None, module)
    return {
        "module": module,
        "class_name": RENAMED.get(name, name),
        "config": {key: _written(key, value) for key, value in description["config"].items()},
        "registered_name": registered,
    }


def _written(key: str, value: Any) -> Any:
    if isinstance(value, dict) and ("class" in value or "function" in value):
        return written(value, _KINDS.get(key.rpartition("_")[2], "keras"))
    if isinstance(value, list):
        return [_written(key, part) for part in value]
    return value


def written_layer(layer: Any, dtype: str) -> dict[str, Any]:
    """Return a layer as Keras writes it."""
    found = written(serialize(layer), "keras.layers")
    config = {"dtype": dtype, **found["config"]}
    shape = config.pop("input_shape", None)
    if found["class_name"] == "InputLayer":
        del config["trainable"]
        config["batch_shape"] = [None, *shape]
    name = found["class_name"]
    if layer.builtin and name in _ACTIVATIONS:
        found["class_name"], config["activation"] = "Activation", _ACTIVATIONS[name]
    found["config"] = config
    if layer.input_shape is not None and name != "InputLayer":
        found["build_config"] = {"input_shape": layer.input_shape}
    return found


# -- reading ---------------------------------------------------------------------------------------


def read(value: Any) -> Any:
    """Return what Keras wrote in our terms, through and through."""
    if isinstance(value, list):
        return [read(part) for part in value]
    if not isinstance(value, dict):
        return value
    name, config = value.get("class_name"), value.get("config")
    if name in ("DTypePolicy", "Policy") and isinstance(config, dict):
        return config.get("name")
    if name == "function":
        return {"function": value.get("registered_name") or config}
    if isinstance(name, str) and isinstance(config, dict):
        registered = value.get("registered_name")
        ours = _OURS.get(name, name)
        if (
            isinstance(registered, str)
            and ">" in registered
            and not registered.startswith("hotloop>")
        ):
            ours = registered
        return {"class": ours, "config": read(config)}
    return {key: read(part) for key, part in value.items()}


def _accepted(cls: Any) -> set[str]:
    """Return the arguments that a class takes by name, also those that it passes on."""
    names: set[str] = set()
    for each in inspect.getmro(cls):
        init = each.__dict__.get("__init__")
        if init is None:
            continue
        parameters = inspect.signature(init).parameters.values()
        names |= {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return names - {"self"}


def fitting(kind: str, description: Any, classes: Any, drop: Iterable[str] = ()) -> Any:
    """Return a description without the keys that say nothing here; a ValueError names one that does."""
    if not isinstance(description, dict) or not isinstance(description.get("config"), dict):
        return description
    name, config = description["class"], description["config"]
    cls = classes.get(name) if isinstance(name, str) else None
    if cls is None:
        return description
    known, kept = _accepted(cls), {}
    for key, value in config.items():
        if key in drop:
            continue
        if key in known:
            kept[key] = _inner(key, value)
        elif value not in (None, False) and key not in _WITHOUT_EFFECT:
            msg = f"{kind} {quoted(name, 40)}: {quoted(key, 30)} is not known here, got {quoted(value, 60)}"
            raise ValueError(msg)
    return {"class": name, "config": kept}


def _inner(key: str, value: Any) -> Any:
    """Return an argument whose value may be an object of its own."""
    if not isinstance(value, dict):
        return value
    if key == "activation" and "function" in value:
        return value["function"]
    kind = key.rpartition("_")[2]
    return fitting(kind, value, _INNER[kind]()) if kind in _INNER else value


def read_layer(value: Any, custom_objects: Any) -> Any:
    """Return the layer that Keras described; a ValueError names a class that is unknown here."""
    description = read(value)
    if not isinstance(description, dict) or not isinstance(description.get("config"), dict):
        msg = f"no description of a layer: {quoted(value)}"
        raise ValueError(msg)
    config = description["config"]
    shape = config.pop("batch_shape", None) or config.pop("batch_input_shape", None)
    if shape is not None:
        config["input_shape"] = shape[1:]
    check_dtype(config.pop("dtype", None))
    if description["class"] == "InputLayer" and shape is None:
        msg = f"an InputLayer without a shape: {quoted(value)}"
        raise ValueError(msg)
    return deserialize(
        "layer", fitting("layer", description, own("layer")), own("layer"), custom_objects
    )


def check_dtype(dtype: Any) -> str | None:
    """Return a dtype that models compute in, None for one that asks for nothing; refuse others."""
    if dtype is None or (isinstance(dtype, str) and dtype.startswith(("int", "uint", "bool"))):
        return None
    if dtype not in ("float32", "float64"):
        msg = f"a model computes in float32 or float64, not in {quoted(dtype, 60)}"
        raise ValueError(msg)
    return str(dtype)


# -- functional graphs -----------------------------------------------------------------------------


def written_graph(inputs: Any, outputs: Any, order: Any, layers: Any, dtype: str) -> dict[str, Any]:
    """Return the calls between symbols as Keras writes them, layer by layer."""
    places: dict[int, list[Any]] = {}
    calls: dict[int, list[Any]] = {id(layer): [] for layer in layers}
    for symbol in inputs:
        places[id(symbol)] = [symbol.layer.name, 0, 0]
    for symbol in order:
        if id(symbol) in places:
            continue
        nodes = calls[id(symbol.layer)]
        places[id(symbol)] = [symbol.layer.name, len(nodes), 0]
        tensors = [
            {
                "class_name": "__keras_tensor__",
                "config": {
                    "shape": list(part.shape),
                    "dtype": dtype,
                    "keras_history": places[id(part)],
                },
            }
            for part in symbol.inputs
        ]
        told: dict[str, Any] = {} if symbol.training is None else {"training": symbol.training}
        if symbol.which is not None:
            told["which"] = symbol.which
        args: list[Any] = [tensors] if symbol.layer.takes_several else tensors
        nodes.append({"args": args, "kwargs": told})
    listed = []
    for layer in layers:
        entry = written_layer(layer, dtype)
        listed.append({**entry, "name": layer.name, "inbound_nodes": calls[id(layer)]})
    ends = [[places[id(symbol)] for symbol in symbols] for symbols in (inputs, outputs)]
    first, last = (end[0] if len(end) == 1 else end for end in ends)
    return {"layers": listed, "input_layers": first, "output_layers": last}


def read_calls(nodes: Any) -> list[tuple[list[list[Any]], bool, dict[str, Any]]]:
    """Return the calls of a layer: the places that each reads, whether as a list, and what it is told."""
    found = []
    for node in nodes:
        if isinstance(node, dict):
            args, kwargs = node.get("args", []), node.get("kwargs", {})
            several = len(args) == 1 and isinstance(args[0], list)
            given = args[0] if several else args
            read_places = [list(part["config"]["keras_history"]) for part in given]
        else:  # as Keras 2 wrote it
            given = node if isinstance(node[0], list) else [node]
            several, kwargs = len(given) > 1, given[0][3] if len(given[0]) > 3 else {}
            read_places = [list(part[:3]) for part in given]
        told = {key: value for key, value in kwargs.items() if value is not None}
        if not set(told) <= {"training", "which"}:
            msg = f"a call with {quoted(told, 80)} is not known here"
            raise ValueError(msg)
        found.append((read_places, several, told))
    return found


def called(layer: Any, parts: list[Any], several: bool, told: dict[str, Any]) -> Any:
    """Call a layer or model on symbols."""
    if not parts:
        which = told.get("which")
        if not isinstance(layer, OwnWeights | RandomDraw) or not isinstance(which, str):
            msg = f"the description gives {layer.name!r} no input"
            raise ValueError(msg)
        layer.ensure_built(())
        return layer.symbol(which)
    training = told.get("training")
    takes_list = several or len(parts) > 1
    return layer(parts if takes_list else parts[0], training=training)


# -- compile ---------------------------------------------------------------------------------------


def written_compile(model: Any) -> dict[str, Any]:
    """Return what `compile` was given as Keras writes it."""
    trainer, optimizer = model._trainer, model.optimizer
    told = written(serialize(optimizer), "keras.optimizers")
    config = told["config"]
    if config.get("weight_decay") == 0.0 and told["class_name"] not in ("AdamW", "Muon"):
        config["weight_decay"] = None
    objective = trainer.objective
    loss: Any = None
    weights: Any = None
    if objective is not None:
        described = [
            None if one is None else written(serialize(one), "keras.losses")
            for one in objective.losses
        ]
        one_output = len(described) == 1
        loss = described[0] if one_output else described
        if any(weight != 1.0 for weight in objective.weights):
            weights = list(objective.weights)
    count = max(1, len(model.outputs))
    split = len(trainer.rows) - trainer.weighted
    return {
        "optimizer": told,
        "loss": loss,
        "loss_weights": weights,
        "metrics": _written_metrics(trainer.rows[:split], count),
        "weighted_metrics": _written_metrics(trainer.rows[split:], count),
        "run_eagerly": bool(model.run_eagerly),
        "steps_per_execution": 1,
        "jit_compile": False,
    }


def _written_metrics(rows: Any, count: int) -> Any:
    by_output: list[list[Any]] = [[] for _ in range(count)]
    for place, metric in rows:
        found: Any = metric
        if not isinstance(metric, str):
            found = written(serialize(metrics.get(metric)), "keras.metrics")
        by_output[place].append(found)
    if not any(by_output):
        return None
    return by_output[0] if count == 1 else by_output


def compile_arguments(config: Any, custom_objects: Any) -> dict[str, Any]:
    """Return what Keras's ``compile_config`` gives to our `compile`."""
    if not isinstance(config, dict) or "optimizer" not in config:
        msg = f"no description of a compiled model: {quoted(config, 120)}"
        raise ValueError(msg)
    described = config["optimizer"]
    optimizer = described
    if isinstance(described, dict):
        told = fitting("optimizer", read(described), optimizers.CLASSES)
        kept = {k: v for k, v in told["config"].items() if k != "weight_decay" or v is not None}
        optimizer = deserialize(
            "optimizer",
            {"class": told["class"], "config": kept},
            optimizers.CLASSES,
            custom_objects,
        )
    found = {
        "optimizer": optimizer,
        "loss": _each("loss", read(config.get("loss")), losses.CLASSES, custom_objects),
    }
    for name in ("metrics", "weighted_metrics"):
        found[name] = _each("metric", read(config.get(name)), metrics.CLASSES, custom_objects)
    if config.get("loss_weights") is not None:
        found["loss_weights"] = config["loss_weights"]
    return found


def _each(kind: str, value: Any, classes: Any, custom_objects: Any) -> Any:
    """Return losses or metrics, nested as they were."""
    if isinstance(value, list):
        return [_each(kind, part, classes, custom_objects) for part in value]
    if not isinstance(value, dict):
        return value
    if "function" in value:
        name = value["function"]
        held = (custom_objects or {}).get(name, CUSTOM.get(name))
        return name if held is None else held
    if "class" in value and "config" in value:
        told = fitting(
            kind, value, classes, drop=("dtype", "fn") if kind == "metric" else ("dtype",)
        )
        return deserialize(kind, told, classes, custom_objects)
    return {key: _each(kind, part, classes, custom_objects) for key, part in value.items()}


__all__ = [
    "PARTS",
    "RENAMED",
    "called",
    "check_dtype",
    "compile_arguments",
    "read_calls",
    "read_layer",
    "written_compile",
    "written_graph",
    "written_layer",
]
