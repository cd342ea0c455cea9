"""Classes: which are taken for which, and where the borders between them lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotloop._support.quoting import quoted
from hotloop.plotting._figure import COLOURS, MARKERS, legend_for, one_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[Any]
_NORMALIZE = (None, "true", "pred", "all")


def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike | None = None,
    *,
    labels: Sequence[Any] | None = None,
    normalize: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often each true class (rows) was answered with each class (columns).

    Parameters
    ----------
    y_true, y_pred : array_like
        Class ids ``(N,)`` or rows ``(N, K)`` whose largest element is the class. Without `y_pred`, `y_true` is
        the matrix itself, ``(K, K)``.
    labels : sequence, optional
        Names of the classes in order.
    normalize : str, optional
        ``"true"`` divides by the rows' sums, ``"pred"`` by the columns', ``"all"`` by the sum of all.
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
        The lengths differ, the matrix is not square, names are too few, or `normalize` is unknown.

    Notes
    -----
    Follows sklearn.metrics.ConfusionMatrixDisplay, without needing it.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = confusion_matrix([0, 1, 1], [0, 1, 0], ax=Figure().subplots())
    >>> [text.get_text() for text in ax.texts]
    ['1', '0', '1', '1']
    """
    from hotloop import metrics  # noqa: PLC0415 - its name is that of this function

    if normalize not in _NORMALIZE:
        msg = f"plotting.confusion_matrix: normalize must be one of {_NORMALIZE}, got {quoted(normalize)}"
        raise ValueError(msg)
    counts = (
        np.array(y_true)
        if y_pred is None
        else metrics.confusion_matrix(y_true, y_pred, None if labels is None else len(labels))
    )
    k = len(counts) if counts.ndim else 0
    if counts.shape != (k, k) or not k:
        msg = f"plotting.confusion_matrix: the matrix must be (K, K), got {counts.shape}"
        raise ValueError(msg)
    names = [str(label) for label in (range(k) if labels is None else labels)]
    if len(names) != k:
        msg = f"plotting.confusion_matrix: {k} classes but {len(names)} labels"
        raise ValueError(msg)
    shares = counts.astype(np.float64)
    if normalize is not None:
        axis = {"true": 1, "pred": 0}.get(normalize)
        total = shares.sum(axis=axis, keepdims=True)
        shares = np.divide(shares, total, out=np.zeros_like(shares), where=total != 0)
    # Long names need room beside the matrix, and below it, where they slope.
    room = 0.09 * max(0, min(40, max(map(len, names))) - 3)
    width, height = min(8.0, max(4.0, 0.45 * k + 2.4)), min(7.0, max(3.4, 0.45 * k + 1.4))
    ax = one_axes(ax, width + room, height + 0.75 * room)
    top = shares.max() or 1.0
    drawn = ax.imshow(shares, cmap="Blues", vmin=0.0, vmax=top)
    if k <= 30:
        whole = normalize is None and counts.dtype.kind in "biu"
        for i, j in np.ndindex(k, k):
            number = f"{shares[i, j]:.0f}" if whole else f"{shares[i, j]:.2g}"
            dark = shares[i, j] > 0.5 * top
            size = 10 if k <= 10 else 6
            colour = "white" if dark else "black"
            ax.text(j, i, number, ha="center", va="center", color=colour, fontsize=size)
    long = max(map(len, names)) > 3
    ax.set_xticks(range(k), names, rotation=45 if long else 0, ha="right" if long else "center")
    ax.set_yticks(range(k), names)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    ax.figure.colorbar(
        drawn, ax=ax, label="samples" if normalize is None else "share", fraction=0.046, pad=0.03
    )
    return ax


