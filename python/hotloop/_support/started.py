"""The command ``hotloop`` where the package cannot be imported: its module for that cannot be, either."""

from __future__ import annotations

import sys
from pathlib import PurePath


def end_command(error: ImportError) -> None:
    """Leave with code 1 and one line on stderr if this process is the command; else do nothing."""
    # Python names a module "-m" while it looks for it.
    behind = sys.orig_argv[sys.orig_argv.index("-m") + 1 :] if sys.argv[:1] == ["-m"] else []
    module = behind[:1] and behind[0].partition(".")[0] == "hotloop"
    if module or PurePath(sys.argv[0] if sys.argv else "").stem == "hotloop":
        sys.exit(f"hotloop: {error}")
