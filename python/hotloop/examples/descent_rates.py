"""Five learning rates on x^2: too small, small, right, and two that are too large.

Each move multiplies x by 1 - 2 rate. Below rate 1 that shrinks; above it, x changes sign and grows.
"""

from __future__ import annotations

from typing import Any

from hotloop import plotting
from hotloop.examples._lesson import Lesson, run


def walk(rate: float, x: float = 10.0) -> list[float]:
    """Return up to 100 moves down x^2, whose slope is 2 x; a move under 1e-5 ends the walk."""
    path = [x]
    while len(path) <= 100 and abs(rate * 2 * path[-1]) >= 1e-5:
        path.append(path[-1] - rate * 2 * path[-1])
    return path


def main(lesson: Lesson) -> None:
    """Walk with each rate, and draw the ways."""
    paths = {rate: walk(rate) for rate in (0.001, 0.01, 0.1, 1.01, 1.05)}
    lesson.expect("rate .001 ends at", paths[0.001][-1], 8.1857, decimals=4)
    lesson.expect("rate .01", paths[0.01][-1], 1.3262, decimals=4)
    lesson.expect("rate .1: moves until they are too short", len(paths[0.1]) - 1, 55)
    lesson.expect("rate 1.01 diverges", paths[1.01][-1], 72.446, decimals=3)
    lesson.expect("rate 1.05 diverges", paths[1.05][-1], 137806.0, decimals=0)
    # Nothing is random here: the end is 10 (1 - 2 rate)^moves.
    lesson.expect("rate 1.01 by the formula", 10 * (1 - 2.02) ** 100, paths[1.01][-1], rtol=1e-12)

    def draw(axes: Any) -> None:
        for ax, (rate, path) in zip(axes.flat, paths.items(), strict=False):
            # Of the diverging walks the first moves tell it all.
            shown = path[:20] if rate > 1 else path
            plotting.descent_path(lambda x: x**2, shown, ax=ax)
            ax.set_title(f"rate {rate:g}, {len(shown) - 1} moves", fontsize=10)
        last = axes.flat[5]
        for rate, path in paths.items():
            last.semilogy([abs(x) for x in path], label=f"{rate:g}")
        last.set(xlabel="move", ylabel="|x|", ylim=(1e-12, 1e6))
        last.set_title("all five", fontsize=10)
        last.grid(visible=True)
        last.legend(title="rate", fontsize=8, ncols=2)

    lesson.picture("descent_rates", draw, 2, 3, size=(8, 5.6))


if __name__ == "__main__":
    run(main)
