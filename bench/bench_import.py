"""Time ``import hotloop`` beside ``import numpy``, whole processes in turns: at most 1.5 times."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from hotloop._bench.measure import duration, say

LIMIT = 1.5


def seconds_to_import(module: str) -> float:
    """Time a fresh interpreter that imports ``module`` and ends."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    return time.perf_counter() - start


def measure(repeats: int = 15) -> dict[str, float]:
    """Give the medians of both imports and their ratio."""
    times: dict[str, list[float]] = {"numpy": [], "hotloop": []}
    for module in times:
        seconds_to_import(module)  # byte code and page cache
    for _ in range(repeats):
        for module, found in times.items():
            found.append(seconds_to_import(module))
    medians = {module: statistics.median(found) for module, found in times.items()}
    return {**medians, "ratio": medians["hotloop"] / medians["numpy"]}


def main(repeats: int = 15) -> int:
    """Print the comparison; 1 if the import is too slow."""
    found = measure(repeats)
    say(
        f"import numpy {duration(found['numpy'])}, import hotloop {duration(found['hotloop'])}: "
        f"{found['ratio']:.2f} times (at most {LIMIT})"
    )
    return int(found["ratio"] > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
