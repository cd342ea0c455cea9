"""Arguments at and beyond the edges of 32 and 64 bits, for any op of the table."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from conformance.cases import F, Op, Sample

EDGES = (
    0, -1, 2**31 - 1, 2**31, 2**32, 2**32 + 1, 2**60, 2**62, 2**63 - 1, 2**63, 2**64, -(2**31), -(2**63),
)  # fmt: skip
# Where an array of so many elements is asked for, no machine may have the memory.
LARGE = 2**55

_PAIRS = (*((edge, 1) for edge in EDGES), *((1, edge) for edge in EDGES))
_WINDOWS: tuple[Any, ...] = (*EDGES, *_PAIRS, 1431655765, 1073741822, 46341, 65536)
# Never rows or columns alone: the output would take gigabytes, and be right.
_PADDINGS: tuple[Any, ...] = (
    *EDGES, "same", ((2**31 - 1, 0), (2**31 - 1, 0)), ((0, 2**31), (0, 2**31)), ((-1, 0), (0, 0)), ((0, 0), (2**62, -(2**62))),
)  # fmt: skip
_SHAPES: tuple[Any, ...] = (
    (1, 1, 2**32, 2**32), (1, 0, 2**32, 2**32), (0, 1, 2**31, 2**31), (1, 1, 2**31 + 1, 2**31 - 1), (2**32, 2**32, 1, 1),
    (2**62, 4, 1, 1), (-1, 1, 1, 1), (2**63, 1, 1, 1), (2**59, 1, 2, 1), (1, 1, 1, 2**55),
)  # fmt: skip
_NUMBERS: tuple[Any, ...] = (0.0, -1.0, 1e308, 5e-324, float("inf"), float("nan"), 2**64, 10**400)
VALUES: dict[str, tuple[Any, ...]] = {
    "stride": _WINDOWS,
    "dilation": _WINDOWS,
    "pool_size": _WINDOWS,
    "kernel_size": _WINDOWS,
    "padding": _PADDINGS,
    "groups": EDGES,
    "input_shape": _SHAPES,
    "axis": EDGES,
    "num_classes": tuple(edge for edge in EDGES if not 0 < edge < LARGE),
    "seed": EDGES,
    "offset": EDGES,
    **dict.fromkeys(
        ("alpha", "beta1", "beta2", "eps", "lr", "momentum", "rate", "rho", "step", "weight_decay"),
        _NUMBERS,
    ),
}
TOGETHER: tuple[dict[str, Any], ...] = (
    {"padding": "same", "dilation": 1431655765},
    {"padding": "same", "dilation": 1073741822, "stride": 2**31 - 1},
    {"padding": "same", "dilation": 2**31, "stride": 2**31},
    {"padding": 2**31, "stride": 2**31},
    {"padding": ((2**31 - 1, 0), (2**31 - 1, 0)), "stride": 2**31},
    {"padding": 2**30, "stride": 2**30, "dilation": 2**30},
    {"padding": "same", "pool_size": 2**31 - 1, "stride": 1},
    {"padding": "same", "pool_size": 46341, "stride": 1},
    {"padding": ((49_999, 0), (49_999, 0)), "pool_size": 50_000, "stride": 1},
    {"padding": "same", "kernel_size": 2**31 - 1, "stride": 2**31 - 1},
    {"padding": 2**31 - 1, "kernel_size": 2**31 - 1, "stride": 1, "dilation": 2**31 - 1},
    {"padding": 2**31, "kernel_size": 1, "stride": 2**29},
    {"stride": 2**31, "algorithm": "im2col", "padding": "same", "dilation": 2**31},
)


def extremes(op: Op) -> Iterator[Sample]:
    """Yield small samples with one or a few arguments that no plain use has."""
    names = inspect.signature(getattr(F, op.name)).parameters
    samples = [s for s in op.small if not s.empty][:2]
    for sample in samples:
        for name in names:
            for value in VALUES.get(name, ()):
                yield sample.but(**{name: value})
        for together in TOGETHER:
            fitting = {name: value for name, value in together.items() if name in names}
            if len(fitting) > 1:
                yield sample.but(**fitting)
    for sample in op.small[:6]:
        yield from hollow(sample)


def hollow(sample: Sample) -> Iterator[Sample]:
    """Yield samples without elements whose other sizes are huge, the same wherever one size stood."""
    shapes: dict[str, tuple[int, ...]] = {name: a.shape for name, a in sample.arrays.items()}
    given = sample.options.get("input_shape", ())
    sizes = {n for shape in (*shapes.values(), given) for n in shape} - {0}
    for none, many in itertools.permutations(sorted(sizes), 2):
        to = {none: 0, many: LARGE}
        made = {name: tuple(to.get(n, n) for n in shape) for name, shape in shapes.items()}
        if all(0 in shape or LARGE not in shape for shape in made.values()):
            try:
                arrays = {k: np.ones(made[k], a.dtype) for k, a in sample.arrays.items()}
            except ValueError:  # NumPy's own limit
                continue
            changed = {"input_shape": tuple(to.get(n, n) for n in given)} if given else {}
            yield sample.but(**arrays, **changed)
