"""Names that no two layers of a model may share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar


class Names:
    """Names that are taken, and the first free one of a stem: n of one stem take n steps in all.

    Examples
    --------
    >>> names = Names(["dense"])
    >>> names.free("dense")
    'dense_1'
    >>> names.add("dense_1")
    >>> names.free("dense"), names.free("flatten")
    ('dense_2', 'flatten')
    """

    # Grows when a layer in a model gets another name: what was collected before is out of date.
    changes: ClassVar[int] = 0

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        """Whether a name is taken."""
        return name in self._taken

    def add(self, name: str) -> None:
        """Take a name."""
        self._taken.add(name)

    def free(self, stem: str) -> str:
        """Return ``stem``, or the first free one of ``stem_1``, ``stem_2``, ..."""
        count = self._next.get(stem, 0)
        while (name := f"{stem}_{count}" if count else stem) in self._taken:
            count += 1
        self._next[stem] = count
        return name
