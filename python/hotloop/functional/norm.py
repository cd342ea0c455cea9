"""Normalisation over the batch or over the features."""

from __future__ import annotations

from typing import Literal, overload

from hotloop import _core
from hotloop._support.typing import ArrayLike, DataFormat, FloatArray, Normalised


@overload
def batch_norm(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    running_mean: FloatArray,
    running_var: FloatArray,
    *,
    training: Literal[True],
    momentum: float = 0.9,
    eps: float = 1e-5,
    data_format: DataFormat = "channels_first",
) -> Normalised: ...
@overload
def batch_norm(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    running_mean: FloatArray,
    running_var: FloatArray,
    *,
    training: Literal[False],
    momentum: float = 0.9,
    eps: float = 1e-5,
    data_format: DataFormat = "channels_first",
    out: FloatArray | None = None,
) -> FloatArray: ...
@overload
def batch_norm(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    running_mean: FloatArray,
    running_var: FloatArray,
    *,
    training: bool,
    momentum: float = 0.9,
    eps: float = 1e-5,
    data_format: DataFormat = "channels_first",
    out: FloatArray | None = None,
) -> Normalised | FloatArray: ...


def batch_norm(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    running_mean: FloatArray,
    running_var: FloatArray,
    *,
    training: bool,
    momentum: float = 0.9,
    eps: float = 1e-5,
    data_format: DataFormat = "channels_first",
    out: FloatArray | None = None,
) -> Normalised | FloatArray:
    """Normalise each feature, or each channel of images, over the batch.

    ``y = gamma * (x - mean) / sqrt(var + eps) + beta``. In training, mean and (biased) variance are
    those of the batch, and ``running = momentum * running + (1 - momentum) * batch`` in place;
    otherwise they are the running ones. A batch without elements changes nothing.

    Parameters
    ----------
    x : array_like (N, F), (N, C, H, W), or (N, H, W, C) with channels last
        Batch of rows or of images.
    gamma, beta : array_like (F,) or (C,)
        Scale and shift.
    running_mean, running_var : ndarray (F,) or (C,)
        Statistics for inference.
    training : bool
        Whether to use, and learn, the statistics of this batch.
    momentum : float, default 0.9
        Share of the running statistics that is kept.
    eps : float, default 1e-5
        Added to the variance.
    data_format : {"channels_first", "channels_last"}
        Images ``(N, C, H, W)`` or ``(N, H, W, C)``.
    out : ndarray, optional
        In inference: where to write y, an array of its shape and dtype.

    Returns
    -------
    y : ndarray of the shape of `x`
        Normalised batch, in the promoted dtype; in inference the only result.
    mean, inv_std : ndarray (F,) or (C,)
        In training: mean and ``1 / sqrt(var + eps)`` of the batch, which the backward takes.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit, or in training a running array is read-only.

    Notes
    -----
    Source: Ioffe and Szegedy, ICML 2015; "Deep Learning from Scratch", chapter 6.

    Examples
    --------
    >>> import numpy as np
    >>> from hotloop import functional as F
    >>> running_mean, running_var = np.zeros(1), np.ones(1)
    >>> y, mean, inv_std = F.batch_norm(
    ...     [[1], [3]], [2], [10], running_mean, running_var, training=True, eps=0
    ... )
    >>> y
    array([[ 8.],
           [12.]])
    >>> mean, inv_std
    (array([2.]), array([1.]))
    >>> running_mean.round(6), running_var.round(6)
    (array([0.2]), array([1.]))
    """
    return _core.batch_norm(
        x, gamma, beta, running_mean, running_var, training, momentum, eps, data_format, out
    )


