"""Matrix products."""

from __future__ import annotations

import numpy as np

from hotloop._support.typing import Activation, FloatArray

from ._common import Array, promote
from .activations import sigmoid, tanh
from .rectifiers import relu

ACTIVATIONS = {"relu": relu, "sigmoid": sigmoid, "tanh": tanh}


def activate(y: FloatArray, activation: Activation | None) -> FloatArray:
    """Apply the activation of that name, if one is named."""
    return y if activation is None else ACTIVATIONS[activation](y)


def matmul(
    a: Array, b: Array, *, transpose_a: bool = False, transpose_b: bool = False
) -> FloatArray:
    """Multiply two matrices, ``a @ b``, each transposed first where asked."""
    a, b = promote(a, b)
    y: FloatArray = np.dot(a.T if transpose_a else a, b.T if transpose_b else b)
    return y


def affine(
    x: Array, w: Array, b: Array | None = None, *, activation: Activation | None = None
) -> FloatArray:
    """``activation(x @ w + b)``: (N, I), (I, O), (O,) -> (N, O), or one sample (I,) -> (O,)."""
    if b is None:
        x, w = promote(x, w)
        return activate(np.dot(x, w), activation)
    x, w, b = promote(x, w, b)
    return activate(np.dot(x, w) + b, activation)


def affine_backward(
    dy: Array, x: Array, w: Array, *, need_dx: bool = True, need_db: bool = True
) -> tuple[FloatArray | None, FloatArray, FloatArray | None]:
    """``dx = dy @ w.T``, ``dw = x.T @ dy``, ``db`` = sum of dy over the batch."""
    dy, x, w = promote(dy, x, w)
    rows, dy_rows = np.atleast_2d(x, dy)
    dx = np.dot(dy, w.T) if need_dx else None
    db = dy_rows.sum(axis=0) if need_db else None
    return dx, np.dot(rows.T, dy_rows), db
