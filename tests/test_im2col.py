"""im2col and col2im against the reference and against each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers import DTYPES, assert_close, assert_same_bits_on_any_thread_count, variants
from hotloop import functional, reference

# Any: the tests also pass what the signatures forbid.
F: Any = functional
R: Any = reference


@given(
    shape=st.tuples(
        *(st.integers(0, 3), st.integers(1, 5), st.integers(1, 12), st.integers(1, 20))
    ),
    kernel_size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 3) | st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from([0, 1, (2, 0), ((0, 1), (3, 2)), "same", "valid", 6]),
    dilation=st.integers(1, 2) | st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dtype=st.sampled_from(DTYPES),
)
def test_patches_equal_the_reference_there_and_back(
    shape: tuple[int, int, int, int], dtype: str, **kw: Any
) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(dtype)
    try:
        expected = R.im2col(x, **kw)
    except ValueError:
        with pytest.raises(ValueError, match="im2col: no window fits"):
            F.im2col(x, **kw)
        assume(False)
    cols = F.im2col(x, **kw)
    assert cols.dtype == dtype
    np.testing.assert_array_equal(cols, expected)
    dcols = rng.standard_normal(cols.shape).astype(dtype)
    assert_close(F.col2im(dcols, shape, **kw), R.col2im(dcols, shape, **kw))


def test_the_order_is_that_of_the_book() -> None:
    x = np.arange(2 * 2 * 3 * 3).reshape(2, 2, 3, 3)
    cols = F.im2col(x, 2)
    assert cols.shape == (8, 8)
    assert cols.dtype == np.float64
    np.testing.assert_array_equal(cols[0], [0, 1, 3, 4, 9, 10, 12, 13])
    np.testing.assert_array_equal(cols[4], [18, 19, 21, 22, 27, 28, 30, 31])


def test_col2im_is_the_transpose_of_im2col() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 3, 7, 8))
    kw: dict[str, Any] = {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2)}
    cols = F.im2col(x, 3, **kw)
    y = rng.standard_normal(cols.shape)
    assert np.vdot(cols, y) == pytest.approx(np.vdot(x, F.col2im(y, x.shape, 3, **kw)), rel=1e-12)


def test_layouts_out_and_threads() -> None:
    x = np.random.default_rng(2).standard_normal((8, 5, 30, 31)).astype(np.float32)
    cols = F.im2col(x, 3)
    for name, other in variants(x):
        np.testing.assert_array_equal(F.im2col(other, 3), cols, err_msg=name)
    out = np.empty_like(cols)
    assert F.im2col(x, 3, out=out) is out
    np.testing.assert_array_equal(out, cols)
    back = np.empty_like(x)
    assert F.col2im(cols, x.shape, 3, out=back) is back
    assert_same_bits_on_any_thread_count(lambda: (F.im2col(x, 3), F.col2im(cols, x.shape, 3)))
