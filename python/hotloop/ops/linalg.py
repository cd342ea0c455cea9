"""Products of vectors, matrices and batches of them."""

from __future__ import annotations

from typing import Any

from hotloop.autodiff import elementwise as pointwise
from hotloop.autodiff import linalg as rules
from hotloop.autodiff import reductions as sums
from hotloop.autodiff import shapes as shape_rules
from hotloop.ops.core import ndim, shape
from hotloop.ops.shapes import moveaxis, stack


def matmul(x1: Any, x2: Any) -> Any:
    """Return the matrix product ``x1 @ x2``; axes before the last two are a batch and broadcast.

    Parameters
    ----------
    x1 : array_like, Tensor or symbol
        ``(..., M, K)`` or ``(K,)``.
    x2 : array_like, Tensor or symbol
        ``(..., K, N)`` or ``(K,)``.

    Raises
    ------
    ValueError
        When K differs, or an operand has no axes.

    Examples
    --------
    >>> matmul([[1.0, 2.0]], [[3.0], [4.0]])
    array([[11.]], dtype=float32)
    """
    return rules.matmul(x1, x2)


def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:  # noqa: ARG001
    """Return the sum of products that `subscripts` describe.

    Examples
    --------
    >>> einsum("ij,j->i", [[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])
    array([3., 7.], dtype=float32)
    """
    return rules.einsum(*operands, subscripts=subscripts)


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """Return the sum of products over `axes`: a number of last and first axes, or a pair of lists."""
    n, m = ndim(x1), ndim(x2)
    if isinstance(axes, int):
        first, second = list(range(n - axes, n)), list(range(axes))
    else:
        first, second = (
            [a % r for a in ([part] if isinstance(part, int) else part)]
            for part, r in zip(axes, (n, m), strict=True)
        )
    left, right = list(range(n)), list(range(n, n + m))
    for a, b in zip(first, second, strict=True):
        right[b] = left[a]
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    kept = [i for k, i in enumerate(left) if k not in first]
    kept += [i for k, i in enumerate(right) if k not in second]
    text = ["".join(letters[i] for i in part) for part in (left, right, kept)]
    return rules.einsum(x1, x2, subscripts=f"{text[0]},{text[1]}->{text[2]}")


def dot(x1: Any, x2: Any) -> Any:
    """Return NumPy's ``dot``: the product over the last axis of `x1` and the last but one of `x2`."""
    n, m = ndim(x1), ndim(x2)
    if n == 0 or m == 0:
        return pointwise.multiply(x1, x2)
    if m == 1 or (n <= 2 and m == 2):
        return rules.matmul(x1, x2)
    return tensordot(x1, x2, axes=([n - 1], [m - 2]))


def inner(x1: Any, x2: Any) -> Any:
    """Return the product over the last axis of both."""
    n, m = ndim(x1), ndim(x2)
    if n == 0 or m == 0:
        return pointwise.multiply(x1, x2)
    return tensordot(x1, x2, axes=([n - 1], [m - 1]))


def outer(x1: Any, x2: Any) -> Any:
    """Return every product of an element of `x1` and one of `x2`."""
    return pointwise.multiply(
        shape_rules.reshape(x1, shape=(-1, 1)), shape_rules.reshape(x2, shape=(1, -1))
    )


def vdot(x1: Any, x2: Any) -> Any:
    """Return the sum of all products of elements of two arrays."""
    flat = [shape_rules.reshape(x, shape=(-1,)) for x in (x1, x2)]
    return sums.sum_(pointwise.multiply(*flat), axis=None, keepdims=False)


def kron(x1: Any, x2: Any) -> Any:
    """Return the Kronecker product."""
    rank = max(ndim(x1), ndim(x2))
    a = (1,) * (rank - ndim(x1)) + tuple(shape(x1))
    b = (1,) * (rank - ndim(x2)) + tuple(shape(x2))
    left = shape_rules.reshape(x1, shape=[n for k in a for n in (k, 1)])
    right = shape_rules.reshape(x2, shape=[n for k in b for n in (1, k)])
    sizes = tuple((m or 0) * (n or 0) for m, n in zip(a, b, strict=True))
    return shape_rules.reshape(pointwise.multiply(left, right), shape=sizes)


def cross(
    x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Any:
    """Return the cross product of vectors of 3 (or 2) along an axis."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    sizes = shape(a)[-1], shape(b)[-1]
    if any(n not in (2, 3) for n in sizes):
        msg = f"cross: vectors must have 2 or 3 elements, got shapes {shape(x1)} and {shape(x2)}"
        raise ValueError(msg)

    def part(x: Any, i: int) -> Any:
        return shape_rules.getitem(x, index=(Ellipsis, i)) if i < (shape(x)[-1] or 0) else 0

    def minor(i: int, j: int) -> Any:
        return pointwise.subtract(
            pointwise.multiply(part(a, i), part(b, j)), pointwise.multiply(part(a, j), part(b, i))
        )

    if sizes == (2, 2):
        return minor(0, 1)
    return moveaxis(stack([minor(1, 2), minor(2, 0), minor(0, 1)], axis=-1), -1, axisc)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return the sum of a diagonal."""
    line = shape_rules.diagonal(x, offset=offset, axis1=axis1, axis2=axis2)
    return sums.sum_(line, axis=-1, keepdims=False)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return a norm of vectors over one axis (or all), or of matrices over two.

    `ord` is 1, 2, ``inf``, ``-inf``, 0 or another number for vectors; ``"fro"``, 1, ``inf``, ``-1``
    or ``-inf`` for matrices.
    """
    if axis is None and ord is not None and ndim(x) == 2:
        axis = (0, 1)
    pair = isinstance(axis, list | tuple) and len(axis) == 2
    if ord is None or (ord == 2 and not pair) or ord == "fro":
        return pointwise.sqrt(sums.sum_(pointwise.square(x), axis=axis, keepdims=keepdims))
    size = pointwise.absolute(x)
    inf = float("inf")
    if pair:
        row, column = (a % ndim(x) for a in axis)
        if ord in (inf, -inf):
            row, column = column, row
        if ord not in (1, -1, inf, -inf):
            msg = f"norm: the order of a matrix norm must be 'fro', 1, -1, inf or -inf, got {ord!r}"
            raise ValueError(msg)
        totals = sums.sum_(size, axis=row, keepdims=True)
        rule = sums.max_ if ord > 0 else sums.min_
        y = rule(totals, axis=column, keepdims=True)
        kept = shape(y)
        left_out = tuple(n for i, n in enumerate(kept) if i not in (row, column))
        return y if keepdims else shape_rules.reshape(y, shape=left_out)
    if ord == inf:
        return sums.max_(size, axis=axis, keepdims=keepdims)
    if ord == -inf:
        return sums.min_(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return sums.sum_(pointwise.not_equal(x, 0), axis=axis, keepdims=keepdims)
    if ord == 1:
        return sums.sum_(size, axis=axis, keepdims=keepdims)
    total = sums.sum_(pointwise.power(size, ord), axis=axis, keepdims=keepdims)
    return pointwise.power(total, 1.0 / ord)
