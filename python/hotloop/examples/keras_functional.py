"""Keras's functional style: layers are called on what comes before them, and a Model is made of both ends.

The lesson trains on pixels from 0 to 255 and with squared errors. Both are poor choices, and it still learns:
compare with `keras_mlp`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import hotloop as keras
from hotloop import plotting
from hotloop.examples._lesson import Lesson, failing_on_purpose, run
from hotloop.layers import Dense


def main(lesson: Lesson) -> None:
    """Train 784-50-100-10 for twenty epochs."""
    data = lesson.data()
    x, x_test = (images.reshape(len(images), -1) for images in (data.x, data.x_test))
    y, y_test = (keras.utils.to_categorical(labels, 10) for labels in (data.y, data.y_test))

    inputs = keras.Input(shape=(x.shape[1],))
    hidden = Dense(50, activation="sigmoid")(inputs)
    hidden = Dense(100, activation="sigmoid")(hidden)
    outputs = Dense(10, activation="softmax")(hidden)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer="adam", loss="mean_squared_error", metrics=["accuracy"])
    mnist = data.name == "mnist"
    lesson.expect("parameters", model.count_params(), 45_360, compare=mnist)

    # Sums over 784 pixels of up to 255 push most sigmoids to 0 or 1, where they hardly learn.
    first = keras.Model(inputs, model.layers[1](inputs)).predict(x_test[:1000], verbose=0)
    ends = float(np.mean((first < 0.01) | (first > 0.99)))
    print(f"{ends:.0%} of the first layer's answers lie within .01 of 0 or 1 before training")

    with failing_on_purpose():  # hotloop would warn of inputs up to 255
        history = model.fit(x, y, epochs=2 if lesson.quick else 20, verbose=2)
    losses = history.history["loss"]
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    lesson.at_most("running loss, first epoch", losses[0], 0.031, factor=1.1)
    lesson.at_most("running loss, last epoch", losses[-1], 0.0125, factor=1.1)
    lesson.at_least("test accuracy", accuracy, 0.91, slack=0.005)

    def draw(axes: Any) -> None:
        plotting.history(history, ax=axes)

    lesson.picture("keras_functional", draw, 1, 2)


if __name__ == "__main__":
    run(main, data=True, quick=True)
