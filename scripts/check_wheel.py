"""Check a built wheel: what it holds, that it is the same as the installed package, and its size.

Usage: ``python scripts/check_wheel.py WHEEL`` with the Python that has hotloop installed.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path

MAX_BYTES = 2_500_000
NEEDED = (
    "_core.pyi",
    "py.typed",
    "datasets/digits.npz",
    "cli/__init__.py",
    "functional/__init__.py",
)


def check(path: Path) -> Iterator[str]:
    """Yield everything that is wrong with the wheel."""
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        package = {name for name in names if name.startswith("hotloop/")}
        cores = [name for name in package if name.endswith((".so", ".pyd"))]
        outside = {n for n in names - package if ".dist-info/" not in n}
        installed = {
            str(file): file.read_binary()
            for file in files("hotloop") or ()
            if str(file).startswith("hotloop/") and "__pycache__" not in str(file)
        }
        for name in sorted(package & set(installed)):
            # Two builds of the core differ in the paths of their build folders.
            if name not in cores and archive.read(name) != installed[name]:
                yield f"{name} differs from the installed file"
    sys.stdout.write(f"  {path.name}: {size:,} bytes, {len(package)} files\n")
    if size >= MAX_BYTES:
        yield f"the wheel has {size:,} bytes, the limit is {MAX_BYTES:,}"
    if len(cores) != 1:
        yield f"the wheel holds {len(cores)} compiled cores: {sorted(cores)}"
    for name in NEEDED:
        if f"hotloop/{name}" not in package:
            yield f"hotloop/{name} is missing"
    if not any(name.endswith("licenses/LICENSE") for name in names):
        yield "the licence is missing"
    for name in sorted(outside):
        yield f"{name} lies outside the package"
    for name in sorted(package ^ set(installed)):
        yield f"{name} is {'not installed' if name in package else 'installed but not in the wheel'}"


def main() -> int:
    """Check the wheel named on the command line."""
    if len(sys.argv) != 2:
        sys.stderr.write(f"usage: {sys.argv[0]} WHEEL\n")
        return 2
    problems = list(check(Path(sys.argv[1])))
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
