"""Judge the report of LeakSanitizer: fail on what the extension allocated and lost.

Usage: ``python leaks.py FOLDER``, from ``scripts/sanitize.sh leak``.

The interpreter and NumPy leave much behind when a process ends, on purpose, and a suppression by
name of function would hide our leaks with theirs: every stack has the interpreter at its foot. So
the report is read instead: a leak is ours when the extension stands among the callers nearest to the
allocation.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

OURS = re.compile(r"hotloop/_core|cpp/(bindings|kernels|ops|runtime)/|pybind11")
NEAREST = 8  # frames; the first is the allocator's


def leaks(text: str) -> tuple[int, list[str]]:
    """Return the number of stacks in the report, and those that are ours."""
    stacks = re.findall(r"^((?:Direct|Indirect) leak of .*\n(?:\s+#\d+ .*\n)+)", text, re.MULTILINE)
    return len(stacks), [
        s for s in stacks if any(map(OURS.search, s.splitlines()[1 : NEAREST + 1]))
    ]


def main() -> int:
    """Read the reports in the folder named on the command line."""
    reports = sorted(Path(sys.argv[1]).iterdir())
    text = "".join(path.read_text(encoding="utf-8", errors="replace") for path in reports)
    if "LeakSanitizer" not in text:
        sys.stderr.write("LeakSanitizer said nothing: it was not loaded\n")
        return 1
    total, ours = leaks(text)
    for stack in ours:
        sys.stderr.write(stack)
    sys.stdout.write(f"LeakSanitizer: {total} stacks at the end of the process, {len(ours)} ours\n")
    return int(bool(ours))


if __name__ == "__main__":
    sys.exit(main())
