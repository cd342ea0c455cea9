"""Layers with a forward and a backward, as `MyModel` stacks them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotloop import _core
from hotloop.book.lessons.functions import cross_entropy_error_for_batch

Array = NDArray[Any]


class Add:
    """Node ``x + y`` of a graph.

    Examples
    --------
    >>> node = Add()
    >>> node.forward(3, 4), node.backward(2)
    (7, (2, 2))
    """

    def forward(self, x: Any, y: Any) -> Any:
        """Return the sum."""
        return x + y

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """Return the gradients of both: the one that came, twice."""
        return dout, dout


class Mul:
    """Node ``x * y`` of a graph.

    Examples
    --------
    >>> node = Mul()
    >>> node.forward(3, 4), node.backward(2)
    (12, (8, 6))
    """

    def __init__(self) -> None:
        self.x: Any = None
        self.y: Any = None

    def forward(self, x: Any, y: Any) -> Any:
        """Return the product, and remember both."""
        self.x, self.y = x, y
        return x * y

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """Return the gradients: each is that of the product times the other factor."""
        return dout * self.y, dout * self.x


class ReLU:
    """``max(x, 0)``; the gradient passes where the output is positive.

    Examples
    --------
    >>> import numpy as np
    >>> layer = ReLU()
    >>> layer.forward(np.array([-1.0, 2.0])), layer.backward(np.array([5.0, 5.0]))
    (array([0., 2.]), array([0., 5.]))
    """

    def __init__(self) -> None:
        self.out: Array | None = None

    def forward(self, x: ArrayLike) -> Array:
        """Return the positive part; `x` stays as it is."""
        self.out = _core.relu(x)
        return self.out

    def backward(self, dout: ArrayLike) -> Array:
        """Return a new gradient: the lessons write into `dout`, which no figure depends on."""
        return _core.relu_backward(dout, cast("Array", self.out))


class Sigmoid:
    """``1 / (1 + exp(-x))``.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Sigmoid()
    >>> layer.forward(np.array([0.0])), layer.backward(np.array([1.0]))
    (array([0.5]), array([0.25]))
    """

    def __init__(self) -> None:
        self.out: Array | None = None

    def forward(self, x: ArrayLike) -> Array:
        """Return the sigmoid."""
        self.out = _core.sigmoid(x)
        return self.out

    def backward(self, dout: ArrayLike) -> Array:
        """Return ``dout * y * (1 - y)``."""
        return _core.sigmoid_backward(dout, cast("Array", self.out))


class Layer:
    """Affine layer ``x W + b``, the lessons' plain "layer".

    Parameters
    ----------
    W : ndarray (I, O)
        Weights, live.
    b : ndarray (O,)
        Bias, live.

    Attributes
    ----------
    dW, db : ndarray
        Gradients of the last backward.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Layer(np.array([[1.0], [2.0]]), np.array([0.5]))
    >>> layer.forward(np.array([[3.0, 4.0]]))
    array([[11.5]])
    >>> layer.backward(np.array([[1.0]]))
    array([[1., 2.]])
    """

    def __init__(self, W: Array, b: Array) -> None:
        self.W, self.b = W, b
        self.x: Array | None = None
        self.shape: tuple[int, ...] = ()
        self.dW: Array | None = None
        self.db: Array | None = None

    def forward(self, x: ArrayLike) -> Array:
        """Return the outputs (N, O) of rows, or of images, which are laid out as rows."""
        x = np.asarray(x)
        self.shape = x.shape
        self.x = x.reshape(len(x), -1)
        return _core.affine(self.x, self.W, self.b)

    def backward(self, dout: ArrayLike) -> Array:
        """Fill dW and db, and return the gradient of the input in its own shape."""
        dx, self.dW, self.db = _core.affine_backward(dout, cast("Array", self.x), self.W)
        return cast("Array", dx).reshape(self.shape)


class BatchNormalization:
    """``gamma * (x - mean) / sqrt(variance + 1e-6) + beta`` for each column of a batch of rows.

    In training mean and variance are those of the batch, and the running ones move a tenth of the
    way to them. They start at 0: the first steps judged in inference mode divide by a variance
    that is far too small. Images are laid out as rows, so that every pixel has its own mean; a
    channel shares one in ``hotloop.layers.BatchNormalization``.

    Parameters
    ----------
    gamma, beta : ndarray (F,)
        Scale and offset, live. `MyModel` starts both at one.
    momentum : float
        Share of the running statistics that a step keeps.
    running_mean, running_var : ndarray (F,), optional
        First values, zeros when left out.

    Attributes
    ----------
    dgamma, dbeta : ndarray
        Gradients of the last backward.

    Examples
    --------
    >>> import numpy as np
    >>> layer = BatchNormalization(np.ones(1), np.ones(1))
    >>> layer.forward(np.array([[1.0], [3.0]])).round(3)
    array([[0.],
           [2.]])
    >>> layer.running_mean, layer.running_var
    (array([0.2]), array([0.1]))
    """

    eps = 1e-6

    def __init__(
        self,
        gamma: Array,
        beta: Array,
        momentum: float = 0.9,
        running_mean: Array | None = None,
        running_var: Array | None = None,
    ) -> None:
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.running_mean, self.running_var = running_mean, running_var
        self.dgamma: Array | None = None
        self.dbeta: Array | None = None
        self._saved: tuple[Array, Array, Array] | None = None

    def forward(self, x: ArrayLike, is_train: bool = True) -> Array:
        """Normalise by the batch, or with ``is_train=False`` by the running statistics."""
        x = np.asarray(x)
        rows = x.reshape(len(x), -1)
        if self.running_mean is None or self.running_var is None:
            self.running_mean = np.zeros(rows.shape[1], rows.dtype)
            self.running_var = np.zeros(rows.shape[1], rows.dtype)
        y: Any = _core.batch_norm(
            rows,
            self.gamma,
            self.beta,
            self.running_mean,
            self.running_var,
            is_train,
            self.momentum,
            self.eps,
        )
        if is_train:
            y, mean, inv_std = y
            self._saved = (rows, mean, inv_std)
        return cast("Array", y).reshape(x.shape)

    def backward(self, dout: ArrayLike) -> Array:
        """Fill dgamma and dbeta, and return the gradient of the input, through the batch too."""
        dout = np.asarray(dout)
        rows, mean, inv_std = cast("tuple[Array, Array, Array]", self._saved)
        dx, self.dgamma, self.dbeta = _core.batch_norm_backward(
            dout.reshape(rows.shape), rows, self.gamma, mean, inv_std
        )
        return dx.reshape(dout.shape)


class Dropout:
    """Zeros at random places in training; in inference all outputs, times the share that is kept.

    The mask is ``numpy.random.rand(*shape) > dropout_ratio``, drawn anew at each forward, so a
    lesson's seed gives the lesson's masks. Training outputs are not scaled up ("not inverted");
    ``hotloop.layers.Dropout`` scales them, and leaves inference alone.

    Parameters
    ----------
    dropout_ratio : float
        Share that is zeroed.

    Examples
    --------
    >>> import numpy as np
    >>> np.random.seed(0)
    >>> layer = Dropout(0.5)
    >>> layer.forward(np.ones(4)), layer.forward(np.ones(4), is_train=False)
    (array([1., 1., 1., 1.]), array([0.5, 0.5, 0.5, 0.5]))
    """

    def __init__(self, dropout_ratio: float = 0.5) -> None:
        self.dropout_ratio = dropout_ratio
        self.mask: NDArray[np.bool_] | None = None

    def forward(self, x: ArrayLike, is_train: bool = True) -> Array:
        """Drop and remember what, or scale."""
        x = np.asarray(x)
        if not is_train:
            return x * (1.0 - self.dropout_ratio)
        self.mask = np.random.rand(*x.shape) > self.dropout_ratio  # noqa: NPY002 - the lesson's seed
        return x * self.mask

    def backward(self, dout: ArrayLike) -> Array:
        """Return the gradient where the output was kept, and 0 elsewhere."""
        return np.asarray(dout) * cast("NDArray[np.bool_]", self.mask)


class Softmax:
    """Last layer: softmax of each row, and the mean cross entropy with 1e-7 in the logarithm.

    Attributes
    ----------
    y : ndarray (N, K)
        Probabilities of the last forward.
    t : ndarray
        Its labels, one-hot rows or class ids.
    loss : float
        Its loss.

    Examples
    --------
    >>> import numpy as np
    >>> last = Softmax()
    >>> round(last.forward(np.array([[0.0, 0.0]]), np.array([1])), 6)
    0.693147
    >>> last.backward()
    array([[ 0.5, -0.5]])
    """

    def __init__(self) -> None:
        self.y: Array | None = None
        self.t: Array | None = None
        self.loss: float | None = None

    def forward(self, x: ArrayLike, t: ArrayLike) -> float:
        """Return the loss of scores."""
        self.t = np.asarray(t)
        self.y = _core.softmax(x, -1)
        self.loss = cross_entropy_error_for_batch(self.y, self.t)
        return self.loss

    def backward(self, dout: float = 1) -> Array:
        """Return ``(y - t) / N``, which leaves the 1e-7 out of account, times `dout`."""
        y, t = cast("Array", self.y), cast("Array", self.t)
        t = t.reshape(y.shape).astype(y.dtype) if t.size == y.size else t.reshape(-1)
        dx = _core.softmax_cross_entropy_backward(y, t)
        return dx if dout == 1 else dx * dout
