"""The batches of a `fit`, epoch after epoch, and the place in them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

from hotloop import random
from hotloop.data.arrays import ArrayData, Rows, iter_is_itself
from hotloop.data.data_loader import DataLoader
from hotloop.data.indexed import BatchesByIndex


class Feed:
    """Batches from arrays in memory or on disk, a DataLoader, or any iterable of batches.

    A pass goes over all the data once. Without `steps` an epoch is a pass; with it, an epoch is
    so many batches, goes on where the last one stopped, and starts a new pass when it has to.

    Parameters
    ----------
    source : ArrayData or iterable
        What yields the batches.
    size : int
        Samples of a batch of arrays.
    shuffle : bool
        Whether each pass over arrays draws a new order.
    load : callable
        Makes ArrayData of a batch that an iterable yields.
    steps : int, optional
        Batches of an epoch.
    """

    def __init__(
        self,
        source: Any,
        size: int,
        shuffle: bool,
        load: Callable[[Any], ArrayData],
        steps: int | None = None,
    ) -> None:
        self.source, self.size, self.shuffle, self.load = source, size, shuffle, load
        self.steps = steps
        self.ran_out = False
        self._pass: Iterator[Any] | None = None
        self._taken = 0
        self._began: dict[str, Any] = {}

    @property
    def steps_per_epoch(self) -> int | None:
        """Batches of an epoch, or None when that is not known beforehand."""
        if self.steps is not None:
            return self.steps
        if isinstance(self.source, ArrayData):
            return -(-len(self.source) // self.size)
        if isinstance(self.source, BatchesByIndex):
            return self.source.num_batches
        return len(self.source) if hasattr(self.source, "__len__") else None

    def _begin(self) -> None:
        self._began = {"random": random.get_state(), "loader": self._loader_state()}
        self._taken = 0
        if isinstance(self.source, ArrayData):
            n = len(self.source)
            order = random.generator().permutation(n) if self.shuffle else None
            self._pass = self.source.batches(self.size, order)
        else:
            self._pass = iter(self.source)

    def epoch(self, done: int = 0) -> Iterator[tuple[ArrayData, Rows]]:
        """Yield data and the rows of each batch of an epoch, of which `done` are over already."""
        if not isinstance(self.source, BatchesByIndex):
            yield from self._batches(done)
            return
        self.source.begin()
        yield from self._batches(done)
        self.source.end()

    def _batches(self, done: int) -> Iterator[tuple[ArrayData, Rows]]:
        steps, arrays = self.steps, isinstance(self.source, ArrayData)
        while steps is None or done < steps:
            if self._pass is None:
                self._begin()
            item = next(self._pass, None)  # type: ignore[arg-type]
            if item is None:
                empty, self._pass = not self._taken, None
                if steps is None:
                    return
                if empty:
                    self._tell_that_it_ran_out()
                    return
                continue
            self._taken += 1
            if arrays:
                done += 1
                yield self.source, item
                continue
            data = self.load(item)
            if len(data):
                done += 1
                yield data, slice(0, len(data))

    def _tell_that_it_ran_out(self) -> None:
        self.ran_out = True
        warnings.warn(
            "fit: the data ran out before the epochs were over, so training ends here; give an "
            "iterable that can start again (a DataLoader, an object with __iter__), or one that "
            "yields steps_per_epoch * epochs batches",
            stacklevel=2,
        )

    def lasts(self) -> bool:
        """Whether another epoch may begin; False, with a warning, when an iterator is used up."""
        one_shot = self.steps is None and self._taken and iter_is_itself(self.source)
        if one_shot and not self.ran_out:
            self._tell_that_it_ran_out()
        return not self.ran_out

    # -- the place, for a run that is resumed --------------------------------------------------

    def _loader_state(self) -> Any:
        return self.source.get_state() if isinstance(self.source, DataLoader) else None

    def get_state(self) -> dict[str, Any]:
        """Return the place in the pass, and how the generators stood when it began."""
        inside = None if self._pass is None else {**self._began, "taken": self._taken}
        return {"pass": inside, "loader": self._loader_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go to the place that `get_state` saw.

        The pass begins again with the generators as they stood, and its first batches are left
        out; the caller then sets the process's generator.
        """
        inside, loader = state["pass"], isinstance(self.source, DataLoader)
        self._pass = None
        if inside is not None:
            random.set_state(inside["random"])
            if loader and inside["loader"] is not None:
                self.source.set_state(inside["loader"])
            self._begin()
            for _ in range(inside["taken"]):
                next(self._pass)  # type: ignore[call-overload]
            self._began = {"random": inside["random"], "loader": inside["loader"]}
            self._taken = inside["taken"]
        if loader and state["loader"] is not None:
            self.source.set_state(state["loader"])
