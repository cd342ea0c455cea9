"""Rules of neural networks, each a pair of core functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import _core
from hotloop.autodiff.rule import Array, Rule, Saved, floating, promoted


def _along_axis(name: str, forward_op: Any, backward_op: Any) -> Rule:
    def forward(saved: Saved, x: Any, *, axis: int) -> Array:
        y: Array = forward_op(floating(x), axis)
        saved.axis = axis
        if saved.needs[0]:
            saved.y = y
        return y

    def backward(saved: Saved, dy: Array) -> tuple[Array]:
        return (backward_op(dy, saved.y, saved.axis),)

    return Rule(name, forward, backward)


softmax = _along_axis("softmax", _core.softmax, _core.softmax_backward)
log_softmax = _along_axis("log_softmax", _core.log_softmax, _core.log_softmax_backward)


def _conv_forward(
    saved: Saved,
    x: Any,
    w: Any,
    b: Any = None,
    *,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Array:
    x, w = promoted(floating(x), floating(w))
    saved.options = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "data_format": "channels_last",
    }
    saved.x, saved.w = x, w
    y: Array = _core.conv2d(x, w, b, **saved.options)
    return y


def _conv_backward(saved: Saved, dy: Array) -> tuple[Array | None, ...]:
    biased = len(saved.needs) == 3
    found: tuple[Array | None, ...] = _core.conv2d_backward(
        dy, saved.x, saved.w, need_dx=saved.needs[0], need_db=biased, **saved.options
    )
    return found if biased else found[:2]


conv2d = Rule("conv2d", _conv_forward, _conv_backward)


def _max_pool_forward(saved: Saved, x: Any, *, pool_size: Any, stride: Any, padding: Any) -> Array:
    x = floating(x)
    y, argmax = _core.max_pool2d(
        x, pool_size, stride=stride, padding=padding, data_format="channels_last"
    )
    saved.shape, saved.argmax = x.shape, argmax
    return np.asarray(y)


def _max_pool_backward(saved: Saved, dy: Array) -> tuple[Array]:
    return (_core.max_pool2d_backward(dy, saved.argmax, saved.shape, data_format="channels_last"),)


max_pool2d = Rule("max_pool2d", _max_pool_forward, _max_pool_backward)


def _avg_pool_forward(saved: Saved, x: Any, *, pool_size: Any, stride: Any, padding: Any) -> Array:
    x = floating(x)
    saved.options = {
        "pool_size": pool_size,
        "stride": stride,
        "padding": padding,
        "count_include_pad": False,
        "data_format": "channels_last",
    }
    saved.shape = x.shape
    y: Array = _core.avg_pool2d(x, **saved.options)
    return y


def _avg_pool_backward(saved: Saved, dy: Array) -> tuple[Array]:
    return (_core.avg_pool2d_backward(dy, saved.shape, **saved.options),)


avg_pool2d = Rule("avg_pool2d", _avg_pool_forward, _avg_pool_backward)


def transposed_size(
    n: int | None, window: int, stride: int, dilation: int, padding: str, extra: int | None = None
) -> tuple[int | None, tuple[int, int]]:
    """Return the size that a transposed convolution makes of `n`, and what is cut off both ends.

    `padding` is ``"valid"`` or ``"same"``, `extra` Keras's ``output_padding``. Less than nothing cut
    off puts zeros on.
    """
    span = (window - 1) * dilation + 1
    if padding == "valid":
        cut = 0, -(max(span, stride) - span if extra is None else extra)
    else:
        total = span - stride if extra is None else span - span % 2 - extra
        around = 2 * (span - 1) - total
        first = span - 1 - min((around + 1) // 2, span - 1)
        cut = first, total - first
    return None if n is None else (n - 1) * stride + span - sum(cut), cut


def _conv_transpose_forward(
    saved: Saved,
    x: Any,
    w: Any,
    b: Any = None,
    *,
    stride: Any,
    dilation: Any,
    padding: Any = ((0, 0), (0, 0)),
    size: Any = None,
) -> Array:
    x, w = promoted(floating(x), floating(w))
    if x.shape[-1] != w.shape[-1]:
        msg = f"conv_transpose: the kernel {w.shape} must end with the channels of the inputs {x.shape}"
        raise ValueError(msg)
    saved.options = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "data_format": "channels_last",
    }
    sizes = size or [
        (n - 1) * s + (k - 1) * d + 1
        for n, k, s, d in zip(x.shape[1:3], w.shape[:2], stride, dilation, strict=True)
    ]
    saved.x, saved.w = x, w
    image = np.zeros((x.shape[0], *sizes, w.shape[2]), x.dtype)
    y: Any = _core.conv2d_backward(x, image, w, need_dx=True, need_db=False, **saved.options)[0]
    return np.asarray(y) if b is None else _core.add(y, np.asarray(b, y.dtype), y)


def _conv_transpose_backward(saved: Saved, dy: Array) -> tuple[Array | None, ...]:
    dx = dw = None
    if saved.needs[0]:
        dx = _core.conv2d(dy, saved.w, None, **saved.options)
    if saved.needs[1]:
        _, dw, _ = _core.conv2d_backward(
            saved.x, dy, saved.w, need_dx=False, need_db=False, **saved.options
        )
    return (dx, dw) if len(saved.needs) == 2 else (dx, dw, _core.sum(dy, (0, 1, 2)))


# The way back of a convolution as a way forward; `padding` is cut off, `size` what then is left.
conv2d_transpose = Rule("conv2d_transpose", _conv_transpose_forward, _conv_transpose_backward)
