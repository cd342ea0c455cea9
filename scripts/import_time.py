"""Time ``import hotloop`` against ``import numpy``, whole processes; fails above the limit.

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
    """Print the two times and their ratio."""
    limit = float(sys.argv[1]) if len(sys.argv) > 1 else 1.5
    best = dict.fromkeys(("numpy", "hotloop"), float("inf"))
    # In turns, and the best of each: a busy machine slows both, and only ever adds.
    for _ in range(ROUNDS):
        for module, so_far in best.items():
            best[module] = min(so_far, seconds(module))
    ratio = best["hotloop"] / best["numpy"]
    sys.stdout.write(
        f"import numpy {best['numpy'] * 1e3:.0f} ms, import hotloop {best['hotloop'] * 1e3:.0f} ms, "
        f"ratio {ratio:.2f} (limit {limit})\n"
    )
    return int(ratio > limit)


if __name__ == "__main__":
    sys.exit(main())
