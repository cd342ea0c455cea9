"""Time training steps against the fastest peers: ``python bench/bench_training.py [--quick]``."""

from __future__ import annotations

from topics import main

if __name__ == "__main__":
    raise SystemExit(main("training"))
