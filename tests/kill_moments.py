"""End a process by a signal at many moments of its work, and count what was lost by it.

``python kill_moments.py WORK SIGNAL MOMENTS FOLDER``, for `test_kill_moments.py`, prints one line of JSON.
The work is done in forked children, which begin at once. Half of the moments are chosen by the
clock; the other half by the lines of Python that the child has come to, spread evenly over all of
them, and so meet each file operation between its neighbours.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np

import hotloop as hl
import test_datasets
from hotloop import cli, layers
from hotloop.datasets import _fetch
from hotloop.datasets.idx import FILES
from test_idx import idx_bytes

SECONDS = 300  # of a busy machine: a child that hangs is a loss


class Lost(Exception):
    """What a user had, or was promised, is not there."""


def demand(held: bool, what: str) -> None:
    """Say what was lost."""
    if not held:
        raise Lost(what)


class Work:
    """Something to be ended: what is there before, what is done, and what must hold afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Put there what a user had before."""

    def do(self) -> None:
        """Do the work, in a child."""

    def judge(self) -> None:
        """Raise `Lost`, or whatever else befalls a user who goes on."""


class Save(Work):
    """`save`, in the place of an older file."""

    name = "m.hotloop"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.path = folder / self.name
        self.model = hl.Sequential([layers.Dense(200, input_shape=(200,))])
        self.model.compile("adam", "mse")

    def write(self, number: float) -> None:
        """Save weights that are all one number."""
        self.model.set_weights([np.full_like(w, number) for w in self.model.get_weights()])
        self.model.save(self.path)

    def read(self) -> list[Any]:
        """Return the weights in the file."""
        return hl.models.load_model(self.path).get_weights()

    def prepare(self) -> None:
        self.write(1)

    def do(self) -> None:
        self.write(2)

    def found(self) -> float:
        """Return the number in the file, which must be whole."""
        weights = self.read()
        number = float(weights[0].flat[0])
        demand(all((w == number).all() for w in weights), "weights of two saves in one file")
        return number

    def judge(self) -> None:
        demand(self.found() in {1, 2}, f"the file holds {self.found()}")
        self.write(3)
        demand(self.found() == 3, "the next save was not kept")


class SaveWeights(Save):
    """`save_weights`, in the place of an older file."""

    name = "m.weights.h5"

    def write(self, number: float) -> None:
        self.model.set_weights([np.full_like(w, number) for w in self.model.get_weights()])
        self.model.save_weights(self.path)

    def read(self) -> list[Any]:
        self.model.load_weights(self.path)
        return self.model.get_weights()


class SaveBesideAnother(Save):
    """`save` while another process, which is not ended, saves to the same file."""

    def prepare(self) -> None:
        super().prepare()
        self.other = os.fork()
        if self.other == 0:
            leave(self.write_often)

    def write_often(self) -> None:
        """Be the other."""
        for _ in range(5):
            self.write(4)

    def judge(self) -> None:
        status = os.waitpid(self.other, 0)[1]
        demand(status == 0, f"the other process ended with {status}")
        demand(self.found() in {2, 4}, f"the file holds {self.found()}")
        self.write(3)


class Fit(Work):
    """`fit` with a backup every two batches."""

    batches, epochs, every = 6, 3, 2

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.expected = self.run("whole")[0]

    def run(self, name: str) -> tuple[str, int]:
        """Train to the end; return the digest of the weights and how many steps were there before."""
        hl.set_seed(1)
        rng = np.random.default_rng(0)
        x, t = rng.standard_normal((48, 6)).astype(np.float32), rng.integers(0, 3, 48)
        model = hl.Sequential(
            [
                layers.Dense(8, "relu", input_shape=(6,)),
                layers.Dropout(0.2),
                layers.Dense(3, "softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        log = (self.folder / f"{name}.steps").open("a")
        started: list[int] = []

        def note(_: int, __: Any = None) -> None:
            steps = model.optimizer.iterations
            if not started:
                started.append(steps)
            # Everything that is backed up before this step is on the disk by now.
            log.write(f"{steps}\n")
            log.flush()

        calls = [
            hl.callbacks.BackupAndRestore(self.folder / name, save_freq=self.every),
            hl.callbacks.LambdaCallback(on_train_batch_begin=note),
        ]
        model.fit(x, t, batch_size=8, epochs=self.epochs, verbose=0, callbacks=calls)
        log.close()
        digest = hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()
        return digest, started[0] if started else self.batches * self.epochs

    def do(self) -> None:
        self.run("run")

    def judge(self) -> None:
        log = self.folder / "run.steps"
        steps = [int(line) for line in log.read_text().split()] if log.exists() else []
        unfinished = (self.folder / "run" / "training.state").exists()
        digest, started = self.run("run")
        demand(digest == self.expected, "the resumed run ends with other weights")
        backed_up = max(steps, default=0) // self.every * self.every
        # A run that deleted its backup was through, and begins anew.
        through = not unfinished and backed_up >= self.batches * self.epochs - self.every
        demand(started >= backed_up or through, f"{backed_up} steps were backed up, not {started}")


class Train(Work):
    """The command ``hotloop train``, resumed afterwards."""

    words = ("train", "--epochs", "3", "--batch-size", "128", "--out")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.expected = self.run("whole")

    def run(self, name: str, *more: str) -> bytes:
        """Run the command and return the model that it leaves."""
        out = self.folder / name
        with (
            Path(os.devnull).open("w") as null,
            contextlib.redirect_stdout(null),
            contextlib.redirect_stderr(null),
        ):
            code = cli.main([*self.words, str(out), *more])
        if code:
            raise KeyboardInterrupt  # the command said so in a line
        return (out / "model.hotloop").read_bytes()

    def do(self) -> None:
        self.run("run")

    def judge(self) -> None:
        begun = (self.folder / "run" / "training.state").exists()
        again = self.run("run", *(["--resume"] if begun else []))
        demand(again == self.expected, "the resumed run leaves another model")


class Download(Work):
    """Downloading the files of a data set into an empty cache."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.cache = folder / "cache" / "small"
        os.environ["HOTLOOP_CACHE_DIR"] = str(folder / "cache")
        os.environ.pop("HOTLOOP_DATA_DIR", None)
        self.files = {
            f"{FILES[key]}.gz": gzip.compress(idx_bytes(array), mtime=0)
            for key, array in test_datasets.ARRAYS.items()
        }
        mirror = folder / "mirror"
        mirror.mkdir()
        for name, data in self.files.items():
            (mirror / name).write_bytes(data)
        handler = partial(_Quiet, directory=str(mirror))
        self.server = test_datasets._Server(("127.0.0.1", 0), handler)
        # In a process of its own: the children are forked from one without threads.
        self.serving = os.fork()
        if self.serving == 0:
            threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
            leave(self.server.serve_forever)
        self.source = test_datasets.by_content(f"http://127.0.0.1:{self.server.server_address[1]}/")

    def prepare(self) -> None:
        shutil.rmtree(self.cache, ignore_errors=True)

    def do(self) -> None:
        _fetch.load(self.source)

    def judge(self) -> None:
        for path in self.cache.glob("[!.]*"):
            demand(
                path.read_bytes() == self.files[path.name], f"{path.name} is in the cache, broken"
            )
        test_datasets.assert_sound(_fetch.load(self.source))


