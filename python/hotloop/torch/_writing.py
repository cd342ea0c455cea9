"""Writing PyTorch's files: a zip of a pickle and one member for each storage.

Source: PyTorch's ``torch/serialization.py``.
"""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from hotloop.torch._reading import DTYPES, Array, Stored

_STORAGES = {np.dtype(kind): name for name, kind in DTYPES.items()}
_ALIGNMENT = 64
_EPOCH = (1980, 1, 1, 0, 0, 0)


class _Global:
    """A name that a pickle asks for, written without being imported."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self) -> None:
        """Look callable to the writer; nothing calls it."""


class _Storage:
    """Numbers in memory, written as a member of their own."""

    __slots__ = ("array", "key", "kind")

    def __init__(self, array: Array, key: str, kind: _Global) -> None:
        self.array, self.key, self.kind = array, key, kind


_TENSOR = _Global("torch._utils", "_rebuild_tensor_v2")
_PARAMETER = _Global("torch._utils", "_rebuild_parameter")
_SIZE = _Global("torch", "Size")
_KINDS = {name: _Global("torch", name) for name in DTYPES}
_PLAIN = {bool, int, float, str, type(None), dict, list, tuple, OrderedDict}
# Python's own writer in Python: the one in C imports the names that it writes.
_Pickler: Any = pickle._Pickler


class _Writer(_Pickler):  # type: ignore[misc]
    """Writes tensors and plain containers as PyTorch does, and refuses all else."""

    def __init__(self, file: IO[bytes], stored: Callable[[Any], Stored | None]) -> None:
        super().__init__(file, protocol=2)
        self.stored = stored
        self.storages: dict[tuple[int, Any], _Storage] = {}

    def persistent_id(self, obj: Any) -> Any:
        """Return what stands for a storage."""
        if type(obj) is not _Storage:
            return None
        return "storage", obj.kind, obj.key, "cpu", obj.array.size

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        """Write one object."""
        if type(obj) is not _Global:
            super().save(obj, save_persistent_id)
        elif id(obj) in self.memo:
            self.write(self.get(self.memo[id(obj)][0]))
        else:
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
            self.memoize(obj)

    def reducer_override(self, obj: Any) -> Any:
        """Return the call that makes an object again."""
        kind = type(obj)
        if kind in _PLAIN or obj is OrderedDict or kind is _Storage:
            return NotImplemented
        if kind is Stored:
            return self._tensor(obj)
        if isinstance(obj, tuple) and kind.__name__ == "Size":
            return _SIZE, (tuple(obj),)
        stored = self.stored(obj)
        if stored is None:
            msg = (
                "save: takes tensors, numbers, text, dicts, lists and tuples, got "
                f"{kind.__module__}.{kind.__name__}; of a module or an optimizer, save its state_dict()"
            )
            raise TypeError(msg)
        if stored.parameter:
            return _PARAMETER, (Stored(stored.array), stored.requires_grad, OrderedDict())
        return self._tensor(stored)

    def _tensor(self, stored: Stored) -> Any:
        """Return the call that makes a tensor: its storage, and where in it."""
        array = stored.array
        item = array.itemsize
        base = array
        while isinstance(base.base, np.ndarray):
            base = base.base
        shared = (
            base.dtype == array.dtype
            and base.flags.c_contiguous
            and all(n >= 0 and n % item == 0 for n in array.strides)
        )
        if not shared:
            base = array = np.array(array, order="C")
        found = self.storages.get((base.ctypes.data, base.dtype))
        if found is None:
            kind = _KINDS[_STORAGES[base.dtype]]
            found = _Storage(base.reshape(-1), str(len(self.storages)), kind)
            self.storages[base.ctypes.data, base.dtype] = found
        offset = (array.ctypes.data - base.ctypes.data) // item if array.size else 0
        strides = tuple(n // item for n in array.strides)
        hooks: Any = OrderedDict()
        return _TENSOR, (found, offset, array.shape, strides, stored.requires_grad, hooks)


def write(file: IO[bytes], obj: Any, stored: Callable[[Any], Stored | None]) -> None:
    """Write an object into a file.

    Parameters
    ----------
    file : binary file
        Where it goes.
    obj : object
        Tensors in plain containers.
    stored : callable
        ``stored(obj)`` -> what is written of a tensor, None for what is none.
    """
    data = io.BytesIO()
    writer = _Writer(data, stored)
    writer.dump(obj)
    members: dict[str, Any] = {"data.pkl": data.getvalue(), "byteorder": sys.byteorder.encode()}
    for storage in writer.storages.values():
        members[f"data/{storage.key}"] = storage.array.tobytes()
    members["version"] = b"3\n"
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(f"archive/{name}", _EPOCH)
            # Numbers begin at a multiple of 64 bytes, as PyTorch wants them for mmap.
            length = 30 + len(info.filename)
            place = archive.fp.tell() if archive.fp is not None else 0
            spare = -(place + length + 4) % _ALIGNMENT
            info.extra = b"FB" + spare.to_bytes(2, "little") + b"Z" * spare
            archive.writestr(info, content)


__all__ = ["write"]
