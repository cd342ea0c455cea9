"""Mini-batches of arrays, for loops written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotloop import random
from hotloop._arguments import whole

Array = NDArray[Any]


class DataLoader:
    """Iterate over mini-batches; each pass over it is one epoch.

    Parameters
    ----------
    *arrays : array_like
        Arrays with the same first axis: ``x``, or ``x, y``, or ``x, y, sample_weight``.
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
        Fresh arrays of the same dtypes, a tuple when several arrays were given.

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
    """

    def __init__(
        self,
        *arrays: ArrayLike,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int | None = None,
        drop_last: bool = False,
    ) -> None:
        if not arrays:
            msg = "DataLoader: give at least one array"
            raise ValueError(msg)
        self.arrays: tuple[Array, ...] = tuple(np.asarray(a) for a in arrays)
        if any(a.ndim == 0 for a in self.arrays):
            msg = "DataLoader: every array needs a first axis, the samples"
            raise ValueError(msg)
        lengths = [len(a) for a in self.arrays]
        if len(set(lengths)) != 1:
            msg = f"DataLoader: arrays must have the same number of rows, got {lengths}"
            raise ValueError(msg)
        self.batch_size = whole("DataLoader", "batch_size", batch_size, least=1)
        if seed is not None:
            seed = whole("DataLoader", "seed", seed, least=0)
        self.shuffle, self.drop_last = bool(shuffle), bool(drop_last)
        self._generator = None if seed is None else np.random.default_rng(seed)

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        rows = len(self.arrays[0])
        return rows // self.batch_size if self.drop_last else -(-rows // self.batch_size)

    def get_state(self) -> dict[str, Any] | None:
        """Return the state of the loader's own generator; None when it has none."""
        return None if self._generator is None else dict(self._generator.bit_generator.state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Put the loader's own generator where `get_state` saw it."""
        if self._generator is not None:
            self._generator.bit_generator.state = state

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of one epoch."""
        rows = len(self.arrays[0])
        rng = self._generator or random.generator()
        order = rng.permutation(rows) if self.shuffle else None
        for i in range(len(self)):
            span = slice(i * self.batch_size, min(rows, (i + 1) * self.batch_size))
            batch = tuple(a[span].copy() if order is None else a[order[span]] for a in self.arrays)
            yield batch if len(batch) > 1 else batch[0]


__all__ = ["DataLoader"]
