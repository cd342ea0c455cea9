"""Data sets to learn on: `digits` (inside the package), and those that Keras has.

Each module has ``load_data() -> (x_train, y_train), (x_test, y_test)`` with Keras's arguments. `digits` needs nothing;
the others are looked for in ``HOTLOOP_DATA_DIR``, then in the cache, and are downloaded at last.
"""

from hotloop._support.names import serve
from hotloop.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    digits,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)
from hotloop.datasets._fetch import DatasetNotFoundError
from hotloop.datasets.idx import load_folder, read_idx

__all__ = [
    "DatasetNotFoundError",
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "digits",
    "fashion_mnist",
    "imdb",
    "load_folder",
    "mnist",
    "read_idx",
    "reuters",
]

serve(__name__)
