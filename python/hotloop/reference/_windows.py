"""Where the windows of a convolution or a pool lie: padding forms, output sizes, slices."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from hotloop._support.typing import DataFormat, FloatArray, Padding, Pair


def pair(value: Pair) -> tuple[int, int]:
    """``3`` -> ``(3, 3)``."""
    h, w = (value, value) if isinstance(value, int | np.integer) else value
    return int(h), int(w)


class Axis(NamedTuple):
    """The windows along one axis: window o reads cells ``o * stride + k * dilation - before``."""

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    out: int

    @property
    def reach(self) -> int:
        """Cells from the first padded one to the last that a window reads."""
        return (self.out - 1) * self.stride + self.dilation * (self.kernel - 1) + 1

    def taps(self, k: int) -> slice:
        """Cell k of every window, as a slice of the padded axis."""
        start = k * self.dilation
        return slice(start, start + self.stride * (self.out - 1) + 1, self.stride)

    def cells(self, k: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Cell k of every window, as indices of the axis without its padding."""
        return np.arange(self.out) * self.stride + k * self.dilation - self.before


def _axis(
    size: int, k: int, s: int, d: int, padding: tuple[int, int] | str, ceil_mode: bool
) -> Axis:
    span = d * (k - 1) + 1
    before, after = (0, 0) if isinstance(padding, str) else padding
    if padding == "same" and s > 0:
        total = max((-(-size // s) - 1) * s + span - size, 0)
        before, after = total // 2, total - total // 2
    out = 0
    if min(k, s, d) > 0 and min(before, after) >= 0:
        free = size + before + after - span
        out = (-(-free // s) if ceil_mode else free // s) + 1
        if ceil_mode and (out - 1) * s >= size + before:
            out -= 1  # the last window would start in the end padding
    if out < 1:
        msg = (
            f"size {size}, kernel {k}, stride {s}, dilation {d}, padding {padding} leave no windows"
        )
        raise ValueError(msg)
    return Axis(size, k, s, d, int(before), int(after), out)


def axes(
    size: tuple[int, int],
    kernel: Pair,
    stride: Pair,
    padding: Padding,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> tuple[Axis, Axis]:
    """Lay out the windows over rows and columns."""
    pads: Any = padding
    if isinstance(padding, str):
        if padding not in {"valid", "same"}:
            msg = f"padding must be numbers, 'valid' or 'same', not {padding!r}"
            raise ValueError(msg)
        pads = (padding, padding)
    elif isinstance(padding, int | np.integer) or all(
        isinstance(p, int | np.integer) for p in padding
    ):
        pads = [(p, p) for p in pair(padding)]  # type: ignore[arg-type]
    geometry = zip(size, pair(kernel), pair(stride), pair(dilation), pads, strict=True)
    rows, columns = (_axis(n, k, s, d, p, ceil_mode) for n, k, s, d, p in geometry)
    return rows, columns


def pad(x: FloatArray, rows: Axis, columns: Axis, fill: float) -> FloatArray:
    """Surround (N, C, H, W) with its padding, as far as any window reads."""
    widths = [(a.before, max(a.after, a.reach - a.before - a.size)) for a in (rows, columns)]
    if not np.any(widths):
        return x
    return np.pad(x, [(0, 0), (0, 0), *widths], constant_values=fill)


def crop(x: FloatArray, rows: Axis, columns: Axis) -> FloatArray:
    """Take the padding off again."""
    h, w = rows.before, columns.before
    return x[:, :, h : h + rows.size, w : w + columns.size]


def to_nchw(x: Any, data_format: DataFormat) -> Any:
    """View an image batch, or its 4-D shape, as channels first."""
    if data_format not in {"channels_first", "channels_last"}:
        msg = f"data_format must be 'channels_first' or 'channels_last', not {data_format!r}"
        raise ValueError(msg)
    order = (0, 1, 2, 3) if data_format == "channels_first" else (0, 3, 1, 2)
    return tuple(x[i] for i in order) if isinstance(x, tuple | list) else x.transpose(order)


def from_nchw(x: Any, data_format: DataFormat) -> Any:
    """View a channels-first image batch in the given format."""
    return x if data_format == "channels_first" else x.transpose(0, 2, 3, 1)
