"""Running a script of the book as plain Python would, with `hotloop.book`'s modules in the book's place."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import signal
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

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
_USAGE = "usage: python -m hotloop.book SCRIPT.py [args]"


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
    path = Path(os.path.abspath(script))  # noqa: PTH100 - like Python: absolute, links not followed
    code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    install()
    folder = path.resolve().parent
    _save_figures(path)
    os.chdir(path.parent)
    module = types.ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", str(path))
    module.__dict__.update(
        __file__=str(path), __cached__=None, __builtins__=__builtins__, __loader__=loader
    )
    sys.modules["__main__"] = module
    sys.argv = [path.name, *args]
    if not getattr(sys.flags, "safe_path", False):
        # What stands there is the folder that this process was started in, as for any "python -m".
        sys.path[:1] = [str(folder)]
    exec(code, module.__dict__)
    return module.__dict__


def _die(error: BaseException) -> NoReturn:
    """Show an exception of the script as Python would, without our frames, and leave with its exit code."""
    # The frames of main and run come before the script's own.
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.excepthook(type(error), error.with_traceback(trace), trace)
    if isinstance(error, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.exit(1)


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
    given = list(sys.argv[1:] if argv is None else argv)
    if not given or given[0] in ("-h", "--help"):
        print(_USAGE, file=sys.stdout if given else sys.stderr)
        sys.exit(0 if given else 2)
    script = given[0]
    try:
        with open(script, "rb"):  # noqa: PTH123 - as Python opens it
            pass
    except OSError as error:
        sys.stderr.write(f"hotloop.book: can't open file {script!r}: {error.strerror}\n")
        sys.exit(2)
    try:
        run(script, given[1:])
    except SystemExit:
        raise
    except BaseException as error:
        _die(error)
