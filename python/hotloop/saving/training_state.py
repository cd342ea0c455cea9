"""Everything that a training run needs to go on bit for bit, in one file.

Weights and what layers count beside them, the optimizer's slots and steps, the process's
generators (hotloop's, Python's, NumPy's), the place in the data, what loss and metrics have
accumulated in the epoch, and the state of callbacks.
"""

from __future__ import annotations

import math
import os
import random as python_random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import random
from hotloop._support import archive
from hotloop._support.quoting import quoted
from hotloop.saving import kept, model_files
from hotloop.version import __version__

Array = NDArray[Any]
FORMAT, FORMAT_VERSION = "hotloop training state", 1
_DESCRIPTION, _ARRAYS = "state.json", "arrays.safetensors"
_TWISTER, _MOST = 624, 2**53


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
    run = model._trainer.run
    optimizer = model.optimizer
    arrays = {f"weight:{k}": v.copy() for k, v in model_files.named_weights(model).items()}
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
        "layers": model_files.layer_states(model),
        "meter": None if meter is None else {k: float(v).hex() for k, v in meter.items()},
        "callbacks": callbacks,
        "targets": _as_one(model._trainer.target_shapes),
        "stop": bool(model.stop_training),
    }
    members = {
        _DESCRIPTION: archive.to_json("training state", description),
        _ARRAYS: archive.to_tensors(arrays),
    }
    archive.write(path, members)


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
    """Put the three generators where `generators` saw them; a ValueError changes none."""
    kind, keys, place, has_gauss, gauss = states["numpy"]
    version, numbers, saved = states["python"]
    # NumPy reads wherever `place` points to, inside of its 624 numbers or not.
    for name, fits in (
        ("numpy", kind == "MT19937" and _is_twister(keys, place)),
        ("numpy", has_gauss in (0, 1) and isinstance(gauss, int | float) and math.isfinite(gauss)),
        ("python", version == 3 and isinstance(numbers, list) and len(numbers) == 625),
        ("python", _is_twister(numbers[:-1], numbers[-1])),
        ("python", saved is None or (isinstance(saved, float) and math.isfinite(saved))),
    ):
        if not fits:
            msg = f"altered: the state of {name}'s generator, {quoted(states[name])}"
            raise ValueError(msg)
    random.set_state(states["hotloop"])
    np.random.set_state((kind, np.array(keys, np.uint32), place, has_gauss, gauss))  # noqa: NPY002 - as above
    python_random.setstate((version, tuple(numbers), saved))


def _is_twister(keys: Any, place: Any) -> bool:
    """Whether numbers and a place among them are the state of a Mersenne twister."""
    return (
        isinstance(keys, list)
        and len(keys) == _TWISTER
        and all(type(key) is int and 0 <= key < 2**32 for key in keys)
        and any(keys)
        and type(place) is int
        and 0 <= place <= _TWISTER
    )


def read(path: str | os.PathLike[str]) -> TrainingState:
    """Return the state in a file.

    Raises
    ------
    ValueError
        When the file is no training state, truncated, altered or of a newer version.
    """
    path = Path(path)
    try:
        contents = archive.read(path, (_DESCRIPTION, _ARRAYS), "training state")
        plain = archive.description(
            contents, _DESCRIPTION, FORMAT, FORMAT_VERSION, "training state"
        )
        arrays = archive.tensors(_ARRAYS, contents[_ARRAYS])
        epoch, batch = plain["epoch"], plain["batch"]
        for name, value in (
            ("epoch", epoch),
            ("batch", batch),
            ("iterations", plain["iterations"]),
        ):
            model_files.check_count(name, value)
        return TrainingState(epoch, batch, plain, arrays, path)
    except archive.ERRORS as error:
        msg = f"resume: {path}: {archive.reason(error)}"
        raise ValueError(msg) from error


