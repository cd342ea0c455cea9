"""Keras's own files: ``.keras`` archives, ``.weights.h5`` and, to be read, the ``.h5`` models of Keras 2.

An archive holds ``config.json``, ``metadata.json`` and ``model.weights.h5``. What `hotloop` writes has one member more,
``hotloop.json``, which Keras passes over: the native description, for what Keras has no place for (counts of dropout,
operations, losses of one's own).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hotloop._support import archive
from hotloop._support.atomic import atomic_open
from hotloop._support.optional import needed
from hotloop._support.quoting import quoted, shortened
from hotloop.layers import InputLayer
from hotloop.registry import own, snake_case
from hotloop.saving import keras_config as keras
from hotloop.version import __version__

CONFIG, METADATA, WEIGHTS, NATIVE = (
    "config.json",
    "metadata.json",
    "model.weights.h5",
    "hotloop.json",
)
_VERSION = "3.15.0"  # of Keras, whose configs these are
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# Slots of each optimizer in the order in which Keras makes them: groups, within which they take turns.
_SLOTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "Adam": (("m", "v"), ("v_hat",)),
    "AdamW": (("m", "v"), ("v_hat",)),
    "RMSprop": (("square",), ("velocity",), ("mean",)),
}


def h5py() -> Any:
    """Return the package, or say what to install."""
    return needed("h5py", "keras")


def is_archive(path: Path) -> bool:
    """Whether a file is an archive of Keras's."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as file:
        return CONFIG in file.namelist()


def is_h5(path: Path) -> bool:
    """Whether a file begins as HDF5 does."""
    with path.open("rb") as file:
        return file.read(len(_SIGNATURE)) == _SIGNATURE


# -- where weights lie -----------------------------------------------------------------------------


def _kind(unit: Any) -> str:
    """Return the name of Keras's class."""
    if hasattr(unit, "all_layers") and not hasattr(unit, "ordered_weights"):
        return "Sequential" if isinstance(unit, own("model")["Sequential"]) else "Functional"
    name = type(unit).__name__
    return (
        keras.RENAMED.get(name, name) if name not in ("GELU", "Sigmoid", "Tanh") else "Activation"
    )


def places(model: Any, flat: bool, path: str = "") -> list[tuple[str, Any]]:
    """Return each layer with weights and its group; `flat` passes over models inside of graphs."""
    row = _kind(model) == "Sequential" and (not flat or model.is_described_in_a_row())
    units = model.layers if row or not flat else model.all_layers()
    found: list[tuple[str, Any]] = []
    taken: dict[str, int] = {}
    for unit in units:
        if row and type(unit) is InputLayer:
            continue
        base = snake_case(_kind(unit))
        number = taken[base] = taken.get(base, -1) + 1
        group = f"{path}layers/{base}{f'_{number}' if number else ''}"
        if hasattr(unit, "ordered_weights"):
            found.append((group, unit))
        else:
            found += places(unit, flat, f"{group}/")
    return found


def _groups(layer: Any, group: str) -> list[tuple[str, list[Any]]]:
    """Return the groups of a layer's weights, each with the weights in it."""
    weights = layer.ordered_weights()
    parts = keras.PARTS.get(type(layer).__name__, ()) if layer.builtin else ()
    if not parts:
        return [(f"{group}/vars", weights)]
    each = len(weights) // len(parts)
    return [
        (f"{group}/{part}/vars", weights[i * each : (i + 1) * each]) for i, part in enumerate(parts)
    ]


# -- writing ---------------------------------------------------------------------------------------


def save_model(model: Any, path: Path, native: dict[str, Any]) -> None:
    """Write a ``.keras`` archive; `native` is our own description of the same model."""
    h5py()
    with model._trainer.step_lock:
        native |= _native_places(model)
        config = _described(model)
        if model.optimizer is not None:
            config["compile_config"] = keras.written_compile(model)
        weights = _h5(model)
    members = {
        METADATA: archive.to_json(
            "save", {"keras_version": _VERSION, "hotloop_version": __version__}
        ),
        CONFIG: archive.to_json("save", config),
        WEIGHTS: weights,
        NATIVE: archive.to_json("save", native),
    }
    archive.write(path, members)


