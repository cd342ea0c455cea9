"""Pooling, over windows or to a size; images are channels-first."""

from __future__ import annotations

from typing import Any, ClassVar

from hotloop.torch.nn.modules._table import REQUIRED, FunctionModule


class _Pool(FunctionModule):
    def _set(self, key: str, value: Any) -> None:
        if key == "stride" and value is None:
            value = self.kernel_size
        super()._set(key, value)


class MaxPool2d(_Pool):
    """The largest number of each window.

    Examples
    --------
    >>> from hotloop import torch
    >>> torch.nn.MaxPool2d(2)(torch.zeros(1, 1, 4, 6)).shape
    torch.Size([1, 1, 2, 3])
    """

    function = "max_pool2d"
    options: ClassVar[dict[str, Any]] = {
        "kernel_size": REQUIRED,
        "stride": None,
        "padding": 0,
        "dilation": 1,
        "return_indices": False,
        "ceil_mode": False,
    }
    shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")


class MaxPool1d(MaxPool2d):
    """The largest number of each window of sequences (N, C, L)."""

    function = "max_pool1d"


class AvgPool1d(_Pool):
    """The mean of each window of sequences (N, C, L)."""

    function = "avg_pool1d"
    options: ClassVar[dict[str, Any]] = {
        "kernel_size": REQUIRED,
        "stride": None,
        "padding": 0,
        "ceil_mode": False,
        "count_include_pad": True,
    }

    def _set(self, key: str, value: Any) -> None:
        if key in ("kernel_size", "stride", "padding"):
            value = self.kernel_size if value is None else value
            value = value if isinstance(value, tuple) else (value,)
        super()._set(key, value)

    shown = ("kernel_size", "stride", "padding")


class AvgPool2d(_Pool):
    """The mean of each window."""

    function = "avg_pool2d"
    options: ClassVar[dict[str, Any]] = {**AvgPool1d.options, "divisor_override": None}
    shown = ("kernel_size", "stride", "padding")


class AdaptiveAvgPool2d(FunctionModule):
    """The mean of each of so many windows; None keeps an axis."""

    function = "adaptive_avg_pool2d"
    options: ClassVar[dict[str, Any]] = {"output_size": REQUIRED}
    shown = ("output_size",)


class AdaptiveAvgPool1d(AdaptiveAvgPool2d):
    """The mean of each of so many windows of sequences."""

    function = "adaptive_avg_pool1d"


class AdaptiveMaxPool2d(FunctionModule):
    """The largest number of each of so many windows; None keeps an axis."""

    function = "adaptive_max_pool2d"
    options: ClassVar[dict[str, Any]] = {"output_size": REQUIRED}
    shown = ("output_size",)
