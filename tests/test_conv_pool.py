"""A convolution and the max-pool behind it, recorded: the same bits as one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import _core as compiled

Array = np.ndarray[Any, Any]
# Any: options come out of a table.
_core: Any = compiled

# images, channels, filters, kernel, and what differs from stride 1, no padding, windows of 2 x 2
CASES: list[tuple[tuple[int, int, int], int, int, int, dict[str, Any]]] = [
    ((20, 14, 14), 6, 16, 5, {}),
    ((7, 13, 11), 3, 30, 3, {"padding": "same"}),
    ((9, 12, 12), 16, 33, 3, {"padding": 2, "stride": 2}),
    ((9, 12, 9), 2, 5, 3, {"dilation": 2, "pool": 3, "pool_stride": 2, "pool_padding": 1}),
    ((8, 9, 10), 4, 8, 3, {"groups": 2}),
    ((8, 9, 10), 4, 4, 3, {"groups": 4}),
    ((2, 16, 16), 3, 8, 3, {}),
    ((1, 16, 16), 3, 8, 3, {}),
    ((6, 9, 9), 1, 1, 3, {}),
    ((0, 9, 9), 2, 3, 3, {}),
]


def draw(shape: tuple[int, ...], dtype: str) -> Array:
    return np.asarray(np.random.default_rng(6).standard_normal(shape), dtype)


def arrays(case: Any, dtype: str) -> tuple[Array, Array, Array]:
    image, channels, filters, kernel, options = case
    rng = np.random.default_rng(5)
    x = rng.standard_normal((*image, channels)).astype(dtype)
    groups = options.get("groups", 1)
    w = rng.standard_normal((kernel, kernel, channels // groups, filters)).astype(dtype)
    return x, w, rng.standard_normal(filters).astype(dtype)


def conv_options(options: dict[str, Any]) -> tuple[Any, ...]:
    named = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1} | options
    return tuple(named[name] for name in ("stride", "padding", "dilation", "groups"))


def window(options: dict[str, Any]) -> tuple[Any, ...]:
    return (
        options.get("pool", 2),
        options.get("pool_stride"),
        options.get("pool_padding", 0),
        1,
        False,
        "channels_last",
    )


def forward(case: Any, x: Array, w: Array, b: Array) -> tuple[Array, Array, Array]:
    y = _core.conv2d(x, w, b, *conv_options(case[4]), "relu", "channels_last")
    return (y, *_core.max_pool2d_train(y, *window(case[4])))


def backward(case: Any, dy: Array, x: Array, w: Array, pooled: Any) -> list[Array]:
    y, top, index = pooled
    d = _core.max_pool2d_train_backward(dy, index, y.shape, *window(case[4]), top, "relu")
    grads = _core.conv2d_backward(
        d, x, w, *conv_options(case[4]), True, True, "channels_last", None, None
    )
    return list(grads)


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=[f"{c[0]}-{c[1]}-{c[2]}" for c in CASES])
def test_recorded_together_they_give_the_same_bits(case: Any, dtype: str) -> None:
    x, w, b = arrays(case, dtype)
    want = forward(case, x, w, b)
    dy = draw(want[1].shape, dtype)
    want_grads = backward(case, dy, x, w, want)
    for forget in (False, True):
        there, back = _core.Plan(), _core.Plan()
        with there.recording():
            got = forward(case, x, w, b)
        with back.recording():
            got_grads = backward(case, dy, x, w, got)
        assert (len(there), len(back)) == (1, 1)
        if forget:
            assert there.forget(got[0])
            got[0][...] = np.nan
        for threads in (1, 2, 3, 7):
            hl.set_num_threads(threads)
            there.run()
            back.run()
            for g, y in list(zip(got, want, strict=True))[int(forget) :]:
                np.testing.assert_array_equal(g, y)
            for g, y in zip(got_grads, want_grads, strict=True):
                np.testing.assert_array_equal(g, y)


def test_only_the_output_of_a_pooled_convolution_can_be_forgotten() -> None:
    x, w, b = arrays(CASES[0], "float32")
    plan = _core.Plan()
    with plan.recording():
        _, top, index = forward(CASES[0], x, w, b)
    assert not any(plan.forget(other) for other in (x, w, b, top))
    assert index.dtype == np.uint8


def test_a_gradient_folds_into_the_pooled_backward() -> None:
    """The derivative of the activation that made x, applied where dx is stored."""
    case = CASES[0]
    x, w, b = arrays(case, "float32")
    x = np.maximum(x, 0)
    want = forward(case, x, w, b)
    dy = draw(want[1].shape, "float32")
    want_dx = _core.relu_backward(backward(case, dy, x, w, want)[0], x)
    plan = _core.Plan()
    with plan.recording():
        dx = backward(case, dy, x, w, want)[0]
        _core.relu_backward(dx, x, out=dx)
    assert len(plan) == 1
    plan.run()
    np.testing.assert_array_equal(dx, want_dx)


def test_an_output_that_another_layer_reads_is_written() -> None:
    def model() -> Any:
        hl.set_seed(3)
        inputs = hl.Input((8, 8, 2))
        y = hl.layers.Conv2D(4, 3, activation="relu")(inputs)
        pooled = hl.layers.Flatten()(hl.layers.MaxPool2D(2)(y))
        both = hl.layers.Concatenate()([pooled, hl.layers.GlobalAvgPool2D()(y)])
        return hl.Model(inputs, hl.layers.Dense(3)(both))

    x = np.random.default_rng(0).standard_normal((9, 8, 8, 2)).astype("float32")
    branches = model()
    kernel, bias, dense, last = branches.get_weights()
    y = _core.conv2d(x, kernel, bias, 1, 0, 1, 1, "relu", "channels_last")
    top = _core.max_pool2d(y, 2, None, 0, 1, False, "channels_last")[0]
    row = np.concatenate([top.reshape(9, -1), y.mean(axis=(1, 2))], axis=1)
    np.testing.assert_allclose(
        branches.predict(x, verbose=0), row @ dense + last, rtol=1e-4, atol=1e-5
    )