def _native_places(model: Any) -> dict[str, dict[str, str]]:
    """Return where in the file each weight and slot lies, by our names."""
    weights = {
        f"{layer.name}/{weight.name}": f"{path}/{i}"
        for group, layer in places(model, flat=True)
        for path, held in _groups(layer, group)
        for i, weight in enumerate(held)
    }
    slots: dict[str, str] = {}
    if model.optimizer is not None:
        made = model.optimizer.slot_values()
        first = len(_optimizer_arrays(model)) - len(_slot_order(model))
        for i, (slot, name, _) in enumerate(_slot_order(model)):
            if name in made.get(slot, {}):
                slots[f"{slot}/{name}"] = f"optimizer/vars/{first + i}"
    return {"weights": weights, "slots": slots}


def save_weights(model: Any, path: Path) -> None:
    """Write a ``.weights.h5`` file."""
    h5py()
    with model._trainer.step_lock:
        content = _h5(model)
    with atomic_open(path) as file:
        file.write(content)


def _described(model: Any) -> dict[str, Any]:
    model.executor()
    name = _kind(model)
    config: dict[str, Any] = {"name": model.name, "trainable": True}
    if name == "Sequential" and model.is_described_in_a_row():
        shape = list(model.input_shape)
        first = model.all_layers()[0]
        items = model.layers
        if type(first) is not InputLayer:
            first = InputLayer(batch_shape=shape, name=model.inputs[0].layer.name)
        listed = [keras.written_layer(first, model.dtype)]
        listed += [
            _described(item)
            if not hasattr(item, "ordered_weights")
            else keras.written_layer(item, model.dtype)
            for item in items
        ]
        config |= {"dtype": model.dtype, "layers": listed, "build_input_shape": shape}
        module, build = "keras", shape
    else:
        name, module, build = "Functional", "keras.src.models.functional", None
        parts = (model.inputs, model.outputs, model._order, model.all_layers())
        config |= keras.written_graph(*parts, model.dtype)
        given = model._given_names
        for key, names in zip(("input_layers", "output_layers"), given, strict=True):
            if names is not None:
                ends = config[key] if len(names) > 1 else [config[key]]
                config[key] = dict(zip(names, ends, strict=True))
    return {
        "module": module,
        "class_name": name,
        "config": config,
        "registered_name": None if name == "Sequential" else name,
        "build_config": {"input_shape": build},
    }


def _h5(model: Any) -> bytes:
    model.executor()
    content = io.BytesIO()
    with h5py().File(content, "w") as file:
        file.create_group("vars").attrs["name"] = model.name
        for group, layer in places(model, flat=True):
            for name, weights in _groups(layer, group):
                held = file.create_group(name)
                held.attrs["name"] = layer.name
                for i, weight in enumerate(weights):
                    held.create_dataset(str(i), data=weight.value)
        if model.optimizer is not None:
            held = file.create_group("optimizer/vars")
            held.attrs["name"] = model.optimizer.name
            for i, array in enumerate(_optimizer_arrays(model)):
                held.create_dataset(str(i), data=array)
    return content.getvalue()


def _slot_order(model: Any) -> list[tuple[str, str, Any]]:
    """Return slot, weight and its array in the order in which Keras holds slots."""
    optimizer = model.optimizer
    slots = list(optimizer.all_slots)
    groups = _SLOTS.get(type(optimizer).__name__, (tuple(slots),))
    trained = [
        (f"{layer.name}/{weight.name}", weight.value)
        for layer in model.all_layers()
        for weight in layer.ordered_weights()
        if weight.trainable and layer.trainable
    ]
    return [
        (slot, name, value)
        for group in groups
        for name, value in trained
        for slot in group
        if slot in slots
    ]


def _optimizer_arrays(model: Any) -> list[Any]:
    optimizer = model.optimizer
    found: list[Any] = [np.int32(optimizer.iterations)]
    rate = optimizer.get_config()["learning_rate"]
    if isinstance(rate, int | float):
        found.append(np.float32(rate))
    held = optimizer.slot_values()
    for slot, name, value in _slot_order(model):
        made = held.get(slot, {}).get(name)
        found.append(np.full_like(value, optimizer.all_slots[slot]) if made is None else made)
    return found


# -- reading ---------------------------------------------------------------------------------------


