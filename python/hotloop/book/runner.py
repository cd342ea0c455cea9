"""Running a script of the book as plain Python would, with `hotloop.book`'s modules in the book's place."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hotloop._support import scripts

__all__ = ["install", "main", "run"]

_PACKAGES = {
    "common": (
        "functions",
        "gradient",
        "layers",
        "multi_layer_net",
        "multi_layer_net_extend",
        "optimizer",
        "trainer",
        "util",
    ),
    "dataset": ("mnist",),
}
_TOOLKITS = ("_tkinter", "PyQt6", "PySide6", "PyQt5", "PySide2", "gi", "wx")


class _ReadersOwn:
    """Finds modules that a reader has added to a folder ``common`` or ``dataset`` on the path."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Look for ``common.NAME`` in the folders ``common`` beside what ``sys.path`` names."""
        package, _, rest = name.partition(".")
        if package not in _PACKAGES or not rest or "." in rest:
            return None
        del path, target
        places = [str(Path(place or ".").resolve() / package) for place in sys.path]
        return importlib.machinery.PathFinder.find_spec(name, places)


def install() -> None:
    """Give the names ``common.*`` and ``dataset.*`` to our modules, in this process.

    They are the same module objects as ``hotloop.book.common.*``, entered before any script changes
    ``sys.path``, so that no folder comes before them.

    Examples
    --------
    >>> install()
    >>> from common.functions import relu
    >>> relu.__module__
    'hotloop.book.common.functions'
    """
    for package, modules in _PACKAGES.items():
        ours = importlib.import_module(f"hotloop.book.{package}")
        sys.modules[package] = ours
        for module in modules:
            name = f"hotloop.book.{package}.{module}"
            sys.modules[f"{package}.{module}"] = importlib.import_module(name)
    if _ReadersOwn not in sys.meta_path:
        sys.meta_path.append(_ReadersOwn)


def _screen() -> bool:
    """Say whether figures can be shown: there is a display, and a toolkit for it."""
    if os.environ.get("MPLBACKEND", "").lower() == "agg":
        return False
    if sys.platform.startswith("linux"):
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            return False
        return any(importlib.util.find_spec(toolkit) for toolkit in _TOOLKITS)
    return True


def _save_figures(script: Path) -> None:
    """Let ``plt.show()`` and Pillow's ``Image.show`` save beside `script`, if that is what can be done."""
    chosen = os.environ.get("MPLBACKEND", "agg").lower()
    if chosen != "agg" or _screen():
        return
    os.environ["MPLBACKEND"] = "module://hotloop.book.figures"
    from hotloop.book import pictures  # noqa: PLC0415 - where there is a screen it is not needed

    pictures.begin(script)


def _prepare(script: Path) -> None:
    install()
    _save_figures(script)


def run(script: str | os.PathLike[str], args: Sequence[str] = ()) -> dict[str, Any]:
    """Run a script of the book in this process, and return what it left in its globals.

    Parameters
    ----------
    script : path
        The script; it runs as ``__main__``, in its own folder.
    args : sequence of str
        What it finds in ``sys.argv[1:]``.

    Returns
    -------
    dict
        The globals of the script.

    Raises
    ------
    OSError
        The script cannot be read.
    SyntaxError
        It is not Python.
    BaseException
        Whatever it raises, SystemExit included.

    Notes
    -----
    ``sys.argv``, ``sys.path[0]``, ``sys.modules["__main__"]``, the current folder and what matplotlib does
    with figures stay as the script had them: this is for one script in a process.

    Examples
    --------
    >>> run("ch04/gradient_1d.py")["y2"].shape  # doctest: +SKIP
    (200,)
    """
    return scripts.execute(script, args, _prepare, in_its_folder=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the script that the command line names.

    Parameters
    ----------
    argv : sequence of str, optional
        The script and its arguments; by default ``sys.argv[1:]``.

    Raises
    ------
    SystemExit
        With the script's own code; 1 after an exception, which is shown; 2 when there is no script.
    """
    scripts.command(argv, "hotloop.book", run)
