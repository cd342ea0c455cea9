"""Trainings in several threads and processes, beside other libraries and under limits: they end, with the same bits."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
import processes_run

SCRIPT = Path(processes_run.__file__)
THREADS = 8
SECONDS = 400  # of a busy machine: a program that hangs is ended then, and the test fails
Set = Callable[[int], None]

# In this process and in those that it starts.
pytestmark = pytest.mark.usefixtures("team")

needs_posix = pytest.mark.skipif(
    sys.platform != "linux", reason="fork and affinity as Linux has them"
)


@pytest.fixture(scope="module")
def expected() -> str:
    """Give the digest of a training alone, with one thread."""
    before = hl.get_num_threads()
    hl.set_num_threads(1)
    try:
        return processes_run.train()
    finally:
        hl.set_num_threads(before)


def together(work: Callable[[int], Any]) -> list[Any]:
    """Run `work` in eight threads that begin at once; an error in one is raised here."""
    start, answers = threading.Barrier(THREADS), [None] * THREADS
    errors: list[BaseException] = []

    def run(mine: int) -> None:
        try:
            start.wait()
            answers[mine] = work(mine)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]
    return answers


@pytest.mark.parametrize("threads", [1, 3])
def test_eight_threads_of_fit_give_the_bits_of_one(
    expected: str, restore_threads: Set, threads: int
) -> None:
    restore_threads(threads)
    assert together(lambda _: processes_run.train()) == [expected] * THREADS


def test_eight_threads_predict_with_one_model(restore_threads: Set) -> None:
    restore_threads(3)
    x, t = processes_run.data()
    model = processes_run.model()
    answers, loss = model.predict(x, verbose=0), model.evaluate(x, t, verbose=0)

    def work(mine: int) -> bool:
        if mine % 2:
            return bool(model.evaluate(x, t, verbose=0) == loss)
        return np.array_equal(model.predict(x, batch_size=7 + mine, verbose=0), answers)

    assert all(together(work))


def test_eight_fits_of_one_model_wait_for_each_other(restore_threads: Set) -> None:
    restore_threads(3)
    x, t = processes_run.data()
    model, other = processes_run.model(), processes_run.model()

    def work(mine: int) -> Any:
        if mine == 0:
            return [model.predict(x[:5], verbose=0).sum(axis=1) for _ in range(20)]
        return model.fit(x, t, batch_size=16, epochs=2, shuffle=False, verbose=0).history["loss"]

    sums, *losses = together(work)
    np.testing.assert_allclose(sums, 1.0, rtol=1e-5)
    for _ in range(THREADS - 1):
        history = other.fit(x, t, batch_size=16, epochs=2, shuffle=False, verbose=0).history
        assert history["loss"] in losses
    assert processes_run.digest(model) == processes_run.digest(other)


def test_eight_threads_do_everything_with_one_model(tmp_path: Path, restore_threads: Set) -> None:
    restore_threads(3)
    x, t = processes_run.data()
    model = processes_run.model()
    model.fit(x, t, verbose=0)
    file, weights = tmp_path / "m", tmp_path / "w"
    model.save(file)
    model.save_weights(weights)
    deeds: list[Callable[[], object]] = [
        lambda: model.fit(x, t, batch_size=16, verbose=0),
        lambda: model.predict(x, verbose=0),
        lambda: model.evaluate(x, t, verbose=0),
        lambda: model.train_on_batch(x[:32], t[:32]),
        lambda: model.loss_and_grads(x[:16], t[:16]),
        lambda: model.set_weights(model.get_weights()),
        lambda: model.save(file),
        lambda: hl.models.load_model(file).predict(x[:4], verbose=0),
        lambda: model.save_weights(weights),
        lambda: model.load_weights(weights),
        lambda: copy.deepcopy(model).predict(x[:4], verbose=0),
        lambda: pickle.loads(pickle.dumps(model)).predict(x[:4], verbose=0),
        lambda: model.compile("sgd", "sparse_categorical_crossentropy"),
        lambda: model.summary(print_fn=lambda *_: None),
        lambda: hl.set_num_threads(2),
        lambda: hl.models.clone_model(model),
    ]

    def work(mine: int) -> bool:
        rng = random.Random(mine)
        for deed in rng.sample(2 * deeds, len(deeds)):
            deed()
        return True

    assert all(together(work))
    assert np.isfinite(model.predict(x, verbose=0)).all()
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["m", "w"]


def run(*words: str, **environment: str) -> list[str]:
    """Run the script and return the lines that it prints; a hang or an error fails."""
    kept = {
        k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "HOTLOOP_NUM_THREADS")
    }
    done = subprocess.run(
        [sys.executable, SCRIPT, *words],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**kept, "HOTLOOP_NUM_THREADS": "3", **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_children_in_the_middle_of_a_training_train(expected: str, method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    assert run(method) == [expected] * 3


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_loader_half_through_goes_on_in_a_child(method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    ours, theirs = run("loaders", method)
    assert ours == theirs


@needs_posix
def test_a_child_of_a_fork_uses_a_model_that_a_thread_was_training() -> None:
    assert run("held") == ["0"] * 10


@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading"])
def test_workers_of_joblib_train(expected: str, backend: str) -> None:
    pytest.importorskip("joblib")
    assert run("joblib", backend) == [expected] * 4


def test_beside_the_threads_of_numpy_and_scikit_learn(expected: str) -> None:
    pytest.importorskip("sklearn")
    assert run("beside", "sklearn") == [expected] * 3


@pytest.mark.slow
def test_beside_pytorch_too(expected: str) -> None:
    pytest.importorskip("torch")
    assert run("beside", "sklearn", "torch") == [expected] * 4


@needs_posix
def test_on_one_processor_with_more_threads(expected: str) -> None:
    assert run("limit") == [expected]


@needs_posix
def test_a_quota_of_a_group_of_processes_sets_the_threads() -> None:
    """In namespaces of its own, where that may be: a tmpfs in the place of the groups' files."""
    script = (
        'mount -t tmpfs none /sys/fs/cgroup && printf "150000 100000" > /sys/fs/cgroup/cpu.max && '
        'exec "$0" "$1" threads'
    )
    words = ["unshare", "--mount", "sh", "-c", script, sys.executable, str(SCRIPT)]
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    try:
        done = subprocess.run(words, capture_output=True, text=True, env=kept, check=False)
    except FileNotFoundError:
        pytest.skip("no unshare here")
    if "ermi" in done.stderr or "unshare failed" in done.stderr:
        pytest.skip("no namespaces here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(min(2, len(os.sched_getaffinity(0))))]


@needs_posix
@pytest.mark.parametrize("inner", ["", "inner"])
def test_a_quota_of_an_inner_group_counts_too(inner: str) -> None:
    top = Path("/sys/fs/cgroup/cpu") / f"hotloop-{os.getpid()}"
    try:
        (top / inner).mkdir(parents=True)
    except OSError:
        pytest.skip("no group of processes can be made here")
    try:
        (top / "cpu.cfs_quota_us").write_text("100000")
        script = f'echo $$ > {top / inner}/cgroup.procs && exec "$0" "$1" threads'
        words = ["sh", "-c", script, sys.executable, str(SCRIPT)]
        kept = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
        done = subprocess.run(words, capture_output=True, text=True, env=kept, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["1"]
    finally:
        for group in dict.fromkeys((top / inner, top)):
            group.rmdir()


@pytest.mark.parametrize("threads", ["1", "64"])
def test_threads_named_by_openmps_variable(expected: str, threads: str) -> None:
    assert run("alone", HOTLOOP_NUM_THREADS="", OMP_NUM_THREADS=threads) == [expected]
