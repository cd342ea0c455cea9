"""Hostile bytes are read or refused: the corpus of ``scripts/fuzz.py``, and changes of it from fixed seeds."""

from __future__ import annotations

import random

import pytest

import fuzz_targets
from fuzz_mutations import mutate

CHANGES = 60


@pytest.mark.parametrize("target", fuzz_targets.TARGETS)
def test_corpus(target: str) -> None:
    inputs = sorted((fuzz_targets.CORPUS / target).iterdir())
    assert inputs
    for path in inputs:
        fuzz_targets.run(target, path.read_bytes())


@pytest.mark.parametrize("target", fuzz_targets.TARGETS)
def test_changes_of_the_corpus(target: str) -> None:
    rng = random.Random(target)
    inputs = [path.read_bytes() for path in sorted((fuzz_targets.CORPUS / target).iterdir())]
    for _ in range(CHANGES):
        data = rng.choice(inputs)
        for _ in range(rng.choice((1, 1, 2, 5))):
            data = mutate(target, data, rng)
        fuzz_targets.run(target, data)


def test_what_is_neither_read_nor_refused_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes) -> None:
        raise {b"1": KeyError("x"), b"2": MemoryError(), b"3": RecursionError("deep")}[data]

    monkeypatch.setitem(fuzz_targets.TARGETS, "broken", broken)
    for data in (b"1", b"2", b"3"):
        with pytest.raises(fuzz_targets.Fault, match="broken: "):
            fuzz_targets.run("broken", data)
    with (
        pytest.raises(fuzz_targets.Fault, match="without saying"),
        fuzz_targets.refused(ValueError),
    ):
        raise ValueError
