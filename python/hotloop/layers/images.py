"""Layers on whole pictures: what sizes and random changes share; Resizing and CenterCrop."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import config
from hotloop._support.arguments import number, whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.config import check_data_format
from hotloop.data import pixels
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache


class Images(Layer, builtin=True):
    """What layers on pictures share: (N, H, W, C), or the channels first; one picture (H, W, C) alone is taken too.

    Parameters
    ----------
    data_format : str, optional
        None is `hotloop.config.image_data_format`.
    **kwargs
        Of `Layer`.
    """

    recordable = False

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if data_format is not None:
            check_data_format(type(self).__name__, data_format)
        self.data_format = data_format or config.image_data_format()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape, if it is one of pictures."""
        if len(input_shape) not in (3, 4):
            kind = type(self).__name__
            msg = f"{kind} {self.name!r}: pictures have three axes, or four with the batch, got shape {input_shape}"
            raise ValueError(msg)
        return input_shape

    def last(self, x: Array) -> Array:
        """Return pictures (N, H, W, C)."""
        x = x if x.ndim == 4 else x[None]
        return x.transpose(0, 2, 3, 1) if self.data_format == "channels_first" else x

    def back(self, y: Array, ndim: int) -> Array:
        """Return pictures in the form that they came in."""
        y = y.transpose(0, 3, 1, 2) if self.data_format == "channels_first" else y
        return np.ascontiguousarray(y if ndim == 4 else y[0])

    def sized(self, input_shape: Shape, height: int, width: int) -> Shape:
        """Return a shape with another size of the pictures."""
        shape = list(Images.compute_output_shape(self, input_shape))
        first = -2 if self.data_format == "channels_first" else -3
        shape[first], shape[first + 1] = height, width
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"data_format": self.data_format, **super().get_config()}


def cropped(x: Array, size: tuple[int, int]) -> tuple[slice, slice] | None:
    """Return the middle of pictures, or None when they are smaller."""
    (h, w), (oh, ow) = x.shape[1:3], size
    if h < oh or w < ow:
        return None
    top, left = (h - oh) // 2, (w - ow) // 2
    return slice(top, top + oh), slice(left, left + ow)


class Resizing(Images, builtin=True):
    """Resize pictures, one matrix product an axis: ``y = R x C^T``.

    Parameters
    ----------
    height, width : int
        The new size.
    interpolation : {"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"}
        Pixels have their centres at halves; bicubic is Keys's with a = -1/2.
    crop_to_aspect_ratio, pad_to_aspect_ratio : bool
        Whether the middle is cut out first, or pictures are padded, so that nothing is distorted.
    fill_mode : {"constant"}
        What padding consists of.
    fill_value : float
        Its value.
    antialias : bool
        Whether kernels grow with the pixels of a smaller picture.
    data_format : str, optional
        None is `hotloop.config.image_data_format`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For sizes below 1, unknown interpolations, and cropping together with padding.

    Notes
    -----
    Source: keras.layers.Resizing (on JAX and TensorFlow for bicubic).

    Examples
    --------
    >>> import numpy as np
    >>> import hotloop as hl
    >>> hl.layers.Resizing(1, 2)(np.arange(8.0).reshape(1, 2, 4, 1)).ravel()
    array([2.5, 4.5], dtype=float32)
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.height = whole("Resizing", "height", height, least=1)
        self.width = whole("Resizing", "width", width, least=1)
        pixels.resize_matrix("Resizing", 1, 1, interpolation, False)
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            msg = "Resizing: crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other"
            raise ValueError(msg)
        if fill_mode != "constant":
            msg = f"Resizing: fill_mode must be 'constant', got {quoted(fill_mode)}"
            raise ValueError(msg)
        self.interpolation, self.antialias = interpolation, bool(antialias)
        self.crop_to_aspect_ratio = bool(crop_to_aspect_ratio)
        self.pad_to_aspect_ratio = bool(pad_to_aspect_ratio)
        self.fill_mode, self.fill_value = fill_mode, number("Resizing", "fill_value", fill_value)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, H, W, C) -> (N, height, width, C)."""
        return self.sized(input_shape, self.height, self.width)

    def _places(
        self, h: int, w: int
    ) -> tuple[tuple[slice, slice], tuple[int, int], tuple[int, int]]:
        """Return the part that is read, its new size and where that begins."""
        if self.crop_to_aspect_ratio:
            part = pixels.aspect_crop((h, w), (self.height, self.width))
            return part, (self.height, self.width), (0, 0)
        size = (self.height, self.width)
        if self.pad_to_aspect_ratio:
            # As in Keras, both sides get as many whole pixels.
            top = max(0, int(w * self.height / self.width) - h) // 2
            left = max(0, int(h * self.width / self.height) - w) // 2
            size = (h + 2 * top, w + 2 * left)
            return (slice(0, h), slice(0, w)), size, (top, left)
        return (slice(0, h), slice(0, w)), size, (0, 0)

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Resize."""
        images = self.last(x)
        n, h, w, c = images.shape
        (rows, columns), size, (top, left) = self._places(h, w)
        part = images[:, rows, columns]
        if self.pad_to_aspect_ratio:
            padded = np.full((n, *size, c), self.fill_value, x.dtype)
            padded[:, top : top + h, left : left + w] = part
            part = padded
        cache.shapes = images.shape, part.shape, x.ndim
        y = pixels.resize(
            "Resizing", part, (self.height, self.width), self.interpolation, self.antialias
        )
        return self.back(y, x.ndim)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Multiply by the transposed matrices."""
        if not cache.need_dx:
            return None
        shape, resized, ndim = cache.shapes
        (rows, columns), _, (top, left) = self._places(*shape[1:3])
        grad = self.last(dy)
        down, across = (
            pixels.resize_matrix("Resizing", size, new, self.interpolation, self.antialias).astype(
                dy.dtype
            )
            for size, new in zip(resized[1:3], (self.height, self.width), strict=True)
        )
        part = np.einsum("oh,nowc->nhwc", down, across.T @ grad, optimize=True)
        dx = np.zeros(shape, dy.dtype)
        if self.pad_to_aspect_ratio:
            dx[...] = part[:, top : top + shape[1], left : left + shape[2]]
        else:
            dx[:, rows, columns] = part
        return self.back(dx, ndim)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        names = (
            "height",
            "width",
            "interpolation",
            "crop_to_aspect_ratio",
            "pad_to_aspect_ratio",
            "fill_mode",
            "fill_value",
            "antialias",
        )
        return {**{name: getattr(self, name) for name in names}, **super().get_config()}


