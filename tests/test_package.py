"""The package as a whole: version, public names, what an import costs, and what the environment sets."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import functional as F


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter; the settings of this test run do not reach it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HOTLOOP_", "OMP_"))}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env={**kept, **environment},
        check=False,
    )


def answer(code: str, **environment: str) -> Any:
    """Run code that prints JSON and give back what it printed."""
    done = run(code, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def distribution() -> importlib.metadata.Distribution:
    try:
        return importlib.metadata.distribution("hotloop")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("hotloop is on the path but not installed")


def test_version_is_that_of_the_distribution(
    distribution: importlib.metadata.Distribution,
) -> None:
    assert hl.__version__ == "0.1.0"
    assert distribution.version == hl.__version__


def test_dependencies_are_the_four(distribution: importlib.metadata.Distribution) -> None:
    needed = [r for r in distribution.requires or () if "extra ==" not in r]
    names = {r.split(">")[0].split(";")[0].strip() for r in needed}
    assert names == {"numpy", "tqdm", "safetensors", "pooch"}


@pytest.mark.parametrize("name", hl.__all__)
def test_public_name_can_be_had(name: str) -> None:
    assert getattr(hl, name) is not None
    assert name in dir(hl)


@pytest.mark.parametrize(
    "module",
    ["functional", "reference", "layers", "losses", "metrics", "optimizers", "initializers",
     "models", "datasets", "callbacks", "utils"],
)  # fmt: skip
def test_every_name_of_a_module_exists_and_says_what_it_does(module: str) -> None:
    loaded = getattr(hl, module)
    assert loaded.__all__
    for name in loaded.__all__:
        value = getattr(loaded, name)
        if callable(value):
            assert value.__doc__, f"{module}.{name} has no docstring"


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'hotloop' has no attribute 'nowhere'"):
        _ = hl.nowhere  # type: ignore[attr-defined]


def test_functional_and_reference_have_the_same_names() -> None:
    assert set(F.__all__) <= set(hl.reference.__all__)


def test_import_loads_the_core_alone() -> None:
    heavy = ["tqdm", "safetensors", "pooch", "matplotlib", "sklearn", "requests", "hotloop.layers"]
    code = f"import json, sys, hotloop; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    assert answer(code) == []
    assert answer("import json, sys, hotloop; print(json.dumps('hotloop._core' in sys.modules))")


def test_package_is_typed_and_carries_its_stub() -> None:
    folder = Path(hl.__file__).parent
    assert (folder / "py.typed").is_file()
    stub = (folder / "_core.pyi").read_text(encoding="utf-8")
    missing = [name for name in F.__all__ if f"def {name}(" not in stub]
    # The recurrent layers are one function of the core, which is told the cell.
    assert {name.removesuffix("_backward") for name in missing} == {"gru", "lstm", "simple_rnn"}
    assert '"lstm", "gru", "simple_rnn"' in stub


@pytest.mark.parametrize("isa", hl.config.build_info()["isa_available"])
def test_instruction_set_can_be_chosen(isa: str) -> None:
    code = "import json, hotloop; print(json.dumps(hotloop.config.build_info()['isa']))"
    assert answer(code, HOTLOOP_ISA=isa) == isa


@pytest.mark.parametrize("wish", ["sse9", "AVX2", "neon avx2"])
def test_instruction_set_that_does_not_exist_raises_at_import(wish: str) -> None:
    done = run("import hotloop", HOTLOOP_ISA=wish)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert f"HOTLOOP_ISA={wish} is not an instruction set of this machine; it has: " in last
    assert "baseline" in last


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HOTLOOP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"HOTLOOP_NUM_THREADS": "1", "OMP_NUM_THREADS": "5"}, 1),
    ],
)
def test_threads_from_the_environment_are_taken_as_given(
    environment: dict[str, str], expected: int
) -> None:
    code = "import json, hotloop; print(json.dumps(hotloop.get_num_threads()))"
    assert answer(code, **environment) == expected


@pytest.mark.parametrize("wish", ["x", "0", "-1", "2.5", "3,4", "4097", "99999999999999999999"])
def test_a_number_of_threads_that_is_none_raises_at_import(wish: str) -> None:
    done = run("import hotloop", HOTLOOP_NUM_THREADS=wish)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert f"HOTLOOP_NUM_THREADS={wish} is not a number of threads from 1 to 4096" in last
    assert run("import hotloop", HOTLOOP_NUM_THREADS="").returncode == 0


def test_threads_can_be_set_and_wrong_numbers_are_refused() -> None:
    before = hl.get_num_threads()
    try:
        hl.set_num_threads(7)
        assert hl.get_num_threads() == 7
        with pytest.raises(ValueError, match="set_num_threads: n must be from 1 to 4096, got 0"):
            hl.set_num_threads(0)
        assert hl.get_num_threads() == 7
    finally:
        hl.set_num_threads(before)


def test_show_config_names_all_that_a_report_needs(capsys: pytest.CaptureFixture[str]) -> None:
    hl.show_config()
    text = capsys.readouterr().out
    info = hl.config.build_info()
    assert text.startswith(f"hotloop {hl.__version__}\n")
    for value in (
        info["isa"],
        info["compiler"],
        str(info["threads"]),
        info["threading"],
        info["openmp_library"],
        *info["isa_available"],
        *info["threading_available"],
    ):
        assert value in text


def _product(queue: Any, a: Any) -> None:
    # A digest: more than a pipe holds would block until the parent reads.
    queue.put(hashlib.sha256(F.matmul(a, a).tobytes()).hexdigest())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.usefixtures("team")
# Python 3.12 warns of forks in a process that has threads: the case that is tested here.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child_computes_after_the_parent_used_threads() -> None:
    a = np.random.default_rng(0).normal(size=(300, 300))
    before = hl.get_num_threads()
    try:
        hl.set_num_threads(2)
        expected = hashlib.sha256(
            F.matmul(a, a).tobytes()
        ).hexdigest()  # large enough to wake the team
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        child = context.Process(target=_product, args=(queue, a))
        child.start()
        child.join(30)
        alive = child.is_alive()
        if alive:
            child.kill()
            child.join()
        assert not alive, "the child hangs in a team that did not survive the fork"
        assert child.exitcode == 0
        assert queue.get() == expected
    finally:
        hl.set_num_threads(before)
