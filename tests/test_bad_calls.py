"""Calls that must be refused: what each raises, word for word.

The tables lie in ``bad_calls/*.txt``: a call, and below it the last line of its traceback, where
``...`` stands for the rest of the text. A call may use the names of ``bad_calls/room.py``, the
modules of hotloop, ``F`` and ``np``.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from bad_calls import room

FOLDER = Path(__file__).parent / "bad_calls"
MODULES = [
    "activations",
    "callbacks",
    "cli",
    "config",
    "datasets",
    "functional",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "utils",
]


def table() -> list[tuple[str, str]]:
    """Read (call, last line of the traceback) from every table."""
    rows: list[tuple[str, str]] = []
    for file in sorted(FOLDER.glob("*.txt")):
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        calls = [line for line in lines if not line.startswith("#")]
        assert all(line[0] != " " for line in calls[::2]), file
        assert all(line.startswith("    ") for line in calls[1::2]), file
        rows += zip(calls[::2], (line.strip() for line in calls[1::2]), strict=True)
    return rows


def names() -> dict[str, Any]:
    """Give the names that a call may use."""
    modules: dict[str, Any] = {m: importlib.import_module(f"hotloop.{m}") for m in MODULES}
    mine = {name: value for name, value in vars(room).items() if name[0] != "_"}
    return {
        **mine,
        **modules,
        "F": modules["functional"],
        "Input": hl.Input,
        "hl": hl,
        "np": np,
        "schedules": importlib.import_module("hotloop.optimizers.schedules"),
    }


TABLE = table()


def test_there_are_enough() -> None:
    assert len(TABLE) == len({call for call, _ in TABLE})
    assert len(TABLE) >= 200


@pytest.mark.parametrize(("call", "last"), TABLE, ids=[call for call, _ in TABLE])
def test_bad_call(call: str, last: str) -> None:
    given = names()
    if call.startswith("estimators."):
        pytest.importorskip("sklearn")
        given["estimators"] = importlib.import_module("hotloop.estimators")
    with pytest.raises((Exception, SystemExit)) as caught:
        eval(call, given)
    said = f"{type(caught.value).__name__}: {caught.value}"
    pattern = ".*".join(re.escape(part) for part in re.split(r" ?\.\.\.", last))
    assert re.fullmatch(pattern, said, re.S), said
    assert len(str(caught.value)) <= 400