def members(path: Path) -> dict[str, bytes]:
    """Return the members of an archive, none larger than the file."""
    size = path.stat().st_size
    found: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as file:
        for info in file.infolist():
            if info.filename not in (CONFIG, METADATA, WEIGHTS, NATIVE):
                continue
            if info.file_size > size or info.compress_type != zipfile.ZIP_STORED:
                msg = f"{info.filename!r} is compressed or larger than the file"
                raise ValueError(msg)
            try:
                found[info.filename] = file.read(info)
            except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
                msg = f"{info.filename!r} is truncated or altered: {shortened(str(error))}"
                raise ValueError(msg) from error
    if CONFIG not in found or WEIGHTS not in found:
        msg = f"no Keras model: it holds {sorted(found)}"
        raise ValueError(msg)
    return found


def load_model(content: dict[str, bytes], custom_objects: Any, compile: bool) -> Any:
    """Return the model of an archive that Keras wrote."""
    config = json.loads(content[CONFIG])
    found: list[tuple[str, Any]] = []
    model = _unit(config, custom_objects, found, "")
    with _opened(content[WEIGHTS]) as file:
        _read_weights(file, found)
        told = config.get("compile_config") if compile else None
        if told:
            model.compile(**keras.compile_arguments(told, custom_objects))
            _read_optimizer(file, model)
    return model


def _unit(value: Any, custom_objects: Any, found: list[tuple[str, Any]], path: str) -> Any:
    """Return a layer or model, and enter the layers of a model with their groups."""
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        msg = f"no description of a layer or model: {quoted(value)}"
        raise ValueError(msg)
    if value.get("class_name") == "Sequential":
        return _sequential(value["config"], custom_objects, found, path)
    if value.get("class_name") in ("Functional", "Model") and "input_layers" in value["config"]:
        return _functional(value["config"], custom_objects, found, path)
    if not path:
        msg = f"class {quoted(value.get('class_name'), 60)} is unknown here; models of one's own are loaded by load_weights"
        raise ValueError(msg)
    return keras.read_layer(value, custom_objects)


def _entered(
    values: Any, custom_objects: Any, found: list[tuple[str, Any]], path: str, inputs: bool
) -> list[Any]:
    units, taken = [], dict[str, int]()
    for value in values:
        name = str(value.get("class_name") if isinstance(value, dict) else "")
        base, group = snake_case(name), ""
        if name != "InputLayer" or inputs:
            number = taken[base] = taken.get(base, -1) + 1
            group = f"{path}layers/{base}{f'_{number}' if number else ''}"
        inner: list[tuple[str, Any]] = []
        unit = _unit(value, custom_objects, inner, f"{group}/")
        units.append(unit)
        found += inner if inner or not hasattr(unit, "ordered_weights") else [(group, unit)]
    return units


def _dtype_of(config: Any) -> str | None:
    for value in config.get("layers", []):
        told = value.get("config", {}).get("dtype") if isinstance(value, dict) else None
        dtype = keras.check_dtype(keras.read(told)) if told is not None else None
        if dtype is not None:
            return dtype
    return None


def _sequential(config: Any, custom_objects: Any, found: Any, path: str) -> Any:
    layers = _entered(config["layers"], custom_objects, found, path, inputs=False)
    model = own("model")["Sequential"](layers, name=config.get("name"), dtype=_dtype_of(config))
    shape = config.get("build_input_shape")
    if not model.built and shape is not None:
        model.build(shape)
    return model


