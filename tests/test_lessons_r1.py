"""Small figures that lessons print about functions, each reached through ``hotloop.functional``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop as hl
import hotloop.functional as F
from hotloop.book import lessons
from hotloop.examples import loops

PREDICTED = np.array([0.1, 0.05, 0.6, 0, 0.05, 0.1, 0, 0.1, 0, 0])
EXCHANGED = PREDICTED[[0, 1, 7, 3, 4, 5, 6, 2, 8, 9]]  # index 2 and 7 exchanged


def printed(values: Any, figures: Any, digits: int = 8) -> None:
    """Compare with figures that were printed to that many decimals."""
    np.testing.assert_allclose(values, figures, rtol=0, atol=0.5000001 * 10.0**-digits)


def test_sigmoid() -> None:
    x = np.array([-1.0, 1.0, 2.0])
    printed(F.sigmoid(x), [0.26894142, 0.73105858, 0.88079708])
    np.testing.assert_allclose(F.sigmoid(x), np.exp(-np.logaddexp(0, -x)), rtol=1e-15)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(F.sigmoid([-1000, 1000]), [0, 1])


def test_softmax() -> None:
    printed(F.softmax([0.3, 2.9, 4.0]), [0.01821127, 0.24519181, 0.73659691])
    np.testing.assert_allclose(
        F.softmax([1010, 1000, 990]), [9.99954600e-01, 4.53978686e-05, 2.06106005e-09], rtol=5e-9
    )


def test_relu_and_step_of_lists() -> None:
    np.testing.assert_array_equal(F.relu([-5, 0, 4]), [0, 0, 4])
    np.testing.assert_array_equal(F.step([-1, 1, 2]), [0, 1, 1])


@pytest.mark.parametrize(("y", "figure"), [(PREDICTED, 0.0975), (EXCHANGED, 0.5975)])
def test_half_the_summed_squares(y: Any, figure: float) -> None:
    t = F.one_hot(2, 10, "float64")
    assert F.mean_squared_error(y, t) * y.size / 2 == pytest.approx(figure, rel=1e-14)


@pytest.mark.parametrize(
    ("y", "figure"), [(PREDICTED, 0.510825457099338), (EXCHANGED, 2.302584092994546)]
)
def test_cross_entropy_with_the_lessons_epsilon(y: Any, figure: float) -> None:
    t = F.one_hot(2, 10, "float64")
    assert F.cross_entropy(y, t, eps=1e-7) == pytest.approx(figure, rel=1e-14)
    assert F.cross_entropy(y, 2, eps=1e-7) == pytest.approx(figure, rel=1e-14)


def test_three_layers() -> None:
    x = np.array([1.0, 0.5])
    h = F.affine(x, [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]], [0.1, 0.2, 0.3], activation="sigmoid")
    h = F.affine(h, [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]], [0.1, 0.2], activation="sigmoid")
    y = F.identity(F.affine(h, [[0.1, 0.3], [0.2, 0.4]], [0.1, 0.2]))
    printed(y, [0.31682708, 0.69627909])


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (F.step, lambda x: np.array(x > 0, dtype=np.float64)),
        (F.relu, lambda x: np.maximum(0, x)),
        (F.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
        (F.identity, lambda x: x),
    ],
)
def test_curves_from_minus_five_to_five(
    op: Callable[..., Any], expected: Callable[..., Any]
) -> None:
    x = np.arange(-5.0, 5.0, 0.1)
    np.testing.assert_allclose(op(x), expected(x), rtol=1e-15, atol=0)


@pytest.mark.parametrize("eps", [0.0, 1e-7])
@pytest.mark.parametrize("batch", [None, 4])
def test_softmax_and_cross_entropy_on_rows_and_batches(batch: int | None, eps: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, 3) if batch else 3)
    ids = rng.integers(0, 3, size=batch)
    rows = np.eye(3)[ids]
    np.testing.assert_array_equal(F.one_hot(ids, 3, "float64"), rows)
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(F.softmax(x), y, rtol=1e-14)
    summed = -np.sum(rows * np.log(y + eps))
    n = batch or 1
    assert F.cross_entropy(y, ids, eps=eps) * n == pytest.approx(summed, rel=1e-14)
    assert F.cross_entropy(y, rows, eps=eps) == pytest.approx(summed / n, rel=1e-14)
    if not eps:
        loss, probs = F.softmax_cross_entropy(x, ids)
        assert loss == pytest.approx(summed / n, rel=1e-14)
        np.testing.assert_allclose(probs, y, rtol=1e-14)


def test_half_the_summed_binary_cross_entropy() -> None:
    logits, t = np.array([[-1.5], [0.3], [2.0], [-0.2]]), np.array([[0.0], [1], [1], [0]])
    y = F.sigmoid(logits)
    summed = -np.sum(t * np.log(y) + (1 - t) * np.log(1 - y)) / 2
    assert F.binary_cross_entropy(logits, t) * t.size / 2 == pytest.approx(summed, rel=1e-14)
    both = np.stack([1 - y, y], axis=-1)
    assert F.cross_entropy(both[:, 0], t[:, 0].astype(int)) * len(t) / 2 == pytest.approx(
        summed, rel=1e-14
    )


def test_affine_of_one_sample() -> None:
    x = np.array([0.82112094, 0.52401537])
    w = np.array([[0.98913291, 0.3114957, 0.74020997], [0.0272213, 0.29891712, 0.30511339]])
    dy = np.array([2.14017912, -1.88100173, -0.33160328])
    dx, dw, db = F.affine_backward(dy, x, w)
    np.testing.assert_allclose(
        F.affine(x, w), [0.82646212, 0.41241281, 0.76768601], rtol=0, atol=2e-8
    )
    assert dx is not None
    np.testing.assert_allclose(dx, [1.28554159, -0.60518177], rtol=0, atol=2e-8)
    np.testing.assert_allclose(dw[0], [1.75734588, -1.5445299, -0.2722864], rtol=0, atol=2e-8)
    assert db is not None
    np.testing.assert_array_equal(db, dy)


def test_affine_backward_after_seed_111() -> None:
    random = np.random.RandomState(111)
    w, b, x = random.randn(3, 2), random.randn(2), random.rand(2, 3)
    random.rand(6)  # six draws that the lesson throws away
    dout = random.rand(2, 2)
    printed(x, [[0.23868214, 0.33765619, 0.99071246], [0.23772645, 0.08119266, 0.66960024]])
    dx, dw, db = F.affine_backward(dout, x, w)
    assert dx is not None
    printed(dx, [[-0.57717814, 0.8894841, -1.01146255], [-0.5434705, 0.86783399, -1.09728643]])
    np.testing.assert_allclose(F.affine(x, w, b), x @ w + b, rtol=1e-14)
    np.testing.assert_allclose(dw, x.T @ dout, rtol=1e-14)
    assert db is not None
    np.testing.assert_allclose(db, dout.sum(axis=0), rtol=1e-14)


@pytest.mark.parametrize(
    ("size", "kernel", "options", "out"),
    [
        (5, 3, {}, 3),
        (5, 4, {"padding": 2}, 6),
        (7, 3, {"stride": 2}, 3),
        (28, 5, {"stride": 3, "padding": 1}, 9),
        (5, 3, {"padding": (3 - 1) // 2}, 5),
        (9, 5, {"padding": (5 - 1) // 2}, 9),
        (9, 5, {"padding": "same"}, 9),
    ],
)
def test_conv_output_size(size: int, kernel: int, options: dict[str, Any], out: int) -> None:
    x, w = np.zeros((1, 1, size, size)), np.zeros((2, 1, kernel, kernel))
    assert F.conv2d(x, w, **options).shape == (1, 2, out, out)
    assert F.im2col(x, kernel, **options).shape == (out * out, kernel * kernel)


def test_convolution_does_not_flip_the_kernel() -> None:
    image = np.random.default_rng(0).integers(0, 256, size=(440, 440))
    sobel = np.array(
        [[[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]], [[[-1, -2, -1], [0, 0, 0], [1, 2, 1]]]]
    )
    y = F.conv2d(image[np.newaxis, np.newaxis], sobel)
    assert y.shape == (1, 2, 438, 438)
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    np.testing.assert_array_equal(y[0, 0], (windows * sobel[0, 0]).sum(axis=(2, 3)))
    np.testing.assert_array_equal(y[0, 1], (windows * sobel[1, 0]).sum(axis=(2, 3)))


def test_strength_of_edges() -> None:
    """Sums above 255 are cut, negative ones stay, and the root of the squares hides them."""
    image = np.random.default_rng(0).integers(0, 256, size=(440, 440)).astype(np.uint8)
    across = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    windows = np.lib.stride_tricks.sliding_window_view(image.astype(int), (3, 3))
    expected = []
    for kernel in (across, across.T):
        expected.append(np.minimum((windows * kernel).sum(axis=(2, 3)), 255))
        found = lessons.filtered_image(image, kernel, 438)
        np.testing.assert_array_equal(found, expected[-1])
    assert min(edges.min() for edges in expected) < -255
    strength = np.sqrt(sum(lessons.filtered_image(image, k, 438) ** 2 for k in (across, across.T)))
    assert strength.shape == (438, 438)
    np.testing.assert_allclose(strength, np.sqrt(expected[0] ** 2 + expected[1] ** 2), rtol=1e-14)


def test_filters_on_colour() -> None:
    """Five kernels from seed 222 as the lesson has them, added; beside convolutions of three channels."""
    image = np.random.default_rng(1).integers(0, 256, size=(440, 440, 3)).astype(np.uint8)
    random = np.random.RandomState(222)
    kernels = random.rand(5, 3, 3, 3)
    windows = np.lib.stride_tricks.sliding_window_view(image.astype(float), (3, 3), axis=(0, 1))
    added = sum(lessons.conv_op(image, kernel) for kernel in kernels)
    assert isinstance(added, np.ndarray)
    assert added.shape == (1, 1, 438, 438)
    assert added.dtype == np.uint8  # and the sum wraps once more
    sums = np.einsum("yxcij,oij->oyx", windows, kernels.sum(axis=1))
    clear = np.all(np.abs(sums - np.rint(sums)) > 1e-6, axis=0)  # rounding decides the others
    wrapped = (sums.astype(np.int64) % 256).sum(axis=0) % 256
    np.testing.assert_array_equal(added[0, 0][clear], wrapped[clear])
    assert clear.mean() > 0.999
    true = F.conv2d(image.transpose(2, 0, 1)[np.newaxis], kernels)
    assert true.shape == (1, 5, 438, 438)
    np.testing.assert_allclose(true[0], np.einsum("yxcij,ocij->oyx", windows, kernels), rtol=1e-12)


def test_naive_loops() -> None:
    """The loops of the lesson, beside NumPy's whole arrays and the core where it has the operation."""
    rng = np.random.default_rng(0)
    x, y, row = rng.normal(size=(20, 12)), rng.normal(size=(20, 12)), rng.normal(size=12)
    np.testing.assert_array_equal(loops.relu(x), np.maximum(x, 0))
    np.testing.assert_array_equal(F.relu(x), loops.relu(x))
    np.testing.assert_array_equal(loops.add(x, y), x + y)
    np.testing.assert_array_equal(hl.layers.Add(dtype="float64")([x, y]), loops.add(x, y))
    np.testing.assert_array_equal(loops.add(x, row), x + row)
    np.testing.assert_allclose(F.affine(x, np.eye(12), row), loops.add(x, row), rtol=1e-14)
    assert loops.dot(x[0], row) == pytest.approx(np.dot(x[0], row), rel=1e-13)
    assert F.matmul(x[:1], row[:, None])[0, 0] == pytest.approx(loops.dot(x[0], row), rel=1e-13)
    np.testing.assert_allclose(loops.matmul(x, y.T), x @ y.T, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(F.matmul(x, y.T), loops.matmul(x, y.T), rtol=1e-12, atol=1e-14)


def test_maximum_of_planes() -> None:
    """(32, 10) stands for each of the 64 x 3 planes; a ReLU of the difference is the same maximum."""
    rng = np.random.default_rng(1)
    x, y = rng.random((64, 3, 32, 10)), rng.random((32, 10))
    expected = np.maximum(x, y)
    assert expected.shape == x.shape
    for i, j in np.ndindex(64, 3):
        np.testing.assert_array_equal(expected[i, j], np.maximum(x[i, j], y))
    np.testing.assert_allclose(F.relu(x - y) + y, expected, rtol=1e-14)
