"""The layers of the book, as ``common/layers.py`` has them: one compiled call each way.

What a script touches has the book's names (``W``, ``dW``, ``x``, ``mask``, ``arg_max``, ``col`` ...); what
costs time and is seldom looked at (masks, patches, standard deviations) is worked out when it is asked for.
So an array given to ``forward`` must stay unchanged until the ``backward`` that follows has returned.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import _core
from hotloop.book._arrays import Array, channels_last, compiled, images, lies_channels_last
from hotloop.book._deferred import ConvolutionOutput, PoolingGradient, plain
from hotloop.book.common import functions
from hotloop.book.common._image_layers import Convolution, Pooling
from hotloop.book.common.functions import *  # noqa: F403 - whoever takes all of the layers takes these too
from hotloop.book.common.functions import cross_entropy_error, sigmoid, softmax
from hotloop.book.common.util import col2im, im2col

__all__ = [
    "Affine",
    "BatchNormalization",
    "Convolution",
    "Dropout",
    "Pooling",
    "Relu",
    "Sigmoid",
    "SoftmaxWithLoss",
    "col2im",
    "im2col",
]
__all__ += functions.__all__

_WIDE_BYTES = 3 << 18
_ROWS = 1000


def _row(value: Any, features: int, dtype: Any) -> Array:
    """Return one number for each feature; a single one may stand for all."""
    if isinstance(value, np.ndarray) and value.shape == (features,) and value.dtype == dtype:
        return value
    return np.array(np.broadcast_to(value, (features,)), dtype)


class Relu:
    """Cut off below zero, ``y = x where x > 0, else 0``; backward writes into its argument.

    Attributes
    ----------
    mask : ndarray of bool, shape of the last x
        Where x was not positive.

    Notes
    -----
    Source: "Deep Learning from Scratch", section 5.5.1. A compiled `backward` also stops the gradient where
    x was NaN, which the book's lets pass.

    Examples
    --------
    >>> layer, dout = Relu(), np.array([5.0, 5.0])
    >>> layer.forward(np.array([-1.0, 2.0]))
    array([0., 2.])
    >>> layer.backward(dout) is dout, dout
    (True, array([0., 5.]))
    """

    def __init__(self) -> None:
        self._seen: Any = None
        """The last x, or what became of it: both are positive at the same places."""
        self._mask: Any = None

    @property
    def mask(self) -> Any:
        """Where the last x was not positive."""
        if self._mask is None and self._seen is not None:
            self._mask = plain(self._seen) <= 0
        return self._mask

    @mask.setter
    def mask(self, value: Any) -> None:
        self._seen, self._mask = None, value

    def forward(self, x: Any) -> Any:
        """Return a new array, shape and dtype of `x`."""
        self._mask = None
        if isinstance(x, ConvolutionOutput) and x.pending and not x.rectified:
            self._seen = x.relu()
            return self._seen
        self._seen = x = plain(x)
        if not compiled(x):
            self._mask = x <= 0
            return np.where(self._mask, x.dtype.type(0), x)
        if x.ndim == 4 and lies_channels_last(x):
            return images(_core.relu(x.transpose(0, 2, 3, 1)))
        return _core.relu(x)

    def backward(self, dout: Any) -> Any:
        """Write 0 into `dout` where x was not positive, and return `dout` itself."""
        seen = self._seen
        if isinstance(dout, PoolingGradient) and dout.pending and dout.source is seen:
            dout.gated = True
            return dout
        given, dout, seen = dout, plain(dout), plain(seen)
        if (
            compiled(seen, dout)
            and (seen.shape, seen.dtype) == (dout.shape, dout.dtype)
            and dout.flags.writeable
        ):
            if dout.ndim == 4 and lies_channels_last(dout):
                view = dout.transpose(0, 2, 3, 1)
                _core.relu_backward(view, channels_last(seen), view)
                return given
            if dout.flags.c_contiguous:
                _core.relu_backward(dout, seen, dout)
                return given
        dout[self.mask] = 0
        return given


class Sigmoid:
    """Squash into (0, 1), ``y = 1 / (1 + exp(-x))``, ``dx = dout (1 - y) y``.

    Attributes
    ----------
    out : ndarray
        The last output.

    Notes
    -----
    Source: "Deep Learning from Scratch", section 5.5.2.

    Examples
    --------
    >>> layer = Sigmoid()
    >>> layer.forward(np.array([0.0])), layer.backward(np.array([1.0]))
    (array([0.5]), array([0.25]))
    """

    def __init__(self) -> None:
        self.out: Any = None

    def forward(self, x: Array) -> Any:
        """Return a new array, shape and dtype of `x`."""
        self.out = sigmoid(plain(x))
        return self.out

    def backward(self, dout: Array) -> Any:
        """Return a new array, shape of `dout`."""
        dout = plain(dout)
        if compiled(dout, self.out) and dout.shape == self.out.shape:
            return _core.sigmoid_backward(dout, self.out)
        return dout * (1.0 - self.out) * self.out


class Affine:
    """Multiply and shift, ``y = x W + b``; x may have any shape, its axes after the first are flattened.

    Parameters
    ----------
    W : ndarray, shape (I, O)
    b : ndarray, shape (O,), or whatever else adds to (N, O)

    Attributes
    ----------
    W, b : the arrays given, read anew at each call
    x : ndarray, shape (N, I)
        The last input, flattened.
    original_x_shape : tuple
    dW, db : ndarrays, shapes (I, O) and (O,)
        What `backward` finds: ``dW = x^T dout``, ``db = sum_n dout``.

    Notes
    -----
    Source: "Deep Learning from Scratch", section 5.6.2.

    Examples
    --------
    >>> layer = Affine(np.array([[1.0, 2.0]]), np.array([0.0, 1.0]))
    >>> layer.forward(np.array([[3.0]]))
    array([[3., 7.]])
    >>> layer.backward(np.array([[1.0, 1.0]])), layer.dW
    (array([[3.]]), array([[3., 3.]]))
    """

    def __init__(self, W: Array, b: Any) -> None:
        self.W = W
        self.b = b
        self.x: Any = None
        self.original_x_shape: Any = None
        self.dW: Any = None
        self.db: Any = None

    def forward(self, x: Array) -> Array:
        """Take (N, ...) and return (N, O)."""
        x = plain(x)
        self.original_x_shape = x.shape
        self.x = x = x.reshape(x.shape[0], -1)
        w, b = self.W, self.b
        if not compiled(x, w):
            return np.asarray(np.dot(x, w) + b)
        fused = compiled(b) and b.shape == w.shape[1:] and b.dtype == np.result_type(x, w)
        if w.nbytes > _WIDE_BYTES and x.shape[1:] == w.shape[:1] and w.ndim == 2:
            # Some inputs at a time, so that their weights stay in the cache while all samples pass: 4320 x 100
            # of float64 takes 1.6 ms for 100 samples, and 2.6 ms in one piece.
            step = max(64, _WIDE_BYTES // 2 // (w.shape[1] * w.itemsize))
            out = _core.affine(x[:, :step], w[:step], b if fused else None)
            for i in range(step, w.shape[0], step):
                _core.add(out, _core.matmul(x[:, i : i + step], w[i : i + step]), out)
        elif x.dtype != np.result_type(x, w) and x.shape[0] > _ROWS and x.shape[1:] == w.shape[:1]:
            # MNIST is float32 and weights are float64: 60,000 rows as float64 are 376 MB that are read once.
            # 1.6 times as fast as in one piece.
            out = np.empty((x.shape[0], *w.shape[1:]), np.result_type(x, w))
            for i in range(0, x.shape[0], _ROWS):
                part = slice(i, i + _ROWS)
                _core.affine(x[part], w, b if fused else None, out=out[part])
        else:
            out = _core.affine(x, w, b if fused else None)
        return out if fused else out + b

    def backward(self, dout: Any) -> Any:
        """Take (N, O) and return dx, shaped as x was."""
        dout = plain(dout)
        if compiled(dout, self.x, self.W):
            dx, self.dW, self.db = _core.affine_backward(dout, self.x, self.W)
        else:
            dx, self.dW, self.db = (
                np.dot(dout, self.W.T),
                np.dot(self.x.T, dout),
                np.sum(dout, axis=0),
            )
        return plain(dx).reshape(self.original_x_shape)


class SoftmaxWithLoss:
    """Take `softmax` and `cross_entropy_error`; backward is ``(y - t) / N`` whatever it is given.

    Attributes
    ----------
    loss : NumPy float
    y : ndarray, shape (N, K)
        The probabilities.
    t : ndarray, shape (N,) of class ids or (N, K) of one-hot rows
        As given.

    Notes
    -----
    Source: "Deep Learning from Scratch", section 5.6.3. N is the length of t: for one sample without a batch
    axis and a one-hot t that is K, though the loss is that of one sample.

    Examples
    --------
    >>> layer = SoftmaxWithLoss()
    >>> float(layer.forward(np.zeros((2, 2)), np.array([0, 1])).round(6))
    0.693147
    >>> layer.backward()
    array([[-0.25,  0.25],
           [ 0.25, -0.25]])
    """

    def __init__(self) -> None:
        self.loss: Any = None
        self.y: Any = None
        self.t: Any = None

    def forward(self, x: Array, t: Array) -> Any:
        """Return the mean loss of scores `x` against `t`."""
        self.t = t
        self.y = softmax(x)
        self.loss = cross_entropy_error(self.y, t)
        return self.loss

    def backward(self, dout: Any = 1) -> Array:  # noqa: ARG002 - the book's does not look at it either
        """Return the gradient of the loss by the scores; `dout` counts for nothing."""
        rows = self.t.shape[0]
        if self.t.size == self.y.size:
            one_hot: Array = (self.y - self.t) / rows
            return one_hot
        dx: Array = self.y.copy()
        dx[np.arange(rows), self.t] -= 1
        dx /= rows
        return dx


class Dropout:
    """Drop units in training, ``y = x * (rand > ratio)``, and scale all by ``1 - ratio`` afterwards.

    Parameters
    ----------
    dropout_ratio : float
        The share that is dropped.

    Attributes
    ----------
    mask : ndarray of bool
        What was kept, drawn by ``numpy.random.rand``.

    Notes
    -----
    Source: "Deep Learning from Scratch", section 6.4.3. `hotloop.layers.Dropout` scales in training instead.

    Examples
    --------
    >>> Dropout(0.25).forward(np.ones(2), train_flg=False)
    array([0.75, 0.75])
    """

    def __init__(self, dropout_ratio: float = 0.5) -> None:
        self.dropout_ratio = dropout_ratio
        self.mask: Any = None

    def forward(self, x: Array, train_flg: bool = True) -> Array:
        """Return a new array, shape of `x`."""
        x = plain(x)
        if not train_flg:
            return x * (1.0 - self.dropout_ratio)
        drawn = np.random.rand(*x.shape)  # noqa: NPY002 - a script's seed is for this generator
        self.mask = drawn > self.dropout_ratio
        return self._kept(x)

    def backward(self, dout: Array) -> Array:
        """Return a new array, ``dout * mask``."""
        return self._kept(plain(dout))

    def _kept(self, x: Array) -> Array:
        """Multiply by the mask; the kernel's rate is 0, so that it scales nothing."""
        mask = self.mask
        if (
            compiled(x)
            and isinstance(mask, np.ndarray)
            and mask.dtype == bool
            and mask.shape == x.shape
        ):
            return _core.dropout_backward(x, mask.view(np.uint8), 0.0)
        kept: Array = x * mask
        return kept


