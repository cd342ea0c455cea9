"""Interrupts at random moments, and at every line: ``python interrupt_moments.py [COUNT]``.

Each way to use a model is run in a loop until something interrupts it: a signal whose handler
raises, Ctrl-C, or an exception that another thread sends. Then everything must be as it is between
two steps, and the next use must work. Prints one line for each way, and ends with 1 for any fault.
"""

from __future__ import annotations

import ctypes
import linecache
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import hotloop as hl
from hotloop import functional as F
from hotloop import layers

Array = NDArray[Any]
PACKAGE = str(Path(hl.__file__).parent)
ROWS, SIZE = 48, 8
_RNG = np.random.default_rng(3)
X = _RNG.normal(size=(ROWS, 6)).astype(np.float32)
T = _RNG.integers(0, 3, ROWS)
WIDTHS = _RNG.normal(size=(ROWS, 2)).astype(np.float32)


class OwnScale(layers.Layer):
    """A layer in Python, so that a step is more than one plan, with a statistic of its own."""

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight("scale", (input_shape[-1],), "ones")
        self.seen = self.add_weight("seen", (1,), "zeros", trainable=False)

    def forward(self, x: Array, cache: Any, training: bool) -> Array:
        cache.x = x
        if training:
            self.seen = self.seen + 1
        y: Array = x * self.scale
        return y

    def backward(self, dy: Array, cache: Any) -> Array:
        cache.grad("scale")[...] = (dy * cache.x).sum(axis=0)
        dx: Array = dy * self.scale
        return dx


class OwnDescent(hl.optimizers.Optimizer):
    """An optimizer in Python, which changes its arrays in two calls."""

    slots: ClassVar = {"velocity": 0.0, "age": 0.0}

    def update_one(self, param: Array, grad: Array, slots: Any, lr: Any, step: Any) -> None:  # noqa: ARG002
        slots["age"] += 1
        slots["velocity"] *= 0.5
        slots["velocity"] += grad
        param -= lr * slots["velocity"]


