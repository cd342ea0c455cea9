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
    saved: Saved, x: Any, w: Any, *, stride: Any, padding: Any, dilation: Any, groups: int
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
    y: Array = _core.conv2d(x, w, None, **saved.options)
    return y


def _conv_backward(saved: Saved, dy: Array) -> tuple[Array | None, Array]:
    dx, dw, _ = _core.conv2d_backward(
        dy, saved.x, saved.w, need_dx=saved.needs[0], need_db=False, **saved.options
    )
    return dx, dw


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


def _conv_transpose_forward(saved: Saved, x: Any, w: Any, *, stride: Any, dilation: Any) -> Array:
    x, w = promoted(floating(x), floating(w))
    if x.shape[-1] != w.shape[-1]:
        msg = f"conv_transpose: the kernel {w.shape} must end with the channels of the inputs {x.shape}"
        raise ValueError(msg)
    saved.options = {
        "stride": stride,
        "padding": 0,
        "dilation": dilation,
        "data_format": "channels_last",
    }
    sizes = [
        (n - 1) * s + (k - 1) * d + 1
        for n, k, s, d in zip(x.shape[1:3], w.shape[:2], stride, dilation, strict=True)
    ]
    saved.x, saved.w = x, w
    image = np.zeros((x.shape[0], *sizes, w.shape[2]), x.dtype)
    y, _, _ = _core.conv2d_backward(x, image, w, need_dx=True, need_db=False, **saved.options)
    return np.asarray(y)


def _conv_transpose_backward(saved: Saved, dy: Array) -> tuple[Array | None, Array | None]:
    dx = dw = None
    if saved.needs[0]:
        dx = _core.conv2d(dy, saved.w, None, **saved.options)
    if saved.needs[1]:
        _, dw, _ = _core.conv2d_backward(
            saved.x, dy, saved.w, need_dx=False, need_db=False, **saved.options
        )
    return dx, dw


# The way back of a convolution as a way forward.
conv2d_transpose = Rule("conv2d_transpose", _conv_transpose_forward, _conv_transpose_backward)
