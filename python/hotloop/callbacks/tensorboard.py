"""The log of a training for TensorBoard."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from hotloop._support.quoting import quoted
from hotloop.callbacks.base import Callback, Logs
from hotloop.saving import kept


class TensorBoard(Callback):
    """Write logs for TensorBoard, with the extra ``hotloop[tensorboard]``.

    Training goes to ``<log_dir>/train`` and validation to ``<log_dir>/validation``; the tags are
    Keras's, ``epoch_loss``, ``epoch_accuracy``, ``epoch_learning_rate`` ...

    Parameters
    ----------
    log_dir : path
        Where the event files go.
    histogram_freq : int
        Every so many epochs, histograms of all weights; 0 never.
    write_graph, write_images : bool
        Accepted as Keras does; neither is written.
    update_freq : "epoch", "batch" or int
        How often the figures of training are written besides, as ``batch_loss`` ...

    Raises
    ------
    ImportError
        When tensorboardX is missing, at the beginning of the training.

    Examples
    --------
    >>> TensorBoard("logs", update_freq="batch").update_freq
    1
    """

    def __init__(
        self,
        log_dir: str | PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        update_freq: str | int = "epoch",
    ) -> None:
        super().__init__()
        del write_graph, write_images
        self.log_dir, self.histogram_freq = Path(log_dir), int(histogram_freq)
        named: dict[Any, int] = {"epoch": 0, "batch": 1}
        frequency = named.get(update_freq, update_freq)
        if not isinstance(frequency, int) or frequency < 0:
            msg = f"TensorBoard: update_freq must be 'epoch', 'batch' or a number, got {quoted(update_freq)}"
            raise ValueError(msg)
        self.update_freq = frequency
        if not self.update_freq:
            self.skips = frozenset({"on_train_batch_end"})
        self._writers: dict[str, Any] = {}
        self._batches = 0

    def _writer(self, part: str) -> Any:
        if part not in self._writers:
            from tensorboardX import SummaryWriter  # noqa: PLC0415 - an extra

            self._writers[part] = SummaryWriter(str(self.log_dir / part))
        return self._writers[part]

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Look for tensorboardX."""
        try:
            import tensorboardX  # noqa: F401, PLC0415 - an extra
        except ImportError:
            msg = "TensorBoard: needs tensorboardX (pip install 'hotloop[tensorboard]')"
            raise ImportError(msg) from None
        self._batches = 0

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Write the figures so far, every `update_freq` batches."""
        self._batches += 1
        if self._batches % self.update_freq == 0:
            self._write("train", "batch", logs or {}, self._batches)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's figures, and histograms when they are due."""
        logs = logs or {}
        self._write("train", "epoch", {k: v for k, v in logs.items() if k[:4] != "val_"}, epoch)
        validation = {k[4:]: v for k, v in logs.items() if k[:4] == "val_"}
        if validation:
            self._write("validation", "epoch", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for layer in self.model.layers:
                for name, value in layer.params.items():
                    tag = f"{layer.name}/{name}"
                    self._writer("train").add_histogram(tag, np.asarray(value), epoch)
        for writer in self._writers.values():
            writer.flush()

    def _write(self, part: str, prefix: str, figures: Logs, step: int) -> None:
        for name, value in figures.items():
            for i, number in enumerate(np.ravel(value)):
                tag = f"{prefix}_{name}" if np.ndim(value) == 0 else f"{prefix}_{name}_{i}"
                self._writer(part).add_scalar(tag, float(number), step)

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Close the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def get_state(self) -> dict[str, Any]:
        """Return the number of batches."""
        return {"batches": self._batches}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on counting."""
        self._batches = kept.checked(self, state, {"batches": kept.count})["batches"]
