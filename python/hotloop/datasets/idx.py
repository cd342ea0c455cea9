"""Reading IDX files, the format in which MNIST and its relatives are published.

An IDX file is ``00 00 T R``, then R big-endian 32-bit sizes, then the elements in C order, big-endian;
T names the element type (08 uint8, 09 int8, 0B int16, 0C int32, 0D float32, 0E float64) and R is the rank.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import zlib
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["FILES", "MAX_BYTES", "load_folder", "read_idx"]

FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
"""The four file names of a data set, without ``.gz``."""

MAX_BYTES = 2**30
"""The largest array that `read_idx` reads unless told otherwise: 1 GiB, 23 times MNIST's training images."""

Arrays = tuple[NDArray[np.uint8], NDArray[np.uint8]]
Split = tuple[Arrays, Arrays]

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 2**20
_MAX_RANK = 8


class IdxFile(NamedTuple):
    """An array and the sha256 of the IDX bytes (after gunzip) that it came from."""

    array: NDArray[Any]
    sha256: str


def read_idx(
    path: str | os.PathLike[str], *, ndim: int | None = None, max_bytes: int = MAX_BYTES
) -> NDArray[Any]:
    """Read one IDX file, gzipped or plain (told apart by content, not by name).

    The header is checked against the length of the file and `max_bytes` before anything of the size
    that it announces is allocated; a gzipped file is read in pieces, so memory follows what the file
    holds and not what it claims.

    Parameters
    ----------
    path : path-like
        The file.
    ndim : int, optional
        The rank that the file must have: 3 for images, 1 for labels. None takes any rank from 1 to 8.
    max_bytes : int
        The largest array accepted.

    Returns
    -------
    ndarray
        Writable, C-contiguous, native byte order; uint8, int8, int16, int32, float32 or float64.

    Raises
    ------
    ValueError
        The file is foreign, truncated, too long, of another rank, larger than `max_bytes`, or bad gzip;
        the text names the file, the rule and what came.
    OSError
        The file cannot be opened or read.

    Notes
    -----
    Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", file formats.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    ...     read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    return read_idx_file(path, ndim=ndim, max_bytes=max_bytes).array


def read_idx_file(
    path: str | os.PathLike[str], *, ndim: int | None = None, max_bytes: int = MAX_BYTES
) -> IdxFile:
    """Read as `read_idx` does, and give the checksum of the content beside the array."""
    path = Path(path)
    if path.exists() and not path.is_file():  # a pipe would be waited for
        msg = f"read_idx: {path}: a folder, device or pipe, not a file"
        raise ValueError(msg)
    with path.open("rb") as raw:
        gzipped = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        if not gzipped:
            size = os.fstat(raw.fileno()).st_size
            return _parse(path, raw, ndim, max_bytes, size)
        try:
            with gzip.GzipFile(fileobj=raw) as stream:
                return _parse(path, cast("IO[bytes]", stream), ndim, max_bytes, None)
        except EOFError:
            msg = f"read_idx: {path}: the gzip stream ends early; the file is truncated"
            raise ValueError(msg) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            msg = f"read_idx: {path}: damaged gzip data, or bytes behind its end ({error})"
            raise ValueError(msg) from None


def _parse(
    path: Path, stream: IO[bytes], ndim: int | None, max_bytes: int, size: int | None
) -> IdxFile:
    """Check the header, read the elements, insist on the end of the file."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES:
        types = ", ".join(f"{code:02x}" for code in _DTYPES)
        msg = (
            f"read_idx: {path}: an IDX file begins with the bytes 00 00, a type ({types}) and a rank, "
            f"but this file begins with {magic.hex(' ') or 'nothing'}"
        )
        raise ValueError(msg)
    rank = magic[3]
    if not 1 <= rank <= _MAX_RANK or (ndim is not None and rank != ndim):
        wanted = f"1 to {_MAX_RANK}" if ndim is None else str(ndim)
        msg = f"read_idx: {path}: the rank must be {wanted}, but the header says {rank} (magic {magic.hex(' ')})"
        raise ValueError(msg)
    sizes = stream.read(4 * rank)
    if len(sizes) < 4 * rank:
        msg = f"read_idx: {path}: truncated in the header: {4 + len(sizes)} bytes, rank {rank} needs {4 + 4 * rank}"
        raise ValueError(msg)
    shape = struct.unpack(f">{rank}I", sizes)
    dtype = np.dtype(_DTYPES[magic[2]])
    # An axis of 0 must not let the others through: NumPy refuses their product as such.
    if math.prod(max(n, 1) for n in shape) * dtype.itemsize > max_bytes:
        msg = f"read_idx: {path}: the header announces {shape} of {dtype.name}, more than the limit of {max_bytes} bytes"
        raise ValueError(msg)
    expected = math.prod(shape) * dtype.itemsize
    offset = 4 + 4 * rank
    if size is not None and size != offset + expected:
        raise ValueError(_wrong_length(path, shape, dtype, expected, size - offset))

    data = bytearray()
    while len(data) <= expected:  # one byte more than expected shows what is too long
        piece = stream.read(min(_CHUNK, expected + 1 - len(data)))
        if not piece:
            break
        data += piece
    if len(data) != expected:
        raise ValueError(_wrong_length(path, shape, dtype, expected, len(data)))
    digest = hashlib.sha256(magic + sizes)
    digest.update(data)
    array = np.frombuffer(data, dtype).reshape(shape)
    return IdxFile(array.astype(dtype.newbyteorder("="), copy=False), digest.hexdigest())


