"""Pictures of models: `plot_model` and `model_to_dot`, by Graphviz where it is installed, else by matplotlib."""

from __future__ import annotations

import html
import importlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotloop._support.quoting import quoted
from hotloop.models import Sequential
from hotloop.utils.canvas import Box, Group, drawn
from hotloop.utils.layout import Key

__all__ = ["Dot", "get_source_inputs", "model_to_dot", "plot_model"]

_DIRECTIONS = ("TB", "BT", "LR", "RL")
_GREEN, _RED = "#228b22", "#b22222"


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Draw the layers of a model into a file; Graphviz is used where it is installed, and not needed.

    Parameters
    ----------
    model : Model
        Built.
    to_file : path-like
        Its ending says the format: png, svg, pdf, jpg, or dot for the text alone.
    show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable : bool
        What stands in the boxes.
    rankdir : {"TB", "LR", "BT", "RL"}
        Where the inputs are, and where the outputs.
    expand_nested : bool
        Whether models inside are drawn layer by layer, in frames.
    dpi : int
        Dots per inch.
    splines : str
        How Graphviz draws edges.
    **kwargs
        ``layer_range=None``, which Keras takes.

    Returns
    -------
    IPython.display.Image or None
        The picture, in a notebook.

    Raises
    ------
    ValueError
        When the model is not built, and for other directions.
    ImportError
        When neither Graphviz nor matplotlib is there.

    Notes
    -----
    Source: keras.utils.plot_model.

    Examples
    --------
    >>> import hotloop as hl
    >>> model = hl.Sequential([hl.Input((4,)), hl.layers.Dense(2)])
    >>> hl.utils.plot_model(model, "model.png", show_shapes=True)  # doctest: +SKIP
    """
    dot = model_to_dot(
        model,
        show_shapes,
        show_dtype,
        show_layer_names,
        rankdir,
        expand_nested,
        dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
        **kwargs,
    )
    path = Path(to_file)
    dot.write(path, format=path.suffix[1:].lower() or "png")
    if "ipykernel" not in sys.modules or path.suffix.lower() not in ("", ".png", ".jpg", ".jpeg"):
        return None
    display = importlib.import_module("IPython.display")
    return display.Image(filename=str(path))


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Dot:
    """Return the layers of a model as a graph that can be written in DOT, or drawn.

    Parameters
    ----------
    model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi
        As for `plot_model`.
    subgraph : bool
        Whether all boxes are put into a frame that has the model's name.
    show_layer_activations, show_trainable, splines
        As for `plot_model`.
    **kwargs
        ``layer_range=None``, which Keras takes.

    Returns
    -------
    Dot

    Raises
    ------
    ValueError
        When the model is not built, and for other directions.

    Examples
    --------
    >>> import hotloop as hl
    >>> model = hl.Sequential([hl.Input((4,)), hl.layers.Dense(2, name="a"), hl.layers.ReLU(name="b")])
    >>> text = model_to_dot(model).to_string()
    >>> text.startswith("digraph"), text.count("->")
    (True, 1)
    """
    if kwargs.pop("layer_range", None) is not None or kwargs:
        msg = f"model_to_dot: there is no argument {quoted(next(iter(kwargs), 'layer_range'))}"
        raise ValueError(msg)
    if rankdir not in _DIRECTIONS:
        msg = (
            f"model_to_dot: rankdir must be one of {', '.join(_DIRECTIONS)}, got {quoted(rankdir)}"
        )
        raise ValueError(msg)
    if not getattr(model, "built", False):
        msg = "model_to_dot: the model is not built: call it on data, or build(input_shape), first"
        raise ValueError(msg)
    shown = _Shown(
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable
    )
    root, edges = _graph(model, shown, expand_nested)
    if subgraph:
        root = Group("", groups={("group", id(model)): Group(model.name, root.boxes, root.groups)})
    return Dot(root, edges, rankdir, dpi, splines)


def get_source_inputs(tensor: Any) -> list[Any]:
    """Return every `Input` that a value of a model depends on.

    Parameters
    ----------
    tensor : Symbol
        What a layer answered to symbols.

    Examples
    --------
    >>> import hotloop as hl
    >>> a, b = hl.Input((2,), name="a"), hl.Input((2,), name="b")
    >>> [symbol.name for symbol in get_source_inputs(hl.layers.Add()([a, b]))]
    ['a', 'b']
    """
    found: dict[int, Any] = {}
    left, seen = [tensor], set()
    while left:
        symbol = left.pop()
        if id(symbol) in seen:
            continue
        seen.add(id(symbol))
        if not symbol.inputs and symbol.which is None:
            found[id(symbol)] = symbol
        left += reversed(symbol.inputs)
    return list(found.values())


@dataclass(frozen=True)
class _Shown:
    shapes: bool
    dtype: bool
    names: bool
    activations: bool
    trainable: bool

    def box(self, unit: Any, reads: list[Any], answers: list[Any], dtype: str) -> Box:
        """Return the box of a layer or model that reads and answers values of some shapes."""
        kind = type(unit).__name__
        if kind == "Operation":
            kind = "".join(part.capitalize() for part in unit.base_name.split("_"))
        rows: list[list[tuple[str, str]]] = []
        activation = getattr(unit, "activation", None)
        if self.activations and activation is not None:
            name = getattr(activation, "name", None) or getattr(activation, "__name__", None)
            rows.append([(f"Activation: {name or activation}", "white")])
        cells: list[tuple[str, str]] = []
        if self.shapes:
            if reads:
                cells.append((f"Input shape: {_shape(reads)}", "white"))
            cells.append((f"Output shape: {_shape(answers)}", "white"))
        if self.dtype:
            cells.append((f"Output dtype: {dtype}", "white"))
        if self.trainable and unit.count_params():
            trains = bool(unit.trainable)
            cells.append(("Trainable", _GREEN) if trains else ("Non-trainable", _RED))
        if cells:
            rows.append(cells)
        return Box(f"{unit.name} ({kind})" if self.names else kind, rows)


def _shape(shapes: list[Any]) -> str:
    return str(shapes[0] if len(shapes) == 1 else shapes)


def _graph(model: Any, shown: _Shown, expand: bool) -> tuple[Group, list[tuple[Key, Key]]]:
    """Return boxes in groups, and edges between them, of a model's values."""
    model.graph()
    ends = {id(symbol) for symbol in model.inputs}
    # As in Keras, models in a row are drawn without their input.
    in_a_row = isinstance(model, Sequential)
    units: dict[Key, Any] = {}
    reads: dict[Key, list[Any]] = {}
    answers: dict[Key, list[Any]] = {}
    dtypes: dict[Key, str] = {}
    edges: dict[tuple[Key, Key], None] = {}
    homes: dict[int, Key] = {}
    frames: dict[Key, list[Any]] = {}
    for symbol in model._order:
        hidden = symbol.unit is not None and not expand
        unit = symbol.unit if hidden else symbol.layer
        key: Key = id(unit)
        homes[id(symbol)] = key
        if in_a_row and id(symbol) in ends:
            continue
        first = key not in units
        units.setdefault(key, unit)
        dtypes[key] = symbol.dtype
        for part in () if id(symbol) in ends else symbol.inputs:
            source = homes[id(part)]
            if source != key and source in units:
                edges[source, key] = None
            if source != key and (first or hidden):
                reads.setdefault(key, []).append(part.shape)
        # Of a model that stands for its layers, the last value is what it answers.
        answers[key] = [symbol.shape]
        if symbol.unit is not None and expand:
            frames[key] = _frames(symbol.unit, symbol.layer)
    root = Group("")
    for key, unit in units.items():
        group = root
        for frame in frames.get(key, []):
            group = group.groups.setdefault(("group", id(frame)), Group(frame.name))
        group.boxes[key] = shown.box(unit, reads.get(key, []), answers[key], dtypes[key])
    return root, list(edges)


