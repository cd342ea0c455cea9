"""Loops against whole arrays: Python pays for each number, NumPy and hotloop once for all of them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from hotloop import functional as F
from hotloop.examples._lesson import Lesson, run


def relu(x: Any) -> Any:
    """Return max(x, 0) of a matrix, number by number."""
    y = x.copy()
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[i, j] = max(y[i, j], 0)
    return y


def add(x: Any, y: Any) -> Any:
    """Return x + y; a row y is added to each row of x."""
    z = x.copy()
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            z[i, j] += y[j] if y.ndim == 1 else y[i, j]
    return z


def dot(x: Any, y: Any) -> float:
    """Return the sum of products of two vectors."""
    total = 0.0
    for i in range(len(x)):
        total += x[i] * y[i]
    return total


def matmul(x: Any, y: Any) -> Any:
    """Return the matrix product: a `dot` for each row of x and column of y."""
    return np.array([[dot(row, column) for column in y.T] for row in x])


def main(lesson: Lesson) -> None:
    """Compare answers first, times then."""
    rng = np.random.default_rng(lesson.seed)
    x, y, row = rng.normal(size=(100, 60)), rng.normal(size=(100, 60)), rng.normal(size=60)
    cases: list[Any] = [
        ("relu", relu, lambda a: np.maximum(a, 0), F.relu, (x,)),
        ("add", add, np.add, (x, y)),
        ("row add", add, np.add, (x, row)),
        ("dot", dot, np.dot, lambda a, b: F.matmul(a[None], b[:, None])[0, 0], (x[0], row)),
        ("matrix product", matmul, np.matmul, F.matmul, (x, np.ascontiguousarray(y.T))),
    ]
    times = []
    for name, *ways, arguments in cases:
        answers, seconds = [], []
        for way in ways:
            way(*arguments)  # the first call warms the caches
            start = time.perf_counter()
            answers.append(np.asarray(way(*arguments)))
            seconds.append(time.perf_counter() - start)
        error = max(np.abs(answer - answers[0]).max() for answer in answers)
        lesson.holds(f"{name}: the answers agree", bool(error < 1e-12), f"to {error:.0e}")
        times.append(f"{name:16} " + " ".join(f"{value:10.2e}" for value in seconds))

    # Broadcasting: (32, 10) stands for every one of the 64 x 3 planes of the larger array.
    a, b = rng.random((64, 3, 32, 10)), rng.random((32, 10))
    planes = np.array([np.maximum(plane, b) for plane in a.reshape(-1, 32, 10)])
    same = np.array_equal(np.maximum(a, b).reshape(-1, 32, 10), planes)
    lesson.holds("maximum of (64, 3, 32, 10) with (32, 10)", same)
    print(f"\n{'seconds':16} {'loops':>10} {'NumPy':>10} {'hotloop':>10}", *times, sep="\n")


if __name__ == "__main__":
    run(main)
