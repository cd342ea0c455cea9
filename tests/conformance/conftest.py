"""``--conformance-table`` prints the table: ops by properties, with the number of cases that ran."""

from __future__ import annotations

import sys

import pytest

# The columns; each is counted by the test of its name.
PROPERTIES = (
    "reference", "differences", "any sample", "special", "empty", "layouts", "untouched", "out",
    "overlap", "dtypes", "threads", "together", "interpreter", "references", "recorded", "refused",
    "extremes",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance-table",
        action="store_true",
        help="print ops x properties with the number of cases that ran and passed",
    )
    parser.addoption(
        "--conformance-largest",
        type=int,
        default=sys.maxsize,
        metavar="N",
        help="leave out samples of more than N numbers, where a processor is emulated",
    )


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if not config.getoption("--conformance-table", default=False):
        return
    from conformance.cases import RAN  # noqa: PLC0415 - not before the core is asked for

    ops = sorted({op for op, _ in RAN})
    width = max(map(len, ops), default=2)
    line = terminalreporter.write_line
    terminalreporter.section("conformance: cases that ran and passed")
    line(f"{'op':{width}}" + "".join(f" {p.replace(' ', '-'):>11}" for p in PROPERTIES))
    for op in ops:
        cells = (RAN[op, p] for p in PROPERTIES)
        line(f"{op:{width}}" + "".join(f" {n or '-':>11}" for n in cells))
    sums = [sum(RAN[op, p] for op in ops) for p in PROPERTIES]
    line(f"{'all':{width}}" + "".join(f" {n:>11}" for n in sums))
    failed = len(terminalreporter.stats.get("failed", []))
    line(f"{len(ops)} ops, {sum(sums)} cases, {failed} tests failed")
