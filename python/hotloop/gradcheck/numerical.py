"""Gradients by central differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop._support.quoting import shortened

__all__ = ["numerical_gradient"]


def numerical_gradient(
    f: Callable[[Any], Any], x: NDArray[Any], h: float = 1e-4
) -> NDArray[np.floating[Any]]:
    """Return the gradient of `f` at `x` by central differences, ``(f(x + h e) - f(x - h e)) / 2h``.

    Each element of `x` is changed in place, `f` is called on `x`, and the element is put back, bit for bit, also
    when `f` raises. So `f` may ignore its argument and read the array elsewhere, as a loss reads the weights of
    its model.

    Parameters
    ----------
    f : callable
        ``f(x) -> number``, or an array of one element. Called twice for each element of `x`.
    x : ndarray, float32 or float64, any shape
        Where the gradient is asked for, writeable.
    h : float
        The step, positive. 1e-4 suits float64; float32 has few digits left for any difference.

    Returns
    -------
    ndarray, shape and dtype of `x`

    Raises
    ------
    TypeError
        `x` is no array of floats: an integer cannot move by `h`.
    ValueError
        `h` is not positive, `x` is read-only, or `f` gives more than one number.

    Notes
    -----
    Source: K. Saito, "Deep Learning from Scratch", O'Reilly Japan, 2016, section 4.4.

    Examples
    --------
    >>> import numpy as np
    >>> numerical_gradient(lambda x: x[0] ** 2 + x[1] ** 2, np.array([3.0, 4.0])).round(6)
    array([6., 8.])
    """
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or x.dtype.itemsize < 4:
        got = shortened(f"dtype {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__)
        msg = f"numerical_gradient: x must be an array of float32 or float64, whose elements can move by h, but got {got}"
        raise TypeError(msg)
    if not h > 0:
        msg = f"numerical_gradient: h must be positive, but got {h}"
        raise ValueError(msg)
    if not x.flags.writeable:
        msg = f"numerical_gradient: x is changed in place and must be writeable (x: {x.shape})"
        raise ValueError(msg)
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        try:
            x[index] = float(kept) + h
            above = _number(f(x))
            x[index] = float(kept) - h
            below = _number(f(x))
        finally:
            x[index] = kept
        gradient[index] = (above - below) / (2 * h)
    return gradient


def _number(value: Any) -> float:
    array = np.asarray(value)
    if array.size != 1:
        msg = f"numerical_gradient: f must give one number, but it gave an array of shape {array.shape}"
        raise ValueError(msg)
    return float(array.reshape(())[()])
