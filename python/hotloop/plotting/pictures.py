"""Images side by side, with what they are and what they were taken for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hotloop._support.quoting import quoted
from hotloop.plotting._figure import COLOURS, WIDTH, grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    Array = NDArray[Any]

_LIMIT = 400
_POINTS = 72.0  # an inch


def images(
    images: ArrayLike,
    labels: Sequence[Any] | Array | None = None,
    predictions: Sequence[Any] | Array | None = None,
    *,
    shape: Sequence[int] | None = None,
    columns: int | None = None,
    data_format: str = "channels_last",
    limits: tuple[float, float] | None = None,
    cmap: str = "gray",
    ax: Axes | Sequence[Axes] | None = None,
) -> Any:
    """Draw images side by side, a panel for each.

    Parameters
    ----------
    images : array_like, (N, H, W), (N, H, W, 1), (N, H, W, 3), or (H, W) for one
        Any numbers. With `shape` also rows ``(N, F)``.
    labels : sequence, optional
        What each image is, written above it: ids, names; one-hot rows become ids.
    predictions : sequence, optional
        What a model took each image for, as class ids or as rows of scores. With labels the title becomes
        "4 read as 9", in vermilion where they differ.
    shape : tuple of int, optional
        Shape of one image, for rows: ``(28, 28)``.
    columns : int, optional
        Images in a row; by default as makes the picture broad rather than high.
    data_format : str
        ``"channels_first"`` for images ``(N, C, H, W)``.
    limits : (float, float), optional
        Numbers drawn as black and as white, for all images alike; by default the smallest and the largest of
        all, for uint8 0 and 255 where they need that range.
    cmap : str
        Colours of images of one channel.
    ax : Axes or sequence of Axes, optional
        One for each image, or a single one, which is divided. By default a new pyplot figure.

    Returns
    -------
    Axes or ndarray of Axes
        The single `ax`, else an array of the panels.

    Raises
    ------
    ImportError
        matplotlib is missing.
    ValueError
        The array holds no images, or more than 400; labels or axes are too few; channels are not 1 or 3.

    Examples
    --------
    >>> import hotloop as hl
    >>> from matplotlib.figure import Figure
    >>> (x, y), _ = hl.datasets.digits.load_data()
    >>> axes = images(x[:3], y[:3], ax=Figure().subplots(1, 3))
    >>> [panel.get_title() for panel in axes] == [str(label) for label in y[:3]]
    True
    """
    pictures = as_pictures(images, shape, data_format)
    titles = _titles(len(pictures), labels, predictions)
    if limits is None:
        limits = _limits(pictures)
    columns = columns or columns_for(len(pictures), pictures.shape[1] / pictures.shape[2])
    widest = max((len(title) for title, _ in titles), default=0)
    panel = min(_inches(ax, columns), 2.4)
    fontsize = min(10.0, max(5.0, panel * _POINTS / (0.62 * max(widest, 1))))
    head = 1.6 * fontsize / _POINTS if widest else 0.04

    def figsize(rows: int, columns: int) -> tuple[float, float]:
        high = panel * pictures.shape[1] / pictures.shape[2] + head
        return panel * columns, min(rows * high, 2 * WIDTH)

    axes, answer = grid(
        "images", ax, len(pictures), columns, figsize, (0.08, 0.3 if widest else 0.08)
    )
    for target, picture, (title, colour) in zip(axes, pictures, titles, strict=True):
        draw(target, picture, limits, cmap)
        if title:
            target.set_title(title, fontsize=fontsize, color=colour, pad=3)
    return answer


def as_pictures(images: ArrayLike, shape: Sequence[int] | None, data_format: str) -> Array:
    """Return images as ``(N, H, W)`` or ``(N, H, W, 3)``."""
    array = np.asarray(images)
    if array.dtype.kind not in "buif":
        msg = f"plotting.images: images must hold real numbers, got dtype {array.dtype}"
        raise ValueError(msg)
    given = array.shape
    if data_format not in ("channels_last", "channels_first"):
        msg = f"plotting.images: data_format must be 'channels_last' or 'channels_first', got {quoted(data_format)}"
        raise ValueError(msg)
    if shape is not None:
        if array.ndim < 1 or math.prod(shape) != (array[0].size if array.ndim > 1 else array.size):
            msg = f"plotting.images: images of shape {tuple(shape)} cannot be made of rows {given}"
            raise ValueError(msg)
        array = array.reshape(-1, *shape)
    elif array.ndim == 2:
        array = array[np.newaxis]
    if array.ndim == 4 and data_format == "channels_first":
        array = np.moveaxis(array, 1, 3)
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] != 3) or not array.size:
        msg = f"plotting.images: images must be (N, H, W), or with 1 or 3 channels, got {given}"
        raise ValueError(msg)
    if len(array) > _LIMIT:
        msg = f"plotting.images: {len(array)} images are too many for one picture, take some: images[:25]"
        raise ValueError(msg)
    return array


def _inches(ax: Any, columns: int) -> float:
    """Return the width of a panel: of a page divided, of one of the given axes, or of the one given, divided."""
    if ax is None:
        return WIDTH / columns
    if isinstance(ax, Sequence | np.ndarray):
        several = np.ravel(np.asarray(ax, dtype=object))
        return _inches(several[0], 1) if several.size else WIDTH
    return float(ax.get_window_extent().width) / float(ax.figure.dpi) / columns


def columns_for(count: int, height_to_width: float = 1.0) -> int:
    """Return how many of `count` panels stand side by side: a picture broader than high, few places left empty."""
    side = math.sqrt(count * height_to_width)
    likely = range(max(1, math.ceil(0.95 * side)), max(2, math.ceil(1.7 * side)) + 1)
    most = min(count, 20)
    return min(
        (c for c in (min(c, most) for c in likely)), key=lambda c: (-count % c, abs(c - 1.3 * side))
    )


def _limits(pictures: Array) -> tuple[float, float]:
    """Return the numbers drawn as black and as white."""
    finite = pictures[np.isfinite(pictures)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if pictures.dtype == np.uint8 and high > 127:
        return 0.0, 255.0
    if pictures.dtype.kind == "f" and low >= 0 and 0.5 < high <= 1:
        return 0.0, 1.0
    return low, high if high > low else low + 1.0


def _titles(count: int, labels: Any, predictions: Any) -> list[tuple[str, str]]:
    """Return title and colour of each image."""
    truth, answers = _names("labels", count, labels), _names("predictions", count, predictions)
    titles = []
    for true, answer in zip(truth, answers, strict=True):
        if not answer or not true:
            titles.append((true or answer, "black"))
        else:
            titles.append((f"{true} read as {answer}", "black" if true == answer else COLOURS[1]))
    return titles


def _names(what: str, count: int, given: Any) -> list[str]:
    """Return a text for each image, ids for rows."""
    if given is None:
        return [""] * count
    values = np.asarray(given)
    if values.ndim == 2:
        values = values.argmax(axis=1) if values.shape[1] > 1 else values[:, 0]
    if values.shape != (count,):
        msg = (
            f"plotting.images: {count} images need as many {what}, but got shape {np.shape(given)}"
        )
        raise ValueError(msg)
    return [str(value) for value in values.tolist()]


def draw(ax: Axes, picture: Array, limits: tuple[float, float], cmap: Any) -> Any:
    """Show one image without interpolation and without ticks; RGB is scaled to the limits."""
    low, high = limits
    if picture.ndim == 3:
        shown = np.clip((picture.astype(np.float64) - low) / (high - low), 0.0, 1.0)
        drawn = ax.imshow(shown, interpolation="nearest")
    else:
        drawn = ax.imshow(picture, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return drawn
