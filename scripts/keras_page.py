#!/usr/bin/env python3
"""Write docs/keras.md, what of Keras is here; with --facts, also the table of Keras's names that it is made from.

The table, tests/keras_names.txt, holds the public names of the installed Keras and their arguments, so that the
page and its test need no Keras.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import inspect
import os
import sys
import textwrap
from pathlib import Path
from typing import Any

from hotloop._support.absent import reason

ROOT = Path(__file__).resolve().parent.parent
FACTS, PAGE = ROOT / "tests" / "keras_names.txt", ROOT / "docs" / "keras.md"
MODULES = [
    *(
        "layers",
        "losses",
        "metrics",
        "optimizers",
        "optimizers.schedules",
        "callbacks",
        "utils",
        "ops",
    ),
    *("activations", "initializers", "regularizers", "constraints", "datasets", "models", "random"),
    *("backend", "config", "saving"),
]
LEFT_OUT = ("legacy", "numpy")  # names of Keras 2, and a module that ops only lets through
# What differs though the arguments are the same.
DIFFERENT = {
    "config.floatx": "float32 and float64",
    "config.set_dtype_policy": "mixed policies mean float32",
    "losses.CosineSimilarity": "axis 0 as a function alone",
    "ops.ctc_decode": "greedy alone",
    "optimizers.Adafactor": "slots of full size",
    "optimizers.LossScaleOptimizer": "answers the optimizer itself",
}
# Arguments of Keras's that have no meaning here, or that every class of the kind takes.
IGNORED = {
    "dtype",
    "name",
    "self",
    "args",
    "kwargs",
    "trainable",
    "activity_regularizer",
    "sparse",
    "ragged",
}


def names_of_keras() -> dict[str, dict[str, list[str]]]:
    """Return Keras's public names, module by module, with their arguments."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    found = {}
    for module in MODULES:
        home = importlib.import_module(f"keras.{module}")
        public = sorted(n for n in dir(home) if not n.startswith("_") and n not in LEFT_OUT)
        found[module] = {name: arguments(getattr(home, name), False) or [] for name in public}
    return found


def arguments(thing: Any, handed_on: bool) -> list[str] | None:
    """Return the names of the arguments of a class or function; None where anything is taken.

    With `handed_on`, what a class hands on to its base counts.
    """
    thing = getattr(thing, "function", thing)
    makers = [thing]
    if inspect.isclass(thing):
        makers = [b.__dict__["__init__"] for b in thing.__mro__[:-1] if "__init__" in b.__dict__]
    found: dict[str, None] = {}
    open_ended = refused = False
    for maker in makers:
        try:
            taken = inspect.signature(maker).parameters.values()
        except (TypeError, ValueError):
            return None
        found |= {p.name: None for p in taken if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
        if any(p.kind is p.VAR_POSITIONAL for p in taken):
            return None
        more = any(p.kind is p.VAR_KEYWORD for p in taken)
        open_ended |= more
        # The bases of layers and optimizers refuse what they do not know.
        refused = more and maker.__module__.rpartition(".")[2] == "base"
        if not (handed_on and more):
            break
    if handed_on and open_ended and not refused:
        return None
    # What a function is given first goes without its name.
    names = list(found) if inspect.isclass(thing) else list(found)[1:]
    return [name for name in names if name not in IGNORED]


def facts() -> dict[str, dict[str, list[str]]]:
    """Return the names of Keras as they are kept."""
    found: dict[str, dict[str, list[str]]] = {}
    module = ""
    for line in FACTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            name, *taken = line.split()
            found[module][name] = taken
        elif not line.startswith("#"):
            module = line.strip()
            found[module] = {}
    return found


@functools.cache
def state(module: str, name: str, taken: tuple[str, ...]) -> tuple[str, str]:
    """Return the column of a name, "there", "different" or "not", and what there is to say."""
    try:
        home = importlib.import_module(f"hotloop.{module}")
        thing = getattr(home, name)
    except (ImportError, AttributeError):
        return "not", reason(f"hotloop.{module}", name) or "not yet"
    said = DIFFERENT.get(f"{module}.{name}", "")
    ours = arguments(thing, True)
    lacking = [
        word
        for word in taken
        if ours is not None
        and word not in ours
        and word.replace("_constraint", "_initializer") not in ours
    ]
    if lacking and f"{module}.{name}" not in DIFFERENT:
        said = "; ".join(filter(None, (said, f"without `{'`, `'.join(lacking)}`")))
    return ("different" if said else "there"), said


def page() -> str:
    """Return the text of the page."""
    known = facts()
    states = {
        module: {name: state(module, name, tuple(taken)) for name, taken in names.items()}
        for module, names in known.items()
    }
    lines = [
        "# Keras, name by name",
        "",
        "What of the public names of Keras 3.15 is here: there, different, or not and why. `python scripts/keras_page.py`",
        "writes this page from what can be imported; `tests/keras_names.txt` holds Keras's names. Where a name is not, the",
        "error of using it says what this page does.",
        "",
        "| module | there | different | not | of |",
        "| --- | --- | --- | --- | --- |",
    ]
    for module, found in states.items():
        counts = [
            sum(column == one for one, _ in found.values())
            for column in ("there", "different", "not")
        ]
        lines.append(f"| `{module}` | {' | '.join(map(str, counts))} | {len(found)} |")
    for module, found in states.items():
        lines += ["", f"## {module}", ""]
        there = [f"`{name}`" for name, (column, _) in found.items() if column == "there"]
        lines += (
            textwrap.wrap(f"There: {', '.join(there)}.", 140, break_on_hyphens=False)
            if there
            else []
        )
        for column in ("different", "not"):
            by: dict[str, list[str]] = {}
            for name, (one, said) in found.items():
                if one == column:
                    by.setdefault(said, []).append(f"`{name}`")
            lines += ["", f"{column.capitalize()}:"] if by else []
            for said, names in by.items():
                lines += textwrap.wrap(
                    f"- {', '.join(names)}: {said}.",
                    140,
                    subsequent_indent="  ",
                    break_on_hyphens=False,
                )
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def main() -> int | str:
    """Write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--facts", action="store_true", help="read the installed Keras first")
    parser.add_argument(
        "--check", action="store_true", help="only say whether the page is up to date"
    )
    given = parser.parse_args()
    if given.facts:
        lines = [
            "# Public names of Keras 3.15 and their arguments; scripts/keras_page.py --facts writes this."
        ]
        for module, names in names_of_keras().items():
            lines += [module, *(f"  {' '.join((name, *taken))}" for name, taken in names.items())]
        FACTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if given.check:
        current = PAGE.read_text(encoding="utf-8") == page()
        return 0 if current else "docs/keras.md is out of date: run scripts/keras_page.py"
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
