"""What a model is trained for: a loss and its weight for each output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hotloop._support.arguments import number
from hotloop._support.watched import ASSIGNMENTS, Watched
from hotloop.losses import Loss, get


class _Items(list[Any]):
    """A list whose changes count as assignments, which recorded steps look at."""

    def __setitem__(self, place: Any, value: Any) -> None:
        """Set an item, and count that."""
        super().__setitem__(place, value)
        ASSIGNMENTS[0] += 1


class Objective(Watched, builtin=True):
    """``sum_i weight_i * loss_i`` over the outputs.

    Parameters
    ----------
    losses : sequence of str, Loss or None
        None for an output that is held to nothing.
    weights : sequence of float
        As many.

    Raises
    ------
    ValueError
        When the numbers differ.

    Examples
    --------
    >>> Objective(["mse", None], [1.0, 1.0]).losses[0].name
    'mean_squared_error'
    """

    def __init__(self, losses: Sequence[Any], weights: Sequence[float]) -> None:
        if len(losses) != len(weights):
            msg = f"compile: {len(losses)} losses but {len(weights)} loss_weights"
            raise ValueError(msg)
        self.losses: list[Loss | None] = _Items(
            None if loss is None else get(loss) for loss in losses
        )
        self.weights: list[float] = _Items(
            number("compile", "each of loss_weights", weight) for weight in weights
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, with lists whose changes count."""
        vars(self).update(state, losses=_Items(state["losses"]), weights=_Items(state["weights"]))

    @property
    def alone(self) -> Loss | None:
        """The loss, where it is the whole objective."""
        return self.losses[0] if len(self.losses) == 1 and self.weights[0] == 1.0 else None

    def takes_all(self) -> bool:
        """Whether targets of the right shapes and dtypes need no conversion."""
        return all(loss is not None and loss.takes_targets_as_they_are() for loss in self.losses)


PerOutput = Objective  # its name in older pickles

__all__ = ["Objective"]
