"""The book's weight files, read without running anything that is in them."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from hotloop._support import unpickling
from hotloop._support.quoting import quoted, shortened
from hotloop.book._arrays import Array
from hotloop.layers import Flatten

__all__ = ["load_params"]


def load_params(path: str | os.PathLike[str], model: Any = None) -> dict[str, Any]:
    """Read a weight file of the book: ``sample_weight.pkl``, ``params.pkl``, ``deep_convnet_params.pkl``.

    The files are pickles, but nothing in them is run: arrays of numbers and plain containers are made by
    stand-ins, and every other name that a pickle asks for is refused.

    Parameters
    ----------
    path : path
        The file: a pickled dict of arrays.
    model : object, optional
        What the arrays ``W1, b1, W2, b2 ...`` are written into. Either a network as the book writes them, whose dict
        ``params`` has the same keys and shapes (its arrays keep their place, so that its layers see the new
        numbers); or a built `hotloop.Model`, whose layers with weights take them in order. Filters are turned
        from (O, C, KH, KW) to (KH, KW, C, O), and the rows of the layer behind a `Flatten` of channels-last
        images from the order (C, H, W) to (H, W, C).

    Returns
    -------
    dict
        The arrays, as they are in the file.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is not a pickled dict of arrays and plain containers, or does not fit the model.

    Notes
    -----
    Source: "Restricting Globals", Python's documentation of pickle; the files are those of "Deep Learning from
    Scratch".

    Examples
    --------
    >>> import hotloop as hl
    >>> weights = hl.book.load_params("ch03/sample_weight.pkl")  # doctest: +SKIP
    >>> sorted(weights)  # doctest: +SKIP
    ['W1', 'W2', 'W3', 'b1', 'b2', 'b3']
    """
    path = Path(path)
    data = path.read_bytes()
    try:
        found: Any = unpickling.read(data)
    except Exception as error:
        # A damaged pickle raises nearly anything.
        msg = f"{path} is not a weight file: {shortened(str(error))}"
        raise ValueError(msg) from None
    if not isinstance(found, dict):
        msg = f"{path} is not a weight file: it holds {type(found).__name__}, not a dict"
        raise ValueError(msg)
    if model is not None:
        if isinstance(getattr(model, "params", None), dict) and not hasattr(model, "set_weights"):
            _into_network(found, model.params, path)
        else:
            model.set_weights(_for_model(found, model, path))
    return found


def _names(params: dict[Any, Any]) -> str:
    """Return the keys for an error; those of a strange file may be anything."""
    return quoted(sorted(key if isinstance(key, str) else quoted(key) for key in params))


def _numbers(path: Path, key: str, value: object, wanted: tuple[int, ...]) -> Array:
    """Return a value of the file as an array of numbers, as many as `wanted` has."""
    count = _count(value, {})
    if not isinstance(value, np.ndarray) and (count or 0) > 2 * math.prod(wanted) + 100:
        # NumPy would unfold lists that hold others many times over.
        msg = f"load_params: {key} in {path} unfolds to {quoted(count)} numbers, but the model takes {wanted}"
        raise ValueError(msg)
    try:
        array = np.asarray(None if count is None else value)
    except ValueError:  # lists of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        msg = f"load_params: {key} in {path} is no array of real numbers"
        raise ValueError(msg)
    return array


def _count(value: Any, known: dict[int, int | None]) -> int | None:
    """Return how many numbers lists unfold to, or None when there is something else in them."""
    if isinstance(value, list | tuple):
        if id(value) not in known:
            parts = [_count(each, known) for each in value]
            known[id(value)] = None if None in parts else sum(n or 0 for n in parts)
        return known[id(value)]
    return int(np.size(value)) if isinstance(value, np.ndarray | np.number | int | float) else None


def _fit(path: Path, key: str, given: Array, wanted: tuple[int, ...]) -> None:
    """Refuse an array of another shape than the model's."""
    if given.shape != wanted:
        msg = f"load_params: {key} in {path} has shape {given.shape}, but the model takes {wanted}"
        raise ValueError(msg)


def _into_network(found: dict[str, Any], params: dict[str, Array], path: Path) -> None:
    """Write into the arrays of a network of the book, all or none."""
    if set(found) != set(params):
        msg = f"load_params: {path} holds {_names(found)}, but the network {_names(params)}"
        raise ValueError(msg)
    arrays = {key: _numbers(path, key, value, params[key].shape) for key, value in found.items()}
    for key, array in arrays.items():
        _fit(path, key, array, params[key].shape)
    for key, array in arrays.items():
        params[key][...] = array


def _for_model(found: dict[str, Any], model: Any, path: Path) -> list[Array]:
    """Turn the arrays into what `set_weights` of a hotloop model takes."""
    weights: list[Array] = []
    flattened: Any = None
    layout = ""
    number = 0
    for layer in model.layers:
        layout = getattr(layer, "data_format", None) or layout
        if isinstance(layer, Flatten) and len(layer.input_shape or ()) == 4:
            flattened = layer.input_shape if layout == "channels_last" else None
        shapes = [array.shape for array in layer.get_weights()]
        if not shapes:
            continue
        number += 1
        for letter, shape in zip("Wb", shapes, strict=False):
            key = f"{letter}{number}"
            if key not in found or len(shapes) != 2:
                msg = f"load_params: {path} holds {_names(found)}, which has no place for {layer.name}"
                raise ValueError(msg)
            value = _numbers(path, key, found[key], shape)
            if value.ndim == 4:
                value = value.transpose(2, 3, 1, 0)
            elif value.ndim == 2 and flattened is not None and value.shape == shape:
                _, h, w, c = flattened
                value = value.reshape(c, h, w, -1).transpose(1, 2, 0, 3).reshape(shape)
                flattened = None
            _fit(path, key, value, shape)
            weights.append(value)
    if 2 * number != len(found):
        msg = f"load_params: {path} holds {_names(found)}, but the model has {number} layers with weights"
        raise ValueError(msg)
    return weights
