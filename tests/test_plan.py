"""Recorded plans give the bits of eager calls, and fold what may be folded."""

from __future__ import annotations

import multiprocessing
import platform
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

from hotloop import _core, functional

# Any: the tests also pass what the signatures forbid.
F: Any = functional


def make(shape: tuple[int, ...], seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_a_recorded_call_runs_again_on_what_its_inputs_then_hold() -> None:
    x, w, b = make((4, 3)), make((3, 2), 1), make((2,), 2)
    plan = _core.Plan()
    with plan.recording():
        y = F.affine(x, w, b, activation="relu")
        z = F.relu(y)
    assert len(plan) == 2
    for seed in (5, 6):
        x[...] = make((4, 3), seed)
        plan.run()
        np.testing.assert_array_equal(y, F.affine(x, w, b, activation="relu"))
        np.testing.assert_array_equal(z, y)


def test_rebinding_reads_the_new_array() -> None:
    x, w = make((4, 3)), make((3, 2), 1)
    plan = _core.Plan()
    with plan.recording():
        y = F.affine(x, w)
    other = make((4, 3), 9)
    plan.rebind(x, other)
    plan.run()
    np.testing.assert_array_equal(y, F.affine(other, w))
    with pytest.raises(ValueError, match=r"Plan.rebind: .*\(4, 3\) and \(3, 3\)"):
        plan.rebind(other, make((3, 3)))
    with pytest.raises(ValueError, match=r"Plan.rebind"):
        plan.rebind(other, other.astype(np.float64))


# Elsewhere subnormal numbers cost nothing, and a plan keeps them.
on_x86 = pytest.mark.skipif(
    platform.machine() not in {"x86_64", "AMD64"}, reason="this processor keeps subnormal numbers"
)


@on_x86
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_a_plan_takes_subnormal_numbers_as_zero_on_every_thread(
    threads: int, restore_threads: Any
) -> None:
    restore_threads(threads)
    x, w = np.full((2100, 100), 1e-30, np.float32), np.full((100, 64), 1e-10, np.float32)
    plan = _core.Plan()
    with plan.recording():
        y = F.affine(x, w)
    plan.run()
    np.testing.assert_array_equal(y, np.zeros_like(y))
    x[::2] = 1  # what lies above is computed as ever
    plan.run()
    expected = np.broadcast_to(F.affine(x[:1], w), (1050, 64))
    np.testing.assert_array_equal(y[::2], expected)
    np.testing.assert_array_equal(y[1::2], np.zeros_like(expected))


@on_x86
def test_what_follows_a_plan_keeps_its_subnormal_numbers(restore_threads: Any) -> None:
    x, w = np.full((600, 300), 1e-30, np.float32), np.full((300, 64), 1e-11, np.float32)
    before = F.affine(x, w)
    assert 0 < before.min() < np.finfo(np.float32).smallest_normal
    plan = _core.Plan()
    with plan.recording():
        y = F.affine(x, w)
    for threads in (1, 2, 7):
        restore_threads(threads)
        plan.run()
        np.testing.assert_array_equal(F.affine(x, w), before)
        assert x[0, 0] * w[0, 0] > 0
    np.testing.assert_array_equal(y, np.zeros_like(y))


@pytest.mark.parametrize("kind", ["relu", "sigmoid", "tanh"])
def test_an_activation_gradient_folds_into_the_product_before_it(kind: str) -> None:
    backward = getattr(_core, f"{kind}_backward")
    x, w, dy = make((7, 5)), make((5, 6), 1), make((7, 6), 2)
    y = getattr(_core, kind)(x)
    dx = F.affine_backward(dy, y, w)[0]
    expected = backward(dx, y)
    plan = _core.Plan()
    with plan.recording():
        folded, _, _ = F.affine_backward(dy, y, w)
        backward(folded, y, out=folded)
    assert len(plan) == 1
    plan.run()
    np.testing.assert_allclose(folded, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("options", [{}, {"groups": 2}, {"algorithm": "im2col"}])
def test_an_activation_gradient_folds_into_a_convolution(options: Any) -> None:
    x, w = np.tanh(make((2, 6, 6, 4))), make((3, 3, 4 // options.get("groups", 1), 4), 1)
    dy = make((2, 4, 4, 4), 2)
    last = {"data_format": "channels_last", **options}
    expected = F.tanh_backward(F.conv2d_backward(dy, x, w, **last)[0], x)
    plan = _core.Plan()
    with plan.recording():
        dx, _, _ = F.conv2d_backward(dy, x, w, **last)
        F.tanh_backward(dx, x, out=dx)
    assert len(plan) == 1
    plan.run()
    np.testing.assert_allclose(dx, expected, rtol=1e-5, atol=1e-6)


def test_conversions_cannot_be_recorded() -> None:
    plan = _core.Plan()
    with (
        plan.recording(),
        pytest.raises(RuntimeError, match="affine: x would have to be converted"),
    ):
        F.affine(make((4, 3)).astype(">f4"), make((3, 2)))
    with (
        plan.recording(),
        pytest.raises(RuntimeError, match="affine: w would have to be converted"),
    ):
        F.affine(make((4, 3)).astype(np.float64), make((3, 2)))
    assert len(plan) == 0


def test_one_plan_records_in_a_thread() -> None:
    plan, other = _core.Plan(), _core.Plan()
    with plan.recording():
        with pytest.raises(RuntimeError, match="another plan records"), other.recording():
            pass
        # Another thread is not recorded.
        result: list[Any] = []
        thread = threading.Thread(target=lambda: result.append(F.relu(make((3,)))))
        thread.start()
        thread.join()
    assert len(plan) == 0
    np.testing.assert_array_equal(result[0], np.maximum(make((3,)), 0))


def train(queue: Any) -> None:
    x, w = make((300, 784)), make((784, 100), 1)
    queue.put(F.affine(x, w).tobytes())


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_forked_child_computes_the_same_bits(restore_threads: Any) -> None:
    restore_threads(2)
    x, w = make((300, 784)), make((784, 100), 1)
    here = F.affine(x, w).tobytes()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=train, args=(queue,))
    child.start()
    there = queue.get(timeout=60)
    child.join(60)
    assert child.exitcode == 0
    assert there == here


def test_threads_of_python_compute_side_by_side(restore_threads: Any) -> None:
    restore_threads(2)
    x, w = make((300, 784)), make((784, 100), 1)
    expected = F.affine(x, w)
    wrong: list[int] = []

    def work(n: int) -> None:
        for _ in range(20):
            if not np.array_equal(F.affine(x, w), expected):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("n", [0, -1, 5000])
def test_thread_counts_have_a_range(n: int) -> None:
    with pytest.raises(ValueError, match=f"set_num_threads: n must be from 1 to 4096, got {n}"):
        _core.set_num_threads(n)


def test_thread_counts_are_integers() -> None:
    with pytest.raises(TypeError, match="set_num_threads: n must be an integer, got str"):
        _core.set_num_threads("2")  # type: ignore[arg-type]


SPINNING = """
import numpy as np
import hotloop.functional as F
from hotloop import _core
rng = np.random.default_rng(0)
x, w = rng.standard_normal((300, 784)), rng.standard_normal((784, 300))
_core.set_num_threads({threads})
expected = F.affine(x, w)
for _ in range(50):
    np.dot(x, w)  # leaves BLAS threads that still poll for work
    assert np.array_equal(F.affine(x, w), expected)
print("done")
"""


@pytest.mark.usefixtures("team")
@pytest.mark.parametrize("threads", [2, 64])
def test_regions_end_beside_another_pool_and_with_more_threads_than_processors(
    threads: int,
) -> None:
    result = subprocess.run(
        [sys.executable, "-c", SPINNING.format(threads=threads)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (result.stdout.strip(), result.returncode) == ("done", 0), result.stderr
