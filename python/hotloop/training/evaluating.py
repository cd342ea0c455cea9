"""evaluate and predict: passes over data in inference mode."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop.callbacks.base import CallbackList, as_list
from hotloop.callbacks.progress import figures
from hotloop.data.arrays import ArrayData, batches_of, direct, refuse_no_batch
from hotloop.data.indexed import one_pass
from hotloop.training import own_steps
from hotloop.training.compiled import Compiled, Meter, answer, require_samples

Array = NDArray[Any]
BATCH = 256


class Evaluating(Compiled):
    """The inference half of what a compiled model does with data."""

    def _validate(
        self, name: str, data: Any, size: int, steps: int | None, calls: CallbackList
    ) -> dict[str, Any]:
        """Return the logs of a pass over `data`, of at most `steps` batches."""
        batches: Iterator[tuple[Any, Any]]
        if isinstance(data, ArrayData):
            batches = ((data, rows) for rows in data.batches(size, None))
        else:
            batches = ((part, slice(0, len(part))) for part in self._parts(name, data) if len(part))
        calls.call("on_test_begin", {})
        meter: Meter | None = None
        for batch, (part, rows) in enumerate(itertools.islice(batches, steps)):
            if meter is None:
                meter = self._meter(part)
                meter.reset()
            calls.batch_begin("test", batch)
            with self._step_lock:
                step = self._step_for(part, rows.stop - rows.start, train=False, update=False)
                part.load(step, rows)
                loss = step.run()
                meter.update(step, loss, part, rows)
                step.release()
                step.release_targets()
            calls.batch_end("test", batch, meter.logs)
        if meter is None:
            refuse_no_batch(name, data)
        logs = meter.logs()
        calls.call("on_test_end", logs)
        return logs

    def _parts(self, name: str, batches: Any) -> Iterator[Any]:
        for batch in one_pass(batches):
            x, y, weights = unpack(name, batch)
            with self._step_lock:
                part = self._data(name, x, y, weights)
            yield part

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return loss and metrics over all samples, in inference mode.

        Parameters
        ----------
        x, y : array_like
            Samples and targets; `x` may also yield batches, in every form that `fit` takes.
        batch_size : int, optional
            Samples of a batch; None is 256. It changes no result beyond rounding.
        verbose : "auto", 0, 1 or 2
            Whether a line with the figures is printed.
        sample_weight : array_like, optional
            One weight for each sample.
        steps : int, optional
            Batches after which the evaluation ends; None goes over all.
        callbacks : list of Callback, optional
            Their ``on_test_...`` hooks are called.
        return_dict : bool
            Whether a dict comes back.

        Returns
        -------
        float, list of float or dict
            The loss; with metrics a list, loss first.

        Raises
        ------
        RuntimeError
            Before `compile`.
        ValueError
            For shapes and labels that do not fit, and without samples.
        """
        if self._tests_by_itself():
            batches = own_steps.Batches("evaluate", x, y, sample_weight, batch_size or BATCH)
            return answer(own_steps.evaluate(self, batches, steps), return_dict)
        self._compiled("evaluate", optimizer=False)
        data = batches_of("evaluate", x, batch_size, y=y, sample_weight=sample_weight)
        size = batch_size_of("evaluate", BATCH if batch_size is None else batch_size)
        if data is None:
            with self._step_lock:
                data = self._data("evaluate", x, y, sample_weight)
            require_samples("evaluate", data)
        level = verbosity(verbose, quiet=True)
        if steps is not None:
            steps = positive("evaluate", "steps", steps)
        calls = as_list(callbacks, self, {"verbose": level, "steps": steps})
        logs = self._validate("evaluate", data, size, steps, calls)
        if level:
            text = " - ".join(f"{name}: {value}" for name, value in figures(logs).items())
            sys.stdout.write(text + "\n")
        return answer(logs, return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Array:
        """Return the outputs for all samples, in inference mode.

        Parameters
        ----------
        x : array_like
            Samples; also what yields batches, in every form that `fit` takes, of which the first
            part is taken when they are tuples.
        batch_size : int, optional
            Samples of a batch; None is 256.
        verbose : "auto", 0, 1 or 2
            Accepted as Keras does; prediction prints nothing.
        steps : int, optional
            Batches after which the prediction ends; None goes over all.
        callbacks : list of Callback, optional
            Their ``on_predict_...`` hooks are called.

        Returns
        -------
        ndarray
            ``(N, ...)`` of the model's dtype, a new array; a list or dict of them for several
            outputs.

        Raises
        ------
        ValueError
            For samples of another shape.
        """
        level = verbosity(verbose)
        batches = batches_of("predict", x, batch_size)
        size = batch_size_of("predict", BATCH if batch_size is None else batch_size)
        if steps is not None:
            steps = positive("predict", "steps", steps)
        calls = as_list(callbacks, self, {"verbose": level, "steps": steps})
        calls.call("on_predict_begin", {})
        if batches is not None:
            first = (b[0] if isinstance(b, tuple | list) else b for b in one_pass(batches))
            parts = [
                self._predict_array(part, sys.maxsize, None, calls, i)
                for i, part in enumerate(itertools.islice(first, steps))
            ]
            if not parts:
                refuse_no_batch("predict", x)
            out: Array = _joined(parts)
        else:
            out = self._predict_array(x, size, steps, calls, 0)
        calls.call("on_predict_end", {})
        return out

    def _predict_array(
        self, x: Any, size: int, steps: int | None, calls: CallbackList, first: int
    ) -> Array:
        with self._step_lock:
            array = self._input("predict", x)
        n = len(array) if steps is None else min(len(array), steps * size)
        out = np.empty((n, *(k or 0 for k in self.output_shape[1:])), self.dtype)
        for batch, start in enumerate(range(0, n, size), first):
            rows = slice(start, min(n, start + size))
            calls.batch_begin("predict", batch)
            with self._step_lock:
                step = self.executor().forward_step(rows.stop - start, training=False)
                step.load(direct(array[rows]))
                step.run()
                out[rows] = step.output
                step.release()
            calls.batch_end("predict", batch, lambda rows=rows: {"outputs": out[rows].copy()})  # type: ignore[misc]
        return out

    def predict_on_batch(self, x: Any) -> Array:
        """Return the outputs for one batch, in inference mode."""
        return self.predict(x, batch_size=max(1, len(x)), verbose=0)


def _joined(parts: list[Any]) -> Any:
    """Return the outputs for batches, one after the other, in the form of those for one batch."""
    first = parts[0]
    if isinstance(first, dict):
        return {key: np.concatenate([part[key] for part in parts]) for key in first}
    if isinstance(first, list):
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]
    return np.concatenate(parts)


