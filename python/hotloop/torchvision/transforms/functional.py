"""The functions behind the transforms: on Pillow images, and on tensors (..., C, H, W)."""

from __future__ import annotations

import enum
import importlib
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hotloop.torch import dtypes
from hotloop.torch.core import Tensor, wrap
from hotloop.torch.nn import functional as F
from hotloop.torchvision.transforms import _arrays


class InterpolationMode(enum.Enum):
    """How pixels between pixels are found."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


def _pillow() -> Any:
    return importlib.import_module("PIL.Image")


def _is_pillow(image: Any) -> bool:
    return hasattr(image, "getbands") and hasattr(image, "tobytes")


def _resampling(mode: Any) -> Any:
    return getattr(_pillow().Resampling, InterpolationMode(mode).name)


def _need_image(name: str, image: Any) -> None:
    if not (_is_pillow(image) or isinstance(image, Tensor)):
        msg = f"{name}: takes a Pillow image or a tensor, got {type(image).__name__}"
        raise TypeError(msg)


def as_array(image: Any) -> Any:
    """Return a Pillow image as an array (H, W, C)."""
    kinds = {"I": np.int32, "I;16": np.uint16, "F": np.float32}
    array = np.array(image, kinds.get(image.mode))
    if image.mode == "1":
        array = array.astype(np.uint8) * np.uint8(255)
    return array[..., None] if array.ndim == 2 else array


def get_dimensions(img: Any) -> list[int]:
    """Return channels, height and width."""
    _need_image("get_dimensions", img)
    if _is_pillow(img):
        return [len(img.getbands()), img.height, img.width]
    height, width = img.shape[-2:]
    return [1 if img.ndim == 2 else img.shape[-3], height, width]


def to_tensor(pic: Any) -> Tensor:
    """Return an image (H, W, C), Pillow's or an array, as a tensor (C, H, W).

    uint8 becomes float32 in [0, 1]; other dtypes stay.
    """
    if not (_is_pillow(pic) or isinstance(pic, np.ndarray)):
        msg = f"pic should be PIL Image or ndarray. Got {type(pic)}"
        raise TypeError(msg)
    array = as_array(pic) if _is_pillow(pic) else pic
    if array.ndim not in (2, 3):
        msg = f"pic should be 2/3 dimensional. Got {array.ndim} dimensions."
        raise ValueError(msg)
    return wrap(_arrays.to_floats(array[..., None] if array.ndim == 2 else array))


def pil_to_tensor(pic: Any) -> Tensor:
    """Return a Pillow image as a tensor (C, H, W) of its own dtype."""
    if not _is_pillow(pic):
        msg = f"pic should be PIL Image. Got {type(pic)}"
        raise TypeError(msg)
    return wrap(np.ascontiguousarray(np.moveaxis(as_array(pic), -1, 0)))


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """Return a tensor (C, H, W), or an array (H, W, C), as a Pillow image."""
    if isinstance(pic, Tensor):
        array = pic._array
        if array.ndim not in (2, 3):
            msg = f"pic should be 2/3 dimensional. Got {array.ndim} dimensions."
            raise ValueError(msg)
        array = array[..., None] if array.ndim == 2 else np.moveaxis(array, 0, -1)
        if array.dtype.kind == "f" and mode != "F":
            array = (array * 255).astype(np.uint8)
    elif isinstance(pic, np.ndarray):
        array = pic[..., None] if pic.ndim == 2 else pic
    else:
        msg = f"pic should be Tensor or ndarray. Got {type(pic)}."
        raise TypeError(msg)
    channels = array.shape[-1]
    if channels > 4:
        msg = f"pic should not have > 4 channels. Got {channels} channels."
        raise ValueError(msg)
    if channels == 1:
        array = array[..., 0]
    made = _pillow().fromarray(np.ascontiguousarray(array))
    return made if mode is None or made.mode == mode else made.convert(mode)


def normalize(
    tensor: Any, mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> Tensor:
    """Return ``(tensor - mean) / std`` of each channel."""
    if not isinstance(tensor, Tensor):
        msg = f"img should be Tensor Image. Got {type(tensor)}"
        raise TypeError(msg)
    made = _arrays.normalize(tensor._array, mean, std)
    if inplace:
        tensor._array[...] = made
        tensor._version[0] += 1
        return tensor
    return wrap(made)


def convert_image_dtype(image: Tensor, dtype: Any = dtypes.ALL["float32"]) -> Tensor:
    """Return an image of another dtype, its values scaled to that one's range."""
    return wrap(_arrays.convert(image._array, dtype.numpy))


