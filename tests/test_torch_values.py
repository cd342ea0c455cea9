"""hotloop.torch answers what PyTorch 2.13 answered: values, gradients, and what raises."""

from __future__ import annotations

import importlib
import json
from typing import Any

import numpy as np
import pytest

import torch_functions
import torch_oracle
import torch_programs
from hotloop import torch

F: Any = importlib.import_module("hotloop.torch.nn.functional")
KEPT = json.loads(torch_oracle.VALUES.read_text(encoding="utf-8"))


def close(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return bool(np.isclose(a, b, rtol=1e-6, atol=1e-7))


@pytest.mark.parametrize("name", torch_functions.CASES)
def test_functions_of_networks(name: str) -> None:
    shape, value, grads = KEPT["cases"][name]
    found = torch_functions.run(torch, F, name)
    mine = torch_oracle.of_case(found)
    assert mine[0] == shape
    assert close(mine[1], value)
    assert [close(a, b) for a, b in zip(mine[2], grads, strict=True)] == [True] * len(grads)


@pytest.mark.parametrize("part", range(8))
def test_random_programs(part: int) -> None:
    """Views, in-place operations, indexing, reductions and broadcasting, in any order."""
    seeds = list(KEPT["programs"])[part::8]
    assert len(seeds) == 50
    wrong = []
    for seed in seeds:
        raised, values, grads = KEPT["programs"][seed]
        with np.errstate(all="ignore"):
            found = torch_oracle.of_program(
                torch_programs.run(torch, torch_programs.program(int(seed)))
            )
        same = all(close(a, b) for a, b in zip(found[1], values, strict=True))
        same &= all(close(a, b) for a, b in zip(found[2], grads, strict=True))
        if not same or found[0] != raised:
            wrong.append(seed)
    assert wrong == []


@pytest.mark.filterwarnings("ignore")
def test_two_hundred_programs_live() -> None:
    """Seeds that were not looked at, where PyTorch is installed."""
    peer = pytest.importorskip("torch")
    differ = 0
    for seed in range(10**6, 10**6 + 200):
        given = torch_programs.program(seed)
        with np.errstate(all="ignore"):
            theirs = torch_programs.run(peer, given)
            found = torch_programs.difference(given, torch_programs.run(torch, given), theirs)
        differ += bool(found)
    assert differ <= 4
