"""Sigmoid, softmax, ReLU and step: what goes in and what comes out.

A network is affine maps with one of these functions between them. Sigmoid and step answer "how sure" and "yes or
no", ReLU keeps what is positive, softmax turns scores into probabilities.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import functional as F
from hotloop import plotting
from hotloop.examples._lesson import Lesson, run


def main(lesson: Lesson) -> None:
    """Print the figures and draw the curves."""
    x = np.array([-1.0, 1.0, 2.0])
    figures = [0.26894142, 0.73105858, 0.88079708]
    lesson.expect("sigmoid of -1, 1, 2", F.sigmoid(x), figures, decimals=8)
    # The same in a form that cannot overflow: log(1 + e^-x) is computed in one piece.
    lesson.expect(
        "exp(-logaddexp(0, -x)) of them", np.exp(-np.logaddexp(0, -x)), figures, decimals=8
    )
    with np.errstate(all="raise"):  # any overflow would stop the lesson here
        lesson.expect("sigmoid of -1000, 1000", F.sigmoid([-1000, 1000]), [0.0, 1.0])

    # Softmax: e^x, divided by the sum of all e^x.
    figures = [0.01821127, 0.24519181, 0.73659691]
    lesson.expect("softmax of 0.3, 2.9, 4.0", F.softmax([0.3, 2.9, 4.0]), figures, decimals=8)
    # e^1010 is too large for a float: softmax subtracts the largest score first, which changes nothing.
    lesson.expect(
        "softmax of 1010, 1000, 990",
        F.softmax([1010, 1000, 990]),
        [9.99954600e-01, 4.53978686e-05, 2.06106005e-09],
        rtol=5e-9,
    )
    lesson.expect("ReLU of the list -5, 0, 4", F.relu([-5, 0, 4]), [0, 0, 4])
    lesson.expect("step of -1, 1, 2", F.step([-1, 1, 2]), [0, 1, 1])

    def draw(axes: Any) -> None:
        for ax, function in zip(axes.flat, (F.step, F.relu, F.sigmoid, F.identity), strict=True):
            plotting.function(function, (-5, 5), ax=ax)
            ax.set_title(function.__name__)

    lesson.picture("functions", draw, 2, 2, size=(8, 6))


if __name__ == "__main__":
    run(main)
