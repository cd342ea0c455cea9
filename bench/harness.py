"""Rows of a benchmark: agreement first, then turns, then the share of the roof.

Every row is a job for all contenders. The reference is ``hotloop.reference`` in float64. A
contender whose answer differs is never timed: its cell says WRONG and the run fails.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cases import Case, bytes_of
from hotloop import reference
from hotloop._bench.measure import (
    DisagreementError,
    Sample,
    duration,
    interleave,
    require_agreement,
    say,
    table,
)
from hotloop._bench.steps import NumpyStep
from hotloop._bench.workloads import Workload, from_channels_first, to_channels_first
from peers.base import CHECK_STEPS, Array, Job, OpJob, TrainingJob, UnsupportedError
from peers.client import Client, Contender, WorkerError
from probe import Roof

if TYPE_CHECKING:
    from typing_extensions import Self

TOLERANCE = {"float32": 1e-4, "float64": 1e-10}  # of the largest reference value
LOSS_TOLERANCE = {"float32": 1e-3, "float64": 1e-6}  # after CHECK_STEPS steps
UPDATE_TOLERANCE = {"float32": 0.05, "float64": 1e-3}  # length of the difference of two updates
TURN = 0.05  # a turn shorter than this tells little: fewer rounds then
REST = 0.05  # seconds until the parent's own BLAS threads sleep


@dataclass
class Cell:
    """What one way of one contender did in one row; times in seconds."""

    contender: str
    variant: str = ""
    median: float | None = None
    best: float | None = None
    runs: int = 0
    error: str | None = None

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
    def wrong(self) -> list[str]:
        """Errors of the contenders that were refused or failed."""
        return [f"{self.name}, {c.name}: {c.error}" for c in self.cells if c.error]

    def share(self, cell: Cell, roof: Roof) -> float | None:
        """Share of the roof that a hotloop cell reaches, 1 being all of it."""
        if cell.median is None:
            return None
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


@dataclass
class Prepared:
    """A job with its expected answer."""

    row: Row
    job: Job
    check: Callable[[Sequence[Any], bool], None]


def prepare_op(case: Case) -> Prepared:
    """Make the arrays of a case and the reference's answer."""
    call = case.call()
    want = call.cast("float64").outputs(reference)
    job = OpJob(call.op, call.args, call.params, call.saved, call.in_place)
    dtype = case.op.dtype
    outputs = (np.empty(y.shape, dtype if y.dtype.kind == "f" else y.dtype) for y in want)
    row = Row(case.name, dtype, case.flops, float(bytes_of(call, outputs)))

    def check(got: Sequence[Array | None], _channels_first: bool) -> None:
        count_agrees(got, want, case.name)
        pairs = [(g, w) for g, w in zip(got, want, strict=True) if g is not None]
        mine, theirs = [p[0] for p in pairs], [p[1] for p in pairs]
        require_agreement(mine, theirs, TOLERANCE[dtype], case.name)

    return Prepared(row, job, check)


def count_agrees(got: Sequence[object], want: Sequence[object], what: str) -> None:
    """Raise unless as many outputs came as the reference has."""
    if len(got) != len(want):
        message = f"{what}: {len(got)} outputs, the reference has {len(want)}"
        raise DisagreementError(message)


def prepare_training(workload: Workload) -> Prepared:
    """Make weights, a batch and the reference's first steps."""
    start = workload.make_weights()
    x, labels = workload.make_batch()
    exact = NumpyStep(workload, start, "float64")
    wide = x.astype(np.float64)
    if wide.ndim == 4:
        wide = np.ascontiguousarray(wide.transpose(0, 3, 1, 2))
    losses = np.array([exact(wide, labels) for _ in range(CHECK_STEPS)])
    moved = [a - b for a, b in zip(exact.weights(), start, strict=True)]
    job = TrainingJob(
        workload.input_shape,
        workload.layers,
        workload.optimizer,
        workload.dtype,
        x,
        labels,
        start,
        to_channels_first(workload, start),
    )
    dtype = workload.dtype

    def check(got: Sequence[Array], channels_first: bool) -> None:
        require_agreement(got[:1], [losses], LOSS_TOLERANCE[dtype], f"{workload.name} losses")
        weights = list(got[1:])
        count_agrees(weights, start, f"{workload.name} weights")
        if channels_first:
            weights = from_channels_first(workload, weights)
        distance = update_distance(start, weights, moved)
        require_agreement(
            [distance], [np.zeros(())], UPDATE_TOLERANCE[dtype], f"{workload.name} updates"
        )

    row = Row(f"{workload.name} {workload.title}", dtype, workload.flops())
    return Prepared(row, job, check)