def unpack(name: str, batch: Any) -> tuple[Any, Any, Any]:
    """Return samples, targets and weights of a batch; a ValueError for anything else."""
    if isinstance(batch, tuple | list) and len(batch) in (2, 3):
        return batch[0], batch[1], batch[2] if len(batch) == 3 else None
    msg = f"{name}: expected (x, y) or (x, y, sample_weight), got {type(batch).__name__}"
    raise ValueError(msg)


def batch_size_of(name: str, value: Any) -> int:
    """Return a number of samples; a ValueError below 1."""
    return positive(name, "batch_size", value)


def positive(name: str, what: str, value: Any) -> int:
    """Return a whole number from 1; a ValueError names `what`."""
    return whole(name, what, value, least=1)


def verbosity(verbose: Any, quiet: bool = False) -> int:
    """Return 0, 1 or 2; "auto" is a bar in a terminal or a notebook, else lines."""
    if verbose == "auto":
        if quiet:
            return 0
        terminal = sys.stderr is not None and sys.stderr.isatty()
        return 1 if terminal or "ipykernel" in sys.modules else 2
    if verbose in (0, 1, 2):
        return int(verbose)
    msg = f"verbose must be 'auto', 0, 1 or 2, got {quoted(verbose)}"
    raise ValueError(msg)
