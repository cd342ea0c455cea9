"""What data sets of images share."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hotloop.torch.core import wrap
from hotloop.torch.utils.data.dataset import Dataset, rows
from hotloop.torchvision.transforms.transforms import batched


class VisionDataset(Dataset[Any]):
    """Base of data sets of images.

    Parameters
    ----------
    root : path
        Where its files are.
    transforms : callable, optional
        ``transforms(image, target)`` -> both.
    transform, target_transform : callable, optional
        Of the image and of the target, in place of `transforms`.
    """

    def __init__(
        self,
        root: Any = None,
        transforms: Callable[..., Any] | None = None,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
    ) -> None:
        if transforms is not None and (transform is not None or target_transform is not None):
            msg = "Only transforms or transform/target_transform can be passed as argument"
            raise ValueError(msg)
        self.root = root
        self.transforms, self.transform = transforms, transform
        self.target_transform = target_transform

    def _transformed(self, image: Any, target: Any) -> tuple[Any, Any]:
        if self.transforms is not None:
            return self.transforms(image, target)  # type: ignore[no-any-return]
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __repr__(self) -> str:
        """Return name, size, place and transform."""
        lines = [f"Dataset {type(self).__name__}", f"    Number of datapoints: {len(self)}"]  # type: ignore[arg-type]
        if self.root is not None:
            lines.append(f"    Root location: {self.root}")
        lines += [f"    {line}" for line in self.extra_repr().splitlines()]
        if self.transform is not None:
            text = str(self.transform).replace("\n", "\n" + " " * 15)
            lines += ["    StandardTransform", f"Transform: {text}"]
        return "\n".join(lines)

    def extra_repr(self) -> str:
        """Return more lines for `repr`; a subclass may write this."""
        return ""


class ArrayImages(VisionDataset):
    """Images that lie in one array (N, H, W) or (N, H, W, C), and their classes."""

    data: Any
    targets: Any
    classes: ClassVar[list[str]]
    _module: Any

    train: bool

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class by its name."""
        return {name: i for i, name in enumerate(self.classes)}

    def extra_repr(self) -> str:
        """Say which part it is."""
        return f"Split: {'Train' if self.train else 'Test'}"

    def _images(self) -> Any:
        """Return the array of the images."""
        return self.data._array if hasattr(self.data, "_array") else self.data

    def _classes(self) -> Any:
        return self.targets._array if hasattr(self.targets, "_array") else self.targets

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Return an image, Pillow's before the transform, and its class."""
        place = index.__index__()
        image, target = self._images()[place], int(self._classes()[place])
        together = batched(self.transform) if self.transforms is None else None
        if together is not None:
            # The same array as by way of a Pillow image.
            made = wrap(together(self._pixels(np.array([place])))[0])
            done = self.target_transform
            return made, target if done is None else done(target)
        return self._transformed(importlib.import_module("PIL.Image").fromarray(image), target)

    def _pixels(self, indices: Any) -> Any:
        """Return images (N, H, W, C), gathered by the core where the transform wants floats."""
        images = self._images()
        found = rows(images, indices)
        return found[..., None] if images.ndim == 3 else found

    def gather(self, indices: Any) -> Any:
        """Return the batch of these images and classes, or None where a transform is not known."""
        if self.transforms is not None or self.target_transform is not None:
            return None
        together = batched(self.transform)
        if together is None:
            return None
        targets = np.asarray(self._classes(), np.int64)[indices]
        return [together(self._pixels(indices)), targets]


class FakeData(VisionDataset):
    """Random images that are the same at each look.

    Parameters
    ----------
    size : int
        How many.
    image_size : tuple of int
        Channels, height and width.
    num_classes : int
        Of the targets.
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(None, None, transform, target_transform)
        self.size, self.image_size = size, image_size
        self.num_classes, self.random_offset = num_classes, random_offset

    def __len__(self) -> int:
        """Return the number of images."""
        return self.size

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Return an image and its class."""
        if index >= self.size:
            msg = f"{type(self).__name__} index out of range"
            raise IndexError(msg)
        rng = np.random.default_rng(index + self.random_offset)
        channels, height, width = self.image_size
        pixels = rng.integers(0, 256, (height, width, channels)).astype(np.uint8)
        image = importlib.import_module("PIL.Image").fromarray(
            pixels[..., 0] if channels == 1 else pixels
        )
        return self._transformed(image, int(rng.integers(self.num_classes)))


def root_of(root: Any) -> Path:
    """Return a folder that was given as text or path."""
    return Path(root).expanduser()
