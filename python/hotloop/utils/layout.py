"""Places for the boxes of a graph: ranks, an order that crosses little, and columns.

Source: K. Sugiyama, S. Tagawa and M. Toda, "Methods for Visual Understanding of Hierarchical System Structures",
IEEE Trans. SMC 11, 1981. Columns are least squares under distances, by pooling neighbours that would overlap.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Key: TypeAlias = Hashable
Point: TypeAlias = tuple[float, float]
Edge: TypeAlias = tuple[Key, Key]

_SWEEPS = 12


@dataclass
class Places:
    """Centres of boxes and bends of edges, y downwards, in a picture of some size."""

    width: float = 0.0
    height: float = 0.0
    centres: dict[Key, Point] = field(default_factory=dict)
    bends: dict[Edge, list[Point]] = field(default_factory=dict)


def place(
    sizes: Mapping[Key, tuple[float, float]],
    edges: Sequence[Edge],
    gap: float,
    rank_gap: float,
    first: Sequence[Key] = (),
    last: Sequence[Key] = (),
) -> Places:
    """Return places for boxes (width, height) so that edges run downwards.

    Parameters
    ----------
    sizes : mapping
        Of each box; their order decides where nothing else does.
    edges : sequence of pairs
        Without cycles and repeats.
    gap, rank_gap : float
        Between boxes side by side, and between ranks.
    first, last : sequence of keys
        Boxes that belong to the first and to the last rank.
    """
    ranks = ranked(list(sizes), edges)
    ranks |= dict.fromkeys(first, 0) | dict.fromkeys(last, max(ranks.values(), default=0))
    rows, links, chains = _rows(ranks, edges)
    widths = {key: sizes[key][0] if key in sizes else gap / 2 for row in rows for key in row}
    _cross_less(rows, links)
    columns = _columns(rows, links, widths, gap)
    left = min((columns[k] - widths[k] / 2 for k in columns), default=0.0)
    right = max((columns[k] + widths[k] / 2 for k in columns), default=0.0)
    found = Places(width=right - left)
    tops: list[tuple[float, float]] = []
    y = 0.0
    for row in rows:
        height = max((sizes[key][1] for key in row if key in sizes), default=0.0)
        tops.append((y, y + height))
        for key in row:
            found.centres[key] = (columns[key] - left, y + height / 2)
        y += height + rank_gap
    found.height = max(y - rank_gap, 0.0)
    for edge, between in chains.items():
        points = found.bends[edge] = []
        for rank, key in enumerate(between, ranks[edge[0]] + 1):
            x = found.centres.pop(key)[0]
            points += [(x, tops[rank][0]), (x, tops[rank][1])]
    return found


def ranked(keys: list[Key], edges: Sequence[Edge]) -> dict[Key, int]:
    """Return the longest way from a start to each box; a start stands just above what reads it."""
    above: dict[Key, list[Key]] = {key: [] for key in keys}
    below: dict[Key, list[Key]] = {key: [] for key in keys}
    for a, b in edges:
        above[b].append(a)
        below[a].append(b)
    ranks: dict[Key, int] = {}
    open_ones = {key: len(above[key]) for key in keys}
    ready = [key for key in keys if not open_ones[key]]
    while ready:
        key = ready.pop()
        ranks[key] = max((ranks[a] + 1 for a in above[key]), default=0)
        for b in below[key]:
            open_ones[b] -= 1
            if not open_ones[b]:
                ready.append(b)
    for key in keys:
        if not above[key] and below[key]:
            ranks[key] = min(ranks[b] for b in below[key]) - 1
    return {key: ranks[key] for key in keys}


def _rows(
    ranks: Mapping[Key, int], edges: Sequence[Edge]
) -> tuple[list[list[Key]], list[Edge], dict[Edge, list[Key]]]:
    """Return the boxes of each rank, with a place for each edge that passes it, and the links between ranks."""
    rows: list[list[Key]] = [[] for _ in range(max(ranks.values(), default=-1) + 1)]
    for key, rank in ranks.items():
        rows[rank].append(key)
    links: list[Edge] = []
    chains: dict[Edge, list[Key]] = {}
    for edge in edges:
        a, b = edge
        between: list[Key] = [("passes", edge, rank) for rank in range(ranks[a] + 1, ranks[b])]
        for rank, key in enumerate(between, ranks[a] + 1):
            rows[rank].append(key)
        ends = [a, *between, b]
        links += list(itertools.pairwise(ends))
        if between:
            chains[edge] = between
    return rows, links, chains


def _neighbours(links: Sequence[Edge], down: bool) -> dict[Key, list[Key]]:
    found: dict[Key, list[Key]] = {}
    for a, b in links:
        key, other = (b, a) if down else (a, b)
        found.setdefault(key, []).append(other)
    return found


def _cross_less(rows: list[list[Key]], links: Sequence[Edge]) -> None:
    """Sort each rank by the mean place of what its boxes are linked to, and keep the best order."""
    best, fewest = [list(row) for row in rows], _crossings(rows, links)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        beside = _neighbours(links, down)
        for i in range(len(rows)) if down else reversed(range(len(rows))):
            at = {key: j for row in rows for j, key in enumerate(row)}
            means = {
                key: sum(at[b] for b in beside[key]) / len(beside[key])
                if key in beside
                else at[key]
                for key in rows[i]
            }
            rows[i].sort(key=lambda key, means=means: means[key])  # type: ignore[misc]
        crossed = _crossings(rows, links)
        if crossed < fewest:
            best, fewest = [list(row) for row in rows], crossed
    rows[:] = best


def _crossings(rows: Sequence[Sequence[Key]], links: Sequence[Edge]) -> int:
    rank = {key: (i, j) for i, row in enumerate(rows) for j, key in enumerate(row)}
    by_row: dict[int, list[tuple[int, int]]] = {}
    for a, b in links:
        by_row.setdefault(rank[a][0], []).append((rank[a][1], rank[b][1]))
    pairs = (sorted(each) for each in by_row.values())
    return sum(
        b > d for each in pairs for i, (a, b) in enumerate(each) for c, d in each[i + 1 :] if a < c
    )


def _columns(
    rows: Sequence[Sequence[Key]], links: Sequence[Edge], widths: Mapping[Key, float], gap: float
) -> dict[Key, float]:
    """Return the centre of each box: near the weighted mean of what it is linked to, without overlaps."""
    columns: dict[Key, float] = {}
    for row in rows:
        x = 0.0
        for key in row:
            columns[key] = x + widths[key] / 2
            x += widths[key] + gap
        for key in row:
            columns[key] -= (x - gap) / 2
    degrees = {key: len(others) for key, others in _both(links).items()}

    def pull(a: Key, b: Key) -> float:
        """Return how much an edge wants to be straight: most where it passes, then in a chain."""
        passing = isinstance(a, tuple) + isinstance(b, tuple)
        return (1.0, 2.0, 8.0)[passing] * (3.0 if degrees[a] <= 2 and degrees[b] <= 2 else 1.0)

    for sweep in range(6 * _SWEEPS):
        down = sweep % 2 == 0
        beside = _neighbours(links, down) if sweep < 2 else _both(links)
        for row in rows if down else reversed(rows):
            wanted, weights = [], []
            for key in row:
                pulls = [(columns[b], pull(key, b)) for b in beside.get(key, ())]
                total = sum(weight for _, weight in pulls)
                wanted.append(sum(x * w for x, w in pulls) / total if pulls else columns[key])
                weights.append(total or 1.0)
            for key, x in zip(row, _apart(row, wanted, weights, widths, gap), strict=True):
                columns[key] = x
    return columns


def _both(links: Sequence[Edge]) -> dict[Key, list[Key]]:
    found = _neighbours(links, True)
    for key, others in _neighbours(links, False).items():
        found.setdefault(key, []).extend(others)
    return found


def _apart(
    row: Sequence[Key],
    wanted: Sequence[float],
    weights: Sequence[float],
    widths: Mapping[Key, float],
    gap: float,
) -> list[float]:
    """Return the places nearest to the wanted ones at which boxes do not overlap."""
    shifts = [0.0]
    for a, b in itertools.pairwise(row):
        shifts.append(shifts[-1] + (widths[a] + widths[b]) / 2 + gap)
    pools: list[tuple[float, float, int]] = []  # sum of weighted places, of weights, boxes
    for x, weight, shift in zip(wanted, weights, shifts, strict=False):
        pool = ((x - shift) * weight, weight, 1)
        while pools and pools[-1][0] / pools[-1][1] > pool[0] / pool[1]:
            before = pools.pop()
            pool = (before[0] + pool[0], before[1] + pool[1], before[2] + pool[2])
        pools.append(pool)
    means = [total / weight for total, weight, count in pools for _ in range(count)]
    return [mean + shift for mean, shift in zip(means, shifts, strict=False)]
