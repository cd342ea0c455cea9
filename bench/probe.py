"""The roof of this machine: FMA peak, bandwidth, and whether it is quiet enough to measure on.

Run first and last: ``python bench/probe.py``.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import hotloop
from hotloop import _core
from hotloop._bench.measure import say

QUIET = 0.95  # of the cores: two threads must reach 1.9 times the FMA peak of one
TRIAD_BYTES = 256 * 2**20  # over three arrays; past the caches


@dataclass(frozen=True)
class Roof:
    """Peaks in FLOP/s by type and threads, bandwidth in bytes/s by threads, and the verdict."""

    flops: dict[str, dict[int, float]]
    bandwidth: dict[int, float]
    threads: int
    speedup: float

    @property
    def quiet(self) -> bool:
        """Whether a second thread brought a second core's work."""
        return self.threads == 1 or self.speedup >= QUIET * self.threads

    def seconds(self, flops: float, moved: float, dtype: str, threads: int) -> float:
        """Time below which no program can stay: arithmetic or, if longer, traffic."""
        arithmetic = flops / self.flops[dtype][threads]
        return max(arithmetic, moved / self.bandwidth[threads])

    def verdict(self) -> str:
        """Say in plain words whether the figures hold."""
        if self.threads == 1:
            return "One thread only: whether the machine is quiet cannot be told."
        if self.quiet:
            return (
                f"The machine is quiet: {self.threads} threads reach {self.speedup:.2f} times one."
            )
        return (
            f"THE MACHINE IS NOT QUIET: {self.threads} threads reach {self.speedup:.2f} times the "
            f"FMA peak of one, {QUIET * self.threads:.2f} is needed. The figures of this run are void."
        )

    def lines(self) -> list[str]:
        """Write the roof for people."""
        text = []
        for dtype, peaks in self.flops.items():
            each = ", ".join(f"{n} thread(s) {peak / 1e9:.0f}" for n, peak in peaks.items())
            text.append(f"FMA peak {dtype}: {each} GFLOP/s")
        each = ", ".join(f"{n} thread(s) {b / 1e9:.1f}" for n, b in self.bandwidth.items())
        return [*text, f"bandwidth (triad): {each} GB/s", self.verdict()]

    def record(self) -> dict[str, object]:
        """Give the roof as plain data for JSON."""
        return {
            "flops": {d: {str(n): p for n, p in peaks.items()} for d, peaks in self.flops.items()},
            "bandwidth": {str(n): b for n, b in self.bandwidth.items()},
            "speedup": self.speedup,
            "quiet": self.quiet,
        }


def measure(seconds: float = 0.2, repeats: int = 5) -> Roof:
    """Measure the roof with the compiled probes.

    Parameters
    ----------
    seconds
        Length of one FMA run.
    repeats
        Runs of each probe. Peaks are the best run; the two-thread ratio, which tells whether
        another process takes part of a core, is the median of runs taken side by side.
    """
    threads = hotloop.get_num_threads()
    counts = sorted({1, threads})
    flops: dict[str, dict[int, float]] = {}
    for dtype in ("float32", "float64"):
        flops[dtype] = {
            n: max(_core.fma_peak(dtype, n, seconds) for _ in range(repeats)) * 1e9 for n in counts
        }
    bandwidth = {n: max(_core.triad(TRIAD_BYTES, n) for _ in range(repeats)) * 1e9 for n in counts}
    if threads == 1:
        return Roof(flops, bandwidth, 1, 1.0)
    # Both the peaks and the pairs must show the second core: each misses some disturbances.
    of_peaks = flops["float32"][threads] / flops["float32"][1]
    return Roof(flops, bandwidth, threads, min(of_peaks, speedup(threads, seconds, repeats)))


def speedup(threads: int, seconds: float, repeats: int) -> float:
    """Measure how many times one thread's FMA peak all threads reach, pairwise, as a median."""
    ratios = []
    for _ in range(repeats):
        one = _core.fma_peak("float32", 1, seconds)
        ratios.append(_core.fma_peak("float32", threads, seconds) / one)
        time.sleep(0.02)
    return statistics.median(ratios)


if __name__ == "__main__":
    for line in measure().lines():
        say(line)
