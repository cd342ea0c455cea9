"""Weights of PyTorch's modules for models here, and back: other names, and other orders of axes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hotloop._support import archive
from hotloop._support.quoting import quoted, shortened

Array = NDArray[Any]
# Ours -> PyTorch's.
_NAMES = {
    "kernel": "weight",
    "gamma": "weight",
    "embeddings": "weight",
    "bias": "bias",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_COUNT = "num_batches_tracked"


class Report(NamedTuple):
    """What did not fit: names of ours that got nothing, names that went nowhere, and reasons of the rest."""

    missing: list[str]
    unexpected: list[str]
    misfits: list[str]


class _Place(NamedTuple):
    """A weight, the module's part of its name there, and the image before a flatten in between."""

    name: str
    weight: Any
    suffix: str
    image: tuple[int, int, int] | None

    def shape(self) -> tuple[int, ...]:
        """Return the shape that PyTorch has."""
        return self.to_torch(self.weight.value).shape

    def to_torch(self, value: Array) -> Array:
        """Return the array as PyTorch orders it."""
        if self.suffix != "weight" or value.ndim < 2 or not self.name.endswith("kernel"):
            return value
        if value.ndim > 2:  # (KH, KW, I, O) -> (O, I, KH, KW)
            return value.transpose(value.ndim - 1, value.ndim - 2, *range(value.ndim - 2))
        if self.image is not None:  # rows of (H, W, C) -> (C, H, W)
            h, w, c = self.image
            value = value.reshape(h, w, c, -1).transpose(2, 0, 1, 3).reshape(value.shape)
        return value.T

    def from_torch(self, value: Array) -> Array:
        """Return PyTorch's array in the order of the weight."""
        shape = self.weight.value.shape
        places = np.arange(self.weight.value.size).reshape(shape)
        found = np.empty(self.weight.value.size, self.weight.value.dtype)
        found[self.to_torch(places).reshape(-1)] = value.reshape(-1)
        return found.reshape(shape)


def _image_before(graph: Any, makers: dict[int, Any], node: Any) -> tuple[int, int, int] | None:
    """Return (H, W, C) of the image with the channels last that was flattened into a layer's input."""
    value = node.inputs[0]
    while value in makers:
        node = makers[value]
        shape = graph.shapes[node.inputs[0]]
        kind = type(node.layer).__name__
        if kind in ("Flatten", "Reshape"):
            if len(shape) != 4 or len(graph.shapes[node.output]) != 2:
                return None
            # A Flatten that is told of channels first answers their columns last.
            first = _is_first(makers, node.inputs[0])
            if first and getattr(node.layer, "data_format", None) != "channels_first":
                return None
            sizes = (shape[2], shape[3], shape[1]) if first else shape[1:]
            return None if None in sizes else sizes
        if node.layer.ordered_weights() or len(node.inputs) != 1:
            return None
        value = node.inputs[0]
    return None


def _is_first(makers: dict[int, Any], value: int) -> bool:
    """Whether the convolution or pooling behind a value has the channels first."""
    while value in makers:
        node = makers[value]
        form = getattr(node.layer, "data_format", None)
        if form is not None:
            return bool(form == "channels_first")
        value = node.inputs[0] if node.inputs else -1
    return False


def _places(model: Any) -> list[list[_Place]]:
    """Return the weights of each layer that has some, in the order of the calls."""
    model.executor()
    graph = model.graph()
    makers = {node.output: node for node in graph.nodes}
    found: list[list[_Place]] = []
    done: set[int] = set()
    for node in graph.nodes:
        layer = node.layer
        if id(layer) in done or not layer.ordered_weights():
            continue
        done.add(id(layer))
        image = _image_before(graph, makers, node) if type(layer).__name__ == "Dense" else None
        found.append(
            [
                _Place(f"{layer.name}/{w.name}", w, _NAMES.get(w.name, w.name), image)
                for w in layer.ordered_weights()
            ]
        )
    return found


def _natural(name: str) -> list[tuple[bool, int, str]]:
    parts = name.split(".")
    return [(not p.isdecimal(), int(p) if p.isdecimal() and len(p) < 9 else 0, p) for p in parts]


def _read(state: Any) -> dict[str, Array]:
    if isinstance(state, str | os.PathLike):
        path = Path(state)
        if not path.is_file():
            msg = f"load_torch_state_dict: there is no file {path}"
            raise FileNotFoundError(msg)
        if path.suffix != ".safetensors":
            msg = (
                f"load_torch_state_dict: {path} must be a .safetensors file; of others give the dict: "
                "torch.load(path, weights_only=True)"
            )
            raise ValueError(msg)
        try:
            found = archive.tensors(path.name, path.read_bytes())
            # A file keeps no order: numbered modules come back in theirs.
            return {name: found[name] for name in sorted(found, key=_natural)}
        except archive.ERRORS as error:
            msg = f"load_torch_state_dict: {path}: {archive.reason(error)}"
            raise ValueError(msg) from error
    if not isinstance(state, Mapping):
        msg = f"load_torch_state_dict: a dict or a file is needed, got {quoted(state)}"
        raise TypeError(msg)
    found = {}
    for name, value in state.items():
        plain = value.detach().cpu() if hasattr(value, "detach") else value
        found[str(name)] = np.asarray(plain.numpy() if hasattr(plain, "numpy") else plain)
    return found


def load_torch_state_dict(model: Any, state: Any, strict: bool = True) -> Report:
    """Copy PyTorch's weights into a model; see `Model.load_torch_state_dict`."""
    arrays = {k: v for k, v in _read(state).items() if k.rpartition(".")[2] != _COUNT}
    layers = _places(model)
    modules: dict[str, dict[str, str]] = {}
    for full in arrays:
        module, _, suffix = full.rpartition(".")
        modules.setdefault(module, {})[suffix] = full
    named = [layer[0].name.partition("/")[0] for layer in layers]
    by_name = set(named) == {module.replace(".", "_") for module in modules}
    order = list(modules)
    if by_name:
        order = [next(m for m in modules if m.replace(".", "_") == name) for name in named]
    report, copies = Report([], [], []), []
    used: set[str] = set()
    for i, layer in enumerate(layers):
        given = modules[order[i]] if i < len(order) else {}
        for place in layer:
            full = given.get(place.suffix, "")
            if not full:
                report.missing.append(place.name)
                continue
            used.add(full)
            value = arrays[full]
            if value.shape != place.shape() or value.dtype.kind not in "fiu":
                report.misfits.append(
                    f"{full} is {value.dtype} {value.shape}, {place.name} takes {place.shape()}"
                )
                continue
            copies.append((place, value))
    report.unexpected.extend(name for name in arrays if name not in used)
    if strict and any(report):
        parts = [f"{key}: {', '.join(names)}" for key, names in report._asdict().items() if names]
        msg = f"load_torch_state_dict: {shortened('; '.join(parts), 300)}"
        raise ValueError(msg)
    with model._trainer.step_lock:
        for place, value in copies:
            place.weight.value[...] = place.from_torch(value)
    return report


def torch_state_dict(model: Any) -> dict[str, Array]:
    """Return a model's weights under PyTorch's names and in its orders; see `Model.torch_state_dict`."""
    return {
        f"{place.name.partition('/')[0]}.{place.suffix}": np.array(
            place.to_torch(place.weight.value), order="C"
        )
        for layer in _places(model)
        for place in layer
    }


__all__ = ["Report", "load_torch_state_dict", "torch_state_dict"]
