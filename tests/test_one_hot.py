"""Class ids as rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
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


def test_strided_labels() -> None:
    labels = np.arange(20)[::-2]
    np.testing.assert_array_equal(F.one_hot(labels, 20), np.eye(20, dtype=np.float32)[labels])


def test_bits_do_not_depend_on_threads() -> None:
    labels = np.arange(5003) % 17
    assert_same_bits_on_any_thread_count(lambda: F.one_hot(labels, 17))


@pytest.mark.parametrize(
    ("labels", "classes", "text"),
    [
        ([0, 3], 3, r"one_hot: labels must be class ids in \[0, 3\), got 3 at index 1"),
        ([0, 1, -1], 3, r"one_hot: labels must be class ids in \[0, 3\), got -1 at index 2"),
        ([0], 0, r"one_hot: labels must be class ids in \[0, 0\), got 0 at index 0"),
        (
            [0.0, 1.0],
            3,
            r"one_hot: labels must be integer class ids, got float64 with 0 at index 0",
        ),
        (
            [0, np.nan],
            3,
            r"one_hot: labels must be integer class ids, got float64 with nan at index 1",
        ),
        ([True], 3, r"one_hot: labels must be integer class ids, got bool"),
        ([[1]], 3, r"one_hot: labels must be class ids \(N,\) or one id, got \(1, 1\)"),
        ([1], -1, r"one_hot: num_classes must not be negative, got -1"),
    ],
)
def test_value_errors(labels: Any, classes: int, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        F.one_hot(labels, classes)


def test_type_errors() -> None:
    with pytest.raises(TypeError, match="one_hot: dtype must be float32 or float64, got int64"):
        F.one_hot([1], 3, "int64")
    with pytest.raises(TypeError, match="one_hot: num_classes must be an integer, got float"):
        F.one_hot([1], 2.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="one_hot: labels must be integer class ids, got <U1"):
        F.one_hot(["a"], 3)
