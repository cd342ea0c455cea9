"""One contender in a process of its own: builds and times what the parent asks for over a pipe."""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from peers.base import Peer, Task, UnsupportedError

WARM_UP = 0.2  # of a turn: pools wake up, caches fill
PROBE = 0.002  # seconds of multiply-adds after a turn
PROBE_BYTES = 64 * 2**20  # of a triad after a turn


def main(library: str) -> None:
    """Answer requests from standard input until it closes.

    Replies go to the real standard output; whatever the library prints goes to standard error.
    """
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    worker = Worker(library)
    while True:
        try:
            name, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            reply = ("ok", getattr(worker, name)(*arguments))
        except UnsupportedError as error:
            reply = ("unsupported", str(error))
        except Exception:
            reply = ("error", traceback.format_exc(limit=-6))
        pickle.dump(reply, replies, protocol=5)
        replies.flush()


class Worker:
    """The requests that a parent can make."""

    def __init__(self, library: str) -> None:
        self._library = library
        self._peer: Peer | None = None
        self._tasks: dict[str, Task] = {}

    def load(self) -> str:
        """Import the library and its peer module; give the name of the library."""
        self._peer = cast("Peer", importlib.import_module(f"peers.{self._library}_peer"))
        return self._library

    def variants(self, job: Any) -> list[str]:
        """Name the ways to do the job, and forget the tasks of the job before."""
        self._tasks.clear()
        gc.collect()
        assert self._peer is not None
        return self._peer.variants(job)

    def build(self, job: Any, variant: str) -> tuple[list[Any], bool]:
        """Make a job ready and give its outputs and whether weights are channels-first."""
        assert self._peer is not None
        task = self._peer.build(job, variant)
        outputs = task.outputs()
        self._tasks[variant] = task
        return outputs, task.channels_first

    def time(self, variant: str, seconds: float) -> list[float]:
        """Time single runs for ``seconds``, at least two, after an unrecorded warm-up."""
        return time_runs(self._tasks[variant].run, seconds)

    def roof(self, flops: float, moved: float, dtype: str) -> float:
        """Give the least seconds for so much arithmetic or traffic, as of now."""
        core = importlib.import_module("hotloop._core")
        threads = core.get_num_threads()
        arithmetic: float = flops / (core.fma_peak(dtype, threads, PROBE) * 1e9)
        traffic: float = moved / (core.triad(PROBE_BYTES, threads) * 1e9) if moved else 0.0
        return max(arithmetic, traffic)

    def peak_memory(self) -> int:
        """Largest resident set of this process so far, in bytes."""
        return peak_memory()


def time_runs(run: Callable[[], object], seconds: float) -> list[float]:
    """Time single calls until the seconds are used up; garbage collection waits."""
    clock = time.perf_counter
    begin = clock()
    run()
    while clock() < begin + WARM_UP * seconds:
        run()
    times: list[float] = []
    gc.disable()
    while len(times) < 2 or clock() < begin + seconds:
        start = clock()
        run()
        times.append(clock() - start)
    gc.enable()
    return times


def peak_memory() -> int:
    """Largest resident set of this process so far, in bytes.

    Linux's VmHWM belongs to the program; ru_maxrss counts the parent's pages from before exec.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    import resource  # noqa: PLC0415 - not on every system

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main(sys.argv[1])
