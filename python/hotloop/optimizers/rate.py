"""What an optimizer's learning rate answers with: a float that Keras scripts can ask and set."""

from __future__ import annotations

from typing import Any

import numpy as np


class LearningRate(float):
    """A learning rate as it is now, with Keras's `numpy` and `assign`.

    Parameters
    ----------
    value : float
        The rate.
    optimizer : Optimizer
        Whose `learning_rate` it is.

    Examples
    --------
    >>> from hotloop.optimizers import Adam
    >>> adam = Adam(0.5)
    >>> adam.learning_rate.numpy()
    np.float32(0.5)
    >>> adam.learning_rate.assign(0.25)
    >>> adam.learning_rate
    0.25
    """

    _optimizer: Any

    def __new__(cls, value: Any, optimizer: Any) -> LearningRate:  # noqa: PYI034 - Self needs 3.11
        """Keep whose rate it is."""
        made = super().__new__(cls, value)
        made._optimizer = optimizer
        return made

    def numpy(self) -> np.float32:
        """Return the rate as NumPy's float32, as a variable of Keras answers."""
        return np.float32(self)

    def assign(self, value: Any) -> None:
        """Set the optimizer's learning rate."""
        self._optimizer.learning_rate = value

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy as a plain float."""
        return float, (float(self),)


__all__ = ["LearningRate"]