def apply(model: Any, state: TrainingState, inside: bool) -> None:
    """Bring a compiled model, its `fit` and the generators to a state; `inside` an epoch, its figures too.

    Raises
    ------
    ValueError
        When the state is of another model, optimizer or batch size; no weight has changed then.
    """
    run = model._trainer.run
    plain, optimizer = state.plain, model.optimizer
    named = model_files.named_weights(model)
    weights = {k[7:]: v for k, v in state.arrays.items() if k.startswith("weight:")}
    before, knew_metrics = generators(), model._trainer.figures is not None
    try:
        model_files.check_weights(named, weights)
        slots = {k[5:]: v for k, v in state.arrays.items() if k.startswith("slot:")}
        values = model_files.checked_slots(optimizer, named, slots)
        if plain["feed"]["pass"] is not None and plain["feed"]["size"] != run.feed.size:
            size = plain["feed"]["size"]
            msg = f"it was written with batch_size {size}, not {run.feed.size}"
            raise ValueError(msg)
        # What a schedule said last, it will say again.
        rate = None if optimizer.has_schedule else float.fromhex(plain["learning_rate"])
        rate = None if rate is None else optimizer.checked_rate(rate)
        found = _callback_states(run.calls, state)
        meter = _meter_at(model, state) if inside else run.meter
        iterations, stop = plain["iterations"], plain["stop"]
        if type(stop) is not bool:
            msg = f"altered: stop is {quoted(stop)}"
            raise ValueError(msg)
        _check_place(plain["feed"], state, run.feed)
        set_generators(plain["generators"])
        if state.epoch < run.epochs:  # else nothing reads on, and a file may name any place
            run.feed.set_state(plain["feed"])
        set_generators(plain["generators"])
        model_files.restore_states(model, plain["layers"])
        for callback, its in found:
            callback.set_state(its)
    except BaseException as error:  # Ctrl-C too: an iterator may be read for as long as a file says
        set_generators(before)
        if not knew_metrics:
            model._trainer.forget_figures()
        if not isinstance(error, (*archive.ERRORS, StopIteration)):
            raise
        msg = f"resume: {state.path} does not fit this run: {archive.reason(error)}"
        raise ValueError(msg) from error
    for name, live in named.items():
        live[...] = weights[name]
    optimizer.set_slot_values(values)
    optimizer.iterations = iterations
    if rate is not None:
        optimizer.lr_array[0] = rate
    model.stop_training, run.meter = stop, meter


def _callback_states(calls: Any, state: TrainingState) -> list[tuple[Any, dict[str, Any]]]:
    """Return each callback with the state of the one of its class that stood in its place."""
    states: list[tuple[Any, dict[str, Any]]] = []
    left = list(enumerate(state.plain["callbacks"]))
    for callback in calls.callbacks:
        for place, (i, entry) in enumerate(left):
            if entry["class"] == type(callback).__name__:
                del left[place]
                found = _joined(entry["state"], state.arrays, f"callback:{i}:")
                kept.check_names(callback, found)
                if found:
                    states.append((callback, found))
                break
    return states


def _check_place(place: Any, state: TrainingState, feed: Any) -> None:
    """Raise when a place in the data is none that this `fit` can have reached."""
    inside, length = place["pass"], feed.steps_per_epoch
    if inside is not None:
        taken, most = inside["taken"], _MOST
        if feed.steps is not None:
            most = feed.steps * (state.epoch + 1)
        elif length is not None:  # an epoch is a pass, of which something is left where it begins
            over = state.batch or state.plain["stop"]
            most = length if over else length - 1
        if type(taken) is not int or not 0 <= taken <= most:
            msg = f"altered: {quoted(taken)} batches of a pass are over"
            raise ValueError(msg)


def _meter_at(model: Any, state: TrainingState) -> Any:
    """Return loss and metrics of the epoch under way as they stood."""
    targets = _shapes(state.plain["targets"])
    meter = model._trainer.new_meter(targets)
    meter.reset()
    sums = state.plain["meter"]
    if sums is None:
        return meter
    meter.total, meter.count = (float.fromhex(sums[name]) for name in ("total", "count"))
    if not 0.0 <= meter.count < _MOST:
        msg = f"altered: the loss is a mean over {meter.count} samples"
        raise ValueError(msg)
    for i, metric in enumerate(meter.metrics):
        prefix = f"metric:{i}:"
        found = {k[len(prefix) :]: v for k, v in state.arrays.items() if k.startswith(prefix)}
        metric.set_state(found)
    return meter


def _as_one(shapes: list[tuple[int, ...]]) -> list[Any]:
    """Return the shape of the only targets, or a list of shapes."""
    return list(shapes[0]) if len(shapes) == 1 else [list(shape) for shape in shapes]


def _shapes(targets: Any) -> list[tuple[int, ...]]:
    """Return the shapes of targets, as a file holds them."""
    several = bool(targets) and isinstance(targets[0], list)
    for shape in targets if several else [targets]:
        if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
            msg = f"altered: the shape of the targets is {quoted(targets)}"
            raise ValueError(msg)
    return [tuple(shape) for shape in (targets if several else [targets])]
