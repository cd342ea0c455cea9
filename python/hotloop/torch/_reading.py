"""Reading PyTorch's files: a zip of a pickle and one member for each storage, and the older stream of pickles.

The pickle is read by stand-ins for tensors, storages and plain containers; no name of it is imported or called.
Sizes are checked against the file before memory is asked for. Arrays of one storage share memory, as they did.

Source: PyTorch's ``torch/serialization.py`` and its documentation "Serialization semantics".
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import IO, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from hotloop._support.quoting import quoted
from hotloop._support.unpickling import (
    Call,
    Finisher,
    Unpickler,
    check_places,
    ordered,
    refuse,
)

Array = NDArray[Any]

DTYPES = {
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_AXES = 64
# What reading a file may raise that is none, beside what an archive may.
ERRORS = (pickle.UnpicklingError, struct.error, OverflowError, NotImplementedError)


class Stored(NamedTuple):
    """What a file holds of a tensor.

    Attributes
    ----------
    array : ndarray
        Its numbers.
    requires_grad : bool
        Whether a gradient is wanted.
    parameter : bool
        Whether it is a module's parameter.
    """

    array: Array
    requires_grad: bool = False
    parameter: bool = False


class _Kind:
    """Stands for a class of storages."""

    __slots__ = ("dtype",)

    def __init__(self, name: str) -> None:
        self.dtype = np.dtype(DTYPES[name])


class _Storage:
    """Numbers in memory, which tensors are views of."""

    __slots__ = ("array",)

    def __init__(self, array: Array) -> None:
        self.array = array


class _Stored:
    """Stands for a tensor; a pickle may set state on what it is given, so this takes none."""

    __slots__ = ("made",)

    def __init__(self, made: Stored) -> None:
        self.made = made

    def __setstate__(self, state: object) -> None:
        """Refuse."""
        refuse("it changes a tensor that is there already")


class _Ordered(dict[Any, Any]):
    """Stands for an OrderedDict, and takes the attributes that PyTorch hangs on a state dict."""

    metadata: Any = None

    def __setstate__(self, state: object) -> None:
        """Keep the versions of the modules."""
        if not isinstance(state, dict) or set(state) - {"_metadata"}:
            refuse("it sets attributes of an OrderedDict")
        self.metadata = state.get("_metadata")


def _whole(value: object, what: str) -> int:
    if type(value) is not int or not 0 <= value < 2**62:
        refuse(f"it holds a tensor whose {what} is {quoted(value, 60)}")
    return value


def _tensor(
    storage: object, offset: object, size: object, stride: object, *more: object
) -> _Stored:
    """Make a tensor: a view of its storage, which must hold all of it."""
    if not isinstance(storage, _Storage) or not isinstance(size, tuple | list):
        refuse("it holds a tensor that PyTorch has not written")
    if not isinstance(stride, tuple | list) or not len(size) == len(stride) <= _AXES:
        refuse(f"it holds a tensor of shape {quoted(size, 60)} and strides {quoted(stride, 60)}")
    shape = [_whole(n, "size") for n in size]
    steps = [_whole(n, "stride") for n in stride]
    start, array = _whole(offset, "offset"), storage.array
    last = start + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
    if math.prod(shape) == 0:
        return _Stored(Stored(np.empty(shape, array.dtype), bool(more and more[0])))
    if last >= array.size or math.prod(shape) >= 2**40:
        refuse(f"it holds a tensor of shape {quoted(tuple(shape), 60)} in {array.size} numbers")
    view = np.lib.stride_tricks.as_strided(
        array[start:], shape, [step * array.itemsize for step in steps]
    )
    return _Stored(Stored(view, bool(more and more[0])))


def _old_tensor(storage: object, offset: object, size: object, stride: object) -> _Stored:
    return _tensor(storage, offset, size, stride)


def _parameter(data: object, requires_grad: object = True, hooks: object = None) -> _Stored:
    """Make a parameter of a tensor."""
    del hooks
    if not isinstance(data, _Stored):
        refuse("it holds a parameter that PyTorch has not written")
    return _Stored(Stored(data.made.array, bool(requires_grad), True))


def _size(items: object = ()) -> tuple[Any, ...]:
    if not isinstance(items, tuple | list):
        refuse("it holds a shape that PyTorch has not written")
    return tuple(items)


def _ordered(*items: Any) -> _Ordered:
    return _Ordered(ordered(*items))


_CALLS: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor"): _old_tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch", "Size"): _size,
    ("collections", "OrderedDict"): _ordered,
}


class _Reader(Unpickler):
    """Knows tensors and their storages."""

    storage: Callable[[Any], _Storage]

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a name."""
        if module == "torch" and name.endswith("Storage"):
            if name not in DTYPES:
                refuse(
                    f"it holds numbers of {quoted(name[:-7].lower(), 40)}, which is no dtype here"
                )
            return _Kind(name)
        found = _CALLS.get((module, name))
        return super().find_class(module, name) if found is None else Call(found)

    def persistent_load(self, pid: Any) -> Any:
        """Return the storage that a tensor lies in."""
        if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage"):
            return super().persistent_load(pid)
        if not isinstance(pid[1], _Kind):
            refuse("it holds a storage that PyTorch has not written")
        return self.storage(pid)


