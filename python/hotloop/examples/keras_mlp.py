"""A Keras script as it stands: 784-50-10, Adam, ten epochs, 97 % of MNIST's digits.

Change `import keras` to `import hotloop as keras`; the rest stays.
"""

from __future__ import annotations

from typing import Any

import hotloop as keras
from hotloop import plotting
from hotloop.examples._lesson import Lesson, run


def main(lesson: Lesson) -> None:
    """Train, evaluate, draw the curves."""
    data = lesson.data()
    x, x_test = data.rows()  # (N, 784), pixels between 0 and 1
    model = keras.Sequential(
        [
            keras.layers.Dense(50, activation="sigmoid", input_shape=(x.shape[1],)),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    # "sparse": the labels are class ids, not one-hot rows.
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    # Each unit has a weight for each input, and a bias: 39,250 + 510.
    mnist = data.name == "mnist"
    lesson.expect("parameters", model.count_params(), 39_760, compare=mnist)
    history = model.fit(
        x,
        data.y,
        batch_size=32,
        epochs=3 if lesson.quick else 10,
        validation_data=(x_test, data.y_test),
        verbose=2,
    )
    loss, accuracy = model.evaluate(x_test, data.y_test, verbose=0)
    # Seeds differ in the third digit: the figure is the median of three, with .005 of room.
    lesson.at_least("test accuracy", accuracy, 0.968, slack=0.005)
    lesson.at_most("test loss", loss, 0.11, factor=1.1)

    def draw(axes: Any) -> None:
        plotting.history(history, ax=axes)

    lesson.picture("keras_mlp", draw, 1, 2)


if __name__ == "__main__":
    run(main, data=True, quick=True)
