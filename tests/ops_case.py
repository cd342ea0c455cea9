"""What a random call of an operation is, and how its arrays are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Rng = np.random.Generator


@dataclass
class Case:
    """One call: ``name(*arrays, **options)``; `joined` says that the arrays come as one list."""

    name: str
    arrays: list[Array]
    options: dict[str, Any] = field(default_factory=dict)
    joined: bool = False
    gradient: bool = True
    tolerance: float = 1.0

    def call(self, module: Any, arrays: list[Any]) -> list[Any]:
        """Return what the operation of a library answers on these arrays, as a list."""
        function = getattr(module, self.name)
        if self.name == "einsum":
            answer = function(self.options["subscripts"], *arrays)
        elif self.joined:
            answer = function(arrays, **self.options)
        else:
            answer = function(*arrays, **self.options)
        return list(answer) if isinstance(answer, list | tuple) else [answer]


def shape_of(rng: Rng, least: int = 0, most: int = 4, empty: bool = False) -> tuple[int, ...]:
    """Return a small shape."""
    rank = int(rng.integers(least, most + 1))
    return tuple(int(n) for n in rng.integers(0 if empty else 1, 5, rank))


def numbers(rng: Rng, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> Array:
    """Return numbers no two of which are close, in any stride order, away from whole numbers."""
    size = int(np.prod(shape))
    line = np.linspace(low, high, size + 2)[1:-1]
    line = line + (high - low) / (size + 2) * rng.uniform(-0.3, 0.3, size)
    x = rng.permutation(line).reshape(shape)
    x = np.where(np.abs(x - np.round(x)) < 1e-2, x + 2e-2, x)
    if x.ndim > 1 and rng.random() < 0.3:
        x = np.ascontiguousarray(np.swapaxes(x, 0, -1)).swapaxes(0, -1)
    return x


def broadcasting(rng: Rng, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape that broadcasts to `shape`."""
    cut = int(rng.integers(0, len(shape) + 1))
    return tuple(1 if rng.random() < 0.3 else n for n in shape[cut:])


def axis_of(rng: Rng, rank: int, several: bool = True) -> Any:
    """Return None, an axis or several axes."""
    if rank == 0 or rng.random() < 0.25:
        return None
    if several and rng.random() < 0.3:
        count = int(rng.integers(1, rank + 1))
        return tuple(int(a) for a in rng.permutation(rank)[:count])
    return int(rng.integers(-rank, rank))


# Every row of calls.
MAKERS: list[Callable[[Rng], Case]] = []


def maker(make: Callable[[Rng], Case]) -> Callable[[Rng], Case]:
    """Add a row."""
    MAKERS.append(make)
    return make
