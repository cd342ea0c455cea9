"""A PyTorch lesson as it was written, with its three mistakes: it still reads most digits.

There is no layer of ten: the softmax goes over the hundred units of the second layer. Its probabilities go straight
into the "negative log likelihood", which leaves the logarithm to its caller: the loss is minus the probability. And
each step sees a single image. `pytorch_repaired` puts it right.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop.book.lessons import ProbabilityNet
from hotloop.examples._lesson import Data, Lesson, run


def normalised(data: Data) -> tuple[Any, Any]:
    """Return rows of pixels with mean 0 and standard deviation 1, those of MNIST's pixels."""
    x, x_test = data.rows()
    mean, deviation = np.float32(0.1307), np.float32(0.3081)
    return (x - mean) / deviation, (x_test - mean) / deviation


def main(lesson: Lesson) -> None:
    """Train ten epochs, one image a step, in the order of the file."""
    data = lesson.data()
    x, x_test = normalised(data)

    class Net(ProbabilityNet):
        sizes = (x.shape[1], 50, 100)  # as many inputs as pixels; labels 10 to 99 never come

    net, epochs = Net(lesson.seed), 2 if lesson.quick else 10
    reports = []
    # float64: the squares of these slopes are so small that float32 loses digits of them in Adam.
    for report in net.fit(x, data.y, x_test, data.y_test, epochs=epochs):
        print(
            report, flush=True
        )  # "Train Epoch: 1 [20000/60000 (33%)] Loss: ...", and a line of the test
        reports.append(report)
    last = reports[-1]

    # Nearly a hundred equal probabilities of .01: the first loss is chance, with the sign turned.
    lesson.expect("first loss, near -.0089", reports[0].loss, -0.0089, within=0.003)
    lesson.expect("last test loss", last.loss, -0.0260, within=0.0005, compare=lesson.full)
    lesson.at_least("test accuracy, from .83 to .91", last.accuracy or 0.0, 0.83, slack=0.005)
    # A sigmoid ends at 1, so no probability of a hundred can pass e / (e + 99).
    bound = np.e / (np.e + 99)
    lesson.holds("no probability can pass .0267", -last.loss < bound, f"{-last.loss:.4f}")


if __name__ == "__main__":
    run(main, data=True, quick=True)
