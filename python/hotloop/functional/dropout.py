"""Dropout whose mask is a function of (seed, offset, index) and of nothing else."""

from __future__ import annotations

from hotloop import _core
from hotloop._support.typing import ArrayLike, FloatArray, MaskArray


def dropout(
    x: ArrayLike, rate: float, *, seed: int, offset: int = 0
) -> tuple[FloatArray, MaskArray]:
    """Set a random share of the elements to 0 and scale up the rest.

    ``y = x * (1 / (1 - rate))`` where ``u >= rate``, else 0. The uniform number u of the element at
    flat index i depends on (seed, offset, i) alone, so that neither threads nor batches change it:
    it is the upper 24 bits of word ``i % 4`` of Philox4x32-10 at the counter
    ``(i // 4, offset)``, two words each, under the 64-bit key `seed`.

    Parameters
    ----------
    x : array_like, any shape
        Input, float32 or float64.
    rate : float
        Share to drop, in [0, 1).
    seed : int
        Key of the generator, taken modulo 2**64.
    offset : int, default 0
        Which of the key's masks, modulo 2**64: count it up from step to step.

    Returns
    -------
    y : ndarray
        Shape of `x`, in the promoted dtype.
    mask : ndarray of uint8
        1 where an element was kept.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If `rate` is outside [0, 1).

    Notes
    -----
    Source: Srivastava et al., JMLR 15, 2014 (in its inverted form); Philox: Salmon et al., SC 2011.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> y, mask = F.dropout([1, 2, 3, 4, 5], 0.5, seed=0)
    >>> y
    array([ 0.,  4.,  6.,  8., 10.])
    >>> mask
    array([0, 1, 1, 1, 1], dtype=uint8)
    """
    return _core.dropout(x, rate, seed, offset)


def dropout_backward(
    dy: ArrayLike, mask: MaskArray, rate: float, *, out: FloatArray | None = None
) -> FloatArray:
    """Carry the gradient back through `dropout`.

    ``dx = dy * (1 / (1 - rate))`` where the mask is set, else 0.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output, of its shape.
    mask : ndarray of uint8
        Second result of the forward.
    rate : float
        As in the forward.
    out : ndarray, optional
        Where to write the result: an array of its shape and dtype. It may be an input, exactly.

    Returns
    -------
    ndarray
        Gradient with respect to `x`, in the dtype of `dy`.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or `out` does not.

    Notes
    -----
    Source: Srivastava et al., JMLR 15, 2014 (in its inverted form).

    Examples
    --------
    >>> import numpy as np
    >>> from hotloop import functional as F
    >>> F.dropout_backward([1, 2, 3], np.array([0, 1, 1], np.uint8), 0.5)
    array([0., 4., 6.])
    """
    return _core.dropout_backward(dy, mask, rate, out)
