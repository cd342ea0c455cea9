"""Count the cache misses of matrix products: ``python bench/cache_misses.py [--only TEXT]``.

Runs each product under valgrind's cachegrind, on AVX2, for three machines that are told to it and to
hotloop, and prints the data misses of the first and of the last simulated level per fused
multiply-add of a vector. Counts do not depend on the machine that counts, nor on how busy it is.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hotloop._bench.measure import say, table

KILO = 1024
LINE = 64
SHAPES = ((512, 512, 512), (256, 1024, 1024), (128, 784, 512), (100, 784, 50))  # m, n, k
KINDS = ("NN", "TN", "NT")
LANES = 8  # of float32 in a vector of AVX2
SECONDS = 600


@dataclass(frozen=True)
class Machine:
    """The two cache levels that cachegrind simulates, sizes in bytes."""

    l1: int
    ways: int
    l2: int
    l2_ways: int

    @property
    def name(self) -> str:
        """Size and ways of the first level, size of the second."""
        return f"{self.l1 // KILO} KB {self.ways}-way + {self.l2 // KILO} KB"

    @property
    def options(self) -> list[str]:
        """What cachegrind is told."""
        return [
            f"--D1={self.l1},{self.ways},{LINE}",
            f"--LL={self.l2},{self.l2_ways},{LINE}",
        ]


# cachegrind wants a power of two of sets: 1.25 MB in 20 ways has one.
MACHINES = (
    Machine(32 * KILO, 8, 512 * KILO, 8),
    Machine(48 * KILO, 12, 1280 * KILO, 20),
    Machine(32 * KILO, 8, 256 * KILO, 8),
)


def multiply(kind: str, m: int, n: int, k: int, times: int) -> None:
    """Run a product so many times; what the process under cachegrind does."""
    import numpy as np  # noqa: PLC0415 - as little as possible before what is counted

    from hotloop import functional  # noqa: PLC0415

    a = np.ones((k, m) if kind == "TN" else (m, k), np.float32)
    b = np.ones((n, k) if kind == "NT" else (k, n), np.float32)
    out = np.zeros((m, n), np.float32)
    for _ in range(times):
        functional.matmul(a, b, transpose_a=kind == "TN", transpose_b=kind == "NT", out=out)


def count(machine: Machine, kind: str, shape: tuple[int, int, int], times: int) -> tuple[int, int]:
    """Give the data misses of both levels of a process that runs a product so many times."""
    command = [
        "valgrind", "--tool=cachegrind", "--cache-sim=yes", "--cachegrind-out-file=/dev/null",
        *machine.options, sys.executable, str(Path(__file__).resolve()), "--multiply", kind,
        *map(str, shape), str(times),
    ]  # fmt: skip
    environment = {
        **os.environ,
        "HOTLOOP_ISA": "avx2",
        "HOTLOOP_NUM_THREADS": "1",
        "HOTLOOP_CACHE_SIZES": f"{machine.l1},{machine.l2},{8 * KILO * KILO}",
        "PYTHONHASHSEED": "0",
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    found = [re.search(rf"{name}\s+misses:\s+([\d,]+)", done.stderr) for name in ("D1", "LLd")]
    if done.returncode or not all(found):
        sys.exit(f"cachegrind failed:\n{done.stderr[-2000:]}")
    first, last = (int(match[1].replace(",", "")) for match in found if match)
    return first, last


def misses(machine: Machine, kind: str, shape: tuple[int, int, int]) -> tuple[float, float]:
    """Give the misses a vector multiply-add of a product whose arrays were used before."""
    once, twice = (count(machine, kind, shape, times) for times in (1, 2))
    m, n, k = shape
    fmas = m * n * k / LANES
    return (twice[0] - once[0]) / fmas, (twice[1] - once[1]) / fmas


def main() -> int:
    """Print the table."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--only", default="", metavar="TEXT", help="rows whose name contains TEXT")
    options.add_argument("--jobs", type=int, default=1, help="processes at a time")
    options.add_argument("--multiply", nargs=5, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.multiply:
        kind, *sizes = chosen.multiply
        m, n, k, times = map(int, sizes)
        multiply(kind, m, n, k, times)
        return 0
    rows = [(kind, shape) for shape in SHAPES for kind in KINDS]
    names = [f"{kind} {m}x{n}x{k}" for kind, (m, n, k) in rows]
    wanted = [i for i, name in enumerate(names) if chosen.only in name]
    with ThreadPoolExecutor(chosen.jobs) as pool:
        cells = {
            (i, machine): pool.submit(misses, machine, *rows[i])
            for i in wanted
            for machine in MACHINES
        }
        lines = [
            [
                names[i],
                *(" / ".join(f"{x:.4f}" for x in cells[i, m].result()) for m in MACHINES),
            ]
            for i in wanted
        ]
    say("Misses of the first / the second level per vector FMA, float32, AVX2")
    say(table(("product", *(machine.name for machine in MACHINES)), lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
