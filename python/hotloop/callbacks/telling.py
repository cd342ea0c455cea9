"""Lines that callbacks print."""

from __future__ import annotations

import sys


def tell(text: str) -> None:
    """Print a line at once, whatever collects the output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
