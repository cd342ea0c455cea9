"""Writing a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

__all__ = ["atomic_open"]


@contextlib.contextmanager
def atomic_open(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path` for writing; at the end of the block it becomes `path`.

    The bytes are flushed to the disk before the name changes, and the folder after it, so a crash leaves the
    old file or the new one. When the block raises, the temporary file goes and `path` stays as it was. Two
    processes that write the same path do not meet: the later replaces the earlier.

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
        The folder is missing, read-only or full.

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
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    # Not tempfile: its files have mode 0600, and the user's umask should decide.
    try:
        with temporary.open("x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Flush the folder's entry to the disk; file systems that cannot do it (and Windows) are left alone."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
