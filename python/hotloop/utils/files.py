"""Files from the network, kept in the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import warnings
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from hotloop._support.atomic import atomic_open
from hotloop._support.quoting import quoted
from hotloop.datasets import _fetch

__all__ = ["get_file"]


def get_file(
    fname: Any = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: Any = "auto",
    cache_dir: Any = None,
    force_download: bool = False,
) -> str:
    """Return the path of a file, downloading it where the cache has no sound copy.

    Parameters
    ----------
    fname : str, optional
        Its name in the cache; by default the last part of `origin`.
    origin : str
        Where it is: an address that begins with ``http://``, ``https://`` or ``file://``.
    untar, extract : bool
        Whether an archive is unpacked; the path of the folder is returned then.
    md5_hash, file_hash : str, optional
        A checksum, md5 or sha256 by its length.
    cache_subdir : str
        The folder in the cache.
    hash_algorithm : {"auto", "md5", "sha256"}
        Of `file_hash`.
    archive_format : str
        Accepted as Keras does: the content says what it is.
    cache_dir : path-like, optional
        The cache; by default ``HOTLOOP_CACHE_DIR``, else the system's place for caches.
    force_download : bool
        Whether a copy at hand does not count.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        For a file whose checksum is another, and an archive whose members lie outside of its folder.
    hotloop.datasets.DatasetNotFoundError
        There is no copy and none can be downloaded (an OSError).

    Notes
    -----
    Source: keras.utils.get_file, whose folders of archives are named likewise.

    Examples
    --------
    >>> get_file("x.txt", "https://example.org/x.txt")  # doctest: +SKIP
    '/home/me/.cache/hotloop/datasets/x.txt'
    """
    del archive_format
    if not isinstance(origin, str) or not origin:
        msg = "get_file: origin must be the address of the file"
        raise ValueError(msg)
    name = os.fspath(fname) if fname else PurePosixPath(urlsplit(origin).path).name
    if not name or "/" in name or "\\" in name or name in (".", ".."):
        msg = f"get_file: fname must be a name without a folder, got {quoted(name)}; cache_dir and cache_subdir name the folder"
        raise ValueError(msg)
    base = _fetch.cache_folder() if cache_dir is None else Path(cache_dir).expanduser()
    folder = base / cache_subdir
    unpacked = extract or untar
    if unpacked and fname and "." in name:
        target, place = folder / name, folder / f"{name.partition('.')[0]}_extracted"
    else:
        target, place = folder / (f"{name}_archive" if unpacked else name), folder / name
    check = _Check(file_hash or md5_hash, "md5" if not file_hash and md5_hash else hash_algorithm)
    if force_download or not check.holds(target):
        _download(origin, target, check)
    if not unpacked:
        return str(target)
    _unpack(target, place)
    return str(place)


class _Check:
    """The checksum that a file must have; anything goes without one."""

    def __init__(self, want: str | None, algorithm: str) -> None:
        if algorithm not in ("auto", "md5", "sha256"):
            msg = f"get_file: hash_algorithm must be 'auto', 'md5' or 'sha256', got {quoted(algorithm)}"
            raise ValueError(msg)
        self.want = want
        long = want is not None and len(want) == 64
        self.algorithm = ("sha256" if long else "md5") if algorithm == "auto" else algorithm

    def found(self, path: Path) -> str:
        """Return the checksum of a file."""
        digest = hashlib.new(self.algorithm, usedforsecurity=False)
        with path.open("rb") as file:
            while piece := file.read(2**20):
                digest.update(piece)
        return digest.hexdigest()

    def holds(self, path: Path) -> bool:
        """Whether a file is there, and sound."""
        return path.is_file() and (self.want is None or self.found(path) == self.want)


def _download(origin: str, target: Path, check: _Check) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_open(target) as file:
            if origin.startswith("file://"):
                with Path(urlsplit(origin).path).open("rb") as source:
                    shutil.copyfileobj(source, file)
            else:
                _fetch.stream(origin, file)
            file.flush()
            got = check.found(Path(file.name)) if check.want is not None else None
            if got != check.want:
                msg = f"get_file: {origin} has the {check.algorithm} {got}, not {check.want}"
                raise ValueError(msg)
    except OSError as error:
        msg = f"get_file: no copy at {target}, and {origin} cannot be read: {_fetch.short(error)}"
        raise _fetch.DatasetNotFoundError(msg) from error


def _unpack(archive: Path, place: Path) -> None:
    """Unpack plain files and folders, none outside of `place`."""
    if tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tar:
            for member in tar:
                inside = _inside(place, member.name)
                source = tar.extractfile(member) if member.isfile() else None
                if source is not None:
                    _write(inside, source)
                elif member.isdir():
                    inside.mkdir(parents=True, exist_ok=True)
                else:
                    warnings.warn(
                        f"get_file: {member.name} is no plain file; left out", stacklevel=3
                    )
        return
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                inside = _inside(place, info.filename)
                if info.is_dir():
                    inside.mkdir(parents=True, exist_ok=True)
                    continue
                with zipped.open(info) as source:
                    _write(inside, source)
        return
    warnings.warn(f"get_file: {archive} is neither a tar nor a zip archive", stacklevel=3)


def _inside(place: Path, name: str) -> Path:
    path = place / name
    if not path.resolve().is_relative_to(place.resolve()):
        msg = f"get_file: the archive writes outside of its folder: {quoted(name)}"
        raise ValueError(msg)
    return path


def _write(path: Path, source: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(source, file)
