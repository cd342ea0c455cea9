"""Backups by strangers: nothing in one reaches what `get_state` has not named, nor beyond what a run can have."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import callbacks, layers, random
from hotloop._support import archive
from hotloop.saving.model_files import layer_states
from hotloop.saving.training_state import generators

X = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
T = np.arange(16) % 3
NAN = float("nan").hex()
Change = Callable[[dict[str, Any]], object]


class _Stop(Exception):
    pass


class Counting(callbacks.Callback):
    """A callback of a user's own, written as ours once were."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.seen += 1

    def get_state(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def set_state(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def compiled() -> hl.Sequential:
    hl.utils.set_random_seed(3)
    model = hl.Sequential(
        [
            hl.Input((4,)),
            layers.Dense(5, "relu"),
            layers.Dropout(0.5, seed=1),
            layers.Dropout(0.5, seed=2),
            layers.Dense(3, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    return model


def watching(folder: Path) -> list[callbacks.Callback]:
    return [
        callbacks.ModelCheckpoint(folder / "best", save_best_only=True, monitor="loss"),
        callbacks.EarlyStopping("loss", restore_best_weights=True, patience=9),
        callbacks.ReduceLROnPlateau("loss"),
        callbacks.CSVLogger(folder / "log.csv"),
        Counting(),
        callbacks.BackupAndRestore(folder / "backup", save_freq=1, delete_checkpoint=False),
    ]


@pytest.fixture(name="backup")
def _backup(tmp_path: Path) -> Path:
    stop = callbacks.LambdaCallback(on_train_batch_end=_stop_in_epoch())
    with pytest.raises(_Stop):
        compiled().fit(
            X, T, batch_size=4, epochs=3, verbose=0, callbacks=[*watching(tmp_path), stop]
        )
    return tmp_path / "backup" / "training.state"


def _stop_in_epoch() -> Callable[..., None]:
    batches = []

    def stop(*_: Any) -> None:
        batches.append(1)
        if len(batches) == 6:  # the second batch of the second epoch
            raise _Stop

    return stop


def alter(path: Path, change: Change) -> None:
    """Change the description in an archive, and leave its checksums right."""
    with zipfile.ZipFile(path) as zipped:
        members = {name: zipped.read(name) for name in zipped.namelist()}
    description = json.loads(members["state.json"])
    change(description)
    members["state.json"] = json.dumps(description).encode()
    archive.write(path, members)


def resume(folder: Path, epochs: int = 3) -> hl.Sequential:
    model = compiled()
    calls = watching(folder)
    model.fit(X, T, batch_size=4, epochs=epochs, verbose=0, callbacks=calls)
    return model


def state_of(description: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [c["state"] for c in description["callbacks"] if c["class"] == name]
    state: dict[str, Any] = found
    return state


def set_in(name: str, key: str, value: Any) -> Change:
    return lambda d: state_of(d, name).update({key: value})


def test_an_untouched_backup_is_gone_on_with(backup: Path) -> None:
    folder = backup.parent.parent
    resumed = resume(folder)
    backup.unlink()
    whole = resume(folder)
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("BackupAndRestore", "path"),
        ("BackupAndRestore", "delete_checkpoint"),
        ("ModelCheckpoint", "filepath"),
        ("ModelCheckpoint", "save_weights_only"),
        ("EarlyStopping", "patience"),
        ("ReduceLROnPlateau", "min_lr"),
        ("CSVLogger", "filename"),
        ("History", "model"),
        ("Counting", "path"),
        ("Counting", "on_epoch_end"),
    ],
)
def test_a_backup_sets_no_other_attribute(backup: Path, name: str, key: str) -> None:
    victim = backup.parent.parent / "victim"
    victim.write_bytes(b"precious")
    alter(backup, set_in(name, key, {"plain": str(victim)}))
    with pytest.raises(ValueError, match=rf"training\.state.*state of {name} has no '{key}'"):
        resume(backup.parent.parent)
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("BackupAndRestore", "_batches", {"plain": "3"}),
        ("BackupAndRestore", "_batches", {"plain": -1}),
        ("BackupAndRestore", "_batches", {"plain": 10**30}),
        ("BackupAndRestore", "_batches", {"float": (1.0).hex()}),
        ("ModelCheckpoint", "best", {"plain": "low"}),
        ("ModelCheckpoint", "best", {"float": NAN}),
        ("ModelCheckpoint", "_batches", {"plain": True}),
        ("EarlyStopping", "best_weights", {"plain": [1, 2]}),
        ("EarlyStopping", "wait", {"plain": [1]}),
        ("ReduceLROnPlateau", "cooldown_counter", {"plain": -5}),
        ("CSVLogger", "rows", {"plain": -5}),
        ("History", "epochs", {"plain": {"loss": ["a"]}}),
        ("History", "epoch", {"plain": ["a"]}),
        ("History", "history", {"plain": {"loss": {"a": 1}}}),
    ],
)
def test_values_of_callbacks_are_checked(backup: Path, name: str, key: str, value: Any) -> None:
    alter(backup, set_in(name, key, value))
    with pytest.raises(ValueError, match=rf"altered: the state of {name} has .* as '{key}'"):
        resume(backup.parent.parent)


def test_a_state_that_lacks_a_name_is_refused(backup: Path) -> None:
    alter(backup, lambda d: state_of(d, "EarlyStopping").pop("wait"))
    with pytest.raises(ValueError, match="the state of EarlyStopping has no 'wait'"):
        resume(backup.parent.parent)


def _twister(place: int, value: Any) -> Change:
    return lambda d: d["generators"]["numpy"].__setitem__(place, value)


@pytest.mark.parametrize(
    "change",
    [
        _twister(2, -(10**9)),
        _twister(2, 625),
        _twister(2, True),
        _twister(2, 3.0),
        _twister(1, [0] * 624),
        _twister(1, [1] * 623),
        _twister(1, [2**32] * 624),
        _twister(1, [-1] * 624),
        _twister(3, 7),
        _twister(4, float("inf")),
        _twister(0, "PCG64"),
        lambda d: d["generators"]["python"][1].__setitem__(-1, 625),
        lambda d: d["generators"]["python"][1].__setitem__(0, -1),
        lambda d: d["generators"]["python"].__setitem__(2, "x"),
        lambda d: d["generators"]["hotloop"]["state"].update(inc=2),
        lambda d: d["generators"]["hotloop"]["state"].update(state=-1),
        lambda d: d["generators"]["hotloop"].update(has_uint32=9),
        lambda d: d["generators"]["hotloop"].update(uinteger=2**33),
    ],
)
def test_generators_take_only_states_that_they_can_have(backup: Path, change: Change) -> None:
    alter(backup, change)
    model = compiled()
    before = generators()
    with pytest.raises(ValueError, match="state of "):
        model.fit(X, T, batch_size=4, epochs=3, verbose=0, callbacks=watching(backup.parent.parent))
    assert generators() == before


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: d.update(learning_rate=NAN), "learning_rate must not be negative, got nan"),
        (lambda d: d.update(learning_rate="-0x1p0"), r"must not be negative, got -1\.0"),
        (lambda d: d.update(iterations=2**60), "altered: iterations"),
        (lambda d: d.update(stop="no"), "altered: stop is 'no'"),
        (lambda d: d.update(targets=[16, "x"]), "shape of the targets"),
        (lambda d: d["meter"].update(count="-0x1p3"), "mean over -8"),
        (lambda d: d["meter"].update(count=NAN), "mean over nan"),
        (lambda d: d["feed"]["pass"].update(taken=-1), "-1 batches of a pass"),
        (lambda d: d["feed"]["pass"].update(taken=2.5), r"2\.5 batches of a pass"),
        (lambda d: d["layers"]["dropout"].update(calls=-1), "no state of a dropout"),
        (lambda d: d["layers"]["dropout_1"].update(seed=2**63), "no state of a dropout"),
    ],
)
def test_numbers_of_a_run_pass_the_checks_of_their_owners(
    backup: Path, change: Change, text: str
) -> None:
    alter(backup, change)
    model = compiled()
    before = [w.copy() for w in model.get_weights()]
    states = layer_states(model)
    with pytest.raises(ValueError, match=text):
        model.fit(X, T, batch_size=4, epochs=3, verbose=0, callbacks=watching(backup.parent.parent))
    assert layer_states(model) == states
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_metrics_take_only_sums_of_their_own() -> None:
    metric = hl.metrics.Precision(thresholds=[0.2, 0.5])
    with pytest.raises(ValueError, match="true_positives has shape"):
        metric.set_state({"true_positives": np.zeros(3)})
    with pytest.raises(ValueError, match="a state has no 'thresholds'"):
        metric.set_state({"thresholds": np.zeros(2)})
    counted = hl.metrics.SparseCategoricalAccuracy()
    with pytest.raises(ValueError, match=r"count has shape \(\), got \(3,\)"):
        counted.set_state({"total": np.zeros(()), "count": np.ones(3)})
    mean = hl.metrics.Mean()
    with pytest.raises(ValueError, match="mean: the state answers no figure"):
        mean.set_state({"total": np.zeros(3), "count": np.ones(3)})
    assert mean.result() == 0.0


