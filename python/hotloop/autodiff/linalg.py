"""Rules of products: matmul with batch axes, and Einstein sums."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop import _core
from hotloop.autodiff import numeric as num
from hotloop.autodiff.rule import Array, Rule, Saved, promoted, promoted_pair, summed_to


def _product(a: Array, b: Array, transpose_a: bool = False, transpose_b: bool = False) -> Array:
    """Return the product of two batches of matrices; the core's of floats that it knows."""
    if a.dtype.char in "fd" and b.dtype.char in "fd":
        return _core.matmul(a, b, transpose_a, transpose_b)
    left = np.swapaxes(a, -1, -2) if transpose_a else a
    right = np.swapaxes(b, -1, -2) if transpose_b else b
    return np.asarray(np.matmul(left, right))


def _matmul_forward(saved: Saved, x: Any, y: Any) -> Array:
    x, y = promoted_pair(x, y)
    if x.ndim == 0 or y.ndim == 0:
        msg = f"matmul: needs vectors or matrices, got shapes {x.shape} and {y.shape}"
        raise ValueError(msg)
    if x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        msg = f"matmul: the columns of x must match the rows of y, got {x.shape} and {y.shape}"
        raise ValueError(msg)
    saved.x, saved.y = x, y
    if x.ndim == 2 == y.ndim:
        return _product(x, y)
    a = x[None, :] if x.ndim == 1 else x
    b = y[:, None] if y.ndim == 1 else y
    z = _product(a, b)
    if y.ndim == 1:
        z = z[..., 0]
    if x.ndim == 1:
        z = z[..., 0] if y.ndim == 1 else z[..., 0, :]
    return np.asarray(z)


def _matmul_backward(saved: Saved, dz: Array) -> tuple[Array | None, Array | None]:
    x, y = saved.x, saved.y
    a = x[None, :] if x.ndim == 1 else x
    b = y[:, None] if y.ndim == 1 else y
    if x.ndim == 1:
        dz = np.expand_dims(dz, -2 if y.ndim > 1 else -1)
    if y.ndim == 1:
        dz = np.expand_dims(dz, -1)
    dx = dy = None
    if saved.needs[0]:
        dx = summed_to(_product(dz, b, transpose_b=True), a.shape).reshape(x.shape)
    if saved.needs[1]:
        if b.ndim == 2 and a.ndim > 2:
            # One long product in place of a batch of them and a sum.
            rows, ends = (num.contiguous(x).reshape(-1, x.shape[-1]) for x in (a, dz))
            dy = _product(rows, ends, transpose_a=True).reshape(y.shape)
        else:
            dy = summed_to(_product(a, dz, transpose_a=True), b.shape).reshape(y.shape)
    return dx, dy


matmul = Rule("matmul", _matmul_forward, _matmul_backward)


def parse_einsum(subscripts: str, shapes: list[tuple[int, ...]]) -> tuple[list[str], str]:
    """Return the letters of each operand and of the answer, ellipses written out.

    Raises
    ------
    ValueError
        When subscripts and operands do not fit.
    """
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        msg = f"einsum: {subscripts!r} names {len(terms)} operands, got {len(shapes)}"
        raise ValueError(msg)
    spare = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in text]
    ranks = [
        len(shape) - (len(term) - 3) if "..." in term else 0
        for term, shape in zip(terms, shapes, strict=True)
    ]
    most = max(ranks, default=0)
    batch = "".join(spare[:most])
    full = []
    for term, shape, rank in zip(terms, shapes, ranks, strict=True):
        letters = term.replace("...", batch[most - rank :] if rank > 0 else "")
        if len(letters) != len(shape):
            msg = f"einsum: {term!r} names {len(letters)} axes, got an operand of shape {shape}"
            raise ValueError(msg)
        full.append(letters)
    if arrow:
        answer = right.replace("...", batch)
    else:
        every = "".join(full)
        answer = batch + "".join(
            sorted(c for c in set(every) if every.count(c) == 1 and c not in batch)
        )
    return full, answer


def _without(array: Array, letters: str, kept: str) -> tuple[Array, str]:
    """Sum away the axes whose letters are not in `kept`."""
    alone = tuple(i for i, c in enumerate(letters) if c not in kept)
    left = "".join(c for c in letters if c in kept)
    return (num.total(array, alone) if alone else array), left


def _summed(terms: list[str], arrays: list[Array], answer: str) -> Array:
    """Return an Einstein sum: of two operands one product of (batches of) matrices."""
    text = ",".join(terms) + "->" + answer
    known = dict(zip("".join(terms), (n for a in arrays for n in a.shape), strict=True))
    plain = len(terms) == 2 and all(
        a.dtype.char in num.CORE and len(set(t)) == len(t) and a.shape == tuple(known[c] for c in t)
        for t, a in zip(terms, arrays, strict=True)
    )
    if not plain:
        return np.asarray(np.einsum(text, *arrays, optimize=len(arrays) > 2))
    (a, left), (b, right) = (
        _without(array, mine, other + answer)
        for array, mine, other in zip(arrays, terms, reversed(terms), strict=True)
    )
    batch = [c for c in answer if c in left and c in right]
    inner = [c for c in left if c in right and c not in answer]
    sides = [[c for c in t if c not in batch and c not in inner] for t in (left, right)]

    def matrix(x: Array, term: str, *groups: list[str]) -> Array:
        order = [term.index(c) for group in (batch, *groups) for c in group]
        sizes = [known[c] for c in batch] + [math.prod(known[c] for c in g) for g in groups]
        return num.contiguous(x.transpose(order)).reshape(sizes)

    y = _product(matrix(a, left, sides[0], inner), matrix(b, right, inner, sides[1]))
    made = [*batch, *sides[0], *sides[1]]
    y = y.reshape([known[c] for c in made])
    return num.contiguous(y.transpose([made.index(c) for c in answer]))


def _einsum_forward(saved: Saved, *operands: Any, subscripts: str) -> Array:
    arrays = promoted(*operands)
    saved.terms, saved.answer = parse_einsum(subscripts, [a.shape for a in arrays])
    saved.arrays = arrays
    return _summed(saved.terms, list(arrays), saved.answer)


def _einsum_backward(saved: Saved, dz: Array) -> tuple[Array | None, ...]:
    grads: list[Array | None] = []
    for i, (term, array) in enumerate(zip(saved.terms, saved.arrays, strict=True)):
        if not saved.needs[i]:
            grads.append(None)
            continue
        others = [j for j in range(len(saved.arrays)) if j != i]
        known = set(saved.answer).union(*(saved.terms[j] for j in others))
        # Axes that only this operand has were summed away: their gradient is repeated along them.
        once = "".join(dict.fromkeys(term))
        there = "".join(c for c in once if c in known)
        terms = [saved.answer, *(saved.terms[j] for j in others)]
        part = _summed(terms, [dz, *(saved.arrays[j] for j in others)], there)
        sizes = dict(zip(term, array.shape, strict=True))
        part = part.reshape([part.shape[there.index(c)] if c in there else 1 for c in once])
        part = np.broadcast_to(
            part, [max(sizes[c], n) for c, n in zip(once, part.shape, strict=True)]
        )
        if once != term:
            # A letter twice reads a diagonal: the rest of the operand has no gradient.
            dx = np.zeros(array.shape, dz.dtype)
            np.einsum(f"{term}->{once}", dx)[...] = part
            grads.append(dx)
        else:
            grads.append(summed_to(np.asarray(part), array.shape).astype(dz.dtype, copy=False))
    return tuple(grads)


einsum = Rule("einsum", _einsum_forward, _einsum_backward)
