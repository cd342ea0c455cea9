"""Every name that lessons use is there, and answers as plain NumPy does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hotloop.book import lessons

NAMES = """ReLU Layer Sigmoid Softmax BatchNormalization Dropout MyModel SGD Momentum AdaGrad RMSProp Adam
affine_layer_forward affine_layer_backward sigmoid_grad relu_grad _change_one_hot_label update_params
numerical_diff differential differential_1d differential_2d numerical_gradient gradient_descent
gradient_descent2 sum_squares_error mean_squared_error cross_entropy_error cross_entropy_error_for_batch
cross_entropy_error_for_bin softmax_loss Add Mul filtered_image conv_op flatten_for_mnist"""


def test_every_name_is_there() -> None:
    assert set(NAMES.split()) <= set(lessons.__all__)
    assert all(getattr(lessons, name).__doc__ for name in lessons.__all__ if name.islower())


def test_activations() -> None:
    x = np.random.default_rng(0).normal(size=(4, 5))
    s = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(lessons.sigmoid(x), s, rtol=1e-14)
    np.testing.assert_allclose(lessons.sigmoid_grad(x), s * (1 - s), rtol=1e-13)
    assert lessons.sigmoid([-1000.0, 1000.0]).tolist() == [0.0, 1.0]
    assert lessons.relu([-5, 0, 4]).tolist() == lessons.ReLU().forward([-5, 0, 4]).tolist()
    assert lessons.relu_grad([-5, 0, 4]).tolist() == [0, 1, 1]
    p = np.exp(x)
    np.testing.assert_allclose(lessons.softmax(x), p / p.sum(1, keepdims=True), rtol=1e-13)
    np.testing.assert_allclose(lessons.softmax_of_batch(x), p / p.sum(), rtol=1e-13)
    found = lessons.softmax([0.3, 2.9, 4.0])
    np.testing.assert_allclose(found, [0.01821127, 0.24519181, 0.73659691], atol=5e-9)


TRUTH = np.eye(10)[2]
SURE = np.array([0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0])
WRONG = SURE[[0, 1, 7, 3, 4, 5, 6, 2, 8, 9]]


def test_losses_of_one_sample() -> None:
    assert lessons.mean_squared_error(SURE, TRUTH) == pytest.approx(0.0975, abs=1e-15)
    assert lessons.sum_squares_error(WRONG, TRUTH) == pytest.approx(0.5975, abs=1e-15)
    for t in (TRUTH, 2, [2]):
        assert lessons.cross_entropy_error(SURE, t) == pytest.approx(0.510825457099338, rel=1e-14)
        assert lessons.cross_entropy_error(WRONG, t) == pytest.approx(2.302584092994546, rel=1e-14)


def test_losses_of_a_batch() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(6, 4))
    y = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    ids = rng.integers(4, size=6)
    t = np.eye(4)[ids]
    for labels in (t, ids, ids[:, None]):
        for eps in (1e-7, 0.0):
            total = -np.sum(t * np.log(y + eps))
            assert lessons.cross_entropy_error(y, labels, eps) == pytest.approx(total, rel=1e-13)
            mean = lessons.cross_entropy_error_for_batch(y, labels, eps)
            assert mean == pytest.approx(total / 6, rel=1e-13)
    mean = -np.sum(t * np.log(y + 1e-7)) / 6
    assert lessons.softmax_loss(x, ids) == pytest.approx(mean, rel=1e-12)
    halved = -0.5 * np.sum(t * np.log(y) + (1 - t) * np.log(1 - y))
    assert lessons.cross_entropy_error_for_bin(y, t) == pytest.approx(halved, rel=1e-13)
    assert lessons.mean_squared_error(y, t) == pytest.approx(0.5 * np.sum((y - t) ** 2), rel=1e-13)
    last = lessons.Softmax()
    for labels in (t, ids):
        assert last.forward(x, labels) == pytest.approx(mean, rel=1e-12)
        np.testing.assert_allclose(last.backward(), (y - t) / 6, atol=1e-15)
        np.testing.assert_allclose(last.backward(2.0), (y - t) / 3, atol=1e-15)


def test_nodes() -> None:
    # f = (a + b)(b + c) at a = -1, b = 3, c = 4.
    x, y, f = lessons.Add(), lessons.Add(), lessons.Mul()
    assert f.forward(x.forward(-1, 3), y.forward(3, 4)) == 14
    dx, dy = f.backward(1)
    (da, db), (db_too, dc) = x.backward(dx), y.backward(dy)
    assert (da, db + db_too, dc) == (7, 9, 2)


def test_affine_of_one_sample() -> None:
    x = np.array([0.82112094, 0.52401537])
    w = np.array([[0.98913291, 0.3114957, 0.74020997], [0.0272213, 0.29891712, 0.30511339]])
    y, cache = lessons.affine_layer_forward(x, w, np.zeros(3))
    np.testing.assert_allclose(y, [0.82646212, 0.41241281, 0.76768601], atol=2e-8)
    dx, dw, db = lessons.affine_layer_backward([2.14017912, -1.88100173, -0.33160328], cache)
    np.testing.assert_allclose(dx, [1.28554159, -0.60518177], atol=2e-8)
    np.testing.assert_allclose(dw[0], [1.75734588, -1.5445299, -0.2722864], atol=2e-8)
    assert db.shape == (3,)


def test_affine_backward_from_a_seed() -> None:
    np.random.seed(111)  # noqa: NPY002 - the lesson's
    w, b = np.random.randn(3, 2), np.random.randn(2)  # noqa: NPY002
    x = np.random.rand(2, 3)  # noqa: NPY002
    np.random.rand(6)  # noqa: NPY002
    dout = np.random.rand(2, 2)  # noqa: NPY002
    expected = [[0.23868214, 0.33765619, 0.99071246], [0.23772645, 0.08119266, 0.66960024]]
    np.testing.assert_allclose(x, expected, atol=5e-9)
    layer = lessons.Layer(w, b)
    np.testing.assert_allclose(layer.forward(x), x @ w + b, rtol=1e-14)
    expected = [[-0.57717814, 0.8894841, -1.01146255], [-0.5434705, 0.86783399, -1.09728643]]
    np.testing.assert_allclose(layer.backward(dout), expected, atol=5e-9)
    assert layer.dW is not None
    np.testing.assert_allclose(layer.dW, x.T @ dout, rtol=1e-14)
    _, dw, db = lessons.affine_layer_backward(dout, (x, w, b))
    np.testing.assert_array_equal(dw, layer.dW)
    np.testing.assert_allclose(db, dout.sum(0))


def test_update_by_hand() -> None:
    w, b = np.ones((2, 2)), np.array([1.0, 2.0])
    new_w, new_b = lessons.update_params(w, b, w * 3, b * 3, 0.25)
    np.testing.assert_allclose(new_w, w * 0.25)
    np.testing.assert_allclose(new_b, b * 0.25)
    assert w[0, 0] == 1.0
    with pytest.raises(ValueError, match="got 4 arguments"):
        lessons.update_params(w, b, w, 0.1)


def test_one_hot() -> None:
    found = lessons._change_one_hot_label(np.array([3, 2, 4], np.uint8))
    np.testing.assert_array_equal(found, np.eye(10)[[3, 2, 4]])


def test_slopes() -> None:
    x = np.array([1.0, -2.0])
    np.testing.assert_allclose(lessons.numerical_diff(lambda v: v**3, x), 3 * x**2, rtol=1e-7)
    w = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    for f in (lessons.differential_2d, lessons.numerical_gradient, lessons.differential):
        np.testing.assert_allclose(f(lambda _: (w**3).sum(), w), 3 * w**2, rtol=1e-7)
    np.testing.assert_array_equal(w, np.arange(1.0, 7.0).reshape(2, 3))
    with pytest.raises(TypeError, match="int64"):
        lessons.numerical_gradient(lambda v: v.sum(), np.array([3, 4]))


def test_the_array_is_put_back_when_the_function_fails() -> None:
    x = np.array([1.0, 2.0])

    def fails(_: Any) -> float:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        lessons.differential_1d(fails, x)
    assert x.tolist() == [1.0, 2.0]


def test_filters() -> None:
    rng = np.random.default_rng(4)
    grey = rng.integers(256, size=(440, 440)).astype(np.uint8)
    down = np.array([[1.0, 2.0, 1.0], [0.0, 0.0, 0.0], [-1.0, -2.0, -1.0]])
    windows = np.lib.stride_tricks.sliding_window_view(grey.astype(float), (3, 3))
    found = lessons.filtered_image(grey, down, 438)
    assert found.shape == (438, 438)
    np.testing.assert_allclose(found, np.minimum((windows * down).sum((2, 3)), 255), atol=1e-9)
    assert found.min() < 0
    assert lessons.filtered_image(grey, down, 100).shape == (100, 100)
    with pytest.raises(ValueError, match="need 441 pixels"):
        lessons.filtered_image(grey, down, 439)


def test_conv_op_meets_each_channel_with_the_summed_kernel() -> None:
    image = np.random.default_rng(5).integers(256, size=(9, 8, 3)).astype(np.uint8)
    np.random.seed(222)  # noqa: NPY002 - the lesson's
    kernel = np.random.rand(3, 3, 3)  # noqa: NPY002
    for pad, stride in ((0, 1), (1, 2)):
        found = lessons.conv_op(image, kernel, pad, stride)
        padded = np.pad(image.astype(float), ((pad, pad), (pad, pad), (0, 0)))
        rows, columns = (9 + 2 * pad - 3) // stride + 1, (8 + 2 * pad - 3) // stride + 1
        assert found.shape == (1, 1, rows, columns)
        assert found.dtype == np.uint8
        for i in range(rows):
            for j in range(columns):
                window = padded[i * stride :, j * stride :][:3, :3]
                total = sum(np.sum(window[:, :, c] * kernel) for c in range(3))
                assert found[0, 0, i, j] == int(total) % 256


def test_layers_of_images() -> None:
    x = np.random.default_rng(6).normal(size=(4, 2, 3, 3))
    norm = lessons.BatchNormalization(np.full(18, 2.0), np.ones(18))
    rows = x.reshape(4, -1)
    expected = 2 * (rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-6) + 1
    np.testing.assert_allclose(norm.forward(x), expected.reshape(x.shape), rtol=1e-10)
    assert norm.backward(x).shape == x.shape
    assert norm.running_var is not None
    np.testing.assert_allclose(norm.running_var, 0.1 * rows.var(0))
    layer = lessons.Layer(np.ones((18, 2)), np.zeros(2))
    np.testing.assert_allclose(layer.forward(x), rows.sum(1, keepdims=True).repeat(2, 1))
    assert layer.backward(np.ones((4, 2))).shape == x.shape


def test_dropout_draws_the_lessons_masks() -> None:
    np.random.seed(3)  # noqa: NPY002
    mask = np.random.rand(5, 6) > 0.3  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    x = np.arange(1.0, 31.0).reshape(5, 6)
    layer = lessons.Dropout(0.3)
    np.testing.assert_array_equal(layer.forward(x), x * mask)
    np.testing.assert_array_equal(layer.backward(x), x * mask)
    np.testing.assert_allclose(layer.forward(x, is_train=False), 0.7 * x)


def test_sigmoid_layer() -> None:
    x = np.array([[-1.0, 0.5]])
    layer = lessons.Sigmoid()
    s = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(layer.forward(x), s)
    np.testing.assert_allclose(layer.backward(np.array([[2.0, 3.0]])), [[2, 3]] * s * (1 - s))


def test_images_become_rows() -> None:
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    rows = lessons.flatten_for_mnist(images)
    assert rows.dtype == np.float64
    np.testing.assert_array_equal(rows, images.reshape(2, 12))
    assert lessons.flatten_for_mnist(np.zeros((0, 28, 28))).shape == (0, 784)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("repaired", [False, True])
def test_the_pytorch_lessons_step_is_adam_on_its_loss(repaired: bool, dtype: str) -> None:
    """One step by hand: gradient by differences, Adam's first move is the rate times its sign."""
    kind = lessons.RepairedNet if repaired else lessons.ProbabilityNet
    net = kind(seed=4, dtype=dtype)
    assert net.flat.dtype == dtype
    x = np.random.default_rng(0).normal(size=(2, 784)).astype(np.float32)
    t = np.array([3, 7])
    before = {key: value.astype(np.float64) for key, value in net.params.items()}

    def loss(_: Any) -> float:
        y = x.astype(np.float64)
        for i in (1, 2):
            y = 1 / (1 + np.exp(-(y @ before[f"w_{i}"] + before[f"b_{i}"])))
        if repaired:
            y = y @ before["w_3"] + before["b_3"]
        p = np.exp(y) / np.exp(y).sum(1, keepdims=True)
        p = p[[0, 1], t]
        return float(-np.log(p).mean() if repaired else -p.mean())

    expected = {key: lessons.differential(loss, before[key]) for key in ("w_2", "b_2", "b_1")}
    reports = list(net.fit(x, t, x, t, epochs=1, batch_size=2))
    assert [report.seen for report in reports] == [0, None]
    assert reports[0].loss == pytest.approx(loss(None), rel=1e-5)
    for key, grad in expected.items():
        np.testing.assert_allclose(net.grads[key], grad, rtol=2e-3, atol=1e-6, err_msg=key)
        moved = net.params[key] - before[key]
        clear = np.abs(grad) > 1e-3
        np.testing.assert_allclose(moved[clear], -0.001 * np.sign(grad[clear]), rtol=0.01)
    assert str(reports[0]).startswith("Train Epoch: 1 [0/2 (0%)] Loss: ")
    assert str(reports[1]).startswith("Test Epoch: 1 Loss: ")


def test_backpropagation_is_the_gradient() -> None:
    net = lessons.BackpropNet((5, 4, 3))
    x, t = np.random.default_rng(1).normal(size=(6, 5)), np.array([0, 1, 2, 0, 1, 2])
    rng = np.random.RandomState(42)
    np.testing.assert_array_equal(net.params["w_1"], np.sqrt(2 / 5) * rng.randn(5, 4))
    np.testing.assert_array_equal(net.params["b_1"], rng.randn(4))

    def loss(_: Any) -> float:
        y = net.predict(x)
        return float(np.mean(np.log(np.exp(y).sum(1)) - y[np.arange(6), t]))

    assert net.gradient(x, np.eye(3)[t]) == pytest.approx(loss(None))
    for key, value in net.params.items():
        numeric = lessons.differential(loss, value)
        np.testing.assert_allclose(net.grads[key], numeric, atol=1e-8, err_msg=key)
