"""Count the parallel regions of a training step: ``python bench/regions.py [--threads 2,8,16,64]``.

A region ends with one wait for all its slices, so regions are barriers too. Parts are the threads
that a region is cut for: fewer than there are where the work of an op is not worth them all. The
counts depend on shapes and on the number of threads, not on the machine.
"""

from __future__ import annotations

import argparse

import hotloop
from cases import WORKLOADS
from hotloop import _core
from hotloop._bench.measure import say, table
from hotloop._bench.steps import build_model
from hotloop._bench.workloads import Workload

STEPS = 4


def count(workload: Workload, threads: int) -> tuple[float, float]:
    """Return the regions of a step and the mean number of their parts."""
    before = hotloop.get_num_threads()
    hotloop.set_num_threads(threads)
    try:
        model = build_model(hotloop, workload)
        model.set_weights(workload.make_weights())
        x, labels = workload.make_batch()
        model.train_on_batch(x, labels)
        first = _core.region_count()
        for _ in range(STEPS):
            model.train_on_batch(x, labels)
        last = _core.region_count()
    finally:
        hotloop.set_num_threads(before)
    regions = last[0] - first[0]
    return regions / STEPS, (last[1] - first[1]) / max(regions, 1)


def main() -> int:
    """Print a line for each workload."""
    parser = argparse.ArgumentParser(description="Parallel regions of a training step")
    parser.add_argument("--threads", default="2,8,16,64", metavar="A,B")
    options = parser.parse_args()
    counts = [int(text) for text in options.threads.split(",")]
    rows = []
    for workload in WORKLOADS:
        found = [count(workload, threads) for threads in counts]
        rows.append(
            [
                f"{workload.name} {workload.title}",
                f"{found[0][0]:g}",
                *(f"{parts:.1f}" for _, parts in found),
            ]
        )
    head = ("step", "regions", *(f"parts, {n} threads" for n in counts))
    say(table(head, rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
