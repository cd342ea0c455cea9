"""Backpropagation written out: a thousand steps through four layers, each line in sight.

784-100-64-32-10. Going back, each layer turns the slope of its output into the slopes of its weights and of its
input, which is the output of the layer before.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from hotloop import functional as F
from hotloop.examples._lesson import Lesson, run


def forward(x: Any, params: list[Any]) -> list[Any]:
    """Return the input and the answer of each layer: ReLU after all but the last."""
    values = [x]
    for i, (w, b) in enumerate(params):
        values.append(F.affine(values[-1], w, b, activation="relu" if i < 3 else None))
    return values


def step(x: Any, t: Any, params: list[Any], rate: float) -> float:
    """Take one step of gradient descent, and return the loss before it."""
    values = forward(x, params)
    loss, probs = F.softmax_cross_entropy(values[-1], t)
    d: Any = F.softmax_cross_entropy_backward(probs, t)
    for i in range(3, -1, -1):
        if i < 3:
            d = F.relu_backward(d, values[i + 1])
        w, b = params[i]
        d, dw, db = F.affine_backward(d, values[i], w, need_dx=i > 0)
        F.sgd_update(w, dw, lr=rate)
        F.sgd_update(b, np.asarray(db), lr=rate)
    return loss


def main(lesson: Lesson) -> None:
    """Train on all images and look at the accuracies every 50 steps."""
    data = lesson.data(few=False)
    # The lesson divides by .255; it meant 255.
    x, x_test = (i.reshape(len(i), -1) / (data.top / 1000) for i in (data.x, data.x_test))
    y = data.y.astype(np.int64)
    sizes = (x.shape[1], 100, 64, 32, 10)
    np.random.seed(42)  # noqa: NPY002 - the lesson's generator
    params = [
        # Every W as if it had 784 inputs, and biases as large as the inputs: the lesson's start.
        (np.sqrt(2 / sizes[0]) * np.random.randn(i, o), np.random.randn(o))  # noqa: NPY002
        for i, o in itertools.pairwise(sizes)
    ]
    lines = []
    for n in range(201 if lesson.quick else 951):
        batch = np.random.choice(len(x), 100)  # noqa: NPY002
        loss = step(x[batch], y[batch], params, 0.001)
        if n % 50 == 0:
            pairs = ((x, data.y), (x_test, data.y_test))
            seen = [float(np.mean(forward(i, params)[-1].argmax(1) == t)) for i, t in pairs]
            lines.append((n, *seen))
            print(f"step {n}: loss {loss:.4f}, train {seen[0]:.4f}, test {seen[1]:.4f}")
    lesson.expect(
        "step 950: train, test", lines[-1][1:], (0.8917, 0.8909), decimals=4, compare=lesson.full
    )

    def draw(ax: Any) -> None:
        for i, (name, style) in enumerate((("train", "-"), ("test", "--")), 1):
            ax.plot([line[0] for line in lines], [line[i] for line in lines], style, label=name)
        ax.set(xlabel="step", ylabel="accuracy", ylim=(0, 1))
        ax.grid(visible=True)
        ax.legend()  # where it hides least

    lesson.picture("backpropagation", draw)


if __name__ == "__main__":
    run(main, data=True, quick=True)
