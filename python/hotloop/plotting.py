"""Pictures of training. Needs matplotlib: ``pip install 'hotloop[plot]'``.

Each function takes ``ax=``, returns the axes and never calls ``show()``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["history"]

# Blue and vermilion of Okabe and Ito, "Color Universal Design", 2008: told apart by the colour-blind and, with
# the line styles, in grey.
_TRAIN = {"color": "#0072B2", "linestyle": "-", "marker": "o"}
_VALIDATION = {"color": "#D55E00", "linestyle": "--", "marker": "s"}
_MARKERS_UP_TO = 30


def history(history: Any, ax: Axes | Sequence[Axes] | None = None) -> Any:
    """Draw what `fit` recorded, a panel for the loss and one for each metric, over the epochs.

    Parameters
    ----------
    history : History or mapping of str to sequence of float
        What `fit` returned, or a dict of lists such as its ``history``; ``val_`` keys go into the panel of their
        metric.
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
    curves: Mapping[str, Sequence[float]] = getattr(history, "history", history)
    epochs = list(getattr(history, "epoch", ()))
    names = panels(curves)
    if not names:
        msg = f"plotting.history: nothing to draw: no metric has a value (keys: {list(curves)})"
        raise ValueError(msg)
    if ax is None:
        try:
            from matplotlib import pyplot as plt  # noqa: PLC0415 - an extra, and slow to import
        except ImportError as error:
            msg = "plotting needs matplotlib: pip install 'hotloop[plot]'"
            raise ImportError(msg) from error
        _, axes = plt.subplots(
            1,
            len(names),
            figsize=(4 * len(names), 3.4),
            dpi=100,
            layout="constrained",
            squeeze=False,
        )
        targets = list(axes[0])
    elif isinstance(ax, Sequence | np.ndarray):
        targets = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(targets) < len(names):
            msg = f"plotting.history: {len(names)} panels ({', '.join(names)}) need as many axes, but got {len(targets)}"
            raise ValueError(msg)
    else:
        _panel(ax, names[0], curves, epochs)
        return ax
    for target, name in zip(targets, names, strict=False):
        _panel(target, name, curves, epochs)
    return np.array(targets[: len(names)], dtype=object)


def panels(curves: Mapping[str, Sequence[float]]) -> list[str]:
    """Return the panels that `history` draws of `curves`, the loss first."""
    names = [name.removeprefix("val_") for name in curves if len(curves[name])]
    return sorted(dict.fromkeys(names), key=lambda name: name != "loss")


def _panel(ax: Axes, name: str, curves: Mapping[str, Sequence[float]], epochs: list[int]) -> None:
    """Draw one metric, of the training and of the validation data."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - as above

    for key, label, style in ((name, "train", _TRAIN), (f"val_{name}", "validation", _VALIDATION)):
        values = curves.get(key, ())
        if not len(values):
            continue
        first = epochs[0] + 1 if len(epochs) == len(values) else 1
        marks = (
            {"markersize": 4, "linewidth": 1.8}
            if len(values) <= _MARKERS_UP_TO
            else {"markersize": 0}
        )
        ax.plot(range(first, first + len(values)), values, label=label, **style, **marks)  # type: ignore[arg-type]
    ax.set_xlabel("epoch")
    ax.set_ylabel(name.replace("_", " "))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(visible=True, color="0.88", linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.legend(frameon=False)
