"""Samplers: in which order samples come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from hotloop._support.arguments import whole
from hotloop.torch.creation import rng_of

T_co = TypeVar("T_co", covariant=True)


def permutation(n: int, generator: Any = None) -> Any:
    """Return the numbers below n in a random order, from a torch.Generator or the process's."""
    return rng_of(generator).permutation(n)


class Sampler(Generic[T_co]):
    """Base of samplers: a subclass writes ``__iter__``, and ``__len__`` where it can."""

    def __init__(self, data_source: Any = None) -> None:
        del data_source

    def __iter__(self) -> Iterator[T_co]:
        """Return an iterator over indices; a subclass writes this."""
        msg = f"{type(self).__name__}: write __iter__(self), which yields indices"
        raise NotImplementedError(msg)


class SequentialSampler(Sampler[int]):
    """In order.

    Examples
    --------
    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def order(self) -> Any:
        """Return the indices of a pass, an array."""
        return np.arange(len(self.data_source))

    def __iter__(self) -> Iterator[int]:
        """Yield the indices."""
        return iter(self.order().tolist())

    def __len__(self) -> int:
        """Return their number."""
        return len(self.data_source)


class RandomSampler(SequentialSampler):
    """In a new random order each time.

    Parameters
    ----------
    data_source : Dataset
        What is sampled.
    replacement : bool
        Whether a sample may come again before all came.
    num_samples : int, optional
        How many; by default as many as there are.
    generator : Generator, optional
        What the order is drawn from.

    Examples
    --------
    >>> sorted(RandomSampler("abc"))
    [0, 1, 2]
    """

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ) -> None:
        super().__init__(data_source)
        self.replacement, self.generator = replacement, generator
        self._num_samples = num_samples
        whole("RandomSampler", "num_samples", self.num_samples, least=0)

    @property
    def num_samples(self) -> int:
        """How many samples come."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def order(self) -> Any:
        """Return the indices of a pass, an array."""
        n, count = len(self.data_source), self.num_samples
        if self.replacement:
            return rng_of(self.generator).integers(0, n, count)
        rounds = [permutation(n, self.generator) for _ in range(-(-count // n) if n else 0)]
        return np.concatenate([np.arange(0), *rounds])[:count]

    def __len__(self) -> int:
        """Return how many samples come."""
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given indices, in a random order.

    Examples
    --------
    >>> sorted(SubsetRandomSampler([4, 2]))
    [2, 4]
    """

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        """Yield the indices."""
        return (self.indices[i] for i in permutation(len(self.indices), self.generator).tolist())

    def __len__(self) -> int:
        """Return their number."""
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn by weights.

    Parameters
    ----------
    weights : sequence of float
        One for each sample; they need not sum to 1.
    num_samples : int
        How many are drawn.
    replacement : bool
        Whether one may come again.
    generator : Generator, optional
        What is drawn from.

    Examples
    --------
    >>> list(WeightedRandomSampler([0, 1, 0], 2))
    [1, 1]
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Any = None,
    ) -> None:
        whole("WeightedRandomSampler", "num_samples", num_samples, least=1)
        self.weights, self.num_samples = weights, num_samples
        self.replacement, self.generator = replacement, generator

    def __iter__(self) -> Iterator[int]:
        """Yield the indices."""
        weights = np.asarray(self.weights, np.float64)
        drawn = rng_of(self.generator).choice(
            len(weights), self.num_samples, self.replacement, weights / weights.sum()
        )
        return iter(drawn.tolist())

    def __len__(self) -> int:
        """Return how many are drawn."""
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Batches of the indices of a sampler.

    Examples
    --------
    >>> list(BatchSampler(range(5), 2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        self.batch_size = whole("BatchSampler", "batch_size", batch_size, least=1)
        self.sampler, self.drop_last = sampler, bool(drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield lists of indices."""
        batch: list[int] = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        """Return the number of batches."""
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]
