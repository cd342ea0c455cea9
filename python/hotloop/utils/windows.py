"""Windows of a series as batches, and data in two parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hotloop import random
from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop.data.dataset import Dataset

__all__ = ["split_dataset", "timeseries_dataset_from_array"]


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    **kwargs: Any,
) -> Dataset:
    """Return windows of a series, and a target for each, as batches.

    Parameters
    ----------
    data : array_like, (T, ...)
        The series.
    targets : array_like or None
        ``targets[i]`` belongs to the window that begins at ``data[i]``; None gives windows alone.
    sequence_length : int
        Values in a window.
    sequence_stride, sampling_rate : int
        Steps between windows, and between the values of one.
    batch_size : int, optional
        None gives one window at a time.
    shuffle : bool
        Whether windows come in a drawn order, the same in each pass.
    seed : int, optional
        Of the order.
    start_index, end_index : int, optional
        The part of the series that is used, its end excluded.
    **kwargs
        ``format``, which Keras takes.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        For numbers below 1, and a part outside of the series.

    Notes
    -----
    Source: keras.utils.timeseries_dataset_from_array.

    Examples
    --------
    >>> windows = timeseries_dataset_from_array(range(6), range(10, 16), 3, batch_size=2)
    >>> [(x.tolist(), y.tolist()) for x, y in windows][0]
    ([[0, 1, 2], [1, 2, 3]], [10, 11])
    """
    name = "timeseries_dataset_from_array"
    kwargs.pop("format", None)
    if kwargs:
        msg = f"{name}: there is no argument {quoted(sorted(kwargs)[0])}"
        raise TypeError(msg)
    series = np.asarray(data)
    length = whole(name, "sequence_length", sequence_length, least=1)
    stride = whole(name, "sequence_stride", sequence_stride, least=1)
    rate = whole(name, "sampling_rate", sampling_rate, least=1)
    first = 0 if start_index is None else whole(name, "start_index", start_index, least=0)
    last = len(series) if end_index is None else whole(name, "end_index", end_index, least=0)
    if not first <= last <= len(series):
        msg = f"{name}: the part {first} to {last} lies outside of {len(series)} steps"
        raise ValueError(msg)
    goals = None if targets is None else np.asarray(targets)
    count = last - first - (length - 1) * rate
    count = count if goals is None else min(count, len(goals))
    begins = np.arange(0, max(count, 0), stride)
    if shuffle:
        seed = int(random.generator().integers(10**6)) if seed is None else seed
        np.random.RandomState(seed).shuffle(begins)
    steps = np.arange(0, length * rate, rate)
    size = batch_size or 1

    def make() -> Iterator[Any]:
        for start in range(0, len(begins), size):
            at = first + begins[start : start + size]
            x = series[at[:, None] + steps]
            y = None if goals is None else goals[at]
            if batch_size is None:
                x, y = x[0], None if y is None else y[0]
            yield x if y is None else (x, y)

    found = Dataset(make, -(-len(begins) // size))
    found.batch_size = batch_size
    return found


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    **kwargs: Any,
) -> tuple[Dataset, Dataset]:
    """Return data in two parts, sample by sample.

    Parameters
    ----------
    dataset : array, tuple or list of arrays, or Dataset
        Samples; of a `Dataset` of batches, its rows, which come back as batches.
    left_size, right_size : float or int, optional
        A share of the samples, or a number; one may be left out.
    shuffle : bool
        Whether samples are dealt out in a drawn order.
    seed : int, optional
        Of the order.
    **kwargs
        ``preferred_backend``, which Keras takes.

    Returns
    -------
    pair of Dataset

    Raises
    ------
    ValueError
        For sizes outside of the data.

    Notes
    -----
    Source: keras.utils.split_dataset. Draws are ours.

    Examples
    --------
    >>> left, right = split_dataset(np.arange(10), left_size=0.8)
    >>> len(left), [int(x) for x in right]
    (8, [8, 9])
    """
    kwargs.pop("preferred_backend", None)
    if kwargs:
        msg = f"split_dataset: there is no argument {quoted(sorted(kwargs)[0])}"
        raise TypeError(msg)
    size = dataset.batch_size if isinstance(dataset, Dataset) else None
    if not isinstance(dataset, Dataset):
        given = tuple(dataset) if isinstance(dataset, list) and np.ndim(dataset[0]) else dataset
        dataset = Dataset.from_tensor_slices(given)
    samples = list(dataset.unbatch() if size is not None else dataset)
    n = len(samples)
    left = _count("left_size", left_size, n)
    right = _count("right_size", right_size, n)
    if left is None and right is None:
        msg = "split_dataset: give left_size, right_size or both"
        raise ValueError(msg)
    left = n - (right or 0) if left is None else left
    right = n - left if right is None else right
    if left + right > n or not left or not right:
        msg = f"split_dataset: {n} samples cannot be split into {left} and {right}"
        raise ValueError(msg)
    if shuffle:
        rng = random.generator() if seed is None else np.random.default_rng(seed)
        samples = [samples[i] for i in rng.permutation(n)]
    parts = [samples[:left], samples[left : left + right]]
    first, second = (_of(part, size) for part in parts)
    return first, second


def _of(samples: list[Any], size: int | None) -> Dataset:
    found = Dataset(lambda: iter(samples), len(samples))
    return found if size is None else found.batch(size)


def _count(name: str, size: Any, n: int) -> int | None:
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, int | float):
        msg = f"split_dataset: {name} must be a number, got {quoted(size)}"
        raise TypeError(msg)
    if size < 0 or size > (n if isinstance(size, int) else 1):
        msg = f"split_dataset: {name} must be a share, or a number up to {n}, got {quoted(size)}"
        raise ValueError(msg)
    return size if isinstance(size, int) else round(size * n)
