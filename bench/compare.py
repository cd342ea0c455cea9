"""C++ against NumPy: each op of ``hotloop.functional`` and the training steps of two networks.

The same as ``hotloop bench``, from a source tree; writes ``compare.json`` unless told otherwise.
"""

from __future__ import annotations

import sys

from hotloop._bench.compare import main

if __name__ == "__main__":
    arguments = sys.argv[1:]
    if not any(argument.startswith("--json") for argument in arguments):
        arguments += ["--json", "compare.json"]
    raise SystemExit(main(arguments))
