"""Mini-batches of arrays or of a data set of samples, for loops written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import random
from hotloop._support.arguments import whole
from hotloop.data.indexed import PyDataset, is_indexed
from hotloop.data.targets import as_array

Array = NDArray[Any]


class DataLoader:
    """Iterate over mini-batches; each pass over it is one epoch.

    Parameters
    ----------
    *arrays : array_like
        Arrays with the same first axis: ``x``, or ``x, y``, or ``x, y, sample_weight``. Or one
        data set with ``__len__`` and ``__getitem__``, such as PyTorch's ``Dataset``, whose items
        are samples: arrays, or tuples or dicts of them, which are stacked.
    batch_size : int
        Rows of a batch; the last one may be shorter.
    shuffle : bool
        Whether each epoch draws a new order.
    seed : int, optional
        Seed of the loader's own generator; None draws from the process's.
    drop_last : bool
        Whether a short last batch is left out.

    Yields
    ------
    ndarray or tuple of ndarray
        Fresh arrays of the same dtypes, a tuple when several arrays were given; of a data set
        batches in the form of its items.

    Raises
    ------
    ValueError
        When the lengths differ or `batch_size` is below 1.

    Examples
    --------
    >>> import hotloop as hl
    >>> loader = hl.DataLoader([[1], [2], [3]], [10, 20, 30], batch_size=2)
    >>> [y.tolist() for x, y in loader]
    [[10, 20], [30]]
    >>> len(loader)
    2
    >>> class Squares:
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         return [index], index**2
    >>> [y.tolist() for x, y in hl.DataLoader(Squares(), batch_size=2)]
    [[0, 1], [4]]
    """

    def __init__(
        self,
        *arrays: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int | None = None,
        drop_last: bool = False,
    ) -> None:
        if not arrays:
            msg = "DataLoader: give at least one array"
            raise ValueError(msg)
        self.dataset: Any = arrays[0] if len(arrays) == 1 and is_indexed(arrays[0]) else None
        if isinstance(self.dataset, PyDataset):
            kind = type(self.dataset).__name__
            msg = f"DataLoader: the items of {kind} are batches; give it to fit as it is"
            raise ValueError(msg)
        given = () if self.dataset is not None else arrays
        self.arrays: tuple[Array, ...] = tuple(
            as_array("DataLoader", "each array", a) for a in given
        )
        if any(a.ndim == 0 for a in self.arrays):
            msg = "DataLoader: every array needs a first axis, the samples"
            raise ValueError(msg)
        lengths = [len(a) for a in self.arrays]
        if len(set(lengths)) > 1:
            msg = f"DataLoader: arrays must have the same number of rows, got {lengths}"
            raise ValueError(msg)
        self.batch_size = whole("DataLoader", "batch_size", batch_size, least=1)
        if seed is not None:
            seed = whole("DataLoader", "seed", seed, least=0)
        self.shuffle, self.drop_last = bool(shuffle), bool(drop_last)
        self._generator = None if seed is None else np.random.default_rng(seed)

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        rows = self._rows()
        return rows // self.batch_size if self.drop_last else -(-rows // self.batch_size)

    def get_state(self) -> dict[str, Any] | None:
        """Return the state of the loader's own generator; None when it has none."""
        return None if self._generator is None else dict(self._generator.bit_generator.state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Put the loader's own generator where `get_state` saw it."""
        if self._generator is not None:
            self._generator.bit_generator.state = random.checked(state)

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of one epoch."""
        rows = self._rows()
        rng = self._generator or random.generator()
        order = rng.permutation(rows) if self.shuffle else None
        for i in range(len(self)):
            span = slice(i * self.batch_size, min(rows, (i + 1) * self.batch_size))
            if self.dataset is not None:
                indices = range(rows)[span] if order is None else order[span].tolist()
                yield stacked([self.dataset[index] for index in indices])
                continue
            batch = tuple(a[span].copy() if order is None else a[order[span]] for a in self.arrays)
            yield batch if len(batch) > 1 else batch[0]

    def _rows(self) -> int:
        """Return the number of samples; a data set may change it between passes."""
        data = self.arrays[0] if self.dataset is None else self.dataset
        return whole("DataLoader", "the length of the data set", len(data), least=0)


def stacked(samples: list[Any]) -> Any:
    """Return samples as one batch, in their own form."""
    first = samples[0]
    if isinstance(first, Mapping):
        return {key: stacked([sample[key] for sample in samples]) for key in first}
    if isinstance(first, tuple | list):
        if len({len(sample) for sample in samples}) > 1:
            msg = "DataLoader: every sample must have as many parts as the others"
            raise ValueError(msg)
        return tuple(stacked(list(parts)) for parts in zip(*samples, strict=True))
    arrays = [as_array("DataLoader", "each sample", sample) for sample in samples]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        msg = f"DataLoader: samples of a batch must have one shape, got {sorted(shapes)[:4]}"
        raise ValueError(msg)
    return np.stack(arrays)


__all__ = ["DataLoader", "stacked"]
