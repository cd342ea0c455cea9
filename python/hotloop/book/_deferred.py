"""Arrays that are worked out when someone looks at them.

A step of ``ch07/train_convnet.py`` spends its time on arrays of 14 MB that go from one layer to the next and are
seen by nobody else. So `Convolution` hands on what it would compute. `Relu` and `Pooling` then have the kernels
do the three together, some samples at a time, which stay in the cache; backwards likewise. The gradient by the
data, which every layer of the book works out and no script of it uses, is never computed.

A script that does look finds an array: operators, methods, indexing, NumPy's functions all work on
`Deferred`, which computes itself once and for all. Weights are copied beforehand, so that later updates change
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from hotloop import _core
from hotloop.book._arrays import Array, images

__all__ = ["ConvolutionOutput", "DataGradient", "Deferred", "PoolingGradient", "chunks", "plain"]

# Samples are taken together while their arrays have this size: two such stay in a second-level cache.
_CHUNK_BYTES = 1 << 20
# Called with the window as one tuple.
_pool: Any = _core.max_pool2d_train
_pool_backward: Any = _core.max_pool2d_train_backward


def chunks(shape: tuple[int, ...], dtype: Any) -> Iterator[slice]:
    """Yield slices of the batch of (N, ...), as many samples each as fit into the cache; the shape alone decides."""
    each = max(1, int(np.prod(shape[1:])) * np.dtype(dtype).itemsize)
    step = max(1, _CHUNK_BYTES // each)
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))


def plain(x: Any) -> Any:
    """Return an array for what may be deferred, and all else as it is."""
    return x.array if isinstance(x, Deferred) else x


class Deferred(NDArrayOperatorsMixin):
    """Stands for an array of known shape; what is not known is worked out at the first look.

    Parameters
    ----------
    shape : tuple (N, H, W, C)
        As the kernels have it; seen from outside it is (N, C, H, W), as in the book.
    dtype : dtype
    """

    def __init__(self, shape: tuple[int, int, int, int], dtype: Any) -> None:
        n, h, w, c = shape
        self.held_shape = shape
        self.shape = (n, c, h, w)
        self.ndim = 4
        self.size = n * c * h * w
        self.dtype = np.dtype(dtype)
        self._array: Array | None = None

    @property
    def pending(self) -> bool:
        """Whether nobody has looked yet."""
        return self._array is None

    @property
    def array(self) -> Array:
        """The array itself, the same at each look."""
        if self._array is None:
            self._array = images(self.compute(slice(0, self.shape[0])))
        return self._array

    def compute(self, rows: slice, out: Array | None = None) -> Array:
        """Return these samples as (N, H, W, C), in `out` if it is given."""
        raise NotImplementedError

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Give NumPy the array; the memory is shared unless a copy or another dtype is asked for."""
        if dtype is not None and np.dtype(dtype) != self.dtype:
            return self.array.astype(dtype)
        return self.array.copy() if copy else self.array

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Apply a ufunc to the array."""
        if "out" in kwargs:
            kwargs["out"] = tuple(plain(each) for each in kwargs["out"])
        return getattr(ufunc, method)(*(plain(each) for each in inputs), **kwargs)

    def __getattr__(self, name: str) -> Any:
        """Find what an array has: methods, ``T``, ``flags`` ..."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.array, name)

    def __getitem__(self, key: Any) -> Any:
        """Index the array."""
        return self.array[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        """Write into the array."""
        self.array[plain(key)] = plain(value)

    def __len__(self) -> int:
        """Return the number of samples."""
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the samples."""
        return iter(self.array)

    def __bool__(self) -> bool:
        """Answer as the array does."""
        return bool(self.array)

    def __float__(self) -> float:
        """Answer as the array does."""
        return float(self.array)

    def __repr__(self) -> str:
        """Show the array."""
        return repr(self.array)

    def __str__(self) -> str:
        """Show the array."""
        return str(self.array)

    def __format__(self, spec: str) -> str:
        """Show the array."""
        return format(self.array, spec)

    def __reduce__(self) -> Any:
        """Pickle and copy as the array."""
        return np.array, (self.array,)

    def __copy__(self) -> Array:
        """Copy as an array."""
        return self.array.copy()


class ConvolutionOutput(Deferred):
    """The output of a convolution, with or without a rectifier behind it."""

    def __init__(
        self, x: Array, kernel: Array, bias: Array, stride: int, pad: int, rectified: bool = False
    ) -> None:
        # No samples: the kernel checks the shapes, and tells that of the output.
        empty = _core.conv2d(x[:0], kernel, bias, stride, pad, data_format="channels_last")
        super().__init__((x.shape[0], *empty.shape[1:]), empty.dtype)
        self._given = (x, kernel, bias, stride, pad)
        self.rectified = rectified

    def relu(self) -> ConvolutionOutput:
        """Return the same with a rectifier."""
        return ConvolutionOutput(*self._given, rectified=True)

    def compute(self, rows: slice, out: Array | None = None) -> Array:
        """Return these samples as (N, H, W, C)."""
        x, kernel, bias, stride, pad = self._given
        activation: Any = "relu" if self.rectified else None
        return _core.conv2d(
            x[rows], kernel, bias, stride, pad, 1, 1, activation, "channels_last", None, out
        )

    def max_pool(self, window: Any) -> tuple[Array, Array]:
        """Pool without writing out what is pooled; return (N, OH, OW, C) and the winning cells."""
        y, cells = _pool(np.empty((0, *self.held_shape[1:]), self.dtype), *window)
        y = np.empty((self.shape[0], *y.shape[1:]), y.dtype)
        held = np.empty(y.shape, cells.dtype)
        scratch: Array | None = None
        for rows in chunks(self.held_shape, self.dtype):
            count = rows.stop - rows.start
            part = self.compute(rows, None if scratch is None else scratch[:count])
            scratch = part if scratch is None else scratch
            _pool(part, *window, y[rows], held[rows])
        return y, held


class PoolingGradient(Deferred):
    """The gradient by what was pooled: zeros, but for the winner of each window."""

    def __init__(self, dy: Array, y: Array, cells: Any, source: Deferred, window: Any) -> None:
        super().__init__(source.held_shape, dy.dtype)
        self.source = source
        self.gated = False
        """Whether the rectifier before the pool is in it: what it lets pass is seen from the winners, y."""
        self._given = (dy, y, cells, window)

    def compute(self, rows: slice, out: Array | None = None) -> Array:
        """Return these samples as (N, H, W, C)."""
        dy, y, cells, window = self._given
        shape = (rows.stop - rows.start, *self.held_shape[1:])
        gate = y[rows] if self.gated else None
        dx: Array = _pool_backward(dy[rows], cells[rows], shape, *window, gate, "relu", out)
        return dx


class DataGradient(Deferred):
    """The gradient by the input of a convolution."""

    def __init__(
        self, layer: Any, dout: Any, x: Array, kernel: Array, stride: int, pad: int
    ) -> None:
        super().__init__(x.shape, x.dtype)
        self._layer = layer
        self._given = (dout, x, kernel, stride, pad)

    def compute(self, rows: slice, out: Array | None = None) -> Array:  # noqa: ARG002
        """Return these samples as (N, H, W, C), and let the layer know that its gradients are looked at."""
        self._layer.looked_at = True
        dout, x, kernel, stride, pad = self._given
        dy = np.ascontiguousarray(plain(dout).transpose(0, 2, 3, 1))[rows]
        dx, _, _ = _core.conv2d_backward(
            dy, x[rows], kernel, stride, pad, need_db=False, data_format="channels_last"
        )
        assert dx is not None
        return dx
