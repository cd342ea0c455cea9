"""Normalisation over the batch or over the features."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np

from hotloop._support.typing import DataFormat, FloatArray, Normalised

from ._common import Array, promote


def _channels(x: FloatArray, data_format: DataFormat) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the axes to average over, and the shape that lays a vector (C,) along the channels."""
    axis = 1 if data_format == "channels_first" else x.ndim - 1
    return tuple(a for a in range(x.ndim) if a != axis), tuple(
        -1 if a == axis else 1 for a in range(x.ndim)
    )


@overload
def batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
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
    x: Array,
    gamma: Array,
    beta: Array,
    running_mean: FloatArray,
    running_var: FloatArray,
    *,
    training: Literal[False],
    momentum: float = 0.9,
    eps: float = 1e-5,
    data_format: DataFormat = "channels_first",
) -> FloatArray: ...
@overload
def batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    running_mean: FloatArray,
    running_var: FloatArray,
    *,
    training: bool,
    momentum: float = 0.9,
    eps: float = 1e-5,
    data_format: DataFormat = "channels_first",
) -> Normalised | FloatArray: ...


def batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    running_mean: FloatArray,
    running_var: FloatArray,
    *,
    training: bool,
    momentum: float = 0.9,
    eps: float = 1e-5,
    data_format: DataFormat = "channels_first",
) -> Normalised | FloatArray:
    """``gamma * (x - mean) / sqrt(var + eps) + beta`` for each feature or channel.

    Training takes mean and (biased) variance from the batch and moves the running arrays towards
    them, in place: ``running = momentum * running + (1 - momentum) * batch``. A batch without
    elements has no statistics: it leaves the running arrays alone and answers mean 0, variance 0.
    """
    x, gamma, beta = promote(x, gamma, beta)
    over, lay = _channels(x, data_format)
    mean: Any = running_mean
    var: Any = running_var
    if training and x.size:
        mean, var = x.mean(axis=over), x.var(axis=over)
        running_mean[...] = momentum * running_mean + (1 - momentum) * mean
        running_var[...] = momentum * running_var + (1 - momentum) * var
    elif training:
        mean, var = np.zeros_like(gamma), np.zeros_like(gamma)
    inv_std = (1 / np.sqrt(var + eps)).astype(x.dtype, copy=False)
    mean = mean.astype(x.dtype, copy=False)
    y = (x - mean.reshape(lay)) * (gamma * inv_std).reshape(lay) + beta.reshape(lay)
    return (y, mean, inv_std) if training else y


def batch_norm_backward(
    dy: Array,
    x: Array,
    gamma: Array,
    mean: Array,
    inv_std: Array,
    *,
    data_format: DataFormat = "channels_first",
) -> Normalised:
    """``dx = gamma * inv_std * (dy - mean(dy) - xhat * mean(dy * xhat))``, dgamma, dbeta."""
    dy, x, gamma, mean, inv_std = promote(dy, x, gamma, mean, inv_std)
    over, lay = _channels(x, data_format)
    n = max(x.size // max(gamma.size, 1), 1)
    xhat = (x - mean.reshape(lay)) * inv_std.reshape(lay)
    dgamma, dbeta = (dy * xhat).sum(axis=over), dy.sum(axis=over)
    dx = dy - (dbeta / n).reshape(lay) - xhat * (dgamma / n).reshape(lay)
    return dx * (gamma * inv_std).reshape(lay), dgamma, dbeta


def layer_norm(x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5) -> Normalised:
    """``gamma * (x - mean) / sqrt(var + eps) + beta`` over the last axis; also mean, inv_std."""
    x, gamma, beta = promote(x, gamma, beta)
    mean = x.mean(axis=-1)
    inv_std = 1 / np.sqrt(x.var(axis=-1) + eps)
    return (x - mean[..., np.newaxis]) * inv_std[..., np.newaxis] * gamma + beta, mean, inv_std


def layer_norm_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, inv_std: Array
) -> Normalised:
    """``dx = inv_std * (g - mean(g) - xhat * mean(g * xhat))``, ``g = dy * gamma``; dgamma."""
    dy, x, gamma, mean, inv_std = promote(dy, x, gamma, mean, inv_std)
    xhat = (x - mean[..., np.newaxis]) * inv_std[..., np.newaxis]
    g = dy * gamma
    dx = g - g.mean(axis=-1, keepdims=True) - xhat * (g * xhat).mean(axis=-1, keepdims=True)
    over = tuple(range(x.ndim - 1))
    return dx * inv_std[..., np.newaxis], (dy * xhat).sum(axis=over), dy.sum(axis=over)
