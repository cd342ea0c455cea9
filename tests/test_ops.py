"""`hotloop.ops`: every way back passes central differences in float64, whatever the shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop as hl
import ops_cases
from hotloop import ops

STEP = 1e-6


def call(case: ops_cases.Case, arrays: list[Any]) -> list[Any]:
    """Return what the operation answers, as a list."""
    function: Any = getattr(ops, case.name)
    if case.name == "einsum":
        answer = function(case.options["subscripts"], *arrays)
    elif case.joined:
        answer = function(arrays, **case.options)
    else:
        answer = function(*arrays, **case.options)
    return list(answer) if isinstance(answer, list | tuple) else [answer]


def differences(case: ops_cases.Case, weights: list[Any], i: int) -> Any:
    """Return the central differences of the weighted sum of answers for array `i`."""
    found = np.zeros_like(case.arrays[i])
    for place in np.ndindex(found.shape):
        values = []
        for sign in (1.0, -1.0):
            arrays = [np.array(a) for a in case.arrays]
            arrays[i][place] += sign * STEP
            parts = call(case, arrays)
            values.append(sum(np.sum(p * w) for p, w in zip(parts, weights, strict=True)))
        found[place] = (values[0] - values[1]) / (2 * STEP)
    return found


@pytest.mark.parametrize("row", range(ops_cases.COUNT))
def test_gradients_match_central_differences(row: int) -> None:
    checked = 0
    for seed in range(4):
        rng = np.random.default_rng([row, seed])
        case = ops_cases._MAKERS[row](rng)
        plain = call(case, case.arrays)
        wants = [a.dtype.kind == "f" and case.gradient for a in case.arrays]
        tensors = [hl.Tensor(a, requires_grad=w) for a, w in zip(case.arrays, wants, strict=True)]
        answers = call(case, tensors)
        for mine, other in zip(answers, plain, strict=True):
            np.testing.assert_array_equal(mine.numpy(), other)
        if not any(wants):
            assert not any(a.requires_grad for a in answers if a.dtype.kind != "f")
            checked += 1
            continue
        weights = [
            rng.uniform(0.5, 1.5, a.shape) if a.dtype.kind == "f" else np.zeros(a.shape)
            for a in answers
        ]
        total: Any = 0.0
        for answer, weight in zip(answers, weights, strict=True):
            if answer.dtype.kind == "f":
                total = total + (answer * weight).sum()
        total.backward()
        for i, (tensor, want) in enumerate(zip(tensors, wants, strict=True)):
            if want and tensor.size < 40:
                expected = differences(case, weights, i)
                given = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad
                np.testing.assert_allclose(
                    given, expected, rtol=2e-5, atol=2e-6, err_msg=f"{case.name} {case.options}"
                )
                checked += 1
    assert checked