def decision_boundary(
    model: Any,
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    labels: Sequence[Any] | None = None,
    resolution: int = 400,
    ax: Axes | None = None,
) -> Axes:
    """Draw which class a model answers at every point of the plane, and the samples over it.

    Parameters
    ----------
    model : Model, estimator or callable
        Answers points ``(P, 2)`` with rows of scores ``(P, K)``, whose largest is the class; with one number a
        point, a probability, class 1 from 0.5 on; or, an estimator's `predict` or integers, with the classes.
    x : array_like, (N, 2)
        The samples; the picture spans them with a margin.
    y : array_like, optional
        Their classes, ids ``(N,)`` or one-hot rows.
    labels : sequence, optional
        Names of the classes in order, for the legend.
    resolution : int
        Points a side.
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
        The samples have not two features, `y` has another length, or the model answers in another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> x = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> right = lambda points: (points[:, 0] > 0.5).astype(int)
    >>> ax = decision_boundary(right, x, [0, 1], resolution=9, ax=Figure().subplots())
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['class 0', 'class 1']
    """
    points = np.asarray(x, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        msg = f"plotting.decision_boundary: x must be samples of two features (N, 2), got {points.shape}"
        raise ValueError(msg)
    truth = None if y is None else _ids(np.asarray(y))
    if truth is not None and len(truth) != len(points):
        msg = f"plotting.decision_boundary: x has {len(points)} samples but y has {len(truth)}"
        raise ValueError(msg)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, 0.1 * (high - low), 1.0)
    low, high = low - margin, high + margin
    ax = one_axes(ax, 6.0, 4.8)
    shown = [] if truth is None else np.unique(truth).tolist()
    expected = (
        [str(name) for name in labels] if labels is not None else [f"class {k}" for k in shown]
    )
    legend = legend_for(ax, expected)
    # The legend lies above the plane and hides nothing of it.
    top = high[1] + (high[1] - low[1]) * legend.share
    sides = [np.linspace(a, b, resolution) for a, b in zip(low, high, strict=True)]
    plane = np.stack(np.meshgrid(*sides), axis=-1)
    answers = _answers(model, plane.reshape(-1, 2))
    classes = np.unique(answers if truth is None else np.concatenate([answers, truth]))
    codes = np.searchsorted(classes, answers).reshape(resolution, resolution)
    if labels is not None and len(labels) < len(classes):
        msg = f"plotting.decision_boundary: {len(classes)} classes but {len(labels)} labels"
        raise ValueError(msg)
    _regions(ax, sides, codes, len(classes))
    ax.set_ylim(low[1], top)
    for i, value in enumerate(classes):
        name = f"class {value}" if labels is None else str(labels[i])
        style: dict[str, Any] = {"color": COLOURS[i % len(COLOURS)], "label": name}
        if truth is None:
            ax.scatter([], [], 60, marker="s", alpha=0.5, **style)
        else:
            own = points[truth == value]
            marker = MARKERS[i % len(MARKERS)]
            ax.scatter(
                own[:, 0], own[:, 1], 28, marker=marker, edgecolors="white", linewidths=0.6, **style
            )
    ax.set_xlabel("feature 1")
    ax.set_ylabel("feature 2")
    legend_for(ax, [str(text) for text in ax.get_legend_handles_labels()[1]]).draw(ax)
    return ax


def _answers(model: Any, points: Array) -> Array:
    """Return the class of each point."""
    ask: Callable[..., Any] = getattr(model, "predict", model)
    # A model of ours reports its progress unless told not to.
    given = ask(points, verbose=0) if hasattr(model, "executor") else ask(points)
    answers = np.asarray(given)
    if answers.shape[:1] != (len(points),) or answers.ndim > 2:
        msg = f"plotting.decision_boundary: the model answered shape {answers.shape} to points {points.shape}"
        raise ValueError(msg)
    return _ids(answers)


def _ids(values: Array) -> Array:
    """Return classes for ids, names, probabilities of class 1, or rows of scores."""
    if values.ndim == 2 and values.shape[1] > 1:
        best: Array = values.argmax(axis=1)
        return best
    flat = values.reshape(-1)
    if flat.dtype.kind == "f" and not np.array_equal(flat, np.round(flat)):
        return (flat >= 0.5).astype(np.int64)
    return flat.astype(np.int64) if flat.dtype.kind in "bf" else flat


def _regions(ax: Axes, sides: list[Array], codes: Array, count: int) -> None:
    """Colour the plane by class and draw the borders."""
    from matplotlib.colors import ListedColormap  # noqa: PLC0415 - an extra, and slow to import

    ax.pcolormesh(
        *sides,
        codes,
        cmap=ListedColormap([COLOURS[i % len(COLOURS)] for i in range(max(count, 1))]),
        vmin=-0.5,
        vmax=max(count, 1) - 0.5,
        alpha=0.3,
        shading="nearest",
        linewidth=0,
        rasterized=True,
    )
    for i in range(count):
        inside = codes == i
        if inside.any() and not inside.all():
            ax.contour(*sides, _smooth(inside), levels=[0.5], colors="0.25", linewidths=1.2)
    ax.set_xlim(sides[0][0], sides[0][-1])
    ax.set_ylim(sides[1][0], sides[1][-1])


def _smooth(inside: Array) -> Array:
    """Return a mask averaged over its neighbours, whose border at one half has no steps."""
    values = inside.astype(np.float64)
    for _ in range(2):
        for axis in (0, 1):
            padded = np.pad(values, [(1, 1) if a == axis else (0, 0) for a in (0, 1)], "edge")
            parts = (np.take(padded, range(k, k + inside.shape[axis]), axis) for k in (0, 1, 2))
            values = np.mean(list(parts), axis=0)
    return values
