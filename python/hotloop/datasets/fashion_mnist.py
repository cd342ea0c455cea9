"""Fashion-MNIST: 70,000 pictures of clothes of 28x28 pixels, in 10 classes.

Source: H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", arXiv:1708.07747, 2017; MIT licence.
"""

from __future__ import annotations

from hotloop.datasets import _fetch, mnist
from hotloop.datasets.idx import Split

__all__ = ["CLASS_NAMES", "load_data"]

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

SOURCE = _fetch.Source(
    name="fashion_mnist",
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    shapes=mnist.SOURCE.shapes,
    gz_md5={
        "x_train": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "y_train": "25c81989df183df01b3e8a0aad5dffbe",
        "x_test": "bef4ecab320f06d8554ea6380940ec79",
        "y_test": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    foreign_sha256=mnist.SOURCE.content_sha256,
)


def load_data() -> Split:
    """Load Fashion-MNIST from ``HOTLOOP_DATA_DIR``, the cache or the network, in this order.

    It is looked for as `hotloop.datasets.mnist.load_data` says, under the name ``fashion_mnist``. The published
    checksums are those of the ``.gz`` files, so a plain file, or one compressed anew, is taken only from
    ``HOTLOOP_DATA_DIR/fashion_mnist``, where it is checked by shape, by its classes and for not being MNIST.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images (60000, 28, 28) and (10000, 28, 28), classes (60000,) and (10000,), uint8.

    Raises
    ------
    hotloop.datasets.DatasetNotFoundError
        There is no copy and none can be downloaded (an OSError; says where it looked and what to do).
    ValueError
        A file under ``HOTLOOP_DATA_DIR/fashion_mnist`` is damaged or is not Fashion-MNIST.

    Notes
    -----
    Source: Xiao, Rasul and Vollgraf, 2017; see the module.

    Examples
    --------
    >>> from hotloop.datasets import fashion_mnist
    >>> fashion_mnist.CLASS_NAMES[9]
    'Ankle boot'
    >>> (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()  # doctest: +SKIP
    """
    return _fetch.load(SOURCE)
