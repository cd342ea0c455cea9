"""``python -m hotloop.book``: scripts in the style of the book, run as plain Python would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

SCRIPT = """# coding: utf-8
import sys, os
sys.path.append(os.pardir)  # as every script of the book does
import numpy as np
import matplotlib.pyplot as plt
from common.layers import *
from common.gradient import numerical_gradient
from small_net import SmallNet

if __name__ == "__main__":
    network = SmallNet()
    with open("weights.txt") as file:
        print(file.read())
    print(sys.argv, os.path.basename(sys.path[0]), os.path.isabs(__file__), network.layer.__class__.__module__)
    plt.plot([1, 2], [3, 4])
    plt.show()
    plt.figure()
    plt.figure()
    plt.show()
    print(plt.get_fignums())
"""
NET = """
from common.layers import *
class SmallNet:
    def __init__(self):
        self.layer = Affine(np.zeros((2, 3)), np.zeros(3))
"""


def _run(
    script: Path, *args: str, cwd: Path | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a script by the command, where there is no screen."""
    env = {key: value for key, value in os.environ.items() if "DISPLAY" not in key}
    env.pop("MPLBACKEND", None)
    env.update(environ)
    command = [sys.executable, "-W", "error", "-m", "hotloop.book", str(script), *args]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def chapter(tmp_path: Path) -> Path:
    """Lay out a chapter beside a ``common`` whose modules must not be taken."""
    folder = tmp_path / "ch09"
    folder.mkdir()
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    (folder / "small_net.py").write_text(NET, encoding="utf-8")
    (folder / "weights.txt").write_text("the chapter's own file", encoding="utf-8")
    common = tmp_path / "common"
    common.mkdir()
    (common / "__init__.py").touch()
    (common / "layers.py").write_text(
        "raise ImportError('the book, not hotloop')", encoding="utf-8"
    )
    (common / "my_layers.py").write_text(
        "from common.layers import Relu\nname = 'mine'", encoding="utf-8"
    )
    return folder


def test_a_script_runs_from_any_folder_and_saves_its_figures(chapter: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = _run(Path("..") / "ch09" / "script.py", "--flag", "x", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "the chapter's own file",
        "['script.py', '--flag', 'x'] ch09 True hotloop.book.common.layers",
        "[]",
    ]
    assert done.stderr.splitlines() == [
        f"hotloop.book: no screen, the figure is in {chapter / f'script_{i}.png'}"
        for i in (1, 2, 3)
    ]
    assert sorted(path.name for path in chapter.glob("*.png")) == [
        f"script_{i}.png" for i in (1, 2, 3)
    ]
    assert (chapter / "script_1.png").read_bytes().startswith(b"\x89PNG")
    assert not any(elsewhere.iterdir())


def test_agg_saves_too_and_a_reader_may_add_modules(chapter: Path) -> None:
    script = chapter / "more.py"
    script.write_text(
        "import os, sys\nsys.path.append(os.pardir)\n"
        "import common.my_layers, common.layers\nprint(common.my_layers.name)\n"
        "assert common.my_layers.Relu is common.layers.Relu\n"
        "import matplotlib.pylab as plt\nplt.plot([1])\nplt.show(block=False)\nprint(plt.get_fignums())\nplt.show()\n",
        encoding="utf-8",
    )
    done = _run(script, MPLBACKEND="Agg")
    assert done.returncode == 0, done.stderr
    saved = f"hotloop.book: no screen, the figure is in {chapter / 'more_1.png'}"
    assert done.stdout.splitlines() == ["mine", "[1]"]
    assert done.stderr.splitlines() == [saved, saved]


def test_an_image_of_pillow_is_saved(chapter: Path) -> None:
    pytest.importorskip("PIL")
    script = chapter / "show.py"
    script.write_text(
        "import numpy as np\nfrom PIL import Image\n"
        "Image.fromarray(np.uint8(np.eye(28) * 255)).show()\n",
        encoding="utf-8",
    )
    done = _run(script)
    assert done.returncode == 0, done.stderr
    assert (chapter / "show_1.png").exists()
    assert done.stdout == ""
    (chapter / "show_1.png").unlink()
    (chapter / "show_1.png").mkdir()
    done = _run(script)
    assert done.stdout == ""
    assert done.stderr.startswith("hotloop.book: the figure could not be saved: ")


@pytest.mark.parametrize(
    ("body", "code"),
    [("raise SystemExit", 0), ("import sys; sys.exit(3)", 3), ("import sys; sys.exit('why')", 1)],
)
def test_exit_codes_are_the_scripts(tmp_path: Path, body: str, code: int) -> None:
    script = tmp_path / "leave.py"
    script.write_text(body, encoding="utf-8")
    plain = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    ours = _run(script)
    assert ours.returncode == plain.returncode == code
    assert ours.stderr == plain.stderr


@pytest.mark.parametrize(
    "body",
    [
        "def f():\n    return 1 / 0\nf()\n",
        "print('before')\nx = (1,\n",
        "import missing_module_of_nobody\n",
        "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('b') from e\n",
    ],
)
def test_exceptions_look_as_under_plain_python(tmp_path: Path, body: str) -> None:
    script = tmp_path / "fail.py"
    script.write_text(body, encoding="utf-8")
    plain = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    ours = _run(script)
    assert ours.returncode == plain.returncode == 1
    assert ours.stderr == plain.stderr
    assert ours.stdout == plain.stdout


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    done = _run(tmp_path / "nowhere.py")
    assert done.returncode == 2
    assert "can't open file" in done.stderr
    assert "No such file" in done.stderr
    usage = subprocess.run(
        [sys.executable, "-m", "hotloop.book", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert usage.returncode == 0
    assert usage.stdout.startswith("usage: python -m hotloop.book")
