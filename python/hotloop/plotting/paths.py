"""Functions, and the paths of descents on them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotloop.plotting._figure import (
    COLOURS,
    LINES,
    MARKERS,
    legend_above,
    legend_for,
    one_axes,
    tidy,
    values_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


def function(
    f: Any,
    interval: tuple[float, float] = (-5.0, 5.0),
    *,
    points: int = 401,
    ax: Axes | None = None,
) -> Axes:
    """Draw functions of one variable over an interval.

    Parameters
    ----------
    f : callable, str, or a mapping or sequence of them
        ``f(x)``, on arrays or on single numbers; a name of `hotloop.activations`, such as ``"relu"``. A mapping
        gives the names in the legend.
    interval : (float, float)
        Ends of the axis.
    points : int
        Points at which `f` is asked.
    ax : Axes, optional
        By default those of a new pyplot figure.

    Returns
    -------
    Axes

    Raises
    ------
    ImportError
        matplotlib is missing.
    ValueError
        The interval is empty, there is no function, or a name is unknown.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = function(["sigmoid", "relu"], (-2, 2), ax=Figure().subplots())
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['sigmoid', 'relu']
    """
    low, high = map(float, interval)
    if not low < high or not np.isfinite([low, high]).all():
        msg = f"plotting.function: the interval must have two ends, the lower first, got {interval}"
        raise ValueError(msg)
    named = _named(f)
    if not named:
        msg = "plotting.function: there is no function to draw"
        raise ValueError(msg)
    ax = one_axes(ax, 6.0, 3.8)
    x = np.linspace(low, high, points)
    for i, (name, one) in enumerate(named.items()):
        y = values_of(one, x)
        # A line through a jump would be no part of the function.
        ax.plot(
            *_broken(x, y),
            color=COLOURS[i % len(COLOURS)],
            linestyle=LINES[i % len(LINES)],
            linewidth=2.0,
            label=name,
        )
    ax.set_xlim(low, high)
    ax.set_xlabel("x")
    ax.set_ylabel("f(x)" if len(named) > 1 or "" in named else f"{next(iter(named))}(x)")
    tidy(ax)
    if len(named) > 1:
        legend_above(ax)
    return ax


def _named(f: Any) -> dict[str, Callable[..., Any]]:
    """Return the functions by name, '' for one without a name."""
    if isinstance(f, Mapping):
        return {str(name): _callable(one) for name, one in f.items()}
    several = [f] if isinstance(f, str) or callable(f) else list(f)
    named: dict[str, Callable[..., Any]] = {}
    for i, one in enumerate(several):
        name = one if isinstance(one, str) else getattr(one, "__name__", "")
        if name == "<lambda>" or not name:
            name = "" if len(several) == 1 else f"f{i + 1}"
        named[name if name not in named else f"{name} {i + 1}"] = _callable(one)
    return named


def _callable(f: Any) -> Callable[..., Any]:
    if isinstance(f, str):
        from hotloop import activations  # noqa: PLC0415 - only names need it

        found: Callable[..., Any] = activations.get(f)
        return found
    if not callable(f):
        msg = f"plotting.function: {f!r} is no function"
        raise ValueError(msg)
    return f  # type: ignore[no-any-return]


def _broken(x: Array, y: Array) -> tuple[Array, Array]:
    """Put a gap where the function jumps: one step holds a fifth of its whole range, its neighbours nothing."""
    finite = y[np.isfinite(y)]
    reach = float(np.ptp(finite)) if finite.size else 0.0
    steps = np.abs(np.diff(y))
    around = np.pad(steps, 1)
    beside = np.maximum(around[:-2], around[2:])
    jumps = np.flatnonzero((steps > 0.2 * reach) & (beside < 0.01 * steps)) + 1
    return np.insert(x, jumps, np.nan), np.insert(y, jumps, np.nan)


def descent_path(
    f: Callable[..., Any],
    path: ArrayLike | Mapping[str, ArrayLike],
    *,
    bounds: Any = None,
    resolution: int = 101,
    levels: int = 16,
    ax: Axes | None = None,
) -> Axes:
    """Draw the way of a descent on its function: along a curve, or over contour lines.

    Parameters
    ----------
    f : callable
        Of one variable, ``f(x)``; or of two, as ``f(array([x0, x1]))`` or ``f(x0, x1)``.
    path : array_like or mapping
        The places in turn, ``(T,)`` for one variable and ``(T, 2)`` for two; several by name. Places that
        have left the numbers (overflow, NaN) end a path.
    bounds : tuple, optional
        ``(low, high)`` for one variable, ``((low, high), (low, high))`` for two; by default around the paths.
    resolution : int
        Points a side at which `f` is asked; four times as many for one variable.
    levels : int
        Number of contour lines.
    ax : Axes, optional
        By default those of a new pyplot figure.

    Returns
    -------
    Axes

    Raises
    ------
    ImportError
        matplotlib is missing.
    ValueError
        A path is empty, or of neither shape.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = descent_path(lambda x: x**2, [4.0, 2.0, 1.0], ax=Figure().subplots())
    >>> ax.lines[1].get_ydata().tolist()
    [16.0, 4.0, 1.0]
    """
    named = path if isinstance(path, Mapping) else {"": path}
    ways = {str(name): _places(given) for name, given in named.items()}
    sizes = {way.shape[1] for way in ways.values()}
    if len(sizes) != 1:
        msg = f"plotting.descent_path: all paths must be of one or of two variables, got {sorted(sizes)}"
        raise ValueError(msg)
    flat = sizes == {1}
    box = _bounds(list(ways.values()), bounds)
    ax = one_axes(ax, 6.0, 4.0 if flat else 4.6)
    legend = legend_for(ax, list(ways)) if len(ways) > 1 or "" not in ways else None
    if flat:
        _curve(ax, f, ways, box[0], 4 * resolution)
        if legend is not None:
            legend_above(ax)
        return ax
    _contours(ax, f, ways, box, resolution, levels)
    if legend is not None and bounds is None:
        # Above the contours, of which it hides none.
        low, high = box[1]
        ax.set_ylim(low, high + (high - low) * legend.share)
    if legend is not None:
        legend.draw(ax, "best" if bounds is not None else "upper center")
    return ax


def _places(given: ArrayLike) -> Array:
    """Return a path as ``(T, 1)`` or ``(T, 2)``, as far as it stays among the numbers."""
    way = np.asarray(given, dtype=np.float64)
    shape = way.shape
    if way.ndim == 1:
        way = way[:, np.newaxis]
    if way.ndim != 2 or way.shape[1] not in (1, 2) or not len(way):
        msg = f"plotting.descent_path: a path must be (T,) or (T, 2) and not empty, got {shape}"
        raise ValueError(msg)
    lost = np.flatnonzero(~np.isfinite(way).all(axis=1))
    way = way[: lost[0]] if lost.size else way
    if not len(way):
        msg = "plotting.descent_path: a path starts at NaN or infinity"
        raise ValueError(msg)
    return way


def _bounds(ways: Sequence[Array], bounds: Any) -> list[tuple[float, float]]:
    """Return the ends of each axis, as given or around all places."""
    size = ways[0].shape[1]
    if bounds is not None:
        ends = np.asarray(bounds, dtype=np.float64).reshape(-1, 2)
        if len(ends) != size or not (ends[:, 0] < ends[:, 1]).all():
            msg = f"plotting.descent_path: bounds must be (low, high) for each of {size} variables, got {bounds}"
            raise ValueError(msg)
        return [(float(low), float(high)) for low, high in ends]
    every = np.concatenate(ways)
    low, high = every.min(axis=0), every.max(axis=0)
    # The shorter side of a plane gets at least a third of the longer: a straight path is no line picture.
    reach = np.maximum(high - low, (high - low).max() / 3)
    reach[reach == 0] = 1.0
    middle = (low + high) / 2
    half = 0.62 * reach
    return [(float(a), float(b)) for a, b in zip(middle - half, middle + half, strict=True)]


def _style(i: int, name: str, count: int) -> dict[str, Any]:
    """Return how path number `i` is drawn: places as dots, as long as they can be told apart."""
    return {
        "color": COLOURS[(i + 1) % len(COLOURS)],
        "marker": MARKERS[i % len(MARKERS)],
        "markersize": 4.5 if count <= 60 else 3.0,
        "linewidth": 1.2,
        "linestyle": LINES[i % len(LINES)],
        "label": name or None,
        "zorder": 3,
    }


def _curve(
    ax: Axes,
    f: Callable[..., Any],
    ways: dict[str, Array],
    ends: tuple[float, float],
    points: int,
) -> None:
    """Draw f and the places on it."""
    x = np.linspace(*ends, points)
    ax.plot(x, values_of(f, x), color=COLOURS[0], linewidth=2.0)
    for i, (name, way) in enumerate(ways.items()):
        places = way[:, 0]
        heights = values_of(f, places)
        ax.plot(places, heights, **_style(i, name, len(places)))
        _ends(ax, places, heights, i)
    ax.set_xlim(ends)
    ax.set_xlabel("x")
    ax.set_ylabel("f(x)")
    tidy(ax)


def _ends(ax: Axes, x: Array, y: Array, i: int) -> None:
    """Mark where a path starts (a ring) and where it ends (a star)."""
    colour = COLOURS[(i + 1) % len(COLOURS)]
    ax.scatter(x[0], y[0], s=70, facecolors="white", edgecolors=colour, linewidths=1.8, zorder=4)
    ax.scatter(x[-1], y[-1], s=130, marker="*", color=colour, edgecolors="black", zorder=5)


def _contours(
    ax: Axes,
    f: Callable[..., Any],
    ways: dict[str, Array],
    box: list[tuple[float, float]],
    resolution: int,
    levels: int,
) -> None:
    """Draw contour lines of f and the paths over them."""
    sides = [np.linspace(*ends, resolution) for ends in box]
    plane = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    two = _takes_two(f)
    heights = np.array(
        [np.asarray(f(*place) if two else f(place), dtype=np.float64).item() for place in plane]
    ).reshape(resolution, resolution)
    ax.contourf(*sides, heights, levels=levels, cmap="Greys", alpha=0.35)
    ax.contour(*sides, heights, levels=levels, colors="0.55", linewidths=0.7)
    for i, (name, way) in enumerate(ways.items()):
        ax.plot(*way.T, **_style(i, name, len(way)))
        _ends(ax, way[:, 0], way[:, 1], i)
    ax.set_xlim(box[0])
    ax.set_ylim(box[1])
    ax.set_xlabel("x0")
    ax.set_ylabel("x1")


def _takes_two(f: Callable[..., Any]) -> bool:
    """Whether f is called as ``f(x0, x1)``."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return False
    needed = [
        p
        for p in parameters
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
    ]
    return len(needed) == 2
