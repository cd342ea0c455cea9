"""Archives of a description in JSON and arrays in safetensors: written whole, read with checks.

Nothing in a file is ever executed or unpickled. The members are stored uncompressed, each with a
checksum; the same content gives the same bytes.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop._support.atomic import atomic_open
from hotloop._support.quoting import quoted, shortened
from hotloop.version import __version__

Array = NDArray[Any]
_SPARE = 2**25
_EPOCH = (1980, 1, 1, 0, 0, 0)

# What reading a file that is no archive, or an altered one, may raise.
ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    zipfile.BadZipFile,
    EOFError,
    ArithmeticError,
    MemoryError,
    RuntimeError,  # of recursion, and of what zipfile does not know
)


def reason(error: BaseException) -> str:
    """Say in words what one of `ERRORS` means for who gave the file or description."""
    if isinstance(error, KeyError):
        return f"altered: {error} is missing or unknown"
    if isinstance(error, RecursionError):
        return "altered: nested too deeply"
    if isinstance(error, MemoryError):
        return f"it asks for more memory than there is ({error})"
    return shortened(str(error), 320) or type(error).__name__


def to_json(name: str, description: Mapping[str, Any]) -> bytes:
    """Return a description as bytes; a ValueError names what cannot be described."""
    try:
        # NaN and Infinity as Python writes and reads them: a diverged run has such figures.
        return json.dumps(description, indent=1).encode()
    except (TypeError, ValueError) as error:
        msg = f"{name}: the description is not plain JSON: {error}"
        raise ValueError(msg) from error


# What safetensors calls them, in the order in which it writes them: the largest elements first.
_DTYPES = {
    "u8": "U64",
    "i8": "I64",
    "f8": "F64",
    "c8": "C64",
    "f4": "F32",
    "u4": "U32",
    "i4": "I32",
    "f2": "F16",
    "u2": "U16",
    "i2": "I16",
    "i1": "I8",
    "u1": "U8",
    "b1": "BOOL",
}
_PLACES = {name: place for place, name in enumerate(_DTYPES)}


def to_tensors(arrays: Mapping[str, Array]) -> bytes:
    """Return named arrays as bytes of safetensors.

    Not by the package: where memory is short its `save` ends the process, and this is a MemoryError.
    """
    kinds = {name: f"{array.dtype.kind}{array.dtype.itemsize}" for name, array in arrays.items()}
    strange = sorted(name for name, kind in kinds.items() if kind not in _DTYPES)
    if strange:
        msg = f"array {quoted(strange[0], 60)} of {arrays[strange[0]].dtype} has no place in a file"
        raise ValueError(msg)
    header: dict[str, Any] = {}
    parts: list[Any] = []
    end = 0
    for name in sorted(arrays, key=lambda name: (_PLACES[kinds[name]], name.encode())):
        array = arrays[name]
        native = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        begin, end = end, end + native.nbytes
        header[name] = {
            "dtype": _DTYPES[kinds[name]],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
        parts.append(native.reshape(-1).view(np.uint8).data)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def write(path: str | os.PathLike[str], members: Mapping[str, bytes]) -> None:
    """Write an archive: the old file or the new one is there, never a part."""
    with atomic_open(path) as file:
        archive = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        try:
            for name, content in members.items():
                info = zipfile.ZipInfo(name, _EPOCH)
                info.external_attr = 0o644 << 16
                archive.writestr(info, content)
            archive.close()
        except BaseException:
            # Closed in the middle of a member, it would hide a Ctrl-C behind a ValueError.
            archive.fp = None
            raise


def read(path: Path, known: Collection[str], what: str) -> dict[str, bytes]:
    """Return the members of an archive, checked against their checksums.

    Raises
    ------
    ValueError
        When the file is no archive, truncated, altered, or holds other members than `known`.
    """
    if not path.is_file():
        msg = "a folder, device or pipe, not a file"
        raise ValueError(msg)
    if not zipfile.is_zipfile(path):
        msg = f"not a hotloop {what} file, or truncated (no zip archive)"
        raise ValueError(msg)
    size = path.stat().st_size
    contents: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.filename not in known or info.filename in contents:
                msg = f"not a hotloop {what} file: it holds {quoted(info.filename, 60)}"
                raise ValueError(msg)
            # zipfile makes room for as much as the directory says before it reads.
            stored = info.compress_type == zipfile.ZIP_STORED
            if not stored or max(info.file_size, info.compress_size) > size:
                msg = f"{quoted(info.filename)} is compressed or larger than the file: altered"
                raise ValueError(msg)
            try:
                contents[info.filename] = archive.read(info)
            except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
                msg = f"{info.filename!r} is truncated or altered: {shortened(str(error))}"
                raise ValueError(msg) from error
    return contents


def description(
    contents: Mapping[str, bytes], name: str, kind: str, version: int, what: str
) -> dict[str, Any]:
    """Return the description in member `name`, of format `kind` and at most `version`.

    Raises
    ------
    ValueError
        When it is missing, altered, of another kind, or newer than this package.
    """
    if name not in contents:
        msg = f"not a hotloop {what} file: no {name!r} in it"
        raise ValueError(msg)
    try:
        found = json.loads(contents[name])
    except (ValueError, RecursionError) as error:
        msg = f"{name!r} is altered: {error}"
        raise ValueError(msg) from error
    if not isinstance(found, dict) or found.get("format") != kind:
        msg = f"not a hotloop {what} file: {name!r} names no {kind!r}"
        raise ValueError(msg)
    written = found.get("format_version")
    if not isinstance(written, int) or isinstance(written, bool) or written < 1:
        msg = f"altered: format version {quoted(written)}"
        raise ValueError(msg)
    if written > version:
        msg = (
            f"written in format {quoted(written, 30)} by hotloop {quoted(found.get('hotloop_version'), 30)}, newer "
            f"than this hotloop {__version__} reads (format {version}); update hotloop"
        )
        raise ValueError(msg)
    return found


def tensors(name: str, content: bytes) -> dict[str, Array]:
    """Return the arrays of member `name`; a ValueError when they are altered."""
    from safetensors import SafetensorError  # noqa: PLC0415 - slow to import
    from safetensors.numpy import load  # noqa: PLC0415

    # The package ends the process where memory is short; so see first whether it is.
    np.empty(len(content) + _SPARE, np.uint8)
    try:
        return load(content)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        msg = f"{name!r} is altered: {error}"
        raise ValueError(msg) from error
