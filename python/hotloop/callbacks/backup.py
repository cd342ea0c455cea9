"""Survive a kill: back a run up, and go on from the backup bit for bit."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import ClassVar

from hotloop._support.atomic import explained
from hotloop.callbacks.base import Callback, Logs
from hotloop.callbacks.checkpoint import check_frequency
from hotloop.saving import kept, training_state


class BackupAndRestore(Callback):
    """Back up the whole training run; a `fit` that finds a backup goes on from it.

    The resumed run equals the uninterrupted one bit for bit: weights, optimizer, generators,
    dropout, the place in the shuffle, the figures of the epoch, and the state of the other
    callbacks. Call `fit` again with the same model, data and arguments.

    Parameters
    ----------
    backup_dir : path
        Folder of the file ``training.state``; it is made when missing.
    save_freq : "epoch" or int
        When a backup is written; a number counts batches.
    double_checkpoint : bool
        Accepted as Keras does; a backup is replaced whole or not at all, so one is enough.
    delete_checkpoint : bool
        Whether a finished run deletes its backup.

    Raises
    ------
    ValueError
        For another `save_freq`; and from `fit`, when the backup is truncated, altered, newer
        than this package or of another model: no weight has changed then.

    Notes
    -----
    Batches from an iterable of the user's own are drawn again up to the place where the run
    stopped; they are the same when they depend on the generators of `hotloop.random`, `random` and
    `numpy.random` alone.

    Examples
    --------
    >>> BackupAndRestore("backup", save_freq=100).path
    PosixPath('backup/training.state')
    """

    comes_last = True
    state_rules: ClassVar = {"_batches": kept.count}

    def __init__(
        self,
        backup_dir: str | PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        del double_checkpoint
        self.path = Path(backup_dir) / "training.state"
        self.save_freq = check_frequency("BackupAndRestore", save_freq)
        self.delete_checkpoint = bool(delete_checkpoint)
        if self.save_freq == "epoch":
            self.skips = frozenset({"on_train_batch_end"})
        self._epoch = self._batches = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Read the backup when there is one; `fit` goes on from it."""
        self._batches = 0
        with explained(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self.model._trainer.run.resume = training_state.read(self.path)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Remember the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Back up every `save_freq` batches."""
        self._batches += 1
        if isinstance(self.save_freq, int) and self._batches % self.save_freq == 0:
            self._write(self._epoch, batch + 1)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Back up each epoch."""
        if self.save_freq == "epoch":
            self._write(epoch + 1, 0)

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Delete the backup of a finished run."""
        if self.delete_checkpoint:
            self.path.unlink(missing_ok=True)

    def _write(self, epoch: int, batch: int) -> None:
        training_state.write(self.model, self.path, epoch, batch)
