"""Finding the files of a published data set: the user's folder, then the cache, then the network.

A file counts only when its checksum is right (the named folder of the user's may also hold files that have no
published checksum; see `_read`). A damaged file of the user's is refused; one in the cache is fetched anew, and
replaced only once the new one has been checked.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hotloop._support.atomic import atomic_open
from hotloop.datasets.idx import FILES, Split, find, read_idx_file

__all__ = ["DatasetNotFoundError", "Published", "Source", "cache_folder", "contents", "load"]

T = TypeVar("T")

_TIMEOUT = (10, 60)  # seconds to connect, seconds without a byte
_STALE_SECONDS = 24 * 3600
_MAX_DOWNLOAD = 256 * 2**20  # the largest file published here has 171 MB


class DatasetNotFoundError(OSError):
    """No copy of a data set is at hand and none could be downloaded."""


@dataclass(frozen=True)
class Source:
    """What is known of a published data set. Keys are those of `hotloop.datasets.idx.FILES`."""

    name: str
    mirrors: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    content_sha256: Mapping[str, str] = field(default_factory=dict)
    gz_md5: Mapping[str, str] = field(default_factory=dict)
    foreign_sha256: Mapping[str, str] = field(default_factory=dict)
    """Contents that carry the same file names but are another set."""


@dataclass(frozen=True)
class Published:
    """A file that is a data set, or all of it but its words; a checksum is that of its bytes."""

    name: str
    file: str
    mirrors: tuple[str, ...]
    sha256: str = ""
    md5: str = ""

    def checked(self, path: Path) -> bytes:
        """Return the bytes of a copy; a ValueError when they are not those that were published."""
        data = path.read_bytes()
        kind, want = ("sha256", self.sha256) if self.sha256 else ("md5", self.md5)
        got = hashlib.new(kind, data, usedforsecurity=False).hexdigest()
        if got != want:
            msg = f"{self.name}: {path} is not the published file: its {kind} is {got}, not {want}"
            raise ValueError(msg)
        return data


def cache_folder() -> Path:
    """Return ``HOTLOOP_CACHE_DIR``, or hotloop's folder in the system's place for caches."""
    chosen = os.environ.get("HOTLOOP_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    import pooch  # noqa: PLC0415 - loads requests' whole tree where only the path is slow to get

    return Path(pooch.os_cache("hotloop"))


def load(source: Source) -> Split:
    """Return the four arrays of `source`, downloading what is not at hand."""
    arrays = {key: _obtain(source, key) for key in FILES}
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def _obtain(source: Source, key: str) -> NDArray[np.uint8]:
    """Return one array: from the user's folders, the cache, or a mirror."""

    def read(path: Path, trusted: bool) -> NDArray[np.uint8]:
        return _read(source, key, path, by_shape=trusted)

    names = f"four files ({', '.join(f'{stem}.gz' for stem in FILES.values())})"
    looked: list[str] = []
    file = _at_hand(
        source.name, f"{FILES[key]}[.gz]", lambda at: find(at, FILES[key]), read, looked
    )
    if file is not None:
        return file
    return _download(source.name, f"{FILES[key]}.gz", source.mirrors, read, names, looked)


def contents(file: Published, unpacked: Callable[[Path], T | None] | None = None) -> T | bytes:
    """Return the bytes of a published file, downloading it when it is not at hand.

    Parameters
    ----------
    file : Published
        The file.
    unpacked : callable, optional
        Reads what a folder holds of it unpacked, or answers None.
    """
    kept: list[T] = []

    def there(folder: Path) -> Path | None:
        found = None if unpacked is None else unpacked(folder)
        if found is not None:
            kept.append(found)
            return folder
        return folder / file.file if (folder / file.file).is_file() else None

    def read(path: Path, _: bool) -> T | bytes:
        return kept.pop() if kept else file.checked(path)

    looked: list[str] = []
    found = _at_hand(file.name, file.file, there, read, looked)
    if found is not None:
        return found
    return _download(file.name, file.file, file.mirrors, read, f"file ({file.file})", looked)


def _at_hand(
    name: str,
    file: str,
    there: Callable[[Path], Path | None],
    read: Callable[[Path, bool], T],
    looked: list[str],
) -> T | None:
    """Return what a file holds that is on this machine, or None, and say in `looked` where it is not."""
    for folder, trusted in _folders(name):
        try:
            path = there(folder)
            if path is None:
                looked.append(f"{folder} (no {file})")
                continue
            return read(path, trusted)
        except ValueError as error:
            if trusted:
                msg = f"{error}; replace or remove it, or point HOTLOOP_DATA_DIR elsewhere"
                raise ValueError(msg) from None
            looked.append(f"{folder} ({error})")
    return None


