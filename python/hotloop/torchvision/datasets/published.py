"""Published sets: MNIST, Fashion-MNIST and CIFAR, found and checked by hotloop's loaders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from hotloop.datasets import cifar10, cifar100, fashion_mnist, load_folder, mnist
from hotloop.torch.core import wrap
from hotloop.torchvision.datasets.vision import ArrayImages, root_of


class MNIST(ArrayImages):
    """Handwritten digits: images of 28 x 28 pixels and their classes.

    Parameters
    ----------
    root : path
        A folder; ``root/MNIST/raw`` is looked in first, as torchvision leaves its files there, then
        where `hotloop.datasets` looks: ``HOTLOOP_DATA_DIR``, the cache, the network.
    train : bool
        The 60,000 to train on, or the 10,000 of the test.
    transform, target_transform : callable, optional
        Of an image and of a class.
    download : bool
        Taken: what is nowhere at hand is downloaded, and checked.

    Attributes
    ----------
    data, targets : Tensor
        uint8 (N, 28, 28) and int64 (N,).

    Raises
    ------
    hotloop.datasets.DatasetNotFoundError
        There is no copy and none can be downloaded.
    """

    classes: ClassVar[list[str]] = [
        f"{digit} - {word}"
        for digit, word in enumerate(
            ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
        )
    ]
    _module = mnist

    def __init__(
        self,
        root: Any = None,
        train: bool = True,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, None, transform, target_transform)
        del download
        self.train = bool(train)
        folder = None if root is None else root_of(root) / type(self).__name__ / "raw"
        if folder is not None and folder.is_dir() and any(folder.iterdir()):
            found = load_folder(folder)
        else:
            found = self._module.load_data()
        images, classes = found[0] if train else found[1]
        self.data, self.targets = wrap(images), wrap(classes.astype(np.int64))


class FashionMNIST(MNIST):
    """Pictures of clothes of 28 x 28 pixels; see `MNIST`."""

    classes: ClassVar[list[str]] = list(fashion_mnist.CLASS_NAMES)
    _module = fashion_mnist


class CIFAR10(ArrayImages):
    """Colour pictures of 32 x 32 pixels in ten classes; see `MNIST`.

    Attributes
    ----------
    data : ndarray
        uint8 (N, 32, 32, 3).
    targets : list of int
        The classes.
    """

    _module = cifar10
    classes: ClassVar[list[str]] = list(cifar10.CLASS_NAMES)

    def __init__(
        self,
        root: Any = None,
        train: bool = True,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, None, transform, target_transform)
        del download
        self.train = bool(train)
        found = self._module.load_data()
        images, classes = found[0] if train else found[1]
        if images.shape[1] == 3:
            # The loader answers in the layout that is set for Keras's face.
            images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        self.data, self.targets = images, classes.reshape(-1).astype(int).tolist()


class CIFAR100(CIFAR10):
    """Colour pictures of 32 x 32 pixels in a hundred classes; see `MNIST`."""

    _module = cifar100
    classes: ClassVar[list[str]] = [str(i) for i in range(100)]


__all__ = ["CIFAR10", "CIFAR100", "MNIST", "FashionMNIST"]
