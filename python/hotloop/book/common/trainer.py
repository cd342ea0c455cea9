"""The training loop of the book, as ``common/trainer.py`` has it."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from hotloop.book._arrays import Array
from hotloop.book.common import optimizer as optimizer_module
from hotloop.book.common.optimizer import *  # noqa: F403 - whoever takes all of the trainer takes these too
from hotloop.book.common.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop

__all__ = ["Trainer", "os", "sys"]
__all__ += optimizer_module.__all__

_OPTIMIZERS = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSprop,
    "adam": Adam,
}
_SGD: dict[str, Any] = {"lr": 0.01}


class Trainer:
    """Train a network of the book: batches by ``numpy.random.choice``, which draws with replacement.

    Parameters
    ----------
    network : object
        With ``params``, ``gradient(x, t)``, ``loss(x, t)`` and ``accuracy(x, t)``.
    x_train, t_train, x_test, t_test : ndarrays
    epochs, mini_batch_size : int
    optimizer : str
        ``"sgd"``, ``"momentum"``, ``"nesterov"``, ``"adagrad"``, ``"rmsprop"`` or ``"adam"``, in any case.
    optimizer_param : dict
        What the optimizer is made with.
    evaluate_sample_num_per_epoch : int, optional
        How many samples, from the first on, the accuracies of an epoch look at; all by default.
    verbose : bool
        Print each loss and accuracy.

    Attributes
    ----------
    train_loss_list, train_acc_list, test_acc_list : lists
        The loss after each step; the accuracies after the first step of each epoch. Where the batch size
        does not divide the number of samples, most epochs have none: the book asks whether the step is a
        multiple of a broken number.

    Raises
    ------
    KeyError
        There is no such optimizer.

    Notes
    -----
    Source: "Deep Learning from Scratch", ``common/trainer.py``.

    Examples
    --------
    >>> from hotloop.book.common.multi_layer_net import MultiLayerNet
    >>> x, t = np.eye(4), np.arange(4)
    >>> trainer = Trainer(MultiLayerNet(4, [8], 4), x, t, x, t, epochs=3, mini_batch_size=4, verbose=False)
    >>> trainer.train()
    >>> len(trainer.train_loss_list), len(trainer.test_acc_list)
    (3, 3)
    """

    def __init__(
        self,
        network: Any,
        x_train: Array,
        t_train: Array,
        x_test: Array,
        t_test: Array,
        epochs: int = 20,
        mini_batch_size: int = 100,
        optimizer: str = "SGD",
        optimizer_param: dict[str, Any] = _SGD,
        evaluate_sample_num_per_epoch: int | None = None,
        verbose: bool = True,
    ) -> None:
        self.network = network
        self.verbose = verbose
        self.x_train = x_train
        self.t_train = t_train
        self.x_test = x_test
        self.t_test = t_test
        self.epochs = epochs
        self.batch_size = mini_batch_size
        self.evaluate_sample_num_per_epoch = evaluate_sample_num_per_epoch
        self.optimizer: Any = _OPTIMIZERS[optimizer.lower()](**optimizer_param)
        self.train_size = x_train.shape[0]
        self.iter_per_epoch = max(self.train_size / mini_batch_size, 1)
        self.max_iter = int(epochs * self.iter_per_epoch)
        self.current_iter = 0
        self.current_epoch = 0
        self.train_loss_list: list[Any] = []
        self.train_acc_list: list[Any] = []
        self.test_acc_list: list[Any] = []

    def train_step(self) -> None:
        """Take one batch: gradient, update, loss after it; at the start of an epoch also the accuracies."""
        drawn = np.random.choice(self.train_size, self.batch_size)  # noqa: NPY002 - as the book draws
        x, t = self.x_train[drawn], self.t_train[drawn]
        self.optimizer.update(self.network.params, self.network.gradient(x, t))
        loss = self.network.loss(x, t)
        self.train_loss_list.append(loss)
        self._say(f"train loss:{loss}")
        if self.current_iter % self.iter_per_epoch == 0:
            self.current_epoch += 1
            self._evaluate()
        self.current_iter += 1

    def _evaluate(self) -> None:
        """Note the accuracies of this epoch."""
        first = slice(self.evaluate_sample_num_per_epoch)
        train = self.network.accuracy(self.x_train[first], self.t_train[first])
        test = self.network.accuracy(self.x_test[first], self.t_test[first])
        self.train_acc_list.append(train)
        self.test_acc_list.append(test)
        self._say(f"=== epoch:{self.current_epoch}, train acc:{train}, test acc:{test} ===")

    def train(self) -> None:
        """Take every step, and look at the whole test set at the end."""
        for _ in range(self.max_iter):
            self.train_step()
        accuracy = self.network.accuracy(self.x_test, self.t_test)
        self._say("=============== Final Test Accuracy ===============")
        self._say(f"test acc:{accuracy}")

    def _say(self, line: str) -> None:
        """Print a line when asked to."""
        if self.verbose:
            print(line)  # noqa: T201 - what the book's trainer prints