def _folders(name: str) -> Iterator[tuple[Path, bool]]:
    """Yield where to look; True marks the folder that the user has named for this very set."""
    chosen = os.environ.get("HOTLOOP_DATA_DIR")
    if chosen:
        root = Path(chosen).expanduser()
        if not root.is_dir():
            msg = f"{name}: HOTLOOP_DATA_DIR={chosen} is not a folder"
            raise FileNotFoundError(msg)
        yield root / name, True
        yield root, False
    yield cache_folder() / name, False


def _read(source: Source, key: str, path: Path, *, by_shape: bool) -> NDArray[np.uint8]:
    """Read and check one file; `by_shape` admits a file whose checksum nobody has published."""
    md5 = source.gz_md5.get(key)
    sound = md5 is not None and _md5(path) == md5
    shape = source.shapes[key]
    file = read_idx_file(path, ndim=len(shape))
    array: NDArray[Any] = file.array
    sha256 = source.content_sha256.get(key)
    if sha256 is not None:
        sound = file.sha256 == sha256
        if not sound:
            msg = f"{source.name}: {path} is not the published file: sha256 of its content {file.sha256}, not {sha256}"
            raise ValueError(msg)
    if file.sha256 in source.foreign_sha256.values():
        msg = f"{source.name}: {path} belongs to another data set of the same file names (MNIST)"
        raise ValueError(msg)
    if not sound and not by_shape:
        msg = f"{source.name}: {path} is not the published .gz file: its md5 is not {md5}"
        raise ValueError(msg)
    if array.shape != shape or array.dtype != np.uint8 or (array.ndim == 1 and array.max() > 9):
        msg = (
            f"{source.name}: {path} should hold uint8 of shape {shape}, labels 0 to 9, but holds {array.dtype} "
            f"of shape {array.shape}, largest {array.max(initial=0)}"
        )
        raise ValueError(msg)
    return array


def _md5(path: Path) -> str:
    """Return the md5 of the file as it lies on the disk."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _download(
    name: str,
    file: str,
    mirrors: tuple[str, ...],
    read: Callable[[Path, bool], T],
    files: str,
    looked: list[str],
) -> T:
    """Try the mirrors in turn; the first file that passes the checks goes into the cache."""
    folder = cache_folder() / name
    target = folder / file
    failures = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder)
    except OSError as error:
        why = f"the cache cannot be written: {error}; HOTLOOP_CACHE_DIR names another"
        raise _not_found(name, files, looked, [why]) from error
    for mirror in mirrors:
        url = f"{mirror}{target.name}"
        try:
            with atomic_open(target) as target_file:
                stream(url, _Limited(target_file, _MAX_DOWNLOAD))
                target_file.flush()
                found = read(Path(target_file.name), False)
        except (OSError, ValueError) as error:  # requests' errors are OSErrors
            failures.append(f"{url}: {short(error)}")
        else:
            return found
    raise _not_found(name, files, looked, failures)


def stream(url: str, file: Any) -> None:
    """Write what `url` gives into `file`."""
    import pooch  # noqa: PLC0415 - needed by a download alone, and slow to import

    pooch.HTTPDownloader(chunk_size=2**16, timeout=_TIMEOUT)(url, file, None)


class _Limited:
    """A file to write to that refuses more than `limit` bytes: a mirror is not to fill the disk."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self._file = file
        self._left = limit

    def write(self, data: bytes) -> int:
        self._left -= len(data)
        if self._left < 0:
            msg = "the file is longer than any of this data set"
            raise ValueError(msg)
        return self._file.write(data)

    def flush(self) -> None:
        """Leave flushing to the end: pooch asks for it after each chunk."""


def _remove_stale(folder: Path) -> None:
    """Remove what killed downloads left behind, old enough not to be another process's."""
    for part in folder.glob(".*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > _STALE_SECONDS:
                part.unlink()


def short(error: BaseException) -> str:
    """Return the reason at the root of an error: requests and urllib3 wrap it in paragraphs."""
    root = error
    while (inner := root.__cause__ or root.__context__) is not None:
        root = inner
    for found in (error, root):
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _not_found(
    name: str, files: str, looked: list[str], failures: list[str]
) -> DatasetNotFoundError:
    where = "\n".join(f"  looked in {place}" for place in looked)
    tried = "\n".join(f"  tried {failure}" for failure in failures)
    return DatasetNotFoundError(
        f"{name}: no copy at hand and none could be downloaded\n{where}\n{tried}\n"
        f"  connect to the network, or put the {files} into a folder {name!r} "
        "and set HOTLOOP_DATA_DIR to the folder around it"
    )