def make(own: bool = False) -> hl.Sequential:
    """Return a model with everything that a step moves: statistics, counts, slots."""
    hl.set_seed(5)
    model = hl.Sequential(
        [
            hl.Input((6,)),
            layers.Dense(8, "relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            *([OwnScale()] if own else []),
            layers.Dropout(0.25),
            layers.Dense(3, "softmax"),
        ]
    )
    optimizer = OwnDescent(0.05) if own else hl.optimizers.Adam(0.01, clipnorm=1.0)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def make_two(own: bool = False) -> hl.Model:
    """Return a model of two inputs and two outputs, each with a loss of its own."""
    hl.set_seed(5)
    a, b = hl.Input((6,)), hl.Input((2,))
    both = layers.Concatenate()([layers.Dense(8, "relu")(a), layers.Dense(4, "tanh")(b)])
    both = layers.Dropout(0.25)(layers.BatchNormalization()(both))
    if own:
        both = OwnScale()(both)
    model = hl.Model([a, b], [layers.Dense(3, "softmax")(both), layers.Dense(2)(both)])
    optimizer = OwnDescent(0.05) if own else hl.optimizers.Adam(0.01, clipnorm=1.0)
    model.compile(optimizer, ["sparse_categorical_crossentropy", "mse"], loss_weights=[1.0, 0.5])
    return model


def state(model: hl.Model) -> list[Array]:
    """Return everything that steps change."""
    optimizer = model.optimizer
    slots = optimizer.slot_values()
    counts = [layer.get_state().get("calls", 0) for layer in model.layers]
    return [
        *model.get_weights(),
        *(a.copy() for name in sorted(slots) for _, a in sorted(slots[name].items())),
        np.array([optimizer.iterations, *counts]),
    ]


def equal(a: list[Array], b: list[Array]) -> bool:
    """Whether two states are the same bits."""
    # Slots are made with the first step; before it there are none on either side, or zeros.
    if len(a) != len(b):
        return False
    return all(np.array_equal(v, w) for v, w in zip(a, b, strict=True))


class Use:
    """One way to use a model: `once` is run again and again; a twin is led after it."""

    def __init__(self, own: bool = False, two: bool = False) -> None:
        self.own, self.two = own, two
        self.model, self.twin = self.make(), self.make()
        for model in (self.model, self.twin):
            model.train_on_batch(*self.rows(0, SIZE))
        self.begin = 1

    def make(self) -> hl.Model:
        """Return a model as it begins."""
        return make_two(self.own) if self.two else make(self.own)

    def rows(self, start: int = 0, end: int = ROWS) -> tuple[Any, Any]:
        """Return some inputs and targets."""
        x, t, w = X[start:end], T[start:end], WIDTHS[start:end]
        return ([x, w], [t, w]) if self.two else (x, t)

    def again(self) -> None:
        """Begin anew where the last interrupt left off; the next use records its steps again."""
        self.model.relayout()
        self.begin = self.model.optimizer.iterations

    def once(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Remove what is on disk."""

    def follow(self) -> None:
        """Take the twin through as many steps as the model has taken."""
        for i in range(self.model.optimizer.iterations - self.begin):
            start = i * SIZE % ROWS
            self.twin.train_on_batch(*self.rows(start, start + SIZE))

    def faults(self) -> list[str]:
        """Return what is wrong after an interrupt."""
        found = []
        if F.relu(np.array([-1.0, 2.0, -3.0])).tolist() != [0.0, 2.0, 0.0]:
            found.append("an operation is recorded, not computed")
        self.follow()
        if not equal(state(self.model), state(self.twin)):
            found.append("the state is that of no whole number of steps")
            self.model, self.twin = self.make(), self.make()
        try:
            self.model.predict(self.rows(0, 4)[0], verbose=0)
            loss = np.ravel(self.model.evaluate(*self.rows(), verbose=0))[0]
            if not np.isfinite(loss):
                found.append("the loss is not finite")
            self.begin = self.model.optimizer.iterations
            few = self.rows(0, SIZE)
            self.model.fit(*few, verbose=0, shuffle=False, batch_size=SIZE)
            self.follow()
        except Exception as error:
            found.append(f"the next use fails: {error!r}")
        self.begin = self.model.optimizer.iterations
        return found


class Fit(Use):
    def once(self) -> None:
        self.model.fit(*self.rows(), batch_size=SIZE, epochs=1000, shuffle=False, verbose=0)


class FitOnce(Use):
    def once(self) -> None:
        every = self.rows()
        self.model.fit(*every, batch_size=SIZE, shuffle=False, verbose=0, validation_data=every)


class TrainOnBatch(Use):
    def once(self) -> None:
        start = (self.model.optimizer.iterations - self.begin) * SIZE % ROWS
        self.model.train_on_batch(*self.rows(start, start + SIZE))


class ByHand(Use):
    """optimizer.update: the last call changed weights, slots and count, or none of them."""

    def look(self) -> tuple[list[Array], list[Array], int]:
        """Return copies of what an update changes."""
        optimizer = self.model.optimizer
        slots = [a.copy() for v in optimizer.slot_values().values() for a in v.values()]
        return self.model.get_weights(), slots, optimizer.iterations

    def __init__(self, own: bool = False, two: bool = False) -> None:
        super().__init__(own, two)
        self.start = self.model.get_weights()

    def again(self) -> None:
        super().again()
        self.model.set_weights(self.start)  # one gradient, followed for long, leads to infinity
        self.model.loss_and_grads(X[:SIZE], T[:SIZE])
        self.was = self.look()

    def once(self) -> None:
        self.was = self.look()
        self.model.optimizer.update(self.model.params, self.model.grads)

    def faults(self) -> list[str]:
        weights, slots, count = self.look()
        moved = {not equal(weights, self.was[0]), not equal(slots, self.was[1])}
        if len(moved | {count != self.was[2]}) > 1:
            return ["an update moved weights, slots or count alone"]
        try:
            self.model.fit(X[:SIZE], T[:SIZE], verbose=0)
        except Exception as error:
            return [f"the next use fails: {error!r}"]
        return []


class Predict(Use):
    def once(self) -> None:
        self.model.predict(self.rows()[0], batch_size=16, verbose=0)


class Evaluate(Use):
    def once(self) -> None:
        self.model.evaluate(*self.rows(), batch_size=16, verbose=0)


class Forward(Use):
    """The by-hand forward and backward, without an update."""

    def once(self) -> None:
        y = self.model.forward(X[:4])
        self.model.forward(X[:4], training=False)
        del y


class SetWeights(Use):
    """All weights are those before, or those after."""

    def again(self) -> None:
        super().again()
        self.a = self.model.get_weights()
        self.b = [value + 1 for value in self.a]
        self.flip = False

    def once(self) -> None:
        self.flip = not self.flip
        self.model.set_weights(self.b if self.flip else self.a)

    def faults(self) -> list[str]:
        now = self.model.get_weights()
        if not equal(now, self.a) and not equal(now, self.b):
            return ["some weights are set and some are not"]
        self.model.set_weights(self.a)
        return super().faults()


class Save(Use):
    def __init__(self, own: bool = False, two: bool = False) -> None:
        super().__init__(own, two)
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "model.hotloop"
        self.model.save(self.path)

    def once(self) -> None:
        self.model.save(self.path)

    def faults(self) -> list[str]:
        found = []
        custom = {"OwnScale": OwnScale, "OwnDescent": OwnDescent}
        try:
            loaded = hl.models.load_model(self.path, custom)
            if not equal(loaded.get_weights(), self.before):
                found.append("the file holds other weights")
        except Exception as error:
            found.append(f"the file cannot be read: {error!r}")
        self.model.save(self.path)
        left = sorted(path.name for path in Path(self.folder.name).iterdir())
        if left != ["model.hotloop"]:
            found.append(f"files are left: {left}")
        return found + super().faults()

    def close(self) -> None:
        self.folder.cleanup()

    def again(self) -> None:
        super().again()
        self.model.save(self.path)
        self.before = self.model.get_weights()


class Estimator(Use):
    """Partial fits of an estimator, whose loop is train_on_batch's."""

    def __init__(self) -> None:
        self.own = self.two = False
        from hotloop.estimators import HotloopClassifier  # noqa: PLC0415 - needs scikit-learn

        def build(features: int, units: int) -> hl.Model:  # noqa: ARG001
            return make()

        kind: Any = HotloopClassifier
        self.one, self.other = (
            kind(model=build, shuffle=False, batch_size=SIZE, random_state=0) for _ in range(2)
        )
        for estimator in (self.one, self.other):
            estimator.partial_fit(X[:SIZE], T[:SIZE], classes=[0, 1, 2])
        self.model, self.twin = self.one.model_, self.other.model_
        self.begin = 1

    def once(self) -> None:
        self.one.partial_fit(X, T)


USES: dict[str, Callable[[], Use]] = {
    "fit": Fit,
    "fit, with a validation": FitOnce,
    "fit, layer and optimizer in Python": lambda: Fit(own=True),
    "train_on_batch": TrainOnBatch,
    "train_on_batch, layer and optimizer in Python": lambda: TrainOnBatch(own=True),
    "optimizer.update": ByHand,
    "optimizer.update, in Python": lambda: ByHand(own=True),
    "predict": Predict,
    "evaluate": Evaluate,
    "forward": Forward,
    "set_weights": SetWeights,
    "save": Save,
    "fit, two inputs and outputs": lambda: Fit(two=True),
    "train_on_batch, two inputs and outputs": lambda: TrainOnBatch(two=True),
    "train_on_batch, two inputs and outputs, layer and optimizer in Python": lambda: TrainOnBatch(
        own=True, two=True
    ),
    "predict, two inputs and outputs": lambda: Predict(two=True),
    "save, two inputs and outputs": lambda: Save(two=True),
    "estimator": Estimator,
}


class Interrupted(BaseException):
    """What the alarm raises."""


def _raise(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise Interrupted


def interrupted(use: Use, kind: str, delay: float) -> bool:
    """Run `use` again and again until it is interrupted; False when it was not."""
    main = threading.get_ident()
    go = threading.Event()

    def send() -> None:
        go.wait()
        time.sleep(delay)
        if kind == "ctrl-c":
            os.kill(os.getpid(), signal.SIGINT)
        else:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(main), ctypes.py_object(Interrupted)
            )

    thread = threading.Thread(target=send)
    if kind != "alarm":
        thread.start()
    before = signal.signal(signal.SIGALRM, _raise)
    ctrl_c = signal.getsignal(signal.SIGINT)
    try:
        end = time.monotonic() + 1
        if kind == "alarm":
            signal.setitimer(signal.ITIMER_REAL, delay)
        go.set()
        while time.monotonic() < end:
            use.once()
    except (Interrupted, KeyboardInterrupt):
        same = signal.getsignal(signal.SIGINT) is ctrl_c
        if not same:
            signal.signal(signal.SIGINT, ctrl_c)
            msg = "the handler of Ctrl-C is another one"
            raise AssertionError(msg) from None
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if kind != "alarm":
            thread.join()
    return False


def run(name: str, count: int, seed: int = 1) -> list[str]:
    """Interrupt one way `count` times at random moments, and return what was wrong."""
    draw = random.Random(seed)
    use = USES[name]()
    found: list[str] = []
    done = 0
    while done < count:
        kind = draw.choice(["alarm", "ctrl-c", "sent"])
        use.again()
        # The first use records; later ones run what was recorded.
        delay = draw.choice([0.001, 0.004, 0.012]) * draw.random() + 2e-6
        # Python drops what is raised in a finalizer.
        try:
            done += interrupted(use, kind, delay)
        except (Interrupted, KeyboardInterrupt):
            # It came after the last use, on a machine that was busy: between two uses, that is.
            signal.setitimer(signal.ITIMER_REAL, 0)
            done += 1
        found += use.faults()
    use.close()
    return found


# -- at every line ------------------------------------------------------------------------------


class AtLine:
    """A trace function that raises at the n-th line of the package that is run."""

    def __init__(self, n: int) -> None:
        self.left = n
        self.count = 0
        self.where = ""
        self._last: dict[FrameType, int] = {}

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:  # noqa: ARG002
        name, line = frame.f_code.co_filename, frame.f_lineno
        if not name.startswith(PACKAGE):
            return None
        if event == "line":
            before = self._last.get(frame, 0)
            self._last[frame] = line
            # A trace alone can raise between the body of a `with` and its __exit__, and at a `try:`,
            # which no table of handlers covers.
            text = linecache.getline(name, line).strip()
            if text == "try:" or (before > line and text.startswith("with ")):
                return self
            self.count += 1
            self.left -= 1
            if self.left == 0:
                self.where = f"{Path(name).name}:{line}"
                sys.settrace(None)
                raise Interrupted
        return self


def lines(name: str, stride: int = 1, start: int = 1) -> list[str]:
    """Interrupt one way at each line that its first use runs, and return what was wrong."""
    use = USES[name]()
    use.again()
    probe = AtLine(10**9)
    steps = Fit if isinstance(use, Fit) else None
    if steps is not None:
        use = FitOnce(use.own, use.two)
        use.again()
    sys.settrace(probe)
    try:
        use.once()
    finally:
        sys.settrace(None)
    found: list[str] = use.faults()
    for n in range(start, probe.count + 1, stride):
        use.again()
        at = AtLine(n)
        sys.settrace(at)
        try:
            use.once()
        except Interrupted:
            pass
        finally:
            sys.settrace(None)
        found += [f"{at.where}: {fault}" for fault in use.faults()]
    use.close()
    return found


def main() -> int:
    """Print what was found."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    stride = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    broken = 0
    for name in USES:
        found = run(name, count)
        at_lines = lines(name, stride)
        broken += len(found) + len(at_lines)
        print(f"{name}: {count} interrupts, {len(found)} faults; at lines: {len(at_lines)} faults")  # noqa: T201
        for fault in sorted(set(found + at_lines)):
            print(f"    {fault}")  # noqa: T201
    return int(broken > 0)


if __name__ == "__main__":
    raise SystemExit(main())
