"""Gradients by central differences, as ``common/gradient.py`` of the book has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from hotloop.book._arrays import Array

__all__ = ["np", "numerical_gradient", "numerical_gradient_2d"]

_H = 1e-4


def _differences(f: Callable[[Array], Any], x: Array, places: Iterator[Any], seen: Array) -> Array:
    """Shift each of `places` of `x` by h and back, with f looking at `seen`; what stood there is put back."""
    gradient = np.zeros_like(x)
    for place in places:
        kept = x[place]
        try:
            x[place] = kept + _H
            above = f(seen)
            x[place] = kept - _H
            below = f(seen)
        finally:
            x[place] = kept
        gradient[place] = (above - below) / (2 * _H)
    return gradient


def _memory_order(x: Array) -> Iterator[tuple[int, ...]]:
    """Yield the places of `x` as they lie in memory, which decides what random numbers each f draws."""
    walk = np.nditer(x, flags=["multi_index", "zerosize_ok"])
    while not walk.finished:
        yield walk.multi_index
        walk.iternext()


def numerical_gradient(f: Callable[[Array], Any], x: Array) -> Array:
    """Differentiate f at `x`, ``(f(x + h e_i) - f(x - h e_i)) / (2 h)`` with h = 1e-4 for each element.

    Parameters
    ----------
    f : callable
        Takes `x` itself, changed in one place, and gives a number. It may ignore its argument, as the
        lambdas of the book's networks do: they look at the same array through ``self.params``.
    x : ndarray of floats, any shape
        Every element is changed in place and put back, also when f raises. In an array of integers
        ``x + h`` is cut off to x and ``x - h`` to x - 1: the answer is 1 / 2h times too large or worse, as
        in the book.

    Returns
    -------
    ndarray, shape and dtype of `x`

    Notes
    -----
    Source: "Deep Learning from Scratch", section 4.4. float32 has too few digits for this h.

    Examples
    --------
    >>> numerical_gradient(lambda x: np.sum(x**2), np.array([3.0, 4.0])).round(6)
    array([6., 8.])
    """
    return _differences(f, x, _memory_order(x), x)


def numerical_gradient_2d(f: Callable[[Array], Any], X: Array) -> Array:
    """Differentiate f at each row of `X`, as `numerical_gradient` does for one.

    Parameters
    ----------
    f : callable
        Takes one row and gives a number.
    X : ndarray of floats, shape (N, D) or (D,)
        As `numerical_gradient` takes it.

    Returns
    -------
    ndarray, shape and dtype of `X`

    Notes
    -----
    Source: "Deep Learning from Scratch", ``common/gradient.py``.

    Examples
    --------
    >>> numerical_gradient_2d(lambda x: np.sum(x**2), np.array([[3.0, 4.0], [0.0, 1.0]])).round(6)
    array([[6., 8.],
           [0., 2.]])
    """
    if X.ndim == 1:
        return _differences(f, X, iter(range(X.size)), X)
    gradient = np.zeros_like(X)
    for i, row in enumerate(X):
        gradient[i] = _differences(f, row, iter(range(row.size)), row)
    return gradient
