"""The three exact trainings of `hotloop.book.lessons` beside the same in plain NumPy.

A lesson's loop takes a step, then the loss of the batch and the accuracies on all rows, and prints each
fiftieth line. Three questions, three columns:

- *printed*: the loop as it stands in plain NumPy, beside `Recipe.run`, which prints the same lines and judges
  where it prints;
- *judged*: both judge the model after every step;
- *lines*: both judge it where a line is printed, and nowhere else.

NumPy's share is the median of some steps, times their number; hotloop's is the whole run. Both in one process,
on as many threads as each takes. ``HOTLOOP_DATA_DIR=... python bench/bench_lessons.py``
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from hotloop._bench.measure import say
from hotloop.book.lessons import RECIPES, SGD, Recipe
from hotloop.datasets import mnist

STEPS, EVERY = 1000, 50
COLUMNS = ("printed", "judged", "lines")


def plain(recipe: Recipe, data: Any, samples: int) -> tuple[float, float, float]:
    """Return the median seconds of a step, of the loss after it, and of the two accuracies."""
    import plain_lessons  # noqa: PLC0415 - of the tests, found when this runs as a script

    np.random.seed(42)  # noqa: NPY002 - the lesson's generator
    model = plain_lessons.PlainModel(
        [784, *recipe.hidden, 10], recipe.decay_lambda, recipe.use_dropout
    )
    kind: Any = plain_lessons.SGD if recipe.optimizer is SGD else plain_lessons.Adam
    optimizer = kind(recipe.learning_rate)
    n = recipe.images
    x, x_test = (a.reshape(-1, 784) / 0.255 for a in (data[0][:n], data[2][:3000]))
    t, t_test = np.eye(10)[data[1][:n]], np.eye(10)[data[3][:3000]]
    seconds = []
    for _ in range(samples):
        marks = [time.perf_counter()]
        batch = np.random.choice(n, recipe.batch_size)  # noqa: NPY002
        x_batch, t_batch = x[batch], t[batch]
        optimizer.update(model.params, model.gradient(x_batch, t_batch))
        marks.append(time.perf_counter())
        model.loss(x_batch, t_batch)
        marks.append(time.perf_counter())
        model.accuracy(x, t)
        model.accuracy(x_test, t_test)
        marks.append(time.perf_counter())
        seconds.append(np.diff(marks))
    step, loss, judged = np.median(seconds, axis=0)
    return float(step), float(loss), float(judged)


def ours(recipe: Recipe, data: Any, steps: int, every: int) -> float:
    """Return the seconds of a run, data and all."""
    start = time.perf_counter()
    for line in recipe.run(*data, steps=steps, every=every):
        figures = recipe.figures.get(line.step)
        if figures is not None and any(
            f"{here:.4f}" != f"{there:.4f}" for here, there in zip(line[1:], figures, strict=True)
        ):
            msg = f"step {line.step}: {line} is not {figures}"
            raise AssertionError(msg)
    return time.perf_counter() - start


def measure(samples: int = 15) -> dict[str, dict[str, float]]:
    """Return NumPy's time over hotloop's, by training and column."""
    (x, y), (x_test, y_test) = mnist.load_data()
    data = (x, y, x_test, y_test)
    ratios = {}
    say(f"{'':8} {'NumPy: step':>12} {'loss':>8} {'judge':>8}   hotloop: {STEPS} steps")
    for name, recipe in RECIPES.items():
        step, loss, judge = plain(recipe, data, samples)
        printing = ours(recipe, data, STEPS, EVERY)
        # A tenth of the run: its steps cost the same all along.
        judging = ours(recipe, data, STEPS // 10, 1)
        whole = STEPS * (step + loss + judge)
        lines = STEPS * step + STEPS / EVERY * (loss + judge)
        row = (whole / printing, whole / 10 / judging, lines / printing)
        ratios[name] = dict(zip(COLUMNS, row, strict=True))
        say(
            f"{name:8} {step * 1e3:9.2f} ms {loss * 1e3:5.2f} ms {judge * 1e3:5.1f} ms   "
            f"{printing:.2f} s (NumPy {whole:.0f} s)   "
            + ", ".join(f"{column} {ratio:.1f}" for column, ratio in ratios[name].items())
        )
    return ratios


if __name__ == "__main__":
    import sys

    sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
    measure()
