"""The paths of five optimizers in a long valley: x^2 / 20 + y^2, from (-7, 2).

Across the valley it is steep, along it nearly flat. SGD swings from wall to wall; the others damp the swing or
shorten the step where it is steep.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import hotloop as hl
from hotloop import plotting
from hotloop.examples._lesson import Lesson, run


def valley(x: Any, y: Any) -> Any:
    """Return x^2 / 20 + y^2, lowest at (0, 0)."""
    return x**2 / 20 + y**2


def walk(optimizer: hl.Optimizer, steps: int) -> Any:
    """Return the places visited, (steps + 1, 2)."""
    # An optimizer of hotloop moves any dict of float arrays, in place.
    params = {"x": np.array([-7.0]), "y": np.array([2.0])}
    path = [[-7.0, 2.0]]
    for _ in range(steps):
        optimizer.update(params, {"x": params["x"] / 10, "y": 2 * params["y"]})
        path.append([params["x"][0], params["y"][0]])
    return np.array(path)


def main(lesson: Lesson) -> None:
    """Walk, measure, draw."""
    walks = {
        "SGD, rate .95": (hl.optimizers.SGD(0.95), 30),
        "Momentum, .1": (hl.optimizers.SGD(0.1, momentum=0.9), 30),
        "AdaGrad, 1.5": (hl.optimizers.Adagrad(1.5, initial_accumulator_value=0.0), 30),
        # Its steps are about the rate long, whatever the slope: .01 needs many.
        "RMSProp, .01": (hl.optimizers.RMSprop(0.01, rho=0.99), 900),
        "Adam, .3": (hl.optimizers.Adam(0.3), 30),
    }
    paths = {name: walk(*how) for name, how in walks.items()}
    for name, path in paths.items():
        heights = valley(*path.T)
        told = f"{heights[0]:.2f} to {heights[-1]:.4f}"
        lesson.holds(f"{name}: ends lower", heights[-1] < heights[0] / 10, told)
    swings = {name: int(np.sum(np.diff(np.sign(path[:, 1])) != 0)) for name, path in paths.items()}
    told = ", ".join(f"{name.split(',')[0]} {count}" for name, count in swings.items())
    lesson.holds(
        "SGD crosses the valley most often",
        max(swings, key=swings.__getitem__).startswith("SGD"),
        told,
    )
    # Each of SGD's steps multiplies y by 1 - 2 * .95 = -.9.
    lesson.expect("SGD's y after 30 steps", paths["SGD, rate .95"][-1, 1], 2 * 0.9**30, rtol=1e-12)

    def draw(axes: Any) -> None:
        for ax, (name, path) in zip(axes.flat, paths.items(), strict=False):
            plotting.descent_path(valley, path, bounds=((-10, 10), (-4, 4)), ax=ax)
            ax.set(title=f"{name}, {len(path) - 1} steps", xlabel="x", ylabel="y")
            axes.flat[5].loglog(range(1, len(path)), valley(*path[1:].T), label=name.split(",")[0])
        axes.flat[5].set(title="height", xlabel="step", ylabel="x^2 / 20 + y^2")
        axes.flat[5].legend(fontsize=8)

    lesson.picture("optimizer_paths", draw, 3, 2, size=(8, 9))


if __name__ == "__main__":
    run(main)
