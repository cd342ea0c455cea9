"""What the lessons on training show in pictures, held in numbers: starts, optimizers, overfitting.

The histograms and walks need no data. Trainings take MNIST where it is at hand, and few steps; the examples draw the
same in full.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop.examples import filters, random_search, weight_decay
from hotloop.examples._lesson import Data, Lesson
from hotloop.examples.batch_norm import accuracies
from hotloop.examples.by_hand import train as train_by_hand
from hotloop.examples.histograms import CASES, layers
from hotloop.examples.optimizer_paths import valley, walk
from hotloop.examples.simple_convnet import build

BINS = 50
NOT_WARNED = pytest.mark.filterwarnings("ignore::hotloop.config.DiagnosisWarning")


def digits(count: int | None = None) -> Data:
    """Return the digits of the package, the first `count` to train on."""
    (x, y), (x_test, y_test) = hl.datasets.digits.load_data()
    return Data("digits", 16, x[:count], y[:count], x_test, y_test)


@pytest.fixture
def mnist(mnist_data: Any) -> Data:
    (x, y), (x_test, y_test) = mnist_data
    return Data("mnist", 255, x[:3000], y[:3000], x_test[:2000], y_test[:2000])


# --- histograms


def histogram(y: Any, low: float = 0.0, high: float = 1.0) -> Any:
    """Return the share of all values in each of 50 bins."""
    return np.histogram(y, BINS, (low, high))[0] / y.size


@pytest.mark.parametrize(
    ("activation", "weights"), [(a, w) for a, names in CASES.items() for w in names]
)
def test_six_layers_of_fifty_units(activation: str, weights: str) -> None:
    answers = layers(activation, weights)
    assert [y.shape for y in answers] == [(1000, 50)] * 6
    low, high = {"sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0, np.inf)}[activation]
    assert all(low <= y.min() and y.max() <= high for y in answers)


def test_sigmoid_of_wide_weights_saturates_at_both_ends() -> None:
    for y in layers("sigmoid", "normal"):
        shares = histogram(y)
        assert shares[0] > 5 * shares[15:35].max()
        assert shares[-1] > 5 * shares[15:35].max()
    assert histogram(layers("sigmoid", "uniform 1-10")[5])[-1] == 1.0


def test_sigmoid_of_narrow_weights_crowds_in_the_middle() -> None:
    for y in layers("sigmoid", "normal * .01"):
        assert histogram(y)[22:28].sum() > 0.99
    for y in layers("sigmoid", "zero"):
        np.testing.assert_array_equal(y, 0.5)


def test_xavier_spreads_sigmoid_and_tanh() -> None:
    narrow = layers("sigmoid", "normal * .01")[5].std()
    for y in layers("sigmoid", "Xavier"):
        assert y.std() > 8 * narrow
        assert histogram(y)[[0, -1]].sum() < 0.05  # and saturates nowhere
    last = layers("tanh", "Xavier")[5]
    assert abs(last.mean()) < 0.05
    assert 0.2 < last.std() < 0.5
    # Over (0, 1), as for the sigmoid, half of tanh's answers are out of the picture.
    assert abs(histogram(last).sum() - 0.5) < 0.05
    assert histogram(last, -1).sum() == pytest.approx(1)


def test_he_keeps_the_size_behind_relu_and_the_others_lose_it() -> None:
    def sizes(weights: str) -> Any:
        return np.array([np.sqrt(np.mean(y**2)) for y in layers("relu", weights)])

    he, xavier, narrow = sizes("He"), sizes("Xavier"), sizes("normal * .01")
    assert np.all((he > 0.6) & (he < 1.8))  # that of the inputs is 1
    # Each layer halves the squares: a factor of sqrt(1/2) a layer.
    np.testing.assert_allclose(xavier[1:] / xavier[:-1], np.sqrt(0.5), rtol=0.25)
    assert narrow[5] < 1e-6
    assert sizes("normal")[5] > 1e3
    assert not sizes("zero").any()


# --- optimizers


WALKS: dict[str, tuple[Callable[[], Any], int]] = {
    "SGD": (lambda: hl.optimizers.SGD(0.95), 30),
    "Momentum": (lambda: hl.optimizers.SGD(0.1, momentum=0.9), 30),
    "AdaGrad": (lambda: hl.optimizers.Adagrad(1.5, initial_accumulator_value=0.0), 30),
    "RMSProp": (lambda: hl.optimizers.RMSprop(0.01, rho=0.99), 900),
    "Adam": (lambda: hl.optimizers.Adam(0.3), 30),
}


@pytest.mark.parametrize("name", WALKS)
def test_walks_in_the_valley_end_low(name: str) -> None:
    make, steps = WALKS[name]
    path = walk(make(), steps)
    assert path.shape == (steps + 1, 2)
    assert valley(*path[-1]) < 0.02 * valley(*path[0])
    crossings = int(np.sum(path[1:, 1] * path[:-1, 1] < 0))
    assert crossings == 30 if name == "SGD" else crossings < 10


def test_walks_follow_the_equations() -> None:
    sgd = walk(hl.optimizers.SGD(0.95), 5)
    np.testing.assert_allclose(sgd[:, 1], 2 * (1 - 1.9) ** np.arange(6), rtol=1e-12)
    np.testing.assert_allclose(sgd[:, 0], -7 * 0.905 ** np.arange(6), rtol=1e-12)
    # The first step of AdaGrad and of Adam is the rate, in each variable, whatever the slope.
    for optimizer, rate in ((WALKS["AdaGrad"][0](), 1.5), (hl.optimizers.Adam(0.3), 0.3)):
        np.testing.assert_allclose(np.abs(np.diff(walk(optimizer, 1), axis=0)), rate, rtol=1e-5)
    # RMSProp's is rate / sqrt(1 - decay).
    first = np.diff(walk(hl.optimizers.RMSprop(0.01, rho=0.99), 1), axis=0)
    np.testing.assert_allclose(np.abs(first), 0.1, rtol=1e-4)


def losses(data: Data, optimizer: Any, start: Any = "he_normal", steps: int = 150) -> Any:
    """Return the training losses of 100x4 ReLU units, from one seed and on the same batches."""
    hl.set_seed(0)
    rng = np.random.default_rng(0)
    x = data.rows()[0]
    hidden = [hl.layers.Dense(100, "relu", kernel_initializer=start) for _ in range(4)]
    last = hl.layers.Dense(10, "softmax", kernel_initializer=start)
    model = hl.Sequential([hl.Input((x.shape[1],)), *hidden, last])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    batches = (rng.choice(len(x), 128) for _ in range(steps))
    return np.array([float(model.train_on_batch(x[batch], data.y[batch])) for batch in batches])


MNIST_OPTIMIZERS: dict[str, tuple[Callable[[], Any], float]] = {
    "SGD": (lambda: hl.optimizers.SGD(0.01), 0.8),
    "Momentum": (lambda: hl.optimizers.SGD(0.01, momentum=0.9), 0.3),
    "AdaGrad": (lambda: hl.optimizers.Adagrad(0.01, initial_accumulator_value=0.0), 0.2),
    "RMSProp": (lambda: hl.optimizers.RMSprop(0.01, rho=0.99), 0.5),
    "Adam": (lambda: hl.optimizers.Adam(0.001), 0.2),
}


@pytest.mark.parametrize("name", MNIST_OPTIMIZERS)
def test_optimizers_reduce_the_loss_on_mnist(mnist: Data, name: str) -> None:
    make, share = MNIST_OPTIMIZERS[name]
    seen = losses(mnist, make())
    assert seen[-20:].mean() < share * seen[0]


# --- starts


def test_initialisers_on_mnist(mnist: Data) -> None:
    starts = {
        "narrow": hl.initializers.RandomNormal(stddev=0.01),
        "Xavier": hl.initializers.LecunNormal(),
        "He": hl.initializers.HeNormal(),
    }
    ends = {n: losses(mnist, hl.optimizers.SGD(0.01), s)[-20:].mean() for n, s in starts.items()}
    assert abs(ends["narrow"] - np.log(10)) < 0.02  # nothing is learnt
    assert ends["He"] < ends["Xavier"] < ends["narrow"]
    assert ends["He"] < 1.5


@NOT_WARNED
@pytest.mark.parametrize(("scale", "without"), [(0.16, True), (0.014, False), (0.001, False)])
def test_batch_norm_learns_from_scales_that_stop_other_networks(
    scale: float, without: bool
) -> None:
    data = digits(1000)
    ends = {}
    for norm in (True, False):
        hl.set_seed(0)
        ends[norm] = accuracies(data.rows()[0], data.y, scale, 10, norm=norm)[-1]
    assert ends[True] > 0.6
    assert (ends[False] > 0.6) == without


# --- overfitting


def test_decay_and_dropout_close_the_gap_of_300_images(mnist: Data) -> None:
    def gap(epochs: int, penalty: Any = None, dropout: float = 0.0) -> tuple[float, float]:
        train, test = weight_decay.train(mnist, 0, epochs, penalty, dropout)[-1]
        return train, train - test

    known, plain = gap(150)
    assert known > 0.99  # by heart
    assert plain > 0.15
    for penalty in (hl.regularizers.L2(0.05), hl.regularizers.L1(0.01)):
        assert gap(150, penalty)[1] < plain - 0.02
    assert gap(150, dropout=0.2)[1] < plain - 0.02


def test_weight_decay_makes_weights_small() -> None:
    data = digits(300)
    sizes = []
    for penalty in (None, hl.regularizers.L2(0.05), hl.regularizers.L1(0.01)):
        hl.set_seed(0)
        x = data.rows()[0]
        layer = hl.layers.Dense(50, "relu", kernel_regularizer=penalty)
        model = hl.Sequential([hl.Input((64,)), layer, hl.layers.Dense(10, "softmax")])
        model.compile(hl.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        model.fit(x, data.y, batch_size=100, epochs=60, verbose=0)
        kernel = layer.get_weights()[0]
        sizes.append((np.mean(kernel**2), np.mean(np.abs(kernel) < 0.01)))
    (plain, near_zero), (l2, _), (_, l1_zero) = sizes
    assert l2 < 0.7 * plain
    assert l1_zero > 3 * near_zero  # L1 sets weights aside altogether


# --- search, filters, errors, curves


def test_random_search_prefers_large_rates_on_validation_images(tmp_path: Path) -> None:
    lesson = Lesson("random_search", tmp_path, quick=True, wanted="digits")
    random_search.main(lesson)
    assert [row.ok for row in lesson.rows] == [True, True]


@NOT_WARNED
def test_filters_become_smooth_and_errors_are_unsure(mnist: Data) -> None:
    model = build(mnist, hl.initializers.RandomNormal(stddev=0.01))
    before = model.layers[1].get_weights()[0]
    assert abs(filters.smoothness(before)) < 0.25
    model.fit(mnist.x[..., None], mnist.y, batch_size=100, epochs=4, verbose=0)
    after = model.layers[1].get_weights()[0]
    assert filters.smoothness(after) > filters.smoothness(before) + 0.2
    assert np.abs(after).max() > 3 * np.abs(before).max()

    answers = model.predict(mnist.x_test[..., None], verbose=0)
    wrong = answers.argmax(axis=1) != mnist.y_test
    assert 0 < wrong.mean() < 0.15
    assert answers.max(axis=1)[wrong].mean() < answers.max(axis=1)[~wrong].mean()


def test_curves_of_train_and_test_rise_together_and_then_part() -> None:
    curves = train_by_hand(digits(300), "relu", 3000, seed=0)
    train, test = np.array(curves["train"]), np.array(curves["test"])
    assert curves["step"] == list(range(0, 3001, 600))
    assert abs(train[0] - test[0]) < 0.1
    assert train[-1] > 0.99
    assert train[-1] > test[-1] > 0.8
    assert np.mean(curves["loss"][-100:]) < 0.1 * curves["loss"][0]
