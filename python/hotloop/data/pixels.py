"""Whole batches of pictures, resampled: sizes by one matrix an axis, turns and shifts by gathering taps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop._support.quoting import quoted

__all__ = ["FILLS", "INTERPOLATIONS", "Warp", "aspect_crop", "resize", "resize_matrix"]

Array = NDArray[Any]


def _cubic(t: Array) -> Array:
    """Keys's kernel of four taps, a = -1/2."""
    return np.where(
        t <= 1, (1.5 * t - 2.5) * t * t + 1, np.where(t < 2, ((2.5 - 0.5 * t) * t - 4) * t + 2, 0)
    )


def _lanczos(taps: int) -> Callable[[Array], Array]:
    return lambda t: np.where(t < taps, np.sinc(t) * np.sinc(t / taps), 0)


# Reach of a kernel, and its value by distance.
_KERNELS: dict[str, tuple[int, Callable[[Array], Array]]] = {
    "bilinear": (1, lambda t: np.maximum(0, 1 - t)),
    "bicubic": (2, _cubic),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
}
INTERPOLATIONS = ("nearest", *_KERNELS)
FILLS = ("constant", "nearest", "reflect", "wrap")


def resize_matrix(name: str, size: int, new: int, interpolation: str, antialias: bool) -> Array:
    """Return the weights (new, size) of old pixels in new ones, their centres at halves."""
    if interpolation not in INTERPOLATIONS:
        msg = f"{name}: interpolation must be one of {', '.join(INTERPOLATIONS)}, got {quoted(interpolation)}"
        raise ValueError(msg)
    centres = (np.arange(new) + 0.5) * (size / new)
    if interpolation == "nearest":
        taken = np.minimum(centres.astype(int), size - 1)
        return np.asarray(taken[:, None] == np.arange(size), float)
    _, kernel = _KERNELS[interpolation]
    width = max(1.0, size / new) if antialias else 1.0
    weights = kernel(np.abs(centres[:, None] - (np.arange(size) + 0.5)) / width)
    total = weights.sum(axis=1, keepdims=True)
    return np.asarray(weights / np.where(total == 0, 1, total))


def resize(
    name: str, x: Array, size: tuple[int, int], interpolation: str, antialias: bool = False
) -> Array:
    """Return pictures (N, H, W, C) in another size, (N, OH, OW, C) of the same float dtype."""
    rows = resize_matrix(name, x.shape[1], size[0], interpolation, antialias).astype(x.dtype)
    columns = resize_matrix(name, x.shape[2], size[1], interpolation, antialias).astype(x.dtype)
    return np.asarray(columns @ np.einsum("oh,nhwc->nowc", rows, x, optimize=True))


def aspect_crop(shape: tuple[int, int], size: tuple[int, int]) -> tuple[slice, slice]:
    """Return the largest middle part of (H, W) that has the proportions of `size`."""
    (h, w), (oh, ow) = shape, size
    high, wide = max(min(h, int(w * oh / ow)), 1), max(min(w, int(h * ow / oh)), 1)
    top, left = (h - high) // 2, (w - wide) // 2
    return slice(top, top + high), slice(left, left + wide)


def _folded(at: Array, size: int, fill: str) -> tuple[Array, Array | None]:
    """Return places inside of an axis for any places, and where they were inside before."""
    if fill == "reflect":
        at = np.mod(at, 2 * size)
        return np.asarray(np.minimum(at, 2 * size - 1 - at)), None
    if fill == "wrap":
        return np.asarray(np.mod(at, size)), None
    inside = (at >= 0) & (at < size) if fill == "constant" else None
    return np.clip(at, 0, size - 1), inside


class Warp:
    """Pictures whose pixel (i, j) is read at ``M @ (j, i, 1)``, each with its own matrix.

    Parameters
    ----------
    shape : (N, H, W, C)
        Of the pictures.
    matrices : ndarray, (N, 2, 3)
        Rows: the column, then the row that is read.
    fill : {"constant", "nearest", "reflect", "wrap"}
        What lies outside.
    interpolation : {"bilinear", "nearest"}
        Between pixels.
    dtype : dtype
        Of the pictures.
    """

    def __init__(
        self, shape: Any, matrices: Array, fill: str, interpolation: str, dtype: Any
    ) -> None:
        self.shape = n, h, w, _ = shape
        grid = np.stack([*np.meshgrid(np.arange(w), np.arange(h)), np.ones((h, w))]).reshape(3, -1)
        across, down = (matrices[:, i] @ grid for i in (0, 1))
        self.owner = np.arange(n)[:, None]
        # Each tap: places, those inside or None, and its share.
        self.taps: list[tuple[Array, Array | None, Array | None]] = []

        def tap(rows: Array, columns: Array, share: Array | None) -> None:
            rows, inside = _folded(rows, h, fill)
            columns, also = _folded(columns, w, fill)
            kept = None if inside is None or also is None else inside & also
            self.taps.append((rows * w + columns, kept, share))

        if interpolation == "nearest":
            tap(np.rint(down).astype(np.int64), np.rint(across).astype(np.int64), None)
            return
        top, left = np.floor(down).astype(np.int64), np.floor(across).astype(np.int64)
        low, right = down - top, across - left
        for dy, share_y in ((0, 1 - low), (1, low)):
            for dx, share_x in ((0, 1 - right), (1, right)):
                tap(top + dy, left + dx, (share_y * share_x).astype(dtype)[..., None])

    def __call__(self, x: Array, fill_value: float = 0.0) -> Array:
        """Return the pictures; `fill_value` lies outside where "constant" does."""
        flat = np.ascontiguousarray(x).reshape(self.shape[0], -1, self.shape[3])
        y: Any = 0
        for places, kept, share in self.taps:
            part = flat[self.owner, places]
            if kept is not None:
                part[~kept] = fill_value
            y = y + (part if share is None else part * share)
        return np.asarray(y.reshape(self.shape))

    def backward(self, dy: Array) -> Array:
        """Return the gradient of the pictures."""
        flat = np.ascontiguousarray(dy).reshape(self.shape[0], -1, self.shape[3])
        dx = np.zeros_like(flat)
        for places, kept, share in self.taps:
            part = flat if share is None else flat * share
            if kept is not None:
                part = part * kept[..., None]
            np.add.at(dx, (self.owner, places), part)
        return dx.reshape(self.shape)
