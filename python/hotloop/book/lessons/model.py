"""The stack of layers that the lessons on training build."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotloop import _core
from hotloop.book.lessons.affine import class_ids
from hotloop.book.lessons.folding import fold
from hotloop.book.lessons.judging import Judges
from hotloop.book.lessons.layers import (
    BatchNormalization,
    Dropout,
    Layer,
    ReLU,
    Sigmoid,
    Softmax,
)
from hotloop.parameters import aligned_zeros

Array = NDArray[Any]
_CHUNK = 500
_ACTIVATIONS: dict[str, type[ReLU | Sigmoid]] = {"relu": ReLU, "sigmoid": Sigmoid}


class MyModel:
    """Affine layers with batch normalisation, activation and dropout between, softmax at the end.

    For each hidden layer ``Layer -> BatchNormalization -> activation -> Dropout`` (the second and
    the last when asked for), then a ``Layer`` to the classes. float64 throughout.

    Parameters
    ----------
    input_size : int
        Features of a row.
    hidden_size_list : sequence of int
        Units of the hidden layers.
    output_size : int
        Classes.
    activation : str
        ``"relu"``, with weights ``randn * sqrt(2 / fan_out)``, or ``"sigmoid"`` with
        ``sqrt(1 / fan_out)``. The papers of He and Glorot have the number of inputs where these
        lessons have that of outputs.
    decay_lambda : float
        ``decay_lambda / 2 * sum(W**2)`` over all W is added to the loss, and its gradient.
    use_dropout : bool
        Whether a `Dropout` follows each activation.
    dropout_ratio : float
        Share that it zeroes.
    use_batchnorm : bool
        Whether a `BatchNormalization` precedes each activation.

    Attributes
    ----------
    params : dict of str to ndarray
        ``W1 b1 gamma1 beta1 W2 ...``, live: W drawn from numpy.random in the order of the layers,
        b zeros, gamma and beta ones.
    layers : dict of str to layer
        ``Layer1 BatchNorm1 Activation1 Dropout1 Layer2 ...``.
    last_layer : Softmax
        The loss.

    Raises
    ------
    ValueError
        For another activation.

    Notes
    -----
    `hotloop.book.lessons.train` runs the whole loop of a lesson on compiled steps.

    Examples
    --------
    >>> import numpy as np
    >>> from hotloop.book.lessons import SGD, MyModel
    >>> np.random.seed(42)
    >>> model = MyModel(2, [3], 2, use_batchnorm=True)
    >>> list(model.params)
    ['W1', 'b1', 'W2', 'b2', 'gamma1', 'beta1']
    >>> x, t = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1])
    >>> grads = model.gradient(x, t)
    >>> SGD(learning_rate=0.1).update(model.params, grads)
    >>> model.loss(x, t, is_train=False) > 0, model.accuracy(x, t) in (0, 0.5, 1)
    (True, True)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        decay_lambda: float = 0.0,
        use_dropout: bool = False,
        dropout_ratio: float = 0.5,
        use_batchnorm: bool = False,
    ) -> None:
        self._build(
            input_size,
            hidden_size_list,
            output_size,
            activation,
            decay_lambda,
            use_dropout,
            dropout_ratio,
            use_batchnorm,
        )
        self._draw()

    def _build(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str,
        decay_lambda: float,
        use_dropout: bool,
        dropout_ratio: float,
        use_batchnorm: bool,
    ) -> None:
        """Make everything but the first values of the parameters."""
        self._arguments = (
            input_size,
            list(hidden_size_list),
            output_size,
            activation,
            decay_lambda,
            use_dropout,
            dropout_ratio,
            use_batchnorm,
        )
        self._judges = Judges()
        self.activation = activation.lower()
        if self.activation not in _ACTIVATIONS:
            msg = f"MyModel: activation must be 'relu' or 'sigmoid', got {activation!r}"
            raise ValueError(msg)
        self._fused: Any = self.activation
        self.input_size, self.output_size = input_size, output_size
        self.hidden_size_list = list(hidden_size_list)
        self.hidden_layer_num = len(self.hidden_size_list)
        self.decay_lambda = decay_lambda
        self.use_dropout, self.dropout_ratio = use_dropout, dropout_ratio
        self.use_batchnorm = use_batchnorm
        self._allocate()
        self.layers: dict[str, Any] = {}
        for i in range(1, self.hidden_layer_num + 1):
            self.layers[f"Layer{i}"] = Layer(self.params[f"W{i}"], self.params[f"b{i}"])
            if use_batchnorm:
                size = self.hidden_size_list[i - 1]
                self.layers[f"BatchNorm{i}"] = BatchNormalization(
                    self.params[f"gamma{i}"],
                    self.params[f"beta{i}"],
                    running_mean=np.zeros(size),
                    running_var=np.zeros(size),
                )
            self.layers[f"Activation{i}"] = _ACTIVATIONS[self.activation]()
            if use_dropout:
                self.layers[f"Dropout{i}"] = Dropout(dropout_ratio)
        last = self.hidden_layer_num + 1
        self.layers[f"Layer{last}"] = Layer(self.params[f"W{last}"], self.params[f"b{last}"])
        self.last_layer = Softmax()

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy is made from: parameters, as one array, and running statistics."""
        norms = [layer for layer in self.layers.values() if isinstance(layer, BatchNormalization)]
        running = [(norm.running_mean, norm.running_var) for norm in norms]
        return {"arguments": self._arguments, "flat": self.flat, "running": running}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Lay the parameters out again, which draws no number."""
        self._build(*state["arguments"])
        self.flat[...] = state["flat"]
        norms = [layer for layer in self.layers.values() if isinstance(layer, BatchNormalization)]
        for norm, (mean, var) in zip(norms, state["running"], strict=True):
            norm.running_mean, norm.running_var = mean.copy(), var.copy()

    def _allocate(self) -> None:
        """Make all parameters views of one array, the W first: a decay or an update is one pass."""
        sizes = [self.input_size, *self.hidden_size_list, self.output_size]
        shapes: dict[str, tuple[int, ...]] = {}
        for i, shape in enumerate(itertools.pairwise(sizes), 1):
            shapes[f"W{i}"] = shape
        self.weight_count = sum(rows * columns for rows, columns in shapes.values())
        for i, size in enumerate(sizes[1:], 1):
            shapes[f"b{i}"] = (size,)
        if self.use_batchnorm:
            for i, size in enumerate(self.hidden_size_list, 1):
                shapes[f"gamma{i}"] = shapes[f"beta{i}"] = (size,)
        self._shapes = shapes
        self.flat = aligned_zeros(sum(int(np.prod(shape)) for shape in shapes.values()), np.float64)
        self._zeros = np.zeros(self.weight_count if self.decay_lambda else 0)
        views = self.views(self.flat)
        order = [name for i in range(1, len(sizes)) for name in (f"W{i}", f"b{i}")]
        self.params = {
            name: views[name] for name in [*order, *(n for n in views if n not in order)]
        }

    def views(self, flat: Array) -> dict[str, Array]:
        """Return the parts of an array laid out like `flat`, by the names of `params`."""
        parts, start = {}, 0
        for name, shape in self._shapes.items():
            end = start + int(np.prod(shape))
            parts[name] = flat[start:end].reshape(shape)
            start = end
        return parts

    def _draw(self) -> None:
        gain = 2.0 if self.activation == "relu" else 1.0
        for name, value in self.params.items():
            if name.startswith("W"):
                scale = np.sqrt(gain / value.shape[1])
                value[...] = scale * np.random.randn(*value.shape)  # noqa: NPY002 - the seed
            elif not name.startswith("b") or name.startswith("beta"):
                value[...] = 1.0

    def predict(self, x: ArrayLike, is_train: bool = False) -> Array:
        """Return the scores (N, K) of rows (N, I); in training mode statistics and masks move."""
        y: Any = np.asarray(x, np.float64)
        for layer in self.layers.values():
            if isinstance(layer, BatchNormalization | Dropout):
                y = layer.forward(y, is_train)
            else:
                y = layer.forward(y)
        return np.asarray(y)

    def weight_decay(self) -> float:
        """Return ``decay_lambda / 2 * sum(W**2)``."""
        if not self.decay_lambda:
            return 0.0
        weights = self.flat[: self.weight_count]
        squares = _core.mean_squared_error(weights, self._zeros) * weights.size
        return 0.5 * self.decay_lambda * squares

    def loss(self, x: ArrayLike, t: ArrayLike, is_train: bool = False) -> float:
        """Return cross entropy plus decay on rows and their one-hot labels or class ids."""
        return self.last_layer.forward(self.predict(x, is_train), t) + self.weight_decay()

    def accuracy(self, x: ArrayLike, t: ArrayLike) -> float:
        """Return the share of rows whose largest score is that of their label."""
        x, labels = np.asarray(x), class_ids(t)
        judge = self._judges.find(x, labels)
        return self.exact_accuracy(x, labels) if judge is None else judge.accuracy(self)

    def exact_accuracy(self, x: Array, labels: NDArray[np.int64]) -> float:
        """Return `accuracy` with every score computed in float64."""
        layers = [(w if factor is None else w * factor, b) for w, factor, b in fold(self)]
        hits = 0
        for start in range(0, len(x), _CHUNK):
            part = slice(start, start + _CHUNK)
            y: Any = np.ascontiguousarray(x[part], np.float64)
            for i, (w, b) in enumerate(layers, 1):
                y = _core.affine(y, w, b, None if i == len(layers) else self._fused)
            hits += int(np.count_nonzero(y.argmax(1) == labels[part]))
        return hits / len(x)

    def gradient(self, x: ArrayLike, t: ArrayLike) -> dict[str, Array]:
        """Return the gradient of the loss in training mode, decay included, by name."""
        # The loss in training mode has no reader here but the gradient.
        self.last_layer.forward(self.predict(x, True), t)
        dout = self.last_layer.backward()
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        grads: dict[str, Array] = {}
        for i in range(1, self.hidden_layer_num + 2):
            layer = self.layers[f"Layer{i}"]
            grads[f"W{i}"], grads[f"b{i}"] = layer.dW, layer.db
            if self.decay_lambda:
                # dW -= -lambda * W: the update's kernel as a sum of two arrays.
                _core.sgd_update(layer.dW, layer.W, -self.decay_lambda)
            if self.use_batchnorm and i <= self.hidden_layer_num:
                norm = self.layers[f"BatchNorm{i}"]
                grads[f"gamma{i}"], grads[f"beta{i}"] = norm.dgamma, norm.dbeta
        return grads
