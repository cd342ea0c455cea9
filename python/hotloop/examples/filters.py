"""What a convolution learns: thirty filters before and after training.

They begin as faint noise. Afterwards many have a bright and a dark side: they answer to edges and blobs, as the Sobel
filters of `sobel` do, which nobody has told the network about.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import hotloop as hl
from hotloop import plotting
from hotloop.examples._lesson import Lesson, run
from hotloop.examples.simple_convnet import build


def smoothness(kernels: Any) -> float:
    """Return how alike neighbouring weights are: near 0 for noise, up to 1 for smooth pictures."""
    k = kernels[:, :, 0, :]  # (5, 5, 30)
    k = k - k.mean(axis=(0, 1))
    down = np.sum(k[1:] * k[:-1]) / np.sum((k[1:] ** 2 + k[:-1] ** 2) / 2)
    across = np.sum(k[:, 1:] * k[:, :-1]) / np.sum((k[:, 1:] ** 2 + k[:, :-1] ** 2) / 2)
    return float(down + across) / 2


def main(lesson: Lesson) -> None:
    """Keep the first weights, train, and compare."""
    data = lesson.data()
    model = build(data, hl.initializers.RandomNormal(stddev=0.01))
    conv = model.layers[1]  # behind the rescaling
    before = conv.get_weights()[0]  # (KH, KW, C, O): a copy
    epochs = 2 if lesson.quick else 5
    model.fit(data.x[..., None], data.y, batch_size=100, epochs=epochs, verbose=2)
    after = conv.get_weights()[0]
    first, last = smoothness(before), smoothness(after)
    lesson.holds("the filters have changed", not np.allclose(before, after, atol=0.01))
    lesson.holds("and become smoother", last > first, f"{first:.2f} to {last:.2f}")

    def draw(axes: Any) -> None:
        for ax, kernels, name in zip(axes, (before, after), ("before", "after"), strict=True):
            plotting.filters(kernels, columns=6, ax=ax)  # mind the scales: a factor of ten and more
            ax.set_title(name)

    lesson.picture("filters", draw, 1, 2, size=(8, 3.8))


if __name__ == "__main__":
    run(main, data=True, quick=True)