def _wrong_length(
    path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], expected: int, got: int
) -> str:
    what = "is truncated" if got < expected else "has bytes behind its end"
    came = f"{got}" if got <= expected else f"{got} or more"
    return (
        f"read_idx: {path}: the file {what}: the header announces {shape} of {dtype.name}, "
        f"{expected} bytes, but {came} follow it"
    )


def load_folder(folder: str | os.PathLike[str]) -> Split:
    """Load a data set of your own from a folder with MNIST's four file names.

    Parameters
    ----------
    folder : path-like
        Holds ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
        ``t10k-labels-idx1-ubyte``, each plain or with ``.gz``.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images (N, H, W) uint8 and labels (N,) uint8.

    Raises
    ------
    FileNotFoundError
        The folder or one of the files is missing.
    ValueError
        A file is not a sound IDX file (see `read_idx`), holds no uint8, has no rows, or the four do not fit together.

    Examples
    --------
    >>> load_folder("nowhere")
    Traceback (most recent call last):
    ...
    FileNotFoundError: load_folder: nowhere is not a folder
    """
    folder = Path(folder)
    if not folder.is_dir():
        msg = f"load_folder: {folder} is not a folder"
        raise FileNotFoundError(msg)
    paths = {key: find(folder, stem) for key, stem in FILES.items()}
    missing = [FILES[key] for key, path in paths.items() if path is None]
    if missing:
        msg = f"load_folder: {folder} lacks {', '.join(missing)} (each may also end in .gz)"
        raise FileNotFoundError(msg)
    arrays = {}
    for key, path in paths.items():
        assert path is not None
        arrays[key] = read_idx(path, ndim=3 if key.startswith("x") else 1)
        if arrays[key].dtype != np.uint8 or not arrays[key].size:
            msg = (
                f"load_folder: {path}: a data set holds uint8 and at least one row, "
                f"but this is {arrays[key].dtype} of shape {arrays[key].shape}"
            )
            raise ValueError(msg)
    shapes = {key: array.shape for key, array in arrays.items()}
    if (
        shapes["x_train"][0] != shapes["y_train"][0]
        or shapes["x_test"][0] != shapes["y_test"][0]
        or shapes["x_train"][1:] != shapes["x_test"][1:]
    ):
        msg = f"load_folder: {folder}: images and labels must be of one length and images of one size, but got {shapes}"
        raise ValueError(msg)
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def find(folder: Path, stem: str) -> Path | None:
    """Return the file `stem`, gzipped or plain, in `folder`, or None."""
    for name in (f"{stem}.gz", stem):
        path = folder / name
        if path.is_file():
            return path
    return None
