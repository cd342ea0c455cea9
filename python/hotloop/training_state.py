"""Everything that a training run needs to go on bit for bit, in one file.

Weights and what layers count beside them, the optimizer's slots and steps, the process's
generators (hotloop's, Python's, NumPy's), the place in the data, what loss and metrics have
accumulated in the epoch, and the state of callbacks.
"""

from __future__ import annotations

import os
import random as python_random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hotloop import _archive, random, saving
from hotloop.version import __version__

if TYPE_CHECKING:
    from hotloop.callbacks import CallbackList
    from hotloop.compiled import Meter
    from hotloop.feed import Run

Array = NDArray[Any]
FORMAT, FORMAT_VERSION = "hotloop training state", 1
_DESCRIPTION, _ARRAYS = "state.json", "arrays.safetensors"


@dataclass
class TrainingState:
    """What a file holds: epoch and batch to go on with, plain values, arrays."""

    epoch: int
    batch: int
    plain: dict[str, Any]
    arrays: dict[str, Array]
    path: Path


def write(model: Any, path: str | os.PathLike[str], epoch: int, batch: int) -> None:
    """Write the state of a model in a `fit`, to be gone on with at batch `batch` of an epoch.

    The old file or the new one is there, never a part.
    """
    run: Run = model._run
    optimizer = model.optimizer
    arrays = {f"weight:{k}": v.copy() for k, v in saving.named_weights(model).items()}
    for slot, values in optimizer.slot_values().items():
        for name, array in values.items():
            arrays[f"slot:{slot}/{name}"] = np.array(array)
    meter = None
    if run.meter is not None and batch:
        meter = {"total": run.meter.total, "count": run.meter.count}
        for i, metric in enumerate(run.meter.metrics):
            arrays |= {f"metric:{i}:{k}": v for k, v in metric.get_state().items()}
    callbacks = []
    for i, callback in enumerate(run.calls.callbacks):
        plain, found = _split(callback.get_state())
        arrays |= {f"callback:{i}:{k}": v for k, v in found.items()}
        callbacks.append({"class": type(callback).__name__, "state": plain})
    description = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "hotloop_version": __version__,
        "epoch": epoch,
        "batch": batch,
        "feed": {**run.feed.get_state(), "size": run.feed.size},
        "generators": generators(),
        "iterations": optimizer.iterations,
        "learning_rate": float(optimizer.lr_array[0]).hex(),
        "layers": saving.layer_states(model),
        "meter": None if meter is None else {k: float(v).hex() for k, v in meter.items()},
        "callbacks": callbacks,
        "targets": list(model._target_shape),
        "stop": bool(model.stop_training),
    }
    members = {
        _DESCRIPTION: _archive.to_json("training state", description),
        _ARRAYS: _archive.to_tensors(arrays),
    }
    _archive.write(path, members)


def _split(state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Array]]:
    """Part arrays and lists of arrays from plain values, which stand as None in their place."""
    plain: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    for key, value in state.items():
        if isinstance(value, np.ndarray):
            plain[key], arrays[key] = {"array": None}, value
        elif isinstance(value, list) and value and isinstance(value[0], np.ndarray):
            plain[key] = {"array": len(value)}
            arrays |= {f"{key}:{i}": array for i, array in enumerate(value)}
        elif isinstance(value, float):
            plain[key] = {"float": value.hex()}
        else:
            plain[key] = {"plain": value}
    return plain, arrays


def _joined(plain: dict[str, Any], arrays: dict[str, Array], prefix: str) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for key, value in plain.items():
        if "float" in value:
            state[key] = float.fromhex(value["float"])
        elif "plain" in value:
            state[key] = value["plain"]
        elif value["array"] is None:
            state[key] = arrays[f"{prefix}{key}"]
        else:
            state[key] = [arrays[f"{prefix}{key}:{i}"] for i in range(value["array"])]
    return state


