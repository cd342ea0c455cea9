"""CSVLogger: every figure stands under its own header, whatever comes later or was there before."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hotloop as hl
from helpers_models import batch, two_layer_model
from hotloop.callbacks import CSVLogger

X, T = batch(24)


def fit(path: Path, epochs: int = 2, metrics: Any = None, **kwargs: Any) -> dict[str, list[float]]:
    """Train with a log, and return the history."""
    options = {name: kwargs.pop(name) for name in ("append", "separator") if name in kwargs}
    model = two_layer_model()
    model.compile(hl.optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=metrics)
    calls = [*kwargs.pop("first", []), CSVLogger(path, **options)]
    return model.fit(X, T, epochs=epochs, verbose=0, callbacks=calls, **kwargs).history


def rows(path: Path, separator: str = ",") -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=separator))


def column(path: Path, name: str) -> list[float | None]:
    return [None if r[name] in ("NA", "") else float(r[name]) for r in rows(path)]


def test_columns_separators_and_appending(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    history = fit(path, metrics=["accuracy"])
    assert path.read_text().splitlines()[0] == "epoch,accuracy,loss"
    assert column(path, "loss") == history["loss"]
    more = fit(path, append=True, epochs=1)
    assert len(path.read_text().splitlines()) == 4
    assert column(path, "loss") == history["loss"] + more["loss"]
    assert column(path, "accuracy") == [*history["accuracy"], None]
    fit(path, separator=";", epochs=1)
    assert path.read_text().splitlines()[0] == "epoch;loss"


def test_validation_every_second_epoch_has_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    history = fit(path, 5, ["accuracy"], validation_data=(X, T), validation_freq=2)
    assert path.read_text().splitlines()[0] == "epoch,accuracy,loss,val_accuracy,val_loss"
    assert column(path, "epoch") == [0, 1, 2, 3, 4]
    for name in ("accuracy", "loss"):
        assert column(path, name) == history[name]
    for name in ("val_accuracy", "val_loss"):
        first, second = history[name]
        assert column(path, name) == [None, first, None, second, None]
    assert rows(path)[0]["val_loss"] == "NA"


def test_a_run_that_appends_brings_new_columns(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    first = fit(path)
    second = fit(path, 3, ["accuracy"], append=True, validation_split=0.5)
    third = fit(path, 1, append=True)
    assert column(path, "loss") == first["loss"] + second["loss"] + third["loss"]
    for name in ("accuracy", "val_accuracy", "val_loss"):
        assert column(path, name) == [None, None, *second[name], None]
    assert column(path, "epoch") == [0, 1, 0, 1, 2, 0]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_a_file_of_the_users_own_keeps_every_cell(tmp_path: Path, end: str, last: bool) -> None:
    path = tmp_path / "log.csv"
    lines = ["\ufeffepoch,loss,note", '0,1.5,"a, b', 'and ""c"""', "", "1,2.5,ü,more", "2,3.5"]
    text = end.join(lines) + end * last
    path.write_bytes(text.encode())
    logged = fit(path, 1, append=True)
    begun = path.read_bytes().decode()
    assert begun.startswith(text)
    assert begun[len(text) :] == f"{end * (not last)}0,{logged['loss'][0]!r},NA{end}"
    fit(path, 1, ["accuracy"], append=True)
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *found = csv.reader(file)
    assert header == ["epoch", "loss", "note", "", "accuracy"]
    assert found[0] == ["0", "1.5", f'a, b{end}and "c"', "", "NA"]
    assert found[1:4] == [[], ["1", "2.5", "ü", "more", "NA"], ["2", "3.5", "", "", "NA"]]
    assert found[4] == ["0", str(logged["loss"][0]), "NA", "", "NA"]
    assert len(found[5]) == 5


def test_bytes_of_another_encoding_stay(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"epoch,loss,na\xefve\n0,1.0,\xff\n")
    fit(path, 1, ["accuracy"], append=True)
    assert path.read_bytes().startswith(b"epoch,loss,na\xefve,accuracy\n0,1.0,\xff,NA\n0,")


