"""Boxes, frames and edges drawn with matplotlib."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hotloop.utils.layout import Edge, Key, Places, Point, place, ranked

__all__ = ["Box", "Group", "drawn"]

_TITLE, _TEXT, _PAD = 12.0, 10.0, 8.0  # points
_GAP, _RANK_GAP, _FRAME = 18.0, 26.0, 12.0


@dataclass
class Box:
    """A layer, or a model that stands for its layers: a title and rows of cells, each a text and a colour."""

    title: str
    rows: list[list[tuple[str, str]]] = field(default_factory=list)


@dataclass
class Group:
    """Boxes inside of one frame."""

    title: str
    boxes: dict[Key, Box] = field(default_factory=dict)
    groups: dict[Key, Group] = field(default_factory=dict)

    def keys(self) -> Iterator[Key]:
        """Yield every box inside, at any depth."""
        yield from self.boxes
        for group in self.groups.values():
            yield from group.keys()


def drawn(root: Group, edges: list[Edge], rankdir: str, dpi: int, kind: str) -> bytes:
    """Return a picture in a format that matplotlib writes.

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    try:
        from matplotlib import figure, font_manager, patches, path, textpath  # noqa: PLC0415
    except ImportError:
        msg = "a model is drawn by Graphviz or by matplotlib; install hotloop[plot]"
        raise ImportError(msg) from None

    def width(text: str, size: float, bold: bool) -> float:
        font = font_manager.FontProperties(weight="bold" if bold else "normal", size=size)
        return float(textpath.text_to_path.get_text_width_height_descent(text, font, False)[0])

    canvas = _Canvas(edges, rankdir in ("LR", "RL"), width)
    places = canvas.joined(root)
    wide, high = canvas.turned((places.width, places.height))
    margin = 10.0
    picture = figure.Figure(figsize=((wide + 2 * margin) / 72, (high + 2 * margin) / 72), dpi=dpi)
    axes = picture.add_axes((0, 0, 1, 1))
    axes.set_xlim(-margin, wide + margin)
    axes.set_ylim(high + margin, -margin)
    axes.set_axis_off()

    def point(at: Point) -> Point:
        x, y = canvas.turned(at)
        return (wide - x if rankdir == "RL" else x, high - y if rankdir == "BT" else y)

    def rectangle(x: float, y: float, w: float, h: float, **look: Any) -> None:
        axes.add_patch(
            patches.Rectangle((x, y), w, h, **{"edgecolor": "black", "linewidth": 0.8, **look})
        )

    def text(x: float, y: float, words: str, **look: Any) -> None:
        axes.text(
            x, y, words, **{"ha": "center", "va": "center_baseline", "fontsize": _TEXT, **look}
        )

    for key, (across, along, title) in canvas.frames.items():
        x, y = point(places.centres[key])
        w, h = canvas.turned((across, along))
        rectangle(
            x - w / 2, y - h / 2, w, h, facecolor="#f6f6f6", edgecolor="#777777", linestyle="--"
        )
        back = {"facecolor": "#f6f6f6", "edgecolor": "none", "pad": 1.5}
        corner = (x - w / 2 + _FRAME, y - h / 2 + _FRAME)
        text(*corner, title, ha="left", color="#444444", bbox=back, zorder=4)
    for edge in edges:
        points = [point(at) for at in canvas.route(places, edge)]
        steps, codes = _curve(points, canvas.sideways)
        axes.add_patch(
            patches.FancyArrowPatch(
                path=path.Path(steps, codes),
                arrowstyle="-|>",
                mutation_scale=9,
                linewidth=1.2,
                color="#333333",
                shrinkA=0,
                shrinkB=0,
            )
        )
    for key, box in canvas.boxes.items():
        x, y = point(places.centres[key])
        w, h = canvas.sizes[key]
        left, top = x - w / 2, y - h / 2
        row_height = _TITLE + 2 * _PAD
        rectangle(left, top, w, row_height, facecolor="black")
        text(x, top + row_height / 2, box.title, color="white", fontsize=_TITLE, weight="bold")
        top += row_height
        row_height = _TEXT + 1.5 * _PAD
        for row, widths in zip(box.rows, canvas.cells[key], strict=True):
            at = left
            for (words, colour), cell in zip(row, widths, strict=True):
                rectangle(at, top, cell, row_height, facecolor=colour)
                ink = "black" if colour == "white" else "white"
                text(at + cell / 2, top + row_height / 2, words, color=ink)
                at += cell
            top += row_height
    file = io.BytesIO()
    picture.savefig(file, format=kind, dpi=dpi, facecolor="white")
    return file.getvalue()


