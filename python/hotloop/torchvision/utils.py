"""Images side by side, and their files (with the extra ``hotloop[image]``)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop._support.names import serve
from hotloop.torch.core import Tensor, wrap
from hotloop.torch.shaping import stack
from hotloop.torchvision.transforms.functional import to_pil_image


def make_grid(
    tensor: Any,
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Return images (N, C, H, W) as one image (3, H', W'), `nrow` in a row.

    Parameters
    ----------
    tensor : Tensor or list of Tensor
        The images; of one channel they become gray ones of three.
    nrow, padding, pad_value
        Images in a row, the pixels between them, and their value.
    normalize, value_range, scale_each
        Whether values are moved to [0, 1], from which range, and each image for itself.
    """
    images = (stack(list(tensor)) if isinstance(tensor, list | tuple) else tensor)._array
    images = images[(None,) * (4 - images.ndim)] if images.ndim < 4 else images
    if images.shape[1] == 1:
        images = np.repeat(images, 3, axis=1)
    if normalize:
        axes = (1, 2, 3) if scale_each else None
        low, high = value_range or (
            images.min(axis=axes, keepdims=True),
            images.max(axis=axes, keepdims=True),
        )
        images = np.clip(images, low, high)
        images = (images - low) / np.maximum(np.asarray(high) - low, 1e-5).astype(images.dtype)
    n, channels, height, width = images.shape
    if n == 1:
        return wrap(np.array(images[0]))
    columns = min(nrow, n)
    rows = math.ceil(n / columns)
    high, wide = height + padding, width + padding
    grid = np.full((channels, high * rows + padding, wide * columns + padding), pad_value)
    grid = grid.astype(images.dtype)
    for i, image in enumerate(images):
        top, left = (i // columns) * high + padding, (i % columns) * wide + padding
        grid[:, top : top + height, left : left + width] = image
    return wrap(grid)


def save_image(tensor: Any, fp: Any, format: str | None = None, **kwargs: Any) -> None:
    """Write images as one image file; `kwargs` are those of `make_grid`."""
    grid = make_grid(tensor, **kwargs)._array
    pixels = np.clip(grid * 255 + 0.5, 0, 255).astype(np.uint8)
    to_pil_image(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(fp, format=format)


__all__ = ["make_grid", "save_image"]

serve(__name__)
