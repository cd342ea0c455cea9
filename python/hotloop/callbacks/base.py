"""What a callback is, and how a model calls its callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from hotloop._support.overriding import check_overrides
from hotloop._support.quoting import quoted
from hotloop.saving import kept

Logs = dict[str, Any]


class Callback:
    """Base of all callbacks: every hook does nothing.

    Attributes
    ----------
    model : Model
        The model that trains; ``model.stop_training = True`` ends `fit` after the batch.
    params : dict
        ``epochs``, ``steps``, ``verbose``, and whether there is a ``validation``.

    Examples
    --------
    >>> class Stop(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.model.stop_training = logs["loss"] < 0.1
    """

    # Hooks that an object overrides and does not need just now: batches cost nothing then.
    skips: frozenset[str] = frozenset()
    # Attributes that a backup keeps, each with the rule that a value from a file has to keep.
    state_rules: ClassVar[Mapping[str, kept.Rule]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check what the hooks of a callback of the user's own take."""
        super().__init_subclass__(**kwargs)
        hooks = [name for name in vars(Callback) if name.startswith("on_")]
        check_overrides(cls, Callback, hooks)

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """Remember the model."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Remember epochs, steps and verbose."""
        self.params = params

    def get_state(self) -> dict[str, Any]:
        """Return what a resumed run needs: plain values, arrays and lists of arrays by name.

        The names are always the same: a backup that holds others is refused.
        """
        return {name: getattr(self, name) for name in self.state_rules}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned; called after `on_train_begin`.

        What comes from a file may be anything: take names that you know, and look at the values.

        Raises
        ------
        ValueError
            For other names, and values that cannot be; nothing has changed then.
        """
        vars(self).update(kept.checked(self, state, self.state_rules))

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch; `logs` has those of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before epoch `epoch`, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After epoch `epoch`; `logs` has the loss, metrics and their ``val_`` twins."""

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Keras's other name for `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Keras's other name for `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before training batch `batch`."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After training batch `batch`; `logs` has the means of the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before evaluation batch `batch`."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After evaluation batch `batch`."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before prediction batch `batch`."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After prediction batch `batch`; `logs` has its ``outputs``."""


class BatchProgress(Callback):
    """A callback that counts every batch but wants figures only now and then."""

    def wants_batch(self) -> bool:
        """Whether the next `on_train_batch_end` should be called."""
        raise NotImplementedError

    def advance(self) -> None:
        """Count one batch without figures."""
        raise NotImplementedError


class CallbackList:
    """Callbacks called in order; batch hooks only where somebody listens.

    Parameters
    ----------
    callbacks : list of Callback
        In the order in which they are called; one that writes backups is called last.
    model : Model
        What they are told about.
    params : dict
        ``epochs``, ``steps``, ``verbose``.
    """

    def __init__(self, callbacks: Sequence[Callback], model: Any, params: dict[str, Any]) -> None:
        # A backup has to see what all others made of an epoch.
        self.callbacks = sorted(callbacks, key=lambda c: bool(getattr(c, "comes_last", False)))
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        counted = [c for c in self.callbacks if isinstance(c, BatchProgress)]
        self.progress = counted[0] if counted else None
        self._begins = {kind: self._listening(f"on_{kind}_batch_begin") for kind in _KINDS}
        self._ends = {kind: self._listening(f"on_{kind}_batch_end") for kind in _KINDS}
        self.train_begins, self.train_ends = self._begins["train"], self._ends["train"]

    def _listening(self, hook: str) -> list[Callable[..., None]]:
        others = [c for c in self.callbacks if c is not self.progress]
        return [getattr(c, hook) for c in others if _listens(c, hook)]

    def call(self, hook: str, *args: Any) -> None:
        """Call one hook of every callback."""
        for callback in self.callbacks:
            getattr(callback, hook)(*args)

    def batch_begin(self, kind: str, batch: int) -> None:
        """Before a batch of training, evaluation or prediction."""
        for hook in self._begins[kind]:
            hook(batch, {})

    def batch_end(self, kind: str, batch: int, logs: Callable[[], Logs]) -> None:
        """After a batch of evaluation or prediction; `logs` is called when somebody listens."""
        hooks = self._ends[kind]
        if hooks:
            figures = logs()
            for hook in hooks:
                hook(batch, figures)

    def train_batch_end(self, batch: int, logs: Callable[[], Logs]) -> None:
        """After a training batch; `logs` is called only when somebody wants the figures."""
        hooks, progress = self.train_ends, self.progress
        shows = progress is not None and progress.wants_batch()
        if hooks or shows:
            figures = logs()
            for hook in hooks:
                hook(batch, figures)
            if progress is not None and shows:
                progress.on_train_batch_end(batch, figures)
                return
        if progress is not None:
            progress.advance()


_KINDS = ("train", "test", "predict")


def _listens(callback: Callback, hook: str) -> bool:
    """Whether calling `hook` of `callback` would do anything."""
    names = [hook, hook.replace("_train", "")] if "_train_batch" in hook else [hook]
    return hook not in callback.skips and any(
        name in vars(callback) or getattr(type(callback), name) is not getattr(Callback, name)
        for name in names
    )


def as_list(callbacks: Any, model: Any, params: dict[str, Any], *extra: Callback) -> CallbackList:
    """Return the list that `callbacks`, one or several or a ready list, make up."""
    if isinstance(callbacks, CallbackList):
        return callbacks
    if callbacks is None or isinstance(callbacks, Callback):
        given = [callbacks] if callbacks else []
    else:
        given = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for callback in given:
        # What was written for Keras has the hooks without the base class.
        if isinstance(callback, type | str) or not hasattr(callback, "set_model"):
            msg = f"callbacks: a list of Callback objects is needed, got {quoted(callback)} in it"
            raise TypeError(msg)
    return CallbackList([*given, *extra], model, params)
