"""Networks on MNIST reach the figures of the lessons, as the median of three seeds.

These are whole training runs: ``pytest -m slow tests/test_lessons_r3.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop as hl

pytestmark = pytest.mark.slow
SEEDS = (0, 1, 2)
TOLERANCE = 0.005


@pytest.fixture(scope="module")
def data(mnist_data: Any) -> Any:
    (x, y), (x_test, y_test) = mnist_data
    return x.reshape(-1, 784), y, x_test.reshape(-1, 784), y_test


def median_accuracy(
    data: Any, hidden: int, activation: str, batch_size: int, epochs: int
) -> tuple[float, float]:
    x, y, x_test, y_test = data
    figures = []
    for seed in SEEDS:
        hl.set_seed(seed)
        model = hl.Sequential(
            [
                hl.layers.Rescaling(1 / 255, input_shape=(784,)),
                hl.layers.Dense(hidden, activation=activation),
                hl.layers.Dense(10, activation="softmax"),
            ]
        )
        assert model.count_params() == 785 * hidden + 10 * (hidden + 1)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)
        figures.append(model.evaluate(x_test, y_test, verbose=0))
    losses, accuracies = zip(*figures, strict=True)
    print(f"784-{hidden} {activation}: loss {losses}, accuracy {accuracies}")  # noqa: T201
    return float(np.median(losses)), float(np.median(accuracies))


def test_784_50_sigmoid_with_adam(data: Any) -> None:
    loss, accuracy = median_accuracy(data, 50, "sigmoid", 32, 10)
    assert accuracy >= 0.968 - TOLERANCE
    assert loss <= 0.11 * 1.1


def test_784_512_relu_with_adam(data: Any) -> None:
    _, accuracy = median_accuracy(data, 512, "relu", 128, 5)
    assert accuracy >= 0.978 - TOLERANCE


def test_784_50_10_by_hand(data: Any) -> None:
    """Sigmoid, .01 randn, rate .1, batches of 100 drawn with replacement."""
    x, y, x_test, y_test = data
    x, x_test = (x / 255).astype(np.float32), (x_test / 255).astype(np.float32)
    figures = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        model = hl.Sequential(
            [
                hl.layers.Dense(50, "sigmoid", kernel_initializer="zeros", input_shape=(784,)),
                hl.layers.Dense(10, kernel_initializer="zeros"),
            ]
        )
        for name, value in model.params.items():
            if name.endswith("kernel"):
                value[...] = 0.01 * rng.standard_normal(value.shape)
        loss = hl.losses.SparseCategoricalCrossentropy(from_logits=True)
        optimizer = hl.optimizers.SGD(0.1)
        seen = {}
        for step in range(100_001):
            if step in (0, 1200, 9600, 100_000):
                seen[step] = [
                    float((model.predict(images, verbose=0).argmax(1) == labels).mean())
                    for images, labels in ((x, y), (x_test, y_test))
                ]
            batch = rng.choice(len(x), 100)
            loss.forward(model.forward(x[batch], training=True), y[batch].astype(np.int64))
            model.backward(loss.backward())
            optimizer.update(model.params, model.grads)
        figures.append([seen[0][1], seen[1200][1], seen[9600][1], *seen[100_000]])
        print(f"by hand, seed {seed}: {seen}")  # noqa: T201
    start, two, sixteen, train, test = np.median(figures, axis=0)
    assert abs(start - 0.1) < 0.05
    assert two >= 0.88 - TOLERANCE
    assert sixteen >= 0.945 - TOLERANCE
    assert train >= 0.993 - TOLERANCE
    assert test >= 0.975 - TOLERANCE
