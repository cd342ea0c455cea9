"""California housing: 20,640 districts in 8 numbers, and the median price of a house in each.

Columns: longitude, latitude, median age, rooms, bedrooms, population, households, median income, as Keras's file has
them. Source: R. K. Pace and R. Barry, "Sparse Spatial Autoregressions", Statistics and Probability Letters 33, 1997.
"""

from __future__ import annotations

from typing import Any

from hotloop._support.quoting import quoted
from hotloop.datasets import _fetch, _tables, _words

__all__ = ["load_data"]

SOURCE = _fetch.Published(
    "california_housing",
    "california_housing.npz",
    (_words.STORE,),
    sha256="1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
)


def load_data(
    version: str = "large",
    path: Any = "california_housing.npz",  # noqa: ARG001 - Keras's name for the file in its cache
    test_split: float = 0.2,
    seed: int = 113,
) -> tuple[_tables.Table, _tables.Table]:
    """Load the districts; sources, errors and the split are those of `boston_housing.load_data`.

    Parameters
    ----------
    version : {"large", "small"}
        All rows, or the first 600.
    path, test_split, seed
        As for `boston_housing.load_data`.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Rows (N, 8) and prices in dollars (N,).

    Notes
    -----
    Source: keras.datasets.california_housing.

    Examples
    --------
    >>> from hotloop.datasets import california_housing
    >>> (x_train, y_train), test = california_housing.load_data(version="small")  # doctest: +SKIP
    """
    if version not in ("large", "small"):
        msg = f"california_housing: version must be 'large' or 'small', got {quoted(version)}"
        raise ValueError(msg)
    return _tables.load(SOURCE, test_split, seed, 600 if version == "small" else None)
