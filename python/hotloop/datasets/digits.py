"""The 1,797 handwritten 8x8 digits of the UCI repository, inside the package.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
1998, https://doi.org/10.24432/C50P49, licence CC BY 4.0. The copy is scikit-learn's (the test part of the UCI
set), shuffled and stored by ``scripts/make_digits.py``; the file records the seed.
"""

from __future__ import annotations

from importlib import resources

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_data"]

_TEST_SIZE = 360

Arrays = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def load_data() -> tuple[Arrays, Arrays]:
    """Load the digits: 1,437 to train on and 360, the last of the file, to test.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images (N, 8, 8) uint8 with values from 0 to 16, and their classes (N,) uint8 from 0 to 9. New arrays
        at each call.

    Notes
    -----
    Source: E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998, CC BY 4.0.

    Examples
    --------
    >>> from hotloop.datasets import digits
    >>> (x_train, y_train), (x_test, y_test) = digits.load_data()
    >>> x_train.shape, y_train.shape, x_test.shape, y_test.shape
    ((1437, 8, 8), (1437,), (360, 8, 8), (360,))
    >>> int(x_train.max()), x_train.dtype
    (16, dtype('uint8'))
    """
    file = resources.files("hotloop.datasets").joinpath("digits.npz")
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
        x, y = data["x"], data["y"]
    return (x[:-_TEST_SIZE], y[:-_TEST_SIZE]), (x[-_TEST_SIZE:], y[-_TEST_SIZE:])
