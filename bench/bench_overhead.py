"""Time of a training step outside the kernels: Python and binding, W0 and W1.

The recorded step of a model is a list of compiled plans. What ``train_on_batch`` takes beyond
running these plans alone is overhead.
"""

from __future__ import annotations

import gc
from typing import Any

from cases import WORKLOADS
from hotloop._bench.measure import Sample, duration, interleave, say, time_calls
from hotloop._bench.steps import hotloop_step
from hotloop._bench.workloads import Workload
from hotloop.engine.program import Program

LIMITS = {"W0": 15e-6, "W1": 25e-6}


def measure(workload: Workload, seconds: float = 1.0) -> dict[str, float]:
    """Give the medians of a step, of its plans alone, and their difference."""
    known = {id(p) for p in _programs()}
    step, model = hotloop_step(workload)
    for _ in range(5):
        step()
    plans = [plan for p in _programs() if id(p) not in known for plan in p.plans]

    def kernels() -> None:
        for plan in plans:
            plan.run()

    samples: dict[str, Sample] = interleave(
        {"step": lambda s: time_calls(step, s), "kernels": lambda s: time_calls(kernels, s)},
        seconds,
        rounds=5,
    )
    del model
    whole, inside = samples["step"].median, samples["kernels"].median
    return {"step": whole, "kernels": inside, "overhead": whole - inside, "plans": len(plans)}


def _programs() -> list[Any]:
    return [found for found in gc.get_objects() if isinstance(found, Program)]


def main(seconds: float = 1.0) -> dict[str, dict[str, float]]:
    """Print the overhead of the workloads that have a limit."""
    found = {}
    for workload in WORKLOADS:
        if workload.name in LIMITS:
            times = found[workload.name] = measure(workload, seconds)
            say(
                f"{workload.name}: step {duration(times['step'])}, kernels "
                f"{duration(times['kernels'])}, Python and binding "
                f"{duration(times['overhead'])} (at most {duration(LIMITS[workload.name])})"
            )
    return found


if __name__ == "__main__":
    main()