def resize(
    img: Any,
    size: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """Return an image of size (height, width); one number is that of the shorter side."""
    _, height, width = get_dimensions(img)
    if isinstance(size, int) or len(size) == 1:
        short = size if isinstance(size, int) else size[0]
        small, large = min(height, width), max(height, width)
        other = int(short * large / small)
        if max_size is not None and other > max_size:
            short, other = int(max_size * short / other), max_size
        size = (short, other) if height <= width else (other, short)
    if (height, width) == tuple(size):
        return img
    mode = InterpolationMode(interpolation)
    if _is_pillow(img):
        return img.resize(tuple(size)[::-1], _resampling(mode))
    if antialias and mode is not InterpolationMode.NEAREST:
        return _by_planes(img, lambda plane: plane.resize(tuple(size)[::-1], _resampling(mode)))
    batch = wrap(img._array[None]) if img.ndim == 3 else img
    options: dict[str, Any] = {"mode": mode.value}
    if mode is InterpolationMode.BILINEAR:
        options["align_corners"] = False
    whole = img._array.dtype.kind != "f"
    if whole:
        batch = wrap(batch._array.astype(np.float32))
    made = F.interpolate(batch, size=tuple(size), **options)._array
    if whole:
        made = np.rint(made).astype(img._array.dtype)
    return wrap(made[0] if img.ndim == 3 else made)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """Return a part of an image; what lies outside of it is 0."""
    _need_image("crop", img)
    if _is_pillow(img):
        return img.crop((left, top, left + width, top + height))
    _, h, w = get_dimensions(img)
    sides = [max(-left, 0), max(-top, 0), max(left + width - w, 0), max(top + height - h, 0)]
    if any(sides):
        img, top, left = pad(img, sides), max(top, 0), max(left, 0)
    return img[..., top : top + height, left : left + width]


def center_crop(img: Any, output_size: Any) -> Any:
    """Return the middle of an image, with zeros around it where it is too small."""
    height, width = size_of(output_size)
    _, h, w = get_dimensions(img)
    if width > w or height > h:
        wide, high = max(width - w, 0), max(height - h, 0)
        img = pad(img, [wide // 2, high // 2, (wide + 1) // 2, (high + 1) // 2])
        _, h, w = get_dimensions(img)
    return crop(img, round((h - height) / 2.0), round((w - width) / 2.0), height, width)


def size_of(size: Any) -> tuple[int, int]:
    """Return (height, width) of one number or two."""
    if isinstance(size, numbers.Number):
        return int(size), int(size)  # type: ignore[call-overload]
    if len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        msg = f"Please provide only two dimensions (h, w) for size, got {len(size)}"
        raise ValueError(msg)
    return size[0], size[1]


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """Return an image with a frame: of one width, of (left and right, top and bottom), or of four.

    `padding_mode` is ``constant``, ``edge``, ``reflect`` or ``symmetric``.
    """
    _need_image("pad", img)
    modes = ("constant", "edge", "reflect", "symmetric")
    if padding_mode not in modes:
        msg = f"Padding mode should be either constant, edge, reflect or symmetric, got {padding_mode}"
        raise ValueError(msg)
    sides = [padding] if isinstance(padding, int) else list(padding)
    if len(sides) not in (1, 2, 4):
        msg = f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(sides)} element tuple"
        raise ValueError(msg)
    left, top, right, bottom = (sides * 4)[:4] if len(sides) < 3 else sides
    pillow = _is_pillow(img)
    if pillow and padding_mode == "constant":
        made = _pillow().new(img.mode, (img.width + left + right, img.height + top + bottom), fill)
        if img.mode == "P":
            made.putpalette(img.getpalette())
        made.paste(img, (left, top))
        return made
    array = np.moveaxis(as_array(img), -1, 0) if pillow else img._array
    around = [(0, 0)] * (array.ndim - 2) + [(top, bottom), (left, right)]
    if min(left, top, right, bottom) < 0:
        msg = f"pad: a frame cannot be negative, got {sides}"
        raise ValueError(msg)
    options: dict[str, Any] = {"constant_values": fill} if padding_mode == "constant" else {}
    made = np.pad(array, around, padding_mode, **options)  # type: ignore[call-overload]
    if pillow:
        return to_pil_image(wrap(np.ascontiguousarray(made)), img.mode)
    return wrap(made)


def hflip(img: Any) -> Any:
    """Return the image, left and right exchanged."""
    _need_image("hflip", img)
    if _is_pillow(img):
        return img.transpose(_pillow().Transpose.FLIP_LEFT_RIGHT)
    return img.flip(-1)


def vflip(img: Any) -> Any:
    """Return the image, top and bottom exchanged."""
    _need_image("vflip", img)
    if _is_pillow(img):
        return img.transpose(_pillow().Transpose.FLIP_TOP_BOTTOM)
    return img.flip(-2)


def rotate(
    img: Any,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Any = None,
    fill: Any = None,
) -> Any:
    """Return the image, turned by degrees against the clock; tensors go through Pillow."""
    _need_image("rotate", img)
    if _is_pillow(img):
        return img.rotate(angle, _resampling(interpolation), expand, center, fillcolor=fill)
    return _by_planes(img, lambda p: rotate(p, angle, interpolation, expand, center, fill))


def _by_planes(img: Tensor, change: Callable[[Any], Any]) -> Tensor:
    """Return a tensor of which each plane was changed as a Pillow image."""
    array = img._array
    kind = array.dtype if array.dtype == np.uint8 else np.dtype(np.float32)
    planes = array.astype(kind).reshape(-1, *array.shape[-2:])
    made = np.stack([np.asarray(change(_pillow().fromarray(p))) for p in planes])
    if array.dtype.kind in "iu":
        made = np.rint(made)
    return wrap(made.astype(array.dtype).reshape(*array.shape[:-2], *made.shape[1:]))


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """Return the brightness of an image, as one channel or three equal ones."""
    if num_output_channels not in (1, 3):
        msg = "num_output_channels should be either 1 or 3"
        raise ValueError(msg)
    _need_image("rgb_to_grayscale", img)
    if _is_pillow(img):
        gray = img.convert("L")
        return gray if num_output_channels == 1 else _pillow().merge("RGB", [gray] * 3)
    array = img._array
    if array.shape[-3] == 3:
        r, g, b = (array[..., i : i + 1, :, :] for i in range(3))
        kind = array.dtype.type if array.dtype.kind == "f" else np.float32
        mixed = kind(0.2989) * r + kind(0.587) * g + kind(0.114) * b
        array = mixed.astype(array.dtype)
    return wrap(np.repeat(array, num_output_channels // array.shape[-3], axis=-3))


to_grayscale = rgb_to_grayscale
