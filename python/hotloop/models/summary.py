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


def _trains(layer: Any) -> bool:
    """Whether a layer has weights, which may train."""
    return bool(layer.weights)


class NotBuilt(ValueError):
    """The shapes of a model are not known yet."""


def print_summary(
    model: Any,
    line_length: int | None = None,
    print_fn: Callable[[str], Any] | None = None,
    show_trainable: bool = False,
) -> None:
    """Print one line a layer: name and class, output shape, number of parameters."""
    show = print_fn or (lambda line: sys.stdout.write(line + "\n"))
    try:
        model.graph()
        built = True
    except NotBuilt:
        built = False
    itemsize = np.dtype(model.dtype).itemsize
    rows = [("Layer (type)", "Output Shape", "Param #", *(["Trainable"] * show_trainable))]
    rows += [
        (
            f"{layer.name} ({type(layer).__name__})",
            str(layer.output_shape) if built else "?",
            f"{layer.count_params():,}" if built else "0 (unbuilt)",
            *([("Y" if layer.trainable else "N") if _trains(layer) else "-"] * show_trainable),
        )
        for layer in model.layers
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    between = 2 * len(widths) - 2
    spare = (line_length or 72) - sum(widths) - between
    widths[0] += max(0, spare // 2)
    widths[1] += max(0, spare - spare // 2)
    total = sum(widths) + between
    show(f'Model: "{model.name}"')
    show("=" * total)
    for i, (name, shape, *numbers) in enumerate(rows):
        ends = "".join(f"  {n:>{w}}" for n, w in zip(numbers, widths[2:], strict=True))
        show(f"{name:<{widths[0]}}  {shape:<{widths[1]}}{ends}")
        if i == 0:
            show("-" * total)
    show("=" * total)
    trainable = sum(value.size for value in model.trainable_weights)
    everything = model.count_params() if built else 0
    for label, count in (
        ("Total", everything),
        ("Trainable", trainable),
        ("Non-trainable", everything - trainable),
    ):
        show(f"{label} params: {count:,} ({_size(count, itemsize)})")