def update_distance(start: Sequence[Array], end: Sequence[Array], moved: Sequence[Array]) -> Array:
    """Length of the difference of two updates over the length of the reference's.

    Lengths, since Adam turns the sign of a gradient near zero into a whole step.
    """
    off = total = 0.0
    for before, after, want in zip(start, end, moved, strict=True):
        if np.shape(before) != np.shape(after):
            return np.asarray(np.inf)
        off += float(np.sum((after.astype(np.float64) - before - want) ** 2))
        total += float(np.sum(want**2))
    return np.asarray((off / total) ** 0.5)


class Bench:
    """Contenders at the ready; each row is checked and timed with all of them.

    Parameters
    ----------
    contenders
        The contenders; those that do not start are listed in ``absent`` and left out.
    """

    def __init__(self, contenders: Iterable[Contender]) -> None:
        self._clients: list[Client] = []
        self.absent: list[str] = []
        for contender in contenders:
            try:
                self._clients.append(Client(contender))
            except WorkerError as error:
                self.absent.append(str(error))

    def __enter__(self) -> Self:
        """Enter a block that ends the workers when it is left."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End the workers."""
        for client in self._clients:
            client.close()

    @property
    def names(self) -> list[str]:
        """Names of the contenders that run."""
        return [client.contender.name for client in self._clients]

    def run(
        self,
        jobs: Sequence[Callable[[], Prepared]],
        seconds: float,
        rounds: int,
        libraries: Container[str] | None = None,
    ) -> list[Row]:
        """Run rows until all are done or the time is up.

        Parameters
        ----------
        jobs
            Functions that prepare a row each.
        seconds
            Time for all rows, which share what is left of it; rows beyond it are dropped.
        rounds
            Turns of each contender in a row, fewer where they would be too short.
        libraries
            Contenders to take, by library; all if absent.
        """
        end = time.monotonic() + seconds
        clients = [
            c for c in self._clients if libraries is None or c.contender.library in libraries
        ]
        done: list[Row] = []
        for index, prepare in enumerate(jobs):
            left = end - time.monotonic()
            if left <= 0:
                say(f"  time is up: {len(jobs) - index} rows not reached")
                break
            row = self._row(prepare(), clients, end, len(jobs) - index, rounds)
            done.append(row)
            say(f"  {summary(row)}")
        return done

    def _row(
        self,
        prepared: Prepared,
        clients: Sequence[Client],
        end: float,
        rows_left: int,
        rounds: int,
    ) -> Row:
        row = prepared.row
        ready: dict[int, tuple[Client, Cell]] = {}
        time.sleep(REST)
        for client in [c for c in clients if c.alive]:
            for cell in self._build(client, prepared):
                row.cells.append(cell)
                if cell.error is None:
                    ready[len(row.cells)] = (client, cell)
        # Half of what a row may take goes to turns; the rest has gone or goes to preparation.
        seconds = max(0.0, 0.5 * (end - time.monotonic()) / rows_left)
        turns = {
            str(key): partial(client.ask, "time", cell.variant)
            for key, (client, cell) in ready.items()
        }
        try:
            affordable = int(seconds / (TURN * max(1, len(turns))))
            samples = interleave(turns, seconds, max(1, min(rounds, affordable)))
        except WorkerError as error:
            row.note = str(error)
            return row
        for key, (_client, cell) in ready.items():
            record(cell, samples[str(key)])
        return row

    @staticmethod
    def _build(client: Client, prepared: Prepared) -> list[Cell]:
        """Check every way of one contender; a way that is wrong gets an error and no time."""
        name = client.contender.name
        cells: list[Cell] = []
        try:
            for variant in client.ask("variants", prepared.job):
                cell = Cell(name, variant)
                try:
                    outputs, channels_first = client.ask("build", prepared.job, variant)
                    prepared.check(outputs, channels_first)
                except UnsupportedError:
                    continue
                except (DisagreementError, WorkerError) as error:
                    cell.error = str(error)
                cells.append(cell)
        except WorkerError as error:
            cells.append(Cell(name, error=str(error)))
        return cells


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
