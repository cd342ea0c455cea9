"""CIFAR's archives: images in rows, pickled by Python 2."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import config
from hotloop._support import unpickling
from hotloop._support.quoting import shortened
from hotloop.datasets import _fetch
from hotloop.datasets.idx import Split

__all__ = ["load"]

_MOST = 256 * 2**20


def load(
    file: _fetch.Published, folder: str, md5: Mapping[str, str], key: str, classes: int
) -> Split:
    """Return images and labels of an archive, or of its folder unpacked; the last batch is the test set.

    Parameters
    ----------
    file : Published
        The archive.
    folder : str
        The folder in it.
    md5 : mapping of str to str
        The checksum of each batch.
    key : str
        What the labels are called.
    classes : int
        How many there are.
    """

    def unpacked(place: Path) -> list[bytes] | None:
        for at in (place / folder, place):
            paths = [at / name for name in md5]
            if all(path.is_file() for path in paths):
                return [_checked(file.name, path, md5[path.name]) for path in paths]
        return None

    found = _fetch.contents(file, unpacked)
    batches = _members(file.name, found, folder, list(md5)) if isinstance(found, bytes) else found
    parts = [
        _batch(file.name, name, data, key, classes) for name, data in zip(md5, batches, strict=True)
    ]
    x, y = (np.concatenate([part[i] for part in parts[:-1]]) for i in (0, 1))
    return (x, y), parts[-1]


def _checked(name: str, path: Path, md5: str) -> bytes:
    data = path.read_bytes()
    got = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if got != md5:
        msg = f"{name}: {path} is not the published file: its md5 is {got}, not {md5}"
        raise ValueError(msg)
    return data


def _members(name: str, archive: bytes, folder: str, names: list[str]) -> list[bytes]:
    """Return the batches of a ``.tar.gz``, without writing anything."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r|gz") as tar:
            for member in tar:
                inside = member.name.removeprefix(f"{folder}/")
                stream = tar.extractfile(member) if inside in names and member.isfile() else None
                if stream is not None and member.size <= _MOST:
                    found[inside] = stream.read()
    except Exception as error:  # a damaged archive raises nearly anything
        msg = f"{name}: the archive is damaged: {shortened(str(error))}"
        raise ValueError(msg) from None
    missing = [each for each in names if each not in found]
    if missing:
        msg = f"{name}: the archive lacks {folder}/{missing[0]}"
        raise ValueError(msg)
    return [found[each] for each in names]


def _batch(
    name: str, batch: str, data: bytes, key: str, classes: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the images (N, 32, 32, 3) and labels (N, 1) of one batch."""
    try:
        found: Any = unpickling.read(data, encoding="latin1")
        rows, labels = found["data"], np.asarray(found[key])
    except Exception as error:  # a damaged pickle raises nearly anything
        msg = f"{name}: {batch} is no batch of images: {shortened(str(error))}"
        raise ValueError(msg) from None
    sound = (
        isinstance(rows, np.ndarray) and rows.dtype == np.uint8 and rows.shape == (len(rows), 3072)
    )
    whole = labels.dtype.kind in "iu" and labels.shape == (len(rows) if sound else -1,)
    if not sound or not whole or (labels.size and not 0 <= labels.min() <= labels.max() < classes):
        shapes = f"{np.shape(rows)} and labels {labels.shape}"
        msg = f"{name}: {batch} should hold uint8 rows of 3072 and a class below {classes} for each, got {shapes}"
        raise ValueError(msg)
    images = rows.reshape(-1, 3, 32, 32)
    if config.image_data_format() == "channels_last":
        images = images.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), labels.astype(np.uint8).reshape(-1, 1)
