"""Boston housing: 506 districts in 13 numbers, and the median price of a house in each.

One of the columns, ``B``, assumes that where people of which colour live makes prices: a set to study that by, not
to learn from. Source: D. Harrison and D. L. Rubinfeld, J. Environ. Economics & Management 5, 1978.
"""

from __future__ import annotations

from typing import Any

from hotloop.datasets import _fetch, _tables, _words

__all__ = ["load_data"]

SOURCE = _fetch.Published(
    "boston_housing",
    "boston_housing.npz",
    (_words.STORE,),
    sha256="f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
)


def load_data(
    path: Any = "boston_housing.npz",  # noqa: ARG001 - Keras's name for the file in its cache
    test_split: float = 0.2,
    seed: int = 113,
) -> tuple[_tables.Table, _tables.Table]:
    """Load the districts from ``HOTLOOP_DATA_DIR``, the cache or the network, as `mnist.load_data` does.

    Parameters
    ----------
    path : str
        Accepted as Keras does; the file is ``boston_housing/boston_housing.npz`` under the data folder or the cache.
    test_split : float
        Share of the rows, the last ones in the new order, that are the test set.
    seed : int
        Of the order.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Rows (N, 13) and prices in thousands of dollars (N,), float64.

    Raises
    ------
    hotloop.datasets.DatasetNotFoundError
        There is no copy and none can be downloaded.
    ValueError
        The file is not the published one, or `test_split` is no share.

    Notes
    -----
    Source: keras.datasets.boston_housing.

    Examples
    --------
    >>> from hotloop.datasets import boston_housing
    >>> (x_train, y_train), (x_test, y_test) = boston_housing.load_data()  # doctest: +SKIP
    """
    return _tables.load(SOURCE, test_split, seed)