class Mend(Download):
    """Replacing the file of a cache that was altered on the disk."""

    name = f"{FILES['x_test']}.gz"

    def prepare(self) -> None:
        self.cache.mkdir(parents=True, exist_ok=True)
        for name, data in self.files.items():
            (self.cache / name).write_bytes(data)
        self.altered = self.files[self.name][:-9] + b"altered.."
        (self.cache / self.name).write_bytes(self.altered)

    def judge(self) -> None:
        found = {p.name: p.read_bytes() for p in self.cache.glob("[!.]*")}
        demand(found.pop(self.name) in {self.altered, self.files[self.name]}, "half a file")
        demand(found == {k: v for k, v in self.files.items() if k in found}, "a sound file changed")
        demand(len(found) == 3, "a sound file went")
        test_datasets.assert_sound(_fetch.load(self.source))


WORKS: dict[str, type[Work]] = {
    "save": Save,
    "save_weights": SaveWeights,
    "save beside another": SaveBesideAnother,
    "fit": Fit,
    "train": Train,
    "download": Download,
    "mend": Mend,
}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def leave(work: Callable[[], object]) -> None:
    """Do the work in a child and end it without going back."""
    try:
        work()
    except KeyboardInterrupt:
        os._exit(130)
    except BaseException:
        traceback.print_exc()
        os._exit(70)
    os._exit(0)


