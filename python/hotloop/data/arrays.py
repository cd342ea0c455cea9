"""What enters a model: arrays checked and shaped once, batches loaded into a recorded step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from hotloop._support.arguments import number, whole
from hotloop.data.data_loader import DataLoader
from hotloop.data.indexed import BatchesByIndex, is_indexed, is_samples
from hotloop.data.targets import real_array

Array = NDArray[Any]
Rows = Array | slice


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
    xs : list of ndarray
        For each input, as given, checked; nothing is copied, so an `x` may be a memmap larger than
        the memory.
    ys : list of ndarray
        For each output, as given.
    ts : list of ndarray or None
        For each output, as its loss wants them: int64 ids, or values of the model's dtype; None
        without a loss.
    ws : list of ndarray or None
        For each output, one weight for each sample.
    form : tuple of (bool or None, bool)
        For each output: whether it is compared with ids, and whether samples have weights.
    """

    def __init__(
        self,
        xs: Sequence[Array],
        ys: Sequence[Any],
        ts: Sequence[Array | None],
        ws: Sequence[Array | None],
    ) -> None:
        self.xs, self.ys, self.ts, self.ws = xs, ys, ts, ws
        self.form = tuple(
            (None if t is None else t.dtype == np.int64, w is not None)
            for t, w in zip(ts, ws, strict=True)
        )
        # In the order of a step's ports, and whether the core can read rows of them as they stand.
        self._arrays = [(array, is_direct(array)) for array in (*xs, *ts, *ws) if array is not None]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.xs[0])

    @property
    def is_weighed(self) -> bool:
        """Whether samples have weights for any output."""
        return any(w is not None for w in self.ws)

    def part(self, rows: slice) -> ArrayData:
        """Return views of some rows."""

        def cut(arrays: Sequence[Any]) -> list[Any]:
            return [None if array is None else array[rows] for array in arrays]

        return ArrayData(cut(self.xs), cut(self.ys), cut(self.ts), cut(self.ws))

    def weighed(self, by_class: Sequence[Array | None]) -> ArrayData:
        """Return the same samples, the weights of each output's multiplied by others."""
        ws = [
            old if new is None else new if old is None else new * old
            for old, new in zip(self.ws, by_class, strict=True)
        ]
        return ArrayData(self.xs, self.ys, self.ts, ws)

    def load(self, step: Any, rows: Rows) -> None:
        """Load a batch: by gathering calls for indices, in place where possible for a slice."""
        if isinstance(rows, slice):
            for port, (array, plain) in zip(step.ports, self._arrays, strict=True):
                part = array[rows]
                port.load(part if plain else direct(part))
        else:
            for port, (array, plain) in zip(step.ports, self._arrays, strict=True):
                if plain:
                    port.gather(array, rows)
                else:
                    port.gather(direct(array[rows]), None)

    def batches(self, batch_size: int, order: Array | None) -> Iterator[Rows]:
        """Yield the rows of each batch, in the given order or as they stand."""
        for start in range(0, len(self), batch_size):
            stop = min(len(self), start + batch_size)
            yield slice(start, stop) if order is None else order[start:stop]


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
            stacklevel=4,
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


def require_samples(name: str, data: ArrayData) -> None:
    """Raise a ValueError for data without samples."""
    if not len(data):
        msg = f"{name}: the data has no samples, the mean loss of an empty batch does not exist"
        raise ValueError(msg)