def _functional(config: Any, custom_objects: Any, found: Any, path: str) -> Any:
    """Return a graph: nodes are called as soon as all that they read is there, as Keras does."""
    described = config["layers"]
    units = _entered(described, custom_objects, found, path, inputs=True)
    dtype = _dtype_of(config)
    by_name = {str(value["name"]): unit for value, unit in zip(described, units, strict=True)}
    values: dict[tuple[str, int], Any] = {}
    waiting: list[Any] = []
    for value, unit in zip(described, units, strict=True):
        name = str(value["name"])
        if type(unit) is InputLayer:
            unit.given_dtype = dtype
            row = own("model")["Sequential"]([unit])
            shape: Any = (None, *(unit.given_input_shape or ()))
            values[name, 0] = row._start(shape)
            unit.ensure_built(shape, dtype)
            continue
        for i, call in enumerate(keras.read_calls(value.get("inbound_nodes", []))):
            waiting.append((name, i, call))
    while waiting:
        left: list[Any] = []
        for name, i, (read, several, told) in waiting:
            if any((place[0], place[1]) not in values for place in read):
                left.append((name, i, (read, several, told)))
                continue
            parts = [_part(values[place[0], place[1]], place[2]) for place in read]
            values[name, i] = keras.called(by_name[name], parts, several, told)
        if len(left) == len(waiting):
            msg = f"layer {quoted(left[0][0], 60)} reads what no layer answers"
            raise ValueError(msg)
        waiting = left
    ends = [_ends(config[key], values) for key in ("input_layers", "output_layers")]
    model = own("model")["Model"](*ends, config.get("name"), dtype)
    # The order of weights, and so of slots, is that of the description.
    model._ranked = [
        layer
        for unit in units
        for layer in unit.all_layers()
        if layer is unit or type(layer) is not InputLayer
    ]
    return model


def _part(value: Any, which: int) -> Any:
    if isinstance(value, list | tuple):
        return value[which]
    if which:
        msg = f"a layer of one answer is asked for answer {which}"
        raise ValueError(msg)
    return value


def _ends(described: Any, values: dict[tuple[str, int], Any]) -> Any:
    if isinstance(described, dict):
        return {key: _ends(part, values) for key, part in described.items()}
    if len(described) == 3 and isinstance(described[0], str):
        return _part(values[described[0], described[1]], described[2])
    ends = [_ends(part, values) for part in described]
    return ends[0] if len(ends) == 1 else ends


# -- HDF5 ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _opened(content: bytes | Path) -> Iterator[Any]:
    """Open a file; what the library says of one that is altered is a ValueError."""
    source: Any = io.BytesIO(content) if isinstance(content, bytes) else content
    try:
        with h5py().File(source, "r") as file:
            yield file
    except (OSError, KeyError, RuntimeError) as error:
        msg = f"no HDF5 file, truncated or altered: {shortened(str(error), 160)}"
        raise ValueError(msg) from error


def _get(file: Any, path: str) -> Any:
    """Return a group or dataset of the file itself: links to others are refused."""
    at = file
    for name in path.split("/"):
        link = at.get(name, getlink=True) if name in at else None
        if link is None:
            return None
        if not isinstance(link, h5py().HardLink):
            msg = f"{quoted(path, 80)} is a link"
            raise ValueError(msg)
        at = at[name]
    return at


def _array(held: Any, name: str, weight: Any, what: str) -> Any:
    """Return one array of a group, once its shape is known to be that of the weight."""
    data = _get(held, name)
    shape = getattr(data, "shape", None)
    if shape != np.shape(weight) or data.dtype.kind not in "fiu":
        kind = getattr(data, "dtype", "nothing")
        msg = f"{what} is {np.shape(weight)} here, {kind} {shape} in the file"
        raise ValueError(msg)
    if data.external or data.is_virtual:
        msg = f"{what} lies in another file"
        raise ValueError(msg)
    return data[()]


def _read_weights(file: Any, found: list[tuple[str, Any]]) -> None:
    """Copy the weights of a file into layers: all of them, or none."""
    arrays = []
    for group, layer in found:
        for path, weights in _groups(layer, group):
            held = _get(file, path)
            count = 0 if held is None else len(held)
            if count != len(weights):
                msg = f"layer {quoted(layer.name, 60)} has {len(weights)} weights, {count} in the file at {path}"
                raise ValueError(msg)
            for i, weight in enumerate(weights):
                what = f"weight {layer.name}/{weight.name}"
                arrays.append((weight, _array(held, str(i), weight.value, what)))
    for weight, array in arrays:
        weight.value[...] = array


