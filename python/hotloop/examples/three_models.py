"""Three trainings whose every printed digit is known: weight decay, dropout, and neither.

`hotloop.book.lessons` keeps the lesson's conventions, faults included (weights scaled by the outputs, pixels divided
by .255, dropout that is not inverted), and its random numbers. So the lesson's figures come out, digit by digit.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from hotloop.book.lessons import RECIPES
from hotloop.examples._lesson import Lesson, run

TITLES = {
    "decay": "784-256-100-64-32-10, decay .1, SGD",
    "dropout": "784-100x4-10, dropout .5, decay .15, Adam",
    "adam": "784-256-100-100-10, Adam .01",
}


def enlarged(images: Any) -> Any:
    """Return the package's 8 x 8 digits as 28 x 28 pixels of up to 240: these networks have 784 inputs."""
    return np.pad(np.kron(images, np.full((1, 3, 3), 15, np.uint8)), ((0, 0), (2, 2), (2, 2)))


def main(lesson: Lesson) -> None:
    """Run the three, compare at the steps given, and draw their training curves."""
    data = lesson.data(
        few=False
    )  # the figures need all of the images; a short run takes fewer steps
    x, x_test = (
        (data.x, data.x_test) if data.x[0].size == 784 else map(enlarged, (data.x, data.x_test))
    )
    steps = 101 if lesson.quick else 1000
    curves: dict[str, Any] = {}
    for name, recipe in RECIPES.items():
        start = time.perf_counter()
        lines = list(recipe.run(x, data.y, x_test, data.y_test, steps=steps))
        print(f"{TITLES[name]}: {len(lines)} lines in {time.perf_counter() - start:.1f} s")
        curves[name] = lines
        known = {line.step: line[1:] for line in lines}
        for step, figures in recipe.figures.items():
            if step in known:
                mnist = data.name == "mnist"
                lesson.expect(
                    f"{name}, step {step}", known[step], figures, decimals=4, compare=mnist
                )

    def draw(ax: Any) -> None:
        for (name, lines), style in zip(curves.items(), ("-", "--", "-."), strict=True):
            places = [line.step for line in lines]
            ax.plot(places, [line.train_accuracy for line in lines], style, label=TITLES[name])
        ax.set(xlabel="step", ylabel="training accuracy", ylim=(0, 1.02))
        ax.grid(visible=True)
        ax.legend(loc="lower right")

    lesson.picture("three_models", draw, size=(8, 4.4))


if __name__ == "__main__":
    run(main, data=True, quick=True)
