"""Time elementwise operations, softmax, pooling, norms and updates against the fastest peers.

``python bench/bench_elementwise.py [--quick]``
"""

from __future__ import annotations

from topics import main

if __name__ == "__main__":
    raise SystemExit(main("elementwise"))
