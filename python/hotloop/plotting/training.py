"""The curves of a training, and of several beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hotloop.plotting._figure import (
    COLOURS,
    LINES,
    MARKERS,
    WIDTH,
    legend_above,
    new_axes,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    Curves = Mapping[str, Sequence[float]]

_MARKERS_UP_TO = 30


def history(history: Any, ax: Axes | Sequence[Axes] | None = None) -> Any:
    """Draw what `fit` recorded, a panel for the loss and one for each metric, over the epochs.

    Parameters
    ----------
    history : History or mapping
        What `fit` returned, or a dict of lists such as its ``history``; ``val_`` keys go into the panel of their
        metric. Or several of these in a dict, ``{"SGD": history, "Adam": another}``: a colour for each, and
        what was measured on validation data dashed.
    ax : Axes or sequence of Axes, optional
        The axes to draw in, one for each panel, the loss first; a single one gets the first panel alone. By
        default a new pyplot figure, 800 pixels wide for two panels.

    Returns
    -------
    Axes or ndarray of Axes
        The axes drawn in, in the form that `ax` had; an array when `ax` was None.

    Raises
    ------
    ImportError
        matplotlib is missing.
    ValueError
        There is nothing to draw, or `ax` has fewer axes than there are panels.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> axes = history({"loss": [1.0, 0.4], "val_loss": [1.1, 0.6], "accuracy": [0.6, 0.9]})
    >>> [panel.get_ylabel() for panel in axes]
    ['loss', 'accuracy']
    """
    runs = _runs(history)
    names = list(dict.fromkeys(name for curves, _ in runs.values() for name in panels(curves)))
    names.sort(key=lambda name: name != "loss")
    if not names:
        keys = [key for curves, _ in runs.values() for key in curves]
        msg = f"plotting.history: nothing to draw: no metric has a value (keys: {keys})"
        raise ValueError(msg)
    if ax is None:
        rows, columns = -(-len(names) // 2), min(2, len(names))
        height = 3.4 if rows == 1 else 3.0 * rows
        targets = new_axes(rows, columns, WIDTH / 2 * columns, height, len(names))
    elif isinstance(ax, Sequence | np.ndarray):
        targets = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(targets) < len(names):
            msg = f"plotting.history: {len(names)} panels ({', '.join(names)}) need as many axes, but got {len(targets)}"
            raise ValueError(msg)
    else:
        _panel(ax, names[0], runs)
        return ax
    for target, name in zip(targets, names, strict=False):
        _panel(target, name, runs)
    return np.array(targets[: len(names)], dtype=object)


def panels(curves: Curves) -> list[str]:
    """Return the panels that `history` draws of `curves`, the loss first."""
    names = [name.removeprefix("val_") for name in curves if len(curves[name])]
    return sorted(dict.fromkeys(names), key=lambda name: name != "loss")


def _runs(given: Any) -> dict[str, tuple[Curves, Mapping[str, list[int]]]]:
    """Return curves and their epochs of each run by name; a run alone has the name ''."""
    curves = getattr(given, "history", given)
    several = bool(curves) and all(
        isinstance(getattr(run, "history", run), Mapping) for run in curves.values()
    )
    found: dict[str, tuple[Curves, Mapping[str, list[int]]]] = {}
    for name, run in (curves if several else {"": given}).items():
        own = getattr(run, "history", run)
        # A history of Keras has one list of epochs for all.
        epochs = {key: list(getattr(run, "epoch", ())) for key in own}
        found[str(name)] = own, getattr(run, "epochs", epochs)
    return found


def _panel(ax: Axes, name: str, runs: dict[str, tuple[Curves, Mapping[str, list[int]]]]) -> None:
    """Draw one metric of every run, of the training and of the validation data."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - an extra, and slow to import

    for i, (run, (curves, epochs)) in enumerate(runs.items()):
        for j, (key, kind) in enumerate(((name, "train"), (f"val_{name}", "validation"))):
            values = curves.get(key, ())
            if not len(values):
                continue
            known = epochs.get(key, [])
            places = [e + 1 for e in (known if len(known) == len(values) else range(len(values)))]
            # A colour for each run; where there is one alone, for the two kinds of data.
            style = i if run else j
            ax.plot(
                places,
                values,
                label=kind if not run else run if not (j and len(curves.get(name, ()))) else None,
                color=COLOURS[style % len(COLOURS)],
                linestyle=LINES[j],
                linewidth=1.8,
                marker=MARKERS[style % len(MARKERS)],
                markersize=4 if len(values) <= _MARKERS_UP_TO else 0,
                markerfacecolor="white" if run and j else None,
            )
    ax.set_xlabel("epoch")
    ax.set_ylabel(name.replace("_", " "))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(ax)
    if "" in runs:
        ax.legend(frameon=False)
    else:
        if any(len(curves.get(f"val_{name}", ())) for curves, _ in runs.values()):
            ax.plot([], [], color="0.3", linestyle=LINES[1], label="validation")
        legend_above(ax)
