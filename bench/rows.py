"""Rows of the table: what each contender did, ratios to the fastest peer, shares of the roof."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from hotloop._bench.measure import Sample, duration, table
from probe import Roof


@dataclass
class Cell:
    """What one way of one contender did in one row; times in seconds."""

    contender: str
    variant: str = ""
    median: float | None = None
    best: float | None = None
    runs: int = 0
    error: str | None = None
    shares: list[float] = field(default_factory=list)  # of the roof measured after each turn

    @property
    def name(self) -> str:
        """Contender and variant."""
        return f"{self.contender} {self.variant}".strip()


@dataclass
class Row:
    """One job: the cells of all contenders and the roof of the machine for it."""

    name: str
    dtype: str = "float32"
    flops: float = 0.0
    moved: float = 0.0
    cells: list[Cell] = field(default_factory=list)
    note: str = ""

    def fastest(self, wanted: Callable[[Cell], bool]) -> Cell | None:
        """Give the timed cell with the least median among the wanted ones."""
        timed = [c for c in self.cells if c.median is not None and wanted(c)]
        return min(timed, key=lambda c: c.median or 0.0, default=None)

    @property
    def own(self) -> Cell | None:
        """The cell of hotloop as installed: at the larger thread count, which is listed first."""
        return next((c for c in self.cells if is_own(c) and c.median is not None), None)

    @property
    def peer(self) -> Cell | None:
        """The fastest cell of another library."""
        return self.fastest(lambda c: not is_own(c))

    @property
    def ratio(self) -> float | None:
        """How many times faster hotloop is than the fastest peer, by medians."""
        return ratio(self.own, self.peer)

    @property
    def ratio_to_torch(self) -> float | None:
        """How many times faster hotloop is than PyTorch at its best."""
        return ratio(self.own, self.fastest(lambda c: c.contender.startswith("torch")))

    @property
    def pool(self) -> Cell | None:
        """The cell of hotloop on threads of its own, where that was timed too."""
        return self.fastest(lambda c: c.contender.startswith("hotloop-pool"))

    @property
    def ratio_to_pool(self) -> float | None:
        """How many times faster OpenMP's team is than the pool."""
        return ratio(self.own, self.pool)

    @property
    def wrong(self) -> list[str]:
        """Errors of the contenders that were refused or failed."""
        return [f"{self.name}, {c.name}: {c.error}" for c in self.cells if c.error]

    def share(self, cell: Cell, roof: Roof) -> float | None:
        """Share of the roof that a hotloop cell reaches, 1 being all of it."""
        if cell.median is None:
            return None
        if cell.shares:
            return statistics.median(cell.shares)
        threads = roof.threads if cell is self.own else 1
        floor = roof.seconds(self.flops, self.moved, self.dtype, threads)
        return floor / cell.median if floor else None


def is_own(cell: Cell) -> bool:
    """Whether the cell is hotloop's."""
    return cell.contender.startswith("hotloop")


def ratio(own: Cell | None, other: Cell | None) -> float | None:
    """How many times ``own`` is faster than ``other``; None where one was not timed."""
    if own is None or other is None or not own.median or other.median is None:
        return None
    return other.median / own.median


def record(cell: Cell, sample: Sample) -> None:
    """Put the times of a sample into a cell."""
    cell.median, cell.best, cell.runs = sample.median, sample.best, len(sample.times)


def derive(rows: Sequence[Row], whole: str, part: str, name: str, flops: float) -> Row | None:
    """Make the row of what ``whole`` does beyond ``part``: differences of medians, cell by cell."""
    by_name = {row.name: row for row in rows}
    if whole not in by_name or part not in by_name:
        return None
    parts = {cell.name: cell for cell in by_name[part].cells}
    row = Row(name, by_name[whole].dtype, flops, note=f"derived: {whole} - {part}")
    for cell in by_name[whole].cells:
        other = parts.get(cell.name)
        if other is None or cell.median is None or other.median is None:
            continue
        difference = cell.median - other.median
        if difference > 0:
            row.cells.append(Cell(cell.contender, cell.variant, difference, runs=cell.runs))
    return row


def summary(row: Row) -> str:
    """Say in one line how a row went."""
    text = f"{row.name}: {duration(row.own.median if row.own else None)}"
    if row.peer is not None:
        text += f", {row.peer.name} {duration(row.peer.median)}"
    if row.ratio is not None:
        text += f", {row.ratio:.2f}x"
    for problem in row.wrong:
        text += f"\n    WRONG {problem}"
    return text + (f"\n    {row.note}" if row.note else "")


HEAD = (
    "row",
    "hotloop",
    "best",
    "1 thread",
    "pool",
    "fastest peer",
    "",
    "ahead by",
    "over PyTorch",
    "of roof",
    "of roof, 1t",
)


def render(rows: Iterable[Row], roof: Roof | None) -> str:
    """Set rows as a table."""
    return table(HEAD, [_line(row, roof) for row in rows])


def _line(row: Row, roof: Roof | None) -> list[str]:
    own, peer = row.own, row.peer
    one = next((c for c in row.cells if is_own(c) and c.contender.endswith(" 1t")), None)
    shares = [
        row.share(c, roof) if c is not None and roof is not None else None for c in (own, one)
    ]
    wrong = any(c.error for c in row.cells if is_own(c))
    return [
        row.name,
        "WRONG" if wrong else duration(own.median if own else None),
        duration(own.best if own else None),
        duration(one.median if one else None),
        duration(row.pool.median if row.pool else None),
        duration(peer.median if peer else None),
        peer.name if peer else "",
        _times(row.ratio),
        _times(row.ratio_to_torch),
        *("-" if share is None else f"{100 * share:.0f} %" for share in shares),
    ]


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}x"


def geometric_mean(values: Iterable[float | None]) -> float | None:
    """Geometric mean of the values that are there."""
    found = [v for v in values if v is not None]
    return statistics.geometric_mean(found) if found else None


def plain(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Give rows as plain data for JSON, ratios included."""
    return [
        {**asdict(row), "ratio": row.ratio, "ratio_to_torch": row.ratio_to_torch} for row in rows
    ]
