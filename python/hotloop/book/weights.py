"""The book's weight files, read without running anything that is in them."""

from __future__ import annotations

import functools
import io
import os
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from hotloop.book._arrays import Array
from hotloop.layers import Flatten

__all__ = ["load_params"]

_NDARRAY = "an array, not made yet"


def _refuse(what: str) -> NoReturn:
    """Stop reading."""
    msg = f"{what}; weight files hold arrays of numbers and plain containers only"
    raise pickle.UnpicklingError(msg)


class _Type:
    """Stands for the type of an array; NumPy's own would take any state that a pickle gives it."""

    __slots__ = ("dtype",)

    def __init__(self, name: object, *_: object) -> None:
        self.dtype = np.dtype(name) if isinstance(name, str) else np.dtype(object)
        if self.dtype.kind not in "biufc":
            _refuse(f"it holds an array of {name!r}")

    def __setstate__(self, state: Any) -> None:
        """Take the byte order, all that the type of a number has besides its name."""
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands for an array until its numbers come."""

    __slots__ = ("made",)

    def __init__(self, *_: object) -> None:
        self.made: Array | None = None

    def __setstate__(self, state: Any) -> None:
        """Take shape, type, order and bytes."""
        _, shape, kind, fortran, data = state
        self.made = _frombuffer(data, kind, shape, "F" if fortran else "C")


def _frombuffer(data: object, kind: object, shape: Any, order: Any) -> Array:
    """Make an array from its bytes."""
    if not isinstance(kind, _Type) or not isinstance(data, bytes | bytearray):
        _refuse("it holds an array that NumPy has not written")
    return np.frombuffer(data, kind.dtype).reshape(shape, order=order)


def _scalar(kind: object, data: object = None) -> Any:
    """Make a NumPy scalar from its bytes."""
    return _frombuffer(data, kind, (), "C")[()]


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """Turn text back into the bytes that protocol 2 has written as text."""
    if not isinstance(text, str) or encoding != "latin1":
        _refuse(f"it asks for the encoding {encoding!r}")
    return text.encode("latin1")


_CALLS: dict[tuple[str, str], Callable[..., Any]] = {
    ("multiarray", "_reconstruct"): _Array,
    ("multiarray", "scalar"): _scalar,
    ("numeric", "_frombuffer"): _frombuffer,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): dict,
}


class _Unpickler(pickle.Unpickler):
    """Knows arrays of numbers and plain containers, by stand-ins of our own, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a name that arrays are pickled with."""
        if (module, name) == ("numpy", "ndarray"):
            return _NDARRAY
        # NumPy 1 wrote numpy.core, NumPy 2 writes numpy._core.
        inner = module.replace("numpy._core.", "numpy.core.").removeprefix("numpy.core.")
        call = _CALLS.get((inner, name))
        if call is None or (inner in ("multiarray", "numeric") and inner == module):
            _refuse(f"it asks for {module}.{name}")
        # A new one for each file: a pickle may set attributes of what it is given.
        return functools.partial(call)

    def persistent_load(self, pid: Any) -> Any:
        """Refuse references to what is outside of the file."""
        _refuse(f"it refers to something outside of it, {pid!r}")


def _check(data: bytes) -> None:
    """Refuse a pickle that ends too soon or asks for more places than it has bytes, before memory is given to it.

    Python's own reader makes a bytearray of whatever length a file claims, and loses it when the bytes are not there.
    """
    for code, place, _ in pickletools.genops(data):
        if "PUT" in code.name and isinstance(place, int) and place > len(data):
            _refuse(f"it asks for place {place} of {len(data)} bytes")


class _Finisher:
    """Puts arrays in the place of their stand-ins, and refuses what is neither a number, text nor a container.

    An object that a file holds often is finished once, and all arrays together have no more bytes than the file:
    else a few bytes could ask for any amount of time and memory.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self.done: dict[
            int, tuple[Any, Any]
        ] = {}  # with the object itself, so that nothing else gets its id

    def __call__(self, value: Any) -> Any:
        """Return what a value of the file stands for."""
        if id(value) not in self.done:
            self.done[id(value)] = value, self._finished(value)
        return self.done[id(value)][1]

    def _finished(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self(key): self(each) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return type(value)(self(each) for each in value)
        if isinstance(value, _Array) and value.made is not None:
            value = value.made
        if isinstance(value, np.ndarray):
            self.room -= value.nbytes
            if self.room < 0:
                _refuse("its arrays are larger than the file")
            return value.copy(order="K")
        if value is _NDARRAY or not isinstance(
            value, bool | int | float | complex | str | bytes | np.generic | None
        ):
            _refuse(f"it holds {value!r}")
        return value


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
        _check(data)
        found: Any = _Finisher(len(data))(_Unpickler(io.BytesIO(data)).load())
    except Exception as error:
        # A damaged pickle raises nearly anything.
        msg = f"{path} is not a weight file: {error}"
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


def _names(params: dict[Any, Any]) -> list[str]:
    """Return the keys for an error; those of a strange file may be anything."""
    return sorted(map(str, params))


def _numbers(path: Path, key: str, value: object) -> Array:
    """Return a value of the file as an array of numbers."""
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        msg = f"load_params: {key} in {path} is no array of real numbers"
        raise ValueError(msg)
    return array


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
    arrays = {key: _numbers(path, key, value) for key, value in found.items()}
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
            value = _numbers(path, key, found[key])
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
