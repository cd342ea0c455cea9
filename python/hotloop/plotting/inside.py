"""The inside of a network: its filters, and what its layers answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hotloop._support.quoting import quoted
from hotloop.plotting._figure import COLOURS, WIDTH, grid, tidy
from hotloop.plotting.pictures import columns_for, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[Any]
# Purple for weights below 0, white for 0, orange above: apart for the colour-blind too.
_SIGNED = "PuOr_r"


def filters(
    source: Any,
    *,
    channel: int | None = None,
    columns: int | None = None,
    data_format: str = "channels_last",
    limit: float | None = None,
    ax: Axes | Sequence[Axes] | None = None,
) -> Any:
    """Draw the filters of a convolution, a panel for each, all on one scale around 0.

    Parameters
    ----------
    source : Model, layer or array_like
        A model stands for its first convolution. An array is ``(KH, KW, C, O)``, as layers keep it.
    channel : int, optional
        The input channel to draw. By default filters of three channels are drawn in colour (grey is 0), and others with
        their channels tiled within the panel.
    columns : int, optional
        Panels in a row.
    data_format : str
        ``"channels_first"`` for an array ``(O, C, KH, KW)``, as the book and `hotloop.functional` have it.
    limit : float, optional
        The weight drawn in the strongest colour; by default the largest. Give the same to two pictures that
        are compared.
    ax : Axes or sequence of Axes, optional
        One for each filter, or a single one, which is divided. By default a new pyplot figure.

    Returns
    -------
    Axes or ndarray of Axes
        The single `ax`, else an array of the panels.

    Raises
    ------
    ImportError
        matplotlib is missing.
    ValueError
        There is no convolution in the model, the array has not four axes, or there is no such channel.

    Examples
    --------
    >>> import hotloop as hl
    >>> from matplotlib.figure import Figure
    >>> model = hl.Sequential([hl.layers.Conv2D(6, 3, input_shape=(8, 8, 1))])
    >>> len(filters(model, ax=Figure().subplots(2, 3)))
    6
    """
    kernel = _kernel(source, data_format)
    _, _, channels, count = kernel.shape
    if channel is not None and not -channels <= channel < channels:
        msg = f"plotting.filters: no channel {channel}, the kernel {kernel.shape} has {channels}"
        raise ValueError(msg)
    if limit is None:
        limit = float(np.abs(kernel).max()) or 1.0
    if channel is not None:
        kernel, channels = kernel[:, :, [channel], :], 1
    columns = columns or columns_for(count)

    def figsize(rows: int, columns: int) -> tuple[float, float]:
        panel = min((WIDTH - 1) / columns, 1.6)
        return panel * columns + 1.0, panel * rows

    axes, answer = grid("filters", ax, count, columns, figsize, (0.1, 0.1))
    from matplotlib import colormaps  # noqa: PLC0415 - an extra, and slow to import

    colours = colormaps[_SIGNED].with_extremes(bad="0.75")
    drawn: Any = None
    for i, target in enumerate(axes):
        one = kernel[:, :, :, i]
        picture = one if channels == 3 else _tiled(one)
        drawn = draw(target, picture, (-limit, limit), colours)
        for spine in target.spines.values():
            spine.set_visible(True)
            spine.set_color("0.6")
    if channels != 3:
        parent: Any = axes if ax is None or isinstance(ax, Sequence | np.ndarray) else ax
        axes[0].figure.colorbar(drawn, ax=parent, label="weight", fraction=0.05, pad=0.02)
    return answer


def _kernel(source: Any, data_format: str) -> Array:
    """Return the kernel ``(KH, KW, C, O)`` of a model, a layer, or an array."""
    if data_format not in ("channels_last", "channels_first"):
        msg = f"plotting.filters: data_format must be 'channels_last' or 'channels_first', got {quoted(data_format)}"
        raise ValueError(msg)
    layers = getattr(source, "layers", None)
    if layers is not None:
        kernels = [np.array(layer.kernel) for layer in layers if hasattr(layer, "kernel")]
        found = [kernel for kernel in kernels if kernel.ndim == 4]
        if not found:
            msg = f"plotting.filters: model {source.name!r} has no convolution"
            raise ValueError(msg)
        return found[0]
    if hasattr(source, "kernel"):
        kernel = np.array(source.kernel)
    else:
        kernel = np.array(source)
        if data_format == "channels_first" and kernel.ndim == 4:
            kernel = kernel.transpose(2, 3, 1, 0)
    if kernel.ndim != 4 or not kernel.size:
        msg = f"plotting.filters: the kernel must be (KH, KW, C, O), got {kernel.shape}"
        raise ValueError(msg)
    return kernel


def _tiled(planes: Array) -> Array:
    """Lay the channels of ``(KH, KW, C)`` side by side, a blank pixel between them."""
    high, wide, channels = planes.shape
    columns = math.ceil(math.sqrt(channels))
    rows = -(-channels // columns)
    tiled = np.full((rows * (high + 1) - 1, columns * (wide + 1) - 1), np.nan)
    for i in range(channels):
        top, left = i // columns * (high + 1), i % columns * (wide + 1)
        tiled[top : top + high, left : left + wide] = planes[:, :, i]
    return tiled


def activations(
    source: Any,
    x: Any = None,
    *,
    layers: Sequence[str] | None = None,
    bins: int = 50,
    range: tuple[float, float] | None = None,
    top: float | None = None,
    columns: int | None = None,
    ax: Axes | Sequence[Axes] | None = None,
) -> Any:
    """Draw a histogram of what each layer answers, on one scale.

    Values that all crowd at the ends, or all at one place, say that a network will not learn: gradients
    vanish, or all units do the same.

    Parameters
    ----------
    source : Model, mapping or sequence of array_like
        A model, whose layers answer `x` as in `predict`; or arrays, by name or in order.
    x : array_like, optional
        A batch, for a model.
    layers : sequence of str, optional
        Names of the layers to draw; by default all but those that only change the shape, and Dropout.
    bins : int
        Bars of each histogram.
    range : (float, float), optional
        Ends of the axis, (0, 1) for a sigmoid; by default the smallest and largest value of all. The share
        of values beyond the ends is written into the panel.
    top : float, optional
        The largest share drawn, where one bar would dwarf the others, as that at 0 behind ReLU. The share of
        a bar that is cut is written into the panel. By default that of the tallest bar of all.
    columns : int, optional
        Panels in a row; by default up to six.
    ax : Axes or sequence of Axes, optional
        One for each layer, or a single one, which is divided. By default a new pyplot figure.

    Returns
    -------
    Axes or ndarray of Axes
        The single `ax`, else an array of the panels.

    Raises
    ------
    ImportError
        matplotlib is missing.
    ValueError
        There is nothing to draw, a model comes without `x`, or a layer's name is unknown.

    Notes
    -----
    Source: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010; K. Saito, "Deep Learning from Scratch", section 6.2.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> axes = activations({"a": np.zeros(9), "b": np.ones(9)}, ax=Figure().subplots(1, 2))
    >>> [panel.get_title().splitlines()[0] for panel in axes]
    ['a', 'b']
    """
    values = _answers(source, x, layers)
    if range is None:
        finite = [array[np.isfinite(array)] for array in values.values()]
        ends = [float(end) for array in finite if array.size for end in (array.min(), array.max())]
        low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
        range = (low, high) if high > low else (low - 0.5, high + 0.5)
    columns = columns or min(6, len(values))

    def figsize(rows: int, columns: int) -> tuple[float, float]:
        return max(WIDTH * min(columns, 4) / 4, 4.0), 2.4 * rows + 0.2

    axes, answer = grid("activations", ax, len(values), columns, figsize, (0.15, 0.75))
    tallest = 0.0
    for i, (target, (name, array)) in enumerate(zip(axes, values.items(), strict=True)):
        share = np.full(array.shape, 1 / array.size)
        bars, edges, _ = target.hist(array, bins=bins, range=range, weights=share, color=COLOURS[0])
        best = int(np.argmax(bars))
        tallest = max(tallest, float(bars[best]))
        tidy(target)
        target.set_title(f"{name}\nmean {array.mean():.2g}\nstd {array.std():.2g}", fontsize=9)
        target.set_xlim(range)
        target.tick_params(labelsize=8)
        notes = []
        beyond = float(np.mean((array < range[0]) | (array > range[1])))
        if beyond:
            notes.append(f"{beyond:.0%} beyond" if beyond >= 0.005 else "< 1% beyond")
        if top is not None and bars[best] > top:
            # The end of a bar that lies nearest to 0 names it: 0 itself where the bar holds it.
            place = min(max(0.0, float(edges[best])), float(edges[best + 1]))
            notes.append(f"{bars[best]:.0%} at {place:.2g}")
        if notes:
            text = "\n".join(notes)
            target.text(
                0.96, 0.95, text, transform=target.transAxes, ha="right", va="top", fontsize=8
            )
        if i >= len(axes) - columns:
            target.set_xlabel("value", fontsize=9)
        if i % columns == 0:
            target.set_ylabel("share of values", fontsize=9)
        else:
            target.tick_params(labelleft=False)
    for target in axes:
        target.set_ylim(0, top if top is not None else 1.05 * tallest or 1.0)
    return answer


def _answers(source: Any, x: Any, wanted: Sequence[str] | None) -> dict[str, Array]:
    """Return the values of each layer, flat, by name."""
    found: dict[str, Any]
    if hasattr(source, "graph"):
        if x is None:
            msg = "plotting.activations: a model needs a batch x to answer"
            raise ValueError(msg)
        found = layer_outputs(source, x, wanted)
    elif isinstance(source, Mapping):
        found = {str(name): array for name, array in source.items()}
    else:
        found = {f"layer {i}": array for i, array in enumerate(source, 1)}
    unknown = set(wanted or ()) - set(found)
    if unknown or not found:
        msg = f"plotting.activations: no layer {sorted(unknown)}, there are {list(found)}"
        raise ValueError(msg)
    named = wanted if wanted is not None else found
    values = {name: np.asarray(found[name], dtype=np.float64).reshape(-1) for name in named}
    if not all(array.size for array in values.values()):
        msg = "plotting.activations: there are no values to draw"
        raise ValueError(msg)
    return values


def layer_outputs(model: Any, x: Any, wanted: Sequence[str] | None = None) -> dict[str, Array]:
    """Return what each layer of a model answers to a batch in inference, by name.

    Layers that only reshape, and Dropout, which does nothing then, are left out unless `wanted`. Of a layer
    called several times the last answer is kept.
    """
    from hotloop.engine.eager import on_arrays  # noqa: PLC0415 - the other pictures need no models
    from hotloop.layers import Dropout  # noqa: PLC0415 - as above

    graph = model.graph(x)
    given = model._trainer.samples("activations", x)
    values = on_arrays(graph, given, False, model.dtype)
    found: dict[str, Array] = {}
    for node in graph.nodes:
        if not node.inputs:  # weights and random numbers as values of the model
            continue
        plain = node.layer.is_view or isinstance(node.layer, Dropout)
        if not plain or node.layer.name in (wanted or ()):
            found[node.layer.name] = values[node.output]
    return found
