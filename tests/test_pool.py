"""Pooling against the reference, finite differences and the contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers import (
    DTYPES,
    Array,
    assert_close,
    assert_same_bits_on_any_thread_count,
)
from hotloop import _core, functional, reference

# Any: the tests also pass what the signatures forbid.
F: Any = functional
R: Any = reference

FORMATS = ("channels_first", "channels_last")
PADDINGS = (0, 1, (1, 2), ((0, 2), (3, 1)), "same", "valid", 7)
# What a pool takes beside its size; the usual one first.
GEOMETRIES: tuple[dict[str, Any], ...] = (
    {"pool_size": 2},
    {"pool_size": 3, "stride": 2},
    {"pool_size": 3, "stride": 1, "padding": "same"},
    {"pool_size": (2, 3), "stride": (3, 1), "padding": ((1, 0), (2, 1))},
    {"pool_size": 2, "stride": 3, "ceil_mode": True},
    {"pool_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"pool_size": 2, "padding": 4},
)


def images(shape: tuple[int, int, int, int], dtype: str, data_format: str, seed: int = 0) -> Array:
    """Draw small whole numbers, so that there are ties; (N, C, H, W) in the given layout."""
    n, c, h, w = shape
    laid = (n, h, w, c) if data_format == "channels_last" else shape
    return np.random.default_rng(seed).integers(-4, 5, laid).astype(dtype)


def normal_like(x: Array, seed: int = 1) -> Array:
    return np.random.default_rng(seed).standard_normal(x.shape).astype(x.dtype)


def check_max(x: Array, **kw: Any) -> None:
    y, argmax = F.max_pool2d(x, **kw)
    expected, places = R.max_pool2d(x, **kw)
    assert_close(y, expected)
    assert argmax.dtype == np.int64
    np.testing.assert_array_equal(argmax, places)
    dy = normal_like(y)
    layout = {"data_format": kw["data_format"]}
    dx = R.max_pool2d_backward(dy, places, x.shape, **layout)
    assert_close(F.max_pool2d_backward(dy, argmax, x.shape, **layout), dx)
    # The compact form of the models: the cell of the window in place of the pixel of the plane.
    small, index = _core.max_pool2d_train(x, **kw)
    np.testing.assert_array_equal(small, y)
    assert_close(_core.max_pool2d_train_backward(dy, index, x.shape, **kw), dx)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("shape", [(2, 3, 9, 7), (1, 1, 24, 37), (3, 6, 8, 8), (2, 70, 5, 6)])
def test_max_pool2d_equals_reference(
    shape: tuple[int, int, int, int], geometry: dict[str, Any], data_format: str, dtype: str
) -> None:
    check_max(images(shape, dtype, data_format), **geometry, data_format=data_format)


@given(
    shape=st.tuples(
        *(st.integers(0, 3), st.integers(1, 20), st.integers(1, 20), st.integers(1, 40))
    ),
    pool_size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.none() | st.integers(1, 3) | st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from(PADDINGS),
    dilation=st.integers(1, 2),
    ceil_mode=st.booleans(),
    data_format=st.sampled_from(FORMATS),
    dtype=st.sampled_from(DTYPES),
    holes=st.booleans(),
)
def test_any_window_pools_as_the_reference(
    shape: tuple[int, int, int, int], data_format: Any, dtype: str, holes: bool, **kw: Any
) -> None:
    x = images(shape, dtype, data_format)
    if holes and x.size:
        x.flat[:: max(x.size // 3, 1)] = np.nan
    try:
        R.max_pool2d(x, data_format=data_format, **kw)
    except ValueError:
        with pytest.raises(ValueError, match="max_pool2d: no window fits"):
            F.max_pool2d(x, data_format=data_format, **kw)
        assume(False)
    check_max(x, data_format=data_format, **kw)


@pytest.mark.parametrize("data_format", FORMATS)
def test_the_first_of_equals_counts_and_nan_is_the_largest(data_format: Any) -> None:
    nan = np.nan
    plane = np.array(
        [[1, 1, 2, nan], [1, 1, nan, 5], [-np.inf, -np.inf, nan, 1], [-np.inf, -1, 2, 3]]
    )
    x = plane.reshape((1, 1, 4, 4) if data_format == "channels_first" else (1, 4, 4, 1))
    y, argmax = F.max_pool2d(x, 2, data_format=data_format)
    np.testing.assert_array_equal(y.ravel(), [1, nan, -1, nan])
    np.testing.assert_array_equal(argmax.ravel(), [0, 3, 13, 10])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("data_format", FORMATS)
def test_a_window_of_padding_alone_has_no_place(data_format: Any, channels: int) -> None:
    x = images((1, channels, 2, 2), "float32", data_format)
    y, argmax = F.max_pool2d(x, 2, padding=2, data_format=data_format)
    nowhere = argmax == -1
    assert nowhere.sum() == 8 * channels
    assert np.isneginf(y[nowhere]).all()
    dx = F.max_pool2d_backward(np.ones_like(y), argmax, x.shape, data_format=data_format)
    assert dx.sum() == channels
    means = F.avg_pool2d(x, 2, padding=2, count_include_pad=False, data_format=data_format)
    assert not means[nowhere].any()


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("channels", [1, 5, 33])
@pytest.mark.parametrize("data_format", FORMATS)
def test_the_gate_is_the_backward_of_the_activation_before_the_pool(
    data_format: Any, channels: int, activation: Any
) -> None:
    x = normal_like(images((2, channels, 8, 10), "float64", data_format))
    activated = getattr(R, activation)(x)
    y, index = _core.max_pool2d_train(activated, 2, data_format=data_format)
    dy = normal_like(y, 2)
    plain = _core.max_pool2d_train_backward(dy, index, x.shape, 2, data_format=data_format)
    gated = _core.max_pool2d_train_backward(
        dy, index, x.shape, 2, data_format=data_format, gate=y, gate_activation=activation
    )
    assert_close(gated, getattr(R, activation + "_backward")(plain, activated))


def test_large_windows_number_their_cells_in_32_bits() -> None:
    x = normal_like(images((2, 3, 40, 41), "float32", "channels_last"))
    y, index = _core.max_pool2d_train(x, 17, stride=5, data_format="channels_last")
    assert index.dtype == np.int32
    check_max(x, pool_size=17, stride=5, data_format="channels_last")
    assert np.isfinite(y).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("shape", [(2, 3, 9, 7), (1, 1, 24, 37), (2, 70, 5, 6), (0, 2, 6, 6)])
def test_avg_pool2d_equals_reference(
    shape: tuple[int, int, int, int],
    geometry: dict[str, Any],
    count_include_pad: bool,
    data_format: Any,
    dtype: str,
) -> None:
    x = normal_like(images(shape, dtype, data_format))
    kw: dict[str, Any] = {
        **geometry,
        "count_include_pad": count_include_pad,
        "data_format": data_format,
    }
    y = F.avg_pool2d(x, **kw)
    assert_close(y, R.avg_pool2d(x, **kw))
    dy = normal_like(y, 2)
    assert_close(F.avg_pool2d_backward(dy, x.shape, **kw), R.avg_pool2d_backward(dy, x.shape, **kw))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("shape", [(2, 3, 9, 7), (1, 1, 30, 31), (3, 70, 5, 6), (0, 2, 3, 3)])
def test_global_avg_pool2d_equals_reference(
    shape: tuple[int, int, int, int], data_format: Any, dtype: str
) -> None:
    x = normal_like(images(shape, dtype, data_format))
    y = F.global_avg_pool2d(x, data_format=data_format)
    assert_close(y, R.global_avg_pool2d(x, data_format=data_format))
    assert y.shape == shape[:2]
    dy = normal_like(y, 2)
    assert_close(
        F.global_avg_pool2d_backward(dy, x.shape, data_format=data_format),
        R.global_avg_pool2d_backward(dy, x.shape, data_format=data_format),
    )


def test_out_is_filled_and_returned() -> None:
    x = images((2, 3, 6, 8), "float32", "channels_first")
    wide = np.zeros((2, 3, 3, 8), np.float32)
    out = wide[..., ::2]
    assert F.avg_pool2d(x, 2, out=out) is out
    np.testing.assert_array_equal(out, R.avg_pool2d(x, 2))
    assert not wide[..., 1::2].any()
    y, argmax = np.empty((2, 3, 3, 4), np.float32), np.empty((2, 3, 3, 4), np.int64)
    assert _core.max_pool2d(x, 2, out=(y, argmax))[0] is y
    np.testing.assert_array_equal(argmax, R.max_pool2d(x, 2)[1])
    dx = np.full_like(x, 7)
    assert F.max_pool2d_backward(y, argmax, x.shape, out=dx) is dx
    np.testing.assert_array_equal(dx, R.max_pool2d_backward(y, argmax, x.shape))


@pytest.mark.parametrize("data_format", FORMATS)
def test_bits_do_not_depend_on_the_number_of_threads(data_format: Any) -> None:
    x = normal_like(images((5, 19, 40, 42), "float32", data_format))
    kw: dict[str, Any] = {"stride": 2, "padding": 1, "data_format": data_format}

    def both() -> tuple[Array, ...]:
        y, index = _core.max_pool2d_train(x, 3, **kw)
        mean = F.avg_pool2d(x, 3, **kw)
        _, argmax = F.max_pool2d(x, 3, **kw)
        return (
            y,
            _core.max_pool2d_train_backward(y, index, x.shape, 3, **kw),
            F.max_pool2d_backward(y, argmax, x.shape, data_format=data_format),
            mean,
            F.avg_pool2d_backward(mean, x.shape, 3, **kw),
            F.global_avg_pool2d(x, data_format=data_format),
        )

    assert_same_bits_on_any_thread_count(both)