def batch_norm_backward(
    dy: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike,
    mean: ArrayLike,
    inv_std: ArrayLike,
    *,
    data_format: DataFormat = "channels_first",
) -> Normalised:
    """Carry the gradient back through `batch_norm` in training.

    With ``xhat = (x - mean) * inv_std``: ``dgamma = sum(dy * xhat)``, ``dbeta = sum(dy)``,
    ``dx = gamma * inv_std * (dy - dbeta / M - xhat * dgamma / M)``, M the elements of a feature.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output, of its shape.
    x : array_like
        Input of the forward.
    gamma : array_like (F,) or (C,)
        Scale of the forward.
    mean, inv_std : array_like (F,) or (C,)
        Second and third result of the forward.
    data_format : {"channels_first", "channels_last"}
        Images ``(N, C, H, W)`` or ``(N, H, W, C)``.

    Returns
    -------
    dx : ndarray of the shape of `x`
        Gradient with respect to the input.
    dgamma, dbeta : ndarray (F,) or (C,)
        Gradients with respect to scale and shift.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Source: Ioffe and Szegedy, ICML 2015.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> x, dy = [[0], [4], [0], [4]], [[1], [2], [3], [6]]
    >>> dx, dgamma, dbeta = F.batch_norm_backward(dy, x, [1], [2], [0.5])
    >>> dx
    array([[-0.5],
           [-1. ],
           [ 0.5],
           [ 1. ]])
    >>> dgamma, dbeta
    (array([4.]), array([12.]))
    """
    return _core.batch_norm_backward(dy, x, gamma, mean, inv_std, data_format)


def layer_norm(x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, *, eps: float = 1e-5) -> Normalised:
    """Normalise each row over its features, the last axis.

    ``y = gamma * (x - mean) / sqrt(var + eps) + beta`` with the (biased) variance of the row.

    Parameters
    ----------
    x : array_like (..., F)
        Rows.
    gamma, beta : array_like (F,)
        Scale and shift.
    eps : float, default 1e-5
        Added to the variance.

    Returns
    -------
    y : ndarray (..., F)
        Normalised rows, in the promoted dtype.
    mean, inv_std : ndarray (...)
        Mean and ``1 / sqrt(var + eps)`` of each row, which the backward takes.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Source: Ba, Kiros and Hinton, arXiv:1607.06450.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> y, mean, inv_std = F.layer_norm([[1, 3], [0, 4]], [1, 1], [0, 0], eps=0)
    >>> y
    array([[-1.,  1.],
           [-1.,  1.]])
    >>> mean, inv_std
    (array([2., 2.]), array([1. , 0.5]))
    """
    return _core.layer_norm(x, gamma, beta, eps)


def layer_norm_backward(
    dy: ArrayLike, x: ArrayLike, gamma: ArrayLike, mean: ArrayLike, inv_std: ArrayLike
) -> Normalised:
    """Carry the gradient back through `layer_norm`.

    With ``xhat = (x - mean) * inv_std`` and ``g = dy * gamma``:
    ``dx = inv_std * (g - mean(g) - xhat * mean(g * xhat))``, the means over the last axis;
    ``dgamma = sum(dy * xhat)`` and ``dbeta = sum(dy)`` over all others.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output, of its shape.
    x : array_like (..., F)
        Input of the forward.
    gamma : array_like (F,)
        Scale of the forward.
    mean, inv_std : array_like (...)
        Second and third result of the forward.

    Returns
    -------
    dx : ndarray (..., F)
        Gradient with respect to the input.
    dgamma, dbeta : ndarray (F,)
        Gradients with respect to scale and shift.

    Raises
    ------
    TypeError
        For a dtype other than float32, float64, integer or bool.
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Source: Ba, Kiros and Hinton, arXiv:1607.06450.

    Examples
    --------
    >>> from hotloop import functional as F
    >>> dx, dgamma, dbeta = F.layer_norm_backward([[1, 4]], [[1, 3]], [2, 1], [2], [1])
    >>> dx
    array([[0., 0.]])
    >>> dgamma, dbeta
    (array([-1.,  4.]), array([1., 4.]))
    """
    return _core.layer_norm_backward(dy, x, gamma, mean, inv_std)
