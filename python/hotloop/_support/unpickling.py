"""Readers of pickles that know arrays of numbers and plain containers, and run nothing."""

from __future__ import annotations

import io
import itertools
import pickle
import pickletools
import re
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from hotloop._support.quoting import quoted

__all__ = [
    "Call",
    "Finisher",
    "Unpickler",
    "check_places",
    "ordered",
    "read",
    "read_lists",
    "refuse",
]

Array = NDArray[Any]

_NDARRAY = "an array, not made yet"
# A key is a name in any file of the book.
_PARTS, _DEPTH = 1000, 100


def refuse(what: str) -> NoReturn:
    """Stop reading."""
    msg = f"{what}; only arrays of numbers and plain containers are read"
    raise pickle.UnpicklingError(msg)


class _Type:
    """Stands for the type of an array; NumPy's own would take any state that a pickle gives it."""

    __slots__ = ("dtype",)

    def __init__(self, name: object, *_: object) -> None:
        self.dtype = np.dtype(name if isinstance(name, str) and len(name) < 20 else object)
        if self.dtype.kind not in "biufc":
            refuse(f"it holds an array of {quoted(name, 60)}")

    def __setstate__(self, state: Any) -> None:
        """Take the byte order, all that the type of a number has besides its name."""
        order = state[1]
        if not isinstance(order, str) or order not in ("<", ">", "=", "|"):
            refuse(f"it holds numbers in the byte order {quoted(order, 60)}")
        self.dtype = self.dtype.newbyteorder(cast("Any", order))


class _Array:
    """Stands for an array until its numbers come."""

    __slots__ = ("made",)

    def __init__(self, *_: object) -> None:
        self.made: Array | None = None

    def __setstate__(self, state: Any) -> None:
        """Take shape, type, order and bytes."""
        _, shape, kind, fortran, data = state
        self.made = _from_bytes(data, kind, shape, "F" if fortran else "C")


def _from_bytes(data: object, kind: object, shape: Any, order: Any) -> Array:
    """Make an array from its bytes, which Python 2 wrote as text."""
    if isinstance(data, str):
        data = data.encode("latin1")
    if not isinstance(kind, _Type) or not isinstance(data, bytes | bytearray):
        refuse("it holds an array that NumPy has not written")
    return np.frombuffer(data, kind.dtype).reshape(shape, order=order)


def _frombuffer(*given: Any) -> _Array:
    """Stand for an array whose numbers are there at once."""
    array = _Array()
    array.made = _from_bytes(*given)
    return array


def _scalar(kind: object, data: object = None) -> Any:
    """Make a NumPy scalar from its bytes."""
    return _from_bytes(data, kind, (), "C")[()]


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """Turn text back into the bytes that protocol 2 has written as text."""
    if not isinstance(text, str) or encoding != "latin1":
        refuse(f"it asks for the encoding {quoted(encoding, 60)}")
    return text.encode("latin1")


def ordered(*items: Any) -> dict[Any, Any]:
    """Make a dict, which the file then fills."""
    if items:
        refuse("it holds an OrderedDict that Python has not written")
    return {}


_CALLS: dict[tuple[str, str], Callable[..., Any]] = {
    ("multiarray", "_reconstruct"): _Array,
    ("multiarray", "scalar"): _scalar,
    ("numeric", "_frombuffer"): _frombuffer,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): ordered,
}


class Call:
    """What a file may call. It takes no state: a pickle may set attributes of what it is given."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *args: Any) -> Any:
        """Make what stands in the file."""
        return self._call(*args)

    def __setstate__(self, state: object) -> None:
        """Refuse."""
        refuse("it changes what it is read with")


def _check_key(key: Any) -> None:
    """Refuse what would be hashed for ever, or deeper than the stack is: a key is a few plain values."""
    left, parts = [key], 1
    while left:
        each = left.pop()
        if isinstance(each, tuple | frozenset):
            parts += len(each)
            if parts > _PARTS:
                refuse(f"it holds a key of more than {_PARTS} parts")
            left.extend(each)


# Python's own reader in Python: the one in C hashes whatever a file gives it as a key.
_Base: Any = pickle._Unpickler


class Unpickler(_Base):  # type: ignore[misc]
    """Knows arrays of numbers and plain containers, by stand-ins of our own, and nothing else."""

    dispatch: ClassVar = dict(_Base.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a name that arrays are pickled with."""
        if (module, name) == ("numpy", "ndarray"):
            return _NDARRAY
        # NumPy 1 wrote numpy.core, NumPy 2 writes numpy._core.
        inner = module.replace("numpy._core.", "numpy.core.").removeprefix("numpy.core.")
        call = _CALLS.get((inner, name))
        if call is None or (inner in ("multiarray", "numeric") and inner == module):
            refuse(f"it asks for {quoted(module, 60)[1:-1]}.{quoted(name, 60)[1:-1]}")
        return Call(call)

    def persistent_load(self, pid: Any) -> Any:
        """Refuse references to what is outside of the file."""
        refuse(f"it refers to something outside of it, {quoted(pid, 60)}")

    def get_extension(self, code: int) -> Any:
        """Refuse objects that Python knows by a number."""
        refuse(f"it asks for the object of number {code}")

    def _keys_of(self, code: bytes) -> list[Any]:
        """Return what the next operation hashes."""
        if code == pickle.SETITEM:
            return self.stack[-2:-1]  # type: ignore[no-any-return]
        found: list[Any] = self.stack
        return found[::2] if code in (pickle.SETITEMS, pickle.DICT) else found


