"""Descent without a formula for the slope: find it by trying, walk against it, mind the step.

The numerical gradient moves each variable a little up and down and sees what the function does. On x0^2 + x1^2 the
rate .1 arrives, .01 is too slow, and 10 jumps from side to side, farther out each time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import plotting
from hotloop.examples._lesson import Lesson, run
from hotloop.utils import numerical_gradient


def bowl(x: Any) -> float:
    """Return x0^2 + x1^2, lowest at (0, 0)."""
    return float(x[0] ** 2 + x[1] ** 2)


def descend(rate: float, steps: int = 100) -> Any:
    """Return the places visited from (-3, 4), one a row."""
    x = np.array([-3.0, 4.0])
    path = [x.copy()]
    for _ in range(steps):
        x -= rate * numerical_gradient(bowl, x, h=1e-4)
        path.append(x.copy())
    return np.array(path)


def main(lesson: Lesson) -> None:
    """Compare three rates, and draw their paths."""
    slope = numerical_gradient(bowl, np.array([3.0, 4.0]), h=1e-4)
    lesson.expect("numerical gradient at (3, 4)", slope, [6.0, 8.0], decimals=8)

    paths = {rate: descend(rate) for rate in (0.1, 0.01, 10.0)}
    ends = {
        0.1: [-6.11110793e-10, 8.14814391e-10],
        0.01: [-0.39785867, 0.53047822],
        # Out there the function is so large that moving x by 1e-4 changes none of its digits: the walk stops.
        10.0: [-2.58983747e13, -1.29524862e12],
    }
    for rate, end in ends.items():
        lesson.expect(f"rate {rate:g}, after 100 steps", paths[rate][-1], end, rtol=1e-8)

    def draw(axes: Any) -> None:
        for ax, (rate, path) in zip(axes, paths.items(), strict=True):
            shown = path[:4] if rate > 1 else path
            plotting.descent_path(bowl, shown, ax=ax)
            ax.set(title=f"rate {rate:g}, {len(shown) - 1} steps", xlabel="x0", ylabel="x1")

    lesson.picture("descent", draw, 1, 3, size=(8, 3.2))


if __name__ == "__main__":
    run(main)
