"""The table that `Model.summary` prints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np


def _size(elements: int, itemsize: int) -> str:
    """Return ``"155.31 KB"`` as Keras writes it."""
    amount = float(elements * itemsize)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1024 or unit == "GB":
            return f"{amount:.2f} {unit}"
        amount /= 1024
    raise AssertionError


def print_summary(
    model: Any, line_length: int | None = None, print_fn: Callable[[str], Any] | None = None
) -> None:
    """Print one line a layer: name and class, output shape, number of parameters."""
    show = print_fn or (lambda line: sys.stdout.write(line + "\n"))
    model.graph()
    itemsize = np.dtype(model.dtype).itemsize
    rows = [("Layer (type)", "Output Shape", "Param #")]
    rows += [
        (
            f"{layer.name} ({type(layer).__name__})",
            str(layer.output_shape),
            f"{layer.count_params():,}",
        )
        for layer in model.layers
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    spare = (line_length or 72) - sum(widths) - 4
    widths[0] += max(0, spare // 2)
    widths[1] += max(0, spare - spare // 2)
    total = sum(widths) + 4
    show(f'Model: "{model.name}"')
    show("=" * total)
    for i, (name, shape, elements) in enumerate(rows):
        show(f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {elements:>{widths[2]}}")
        if i == 0:
            show("-" * total)
    show("=" * total)
    trainable = sum(value.size for value in model.trainable_weights)
    everything = model.count_params()
    for label, count in (
        ("Total", everything),
        ("Trainable", trainable),
        ("Non-trainable", everything - trainable),
    ):
        show(f"{label} params: {count:,} ({_size(count, itemsize)})")
