"""Arrays, models, callbacks and files as nobody should hand them over: refused in words, or done right."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import batch, two_layer_model
from hotloop import callbacks, layers
from hotloop import functional as F

Array = np.ndarray[Any, Any]
LOSS = "sparse_categorical_crossentropy"
X, T = batch(24)
# More than there are addresses, so that no machine has the memory for a copy of it.
ENDLESS = np.broadcast_to(np.float32(1), (2**46,))


def compiled() -> hl.Sequential:
    model = two_layer_model(seed=1)
    model.compile("sgd", LOSS)
    return model


# --- arrays


@pytest.mark.parametrize(
    "call",
    [
        lambda: F.relu(ENDLESS),
        lambda: F.relu(ENDLESS.astype(np.float64, copy=False)[:0]) is F.relu(ENDLESS),
        lambda: F.softmax(ENDLESS),
        lambda: F.affine(ENDLESS, np.ones((2**46, 0), np.float32)),
        lambda: F.sgd_update(np.ones(2, np.float32), ENDLESS, lr=0.1),
        lambda: F.one_hot(np.broadcast_to(np.int32(0), (2**46,)), 1),
        lambda: F.one_hot([0], 2**46),
        lambda: F.conv2d(np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1)), padding=2**22),
    ],
)
def test_what_no_memory_holds_is_a_memory_error(call: Callable[[], object]) -> None:
    with pytest.raises(MemoryError, match="Unable to allocate"):
        call()


class Strange:
    """Becomes an array by raising something."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise self.error


@pytest.mark.parametrize(
    "call",
    [
        F.relu,
        lambda x: F.one_hot(x, 3),
        lambda x: F.dropout_backward(np.ones(3), x, 0.5),
        lambda x: F.max_pool2d_backward(np.ones((1, 1, 1, 1)), x, (1, 1, 2, 2)),
    ],
)
def test_what_an_array_raises_is_the_cause(call: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match=r"cannot be read as an array \(got Strange\)") as caught:
        call(Strange(RuntimeError("no such data")))
    assert isinstance(caught.value.__cause__, RuntimeError)
    for error in (KeyboardInterrupt(), MemoryError("full")):
        with pytest.raises(type(error)):
            call(Strange(error))


# --- models


def test_a_model_is_no_layer_of_itself() -> None:
    model = compiled()
    with pytest.raises(ValueError, match="cannot be a layer of itself"):
        model.add(model)
    outer = hl.Sequential([hl.Sequential([model])])
    with pytest.raises(ValueError, match="cannot be a layer of itself"):
        model.add(outer)
    assert model.predict(X, verbose=0).shape == (24, 4)


def test_a_layer_that_cannot_be_built_is_not_added() -> None:
    class Broken(layers.Layer):
        def build(self, input_shape: Any) -> None:
            raise TypeError(str(input_shape))

    model = compiled()
    before = model.predict(X, verbose=0)
    with pytest.raises(TypeError):
        model.add(Broken())
    assert len(model.layers) == 2
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)


class Writing(layers.Layer):
    """Writes into what it was given, forward or backward."""

    def __init__(self, forward: bool) -> None:
        super().__init__()
        self.writes_forward = forward

    def forward(self, x: Array, cache: Any, training: bool) -> Array:  # noqa: ARG002
        if self.writes_forward:
            x *= 2
        return x

    def backward(self, dy: Array, cache: Any) -> Array:  # noqa: ARG002
        dy *= 2
        return dy


@pytest.mark.parametrize("forward", [True, False])
def test_a_layer_cannot_write_into_what_others_read(forward: bool) -> None:
    inputs = hl.Input((6,))
    hidden = layers.Dense(4, "sigmoid")(inputs)
    model = hl.Model(inputs, layers.Add()([hidden, Writing(forward)(hidden)]))
    model.compile("sgd", LOSS)
    before = model.get_weights()
    with pytest.raises(ValueError, match="read-only"):
        model.train_on_batch(X, T)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


