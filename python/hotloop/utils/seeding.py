"""One seed for everything random."""

from __future__ import annotations

import numbers
import random as python_random

import numpy as np

from hotloop import random
from hotloop._support.quoting import quoted


def set_random_seed(seed: int) -> None:
    """Seed hotloop's generator, Python's ``random`` and ``numpy.random``, so that a program can be repeated.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1, the range that ``numpy.random.seed`` takes.

    Raises
    ------
    ValueError
        `seed` is no integer, or out of range.

    Notes
    -----
    Source: keras.utils.set_random_seed. Training is the same, bit for bit, for any number of threads.

    Examples
    --------
    >>> set_random_seed(7)
    >>> first = python_random.random(), float(np.random.rand())
    >>> set_random_seed(7)
    >>> first == (python_random.random(), float(np.random.rand()))
    True
    """
    if (
        isinstance(seed, bool)
        or not isinstance(seed, numbers.Integral)
        or not 0 <= int(seed) < 2**32
    ):
        msg = (
            f"set_random_seed: seed must be an integer from 0 to 2**32 - 1, but got {quoted(seed)}"
        )
        raise ValueError(msg)
    python_random.seed(int(seed))
    np.random.seed(int(seed))  # noqa: NPY002 - the global generator is what scripts draw from
    random.set_seed(int(seed))
