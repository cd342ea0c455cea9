"""Logic gates, learnt by central differences."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotloop import _core
from hotloop.book.lessons.descents import differential
from hotloop.book.lessons.functions import cross_entropy_error_for_bin

Array = NDArray[Any]

INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
GATES = {"AND": (0, 0, 0, 1), "OR": (0, 1, 1, 1), "NAND": (1, 1, 1, 0), "XOR": (0, 1, 1, 0)}


class _Net(ABC):
    """What both nets share: loss, gradient and training, over `params`."""

    params: dict[str, Array]

    @abstractmethod
    def predict(self, x: ArrayLike) -> Array:
        """Return the answers to rows (N, 2)."""

    def loss(self, x: ArrayLike, t: ArrayLike) -> float:
        """Return half the summed binary cross entropy of the predictions."""
        return cross_entropy_error_for_bin(self.predict(x), t)

    def get_gradient(self, x: ArrayLike, t: ArrayLike) -> dict[str, Array]:
        """Return the central differences of the loss, step 1e-5, by name."""
        return {
            name: differential(lambda _: self.loss(x, t), param)
            for name, param in self.params.items()
        }

    def fit(
        self, x: ArrayLike, t: ArrayLike, learning_rate: float = 0.1, steps: int = 1000
    ) -> list[float]:
        """Descend on one batch and return the loss after each step."""
        losses = []
        for _ in range(steps):
            grads = self.get_gradient(x, t)
            for name, grad in grads.items():
                self.params[name] -= learning_rate * grad
            losses.append(self.loss(x, t))
        return losses


class LogicGateNet(_Net):
    """One sigmoid unit with two inputs: it learns AND, OR and NAND, and cannot learn XOR.

    Seeds numpy.random with `seed`, as the lesson does, and draws weights ``randn(2)`` and bias
    ``rand(1)``.

    Parameters
    ----------
    seed : int
        Of numpy.random.

    Attributes
    ----------
    params : dict
        ``"weights"`` (2,) and ``"bias"`` (1,), live; also attributes of these names.

    Examples
    --------
    >>> gate = LogicGateNet()
    >>> losses = gate.fit(INPUTS, np.array([[0], [0], [0], [1]]))
    >>> f"{losses[-1]:.11f}"
    '0.16043926933'
    >>> gate.predict(INPUTS).ravel().round(2)
    array([0.  , 0.09, 0.09, 0.87])
    """

    def __init__(self, seed: int = 1) -> None:
        np.random.seed(seed)  # noqa: NPY002 - the lesson's figures
        self.params = {"weights": np.random.randn(2), "bias": np.random.rand(1)}  # noqa: NPY002

    @property
    def weights(self) -> Array:
        """Weights (2,), live."""
        return self.params["weights"]

    @weights.setter
    def weights(self, value: ArrayLike) -> None:
        self.params["weights"][...] = value

    @property
    def bias(self) -> Array:
        """Bias (1,), live."""
        return self.params["bias"]

    @bias.setter
    def bias(self, value: ArrayLike) -> None:
        self.params["bias"][...] = value

    def predict(self, x: ArrayLike) -> Array:
        """Return the answers (N, 1) to rows (N, 2)."""
        return _core.affine(x, self.weights.reshape(-1, 1), self.bias, "sigmoid")


class XORNet(_Net):
    """Two layers that learn XOR, with the lesson's shapes.

    The first layer has two weights and two biases: one weighted sum, which each bias shifts, so
    that the hidden layer is (N, 2). The second layer likewise answers two columns, which become
    equal as its biases do, and both are in the loss. A layer of two hidden units proper has weights
    (2, 2), and an answer of one column weights (2, 1) and one bias.

    Parameters
    ----------
    seed : int
        Of numpy.random; w_1, b_1, w_2 and b_2 are drawn in this order.

    Attributes
    ----------
    params : dict
        ``"w_1" "b_1" "w_2" "b_2"``, each (2,), live.

    Examples
    --------
    >>> net = XORNet()
    >>> net.predict(INPUTS).shape
    (4, 2)
    """

    def __init__(self, seed: int = 1) -> None:
        np.random.seed(seed)  # noqa: NPY002 - the lesson's figures
        randn, rand = np.random.randn, np.random.rand
        self.params = {"w_1": randn(2), "b_1": rand(2), "w_2": randn(2), "b_2": rand(2)}

    def predict(self, x: ArrayLike) -> Array:
        """Return the answers (N, 2) to rows (N, 2)."""
        p = self.params
        for w, b in ((p["w_1"], p["b_1"]), (p["w_2"], p["b_2"])):
            x = _core.sigmoid(_core.matmul(x, w.reshape(-1, 1)) + b)
        return np.asarray(x)
