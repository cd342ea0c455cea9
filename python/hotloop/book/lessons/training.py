"""The loop of a lesson on compiled steps: batches, updates, and a line of figures now and then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotloop import _core
from hotloop.book.lessons.affine import class_ids
from hotloop.book.lessons.judging import Judge
from hotloop.book.lessons.model import MyModel
from hotloop.book.lessons.optimizers import SGD, Adam
from hotloop.parameters import aligned_zeros

Array = NDArray[Any]


class Line(NamedTuple):
    """Figures after a step: the batch's loss with decay, and accuracies, all in inference mode."""

    step: int
    loss: float
    train_accuracy: float
    test_accuracy: float


class Steps:
    """Training steps of a model for one batch size, recorded once and run without Python between.

    Gradients lie in one array like the model's parameters, so that decay and update are one pass
    each. Dropout is a mask of numbers, positive where an output is kept, that the derivative of
    ReLU applies: it passes where its second argument is positive.

    Parameters
    ----------
    model : MyModel
        The model; its parameters and running statistics move.
    optimizer : SGD, Adam or any with ``update(params, grads)``
        The first two are recorded too.
    batch_size : int
        Rows of a batch.
    """

    def __init__(self, model: MyModel, optimizer: Any, batch_size: int) -> None:
        self.model, self.optimizer, n = model, optimizer, batch_size
        self.x = aligned_zeros((n, model.input_size), np.float64)
        self.t = np.zeros(n, np.int64)
        self.flat_grads = aligned_zeros(model.flat.shape, np.float64)
        self.grads = model.views(self.flat_grads)
        self._mask = aligned_zeros(n * sum(model.hidden_size_list), np.float64)
        self._rate = np.zeros(1)
        self._step = np.zeros(1)
        self._training = _core.Plan()
        with self._training.recording():
            self._record_gradient(n)
            if model.decay_lambda:
                count = model.weight_count
                # grad -= -lambda * W.
                _core.sgd_update(self.flat_grads[:count], model.flat[:count], -model.decay_lambda)
            self._recorded = self._record_update()
        self._inference = _core.Plan()
        with self._inference.recording():
            self._probs = self._record_inference()

    def _record_gradient(self, n: int) -> None:
        model, grads = self.model, self.grads
        hidden: list[tuple[Any, ...]] = []
        h, start = self.x, 0
        act, act_backward = (
            (_core.relu, _core.relu_backward)
            if model.activation == "relu"
            else (_core.sigmoid, _core.sigmoid_backward)
        )
        for i, size in enumerate(model.hidden_size_list, 1):
            z = y = _core.affine(h, model.params[f"W{i}"], model.params[f"b{i}"])
            statistics: Any = ()
            if model.use_batchnorm:
                norm = model.layers[f"BatchNorm{i}"]
                y, *statistics = _core.batch_norm(
                    z,
                    norm.gamma,
                    norm.beta,
                    norm.running_mean,
                    norm.running_var,
                    True,
                    norm.momentum,
                    norm.eps,
                )
            a = y = act(y, out=y)
            mask = None
            if model.use_dropout:
                mask = self._mask[start : start + n * size].reshape(n, size)
                start += n * size
                y = _core.relu_backward(a, mask)
            hidden.append((h, z, statistics, a, mask))
            h = y
        last = model.hidden_layer_num + 1
        scores = _core.affine(h, model.params[f"W{last}"], model.params[f"b{last}"])
        d: Any = aligned_zeros(scores.shape, np.float64)
        loss, correct = np.zeros(1), np.zeros(1, np.int64)
        _core.softmax_cross_entropy_train(scores, self.t, None, loss, correct, None, d)
        for i in range(last, 0, -1):
            if i < last:
                _, z, statistics, a, mask = hidden[i - 1]
                if mask is not None:
                    d = _core.relu_backward(d, mask, out=d)
                d = act_backward(d, a, out=d)
                if model.use_batchnorm:
                    gamma = model.params[f"gamma{i}"]
                    mean, inv_std = statistics
                    changed = (d, grads[f"gamma{i}"], grads[f"beta{i}"])
                    _core.batch_norm_backward(d, z, gamma, mean, inv_std, out=changed)
                h = hidden[i - 1][0]
            dx: Any = aligned_zeros(h.shape, np.float64) if i > 1 else None
            out = (dx, grads[f"W{i}"], grads[f"b{i}"])
            _core.affine_backward(d, h, model.params[f"W{i}"], i > 1, True, out=out)
            d = dx

    def _record_update(self) -> bool:
        optimizer, flat, grads = self.optimizer, self.model.flat, self.flat_grads
        if type(optimizer) is SGD:
            _core.sgd_update(flat, grads, self._rate)
            return True
        if type(optimizer) is not Adam:
            return False
        slots = {}
        for name in ("m", "v"):
            twin = aligned_zeros(flat.shape, np.float64)
            views, before = self.model.views(twin), getattr(optimizer, name)
            for key, value in (before or {}).items():
                views[key][...] = value
            setattr(optimizer, name, views)
            slots[name] = twin
        _core.adam_update(
            flat,
            grads,
            slots["m"],
            slots["v"],
            self._rate,
            self._step,
            optimizer.beta1,
            optimizer.beta2,
            1e-7,
        )
        return True

    def _record_inference(self) -> Array:
        model, y = self.model, self.x
        act = _core.relu if model.activation == "relu" else _core.sigmoid
        for i in range(1, model.hidden_layer_num + 1):
            y = _core.affine(y, model.params[f"W{i}"], model.params[f"b{i}"])
            if model.use_batchnorm:
                norm = model.layers[f"BatchNorm{i}"]
                _core.batch_norm(
                    y,
                    norm.gamma,
                    norm.beta,
                    norm.running_mean,
                    norm.running_var,
                    False,
                    norm.momentum,
                    norm.eps,
                    out=y,
                )
            y = act(y, out=y)
            if model.use_dropout:
                kept = aligned_zeros(y.shape, np.float64)
                y = _core.gather_rows(y, None, kept, 1.0 - model.dropout_ratio)
        last = model.hidden_layer_num + 1
        scores = _core.affine(y, model.params[f"W{last}"], model.params[f"b{last}"])
        return _core.softmax(scores, -1)

    def run(self, x: Array, t: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        """Take one step on `rows` of `x` (real numbers) and the ids `t`."""
        _core.gather_rows(x, rows, self.x)
        np.take(t, rows, out=self.t)
        model, optimizer = self.model, self.optimizer
        if model.use_dropout:
            # One draw for all layers: numpy.random gives the numbers that theirs would be, in order.
            drawn = np.random.rand(self._mask.size)  # noqa: NPY002 - the lesson's masks
            np.subtract(drawn, model.dropout_ratio, out=self._mask)
        self._rate[0] = optimizer.learning_rate
        if type(optimizer) is Adam:
            optimizer.iter += 1
            self._step[0] = optimizer.iter
        self._training.run()
        if not self._recorded:
            optimizer.update(model.params, self.grads)

    def loss(self) -> float:
        """Return the loss of the last batch, decay included, in inference mode."""
        self._inference.run()
        return _core.cross_entropy(self._probs, self.t, 1e-7) + self.model.weight_decay()


def train(
    model: MyModel,
    optimizer: Any,
    x: ArrayLike,
    t: ArrayLike,
    x_test: ArrayLike,
    t_test: ArrayLike,
    *,
    batch_size: int = 100,
    steps: int = 1000,
    every: int = 50,
) -> Iterator[Line]:
    """Train as a lesson's loop does, and tell its figures after steps 1, 1 + every, 1 + 2 every ...

    Each step draws ``numpy.random.choice(len(x), batch_size)``, with replacement, then the masks
    of dropout; gradient and update follow. Loss and accuracies are taken where they are told.
    Lessons take them after every step and print each fiftieth; ``every=1`` tells them all.

    Parameters
    ----------
    model : MyModel
        The model; it moves.
    optimizer : SGD, Momentum, AdaGrad, RMSProp or Adam
        The update.
    x, x_test : array_like (N, I)
        Rows to learn from, and to test with.
    t, t_test : array_like
        One-hot labels or class ids.
    batch_size : int
        Rows of a batch.
    steps : int
        Number of steps.
    every : int
        Steps between two lines.

    Yields
    ------
    Line
        ``(step, loss, train_accuracy, test_accuracy)``.

    Examples
    --------
    >>> import numpy as np
    >>> from hotloop.book.lessons import SGD, MyModel, train
    >>> np.random.seed(0)
    >>> x = np.random.rand(40, 2)
    >>> t = (x[:, 0] > x[:, 1]).astype(int)
    >>> model = MyModel(2, [8], 2, use_batchnorm=True)
    >>> lines = list(train(model, SGD(0.1), x, t, x, t, batch_size=20, steps=101))
    >>> [line.step for line in lines]
    [1, 51, 101]
    >>> lines[-1].train_accuracy > 0.9
    True
    """
    x, ids = np.asarray(x), class_ids(t)
    judges = [Judge(rows, labels) for rows, labels in ((x, t), (np.asarray(x_test), t_test))]
    compiled = Steps(model, optimizer, batch_size)
    for step in range(1, steps + 1):
        rows = np.random.choice(len(x), batch_size)  # noqa: NPY002 - the lesson's batches
        compiled.run(x, ids, rows)
        if (step - 1) % every == 0:
            yield Line(step, compiled.loss(), *(judge.accuracy(model) for judge in judges))
