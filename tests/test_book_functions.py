"""`hotloop.book`'s functions, gradients and helpers against the book's formulas in plain NumPy."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from hotloop.book.common import functions as F
from hotloop.book.common import gradient, layers, multi_layer_net, optimizer, trainer, util
from hotloop.book.dataset import mnist

rng = np.random.default_rng(3)


def test_figures_of_the_book() -> None:
    np.testing.assert_allclose(
        F.sigmoid(np.array([-1.0, 1.0, 2.0])), [0.26894142, 0.73105858, 0.88079708], atol=5e-9
    )
    np.testing.assert_allclose(
        F.softmax(np.array([0.3, 2.9, 4.0])), [0.01821127, 0.24519181, 0.73659691], atol=5e-9
    )
    np.testing.assert_allclose(
        F.softmax(np.array([1010, 1000, 990])),
        [9.99954600e-01, 4.53978686e-05, 2.06106005e-09],
        rtol=1e-8,
    )
    np.testing.assert_array_equal(F.relu(np.array([-5, 0, 4])), [0, 0, 4])
    np.testing.assert_array_equal(F.step_function(np.array([-1.0, 1.0, 2.0])), [0, 1, 1])
    assert F.step_function(np.array([1.0])).dtype == int
    t = np.array([0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    y = np.array([0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0])
    wrong = np.array([0.1, 0.05, 0.1, 0.0, 0.05, 0.1, 0.0, 0.6, 0.0, 0.0])
    assert float(F.sum_squared_error(y, t)) == pytest.approx(0.0975, abs=1e-15)
    assert float(F.sum_squared_error(wrong, t)) == pytest.approx(0.5975, abs=1e-15)
    assert float(F.cross_entropy_error(y, t)) == pytest.approx(0.510825457099338, abs=1e-15)
    assert float(F.cross_entropy_error(wrong, t)) == pytest.approx(2.302584092994546, abs=1e-15)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64])
@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 4)])
def test_functions_keep_the_dtypes_of_numpy(dtype: Any, shape: tuple[int, ...]) -> None:
    x: Any = np.asarray(rng.integers(-3, 4, shape)).astype(dtype)
    tolerance = {np.float16: 2e-3, np.float32: 1e-6}.get(dtype, 1e-14)
    y = 1 / (1 + np.exp(-x))
    for found, wanted in (
        (F.sigmoid(x), y),
        (F.sigmoid_grad(x), (1.0 - y) * y),
        (F.relu(x), np.maximum(0, x)),
        (F.relu_grad(x), (x >= 0).astype(dtype)),
        (F.identity_function(x), x),
    ):
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, atol=tolerance)
    if shape:
        powers = np.exp(x - x.max(axis=-1, keepdims=True))
        wanted = powers / powers.sum(axis=-1, keepdims=True)
        assert F.softmax(x).dtype == wanted.dtype
        np.testing.assert_allclose(F.softmax(x), wanted, atol=tolerance)
    assert F.sigmoid(0.0) == 0.5
    assert F.relu(-2.0) == 0


def test_cross_entropy_error_of_ids_and_one_hot_rows() -> None:
    y = rng.random((6, 4))
    t = rng.integers(0, 4, 6)
    wanted = -np.mean(np.log(y[np.arange(6), t] + 1e-7))
    for given in (t, t.astype(np.uint8), np.eye(4)[t]):
        assert float(F.cross_entropy_error(y, given)) == pytest.approx(wanted, rel=1e-14)
    assert float(F.cross_entropy_error(y[0], t[:1])) == pytest.approx(-np.log(y[0, t[0]] + 1e-7))
    assert float(F.cross_entropy_error(np.array([[0.0, 1.0]]), np.array([0]))) == pytest.approx(
        16.1180956509583
    )
    z = rng.standard_normal((6, 4))
    assert float(F.softmax_loss(z, t)) == float(F.cross_entropy_error(F.softmax(z), t))


def test_numerical_gradient_shifts_x_itself_and_puts_it_back() -> None:
    x = rng.standard_normal((2, 3))
    before = x.copy()
    seen = []

    def f(_: Any) -> float:  # looks at x without being given it, as the book's networks do
        seen.append((x - before).copy())
        return float(np.sum(x**3))

    np.testing.assert_allclose(gradient.numerical_gradient(f, x), 3 * before**2, atol=1e-7)
    np.testing.assert_array_equal(x, before)
    assert len(seen) == 12
    assert seen[0][0, 0] == pytest.approx(1e-4)
    assert seen[1][0, 0] == pytest.approx(-1e-4)
    np.testing.assert_allclose(
        gradient.numerical_gradient_2d(lambda v: np.sum(v**3), x), 3 * before**2, atol=1e-7
    )
    np.testing.assert_allclose(
        gradient.numerical_gradient_2d(lambda v: np.sum(v**3), x[0]), 3 * before[0] ** 2, atol=1e-7
    )
    turned = x.T  # the order in memory decides which random numbers each f would draw
    seen.clear()
    gradient.numerical_gradient(f, turned)
    assert seen[2][0, 1] == pytest.approx(1e-4)
    with pytest.raises(ZeroDivisionError):
        gradient.numerical_gradient(lambda _: 1 / 0, x)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(
        gradient.numerical_gradient(np.sum, np.array([1, 2])), [5000, 5000]
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.uint8])
def test_im2col_and_col2im(dtype: Any) -> None:
    x = rng.integers(0, 9, (2, 3, 6, 5)).astype(dtype)
    col = util.im2col(x, 3, 2, stride=2, pad=1)
    held = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(held, (3, 2), (2, 3))[:, :, ::2, ::2]
    wanted = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 18)
    np.testing.assert_array_equal(col, wanted)
    assert col.dtype == (np.float32 if dtype == np.float32 else np.float64)
    back = util.col2im(col, x.shape, 3, 2, stride=2, pad=1)
    counts = util.col2im(util.im2col(np.ones(x.shape), 3, 2, 2, 1), x.shape, 3, 2, 2, 1)
    np.testing.assert_allclose(back, x * counts)
    np.testing.assert_array_equal(util.col2im(col.reshape(2, -1, 18), x.shape, 3, 2, 2, 1), back)


def test_helpers() -> None:
    x, t = np.arange(24.0).reshape(6, 4), np.arange(6)
    np.random.seed(1)  # noqa: NPY002 - as scripts of the book seed
    shuffled, labels = util.shuffle_dataset(x, t)
    np.random.seed(1)  # noqa: NPY002
    order = np.random.permutation(6)  # noqa: NPY002
    np.testing.assert_array_equal(shuffled, x[order])
    np.testing.assert_array_equal(labels, order)
    assert util.shuffle_dataset(x.reshape(6, 1, 2, 2), t)[0].shape == (6, 1, 2, 2)
    assert util.conv_output_size(7, 3, stride=2, pad=1) == 4.0
    assert util.conv_output_size(5, 2, stride=2) == 2.5
    losses = list(rng.random(30))
    smooth = util.smooth_curve(losses)
    assert smooth.shape == (30,)
    window = np.kaiser(11, 2) / np.kaiser(11, 2).sum()
    assert smooth[15] == pytest.approx(np.dot(window, losses[10:21]))
    assert smooth[0] == pytest.approx(np.dot(window, [*losses[5:0:-1], *losses[:6]]))


def test_star_imports_give_what_scripts_of_the_book_use() -> None:
    for module, names in (
        (F, ["np", "sigmoid", "softmax", "cross_entropy_error"]),
        (optimizer, ["np", "SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam"]),
        (
            layers,
            [
                "np",
                "Affine",
                "Relu",
                "SoftmaxWithLoss",
                "softmax",
                "im2col",
                "col2im",
                "sigmoid_grad",
            ],
        ),
        (
            multi_layer_net,
            ["np", "MultiLayerNet", "Affine", "OrderedDict", "numerical_gradient", "softmax"],
        ),
        (trainer, ["np", "Trainer", "SGD", "Adam"]),
        (util, ["np", "im2col", "smooth_curve"]),
        (mnist, ["load_mnist", "init_mnist", "key_file", "img_size", "train_num"]),
    ):
        space: dict[str, Any] = {}
        exec(f"from {module.__name__} import *", space)
        assert set(names) <= set(space), module.__name__
        assert all(inspect.getdoc(space[name]) for name in names if name not in ("key_file",))


def test_load_mnist_in_all_its_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    x, t = rng.integers(0, 256, (5, 28, 28), dtype=np.uint8), np.array([3, 1, 4, 1, 5], np.uint8)
    x.flags.writeable = t.flags.writeable = False
    monkeypatch.setattr("hotloop.datasets.mnist.load_data", lambda: ((x, t), (x[:2], t[:2])))
    (images, labels), (test_images, test_labels) = mnist.load_mnist()
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, x.reshape(5, 784).astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(labels, t)
    assert test_images.shape == (2, 784)
    assert test_labels.dtype == np.uint8
    (images, labels), _ = mnist.load_mnist(normalize=False, flatten=False, one_hot_label=True)
    np.testing.assert_array_equal(images, x.reshape(5, 1, 28, 28))
    np.testing.assert_array_equal(labels, np.eye(10)[t])
    assert images.dtype == np.uint8
    assert labels.dtype == np.float64
    images[0] = 0  # scripts may change what they get
    mnist.init_mnist()
    assert mnist.save_file.endswith("mnist.pkl")
    assert mnist.save_file.startswith(mnist.dataset_dir)
