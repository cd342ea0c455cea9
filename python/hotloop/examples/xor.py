"""XOR learnt by two layers at once: what one line cannot divide, two can.

The lesson's shapes are odd and make the figures: w1 is (2, 1), b1 is (2,), so the hidden layer is one sum with two
biases, (4, 2); the answer has two equal columns, and both are in the loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import functional as F
from hotloop import plotting
from hotloop.examples._lesson import Lesson, run
from hotloop.utils import numerical_gradient

INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TRUTH = np.array([[0.0], [1.0], [1.0], [0.0]])


def answer(x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    """Return (N, 2): NumPy repeats the one column of the product for each of two biases."""
    hidden = F.sigmoid(F.matmul(x, w1) + b1)
    return F.sigmoid(F.matmul(hidden, w2) + b2)


def main(lesson: Lesson) -> None:
    """Train 1000 steps by central differences."""
    np.random.seed(1)  # noqa: NPY002 - the lesson's generator
    w1, b1 = np.random.randn(2).reshape(2, 1), np.random.rand(2)  # noqa: NPY002
    w2, b2 = np.random.randn(2).reshape(2, 1), np.random.rand(2)  # noqa: NPY002
    params = (w1, b1, w2, b2)

    def loss(_: Any = None) -> float:
        y = answer(INPUTS, *params)
        return float(-np.sum(TRUTH * np.log(y) + (1 - TRUTH) * np.log(1 - y)) / 2)

    losses = [loss()]
    for _ in range(1000):
        # All slopes are taken before any weight moves.
        slopes = [numerical_gradient(loss, param, h=1e-5) for param in params]
        for param, slope in zip(params, slopes, strict=True):
            np.subtract(param, 0.3 * slope, out=param)
        losses.append(loss())

    y = answer(INPUTS, *params)
    lesson.expect("loss", losses[-1], 0.0420271224, decimals=10)
    lesson.expect(
        "prediction", y[:, 0], [0.00846377, 0.98354369, 0.99163498, 0.0084976], decimals=8
    )
    lesson.expect("its second column", y[:, 1], y[:, 0], decimals=8)

    def draw(axes: Any) -> None:
        axes[0].semilogy(losses, linewidth=2)
        axes[0].set(xlabel="step", ylabel="half the summed cross entropy", title="training")
        axes[0].grid(visible=True)
        plotting.decision_boundary(
            lambda x: answer(x, *params)[:, 0], INPUTS, TRUTH[:, 0].astype(int), ax=axes[1]
        )
        axes[1].set(title="XOR", xlabel="first input", ylabel="second input")

    lesson.picture("xor", draw, 1, 2, size=(8, 4))


if __name__ == "__main__":
    run(main)
