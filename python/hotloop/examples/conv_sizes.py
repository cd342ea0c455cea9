"""How large is the output of a convolution: floor((size + 2 pad - k) / stride) + 1.

A window of k fits into size + 2 pad places; stride skips some of them. With pad (k - 1) / 2, k odd and stride 1, the
output is as large as the input.
"""

from __future__ import annotations

import numpy as np

from hotloop import functional as F
from hotloop.examples._lesson import Lesson, run


def main(lesson: Lesson) -> None:
    """Compare the formula with the shape of a convolution that was really computed."""
    for size, k, stride, pad in ((5, 3, 1, 0), (5, 4, 1, 2), (7, 3, 2, 0), (28, 5, 3, 1)):
        y = F.conv2d(np.ones((1, 1, size, size)), np.ones((1, 1, k, k)), stride=stride, padding=pad)
        formula = (size + 2 * pad - k) // stride + 1
        lesson.expect(f"size {size}, k {k}, stride {stride}, pad {pad}", y.shape[2], formula)
    # The two that the lesson works out by hand.
    lesson.expect("the lesson's: size 5, k 3", 5 - 3 + 1, 3)
    lesson.expect("the lesson's: size 5, k 4, pad 2", 5 + 2 * 2 - 4 + 1, 6)

    for size, k in ((5, 3), (9, 5), (28, 7)):
        x, w = np.ones((1, 1, size, size)), np.ones((1, 1, k, k))
        y = F.conv2d(x, w, padding=(k - 1) // 2)
        lesson.expect(f"size {size}, k {k}, pad {(k - 1) // 2}", y.shape[2], size)
        # padding="same" finds that pad; with a stride it gives ceil(size / stride).
        same = F.conv2d(x, w, padding="same", stride=2)
        lesson.expect(f"size {size}, k {k}, same, stride 2", same.shape[2], -(-size // 2))

    # im2col writes every window out as one row: as many rows as places, as many columns as weights.
    rows = F.im2col(np.ones((1, 1, 5, 5)), 3)
    lesson.expect("im2col of 5 x 5, k 3", rows.shape, (3 * 3, 3 * 3))


if __name__ == "__main__":
    run(main)
