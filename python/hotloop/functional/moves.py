"""Elements moved, of any type: axes turned and flipped, edges added, arrays joined."""

from __future__ import annotations

from collections.abc import Sequence

from hotloop import _core
from hotloop._support.typing import AnyArray, ArrayLike


def transpose(x: ArrayLike, *, axes: tuple[int, ...] | None = None) -> AnyArray:
    """Put the axes into another order.

    ``y[j, i] = x[i, j]``, for two axes.

    Parameters
    ----------
    x : array_like, any shape
        Floats, integers or bools, of which the answer has the dtype.
    axes : tuple of int, optional
        Where each axis of the answer comes from; without it they are reversed.

    Returns
    -------
    ndarray
        A contiguous copy.

    Raises
    ------
    TypeError
        For elements of more than 8 bytes, or that are no real numbers.
    ValueError
        If `axes` does not name each axis once.

    Notes
    -----
    Source: NumPy, ``numpy.transpose``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.transpose([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 3.],
           [2., 4.]])
    """
    return _core.transpose(x, axes)


def flip(x: ArrayLike, *, axis: int | tuple[int, ...] | None = None) -> AnyArray:
    """Read axes from their end.

    ``y[i] = x[n - 1 - i]``

    Parameters
    ----------
    x : array_like, any shape
        Floats, integers or bools, of which the answer has the dtype.
    axis : int or tuple of int, optional
        Axes to flip; all without it.

    Returns
    -------
    ndarray
        A contiguous copy.

    Raises
    ------
    TypeError
        For elements of more than 8 bytes, or that are no real numbers.
    ValueError
        If `x` has no such axes.

    Notes
    -----
    Source: NumPy, ``numpy.flip``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.flip([1.0, 2.0, 3.0])
    array([3., 2., 1.])
    """
    return _core.flip(x, axis)


def pad(x: ArrayLike, width: tuple[tuple[int, int], ...], *, value: float = 0.0) -> AnyArray:
    """Put a constant around the elements.

    ``y[i + before] = x[i]``, and `value` elsewhere.

    Parameters
    ----------
    x : array_like, any shape
        Floats, integers or bools, of which the answer has the dtype.
    width : tuple of (before, behind)
        How many elements come to each end of each axis.
    value : float, default 0
        What they are.

    Returns
    -------
    ndarray
        Of sizes ``n + before + behind``.

    Raises
    ------
    TypeError
        For elements of more than 8 bytes, or that are no real numbers.
    ValueError
        If `width` is negative, or not one pair for each axis.

    Notes
    -----
    Source: NumPy, ``numpy.pad``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.pad([1.0, 2.0], ((1, 0),))
    array([0., 1., 2.])
    """
    return _core.pad(x, width, value)


def concatenate(arrays: Sequence[ArrayLike] | AnyArray, *, axis: int = 0) -> AnyArray:
    """Join arrays along an axis.

    ``y`` holds the elements of the first, then those of the second, and so on.

    Parameters
    ----------
    arrays : sequence of array_like
        Of one rank, and of the same sizes but along the axis.
    axis : int, default 0
        Along which they are joined.

    Returns
    -------
    ndarray
        Of the dtype that NumPy finds for all.

    Raises
    ------
    TypeError
        For elements of more than 8 bytes, or that are no real numbers.
    ValueError
        If there is none, or the sizes do not fit.

    Notes
    -----
    Source: NumPy, ``numpy.concatenate``.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> F.concatenate([[1.0], [2.0, 3.0]])
    array([1., 2., 3.])
    """
    return _core.concatenate(arrays, axis)
