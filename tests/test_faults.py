"""Full disks, folders that are missing or read-only, and kills: nothing that a user had is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hotloop as hl
from helpers_models import batch, two_layer_model
from test_weights_files import WRITER


def _model() -> hl.Sequential:
    model = two_layer_model(seed=1)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def _backup(model: Any, path: Path) -> None:
    calls = [hl.callbacks.BackupAndRestore(path.parent, delete_checkpoint=False)]
    model.fit(*batch(16), epochs=1, verbose=0, callbacks=calls)


WRITERS: dict[str, Callable[[Any, Path], None]] = {
    "m.hotloop": lambda model, path: model.save(path),
    "w.hotloop": lambda model, path: model.save_weights(path),
    "training.state": _backup,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("place", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, place: str
) -> None:
    path = tmp_path / name
    if name != "training.state":
        WRITERS[name](_model(), path)
        before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", str(path))

    if place == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left on device"):
        WRITERS[name](_model(), path)
    if name != "training.state":
        assert path.read_bytes() == before
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("name", ["m.hotloop", "w.hotloop"])
def test_a_missing_folder_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match="gone"):
        WRITERS[name](_model(), tmp_path / "gone" / name)
    assert not list(tmp_path.iterdir())


def _killed_saves(path: Path, kills: int, number: int) -> int:
    """Kill a process that saves again and again; return how often the file was not whole."""
    rng, lost = random.Random(3), 0
    environment = {**os.environ, "HOTLOOP_NUM_THREADS": "1"}
    for _ in range(kills):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, env=environment
        )
        assert child.stdout is not None
        with child.stdout as out:
            assert out.readline() == b"writing\n"
            time.sleep(rng.uniform(0, 0.1))
            child.send_signal(number)
            child.wait(400)
        if path.exists():
            kernel, bias = hl.models.load_model(path).get_weights()
            lost += not kernel.min() == kernel.max() == bias.min() == bias.max()
    return lost


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_hundred_kills_lose_nothing(tmp_path: Path, number: int) -> None:
    assert _killed_saves(tmp_path / "m.hotloop", 100, number) == 0
