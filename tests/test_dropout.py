"""Dropout: the mask is a function of (seed, offset, index) and of nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from helpers import DTYPES, assert_close, assert_same_bits_on_any_thread_count, variants
from hotloop import _core, functional, reference

# Any: the tests also pass what the signatures forbid.
F: Any = functional
R: Any = reference

WORDS = st.integers(-(2**63), 2**64 - 1)


@given(
    n=st.integers(0, 300) | st.sampled_from([4095, 4096, 4097, 9000]),
    rate=st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 0.999, 1 - 2**-24, 1 - 1e-12, 1e-12]),
    seed=WORDS,
    offset=WORDS,
    dtype=st.sampled_from(DTYPES),
)
def test_mask_and_values_equal_the_reference(
    n: int, rate: float, seed: int, offset: int, dtype: str
) -> None:
    x = np.random.default_rng(n).standard_normal(n).astype(dtype)
    y, mask = F.dropout(x, rate, seed=seed, offset=offset)
    expected, kept = R.dropout(x, rate, seed=seed, offset=offset)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, kept)
    assert_close(y, expected)
    assert_close(F.dropout_backward(x, mask, rate), R.dropout_backward(x, kept, rate))


def test_known_words_of_philox() -> None:
    # Random123's known answer: counter 0, key 0 gives 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
    words = np.array([0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8])
    uniform = (words >> 8) * 2.0**-24
    for rate in (0.3, 0.45, 0.65, 0.8):
        _, mask = F.dropout(np.ones(4), rate, seed=0)
        np.testing.assert_array_equal(mask, uniform >= rate)


def test_the_mask_depends_on_the_index_alone() -> None:
    x = np.ones(1000, np.float32)
    _, whole = F.dropout(x, 0.5, seed=3, offset=9)
    _, shorter = F.dropout(x[:77], 0.5, seed=3, offset=9)
    _, square = F.dropout(x.reshape(10, 100), 0.5, seed=3, offset=9)
    np.testing.assert_array_equal(shorter, whole[:77])
    np.testing.assert_array_equal(square.ravel(), whole)
    assert (F.dropout(x, 0.5, seed=3, offset=10)[1] != whole).any()
    assert (F.dropout(x, 0.5, seed=4, offset=9)[1] != whole).any()
    assert 400 < whole.sum() < 600


def test_what_is_dropped_is_zero_even_of_nan() -> None:
    x = np.full(64, np.nan)
    y, mask = F.dropout(x, 0.5, seed=1)
    assert np.isnan(y[mask == 1]).all()
    assert not y[mask == 0].any()


def test_layouts_out_and_in_place() -> None:
    x = np.random.default_rng(0).standard_normal((6, 35)).astype(np.float32)
    y, mask = F.dropout(x, 0.4, seed=5)
    for name, other in variants(x):
        np.testing.assert_array_equal(F.dropout(other, 0.4, seed=5)[0], y, err_msg=name)
        dx = F.dropout_backward(other, mask, 0.4)
        np.testing.assert_array_equal(dx, y, err_msg=name)
    np.testing.assert_array_equal(F.dropout_backward(x, mask.astype(bool), 0.4), y)
    np.testing.assert_array_equal(F.dropout_backward(x, mask.astype(np.int64) * 256, 0.4), y)
    own = x.copy()
    assert _core.dropout(own, 0.4, 5, 0, (own, np.empty_like(mask)))[0] is own
    np.testing.assert_array_equal(own, y)
    own = x.copy()
    assert F.dropout_backward(own, mask, 0.4, out=own) is own
    np.testing.assert_array_equal(own, y)


def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    x = np.random.default_rng(0).standard_normal(100_001).astype(np.float32)
    _, mask = F.dropout(x, 0.5, seed=2)
    assert_same_bits_on_any_thread_count(
        lambda: (*F.dropout(x, 0.5, seed=2), F.dropout_backward(x, mask, 0.5))
    )


def test_a_recorded_step_reads_seed_and_offset_at_each_run() -> None:
    x = np.ones(200, np.float32)
    seed, offset = np.array([11], np.int64), np.array([0], np.int64)
    plan = _core.Plan()
    with plan.recording():
        y, mask = _core.dropout(x, 0.5, seed, offset)
    for step in range(3):
        offset[0] = step
        plan.run()
        expected, kept = R.dropout(x, 0.5, seed=11, offset=step)
        np.testing.assert_array_equal(mask, kept)
        np.testing.assert_array_equal(y, expected)
