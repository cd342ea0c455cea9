"""Windows of the reference against loops that follow the definition cell by cell."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hotloop.reference as R

Image = np.ndarray[Any, Any]


def naive_conv2d(
    x: Image, w: Image, b: Image, stride: Any, pads: Any, dilation: Any, groups: int
) -> Image:
    """Seven loops, a cell outside the image counts as 0."""
    (n, c, height, width), (o, cg, kh, kw) = x.shape, w.shape
    (top, bottom), (left, right) = pads
    oh = (height + top + bottom - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    ow = (width + left + right - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((n, o, oh, ow))
    for image, out, p, q in np.ndindex(*y.shape):
        first = out // (o // groups) * cg
        total = b[out]
        for channel, i, j in np.ndindex(cg, kh, kw):
            h = p * stride[0] + i * dilation[0] - top
            v = q * stride[1] + j * dilation[1] - left
            if 0 <= h < height and 0 <= v < width:
                total += x[image, first + channel, h, v] * w[out, channel, i, j]
        y[image, out, p, q] = total
    assert cg * groups == c
    return y


def pooled_size(size: int, k: int, s: int, before: int, after: int, ceil_mode: bool) -> int:
    """Count the windows one by one."""
    starts = list(range(-before, size + after + s, s))
    whole = [p for p in starts if p + k <= size + after]
    if not ceil_mode:
        return len(whole)
    count = math.ceil((size + before + after - k) / s) + 1
    return count - 1 if starts[count - 1] >= size else count


def naive_pool(
    x: Image, k: Any, s: Any, pads: Any, ceil_mode: bool, mode: str
) -> tuple[Image, Image]:
    """Maximum (with its place) or mean of each window of one plane, read cell by cell."""
    height, width = x.shape
    (top, bottom), (left, right) = pads
    oh = pooled_size(height, k[0], s[0], top, bottom, ceil_mode)
    ow = pooled_size(width, k[1], s[1], left, right, ceil_mode)
    y, places = np.full((oh, ow), -np.inf), np.full((oh, ow), -1)
    for p, q in np.ndindex(oh, ow):
        cells, padding = [], 0
        for i, j in np.ndindex(*k):
            h, v = p * s[0] + i - top, q * s[1] + j - left
            if 0 <= h < height and 0 <= v < width:
                cells.append((x[h, v], h * width + v))
            elif h < height + bottom and v < width + right:
                padding += 1
        if mode == "max":
            for value, place in cells:
                first = places[p, q] < 0
                if first or (not np.isnan(y[p, q]) and (np.isnan(value) or value > y[p, q])):
                    y[p, q], places[p, q] = value, place
        else:
            divisor = len(cells) + (padding if mode == "all" else 0)
            y[p, q] = sum(v for v, _ in cells) / max(divisor, 1)
    return y, places


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
paddings = st.tuples(*[st.tuples(st.integers(0, 4), st.integers(0, 4))] * 2)


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    kernel=pairs,
    stride=pairs,
    dilation=pairs,
    pads=paddings,
    groups=st.integers(1, 3),
    last=st.booleans(),
    batch=st.integers(0, 2),
)
def test_conv2d_is_the_sum_it_says(
    size: Any,
    kernel: Any,
    stride: Any,
    dilation: Any,
    pads: Any,
    groups: int,
    last: bool,
    batch: int,
) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, 2 * groups, *size))
    w = rng.normal(size=(groups, 2, *kernel))
    b = rng.normal(size=groups)
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    options: dict[str, Any] = {
        "stride": stride,
        "padding": pads,
        "dilation": dilation,
        "groups": groups,
    }
    if any(n + sum(p) < s for n, p, s in zip(size, pads, spans, strict=True)):
        with pytest.raises(ValueError, match="windows"):
            R.conv2d(x, w, b, **options)
        return
    expected = naive_conv2d(x, w, b, stride, pads, dilation, groups)
    if last:
        y = R.conv2d(
            x.transpose(0, 2, 3, 1),
            w.transpose(2, 3, 1, 0),
            b,
            data_format="channels_last",
            **options,
        ).transpose(0, 3, 1, 2)
    else:
        y = R.conv2d(x, w, b, **options)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


values = st.sampled_from([-np.inf, -2.0, -1.0, 0.0, 1.0, 2.0, np.inf, np.nan])


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    kernel=pairs,
    stride=pairs,
    pads=paddings,
    ceil_mode=st.booleans(),
)
def test_pools_read_the_cells_they_say(
    data: Any, size: Any, kernel: Any, stride: Any, pads: Any, ceil_mode: bool
) -> None:
    options: dict[str, Any] = {"stride": stride, "padding": pads, "ceil_mode": ceil_mode}
    outs = [
        pooled_size(n, k, s, p[0], p[1], ceil_mode)
        for n, k, s, p in zip(size, kernel, stride, pads, strict=True)
    ]
    plane = np.array(
        data.draw(st.lists(values, min_size=size[0] * size[1], max_size=size[0] * size[1]))
    )
    x = plane.reshape(1, 1, *size)
    if min(outs) < 1:
        with pytest.raises(ValueError, match="windows"):
            R.max_pool2d(x, kernel, **options)
        return
    y, argmax = R.max_pool2d(x, kernel, **options)
    expected, places = naive_pool(x[0, 0], kernel, stride, pads, ceil_mode, "max")
    np.testing.assert_array_equal(y[0, 0], expected)
    np.testing.assert_array_equal(argmax[0, 0], places)
    finite = np.nan_to_num(x, posinf=3, neginf=-3)
    for mode in ("all", "cells"):
        mean = R.avg_pool2d(finite, kernel, count_include_pad=mode == "all", **options)
        expected, _ = naive_pool(finite[0, 0], kernel, stride, pads, ceil_mode, mode)
        np.testing.assert_allclose(mean[0, 0], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [1, 5, 6])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_padding_puts_the_odd_cell_at_the_end(size: int, kernel: int, stride: int) -> None:
    x = np.random.default_rng(0).normal(size=(1, 1, size, size))
    w = np.random.default_rng(1).normal(size=(1, 1, kernel, kernel))
    out = math.ceil(size / stride)
    total = max((out - 1) * stride + kernel - size, 0)
    pads = ((total // 2, total - total // 2),) * 2
    same = R.conv2d(x, w, stride=stride, padding="same")
    assert same.shape == (1, 1, out, out)
    np.testing.assert_array_equal(same, R.conv2d(x, w, stride=stride, padding=pads))


def test_first_nan_wins_and_first_of_equals() -> None:
    x = np.array([[[[1, np.nan, 3], [np.nan, 5, 5], [2, 2, 2]]]])
    y, argmax = R.max_pool2d(x, (2, 2), stride=1)
    np.testing.assert_array_equal(y[0, 0], [[np.nan, np.nan], [np.nan, 5]])
    np.testing.assert_array_equal(argmax[0, 0], [[1, 1], [3, 4]])
    dx = R.max_pool2d_backward(np.ones_like(y), argmax, x.shape)
    np.testing.assert_array_equal(dx[0, 0], [[0, 2, 0], [1, 1, 0], [0, 0, 0]])


def test_windows_of_padding_alone() -> None:
    x = np.full((1, 1, 1, 1), 7.0)
    y, argmax = R.max_pool2d(x, 1, padding=2)
    assert np.isneginf(y).sum() == 24
    assert y[0, 0, 2, 2] == 7
    np.testing.assert_array_equal(np.unique(argmax), [-1, 0])
    np.testing.assert_array_equal(
        R.max_pool2d_backward(np.ones_like(y), argmax, x.shape), [[[[1]]]]
    )
    assert R.avg_pool2d(x, 1, padding=2, count_include_pad=False).sum() == 7


def test_col2im_counts_how_often_a_cell_is_read() -> None:
    counts = R.col2im(np.ones((4, 4)), (1, 1, 3, 3), 2)
    np.testing.assert_array_equal(counts[0, 0], [[1, 2, 1], [2, 4, 2], [1, 2, 1]])


def test_rows_of_im2col_stand_in_the_order_of_the_book() -> None:
    x = np.arange(2 * 2 * 3 * 3).reshape(2, 2, 3, 3)
    cols = R.im2col(x, 2)
    assert cols.shape == (8, 8)
    np.testing.assert_array_equal(cols[1], [1, 2, 4, 5, 10, 11, 13, 14])  # image 0, row 0, column 1
    np.testing.assert_array_equal(
        cols[4], [18, 19, 21, 22, 27, 28, 30, 31]
    )  # image 1, row 0, column 0


@pytest.mark.parametrize("options", [
    {"stride": 0}, {"dilation": 0}, {"padding": -1}, {"padding": "full"}, {"data_format": "NHWC"},
])  # fmt: skip
def test_impossible_windows_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"windows|padding|data_format"):
        R.conv2d(np.ones((1, 1, 4, 4)), np.ones((1, 1, 2, 2)), **options)