class BatchNormalization:
    """Normalise each feature over the batch, ``y = gamma (x - mean) / sqrt(var + 1e-6) + beta``.

    Images (N, C, H, W) are flattened first, so that each of their C * H * W numbers is a feature.

    Parameters
    ----------
    gamma, beta : ndarrays, shape (F,)
    momentum : float
        ``running = momentum * running + (1 - momentum) * batch``, with the biased variance.
    running_mean, running_var : ndarrays, shape (F,), optional
        Where the running statistics start; both from 0 by default. They are not written to.

    Attributes
    ----------
    running_mean, running_var, input_shape, batch_size : as in the book
    xc, xn, std : ndarrays
        ``x - mean``, that over std, and ``sqrt(var + 1e-6)``, of the last training batch.
    dgamma, dbeta : ndarrays, shape (F,)
        What `backward` finds.

    Notes
    -----
    Source: "Deep Learning from Scratch", section 6.3; the book writes the constant as 10e-7.

    Examples
    --------
    >>> layer = BatchNormalization(np.ones(1), np.zeros(1))
    >>> layer.forward(np.array([[1.0], [3.0]])).round(4)
    array([[-1.],
           [ 1.]])
    """

    _EPS = 1e-6

    def __init__(
        self,
        gamma: Array,
        beta: Array,
        momentum: float = 0.9,
        running_mean: Any = None,
        running_var: Any = None,
    ) -> None:
        self.gamma = gamma
        self.beta = beta
        self.momentum = momentum
        self.input_shape: Any = None
        self.running_mean = running_mean
        self.running_var = running_var
        self.batch_size: Any = None
        self.dgamma: Any = None
        self.dbeta: Any = None
        self._x: Any = None
        self._mean: Any = None
        self._inv_std: Any = None

    @property
    def xc(self) -> Any:
        """The last training batch, centred."""
        return None if self._x is None else self._x - self._mean

    @property
    def std(self) -> Any:
        """The standard deviation of each feature in the last training batch."""
        return None if self._x is None else 1 / self._inv_std

    @property
    def xn(self) -> Any:
        """The last training batch, normalised."""
        return None if self._x is None else self.xc * self._inv_std

    def forward(self, x: Array, train_flg: bool = True) -> Array:
        """Take (N, F) or (N, C, H, W) and return the same shape."""
        self.input_shape = x.shape
        rows = plain(x).reshape(x.shape[0], -1)
        if rows.dtype.kind != "f" or rows.dtype.itemsize < 4:
            rows = rows.astype(np.float64)
        features = rows.shape[1]
        dtype = np.result_type(rows, self.gamma, self.beta)
        if self.running_mean is None:
            self.running_mean = np.zeros(features)
            self.running_var = np.zeros(features)
        gamma, beta = _row(self.gamma, features, dtype), _row(self.beta, features, dtype)
        mean, var = (
            _row(self.running_mean, features, dtype),
            _row(self.running_var, features, dtype),
        )
        rows = rows.astype(dtype, copy=False)
        if train_flg:
            mean, var = mean.copy(), var.copy()  # those given are not ours to change
            out, self._mean, self._inv_std = _core.batch_norm(
                rows, gamma, beta, mean, var, True, self.momentum, self._EPS
            )
            self._x, self.batch_size = rows, rows.shape[0]
            self.running_mean, self.running_var = mean, var
        else:
            out = _core.batch_norm(rows, gamma, beta, mean, var, False, self.momentum, self._EPS)
        return out.reshape(self.input_shape)

    def backward(self, dout: Array) -> Array:
        """Take the shape that went in and return dx, of the same shape."""
        rows = plain(dout).reshape(dout.shape[0], -1)
        gamma = _row(self.gamma, rows.shape[1], self._x.dtype)
        dx, self.dgamma, self.dbeta = _core.batch_norm_backward(
            rows, self._x, gamma, self._mean, self._inv_std
        )
        return dx.reshape(self.input_shape)
