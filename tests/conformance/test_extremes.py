"""Every op answers or refuses arguments at the edges of 32 and 64 bits, without writing anywhere else.

Under ``scripts/sanitize.sh address`` nothing may overflow or lie outside of its array either.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.cases import CORE, Array, F, Op, Sample, count, run
from conformance.extremes import extremes
from conformance.table import TABLE

HUGE = (1431655765, 1073741822, 2**31 - 1, 2**31)


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_arguments(name: str, dtype: str) -> None:
    op = TABLE[name]
    for sample in extremes(op):
        case = sample.cast(dtype).fresh()
        results = answered(op, case)
        if results is not None and op.gradient is not None:
            back = op.gradient.sample(case, results, np.ones_like(results[0]))
            answered(TABLE[op.gradient.op], back)
        count(op, "extremes")


def answered(op: Op, sample: Sample) -> list[Array] | None:
    """Return what the op answers, or None where it refuses."""
    refusal = ""
    try:
        with np.errstate(all="ignore"):
            return run(op, sample)
    except (ValueError, TypeError, MemoryError) as error:
        refusal = str(error)
    assert len(refusal) <= 400, (sample.options, refusal)
    return None


def conv(x: Any, w: Any, **options: Any) -> tuple[Any, ...]:
    y = F.conv2d(x, w, **options)
    return (y, *F.conv2d_backward(np.ones_like(y), x, w, **options)[:2])


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dilation", HUGE)
def test_a_huge_dilation_leaves_the_middle_of_the_kernel(dilation: int, groups: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 2, 3, 2))
    w = rng.standard_normal((4, 2 // groups, 3, 3))
    got = conv(x, w, padding="same", dilation=dilation, groups=groups)
    want = conv(x, np.ascontiguousarray(w[:, :, 1:2, 1:2]), groups=groups)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-12)
    np.testing.assert_allclose(got[1], want[1], rtol=1e-12)
    np.testing.assert_allclose(got[2][:, :, 1:2, 1:2], want[2], rtol=1e-12)
    got[2][:, :, 1, 1] = 0
    assert not got[2].any()


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("stride", HUGE)
def test_a_stride_beyond_the_image_leaves_one_window(stride: int, groups: int) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 2, 4, 5))
    w = rng.standard_normal((4, 2 // groups, 3, 2))
    got = conv(x, w, stride=stride, groups=groups)
    want = conv(x[:, :, :3, :2], w, groups=groups)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-12)
    np.testing.assert_allclose(got[1][:, :, :3, :2], want[1], rtol=1e-12)
    np.testing.assert_allclose(got[2], want[2], rtol=1e-12)
    got[1][:, :, :3, :2] = 0
    assert not got[1].any()


def test_windows_in_a_huge_padding_meet_zeros() -> None:
    x, w = np.full((1, 1, 1, 1), 3.0), np.full((1, 1, 1, 1), 2.0)
    y, dx, dw = conv(x, w, stride=2**31 - 1, padding=2**31 - 1)
    assert y[0, 0].tolist() == [[0.0, 0.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.0, 0.0]]
    assert (dx.item(), dw.item()) == (2.0, 3.0)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("size", [46340, 46341, 50_000])
def test_cells_of_a_window_fit_into_32_bits_or_are_refused(size: int, channels_last: bool) -> None:
    channels = 2 if channels_last else 1
    x = np.arange(10.0 * channels).reshape((1, 10, 1, channels) if channels_last else (1, 1, 10, 1))
    window: tuple[Any, ...] = (size, 1, ((size - 1, 0), (size - 1, 0)), 1, False)
    window += ("channels_last" if channels_last else "channels_first",)
    if size**2 >= 2**31:
        with pytest.raises(ValueError, match=f"max_pool2d_train: .*{size}, {size}"):
            CORE.max_pool2d_train(x, *window)
        return
    y, index = CORE.max_pool2d_train(x, *window)
    dx = CORE.max_pool2d_train_backward(np.ones_like(y), index, x.shape, *window)
    np.testing.assert_array_equal(dx, np.ones_like(x))


@pytest.mark.parametrize("index", [-(2**31), -2, 1600, 2**31 - 1])
def test_places_of_another_pool_write_nowhere(index: int) -> None:
    x = np.ones((1, 1, 50, 50))
    window = (40, 1, 0, 1, False, "channels_first")
    y, places = CORE.max_pool2d_train(x, *window)
    places[...] = index
    around = np.zeros((3, 1, 1, 50, 50))
    CORE.max_pool2d_train_backward(
        np.ones_like(y), places, x.shape, *window, None, "relu", around[1]
    )
    assert not around[0].any()
    assert not around[2].any()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: F.im2col(np.ones((1, 1, 1, 1)), 1, padding=2**31), "im2col: "),
        (lambda: F.col2im(np.ones((0, 1)), (1, 1, 1, 1), 1, padding=2**31), "col2im: "),
        (lambda: F.one_hot(np.zeros(16, np.int64), 2**60), "one_hot: y of shape"),
        (lambda: F.matmul(np.ones((2**40, 0)), np.ones((0, 2**40))), "matmul: out of shape"),
        (lambda: F.conv2d(np.ones((1, 0, 1, 1)), np.ones((1, 4, 1, 1)), groups=2**62), "conv2d: w"),
    ],
)
def test_sizes_that_do_not_fit_are_named(call: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call()
