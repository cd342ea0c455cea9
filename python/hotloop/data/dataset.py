"""A light iterable of samples or batches: what the data sets from folders are, with tf.data's method names."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from hotloop import random
from hotloop._support.arguments import whole
from hotloop.data.data_loader import stacked
from hotloop.data.targets import as_array

__all__ = ["Dataset"]


class Dataset:
    """Samples or batches that can be gone over again and again, which `fit`, `evaluate` and `predict` take.

    Each method returns a new one and computes nothing; elements are made when they are asked for. The names are
    those of ``tf.data.Dataset``, as far as scripts use them.

    Parameters
    ----------
    make : callable
        Returns an iterator over the elements, each time it is called.
    length : int, optional
        How many there are; None for endless or unknown.
    **others
        Further attributes: ``class_names``, ``file_paths``.

    Examples
    --------
    >>> import numpy as np
    >>> data = Dataset.from_tensor_slices((np.arange(5), np.arange(5) ** 2))
    >>> [y.tolist() for x, y in data.map(lambda x, y: (x, y + 1)).batch(2)]
    [[1, 2], [5, 10], [17]]
    >>> len(data.batch(2).take(2)), [x.tolist() for x, _ in data.skip(3)]
    (2, [3, 4])
    """

    class_names: Any = None
    file_paths: Any = None

    def __init__(
        self, make: Callable[[], Iterator[Any]], length: int | None = None, **others: Any
    ) -> None:
        self._make, self._length = make, length
        self.batch_size: int | None = None
        for name, value in others.items():
            setattr(self, name, value)

    def __new__(cls, *args: Any, **kwargs: Any) -> Dataset:  # noqa: PYI034 - Self comes with Python 3.11
        """Make a `Dataset` with ``len`` where the length is known: one without has no such method."""
        length = kwargs.get("length", args[1] if len(args) > 1 else None)
        return super().__new__(_Sized if cls is Dataset and length is not None else cls)

    def __iter__(self) -> Iterator[Any]:
        """Yield the elements."""
        return self._make()

    def _changed(
        self, make: Callable[[], Iterator[Any]], length: int | None, **others: Any
    ) -> Dataset:
        kept = {k: v for k, v in vars(self).items() if k not in ("_make", "_length")}
        return Dataset(make, length, **{**kept, **others})

    # -- from what -------------------------------------------------------------------------------

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """Return the rows of arrays: of one, or of several in a tuple or a dict."""
        arrays = _arrays(tensors)
        lengths = {len(array) for array in _leaves(arrays)}
        if len(lengths) != 1:
            msg = f"Dataset: arrays must have one number of rows, got {sorted(lengths)}"
            raise ValueError(msg)
        n = lengths.pop()
        return Dataset(lambda: (_at(arrays, i) for i in range(n)), n)

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """Return a data set of one element."""
        return Dataset(lambda: iter([tensors]), 1)

    @staticmethod
    def from_generator(generator: Callable[[], Iterable[Any]], *_: Any, **__: Any) -> Dataset:
        """Return what a function yields, called anew for each pass; signatures are accepted."""
        return Dataset(lambda: iter(generator()))

    @staticmethod
    def range(*args: int) -> Dataset:
        """Return whole numbers, as ``range`` does."""
        numbers = range(*args)
        return Dataset(lambda: iter(np.int64(i) for i in numbers), len(numbers))

    @staticmethod
    def zip(*datasets: Any) -> Dataset:
        """Return pairs of elements, as long as the shortest lasts."""
        given = datasets[0] if len(datasets) == 1 else datasets
        lengths = [each._length for each in given]
        known = [n for n in lengths if n is not None]
        length = min(known) if len(known) == len(lengths) else None
        return Dataset(lambda: zip(*given, strict=False), length)

    # -- into what -------------------------------------------------------------------------------

    def map(self, map_func: Callable[..., Any], *_: Any, **__: Any) -> Dataset:
        """Return what a function answers to each element; a tuple is given as arguments."""
        return self._changed(lambda: (_called(map_func, each) for each in self), self._length)

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """Return the elements for which a function is true."""
        return self._changed(lambda: (each for each in self if _called(predicate, each)), None)

    def batch(self, batch_size: int, drop_remainder: bool = False, **_: Any) -> Dataset:
        """Return stacks of so many elements."""
        size = whole("Dataset", "batch_size", batch_size, least=1)

        def make() -> Iterator[Any]:
            elements = iter(self)
            while part := list(itertools.islice(elements, size)):
                if len(part) == size or not drop_remainder:
                    yield stacked(part)

        n = self._length
        length = None if n is None else n // size if drop_remainder else -(-n // size)
        return self._changed(make, length, batch_size=size)

    def unbatch(self) -> Dataset:
        """Return the rows of each element."""

        def make() -> Iterator[Any]:
            for each in self:
                for i in range(len(_leaves(each)[0])):
                    yield _at(each, i)

        return self._changed(make, None, batch_size=None)

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = True,
    ) -> Dataset:
        """Return the elements in a drawn order, each from `buffer_size` that are next."""
        size = whole("Dataset", "buffer_size", buffer_size, least=1)
        passes = itertools.count()

        def make() -> Iterator[Any]:
            # One draw for a pass: a run that is resumed begins it with the same generator.
            first = int(random.generator().integers(2**63)) if seed is None else seed
            count = next(passes) if seed is not None and reshuffle_each_iteration else 0
            rng = np.random.default_rng([first % 2**63, count])
            elements = iter(self)
            kept = list(itertools.islice(elements, size))
            for each in elements:
                i = int(rng.integers(len(kept)))
                yield kept[i]
                kept[i] = each
            yield from (kept[i] for i in rng.permutation(len(kept)))

        return self._changed(make, self._length)

    def repeat(self, count: int | None = None) -> Dataset:
        """Return the elements again and again, or `count` times."""
        if count is None or count < 0:
            return self._changed(
                lambda: itertools.chain.from_iterable(iter(self) for _ in itertools.count()), None
            )
        length = None if self._length is None else self._length * count
        return self._changed(
            lambda: itertools.chain.from_iterable(iter(self) for _ in range(count)), length
        )

    def take(self, count: int) -> Dataset:
        """Return the first elements; -1 is all."""
        if count < 0:
            return self
        length = None if self._length is None else min(self._length, count)
        return self._changed(lambda: itertools.islice(self, count), length)

    def skip(self, count: int) -> Dataset:
        """Return all but the first elements."""
        length = None if self._length is None else max(self._length - count, 0)
        return self._changed(lambda: itertools.islice(self, count, None), length)

    def concatenate(self, dataset: Dataset) -> Dataset:
        """Return these elements, then others."""
        n, more = self._length, dataset._length
        length = None if n is None or more is None else n + more
        return self._changed(lambda: itertools.chain(self, dataset), length)

    def cache(self, *_: Any) -> Dataset:
        """Return the elements, kept in memory once a whole pass is over."""
        kept: list[list[Any]] = []

        def make() -> Iterator[Any]:
            if kept:
                yield from kept[0]
                return
            fresh = []
            for each in self:
                fresh.append(each)
                yield each
            kept.append(fresh)

        return self._changed(make, self._length)

    def prefetch(self, *_: Any) -> Dataset:
        """Return the data set itself: elements are made one after another."""
        return self

    def enumerate(self, start: int = 0) -> Dataset:
        """Return pairs of a number and an element."""
        return self._changed(lambda: enumerate(self, start), self._length)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Return an iterator over the elements, which are arrays already."""
        return iter(self)

    def cardinality(self) -> int:
        """Return the number of elements; -2 where it is not known, as in tf.data."""
        return -2 if self._length is None else self._length


class _Sized(Dataset):
    def __len__(self) -> int:
        """Return the number of elements."""
        assert self._length is not None
        return self._length


def _called(function: Callable[..., Any], element: Any) -> Any:
    return function(*element) if isinstance(element, tuple) else function(element)


def _arrays(given: Any) -> Any:
    if isinstance(given, Mapping):
        return {key: _arrays(each) for key, each in given.items()}
    if isinstance(given, tuple):
        return tuple(_arrays(each) for each in given)
    return as_array("Dataset", "each array", given)


def _leaves(given: Any) -> list[Any]:
    if isinstance(given, Mapping):
        given = tuple(given.values())
    if isinstance(given, tuple):
        return [leaf for each in given for leaf in _leaves(each)]
    return [given]


def _at(given: Any, i: int) -> Any:
    if isinstance(given, Mapping):
        return {key: _at(each, i) for key, each in given.items()}
    if isinstance(given, tuple):
        return tuple(_at(each, i) for each in given)
    return given[i]
