"""What a gradient check found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass
class ArrayCheck:
    """One array whose gradient was compared.

    Attributes
    ----------
    name : str
        ``"dense_1/bias"`` for a weight, ``"dense_1/input"`` for the input of a layer, ``"mse/output"`` for the
        outputs that a loss sees.
    shape : tuple of int
        Its shape.
    checked : int
        Number of elements compared.
    difference : float
        The largest ``|analytic - numeric|``, divided by the largest of both; where those are no larger than
        rounding, by what makes rounding pass.
    ok : bool
        Whether `difference` is within the tolerance.
    faults : list of str
        What is wrong, in words; empty when `ok`.
    notes : list of str
        What was left out, such as elements with a kink within h.
    """

    name: str
    shape: tuple[int, ...]
    checked: int = 0
    difference: float = 0.0
    ok: bool = True
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def fail(self, fault: str) -> None:
        """Add a fault."""
        self.ok = False
        if fault not in self.faults:
            self.faults.append(fault)


class GradientReport:
    """What `gradient_check` found: an entry for each array, and the faults in words.

    Parameters
    ----------
    target : str
        What was checked.
    arrays : sequence of ArrayCheck
        The entries.

    Attributes
    ----------
    arrays : list of ArrayCheck
        In the order checked; ``report["dense_1/bias"]`` finds one.
    """

    def __init__(self, target: str, arrays: Sequence[ArrayCheck]) -> None:
        self.target = target
        self.arrays = list(arrays)

    @property
    def ok(self) -> bool:
        """Whether every gradient is right."""
        return all(entry.ok for entry in self.arrays)

    @property
    def faults(self) -> list[str]:
        """What is wrong, in words: ``"dense_1/bias: analytic is 32 times numeric: ..."``."""
        return [f"{entry.name}: {fault}" for entry in self.arrays for fault in entry.faults]

    @property
    def notes(self) -> list[str]:
        """What was left out, in words; no fault."""
        return [f"{entry.name}: {note}" for entry in self.arrays for note in entry.notes]

    @property
    def difference(self) -> float:
        """The largest relative difference of all arrays."""
        return max((entry.difference for entry in self.arrays), default=0.0)

    def __bool__(self) -> bool:
        """Return `ok`, so that a test may say ``assert gradient_check(...)``."""
        return self.ok

    def __len__(self) -> int:
        """Return the number of arrays."""
        return len(self.arrays)

    def __iter__(self) -> Iterator[ArrayCheck]:
        """Go over the entries."""
        return iter(self.arrays)

    def __getitem__(self, name: str) -> ArrayCheck:
        """Return the entry of an array by name; a KeyError lists the names."""
        for entry in self.arrays:
            if entry.name == name:
                return entry
        msg = f"no array {name!r}; there are {[entry.name for entry in self.arrays]}"
        raise KeyError(msg)

    def __str__(self) -> str:
        """Return a table, and the faults and notes below it."""
        verdict = "every gradient is right" if self.ok else "a gradient is wrong"
        wide = max((len(entry.name) for entry in self.arrays), default=0)
        shapes = [str(entry.shape) for entry in self.arrays]
        wide_shape = max(map(len, shapes), default=0)
        lines = [f"gradient check of {self.target}: {verdict}"]
        for entry, shape in zip(self.arrays, shapes, strict=True):
            mark = "ok" if entry.ok else "WRONG"
            lines.append(
                f"  {entry.name:<{wide}}  {shape:<{wide_shape}}  {entry.checked:>5} checked  "
                f"difference {entry.difference:.1e}  {mark}"
            )
        lines += [f"fault: {fault}" for fault in self.faults]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)

    __repr__ = __str__
