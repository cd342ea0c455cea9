"""Pictures in files, as Pillow's images and as arrays (needs Pillow: ``hotloop[image]``)."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import config
from hotloop._support.arguments import dtype_of
from hotloop._support.quoting import quoted, shortened
from hotloop.config import check_data_format
from hotloop.data import pixels
from hotloop.data.targets import real_array

__all__ = ["array_to_img", "img_to_array", "load_img", "pillow", "save_img", "smart_resize"]

Array = NDArray[Any]
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")
_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}


def pillow(name: str) -> Any:
    """Return the module of Pillow's images; an ImportError names who needs it."""
    try:
        from PIL import Image  # noqa: PLC0415 - an extra
    except ImportError:
        msg = f"{name} needs Pillow; install hotloop[image]"
        raise ImportError(msg) from None
    return Image


def _format(name: str, data_format: str | None) -> str:
    if data_format is None:
        return config.image_data_format()
    check_data_format(name, data_format)
    return data_format


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: Any = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Read a picture from a file.

    Parameters
    ----------
    path : path-like or BytesIO
        The file.
    color_mode : {"rgb", "rgba", "grayscale"}
        What it is converted to.
    target_size : (height, width), optional
        What it is resized to.
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"}
        How.
    keep_aspect_ratio : bool
        Whether the middle is cut out first, so that nothing is distorted.

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    ValueError
        For a mode or an interpolation that does not exist.
    OSError
        The file cannot be read or is no picture.

    Notes
    -----
    Source: keras.utils.load_img.

    Examples
    --------
    >>> load_img("cat.jpg", target_size=(32, 32)).size  # doctest: +SKIP
    (32, 32)
    """
    image = pillow("load_img")
    if color_mode not in _MODES:
        msg = f"load_img: color_mode must be one of {', '.join(_MODES)}, got {quoted(color_mode)}"
        raise ValueError(msg)
    if not isinstance(path, str | bytes | os.PathLike | io.IOBase):
        msg = f"load_img: path must be a path or a file, got {shortened(type(path).__name__)}"
        raise TypeError(msg)
    source = path if isinstance(path, io.IOBase) else Path(os.fsdecode(path))
    with image.open(source) as opened:
        picture = opened
        if color_mode != "grayscale" or opened.mode not in ("L", "I;16", "I"):
            picture = opened.convert(_MODES[color_mode])
        picture.load()
        picture = picture.copy() if picture is opened else picture
    if target_size is None:
        return picture
    height, width = target_size
    if interpolation not in INTERPOLATIONS:
        msg = f"load_img: interpolation must be one of {', '.join(INTERPOLATIONS)}, got {quoted(interpolation)}"
        raise ValueError(msg)
    if picture.size == (width, height):
        return picture
    way = getattr(image.Resampling, interpolation.upper())
    box = None
    if keep_aspect_ratio:
        old_width, old_height = picture.size
        high = min(old_height, old_width * height // width)
        wide = min(old_width, old_height * width // height)
        left, top = (old_width - wide) // 2, (old_height - high) // 2
        box = (left, top, left + wide, top + high)
    return picture.resize((width, height), way, box=box)


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> Array:
    """Return a picture as an array, channels in the place that `data_format` says.

    Parameters
    ----------
    img : PIL.Image.Image or array_like
        (H, W) or (H, W, C).
    data_format : str, optional
        None is `hotloop.config.image_data_format`.
    dtype : str, optional
        None is `hotloop.config.floatx`.

    Returns
    -------
    ndarray, shape (H, W, C) or (C, H, W)

    Raises
    ------
    ValueError
        When `img` has neither two nor three axes.

    Examples
    --------
    >>> img_to_array([[1, 2]]).shape
    (1, 2, 1)
    """
    form = _format("img_to_array", data_format)
    kind = dtype_of("img_to_array", dtype or config.floatx())
    array = real_array("img_to_array", "img", img).astype(kind)
    if array.ndim not in (2, 3):
        msg = f"img_to_array: a picture has two or three axes, got shape {array.shape}"
        raise ValueError(msg)
    array = array if array.ndim == 3 else array[:, :, None]
    return array.transpose(2, 0, 1) if form == "channels_first" else array


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Any:
    """Return an array as a picture.

    Parameters
    ----------
    x : array_like
        (H, W, C) or (C, H, W), with 1, 3 or 4 channels.
    data_format : str, optional
        None is `hotloop.config.image_data_format`.
    scale : bool
        Whether the least value becomes 0 and the largest 255.
    dtype : str, optional
        What is computed in; None is `hotloop.config.floatx`.

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    ValueError
        For other shapes.

    Examples
    --------
    >>> array_to_img([[[0.0], [1.0]]]).size
    (2, 1)
    """
    image = pillow("array_to_img")
    form = _format("array_to_img", data_format)
    kind = dtype_of("array_to_img", dtype or config.floatx())
    array = real_array("array_to_img", "x", x).astype(kind, copy=False)
    if array.ndim != 3:
        msg = f"array_to_img: a picture has three axes, got shape {array.shape}"
        raise ValueError(msg)
    if form == "channels_first":
        array = array.transpose(1, 2, 0)
    if array.shape[2] not in (1, 3, 4):
        msg = f"array_to_img: a picture has 1, 3 or 4 channels, got shape {array.shape}"
        raise ValueError(msg)
    if scale and array.size:
        array = array - array.min()
        most = array.max()
        array = array / (most if most else 1) * 255
    if array.shape[2] == 1:
        wide = bool(array.size) and array.max() > 255
        return image.fromarray(array[:, :, 0].astype("int32" if wide else "uint8"))
    return image.fromarray(np.ascontiguousarray(array.astype("uint8")))


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array to a file as a picture.

    Parameters
    ----------
    path : path-like or file
        Its ending says the format.
    x, data_format, scale
        As for `array_to_img`.
    file_format : str, optional
        Such as ``"png"``, where `path` does not say it.
    **kwargs
        Of Pillow's ``Image.save``.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> save_img(file, [[[0.0], [1.0]]], file_format="png")
    >>> load_img(file).size
    (2, 1)
    """
    picture = array_to_img(x, data_format=data_format, scale=scale)
    if file_format is None and isinstance(path, str | os.PathLike):
        file_format = Path(path).suffix[1:]
    file_format = {"jpg": "jpeg"}.get(str(file_format).lower(), file_format)
    if picture.mode == "RGBA" and file_format == "jpeg":
        warnings.warn("save_img: JPEG has no transparency; it is left out", stacklevel=2)
        picture = picture.convert("RGB")
    picture.save(path, format=file_format or None, **kwargs)


