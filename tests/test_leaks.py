"""Calls that are made again and again, right or wrong, leave no memory and no reference behind."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import _core
from hotloop import functional as F


class _Heap(ctypes.Structure):
    """glibc's ``struct mallinfo2``."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def heap() -> int:
    """Bytes that the process has allocated and not freed, mapped blocks included."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):
        pytest.skip("needs mallinfo2 of glibc 2.33")
    mallinfo2.restype = _Heap
    gc.collect()
    now = mallinfo2()
    return int(now.uordblks + now.hblkhd)


X = np.ones((40, 30), "float32")
W = np.ones((30, 20), "float32")
IMAGES = np.ones((3, 4, 9, 9), "float32")
KERNELS = np.ones((5, 4, 3, 3), "float32")


def conv() -> None:
    y = F.conv2d(IMAGES, KERNELS)
    F.conv2d_backward(y, IMAGES, KERNELS)
    F.max_pool2d(y, 2)


def losses() -> None:
    _, probs = F.softmax_cross_entropy(X, np.zeros(40, "int64"))
    F.softmax_cross_entropy_backward(probs, np.zeros(40, "int64"))


def plans() -> None:
    out = np.empty((40, 20), "float32")
    plan = _core.Plan()
    with plan.recording():
        _core.affine(X, W, None, "relu", out)
    plan.run()


def raised() -> None:
    for wrong in (X[:, :3], X.astype(complex), "text", None, np.ones((1,) * 9, "float32")):
        with pytest.raises((TypeError, ValueError)):
            _core.matmul(wrong, W)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="affine"):
        _core.affine(X, W, None, None, np.empty((2, 2), "float32"))


def models() -> None:
    model = hl.Sequential([hl.layers.Dense(8, "relu", input_shape=(30,)), hl.layers.Dense(3)])
    model.compile("adam", "mse")
    model.fit(X, np.zeros((40, 3), "float32"), batch_size=20, epochs=1, verbose=0)
    model.predict(X)


@pytest.mark.parametrize(
    ("call", "rounds"), [(conv, 100), (losses, 100), (plans, 100), (raised, 60), (models, 20)]
)
def test_the_heap_does_not_grow(call: Callable[[], None], rounds: int) -> None:
    # Caches of NumPy, of the interpreter and of malloc itself fill at first, the more slowly the more
    # ran before this; a leak grows in every span, however many there are.
    growth: list[int] = []
    while not growth or (growth[-1] >= 16 * rounds and len(growth) < 40):
        before = heap()
        for _ in range(rounds):
            call()
        growth.append(heap() - before)
    assert growth[-1] < 16 * rounds, f"bytes over {rounds} calls, time after time: {growth}"


@pytest.mark.parametrize("call", [conv, losses, plans, raised])
def test_no_reference_to_an_argument_stays(call: Callable[[], None]) -> None:
    arguments: list[Any] = [X, W, IMAGES, KERNELS, X.dtype]
    call()
    before = [sys.getrefcount(a) for a in arguments]
    for _ in range(20):
        call()
    gc.collect()
    after = [sys.getrefcount(a) for a in arguments]
    assert max(abs(a - b) for a, b in zip(after[:4], before[:4], strict=True)) == 0
    assert abs(after[4] - before[4]) < 20, "one reference to the dtype a call"