def _guarded(code: bytes) -> Callable[[Any], None]:
    """Return an operation that looks at keys before it hashes them."""
    usual = _Base.dispatch[code[0]]

    def operation(self: Unpickler) -> None:
        for key in self._keys_of(code):
            _check_key(key)
        usual(self)

    return operation


for _code in (pickle.SETITEM, pickle.SETITEMS, pickle.DICT, pickle.ADDITEMS, pickle.FROZENSET):
    Unpickler.dispatch[_code[0]] = _guarded(_code)


def check_places(data: bytes) -> None:
    """Refuse a pickle that ends too soon or asks for more places than it has bytes, before memory is given to it.

    Python's own reader makes a bytearray of whatever length a file claims, and loses it when the bytes are not there.
    """
    for code, place, _ in pickletools.genops(data):
        if "PUT" in code.name and isinstance(place, int) and place > len(data):
            refuse(f"it asks for place {place} of {len(data)} bytes")


class Finisher:
    """Puts arrays in the place of their stand-ins, and refuses what is neither a number, text nor a container.

    An object that a file holds often is finished once, and all arrays together have no more bytes than the file:
    else a few bytes could ask for any amount of time and memory.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        # With the object itself, so that nothing else gets its id.
        self.done: dict[int, tuple[Any, Any]] = {}

    def __call__(self, value: Any, depth: int = 0) -> Any:
        """Return what a value of the file stands for."""
        if id(value) not in self.done:
            if depth > _DEPTH:
                refuse(f"it is nested more than {_DEPTH} deep")
            self.done[id(value)] = value, self.finished(value, depth + 1)
        return self.done[id(value)][1]

    def finished(self, value: Any, depth: int) -> Any:
        """Return what a value stands for that has not been met before."""
        if isinstance(value, dict):
            return {self(key, depth): self(each, depth) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return type(value)(self(each, depth) for each in value)
        if isinstance(value, _Array) and value.made is not None:
            self.room -= value.made.nbytes
            if self.room < 0:
                refuse("its arrays are larger than the file")
            return value.made.copy(order="K")
        if value is _NDARRAY or not isinstance(
            value, bool | int | float | complex | str | bytes | np.generic | None
        ):
            refuse(f"it holds {type(value).__name__.strip('_').lower()!r}")
        return value


def read(data: bytes, encoding: str = "ASCII") -> Any:
    """Return what a pickle holds; anything that is wrong with it raises an exception of some kind.

    With the encoding ``"latin1"``, files that Python 2 wrote are read too.
    """
    check_places(data)
    return Finisher(len(data))(Unpickler(io.BytesIO(data), encoding=encoding).load())


def _operations() -> bytes:
    """Return a pattern of some operations: those that make numbers, short texts, lists and tuples.

    None of them hashes anything, or asks for more memory than a few times what the file has.
    """
    ways = [rb"K.|M..|J....|q.|r..[\x00-\x0f]\x00|h.|j....", rb"[\](eaN).tRb\x85-\x89\x93\x94]"]
    ways += [rb"\x80.|\x95.{8}|c[^\n]{1,60}\n[^\n]{1,60}\n"]
    ways += [rb"\x8a%b.{%d}" % (re.escape(bytes([n])), n) for n in range(1, 9)]
    for n in range(33):
        size = re.escape(bytes([n]))
        ways.append(rb"(?:[\x8cUC]%b|[XTB]%b\x00\x00\x00).{%d}" % (size, size, n))
    return rb"(?:" + rb"|".join(ways) + rb"){1,10000}"


class _Lists:
    """Stands for an array of objects until its lists come."""

    __slots__ = ("lists",)

    def __init__(self, *_: object) -> None:
        self.lists: Any = None

    def __setstate__(self, state: Any) -> None:
        """Take the objects, and leave the rest."""
        *_, self.lists = state


class _Nothing:
    """Stands for the type of an array of objects."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        """Leave it."""


class _ListUnpickler(pickle.Unpickler):
    """Python's quick reader, for a pickle whose operations have been looked at."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a name that arrays of objects are pickled with."""
        if (module, name) == ("numpy", "ndarray"):
            return _NDARRAY
        inner = module.replace("numpy._core.", "numpy.core.").removeprefix("numpy.core.")
        stand_ins: dict[str, Callable[..., Any]] = {
            "_reconstruct": _Lists,
            "dtype": _Nothing,
            "encode": _encode,
        }
        made = stand_ins.get(name)
        if made is None or (inner, name) not in _CALLS:
            refuse(f"it asks for {quoted(module, 60)[1:-1]}.{quoted(name, 60)[1:-1]}")
        return Call(made)


def read_lists(data: bytes) -> list[list[int]]:
    """Return the lists of integers that a pickled array of objects holds, in a time in keeping with millions of them.

    Anything that is wrong with it raises an exception of some kind.
    """
    operations = re.compile(_operations(), re.DOTALL)
    place = 0
    while place < len(data):
        found = operations.match(data, place)
        if found is None:
            refuse(f"it has the operation {data[place : place + 1]!r}, which lists do not need")
        place = found.end()
    got = _ListUnpickler(io.BytesIO(data), encoding="latin1").load()
    lists = got.lists if isinstance(got, _Lists) else None
    if type(lists) is not list or not all(type(each) is list for each in lists):
        refuse("it holds no array of lists")
    if sum(map(len, lists)) > len(data):
        refuse("its lists are longer than the file")
    if not set(map(type, itertools.chain.from_iterable(lists))) <= {int}:
        refuse("its lists hold more than integers")
    return cast("list[list[int]]", lists)
