"""Every operation, recorded on some arrays, answers the plain bits on others: no value is baked in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop as hl
import ops_cases  # noqa: F401 - it fills the table
from hotloop import ops
from ops_case import MAKERS, Case

# Read where to look from a tensor, and answer by it.
PLACES = ("slice_update", "unravel_index")


def step_of(case: Case) -> Any:
    """Return a step that computes the operation and its gradients."""

    def step(arrays: Any) -> Any:
        floats = [t for t in arrays if t.dtype.kind == "f"]
        with hl.GradientTape() as tape:
            tape.watch(floats)
            parts = case.call(ops, arrays)
            kinds = [part for part in parts if ops.dtype(part).startswith("float")]
            total = sum((ops.sum(part * part) for part in kinds), 0.0)
        grads = tape.gradient(total, floats) if hasattr(total, "entry") else []
        return parts, grads

    return step


def others(arrays: list[Any], rng: Any) -> list[Any]:
    """Return other numbers of the same ranges, in the same shapes."""
    found = []
    for a in arrays:
        b = np.copy(a, order="K")
        b[...] = rng.permutation(a.reshape(-1)).reshape(a.shape)
        found.append(b)
    return found


def flat(answer: Any) -> list[Any]:
    if isinstance(answer, list | tuple):
        return [leaf for item in answer for leaf in flat(item)]
    return [] if answer is None else [np.asarray(answer)]


@pytest.mark.parametrize("row", range(len(MAKERS)))
def test_an_operation_recorded_on_some_arrays_is_right_on_others(row: int) -> None:
    for seed in range(3):
        rng = np.random.default_rng([seed, row])
        case = MAKERS[row](rng)
        dtype = "float32" if seed == 1 else "float64"
        arrays = [np.asarray(a.astype(dtype) if a.dtype.kind == "f" else a) for a in case.arrays]
        if "cholesky" in case.name:
            sets = [arrays, [a * 1.5 for a in arrays]]  # a permutation is no such matrix
        else:
            sets = [arrays, *(others(arrays, rng) for _ in range(2))]
        plain = step_of(case)
        recorded = hl.compile(plain)
        if case.name in PLACES:
            with pytest.raises(TypeError, match="depends on the values"):
                recorded(arrays)
            continue
        for given in sets:
            with np.errstate(all="ignore"):
                want = flat(plain([hl.Tensor(a) for a in given]))
            found = flat(recorded(given))
            assert len(found) == len(want)
            for a, b in zip(found, want, strict=True):
                assert (a.shape, a.dtype) == (b.shape, b.dtype)
                assert np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()
