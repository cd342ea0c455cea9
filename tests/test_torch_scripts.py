"""PyTorch scripts run unchanged under ``python -m hotloop.torch``, and reach what they reach there.

MNIST is replaced by the digits of the package, enlarged to 28 x 28. The scripts of `torch_scripts` are written after
PyTorch's lesson, its examples repository and its tutorials; all run in one process, one after the other.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from test_torch_data import write_mnist

FOLDER = Path(__file__).parent / "torch_scripts"
ARGUMENTS = {
    "blitz": ["1"],
    "founding_lesson": ["2"],
    "mnist": ["--epochs", "2", "--save-model"],
    "mnist_rnn": ["2"],
    "regression": [],
    "siamese": ["1"],
    "vae": ["2"],
    "with_examples": [],
}
RUN = """
import json, sys
from hotloop.torch import runner
kept = {}
for path, arguments in json.loads(sys.argv[1]):
    names = runner.run(path, arguments)
    plain = (int, float, bool, str, list, dict, tuple)
    kept[path] = {k: v for k, v in names.items() if isinstance(v, plain) and len(repr(v)) < 2000}
print("KEPT" + json.dumps(kept, default=str))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run every script, and return what each left and what all printed."""
    here = tmp_path_factory.mktemp("scripts")
    write_mnist(here / "data")
    folder = here / "run"
    folder.mkdir()
    (folder / "data").symlink_to(here / "data")
    jobs = [(str(FOLDER / f"{name}.py"), args) for name, args in ARGUMENTS.items()]
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(jobs)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOTLOOP_NUM_THREADS": "2"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said, _, kept = done.stdout.rpartition("KEPT")
    return {"said": said, "folder": folder} | {
        Path(path).stem: names for path, names in json.loads(kept).items()
    }


def test_every_script_is_run() -> None:
    assert sorted(ARGUMENTS) == sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.mark.parametrize("name", ARGUMENTS)
def test_no_script_names_hotloop(name: str) -> None:
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert "hotloop" not in source
    found = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert any("torch" in ast.unparse(node) for node in found)


def test_the_founding_lesson(answers: dict[str, Any]) -> None:
    lesson = answers["founding_lesson"]
    assert lesson["losses"][0] == pytest.approx(-0.0089, abs=0.003)
    assert lesson["tests"][-1][0] < lesson["tests"][0][0] < -0.01
    # A sigmoid ends at 1: no probability of a hundred can pass e / (e + 99).
    assert lesson["tests"][-1][0] > -0.0267
    assert "Train Epoch: 1 [0/640 (0%)]\tLoss: -0.0" in answers["said"]


def test_the_examples_learn(answers: dict[str, Any]) -> None:
    assert answers["mnist"]["accuracy"] > 0.35  # after twenty steps; chance is 0.1
    assert (answers["folder"] / "mnist_cnn.pt").stat().st_size > 4 * 2**20
    losses = answers["mnist_rnn"]["losses"]
    assert sum(losses[-4:]) < sum(losses[:4])
    assert answers["vae"]["averages"][1] < answers["vae"]["averages"][0]
    assert (answers["folder"] / "results" / "sample.png").is_file()
    assert answers["regression"]["loss"] < 1e-3
    assert "==> Learned function:\ty = " in answers["said"]
    assert len(answers["siamese"]["losses"]) == 10


def test_the_tutorials(answers: dict[str, Any]) -> None:
    assert "(conv2): Conv2d(6, 16, kernel_size=(5, 5), stride=(1, 1))" in answers["said"]
    assert "<All keys matched successfully>" in answers["said"]
    assert answers["blitz"]["same"] is True
    final = answers["with_examples"]["final"]
    assert final["optim"] < 10
    assert final["module"] < 0.1
    assert final["function"] < 100


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("import torch\nassert torch.__name__ == 'hotloop.torch'", 0, ""),
        (
            "import torch.nn.functional as F, torchvision.transforms as T\nraise SystemExit(3)",
            3,
            "",
        ),
        ("import torch.distributed", 1, "No module named 'torch.distributed' in hotloop"),
        ("import torch\ntorch.zzz", 1, "has no attribute 'zzz'"),
        ("import torch, sys\nassert sys.argv[1:] == ['a']\n1 / 0", 1, 'x.py", line 3'),
    ],
)
def test_the_runner(tmp_path: Path, source: str, code: int, words: str) -> None:
    (tmp_path / "x.py").write_text(source)
    command = [sys.executable, "-m", "hotloop.torch", "x.py", "a"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "scripts.py" not in done.stderr


def test_the_runner_says_how_it_is_used() -> None:
    for arguments, code in ((["--help"], 0), ([], 2), (["nothing.py"], 2)):
        command = [sys.executable, "-m", "hotloop.torch", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert "hotloop.torch" in done.stdout + done.stderr
