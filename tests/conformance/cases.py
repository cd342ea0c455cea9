"""What a row of the table is made of, and how a test calls one."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from hotloop import _core, functional, reference

Array = NDArray[Any]

# Any: the tests also pass what the signatures forbid.
F: Any = functional
R: Any = reference
CORE: Any = _core

DTYPES = ("float32", "float64")

# How an argument that is an array is treated:
#   float    promoted with the other floats; the promoted dtype is that of the results
#   changed  changed in place; its dtype is that of the op
#   cast     read, in whatever dtype, as the dtype of what is changed
#   running  a running statistic: changed in place, in its own dtype
#   aside    read, cast to the dtype of the op, without a say in it
#   ids      class ids: integers of any type
#   moved    floats, integers or bools, in whose dtype the results are
#   index    places that another op returned: int64
#   mask     integers or bools of which not 0 counts
Role = Literal["float", "changed", "cast", "running", "aside", "moved", "ids", "index", "mask"]
WRITTEN: tuple[Role, ...] = ("changed", "running")
FLOATING: tuple[Role, ...] = ("float", "changed", "cast", "running", "aside", "moved")

# (op, property) -> cases that ran; `--conformance-table` prints it.
RAN: Counter[tuple[str, str]] = Counter()


@dataclass(frozen=True)
class Sample:
    """The arguments of one call: arrays by name (floats in float64), and the rest."""

    arrays: dict[str, Array]
    options: dict[str, Any] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    smooth: bool = True  # has a derivative: no ties, no kinks
    slack: float = 1.0  # times the usual error: sums of tens of thousands of float32
    floor: float = 0.0  # size of the terms of a result that cancels

    @property
    def size(self) -> int:
        """Count the elements of all arrays."""
        return sum(a.size for a in self.arrays.values())

    @property
    def empty(self) -> bool:
        """Whether an array has no elements."""
        return any(a.size == 0 for a in self.arrays.values())

    def role(self, name: str) -> Role:
        """Tell how the argument is treated; unnamed ones are plain floats."""
        return self.roles.get(name, "float")

    def named(self, *roles: Role) -> list[str]:
        """List the arrays of these roles."""
        return [name for name in self.arrays if self.role(name) in roles]

    def cast(self, dtype: Any) -> Sample:
        """Turn its floats to another dtype."""
        return self.map(lambda _, a: a.astype(dtype), FLOATING)

    def map(
        self, change: Callable[[str, Array], Any], roles: tuple[Role, ...] | None = None
    ) -> Sample:
        """Replace the arrays of these roles."""
        arrays = {
            name: change(name, a) if roles is None or self.role(name) in roles else a
            for name, a in self.arrays.items()
        }
        return replace(self, arrays=arrays)

    def fresh(self) -> Sample:
        """Copy what a call changes."""
        return self.map(lambda _, a: a.copy(), WRITTEN)

    def but(self, **changed: Any) -> Sample:
        """Replace single arguments, whether arrays or not."""
        arrays = {**self.arrays, **{k: v for k, v in changed.items() if k in self.arrays}}
        options = {**self.options, **{k: v for k, v in changed.items() if k not in self.arrays}}
        return replace(self, arrays=arrays, options=options)


@dataclass(frozen=True)
class Gradient:
    """Which op is the gradient of which arguments; its arguments are found by their names."""

    op: str
    by: tuple[str, ...]
    outputs: tuple[str, ...] = ("y",)  # names of what the forward returns, as the backward says it
    dy: str = "dy"  # name of the incoming gradient

    def sample(self, forward: Sample, results: list[Array], dy: Array) -> Sample:
        """Return the arguments of the backward that belong to a call of the forward."""
        found = dict(zip(self.outputs, results, strict=False))
        arrays: dict[str, Array] = {}
        options: dict[str, Any] = {}
        for name in inspect.signature(getattr(F, self.op)).parameters:
            if name == self.dy:
                arrays[name] = dy
            elif name in forward.arrays:
                arrays[name] = forward.arrays[name]
            elif name in found:
                arrays[name] = found[name]
            elif name == "input_shape":
                options[name] = forward.arrays["x"].shape
            elif name in forward.options:
                options[name] = forward.options[name]
        return Sample(arrays, options)


Bad = tuple[Callable[[], object], type[Exception], str]


@dataclass(frozen=True, repr=False)
class Op:
    """One op: its samples, what must be refused, its gradient, and what `out` may be."""

    name: str
    samples: tuple[Sample, ...]
    draws: st.SearchStrategy[Sample]  # what Hypothesis tries beyond the samples
    bad: tuple[Bad, ...]
    gradient: Gradient | None = None
    why_no_gradient: str = ""
    alias: tuple[str, ...] = ()  # inputs that the (first) output may be exactly
    optional: tuple[str, ...] = ()  # arrays that may be None
    wide: type[Any] = np.float64  # dtype of the reference for float64 arguments
    values: Mapping[str, Callable[[Array], Array]] = field(default_factory=dict)  # legal values
    infinite: bool = True  # infinities and NaN stand where the reference has them, each

    def __str__(self) -> str:
        """Name the op, as the name of a test shows it."""
        return self.name

    @property
    def loss(self) -> bool:
        """Whether its first result is a Python float."""
        return "float" in str(inspect.signature(getattr(F, self.name)).return_annotation)

    @property
    def small(self) -> list[Sample]:
        """Samples for what is done many times."""
        return [s for s in self.samples if 0 < s.size <= SMALL]

    @property
    def large(self) -> list[Sample]:
        """Samples that are split over threads."""
        return [s for s in self.samples if s.size >= LARGE]

    @property
    def empty(self) -> list[Sample]:
        """Samples with an array without elements."""
        return [s for s in self.samples if s.empty]


SMALL, LARGE = 3000, 100_000


def count(op: Op, what: str, cases: int = 1) -> None:
    """Note cases that ran and passed."""
    RAN[op.name, what] += cases


def flat(value: Any) -> list[Any]:
    """Spread what an op returned, without what was not asked for."""
    return [part for part in (value if isinstance(value, tuple) else (value,)) if part is not None]


def run(op: Op, sample: Sample, module: Any = F, **extra: Any) -> list[Array]:
    """Call the op; give its results and then what it changed. Arrays that it changes are its own."""
    returned = getattr(module, op.name)(**sample.arrays, **sample.options, **extra)
    changed = [sample.arrays[name] for name in sample.named(*WRITTEN)]
    return [np.asarray(part) for part in (*flat(returned), *changed)]


def expected(op: Op, sample: Sample, wide: Any = None) -> list[Array]:
    """Call the reference, in a wider dtype if one is given."""
    wider = sample.cast(wide) if wide else sample
    with np.errstate(all="ignore"):
        return run(op, wider.fresh(), R)


def same_bits(one: list[Array], other: list[Array]) -> bool:
    """Compare dtypes, shapes and every bit."""
    return len(one) == len(other) and all(
        a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        for a, b in zip(one, other, strict=True)
    )


@cache
def draw(shape: tuple[int, ...], seed: int = 0, kind: str = "normal") -> Array:
    """Draw numbers: normal, with many ties, with tails, positive, tiny or large ones.

    Samples share them, so nobody may write to them.
    """
    x: Array = np.random.default_rng((seed, *shape)).normal(size=shape)
    if kind == "ties":
        x = np.round(2 * x)
    elif kind == "positive":
        x = np.abs(x) + 0.1
    else:
        x = {"tails": 3.0, "tiny": 1e-3, "large": 1e3}.get(kind, 1.0) * x
    x = np.asarray(x)
    x.flags.writeable = False
    return x


KINDS = st.sampled_from(("normal", "ties", "tails", "tiny", "large"))
SEEDS = st.integers(0, 99)
