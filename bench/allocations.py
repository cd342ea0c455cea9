"""Count NumPy's data allocations exactly, by taking the place of its allocator.

NumPy lets a program set the four functions that allocate array data (``PyDataMem_SetHandler``). The
functions here count and pass on to the C library. Arrays that compiled code makes are counted too,
since their data comes from the same handler.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_SET_HANDLER = 304  # slots of NumPy's C API, fixed since 1.22
_void, _size = ctypes.c_void_p, ctypes.c_size_t
_Malloc = ctypes.CFUNCTYPE(_void, _void, _size)
_Calloc = ctypes.CFUNCTYPE(_void, _void, _size, _size)
_Realloc = ctypes.CFUNCTYPE(_void, _void, _void, _size)
_Free = ctypes.CFUNCTYPE(None, _void, _void, _size)


class _Handler(ctypes.Structure):
    """PyDataMem_Handler with its PyDataMemAllocator."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("ctx", _void),
        ("malloc", _Malloc),
        ("calloc", _Calloc),
        ("realloc", _Realloc),
        ("free", _Free),
    )


class Counter:
    """Number and bytes of allocations so far."""

    def __init__(self) -> None:
        self.count = 0
        self.bytes = 0

    def add(self, size: int) -> None:
        """Count one allocation."""
        self.count += 1
        self.bytes += size


# Arrays outlive the block that counted them and are freed through its handler: handlers stay.
_KEPT: list[Any] = []


def _c_functions() -> tuple[Any, Any, Any, Any]:
    library: Any = ctypes.CDLL(None)
    for name, arguments in (
        ("malloc", [_size]),
        ("calloc", [_size, _size]),
        ("realloc", [_void, _size]),
        ("free", [_void]),
    ):
        function = getattr(library, name)
        function.argtypes = arguments
        function.restype = None if name == "free" else _void
    return library.malloc, library.calloc, library.realloc, library.free


def _set_handler(capsule: object) -> Any:
    get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    get_pointer.restype, get_pointer.argtypes = _void, [ctypes.py_object, ctypes.c_char_p]
    api: Any = np._core._multiarray_umath._ARRAY_API  # type: ignore[attr-defined]
    table = ctypes.cast(get_pointer(api, None), ctypes.POINTER(_void))
    prototype = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)
    return prototype(table[_SET_HANDLER])(capsule)


@contextmanager
def counting() -> Iterator[Counter]:
    """Count the array allocations of a block."""
    counter = Counter()
    malloc, calloc, realloc, free = _c_functions()

    def counted_malloc(_ctx: Any, size: int) -> Any:
        counter.add(size)
        return malloc(size)

    def counted_calloc(_ctx: Any, number: int, size: int) -> Any:
        counter.add(number * size)
        return calloc(number, size)

    def counted_realloc(_ctx: Any, pointer: Any, size: int) -> Any:
        counter.add(size)
        return realloc(pointer, size)

    def passed_free(_ctx: Any, pointer: Any, _size: int) -> None:
        free(pointer)

    handler = _Handler(
        b"counting",
        1,
        None,
        _Malloc(counted_malloc),
        _Calloc(counted_calloc),
        _Realloc(counted_realloc),
        _Free(passed_free),
    )
    new_capsule = ctypes.pythonapi.PyCapsule_New
    new_capsule.restype, new_capsule.argtypes = ctypes.py_object, [_void, ctypes.c_char_p, _void]
    name = ctypes.c_char_p(b"mem_handler")
    capsule = new_capsule(ctypes.addressof(handler), name, None)
    _KEPT.append((handler, capsule, name))
    before = _set_handler(capsule)
    try:
        yield counter
    finally:
        _set_handler(before)
