"""The thread team behind the core: OpenMP's or the pool, chosen, named, limited and left by a fork."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import functional as F

needs_openmp = pytest.mark.skipif(
    "openmp" not in hl.config.build_info()["threading_available"],
    reason="this build has no OpenMP",
)
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
Set = Callable[[int], None]

PRODUCT = """
import json, os, time
import numpy as np
import hotloop as hl
from hotloop import functional as F
a = np.ones((300, 300), np.float32)
def sums():
    return float(F.matmul(a, a).sum())
before = len(os.listdir("/proc/self/task"))
def more(expected):
    # OpenMP's threads begin a little after the first region.
    end = time.monotonic() + 20
    while True:
        found = len(os.listdir("/proc/self/task")) - before
        if found == expected or time.monotonic() > end:
            return found
        time.sleep(0.002)
"""


def run(code: str, **environment: str) -> Any:
    """Run a program in a process of its own and return what it prints as JSON."""
    kept = {k: v for k, v in os.environ.items() if "THREAD" not in k}
    done = subprocess.run(
        [sys.executable, "-c", PRODUCT + code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**kept, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_openmp
@needs_linux
def test_openmp_is_the_default_and_its_library_is_named() -> None:
    code = """
sums()
info = hl.config.build_info()
print(json.dumps([info["threading"], info["openmp_library"], open("/proc/self/maps").read()]))
"""
    name, library, maps = run(code)
    assert name == "openmp"
    assert "omp" in Path(library).name
    assert Path(library).name.split(".so")[0] in maps


@pytest.mark.parametrize("name", hl.config.build_info()["threading_available"])
def test_the_environment_chooses_the_team(name: str) -> None:
    assert run("print(json.dumps(hl.config.threading()))", HOTLOOP_THREADING=name) == name


def test_an_unknown_team_in_the_environment_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import hotloop"],
        capture_output=True,
        text=True,
        env={**os.environ, "HOTLOOP_THREADING": "tbb"},
        check=False,
    )
    assert done.returncode != 0
    assert (
        "ImportError: HOTLOOP_THREADING=tbb is not a team of threads of this build; it has: "
        in (done.stderr)
    )


def test_the_team_can_be_changed_between_regions(restore_threads: Set) -> None:
    before = hl.config.threading()
    a = np.random.default_rng(0).standard_normal((300, 300)).astype(np.float32)
    restore_threads(1)
    expected = F.matmul(a, a)
    try:
        for threads in (2, 7, 3):
            restore_threads(threads)
            for name in hl.config.build_info()["threading_available"]:
                hl.config.set_threading(name)
                assert hl.config.threading() == name
                np.testing.assert_array_equal(F.matmul(a, a), expected)
    finally:
        hl.config.set_threading(before)


@needs_linux
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_region_has_as_many_threads_as_were_asked_for(team: str, threads: int) -> None:
    # OpenMP's region is held open by one of its own, which does not compute.
    more = threads - 1 + (team == "openmp" and threads > 1)
    code = f"""
hl.set_num_threads({threads})
sums()
print(json.dumps(more({more})))
"""
    assert run(code, HOTLOOP_THREADING=team) == more


@needs_openmp
@needs_linux
def test_the_threads_are_openmps() -> None:
    """OpenMP's own limit on threads holds for them, and the result is whole with those there are."""
    code = """
hl.set_num_threads(7)
print(json.dumps([sums(), more(6 if hl.config.threading() == "pool" else 2)]))
"""
    assert run(code, HOTLOOP_THREADING="openmp", OMP_THREAD_LIMIT="2") == [300**3, 2]
    assert run(code, HOTLOOP_THREADING="pool", OMP_THREAD_LIMIT="2") == [300**3, 6]


@needs_openmp
def test_threadpoolctl_limits_the_threads(team: str, restore_threads: Set) -> None:
    control = pytest.importorskip("threadpoolctl")
    assert team
    libraries = [lib["filepath"] for lib in control.threadpool_info()]
    assert any(
        os.path.realpath(lib) == os.path.realpath(hl.config.build_info()["openmp_library"])
        for lib in libraries
    )
    restore_threads(5)
    a = np.random.default_rng(0).standard_normal((300, 300)).astype(np.float32)
    expected = F.matmul(a, a)
    for limit in (1, 3):
        with control.threadpool_limits(limits=limit, user_api="openmp"):
            assert hl.get_num_threads() == limit
            np.testing.assert_array_equal(F.matmul(a, a), expected)
        assert hl.get_num_threads() == 5


@needs_openmp
@needs_linux
def test_a_limit_of_one_wakes_no_thread(team: str) -> None:
    pytest.importorskip("threadpoolctl")
    code = """
import threadpoolctl
hl.set_num_threads(4)
with threadpoolctl.threadpool_limits(limits=1):
    sums()
time.sleep(0.05)
print(json.dumps(more(0)))
"""
    assert run(code, HOTLOOP_THREADING=team) == 0


