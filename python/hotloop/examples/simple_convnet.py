"""A small convolutional network: look for thirty patterns everywhere, then decide.

A convolution uses the same 25 weights at each place of the image, so that a stroke is found wherever it lies. 98.8 %
of MNIST's test images, where layers without it get 97.
"""

from __future__ import annotations

from typing import Any

import hotloop as hl
from hotloop import plotting
from hotloop.examples._lesson import Data, Lesson, run
from hotloop.layers import Conv2D, Dense, Flatten, MaxPool2D, Rescaling


def build(data: Data, start: Any = "he_normal") -> hl.Sequential:
    """Return conv 30 of 5 x 5, its filters beginning as `start`; ReLU, pool 2, affine 100, ReLU, affine 10."""
    model = hl.Sequential(
        [
            Rescaling(
                1 / data.top, input_shape=(*data.x.shape[1:], 1)
            ),  # uint8 stays uint8 until here
            Conv2D(30, 5, activation="relu", kernel_initializer=start),
            MaxPool2D(2),
            Flatten(),
            Dense(100, activation="relu", kernel_initializer="he_normal"),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(lesson: Lesson) -> None:
    """Train twenty epochs with Adam, in batches of 100."""
    data = lesson.data()
    model = build(data)
    history = model.fit(
        data.x[..., None],  # (N, H, W, 1): one channel
        data.y,
        batch_size=100,
        epochs=2 if lesson.quick else 20,
        validation_data=(data.x_test[..., None], data.y_test),
        verbose=2,
    )
    accuracy = history.history["val_accuracy"][-1]
    lesson.at_least("test accuracy", accuracy, 0.988, slack=0.005)

    def draw(axes: Any) -> None:
        plotting.history(history, ax=axes)

    lesson.picture("simple_convnet", draw, 1, 2)


if __name__ == "__main__":
    run(main, data=True, quick=True)
