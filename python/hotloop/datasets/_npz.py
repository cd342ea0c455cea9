"""Reading an ``.npz`` of a stranger's: arrays of numbers, and arrays of lists of integers; nothing is run."""

from __future__ import annotations

import io
import math
import zipfile
from typing import Any

import numpy as np

from hotloop._support import unpickling
from hotloop._support.quoting import shortened

__all__ = ["read"]

_MOST = 2**30
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read(name: str, data: bytes, keys: tuple[str, ...]) -> list[Any]:
    """Return the members `keys` of an archive: arrays, or for arrays of objects lists of lists of int.

    Raises
    ------
    ValueError
        The archive, a member or what one holds is damaged, missing or hostile; the text begins with `name`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [_member(archive, f"{key}.npy") for key in keys]
    except Exception as error:  # a damaged archive or pickle raises nearly anything
        msg = f"{name}: the file is no archive of its arrays: {shortened(str(error))}"
        raise ValueError(msg) from None


def _member(archive: zipfile.ZipFile, key: str) -> Any:
    if archive.getinfo(key).file_size > _MOST:
        msg = f"{key} has more than {_MOST} bytes"
        raise ValueError(msg)
    with archive.open(key) as stream:
        file = io.BytesIO(stream.read(_MOST + 1))
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        msg = f"{key} has version {version} of NumPy's format"
        raise ValueError(msg)
    shape, fortran, dtype = _HEADERS[version](file)
    rest = file.read()
    if dtype.kind == "O":
        lists = unpickling.read_lists(rest)
        if shape != (len(lists),):
            msg = f"{key} announces {shape} lists, {len(lists)} follow"
            raise ValueError(msg)
        return lists
    if dtype.kind not in "biuf" or math.prod(shape) * dtype.itemsize != len(rest):
        msg = f"{key} announces {shape} of {dtype}, {len(rest)} bytes follow"
        raise ValueError(msg)
    numbers = np.frombuffer(bytearray(rest), dtype)
    return numbers.reshape(shape, order="F" if fortran else "C")
