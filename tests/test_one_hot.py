"""Class ids as rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import hotloop.functional as F
import hotloop.reference as R
from helpers import assert_same_bits_on_any_thread_count


@given(
    st.lists(st.integers(0, 12), max_size=40),
    st.sampled_from(["float32", "float64"]),
    st.sampled_from(["int64", "int32", "uint8", ">i2"]),
)
def test_rows_are_those_of_the_reference(ids: list[int], dtype: str, kind: str) -> None:
    labels = np.array(ids, kind)
    y = F.one_hot(labels, 13, dtype)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, R.one_hot(labels, 13, dtype))


def test_default_is_float32() -> None:
    y = F.one_hot([2, 0], 3)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, [[0, 0, 1], [1, 0, 0]])


def test_one_id_and_none() -> None:
    np.testing.assert_array_equal(F.one_hot(1, 3), [0, 1, 0])
    assert F.one_hot([], 3).shape == (0, 3)
    assert F.one_hot(np.zeros(0, int), 0).shape == (0, 0)


def test_bits_do_not_depend_on_threads() -> None:
    labels = np.arange(5003) % 17
    assert_same_bits_on_any_thread_count(lambda: F.one_hot(labels, 17))
