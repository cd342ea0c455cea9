"""What the benchmark scripts share: options, the run of a topic, the record and the chart."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import hotloop
from cases import CONV, ELEMENTWISE, GEMM, UNSEEN, WORKLOADS, Case
from harness import Bench, Prepared, prepare_op, prepare_training
from hotloop._bench.measure import describe, machine, say
from hotloop._bench.workloads import Workload
from peers.client import contenders
from probe import Roof, measure
from rows import Row, derive, geometric_mean, plain, render

LIBRARIES = ("torch", "jax", "keras", "scikit-learn")
QUICK_LIBRARIES = ("hotloop", "hotloop_pool", "numpy", "torch", "jax")


@dataclass(frozen=True)
class Topic:
    """A group of rows and the seconds it may take, in a full and in a quick run."""

    name: str
    title: str
    jobs: Callable[[bool, str], list[Callable[[], Prepared]]]
    libraries: tuple[str, ...]
    seconds: float
    quick_seconds: float


def _ops(cases: Sequence[Case], quick: bool, only: str) -> list[Callable[[], Prepared]]:
    chosen = [c for c in cases if only in c.name and (c.quick or not quick)]
    return [partial(prepare_op, c) for c in chosen]


def _steps(workloads: Sequence[Workload], quick: bool, only: str) -> list[Callable[[], Prepared]]:
    chosen = [w for w in workloads if only in f"{w.name} {w.title}"]
    chosen = [w for w in chosen if w.name.startswith("W") or not quick]
    return [partial(prepare_training, w) for w in chosen]


_ARRAYS = ("hotloop", "numpy", "torch", "jax")
TOPICS = {
    topic.name: topic
    for topic in (
        Topic("gemm", "Matrix products", partial(_ops, GEMM), _ARRAYS, 240, 9),
        Topic("conv", "Convolutions, channels-last", partial(_ops, CONV), _ARRAYS, 480, 14),
        Topic(
            "elementwise",
            "Elementwise, softmax, pooling, norms, updates",
            partial(_ops, ELEMENTWISE),
            _ARRAYS,
            1200,
            10,
        ),
        Topic(
            "training",
            "Training steps",
            partial(_steps, [*WORKLOADS, *UNSEEN]),
            ("hotloop_pool", *_ARRAYS, "keras", "sklearn"),
            480,
            24,
        ),
    )
}


def derived(topic: str, rows: Sequence[Row]) -> list[Row]:
    """Add the rows that are differences of measured ones: dx of a convolution."""
    if topic != "conv":
        return []
    found = [
        derive(rows, case.name, case.minus, case.minus.removesuffix("dw") + "dx", case.flops / 2)
        for case in CONV
        if case.minus
    ]
    return [row for row in found if row is not None]


@dataclass
class Report:
    """Everything that a run found out."""

    facts: dict[str, Any]
    before: Roof
    after: Roof | None = None
    topics: dict[str, list[Row]] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)

    @property
    def wrong(self) -> list[str]:
        """Answers that differed and contenders that failed."""
        return [text for rows in self.topics.values() for row in rows for text in row.wrong]

    def verdict(self) -> str:
        """Say whether the figures hold: the machine must be quiet before and after."""
        if self.after is not None and self.before.quiet:
            return self.after.verdict()
        return self.before.verdict()

    def print_table(self) -> None:
        """Print all rows, topic by topic."""
        say(describe(self.facts))
        for line in self.before.lines():
            say(line)
        for name, rows in self.topics.items():
            say(f"\n{TOPICS[name].title}\n{render(rows, self.before)}")
            mean, torch = (
                geometric_mean(values)
                for values in ((r.ratio for r in rows), (r.ratio_to_torch for r in rows))
            )
            if mean is not None:
                say(f"geometric mean over the fastest peer {mean:.2f}x")
            if torch is not None:
                say(f"geometric mean over PyTorch at its best {torch:.2f}x")
            teams = geometric_mean(r.ratio_to_pool for r in rows)
            if teams is not None:
                say(f"OpenMP's team over the pool: geometric mean {teams:.2f}x")
        for text in self.wrong:
            say(f"WRONG: {text}")
        say(self.verdict())

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        record = {
            "machine": self.facts,
            "roof": self.before.record(),
            "roof_after": self.after.record() if self.after else None,
            "verdict": self.verdict(),
            "topics": {name: plain(rows) for name, rows in self.topics.items()},
            **self.extras,
        }
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def run(
    names: Iterable[str],
    *,
    quick: bool = False,
    only: str = "",
    libraries: tuple[str, ...] | None = None,
    seconds: float | None = None,
) -> Report:
    """Run topics one after the other and give what they found.

    Parameters
    ----------
    names
        Names of topics.
    quick
        Fewer rows, short turns, no slow-starting libraries.
    only
        Take only the rows whose name contains this.
    libraries
        Contenders by library; the usual ones of each topic if absent.
    seconds
        Time for each topic in place of the usual one.
    """
    facts = machine(LIBRARIES)
    roof = measure(0.05, 3) if quick else measure()
    for line in roof.lines():
        say(line)
    report = Report(facts, roof)
    wanted = libraries or (QUICK_LIBRARIES if quick else TOPICS["training"].libraries)
    topics = [TOPICS[name] for name in names]
    used = {library for topic in topics for library in topic.libraries if library in wanted}
    with Bench(contenders(hotloop.get_num_threads(), used)) as bench:
        say(f"contenders: {', '.join(bench.names)}")
        for text in bench.absent:
            say(f"absent: {text}")
        for topic in topics:
            say(f"\n{topic.title}")
            limit = seconds or (topic.quick_seconds if quick else topic.seconds)
            jobs = topic.jobs(quick, only)
            rows = bench.run(jobs, limit, 2 if quick else 5, topic.libraries)
            report.topics[topic.name] = rows + derived(topic.name, rows)
    report.after = measure(0.05, 3) if quick else measure()
    return report


def draw(report: Report, path: Path) -> bool:
    """Draw how many times faster each row is than the fastest peer; False without matplotlib."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an optional part of the benchmark
    except ImportError:
        return False
    topics = {
        name: [(row.name, row.ratio) for row in rows if row.ratio is not None]
        for name, rows in report.topics.items()
    }
    topics = {name: bars for name, bars in topics.items() if bars}
    if not topics:
        return False
    heights = [len(bars) for bars in topics.values()]
    figure = Figure(figsize=(10, 1.2 * len(topics) + 0.24 * sum(heights)), layout="constrained")
    axes = figure.subplots(
        len(topics), 1, squeeze=False, gridspec_kw={"height_ratios": [h + 2 for h in heights]}
    )
    for ax, (name, bars) in zip(axes[:, 0], topics.items(), strict=True):
        labels, values = [b[0] for b in bars][::-1], [b[1] for b in bars][::-1]
        colours = ["tab:blue" if v >= 1 else "tab:red" for v in values]
        ax.barh(labels, values, color=colours, height=0.7)
        ax.axvline(1.0, color="black", linewidth=0.8)
        ax.tick_params(labelsize=7)
        ax.margins(y=0.01)
        ax.set_title(f"{TOPICS[name].title}: times faster than the fastest peer", fontsize=9)
    if not report.before.quiet:
        figure.suptitle("void: the machine was not quiet", color="tab:red")
    figure.savefig(path, dpi=120)
    return True


