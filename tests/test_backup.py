"""A run that is killed and resumed ends with the bits of one that was not."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import batch
from hotloop import layers

SCRIPT = Path(__file__).with_name("resumed_run.py")
X, T = batch(40)


class Stop(Exception):
    """Ends a run at some batch."""


class StopAt(hl.callbacks.Callback):
    """Raises at the end of the n-th batch, or of the n-th epoch."""

    def __init__(self, batches: int = -1, epochs: int = -1) -> None:
        super().__init__()
        self.left, self.epochs = batches, epochs

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.left -= 1
        if self.left == 0:
            raise Stop

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        if epoch + 1 == self.epochs:
            raise Stop


def make(optimizer: str = "adam") -> hl.Sequential:
    hl.utils.set_random_seed(5)
    model = hl.Sequential(
        [
            layers.Dense(8, "relu", input_shape=(6,)),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(4, "softmax"),
        ]
    )
    model.compile(
        optimizer,
        "sparse_categorical_crossentropy",
        ["accuracy", hl.metrics.F1Score(average="macro")],
    )
    return model


class ByIndex(hl.utils.PyDataset):
    """Batches of 8, which `fit` takes in an order of its own."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Any:
        return X[8 * index : 8 * index + 8], T[8 * index : 8 * index + 8]


def sources(kind: str) -> dict[str, Any]:
    """Return the arguments of `fit` that give the data."""
    if kind == "arrays":
        return {"x": X, "y": T, "batch_size": 8, "validation_split": 0.2}
    if kind == "steps":
        return {"x": X, "y": T, "batch_size": 8, "steps_per_epoch": 3}
    if kind == "loader":
        return {"x": hl.DataLoader(X, T, batch_size=8, shuffle=True)}
    if kind == "seeded loader":
        return {"x": hl.DataLoader(X, T, batch_size=8, shuffle=True, seed=9), "steps_per_epoch": 4}
    if kind.startswith("index"):
        steps = {"steps_per_epoch": 4} if kind == "index by steps" else {}
        return {"x": ByIndex(), **steps}

    class Noise:
        """Draws from NumPy's and Python's own generators."""

        def __iter__(self) -> Iterator[Any]:
            for i in range(0, 40, 8):
                noise = np.random.standard_normal((8, 6)) * random.random()  # noqa: NPY002
                yield X[i : i + 8] + noise, T[i : i + 8]

    return {"x": Noise()}


def run(
    folder: Path, kind: str, freq: Any, stop: hl.callbacks.Callback | None = None
) -> tuple[list[bytes], dict[str, Any]]:
    """Train with backups and learning rates that depend on the past; answer weights and logs."""
    model = make()
    history = model.fit(
        **sources(kind),
        epochs=4,
        verbose=0,
        callbacks=[
            hl.callbacks.BackupAndRestore(folder, save_freq=freq),
            hl.callbacks.LearningRateScheduler(lambda _, rate: rate * 0.9),
            hl.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.1),
            hl.callbacks.CSVLogger(folder / "log.csv"),
            *([stop] if stop else []),
        ],
    )
    return [w.tobytes() for w in model.get_weights()], history.history


