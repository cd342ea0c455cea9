"""Kills and interrupts at many moments of what writes files: nothing that a user had is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kill_moments

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="ends forked children")


def tried(work: str, number: str, moments: int, folder: Path) -> dict[str, Any]:
    """End the work at that many moments; return what was tried and what was lost."""
    here = Path(__file__).parent
    script = str(here / "kill_moments.py")
    path = os.pathsep.join([str(here), *filter(None, [os.environ.get("PYTHONPATH")])])
    words = [sys.executable, script, work, number, str(moments), str(folder)]
    # One thread: a child of a fork then has all that its parent had.
    env = {**os.environ, "PYTHONPATH": path, "HOTLOOP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    done = subprocess.run(words, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["moments"] == moments
    return found


@pytest.mark.parametrize("number", ["SIGKILL", "SIGINT"])
@pytest.mark.parametrize("work", kill_moments.WORKS)
def test_a_few_moments_lose_nothing(tmp_path: Path, work: str, number: str) -> None:
    assert tried(work, number, 6, tmp_path)["lost"] == []


@pytest.mark.slow
@pytest.mark.parametrize("number", ["SIGKILL", "SIGINT"])
@pytest.mark.parametrize("work", kill_moments.WORKS)
def test_many_moments_lose_nothing(
    tmp_path: Path, work: str, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # The command takes a hundred times as long as a save.
    found = tried(work, number, 20 if work == "train" else 60, tmp_path)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{work}, {number}: {found['moments']} moments of {found['lines']} lines or "
            f"{found['seconds']} s, {found['interrupted']} before the end, {found['left']} left a "
            f"temporary file, {len(found['lost'])} losses\n"
        )
    assert found["lost"] == []
    assert found["interrupted"] >= found["moments"] // 3
