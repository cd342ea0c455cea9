"""Plant faults that users and attackers once found back into the package, and show that fuzzing finds each.

Works as ``scripts/mutate.py`` does, on a copy of the last commit with a build of its own. Each plant takes away one
check, by texts that must stand in their files exactly once; ``scripts/fuzz.py TARGET --plain`` then runs from a
fixed seed until it finds a fault. Prints a table; fails if a plant is not found.

Usage: ``python scripts/plants.py [--work FOLDER] [--seconds N] [--seed N] [NAME ...]``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from mutate import build, prepare, say


class Edit(NamedTuple):
    """One text, and what stands in its place."""

    file: str
    text: str
    instead: str


class Plant(NamedTuple):
    """One fault, and the target that must find it."""

    name: str
    target: str
    edits: tuple[Edit, ...]


_KEPT = "python/hotloop/saving/kept.py"
_STATE = "python/hotloop/saving/training_state.py"
_READER = "python/hotloop/_support/unpickling.py"
_MODELS = "python/hotloop/models/sequential.py"

_FRAMES = Edit(
    "cpp/ops/conv2d.cpp", "if (frames_pay(s)) return s;", "if (frames_pay(s) || s.N >= 0) return s;"
)
_PATCHES = (
    Edit(
        "cpp/bindings/bind_im2col.cpp",
        'checked_product(op, "the patches", {s.N, w.OH, w.OW, s.C, w.KH, w.KW});',
        "static_cast<void>(op);",
    ),
    Edit("cpp/ops/window.cpp", 'checked_product(op, "the output", {rows.out, columns.out});', ""),
)

PLANTS = (
    Plant(
        "22: a backup sets any attribute of a callback",
        "state",
        (
            Edit(
                _KEPT,
                "foreign = sorted(set(state) - known)",
                "vars(callback).update(state)\n    foreign: list[str] = []",
            ),
        ),
    ),
    Plant(
        "23: frames of a dilated convolution wrap around 64 bits",
        "calls",
        (_FRAMES,),
    ),
    Plant("23: the same, from a model file", "model", (_FRAMES,)),
    Plant("23: patches wrap around 64 bits", "calls", _PATCHES),
    Plant(
        "23: cells of a pool's window wrap around 32 bits",
        "calls",
        (
            Edit(
                "cpp/bindings/bind_pool.cpp",
                "if (win.KH * win.KW > kMostPixels)",
                "if (win.KH < 0 && win.KW > kMostPixels)",
            ),
        ),
    ),
    Plant(
        "23: the gradient of a convolution walks over its stride",
        "calls",
        (
            Edit(
                "cpp/ops/conv_implicit.cpp",
                "const std::vector<Axis> columns = axis_phases(columns_of(v));\n",
                "const std::vector<Axis> columns = axis_phases(columns_of(v));\n"
                "    for (volatile index_t i = 0; i < v.stride_h * v.stride_w;) i = i + 1;\n",
            ),
        ),
    ),
    Plant(
        "24: keys of a pickle are hashed however deep they are",
        "pickle",
        (
            Edit(
                _READER,
                "    while left:\n        each = left.pop()\n        if isinstance",
                "    while False:\n        each = left.pop()\n        if isinstance",
            ),
        ),
    ),
    Plant(
        "24: a message quotes whatever a pickle holds",
        "pickle",
        (
            Edit(
                _READER,
                'outside of it, {quoted(pid, 60)}")',
                'outside of it, {pid!r}")',
            ),
            Edit(
                "python/hotloop/book/weights.py",
                "{path} is not a weight file: {shortened(str(error))}",
                "{path} is not a weight file: {error}",
            ),
        ),
    ),
    Plant(
        "25: NumPy's generator reads where a backup says",
        "state",
        (
            Edit(
                _STATE,
                "        and type(place) is int\n        and 0 <= place <= _TWISTER\n",
                "        and type(place) is int\n",
            ),
        ),
    ),
    Plant(
        "25: a learning rate from a file is not checked",
        "state",
        (Edit(_STATE, "else optimizer.checked_rate(rate)", "else rate"),),
    ),
    Plant(
        "26: normalisation makes its constants from a description",
        "model",
        (
            Edit(
                "python/hotloop/layers/norm.py",
                '        """Make gamma and beta, unless they are left out."""\n',
                "        self.ones = np.ones(math.prod(shape), self.dtype)\n",
            ),
        ),
    ),
    Plant(
        "26: each layer builds all before it again",
        "model",
        (
            Edit(
                _MODELS,
                "            if rebuild and self._extends(layer):\n                return\n",
                "",
            ),
            Edit(
                _MODELS,
                "unit_from(description, custom_objects), rebuild=False)",
                "unit_from(description, custom_objects))",
            ),
        ),
    ),
)


def planted(plant: Plant, tree: Path) -> dict[Path, str]:
    """Write a fault into the copy, and return what its files held."""
    whole: dict[Path, str] = {}
    for edit in plant.edits:
        file = tree / edit.file
        text = file.read_text(encoding="utf-8")
        whole.setdefault(file, text)
        file.write_text(text.replace(edit.text, edit.instead), encoding="utf-8")
    return whole


def found(tree: Path, target: str, seconds: float, seed: int) -> tuple[str, str]:
    """Fuzz the copy; return after what the first fault came, and what it was: nothing where none came."""
    crashes = tree / "fuzz-crashes"
    shutil.rmtree(crashes, ignore_errors=True)
    options = ["--plain", "--first", "--seconds", str(seconds), "--seed", str(seed)]
    done = subprocess.run(
        [sys.executable, str(tree / "scripts" / "fuzz.py"), target, *options],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree / "python")},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    when = re.search(r"\d+ executions in .*? of processor time", done.stdout)
    what = lines[0].partition(": ")[2] if done.returncode and lines else ""
    return (when[0] if when else done.stderr[-300:]), what


def run(plants: list[Plant], work: Path, seconds: float, seed: int) -> int:
    """Try each plant; print the table and return how many are not found."""
    tree, folder = prepare(work)
    for plant in plants:
        for edit in plant.edits:
            count = (tree / edit.file).read_text(encoding="utf-8").count(edit.text)
            if count != 1:
                sys.exit(f"{edit.file} holds a text of “{plant.name}” {count} times, not once")
    say("| planted | target | found after | what it was |\n| --- | --- | --- | --- |")
    lost = 0
    for plant in plants:
        whole = planted(plant, tree)
        try:
            build(tree, folder)
            when, what = found(tree, plant.target, seconds, seed)
        finally:
            for file, text in whole.items():
                file.write_text(text, encoding="utf-8")
        lost += not what
        what = what.replace("|", "/")[:120] or "**nothing**"
        say(f"| {plant.name} | {plant.target} | {when} | {what} |")
    say(f"\n{len(plants) - lost} of {len(plants)} plants found")
    return lost


def main() -> int:
    """Read the arguments; work in a temporary folder unless one is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, help="folder to build in, and to keep")
    parser.add_argument("--seconds", type=float, default=120, help="for each, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("names", nargs="*", help="plants whose name holds one of these")
    given = parser.parse_args()
    chosen = [p for p in PLANTS if not given.names or any(n in p.name for n in given.names)]
    if not chosen:
        parser.error(f"no plant is named like {given.names}")
    if given.work:
        return run(chosen, given.work.resolve(), given.seconds, given.seed)
    with tempfile.TemporaryDirectory() as work:
        return run(chosen, Path(work), given.seconds, given.seed)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
