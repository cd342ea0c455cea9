"""Lines that callbacks print."""

from __future__ import annotations

import sys


def tell(text: str) -> None:
    """Print a line at once, whatever collects the output; a progress bar makes room for it."""
    if sys.stdout is None:
        return
    tqdm = sys.modules.get("tqdm")
    if tqdm is not None:
        tqdm.tqdm.write(text, file=sys.stdout)
    else:
        sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
