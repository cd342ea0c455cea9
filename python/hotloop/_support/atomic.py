"""Writing a file whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import fcntl

__all__ = ["atomic_open", "explained"]

_FULL = "free some space and write again"
_FORBIDDEN = "choose another folder, or allow writing there"
_ADVICE = {
    errno.ENOENT: "make its folder first",
    errno.ENOTDIR: "what should be its folder is a file; choose another",
    errno.EEXIST: "a file of this name is in the way; choose another name",
    errno.EISDIR: "there is a folder of this name; name a file",
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _FORBIDDEN,
    errno.ELOOP: "its links lead in a circle; remove them, or name a file",
    errno.ENAMETOOLONG: "choose a shorter name",
}


@contextlib.contextmanager
def atomic_open(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path` for writing; at the end of the block it becomes `path`.

    The bytes are flushed to the disk before the name changes, and the folder after it, so a crash leaves the
    old file or the new one. When the block raises, the temporary file goes and `path` stays as it was. Two
    processes that write the same path do not meet: the later replaces the earlier. A link stays, and what it
    points to is written; a device or a pipe is refused. A file that is replaced keeps its permissions.

    A writer that is killed leaves its temporary file, ``.NAME.PROCESS-NUMBER.part``; the next one that writes
    `path` removes it first. A writer holds a lock on its file, which ends with the writer: what a living one
    is at, in this process or another, is never removed.

    Parameters
    ----------
    path : path-like
        The file to be written; its folder must exist.

    Yields
    ------
    binary file
        Open for reading and writing.

    Raises
    ------
    OSError
        The folder is missing, read-only or full, or `path` is no file; the text says what to do.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_open(Path(folder, "a.txt")) as file:
    ...         _ = file.write(b"whole")
    ...     Path(folder, "a.txt").read_bytes()
    b'whole'
    """
    path = Path(path)
    with explained(path):
        path = _target(path)
        _sweep(path)
        with _temporary(path) as (temporary, file):
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
    _sync_folder(path.parent)


def _target(path: Path) -> Path:
    """Return what a link stands for; refuse what a file must not take the place of."""
    if path.is_symlink():
        with contextlib.suppress(RuntimeError):  # links in a circle, before Python 3.13
            path = path.resolve()
        if path.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    if path.name in {"", ".."} or path.is_dir():  # the first is the name of "", "." and "/"
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "A device, pipe or socket; name a file", str(path))
    return path


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Let an error of writing `path` name it and say what to do."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0)
        if advice is None:
            raise
        raise OSError(error.errno, f"{error.strerror}; {advice}", str(path)) from error


def _stem(path: Path) -> str:
    """Return how the names of temporary files for `path` begin; cut, since a name has 255 bytes at most."""
    return f".{path.name[:50]}."


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Make and lock a temporary file, and remove it when the block raises."""
    old = path.stat() if path.exists() else None
    with contextlib.ExitStack() as lock:
        while True:
            temporary = path.with_name(f"{_stem(path)}{os.getpid()}-{secrets.token_hex(4)}.part")
            try:
                # Not tempfile: its files have mode 0600, and the user's umask should decide.
                file = temporary.open("x+b") if old is None else _like(old, temporary)
                lock.callback(file.close)
                _lock(file, lock, wait=True)
                if not temporary.exists():
                    continue  # a sweep was quicker than the lock
                yield temporary, file
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise
            return


def _like(old: os.stat_result, path: Path) -> IO[bytes]:
    """Make a file with the rights of an old one; it never has more, not even at first."""
    rights = old.st_mode & 0o777
    file = open(path, "x+b", opener=lambda name, flags: os.open(name, flags, rights))  # noqa: SIM115
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # nobody but root gives files away
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
        os.fchmod(file.fileno(), rights)  # what the umask has taken off
    return file


def _lock(file: IO[bytes], until: contextlib.ExitStack, *, wait: bool) -> bool:
    """Lock a file until the stack ends, or the process does, also when the file is closed before."""
    if sys.platform == "win32":
        return False
    handle = os.dup(file.fileno())
    until.callback(os.close, handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # somebody has it, or the file system knows no locks: then nothing is swept
        return False
    return True


def _sweep(path: Path) -> None:
    """Remove the temporary files that killed writers of `path` have left."""
    name = re.compile(re.escape(_stem(path)) + r"\d+-[0-9a-f]{8}\.part")
    with contextlib.suppress(OSError):
        for part in [p for p in path.parent.iterdir() if name.fullmatch(p.name)]:
            with (
                contextlib.suppress(OSError),
                part.open("r+b") as file,
                contextlib.ExitStack() as s,
            ):
                if _lock(file, s, wait=False):
                    part.unlink()


def _sync_folder(folder: Path) -> None:
    """Flush the folder's entry to the disk; file systems that cannot do it (and Windows) are left alone."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
