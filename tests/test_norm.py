"""Batch and layer normalisation against the reference, finite differences and the contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
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

# (N, F) and images, with many and few elements a channel, and more than one block of each.
BATCHES = (
    ((7, 5), "channels_first"),
    ((700, 1), "channels_last"),
    ((130, 70), "channels_first"),
    ((1300, 3), "channels_first"),
    ((3, 4, 5, 6), "channels_first"),
    ((3, 5, 6, 4), "channels_last"),
    ((2, 1, 9, 8), "channels_first"),
    ((9, 12, 13, 33), "channels_last"),
    ((2, 3, 101, 103), "channels_first"),
)


def draw(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def channels(shape: tuple[int, ...], data_format: str) -> int:
    return shape[1] if len(shape) == 2 or data_format == "channels_first" else shape[-1]


def batch(shape: tuple[int, ...], data_format: str, dtype: str) -> list[Array]:
    """x, gamma, beta, running_mean, running_var."""
    c = channels(shape, data_format)
    gamma, beta, mean, var = (draw((c,), dtype, seed) for seed in (1, 2, 3, 4))
    return [
        draw(shape, dtype) + dtype_one(dtype),
        gamma,
        beta,
        mean,
        np.abs(var) + dtype_one(dtype),
    ]


def dtype_one(dtype: str) -> Any:
    return np.dtype(dtype).type(1)


def wide(dtype: str) -> Any:
    """Judge float32 by the reference in float64: sums of either may cancel."""
    return np.float64 if dtype == "float32" else np.longdouble


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "data_format"), BATCHES)
def test_batch_norm_equals_reference(shape: tuple[int, ...], data_format: Any, dtype: str) -> None:
    args = batch(shape, data_format, dtype)
    theirs = [a.astype(wide(dtype)) for a in args]
    kw: dict[str, Any] = {"eps": 1e-3, "data_format": data_format}
    ours = F.batch_norm(*args, training=True, momentum=0.8, **kw)
    expected = R.batch_norm(*theirs, training=True, momentum=0.8, **kw)
    for a, b in zip((*ours, *args[3:]), (*expected, *theirs[3:]), strict=True):
        assert a.dtype == dtype
        assert_close(a, b.astype(np.float64), dtype)
    y = F.batch_norm(*args, training=False, **kw)
    assert_close(y, R.batch_norm(*theirs, training=False, **kw).astype(np.float64), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "data_format"), BATCHES)
def test_batch_norm_backward_equals_reference(
    shape: tuple[int, ...], data_format: Any, dtype: str
) -> None:
    x, gamma, beta, *running = batch(shape, data_format, dtype)
    _, mean, inv_std = F.batch_norm(
        x, gamma, beta, *running, training=True, data_format=data_format
    )
    args = (draw(shape, dtype, 5), x, gamma, mean, inv_std)
    ours = F.batch_norm_backward(*args, data_format=data_format)
    theirs = (a.astype(wide(dtype)) for a in args)
    for a, b in zip(ours, R.batch_norm_backward(*theirs, data_format=data_format), strict=True):
        assert_close(a, b.astype(np.float64), dtype)


def test_data_far_from_zero_keep_their_variance() -> None:
    for shape, data_format in BATCHES:
        x, *rest = batch(shape, data_format, "float32")
        _, _, inv = F.batch_norm(
            (x * np.float32(0.1)).astype(np.float32) + np.float32(1000),
            *rest,
            training=True,
            data_format=data_format,
        )
        assert_close(inv, np.full_like(inv, 10), "float32") if x.size > 1e5 else None
        assert (inv < 200).all()


def test_an_empty_batch_leaves_the_running_arrays_alone() -> None:
    for shape in ((0, 3), (0, 3, 4, 4)):
        args = batch(shape, "channels_first", "float32")
        before = [a.copy() for a in args]
        y, mean, inv_std = F.batch_norm(*args, training=True)
        assert y.shape == shape
        assert not mean.any()
        assert_close(inv_std, np.full(3, 1e-5**-0.5, np.float32))
        for a, b in zip(args, before, strict=True):
            np.testing.assert_array_equal(a, b)
        dx, dgamma, dbeta = F.batch_norm_backward(y, y, args[1], mean, inv_std)
        assert dx.shape == shape
        assert not dgamma.any()
        assert not dbeta.any()


def test_running_arrays_of_any_layout_and_dtype_are_moved() -> None:
    x, gamma, beta, mean, var = batch((50, 4), "channels_first", "float32")
    expected = mean.copy(), var.copy()
    R.batch_norm(x, gamma, beta, *expected, training=True)
    strided = np.zeros((4, 2), np.float32)
    strided[:, 0] = mean
    double = var.astype(np.float64)
    F.batch_norm(x, gamma, beta, strided[:, 0], double, training=True)
    assert_close(strided[:, 0], expected[0])
    assert_close(double, expected[1], "float32")
    assert not strided[:, 1].any()


def test_nan_stays_in_its_channel() -> None:
    args = batch((40, 3), "channels_first", "float64")
    args[0][5, 1] = np.nan
    y, mean, _ = F.batch_norm(*args, training=True)
    assert np.isnan(y[:, 1]).all()
    assert np.isnan(mean[1])
    assert np.isfinite(y[:, [0, 2]]).all()


@given(
    lead=st.lists(st.integers(0, 9), max_size=3),
    k=st.integers(2, 80),
    dtype=st.sampled_from(DTYPES),
)
def test_layer_norm_equals_reference(lead: list[int], k: int, dtype: str) -> None:
    x, gamma, beta = draw((*lead, k), dtype), draw((k,), dtype, 1), draw((k,), dtype, 2)
    ours = F.layer_norm(x, gamma, beta, eps=1e-3)
    theirs = (a.astype(wide(dtype)) for a in (x, gamma, beta))
    # A mean of numbers of both signs may be far smaller than they are.
    terms = (0.0, float(np.abs(x).mean()) if x.size else 0.0, 0.0)
    wanted = R.layer_norm(*theirs, eps=1e-3)
    for a, b, size in zip(ours, wanted, terms, strict=True):
        assert np.asarray(a).dtype == dtype
        assert_close(a, np.asarray(b, np.float64), dtype, size)
    args = (draw(x.shape, dtype, 3), x, gamma, *ours[1:])
    backward = F.layer_norm_backward(*args)
    wider = (np.asarray(a).astype(wide(dtype)) for a in args)
    for a, b in zip(backward, R.layer_norm_backward(*wider), strict=True):
        assert_close(a, np.asarray(b, np.float64), dtype)


def test_out_is_filled_and_may_be_the_input_of_inference() -> None:
    x, gamma, beta, mean, var = batch((6, 8), "channels_first", "float32")
    y = F.batch_norm(x, gamma, beta, mean, var, training=False)
    own = x.copy()
    assert F.batch_norm(own, gamma, beta, mean, var, training=False, out=own) is own
    np.testing.assert_array_equal(own, y)
    parts = (np.empty_like(x), np.empty_like(gamma), np.empty_like(gamma))
    results = _core.batch_norm(x, gamma, beta, mean, var, True, out=parts)
    assert all(a is b for a, b in zip(results, parts, strict=True))


@pytest.mark.parametrize(
    ("shape", "data_format"),
    [
        ((4000, 19), "channels_first"),
        ((4, 9, 40, 41), "channels_first"),
        ((4, 40, 41, 9), "channels_last"),
    ],
)
def test_bits_do_not_depend_on_the_number_of_threads(
    shape: tuple[int, ...], data_format: Any
) -> None:
    def run() -> tuple[Array, ...]:
        x, gamma, beta, mean, var = batch(shape, data_format, "float32")
        y, m, inv = F.batch_norm(x, gamma, beta, mean, var, training=True, data_format=data_format)
        back = F.batch_norm_backward(x, y, gamma, m, inv, data_format=data_format)
        g, b = draw(shape[-1:], "float32"), draw(shape[-1:], "float32", 1)
        layer = F.layer_norm(x, g, b)
        return (y, m, inv, mean, var, *back, *layer, *F.layer_norm_backward(y, x, g, *layer[1:]))

    assert_same_bits_on_any_thread_count(run)
