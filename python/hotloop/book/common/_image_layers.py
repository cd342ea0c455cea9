"""Convolution and pooling, which `hotloop.book.common.layers` hands on.

Both take and give (N, C, H, W), as the book does, and both leave its numbers in memory as (N, H, W, C), as
the book's ``transpose(0, 3, 1, 2)`` does: that is the order that the kernels work in, so that from one layer
to the next nothing is copied.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import _core
from hotloop.book._arrays import Array, channels_last, channels_last_kernel, compiled, images
from hotloop.book._deferred import (
    ConvolutionOutput,
    DataGradient,
    Deferred,
    PoolingGradient,
    chunks,
    plain,
)
from hotloop.book.common.util import im2col

__all__ = ["Convolution", "Pooling"]


class Convolution:
    """Correlate images with filters, ``y[n, o] = sum_c x[n, c] * W[o, c] + b[o]``.

    Parameters
    ----------
    W : ndarray, shape (O, C, KH, KW)
    b : ndarray, shape (O,), or a number
    stride, pad : int

    Attributes
    ----------
    W, b, stride, pad : as given, read anew at each call
    x : ndarray, shape (N, C, H, W)
        The last input.
    col, col_W : ndarrays, shapes (N * OH * OW, C * KH * KW) and (C * KH * KW, O)
        The patches and the filters as the book multiplies them; made when they are asked for.
    dW, db : ndarrays, shapes of W and (O,)
        What `backward` finds.

    Raises
    ------
    ValueError
        When no window fits, or the channels of x and W differ.

    Notes
    -----
    Source: "Deep Learning from Scratch", section 7.4. float32 throughout stays float32; in the book a
    convolution always gives float64.

    Examples
    --------
    >>> layer = Convolution(np.ones((1, 1, 2, 2)), np.zeros(1))
    >>> layer.forward(np.arange(9.0).reshape(1, 1, 3, 3))[0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """

    def __init__(self, W: Array, b: Any, stride: int = 1, pad: int = 0) -> None:
        self.W = W
        self.b = b
        self.stride = stride
        self.pad = pad
        self.x: Any = None
        self.dW: Any = None
        self.db: Any = None
        self.looked_at = False
        """Whether someone has used a gradient by x that was deferred; then the next ones are computed at once."""
        self._x: Any = None

    @property
    def col(self) -> Any:
        """The patches of the last input, one a row."""
        if self.x is None:
            return None
        return im2col(self.x, self.W.shape[2], self.W.shape[3], self.stride, self.pad)

    @property
    def col_W(self) -> Any:
        """The filters, one a column."""
        return None if self.x is None else self.W.reshape(self.W.shape[0], -1).T

    def forward(self, x: Any) -> Any:
        """Take (N, C, H, W) and return (N, O, OH, OW)."""
        x = plain(x)
        # float16 and integers become float64 here, in the book too.
        dtype = np.result_type(x, self.W) if compiled(x, self.W) else np.dtype(np.float64)
        self.x, self._x = x, channels_last(x, dtype)
        kernel = channels_last_kernel(self.W, dtype)
        bias = np.array(self.b)
        if bias.ndim == 0 or bias.size == 1:
            # Any b that adds to rows of O numbers will do: a lesson passes 0.
            bias = np.full(kernel.shape[3], bias.item(), dtype)
        return ConvolutionOutput(
            self._x, kernel, bias.reshape(-1).astype(dtype), self.stride, self.pad
        )

    def backward(self, dout: Any) -> Any:
        """Take (N, O, OH, OW) and return dx, (N, C, H, W)."""
        x = self._x
        kernel = channels_last_kernel(self.W, x.dtype)
        if isinstance(dout, PoolingGradient) and dout.pending and x.shape[0]:
            parts = chunks(dout.held_shape, dout.dtype)
        else:
            dout = plain(dout)
            held = channels_last(dout, None if compiled(dout) else x.dtype)
            parts = iter([slice(0, x.shape[0])])
        dx = np.empty(x.shape, np.result_type(x, dout.dtype)) if self.looked_at else None
        dw: Any = None
        scratch: Array | None = None
        for rows in parts:
            if isinstance(dout, Deferred):
                count = rows.stop - rows.start
                part = dout.compute(rows, None if scratch is None else scratch[:count])
                scratch = part if scratch is None else scratch
            else:
                part = held
            found, more_dw, more_db = _core.conv2d_backward(
                part,
                x[rows],
                kernel,
                self.stride,
                self.pad,
                need_dx=self.looked_at,
                data_format="channels_last",
            )
            if dx is not None and found is not None:
                dx[rows] = found
            dw, self.db = (more_dw, more_db) if dw is None else (dw + more_dw, self.db + more_db)
        self.dW = np.ascontiguousarray(dw.transpose(3, 2, 0, 1))
        if dx is not None:
            return images(dx)
        return DataGradient(self, dout, x, kernel, self.stride, self.pad)


class Pooling:
    """Take the largest number of each window.

    Parameters
    ----------
    pool_h, pool_w, stride, pad : int

    Attributes
    ----------
    pool_h, pool_w, stride, pad : as given
    x : ndarray, shape (N, C, H, W)
        The last input.
    arg_max : ndarray of int, shape (N * OH * OW * C,)
        Which number of its window won, the first of equals; in the order (N, OH, OW, C).

    Raises
    ------
    ValueError
        When no window fits; and when `pad` would change the size of the output, which the book's formula for
        that size leaves out.

    Notes
    -----
    Source: "Deep Learning from Scratch", section 7.4.4. Where `pad` can be used at all, it pads with zeros,
    not with minus infinity.

    Examples
    --------
    >>> layer = Pooling(2, 2, stride=2)
    >>> layer.forward(np.array([[[[1.0, 2.0], [4.0, 3.0]]]])), layer.arg_max
    (array([[[[4.]]]]), array([2]))
    """

    def __init__(self, pool_h: int, pool_w: int, stride: int = 2, pad: int = 0) -> None:
        self.pool_h = pool_h
        self.pool_w = pool_w
        self.stride = stride
        self.pad = pad
        self._given: Any = None
        self._y: Any = None
        self._cells: Any = None

    @property
    def x(self) -> Any:
        """The last input."""
        return plain(self._given)

    @property
    def arg_max(self) -> Any:
        """Which number of its window won."""
        return None if self._cells is None else self._cells.reshape(-1).astype(np.intp)

    def _window(self) -> tuple[Any, ...]:
        """Return window, stride, padding, dilation, rounding and layout, as the kernels take them."""
        return (self.pool_h, self.pool_w), self.stride, 0, 1, False, "channels_last"

    def forward(self, x: Any) -> Array:
        """Take (N, C, H, W) and return (N, C, OH, OW)."""
        n, c, h, w = x.shape
        sizes = [
            (1 + (size - pool) // self.stride, 1 + (size + 2 * self.pad - pool) // self.stride)
            for size, pool in ((h, self.pool_h), (w, self.pool_w))
        ]
        if any(without != within for without, within in sizes):
            msg = (
                f"Pooling: the book counts ({sizes[0][0]}, {sizes[1][0]}) windows without pad, but with pad="
                f"{self.pad} there are ({sizes[0][1]}, {sizes[1][1]}) (x: {(n, c, h, w)}, pool: "
                f"{(self.pool_h, self.pool_w)}, stride: {self.stride})"
            )
            raise ValueError(msg)
        self._given = x
        if isinstance(x, ConvolutionOutput) and x.pending and not self.pad and n:
            self._y, self._cells = x.max_pool(self._window())
            return images(self._y)
        x = plain(x)
        held = channels_last(x, None if compiled(x) else np.float64)
        if self.pad:
            held = np.pad(held, ((0, 0), (self.pad, self.pad), (self.pad, self.pad), (0, 0)))
        self._y, self._cells = _core.max_pool2d_train(held, *self._window())
        return images(self._y)

    def backward(self, dout: Any) -> Any:
        """Take (N, C, OH, OW) and return dx, (N, C, H, W)."""
        dout = plain(dout)
        n, c, h, w = self._given.shape
        pad = self.pad
        dy = channels_last(dout, None if compiled(dout) else np.float64)
        if isinstance(self._given, Deferred) and not pad and dy.dtype == self._y.dtype:
            return PoolingGradient(dy, self._y, self._cells, self._given, self._window())
        shape = (n, h + 2 * pad, w + 2 * pad, c)
        dx = _core.max_pool2d_train_backward(dy, self._cells, shape, *self._window())
        return images(dx[:, pad : h + pad, pad : w + pad])
