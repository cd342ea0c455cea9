"""Long float32 sums: equal numbers, which one accumulator would round the same way each time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers import assert_close
from hotloop import _core
from hotloop import functional as F
from hotloop import reference as R
from hotloop.layers import MaxPool2D

Array = NDArray[Any]
LIMIT = 1e-5
MANY = 2**22
VALUE = np.float32(0.1)
V = float(VALUE)
FAR = 123456.7
LAST: Final = "channels_last"


def full(*shape: int, value: float = V) -> Array:
    return np.full(shape, value, np.float32)


def side(n: int) -> int:
    return math.isqrt(n)


def image(n: int, channels: int = 1) -> Array:
    return full(1, side(n), side(n), channels)


def affine_gradients(n: int, outputs: int) -> Any:
    return F.affine_backward(full(n, outputs), full(n, 2), full(2, outputs), need_dx=False)


def conv_dw(h: int, w: int, kernel: int, c: int = 1, o: int = 1, n: int = 1, **more: Any) -> Any:
    """Return the gradients of weights and bias of a convolution with h x w windows."""
    x = full(n, h + kernel - 1, w + kernel - 1, c)
    weights = full(kernel, kernel, c // more.get("groups", 1), o)
    dy = full(n, h, w, o)
    return F.conv2d_backward(dy, x, weights, need_dx=False, data_format=LAST, **more)[1:]


def scores(n: int) -> Array:
    """Return a row of which each but the first has a tenth of the first one's share."""
    x = full(1, n, value=math.log(V))
    x[0, 0] = 0
    return x


def share(n: int) -> float:
    return 1 / (1 + (n - 1) * math.exp(float(np.float32(math.log(V)))))


def norm_backward(n: int) -> Any:
    """Dgamma and dbeta of n rows of (-1, 1) that are normal already."""
    x = np.tile(np.array([[-1.0, 1.0]], np.float32), (n, 1))
    mean, inv = np.zeros(n, np.float32), np.ones(n, np.float32)
    _, dgamma, dbeta = F.layer_norm_backward(full(n, 2), x, np.ones(2, np.float32), mean, inv)
    return [*np.abs(dgamma), *dbeta]


def batch_norm(x: Array, data_format: Any = LAST) -> Any:
    c = x.shape[1 if data_format != LAST else -1]
    one, zero = np.ones(c, np.float32), np.zeros(c, np.float32)
    moving = zero.copy(), one.copy()
    return F.batch_norm(x, one, zero, *moving, training=True, data_format=data_format)


def batch_norm_dbeta(n: int) -> Any:
    x = full(n, 3)
    zero, one = np.zeros(3, np.float32), np.ones(3, np.float32)
    return F.batch_norm_backward(x, x, one, zero, one, data_format=LAST)[1:]


def layer_norm(n: int, value: float = V) -> Any:
    return F.layer_norm(full(1, n, value=value), np.ones(n, np.float32), np.zeros(n, np.float32))


def depthwise_taps(n: int) -> Any:
    x = image(n, 2)
    return F.conv2d(x, full(side(n), side(n), 1, 2), groups=2, data_format=LAST)


