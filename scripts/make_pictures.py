#!/usr/bin/env python
"""Draw docs/pictures.png, what the README shows of hotloop.plotting: `python scripts/make_pictures.py [OUT]`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

import hotloop as hl
from hotloop import plotting

OUT = Path(__file__).parent.parent / "docs" / "pictures.png"


def moons(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return points of two half circles that reach into each other, and which they belong to."""
    angle, y = rng.uniform(0, np.pi, n), np.arange(n) % 2
    x = np.stack(
        [np.where(y, 1 - np.cos(angle), np.cos(angle)), np.sin(angle) * (1 - 2 * y)], axis=1
    )
    return x + [0, 0.5] * y[:, None] + rng.normal(0, 0.12, (n, 2)), y


def momentum(rate: float, keep: float, steps: int) -> list[tuple[float, float]]:
    """Return the places of a descent on x^2 / 20 + y^2."""
    place, speed, path = np.array([-7.0, 2.0]), np.zeros(2), []
    for _ in range(steps):
        path.append((float(place[0]), float(place[1])))
        speed = keep * speed - rate * place * [0.1, 2.0]
        place = place + speed
    return path


def main() -> None:
    """Train two small networks, and draw four panels."""
    hl.set_seed(2)
    (x, y), (x_test, y_test) = hl.datasets.digits.load_data()
    model = hl.Sequential(
        [
            hl.layers.Rescaling(1 / 16, input_shape=(8, 8, 1)),
            hl.layers.Conv2D(12, 3, activation="relu"),
            hl.layers.Flatten(),
            hl.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=12, verbose=0)
    read = model.predict(x_test, verbose=0).argmax(axis=1)
    wrong = np.flatnonzero(read != y_test)[:6]
    points, sides = moons(160, np.random.default_rng(0))
    border = hl.Sequential(
        [hl.layers.Dense(32, "relu", input_shape=(2,)), hl.layers.Dense(1, "sigmoid")]
    )
    border.compile(hl.optimizers.Adam(0.02), "binary_crossentropy")
    border.fit(points, sides, epochs=80, verbose=0)

    figure = Figure(figsize=(8, 6), dpi=100, layout="constrained")
    axes = figure.subplots(2, 2, gridspec_kw={"height_ratios": [1, 1.25]})
    plotting.images(x_test[wrong], y_test[wrong], read[wrong], columns=3, ax=axes[0, 0])
    plotting.filters(model, columns=4, ax=axes[0, 1])
    plotting.decision_boundary(border, points, sides, ax=axes[1, 0])
    paths = {"SGD": momentum(0.95, 0.0, 40), "Momentum": momentum(0.1, 0.9, 40)}
    plotting.descent_path(lambda a, b: a**2 / 20 + b**2, paths, ax=axes[1, 1])
    titles = ["misread digits", "filters", "decision boundary", "descents on x0² / 20 + x1²"]
    for ax, title in zip(axes.flat, titles, strict=True):
        ax.set_title(title, fontsize=11, pad=20 if title.startswith("misread") else 6)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    # Every colour is kept: a palette of 256 tints the greys.
    Image.open(drawn).convert("RGB").save(
        Path(sys.argv[1]) if len(sys.argv) > 1 else OUT, optimize=True
    )


if __name__ == "__main__":
    main()
