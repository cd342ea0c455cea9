"""Images in folders, one folder for each class."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

from hotloop.torchvision.datasets.vision import VisionDataset

IMG_EXTENSIONS = (
    ".jpg",
    ".jpeg",
    ".png",
    ".ppm",
    ".bmp",
    ".pgm",
    ".tif",
    ".tiff",
    ".webp",
)


def default_loader(path: str) -> Any:
    """Return the image of a file, in red, green and blue."""
    with open(path, "rb") as file:  # noqa: PTH123 - paths are texts here
        return importlib.import_module("PIL.Image").open(file).convert("RGB")


class DatasetFolder(VisionDataset):
    """Files in folders, one folder for each class.

    Parameters
    ----------
    root : path
        The folder around the folders of the classes.
    loader : callable
        Reads a file.
    extensions : tuple of str, optional
        Endings of the files that count.
    transform, target_transform : callable, optional
        Of what was read and of the class.
    is_valid_file : callable, optional
        Whether a file counts, in place of `extensions`.
    allow_empty : bool
        Whether a class may have no file.

    Attributes
    ----------
    classes : list of str
        Names of the folders, sorted.
    samples : list of (str, int)
        Paths and classes.

    Raises
    ------
    FileNotFoundError
        For a folder without folders, or a class without files.
    """

    def __init__(
        self,
        root: Any,
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, None, transform, target_transform)
        if (extensions is None) == (is_valid_file is None):
            msg = "Both extensions and is_valid_file cannot be None or not None at the same time"
            raise ValueError(msg)
        counts = is_valid_file or (lambda path: path.lower().endswith(tuple(extensions or ())))
        self.root, self.loader, self.extensions = os.fspath(root), loader, extensions
        self.classes = sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir())
        if not self.classes:
            msg = f"Couldn't find any class folder in {self.root}."
            raise FileNotFoundError(msg)
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        self.samples: list[tuple[str, int]] = []
        empty = []
        for name, number in self.class_to_idx.items():
            before = len(self.samples)
            for place, _, files in sorted(os.walk(os.path.join(self.root, name), followlinks=True)):  # noqa: PTH118
                paths = (os.path.join(place, file) for file in sorted(files))  # noqa: PTH118
                self.samples += [(path, number) for path in paths if counts(path)]
            if len(self.samples) == before:
                empty.append(name)
        if empty and not allow_empty:
            msg = f"Found no valid file for the classes {', '.join(empty)[:200]}."
            if extensions is not None:
                msg += f" Supported extensions are: {', '.join(extensions)}"
            raise FileNotFoundError(msg)
        self.targets = [number for _, number in self.samples]

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Return what a file holds, and its class."""
        path, target = self.samples[index]
        return self._transformed(self.loader(path), target)


class ImageFolder(DatasetFolder):
    """Images in folders, one folder for each class; see `DatasetFolder`."""

    def __init__(
        self,
        root: Any,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(
            root, loader, extensions, transform, target_transform, is_valid_file, allow_empty
        )
        self.imgs = self.samples


__all__ = ["IMG_EXTENSIONS", "DatasetFolder", "ImageFolder", "default_loader"]
