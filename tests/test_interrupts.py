"""Ctrl-C, threads and callbacks that use the model while it trains."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import Scale, batch, two_layer_model
from hotloop import layers

Array = np.ndarray[Any, Any]
LOSS = "sparse_categorical_crossentropy"


def compiled(dtype: str = "float64", optimizer: Any = None, **kwargs: Any) -> hl.Sequential:
    model = two_layer_model(dtype)
    model.compile(optimizer or hl.optimizers.SGD(0.5), LOSS, **kwargs)
    return model


def assert_same_weights(a: hl.Model, b: hl.Model) -> None:
    for v, w in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(v, w)


class Interrupting(Scale):
    """Sends Ctrl-C in the middle of a chosen step."""

    countdown = 5

    def backward(self, dy: Array, cache: Any) -> Array:
        Interrupting.countdown -= 1
        if Interrupting.countdown == 0:
            signal.raise_signal(signal.SIGINT)
        return super().backward(dy, cache)


def test_an_interrupt_waits_for_the_step() -> None:
    def make() -> hl.Sequential:
        hl.set_seed(1)
        model = hl.Sequential(
            [hl.Input((6,)), layers.Dense(5, "relu"), Interrupting(), layers.Dense(4, "softmax")]
        )
        model.compile("adam", LOSS)
        return model

    x, t = batch(80)
    model, other = make(), make()
    handler = signal.getsignal(signal.SIGINT)
    Interrupting.countdown = 5
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, t, batch_size=8, shuffle=False, verbose=0)
    assert signal.getsignal(signal.SIGINT) is handler
    Interrupting.countdown = 0
    for start in range(0, 40, 8):
        other.train_on_batch(x[start : start + 8], t[start : start + 8])
    assert_same_weights(model, other)
    assert model.optimizer.iterations == other.optimizer.iterations == 5
    model.fit(x, t, batch_size=8, shuffle=False, verbose=0)
    other.fit(x, t, batch_size=8, shuffle=False, verbose=0)
    assert_same_weights(model, other)


_SCRIPT = """
import numpy as np, hotloop as hl, sys
hl.set_seed(1)
rng = np.random.default_rng(0)
x, t = rng.random((2000, 50)).astype("float32"), rng.integers(0, 4, 2000)
def make():
    hl.set_seed(1)
    model = hl.Sequential([hl.layers.Dense(20, "relu", input_shape=(50,)), hl.layers.Dense(4, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model
model = make()
class Ready(hl.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            print("ready", flush=True)
try:
    model.fit(x, t, batch_size=32, epochs=10**6, shuffle=False, verbose=0, callbacks=[Ready()])
except KeyboardInterrupt:
    pass
steps = model.optimizer.iterations
twin = make()
for i in range(steps):
    start = i % 63 * 32
    twin.train_on_batch(x[start:start + 32], t[start:start + 32])
same = all((a == b).all() for a, b in zip(model.get_weights(), twin.get_weights()))
print("steps", steps, same, np.isfinite(model.evaluate(x, t, verbose=0)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to a child")
def test_ctrl_c_leaves_the_weights_of_the_last_finished_step() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            os.kill(child.pid, signal.SIGINT)
            out, err = child.communicate(timeout=120)
        finally:
            child.kill()  # or leaving the block would wait for a child that does not end
    assert child.returncode == 0, err
    _, steps, same, finite = out.split()
    assert int(steps) >= 63
    assert (same, finite) == ("True", "True")


def test_a_second_fit_waits() -> None:
    x, t = batch(64)
    model, other = compiled(), compiled()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            model.fit(x, t, batch_size=8, epochs=5, shuffle=False, verbose=0)
            model.predict(x)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    other.fit(x, t, batch_size=8, epochs=20, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def test_callbacks_may_use_the_model_during_fit() -> None:
    seen: list[float] = []

    class Look(hl.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            seen.append(self.model.evaluate(x, t, verbose=0))

    x, t = batch(30)
    model = compiled()
    history = model.fit(x, t, epochs=2, callbacks=[Look()], validation_data=(x, t), verbose=0)
    assert seen == history.history["val_loss"]
