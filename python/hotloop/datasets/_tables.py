"""Tables of numbers with a target: what the two sets of house prices have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop._support.arguments import number
from hotloop.datasets import _fetch, _npz

__all__ = ["Table", "check_split", "load"]

Table = tuple[NDArray[Any], NDArray[Any]]


def check_split(name: str, test_split: Any) -> None:
    """Raise a ValueError for a share of the rows that there is not."""
    number(name, "test_split", test_split, "be from 0 to below 1", lambda share: 0 <= share < 1)


def load(
    file: _fetch.Published, test_split: float, seed: int, rows: int | None = None
) -> tuple[Table, Table]:
    """Return the first rows of a published table in Keras's order, the last share of them to test."""
    check_split(file.name, test_split)
    x, y = (array[:rows] for array in _npz.read(file.name, _fetch.contents(file), ("x", "y")))
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    end = int(len(x) * (1 - test_split))
    return (x[:end], y[:end]), (x[end:], y[end:])
