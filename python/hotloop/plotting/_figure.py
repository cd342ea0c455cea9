"""What the pictures share: colours, new figures, grids of panels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito, "Color Universal Design", 2008: told apart by the colour-blind. Yellow comes last, since a thin
# yellow line is lost on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
# With the colours, so that a picture also works in grey.
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")

# 800 pixels, what a page or a notebook shows without scaling.
WIDTH = 8.0
DPI = 100


def pyplot() -> Any:
    """Return matplotlib.pyplot; an ImportError names the extra."""
    try:
        from matplotlib import pyplot as plt  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        msg = "plotting needs matplotlib: pip install 'hotloop[plot]'"
        raise ImportError(msg) from error
    return plt


def new_axes(rows: int, columns: int, width: float, height: float, count: int) -> list[Axes]:
    """Return `count` axes of a new pyplot figure of so many inches, row by row."""
    figure, made = pyplot().subplots(
        rows,
        columns,
        figsize=(width, height),
        dpi=DPI,
        layout="constrained",
        squeeze=False,
    )
    # Matplotlib's own margin is too narrow for the labels of an image, whose sides are of one scale.
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08, wspace=0.0, hspace=0.0)
    axes = list(made.ravel())
    for spare in axes[count:]:
        figure.delaxes(spare)
    return axes[:count]


def one_axes(ax: Axes | None, width: float, height: float) -> Axes:
    """Return `ax`, or the axes of a new figure."""
    return new_axes(1, 1, width, height, 1)[0] if ax is None else ax


@dataclass(frozen=True)
class Legend:
    """A legend that stands above what is drawn, and hides nothing.

    Attributes
    ----------
    columns : int
        Entries side by side.
    share : float
        The room that it takes, as a share of the height of what is drawn below it.
    fontsize : float
        Of its text.
    """

    columns: int
    share: float
    fontsize: float

    def draw(self, ax: Axes, place: Any = "upper center") -> None:
        """Draw it at the top."""
        ax.legend(
            loc=place,
            ncol=self.columns,
            fontsize=self.fontsize,
            frameon=True,
            framealpha=0.9,
            columnspacing=1.2,
        )


def legend_for(ax: Axes, labels: Sequence[str]) -> Legend:
    """Return a legend of these labels that fits the width of `ax`."""
    box = ax.get_window_extent()
    points = 72 / ax.figure.dpi
    width, height = max(box.width * points, 60.0), max(box.height * points, 60.0)
    # A letter is some 0.6 of the font's size, and the sample of the line beside it 3.5 letters.
    fontsize = 9.0 if width > 220 else 8.0
    entry = fontsize * (0.6 * max(map(len, labels), default=0) + 4.0)
    columns = max(1, min(len(labels), int(width / entry)))
    rows = -(-len(labels) // columns)
    columns = -(-len(labels) // rows) if rows else 1
    needed = min(fontsize * (1.5 * rows + 1.4), 0.6 * height)
    return Legend(columns, needed / (height - needed), fontsize)


def legend_above(ax: Axes) -> None:
    """Make room above what is drawn, and put the legend there."""
    legend = legend_for(ax, ax.get_legend_handles_labels()[1])
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + (high - low) * legend.share)
    legend.draw(ax)


def grid(
    op: str,
    ax: Any,
    count: int,
    columns: int,
    figsize: Callable[[int, int], tuple[float, float]],
    gaps: tuple[float, float],
) -> tuple[list[Axes], Any]:
    """Return `count` panels, row by row, and what the caller answers.

    Parameters
    ----------
    op : str
        Named in errors.
    ax : None, Axes or sequence of Axes
        None makes a figure, a sequence gives a panel each, a single one is divided into insets.
    count, columns : int
        Panels, and how many of them stand side by side.
    figsize : callable
        ``figsize(rows, columns) -> (width, height)`` in inches, asked for a new figure.
    gaps : (float, float)
        Between columns and between rows, as a share of a panel, when `ax` is divided.
    """
    if isinstance(ax, Sequence | np.ndarray):
        targets = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(targets) < count:
            msg = f"plotting.{op}: {count} panels need as many axes, but got {len(targets)}"
            raise ValueError(msg)
        return targets[:count], np.array(targets[:count], dtype=object)
    rows = -(-count // columns)
    if ax is None:
        targets = new_axes(rows, columns, *figsize(rows, columns), count)
        return targets, np.array(targets, dtype=object)
    if count == 1:
        return [ax], ax
    ax.set_axis_off()
    wide = 1 / (columns + (columns - 1) * gaps[0])
    high = 1 / (rows + (rows - 1) * gaps[1])
    places = [divmod(i, columns) for i in range(count)]
    insets = [
        ax.inset_axes((j * wide * (1 + gaps[0]), 1 - high - i * high * (1 + gaps[1]), wide, high))
        for i, j in places
    ]
    return insets, ax


def tidy(ax: Axes) -> None:
    """Draw a pale grid behind the curves, and no frame above and to the right."""
    ax.grid(visible=True, color="0.88", linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def values_of(f: Callable[..., Any], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the numbers that `f` gives, asked for all points at once where it can be.

    Functions written for one number, such as those that use ``math`` or ``if``, are asked point by point.
    """
    try:
        together = np.asarray(f(points), dtype=np.float64)
    except (TypeError, ValueError):
        together = np.empty(0)
    if together.shape == points.shape:
        return together
    return np.array([np.asarray(f(point), dtype=np.float64).item() for point in points.tolist()])