class _Finisher(Finisher):
    """Puts tensors and dicts in the place of their stand-ins."""

    def __init__(self, room: int, make: Callable[[Stored], Any]) -> None:
        super().__init__(room)
        self.make = make

    def finished(self, value: Any, depth: int) -> Any:
        """Return what a value stands for that has not been met before."""
        if isinstance(value, _Stored):
            return self.make(value.made)
        found = super().finished(value, depth)
        if isinstance(value, _Ordered):
            found = cast("Any", OrderedDict(found))
            if value.metadata is not None:
                found._metadata = self(value.metadata, depth)
        return found


def _numbers(data: Any, kind: _Kind, numel: object, order: str = "<") -> _Storage:
    """Make a storage of bytes, which must be there."""
    if _whole(numel, "storage") * kind.dtype.itemsize > len(data):
        refuse(f"it holds {len(data)} bytes for {numel} numbers of {kind.dtype}")
    array = np.frombuffer(
        data, kind.dtype.newbyteorder(cast("Any", order)), count=_whole(numel, "storage")
    )
    if kind.dtype.kind == "b":
        # A bool of another byte than 0 and 1 is none.
        array = np.frombuffer(data, np.uint8, count=len(array)) != 0
    return _Storage(np.array(array, kind.dtype))


def _read_zip(file: IO[bytes], length: int, make: Callable[[Stored], Any]) -> Any:
    with zipfile.ZipFile(file) as archive:
        members = {}
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > length:
                refuse(
                    f"its member {quoted(info.filename, 60)} is compressed or longer than the file"
                )
            members[info.filename.partition("/")[2]] = info
        if "data.pkl" not in members:
            refuse("it has no data.pkl")
        order = archive.read(members["byteorder"]) if "byteorder" in members else b"little"
        if order not in (b"little", b"big"):
            refuse(f"its byte order is {quoted(order, 20)}")
        made: dict[Any, _Storage] = {}

        def storage(pid: Any) -> _Storage:
            key = pid[2]
            info = members.get(f"data/{key}") if isinstance(key, str) else None
            if info is None:
                refuse(f"it has no storage {quoted(key, 60)}")
            if key not in made:
                made[key] = _numbers(
                    archive.read(info), pid[1], pid[4], "<" if order == b"little" else ">"
                )
            elif made[key].array.dtype != pid[1].dtype:
                refuse(f"it holds storage {quoted(key, 60)} as two dtypes")
            return made[key]

        data = archive.read(members["data.pkl"])
        return _loaded(io.BytesIO(data), data, storage, make)


def _loaded(
    stream: IO[bytes],
    data: bytes,
    storage: Callable[[Any], _Storage],
    make: Callable[[Stored], Any],
) -> Any:
    check_places(data)
    reader = _Reader(stream)
    reader.storage = storage
    return _Finisher(len(data), make)(reader.load())


def _read_stream(data: bytes, make: Callable[[Stored], Any]) -> Any:
    """Read the format of before PyTorch 1.6: five pickles, then the numbers of each storage."""
    stream = io.BytesIO(data)
    plain: list[Any] = []

    def nothing(pid: Any) -> _Storage:
        refuse(f"it refers to {quoted(pid, 60)} too early")

    for _ in range(3):
        plain.append(_one(stream, data, nothing))
    if plain[0] != _MAGIC or plain[1] != _PROTOCOL:
        refuse("it does not begin as a file of PyTorch's")
    if isinstance(plain[2], dict) and plain[2].get("little_endian") is False:
        refuse("its numbers are big-endian")
    made: dict[Any, tuple[_Storage, _Kind]] = {}
    room = len(data)

    def storage(pid: Any) -> _Storage:
        nonlocal room
        key, kind = pid[2], pid[1]
        if not isinstance(key, str) or (len(pid) > 5 and pid[5] is not None):
            refuse(f"it holds a storage of the name {quoted(key, 60)}")
        if key not in made:
            numel = _whole(pid[4], "storage")
            room -= numel * kind.dtype.itemsize
            if room < 0:
                refuse("its storages are larger than the file")
            made[key] = _Storage(np.zeros(numel, kind.dtype)), kind
        elif made[key][1].dtype != kind.dtype:
            refuse(f"it holds storage {quoted(key, 60)} as two dtypes")
        return made[key][0]

    found = _one(stream, data, storage)
    keys = _one(stream, data, nothing)
    if not isinstance(keys, list) or {k for k in keys if isinstance(k, str)} != set(made):
        refuse("it does not list its storages")
    for key in keys:
        (numel,) = struct.unpack("<q", stream.read(8))
        target, kind = made[key]
        if numel != target.array.size:
            refuse(f"it holds {numel} numbers for {target.array.size}")
        target.array[...] = _numbers(stream.read(target.array.nbytes), kind, numel).array
    return _Finisher(len(data), make)(found)


def _one(stream: io.BytesIO, data: bytes, storage: Callable[[Any], _Storage]) -> Any:
    """Read one pickle of several, unfinished."""
    here = stream.tell()
    end = here
    for _, _, place in pickletools.genops(data[here:]):
        end = here + int(place or 0) + 1
    part = data[here:end]
    check_places(part)
    reader = _Reader(io.BytesIO(part))
    reader.storage = storage
    found = reader.load()
    stream.seek(end)
    return found


def read(file: IO[bytes], make: Callable[[Stored], Any]) -> Any:
    """Return what a file holds; anything that is wrong with it raises an exception of some kind.

    Parameters
    ----------
    file : binary file
        At its beginning; it can seek.
    make : callable
        ``make(stored)`` -> tensor.
    """
    start = file.read(2)
    file.seek(0)
    if start == b"PK":
        length = file.seek(0, io.SEEK_END)
        file.seek(0)
        return _read_zip(file, length, make)
    return _read_stream(file.read(), make)
