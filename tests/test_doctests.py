"""Every example in a docstring of the package runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import hotloop

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(hotloop.__path__, "hotloop.")
    if not module.name.endswith(("__main__", "._core"))
)


def test_modules_were_found() -> None:
    assert {"hotloop.functional.conv", "hotloop.models", "hotloop.layers.dense"} <= set(MODULES)


@pytest.mark.parametrize("name", ["hotloop", *MODULES])
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # an example that writes, writes here
    module = importlib.import_module(name)
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        runner.run(example, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


def test_every_operation_has_an_example() -> None:
    from hotloop import functional  # noqa: PLC0415 - the modules above load on their own

    parser = doctest.DocTestParser()
    names = functional.__all__
    bare = [n for n in names if not parser.get_examples(getattr(functional, n).__doc__ or "")]
    assert not bare
