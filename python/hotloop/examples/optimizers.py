"""Five ways to walk downhill, on one network and the same batches.

SGD goes against the slope; Momentum keeps some of its speed; AdaGrad and RMSProp give each weight a rate of its own,
small where slopes were steep; Adam does both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import hotloop as hl
from hotloop.examples._lesson import Lesson, run
from hotloop.layers import Dense


def main(lesson: Lesson) -> None:
    """Train 784-100x4-10 two thousand steps with each."""
    data = lesson.data()
    x, x_test = data.rows()
    steps = 300 if lesson.quick else 2000
    optimizers = {
        "SGD": hl.optimizers.SGD(0.01),
        "Momentum": hl.optimizers.SGD(0.01, momentum=0.9),
        # The lessons begin AdaGrad's sums at 0, Keras at .1.
        "AdaGrad": hl.optimizers.Adagrad(0.01, initial_accumulator_value=0.0),
        "RMSProp": hl.optimizers.RMSprop(0.01, rho=0.99),
        "Adam": hl.optimizers.Adam(0.001),
    }
    curves: dict[str, Any] = {}
    for name, optimizer in optimizers.items():
        hl.set_seed(lesson.seed)  # the same first weights for each
        rng = np.random.default_rng(lesson.seed)  # and the same batches
        hidden = [Dense(100, "relu", kernel_initializer="he_normal") for _ in range(4)]
        model = hl.Sequential([hl.Input((x.shape[1],)), *hidden, Dense(10, "softmax")])
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        losses = []
        for _ in range(steps):
            batch = rng.choice(len(x), 128)
            losses.append(model.train_on_batch(x[batch], data.y[batch])[0])
        curves[name] = np.array(losses).reshape(-1, 20).mean(axis=1)
        _, accuracy = model.evaluate(x_test, data.y_test, verbose=0)
        told = f"{losses[0]:.2f} to {curves[name][-1]:.4f}"
        lesson.holds(f"{name}: the loss falls", curves[name][-1] < losses[0] / 2, told)
        print(f"    test accuracy {accuracy:.4f}")
    ends = {name: curve[-3:].mean() for name, curve in curves.items()}
    others = all(ends["SGD"] > end for name, end in ends.items() if name != "SGD")
    lesson.holds("plain SGD comes last", others)

    def draw(ax: Any) -> None:
        styles = ("-", "--", "-.", ":", (0, (5, 1)))
        for (name, curve), style in zip(curves.items(), styles, strict=True):
            ax.semilogy(np.arange(1, len(curve) + 1) * 20, curve, linestyle=style, label=name)
        ax.set(xlabel="step", ylabel="training loss, mean of 20 batches")
        ax.grid(visible=True)
        ax.figure.legend(loc="outside upper center", ncols=5)  # inside it would hide a curve

    lesson.picture("optimizers", draw, size=(8, 4.4))


if __name__ == "__main__":
    run(main, data=True, quick=True)
