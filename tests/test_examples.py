"""Every example runs, its figures hold, and its picture is there.

Those that train run short, on the digits inside the package; with MNIST at hand the slow tests run them in full.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import examples
from hotloop.examples._lesson import Lesson, perform

FOLDER = Path(examples.__file__).parent
NAMES = [name for chapter in examples.CHAPTERS.values() for name in chapter]
README = Path(__file__).parent.parent / "README.md"
WITHOUT_PICTURE = {
    "losses", "three_layers", "graph", "affine", "conv_sizes", "loops", "numerical_mnist",
    "keras_binary", "sample_weight", "pytorch_lesson", "pytorch_repaired",
}  # fmt: skip
# In a short run; all others have one of their own name.
PICTURES = {"histograms": ["tanh"], "misclassified": ["confusion", "misclassified"]}


def options_of(name: str) -> dict[str, bool]:
    """Return what the example's last line passes to `run`."""
    last = (FOLDER / f"{name}.py").read_text(encoding="utf-8").rstrip().splitlines()[-1]
    return dict.fromkeys(re.findall(r"(\w+)=True", last), True)


def perform_named(name: str, *argv: str) -> Lesson:
    """Run an example in this process."""
    module = importlib.import_module(f"hotloop.examples.{name}")
    return perform(module.main, argv, **options_of(name))


def failed(lesson: Lesson) -> list[Any]:
    return [row for row in lesson.rows if row.ok is False]


# Networks on few images may well have dead units; that is no fault of the example.
@pytest.mark.filterwarnings("ignore::hotloop.config.DiagnosisWarning")
@pytest.mark.parametrize("name", NAMES)
def test_example_holds_and_draws(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    options = options_of(name)
    argv = ["--out", str(tmp_path)]
    argv += ["--quick"]  # taken by all, so that one command can run them in turn
    argv += ["--data", "digits"] if options.get("data") else []
    lesson = perform_named(name, *argv)
    assert not failed(lesson)
    assert lesson.rows
    out = capsys.readouterr().out
    for row in lesson.rows:
        assert row.label in out
    if options.get("quick"):
        assert "A short run" in out
    wanted = [] if name in WITHOUT_PICTURE else PICTURES.get(name, [name])
    assert sorted(path.stem for path in lesson.pictures) == wanted
    for path in lesson.pictures:
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", NAMES)
def test_example_is_short_and_says_what_it_is(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
    idea = examples.idea(name)
    assert idea.endswith(".")
    assert len(idea) < 110
    assert text.count("#") >= 1  # comments that teach


def test_index_lists_all_examples() -> None:
    files = {path.stem for path in FOLDER.glob("[a-z]*.py")}
    assert set(NAMES) == files
    assert len(NAMES) == len(set(NAMES))


def test_readme_lists_all_examples() -> None:
    text = README.read_text(encoding="utf-8")
    for name in NAMES:
        assert f"| `{name}` | {examples.idea(name)} |" in text


def test_listing_and_help_of_the_programs(tmp_path: Path) -> None:
    def run(*argv: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", *argv],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        return done.stdout

    listing = run("hotloop.examples")
    for name in NAMES:
        assert f"  {name} " in listing
        assert examples.idea(name) in listing
    told = run("hotloop.examples.dropout", "--help")
    for part in ("units that are left out by lot", "--out", "--quick", "--data", "--seed"):
        assert part in told
    assert "5 of 5 figures hold" in run("hotloop.examples.graph")
    assert not list(tmp_path.iterdir())


def test_figure_that_differs_is_told_and_is_the_exit_code(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lesson = Lesson("x", tmp_path)
    lesson.expect("a half", 0.25, 0.5, decimals=2)
    lesson.expect("another shape", [0.5], 0.5)
    lesson.expect("shown only", 1, 2, compare=False)
    lesson.at_least("too few", 0.9, 0.95, slack=0.01)
    lesson.at_most("enough", 0.9, 0.9)
    assert [row.ok for row in lesson.rows] == [False, False, None, False, True]
    assert "0.50                  0.25  DIFFERS" in capsys.readouterr().out


def test_short_runs_are_not_compared(tmp_path: Path) -> None:
    lesson = Lesson("x", tmp_path, quick=True)
    lesson.at_least("far off", 0.1, 0.95)
    assert lesson.rows[0].ok is None


def test_without_mnist_the_digits_are_used_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nowhere() -> Any:
        msg = "mnist: no copy at hand and none could be downloaded"
        raise hl.datasets.DatasetNotFoundError(msg)

    monkeypatch.setattr(hl.datasets.mnist, "load_data", nowhere)
    data = Lesson("x", tmp_path).data()
    assert (data.name, data.top, data.x.shape) == ("digits", 16, (1437, 8, 8))
    assert float(np.max(data.rows()[0])) == 1.0
    out = capsys.readouterr().out
    assert "No MNIST here" in out
    assert "On digits: figures of MNIST are shown, not compared." in out
    with pytest.raises(hl.datasets.DatasetNotFoundError):
        Lesson("x", tmp_path, wanted="mnist").data()


def test_without_matplotlib_one_line_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    lesson = perform_named("functions", "--out", str(tmp_path / "none"))
    assert not failed(lesson)
    assert not (tmp_path / "none").exists()
    printed = capsys.readouterr()
    line = "no functions.png: pictures need matplotlib (pip install 'hotloop[plot]')"
    assert line in printed.err
    assert line not in printed.out


@pytest.mark.usefixtures("mnist_data")
def test_sample_weight_of_the_book(tmp_path: Path) -> None:
    file = Path(os.environ.get("HOTLOOP_BOOK_DIR", "")) / "ch03" / "sample_weight.pkl"
    if not file.is_file():
        pytest.skip("set HOTLOOP_BOOK_DIR to a clone of oreilly-japan/deep-learning-from-scratch")
    lesson = perform_named("sample_weight", "--out", str(tmp_path), "--weights", str(file))
    assert [row.ok for row in lesson.rows] == [True] * 4


@pytest.mark.slow
@pytest.mark.usefixtures("mnist_data")
@pytest.mark.parametrize("name", [name for name in NAMES if options_of(name).get("data")])
def test_example_reaches_the_full_figures(name: str, tmp_path: Path) -> None:
    lesson = perform_named(name, "--out", str(tmp_path))
    assert not failed(lesson)
