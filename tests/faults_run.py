"""Writes files where none can be written, for `test_faults.py`, and prints what a user is told.

``python faults_run.py FAULT WORK``: FAULT is ``full`` (no file may grow past some kilobytes, as on
a disk without room) or ``read-only`` (the folder may not be written to).
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import hotloop as hl
from hotloop import callbacks, cli, layers
from hotloop.datasets import _fetch, digits, mnist

# Whom the folder of a run forbids writing may be forbidden to read the package too.
loaded = digits.load_data()
vars(digits)["load_data"] = lambda: loaded

epochs: list[int] = []
X, T = np.zeros((8, 60), np.float32), np.zeros(8, np.int64)


def model() -> Any:
    """Return a model of 30 kB."""
    made = hl.Sequential([layers.Dense(60, "relu", input_shape=(60,)), layers.Dense(60, "softmax")])
    made.compile("sgd", "sparse_categorical_crossentropy")
    return made


def fit(*calls: Any) -> None:
    """Train for one epoch more than the last time, so that a backup is gone on from."""
    epochs.append(len(epochs) + 1)
    model().fit(X, T, epochs=epochs[-1], verbose=0, callbacks=[*calls])


def command(folder: Path) -> None:
    """Run ``hotloop train``, and raise what it says when it fails."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = cli.main(["train", "--epochs", "1", "--out", str(folder)])
    if code:
        raise OSError(said.getvalue().strip())


def download(folder: Path) -> None:
    """Fill a cache from a mirror that sends more than there is room for."""
    os.environ["HOTLOOP_CACHE_DIR"] = str(folder)
    os.environ.pop("HOTLOOP_DATA_DIR", None)

    def stream(_: str, file: Any) -> None:
        file.write(bytes(10**6))

    vars(_fetch)["stream"] = stream
    mnist.load_data()


WORKS: dict[str, Callable[[Path], object]] = {
    "save": lambda folder: model().save(folder / "file"),
    "save_weights": lambda folder: model().save_weights(folder / "file"),
    "BackupAndRestore": lambda folder: fit(
        callbacks.BackupAndRestore(folder, delete_checkpoint=False)
    ),
    "ModelCheckpoint": lambda folder: fit(callbacks.ModelCheckpoint(folder / "file")),
    "CSVLogger": lambda folder: fit(callbacks.CSVLogger(folder / "file", append=True)),
    "train": command,
    "download": download,
}


def main(fault: str, name: str) -> None:
    """Work once where all is well, then with the fault; print the error and what was lost."""
    # In /tmp, which every user may enter: the temporary folder of a test run may be its user's own.
    work, folder = WORKS[name], Path(tempfile.mkdtemp(dir="/tmp"))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    try:
        if name != "download":
            for _ in range(2):
                work(folder)  # also loads each module while everything can still be read
        before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
        if fault == "full":
            room = 40 if name == "CSVLogger" else 4000
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, limit))
        else:
            folder.chmod(0o555)
            if os.geteuid() == 0:  # whom no mode stops
                os.seteuid(65534)
        try:
            work(folder)
            said = "nothing"
        except Exception as error:
            said = f"{type(error).__name__}: {error}".replace(str(folder), "FOLDER")
        if os.getuid() == 0:
            os.seteuid(0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        after = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
        lost = [k for k in before if after.get(k) != before[k]]
        more = sorted(after.keys() - before.keys())
        print(f"{said}\nlost {lost}\nmore {more}")  # noqa: T201
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


if __name__ == "__main__":
    hl.config.set_diagnosis(False)
    main(*sys.argv[1:])