def test_a_loader_takes_only_states_of_its_generator() -> None:
    loader = hl.DataLoader(X, seed=1)
    state = loader.get_state()
    assert state is not None
    loader.set_state(state)
    with pytest.raises(ValueError, match="not the state of a PCG64"):
        loader.set_state({**state, "has_uint32": -1})


def test_a_generator_keeps_its_state_when_another_is_refused() -> None:
    state = random.get_state()
    with pytest.raises(ValueError, match="not the state of a PCG64"):
        random.set_state({**state, "extra": 1})
    assert random.get_state() == state
    random.set_state(state)


def test_a_late_epoch_of_a_backup_replays_no_data(tmp_path: Path) -> None:
    taken = 0

    def endless() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield X[:4], T[:4]

    def run() -> None:
        backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
        compiled().fit(endless(), steps_per_epoch=2, epochs=2, verbose=0, callbacks=[backup])

    run()

    def late(description: dict[str, Any]) -> None:
        description.update(epoch=10**9, batch=0)
        description["feed"]["pass"]["taken"] = 10**6

    alter(tmp_path / "training.state", late)
    taken = 0
    run()
    assert taken == 0


def test_ctrl_c_ends_the_search_for_a_far_place_in_an_endless_iterator(tmp_path: Path) -> None:
    taken, end = 0, 3

    def endless() -> Any:
        nonlocal taken
        while True:
            taken += 1
            if taken > end:
                raise KeyboardInterrupt
            hl.random.generator().random()
            yield X[:4], T[:4]

    def run(model: hl.Model) -> None:
        backup = callbacks.BackupAndRestore(tmp_path, save_freq=1, delete_checkpoint=False)
        with pytest.raises(KeyboardInterrupt):
            model.fit(endless(), verbose=0, callbacks=[backup])

    def far(description: dict[str, Any]) -> None:
        description["feed"]["pass"]["taken"] = 10**15

    run(compiled())
    alter(tmp_path / "training.state", far)
    model = compiled()
    model.build((None, 4))
    before, weights = hl.random.get_state(), model.get_weights()
    taken, end = 0, 1000
    run(model)
    assert taken == 1001
    assert hl.random.get_state() == before
    for a, b in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)
