"""Images as arrays: channels-first floats of tensors, and Pillow's images.

What `ToTensor`, `Normalize` and `ConvertImageDtype` do is written once, for one image and for a
batch: so a batch gathered at once has the bits of images made one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hotloop.torch import dtypes


def to_floats(images: Any) -> Any:
    """Return images (..., H, W, C) as (..., C, H, W); uint8 as float32 in [0, 1]."""
    moved = np.ascontiguousarray(np.moveaxis(images, -1, -3))
    if moved.dtype != np.uint8:
        return moved
    made = moved.astype(np.float32)
    made /= np.float32(255)
    return made


def normalize(images: Any, mean: Sequence[float], std: Sequence[float]) -> Any:
    """Return ``(images - mean) / std`` of each channel of (..., C, H, W)."""
    kind = images.dtype
    if kind.kind != "f":
        msg = f"Input tensor should be a float tensor. Got {dtypes.of_array(images)}."
        raise TypeError(msg)
    if images.ndim < 3:
        msg = (
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got shape {images.shape}"
        )
        raise ValueError(msg)
    middle, spread = (np.asarray(v, kind).reshape(-1, 1, 1) for v in (mean, std))
    if (spread == 0).any():
        msg = f"std evaluated to zero after conversion to {dtypes.of_array(images)}"
        raise ValueError(msg)
    made = images - middle
    made /= spread
    return made


def convert(images: Any, kind: Any) -> Any:
    """Return images of another dtype: integers fill their range, floats [0, 1]."""
    old = images.dtype
    if old == kind:
        return images
    if old.kind == "f":
        if kind.kind == "f":
            return images.astype(kind)
        # Each integer takes an equal part of [0, 1].
        return (images * (np.iinfo(kind).max + 1.0 - 1e-3)).astype(kind)
    if kind.kind == "f":
        made = images.astype(kind)
        made /= kind.type(np.iinfo(old).max)
        return made
    high, low = int(np.iinfo(old).max), int(np.iinfo(kind).max)
    if high > low:
        return (images // ((high + 1) // (low + 1))).astype(kind)
    return images.astype(kind) * ((low + 1) // (high + 1))