# What is computed from about n equal numbers in a sum, and what it should be.
CASES: dict[str, tuple[Callable[[int], Any], Callable[[int], float]]] = {
    "matmul": (lambda n: F.matmul(full(3, n // 2), full(n // 2, 5)), lambda n: n // 2 * V * V),
    "matmul, transposed": (
        lambda n: F.matmul(full(n // 2, 3), full(5, n // 2), transpose_a=True, transpose_b=True),
        lambda n: n // 2 * V * V,
    ),
    "affine": (
        lambda n: F.affine(full(1, n), full(n, 1), full(1, value=1.0)),
        lambda n: n * V * V + 1,
    ),
    "affine_backward dw": (lambda n: affine_gradients(n, 1)[1], lambda n: n * V * V),
    "affine_backward db": (lambda n: affine_gradients(n, 1)[2], lambda n: n * V),
    "affine_backward db of many": (lambda n: affine_gradients(n // 8, 70)[2], lambda n: n // 8 * V),
    "affine_backward dx": (
        lambda n: F.affine_backward(full(1, n), full(1, 1), full(1, n))[0],
        lambda n: n * V * V,
    ),
    "global_avg_pool2d": (
        lambda n: F.global_avg_pool2d(image(n).transpose(0, 3, 1, 2).copy()),
        lambda _: V,
    ),
    "global_avg_pool2d, channels last": (
        lambda n: F.global_avg_pool2d(image(n, 3), data_format=LAST),
        lambda _: V,
    ),
    "avg_pool2d": (lambda n: F.avg_pool2d(full(1, 1, side(n), side(n)), side(n)), lambda _: V),
    "avg_pool2d, channels last": (
        lambda n: F.avg_pool2d(image(n, 3), side(n), data_format=LAST),
        lambda _: V,
    ),
    "conv2d": (
        lambda n: F.conv2d(image(n), full(side(n), side(n), 1, 1), data_format=LAST),
        lambda n: side(n) ** 2 * V * V,
    ),
    "conv2d, im2col": (
        lambda n: F.conv2d(
            image(n), full(side(n), side(n), 1, 1), data_format=LAST, algorithm="im2col"
        ),
        lambda n: side(n) ** 2 * V * V,
    ),
    "conv2d, rows": (
        lambda n: F.conv2d(full(1, 3, 3, n // 9), full(3, 3, n // 9, 4), data_format=LAST),
        lambda n: n // 9 * 9 * V * V,
    ),
    "conv2d, depthwise": (depthwise_taps, lambda n: side(n) ** 2 * V * V),
    "conv2d_backward dx": (
        lambda n: F.conv2d_backward(
            full(1, 1, 1, n // 9), full(1, 3, 3, 1), full(3, 3, 1, n // 9), data_format=LAST
        )[0],
        lambda n: n // 9 * V * V,
    ),
    "conv2d_backward dw, rows of one channel": (
        lambda n: conv_dw(24, 24, 3, 1, 4, n // 576)[0],
        lambda n: n // 576 * 576 * V * V,
    ),
    "conv2d_backward dw, rows": (
        lambda n: conv_dw(20, 20, 5, 2, 16, n // 800)[0],
        lambda n: n // 800 * 400 * V * V,
    ),
    "conv2d_backward dw, wide rows": (
        lambda n: conv_dw(2, n // 16, 3, 2, 16, 8)[0],
        lambda n: n // 16 * 16 * V * V,
    ),
    "conv2d_backward dw, tiles": (
        lambda n: conv_dw(side(n), side(n), 4)[0],
        lambda n: side(n) ** 2 * V * V,
    ),
    "conv2d_backward dw, one row": (
        lambda n: conv_dw(1, n, 1, 2, 3)[0],
        lambda n: n * V * V,
    ),
    "conv2d_backward dw, im2col": (
        lambda n: conv_dw(side(n), side(n), 2, algorithm="im2col")[0],
        lambda n: side(n) ** 2 * V * V,
    ),
    "conv2d_backward dw, depthwise": (
        lambda n: conv_dw(side(n), side(n), 3, 2, 2, groups=2)[0],
        lambda n: side(n) ** 2 * V * V,
    ),
    "conv2d_backward dw, depthwise, one pixel a row": (
        lambda n: conv_dw(n // 8, 1, 1, 2, 2, groups=2)[0],
        lambda n: n // 8 * V * V,
    ),
    "conv2d_backward db": (lambda n: conv_dw(side(n), side(n), 2)[1], lambda n: side(n) ** 2 * V),
    "conv2d_backward db of many images": (
        lambda n: conv_dw(8, 8, 2, 1, 3, n // 64)[1],
        lambda n: n // 64 * 64 * V,
    ),
    "batch_norm mean": (lambda n: batch_norm(full(n, 1))[1], lambda _: V),
    "batch_norm mean of planes": (
        lambda n: batch_norm(full(1, 2, side(n), side(n)), "channels_first")[1],
        lambda _: V,
    ),
    "batch_norm of a constant": (lambda n: batch_norm(full(n, 3, value=FAR))[0], lambda _: 0.0),
    "batch_norm of a constant plane": (
        lambda n: batch_norm(full(1, 2, side(n), side(n), value=FAR), "channels_first")[0],
        lambda _: 0.0,
    ),
    "batch_norm_backward dbeta": (lambda n: batch_norm_dbeta(n)[1], lambda n: n * V),
    "batch_norm_backward dgamma": (lambda n: batch_norm_dbeta(n)[0], lambda n: n * V * V),
    "layer_norm mean": (lambda n: layer_norm(n)[1], lambda _: V),
    "layer_norm of a constant": (lambda n: layer_norm(n, FAR)[0], lambda _: 0.0),
    "layer_norm_backward": (norm_backward, lambda n: n * V),
    "softmax": (lambda n: F.softmax(scores(n))[0, 0], share),
    "softmax of columns": (
        lambda n: F.softmax(np.repeat(scores(n // 2), 2, 0).T.copy(), axis=0)[0],
        lambda n: share(n // 2),
    ),
    "log_softmax": (lambda n: F.log_softmax(scores(n))[0, 0], lambda n: math.log(share(n))),
    "softmax_backward": (
        lambda n: F.softmax_backward(full(1, n), full(1, n)),
        lambda n: V * (V - n * V * V),
    ),
    "log_softmax_backward": (
        lambda n: F.log_softmax_backward(full(1, n), full(1, n, value=0.0)),
        lambda n: V - n * V,
    ),
    "softmax_cross_entropy": (
        lambda n: F.softmax_cross_entropy(scores(n), np.array([0]))[0],
        lambda n: -math.log(share(n)),
    ),
    "softmax_cross_entropy of rows": (
        lambda n: F.softmax_cross_entropy(full(1, n, value=0.0), full(1, n))[0],
        lambda n: n * V * math.log(n),
    ),
    "softmax_cross_entropy_backward": (
        lambda n: F.softmax_cross_entropy_backward(full(1, n, value=1.0), full(1, n)),
        lambda n: n * V - V,
    ),
    "cross_entropy": (
        lambda n: F.cross_entropy(full(1, n), full(1, n)),
        lambda n: -n * V * math.log(V),
    ),
    "nll": (lambda n: F.nll(full(1, n), full(1, n)), lambda n: -n * V * V),
    "binary_cross_entropy": (
        lambda n: F.binary_cross_entropy(full(n, value=0.0), full(n)),
        lambda _: math.log(2),
    ),
    "mean_squared_error": (
        lambda n: F.mean_squared_error(full(n, 1), full(n, 1, value=0.0)),
        lambda _: V * V,
    ),
}


def error(name: str, n: int) -> float:
    compute, want = CASES[name]
    expected = want(n)
    off = float(np.abs(np.asarray(compute(n), np.float64) - expected).max())
    return off / abs(expected) if expected else off


@pytest.mark.parametrize("name", CASES)
def test_equal_numbers(name: str) -> None:
    assert error(name, MANY) < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_more_equal_numbers(name: str) -> None:
    assert error(name, 30_000_000) < LIMIT


@pytest.mark.parametrize("value", [0.7, 1 / 3, 1.5999999, 1e-20, 3e15])
def test_other_numbers(value: float) -> None:
    x = full(MANY, 1, value=value)
    want = MANY * float(np.float32(value))
    assert abs(float(F.matmul(x.T.copy(), np.ones_like(x))[0, 0]) / want - 1) < LIMIT
    db = F.affine_backward(x, x, np.ones((1, 1), np.float32), need_dx=False)[2]
    assert db is not None
    assert abs(float(db[0]) / want - 1) < LIMIT
    mean = F.global_avg_pool2d(x.reshape(1, 1, 2048, 2048))
    assert abs(float(mean[0, 0]) / float(np.float32(value)) - 1) < LIMIT


@pytest.mark.parametrize("k", [2, 3, 7, 64, 65, 1000, 100_003])
def test_norms_of_constants_are_zero(k: int) -> None:
    assert not layer_norm(k, FAR)[0].any()
    assert not batch_norm(full(k, 5, value=FAR))[0].any()


@pytest.mark.parametrize("big", [np.inf, -np.inf, np.nan])
def test_long_sums_keep_what_is_not_finite(big: float) -> None:
    x = full(70_000, 3)
    x[5, 1] = big
    db = F.affine_backward(x, x, np.ones((3, 3), np.float32), need_dx=False)[2]
    assert_close(db, x.astype(np.float64).sum(axis=0), np.float32)
    planes = x.T.reshape(1, 3, 700, 100).copy()
    assert_close(F.global_avg_pool2d(planes)[0], x.astype(np.float64).mean(axis=0), np.float32)
    row = x.T[1:2].copy()
    assert_close(F.matmul(row, np.ones_like(row).T.copy()), [[float(row.sum())]], np.float32)


def check_against_double(compute: Callable[..., Any], *arrays: Array) -> None:
    """Hold float32 to what the same call gives in float64, whatever the number of threads."""
    exact = compute(*(a.astype(np.float64) for a in arrays))
    before = _core.get_num_threads()
    try:
        _core.set_num_threads(1)
        first = compute(*arrays)
        for got, want in zip(first, exact, strict=True):
            assert_close(got, want, np.float32)
        for threads in (2, 3, 7):
            _core.set_num_threads(threads)
            for got, same in zip(compute(*arrays), first, strict=True):
                np.testing.assert_array_equal(got, same)
    finally:
        _core.set_num_threads(before)


def draw(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize("k", [1024, 1025, 1537, 4097, 32768, 32769, 70_001])
@pytest.mark.parametrize(("m", "n"), [(1, 1), (7, 130), (33, 17), (200, 40)])
def test_products_of_any_length(k: int, m: int, n: int) -> None:
    a, b, bias = draw(m, k) / np.float32(k**0.5), draw(k, n), draw(n)
    check_against_double(lambda a, b: [F.matmul(a, b)], a, b)
    check_against_double(
        lambda a, b: [F.matmul(a, b, transpose_a=True, transpose_b=True)], a.T.copy(), b.T.copy()
    )
    check_against_double(lambda a, b: [F.matmul(a, b, transpose_a=True)], a.T.copy(), b)
    check_against_double(
        lambda a, b, c: [F.affine(a, b, c, activation=f) for f in ("relu", "tanh")], a, b, bias
    )


@pytest.mark.parametrize(
    ("n", "h", "w", "c", "o", "kernel", "options"),
    [
        (3, 7, 6, 400, 5, 3, {}),  # windows of 3600 numbers, by rows
        (2, 5, 9, 700, 3, 5, {"dilation": 2, "padding": 4}),
        (2, 4, 4, 4000, 3, 3, {"padding": 1}),  # and of 36,000, by tiles
        (1, 3, 3, 8000, 70, 2, {}),
        (2, 4, 9, 3, 500, 3, {"padding": 1}),  # the gradient of x is as long
        (2, 9, 9, 2, 4500, 5, {"stride": 2}),
        (1, 40, 40, 4, 4, 33, {"groups": 4}),  # depthwise, windows of 1089
        (40, 20, 24, 1, 4, 3, {}),  # the gradient of w in pairs of pixels
        (9, 40, 40, 2, 16, 5, {"padding": 2}),
        (3, 70, 1100, 2, 5, 3, {"padding": 1}),  # in pieces of a row
        (3, 40, 1300, 1, 3, 3, {"padding": 2, "dilation": 2}),
        (1, 300, 300, 3, 7, 3, {"padding": 1, "stride": 2}),
        (1, 1, 70_000, 2, 3, 1, {}),
        (20, 50, 70, 3, 3, 3, {"groups": 3, "padding": 1}),
        (1, 3, 1500, 2, 2, 3, {"groups": 2, "padding": 1}),
    ],
)
def test_convolutions_of_any_length(
    n: int, h: int, w: int, c: int, o: int, kernel: int, options: dict[str, Any]
) -> None:
    x = draw(n, h, w, c)
    weights = draw(kernel if h > 1 else 1, kernel, c // options.get("groups", 1), o)
    options = {**options, "data_format": LAST}
    y = F.conv2d(x, weights, **options)
    check_against_double(lambda x, w: [F.conv2d(x, w, **options)], x, weights)
    check_against_double(
        lambda dy, x, w: F.conv2d_backward(dy, x, w, **options), draw(*y.shape), x, weights
    )


def test_rows_that_are_many_or_long() -> None:
    gamma, beta = draw(3), draw(3)
    check_against_double(F.layer_norm, draw(70_000, 3), gamma, beta)
    long = draw(2, 40_001) + 100
    check_against_double(lambda x: F.layer_norm(x, x[0], x[1]), long)
    check_against_double(lambda x: [F.softmax(x), F.log_softmax(x)], long)
    check_against_double(lambda x: [F.softmax(x.T.copy(), axis=0)], long)
    check_against_double(lambda x: [F.avg_pool2d(x.reshape(2, 1, 1, -1), (1, 20_000))], long)


@pytest.mark.parametrize("data_format", [LAST, "channels_first"])
@pytest.mark.parametrize("channels", [1, 2])
def test_gradients_where_many_windows_meet(data_format: Any, channels: int) -> None:
    n, k = 90, 45
    o = n - k + 1

    def shape(side: int) -> Any:
        planes = (side, side)
        return (2, *planes, channels) if data_format == LAST else (2, channels, *planes)

    x = np.zeros(shape(n), np.float32)
    peak = (slice(None), n // 2, n // 2) if data_format == LAST else np.s_[:, :, n // 2, n // 2]
    x[peak] = 1
    dy = full(*shape(o))
    argmax = F.max_pool2d(x, k, stride=1, data_format=data_format)[1]
    layer = MaxPool2D(k, strides=1, data_format=data_format)
    window = layer._window(1, False)
    places = _core.max_pool2d_train(x, *window)[1]
    found = _core.max_pool2d_train_backward(dy, places, x.shape, *window)
    exact = F.max_pool2d_backward(dy.astype(np.float64), argmax, x.shape, data_format=data_format)
    assert float(exact.max()) > 1024 * V
    np.testing.assert_allclose(found, exact, rtol=1e-6)
    found = F.max_pool2d_backward(dy, argmax, x.shape, data_format=data_format)
    np.testing.assert_allclose(found, exact, rtol=1e-6)
    found = F.avg_pool2d_backward(dy, x.shape, k, stride=1, data_format=data_format)
    exact = F.avg_pool2d_backward(
        dy.astype(np.float64), x.shape, k, stride=1, data_format=data_format
    )
    np.testing.assert_allclose(found, exact, rtol=1e-6)


@pytest.mark.parametrize("data_format", [LAST, "channels_first"])
@pytest.mark.parametrize("channels", [1, 3, 70])
@pytest.mark.parametrize("meet", ["all", "last", "spread", "none"])
def test_gradients_whose_places_are_given(data_format: Any, channels: int, meet: str) -> None:
    outputs, pixels = (60, 100), (50, 80)
    rng = np.random.default_rng(channels)
    places = rng.integers(-1, 4000, (2, channels, *outputs))
    if meet == "none":
        places[...] = -1
    elif meet == "all":
        places[:, -1] = 7  # the last channel alone
    elif meet == "last":
        places[0, 0, 30:] = 3999
    else:
        places[:, :, :, ::3] = 11  # a third of each stretch
    dy = full(2, channels, *outputs)
    shape: Any = (2, channels, *pixels)
    if data_format == LAST:
        places, dy = (np.ascontiguousarray(a.transpose(0, 2, 3, 1)) for a in (places, dy))
        shape = (2, *pixels, channels)
    found = F.max_pool2d_backward(dy, places, shape, data_format=data_format)
    exact = R.max_pool2d_backward(dy.astype(np.float64), places, shape, data_format=data_format)
    assert meet == "none" or float(exact.max()) > 1024 * V
    np.testing.assert_allclose(found, exact, rtol=1e-6)


def test_columns_that_meet_at_one_pixel() -> None:
    x = F.col2im(full(2 * 46 * 46, 3 * 45 * 45), (2, 3, 90, 90), 45)
    exact = F.col2im(np.full((2 * 46 * 46, 3 * 45 * 45), V), (2, 3, 90, 90), 45)
    np.testing.assert_allclose(x, exact, rtol=1e-6)
