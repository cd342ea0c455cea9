"""Products of matrices and Einstein sums."""

from __future__ import annotations

from typing import Any

from hotloop.autodiff import linalg as rules
from hotloop.torch import dtypes
from hotloop.torch import pointwise as pw
from hotloop.torch.core import Op, Tensor, apply
from hotloop.torch.pointwise import into
from hotloop.torch.reductions import norm, sum
from hotloop.torch.shaping import unsqueeze


def _product(node: str) -> Op:
    return Op(node, rules.matmul.forward, rules.matmul.backward, "AB")


_MM, _BMM, _MV, _DOT = map(_product, ("MmBackward0", "BmmBackward0", "MvBackward0", "DotBackward0"))


def _one_dtype(name: str, a: Any, b: Any) -> None:
    for x in (a, b):
        if not isinstance(x, Tensor):
            msg = f"{name}(): argument must be Tensor, not {type(x).__name__}"
            raise TypeError(msg)
    if a._array.dtype is not b._array.dtype:
        words = dtypes.WORDS
        msg = (
            f"expected m1 and m2 to have the same dtype, but got: "
            f"{words[a._array.dtype.char]} != {words[b._array.dtype.char]}"
        )
        raise RuntimeError(msg)


def matmul(input: Tensor, other: Tensor, *, out: Any = None) -> Any:
    """Return the product of vectors, matrices or batches of matrices.

    Raises
    ------
    RuntimeError
        For shapes that do not fit, and different dtypes.
    """
    _one_dtype("matmul", input, other)
    x, y = input._array, other._array
    if x.dtype.kind == "b":
        msg = "\"addmm_impl_cpu_\" not implemented for 'Bool'"
        raise NotImplementedError(msg)
    if x.ndim == 0 or y.ndim == 0:
        msg = (
            f"both arguments to matmul need to be at least 1D, but they are {x.ndim}D and {y.ndim}D"
        )
        raise RuntimeError(msg)
    if x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        msg = (
            "mat1 and mat2 shapes cannot be multiplied "
            f"({'x'.join(map(str, x.shape))} and {'x'.join(map(str, y.shape))})"
        )
        raise RuntimeError(msg)
    op = _BMM if x.ndim > 2 or y.ndim > 2 else _MM if x.ndim == y.ndim == 2 else _MV
    if x.ndim == y.ndim == 1:
        op = _DOT
    try:
        answer = apply(op, input, other)
    except ValueError as error:
        raise RuntimeError(str(error)) from error
    return answer if out is None else into(out, answer)


def _of_rank(name: str, rank: tuple[int, int]) -> Any:
    def function(input: Tensor, mat2: Tensor, *, out: Any = None) -> Any:
        _one_dtype(name, input, mat2)
        a, b = input._array, mat2._array
        if (a.ndim, b.ndim) != rank:
            msg = f"{name}: expected tensors of {rank[0]} and {rank[1]} axes, got {a.ndim} and {b.ndim}"
            raise RuntimeError(msg)
        if rank[0] == 3 and a.shape[0] != b.shape[0]:
            msg = f"{name}: batches differ, got shapes {list(a.shape)} and {list(b.shape)}"
            raise RuntimeError(msg)
        return matmul(input, mat2, out=out)

    function.__name__ = name
    return function


mm, bmm, mv, dot = (
    _of_rank(name, rank)
    for name, rank in {"mm": (2, 2), "bmm": (3, 3), "mv": (2, 1), "dot": (1, 1)}.items()
)


def _scaled(x: Any, factor: Any) -> Any:
    return x if factor == 1 else pw.mul(x, factor)


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Return ``beta input + alpha (mat1 @ mat2)``."""
    return pw.add(_scaled(input, beta), _scaled(mm(mat1, mat2), alpha))


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Return ``beta input + alpha (batch1 @ batch2)``."""
    return pw.add(_scaled(input, beta), _scaled(bmm(batch1, batch2), alpha))


def outer(input: Tensor, vec2: Tensor) -> Any:
    """Return the product of every element of one vector with every one of another."""
    if input._array.ndim != 1 or vec2._array.ndim != 1:
        msg = f"outer: Expected 1-D arguments, got {input._array.ndim}-D and {vec2._array.ndim}-D"
        raise RuntimeError(msg)
    return pw.mul(unsqueeze(input, 1), vec2)


_EINSUM = Op("EinsumBackward0", rules.einsum.forward, rules.einsum.backward, "abc")


def einsum(equation: str, *operands: Any) -> Any:
    """Return an Einstein sum; a RuntimeError for subscripts that do not fit."""
    given = (
        operands[0] if len(operands) == 1 and isinstance(operands[0], tuple | list) else operands
    )
    try:
        return apply(_EINSUM, *given, subscripts=equation)
    except ValueError as error:
        raise RuntimeError(str(error)) from error


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Any:
    """Return the sum of products over axes of both."""
    ra, rb = a._array.ndim, b._array.ndim
    left, right = (list(range(ra - dims, ra)), list(range(dims))) if isinstance(dims, int) else dims
    letters = "abcdefghijklmnopqrstuvwxyz"
    first = list(letters[:ra])
    second = list(letters[ra : ra + rb])
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    answer = [c for c in first if c not in second] + [c for c in second if c not in first]
    return einsum(f"{''.join(first)},{''.join(second)}->{''.join(answer)}", a, b)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0) -> Any:
    """Return the distances between rows of two matrices."""
    return norm(pw.sub(unsqueeze(x1, -2), unsqueeze(x2, -3)), p, -1)


def trace(input: Tensor) -> Any:
    """Return the sum of the diagonal."""
    return sum(input.diagonal())


def addmm_(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Replace the tensor by ``beta input + alpha (mat1 @ mat2)``."""
    return pw.copy_(input, addmm(input, mat1, mat2, beta=beta, alpha=alpha))
