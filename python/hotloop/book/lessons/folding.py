"""Inference mode as a chain of affine layers with activations."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Stack(Protocol):
    """What is read of a `MyModel` here."""

    params: dict[str, Array]
    layers: dict[str, Any]
    hidden_layer_num: int
    use_batchnorm: bool
    use_dropout: bool
    dropout_ratio: float


def fold(model: Stack) -> list[tuple[Array, Array | None, Array]]:
    """Put batch normalisation and dropout's factor into the affine layers.

    In inference mode both multiply and shift a column by constants.

    Parameters
    ----------
    model : MyModel
        The model.

    Returns
    -------
    list of tuple
        ``(W, factor, b)`` of each layer, which answers ``x (W * factor) + b``; W is live, and the
        factor (O,) of its columns is None where it would be one.

    Examples
    --------
    >>> import numpy as np
    >>> from hotloop.book.lessons import MyModel
    >>> model = MyModel(2, [3], 2, use_dropout=True)
    >>> [factor for _, factor, _ in fold(model)]
    [None, array([0.5, 0.5])]
    """
    folded: list[tuple[Array, Array | None, Array]] = []
    kept = 1.0 - model.dropout_ratio if model.use_dropout else 1.0
    for i in range(1, model.hidden_layer_num + 2):
        w, b = model.params[f"W{i}"], model.params[f"b{i}"]
        factor = None
        if model.use_batchnorm and i <= model.hidden_layer_num:
            norm = model.layers[f"BatchNorm{i}"]
            factor = norm.gamma / np.sqrt(norm.running_var + norm.eps)
            b = (b - norm.running_mean) * factor + norm.beta
        if kept != 1.0 and i > 1:
            factor = np.full(b.shape, kept) if factor is None else factor * kept
        folded.append((w, factor, b))
    return folded
