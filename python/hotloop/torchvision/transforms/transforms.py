"""Transforms as objects; random ones draw from hotloop's generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hotloop import random
from hotloop._support.arguments import number
from hotloop.torchvision.transforms import _arrays
from hotloop.torchvision.transforms import functional as F


class Compose:
    """Transforms one after the other.

    Examples
    --------
    >>> import numpy as np
    >>> both = Compose([ToTensor(), Normalize((0.5,), (0.5,))])
    >>> both(np.full((1, 2, 1), 255, np.uint8))
    tensor([[[1., 1.]]])
    """

    def __init__(self, transforms: Sequence[Any]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        """Return the image after all of them."""
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        """List the transforms."""
        lines = [f"    {each}" for each in self.transforms]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


class ToTensor:
    """Image (H, W, C) to tensor (C, H, W); uint8 to float32 in [0, 1]."""

    def __call__(self, pic: Any) -> Any:
        """Return the tensor."""
        return F.to_tensor(pic)

    def __repr__(self) -> str:
        """Return the name."""
        return "ToTensor()"

    def batch(self, images: Any) -> Any:
        """Return arrays (N, H, W, C) as (N, C, H, W)."""
        return _arrays.to_floats(images)


class PILToTensor(ToTensor):
    """Image (H, W, C) to tensor (C, H, W) of its own dtype."""

    batch = None  # type: ignore[assignment]

    def __call__(self, pic: Any) -> Any:
        """Return the tensor."""
        return F.pil_to_tensor(pic)

    def __repr__(self) -> str:
        """Return the name."""
        return "PILToTensor()"


class _Transform:
    """A transform whose `repr` lists its attributes."""

    def __repr__(self) -> str:
        """Return name and options."""
        options = ", ".join(f"{k}={v}" for k, v in vars(self).items() if v is not None)
        return f"{type(self).__name__}({options})"


class Normalize(_Transform):
    """``(image - mean) / std`` of each channel of a tensor."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        self.mean, self.std, self.inplace = mean, std, inplace

    def __call__(self, tensor: Any) -> Any:
        """Return the tensor."""
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def batch(self, images: Any) -> Any:
        """Return arrays (N, C, H, W)."""
        return _arrays.normalize(images, self.mean, self.std)

    def __repr__(self) -> str:
        """Return name and options."""
        return f"Normalize(mean={self.mean}, std={self.std})"


