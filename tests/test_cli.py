"""The command ``hotloop``, mostly in this process."""

from __future__ import annotations

import csv
import os
import re
import signal
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import zoo
from hotloop.cli import main
from hotloop.datasets import mnist
from test_idx import write_set


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run each test in an empty folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def train(*options: str) -> int:
    return main(["train", *options])


def accuracy(text: str) -> float:
    found = re.search(r"^test accuracy +([\d.]+)", text, re.MULTILINE)
    assert found, text
    return float(found[1])


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the reason of a failure: exactly one line on stderr, no traceback."""
    err = capsys.readouterr().err
    assert err.count("\n") == 1, err
    return err.rstrip("\n")


# What --resume goes on from, with more --epochs or after an interrupt.
FOR_RESUME = ["run.json", "training.state"]


def test_default_training_learns_the_digits(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    assert train() == 0
    out = capsys.readouterr().out
    assert accuracy(out) >= 0.97
    for part in (
        "digits: 1,437 images to train, 360 to test, 10 classes",
        "mlp, 50,826 parameters",
    ):
        assert part in out
    folder = own_folder / "runs/digits-mlp"
    assert sorted(p.name for p in folder.iterdir()) == [
        "curves.png",
        "history.csv",
        "model.hotloop",
        *FOR_RESUME,
    ]

    with (folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"]
    assert [row["epoch"] for row in rows] == [str(n) for n in range(30)]
    assert float(rows[-1]["val_accuracy"]) == pytest.approx(accuracy(out), abs=1e-4)

    png = (folder / "curves.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    assert struct.unpack(">I", png[16:20]) == (800,)

    assert main(["evaluate", str(folder / "model.hotloop"), "--data", "digits"]) == 0
    assert accuracy(capsys.readouterr().out) == accuracy(out)


def test_runs_are_not_overwritten_unless_named(own_folder: Path) -> None:
    for _ in range(2):
        assert train("--epochs", "1") == 0
    assert sorted(p.name for p in (own_folder / "runs").iterdir()) == ["digits-mlp", "digits-mlp-2"]
    named = own_folder / "deep/er"
    for epochs in ("2", "1"):
        assert train("--epochs", epochs, "--out", str(named)) == 0
    assert len((named / "history.csv").read_text().splitlines()) == 2


def test_options_reach_the_training(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--optimizer", "sgd", "--lr", "0.125", "--batch-size", "50", "--seed", "3"]
    assert train(*options, "--epochs", "2", "--out", "a") == 0
    out = capsys.readouterr().out
    assert "2 epochs in" in out
    assert "batch size 50, sgd, learning rate 0.125, seed 3" in out
    model = hl.models.load_model(own_folder / "a/model.hotloop")
    assert isinstance(model.optimizer, hl.optimizers.SGD)
    assert model.optimizer.learning_rate == 0.125
    assert model.optimizer.iterations == 2 * 29


@pytest.mark.parametrize("model", ["simple_cnn", "deep_cnn"])
def test_convolutional_models(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--model", model, "--epochs", "4", "--out", "run") == 0
    out = capsys.readouterr().out
    assert accuracy(out) > 0.7
    assert main(["evaluate", "run/model.hotloop", "--data", "digits"]) == 0
    assert accuracy(capsys.readouterr().out) == accuracy(out)


def weights(folder: str) -> list[Any]:
    return [w.tobytes() for w in hl.models.load_model(Path(folder, "model.hotloop")).get_weights()]


def test_same_seed_same_bits() -> None:
    for seed, folder in (("1", "a"), ("1", "b"), ("2", "c")):
        assert train("--epochs", "2", "--seed", seed, "--out", folder) == 0
    assert weights("a") == weights("b")
    assert weights("a") != weights("c")


@pytest.mark.usefixtures("team")
def test_same_bits_with_any_number_of_threads(own_folder: Path) -> None:
    for threads in ("1", "2", "3"):
        subprocess.run(
            [
                sys.executable,
                "-m",
                "hotloop",
                "train",
                "--model",
                "simple_cnn",
                "--epochs",
                "1",
                "--out",
                threads,
            ],
            check=True,
            cwd=own_folder,
            env=os.environ | {"HOTLOOP_NUM_THREADS": threads},
            capture_output=True,
        )
    assert weights("1") == weights("2") == weights("3")


def test_a_folder_as_data(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_set(own_folder / "own")
    for model in ("mlp", "simple_cnn", "deep_cnn"):
        assert train("--data", "own", "--model", model, "--epochs", "1", "--out", model) == 0
        assert "own: 12 images to train, 4 to test, 3 classes" in capsys.readouterr().out
    assert main(["evaluate", "mlp/model.hotloop", "--data", "own"]) == 0
    assert "of 4 images" in capsys.readouterr().out


def test_a_model_without_rescaling_gets_scaled_pixels(capsys: pytest.CaptureFixture[str]) -> None:
    (x, y), (x_test, y_test) = hl.datasets.digits.load_data()
    hl.set_seed(0)
    model = hl.Sequential([hl.Input(shape=(64,)), hl.layers.Dense(10, activation="softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x.reshape(-1, 64) / 16, y, epochs=3, verbose=0)
    expected = (model.predict(x_test.reshape(-1, 64) / 16, verbose=0).argmax(1) == y_test).mean()
    model.save("m.hotloop")
    assert main(["evaluate", "m.hotloop", "--data", "digits"]) == 0
    assert accuracy(capsys.readouterr().out) == pytest.approx(expected, abs=1e-4)


def test_without_matplotlib_one_line_names_the_extra(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert train("--epochs", "1", "--out", "a") == 0
    printed = capsys.readouterr()
    assert "matplotlib" not in printed.out
    lines = [line for line in printed.err.splitlines() if "matplotlib" in line]
    assert lines == ["no curves.png: drawing needs matplotlib (pip install 'hotloop[plot]')"]
    assert sorted(p.name for p in (own_folder / "a").iterdir()) == [
        "history.csv",
        "model.hotloop",
        *FOR_RESUME,
    ]


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    ours = capsys.readouterr().out
    hl.show_config()
    assert ours == capsys.readouterr().out
    assert hl.__version__ in ours


# --- failures


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (
            ["train", "--data", "none"],
            "--data none: neither digits, mnist, fashion_mnist nor a folder",
        ),
        (["train", "--data", "empty"], "load_folder: empty lacks train-images-idx3-ubyte,"),
        (
            ["train", "--data", "broken"],
            "read_idx: broken/t10k-labels-idx1-ubyte.gz: an IDX file begins",
        ),
        (
            ["train", "--epochs", "1", "--out", "file"],
            "File exists; a file of this name is in the way; choose another name: 'file'",
        ),
        (["evaluate", "none.hotloop", "--data", "digits"], "none.hotloop"),
        (["evaluate", "file", "--data", "digits"], "file"),
        (
            ["evaluate", "model.hotloop", "--data", "own"],
            "takes inputs of shape (8, 8, 1), but the images",
        ),
    ],
)
def test_failures(
    own_folder: Path, argv: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_folder / "empty").mkdir()
    (own_folder / "file").write_text("in the way")
    write_set(own_folder / "own")
    (write_set(own_folder / "broken") / "t10k-labels-idx1-ubyte.gz").write_bytes(b"oops")
    zoo.mlp((8, 8, 1)).save(own_folder / "model.hotloop")
    capsys.readouterr()
    assert main(argv) == 1
    line = one_line(capsys)
    assert line.startswith(f"hotloop {argv[0]}: ")
    assert reason in line
    assert not (own_folder / "runs").exists()


def test_no_data_and_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOTLOOP_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("HOTLOOP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(mnist, "SOURCE", replace(mnist.SOURCE, mirrors=("http://127.0.0.1:9/",)))
    assert train("--data", "mnist") == 1
    line = one_line(capsys)
    for part in (
        "mnist: no copy at hand",
        str(tmp_path / "data/mnist"),
        "HOTLOOP_DATA_DIR",
        "127.0.0.1:9",
    ):
        assert part in line


def test_a_fault_of_our_own_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        msg = "first\nsecond"
        raise RuntimeError(msg)

    monkeypatch.setattr(hl, "show_config", fail)
    assert main(["info"]) == 1
    assert one_line(capsys) == "hotloop info: RuntimeError: first; second"


@pytest.mark.filterwarnings("ignore::hotloop.config.DiagnosisWarning")
def test_divergence_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--optimizer", "sgd", "--lr", "1e30", "--epochs", "1", "--out", "a") == 1
    assert "the training diverged; try a smaller --lr" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        ([], "required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["train", "--model", "vgg"], "invalid choice: 'vgg'"),
        (["train", "--epochs", "0"], "must be a whole number from 1, but got '0'"),
        (["train", "--epochs", "1.5"], "must be a whole number from 1, but got '1.5'"),
        (["train", "--batch-size", "-1"], "must be a whole number from 1"),
        (["train", "--lr", "0"], "must be a finite number above 0, but got '0'"),
        (["train", "--lr", "nan"], "must be a finite number above 0, but got 'nan'"),
        (["train", "--seed", "-1"], "must be a whole number from 0 to 2**32 - 1, but got '-1'"),
        (["train", "--optimizer", "newton"], "unknown optimizer 'newton'; valid names: "),
        (["train", "extra"], "unrecognized arguments: extra"),
        (["predict", "m.hotloop"], "required: IMAGE"),
        (["evaluate", "--data", "digits"], "required: MODEL"),
    ],
)
def test_usage(argv: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--help"], ["train", "--help"], ["--version"]])
def test_help(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 0
    assert "hotloop" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_saves_the_last_finished_step(own_folder: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-m", "hotloop", "train", "--epochs", "100000", "--out", "a"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not (own_folder / "a").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(1)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 1
    assert "Traceback" not in err
    reason = re.split(r"[\r\n]+", err.strip())[-1]
    done = re.search(
        r"hotloop train: interrupted after (\d+) of 100000 epochs; a.model.hotloop", reason
    )
    assert done, err
    rows = (own_folder / "a/history.csv").read_text().splitlines()
    assert len(rows) == 1 + int(done[1])
    model = hl.models.load_model(own_folder / "a/model.hotloop")
    assert all(np.isfinite(w).all() for w in model.get_weights())


# --- MNIST


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "epochs", "least"), [("mlp", 10, 0.97), ("simple_cnn", 3, 0.985)]
)
def test_mnist(
    mnist_data: Any, model: str, epochs: int, least: float, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(mnist_data) == 2
    assert train("--data", "mnist", "--model", model, "--epochs", str(epochs), "--out", "a") == 0
    assert accuracy(capsys.readouterr().out) >= least


def test_a_run_that_is_interrupted_goes_on_bit_for_bit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train("--epochs", "4", "--out", "whole") == 0
    original = hl.callbacks.History.on_epoch_begin

    def stop(self: Any, epoch: int, logs: Any = None) -> None:
        if epoch == 2:
            raise KeyboardInterrupt
        original(self, epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(hl.callbacks.History, "on_epoch_begin", stop)
        assert train("--epochs", "4", "--out", "parts") == 1
    assert "--resume goes on" in capsys.readouterr().err
    assert train("--epochs", "4", "--out", "parts", "--resume") == 0
    assert weights("parts") == weights("whole")
    for name in ("history.csv", "training.state"):
        assert Path("parts", name).read_bytes() == Path("whole", name).read_bytes()
    # More epochs prolong a finished run.
    assert train("--epochs", "5", "--out", "parts", "--resume") == 0
    assert train("--epochs", "5", "--out", "five") == 0
    assert weights("parts") == weights("five")


def test_resume_without_a_run_or_with_other_settings(capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*args: str) -> str:
        assert train("--epochs", "1", "--resume", *args) == 1
        return capsys.readouterr().err

    assert "no run under runs/digits-mlp has a training.state" in refused()
    assert "no training.state in nowhere" in refused("--out", "nowhere")
    assert train("--epochs", "1", "--seed", "3") == 0
    assert "was started with --seed 3; give the same" in refused()
    assert train("--epochs", "2", "--seed", "3", "--resume") == 0
    path = Path("runs/digits-mlp/training.state")
    path.write_bytes(path.read_bytes()[:1000])
    assert "truncated" in refused("--seed", "3")
    Path("runs/digits-mlp/run.json").write_text("[]")
    assert "run.json is altered" in refused("--seed", "3")


@pytest.mark.parametrize("command", [["-m", "hotloop", "info"], ["-m", "hotloop.examples.xor"]])
def test_an_instruction_set_that_does_not_exist_is_one_line(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOTLOOP_ISA": "avx3"},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("hotloop: HOTLOOP_ISA=avx3 is not an instruction set")
    assert done.stderr.count("\n") == 1
