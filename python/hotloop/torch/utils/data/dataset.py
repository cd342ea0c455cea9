"""Data sets: samples behind an index, or behind an iterator.

A data set that lies in arrays also has ``gather(indices)``, whole batches at once: the bits that
collating its samples one by one would give.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from hotloop._support.quoting import quoted
from hotloop.torch.utils.data.sampler import permutation

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Samples behind ``__getitem__`` and a length, which a subclass writes.

    Examples
    --------
    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         return index**2
    >>> len(Squares() + Squares())
    6
    """

    def __getitem__(self, index: Any) -> T_co:
        """Return a sample; a subclass writes this."""
        msg = f"{type(self).__name__}: write __getitem__(self, index), which returns a sample"
        raise NotImplementedError(msg)

    def __add__(self, other: Any) -> Any:
        """Return both, one behind the other."""
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """Samples behind ``__iter__``, which a subclass writes."""

    def __iter__(self) -> Iterator[T_co]:
        """Return an iterator over samples; a subclass writes this."""
        msg = f"{type(self).__name__}: write __iter__(self), which yields samples"
        raise NotImplementedError(msg)

    def __add__(self, other: Any) -> Any:
        """Return both, one behind the other."""
        return ChainDataset([self, other])


class ChainDataset(IterableDataset[Any]):
    """Several iterable data sets, one behind the other."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        """Yield the samples of each."""
        return itertools.chain.from_iterable(self.datasets)

    def __len__(self) -> int:
        """Return the number of samples, if each knows its own."""
        return sum(len(each) for each in self.datasets)


class TensorDataset(Dataset[Any]):
    """Tensors of one length; a sample is a row of each.

    Parameters
    ----------
    *tensors : Tensor
        Of the same first axis.

    Raises
    ------
    ValueError
        For tensors of several lengths, or none.

    Examples
    --------
    >>> from hotloop import torch
    >>> data = TensorDataset(torch.arange(4), torch.zeros(4, 2))
    >>> data[1]
    (tensor(1), tensor([0., 0.]))
    """

    def __init__(self, *tensors: Any) -> None:
        lengths = [len(tensor) for tensor in tensors]
        if len(set(lengths)) != 1:
            msg = f"TensorDataset: tensors of one length are needed, got lengths {lengths}"
            raise ValueError(msg)
        self.tensors = tensors

    def __getitem__(self, index: Any) -> Any:
        """Return a row of each tensor."""
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.tensors[0])

    def gather(self, indices: Any) -> Any:
        """Return the batch of these rows, or None where a gradient must follow them."""
        if any(tensor.requires_grad for tensor in self.tensors):
            return None
        return [rows(tensor._array, indices) for tensor in self.tensors]


def rows(array: Any, indices: Any) -> Any:
    """Return rows of an array, a copy, in the order of the indices."""
    if indices.size and (indices.min() < -len(array) or indices.max() >= len(array)):
        msg = f"index {indices.max()} is out of bounds for {len(array)} samples"
        raise IndexError(msg)
    return array.take(indices, axis=0)


class ConcatDataset(Dataset[Any]):
    """Data sets, one behind the other.

    Parameters
    ----------
    datasets : iterable of Dataset
        At least one; iterable ones are a `ChainDataset`.

    Examples
    --------
    >>> both = ConcatDataset([range(2), range(5)])
    >>> len(both), both[3], both[-1], both.cumulative_sizes
    (7, 1, 4, [2, 7])
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            msg = "ConcatDataset: at least one data set is needed"
            raise ValueError(msg)
        for each in self.datasets:
            if isinstance(each, IterableDataset):
                msg = "ConcatDataset: takes no IterableDataset; use ChainDataset"
                raise TypeError(msg)
        self.cumulative_sizes = list(itertools.accumulate(len(each) for each in self.datasets))

    def __len__(self) -> int:
        """Return the number of samples."""
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        """Return a sample of one of them."""
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            msg = f"ConcatDataset: index {index} is out of bounds for {len(self)} samples"
            raise IndexError(msg)
        which = bisect.bisect_right(self.cumulative_sizes, place)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][place - before]


class Subset(Dataset[Any]):
    """Some samples of a data set.

    Parameters
    ----------
    dataset : Dataset
        The whole.
    indices : sequence of int
        Which of its samples.

    Examples
    --------
    >>> Subset(range(10), [7, 3])[1]
    3
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: Any) -> Any:
        """Return a sample."""
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.indices)

    def gather(self, indices: Any) -> Any:
        """Return the batch of these samples, or None where the data set has no batches."""
        inner = getattr(self.dataset, "gather", None)
        return None if inner is None else inner(np.asarray(self.indices)[indices])


def random_split(dataset: Any, lengths: Sequence[float], generator: Any = None) -> list[Subset]:
    """Split a data set into parts that do not overlap, at random.

    Parameters
    ----------
    dataset : Dataset
        The whole.
    lengths : sequence of int, or of float
        Sizes of the parts; or their fractions, which sum to 1: what is left over goes to the first
        parts, one sample each.
    generator : Generator, optional
        What the order is drawn from.

    Raises
    ------
    ValueError
        When the sizes do not sum to the size of the data set.

    Examples
    --------
    >>> [len(part) for part in random_split(range(10), [0.75, 0.25])]
    [8, 2]
    """
    n = len(dataset)
    sizes = [int(length) for length in lengths]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1 + 1e-9:
        for fraction in lengths:
            if not 0 <= fraction <= 1:
                msg = f"random_split: a fraction lies in [0, 1], got {fraction}"
                raise ValueError(msg)
        sizes = [math.floor(n * fraction) for fraction in lengths]
        for i in range(n - sum(sizes)):
            sizes[i % len(sizes)] += 1
    if sum(sizes) != n:
        msg = f"random_split: lengths {quoted(list(lengths), 60)} do not sum to {n}, the number of samples"
        raise ValueError(msg)
    order = permutation(n, generator).tolist()
    ends = itertools.accumulate(sizes)
    return [Subset(dataset, order[end - size : end]) for end, size in zip(ends, sizes, strict=True)]


__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]