def smart_resize(
    x: Any, size: Any, interpolation: str = "bilinear", data_format: str = "channels_last"
) -> Array:
    """Resize pictures without distorting them: what does not fit is cut off around the middle.

    Parameters
    ----------
    x : array_like
        (H, W, C) or (N, H, W, C), or with the channels first.
    size : (height, width)
        The new one.
    interpolation : {"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"}
        How.
    data_format : str
        Where the channels are.

    Returns
    -------
    ndarray
        float32, or as `x`.

    Raises
    ------
    ValueError
        For arrays of other ranks, and interpolations that do not exist.

    Examples
    --------
    >>> smart_resize(np.zeros((8, 6, 3)), (4, 4)).shape
    (4, 4, 3)
    """
    array = np.asarray(x)
    if array.ndim not in (3, 4):
        msg = f"smart_resize: x must have three or four axes, got shape {array.shape}"
        raise ValueError(msg)
    first = _format("smart_resize", data_format) == "channels_first"
    if first:
        array = np.moveaxis(array, -3, -1)
    several = array if array.ndim == 4 else array[None]
    dtype = several.dtype if several.dtype.kind == "f" else np.dtype(np.float32)
    rows, columns = pixels.aspect_crop(several.shape[1:3], size)
    part = several[:, rows, columns].astype(dtype, copy=False)
    out = pixels.resize("smart_resize", part, size, interpolation)
    out = out if array.ndim == 4 else out[0]
    return np.moveaxis(out, -1, -3) if first else out
