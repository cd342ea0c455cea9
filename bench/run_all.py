"""The whole benchmark with one command: table, JSON and chart.

``python bench/run_all.py`` takes about half an hour; with ``--quick`` it ends in two minutes.
"""

from __future__ import annotations

from pathlib import Path

import bench_ends
import bench_fit
import bench_import
import bench_memory
import bench_overhead
import bench_own_steps
from hotloop._bench.measure import say
from topics import TOPICS, finish, parser, run


def main() -> int:
    """Run every topic; the exit code is 1 if any answer differs."""
    made = parser(__doc__ or "")
    made.set_defaults(json=Path("benchmark.json"), chart=Path("benchmark.png"))
    options = made.parse_args()
    report = run(
        TOPICS,
        quick=options.quick,
        only=options.only,
        libraries=tuple(options.libraries.split(",")) if options.libraries else None,
        seconds=options.seconds,
    )
    code = finish(report, options)
    say("\nImport, step overhead, memory")
    report.extras["import"] = bench_import.measure(3 if options.quick else 15)
    say(f"import hotloop / import numpy: {report.extras['import']['ratio']:.2f}")
    report.extras["overhead"] = bench_overhead.main(0.3 if options.quick else 2.0)
    report.extras["fit"] = bench_fit.main(3 if options.quick else 9)
    report.extras["ends"] = bench_ends.main(1.0 if options.quick else 4.0)
    report.extras["own steps"] = bench_own_steps.main(1.0 if options.quick else 6.0)
    if not options.quick:
        report.extras["memory"] = bench_memory.measure()
    report.write(options.json)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