def parser(description: str) -> argparse.ArgumentParser:
    """Make a parser with the options that all scripts take."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--quick", action="store_true", help="fewer rows and short turns")
    made.add_argument("--only", default="", metavar="TEXT", help="rows whose name contains TEXT")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    made.add_argument("--chart", type=Path, metavar="FILE", help="draw the ratios")
    made.add_argument("--libraries", metavar="A,B", help="contenders, as hotloop,torch,jax")
    made.add_argument("--seconds", type=float, help="time for a topic in place of the usual one")
    return made


def main(name: str, arguments: Sequence[str] | None = None) -> int:
    """Run one topic from the command line; the exit code is 1 if any answer differs."""
    options = parser(TOPICS[name].title).parse_args(arguments)
    report = run(
        [name],
        quick=options.quick,
        only=options.only,
        libraries=tuple(options.libraries.split(",")) if options.libraries else None,
        seconds=options.seconds,
    )
    return finish(report, options)


def finish(report: Report, options: argparse.Namespace) -> int:
    """Print a report, write what was asked for, and give the exit code."""
    say()
    report.print_table()
    if options.json:
        report.write(options.json)
    if options.chart and not draw(report, options.chart):
        say("no chart: matplotlib is not installed, or no row has a peer")
    return int(bool(report.wrong))