@needs_openmp
def test_a_limit_from_before_the_import_holds() -> None:
    pytest.importorskip("threadpoolctl")
    library = hl.config.build_info()["openmp_library"]
    code = f"""
import ctypes, json
ctypes.CDLL({library!r}).omp_set_num_threads(3)
import hotloop as hl
hl.set_num_threads(5)
print(json.dumps(hl.get_num_threads()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == 3


@needs_openmp
def test_the_limit_of_one_thread_is_not_that_of_another(restore_threads: Set) -> None:
    control = pytest.importorskip("threadpoolctl")
    restore_threads(5)
    found: list[int] = []
    with control.threadpool_limits(limits=1, user_api="openmp"):
        other = threading.Thread(target=lambda: found.append(hl.get_num_threads()))
        other.start()
        other.join()
    assert found == [5]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_child_of_a_fork_has_the_pool(team: str) -> None:
    code = """
hl.set_num_threads(3)
expected = sums()
read, write = os.pipe()
child = os.fork()
if child == 0:
    try:
        hl.config.set_threading("openmp")
        refused = ""
    except ValueError as error:
        refused = str(error)
    answer = [hl.config.threading(), sums() == expected, refused]
    os.write(write, json.dumps(answer).encode())
    os._exit(0)
os.waitpid(child, 0)
answer = json.loads(os.read(read, 4096))
print(json.dumps([*answer, sums() == expected, hl.config.threading()]))
"""
    name, same, refused, still, parent = run(code, HOTLOOP_THREADING=team)
    assert (name, same, still, parent) == ("pool", True, True, team)
    assert refused == "set_threading: name must be one of ('pool',), got 'openmp'"


@needs_openmp
def test_a_worker_of_joblib_has_its_share_of_the_processors() -> None:
    pytest.importorskip("joblib")
    code = """
import joblib
def work():
    sums()
    return [hl.get_num_threads(), hl.config.threading()]
found = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(hl.get_num_threads)() for _ in "ab")
with joblib.parallel_config(backend="loky", inner_max_num_threads=3):
    told = joblib.Parallel(n_jobs=2)(joblib.delayed(hl.get_num_threads)() for _ in "ab")
print(json.dumps([found, told]))
"""
    found, told = run(code)
    assert found == [max(1, len(os.sched_getaffinity(0)) // 2)] * 2
    assert told == [3, 3]


@needs_linux
def test_where_the_system_refuses_threads_the_caller_works_alone(team: str) -> None:
    code = f"""
import resource
from pathlib import Path
hl.set_num_threads(4)
soft, hard = resource.getrlimit(resource.RLIMIT_AS)
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 6 * 2**20, hard))
alone = [sums() for _ in range(3)]
resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
print(json.dumps([alone, sums(), more({3 + (team == "openmp")})]))
"""
    assert run(code, HOTLOOP_THREADING=team) == [[300.0**3] * 3, 300.0**3, 3 + (team == "openmp")]


MANY = """
layers = hl.layers
def trained(threads):
    hl.set_num_threads(threads)
    hl.utils.set_random_seed(0)
    model = hl.Sequential([
        layers.Input((14, 14, 8)),
        layers.Conv2D(24, 3, padding="same", activation="relu"),
        layers.Conv2D(24, 3, groups=24),
        layers.MaxPool2D(2),
        layers.Conv2D(16, 3, strides=2),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.Dense(512, activation="tanh"),
        layers.Dense(10),
    ])
    model.compile("adam", hl.losses.SparseCategoricalCrossentropy(from_logits=True))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((96, 14, 14, 8), dtype=np.float32)
    model.fit(x, rng.integers(0, 10, 96), batch_size=48, epochs=3, verbose=0, shuffle=False)
    return b"".join(w.tobytes() for w in model.get_weights()).hex()
want = trained(1)
same = {str(n): trained(n) == want for n in (8, 16, 64)}
print(json.dumps({"same": same, "finite": "nan" not in want, "regions": hl._core.region_count()}))
"""


@pytest.mark.parametrize("team", hl.config.build_info()["threading_available"])
def test_many_more_threads_than_processors_give_the_bits_of_one(team: str) -> None:
    answer = run(MANY, HOTLOOP_THREADING=team)
    assert answer["same"] == {"8": True, "16": True, "64": True}
    regions, parts = answer["regions"]
    assert regions > 50
    assert parts / regions > 4  # threads that had a part, on average


def test_a_region_is_counted_with_its_parts(restore_threads: Set) -> None:
    a = np.ones((300, 300), np.float32)
    small = np.ones((4, 4), np.float32)
    restore_threads(3)
    before = hl._core.region_count()
    F.matmul(a, a)
    F.matmul(small, small)  # not worth a second thread
    restore_threads(1)
    F.matmul(a, a)
    after = hl._core.region_count()
    assert (after[0] - before[0], after[1] - before[1]) == (1, 3)
