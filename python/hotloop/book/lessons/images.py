"""Filters over images, and images as rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotloop import _core

Array = NDArray[Any]


def flatten_for_mnist(x: ArrayLike) -> Array:
    """Lay each image out as a row.

    Parameters
    ----------
    x : array_like (N, ...)
        Images, of numbers of any kind.

    Returns
    -------
    ndarray (N, pixels), float64
        The rows, cast but never scaled.

    Examples
    --------
    >>> flatten_for_mnist([[[1, 2], [3, 4]]])
    array([[1., 2., 3., 4.]])
    """
    x = np.asarray(x)
    rows = x.reshape(len(x), math.prod(x.shape[1:]))
    return _core.gather_rows(rows, None, np.empty(rows.shape, np.float64))


def filtered_image(
    image: ArrayLike,
    filter: ArrayLike,
    output_size: int,
) -> Array:
    """Slide a filter over a grey image: correlation, without turning the filter round.

    Parameters
    ----------
    image : array_like (H, W)
        Grey image.
    filter : array_like (K, K)
        The filter.
    output_size : int
        Rows and columns of the answer: ``H - K + 1`` for the whole of a square image.

    Returns
    -------
    ndarray (output_size, output_size), float64
        The sums. Those above 255 are cut to 255; negative ones stay, a fault of the lesson that
        its last step hides, the root of the summed squares.

    Raises
    ------
    ValueError
        If the image has no room for so many windows.

    Examples
    --------
    >>> filtered_image([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[0, 1], [-1, 0]], 2)
    array([[-2., -2.],
           [-2., -2.]])
    """
    x, w = np.asarray(image, np.float64), np.asarray(filter, np.float64)
    size = output_size + len(w) - 1
    if min(x.shape) < size:
        msg = (
            f"filtered_image: {output_size} windows of {len(w)} need {size} pixels a side, "
            f"got an image of {x.shape}"
        )
        raise ValueError(msg)
    y = _core.conv2d(x[None, None, :size, :size], w[None, None])
    cut: Array = np.minimum(y[0, 0], 255.0)
    return cut


def conv_op(image: ArrayLike, kernel: ArrayLike, pad: int = 0, stride: int = 1) -> Array:
    """Filter a colour image as the lesson does, which is not what a convolution layer does.

    Every channel meets one and the same filter, the kernel summed over its first axis; the three
    answers are added and cast to uint8, so that 256 becomes 0. A convolution layer gives every
    channel a filter of its own and keeps the sums: ``hotloop.functional.conv2d``.

    Parameters
    ----------
    image : array_like (H, W, C)
        The image.
    kernel : array_like (C, K, K)
        The kernel.
    pad : int
        Zeros on each side.
    stride : int
        Step of the window.

    Returns
    -------
    ndarray (1, 1, OH, OW), uint8
        ``OH = (H + 2 pad - K) // stride + 1``.

    Examples
    --------
    >>> import numpy as np
    >>> conv_op(np.full((2, 2, 3), 100), np.ones((3, 1, 1)))[0, 0]  # 900 is 132 beyond 3 * 256
    array([[132, 132],
           [132, 132]], dtype=uint8)
    """
    x = np.asarray(image, np.float64).sum(axis=2)
    w = np.asarray(kernel, np.float64).sum(axis=0)
    y = _core.conv2d(x[None, None], w[None, None], None, stride, pad)
    # Through int64: a float beyond 255 has no defined uint8, but integers wrap.
    wrapped: Array = y.astype(np.int64).astype(np.uint8)
    return wrapped
