"""Ctrl-C, threads and callbacks that use the model while it trains."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
import interrupt_moments
from helpers_models import Scale, batch, two_layer_model
from hotloop import layers
from hotloop.autodiff.record import Recorder
from hotloop.autodiff.rule import mode
from hotloop.engine.program import Program
from hotloop.graph import symbol
from hotloop.graph.symbol import calls_of
from hotloop.graph.tracing import is_tracing, weights_as_symbols
from hotloop.parameters import is_loading, values_from

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


def test_an_interrupt_inside_a_step_undoes_it() -> None:
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
    for start in range(0, 32, 8):
        other.train_on_batch(x[start : start + 8], t[start : start + 8])
    assert_same_weights(model, other)
    assert model.optimizer.iterations == other.optimizer.iterations == 4
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


# The labels are drawn at random: a quick machine trains on them long enough to be told so.
_UNLEARNABLE = pytest.mark.filterwarnings("ignore::hotloop.config.DiagnosisWarning")


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals to itself")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@_UNLEARNABLE
@pytest.mark.parametrize("name", interrupt_moments.USES)
def test_interrupts_at_random_moments_break_nothing(name: str) -> None:
    assert interrupt_moments.run(name, 12) == []


@_UNLEARNABLE
@pytest.mark.parametrize("name", interrupt_moments.USES)
def test_interrupts_at_some_lines_break_nothing(name: str) -> None:
    assert interrupt_moments.lines(name, stride=211) == []


@pytest.mark.slow
@_UNLEARNABLE
@pytest.mark.skipif(sys.platform == "win32", reason="sends signals to itself")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", interrupt_moments.USES)
def test_a_thousand_interrupts_break_nothing(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = interrupt_moments.run(name, 1000) + interrupt_moments.lines(name)
    with capsys.disabled():
        sys.stdout.write(f"\n{name}: 1000 interrupts and each line, {len(found)} faults\n")
    assert found == []


def test_a_label_outside_the_classes_moves_nothing() -> None:
    model = interrupt_moments.make()
    x, t = interrupt_moments.X, interrupt_moments.T
    model.train_on_batch(x, t)
    before = interrupt_moments.state(model)
    with pytest.raises(ValueError, match="labels must lie"):
        model.train_on_batch(x, t + 2)
    assert interrupt_moments.equal(interrupt_moments.state(model), before)


class Failing(Scale):
    """Raises in a chosen backward, as a layer under construction does."""

    fails = False

    def backward(self, dy: Array, cache: Any) -> Array:
        if self.fails:
            msg = "not written yet"
            raise NotImplementedError(msg)
        return super().backward(dy, cache)


def test_an_error_in_a_layer_moves_nothing() -> None:
    hl.set_seed(1)
    failing = Failing()
    model = hl.Sequential(
        [
            hl.Input((6,)),
            layers.Dense(5),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            failing,
            layers.Dense(4, "softmax"),
        ]
    )
    model.compile("adam", LOSS)
    x, t = batch(16)
    model.train_on_batch(x, t)
    before = interrupt_moments.state(model)
    failing.fails = True
    for call in (lambda: model.train_on_batch(x, t), lambda: model.fit(x, t, verbose=0)):
        with pytest.raises(NotImplementedError):
            call()
        assert interrupt_moments.equal(interrupt_moments.state(model), before)


def test_recording_ends_with_the_block_though_its_traceback_is_kept() -> None:
    held = []
    program = Program()
    try:
        with program.recording():
            raise KeyboardInterrupt
    except KeyboardInterrupt as error:
        held.append(error)
    recording = program.recording()
    recording.__enter__()
    # As when an exception comes between two instructions of a `with`.
    del recording
    np.testing.assert_array_equal(hl.functional.relu([-1.0, 2.0, -3.0]), [0.0, 2.0, 0.0])


@contextlib.contextmanager
def between_the_lines_of_layers(call: Callable[[], None]) -> Iterator[list[int]]:
    """Call this in between, as Python calls signal handlers and destructors; count the calls."""
    count = [0]

    def line(frame: Any, event: str, _: Any) -> Any:  # noqa: ARG001
        if event == "line":
            count[0] += 1
            call()
        return line

    def entered(frame: Any, event: str, _: Any) -> Any:  # noqa: ARG001
        return line if "hotloop.layers" in frame.f_globals.get("__name__", "") else None

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        yield count
    finally:
        sys.settrace(before)


def test_a_signal_handler_may_compute_while_a_first_step_is_recorded() -> None:
    x, t = batch(16)
    given = np.array([-1.0, 2.0, -3.0], np.float32)
    small = compiled()
    want = small.predict(x)
    answers: list[bool] = []

    def handler(*_: object) -> None:
        answers.append(hl.functional.relu(given).tolist() == [0.0, 2.0, 0.0])
        hl.functional.sgd_update(given, np.zeros(3, np.float32), lr=0.1)
        if len(answers) == 20:
            answers.append(np.array_equal(small.predict(x), want))

    model, other = compiled(), compiled()
    with between_the_lines_of_layers(handler) as count:
        model.train_on_batch(x, t)
    other.train_on_batch(x, t)
    assert len(answers) == count[0] + 1 > 40
    assert all(answers)
    model.train_on_batch(x, t)
    other.train_on_batch(x, t)
    assert_same_weights(model, other)
    np.testing.assert_array_equal(given, [-1.0, 2.0, -3.0])


def test_a_forward_that_is_replaced_from_outside_is_not_recorded_in_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inner = layers.Dense.forward
    monkeypatch.setattr(layers.Dense, "forward", lambda self, *rest: inner(self, *rest) + 0)
    with pytest.raises(RuntimeError, match="write a subclass"):
        compiled().predict(batch(4)[0])


@pytest.mark.parametrize(
    ("scope", "value"),
    [
        (lambda: calls_of(hl.layers.Flatten()), symbol._caller.get),
        (weights_as_symbols, lambda: is_tracing() or None),
        (lambda: values_from({}), lambda: is_loading() or None),
        (lambda: hl.random.using(np.random.default_rng(1)), hl.random._local.get),
        (hl.autodiff.no_grad, lambda: None if mode.enabled else True),
        (hl.config.without_diagnosis, lambda: None if hl.config.diagnosis() else True),
        (lambda: Recorder().on(), lambda: mode.recorder),
    ],
)
def test_a_scope_ends_where_its_with_block_is_never_reached(
    scope: Callable[[], Any], value: Callable[[], Any]
) -> None:
    with scope():
        assert value() is not None
    assert value() is None
    begun = scope()
    begun.__enter__()
    assert value() is not None
    # As when an exception comes between two instructions of a `with`.
    del begun
    assert value() is None


def test_tapes_end_in_any_order() -> None:
    first, second = hl.GradientTape(), hl.GradientTape()
    assert first.__enter__() is first
    second.__enter__()
    first.__exit__(None, None, None)
    assert mode.tapes[0] is second
    second.__exit__(None, None, None)
    assert not mode.tapes


def test_what_a_block_computes_without_gradients_may_be_a_function() -> None:
    @hl.autodiff.no_grad()
    def double(t: hl.Tensor, depth: int = 0) -> hl.Tensor:
        return double(t, depth - 1) if depth else t * 2

    assert not double(hl.Tensor([1.0], requires_grad=True), 2).requires_grad
    assert mode.enabled


_AT_EXIT = """
import threading, time
import numpy as np, hotloop as hl
class Own(hl.layers.Layer):
    def forward(self, x, cache, training):
        return x + 0
    def backward(self, dy, cache):
        return dy
