"""Whole networks of single lessons, faults included."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotloop import _core
from hotloop.book.lessons.affine import class_ids
from hotloop.book.lessons.descents import differential_2d
from hotloop.book.lessons.functions import cross_entropy_error_for_bin, softmax_of_batch
from hotloop.parameters import aligned_zeros

Array = NDArray[Any]


class _Stack:
    """Affine layers, each with its activation; all weights in one array, the gradients in a twin.

    Parameters
    ----------
    sizes : tuple of int
        Features of the input and of each layer.
    activations : tuple of str or None
        ``"relu"``, ``"sigmoid"`` or None for each layer.
    dtype : str
        Of everything.
    """

    def __init__(
        self, sizes: tuple[int, ...], activations: tuple[Any, ...], dtype: str = "float64"
    ) -> None:
        self.activations, self.dtype = activations, np.dtype(dtype)
        shapes = [s for pair in itertools.pairwise(sizes) for s in (pair, pair[1:])]
        names = [f"{kind}_{i}" for i in range(1, len(sizes)) for kind in ("w", "b")]
        count = sum(int(np.prod(shape)) for shape in shapes)
        self.flat, self.flat_grads = aligned_zeros(count, dtype), aligned_zeros(count, dtype)
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        start = 0
        for name, shape in zip(names, shapes, strict=True):
            end = start + int(np.prod(shape))
            self.params[name] = self.flat[start:end].reshape(shape)
            self.grads[name] = self.flat_grads[start:end].reshape(shape)
            start = end

    def outputs(self, x: ArrayLike) -> list[Array]:
        """Return the input and what each layer makes of it; records inside a plan."""
        values = [np.asarray(x, self.dtype)]
        for i, activation in enumerate(self.activations, 1):
            w, b = self.params[f"w_{i}"], self.params[f"b_{i}"]
            values.append(_core.affine(values[-1], w, b, activation))
        return values

    def backward(self, d: Array, values: list[Array]) -> None:
        """Fill `grads` from the gradient of the last output; overwrites `d`."""
        backwards: dict[Any, Any] = {
            "relu": _core.relu_backward,
            "sigmoid": _core.sigmoid_backward,
        }
        for i in range(len(self.activations), 0, -1):
            activation = self.activations[i - 1]
            if activation:
                backwards[activation](d, values[i], out=d)
            dx = aligned_zeros(values[i - 1].shape, self.dtype) if i > 1 else None
            out = (dx, self.grads[f"w_{i}"], self.grads[f"b_{i}"])
            _core.affine_backward(d, values[i - 1], self.params[f"w_{i}"], i > 1, True, out=out)
            if dx is not None:
                d = dx

    def predict(self, x: ArrayLike) -> Array:
        """Return the outputs of the last layer."""
        return self.outputs(x)[-1]

    def accuracy(self, x: ArrayLike, t: ArrayLike) -> float:
        """Return the share of rows whose largest output is that of their label."""
        x, ids = np.asarray(x), class_ids(t)
        hits = 0
        for start in range(0, len(x), 1000):
            part = slice(start, start + 1000)
            hits += int((self.predict(x[part]).argmax(1) == ids[part]).sum())
        return hits / len(x)


class NumericalModel(_Stack):
    """The 784-64-10 network that a lesson trains by numerical gradient.

    Sigmoid, then `softmax_of_batch` and `cross_entropy_error_for_bin`. The gradient takes two
    losses for each of 50,890 weights: 101,780 a step.

    Parameters
    ----------
    input_nodes, hidden_nodes, output_units : int
        Sizes.
    seed : int
        Of numpy.random; weights are ``0.01 * randn``, biases zero.

    Attributes
    ----------
    params : dict
        ``"w_1" "b_1" "w_2" "b_2"``, live.
    evaluations : int
        Losses computed so far.

    Examples
    --------
    >>> import numpy as np
    >>> model = NumericalModel(3, 2, 2)
    >>> grads = model.get_gradient(np.ones((1, 3)), np.array([[0.0, 1.0]]))
    >>> model.evaluations == 2 * sum(grad.size for grad in grads.values())
    True
    """

    def __init__(
        self,
        input_nodes: int = 784,
        hidden_nodes: int = 64,
        output_units: int = 10,
        seed: int = 777,
    ) -> None:
        super().__init__((input_nodes, hidden_nodes, output_units), ("sigmoid", None))
        np.random.seed(seed)  # noqa: NPY002 - the lesson's weights
        for name in ("w_1", "w_2"):
            w = self.params[name]
            w[...] = 0.01 * np.random.randn(*w.shape)  # noqa: NPY002
        self.evaluations = 0

    def predict(self, x: ArrayLike) -> Array:
        """Return the probabilities, which sum to one over the whole batch."""
        return softmax_of_batch(super().predict(x))

    def loss(self, x: ArrayLike, t: ArrayLike) -> float:
        """Return half the summed binary cross entropy with one-hot labels."""
        self.evaluations += 1
        return cross_entropy_error_for_bin(self.predict(x), t)

    def get_gradient(self, x: ArrayLike, t: ArrayLike) -> dict[str, Array]:
        """Return the central differences of the loss, step 1e-5, by name."""
        return {
            name: differential_2d(lambda _: self.loss(x, t), param)
            for name, param in self.params.items()
        }


class BackpropNet(_Stack):
    """The network of the lesson on backpropagation: 784-100-64-32-10, ReLU, every W alike.

    ``W = randn * sqrt(2 / 784)`` in every layer, though only the first has 784 inputs, and
    ``b = randn``; drawn layer by layer, W before b.

    Parameters
    ----------
    sizes : tuple of int
        Features of the input and of each layer.
    seed : int
        Of numpy.random, also for the batches that follow.

    Attributes
    ----------
    params, grads : dict
        ``"w_1" "b_1" ...``, live.

    Examples
    --------
    >>> import numpy as np
    >>> net = BackpropNet((4, 3, 2))
    >>> net.step(np.ones((5, 4)), np.array([0, 1, 0, 1, 0]), learning_rate=0.001) > 0
    True
    """

    def __init__(self, sizes: tuple[int, ...] = (784, 100, 64, 32, 10), seed: int = 42) -> None:
        super().__init__(sizes, (*["relu"] * (len(sizes) - 2), None))
        np.random.seed(seed)  # noqa: NPY002 - the lesson's weights
        for name, value in self.params.items():
            scale = np.sqrt(2.0 / sizes[0]) if name.startswith("w") else 1.0
            value[...] = scale * np.random.randn(*value.shape)  # noqa: NPY002

    def gradient(self, x: ArrayLike, t: ArrayLike) -> float:
        """Fill `grads` and return the mean cross entropy of a batch with class ids or one-hot rows."""
        values = self.outputs(x)
        loss, probs = _core.softmax_cross_entropy(values[-1], class_ids(t))
        d = _core.softmax_cross_entropy_backward(probs, class_ids(t))
        self.backward(d, values)
        return loss

    def step(self, x: ArrayLike, t: ArrayLike, learning_rate: float = 0.001) -> float:
        """Take one step of gradient descent and return the loss before it."""
        loss = self.gradient(x, t)
        _core.sgd_update(self.flat, self.flat_grads, learning_rate)
        return loss
