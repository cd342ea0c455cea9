"""The loss of labels whose places in a sequence are not known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop import ops
from hotloop.autodiff.rule import TensorBase
from hotloop.data.targets import real_array
from hotloop.losses.formula import Array, FormulaLoss, outputs


def ctc(y_true: Any, y_pred: Any) -> Any:
    """Return ``-log p(labels)`` of each sequence, as `hotloop.ops.ctc_loss` has it; class 0 is the blank.

    Examples
    --------
    >>> ctc([[1, 0]], np.zeros((1, 3, 2))).round(4)
    array([0.2877])
    """
    y = outputs(y_pred)
    t = np.asarray(y_true.data if isinstance(y_true, TensorBase) else y_true)
    if t.shape == y.shape and t.ndim == 3:  # as a step keeps them
        t = t.reshape(len(t), -1)
    if len(y.shape) != 3 or t.ndim != 2:
        msg = f"ctc: y_true must be (N, L) and y_pred logits (N, T, K), got {t.shape} and {y.shape}"
        raise ValueError(msg)
    count = (t != 0).sum(axis=-1)
    return ops.ctc_loss(t[:, : count.max(initial=0)], y, count, y.shape[1])


class CTC(FormulaLoss, builtin=True):
    """``-log`` of the probability that all paths spelling the labels have together.

    Targets are labels ``(N, L)`` from 1 on, with zeros behind them; outputs logits ``(N, T, K)`` whose class 0
    is the blank.

    Notes
    -----
    Source: Graves et al., ICML 2006.

    Examples
    --------
    >>> round(CTC()([[1, 0]], np.zeros((1, 3, 2))), 4)
    0.2877
    """

    _name = "ctc"
    formula = staticmethod(ctc)

    def targets(self, t: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        """Return the labels in an array like the outputs, zeros behind them; a ValueError when they do not fit."""
        labels = real_array(self.name, "y_true", t)
        fits = len(output_shape) == 3 and labels.ndim == 2 and len(labels) == output_shape[0]
        if not fits or labels.shape[1] > math.prod(output_shape[1:]):
            msg = f"{self.name}: targets must be (N, L) for outputs (N, T, K), got {labels.shape} and {output_shape}"
            raise ValueError(msg)
        found = np.zeros((len(labels), math.prod(output_shape[1:])), dtype)
        found[:, : labels.shape[1]] = labels
        return found.reshape(output_shape)

    def takes_targets_as_they_are(self) -> bool:
        """Whether targets have the shape of the outputs: no."""
        return False

    def values(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each sequence."""
        return self.call(y_true, outputs(y_pred))
