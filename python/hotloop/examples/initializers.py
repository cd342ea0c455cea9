"""How weights begin decides whether a deep network learns at all.

With weights of .01 each layer makes the signal smaller, and behind five of them nothing is left to learn from. Xavier
and He keep its size; for ReLU, which drops half of it, He is made.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import hotloop as hl
from hotloop.examples._lesson import Lesson, run
from hotloop.layers import Dense

STARTS = {
    "normal, .01": hl.initializers.RandomNormal(stddev=0.01),
    "Xavier": hl.initializers.LecunNormal(),  # the lessons' sqrt(1 / n)
    "He": hl.initializers.HeNormal(),
}


def main(lesson: Lesson) -> None:
    """Train 784-100x4-10 with SGD from each start."""
    data = lesson.data()
    x, _ = data.rows()
    steps = 400 if lesson.quick else 2000
    curves: dict[str, Any] = {}
    for name, start in STARTS.items():
        hl.set_seed(lesson.seed)
        rng = np.random.default_rng(lesson.seed)  # the same batches for each
        hidden = [Dense(100, "relu", kernel_initializer=start) for _ in range(4)]
        last = Dense(10, "softmax", kernel_initializer=start)
        model = hl.Sequential([hl.Input((x.shape[1],)), *hidden, last])
        model.compile(hl.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
        losses = []
        for _ in range(steps):
            batch = rng.choice(len(x), 128)
            losses.append(float(model.train_on_batch(x[batch], data.y[batch])))
        curves[name] = np.array(losses).reshape(-1, 20).mean(axis=1)

    ends = {name: curve[-1] for name, curve in curves.items()}
    # ln 10: the answer is one tenth for each class, whatever the image.
    still = abs(ends["normal, .01"] - np.log(10)) < 0.02
    lesson.holds("from .01 the loss stays at ln 10", still, f"{ends['normal, .01']:.4f}")
    for name in ("Xavier", "He"):
        lesson.holds(f"from {name} it falls", ends[name] < 1.6, f"{ends[name]:.4f}")
    lesson.holds("He begins faster than Xavier", curves["He"][4] < curves["Xavier"][4])

    def draw(ax: Any) -> None:
        for (name, curve), style in zip(curves.items(), ("-.", "--", "-"), strict=True):
            ax.plot(np.arange(1, len(curve) + 1) * 20, curve, linestyle=style, label=name)
        ax.set(xlabel="step", ylabel="training loss, mean of 20 batches", ylim=(0, 2.5))
        ax.grid(visible=True)
        ax.figure.legend(loc="outside upper center", ncols=3)  # inside it would hide a curve

    lesson.picture("initializers", draw, size=(8, 4.4))


if __name__ == "__main__":
    run(main, data=True, quick=True)
