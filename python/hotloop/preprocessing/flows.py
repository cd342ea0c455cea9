"""Batches of `ImageDataGenerator`: from arrays and from files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import random
from hotloop._support.arguments import whole
from hotloop.data.indexed import PyDataset
from hotloop.utils.images import img_to_array, load_img

__all__ = ["ArrayFlow", "FileFlow", "Flow"]

Array = NDArray[Any]
Change = Callable[[Array, np.random.Generator], Array]


class Flow(PyDataset):
    """Batches by index for `fit`, and without end for ``next`` and loops, in an order drawn for each pass.

    Attributes
    ----------
    n, samples : int
        The number of pictures.
    batch_size : int
        Pictures in a batch.
    """

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None) -> None:
        super().__init__()
        self.n = self.samples = n
        self.batch_size = whole("ImageDataGenerator", "batch_size", batch_size, least=1)
        self.shuffle, self.seed = bool(shuffle), seed
        self._calls, self._passes, self._next = 0, 0, 0
        self.index_array = np.arange(n)
        self._draw()

    def _rng(self, count: int) -> np.random.Generator:
        if self.seed is None:
            return np.random.default_rng(int(random.generator().integers(2**63)))
        return np.random.default_rng([self.seed, count])

    def _draw(self) -> None:
        if self.shuffle:
            self.index_array = self._rng(2**32 + self._passes).permutation(self.n)
        self._passes += 1

    def __len__(self) -> int:
        """Return the number of batches of a pass."""
        return (self.n + self.batch_size - 1) // self.batch_size

    def __getitem__(self, index: int) -> Any:
        """Return the batch at a place of the pass."""
        if not -len(self) <= index < len(self):
            msg = f"batch {index} of {len(self)}"
            raise IndexError(msg)
        start = (index % len(self)) * self.batch_size
        self._calls += 1
        return self.batch(self.index_array[start : start + self.batch_size], self._rng(self._calls))

    def batch(self, rows: Array, rng: np.random.Generator) -> Any:
        """Return some pictures, changed, with their targets."""
        raise NotImplementedError

    def on_epoch_end(self) -> None:
        """Draw a new order."""
        self._draw()

    def reset(self) -> None:
        """Begin the pass of ``next`` again."""
        self._next = 0

    def __iter__(self) -> Iterator[Any]:
        """Return itself, which never ends, as in Keras."""
        return self

    def __next__(self) -> Any:
        """Return the next batch; after a pass another begins."""
        if self._next == len(self):
            self._next = 0
            self._draw()
        self._next += 1
        return self[self._next - 1]

    next = __next__


class ArrayFlow(Flow):
    """Batches of pictures in memory.

    Parameters
    ----------
    x : ndarray, (N, H, W, C)
        Pictures, or whatever `change` takes.
    others : sequence of ndarray
        Targets and weights, as many as there are.
    change : callable
        Changes and standardizes a batch.
    dtype : str
        Of what `change` is given.
    batch_size, shuffle, seed
        See `Flow`.
    """

    def __init__(
        self,
        x: Array,
        others: Sequence[Array],
        change: Change,
        dtype: Any,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
    ) -> None:
        self.x, self.others, self.change, self._dtype = x, others, change, dtype
        super().__init__(len(x), batch_size, shuffle, seed)

    def batch(self, rows: Array, rng: np.random.Generator) -> Any:
        """Return some pictures, changed, with their targets and weights."""
        x = self.change(self.x[rows].astype(self._dtype), rng)
        parts = tuple(other[rows] for other in self.others)
        return (x, *parts) if parts else x


class FileFlow(Flow):
    """Batches of pictures in files.

    Parameters
    ----------
    paths : list of str
        The files.
    targets : sequence of ndarray
        Targets and weights, as many as there are; ``"input"`` stands for the pictures themselves.
    change : callable
        Changes and standardizes a batch.
    load : dict
        Arguments of `hotloop.utils.load_img`.
    form : str
        Where the channels are.
    dtype : str
        Of what `change` is given.
    batch_size, shuffle, seed
        See `Flow`.
    **others
        Attributes: ``class_indices``, ``classes``, ``filenames``.
    """

    class_indices: dict[str, int]
    classes: Any
    filenames: list[str]

    def __init__(
        self,
        paths: list[str],
        targets: Sequence[Any],
        change: Change,
        load: dict[str, Any],
        form: str,
        dtype: Any,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        **others: Any,
    ) -> None:
        self.filepaths, self.targets, self.change = paths, targets, change
        self.load, self.form, self._dtype = load, form, dtype
        channels = {"grayscale": 1, "rgb": 3, "rgba": 4}[load["color_mode"]]
        size = tuple(load["target_size"])
        self.target_size = size
        self.image_shape = (channels, *size) if form == "channels_first" else (*size, channels)
        vars(self).update(others)
        super().__init__(len(paths), batch_size, shuffle, seed)

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_indices)

    @property
    def labels(self) -> Any:
        """The number of each file's class."""
        return self.classes

    def batch(self, rows: Array, rng: np.random.Generator) -> Any:
        """Return some pictures, read and changed, with their targets and weights."""
        read = [
            img_to_array(load_img(self.filepaths[i], **self.load), self.form, self._dtype)
            for i in rows
        ]
        x = self.change(np.stack(read), rng)
        parts = tuple(x if isinstance(t, str) else t[rows] for t in self.targets)
        return (x, *parts) if parts else x
