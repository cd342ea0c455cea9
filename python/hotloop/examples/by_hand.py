"""A network trained by hand: forward, loss, backward, update, a hundred thousand times.

No `fit`: each line of the loop is one idea of the lesson. Batches are drawn with replacement, and every 600 steps,
as many images as MNIST has, the accuracy is taken on all images.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import hotloop as hl
from hotloop.examples._lesson import Data, Lesson, run


def train(data: Data, activation: str, steps: int, seed: int) -> dict[str, list[Any]]:
    """Return the losses of all steps and the accuracies every 600, of 784-50-10."""
    (x, x_test), rng = data.rows(), np.random.default_rng(seed)
    small = hl.initializers.RandomNormal(stddev=0.01)
    model = hl.Sequential(
        [
            hl.layers.Dense(50, activation, kernel_initializer=small, input_shape=(x.shape[1],)),
            hl.layers.Dense(10, kernel_initializer=small),
        ]
    )
    loss = hl.losses.SparseCategoricalCrossentropy(from_logits=True)  # softmax is in the loss
    optimizer = hl.optimizers.SGD(learning_rate=0.1)
    curves: dict[str, list[Any]] = {"loss": [], "step": [], "train": [], "test": []}
    for step in range(steps + 1):
        if step % 600 == 0:
            curves["step"].append(step)
            for name, images, labels in (("train", x, data.y), ("test", x_test, data.y_test)):
                answers = model.predict(images, batch_size=1000, verbose=0).argmax(axis=1)
                curves[name].append(float(np.mean(answers == labels)))
        batch = rng.choice(len(x), 100)
        curves["loss"].append(loss.forward(model.forward(x[batch], training=True), data.y[batch]))
        model.backward(loss.backward())
        optimizer.update(model.params, model.grads)
    return curves


def draw_curves(lesson: Lesson, curves: dict[str, list[Any]]) -> None:
    """Draw loss and accuracies over the steps; the loss as means of 100, for single batches jump about."""

    def draw(axes: Any) -> None:
        means = np.array(curves["loss"][1:]).reshape(-1, 100).mean(axis=1)
        axes[0].semilogy(np.arange(1, len(means) + 1) * 100, means)
        axes[0].set(xlabel="step", ylabel="loss, mean of 100 batches")
        axes[1].plot(curves["step"], curves["train"], label="train")
        axes[1].plot(curves["step"], curves["test"], "--", label="test")
        axes[1].set(xlabel="step", ylabel="accuracy")
        axes[1].legend()
        for ax in axes:
            ax.grid(visible=True)

    lesson.picture(lesson.name, draw, 1, 2)


def main(lesson: Lesson) -> None:
    """Train with sigmoids and look in at four places."""
    curves = train(lesson.data(), "sigmoid", 1200 if lesson.quick else 100_200, lesson.seed)
    test = curves["test"]
    lesson.at_least("test accuracy at the start, by chance", test[0], 0.1, slack=0.05)
    lesson.at_least("after 2 epochs (1,200 steps)", test[2], 0.88, slack=0.005)
    if not lesson.quick:
        lesson.at_least("after 16 epochs (9,600 steps)", test[16], 0.945, slack=0.005)
        lesson.at_least("near 100,000 steps: train", curves["train"][-1], 0.993, slack=0.005)
        lesson.at_least("near 100,000 steps: test", test[-1], 0.975, slack=0.005)
    draw_curves(lesson, curves)


if __name__ == "__main__":
    run(main, data=True, quick=True)