class ConvertImageDtype(_Transform):
    """A tensor of another dtype, its values scaled to that one's range."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype

    def __call__(self, image: Any) -> Any:
        """Return the tensor."""
        return F.convert_image_dtype(image, self.dtype)

    def batch(self, images: Any) -> Any:
        """Return arrays (N, C, H, W)."""
        return _arrays.convert(images, self.dtype.numpy)


class ToPILImage(_Transform):
    """Tensor (C, H, W) or array (H, W, C) to a Pillow image."""

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        """Return the image."""
        return F.to_pil_image(pic, self.mode)


class Lambda:
    """A function as a transform."""

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            msg = f"Argument lambd should be callable, got {type(lambd).__name__!r}"
            raise TypeError(msg)
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        """Call the function."""
        return self.lambd(img)

    def __repr__(self) -> str:
        """Return the name."""
        return "Lambda()"


class Resize(_Transform):
    """The image in another size: (height, width), or that of the shorter side."""

    def __init__(
        self,
        size: Any,
        interpolation: Any = F.InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        self.size, self.interpolation = size, interpolation
        self.max_size, self.antialias = max_size, antialias

    def __call__(self, img: Any) -> Any:
        """Return the image."""
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(_Transform):
    """The middle of the image."""

    def __init__(self, size: Any) -> None:
        self.size = F.size_of(size)

    def __call__(self, img: Any) -> Any:
        """Return the image."""
        return F.center_crop(img, self.size)


class Pad(_Transform):
    """The image with a frame; see `functional.pad`."""

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> None:
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def __call__(self, img: Any) -> Any:
        """Return the image."""
        return F.pad(img, self.padding, self.fill, self.padding_mode)


class Grayscale(_Transform):
    """The brightness of the image."""

    def __init__(self, num_output_channels: int = 1) -> None:
        self.num_output_channels = num_output_channels

    def __call__(self, img: Any) -> Any:
        """Return the image."""
        return F.rgb_to_grayscale(img, self.num_output_channels)


class RandomCrop(_Transform):
    """A part of the image at a random place, after padding."""

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.size, self.padding = F.size_of(size), padding
        self.pad_if_needed, self.fill, self.padding_mode = pad_if_needed, fill, padding_mode

    def __call__(self, img: Any) -> Any:
        """Return the image."""
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        height, width = self.size
        _, h, w = F.get_dimensions(img)
        if self.pad_if_needed and (w < width or h < height):
            sides = [max(width - w, 0), max(height - h, 0)]
            img = F.pad(img, sides, self.fill, self.padding_mode)
            _, h, w = F.get_dimensions(img)
        if h < height or w < width:
            msg = f"Required crop size {(height, width)} is larger than input image size {(h, w)}"
            raise ValueError(msg)
        rng = random.generator()
        top, left = (int(rng.integers(0, n + 1)) for n in (h - height, w - width))
        return F.crop(img, top, left, height, width)


class RandomHorizontalFlip(_Transform):
    """The image, left and right exchanged with probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = number(type(self).__name__, "p", p, "lie in [0, 1]", lambda v: 0 <= v <= 1)

    def __call__(self, img: Any) -> Any:
        """Return the image."""
        return F.hflip(img) if random.generator().random() < self.p else img


class RandomVerticalFlip(RandomHorizontalFlip):
    """The image, top and bottom exchanged with probability `p`."""

    def __call__(self, img: Any) -> Any:
        """Return the image."""
        return F.vflip(img) if random.generator().random() < self.p else img


class RandomRotation(_Transform):
    """The image, turned by an angle within ±`degrees`, or between two."""

    def __init__(
        self,
        degrees: Any,
        interpolation: Any = F.InterpolationMode.NEAREST,
        expand: bool = False,
        center: Any = None,
        fill: Any = 0,
    ) -> None:
        if isinstance(degrees, int | float):
            if degrees < 0:
                msg = "If degrees is a single number, it must be positive."
                raise ValueError(msg)
            degrees = (-degrees, degrees)
        self.degrees = [float(d) for d in degrees]
        self.interpolation, self.expand = interpolation, expand
        self.center, self.fill = center, fill

    def __call__(self, img: Any) -> Any:
        """Return the image."""
        angle = float(random.generator().uniform(self.degrees[0], self.degrees[1]))
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, self.fill)


class RandomApply(_Transform):
    """Transforms, applied all together with probability `p`."""

    def __init__(self, transforms: Sequence[Any], p: float = 0.5) -> None:
        self.transforms, self.p = transforms, p

    def __call__(self, img: Any) -> Any:
        """Return the image."""
        return Compose(self.transforms)(img) if random.generator().random() < self.p else img


def batched(transform: Any) -> Any:
    """Return what a transform does to arrays (N, H, W, C), or None where that is not known."""
    kind = type(transform)
    if kind is Compose:
        parts = [batched(each) for each in transform.transforms]
        # Only a tensor may be normalised or converted.
        starts = bool(parts) and type(transform.transforms[0]) is ToTensor
        rest = all(
            type(each) in (Normalize, ConvertImageDtype) for each in transform.transforms[1:]
        )
        if not (starts and rest):
            return None

        def together(images: Any) -> Any:
            for part in parts:
                images = part(images)
            return images

        return together
    return transform.batch if kind in (ToTensor, Normalize, ConvertImageDtype) else None


__all__ = [
    "CenterCrop",
    "Compose",
    "ConvertImageDtype",
    "Grayscale",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomApply",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "ToPILImage",
    "ToTensor",
    "batched",
]
