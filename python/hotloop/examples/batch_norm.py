"""Batch normalisation makes the start of the weights matter less.

Each unit's answers are brought to mean 0 and deviation 1 over the batch, and then scaled by two learnt numbers. From
sixteen scales of the first weights, 1 to .0001, networks with it learn from nearly all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import hotloop as hl
from hotloop.examples._lesson import Lesson, failing_on_purpose, run
from hotloop.layers import BatchNormalization, Dense, ReLU

SCALES = np.logspace(0, -4, 16)


def accuracies(x: Any, y: Any, scale: float, epochs: int, *, norm: bool) -> list[float]:
    """Return the running training accuracies of 784-100x5-10 over the epochs."""
    start = hl.initializers.RandomNormal(stddev=scale)
    hidden: list[hl.Layer] = []
    for _ in range(5):
        hidden.append(Dense(100, kernel_initializer=start))
        # Keras's epsilon of .001 is larger than the variance behind tiny weights, and would hide the effect.
        hidden += [BatchNormalization(epsilon=1e-7), ReLU()] if norm else [ReLU()]
    last = Dense(10, "softmax", kernel_initializer=start)
    model = hl.Sequential([hl.Input((x.shape[1],)), *hidden, last])
    model.compile(hl.optimizers.SGD(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=100, epochs=epochs, verbose=0)
    values: list[float] = history.history["accuracy"]
    return values


def main(lesson: Lesson) -> None:
    """Train each scale with and without."""
    data = lesson.data()
    x, y = data.rows()[0][:1000], data.y[:1000]
    epochs = 8 if lesson.quick else 20
    with failing_on_purpose():  # the largest scales overflow, the smallest learn nothing
        curves = [
            [accuracies(x, y, scale, epochs, norm=norm) for norm in (True, False)]
            for scale in SCALES
        ]
    ends = np.array([[curve[-1] for curve in pair] for pair in curves])
    learnt = (ends > 0.5).sum(axis=0)
    told = f"{learnt[0]} with, {learnt[1]} without"
    lesson.holds("more of the 16 scales pass .5 with it", learnt[0] > learnt[1], told)
    means = ends.mean(axis=0)
    told = f"{means[0]:.3f} against {means[1]:.3f}"
    lesson.holds("mean accuracy of the 16, with and without", means[0] > means[1], told)

    def draw(axes: Any) -> None:
        for ax, scale, (on, off) in zip(axes.flat, SCALES, curves, strict=True):
            ax.plot(range(1, epochs + 1), on, label="batch norm")
            ax.plot(range(1, epochs + 1), off, "--", label="without")
            ax.set(ylim=(0, 1.02), xticks=[1, epochs // 2, epochs])
            ax.set_title(f"W scale {scale:.2g}", fontsize=9)
            ax.grid(visible=True)
        axes[0, 0].legend(fontsize=8, loc="upper left")
        for i in range(4):
            axes[3, i].set_xlabel("epoch")
            axes[i, 0].set_ylabel("accuracy")

    lesson.picture("batch_norm", draw, 4, 4, size=(8, 8))


if __name__ == "__main__":
    run(main, data=True, quick=True)
