"""Linear algebra: solving, inverting and factoring (batches of) matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop.autodiff import elementwise as pointwise
from hotloop.autodiff import factor as rules
from hotloop.autodiff import linalg as products
from hotloop.autodiff import reductions as sums
from hotloop.autodiff import shapes as shape_rules
from hotloop.ops.core import ndim, shape


def inv(x: Any) -> Any:
    """Return the inverse of square matrices, ``x @ inv(x) = 1``.

    Raises
    ------
    ValueError
        For other shapes, and for a matrix without inverse.

    Examples
    --------
    >>> inv([[2.0, 0.0], [0.0, 4.0]])
    array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """
    return rules.inv(x)


def solve(a: Any, b: Any) -> Any:
    """Return the x of ``a @ x = b``, for vectors ``(..., M)`` or matrices ``(..., M, N)``.

    Examples
    --------
    >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0])
    array([1. , 0.5], dtype=float32)
    """
    return rules.solve(a, b)


def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """Return the x of ``a @ x = b`` for triangular `a`; the other triangle is not read."""
    return rules.solve_triangular(a, b, lower=bool(lower))


def cholesky(x: Any, upper: bool = False) -> Any:
    """Return the triangular L of ``x = L @ L.T`` for symmetric positive definite `x`, or ``L.T``."""
    return rules.cholesky(x, upper=bool(upper))


def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """Return ``inv(L @ L.T)`` for a lower triangular L, or ``inv(U.T @ U)`` for an upper one."""
    if ndim(x) != 2:
        msg = f"cholesky_inverse: needs a square matrix, got shape {shape(x)}"
        raise ValueError(msg)
    factor = shape_rules.triu(x, k=0) if upper else shape_rules.tril(x, k=0)
    back = rules.inv(factor)
    other = shape_rules.transpose(back, axes=(1, 0))
    return products.matmul(back, other) if upper else products.matmul(other, back)


def det(x: Any) -> Any:
    """Return the determinant of square matrices."""
    return rules.det(x)


def slogdet(x: Any) -> tuple[Any, Any]:
    """Return the sign of the determinant, and the logarithm of its absolute value."""
    return tuple(rules.slogdet(x))


def logdet(x: Any) -> Any:
    """Return ``log(det(x))`` without overflow; NaN where the determinant is negative."""
    sign, size = rules.slogdet(x)
    return pointwise.where(pointwise.less(sign, 0), np.nan, size)


def eigh(x: Any) -> tuple[Any, Any]:
    """Return the rising eigenvalues w and the vectors v of symmetric matrices, ``x v = v diag(w)``."""
    return tuple(rules.eigh(x))


def qr(x: Any, mode: str = "reduced") -> tuple[Any, Any]:
    """Return ``x = q @ r``: q of orthonormal columns, r upper triangular; `mode` may be complete."""
    return tuple(rules.qr(x, mode=mode))


def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Return the u, falling s and v of ``x = u @ diag(s) @ v``; s alone without `compute_uv`."""
    if not compute_uv:
        return rules.singular_values(x)
    return tuple(rules.svd(x, full_matrices=bool(full_matrices)))


def pinv(x: Any, rcond: float | None = None) -> Any:
    """Return the pseudoinverse; singular values below `rcond` times the largest count as 0."""
    return rules.pinv(x, rcond=rcond)


def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """Return the smallest x for which ``|a @ x - b|`` is least: ``pinv(a) @ b``."""
    if ndim(a) != 2 or ndim(b) not in (1, 2) or shape(a)[0] != shape(b)[0]:
        msg = f"lstsq: needs a of (M, N) and b of (M,) or (M, K), got shapes {shape(a)} and {shape(b)}"
        raise ValueError(msg)
    return products.matmul(rules.pinv(a, rcond=rcond), b)


def matrix_rank(x: Any, tol: float | None = None) -> Any:
    """Return how many singular values are larger than `tol`."""
    return rules.matrix_rank(x, tol=tol)


def cdist(x: Any, y: Any) -> Any:
    """Return the distances ``|x_i - y_j|`` of vectors ``(..., M, D)`` and ``(..., N, D)``."""
    if ndim(x) < 2 or ndim(y) < 2 or shape(x)[-1] != shape(y)[-1]:
        msg = f"cdist: needs vectors of one size, (..., M, D) and (..., N, D), got {shape(x)} and {shape(y)}"
        raise ValueError(msg)
    apart = pointwise.subtract(
        shape_rules.getitem(x, index=np.s_[..., :, None, :]),
        shape_rules.getitem(y, index=np.s_[..., None, :, :]),
    )
    total = sums.sum_(pointwise.square(apart), axis=-1, keepdims=False)
    # The distance of a point from itself has the gradient 0.
    zero = pointwise.equal(total, 0)
    return pointwise.where(zero, 0, pointwise.sqrt(pointwise.where(zero, 1, total)))