def test_a_backup_behind_the_last_batch_of_an_epoch(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    expected = run(tmp_path / "whole", "arrays", 4)
    with pytest.raises(Stop):
        run(tmp_path / "parts", "arrays", 4, StopAt(epochs=2))
    assert run(tmp_path / "parts", "arrays", 4) == expected


@pytest.mark.parametrize(
    "kind", ["arrays", "steps", "loader", "seeded loader", "iterable", "index", "index by steps"]
)
@pytest.mark.parametrize(
    ("freq", "stop"),
    [("epoch", {"batches": 9}), (4, {"batches": 7})],
)
def test_a_stopped_run_goes_on_bit_for_bit(
    tmp_path: Path, kind: str, freq: Any, stop: dict[str, int]
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    weights, history = run(tmp_path / "whole", kind, freq)
    with pytest.raises(Stop):
        run(tmp_path / "parts", kind, freq, StopAt(**stop))
    assert (tmp_path / "parts" / "training.state").exists()
    again, continued = run(tmp_path / "parts", kind, freq)
    assert again == weights
    assert continued == history
    logs = [(tmp_path / part / "log.csv").read_bytes() for part in ("whole", "parts")]
    assert logs[0] == logs[1]
    assert not (tmp_path / "parts" / "training.state").exists()


def test_a_model_of_several_outputs_goes_on_inside_an_epoch(tmp_path: Path) -> None:
    def train(folder: Path, *stop: hl.callbacks.Callback) -> tuple[list[bytes], Any]:
        hl.utils.set_random_seed(5)
        x = hl.Input((6,))
        ends = [layers.Dense(4, "softmax", name="a")(x), layers.Dense(1, name="b")(x)]
        model = hl.Model(x, ends)
        found = [["accuracy", hl.metrics.Recall()], ["mae"]]
        model.compile("adam", ["categorical_crossentropy", "mse"], metrics=found)
        calls = [hl.callbacks.BackupAndRestore(folder, save_freq=2), *stop]
        y = [np.eye(4)[T], T]
        history = model.fit(X, y, batch_size=8, epochs=2, verbose=0, callbacks=calls).history
        return [w.tobytes() for w in model.get_weights()], history

    expected = train(tmp_path / "whole")
    with pytest.raises(Stop):
        train(tmp_path / "parts", StopAt(batches=8))
    assert train(tmp_path / "parts") == expected


def test_early_stopping_goes_on_waiting(tmp_path: Path) -> None:
    class Rising(hl.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["figure"] = [1.0, 0.1, 0.2, 0.3, 0.4, 0.5][epoch]

    def train(folder: Path, stop: int) -> tuple[list[bytes], list[int]]:
        model = make()
        early = hl.callbacks.EarlyStopping(
            "figure", patience=3, mode="min", restore_best_weights=True
        )
        backup = hl.callbacks.BackupAndRestore(folder)
        given = [Rising(), backup, early, StopAt(epochs=stop)]
        with contextlib.suppress(Stop):
            history = model.fit(X, T, epochs=6, verbose=0, callbacks=given)
            return [w.tobytes() for w in model.get_weights()], history.epoch
        return [], []

    whole = train(tmp_path / "a", 99)
    assert whole[1] == [0, 1, 2, 3, 4]
    train(tmp_path / "b", 4)
    assert train(tmp_path / "b", 99) == whole


def digest(folder: Path, kill_after: float | None = None) -> str:
    """Run the script in a process of its own; kill it after some seconds of training."""
    environment = {**os.environ, "HOTLOOP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, SCRIPT, str(folder)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    with process.stdout as out:
        assert out.readline() == "training\n"
        if kill_after is not None:
            time.sleep(kill_after)
            process.send_signal(signal.SIGKILL)
        rest = out.read()
    process.wait(60)
    return rest.strip()


def kill_and_resume(tmp_path: Path, kills: int) -> None:
    started = time.perf_counter()
    expected = digest(tmp_path / "whole")
    seconds = time.perf_counter() - started
    assert len(expected) == 64
    rng = random.Random(1)
    killed = 0
    for number in range(10 * kills):
        if killed == kills:
            break
        folder = tmp_path / f"run{number}"
        if not digest(folder, rng.uniform(0, 0.5 * seconds)):
            killed += 1
            assert digest(folder) == expected
    assert killed == kills


def test_killed_at_random_moments(tmp_path: Path) -> None:
    kill_and_resume(tmp_path, 2)


@pytest.mark.slow
def test_killed_at_twenty_random_moments(tmp_path: Path) -> None:
    kill_and_resume(tmp_path, 20)


def interrupted(folder: Path) -> Path:
    with pytest.raises(Stop):
        make().fit(
            X,
            T,
            epochs=2,
            verbose=0,
            callbacks=[hl.callbacks.BackupAndRestore(folder, save_freq=1), StopAt(batches=2)],
        )
    return folder / "training.state"


def resume(folder: Path, model: hl.Model | None = None, **kwargs: Any) -> None:
    model = model or make()
    before = model.get_weights()
    try:
        model.fit(
            X,
            T,
            epochs=2,
            verbose=0,
            callbacks=hl.callbacks.BackupAndRestore(folder),
            **kwargs,
        )
    except ValueError:
        for a, b in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(a, b)
        raise


def test_a_backup_that_does_not_fit_touches_nothing(tmp_path: Path) -> None:
    path = interrupted(tmp_path)
    other = hl.Sequential([layers.Dense(4, "softmax", input_shape=(6,))])
    other.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="does not fit this run: these weights"):
        resume(tmp_path, other)
    with pytest.raises(ValueError, match=r"optimizer slot .* fits no weight"):
        resume(tmp_path, make("sgd"))
    with pytest.raises(ValueError, match="written with batch_size 32, not 5"):
        resume(tmp_path, batch_size=5)
    whole = path.read_bytes()
    for content, text in (
        (whole[: len(whole) // 2], "truncated"),
        (b"", "truncated"),
        (whole.replace(b'"batch": 1', b'"batch": 2'), "truncated or altered"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=text):
            resume(tmp_path)


def test_a_backup_of_a_newer_version(tmp_path: Path) -> None:
    path = interrupted(tmp_path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for key, value, text in (
        ("format_version", 2, "newer than this hotloop"),
        ("epoch", -1, "altered: epoch -1"),
        ("generators", {}, "does not fit this run"),
        ("layers", {}, "the state of layer 'dropout'"),
    ):
        description = {**json.loads(members["state.json"]), key: value}
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("state.json", json.dumps(description))
            archive.writestr("arrays.safetensors", members["arrays.safetensors"])
        with pytest.raises(ValueError, match=text):
            resume(tmp_path)
