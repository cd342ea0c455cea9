"""Rows of a benchmark: agreement first, then turns, then the share of the roof.

Every row is a job for all contenders. The reference is ``hotloop.reference`` in float64. A
contender whose answer differs is never timed: its cell says WRONG and the run fails.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cases import Case, bytes_of
from hotloop import reference
from hotloop._bench.measure import (
    DisagreementError,
    interleave,
    require_agreement,
    say,
)
from hotloop._bench.steps import NumpyStep
from hotloop._bench.workloads import Workload, from_channels_first, to_channels_first
from peers.base import CHECK_STEPS, Array, Job, OpJob, TrainingJob, UnsupportedError
from peers.client import Client, Contender, WorkerError
from rows import Cell, Row, is_own, record, summary

if TYPE_CHECKING:
    from typing_extensions import Self

TOLERANCE = {"float32": 1e-4, "float64": 1e-10}  # of the largest reference value
LOSS_TOLERANCE = {"float32": 1e-3, "float64": 1e-6}  # after CHECK_STEPS steps
UPDATE_TOLERANCE = {"float32": 0.05, "float64": 1e-3}  # length of the difference of two updates
TURN = 0.05  # a turn shorter than this tells little: fewer rounds then
REST = 0.05  # seconds until the parent's own BLAS threads sleep


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
            str(key): partial(self._turn, client, cell, row)
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
    def _turn(client: Client, cell: Cell, row: Row, seconds: float) -> list[float]:
        """Time one turn; after its own, hotloop measures the roof too.

        A core's clock changes within seconds with what its neighbours do: a share of a peak that
        was measured at another time may be over one.
        """
        times: list[float] = client.ask("time", cell.variant, seconds)
        if is_own(cell) and (row.flops or row.moved):
            least = client.ask("roof", row.flops, row.moved, row.dtype)
            cell.shares.append(least / statistics.median(times))
        return times

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
