"""Full disks, and folders that are missing or read-only: nothing that a user had is lost, and errors say what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hotloop as hl
from helpers_models import batch, two_layer_model


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


FULL = "OSError: [Errno 27] File too large; free some space and write again: 'FOLDER/{}'"
READ_ONLY = (
    "PermissionError: [Errno 13] Permission denied; choose another folder, or allow writing there: "
    "'FOLDER/{}'"
)
MESSAGES = {
    "full": {
        **dict.fromkeys(
            ("save", "save_weights", "ModelCheckpoint", "CSVLogger"), FULL.format("file")
        ),
        "BackupAndRestore": FULL.format("training.state"),
        "train": FULL.format("training.state").replace("OSError", "OSError: hotloop train"),
        "download": "train-images-idx3-ubyte.gz: File too large; free some space and write again",
    },
    "read-only": {
        **dict.fromkeys(
            ("save", "save_weights", "ModelCheckpoint", "CSVLogger"), READ_ONLY.format("file")
        ),
        "BackupAndRestore": READ_ONLY.format("training.state"),
        "train": "OSError: hotloop train: [Errno 13] Permission denied; choose another folder, or allow "
        "writing there: 'FOLDER'",
        "download": "FOLDER/mnist'; HOTLOOP_CACHE_DIR names another",
    },
}


@pytest.mark.skipif(sys.platform != "linux", reason="limits and users as Linux has them")
@pytest.mark.parametrize("fault", MESSAGES)
@pytest.mark.parametrize("work", MESSAGES["full"])
def test_a_real_fault_loses_nothing_and_says_what_to_do(fault: str, work: str) -> None:
    script = Path(__file__).with_name("faults_run.py")
    done = subprocess.run(
        [sys.executable, script, fault, work], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *said, lost, more = done.stdout.splitlines()
    assert any(MESSAGES[fault][work] in line for line in said), said
    # `hotloop train --out` says that it replaces an earlier run: it ends that one first.
    assert lost == ("lost ['training.state']" if (fault, work) == ("full", "train") else "lost []")
    assert more == "more []"
    if work == "download":
        assert "set HOTLOOP_DATA_DIR to the folder around it" in said[-1]


def test_a_log_without_its_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"make its folder first: .*gone"):
        _model().fit(
            *batch(16), verbose=0, callbacks=[hl.callbacks.CSVLogger(tmp_path / "gone" / "log.csv")]
        )


def test_a_best_model_that_was_not_saved_is_saved_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "best.hotloop"
    keep = hl.callbacks.ModelCheckpoint(path, "loss", save_best_only=True, mode="min")
    model = _model()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="free some space and write again"):
            model.fit(*batch(16), verbose=0, callbacks=[keep])
    keep.set_model(model)
    keep.on_epoch_end(0, {"loss": 1e9})  # worse than what was lost, better than no file
    assert path.exists()


def full(*_: Any) -> None:
    """Fail as a disk without room does."""
    raise OSError(28, "No space left on device")
