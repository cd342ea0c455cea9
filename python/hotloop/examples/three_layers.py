"""Three layers forward: two numbers in, two out, every weight in sight.

Each layer is an affine map x W + b and a function of each number; the last function is the identity.
"""

from __future__ import annotations

import numpy as np

from hotloop import functional as F
from hotloop.examples._lesson import Lesson, run


def main(lesson: Lesson) -> None:
    """Compute the answer of the network layer by layer."""
    # A column of W holds the weights of one unit: W1 is (inputs, units) = (2, 3).
    w1, b1 = np.array([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]), np.array([0.1, 0.2, 0.3])
    w2, b2 = np.array([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]]), np.array([0.1, 0.2])
    w3, b3 = np.array([[0.1, 0.3], [0.2, 0.4]]), np.array([0.1, 0.2])

    x = np.array([1.0, 0.5])
    # `activation=` applies the sigmoid while the sums are still in registers.
    h1 = F.affine(x, w1, b1, activation="sigmoid")
    h2 = F.affine(h1, w2, b2, activation="sigmoid")
    y = F.identity(F.affine(h2, w3, b3))
    print(f"x {x} -> {h1.round(4)} -> {h2.round(4)} -> {y.round(4)}")
    lesson.expect("the answer for x = 1, 0.5", y, [0.31682708, 0.69627909], decimals=8)

    # A batch is several rows at once; each row gets the answer that it gets alone.
    batch = np.array([[1.0, 0.5], [0.0, 0.0]])
    h = F.affine(F.affine(batch, w1, b1, activation="sigmoid"), w2, b2, activation="sigmoid")
    lesson.expect("row 0 of a batch of two", F.affine(h, w3, b3)[0], y, rtol=1e-15)


if __name__ == "__main__":
    run(main)