def _frames(unit: Any, layer: Any) -> list[Any]:
    """Return the models from `unit` inwards that hold a layer."""
    found = [unit]
    inner = next(
        (
            part
            for part in getattr(unit, "layers", [])
            if part is not layer and any(each is layer for each in part.all_layers())
        ),
        None,
    )
    return found if inner is None else found + _frames(inner, layer)


class Dot:
    """A graph of boxes: text in the language DOT, and pictures.

    Parameters
    ----------
    root : Group
        Boxes and frames.
    edges : list of pairs
        Keys of boxes.
    rankdir : str
        Where the inputs are, and where the outputs.
    dpi : int
        Dots per inch of pictures.
    splines : str
        How Graphviz draws edges.
    """

    def __init__(
        self, root: Group, edges: list[tuple[Key, Key]], rankdir: str, dpi: int, splines: str
    ) -> None:
        self.root, self.edges = root, edges
        self.rankdir, self.dpi, self.splines = rankdir, dpi, splines

    def to_string(self) -> str:
        """Return the graph in DOT."""
        names = {key: f"n{i}" for i, key in enumerate(self.root.keys())}
        lines = [
            "digraph {",
            f'rankdir={self.rankdir}; dpi={self.dpi}; splines="{self.splines}"; concentrate=true;',
            'node [shape=plain, fontname="Helvetica"];',
            *_statements(self.root, names, "c"),
            *(f"{names[a]} -> {names[b]} [penwidth=2];" for a, b in self.edges),
            "}",
        ]
        return "\n".join(lines) + "\n"

    def create(self, prog: str | None = None, format: str = "png") -> bytes:
        """Return a picture: by Graphviz where its program is there, else by matplotlib.

        Parameters
        ----------
        prog : str, optional
            Graphviz's program, by default ``"dot"``.
        format : str
            Such as png, svg or pdf; ``"dot"`` is the text.
        """
        if format in ("dot", "raw", "gv"):
            return self.to_string().encode()
        program = shutil.which(prog or "dot")
        if program is not None:
            run = subprocess.run(
                [program, f"-T{format}"],
                input=self.to_string().encode(),
                capture_output=True,
                check=False,
            )
            if run.returncode == 0 and run.stdout:
                return run.stdout
        return drawn(self.root, self.edges, self.rankdir, self.dpi, format)

    def write(self, path: Any, prog: str | None = None, format: str = "png") -> bool:
        """Write what `create` returns to a file, and return True."""
        Path(path).write_bytes(self.create(prog, format))
        return True

    def __getattr__(self, name: str) -> Any:
        """``write_png(path)``, ``create_svg()`` and their like, as in pydot."""
        verb, _, kind = name.partition("_")
        if verb == "write" and kind:
            return lambda path, prog=None: self.write(path, prog, kind)
        if verb == "create" and kind:
            return lambda prog=None: self.create(prog, kind)
        msg = f"Dot has no attribute {name!r}; it has to_string, create and write"
        raise AttributeError(msg)


def _statements(group: Group, names: dict[Key, str], prefix: str) -> list[str]:
    """Return boxes and frames in DOT."""
    lines = []
    for key, box in group.boxes.items():
        span = max((len(row) for row in box.rows), default=1)
        table = '<table border="0" cellborder="1" cellspacing="0" cellpadding="8">'
        table += f'<tr><td colspan="{span}" bgcolor="black"><font color="white"><b>{html.escape(box.title)}</b></font></td></tr>'
        for row in box.rows:
            cells = [
                f'<td bgcolor="{colour}"{f" colspan={chr(34)}{span}{chr(34)}" if len(row) == 1 else ""}>'
                f'<font color="{"black" if colour == "white" else "white"}">{html.escape(text)}</font></td>'
                for text, colour in row
            ]
            table += f"<tr>{''.join(cells)}</tr>"
        lines.append(f"{names[key]} [label=<{table}</table>>];")
    for i, inner in enumerate(group.groups.values()):
        name = f"{prefix}_{i}"
        lines += [
            f"subgraph cluster_{name} {{",
            f'style=dashed; labeljust=l; label="{html.escape(inner.title)}";',
            *_statements(inner, names, name),
            "}",
        ]
    return lines
