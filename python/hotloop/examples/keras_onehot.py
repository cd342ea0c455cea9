"""The other Keras script: 512 ReLU units, RMSprop, one-hot labels, five epochs.

Class ids and one-hot rows say the same; the loss must know which it gets. `to_categorical` makes rows of ids.
"""

from __future__ import annotations

from typing import Any

import hotloop as keras
from hotloop import plotting
from hotloop.examples._lesson import Data, Lesson, run


def train(data: Data, loss: str, metrics: list[str], epochs: int) -> tuple[Any, list[float]]:
    """Return the history and the test's [loss, *metrics] of 784-512-10 on one-hot labels."""
    x, x_test = data.rows()
    y, y_test = (keras.utils.to_categorical(labels, 10) for labels in (data.y, data.y_test))
    model = keras.Sequential(
        [
            keras.layers.Dense(512, activation="relu", input_shape=(x.shape[1],)),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="rmsprop", loss=loss, metrics=metrics)
    history = model.fit(
        x, y, batch_size=128, epochs=epochs, validation_data=(x_test, y_test), verbose=2
    )
    return history, list(model.evaluate(x_test, y_test, verbose=0))


def main(lesson: Lesson) -> None:
    """Train with the categorical cross entropy."""
    data = lesson.data()
    epochs = 2 if lesson.quick else 5
    history, (_, accuracy) = train(data, "categorical_crossentropy", ["accuracy"], epochs)
    # fit counts while it trains: the running means of an epoch are those of weights that still improve.
    running = {name: values[-1] for name, values in history.history.items()}
    lesson.at_least("running accuracy of the last epoch", running["accuracy"], 0.989, slack=0.005)
    lesson.at_most("running loss of the last epoch", running["loss"], 0.037, factor=1.1)
    lesson.at_least("test accuracy", accuracy, 0.978, slack=0.005)

    def draw(axes: Any) -> None:
        plotting.history(history, ax=axes)

    lesson.picture("keras_onehot", draw, 1, 2)


if __name__ == "__main__":
    run(main, data=True, quick=True)
