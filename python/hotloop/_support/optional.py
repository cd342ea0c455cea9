"""Packages that an extra brings."""

from __future__ import annotations

import importlib
from typing import Any


def needed(package: str, extra: str) -> Any:
    """Import a package; without it an ImportError says in one line what to install."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        if error.name != package:
            raise
        msg = f"this needs {package}: pip install 'hotloop[{extra}]'"
        raise ImportError(msg) from error
