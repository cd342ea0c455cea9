"""Outputs that fill the last cache (here 32 MB) go past the caches, with the bits that smaller ones have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from hotloop import _core
from hotloop import functional as F

Array = npt.NDArray[Any]
ROWS = {"float32": 2053, "float64": 1027}
PART = 19  # rows of the smaller call
WIDTHS = (4096, 4093)  # whole cache lines a row, and not; both just fill what softmax keeps nearby


def normal(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    """Make a large array whose first row repeats, so that making it takes no time."""
    few = np.random.default_rng(seed).standard_normal((PART, *shape[1:]))
    return np.resize(few, shape).astype(dtype)


def apart(shape: tuple[int, ...], dtype: str, offset: int) -> Array:
    """Give an empty array `offset` elements behind a cache line."""
    count = int(np.prod(shape))
    space = np.empty(count + 64, dtype)
    first = -(space.ctypes.data // space.itemsize) % 16 + offset
    return space[first : first + count].reshape(shape)


ROW_OPS: dict[str, Callable[..., Array]] = {
    "softmax": lambda a, _, **out: F.softmax(a, **out),
    "log_softmax": lambda a, _, **out: F.log_softmax(a, **out),
    "softmax_backward": F.softmax_backward,
    "log_softmax_backward": F.log_softmax_backward,
}


@pytest.mark.parametrize("dtype", ROWS)
@pytest.mark.parametrize("width", [*WIDTHS, 8192, 271])
@pytest.mark.parametrize("name", ROW_OPS)
def test_rows(name: str, width: int, dtype: str) -> None:
    shape = (ROWS[dtype] * 4096 // width + 1, width)
    a, b = normal(shape, dtype), normal(shape, dtype, 1)
    want = ROW_OPS[name](a[-PART:], b[-PART:])
    for offset in (0, 3):
        got = ROW_OPS[name](a, b, out=apart(shape, dtype, offset))
        np.testing.assert_array_equal(got[-PART:], want)
        np.testing.assert_array_equal(got[:PART], ROW_OPS[name](a[:PART], b[:PART]))


@pytest.mark.parametrize("dtype", ROWS)
@pytest.mark.parametrize("width", WIDTHS)
def test_layer_norm(width: int, dtype: str) -> None:
    shape = (ROWS[dtype], width)
    x, dy = normal(shape, dtype), normal(shape, dtype, 1)
    gamma, beta = normal((2, width), dtype, 2)
    y, mean, inv_std = F.layer_norm(x, gamma, beta)
    dx, dgamma, dbeta = F.layer_norm_backward(dy, x, gamma, mean, inv_std)
    for part in (slice(0, PART), slice(-PART, None)):
        few = F.layer_norm(x[part], gamma, beta)
        for got, want in zip((y, mean, inv_std), few, strict=True):
            np.testing.assert_array_equal(got[part], want)
        few_dx = F.layer_norm_backward(dy[part], x[part], gamma, mean[part], inv_std[part])[0]
        np.testing.assert_array_equal(dx[part], few_dx)
    scale = 1e-4 if dtype == "float32" else 1e-11
    wide = dy.astype("float64")
    xhat = (x.astype("float64") - mean[:, None]) * inv_std[:, None]
    np.testing.assert_allclose(dgamma, (wide * xhat).sum(0), rtol=scale, atol=100 * scale)
    np.testing.assert_allclose(dbeta, wide.sum(0), rtol=scale, atol=100 * scale)


@pytest.mark.parametrize("dtype", ROWS)
@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize("channels", [3, 19, 64])
def test_batch_norm(channels: int, layout: Any, dtype: str) -> None:
    """Inference and the maps of training have the bits of a part of the batch."""
    pixels = (32 << 20) // np.dtype(dtype).itemsize // channels // 81 // 10 + 1
    images = (10 * pixels, 9, 9)
    last = layout == "channels_last"
    shape = (*images, channels) if last else (images[0], channels, *images[1:])
    x, dy = normal(shape, dtype), normal(shape, dtype, 1)
    gamma, beta, mean, noise = normal((4, channels), dtype, 2)
    var = np.abs(noise) + 1
    arrays = (gamma, beta, mean, var)
    y = F.batch_norm(x, *arrays, training=False, data_format=layout)
    few = F.batch_norm(x[-PART:], *arrays, training=False, data_format=layout)
    np.testing.assert_array_equal(y[-PART:], few)
    trained, m, inv_std = F.batch_norm(x, *arrays, training=True, data_format=layout)
    axes = (0, 1, 2) if last else (0, 2, 3)
    wide = x.astype("float64")
    close: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-4} if dtype == "float32" else {"rtol": 1e-9}
    np.testing.assert_allclose(m, wide.mean(axes), **close)
    np.testing.assert_allclose(inv_std, (wide.var(axes) + 1e-5) ** -0.5, **close)

    def channel(a: Array) -> Array:
        return a if last else a[:, None, None]

    wide = (wide[-PART:] - channel(m)) * channel(inv_std)
    np.testing.assert_allclose(trained[-PART:], wide * channel(gamma) + channel(beta), **close)
    dx, dgamma, dbeta = F.batch_norm_backward(dy, x, gamma, m, inv_std, data_format=layout)
    count = x.size // channels
    along = channel(dbeta) / count + wide * channel(dgamma) / count
    want = channel(gamma * inv_std) * (dy[-PART:] - along)
    np.testing.assert_allclose(dx[-PART:], want, atol=1e-4 if dtype == "float32" else 1e-10)


@pytest.mark.parametrize("dtype", ROWS)
@pytest.mark.parametrize("offset", [0, 3])
def test_dropout(offset: int, dtype: str) -> None:
    shape = (ROWS[dtype] * 4096 + 77,)
    x = normal(shape, dtype)
    y, mask = F.dropout(x, 0.3, seed=5)
    few, few_mask = F.dropout(x[:5000], 0.3, seed=5)
    np.testing.assert_array_equal(y[:5000], few)
    np.testing.assert_array_equal(mask[:5000], few_mask)
    scale = np.dtype(dtype).type(1 / 0.7)
    np.testing.assert_array_equal(y, np.where(mask, x * scale, 0))
    dx = F.dropout_backward(x, mask, 0.3, out=apart(shape, dtype, offset))
    np.testing.assert_array_equal(dx, y)


@pytest.mark.parametrize("dtype", ROWS)
@pytest.mark.parametrize("width", [*WIDTHS, 8192, 271])
@pytest.mark.parametrize("dense", [False, True])
def test_cross_entropy(dense: bool, width: int, dtype: str) -> None:
    """The mean over a power of two of rows scales the gradient without rounding."""
    part = 16
    rows = {4096: 2048, 4093: 4096, 8192: 1024, 271: 32768}[width]
    shape = (rows, width)
    logits = np.resize(normal((part, width), dtype), shape)
    ids = np.arange(part) * (width // part)
    labels = np.resize(normal((part, width), dtype, 1), shape) if dense else np.resize(ids, rows)
    small, want = F.softmax_cross_entropy(logits[:part], labels[:part])
    want_dx = F.softmax_cross_entropy_backward(want, labels[:part]) * (part / rows)
    loss, probs = F.softmax_cross_entropy(logits, labels)
    assert loss == pytest.approx(small, rel=1e-6 if dtype == "float32" else 1e-13)
    for offset in (0, 3):
        dx = F.softmax_cross_entropy_backward(probs, labels, out=apart(shape, dtype, offset))
        for some in (slice(0, part), slice(rows - part, rows)):
            np.testing.assert_array_equal(probs[some], want)
            np.testing.assert_array_equal(dx[some], want_dx)
    # The same in one visit, with both outputs and with each of them.
    total, correct = np.empty(1), np.empty(1, "int64")
    expected = (logits.argmax(1) == (labels.argmax(1) if dense else labels)).sum()
    for wanted in ((True, False), (False, True), (True, True)):
        p, d = (apart(shape, dtype, 3) if w else None for w in wanted)
        _core.softmax_cross_entropy_train(logits, labels, None, total, correct, p, d)
        assert total[0] == loss
        assert correct[0] == expected
        if p is not None:
            np.testing.assert_array_equal(p, probs)
        if d is not None:
            np.testing.assert_allclose(d, dx, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("dtype", ROWS)
@pytest.mark.parametrize("channels", [19, 64, 80])
def test_avg_pool2d_backward(channels: int, dtype: str) -> None:
    size: dict[str, Any] = {"pool_size": 2, "data_format": "channels_last"}
    images = (32 << 20) // np.dtype(dtype).itemsize // (channels * 36 * 50) + PART
    shape = (images, 36, 50, channels)
    dy = normal((images, 18, 25, channels), dtype)
    want = F.avg_pool2d_backward(dy[:PART], (PART, *shape[1:]), **size)
    np.testing.assert_array_equal(want[:, ::2, ::2], dy[:PART] / 4)
    for offset in (0, 3):
        dx = F.avg_pool2d_backward(dy, shape, out=apart(shape, dtype, offset), **size)
        np.testing.assert_array_equal(dx[:PART], want)
        np.testing.assert_array_equal(dx[1::2, 1::2, 1::2], dy[1::2] / 4)
        np.testing.assert_array_equal(dx[-1, :, 1::2], dx[-1, :, ::2])
