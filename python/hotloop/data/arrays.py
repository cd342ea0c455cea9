"""What enters a model: arrays checked and shaped once, batches loaded into a recorded step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from hotloop._support.arguments import number, whole
from hotloop.data.data_loader import DataLoader
from hotloop.data.indexed import BatchesByIndex, is_indexed, is_samples
from hotloop.data.targets import real_array

Array = NDArray[Any]
Rows = Array | slice


class TakesTargets(Protocol):
    """A loss, as data are made for it."""

    def targets(self, t: Any, output_shape: tuple[int, ...], dtype: Any) -> Array:
        """Return targets as it wants them; a ValueError when they do not fit."""


class TakesBatches(Protocol):
    """A recorded step, as a batch gets into it."""

    t_buffer: Array
    w_buffer: Array | None

    def load(self, batch: Array) -> None:
        """Take a batch, in place where possible."""

    def gather(self, x: Array, rows: Array | None) -> None:
        """Take some rows of the samples."""

    def load_targets(self, t: Array) -> None:
        """Take targets, in place where possible."""

    def release_targets(self) -> None:
        """Read targets from `t_buffer` again."""


def input_array(name: str, owner: str, x: Any, shape: tuple[int | None, ...]) -> Array:
    """Return `x` as a batch of samples of ``shape[1:]``.

    A missing or superfluous last axis of size 1 is put right, as Keras does.

    Raises
    ------
    ValueError
        When the samples have another shape; the text names `owner`, the first layer.
    """
    if x is None:
        msg = f"{name}: x is missing"
        raise ValueError(msg)
    array = real_array(name, "x", x)
    want = shape[1:]
    if array.ndim == len(want) and want[-1:] == (1,):
        array = array.reshape(*array.shape, 1)
    elif array.ndim == len(want) + 2 and array.shape[-1] == 1:
        array = array.reshape(array.shape[:-1])
    got = array.shape[1:]
    if array.ndim == 0 or not _fits(got, want):
        given = np.shape(x)
        one = _fits(given, want) or (want[-1:] == (1,) and _fits(given, want[:-1]))
        msg = f"{name}: layer {owner!r} expects input of shape {shape}, got {given}"
        raise ValueError(f"{msg}: one sample is given as x[None]" if one else msg)
    return array


def _fits(got: tuple[int, ...], want: tuple[int | None, ...]) -> bool:
    return len(got) == len(want) and all(w in (None, g) for w, g in zip(want, got, strict=True))


def is_direct(array: Array) -> bool:
    """Whether the core can gather rows of `array` as it stands."""
    dtype = array.dtype
    ours = dtype.isnative and dtype.itemsize <= 8 and dtype != np.float16
    return ours and array.flags.c_contiguous and array.flags.aligned


def direct(batch: Array) -> Array:
    """Return a batch as the core takes it: a copy only of strides, byte orders and dtypes."""
    if is_direct(batch):
        return batch
    dtype = batch.dtype.newbyteorder("=")
    if dtype.itemsize > 8 or dtype == np.float16:
        dtype = np.dtype(np.float64 if dtype.itemsize > 8 else np.float32)
    return np.ascontiguousarray(batch, dtype=dtype)


def weight_array(name: str, n: int, sample_weight: Any, dtype: Any) -> Array | None:
    """Return one weight for each sample, or None without any."""
    if sample_weight is None:
        return None
    weights = real_array(name, "sample_weight", sample_weight).astype(dtype)
    if weights.shape == (n, 1):
        weights = weights.reshape(n)
    if weights.shape != (n,):
        msg = f"{name}: sample_weight must have shape ({n},), got {weights.shape}"
        raise ValueError(msg)
    if not np.isfinite(weights).all():
        msg = f"{name}: sample_weight must be finite, got {weights[~np.isfinite(weights)][0]}"
        raise ValueError(msg)
    return weights


def class_weights(
    name: str, t: Array, known: int | None, given: Mapping[int, float], dtype: Any
) -> Array:
    """Return the weight of each sample's class, 1 for classes that are not mentioned.

    Parameters
    ----------
    name : str
        Who asks, for error texts.
    t : ndarray
        Targets as the loss wants them.
    known : int or None
        The number of classes; None where the outputs do not say it.
    given : mapping of int to float
        Weights by class.
    dtype : dtype
        Of the answer.

    Raises
    ------
    ValueError
        For classes that do not exist, and targets that are no classes.
    """
    if not isinstance(given, Mapping):
        kind = type(given).__name__
        msg = f"{name}: class_weight must be a dict of class ids and weights, got {kind}"
        raise TypeError(msg)
    weights = {
        whole(name, "a class of class_weight", k): number(
            name, f"the class_weight of {k}", w, "be finite", math.isfinite
        )
        for k, w in given.items()
    }
    rows = t.dtype != np.int64 and t.ndim == 2 and t.shape[1] > 1
    classes = t.argmax(axis=-1) if rows else t.reshape(-1)
    if classes.shape != (len(t),):
        msg = f"{name}: class_weight needs one class for each sample, got targets {t.shape}"
        raise ValueError(msg)
    by_class = np.ones(len(t), dtype)
    for k, weight in weights.items():
        if known is not None and not 0 <= k < known:
            msg = f"{name}: class_weight has class {k}, but the classes are 0..{known - 1}"
            raise ValueError(msg)
        by_class[classes == k] = weight
    return by_class


class ArrayData:
    """Samples, targets and weights in memory, and how a batch of them gets into a step.

    Attributes
    ----------
    x, y : ndarray
        As given, checked; nothing is copied, so `x` may be a memmap larger than the memory.
    t : ndarray
        Targets as the loss wants them: int64 ids, or values of the model's dtype.
    w : ndarray or None
        One weight for each sample.
    """

    def __init__(self, x: Array, y: Array, t: Array, w: Array | None) -> None:
        self.x, self.y, self.t, self.w = x, y, t, w
        self.ids = t.dtype == np.int64
        self.direct = is_direct(x)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.x)

    def part(self, rows: slice) -> ArrayData:
        """Return views of some rows."""
        w = None if self.w is None else self.w[rows]
        return ArrayData(self.x[rows], self.y[rows], self.t[rows], w)

    def weighed(self, name: str, known: int | None, given: Any, dtype: Any) -> ArrayData:
        """Return the same samples, their weights multiplied by those of their classes."""
        w = class_weights(name, self.t, known, given, dtype)
        return ArrayData(self.x, self.y, self.t, w if self.w is None else w * self.w)

    def load(self, step: TakesBatches, rows: Rows) -> None:
        """Load a batch: by one gathering call for indices, in place where possible for a slice."""
        if isinstance(rows, slice):
            batch = self.x[rows]
            step.load(batch if self.direct else direct(batch))
            step.load_targets(self.t[rows])
        else:
            if self.direct:
                step.gather(self.x, rows)
            else:
                step.gather(direct(self.x[rows]), None)
            step.release_targets()
            np.take(self.t, rows, axis=0, out=step.t_buffer, mode="clip")
        if step.w_buffer is not None and self.w is not None:
            step.w_buffer[...] = self.w[rows]

    def batches(self, batch_size: int, order: Array | None) -> Iterator[Rows]:
        """Yield the rows of each batch, in the given order or as they stand."""
        for start in range(0, len(self), batch_size):
            stop = min(len(self), start + batch_size)
            yield slice(start, stop) if order is None else order[start:stop]


def array_data(
    name: str,
    x: Array,
    y: Any,
    loss: TakesTargets,
    output_shape: tuple[int | None, ...],
    dtype: Any,
    sample_weight: Any = None,
) -> ArrayData:
    """Return checked data; a ValueError names `name` when the lengths differ."""
    if y is None:
        msg = f"{name}: y is missing"
        raise ValueError(msg)
    targets = real_array(name, "y", y)
    if targets.ndim == 0 or len(targets) != len(x):
        rows = len(targets) if targets.ndim else "no"
        msg = f"{name}: x has {len(x)} samples but y has {rows}"
        raise ValueError(msg)
    shape = (len(x), *(size or 0 for size in output_shape[1:]))
    t = loss.targets(targets, shape, dtype)
    w = weight_array(name, len(x), sample_weight, dtype)
    return ArrayData(x, targets, t, w)


def batches_of(name: str, x: Any, size: Any, *, shuffle: bool = False, **beside: Any) -> Any:
    """Return what yields batches, when `x` is no array: a loader, an iterable, data by index.

    Parameters
    ----------
    name : str
        Who asks, for error texts.
    x : object
        What a caller gave as data.
    size : int or None
        What the caller gave as the size of a batch; samples are put together by it.
    shuffle : bool
        Whether each pass over data by index draws a new order.
    **beside
        What the caller gave beside `x` and batches bring themselves.

    Returns
    -------
    iterable or None
        None for arrays.
    """
    if is_samples(x):
        found: Any = DataLoader(x, batch_size=32 if size is None else size, shuffle=shuffle)
        size = None
    elif isinstance(x, DataLoader):
        found = x
    elif is_indexed(x):
        found = BatchesByIndex(x, shuffle)
    elif (
        isinstance(x, Iterable)
        and not isinstance(x, list | tuple | Mapping)
        and not hasattr(x, "__array__")
        and not hasattr(x, "dtype")
    ):
        found = x
    else:
        return None
    if any(value is not None for value in beside.values()):
        *most, last = beside
        msg = f"{name}: with batches as x, leave out {', '.join(most)} and {last}"
        raise ValueError(msg)
    if size is not None:
        warnings.warn(
            f"{name}: batch_size={size!r} has no effect, {type(x).__name__} brings its own batches",
            stacklevel=3,
        )
    return found


def refuse_no_batch(name: str, source: Any) -> NoReturn:
    """Raise the ValueError of data without a batch, which says so when an iterator is used up."""
    text = f"{name}: the data yielded no batch"
    if iter_is_itself(source):
        text += (
            "; an iterator yields its batches once, and this one is used up: give a fresh one, or "
            "data that can start again (a DataLoader, a PyDataset)"
        )
    raise ValueError(text)


def iter_is_itself(source: Any) -> bool:
    """Whether `source` is an iterator, which can be gone over once only."""
    return hasattr(source, "__next__") and not isinstance(source, ArrayData | DataLoader)
