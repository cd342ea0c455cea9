"""Files of weights, and files whose writer was killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import Scale, batch, two_layer_model
from hotloop import layers

WRITER = """
import sys
import hotloop as hl
model = hl.Sequential([hl.layers.Dense(400, input_shape=(400,))])
model.compile("adam", "mse")
print("writing", flush=True)
number = 0
while True:
    number += 1
    model.set_weights([w * 0 + number for w in model.get_weights()])
    model.save(sys.argv[1])
"""


def assert_equal(a: list[Any], b: list[Any]) -> None:
    for v, w in zip(a, b, strict=True):
        np.testing.assert_array_equal(v, w)


@pytest.mark.parametrize("name", ["w.weights.h5", "w.hotloop"])
def test_weights_go_to_a_file_and_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    model, other = two_layer_model(seed=1), two_layer_model(seed=2)
    model.save_weights(path)
    other.load_weights(path)
    assert_equal(other.get_weights(), model.get_weights())
    first = path.read_bytes()
    model.save_weights(path)
    assert path.read_bytes() == first
    with pytest.raises(FileExistsError, match="overwrite is False"):
        model.save_weights(path, overwrite=False)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        model.load_weights(tmp_path / "gone")


def test_weights_come_from_a_model_file_too(tmp_path: Path) -> None:
    model, other = two_layer_model(seed=1), two_layer_model(seed=2)
    model.compile("adam", "mse")
    model.save(tmp_path / "m.keras")
    other.load_weights(tmp_path / "m.keras")
    assert_equal(other.get_weights(), model.get_weights())


def test_other_names_go_by_order(tmp_path: Path) -> None:
    model = hl.Sequential([hl.Input((3,)), layers.Dense(2, name="a"), layers.Dense(2, name="b")])
    other = hl.Sequential([hl.Input((3,)), layers.Dense(2, name="z"), layers.Dense(2, name="y")])
    model.save_weights(tmp_path / "w")
    other.load_weights(tmp_path / "w")
    assert_equal(other.get_weights(), model.get_weights())


def test_weights_of_a_layer_of_the_users_own(tmp_path: Path) -> None:
    x, _ = batch(4)
    model, other = (hl.Sequential([hl.Input((6,)), Scale(), layers.Dense(2)]) for _ in range(2))
    model.params["scale/scale"][...] = 3.0
    model.save_weights(tmp_path / "w")
    other.load_weights(tmp_path / "w")
    np.testing.assert_array_equal(other.predict(x), model.predict(x))


def test_a_loaded_file_trains_on_with_its_recorded_steps(tmp_path: Path) -> None:
    x, t = batch(16)
    first, second = two_layer_model(seed=1), two_layer_model(seed=2)
    for model in (first, second):
        model.compile(hl.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    second.train_on_batch(x, t)
    first.save_weights(tmp_path / "w")
    second.load_weights(tmp_path / "w")
    assert second.train_on_batch(x, t) == first.train_on_batch(x, t)
    assert_equal(second.get_weights(), first.get_weights())


def other(path: Path) -> None:
    """Write the weights of another model."""
    hl.Sequential([layers.Dense(4, name="dense_9", input_shape=(6,))]).save_weights(path)


def rewritten(path: Path, **changes: Any) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    description = {**json.loads(members["weights.json"]), **changes}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights.json", json.dumps(description))
        archive.writestr("weights.safetensors", members["weights.safetensors"])


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:300]), "truncated"),
        (lambda p: p.write_bytes(b"\x80\x04cos\nsystem\n"), "not a hotloop weights file"),
        (
            lambda p: p.write_bytes(p.read_bytes().replace(b"dense_1/kernel", b"dense_1/colonel")),
            "truncated or altered",
        ),
        (lambda p: rewritten(p, format_version=9), "newer than this hotloop"),
        (lambda p: rewritten(p, format="hotloop model"), "names no 'hotloop weights'"),
        (lambda p: rewritten(p, names=["a"]), "does not name its weights"),
        (lambda p: rewritten(p, names=[1, {}]), "load_weights"),
        (lambda p: rewritten(p, names="dense"), "does not name its weights"),
        (other, "in the model or in the file alone: dense/bias"),
    ],
)
def test_a_file_that_is_not_right_touches_nothing(tmp_path: Path, spoil: Any, text: str) -> None:
    path = tmp_path / "w"
    two_layer_model(seed=1).save_weights(path)
    spoil(path)
    model = two_layer_model(seed=2)
    before = model.get_weights()
    with pytest.raises(ValueError, match=text):
        model.load_weights(path)
    assert_equal(model.get_weights(), before)


def killed_while_saving(tmp_path: Path, kills: int) -> None:
    path = tmp_path / "m.hotloop"
    rng = random.Random(2)
    for _ in range(kills):
        environment = {**os.environ, "HOTLOOP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, env=environment
        )
        assert process.stdout is not None
        with process.stdout as out:
            assert out.readline() == b"writing\n"
            while not path.exists():
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.2))
            process.send_signal(signal.SIGKILL)
            process.wait(60)
        kernel, bias = hl.models.load_model(path).get_weights()
        assert kernel.min() == kernel.max() == bias.min() == bias.max() >= 1.0


def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    killed_while_saving(tmp_path, 3)


@pytest.mark.slow
def test_twenty_kills_leave_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    killed_while_saving(tmp_path, 20)
