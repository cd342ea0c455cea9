"""The table: each op of ``hotloop.functional`` once. A new op joins with one row."""

from __future__ import annotations

from conformance import (
    samples_dense,
    samples_elementwise,
    samples_images,
    samples_losses,
    samples_norms,
    samples_operators,
    samples_picks,
    samples_pools,
    samples_recurrent,
    samples_reductions,
)
from conformance.cases import Op

ROWS: list[Op] = [
    *samples_elementwise.ROWS,
    *samples_operators.ROWS,
    *samples_reductions.ROWS,
    *samples_picks.ROWS,
    *samples_dense.ROWS,
    *samples_losses.ROWS,
    *samples_images.ROWS,
    *samples_pools.ROWS,
    *samples_norms.ROWS,
    *samples_recurrent.ROWS,
]
TABLE = {op.name: op for op in ROWS}
