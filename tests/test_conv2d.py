"""conv2d and its gradients: both algorithms against the reference, differences and the contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers import DTYPES, assert_close
from hotloop import functional, reference

# Any: the tests also pass what the signatures forbid.
F: Any = functional
R: Any = reference

FORMATS = ("channels_first", "channels_last")
ALGORITHMS = ("implicit_gemm", "im2col")
Case = tuple[int, int, int, int, int, Any, dict[str, Any]]

# N, C, H, W, O, kernel, options
CASES: list[Case] = [
    (2, 1, 7, 8, 3, (3, 3), {}),
    (3, 2, 9, 8, 5, (3, 3), {"stride": 2, "padding": 1}),
    (2, 4, 9, 11, 6, (3, 3), {"padding": ((1, 2), (0, 3)), "dilation": 2, "groups": 2}),
    (5, 3, 8, 8, 33, (2, 3), {"padding": "same"}),
    (2, 3, 8, 7, 4, (3, 2), {"padding": "same", "stride": (2, 3)}),
    (2, 6, 8, 9, 6, (3, 3), {"padding": 1, "groups": 6}),
    (3, 20, 9, 9, 20, (3, 3), {"padding": 1, "stride": 2, "groups": 20}),
    (2, 5, 9, 9, 5, (2, 3), {"padding": 2, "dilation": (1, 2), "groups": 5}),
    (1, 3, 30, 31, 40, (5, 5), {"stride": (2, 3), "padding": 4}),
    (9, 1, 28, 28, 30, (5, 5), {}),
    (17, 16, 14, 14, 16, (3, 3), {"padding": 1}),
    (2, 2, 5, 5, 3, (1, 1), {"stride": 3}),
    (1, 2, 6, 6, 3, (3, 3), {"stride": 4, "padding": 2}),
    (2, 3, 6, 6, 4, (2, 2), {"padding": 5}),
    (40, 20, 6, 6, 24, (3, 3), {"padding": 1}),
    (2, 3, 7, 7, 4, (3, 1), {"padding": (1, 0)}),
    (3, 4, 6, 6, 8, (3, 3), {"padding": 1, "groups": 4}),
    (1, 3, 6, 6, 2, (6, 6), {"padding": "valid"}),
    # Few channels and 3 or 5 kernel columns: the row kernels, with rows of one and several tiles.
    (3, 2, 9, 12, 6, (5, 5), {"padding": 2}),
    (2, 1, 5, 31, 7, (2, 5), {"padding": ((1, 0), (3, 4)), "stride": (2, 1)}),
    (4, 4, 6, 7, 8, (3, 3), {"padding": 1, "groups": 2}),
    (2, 13, 4, 3, 16, (3, 3), {"dilation": (2, 1), "padding": 2}),
    (1, 3, 40, 5, 4, (1, 5), {}),
    (9, 11, 8, 16, 10, (3, 3), {"padding": 1}),
    # The same with dilation: phases of a row, some of them shorter than the kernel.
    (3, 5, 15, 20, 32, (3, 3), {"dilation": 2, "padding": 2}),
    (2, 3, 9, 23, 20, (3, 5), {"dilation": (1, 3), "padding": (1, 7)}),
    (2, 3, 5, 5, 8, (1, 3), {"dilation": (1, 4), "padding": (0, 4)}),
    (9, 16, 8, 8, 40, (3, 3), {"padding": 2}),
    # Depthwise runs: windows of several strides, some in the padding alone.
    (3, 17, 7, 26, 17, (3, 5), {"padding": (1, 2), "groups": 17}),
    (2, 4, 6, 5, 4, (2, 2), {"padding": 3, "stride": (1, 2), "groups": 4}),
    (9, 3, 9, 10, 3, (3, 3), {"padding": 2, "stride": 2, "dilation": 2, "groups": 3}),
    # Lines of pixels that fill the tiles.
    (2, 6, 5, 28, 70, (1, 1), {}),
    (2, 7, 9, 27, 50, (3, 3), {"stride": 2, "padding": 1}),
]


def tensors(case: Case, data_format: str, dtype: str) -> tuple[Any, Any, Any, Any]:
    n, c, h, w, o, (kh, kw), options = case
    rng = np.random.default_rng(0)
    per_group = c // options.get("groups", 1)
    first = data_format == "channels_first"
    x = rng.standard_normal((n, c, h, w) if first else (n, h, w, c))
    kernel = rng.standard_normal((o, per_group, kh, kw) if first else (kh, kw, per_group, o))
    kernel /= np.sqrt(per_group * kh * kw)
    b = rng.standard_normal(o)
    y = R.conv2d(x, kernel, b, data_format=data_format, **options)
    dy = rng.standard_normal(y.shape)
    return tuple(v.astype(dtype) for v in (x, kernel, b, dy))  # type: ignore[return-value]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("case", CASES)
def test_forward_and_backward_equal_reference(
    case: Case, algorithm: str, data_format: str, dtype: str
) -> None:
    x, w, b, dy = tensors(case, data_format, dtype)
    exact = [v.astype(np.float64) for v in (x, w, b, dy)]
    options: dict[str, Any] = {**case[-1], "data_format": data_format}
    for activation in (None, "relu", "sigmoid", "tanh"):
        assert_close(
            F.conv2d(x, w, b, activation=activation, algorithm=algorithm, **options),
            R.conv2d(*exact[:3], activation=activation, **options),
            dtype,
        )
    assert_close(
        F.conv2d(x, w, algorithm=algorithm, **options), R.conv2d(*exact[:2], **options), dtype
    )
    expected = R.conv2d_backward(exact[3], *exact[:2], **options)
    for got, want in zip(
        F.conv2d_backward(dy, x, w, algorithm=algorithm, **options), expected, strict=True
    ):
        assert_close(got, want, dtype)


@given(st.data())
def test_any_geometry(data: st.DataObject) -> None:
    small = st.integers(1, 3)
    groups = data.draw(small, "groups")
    c, o = groups * data.draw(small), groups * data.draw(small)
    h, w, kh, kw = (data.draw(st.integers(1, 7)) for _ in range(4))
    options: dict[str, Any] = {
        "stride": (data.draw(small), data.draw(small)),
        "dilation": (data.draw(small), data.draw(small)),
        "padding": data.draw(
            st.one_of(
                st.integers(0, 4),
                st.sampled_from(["valid", "same"]),
                st.tuples(
                    st.tuples(st.integers(0, 3), st.integers(0, 3)),
                    st.tuples(st.integers(0, 3), st.integers(0, 3)),
                ),
            )
        ),
        "groups": groups,
        "data_format": data.draw(st.sampled_from(FORMATS)),
    }
    data_format = options.pop("data_format")
    reach = [(k - 1) * d + 1 for k, d in zip((kh, kw), options["dilation"], strict=True)]
    padding = options["padding"]
    pads = [2 * padding] * 2 if isinstance(padding, int) else [0, 0]
    if isinstance(padding, tuple):
        pads = [sum(pair) for pair in padding]
    assume(
        padding == "same" or all(s + p >= r for s, p, r in zip((h, w), pads, reach, strict=True))
    )
    case = (data.draw(st.integers(0, 3)), c, h, w, o, (kh, kw), options)
    x, kernel, b, dy = tensors(case, data_format, "float64")
    for algorithm in ALGORITHMS:
        extra = {"data_format": data_format, "algorithm": algorithm}
        assert_close(
            F.conv2d(x, kernel, b, **options, **extra),
            R.conv2d(x, kernel, b, data_format=data_format, **options),
        )
        expected = R.conv2d_backward(dy, x, kernel, data_format=data_format, **options)
        for got, want in zip(
            F.conv2d_backward(dy, x, kernel, **options, **extra), expected, strict=True
        ):
            assert_close(got, want)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_bits_do_not_depend_on_threads(threads: int, algorithm: str, restore_threads: Any) -> None:
    for case in (CASES[8], CASES[9], CASES[10], CASES[6], CASES[14]):
        x, w, b, dy = tensors(case, "channels_last", "float32")
        options = {**case[-1], "data_format": "channels_last", "algorithm": algorithm}
        restore_threads(1)
        y, gradients = F.conv2d(x, w, b, **options), F.conv2d_backward(dy, x, w, **options)
        restore_threads(threads)
        np.testing.assert_array_equal(F.conv2d(x, w, b, **options), y)
        for got, want in zip(F.conv2d_backward(dy, x, w, **options), gradients, strict=True):
            np.testing.assert_array_equal(got, want)


def test_both_formats_are_one_function() -> None:
    x, w, b, _ = tensors(CASES[1], "channels_first", "float64")
    options = CASES[1][-1]
    last = F.conv2d(
        x.transpose(0, 2, 3, 1), w.transpose(2, 3, 1, 0), b, data_format="channels_last", **options
    )
    np.testing.assert_array_equal(last.transpose(0, 3, 1, 2), F.conv2d(x, w, b, **options))


def test_empty_batch_gives_empty_results_and_zero_gradients() -> None:
    x, w = np.zeros((0, 2, 5, 5)), np.ones((3, 2, 3, 3))
    y = F.conv2d(x, w, np.ones(3))
    assert y.shape == (0, 3, 3, 3)
    dx, dw, db = F.conv2d_backward(y, x, w)
    assert dx.shape == x.shape
    np.testing.assert_array_equal(dw, np.zeros(w.shape))
    np.testing.assert_array_equal(db, np.zeros(3))


def test_a_window_in_the_padding_alone_gives_the_bias() -> None:
    y = F.conv2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 1, 1)), [7.0], padding=2)
    assert y[0, 0, 0, 0] == 7.0
    assert y[0, 0, 2, 2] == 8.0


def test_nan_reaches_only_the_windows_that_see_it() -> None:
    x = np.zeros((1, 1, 5, 5))
    x[0, 0, 0, 0] = np.nan
    y = F.conv2d(x, np.ones((1, 1, 3, 3)))
    assert np.isnan(y[0, 0, 0, 0])
    assert np.isnan(y).sum() == 1
    # The first pixel of a row meets the first kernel column alone.
    for algorithm in ALGORITHMS:
        _, dw, _ = F.conv2d_backward(
            np.ones((1, 1, 3, 3)), x, np.ones((1, 1, 3, 3)), algorithm=algorithm
        )
        np.testing.assert_array_equal(np.isnan(dw[0, 0]), np.eye(3)[:1].T @ np.eye(3)[:1] > 0)


def test_what_is_not_needed_is_none() -> None:
    x, w, _, dy = tensors(CASES[0], "channels_first", "float64")
    dx, dw, db = F.conv2d_backward(dy, x, w, need_dx=False, need_db=False)
    assert dx is None
    assert db is None
    assert dw.shape == w.shape


@pytest.mark.parametrize("channels", [2, 8, 20])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_weight_that_is_no_number_reaches_only_the_pixels_that_it_meets(
    channels: int, value: float
) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((3, 7, 7, channels)), rng.standard_normal((3, 3, channels, 5))
    w[0, 2, 1, 3] = value
    dy = rng.standard_normal((3, 5, 5, 5))
    got = F.conv2d_backward(dy, x, w, data_format="channels_last")[0]
    want = R.conv2d_backward(dy, x, w, data_format="channels_last")[0]
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-10)


# Zeros of the padding are left out where nothing can tell; here an infinity meets them.
@pytest.mark.parametrize("where", ["x", "w", "dy"])
@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize(
    "case",
    [
        (3, 3, 6, 8, 5, (3, 3), {"padding": 1}),
        (9, 1, 8, 8, 6, (3, 3), {"padding": 1}),
        (9, 8, 8, 8, 40, (3, 3), {"padding": 2}),
        (9, 8, 8, 9, 20, (3, 5), {"padding": (2, 4), "dilation": 2}),
        (9, 6, 7, 7, 6, (3, 3), {"padding": 1, "groups": 6}),
        (2, 4, 6, 5, 4, (2, 2), {"padding": 3, "groups": 4}),
        (9, 3, 5, 5, 4, (3, 3), {"padding": 4}),
    ],
)
def test_what_meets_the_padding_is_no_number(case: Case, value: float, where: str) -> None:
    x, w, b, dy = tensors(case, "channels_last", "float64")
    array = {"x": x, "w": w, "dy": dy}[where]
    array.reshape(-1)[[0, array.size // 2, array.size - 1]] = value
    options = {"data_format": "channels_last", **case[-1]}
    with np.errstate(invalid="ignore"):
        wanted = [R.conv2d(x, w, b, **options), *R.conv2d_backward(dy, x, w, **options)]
    got = [F.conv2d(x, w, b, **options), *F.conv2d_backward(dy, x, w, **options)]
    for y, want in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(np.isfinite(y), np.isfinite(want))
        np.testing.assert_allclose(y, want, rtol=1e-9, atol=1e-9)
