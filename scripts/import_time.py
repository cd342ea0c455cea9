"""Time ``import hotloop`` against ``import numpy``, whole processes; fails above the limit.

``import hotloop`` loads NumPy only when it is first needed, so the time until a model can be made
is printed beside it; the limit is for the first.

Usage: ``python scripts/import_time.py [LIMIT]``, with the Python that has hotloop installed.
"""

from __future__ import annotations

import subprocess
import sys
import time

ROUNDS = 15


def seconds(module: str) -> float:
    """Time one process that imports `module` and ends."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    return time.perf_counter() - started


def main() -> int:
    """Print the times and their ratios."""
    limit = float(sys.argv[1]) if len(sys.argv) > 1 else 1.5
    best = dict.fromkeys(("numpy", "hotloop", "hotloop.models"), float("inf"))
    # In turns, and the best of each: a busy machine slows both, and only ever adds.
    for _ in range(ROUNDS):
        for module, so_far in best.items():
            best[module] = min(so_far, seconds(module))
    ratio = best["hotloop"] / best["numpy"]
    for module, so_far in best.items():
        sys.stdout.write(
            f"import {module}: {so_far * 1e3:.0f} ms, {so_far / best['numpy']:.2f} of NumPy's\n"
        )
    sys.stdout.write(f"limit for import hotloop: {limit}\n")
    return int(ratio > limit)


if __name__ == "__main__":
    sys.exit(main())
