"""What ``hotloop train`` and its kin read: folders of images, CSV files, and what a run remembers."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import hotloop as hl
from hotloop import zoo
from hotloop.cli import main
from test_cli import accuracy, one_line, train


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run each test in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_images(folder: Path, sizes: dict[str, int], mode: str = "L", side: int = 8) -> None:
    """Write images of a class for each name: dark, brighter, ... with noise."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for i, (name, count) in enumerate(sizes.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for n in range(count):
            shape = (side, side) if mode == "L" else (side, side, 3)
            pixels = np.clip(rng.normal(60 + 120 * i, 20, shape), 0, 255).astype(np.uint8)
            image.fromarray(pixels).save(folder / name / f"{n}.{'png' if n % 2 else 'jpg'}")


@pytest.mark.parametrize(("mode", "network"), [("L", "mlp"), ("RGB", "simple_cnn")])
def test_folders_of_images_train_evaluate_and_predict(
    mode: str, network: str, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_images(own_folder / "pets", {"cat": 20, "dog": 15}, mode)
    assert (
        train(
            "--data",
            "pets",
            "--model",
            network,
            "--epochs",
            "15",
            "--batch-size",
            "4",
            "--out",
            "run",
        )
        == 0
    )
    out = capsys.readouterr().out
    assert "pets: 28 images to train, 7 to test, 2 classes" in out
    assert accuracy(out) == 1.0
    assert main(["evaluate", "run/model.hotloop"]) == 0
    assert accuracy(capsys.readouterr().out) == 1.0
    assert main(["predict", "run/model.hotloop", "pets/cat/0.jpg", "pets/dog/1.png"]) == 0
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    assert [line[:2] for line in lines] == [["pets/cat/0.jpg", "cat"], ["pets/dog/1.png", "dog"]]
    assert all(0.5 < float(line[2]) <= 1.0 for line in lines)


def test_folders_may_be_split_already(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_images(own_folder / "pets/train", {"a": 6, "b": 7})
    write_images(own_folder / "pets/test", {"a": 3, "b": 2})
    assert train("--data", "pets", "--epochs", "1", "--out", "run") == 0
    assert "pets: 13 images to train, 5 to test, 2 classes" in capsys.readouterr().out


@pytest.mark.parametrize("header", [True, False])
def test_csv_files_train_and_evaluate(
    header: bool, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2)) * [1, 1000]
    named = ["low", "high"] if header else ["0", "1"]
    cells = [f"{a},{b},{named[int(a > 0)]}" for a, b in x]
    text = "\n".join(["length,weight,label", *cells] if header else cells)
    (own_folder / "table.csv").write_text(text + "\n", encoding="utf-8")
    assert train("--data", "table.csv", "--epochs", "20", "--out", "run") == 0
    out = capsys.readouterr().out
    assert re.search(r"table: 1\d\d rows to train, \d\d to test, 2 classes", out)
    assert accuracy(out) > 0.85
    assert main(["evaluate", "run/model.hotloop"]) == 0
    assert accuracy(capsys.readouterr().out) == accuracy(out)
    assert main(["predict", "run/model.hotloop", "a.png"]) == 1
    assert "takes inputs of shape (2,), not images" in one_line(capsys)


def test_predict_reads_images_in_the_range_of_the_training(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pytest.importorskip("PIL.Image")
    assert train("--epochs", "12", "--out", "run") == 0
    _, (x, y) = hl.datasets.digits.load_data()
    names = [f"{i}.png" for i in range(30)]
    for name, pixels in zip(names, x, strict=False):
        image.fromarray((pixels.astype(int) * 255 // 16).astype(np.uint8)).save(own_folder / name)
    capsys.readouterr()
    assert main(["predict", "run/model.hotloop", *names]) == 0
    read = [line.split("  ")[1] for line in capsys.readouterr().out.splitlines()]
    assert np.mean([a == str(b) for a, b in zip(read, y, strict=False)]) > 0.85


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("one class", "at least two classes"),
        ("no images", "at least two classes"),
        ("two sizes", "9 x 9 pixels, but"),
        ("a text", "x.png: not an image that Pillow reads"),
    ],
)
def test_folders_of_images_that_cannot_be_used(
    fault: str, said: str, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = own_folder / "set"
    (folder / "a").mkdir(parents=True)
    if fault != "no images":
        write_images(folder, {"a": 4})
    if fault in ("two sizes", "a text"):
        write_images(folder, {"b": 4}, side=9 if fault == "two sizes" else 8)
    if fault == "a text":
        (folder / "a/x.png").write_text("no image", encoding="utf-8")
    assert train("--data", "set") == 1
    assert said in one_line(capsys)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no rows"),
        ("1,2,a\n3,x,b\n", "row 2: 'x' is no finite number"),
        ("1,2,a\n3,b\n", "row 2: "),
        ("a,b,label\n1,nan,u\n", "row 2: 'nan' is no finite number"),
        ("1,2,a\n3,4,a\n", "from 2 to 1000 classes, got 1"),
    ],
)
def test_csv_files_that_cannot_be_used(
    text: str, said: str, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_folder / "t.csv").write_text(text, encoding="utf-8")
    assert train("--data", "t.csv") == 1
    assert said in one_line(capsys)
    (own_folder / "u.csv").write_text("1,2,a\n" * 5 + "3,4,b\n" * 5, encoding="utf-8")
    assert train("--data", "u.csv", "--model", "simple_cnn") == 1
    assert "rows of numbers go with --model mlp" in one_line(capsys)


def test_images_without_pillow_name_the_extra(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_images(own_folder / "set", {"a": 4, "b": 4})
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert train("--data", "set") == 1
    assert one_line(capsys).endswith("images need Pillow: pip install 'hotloop[image]'")


def test_evaluate_asks_for_data_that_nothing_names(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zoo.build("mlp", (8, 8, 1)).save(own_folder / "m.hotloop")
    assert main(["evaluate", "m.hotloop"]) == 1
    assert one_line(capsys).endswith("no run.json beside m.hotloop names its data: give --data")
