"""An image row by row: an LSTM reads 28 rows of 28 pixels, and says which digit it saw.

It never sees the picture at once. What it has to keep of the rows above stands in 128 numbers, and still 98.9 % of
MNIST's test images come out right.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import hotloop as hl
from hotloop.examples._lesson import COLOURS, Lesson, run
from hotloop.layers import LSTM, Dense, Input, Rescaling


def main(lesson: Lesson) -> None:
    """Train eight epochs, then ask after each row what it thinks so far."""
    data = lesson.data()
    rows, columns = data.x.shape[1:]
    model = hl.Sequential(
        [
            Input((None, columns)),
            Rescaling(1 / data.top),
            LSTM(128),
            Dense(10, activation="softmax"),
        ]
    )
    epochs, batch = 3 if lesson.quick else 8, 100
    # Large steps at first, and ever smaller ones: the last epochs gain half of what is left.
    rate = hl.optimizers.schedules.CosineDecay(3e-3, epochs * -(-len(data.x) // batch))
    adam = hl.optimizers.Adam(rate)
    model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(data.x, data.y, batch_size=batch, epochs=epochs, verbose=2)
    _, accuracy = model.evaluate(data.x_test, data.y_test, verbose=0)
    lesson.at_least("test accuracy", accuracy, 0.987, slack=0.002)

    # The time axis is open, so the same model reads the first rows alone.
    few, labels = data.x_test[:500], data.y_test[:500]
    so_far = np.stack([model.predict(few[:, :n], verbose=0) for n in range(1, rows + 1)], axis=1)
    right = (so_far.argmax(axis=-1) == labels[:, None]).mean(axis=0)

    def draw(axes: Any) -> None:
        image, belief = axes
        image.imshow(few[0], cmap="gray")
        image.set_title("what it reads, from the top")
        steps = np.arange(1, rows + 1)
        belief.plot(steps, so_far[0, :, labels[0]], color=COLOURS[0], label=f"this {labels[0]}")
        belief.plot(steps, right, color=COLOURS[1], label="right of 500")
        belief.set_xlabel("rows read")
        belief.set_ylabel("probability, share")
        belief.legend()

    lesson.picture("lstm_mnist", draw, 1, 2)


if __name__ == "__main__":
    run(main, data=True, quick=True)
