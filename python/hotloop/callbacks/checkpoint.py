"""Save the model while it trains."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import Any, ClassVar

from hotloop._support.atomic import explained
from hotloop._support.quoting import quoted
from hotloop.callbacks.base import Logs
from hotloop.callbacks.plateau import Monitor
from hotloop.callbacks.telling import tell
from hotloop.saving import kept


class ModelCheckpoint(Monitor):
    """Save the model after each epoch, or every so many batches, or only when it got better.

    Parameters
    ----------
    filepath : path
        The file; ``{epoch:02d}``, counted from 1, and keys of the logs such as
        ``{val_loss:.2f}`` are filled in.
    monitor : str
        Key of the logs that `save_best_only` compares.
    verbose : int
        1 prints a line for each file.
    save_best_only : bool
        Whether only a better model replaces the file.
    save_weights_only : bool
        Whether `Model.save_weights` writes it.
    mode : "auto", "min" or "max"
        What is better.
    save_freq : "epoch" or int
        When; a number counts batches.
    initial_value_threshold : float, optional
        A figure that has to be beaten first.

    Raises
    ------
    ValueError
        For another `mode` or `save_freq`, and a key in `filepath` that the logs lack.

    Examples
    --------
    >>> ModelCheckpoint("m-{epoch:02d}-{val_loss:.2f}.keras").path(0, {"val_loss": 0.25})
    PosixPath('m-01-0.25.keras')
    """

    state_rules: ClassVar = {"best": kept.figure, "_batches": kept.count}

    def __init__(
        self,
        filepath: str | PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath, self.verbose = fspath(filepath), verbose
        self.save_best_only, self.save_weights_only = bool(save_best_only), bool(save_weights_only)
        self.save_freq = check_frequency("ModelCheckpoint", save_freq)
        if self.save_freq == "epoch":
            self.skips = frozenset({"on_train_batch_end"})
        self.best = initial_value_threshold
        self._epoch = self._batches = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Look at the direction of what is compared."""
        if self.save_best_only:
            super().on_train_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Remember the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Save every `save_freq` batches."""
        self._batches += 1
        if isinstance(self.save_freq, int) and self._batches % self.save_freq == 0:
            self._save(self._epoch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save each epoch."""
        if self.save_freq == "epoch":
            self._save(epoch, logs or {})

    def path(self, epoch: int, logs: Logs) -> Path:
        """Return the file's name for an epoch."""
        try:
            return Path(self.filepath.format(epoch=epoch + 1, **logs))
        except KeyError as error:
            names = ", ".join(["epoch", *logs])
            msg = f"ModelCheckpoint: {self.filepath!r} asks for {error}; there are {names}"
            raise ValueError(msg) from None
        except (ValueError, LookupError, AttributeError) as error:
            msg = f"ModelCheckpoint: {self.filepath!r} cannot be filled in: {error}"
            raise ValueError(msg) from None

    def _save(self, epoch: int, logs: Logs) -> None:
        value = self.figure(logs) if self.save_best_only else None
        if self.save_best_only and (value is None or not self.better(value, self.best)):
            return
        # An epoch without validation has no val_loss to name a file by, and needs none here.
        path = self.path(epoch, logs)
        if value is not None:
            if self.verbose:
                before = "" if self.best is None else f" (before {self.best:.5f})"
                tell(f"Epoch {epoch + 1}: {self.monitor} {value:.5f}{before}, saving {path}")
        elif self.verbose:
            tell(f"Epoch {epoch + 1}: saving {path}")
        with explained(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.save_best_only:
            self.best = value  # now that the file is there


def check_frequency(name: str, save_freq: Any) -> str | int:
    """Return ``"epoch"`` or a positive number of batches; anything else is a ValueError."""
    if save_freq == "epoch":
        return "epoch"
    if isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0:
        return save_freq
    msg = f"{name}: save_freq must be 'epoch' or a positive number of batches, got {quoted(save_freq)}"
    raise ValueError(msg)
