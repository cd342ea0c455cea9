"""The sizes of the caches: found, told by the environment, and without a say in any bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caches_run
import hotloop as hl

KILO, MEGA = 1024, 1024 * 1024
TOLD = {
    "smallest": (4 * KILO, 4 * KILO, 4 * KILO),
    "laptop": (32 * KILO, 512 * KILO, 4 * MEGA),
    "uneven": (48 * KILO, 1280 * KILO, 1280 * KILO),
    "server": (64 * KILO, 4 * MEGA, 1024 * MEGA),
}


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script in a process of its own."""
    kept = {k: v for k, v in os.environ.items() if k != "HOTLOOP_CACHE_SIZES"}
    return subprocess.run(
        [sys.executable, caches_run.__file__],
        capture_output=True,
        text=True,
        timeout=300,
        env={**kept, **environment},
        check=False,
    )


def answer(**environment: str) -> Any:
    """Return what the script prints."""
    done = run(**environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("isa", hl.config.build_info()["isa_available"])
def test_no_bit_depends_on_the_sizes(isa: str) -> None:
    found = answer(HOTLOOP_ISA=isa)
    assert len(found["digests"]) > 50
    for name, sizes in TOLD.items():
        told = answer(
            HOTLOOP_ISA=isa,
            HOTLOOP_CACHE_SIZES=",".join(map(str, sizes)),
            HOTLOOP_NUM_THREADS="3" if name == "laptop" else "1",
        )
        assert told["sizes"] == list(sizes)
        other = [k for k, v in told["digests"].items() if v != found["digests"][k]]
        assert other == [], name


@pytest.mark.parametrize("seed", range(2))
def test_products_in_many_blocks_are_right(seed: int) -> None:
    """What every other size is compared with: products over several blocks of each kind."""
    for name, (got, want) in caches_run.products(np.float64, seed).items():
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.skipif(
    not Path("/sys/devices/system/cpu/cpu0/cache/index0/size").exists(),
    reason="the system does not say how large its caches are",
)
def test_the_sizes_are_those_of_the_system() -> None:
    of_level: dict[int, int] = {}
    for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        if (index / "type").read_text().strip() != "Instruction":
            size = int((index / "size").read_text().strip().removesuffix("K")) * KILO
            of_level[int((index / "level").read_text())] = size
    found = answer()["sizes"]
    assert found[0] == of_level[1]
    assert found[1] == of_level[2]
    assert found[2] == of_level.get(3, of_level[2])


@pytest.mark.parametrize(
    "text",
    ["1", "32768,524288", "32768,524288,8388608,1", "a,b,c", "32768,,8388608", "-1,524288,8388608",
     "32768,16384,8388608", "1024,524288,8388608", "32K,512K,8M", "32768,524288,99999999999999999999"],
)  # fmt: skip
def test_other_sizes_are_refused_at_import(text: str) -> None:
    done = run(HOTLOOP_CACHE_SIZES=text)
    assert done.returncode != 0
    assert "ImportError: HOTLOOP_CACHE_SIZES must be three sizes in bytes, l1,l2,l3" in done.stderr
    assert f"got '{text}'" in done.stderr


def test_the_report_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    hl.show_config()
    first = hl.config.build_info()["cache_sizes"][0]
    assert f"caches: {first // KILO} KiB, " in capsys.readouterr().out
