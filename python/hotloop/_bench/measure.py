"""Agreement before speed, timing in turns, facts of the machine, tables."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import hotloop
from hotloop import _core
from hotloop._bench.workloads import Array


class DisagreementError(Exception):
    """A contender's answer differs from the reference; it is not timed."""


def relative_error(got: Array, want: Array) -> float:
    """Largest difference over the largest reference value; infinite where shapes or NaNs differ."""
    if got.shape != want.shape:
        return float("inf")
    if got.size == 0:
        return 0.0
    a, b = got.astype(np.float64), want.astype(np.float64)
    finite = np.isfinite(b)
    same = np.array_equal(a[~finite], b[~finite], equal_nan=True)
    if not same or not np.isfinite(a[finite]).all():
        return float("inf")
    scale = float(np.abs(b[finite]).max(initial=0.0))
    worst = float(np.abs(a[finite] - b[finite]).max(initial=0.0))
    return worst / scale if scale else worst


def require_agreement(
    got: Sequence[Array], want: Sequence[Array], tolerance: float, what: str
) -> None:
    """Raise ``DisagreementError`` unless every array is within ``tolerance`` of the reference.

    Raises
    ------
    DisagreementError
        If the number of arrays, a shape or a value differs; the text names which.
    """
    if len(got) != len(want):
        message = f"{what}: {len(got)} outputs, the reference has {len(want)}"
        raise DisagreementError(message)
    for index, (g, w) in enumerate(zip(got, want, strict=True)):
        error = relative_error(np.asarray(g), np.asarray(w))
        if not error <= tolerance:
            shapes = f"shapes {np.shape(g)} and {np.shape(w)}"
            message = (
                f"{what}: output {index} is off by {error:.1e} of the largest reference value "
                f"(allowed {tolerance:.0e}; {shapes})"
            )
            raise DisagreementError(message)


def time_calls(call: Callable[[], object], seconds: float, least: int = 3) -> list[float]:
    """Time single calls until ``seconds`` are used up, after a short unrecorded warm-up."""
    clock = time.perf_counter
    end = clock() + min(0.2 * seconds, 0.02)
    call()
    while clock() < end:
        call()
    times: list[float] = []
    collecting = gc.isenabled()
    gc.disable()
    try:
        end = clock() + seconds
        while len(times) < least or clock() < end:
            start = clock()
            call()
            times.append(clock() - start)
    finally:
        if collecting:
            gc.enable()
    return times


@dataclass
class Sample:
    """Times of one contender, in seconds."""

    times: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median of all single times."""
        return statistics.median(self.times)

    @property
    def best(self) -> float:
        """Fastest single time."""
        return min(self.times)


def interleave(
    contenders: Mapping[str, Callable[[float], list[float]]],
    seconds: float,
    rounds: int,
    pause: float = 0.03,
) -> dict[str, Sample]:
    """Let contenders take turns, each round in another order, and collect their times.

    Parameters
    ----------
    contenders
        By name, a function that times itself for the given number of seconds.
    seconds
        Time for all turns together, pauses and warm-ups not counted.
    rounds
        Number of turns of each contender.
    pause
        Rest between turns: thread pools spin for some milliseconds after their last work and
        would take a core from the next contender.
    """
    samples = {name: Sample() for name in contenders}
    order = list(contenders)
    turn = seconds / max(1, rounds * len(order))
    for _ in range(rounds):
        for name in order:
            time.sleep(pause)
            samples[name].times += contenders[name](turn)
        order = order[1:] + order[:1]
    return samples


def machine(libraries: Iterable[str] = ()) -> dict[str, Any]:
    """Give what belongs beside every figure: processor, cores, instruction set, versions."""
    facts: dict[str, Any] = {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "python": platform.python_version(),
        "hotloop": hotloop.__version__,
        "threads": hotloop.get_num_threads(),
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
    }
    facts.update({key: value for key, value in _core.config().items() if key not in facts})
    for library in ("numpy", *libraries):
        try:
            facts[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            facts[library] = None
    return facts


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def describe(facts: Mapping[str, Any]) -> str:
    """Put the facts of ``machine`` into one line."""
    versions = ", ".join(
        f"{key} {facts[key]}"
        for key in ("numpy", "torch", "jax", "keras", "scikit-learn")
        if facts.get(key)
    )
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['system']}; hotloop "
        f"{facts['hotloop']} on {facts.get('isa', '?')} with {facts['threads']} threads; "
        f"Python {facts['python']}, {versions}; {facts['date']}"
    )


def duration(seconds: float | None) -> str:
    """Write a time with three figures and its unit.

    >>> duration(0.0000123), duration(0.00456), duration(7.0), duration(None)
    ('12.3 us', '4.56 ms', '7.00 s', '-')
    """
    if seconds is None:
        return "-"
    for scale, unit in ((1e-6, "us"), (1e-3, "ms"), (1.0, "s")):
        value = seconds / scale
        if value < 999.5 or unit == "s":
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {unit}"
    return "-"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Set rows of text in columns: the first to the left, the others to the right."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def say(text: str = "") -> None:
    """Write one line to standard output at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