def train():
    rng = np.random.default_rng(0)
    x, t = rng.random((640, 50)), rng.integers(0, 4, 640)
    parts = [hl.Input((50,)), hl.layers.Dense(200, "relu"), *([Own()] if {own} else [])]
    model = hl.Sequential([*parts, hl.layers.Dense(4, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, t, epochs=10**6, verbose=0)
threads = [threading.Thread(target=train, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
time.sleep(0.4)
print("end")
"""


@pytest.mark.parametrize("own", [False, True])
def test_a_process_ends_while_daemon_threads_train(own: bool) -> None:
    for _ in range(3):
        script = _AT_EXIT.replace("{own}", str(own))
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


_SUBINTERPRETER = """
import _xxsubinterpreters as interpreters
interpreters.run_string(interpreters.create(), {code!r})
print("end")
"""


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the module has another name")
def test_importing_in_a_subinterpreter_is_refused() -> None:
    code = f"""
import sys
sys.path[:] = {sys.path!r}
try:
    import hotloop
    hotloop.functional.relu
except ImportError as error:
    assert "subinterpreter" in str(error)
else:
    raise AssertionError
"""
    done = subprocess.run(
        [sys.executable, "-c", _SUBINTERPRETER.format(code=code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr


def test_ctrl_c_while_a_member_is_written_stays_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    model = compiled()
    model.save(tmp_path / "m.hotloop")
    monkeypatch.setattr("zipfile._ZipWriteFile.close", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.save(tmp_path / "m.hotloop")
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["m.hotloop"]
    assert_same_weights(hl.models.load_model(tmp_path / "m.hotloop"), model)
