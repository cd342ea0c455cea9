"""The digits that a good network still reads wrongly, and what it takes them for.

Some of them you would misread too. The confusion matrix counts all: the row is the digit, the column the answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import plotting
from hotloop.examples._lesson import Lesson, run
from hotloop.examples.simple_convnet import build


def main(lesson: Lesson) -> None:
    """Train the small convolutional network and look at its errors."""
    data = lesson.data()
    model = build(data)
    epochs = 2 if lesson.quick else 5
    model.fit(data.x[..., None], data.y, batch_size=100, epochs=epochs, verbose=2)
    answers = model.predict(data.x_test[..., None], verbose=0)
    read = answers.argmax(axis=1)
    wrong = np.flatnonzero(read != data.y_test)
    print(f"{len(wrong)} of {len(read):,} test images are read wrongly")
    accuracy = model.evaluate(data.x_test[..., None], data.y_test, verbose=0)[1]
    share = 1 - len(wrong) / len(read)
    lesson.expect("the rest is the test accuracy", share, accuracy, decimals=6)
    lesson.at_most("wrong, in the 10,000", len(wrong), 200)
    # The network is less sure of its errors: its largest probability is lower there.
    sure = answers.max(axis=1)
    right_mean, wrong_mean = sure[read == data.y_test].mean(), sure[wrong].mean()
    told = f"{wrong_mean:.2f} < {right_mean:.2f}"
    lesson.holds("less sure where it is wrong", wrong_mean < right_mean, told)

    # The surest errors are the most instructive.
    shown = wrong[np.argsort(-sure[wrong])][:20]

    def draw(ax: Any) -> None:
        plotting.images(data.x_test[shown], data.y_test[shown], read[shown], columns=5, ax=ax)

    def draw_all(ax: Any) -> None:
        plotting.confusion_matrix(data.y_test, read, ax=ax)

    lesson.picture("misclassified", draw, size=(8, 7))
    lesson.picture("confusion", draw_all, size=(6.4, 5.2))


if __name__ == "__main__":
    run(main, data=True, quick=True)