class CenterCrop(Images, builtin=True):
    """Cut out the middle of pictures; smaller ones are resized without distortion.

    Parameters
    ----------
    height, width : int
        The new size.
    data_format : str, optional
        None is `hotloop.config.image_data_format`.
    **kwargs
        `name`, `dtype`, `input_shape` of `Layer`.

    Notes
    -----
    Source: keras.layers.CenterCrop.

    Examples
    --------
    >>> import numpy as np
    >>> import hotloop as hl
    >>> hl.layers.CenterCrop(1, 2)(np.arange(12.0).reshape(1, 3, 4, 1)).ravel()
    array([5., 6.], dtype=float32)
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.height = whole(type(self).__name__, "height", height, least=1)
        self.width = whole(type(self).__name__, "width", width, least=1)
        self._smaller = Resizing(
            height, width, crop_to_aspect_ratio=True, data_format="channels_last"
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, H, W, C) -> (N, height, width, C)."""
        return self.sized(input_shape, self.height, self.width)

    def place(self, images: Array) -> tuple[slice, slice] | None:
        """Return the part that is cut out, or None where pictures are resized."""
        return cropped(images, (self.height, self.width))

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Cut out the middle."""
        images = self.last(x)
        return self.part(images, self.place(images), cache, x.ndim)

    def part(
        self, images: Array, place: tuple[slice, slice] | None, cache: Cache, ndim: int
    ) -> Array:
        """Return a part of pictures, and keep which one."""
        cache.place, cache.shape, cache.ndim = place, images.shape, ndim
        y = (
            self._smaller.forward(images, cache, False)
            if place is None
            else images[:, place[0], place[1]]
        )
        return self.back(y, ndim)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Put the gradient where it was cut out."""
        if not cache.need_dx:
            return None
        if cache.place is None:
            inner = self._smaller.backward(np.ascontiguousarray(self.last(dy)), cache)
            return None if inner is None else self.back(inner, cache.ndim)
        dx = np.zeros(cache.shape, dy.dtype)
        dx[:, cache.place[0], cache.place[1]] = self.last(dy)
        return self.back(dx, cache.ndim)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"height": self.height, "width": self.width, **super().get_config()}


__all__ = ["CenterCrop", "Images", "Resizing"]
