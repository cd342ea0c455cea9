"""Sequences of numbers, as older versions of Keras prepared them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import random
from hotloop._support.arguments import whole
from hotloop._support.names import serve
from hotloop.data.indexed import PyDataset
from hotloop.utils.sequences import pad_sequences

__all__ = ["TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams"]


class TimeseriesGenerator(PyDataset):
    """Windows of a series, and what comes behind each, batch by batch.

    Parameters
    ----------
    data : array_like, (T, ...)
        The series.
    targets : array_like, (T, ...)
        The target of the window ``data[i - length:i:sampling_rate]`` is ``targets[i]``.
    length : int
        Steps of time in a window.
    sampling_rate, stride : int
        Steps between the values of a window, and between windows.
    start_index, end_index : int
        The part of the series that is used, its end included.
    shuffle : bool
        Whether windows are drawn, with repeats.
    reverse : bool
        Whether windows run backwards in time.
    batch_size : int
        Windows in a batch.
    **kwargs
        Of `PyDataset`.

    Raises
    ------
    ValueError
        When the lengths differ, or no window fits.

    Notes
    -----
    Source: keras.preprocessing.sequence.TimeseriesGenerator of Keras 2.

    Examples
    --------
    >>> x, y = TimeseriesGenerator(range(6), range(6), length=2, batch_size=3)[0]
    >>> x.tolist(), y.tolist()
    ([[0, 1], [1, 2], [2, 3]], [2, 3, 4])
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        name = "TimeseriesGenerator"
        self.data, self.targets = np.asarray(data), np.asarray(targets)
        if len(self.data) != len(self.targets):
            msg = f"{name}: data and targets must be of one length, got {len(self.data)} and {len(self.targets)}"
            raise ValueError(msg)
        self.length = whole(name, "length", length, least=1)
        self.sampling_rate = whole(name, "sampling_rate", sampling_rate, least=1)
        self.stride = whole(name, "stride", stride, least=1)
        self.batch_size = whole(name, "batch_size", batch_size, least=1)
        self.start_index = start_index + length
        self.end_index = len(self.data) - 1 if end_index is None else end_index
        self.shuffle, self.reverse = shuffle, reverse
        if self.start_index > self.end_index:
            msg = f"{name}: no window of {length} fits between {start_index} and {self.end_index}"
            raise ValueError(msg)

    def __len__(self) -> int:
        """Return the number of batches."""
        windows = (self.end_index - self.start_index) // self.stride + 1
        return (windows + self.batch_size - 1) // self.batch_size

    def __getitem__(self, index: int) -> Any:
        """Return windows (n, length / sampling_rate, ...) and targets (n, ...)."""
        if self.shuffle:
            ends = random.generator().integers(
                self.start_index, self.end_index + 1, self.batch_size
            )
        else:
            first = self.start_index + self.batch_size * self.stride * index
            last = min(first + self.batch_size * self.stride, self.end_index + 1)
            ends = np.arange(first, last, self.stride)
        steps = np.arange(-self.length, 0, self.sampling_rate)
        windows = self.data[ends[:, None] + (steps[::-1] if self.reverse else steps)]
        return windows, self.targets[ends]


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> NDArray[np.float64]:
    """Return the chance that the word of each rank is taken, for `skipgrams`.

    ``min(1, sqrt(factor / f(rank)))`` with Zipf's frequencies, ``1 / f = r (log r + 0.577) + 1/2 - 1 / (12 r)``.

    Parameters
    ----------
    size : int
        Number of words.
    sampling_factor : float
        Of word2vec.

    Notes
    -----
    Source: T. Mikolov et al., arXiv:1310.4546; keras.preprocessing.sequence.

    Examples
    --------
    >>> make_sampling_table(3).round(4).tolist()
    [0.0032, 0.0032, 0.0055]
    """
    rank = np.maximum(np.arange(size), 1)
    inverse = rank * (np.log(rank) + 0.577) + 0.5 - 1 / (12 * rank)
    return np.minimum(1, np.sqrt(sampling_factor * inverse))


def skipgrams(
    sequence: Any,
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Return pairs of words that stand near each other, label 1, and drawn ones, label 0.

    Parameters
    ----------
    sequence : sequence of int
        The words of a text; 0 is none.
    vocabulary_size : int
        Above the largest word.
    window_size : int
        How far apart two words may be.
    negative_samples : float
        Drawn pairs for each of the others.
    shuffle : bool
        Whether pairs come in a drawn order.
    categorical : bool
        Whether labels are ``[0, 1]`` and ``[1, 0]``.
    sampling_table : array_like, optional
        The chance that a word is taken; see `make_sampling_table`.
    seed : int, optional
        None draws from the process's generator.

    Notes
    -----
    Source: T. Mikolov et al., arXiv:1301.3781. Draws are ours.

    Examples
    --------
    >>> skipgrams([1, 2, 3], 4, window_size=1, negative_samples=0, shuffle=False)
    ([[1, 2], [2, 1], [2, 3], [3, 2]], [1, 1, 1, 1])
    """
    words = np.asarray(sequence, dtype=np.int64)
    rng = random.generator() if seed is None else np.random.default_rng(seed)
    places = np.arange(len(words))
    near = np.abs(places[:, None] - places) <= window_size
    near &= (places[:, None] != places) & (words != 0) & (words[:, None] != 0)
    if sampling_table is not None:
        near &= (np.asarray(sampling_table)[words] >= rng.random(len(words)))[:, None]
    first, second = np.nonzero(near)
    pairs = np.stack([words[first], words[second]], axis=1)
    drawn = int(len(pairs) * negative_samples)
    if drawn > 0:
        beside = rng.integers(1, vocabulary_size, drawn)
        again = np.resize(rng.permutation(pairs[:, 0]), drawn)
        pairs = np.concatenate([pairs, np.stack([again, beside], axis=1)])
    labels = (np.arange(len(pairs)) < len(first)).astype(np.int64)
    if shuffle:
        order = rng.permutation(len(pairs))
        pairs, labels = pairs[order], labels[order]
    found = np.stack([1 - labels, labels], axis=1) if categorical else labels
    return pairs.tolist(), found.tolist()


serve(__name__)
