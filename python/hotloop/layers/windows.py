"""Window arithmetic of convolution and pooling layers: shapes only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.layers.base import Layer
from hotloop.layers.checks import require_rank

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]


def pair(what: str, value: Any, least: int = 1) -> Pair:
    """Return ``(value, value)`` for an int, else the two ints; a ValueError names `what`."""
    items = tuple(value) if isinstance(value, Iterable) else (value, value)
    if len(items) != 2 or not all(_whole(n) and n >= least for n in items):
        msg = f"{what} must be an int or two ints, each at least {least}, got {quoted(value)}"
        raise ValueError(msg)
    return int(items[0]), int(items[1])


def sizes(what: str, value: Any, rank: int, least: int = 1) -> tuple[int, ...]:
    """Return one int for sequences, and two for images."""
    if rank == 2:
        return pair(what, value, least)
    items = tuple(value) if isinstance(value, Iterable) else (value,)
    if len(items) != 1 or not (_whole(items[0]) and items[0] >= least):
        msg = f"{what} must be an int, at least {least}, got {quoted(value)}"
        raise ValueError(msg)
    return (int(items[0]),)


def both(values: tuple[int, ...]) -> Pair:
    """Return sizes for images: a sequence is an image of one row."""
    return (1, values[0]) if len(values) == 1 else (values[0], values[1])


def lifted(layer: Layer, shape: Any, data_format: str, rank: int) -> Any:
    """Return the shape of an image batch for that of sequences: one row of them."""
    if rank == 2:
        return shape
    require_rank(layer, shape, 3, "(N, W, C)" if data_format == "channels_last" else "(N, C, W)")
    return (
        (shape[0], 1, *shape[1:]) if data_format == "channels_last" else (*shape[:2], 1, shape[2])
    )


def lowered(shape: Any, data_format: str, rank: int) -> Any:
    """Take the row away again that `lifted` put in."""
    row = 1 if data_format == "channels_last" else 2
    return shape if rank == 2 else (*shape[:row], *shape[row + 1 :])


def _whole(value: Any) -> bool:
    """Tell whether it is an integer of Python or NumPy, and no bool."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_padding(
    what: str, padding: Any, rank: int = 2, names: Sequence[str] = ("valid", "same")
) -> str | Pads:
    """Return one of `names`, or ((top, bottom), (left, right)); sequences are (left, right) wide."""
    if isinstance(padding, str):
        if padding.lower() not in names:
            texts = ", ".join(map(repr, names))
            msg = f"{what} must be {texts} or integers, got {quoted(padding)}"
            raise ValueError(msg)
        return padding.lower()
    if rank == 1:
        return (0, 0), pair(what, padding, least=0)
    if _whole(padding):
        padding = (padding, padding)
    if isinstance(padding, Sequence) and len(padding) == 2:
        (top, bottom), (left, right) = (
            (int(p), int(p)) if _whole(p) else pair(what, p, least=0) for p in padding
        )
        if min(top, bottom, left, right) >= 0:
            return (top, bottom), (left, right)
    msg = (
        f"{what} must be an int, (h, w), ((top, bottom), (left, right)), 'valid' or 'same', "
        f"none negative, got {quoted(padding)}"
    )
    raise ValueError(msg)


def padding_config(padding: str | Pads, rank: int = 2) -> Any:
    """Return `padding` as plain values for a description."""
    if isinstance(padding, str):
        return padding
    return list(padding[1]) if rank == 1 else [list(p) for p in padding]


def output_size(size: int | None, k: int, stride: int, dilation: int, pads: Any) -> int | None:
    """Return the output size of one axis; None stays open."""
    if size is None:
        return None
    if pads == "same":
        return -(-size // stride)
    total = 0 if pads == "valid" else sum(pads)
    return (size + total - dilation * (k - 1) - 1) // stride + 1


def image_axes(layer: Layer, shape: Shape, data_format: str) -> tuple[int | None, Pair, int]:
    """Return batch size, the two plane axes and the channel axis of an image batch's shape."""
    letters = "(N, H, W, C)" if data_format == "channels_last" else "(N, C, H, W)"
    require_rank(layer, shape, 4, letters)
    return (shape[0], (1, 2), 3) if data_format == "channels_last" else (shape[0], (2, 3), 1)


def windowed_shape(
    layer: Layer,
    shape: Shape,
    data_format: str,
    channels: int | None,
    kernel: Pair,
    strides: Pair,
    dilation: Pair,
    padding: str | Pads,
) -> Shape:
    """Return the shape of windows over an image batch; a ValueError when none fits.

    `channels` None keeps the channels of the input.
    """
    batch, planes, channel_axis = image_axes(layer, shape, data_format)
    sizes = []
    for i, axis in enumerate(planes):
        pads = padding if isinstance(padding, str) else padding[i]
        size = output_size(shape[axis], kernel[i], strides[i], dilation[i], pads)
        if size is not None and size <= 0:
            msg = (
                f"{type(layer).__name__} {layer.name!r}: the output would have size {size} on "
                f"axis {axis} (input {shape}, window {kernel}, strides {strides}, "
                f"dilation {dilation}, padding {padding})"
            )
            raise ValueError(msg)
        sizes.append(size)
    count = shape[channel_axis] if channels is None else channels
    height, width = sizes
    if data_format == "channels_last":
        return batch, height, width, count
    return batch, count, height, width
