"""The gate for speed by counts: what it reads, and what it lets pass."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).resolve().parent.parent / "bench"

DUMP = """# callgrind format
version: 1
pid: 7
part: 1
desc: I1 cache: 32768 B, 64 B, 8-way associative
desc: Trigger: Client Request: sigmoid 256 KB
positions: line
events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw
summary: 1000 300 200 1 40 20 1 9 3
fn=(1) a function
16 1000 300 200 1 40 20 1 9 3
totals: 1000 300 200 1 40 20 1 9 3
"""


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("counts")


def test_a_dump_is_read_by_its_name(counts: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "out.7.1").write_text(DUMP, encoding="utf-8")
    (tmp_path / "out.7").write_text(DUMP.replace("Client Request: ", ""), encoding="utf-8")
    assert counts.read(tmp_path) == {
        "sigmoid 256 KB": {"instructions": 1000, "L1 misses": 60, "L2 misses": 12}
    }


@pytest.mark.parametrize(
    ("kind", "factor", "passes"),
    [
        ("instructions", 1.0, True),
        ("instructions", 0.5, True),
        ("instructions", 1.02, True),
        ("instructions", 1.05, False),
        ("L1 misses", 1.1, True),
        ("L1 misses", 1.4, False),
        ("L2 misses", 1.2, True),
        ("L2 misses", 1.8, False),
    ],
)
def test_what_is_over_its_limit(counts: ModuleType, kind: str, factor: float, passes: bool) -> None:
    limits = {"instructions": 9_000_000, "L1 misses": 80_000, "L2 misses": 40_000}
    found = {**limits, kind: int(limits[kind] * factor)}
    said = counts.beyond("relu", found, limits)
    assert (said == []) is passes
    assert all(text.startswith("relu: ") and kind in text for text in said)


def test_a_few_misses_more_say_nothing(counts: ModuleType) -> None:
    limits = {"instructions": 1000, "L1 misses": 10, "L2 misses": 0}
    assert counts.beyond("x", {**limits, "L1 misses": 900, "L2 misses": 500}, limits) == []


def test_every_kernel_and_step_has_a_limit(counts: ModuleType) -> None:
    recorded = json.loads((BENCH / "counts.json").read_text(encoding="utf-8"))
    names = {*counts.KERNELS, *(f"step {name}" for name in counts.STEPS)}
    assert recorded["counts"].keys() == names
    assert len(counts.KERNELS) == 10
    for limits in recorded["counts"].values():
        assert limits.keys() == counts.ROOM.keys()
        assert limits["instructions"] > 100_000


def test_without_valgrind_it_says_so(
    counts: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr("sys.argv", ["counts.py"])
    assert counts.main() == 0
    assert capsys.readouterr().out == "counts: nothing counted, there is no valgrind\n"
