"""Whole networks of single lessons, faults included, and one of them repaired."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

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


def probability_nll(probs: ArrayLike, t: ArrayLike) -> float:
    """Minus the mean probability of the labels: `nll_loss` fed with a softmax, a lesson's fault.

    Parameters
    ----------
    probs : array_like (N, K)
        Probabilities, where the loss expects their logarithms.
    t : array_like (N,) of int
        Class ids.

    Returns
    -------
    float
        Between -1 and 0.

    Examples
    --------
    >>> probability_nll([[0.25, 0.75]], [1])
    -0.75
    """
    return _core.nll(probs, t)


class Report(NamedTuple):
    """A line of `ProbabilityNet.fit`: a batch of an epoch, or with `seen` None the epoch's test."""

    epoch: int
    seen: int | None
    loss: float
    accuracy: float | None
    rows: int

    def __str__(self) -> str:
        """Return the line as PyTorch's example prints it."""
        if self.seen is None:
            return f"Test Epoch: {self.epoch} Loss: {self.loss:.4f}, Accuracy: {self.accuracy:.4f}"
        share = 100.0 * self.seen / self.rows
        where = f"[{self.seen}/{self.rows} ({share:.0f}%)]"
        return f"Train Epoch: {self.epoch} {where} Loss: {self.loss:.6f}"


class ProbabilityNet(_Stack):
    """A PyTorch lesson as it was written: 784-50-100, and the loss is minus a probability.

    The third layer was forgotten in `forward`: softmax runs over the 100 sigmoids of the second,
    of which ten stand for digits. A sigmoid ends at 1, so the largest probability there is
    ``e / (e + 99)``, .0267: the loss cannot fall below -.0267. And the loss takes probabilities
    where it should have their logarithms, whose gradient is small where the net is wrong. It
    learns all the same. W and b are uniform within ``1 / sqrt(inputs)``.

    Parameters
    ----------
    seed : int
        Of numpy.random.
    dtype : str
        ``"float64"``, or ``"float32"`` as PyTorch has it. The gradients grow so small that in
        float32 their squares, which Adam keeps, are subnormal: after an epoch a step then takes
        longer than in float64.

    Attributes
    ----------
    params, grads : dict
        ``"w_1" "b_1" "w_2" "b_2"``, live.

    Examples
    --------
    >>> import numpy as np
    >>> x, t = np.zeros((2, 784), np.float32), np.array([3, 4])
    >>> reports = list(ProbabilityNet().fit(x, t, x, t, epochs=1))
    >>> len(reports), -0.0267 < reports[0].loss < 0
    (2, True)
    """

    sizes: tuple[int, ...] = (784, 50, 100)
    repaired = False

    def __init__(self, seed: int = 0, dtype: str = "float64") -> None:
        hidden = ("sigmoid", "sigmoid")
        super().__init__(self.sizes, (*hidden, None) if self.repaired else hidden, dtype)
        np.random.seed(seed)  # noqa: NPY002 - as all lessons here
        for i, inputs in enumerate(self.sizes[:-1], 1):
            bound = 1.0 / np.sqrt(inputs)
            for name in (f"w_{i}", f"b_{i}"):
                value = self.params[name]
                value[...] = np.random.uniform(-bound, bound, value.shape)  # noqa: NPY002

    def loss(self, x: ArrayLike, t: ArrayLike) -> float:
        """Return the loss of rows with class ids."""
        y = self.predict(x)
        if self.repaired:
            return _core.nll(_core.log_softmax(y, -1), t)
        return probability_nll(_core.softmax(y, -1), t)

    def fit(
        self,
        x: Array,
        t: ArrayLike,
        x_test: Array,
        t_test: ArrayLike,
        *,
        epochs: int = 10,
        batch_size: int = 1,
        learning_rate: float = 0.001,
        report: int = 20_000,
    ) -> Iterator[Report]:
        """Train with Adam on batches in order, and tell a line now and then.

        Parameters
        ----------
        x, x_test : ndarray (N, 784)
            Rows, ``(pixels / 255 - .1307) / .3081`` in the lesson.
        t, t_test : array_like (N,) of int
            Class ids.
        epochs : int
            Passes over `x`.
        batch_size : int
            Rows of a batch; rows that fill none are left out.
        learning_rate : float
            Of Adam, with beta .9 and .999 and epsilon 1e-8.
        report : int
            Rows between two lines of an epoch.

        Yields
        ------
        Report
            Lines of training, and one of the test set after each epoch.
        """
        x, t, n = np.ascontiguousarray(x, self.dtype), class_ids(t), batch_size
        rows, ids = aligned_zeros((n, self.sizes[0]), self.dtype), np.zeros(n, np.int64)
        loss, correct, places = np.zeros(1), np.zeros(1, np.int64), np.arange(n)
        m, v = (aligned_zeros(self.flat.shape, self.dtype) for _ in "mv")
        step = np.zeros(1)
        plan = _core.Plan()
        with plan.recording():
            values = self.outputs(rows)
            d = aligned_zeros(values[-1].shape, self.dtype)
            if self.repaired:
                _core.softmax_cross_entropy_train(values[-1], ids, None, loss, correct, None, d)
            else:
                probs = _core.softmax(values[-1], -1)
                chosen = aligned_zeros(probs.shape, self.dtype)
                d = _core.softmax_backward(chosen, probs, -1)
            self.backward(d, values)
            _core.adam_update(
                self.flat, self.flat_grads, m, v, learning_rate, step, 0.9, 0.999, 1e-8
            )
        for epoch in range(1, epochs + 1):
            for seen in range(0, len(x) - n + 1, n):
                rows[...] = x[seen : seen + n]
                ids[...] = t[seen : seen + n]
                step[0] += 1
                if not self.repaired:
                    chosen[places, ids] = -1.0 / n
                plan.run()
                if not self.repaired:
                    chosen[places, ids] = 0.0
                if seen % report < n:
                    value = float(loss[0]) if self.repaired else probability_nll(probs, ids)
                    yield Report(epoch, seen, value, None, len(x))
            tested = self.loss(x_test, t_test), self.accuracy(x_test, t_test)
            yield Report(epoch, None, *tested, len(x_test))


class RepairedNet(ProbabilityNet):
    """`ProbabilityNet` with its third layer, 100-10, and the logarithm: log-softmax before the loss.

    Examples
    --------
    >>> list(RepairedNet().params)
    ['w_1', 'b_1', 'w_2', 'b_2', 'w_3', 'b_3']
    """

    sizes = (784, 50, 100, 10)
    repaired = True
