"""Running a user's script as ``python`` would, with some names of modules given to ours."""

from __future__ import annotations

import importlib.machinery
import os
import signal
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["command", "execute"]


def execute(
    script: str | os.PathLike[str],
    args: Sequence[str],
    prepare: Callable[[Path], None],
    *,
    in_its_folder: bool = False,
) -> dict[str, Any]:
    """Run a script in this process, and return what it left in its globals.

    Parameters
    ----------
    script : path
        The script; it runs as ``__main__``.
    args : sequence of str
        What it finds in ``sys.argv[1:]``.
    prepare : callable
        Called with the path before the script runs.
    in_its_folder : bool
        Whether the current folder becomes that of the script.

    Raises
    ------
    OSError
        The script cannot be read.
    SyntaxError
        It is not Python.
    BaseException
        Whatever it raises, SystemExit included.
    """
    path = Path(os.path.abspath(script))  # noqa: PTH100 - like Python: absolute, links not followed
    code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    folder = path.resolve().parent
    prepare(path)
    if in_its_folder:
        os.chdir(path.parent)
    module = types.ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", str(path))
    module.__dict__.update(
        __file__=str(path), __cached__=None, __builtins__=__builtins__, __loader__=loader
    )
    sys.modules["__main__"] = module
    sys.argv = [path.name if in_its_folder else str(script), *args]
    if not getattr(sys.flags, "safe_path", False):
        # What stands there is the folder that this process was started in, as for any "python -m".
        sys.path[:1] = [str(folder)]
    exec(code, module.__dict__)
    return module.__dict__


def _die(error: BaseException, own: set[str]) -> NoReturn:
    """Show an exception of the script as Python would, without our frames, and leave with its exit code."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in own:
        trace = trace.tb_next
    sys.excepthook(type(error), error.with_traceback(trace), trace)
    if isinstance(error, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.exit(1)


def command(
    argv: Sequence[str] | None, program: str, run: Callable[[str, Sequence[str]], Any]
) -> None:
    """Run the script that a command line names.

    Parameters
    ----------
    argv : sequence of str, optional
        The script and its arguments; by default ``sys.argv[1:]``.
    program : str
        The module that was started: ``"hotloop.book"``.
    run : callable
        ``run(script, args)``.

    Raises
    ------
    SystemExit
        With the script's own code; 1 after an exception, which is shown; 2 when there is no script.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    if not given or given[0] in ("-h", "--help"):
        usage = f"usage: python -m {program} SCRIPT.py [args]\n"
        (sys.stdout if given else sys.stderr).write(usage)
        sys.exit(0 if given else 2)
    script = given[0]
    try:
        with open(script, "rb"):  # noqa: PTH123 - as Python opens it
            pass
    except OSError as error:
        sys.stderr.write(f"{program}: can't open file {script!r}: {error.strerror}\n")
        sys.exit(2)
    try:
        run(script, given[1:])
    except SystemExit:
        raise
    except BaseException as error:
        _die(error, {__file__, run.__code__.co_filename})
