"""`DataLoader`: batches of a data set."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hotloop._support.arguments import whole
from hotloop.torch.core import Tensor, wrap
from hotloop.torch.shaping import stack
from hotloop.torch.utils.data.dataset import IterableDataset
from hotloop.torch.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler

# Small batches are gathered together, up to so many samples.
_TOGETHER = 256


def default_collate(batch: Any) -> Any:
    """Return samples as one batch: tensors stacked, numbers as a tensor, containers item by item.

    Parameters
    ----------
    batch : sequence
        Samples of one form.

    Raises
    ------
    TypeError
        For samples that are neither tensors, arrays, numbers, texts nor containers of them.

    Examples
    --------
    >>> default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ('a', 'b')]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(list(batch))
    if isinstance(first, np.ndarray | np.generic) and first.dtype.kind in "biuf":
        return wrap(np.stack(batch))
    if isinstance(first, bool | int | float):
        return wrap(np.asarray(batch, np.float64 if isinstance(first, float) else None))
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        collated = {key: default_collate([each[key] for each in batch]) for key in first}
        try:
            return type(first)(collated)  # type: ignore[call-arg]
        except TypeError:
            return collated
    if isinstance(first, Sequence):
        if any(len(each) != len(first) for each in batch):
            msg = "default_collate: samples of a batch must be of one length"
            raise RuntimeError(msg)
        parts = [default_collate(part) for part in zip(*batch, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else parts
    msg = (
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {type(first)}"
    )
    raise TypeError(msg)


def default_convert(data: Any) -> Any:
    """Return a sample with its arrays as tensors."""
    if isinstance(data, np.ndarray | np.generic) and data.dtype.kind in "biuf":
        return wrap(np.asarray(data))
    if isinstance(data, Mapping):
        return {key: default_convert(each) for key, each in data.items()}
    if isinstance(data, list | tuple):
        parts = [default_convert(each) for each in data]
        return type(data)(*parts) if hasattr(data, "_fields") else type(data)(parts)
    return data


class DataLoader:
    """Batches of a data set, in order or shuffled.

    A data set that lies in arrays (`TensorDataset`, torchvision's with known transforms) is gathered
    by whole batches; the numbers are those of samples collated one by one.

    Parameters
    ----------
    dataset : Dataset or IterableDataset
        Samples.
    batch_size : int or None
        Samples of a batch; None leaves samples as they are.
    shuffle : bool
        Whether each pass draws a new order.
    sampler : Sampler, optional
        The order, in place of `shuffle`.
    batch_sampler : Sampler, optional
        Lists of indices, in place of the four above and `drop_last`.
    collate_fn : callable, optional
        Makes a batch of a list of samples; `default_collate` by default.
    drop_last : bool
        Whether a last batch that is not full is left out.
    generator : Generator, optional
        What the order is drawn from.
    num_workers, pin_memory, timeout, worker_init_fn, multiprocessing_context, prefetch_factor, \
persistent_workers, pin_memory_device, in_order
        Taken and not needed: samples are made in this process.

    Raises
    ------
    ValueError
        For arguments that exclude each other.

    Examples
    --------
    >>> from hotloop import torch
    >>> data = torch.utils.data.TensorDataset(torch.arange(5))
    >>> [batch for (batch,) in DataLoader(data, batch_size=2)]
    [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Any = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        whole("DataLoader", "num_workers", num_workers, least=0)
        iterable = isinstance(dataset, IterableDataset)
        if iterable and (shuffle or sampler is not None or batch_sampler is not None):
            msg = "DataLoader: an IterableDataset has its own order: no shuffle, no sampler"
            raise ValueError(msg)
        if sampler is not None and shuffle:
            msg = "DataLoader: sampler option is mutually exclusive with shuffle"
            raise ValueError(msg)
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                msg = (
                    "DataLoader: batch_sampler option is mutually exclusive with batch_size, "
                    "shuffle, sampler, and drop_last"
                )
                raise ValueError(msg)
            batch_size = None
        elif batch_size is None and drop_last:
            msg = "DataLoader: without batches (batch_size=None) there is no last one to drop"
            raise ValueError(msg)
        if sampler is None and not iterable:
            sampler = (
                RandomSampler(dataset, generator=generator)
                if shuffle
                else SequentialSampler(dataset)
            )
        if batch_size is not None and batch_sampler is None and not iterable:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        elif batch_size is not None:
            whole("DataLoader", "batch_size", batch_size, least=1)
        batched = batch_size is not None or batch_sampler is not None
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, bool(drop_last)
        self.sampler, self.batch_sampler, self.generator = sampler, batch_sampler, generator
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)
        self.num_workers, self.pin_memory, self.timeout = num_workers, pin_memory, timeout
        self.worker_init_fn, self.multiprocessing_context = worker_init_fn, multiprocessing_context
        self.prefetch_factor, self.persistent_workers = prefetch_factor, persistent_workers
        self.pin_memory_device, self.in_order = pin_memory_device, in_order

    def __len__(self) -> int:
        """Return the number of batches."""
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        n = len(self.dataset)
        if self.batch_size is None:
            return n if self.sampler is None else len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        """Return an iterator over the batches of a pass."""
        if isinstance(self.dataset, IterableDataset):
            return self._streamed()
        if self.batch_sampler is None:
            return (self.collate_fn(self.dataset[i]) for i in self.sampler)
        if self.collate_fn is default_collate and hasattr(self.dataset, "gather"):
            return self._gathered()
        return self._collated(self.batch_sampler)

    def _streamed(self) -> Iterator[Any]:
        samples = iter(self.dataset)
        if self.batch_size is None:
            yield from map(self.collate_fn, samples)
            return
        while batch := list(itertools.islice(samples, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield self.collate_fn(batch)

    def _collated(self, batches: Any) -> Iterator[Any]:
        """Yield batches made sample by sample."""
        several = getattr(self.dataset, "__getitems__", None)
        for indices in batches:
            samples = several(indices) if several else [self.dataset[i] for i in indices]
            yield self.collate_fn(samples)

    def _batches(self) -> Iterator[Any]:
        """Return the indices of the batches, as arrays where the order is known at once."""
        batches = self.batch_sampler
        if type(batches) is not BatchSampler or not hasattr(batches.sampler, "order"):
            return iter(batches)
        order, size = batches.sampler.order(), batches.batch_size
        end = len(order) // size * size if batches.drop_last else len(order)
        return (order[i : i + size] for i in range(0, end, size))

    def _gathered(self) -> Iterator[Any]:
        """Yield batches gathered at once, several small ones together."""
        batches = self._batches()
        for first in batches:
            count = max(1, _TOGETHER // max(1, len(first)))
            group = [np.asarray(each, np.intp) for each in itertools.islice(batches, count - 1)]
            group.insert(0, np.asarray(first, np.intp))
            arrays = self.dataset.gather(np.concatenate(group) if len(group) > 1 else group[0])
            if arrays is None:
                yield from self._collated(each.tolist() for each in group)
                continue
            start = 0
            for indices in group:
                end = start + len(indices)
                yield [wrap(array[start:end]) for array in arrays]
                start = end


__all__ = ["DataLoader", "default_collate", "default_convert"]
