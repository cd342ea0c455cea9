"""CIFAR-10: 60,000 colour pictures of 32x32 pixels, in 10 classes.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

from hotloop.datasets import _cifar, _fetch
from hotloop.datasets.idx import Split

__all__ = ["CLASS_NAMES", "load_data"]

CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
SOURCE = _fetch.Published(
    "cifar10",
    "cifar-10-python.tar.gz",
    ("https://www.cs.toronto.edu/~kriz/",),
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}


def load_data() -> Split:
    """Load CIFAR-10 from ``HOTLOOP_DATA_DIR``, the cache or the network, in this order.

    ``cifar-10-python.tar.gz``, or the folder ``cifar-10-batches-py`` that it holds, is looked for as
    `hotloop.datasets.mnist.load_data` says, under the name ``cifar10``; either is checked. The batches are pickles,
    of which arrays and plain containers alone are read.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images (50000, 32, 32, 3) and (10000, 32, 32, 3), classes (50000, 1) and (10000, 1), uint8; images have the
        channels first where `hotloop.config.image_data_format` says so.

    Raises
    ------
    hotloop.datasets.DatasetNotFoundError
        There is no copy and none can be downloaded (an OSError; says where it looked and what to do).
    ValueError
        A file under ``HOTLOOP_DATA_DIR/cifar10`` is not the published one.

    Notes
    -----
    Source: Krizhevsky, 2009; see the module.

    Examples
    --------
    >>> from hotloop.datasets import cifar10
    >>> cifar10.CLASS_NAMES[3]
    'cat'
    >>> (x_train, y_train), (x_test, y_test) = cifar10.load_data()  # doctest: +SKIP
    """
    return _cifar.load(SOURCE, "cifar-10-batches-py", MD5, "labels", 10)