def _read_optimizer(file: Any, model: Any) -> None:
    """Restore count and slots where the file has them as this optimizer does."""
    held = _get(file, "optimizer/vars")
    if held is None or not len(held) or not model.built:
        return
    optimizer = model.optimizer
    fixed = isinstance(optimizer.get_config()["learning_rate"], int | float)
    order = _slot_order(model)
    first = 2 if fixed else 1
    if len(held) not in (first, first + len(order)):
        return
    values: dict[str, dict[str, Any]] = {}
    for i, (slot, name, value) in enumerate(order if len(held) > first else []):
        array = _array(held, str(i + first), value, f"slot {slot} of {name}")
        values.setdefault(slot, {})[name] = array.astype(value.dtype)
    count = int(_array(held, "0", np.zeros(()), "the count of steps"))
    if not 0 <= count < 2**53:
        msg = f"altered: {count} steps"
        raise ValueError(msg)
    if values and count:
        optimizer.set_slot_values(values)
    optimizer.iterations = count
    if fixed:
        optimizer.learning_rate = float(_array(held, "1", np.zeros(()), "the learning rate"))


def load_weights(model: Any, content: bytes | Path) -> None:
    """Copy the weights of a ``.weights.h5`` file, or of an archive's member, into a model."""
    model.executor()
    with _opened(content) as file, model._trainer.step_lock:
        if "layer_names" in file.attrs or "model_weights" in file:
            _read_legacy_weights(file.get("model_weights", file), model)
            return
        nested = places(model, flat=False)
        inside = all(
            _get(file, path) is not None for path, layer in nested if layer.ordered_weights()
        )
        _read_weights(file, nested if inside else places(model, flat=True))


def native_arrays(content: dict[str, bytes], native: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Return weights and slots by the names that our own description has for them."""
    found: tuple[dict[str, Any], ...] = ({}, {})
    with _opened(content[WEIGHTS]) as file:
        for key, arrays in zip(("weights", "slots"), found, strict=True):
            for name, path in native[key].items():
                data = _get(file, path)
                size = getattr(data, "nbytes", None)
                if size is None or size > len(content[WEIGHTS]):
                    msg = f"{name!r} is not in the file, or larger than it"
                    raise ValueError(msg)
                group, _, last = path.rpartition("/")
                # Only the bounds are new here; the model compares the shape with its own.
                arrays[name] = _array(_get(file, group), last, np.broadcast_to(0, data.shape), name)
    return found


# -- Keras 2 ---------------------------------------------------------------------------------------


def load_legacy(path: str | os.PathLike[str], custom_objects: Any, compile: bool) -> Any:
    """Return the model of a ``.h5`` file, as Keras 2 wrote and Keras 3 still does."""
    with _opened(Path(path)) as file:
        config = file.attrs.get("model_config")
        if config is None:
            msg = "no model: an HDF5 file of weights alone is read by load_weights"
            raise ValueError(msg)
        described = json.loads(config)
        if isinstance(described.get("config"), list):  # of Keras before 2.2.3
            described["config"] = {"layers": described["config"]}
        model = _unit(described, custom_objects, [], "")
        model.executor()
        _read_legacy_weights(file["model_weights"], model)
        told = json.loads(file.attrs.get("training_config", "null")) if compile else None
        if told:
            given = {"optimizer": told.pop("optimizer_config"), **told}
            model.compile(**keras.compile_arguments(given, custom_objects))
    return model


def _read_legacy_weights(held: Any, model: Any) -> None:
    arrays: list[tuple[Any, Any]] = []
    by_name = {unit.name: unit for unit in model.layers}
    for raw in held.attrs["layer_names"]:
        layer_name = raw.decode() if isinstance(raw, bytes) else str(raw)
        group = _get(held, layer_name)
        names = [
            n.decode() if isinstance(n, bytes) else str(n) for n in group.attrs["weight_names"]
        ]
        if not names:
            continue
        unit = by_name.get(layer_name)
        layers = [] if unit is None else unit.all_layers()
        weights = [w for layer in layers for w in layer.ordered_weights()]
        weights.sort(key=lambda weight: not weight.trainable)
        if len(weights) != len(names):
            msg = f"layer {quoted(layer_name, 60)} has {len(weights)} weights, {len(names)} in the file"
            raise ValueError(msg)
        for weight, name in zip(weights, names, strict=True):
            what = f"weight {quoted(name, 60)}"
            arrays.append((weight, _array(group, name, weight.value, what)))
    for weight, array in arrays:
        weight.value[...] = array


__all__ = [
    "NATIVE",
    "WEIGHTS",
    "is_archive",
    "is_h5",
    "load_legacy",
    "load_model",
    "load_weights",
    "members",
    "native_arrays",
    "save_model",
    "save_weights",
]