def traced(work: Callable[[], object], number: int, at: int) -> int:
    """Do the work; send this process the signal when it comes to a line. Return the lines there are."""
    lines = 0

    def line(*_: Any) -> Any:
        nonlocal lines
        lines += 1
        if lines == at:
            os.kill(os.getpid(), number)
        return line

    sys.settrace(line)
    try:
        work()
    finally:
        sys.settrace(None)
    return lines


def ended(work: Work, number: int, *, at: int = 0, after: float = 0.0) -> int:
    """Do the work in a child and end it at a line or after some seconds; return its exit status."""
    child = os.fork()
    if child == 0:
        leave(partial(traced, work.do, number, at) if at else work.do)
    if not at:
        time.sleep(after)
        os.kill(child, number)
    for _ in range(100 * SECONDS):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    demand(False, "the child did not end")
    return 0


def clear(work: Work) -> None:
    """Remove what a run has left."""
    shutil.rmtree(work.folder / "run", ignore_errors=True)
    (work.folder / "run.steps").unlink(missing_ok=True)


def measured(work: Work) -> tuple[int, float]:
    """Return the lines and the seconds of the undisturbed work."""
    work.prepare()
    work.do()  # here, so that every module is loaded before the children begin
    work.judge()
    clear(work)
    work.prepare()
    started = time.perf_counter()
    if ended(work, 0, after=0.0):
        sys.exit("the work fails undisturbed")
    seconds = time.perf_counter() - started
    work.judge()
    clear(work)
    work.prepare()
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        leave(lambda: os.write(into, b"%d" % traced(work.do, 0, -1)))
    os.waitpid(child, 0)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        lines = int(pipe.read())
    work.judge()
    return lines, seconds


def main(name: str, number: int, moments: int, folder: Path) -> dict[str, Any]:
    """Try each moment; return what was tried and what was lost."""
    work = WORKS[name](folder)
    lines, seconds = measured(work)
    rng = random.Random(f"{name} {number}")
    result: dict[str, Any] = {"moments": 0, "interrupted": 0, "left": 0, "lost": []}
    for i in range(moments):
        at = 1 + (lines - 1) * i // max(1, moments - 1) if i % 2 else 0
        after = 0.0 if at else rng.uniform(0, seconds)
        try:
            clear(work)
            work.prepare()
            result["interrupted"] += ended(work, number, at=at, after=after) != 0
            result["left"] += bool(list(folder.rglob(".*.part")))
            work.judge()
            demand(not list(folder.rglob(".*.part")), "a temporary file is left for good")
        except Exception as error:
            result["lost"].append(f"line {at}, second {after:.4f}: {error!r}")
        result["moments"] += 1
    if isinstance(work, Download):
        os.kill(work.serving, signal.SIGKILL)
        os.waitpid(work.serving, 0)
    return {"lines": lines, "seconds": round(seconds, 4), **result}


if __name__ == "__main__":
    hl.config.set_diagnosis(False)
    word, named, count, place = sys.argv[1:]
    print(json.dumps(main(word, signal.Signals[named], int(count), Path(place))))  # noqa: T201
