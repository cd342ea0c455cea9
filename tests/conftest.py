"""Fixtures that several test files share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray

# No deadline: a busy machine is no error. The same examples in each run of CI, new ones elsewhere.
hypothesis.settings.register_profile("dev", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")

# A run started in the background of a shell ignores Ctrl-C, and so would its children, which the
# tests of interrupts wait for.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

Arrays = tuple[NDArray[np.uint8], NDArray[np.uint8]]


@pytest.fixture(scope="session")
def mnist_data() -> tuple[Arrays, Arrays]:
    """Give MNIST from ``HOTLOOP_DATA_DIR``; without a copy there, skip (nothing is ever downloaded)."""
    from hotloop.datasets import mnist  # noqa: PLC0415 - the plain tests run without the data sets
    from hotloop.datasets.idx import FILES, find  # noqa: PLC0415

    root = Path(os.environ.get("HOTLOOP_DATA_DIR", ""))
    folders = (root / "mnist", root) if root.parts else ()
    if not any(all(find(folder, stem) for stem in FILES.values()) for folder in folders):
        pytest.skip(
            "needs MNIST: set HOTLOOP_DATA_DIR to the folder that holds mnist/ with the four IDX files"
        )
    return mnist.load_data()


@pytest.fixture(params=["openmp", "pool"])
def team(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the test with each kind of thread team, its processes too."""
    from hotloop import _core  # noqa: PLC0415 - the plain tests run without the core

    facts = _core.config()
    if request.param not in facts["threading_available"]:
        pytest.skip("this build has no OpenMP")
    _core.set_threading(request.param)
    monkeypatch.setenv("HOTLOOP_THREADING", request.param)
    yield request.param
    _core.set_threading(facts["threading"])


@pytest.fixture
def restore_threads(team: str) -> Iterator[Callable[[int], None]]:
    """Give a function that sets the thread count, and put the old count back afterwards.

    With either thread team.
    """
    assert team
    from hotloop import _core  # noqa: PLC0415 - the plain tests run without the core

    before = _core.get_num_threads()
    yield _core.set_num_threads
    _core.set_num_threads(before)