def _curve(points: list[Point], sideways: bool) -> tuple[list[Point], list[int]]:
    """Return a curve through points that leaves and enters each along the ranks."""
    steps, codes = [points[0]], [1]  # matplotlib's codes: 1 begins, 4 is a point of a cubic
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if sideways:
            between = [((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1)]
        else:
            between = [(x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2)]
        steps += [*between, (x1, y1)]
        codes += [4, 4, 4]
    return steps, codes


class _Canvas:
    """Sizes and places, in points; ranks that run sideways are laid out downwards and turned at last."""

    def __init__(self, edges: list[Edge], sideways: bool, width: Any) -> None:
        self.edges, self.sideways, self.width = edges, sideways, width
        self.boxes: dict[Key, Box] = {}
        self.sizes: dict[Key, tuple[float, float]] = {}
        self.cells: dict[Key, list[list[float]]] = {}
        self.frames: dict[Key, tuple[float, float, str]] = {}

    def turned(self, pair: Point) -> Point:
        """Return (x, y) or (width, height) of the layout in the picture, or back."""
        return (pair[1], pair[0]) if self.sideways else pair

    def _measure(self, key: Key, box: Box) -> None:
        rows = [[self.width(text, _TEXT, False) + 2 * _PAD for text, _ in row] for row in box.rows]
        width = max([self.width(box.title, _TITLE, True) + 2 * _PAD, *map(sum, rows)])
        self.cells[key] = [[w + (width - sum(row)) / len(row) for w in row] for row in rows]
        self.sizes[key] = (width, _TITLE + 2 * _PAD + len(rows) * (_TEXT + 1.5 * _PAD))

    def joined(self, group: Group, root: bool = True) -> Places:
        """Return the places of all boxes of a group, inner groups laid out first.

        The bends of an edge that begins or ends outside of the group lead to the group's own end.
        """
        self.boxes |= group.boxes
        for key, box in group.boxes.items():
            self._measure(key, box)
        inner = {key: self._framed(key, each) for key, each in group.groups.items()}
        sizes = {key: self.turned(self.sizes[key]) for key in group.boxes}
        sizes |= {key: (each.width, each.height) for key, each in inner.items()}
        homes: dict[Key, Key] = {key: key for key in group.boxes}
        for key, each in group.groups.items():
            homes |= dict.fromkeys(each.keys(), key)
        inside: dict[Edge, Edge] = {}
        leaving: dict[Edge, Edge] = {}
        entering: dict[Edge, Edge] = {}
        for a, b in self.edges:
            if a in homes and b in homes and homes[a] != homes[b]:
                inside[a, b] = (homes[a], homes[b])
            elif a in homes and b not in homes and not root:
                leaving[a, b] = (homes[a], ("leaves", homes[a]))
            elif b in homes and a not in homes and not root:
                entering[a, b] = (("enters", homes[b]), homes[b])
        plain = _without_cycles(list(dict.fromkeys(inside.values())))
        ranks = ranked(list(sizes), plain)
        # Only an edge that would cross a box on its way gets a way of its own.
        last = [b for a, b in dict.fromkeys(leaving.values()) if ranks[a] < max(ranks.values())]
        first = [a for a, b in dict.fromkeys(entering.values()) if ranks[b] > 0]
        further = [p for p in leaving.values() if p[1] in last]
        further += [p for p in entering.values() if p[0] in first]
        sizes |= dict.fromkeys([*first, *last], (2.0, 0.0))
        every = [*plain, *dict.fromkeys(further)]
        outer = place(sizes, every, _GAP, _RANK_GAP, first, last)
        for key, part in inner.items():
            x, y = outer.centres[key]
            _move(part, x - part.width / 2, y - part.height / 2)
        found = Places(outer.width, outer.height, dict(outer.centres))
        for part in inner.values():
            found.centres |= part.centres
            found.bends |= {
                e: p for e, p in part.bends.items() if e not in leaving and e not in entering
            }
        for edge, pair in [*inside.items(), *leaving.items(), *entering.items()]:
            begin = inner[homes[edge[0]]].bends.get(edge, []) if homes.get(edge[0]) in inner else []
            end = inner[homes[edge[1]]].bends.get(edge, []) if homes.get(edge[1]) in inner else []
            between = [*outer.bends.get(pair, [])]
            if pair[1] in last:
                between.append(outer.centres[pair[1]])
            elif pair[0] in first:
                between.insert(0, outer.centres[pair[0]])
            found.bends[edge] = [*begin, *between, *end]
        return found

    def _framed(self, key: Key, group: Group) -> Places:
        """Return the places of a group with room for its frame and its title."""
        places = self.joined(group, root=False)
        wide, high = self.turned((places.width, places.height))
        title = self.width(group.title, _TEXT, False) + 2 * _FRAME
        spare = max(0.0, title - wide - 2 * _FRAME) / 2
        _move(places, *self.turned((_FRAME + spare, _FRAME + _TEXT + 10)))
        size = self.turned((wide + 2 * (_FRAME + spare), high + 2 * _FRAME + _TEXT + 10))
        places.width, places.height = size
        self.frames[key] = (*size, group.title)
        return places

    def route(self, places: Places, edge: Edge) -> list[Point]:
        """Return the points that an edge goes through, from the end of a box to the begin of another."""
        (ax, ay), (bx, by) = (places.centres[key] for key in edge)
        half_a, half_b = (self.turned(self.sizes[key])[1] / 2 for key in edge)
        return [(ax, ay + half_a), *places.bends.get(edge, []), (bx, by - half_b)]


def _move(places: Places, dx: float, dy: float) -> None:
    places.centres = {key: (x + dx, y + dy) for key, (x, y) in places.centres.items()}
    places.bends = {
        edge: [(x + dx, y + dy) for x, y in points] for edge, points in places.bends.items()
    }


def _without_cycles(edges: list[Edge]) -> list[Edge]:
    """Leave out edges that close a cycle: a shared layer may read what it has led to."""
    kept: list[Edge] = []
    after: dict[Key, set[Key]] = {}
    for a, b in edges:
        if a in _reached(b, after):
            continue
        kept.append((a, b))
        after.setdefault(a, set()).add(b)
    return kept


def _reached(start: Key, after: dict[Key, set[Key]]) -> set[Key]:
    found, left = {start}, [start]
    while left:
        fresh = after.get(left.pop(), set()) - found
        found |= fresh
        left += fresh
    return found
