"""MNIST as ``dataset/mnist.py`` of the book gives it, from the files that `hotloop.datasets.mnist` finds.

Nothing is written beside the module: there is no ``mnist.pkl``. `dataset_dir` names the folder of the
downloads, `save_file` the file in it that the book's loader would have written.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop._support import names
from hotloop.book._arrays import Array
from hotloop.datasets import _fetch, mnist

__all__ = [
    "dataset_dir",
    "download_mnist",
    "img_dim",
    "img_size",
    "init_mnist",
    "key_file",
    "load_mnist",
    "np",
    "save_file",
    "test_num",
    "train_num",
    "url_base",
]

url_base = mnist.SOURCE.mirrors[0]
key_file = {
    "train_img": "train-images-idx3-ubyte.gz",
    "train_label": "train-labels-idx1-ubyte.gz",
    "test_img": "t10k-images-idx3-ubyte.gz",
    "test_label": "t10k-labels-idx1-ubyte.gz",
}
train_num = 60000
test_num = 10000
img_dim = (1, 28, 28)
img_size = 784
dataset_dir: str
save_file: str


def __getattr__(name: str) -> Any:
    """Find the folder of the downloads only when it is asked for: that loads more than the arrays need."""
    if name in ("dataset_dir", "save_file"):
        folder = _fetch.cache_folder() / mnist.SOURCE.name
        return str(folder if name == "dataset_dir" else folder / "mnist.pkl")
    raise names.no_attribute(__name__, name, __all__)


def download_mnist() -> None:
    """See to it that the files are at hand, by reading them once.

    Raises
    ------
    hotloop.datasets.DatasetNotFoundError
        There is no copy and none can be downloaded.

    Notes
    -----
    Source: "Deep Learning from Scratch", ``dataset/mnist.py``.

    Examples
    --------
    >>> download_mnist()  # doctest: +SKIP
    """
    mnist.load_data()


def init_mnist() -> None:
    """See to it that the files are at hand, as `download_mnist` does; there is nothing to convert.

    Raises
    ------
    hotloop.datasets.DatasetNotFoundError
        There is no copy and none can be downloaded.

    Notes
    -----
    Source: "Deep Learning from Scratch", ``dataset/mnist.py``.

    Examples
    --------
    >>> init_mnist()  # doctest: +SKIP
    """
    download_mnist()


def _change_one_hot_label(X: Array) -> Array:
    """Turn class ids, (N,), into one-hot rows, (N, 10), of float64; lessons call it by this name."""
    rows = np.zeros((X.size, 10))
    rows[np.arange(X.size), X.reshape(-1)] = 1
    return rows


def load_mnist(
    normalize: bool = True, flatten: bool = True, one_hot_label: bool = False
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Load MNIST.

    Parameters
    ----------
    normalize : bool
        Pixels as float32 from 0 to 1; else uint8 from 0 to 255.
    flatten : bool
        Images of shape (N, 784); else (N, 1, 28, 28).
    one_hot_label : bool
        Labels as float64 rows, (N, 10); else uint8 ids, (N,).

    Returns
    -------
    (x_train, t_train), (x_test, t_test)
        60,000 and 10,000 samples.

    Raises
    ------
    hotloop.datasets.DatasetNotFoundError
        There is no copy and none can be downloaded.

    Notes
    -----
    Source: "Deep Learning from Scratch", section 3.6.1.

    Examples
    --------
    >>> (x_train, t_train), (x_test, t_test) = load_mnist(flatten=False)  # doctest: +SKIP
    """

    def prepared(x: Array, t: Array) -> tuple[Array, Array]:
        images = x.reshape(-1, img_size) if flatten else x.reshape(-1, *img_dim)
        if normalize:
            images = images.astype(np.float32)
            images /= 255.0
        return np.require(images, requirements="W"), (
            _change_one_hot_label(t) if one_hot_label else np.require(t, requirements="W")
        )

    train, test = mnist.load_data()
    return prepared(*train), prepared(*test)
