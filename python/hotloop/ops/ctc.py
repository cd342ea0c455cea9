"""Labels of sequences without their places: connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop.autodiff.ctc import ctc_loss as rule
from hotloop.ops.core import values


def ctc_loss(
    target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0
) -> Any:
    """Return ``-log`` of the probability of all paths that spell the labels (Graves et al., ICML 2006).

    Parameters
    ----------
    target : array_like, (N, L)
        Labels, of which the first `target_length` ``(N,)`` count.
    output : array_like, Tensor or symbol, (N, T, K)
        Logits, of which the first `output_length` ``(N,)`` steps count.
    mask_index : int
        The class that stands for no label.

    Returns
    -------
    array, (N,)
        Infinite where the labels do not fit into the steps; that sample has no gradient.

    Raises
    ------
    ValueError
        For shapes, lengths and labels that do not fit.

    Examples
    --------
    >>> ctc_loss([[1]], np.zeros((1, 2, 2)), [1], [2]).round(4)
    array([0.2877])
    """
    return rule(target, output, target_length, output_length, mask_index=mask_index)


def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,  # noqa: ARG001
    top_paths: int = 1,  # noqa: ARG001
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Any, Any]:
    """Return the likeliest label of each step, repeats and blanks left out.

    Parameters
    ----------
    inputs : array_like, (N, T, K)
        Logits.
    sequence_lengths : array_like, (N,)
        Steps that count.
    strategy : str
        ``"greedy"``.
    merge_repeated : bool
        Whether a label that follows itself is one.
    mask_index : int
        The blank.

    Returns
    -------
    (array, array)
        Labels ``(1, N, T)``, -1 behind them, and minus the sum of the logits ``(N, 1)``.

    Raises
    ------
    ValueError
        For another strategy.

    Examples
    --------
    >>> ctc_decode(np.eye(3)[[[1, 1, 0, 2]]], [4])[0]
    array([[[ 1,  2, -1, -1]]], dtype=int32)
    """
    if strategy != "greedy":
        msg = f"ctc_decode: strategy must be 'greedy', got {strategy!r}"
        raise ValueError(msg)
    y = np.asarray(values(inputs))
    rest = np.arange(y.shape[1]) >= np.asarray(values(sequence_lengths))[:, None]
    labels, scores = np.where(rest, mask_index, y.argmax(-1)), np.where(rest, 0, y.max(-1))
    if merge_repeated:
        again = np.pad(labels[:, 1:] == labels[:, :-1], ((0, 0), (1, 0)))
        labels = np.where(again, mask_index, labels)
    blank = labels == mask_index
    order = np.argsort(blank, axis=1, kind="stable")
    found = np.take_along_axis(np.where(blank, -1, labels), order, axis=1)
    return found.astype(np.int32)[None], -scores.sum(axis=1, keepdims=True).astype(y.dtype)
