"""A trained network from a file: ten thousand images one at a time, then in batches of a hundred.

`--weights` takes the book's `sample_weight.pkl` (chapter 3 of "Deep Learning from Scratch"), read through an unpickler
that admits arrays and nothing that could run. Without it a network of the same shape is trained first.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from hotloop import functional as F
from hotloop.book import load_params
from hotloop.examples._lesson import Data, Lesson, run


def predict(params: dict[str, Any], x: Any) -> Any:
    """Return the class probabilities of three layers; `x` is one row (784,) or a batch (N, 784)."""
    h = F.affine(x, params["W1"], params["b1"], activation="sigmoid")
    h = F.affine(h, params["W2"], params["b2"], activation="sigmoid")
    return F.softmax(F.affine(h, params["W3"], params["b3"]))


def trained(data: Data) -> dict[str, Any]:
    """Return weights of 784-50-100-10, trained for an epoch on pixels as they are."""
    import hotloop as hl  # noqa: PLC0415 - only without a file

    layers = [hl.layers.Dense(50, "sigmoid"), hl.layers.Dense(100, "sigmoid")]
    model = hl.Sequential([hl.Input((data.x[0].size,)), *layers, hl.layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(data.rows()[0], data.y, epochs=10, verbose=0)
    names = [f"{kind}{i}" for i in (1, 2, 3) for kind in "Wb"]
    params = dict(zip(names, model.get_weights(), strict=True))
    params["W1"] /= data.top  # trained on pixels up to 1, used on pixels up to 255
    return params


def main(lesson: Lesson) -> None:
    """Compare accuracies and times of both ways."""
    data = lesson.data()
    if lesson.weights is None:
        print("No --weights: training a network of the same shape instead.")
    book = lesson.weights is not None and data.name == "mnist" and lesson.full
    params = trained(data) if lesson.weights is None else load_params(lesson.weights)
    # One dtype for all: float32 beside float64 would be converted at each call.
    x = data.x_test.reshape(len(data.x_test), -1).astype(np.float32)
    params = {name: np.asarray(value, np.float32) for name, value in params.items()}

    start = time.perf_counter()
    singles = np.array([predict(params, row).argmax() for row in x])
    seconds = {"one at a time": time.perf_counter() - start}
    start = time.perf_counter()
    batches = np.concatenate(
        [predict(params, x[i : i + 100]).argmax(axis=1) for i in range(0, len(x), 100)]
    )
    seconds["in batches of 100"] = time.perf_counter() - start
    for (name, value), answers in zip(seconds.items(), (singles, batches), strict=True):
        accuracy = float(np.mean(answers == data.y_test))
        lesson.expect(f"accuracy, {name}", accuracy, 0.9207, decimals=4, compare=book)
        print(f"    {value:.3f} s")
    # The same rows give the same answers, however they are grouped.
    lesson.holds("both ways agree on every image", np.array_equal(singles, batches))
    if book:
        # The book's weights were trained on pixels up to 1, and the lesson gives them pixels up to 255.
        scaled = predict(params, x / np.float32(255)).argmax(axis=1)
        accuracy = float(np.mean(scaled == data.y_test))
        lesson.expect("accuracy, pixels / 255", accuracy, 0.9352, decimals=4)


if __name__ == "__main__":
    run(main, data=True, quick=True, weights=True)
