"""Loss and metrics over an epoch: sums over samples, never means of batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hotloop import metrics
from hotloop.data.arrays import ArrayData, Rows
from hotloop.data.targets import like_outputs
from hotloop.engine.step import Step


class OutputLoss(metrics.Metric):
    """The mean loss of one output."""

    direction = "down"


class Figure(NamedTuple):
    """A figure of the logs beside the whole loss: its key, what computes it, and from what."""

    key: str
    metric: metrics.Metric
    output: int
    weighted: bool = False

    @property
    def counts(self) -> bool:
        """Whether a loss kernel's count of right classes is all that the metric needs."""
        kinds = (metrics.SparseCategoricalAccuracy, metrics.CategoricalAccuracy)
        return type(self.metric) in kinds and not self.weighted

    @property
    def reads(self) -> bool:
        """Whether the metric looks at the outputs."""
        return not self.counts and type(self.metric) is not OutputLoss


def figures(
    rows: Sequence[tuple[int, Any]],
    weighted: int,
    losses: Sequence[Any],
    names: Sequence[str],
    targets: Sequence[tuple[int, ...]],
    shapes: Sequence[tuple[int | None, ...]],
) -> list[Figure]:
    """Return the losses of several outputs, and the metrics that `compile` was given.

    Parameters
    ----------
    rows : sequence of (int, object)
        Each metric with its output, as `in_order.watched` answers them; the last `weighted` of
        them see the samples' weights.
    losses, names, targets, shapes : sequence
        Of each output; `targets` are the shapes of what it is compared with.
    """
    several = len(names) > 1
    own = [
        Figure(f"{name}_loss", OutputLoss(f"{name}_loss"), i)
        for i, (name, loss) in enumerate(zip(names, losses, strict=True))
        if several and loss is not None
    ]
    found = [
        metrics.resolve(identifier, targets[i], (targets[i][0], *(k or 0 for k in shapes[i][1:])))
        for i, identifier in rows
    ]
    named = [
        (f"{names[i]}_" if several else "", metric.name)
        for (i, _), metric in zip(rows, found, strict=True)
    ]
    keys = metrics.log_keys(named, weighted, [figure.key for figure in own])
    plain = len(rows) - weighted
    return own + [
        Figure(key, metric, i, place >= plain)
        for place, (key, metric, (i, _)) in enumerate(zip(keys, found, rows, strict=True))
    ]


class Meter:
    """The whole loss and the figures of some batches.

    Parameters
    ----------
    found : sequence of Figure
        Their metrics are copied: an evaluation inside an epoch, or another model, may use them
        too. `logs` shows the figures in them.
    """

    def __init__(self, found: Sequence[Figure]) -> None:
        self._figures = found
        self.metrics = [figure.metric.fresh() for figure in found]
        self.total, self.count = 0.0, 0.0
        pairs = list(zip(found, self.metrics, strict=True))
        self._losses = [(m, f.output) for f, m in pairs if not (f.reads or f.counts)]
        self._counted = [(m, f.output) for f, m in pairs if f.counts]
        self._measured = [(m, f.output, f.weighted) for f, m in pairs if f.reads]

    def reset(self) -> None:
        """Start again from nothing."""
        self.total, self.count = 0.0, 0.0
        for metric in self.metrics:
            metric.reset_state()

    def update(self, step: Step, loss: float, data: ArrayData, rows: Rows) -> None:
        """Add what a step computed for some rows of `data`."""
        n = step.n
        self.total += loss * n
        self.count += n
        heads = step.heads
        for metric, i in self._losses:
            metric.add(heads[i].figure() * n, n)
        for metric, i in self._counted:
            head = heads[i]
            if head.counts:
                metric.add(float(head.correct.item()), head.rows)
            else:
                metric.update_state(like_outputs(data.ys[i][rows], head.y.shape), head.predictions)
        for metric, i, weighted in self._measured:
            y = heads[i].predictions
            w = data.ws[i] if weighted else None
            t = like_outputs(data.ys[i][rows], y.shape)
            metric.update_state(t, y, None if w is None else w[rows])

    def logs(self) -> dict[str, Any]:
        """Return the means so far, which the metrics given to `compile` show from now on."""
        logs: dict[str, Any] = {"loss": self.total / self.count if self.count else 0.0}
        for figure, metric in zip(self._figures, self.metrics, strict=True):
            logs[figure.key] = metric.result()
            metric.show_in(figure.metric)
        return logs


__all__ = ["Figure", "Meter", "figures"]