def generators() -> dict[str, Any]:
    """Return the state of hotloop's, Python's and NumPy's generators as plain values."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002 - users' code draws from it
    version, numbers, gauss = python_random.getstate()
    return {
        "hotloop": random.get_state(),
        "numpy": [kind, np.asarray(keys).tolist(), *rest],
        "python": [version, list(numbers), gauss],
    }


def set_generators(states: dict[str, Any]) -> None:
    """Put the three generators where `generators` saw them."""
    kind, keys, *rest = states["numpy"]
    version, numbers, gauss = states["python"]
    random.set_state(states["hotloop"])
    np.random.set_state((kind, np.array(keys, np.uint32), *rest))  # noqa: NPY002 - as above
    python_random.setstate((version, tuple(numbers), gauss))


def read(path: str | os.PathLike[str]) -> TrainingState:
    """Return the state in a file.

    Raises
    ------
    ValueError
        When the file is no training state, truncated, altered or of a newer version.
    """
    path = Path(path)
    try:
        contents = _archive.read(path, (_DESCRIPTION, _ARRAYS), "training state")
        plain = _archive.description(
            contents, _DESCRIPTION, FORMAT, FORMAT_VERSION, "training state"
        )
        arrays = _archive.tensors(_ARRAYS, contents[_ARRAYS])
        epoch, batch = plain["epoch"], plain["batch"]
        for name, value in (
            ("epoch", epoch),
            ("batch", batch),
            ("iterations", plain["iterations"]),
        ):
            if type(value) is not int or value < 0:
                msg = f"altered: {name} {value!r}"
                raise ValueError(msg)
        return TrainingState(epoch, batch, plain, arrays, path)
    except _archive.ERRORS as error:
        msg = f"resume: {path}: {_archive.reason(error)}"
        raise ValueError(msg) from error


def apply(model: Any, state: TrainingState) -> None:
    """Bring a compiled model, its `fit` and the generators to a state.

    Raises
    ------
    ValueError
        When the state is of another model, optimizer or batch size; no weight has changed then.
    """
    run: Run = model._run
    plain, optimizer = state.plain, model.optimizer
    named = saving.named_weights(model)
    weights = {k[7:]: v for k, v in state.arrays.items() if k.startswith("weight:")}
    before = generators()
    try:
        saving.check_weights(named, weights)
        slots = {k[5:]: v for k, v in state.arrays.items() if k.startswith("slot:")}
        values = saving.checked_slots(optimizer, named, slots)
        if plain["feed"]["pass"] is not None and plain["feed"]["size"] != run.feed.size:
            size = plain["feed"]["size"]
            msg = f"it was written with batch_size {size}, not {run.feed.size}"
            raise ValueError(msg)
        rate = float.fromhex(plain["learning_rate"])
        found = _callback_states(run.calls, state)
        _check_meter(plain["meter"])
        iterations, stop = plain["iterations"], bool(plain["stop"])
        set_generators(plain["generators"])
        run.feed.set_state(plain["feed"])
        set_generators(plain["generators"])
        saving.restore_states(model, plain["layers"])
        for callback, its in found:
            callback.set_state(its)
    except (*_archive.ERRORS, StopIteration) as error:
        set_generators(before)
        msg = f"resume: {state.path} does not fit this run: {_archive.reason(error)}"
        raise ValueError(msg) from error
    for name, live in named.items():
        live[...] = weights[name]
    optimizer.set_slot_values(values)
    optimizer.iterations = iterations
    optimizer.lr_array[0] = rate
    model.stop_training = stop


def _callback_states(calls: CallbackList, state: TrainingState) -> list[tuple[Any, dict[str, Any]]]:
    """Return each callback with the state of the one of its class that stood in its place."""
    states: list[tuple[Any, dict[str, Any]]] = []
    left = list(enumerate(state.plain["callbacks"]))
    for callback in calls.callbacks:
        for place, (i, entry) in enumerate(left):
            if entry["class"] == type(callback).__name__:
                del left[place]
                found = _joined(entry["state"], state.arrays, f"callback:{i}:")
                if found:
                    states.append((callback, found))
                break
    return states


def _check_meter(sums: Any) -> None:
    """Raise when what an epoch under way has summed up to cannot be read."""
    if sums is not None:
        for name in ("total", "count"):
            float.fromhex(sums[name])


def apply_to_meter(meter: Meter, state: TrainingState) -> None:
    """Bring loss and metrics of the epoch under way to a state."""
    sums = state.plain["meter"]
    if sums is None:
        return
    meter.total = float.fromhex(sums["total"])
    meter.count = float.fromhex(sums["count"])
    for i, metric in enumerate(meter.metrics):
        prefix = f"metric:{i}:"
        found = {k[len(prefix) :]: v for k, v in state.arrays.items() if k.startswith(prefix)}
        metric.set_state(found)
