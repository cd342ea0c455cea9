"""What optimizers do around their equations: gradients gathered over batches, weights averaged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
# Name of a weight, or "" for all of a model's in one flat array; its value, gradient and slots.
Work = tuple[str, Array, Array, dict[str, Array]]
GATHERED, AVERAGE = "gradient_sum", "average"


def gathered(works: Sequence[Work], steps: int, count: int) -> dict[str, Array] | None:
    """Add gradients to their sums; return the means after each `steps` batches, else None.

    Parameters
    ----------
    works : sequence of Work
        By name.
    steps : int
        Batches whose gradients make one update.
    count : int
        Batches before this one.
    """
    for _, _, grad, slots in works:
        slots[GATHERED] += grad
    if (count + 1) % steps:
        return None
    means = {name: slots[GATHERED] / steps for name, _, _, slots in works}
    for _, _, _, slots in works:
        slots[GATHERED][...] = 0
    return means


def average(works: Sequence[Work], momentum: float, updates: int, every: int | None) -> None:
    """Move the averages towards the weights, and the weights to them after each `every` updates.

    ``a = momentum a + (1 - momentum) w``; before the first update is over, ``a = w``. As in Keras,
    a step that only gathers gradients moves the averages too.

    Parameters
    ----------
    works : sequence of Work
        The weights with their averages.
    momentum : float
        In [0, 1].
    updates : int
        Updates before this one.
    every : int or None
        None leaves the weights as they are.
    """
    kept = momentum if updates else 0.0
    for _, param, _, slots in works:
        mean = slots[AVERAGE]
        mean *= mean.dtype.type(kept)
        mean += param * mean.dtype.type(1.0 - kept)
        if every and (updates + 1) % every == 0:
            np.copyto(param, mean)


__all__ = ["AVERAGE", "GATHERED", "Work", "average", "gathered"]