# --- what happens while a model is fitted


class Doing(callbacks.Callback):
    """Does something to the model at the end of each batch, or of each epoch."""

    def __init__(self, what: Callable[[Any], object], batches: bool) -> None:
        super().__init__()
        self.what, self.batches = what, batches

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        if self.batches:
            self.what(self.model)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        if not self.batches:
            self.what(self.model)


def fit(what: Callable[[Any], object], batches: bool) -> hl.Sequential:
    model = compiled()
    model.fit(X, T, batch_size=8, epochs=3, verbose=0, callbacks=[Doing(what, batches)])
    return model


@pytest.mark.parametrize("batches", [True, False])
@pytest.mark.parametrize(
    ("what", "text"),
    [
        (lambda model: model.fit(X, T), "called from a callback while this model is fitted"),
        (lambda model: model.compile("sgd", "mse"), "compiled the model with another loss"),
        (lambda model: setattr(model, "optimizer", None), "call model.compile"),
        (lambda model: setattr(model, "loss", None), "call model.compile"),
    ],
)
def test_a_callback_that_takes_away_what_fit_needs(
    what: Callable[[Any], object], text: str, batches: bool
) -> None:
    with pytest.raises(RuntimeError, match=text):
        fit(what, batches)


def test_a_model_can_be_fitted_again_after_an_error_in_a_callback() -> None:
    model, other = compiled(), compiled()

    def fail(_: Any) -> None:
        raise ZeroDivisionError

    for calls in ([Doing(fail, True)], [Doing(lambda m: m.fit(X, T), True)]):
        with pytest.raises((ZeroDivisionError, RuntimeError)):
            model.fit(X, T, batch_size=24, verbose=0, shuffle=False, callbacks=calls)
        other.train_on_batch(X, T)
    for each in (model, other):
        each.fit(X, T, verbose=0, shuffle=False)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("batches", [True, False])
def test_fewer_classes_in_the_middle_of_fit_are_noticed(batches: bool) -> None:
    def pop(model: Any) -> None:
        if len(model.layers) > 1:
            model.pop()
            model.add(layers.Dense(2, "softmax"))

    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.1 for 2 outputs"):
        fit(pop, batches)


def test_labels_that_change_in_the_middle_of_fit_are_noticed() -> None:
    t = T.copy()
    call = Doing(lambda _: t.fill(10**6), True)
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.3 for 4 outputs, got 1000000"):
        compiled().fit(X, t, batch_size=8, shuffle=False, verbose=0, callbacks=[call])


def test_a_generator_that_fits_the_model_it_feeds() -> None:
    model = compiled()

    def batches() -> Iterator[Any]:
        yield X, T
        model.fit(X, T, verbose=0)

    with pytest.raises(RuntimeError, match="while this model is fitted"):
        model.fit(batches(), verbose=0)


def test_validated_epochs_may_be_listed() -> None:
    history = compiled().fit(
        X, T, epochs=5, verbose=0, validation_data=(X, T), validation_freq=[2, 5]
    )
    assert len(history.history["val_loss"]) == 2


@pytest.mark.parametrize("path", ["m{}", "m{0}", "m{epoch", "m{epoch:s}", "m{epoch.nope}"])
def test_a_checkpoint_with_an_odd_name(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="cannot be filled in"):
        compiled().fit(X, T, verbose=0, callbacks=[callbacks.ModelCheckpoint(tmp_path / path)])


# --- files


@pytest.mark.skipif(sys.platform == "win32", reason="pipes in folders")
@pytest.mark.parametrize("name", ["pipe", "."])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    model = compiled()
    for read in (hl.models.load_model, model.load_weights, hl.datasets.read_idx):
        with pytest.raises(ValueError, match="a folder, device or pipe, not a file"):
            read(tmp_path / name)
    for write in (model.save, model.save_weights):
        with pytest.raises(OSError, match="name a file"):
            write(tmp_path / name)
    assert (tmp_path / "pipe").is_fifo()
