"""Why backpropagation: the gradient of a small network by trying out, beside one step backwards.

To try out a network of 50,890 weights takes two losses for each: 101,780 evaluations for one step. Backpropagation
gives the same gradient for about the price of three.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from hotloop import functional as F
from hotloop.examples._lesson import Lesson, run
from hotloop.utils import numerical_gradient


def main(lesson: Lesson) -> None:
    """Take two steps by numerical gradient on one batch, each checked by backpropagation."""
    data = lesson.data()
    hidden, batch = (2, 20) if lesson.quick else (64, 100)
    x, t = data.rows("float64")[0][:batch], data.y[:batch].astype(np.int64)

    np.random.seed(777)  # noqa: NPY002 - the lesson's generator
    w1 = 0.01 * np.random.randn(x.shape[1], hidden)  # noqa: NPY002
    w2 = 0.01 * np.random.randn(hidden, 10)  # noqa: NPY002
    params = {"w1": w1, "b1": np.zeros(hidden), "w2": w2, "b2": np.zeros(10)}
    evaluations = 0

    def loss(_: Any = None) -> float:
        nonlocal evaluations
        evaluations += 1
        h = F.affine(x, params["w1"], params["b1"], activation="sigmoid")
        return F.softmax_cross_entropy(F.affine(h, params["w2"], params["b2"]), t)[0]

    def backpropagation() -> dict[str, Any]:
        h = F.affine(x, params["w1"], params["b1"], activation="sigmoid")
        _, probs = F.softmax_cross_entropy(F.affine(h, params["w2"], params["b2"]), t)
        dlogits = F.softmax_cross_entropy_backward(probs, t)
        dh, dw2, db2 = F.affine_backward(dlogits, h, params["w2"])
        da = F.sigmoid_backward(np.asarray(dh), h)
        _, dw1, db1 = F.affine_backward(da, x, params["w1"], need_dx=False)
        return {"w1": dw1, "b1": db1, "w2": dw2, "b2": db2}

    first = loss()
    for step in (1, 2):
        evaluations, start = 0, time.perf_counter()
        slopes = {name: numerical_gradient(loss, param) for name, param in params.items()}
        tried = time.perf_counter() - start
        lesson.expect("loss evaluations a step", evaluations, 101_780, compare=lesson.full)

        backpropagation()  # the first call warms the caches
        start = time.perf_counter()
        exact = backpropagation()
        back = time.perf_counter() - start
        error = max(np.abs(slopes[name] - exact[name]).max() for name in params)
        lesson.holds(f"step {step}: both gradients agree", bool(error < 1e-8), f"to {error:.0e}")
        print(
            f"step {step}: {tried:.2f} s by trying, {back:.6f} s backwards: {tried / back:,.0f} times"
        )
        for name, slope in slopes.items():
            params[name] -= 0.1 * slope
    last = loss()
    lesson.holds("two steps lower the loss", last < first, f"{first:.4f} to {last:.4f}")


if __name__ == "__main__":
    run(main, data=True, quick=True)
