"""Running a PyTorch script as it is: its ``torch`` and ``torchvision`` are hotloop's.

python -m hotloop.torch SCRIPT.py [args]
"""

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

_NAMES = ("torch", "torchvision")


class _Loader:
    """Answers with a module of hotloop's, which stays what it is."""

    @staticmethod
    def create_module(spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """Return our module, and remember its own description."""
        module = importlib.import_module(f"hotloop.{spec.name}")
        spec.loader_state = module.__spec__
        return module

    @staticmethod
    def exec_module(module: types.ModuleType) -> None:
        """Give the module back its own description; it has run already."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


class _Ours:
    """Finds ``torch.nn`` where ``hotloop.torch.nn`` is."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Look for a module of hotloop's under PyTorch's name."""
        del path, target
        if name.partition(".")[0] not in _NAMES:
            return None
        if importlib.util.find_spec(f"hotloop.{name}") is None:
            msg = f"No module named {name!r} in hotloop; docs/pytorch.md says what there is"
            raise ModuleNotFoundError(msg, name=name)
        loader: Any = _Loader
        return importlib.machinery.ModuleSpec(name, loader, is_package=True)


def install() -> None:
    """Give the names ``torch`` and ``torchvision`` to our modules, in this process.

    Examples
    --------
    >>> install()  # doctest: +SKIP
    >>> import torch.nn  # doctest: +SKIP
    >>> torch.nn.Linear.__module__  # doctest: +SKIP
    'hotloop.torch.nn.modules.linear'
    """
    finder: Any = _Ours
    if finder not in sys.meta_path:
        sys.meta_path.insert(0, finder)
    for name in [name for name in sys.modules if name.partition(".")[0] in _NAMES]:
        del sys.modules[name]


def _prepare(script: Path) -> None:
    del script
    install()


def run(script: str | os.PathLike[str], args: Sequence[str] = ()) -> dict[str, Any]:
    """Run a PyTorch script in this process, and return what it left in its globals.

    Parameters
    ----------
    script : path
        The script; it runs as ``__main__``, in the current folder.
    args : sequence of str
        What it finds in ``sys.argv[1:]``.

    Raises
    ------
    OSError
        The script cannot be read.
    BaseException
        Whatever it raises, SystemExit included.

    Notes
    -----
    ``sys.argv``, ``sys.path[0]`` and ``sys.modules`` stay as the script had them: this is for one script
    in a process.
    """
    return scripts.execute(script, args, _prepare)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the script that the command line names; see `hotloop._support.scripts.command`."""
    scripts.command(argv, "hotloop.torch", run)
