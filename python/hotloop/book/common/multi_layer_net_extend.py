"""The fully connected network with dropout and batch normalisation, as ``common/multi_layer_net_extend.py`` has it."""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from hotloop.book._arrays import Array
from hotloop.book.common import layers
from hotloop.book.common.gradient import numerical_gradient
from hotloop.book.common.layers import *  # noqa: F403 - whoever takes all of this module takes these too
from hotloop.book.common.layers import (
    Affine,
    BatchNormalization,
    Dropout,
    Relu,
    Sigmoid,
    SoftmaxWithLoss,
)

__all__ = ["MultiLayerNetExtend", "OrderedDict", "numerical_gradient", "os", "sys"]
__all__ += layers.__all__

_ACTIVATIONS: dict[str, Callable[[], Any]] = {"sigmoid": Sigmoid, "relu": Relu}


def weight_scale(weight_init_std: Any, inputs: int) -> Any:
    """Return the deviation of a layer's first weights: a number as it is, or He's or Xavier's by name."""
    name = str(weight_init_std).lower()
    if name in ("relu", "he"):
        return np.sqrt(2.0 / inputs)
    if name in ("sigmoid", "xavier"):
        return np.sqrt(1.0 / inputs)
    return weight_init_std


class MultiLayerNetExtend:
    """Affine layers with activations, each with batch normalisation before and dropout after if asked for.

    Parameters
    ----------
    input_size : int
    hidden_size_list : list of int
    output_size : int
    activation : {"relu", "sigmoid"}
    weight_init_std : float or str
        The deviation of the weights; "relu" or "he" for ``sqrt(2 / inputs)``, "sigmoid" or "xavier" for
        ``sqrt(1 / inputs)``. Drawn by ``numpy.random.randn``, layer by layer.
    weight_decay_lambda : float
        Adds ``lambda / 2 sum W^2`` over all W to the loss.
    use_dropout : bool
    dropout_ration : float
        The share that is dropped (the book's spelling).
    use_batchnorm : bool

    Attributes
    ----------
    params : dict
        ``W1, b1, gamma1, beta1, W2 ...``, the arrays that the layers hold.
    layers : OrderedDict
        ``Affine1, BatchNorm1, Activation_function1, Dropout1, Affine2 ...``
    last_layer : SoftmaxWithLoss

    Raises
    ------
    KeyError
        There is no such activation.

    Notes
    -----
    Source: "Deep Learning from Scratch", ``common/multi_layer_net_extend.py``.

    Examples
    --------
    >>> net = MultiLayerNetExtend(4, [3], 2, use_batchnorm=True)
    >>> list(net.layers)
    ['Affine1', 'BatchNorm1', 'Activation_function1', 'Affine2']
    >>> sorted(net.gradient(np.eye(4), np.array([0, 1, 0, 1])))
    ['W1', 'W2', 'b1', 'b2', 'beta1', 'gamma1']
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: list[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: Any = "relu",
        weight_decay_lambda: float = 0,
        use_dropout: bool = False,
        dropout_ration: float = 0.5,
        use_batchnorm: bool = False,
    ) -> None:
        self.input_size = input_size
        self.output_size = output_size
        self.hidden_size_list = hidden_size_list
        self.hidden_layer_num = len(hidden_size_list)
        self.use_dropout = use_dropout
        self.weight_decay_lambda = weight_decay_lambda
        self.use_batchnorm = use_batchnorm
        self.params: dict[str, Array] = {}
        sizes = [input_size, *hidden_size_list, output_size]
        for i, (inputs, outputs) in enumerate(pairwise(sizes), 1):
            drawn = np.random.randn(inputs, outputs)  # noqa: NPY002 - as the book draws
            self.params[f"W{i}"] = weight_scale(weight_init_std, inputs) * drawn
            self.params[f"b{i}"] = np.zeros(outputs)
        self.layers: OrderedDict[str, Any] = OrderedDict()
        for i, units in enumerate(hidden_size_list, 1):
            self.layers[f"Affine{i}"] = self._affine(i)
            if use_batchnorm:
                gamma, beta = np.ones(units), np.zeros(units)
                self.params[f"gamma{i}"], self.params[f"beta{i}"] = gamma, beta
                self.layers[f"BatchNorm{i}"] = BatchNormalization(gamma, beta)
            self.layers[f"Activation_function{i}"] = _ACTIVATIONS[activation]()
            if use_dropout:
                self.layers[f"Dropout{i}"] = Dropout(dropout_ration)
        last = self.hidden_layer_num + 1
        self.layers[f"Affine{last}"] = self._affine(last)
        self.last_layer = SoftmaxWithLoss()

    def _affine(self, i: int) -> Affine:
        """Make the layer that holds the weights with this number."""
        return Affine(self.params[f"W{i}"], self.params[f"b{i}"])

    def _numbers(self) -> range:
        """Return the numbers of the affine layers."""
        return range(1, self.hidden_layer_num + 2)

    def predict(self, x: Array, train_flg: bool = False) -> Array:
        """Return the scores of `x`, before the softmax."""
        for name, layer in self.layers.items():
            two_ways = "Dropout" in name or "BatchNorm" in name
            x = layer.forward(x, train_flg) if two_ways else layer.forward(x)
        return x

    def loss(self, x: Array, t: Array, train_flg: bool = False) -> Any:
        """Return the mean loss plus the weight decay."""
        return self.last_layer.forward(self.predict(x, train_flg), t) + self._decay()

    def _decay(self) -> Any:
        """Return ``lambda / 2 sum W^2``."""
        if not self.weight_decay_lambda:
            return 0
        squares = (np.vdot(self.params[f"W{i}"], self.params[f"W{i}"]) for i in self._numbers())
        return sum(0.5 * self.weight_decay_lambda * each for each in squares)

    def accuracy(self, x: Array, t: Array) -> Any:
        """Return the share of `x` whose largest score is at the right class; `t` holds ids or one-hot rows."""
        guesses = np.argmax(self.predict(x), axis=1)
        classes = t if t.ndim == 1 else np.argmax(t, axis=1)
        return np.sum(guesses == classes) / float(x.shape[0])

    def numerical_gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """Return the gradient of the training loss by central differences, a dict like `params`."""
        return self._differences(lambda _: self.loss(x, t, train_flg=True))

    def _differences(self, f: Callable[[Array], Any]) -> dict[str, Array]:
        """Differentiate f by each parameter, in the book's order."""
        return {key: numerical_gradient(f, self.params[key]) for key in self._keys()}

    def _keys(self) -> Iterator[str]:
        """Yield the names of the parameters, in the order of the layers."""
        for i in self._numbers():
            yield f"W{i}"
            yield f"b{i}"
            if self.use_batchnorm and i <= self.hidden_layer_num:
                yield f"gamma{i}"
                yield f"beta{i}"

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """Return the gradient of the training loss by backpropagation, a dict like `params`."""
        self.loss(x, t, train_flg=True)
        return self._backward()

    def _backward(self) -> dict[str, Array]:
        """Go back through the layers and collect what they found."""
        dout: Any = self.last_layer.backward(1)
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        grads: dict[str, Array] = {}
        decay = self.weight_decay_lambda
        for i in self._numbers():
            affine = self.layers[f"Affine{i}"]
            grads[f"W{i}"] = affine.dW + decay * self.params[f"W{i}"] if decay else affine.dW
            grads[f"b{i}"] = affine.db
            if self.use_batchnorm and i <= self.hidden_layer_num:
                norm = self.layers[f"BatchNorm{i}"]
                grads[f"gamma{i}"], grads[f"beta{i}"] = norm.dgamma, norm.dbeta
        return grads
