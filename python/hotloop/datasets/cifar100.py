"""CIFAR-100: 60,000 colour pictures of 32x32 pixels, in 100 classes of 20 kinds.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

from hotloop._support.quoting import quoted
from hotloop.datasets import _cifar, _fetch
from hotloop.datasets.idx import Split

__all__ = ["load_data"]

SOURCE = _fetch.Published(
    "cifar100",
    "cifar-100-python.tar.gz",
    ("https://www.cs.toronto.edu/~kriz/",),
    sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
)
MD5 = {"train": "16019d7e3df5f24257cddd939b257f8d", "test": "f0ef6b0ae62326f3e7ffdfab6717acfc"}


def load_data(label_mode: str = "fine") -> Split:
    """Load CIFAR-100 as `hotloop.datasets.cifar10.load_data` loads CIFAR-10, under the name ``cifar100``.

    Parameters
    ----------
    label_mode : {"fine", "coarse"}
        Labels: 100 classes, or the 20 kinds that they belong to.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images and classes in the shapes of CIFAR-10, uint8.

    Raises
    ------
    hotloop.datasets.DatasetNotFoundError, ValueError
        As `cifar10.load_data`, and for another `label_mode`.

    Notes
    -----
    Source: Krizhevsky, 2009; see the module.

    Examples
    --------
    >>> from hotloop.datasets import cifar100
    >>> (x_train, y_train), (x_test, y_test) = cifar100.load_data("coarse")  # doctest: +SKIP
    """
    if label_mode not in ("fine", "coarse"):
        msg = f"cifar100: label_mode must be 'fine' or 'coarse', got {quoted(label_mode)}"
        raise ValueError(msg)
    classes = 100 if label_mode == "fine" else 20
    return _cifar.load(SOURCE, "cifar-100-python", MD5, f"{label_mode}_labels", classes)
