"""Rules of linear algebra: solving, inverting and factoring (batches of) matrices.

The ways back are those of Giles, "Collected matrix derivative results" (2008), and of Golub and
Pereyra (1973) for the pseudoinverse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hotloop.autodiff.rule import Array, Rule, Saved, floating, promoted


def _t(x: Array) -> Array:
    """Return matrices transposed."""
    return np.swapaxes(x, -1, -2)


def _matrix(name: str, x: Any, square: bool = True) -> Array:
    """Return `x` as floating matrices that LAPACK takes; an error for other shapes."""
    x = floating(x)
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        kind = "square matrices" if square else "matrices"
        msg = f"{name}: needs {kind} in the last two axes, got shape {x.shape}"
        raise ValueError(msg)
    return np.asarray(x, np.float32 if x.dtype.itemsize < 4 else x.dtype)


def _lapack(name: str, function: Callable[..., Any], *arrays: Array, **options: Any) -> Any:
    """Return the answer of a function of numpy.linalg; its failures name the operation."""
    try:
        return function(*arrays, **options)
    except np.linalg.LinAlgError as error:
        msg = f"{name}: {str(error).lower()}"
        raise ValueError(msg) from error


def _symmetric(x: Array) -> Array:
    """Return the symmetric part of matrices."""
    return (x + _t(x)) / 2


def _inv_forward(saved: Saved, x: Any) -> Array:
    saved.y = _lapack("inv", np.linalg.inv, _matrix("inv", x))
    return np.asarray(saved.y)


def _inv_backward(saved: Saved, dy: Array) -> tuple[Array]:
    return (-_t(saved.y) @ dy @ _t(saved.y),)


inv = Rule("inv", _inv_forward, _inv_backward)


def _columns(a: Array, b: Array, name: str) -> Array:
    """Return the right-hand side as a matrix, whether it came as vectors or as matrices."""
    full = b[..., None] if b.ndim == a.ndim - 1 else b
    if full.ndim != a.ndim or full.shape[-2] != a.shape[-1]:
        msg = f"{name}: b must be (..., M) or (..., M, N) beside a of (..., M, M), got shapes {a.shape} and {b.shape}"
        raise ValueError(msg)
    return full


def _solve(name: str, cut: Callable[[Array, bool], Array]) -> Rule:
    """Make a rule that solves ``cut(a) x = b``; the part that `cut` leaves out has no gradient."""

    def forward(saved: Saved, a: Any, b: Any, *, lower: bool = False) -> Array:
        a, b = promoted(_matrix(name, a), floating(b))
        saved.a, saved.lower, saved.shape = cut(a, lower), lower, b.shape
        saved.x = _lapack(name, np.linalg.solve, saved.a, _columns(a, b, name))
        return np.asarray(saved.x.reshape(b.shape))

    def backward(saved: Saved, dy: Array) -> tuple[Array | None, Array]:
        db = np.linalg.solve(_t(saved.a), dy.reshape(saved.x.shape))
        da = cut(-db @ _t(saved.x), saved.lower) if saved.needs[0] else None
        return da, db.reshape(saved.shape)

    return Rule(name, forward, backward)


solve = _solve("solve", lambda a, lower: a)  # noqa: ARG005
solve_triangular = _solve("solve_triangular", lambda a, lower: np.tril(a) if lower else np.triu(a))


def _cholesky_forward(saved: Saved, x: Any, *, upper: bool) -> Array:
    # Only the symmetric part counts, so that the gradient is symmetric as the matrix is.
    x = _symmetric(_matrix("cholesky", x))
    saved.lower = _lapack("cholesky", np.linalg.cholesky, x)
    saved.upper = upper
    return np.asarray(_t(saved.lower) if upper else saved.lower)


def _cholesky_backward(saved: Saved, dy: Array) -> tuple[Array]:
    factor = saved.lower
    inner = np.tril(_t(factor) @ np.tril(_t(dy) if saved.upper else dy))
    inner -= inner * np.eye(factor.shape[-1], dtype=dy.dtype) / 2
    half = np.linalg.solve(_t(factor), inner)
    return (_symmetric(_t(np.linalg.solve(_t(factor), _t(half)))),)


cholesky = Rule("cholesky", _cholesky_forward, _cholesky_backward)


def _cofactors(x: Array) -> Array:
    """Return the gradient of the determinant, also where it is 0: ``det(U V) U adj(S) V``."""
    u, s, v = np.linalg.svd(x)
    n = s.shape[-1]
    others = np.where(np.eye(n, dtype=bool), x.dtype.type(1), s[..., None, :]).prod(axis=-1)
    sign = (np.linalg.det(u) * np.linalg.det(v))[..., None, None]
    return np.asarray(sign * (u * others[..., None, :]) @ v)


def _det_forward(saved: Saved, x: Any) -> Array:
    saved.x = _matrix("det", x)
    return np.asarray(np.linalg.det(saved.x))


def _det_backward(saved: Saved, dy: Array) -> tuple[Array]:
    return (dy[..., None, None] * _cofactors(saved.x),)


det = Rule("det", _det_forward, _det_backward)


def _slogdet_forward(saved: Saved, x: Any) -> tuple[Array, Array]:
    saved.x = _matrix("slogdet", x)
    sign, size = np.linalg.slogdet(saved.x)
    return np.asarray(sign), np.asarray(size)


def _slogdet_backward(saved: Saved, _: Array, dy: Array) -> tuple[Array]:
    return (dy[..., None, None] * _t(_lapack("slogdet", np.linalg.inv, saved.x)),)


slogdet = Rule("slogdet", _slogdet_forward, _slogdet_backward)


def _differences(s: Array) -> Array:
    """Return ``s_j - s_i`` for each pair, and 1 where i is j."""
    apart = s[..., None, :] - s[..., :, None]
    return np.where(np.eye(s.shape[-1], dtype=bool), s.dtype.type(1), apart)


def _eigh_forward(saved: Saved, x: Any) -> tuple[Array, Array]:
    w, v = _lapack("eigh", np.linalg.eigh, _symmetric(_matrix("eigh", x)))
    saved.w, saved.v = w, v
    return w, v


def _eigh_backward(saved: Saved, dw: Array, dv: Array) -> tuple[Array]:
    v, n = saved.v, saved.w.shape[-1]
    inner = (_t(v) @ dv) * (1 - np.eye(n, dtype=dv.dtype)) / _differences(saved.w)
    inner = inner + dw[..., None, :] * np.eye(n, dtype=dw.dtype)
    return (_symmetric(v @ inner @ _t(v)),)


eigh = Rule("eigh", _eigh_forward, _eigh_backward)


def _qr_forward(saved: Saved, x: Any, *, mode: str) -> tuple[Array, Array]:
    if mode not in ("reduced", "complete"):
        msg = f"qr: mode must be 'reduced' or 'complete', got {mode!r}"
        raise ValueError(msg)
    saved.x, saved.mode = _matrix("qr", x, square=False), mode
    q, r = _lapack("qr", np.linalg.qr, saved.x, mode=mode)
    saved.q, saved.r = q, r
    return q, r


def _qr_backward(saved: Saved, dq: Array, dr: Array) -> tuple[Array]:
    x, q, r = saved.x, saved.q, saved.r
    rows, columns = x.shape[-2:]
    if saved.mode == "complete" and rows > columns:
        msg = f"qr: mode 'complete' has no gradient for more rows than columns, got {x.shape}"
        raise ValueError(msg)
    # Columns beyond a square are Q^T x: they take part in Q, and have no factor of their own.
    k = min(rows, columns)
    dq = dq + x[..., k:] @ _t(dr[..., k:])
    square = r[..., :k]
    m = square @ _t(dr[..., :k]) - _t(dq) @ q
    both = np.tril(m) + _t(np.tril(m, -1))
    first = _t(np.linalg.solve(square, _t(dq + q @ both)))
    return (np.concatenate([first, q @ dr[..., k:]], axis=-1),)


qr = Rule("qr", _qr_forward, _qr_backward)


def _svd_forward(saved: Saved, x: Any, *, full_matrices: bool) -> tuple[Array, Array, Array]:
    x = _matrix("svd", x, square=False)
    u, s, v = _lapack("svd", np.linalg.svd, x, full_matrices=full_matrices)
    saved.u, saved.s, saved.v = u, s, v
    return u, s, v


def _svd_backward(saved: Saved, du: Array, ds: Array, dv: Array) -> tuple[Array]:
    s = saved.s
    k = s.shape[-1]
    if du[..., k:].any() or dv[..., k:, :].any():
        msg = (
            "svd: the vectors beyond the singular values have no gradient; use full_matrices=False"
        )
        raise ValueError(msg)
    u, du, v, dv = saved.u[..., :k], du[..., :k], saved.v[..., :k, :], dv[..., :k, :]
    apart = _differences(s * s)
    left, right = _t(u) @ du, v @ _t(dv)
    inner = (left - _t(left)) / apart * s[..., None, :]
    inner = inner + s[..., :, None] * ((right - _t(right)) / apart)
    inner = inner + ds[..., None, :] * np.eye(k, dtype=s.dtype)
    dx = u @ inner @ v
    if u.shape[-2] > k:
        dx = dx + ((du - u @ left) / s[..., None, :]) @ v
    if v.shape[-1] > k:
        dx = dx + u @ ((dv - _t(right) @ v) / s[..., :, None])
    return (dx,)


svd = Rule("svd", _svd_forward, _svd_backward)


def _values_forward(saved: Saved, x: Any) -> Array:
    u, s, v = _svd_forward(saved, x, full_matrices=False)
    saved.u, saved.v = u, v
    return s


def _values_backward(saved: Saved, ds: Array) -> tuple[Array]:
    return ((saved.u * ds[..., None, :]) @ saved.v,)


singular_values = Rule("singular_values", _values_forward, _values_backward)


def _pinv_forward(saved: Saved, x: Any, *, rcond: float | None) -> Array:
    x = _matrix("pinv", x, square=False)
    least: Any = rcond
    if rcond is None:
        least = max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)
    saved.x, saved.p = x, _lapack("pinv", np.linalg.pinv, x, least)
    return np.asarray(saved.p)


def _pinv_backward(saved: Saved, dy: Array) -> tuple[Array]:
    a, p = saved.x, saved.p
    pt, gt = _t(p), _t(dy)
    outer = gt @ p @ pt
    inner = pt @ p @ gt
    return (-pt @ dy @ pt + (outer - a @ (p @ outer)) + (inner - (inner @ p) @ a),)


pinv = Rule("pinv", _pinv_forward, _pinv_backward)


def _rank_forward(saved: Saved, x: Any, *, tol: float | None) -> Array:  # noqa: ARG001
    x = _matrix("matrix_rank", x, square=False)
    return np.asarray(np.linalg.matrix_rank(x, tol)).astype(np.int32)


matrix_rank = Rule("matrix_rank", _rank_forward)
