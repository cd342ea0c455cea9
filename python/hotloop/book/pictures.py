"""Where pictures go when there is no screen: beside the script, numbered in the order in which they are shown."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["begin", "save"]

_script = Path("figure.py")
_count = 0


def begin(script: Path) -> None:
    """Save the pictures of `script` from now on, the first as ``SCRIPT_1.png``; Pillow's, too.

    Parameters
    ----------
    script : Path
        The pictures are saved in its folder.
    """
    global _script, _count
    _script, _count = script, 0
    with contextlib.suppress(ImportError):
        _take_pillow()


def save(write: Callable[[Path], object], path: Path | None = None) -> Path:
    """Save one picture and say where.

    Parameters
    ----------
    write : callable
        Is given the path that it is to write, which ends in .png.
    path : Path, optional
        Where an earlier state of the same picture went.

    Returns
    -------
    Path
        Where the picture is; when it could not be written, a line says why.
    """
    global _count  # noqa: PLW0603 - one script a process
    if path is None:
        _count += 1
        path = _script.with_name(f"{_script.stem}_{_count}.png")
    try:
        write(path)
    except OSError as error:
        line = f"hotloop.book: the figure could not be saved: {error}"
    else:
        line = f"hotloop.book: no screen, the figure is in {path}"
    # Standard output is the script's own, and may be somebody's data.
    print(line, file=sys.stderr, flush=True)  # noqa: T201
    return path


def _take_pillow() -> None:
    """Put a viewer before those of Pillow, which would look for a program with a window."""
    from PIL import ImageShow  # noqa: PLC0415 - Pillow may be absent

    class Saved(ImageShow.Viewer):
        def show(self, image: Any, **options: Any) -> int:  # noqa: ARG002 - Pillow's signature
            save(image.save)
            return 1

    ImageShow.register(Saved, 0)
