"""Overfitting, and weights that must pay for their size.

Three hundred images are soon known by heart: the training accuracy reaches 1, that of the test stays behind. A
penalty on the squares of the weights (L2) or on their sizes (L1) keeps a network from bending around single images.
"""

from __future__ import annotations

from typing import Any

import hotloop as hl
from hotloop.examples._lesson import Data, Lesson, run
from hotloop.layers import Dense, Dropout


def train(data: Data, seed: int, epochs: int, penalty: Any, dropout: float = 0.0) -> Any:
    """Return the accuracies (train, test) every five epochs of 784-100x6-10 on the first 300 images."""
    hl.set_seed(seed)  # the same start for all that are compared
    x, x_test = data.rows()
    seen = x[:300], data.y[:300]
    layers: list[hl.Layer] = []
    for _ in range(6):
        start = hl.initializers.HeNormal()
        layers.append(Dense(100, "relu", kernel_initializer=start, kernel_regularizer=penalty))
        layers += [Dropout(dropout)] if dropout else []
    layers.append(Dense(10, "softmax", kernel_regularizer=penalty))
    model = hl.Sequential([hl.Input((x.shape[1],)), *layers])
    model.compile(hl.optimizers.SGD(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    pairs = []
    for _ in range(0, epochs, 5):
        model.fit(*seen, batch_size=100, epochs=5, verbose=0)  # goes on where it was
        both = seen, (x_test, data.y_test)
        pairs.append([model.evaluate(images, labels, verbose=0)[1] for images, labels in both])
    return pairs


def draw_gaps(lesson: Lesson, curves: dict[str, Any]) -> None:
    """Draw train and test accuracy of each training, a panel each."""

    def draw(axes: Any) -> None:
        for ax, (name, pairs) in zip(axes, curves.items(), strict=True):
            epochs = range(5, 5 * len(pairs) + 1, 5)
            ax.plot(epochs, [pair[0] for pair in pairs], label="train")
            ax.plot(epochs, [pair[1] for pair in pairs], "--", label="test")
            ax.set(title=name, xlabel="epoch", ylabel="accuracy", ylim=(0, 1.03))
            ax.grid(visible=True)
            ax.legend(loc="lower right")

    lesson.picture(lesson.name, draw, 1, len(curves), size=(8, 3.4))


def main(lesson: Lesson) -> None:
    """Train without a penalty, with L2, with L1."""
    data = lesson.data()
    # The lessons' lambda / 2 * sum w^2 with lambda .1; Keras and hotloop leave the half to you.
    penalties = {"none": None, "L2": hl.regularizers.L2(0.05), "L1": hl.regularizers.L1(0.01)}
    curves = {name: train(data, lesson.seed, 200, penalty) for name, penalty in penalties.items()}
    gaps = {name: pairs[-1][0] - pairs[-1][1] for name, pairs in curves.items()}
    for name, pairs in curves.items():
        print(f"{name:5} train {pairs[-1][0]:.4f}, test {pairs[-1][1]:.4f}, gap {gaps[name]:.4f}")
    known, mnist = (
        curves["none"][-1][0],
        data.name == "mnist",
    )  # small digits leave little to overfit
    lesson.holds("without, the images are known by heart", known > 0.98, f"{known:.4f}")
    for name in ("L2", "L1"):
        told = f"{gaps[name]:.4f} < {gaps['none']:.4f}"
        lesson.holds(f"{name} narrows the gap", gaps[name] < gaps["none"], told, compare=mnist)
    draw_gaps(lesson, curves)


if __name__ == "__main__":
    run(main, data=True)
