"""The losses of a model with several outputs, under one roof."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hotloop._support.arguments import number, whole
from hotloop.losses.base import Loss
from hotloop.registry import deserialize, own, serialize


class PerOutput(Loss, builtin=True):
    """One loss and one weight for each output: ``sum_i weight_i * loss_i``.

    Parameters
    ----------
    losses : sequence of Loss, dict or None
        Losses, or descriptions of some; None for an output that is held to nothing.
    weights : sequence of float
        As many.
    metric_outputs : sequence of int
        Which output each metric of `compile` looks at.
    **kwargs
        `name` of `Loss`.

    Raises
    ------
    ValueError
        When the numbers differ.

    Examples
    --------
    >>> from hotloop import losses
    >>> PerOutput([losses.MeanSquaredError(), None], [1.0, 1.0]).losses[0].name
    'mean_squared_error'
    """

    _name = "per_output"

    def __init__(
        self,
        losses: Sequence[Any],
        weights: Sequence[float],
        metric_outputs: Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if len(losses) != len(weights):
            msg = f"compile: {len(losses)} losses but {len(weights)} loss_weights"
            raise ValueError(msg)
        self.losses: list[Loss | None] = [
            deserialize("loss", loss, own("loss")) if isinstance(loss, dict) else loss
            for loss in losses
        ]
        self.weights = [number("compile", "each of loss_weights", weight) for weight in weights]
        self.metric_outputs = [
            whole("compile", "each of metric_outputs", i, least=0) for i in metric_outputs
        ]

    def takes_targets_as_they_are(self) -> bool:
        """No: targets come in lists."""
        return False

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this again."""
        return {
            "losses": [None if loss is None else serialize(loss) for loss in self.losses],
            "weights": self.weights,
            "metric_outputs": self.metric_outputs,
            **super().get_config(),
        }