def test_a_file_that_is_no_log_is_refused_before_an_epoch(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    fit(path, separator=";")
    before = path.read_bytes()
    trained = hl.callbacks.LambdaCallback(on_epoch_begin=lambda *_: pytest.fail("an epoch began"))
    with pytest.raises(ValueError, match="no column 'epoch' between ',', it begins with 'epoch;lo"):
        fit(path, append=True, first=[trained])
    assert path.read_bytes() == before
    with pytest.raises(OSError, match="A device or a folder; name a file"):
        fit(tmp_path, append=True, first=[trained])
    for separator in ("", "ab", "\n", 5):
        with pytest.raises(ValueError, match="separator must be one character, got"):
            CSVLogger(path, separator)  # type: ignore[arg-type]


def test_lines_that_another_wrote_meanwhile_stay(tmp_path: Path) -> None:
    path, other = tmp_path / "log.csv", CSVLogger(tmp_path / "log.csv", append=True)

    class Meanwhile(hl.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            if epoch:
                other.on_epoch_end(7, {"loss": 0.5, "gain": 1.0})

    history = fit(path, 3, ["accuracy"], first=[Meanwhile()])
    assert path.read_text().splitlines()[0] == "epoch,accuracy,loss,gain"
    a, b, c = history["loss"]
    assert column(path, "loss") == [a, 0.5, b, 0.5, c]
    assert column(path, "gain") == [None, 1.0, None, 1.0, None]


def test_a_resumed_run_drops_the_lines_behind_its_backup(tmp_path: Path) -> None:
    class Stop(hl.callbacks.Callback):
        comes_last = True

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            if epoch == 3:
                raise InterruptedError

    def run(folder: Path, *calls: Any) -> bytes:
        folder.mkdir(exist_ok=True)
        path = folder / "log.csv"
        if not path.exists():
            path.write_bytes(b"epoch,loss\n9,1.0")
        backup = hl.callbacks.BackupAndRestore(folder, save_freq=1)
        hl.set_seed(1)
        options: dict[str, Any] = {"validation_data": (X, T), "validation_freq": 4}
        fit(path, 6, ["accuracy"], append=True, first=[backup, *calls], **options)
        return path.read_bytes()

    whole = run(tmp_path / "whole")
    with pytest.raises(InterruptedError):
        run(tmp_path / "parts", Stop())
    assert len(rows(tmp_path / "parts" / "log.csv")) == 5
    assert run(tmp_path / "parts") == whole


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.csv"
    fit(path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="free some space and write again"):
            fit(path, 1, ["accuracy"], append=True)
    assert path.read_bytes() == before


NAMES = st.sampled_from(["loss", "accuracy", "val_loss", "learning_rate", 'a "b", c'])
EPOCHS = st.lists(st.dictionaries(NAMES, st.floats(-9, 9), min_size=1), max_size=4)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(EPOCHS, st.booleans()), max_size=4))
def test_any_runs_in_any_order_lose_nothing(
    tmp_path_factory: pytest.TempPathFactory, runs: list[Any]
) -> None:
    path = tmp_path_factory.mktemp("any") / "log.csv"
    expected: list[dict[str, float]] = []
    for epochs, torn in runs:
        logger = CSVLogger(path, append=True)
        logger.on_train_begin()
        for epoch, logs in enumerate(epochs):
            logger.on_epoch_end(epoch, logs)
            expected.append({"epoch": epoch, **logs})
        if torn and path.exists():
            path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    found = rows(path) if path.exists() else []
    assert [
        {name: float(cell) for name, cell in row.items() if cell != "NA"} for row in found
    ] == expected


def test_arrays_are_cells(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    CSVLogger(path).on_epoch_end(0, {"f1": np.array([0.5, 1.0])})
    assert rows(path) == [{"epoch": "0", "f1": "[0.5, 1.0]"}]
