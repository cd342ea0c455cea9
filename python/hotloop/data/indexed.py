"""Data behind ``__getitem__`` and a length: batches, as Keras has them, or samples, as PyTorch."""

from __future__ import annotations

import array
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from hotloop import random
from hotloop._support.arguments import whole


class PyDataset:
    """Base of data sets whose items are batches; `Sequence` is its older name.

    A subclass writes ``__len__``, the number of batches, and ``__getitem__(index)``, which returns
    ``(x, y)`` or ``(x, y, sample_weight)``. `fit` takes the batches of each epoch in a new order
    unless it is told ``shuffle=False``.

    Parameters
    ----------
    workers, use_multiprocessing, max_queue_size : optional
        Accepted as Keras does; batches are made one after another.

    Examples
    --------
    >>> import numpy as np
    >>> import hotloop as hl
    >>> class Squares(hl.utils.PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         x = np.full((4, 1), float(index))
    ...         return x, x**2
    >>> model = hl.Sequential([hl.Input((1,)), hl.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> len(model.fit(Squares(), epochs=2, verbose=0).history["loss"])
    2
    >>> model.predict(Squares()).shape
    (12, 1)
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers, self.max_queue_size = workers, max_queue_size
        self.use_multiprocessing = use_multiprocessing

    def __getitem__(self, index: int) -> Any:
        """Return the batch at `index`; a subclass writes this."""
        msg = f"{type(self).__name__}: write __getitem__(self, index), which returns a batch"
        raise NotImplementedError(msg)

    def __iter__(self) -> Iterator[Any]:
        """Yield every batch once, in order."""
        return iter(BatchesByIndex(self))

    @property
    def num_batches(self) -> int | None:
        """The number of batches, ``len(self)``; a subclass may answer None for data without end."""
        if hasattr(self, "__len__"):
            return len(self)
        msg = f"{type(self).__name__}: write __len__(self), the number of batches"
        raise NotImplementedError(msg)

    def on_epoch_begin(self) -> None:
        """Do what must be done before each pass; a subclass may write this."""

    def on_epoch_end(self) -> None:
        """Do what must be done after each pass, such as a new order; a subclass may write this."""


class BatchesByIndex:
    """The batches of an object with ``__getitem__`` and a length; its own end is never asked for.

    Parameters
    ----------
    dataset : object
        A `PyDataset`, Keras's, or any other object with these two methods.
    shuffle : bool
        Whether each pass draws a new order.
    """

    def __init__(self, dataset: Any, shuffle: bool = False) -> None:
        self.dataset, self.shuffle = dataset, shuffle

    @property
    def num_batches(self) -> int | None:
        """The number of batches, or None for data without end."""
        if hasattr(type(self.dataset), "num_batches"):
            n = self.dataset.num_batches
            if n is None:
                return None
        else:
            n = len(self.dataset)
        return whole(type(self.dataset).__name__, "the number of batches", n, least=0)

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of one pass."""
        n = self.num_batches
        indices: Any = itertools.count() if n is None else range(n)
        if self.shuffle and n is not None:
            indices = random.generator().permutation(n).tolist()
        for index in indices:
            batch = self.dataset[index]
            if isinstance(batch, tuple | list) and len(batch) > 1 and np.isscalar(batch[1]):
                kind = type(self.dataset).__name__
                msg = (
                    f"{kind}[{index}] is one sample, its target is {batch[1]!r}, where a batch is "
                    "needed; hl.DataLoader(dataset, batch_size=32) makes batches of samples"
                )
                raise ValueError(msg)
            yield batch

    def begin(self) -> None:
        """Tell the data that a pass begins."""
        getattr(self.dataset, "on_epoch_begin", _nothing)()

    def end(self) -> None:
        """Tell the data that a pass is over."""
        getattr(self.dataset, "on_epoch_end", _nothing)()


def one_pass(batches: Any) -> Iterator[Any]:
    """Return the batches of a pass; data by index hear of its begin and its end."""
    # A generator is not delegated to: who stops early may go on with it later.
    return _told(batches) if isinstance(batches, BatchesByIndex) else iter(batches)


def _told(batches: BatchesByIndex) -> Iterator[Any]:
    batches.begin()
    try:
        yield from batches
    finally:  # also when the caller wants no more
        batches.end()


def _nothing() -> None:
    """Stand in for a hook that is not there."""


def is_indexed(x: Any) -> bool:
    """Whether `x` is data behind an index and a length, and neither array, list nor mapping."""
    kind = type(x)
    if isinstance(x, PyDataset):  # whatever attributes a subclass has
        return True
    if not hasattr(kind, "__getitem__") or isinstance(x, type):
        return False
    if not (hasattr(kind, "__len__") or hasattr(kind, "num_batches")):
        return False
    if isinstance(x, list | tuple | str | bytes | bytearray | range | memoryview | array.array):
        return False
    arrays = ("__array__", "__array_interface__", "__dlpack__", "dtype")
    return not isinstance(x, Mapping) and not any(hasattr(x, name) for name in arrays)


def is_samples(x: Any) -> bool:
    """Whether `x` is PyTorch's ``Dataset``, whose items are samples."""
    bases = ((base.__module__.partition(".")[0], base.__name__) for base in type(x).__mro__)
    return ("torch", "Dataset") in bases and is_indexed(x)


__all__ = ["BatchesByIndex", "PyDataset", "is_indexed", "is_samples", "one_pass"]
