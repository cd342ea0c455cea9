"""The fully connected network of the book, as ``common/multi_layer_net.py`` has it."""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from typing import Any

from hotloop.book._arrays import Array
from hotloop.book.common import layers
from hotloop.book.common.gradient import numerical_gradient
from hotloop.book.common.layers import *  # noqa: F403 - whoever takes all of this module takes these too
from hotloop.book.common.multi_layer_net_extend import MultiLayerNetExtend

__all__ = ["MultiLayerNet", "OrderedDict", "numerical_gradient", "os", "sys"]
__all__ += layers.__all__


class MultiLayerNet(MultiLayerNetExtend):
    """Affine layers with activations between them, and softmax with cross entropy at the end.

    Parameters
    ----------
    input_size : int
    hidden_size_list : list of int
    output_size : int
    activation : {"relu", "sigmoid"}
    weight_init_std : float or str
        The deviation of the weights; "relu" or "he" for ``sqrt(2 / inputs)``, "sigmoid" or "xavier" for
        ``sqrt(1 / inputs)``.
    weight_decay_lambda : float
        Adds ``lambda / 2 sum W^2`` over all W to the loss.

    Attributes
    ----------
    params : dict
        ``W1, b1, W2 ...``, the arrays that the layers hold.
    layers : OrderedDict
        ``Affine1, Activation_function1, Affine2 ...``
    last_layer : SoftmaxWithLoss

    Raises
    ------
    KeyError
        There is no such activation.

    Notes
    -----
    Source: "Deep Learning from Scratch", ``common/multi_layer_net.py``. Here it is a `MultiLayerNetExtend`
    without extensions; in the book the two are separate.

    Examples
    --------
    >>> import numpy as np
    >>> net = MultiLayerNet(4, [3], 2)
    >>> net.predict(np.eye(4)).shape
    (4, 2)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: list[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: Any = "relu",
        weight_decay_lambda: float = 0,
    ) -> None:
        super().__init__(
            input_size,
            hidden_size_list,
            output_size,
            activation,
            weight_init_std,
            weight_decay_lambda,
        )

    def predict(self, x: Array) -> Array:  # type: ignore[override]  # as in the book, without train_flg
        """Return the scores of `x`, before the softmax."""
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x: Array, t: Array) -> Any:  # type: ignore[override]
        """Return the mean loss plus the weight decay."""
        return self.last_layer.forward(self.predict(x), t) + self._decay()

    def numerical_gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """Return the gradient of the loss by central differences, a dict like `params`."""
        return self._differences(lambda _: self.loss(x, t))

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """Return the gradient of the loss by backpropagation, a dict like `params`."""
        self.loss(x, t)
        return self._backward()
