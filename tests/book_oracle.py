"""What the book's formulas say, in plain NumPy: small functions, forward and backward in one.

Each takes the input and the gradient of its output, and gives ``y, dx`` and the gradients of its parameters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def affine(x: Array, w: Array, b: Array, dy: Array) -> tuple[Array, Array, Array, Array]:
    flat = x.reshape(len(x), -1)
    return flat @ w + b, (dy @ w.T).reshape(x.shape), flat.T @ dy, dy.sum(axis=0)


def conv(
    x: Array, w: Array, b: Array, dy: Array | None, stride: int, pad: int
) -> tuple[Array, Array, Array, Array]:
    """Add one product for each position in the window."""
    n, c, h, width = x.shape
    o, _, kh, kw = w.shape
    held = np.zeros((n, c, h + 2 * pad, width + 2 * pad))
    held[:, :, pad : pad + h, pad : pad + width] = x
    oh, ow = (h + 2 * pad - kh) // stride + 1, (width + 2 * pad - kw) // stride + 1
    y = np.zeros((n, o, oh, ow)) + np.reshape(b, (1, -1, 1, 1))
    dheld, dw = np.zeros_like(held), np.zeros(w.shape)
    dy = np.zeros_like(y) if dy is None else dy
    for i in range(kh):
        for j in range(kw):
            rows, columns = slice(i, i + stride * oh, stride), slice(j, j + stride * ow, stride)
            seen = held[:, :, rows, columns]
            y += np.einsum("nchw,oc->nohw", seen, w[:, :, i, j])
            dw[:, :, i, j] = np.einsum("nchw,nohw->oc", seen, dy)
            dheld[:, :, rows, columns] += np.einsum("nohw,oc->nchw", dy, w[:, :, i, j])
    dx = dheld[:, :, pad : pad + h, pad : pad + width]
    return y, dx, dw, dy.sum(axis=(0, 2, 3))


def max_pool(x: Array, pool: tuple[int, int], stride: int, dy: Array | None) -> tuple[Array, Array]:
    """Look at the windows one by one."""
    n, c, h, w = x.shape
    oh, ow = (h - pool[0]) // stride + 1, (w - pool[1]) // stride + 1
    y, dx = np.zeros((n, c, oh, ow), x.dtype), np.zeros_like(x)
    for place in np.ndindex(n, c, oh, ow):
        a, b, i, j = place
        window = x[a, b, i * stride : i * stride + pool[0], j * stride : j * stride + pool[1]]
        at = np.unravel_index(window.argmax(), window.shape)
        y[place] = window[at]
        if dy is not None:
            dx[a, b, i * stride + at[0], j * stride + at[1]] += dy[place]
    return y, dx


def softmax(x: Array) -> Array:
    powers: Array = np.exp(x - x.max(axis=-1, keepdims=True))
    y: Array = powers / powers.sum(axis=-1, keepdims=True)
    return y


def softmax_loss(x: Array, t: Array) -> tuple[float, Array]:
    """Return the loss with its 1e-7, and the gradient without it."""
    y, one_hot = softmax(x), np.eye(x.shape[1])[t]
    loss = -np.mean(np.log((y * one_hot).sum(axis=1) + 1e-7))
    return float(loss), (y - one_hot) / len(x)


def batch_norm(
    x: Array, gamma: Array, beta: Array, dy: Array
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Normalise each number of a sample by itself; return y, dx, dgamma, dbeta, mean, var."""
    flat, dflat, n = x.reshape(len(x), -1), dy.reshape(len(x), -1), len(x)
    mean, var = flat.mean(axis=0), flat.var(axis=0)
    std = np.sqrt(var + 1e-6)
    xn = (flat - mean) / std
    dxn = dflat * gamma
    dx = (dxn - dxn.mean(axis=0) - xn * (dxn * xn).sum(axis=0) / n) / std
    y = (gamma * xn + beta).reshape(x.shape)
    return y, dx.reshape(x.shape), (dflat * xn).sum(axis=0), dflat.sum(axis=0), mean, var
