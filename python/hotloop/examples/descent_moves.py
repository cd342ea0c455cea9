"""Where a descent ends depends on where it starts: valleys, saddles, and slopes too gentle to move on.

The derivative is given, the rate is .01; a move shorter than 1e-5 ends the walk, and so do 100 moves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hotloop import plotting
from hotloop.examples._lesson import Lesson, run


def f3(x: Any) -> Any:
    """Waves that grow shorter: many valleys, and a flat place at x = 0 that is none."""
    return x * np.sin(x**2) + 1


def slope3(x: float) -> float:
    """Return the derivative of `f3`."""
    return float(np.sin(x**2) + 2 * x**2 * np.cos(x**2))


def f2(x: Any) -> Any:
    """One valley near 22.5, and a gentle slope around x = 0 that looks flat."""
    return 0.01 * x**4 - 0.3 * x**3 - x + 10


def slope2(x: float) -> float:
    """Return the derivative of `f2`."""
    return 0.04 * x**3 - 0.9 * x**2 - 1


def walk(slope: Callable[[float], float], x: float, limit: int = 100) -> list[float]:
    """Return the places visited; the move that is too short is not made."""
    path = [x]
    while len(path) <= limit and abs(0.01 * slope(path[-1])) >= 1e-5:
        path.append(path[-1] - 0.01 * slope(path[-1]))
    return path


def main(lesson: Lesson) -> None:
    """Count the moves from each start, and draw the ways."""
    three = {x: walk(slope3, x) for x in (-2.2, -0.5, 1.5, 1.2)}
    for (start, path), moves in zip(three.items(), (17, 100, 28, 100), strict=True):
        lesson.expect(f"x sin(x^2) + 1 from {start}: moves", len(path) - 1, moves)
    # x = 0 is a saddle: the slope is 0 there, yet it goes down on the other side.
    lesson.expect("from 1.2 it ends near the saddle, at", three[1.2][-1], 0.28328, decimals=5)

    two = {x: walk(slope2, x) for x in (-10.0, 5.0, 33.0)}
    for (start, path), moves in zip(two.items(), (100, 82, 50), strict=True):
        lesson.expect(f".01 x^4 - .3 x^3 - x + 10 from {start:g}: moves", len(path) - 1, moves)
    end = two[-10.0][-1]
    lesson.expect("from -10 it stands at", end, -0.47592, decimals=5)
    # The slope there is not 0, so this is no saddle: just a stretch where each move is short.
    lesson.expect("with the slope", slope2(end), -1.208, decimals=3)
    lesson.expect("moves with a higher limit", len(walk(slope2, -10.0, 1000)) - 1, 378)

    def draw(axes: Any) -> None:
        plotting.descent_path(
            f3, {f"from {x}": path for x, path in three.items()}, ax=axes[0], bounds=(-3, 3)
        )
        plotting.descent_path(f2, {f"from {x:g}": path for x, path in two.items()}, ax=axes[1])
        axes[0].set_title("x sin(x^2) + 1")
        axes[1].set_title(".01 x^4 - .3 x^3 - x + 10")

    lesson.picture("descent_moves", draw, 1, 2, size=(8, 4))


if __name__ == "__main__":
    run(main)
