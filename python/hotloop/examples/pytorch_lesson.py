"""A PyTorch lesson as it was written, with its three mistakes: it still reads most digits.

There is no layer of ten: the softmax goes over the hundred units of the second layer. Its probabilities go straight
into the "negative log likelihood", which takes logarithms and so only turns the sign: the loss is minus the
probability. And each step sees a single image. `pytorch_repaired` puts it right.
"""

from __future__ import annotations

import numpy as np

import hotloop as hl
from hotloop.examples._lesson import Data, Lesson, run


def normalised(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of pixels with mean 0 and standard deviation 1, those of MNIST's pixels."""
    x, x_test = data.rows()
    mean, deviation = np.float32(0.1307), np.float32(0.3081)
    return (x - mean) / deviation, (x_test - mean) / deviation


def torch_linear(units: int, inputs: int, activation: str | None) -> hl.layers.Dense:
    """Return an affine layer as PyTorch begins it: weights and biases uniform within 1 / sqrt(inputs)."""
    limit = float(inputs) ** -0.5
    start = hl.initializers.RandomUniform(-limit, limit)
    return hl.layers.Dense(units, activation, kernel_initializer=start, bias_initializer=start)


def main(lesson: Lesson) -> None:
    """Train ten epochs, one image a step, in the order of the file."""
    data = lesson.data()
    x, x_test = normalised(data)
    model = hl.Sequential(
        [
            hl.Input((x.shape[1],)),
            torch_linear(50, x.shape[1], "sigmoid"),
            torch_linear(100, 50, "sigmoid"),
            hl.layers.Softmax(),
        ]
    )
    # NLL is minus what stands at the class, whatever stands there; labels 10 to 99 never come.
    model.compile(
        hl.optimizers.Adam(0.001), hl.losses.NLL(), metrics=["sparse_categorical_accuracy"]
    )
    losses, n, y = [], len(x), data.y.astype(np.int64)
    for epoch in range(1, (2 if lesson.quick else 10) + 1):
        for i in range(n):
            loss = model.train_on_batch(x[i : i + 1], y[i : i + 1])[0]
            losses.append(loss)
            if i % 20_000 == 0:
                print(f"Train Epoch: {epoch} [{i}/{n} ({i / n:.0%})] Loss: {loss:.6f}", flush=True)
        test_loss, accuracy = model.evaluate(x_test, data.y_test, verbose=0)
        print(f"Test: average loss {test_loss:.4f}, accuracy {accuracy:.4f}")
    # A hundred equal probabilities of .01: the first loss lies near that of chance, with the sign turned.
    lesson.expect("first loss, near -.0089", losses[0], -0.0089, within=0.003)
    lesson.expect("last test loss", test_loss, -0.0260, within=0.0013, compare=lesson.full)
    lesson.at_least("test accuracy, from .83 to .91", accuracy, 0.83, slack=0.005)
    # With outputs in (0, 1) the largest probability of a hundred is e / (e + 99).
    bound = np.e / (np.e + 99)
    lesson.holds("no probability can pass .0267", -test_loss < bound, f"{-test_loss:.4f}")


if __name__ == "__main__":
    run(main, data=True, quick=True)
