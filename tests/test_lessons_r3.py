"""Networks on MNIST reach the figures of the lessons, as the median of three seeds.

These are whole training runs: ``pytest -m slow tests/test_lessons_r3.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop.book import lessons

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


def test_784_50_10_relu_by_hand(data: Any) -> None:
    """ReLU, 50,000 steps; else as above. Curves of loss and accuracies hold one point an epoch."""
    x, y, x_test, y_test = data
    x, x_test = (x / 255).astype(np.float32), (x_test / 255).astype(np.float32)
    ends = []
    for seed in SEEDS:
        np.random.seed(seed)  # noqa: NPY002 - the lesson's generator
        w1, w2 = 0.01 * np.random.randn(784, 50), 0.01 * np.random.randn(50, 10)  # noqa: NPY002
        model = hl.Sequential(
            [hl.layers.Dense(50, "relu", input_shape=(784,)), hl.layers.Dense(10, "softmax")]
        )
        model.set_weights([w1, np.zeros(50), w2, np.zeros(10)])
        model.compile(hl.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        losses, accuracies = [], []
        for step in range(1, 50_001):
            batch = np.random.choice(len(x), 100)  # noqa: NPY002
            loss = model.train_on_batch(x[batch], y[batch])
            if step % 600 == 0:
                losses.append(loss)
                seen = model.predict(x_test, verbose=0).argmax(1) == y_test
                accuracies.append(float(seen.mean()))
        assert np.mean(losses[-10:]) < np.mean(losses[:10])
        ends.append(accuracies[-1])
    print(f"50 ReLU by hand: {ends}")  # noqa: T201
    assert np.median(ends) >= 0.97 - TOLERANCE


def test_784_100_64_32_10_by_backpropagation(data: Any) -> None:
    """The figure stands after the step that a loop from 0 calls 950."""
    x, y, x_test, y_test = data
    net = lessons.BackpropNet()
    rows, ids = x / 0.255, y.astype(np.int64)
    for _ in range(951):
        batch = np.random.choice(len(x), 100)  # noqa: NPY002 - the lesson's batches
        net.step(rows[batch], ids[batch], learning_rate=0.001)
    figures = net.accuracy(rows, y), net.accuracy(x_test / 0.255, y_test)
    print(f"backpropagation: {figures}")  # noqa: T201
    assert [f"{figure:.4f}" for figure in figures] == ["0.8917", "0.8909"]


def normalised(data: Any) -> Any:
    x, y, x_test, y_test = data
    rows, test = (((pixels / 255 - 0.1307) / 0.3081).astype(np.float32) for pixels in (x, x_test))
    return rows, y, test, y_test


def test_pytorch_as_the_lesson_wrote_it(data: Any) -> None:
    ends = []
    for seed in SEEDS:
        reports = list(lessons.ProbabilityNet(seed).fit(*normalised(data), epochs=10))
        print("\n".join(map(str, reports[:3] + reports[-2:])))  # noqa: T201
        # A hundred equal probabilities would be -.01; the first depends on the weights drawn.
        assert abs(reports[0].loss + 0.0089) < 0.003
        assert str(reports[1]).startswith("Train Epoch: 1 [20000/60000 (33%)] Loss: -0.0")
        ends.append((reports[-1].loss, reports[-1].accuracy))
    loss, accuracy = np.median(np.asarray(ends, float), axis=0)
    assert abs(loss + 0.0260) < 0.0005
    assert accuracy >= 0.83 - TOLERANCE


# Single images in order: PyTorch 2.13 itself, from the same weights, ends at .9533, .9588 and .9618
# with the three seeds (median .9588), ours at .9586, .9607 and .9536; from epoch to epoch both move
# by .004. Shuffled images end at .9598 and .9573. So the case of 1 fails, and says by how much.
@pytest.mark.parametrize("batch_size", [1, 64])
def test_pytorch_repaired(data: Any, batch_size: int) -> None:
    ends = []
    for seed in SEEDS:
        net = lessons.RepairedNet(seed, "float32")
        reports = list(net.fit(*normalised(data), epochs=10, batch_size=batch_size))
        ends.append(reports[-1].accuracy)
    print(f"repaired, batch {batch_size}: {ends}")  # noqa: T201
    assert np.median(np.asarray(ends, float)) >= 0.965 - TOLERANCE


def conv_accuracy(data: Any, layers: Any, name: str) -> float:
    x, y, x_test, y_test = data
    images, test = x.reshape(-1, 28, 28, 1), x_test.reshape(-1, 28, 28, 1)
    ends = []
    for seed in SEEDS:
        hl.set_seed(seed)
        model = hl.Sequential([hl.layers.Rescaling(1 / 255, input_shape=(28, 28, 1)), *layers()])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(images, y, batch_size=100, epochs=20, verbose=0)
        ends.append(model.evaluate(test, y_test, verbose=0)[1])
    print(f"{name}: {ends}")  # noqa: T201
    return float(np.median(ends))


def test_simple_convnet(data: Any) -> None:
    def layers() -> list[Any]:
        return [
            hl.layers.Conv2D(30, 5, activation="relu"),
            hl.layers.MaxPool2D(2),
            hl.layers.Flatten(),
            hl.layers.Dense(100, activation="relu"),
            hl.layers.Dense(10, activation="softmax"),
        ]

    assert conv_accuracy(data, layers, "SimpleConvNet") >= 0.988 - TOLERANCE


def test_deep_convnet(data: Any) -> None:
    def layers() -> list[Any]:
        built: list[Any] = []
        for filters, paddings in ((16, (1, 1)), (32, (1, 2)), (64, (1, 1))):
            built += [
                hl.layers.Conv2D(
                    filters, 3, padding=p, activation="relu", kernel_initializer="he_normal"
                )
                for p in paddings
            ]
            built.append(hl.layers.MaxPool2D(2))
        return [
            *built,
            hl.layers.Flatten(),
            hl.layers.Dense(50, activation="relu", kernel_initializer="he_normal"),
            hl.layers.Dropout(0.5),
            hl.layers.Dense(10),
            hl.layers.Dropout(0.5),
            hl.layers.Softmax(),
        ]

    assert conv_accuracy(data, layers, "DeepConvNet") >= 0.993 - TOLERANCE
