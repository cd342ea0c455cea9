"""Arrays before training: one-hot labels, scaling to unit norm, splitting."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotloop import random
from hotloop._support import arguments
from hotloop.data.targets import as_array, real_array


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> NDArray[np.float32]:
    """Turn class ids into one-hot rows, ``out[..., k] = 1 if x[...] == k else 0``.

    Parameters
    ----------
    x : array_like of integers, any shape
        Class ids from 0 on. Floats that are whole numbers are taken too; a last axis of length 1 is dropped,
        as in Keras.
    num_classes : int, optional
        The number of columns; by default the largest id plus one.

    Returns
    -------
    ndarray, shape ``x.shape + (num_classes,)``, float32

    Raises
    ------
    TypeError
        `x` does not hold numbers.
    ValueError
        An id is negative, not whole, or not below `num_classes`, or there are neither ids nor `num_classes`.

    Notes
    -----
    Source: keras.utils.to_categorical, which wraps negative ids around and gives the default float type.

    Examples
    --------
    >>> to_categorical([0, 2, 1])
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]], dtype=float32)
    """
    given = as_array("to_categorical", "x", x)
    if given.dtype.kind not in "biuf":
        if given.size:
            msg = f"to_categorical: class ids must be whole numbers, but x has dtype {given.dtype}"
            raise TypeError(msg)
        given = given.astype(np.int64)
    with np.errstate(invalid="ignore"):
        ids = given.astype(np.int64)
    if not np.array_equal(ids, given):
        msg = f"to_categorical: class ids must be whole numbers, but x has {given[ids != given].flat[0]}"
        raise ValueError(msg)
    if ids.ndim > 1 and ids.shape[-1] == 1:
        ids = ids[..., 0]
    if not num_classes:
        if not ids.size:
            msg = f"to_categorical: num_classes must be given when there are no ids (x: {given.shape})"
            raise ValueError(msg)
        num_classes = int(ids.max()) + 1
    if ids.size and (ids.min() < 0 or ids.max() >= num_classes):
        wrong = ids.min() if ids.min() < 0 else ids.max()
        msg = f"to_categorical: class ids must be from 0 to {num_classes - 1}, but x has {wrong}"
        raise ValueError(msg)
    arguments.checked_size("to_categorical", "the rows", (ids.size, num_classes))
    rows = np.zeros((ids.size, num_classes), np.float32)
    rows[np.arange(ids.size), ids.reshape(-1)] = 1
    return rows.reshape(*ids.shape, num_classes)


def normalize(x: ArrayLike, axis: int = -1, order: float = 2) -> NDArray[Any]:
    """Scale to unit norm along one axis, ``x / |x|``; vectors of norm 0 stay as they are.

    Parameters
    ----------
    x : array_like of numbers
        float32 and float64 keep their dtype; all else becomes float64.
    axis : int
        The axis along which the vectors lie.
    order : float
        The order of the norm, positive: 1, 2, ``math.inf``, ...

    Returns
    -------
    ndarray, shape of `x`

    Raises
    ------
    ValueError
        `order` is not positive, or `x` has no such axis.

    Notes
    -----
    Source: keras.utils.normalize.

    Examples
    --------
    >>> normalize([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    arguments.number("normalize", "order", order, "be positive", lambda n: n > 0.0)
    axis = arguments.whole("normalize", "axis", axis)
    array = np.atleast_1d(real_array("normalize", "x", x))
    if not -array.ndim <= axis < array.ndim:
        msg = f"normalize: axis {axis} is outside of x (x: {array.shape})"
        raise ValueError(msg)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    norm = np.linalg.norm(array, order, axis, keepdims=True)
    quotient: NDArray[Any] = array / np.where(norm == 0, array.dtype.type(1), norm)
    return quotient


def train_test_split(
    *arrays: ArrayLike,
    test_size: float | None = None,
    train_size: float | None = None,
    random_state: int | None = None,
    shuffle: bool = True,
    stratify: ArrayLike | None = None,
) -> list[NDArray[Any]]:
    """Split arrays of one length into a training part and a test part, row by row alike.

    Parameters
    ----------
    *arrays : array_like
        Each with the rows on axis 0.
    test_size, train_size : float or int, optional
        A float below 1 is a share of the rows (the test part is rounded up, the training part down), an integer a
        number of rows. By default a quarter for the test, and for the other part what is left.
    random_state : int, optional
        Fixes the split, without `stratify` to the same rows as scikit-learn's. None draws from hotloop's
        generator (`set_random_seed`).
    shuffle : bool
        False takes the first rows to train and the rest to test.
    stratify : array_like, optional
        Class labels: every class has the same share of both parts, as nearly as whole rows allow.

    Returns
    -------
    list of ndarray
        Training part and test part of each array in turn, as copies.

    Raises
    ------
    ValueError
        No arrays, arrays of different lengths, a size out of range, an empty part, or `stratify` without `shuffle`.

    Notes
    -----
    Source: sklearn.model_selection.train_test_split.

    Examples
    --------
    >>> x = np.arange(10)
    >>> x_train, x_test, y_train, y_test = train_test_split(x, x * x, test_size=0.2, random_state=0)
    >>> x_test, y_test
    (array([2, 8]), array([ 4, 64]))
    """
    if not arrays:
        msg = "train_test_split: at least one array is needed"
        raise ValueError(msg)
    tables = [as_array("train_test_split", "each array", array) for array in arrays]
    shapes = [table.shape for table in tables]
    if any(not shape for shape in shapes) or len({shape[0] for shape in shapes}) > 1:
        msg = f"train_test_split: arrays must have one number of rows, but got shapes {shapes}"
        raise ValueError(msg)
    n = len(tables[0])
    n_train, n_test = _sizes(n, train_size, test_size)
    if not shuffle:
        if stratify is not None:
            msg = "train_test_split: stratify needs shuffle=True"
            raise ValueError(msg)
        train, test = np.arange(n_train), np.arange(n_train, n_train + n_test)
    else:
        # The legacy generator is what scikit-learn makes of a seed.
        if random_state is not None:
            rule = "be an integer from 0 to 2**32 - 1"
            random_state = arguments.whole(
                "train_test_split", "random_state", random_state, 0, rule
            )
        rng = random.generator() if random_state is None else np.random.RandomState(random_state)
        order = rng.permutation(n)
        if stratify is None:
            test, train = order[:n_test], order[n_test : n_test + n_train]
        else:
            test, train = _stratified(order, np.asarray(stratify), n_train, n_test)
    return [table[part] for table in tables for part in (train, test)]


def _sizes(n: int, train_size: float | None, test_size: float | None) -> tuple[int, int]:
    """Return the numbers of rows to train and to test."""
    for name, size in (("train_size", train_size), ("test_size", test_size)):
        if size is not None:
            arguments.number("train_test_split", name, size)
        whole = isinstance(size, numbers.Integral)
        if size is not None and not (0 < size < (n if whole else 1)):
            wanted = f"a number of rows below {n}" if whole else "a share above 0 and below 1"
            msg = f"train_test_split: {name} must be {wanted}, but got {size}"
            raise ValueError(msg)
    if test_size is None:
        n_train = (
            n - _rows(0.25, n, math.ceil)
            if train_size is None
            else _rows(train_size, n, math.floor)
        )
        n_test = n - n_train
    else:
        n_test = _rows(test_size, n, math.ceil)
        n_train = n - n_test if train_size is None else _rows(train_size, n, math.floor)
    if n_train < 1 or n_test < 1 or n_train + n_test > n:
        msg = f"train_test_split: {n} rows cannot be split into {n_train} to train and {n_test} to test"
        raise ValueError(msg)
    return n_train, n_test


def _rows(size: Any, n: int, rounding: Callable[[float], int]) -> int:
    return int(size) if isinstance(size, numbers.Integral) else rounding(size * n)


def _stratified(
    order: NDArray[np.int64], labels: NDArray[Any], n_train: int, n_test: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Deal the rows of each class out to test and train in proportion, keeping the shuffled order."""
    if labels.shape != order.shape:
        msg = f"train_test_split: stratify must be one label a row, shape {order.shape}, but got {labels.shape}"
        raise ValueError(msg)
    classes, codes = np.unique(labels, return_inverse=True)
    counts = np.bincount(codes)
    if len(classes) > min(n_train, n_test) or counts.min() < 2:
        msg = (
            f"train_test_split: stratify needs two rows of each class and room for each of the {len(classes)} "
            f"classes in both parts, but the rarest has {counts.min()} and the parts {n_train} and {n_test} rows"
        )
        raise ValueError(msg)
    shuffled = codes[order]
    rank = np.empty_like(order)  # the place of a row within its class, in shuffled order
    for code in range(len(classes)):
        rank[shuffled == code] = np.arange(counts[code])
    # Sorted by the share of its class that comes before it, any prefix holds every class in proportion.
    dealt = order[np.argsort((rank + 0.5) / counts[shuffled], kind="stable")]
    chosen = np.zeros(len(order), np.int8)
    chosen[dealt[:n_test]] = 1
    chosen[dealt[len(order) - n_train :]] = 2
    return order[chosen[order] == 1], order[chosen[order] == 2]
