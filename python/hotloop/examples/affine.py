"""Affine layer forward and backward: where x, W and b get their gradients from.

Forward y = x W + b. A small change of x moves y by W, one of W by x, one of b by itself. So with dy, the slope of the
loss for y: dx = dy W', dW = x' dy, db = dy summed over the batch (' is the transpose).
"""

from __future__ import annotations

import numpy as np

from hotloop import functional as F
from hotloop.examples._lesson import Lesson, run


def main(lesson: Lesson) -> None:
    """Push one sample and one batch through, and their gradients back."""
    x = np.array([0.82112094, 0.52401537])
    w = np.array([[0.98913291, 0.3114957, 0.74020997], [0.0272213, 0.29891712, 0.30511339]])
    dy = np.array([2.14017912, -1.88100173, -0.33160328])
    # The inputs are printed to eight digits: products of them hold to 2e-8.
    lesson.expect(
        "y of one sample", F.affine(x, w), [0.82646212, 0.41241281, 0.76768601], within=2e-8
    )
    dx, dw, db = F.affine_backward(dy, x, w)
    lesson.expect("dx", np.asarray(dx), [1.28554159, -0.60518177], within=2e-8)
    lesson.expect("dW, first row", dw[0], [1.75734588, -1.5445299, -0.2722864], within=2e-8)
    lesson.expect("db", np.asarray(db), dy)

    # A batch of two with the lesson's random numbers: an old seed gives the same ones today.
    np.random.seed(111)  # noqa: NPY002 - the lesson's generator
    w, b = np.random.randn(3, 2), np.random.randn(2)  # noqa: NPY002
    x = np.random.rand(2, 3)  # noqa: NPY002
    np.random.rand(6)  # noqa: NPY002 - six draws that the lesson does not use
    dout = np.random.rand(2, 2)  # noqa: NPY002
    lesson.expect(
        "X after seed 111",
        x,
        [[0.23868214, 0.33765619, 0.99071246], [0.23772645, 0.08119266, 0.66960024]],
        decimals=8,
    )
    dx, dw, db = F.affine_backward(dout, x, w)
    lesson.expect(
        "dX",
        np.asarray(dx),
        [[-0.57717814, 0.8894841, -1.01146255], [-0.5434705, 0.86783399, -1.09728643]],
        decimals=8,
    )

    # The test of any gradient: move one number by 1e-6 and see how the loss, here sum(dout * y), moves.
    moved = w.copy()
    moved[0, 0] += 1e-6
    slope = np.sum(dout * (F.affine(x, moved, b) - F.affine(x, w, b))) / 1e-6
    lesson.expect("dW[0, 0] by moving W[0, 0]", slope, dw[0, 0], decimals=6)


if __name__ == "__main__":
    run(main)
