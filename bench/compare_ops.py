"""`hotloop.ops` beside `keras.ops` on PyTorch: values, dtypes and gradients of random calls.

Needs torch and keras (``pip install 'hotloop[bench]'``).
Use: python bench/compare_ops.py [--cases 20000] [--seed 0]
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import torch

import hotloop as hl
from hotloop import ops

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import ops_cases
from ops_case import Case

# Where keras.ops on PyTorch fails or answers otherwise than its own documentation and NumPy.
KNOWN = {
    ("kron", "view size is not compatible"): "fails on transposed inputs",
    ("vander", "modified by an inplace operation"): "has no gradient",
    ("average", "must match the size"): "takes weights of one axis alone",
    ("sum", "keras ()"): "forgets keepdims without an axis",
    ("max", "keras ()"): "forgets keepdims without an axis",
    ("min", "keras ()"): "forgets keepdims without an axis",
    ("amax", "keras ()"): "forgets keepdims without an axis",
    ("amin", "keras ()"): "forgets keepdims without an axis",
    ("prod", "keras ()"): "forgets keepdims without an axis",
    ("nanprod", "keras ()"): "forgets keepdims without an axis",
    ("ptp", "keras ()"): "forgets keepdims without an axis",
    ("conv", "grad_weight must be contiguous"): "fails on transposed kernels",
    ("cross", "values"): "takes the first axis of 3 for the last one",
    ("cholesky_inverse", "gradients"): "gives the triangle that is not read a gradient",
    ("conv_transpose", "grad_weight needs to be contiguous"): "fails on transposed kernels",
    ("correlate", "keras ()"): "takes the axis from an answer of one element",
    ("sparsemax", "values"): "sums running sums, so that its answers do not sum to 1",
    ("pad", "'symmetric'"): "pads by another rule than numpy.pad(mode='symmetric')",
}

# Vectors that are as right with the other sign: sizes are compared, gradients by differences alone.
EITHER_SIGN = {"eigh", "qr", "svd"}


def tell(text: str) -> None:
    """Write a line."""
    sys.stdout.write(text + "\n")


def difference(case: Case, dtype: str, rng: np.random.Generator) -> str | None:
    """Return how the libraries differ on one call, or None."""
    arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in case.arrays]
    wants = [a.dtype.kind == "f" and case.gradient for a in arrays]
    tensors = [hl.Tensor(a, requires_grad=w) for a, w in zip(arrays, wants, strict=True)]
    others = [torch.tensor(a, requires_grad=w) for a, w in zip(arrays, wants, strict=True)]
    theirs = case.call(keras.ops, others)
    mine = case.call(ops, tensors)
    if len(mine) != len(theirs):
        return f"{len(mine)} answers, {len(theirs)} of keras"
    # Keras on PyTorch computes much of float64 in float32, so that both are compared to float32.
    loose = 2e-4
    total: Any = 0.0
    other_total: Any = 0.0
    for a, b in zip(mine, theirs, strict=True):
        b_values = b.detach().numpy()
        if a.shape != b_values.shape:
            return f"shape {a.shape}, keras {b_values.shape}"
        same = dtype == "float64" and a.dtype.kind == "f" == b_values.dtype.kind
        places = case.name == "top_k" and a.dtype.kind == "i" == b_values.dtype.kind
        if str(a.dtype) != str(b_values.dtype) and not same and not places:
            return f"dtype {a.dtype}, keras {b_values.dtype}"
        if case.name in EITHER_SIGN:
            if not np.allclose(np.abs(np.asarray(a)), np.abs(b_values), rtol=loose, atol=loose):
                return f"values {np.asarray(a)} keras {b_values}"
            continue
        if not np.allclose(np.asarray(a), b_values, rtol=loose, atol=loose, equal_nan=True):
            return f"values {np.asarray(a)} keras {b_values}"
        if a.dtype.kind == "f":
            weight = rng.uniform(0.5, 1.5, a.shape).astype(dtype)
            total = total + (a * weight).sum()
            other_total = other_total + (b * torch.tensor(weight)).sum()
    if not any(wants) or not getattr(other_total, "requires_grad", False):
        return None
    if not total.requires_grad:
        return "no gradient, keras has one"
    other_total.backward()
    total.backward()
    for tensor, other, want in zip(tensors, others, wants, strict=True):
        if not want:
            continue
        b = np.zeros(tensor.shape) if other.grad is None else other.grad.numpy()
        a = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad
        if not np.allclose(a, b, rtol=loose * 5, atol=loose * 5, equal_nan=True):
            return f"gradients {a} keras {b}"
    return None


def main() -> None:
    """Compare and print how many calls of each operation disagree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    done = 0
    wrong: dict[str, list[Any]] = {}
    known: dict[tuple[str, str], int] = {}
    seed = options.seed
    while done < options.cases:
        rng = np.random.default_rng(seed)
        for case in ops_cases.cases(rng):
            dtype = ("float32", "float64")[seed % 2]
            try:
                found = difference(case, dtype, rng)
            except Exception as error:
                found = f"{type(error).__name__}: {error}"
            done += 1
            reason = next(
                (
                    why
                    for (name, text), why in KNOWN.items()
                    if name == case.name and found and text in f"{case.options} {found}"
                ),
                None,
            )
            if reason:
                known[case.name, reason] = known.get((case.name, reason), 0) + 1
            elif found:
                wrong.setdefault(case.name, []).append((seed, dtype, case.options, found))
        seed += 1
    for (name, why), count in sorted(known.items()):
        tell(f"{name}: {count} calls left out: keras {why}")
    for name, several in sorted(wrong.items()):
        tell(f"{name}: {len(several)} disagree; the first: {str(several[0])[:400]}")
    tell(f"{done} calls, {sum(map(len, wrong.values()))} disagree")


if __name__ == "__main__":
    main()
