"""Models: layers in a row, with weights in one flat array, trained and used as in Keras."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np

from hotloop import saving
from hotloop._support import arguments
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.graph.graph import Graph, chain, extended
from hotloop.graph.symbol import Symbol, calls_of
from hotloop.layers import InputLayer, Rescaling
from hotloop.layers.base import Layer
from hotloop.models.cloning import unit_from
from hotloop.models.functional import between, name_layers
from hotloop.models.layer_names import Names
from hotloop.models.model import Model
from hotloop.models.summary import NotBuilt
from hotloop.registry import enter, serialize, snake_case


class Sequential(Model):
    """Layers in a row.

    Parameters
    ----------
    layers : list of Layer or Model, optional
        Shapes start at a leading `Input` or the first layer's `input_shape`, else at the first
        batch.
    name : str, optional
        Shown in summaries.
    dtype : str, optional
        ``"float32"`` or ``"float64"``.

    Raises
    ------
    TypeError
        For items that are no layers.
    ValueError
        For two layers of one name, and shapes that do not fit; the text names the layer.

    Examples
    --------
    >>> import hotloop as hl
    >>> model = hl.Sequential([
    ...     hl.layers.Dense(50, activation="sigmoid", input_shape=(784,)),
    ...     hl.layers.Dense(10, activation="softmax"),
    ... ])
    >>> model.count_params(), model.output_shape
    (39760, (None, 10))
    """

    def __init__(
        self,
        layers: Sequence[Layer | Model | Symbol] | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self._layers: list[Any] = []
        self._build_shape: Shape | None = None
        self._names: tuple[int, Names] | None = None
        self._in_a_row = False
        if not isinstance(layers or [], Iterable):
            msg = f"Sequential: a list of layers is needed, got {quoted(layers)}"
            raise TypeError(msg)
        for layer in layers or []:
            self.add(layer, rebuild=False)
        self._build_if_known()

    def add(self, layer: Layer | Model | Symbol, rebuild: bool = True) -> None:
        """Append a layer, or a model that is called like one.

        Raises
        ------
        TypeError
            When it is no layer.
        ValueError
            When its name is taken, or an Input is not the first.
        """
        if isinstance(layer, Symbol) and not layer.inputs:
            layer = cast("Layer", layer.layer)
        if not isinstance(layer, Layer | Model):
            msg = f"Sequential: expected a layer, got {quoted(layer)}"
            raise TypeError(msg)
        with self._trainer.step_lock:  # another thread may be building the model
            self._add(layer, rebuild)

    def _add(self, layer: Layer | Model, rebuild: bool) -> None:
        if isinstance(layer, Sequential) and layer._holds(self):
            msg = f"Sequential: {self.name!r} cannot be a layer of itself"
            raise ValueError(msg)
        names = self._taken_names()
        if isinstance(layer, Model):
            if layer.name in names and layer.name_is_ours:
                layer.name = names.free(layer.name)
        elif layer.given_name is None and layer.model_name is None:
            layer.model_name = names.free(snake_case(type(layer).__name__))
        if layer.name in names:
            msg = f"Sequential: all layers need unique names, {layer.name!r} is there already"
            raise ValueError(msg)
        names.add(layer.name)
        self._layers.append(layer)
        try:
            if rebuild and self._extends(layer):
                return
            self._forget()
            if rebuild:
                self._build_if_known()
        except Exception:
            self._layers.pop()
            self._names = None
            self._forget()
            raise

    def _taken_names(self) -> Names:
        """Return the names of the layers, collected anew where one may have changed."""
        if self._names is None or self._names[0] != Names.changes:
            self._names = (Names.changes, Names(item.name for item in self._layers))
        names = self._names[1]
        if any(isinstance(item, Model) for item in self._layers[-1:]):
            self._names = None  # anybody may name a model
        return names

    def _extends(self, layer: Layer | Model) -> bool:
        """Build a layer onto those before it, and tell whether that could be done."""
        network = self._network
        if not network.is_built or not self._in_a_row or isinstance(layer, Model):
            return False
        dtype = self._outputs[0].dtype
        plain = type(layer) not in (InputLayer, Rescaling) and not layer.is_composite
        plain = plain and not (layer.reads_text or layer.makes_mask)
        if not plain or layer.given_dtype not in (None, dtype):
            return False
        with calls_of(None):
            graph = extended(network.graph(), layer, dtype)
            self._append_symbol(layer, dtype)
        network.replace(graph)
        return True

    def pop(self) -> Layer:
        """Remove the last layer and return it.

        Raises
        ------
        IndexError
            When there is none.
        """
        with self._trainer.step_lock:
            if not self._layers:
                msg = "pop: the model has no layers"
                raise IndexError(msg)
            layer: Layer = self._layers.pop()
            self._names = None
            self._forget()
            return layer

    def _forget(self) -> None:
        self._inputs, self._outputs, self._order = [], [], []
        self._network.replace(None)

    @property
    def layers(self) -> list[Any]:
        """The layers, without a leading Input."""
        return [layer for layer in self._layers if type(layer) is not InputLayer]

    def all_layers(self) -> list[Layer]:
        """Return every layer, a leading Input too, and those inside of other models."""
        found = [layer for item in self._layers for layer in item.all_layers()]
        return [x for x in found if type(x) is not InputLayer or x is self._layers[0]]

    def _holds(self, model: Model) -> bool:
        """Whether a model is this one, or inside of it."""
        inner = (item for item in self._layers if isinstance(item, Sequential))
        return model is self or any(item._holds(model) for item in inner)

    def is_described_in_a_row(self) -> bool:
        """Whether the items are layers and models of the package's, which need no code to load."""
        models = (item for item in self._layers if isinstance(item, Sequential))
        composite = any(isinstance(item, Layer) and item.is_composite for item in self._layers)
        return not composite and all(item.is_described_in_a_row() for item in models)

    def _is_plain(self) -> bool:
        """Whether every item is one layer."""
        return not any(
            isinstance(item, Model) or item.is_composite or item.makes_mask for item in self._layers
        )

    def build(self, input_shape: Sequence[int | None] | None = None) -> None:
        """Make the weights for inputs of `input_shape`, batch in front.

        Parameters
        ----------
        input_shape : tuple, optional
            ``(None, 784)``; None where the layers already say it.

        Raises
        ------
        ValueError
            When no shape is known, or shapes do not fit; the text names the layer.
        """
        if input_shape is not None:
            owner = type(self).__name__
            sizes = arguments.shape(owner, "input_shape", input_shape, least=0)
            self._build_shape = (None, *sizes[1:])
        self._network.replace(None)
        self.graph()

    def _known_shape(self) -> Shape | None:
        first = self._layers[0] if self._layers else None
        if isinstance(first, Model):
            return first.input_shape if first.built else self._build_shape
        if first is not None and first.given_input_shape is not None:
            return (None, *first.given_input_shape)
        return self._build_shape

    def _build_if_known(self) -> None:
        shape = self._known_shape()
        if shape is not None and self.layers:
            self.graph()

    def make_graph(self, x: Any) -> Graph:
        """Build the layers and return their calls; `x` gives the shape where nothing else does."""
        if not self._layers:
            msg = f"model {self.name!r} has no layers"
            raise ValueError(msg)
        shape = self._known_shape()
        if shape is None:
            if x is None:
                msg = (
                    f"model {self.name!r} is not built: give its first layer an input_shape, "
                    "start with Input(shape), or call it on data"
                )
                raise NotBuilt(msg)
            shape = self._build_shape = (None, *np.shape(x)[1:])
        with calls_of(None):
            self._in_a_row = self._is_plain()
            if self._in_a_row:
                graph = chain(self._layers, shape, self.dtype)
                self._set_symbols(shape)
                return graph
            start = self._start(shape)
            end = self.connect((start,))
        self._inputs, self._outputs = [start], [end]
        self._order, self._ranked = between(self._inputs, self._outputs)
        known = self.all_layers()
        # Operations of a layer's `call` are in the graph alone.
        name_layers([*known, *(layer for layer in self._ranked if layer not in known)])
        return super().make_graph(x)

    def _start(self, shape: Shape) -> Symbol:
        first = self._layers[0]
        known = type(first) is InputLayer
        start: Symbol
        if known and first.first_output is not None:
            start = first.first_output
            return start
        layer = first if known else InputLayer(batch_shape=shape)
        start = layer.first_output = Symbol(shape, layer, (), self.dtype)
        return start

    def _set_symbols(self, shape: Shape) -> None:
        """Give the layers in a row their symbols, so that other models may begin or end at them."""
        dtype = self.dtype
        start = self._start(shape)
        self._order, self._inputs, self._outputs = [start], [start], [start]
        for layer in self.layers:
            self._append_symbol(layer, dtype)

    def _append_symbol(self, layer: Layer, dtype: str) -> None:
        value = Symbol(layer.output_shape or (), layer, (self._outputs[0],), dtype)
        if layer.first_output is None:
            layer.first_output = value
        self._order.append(value)
        self._outputs = [value]

    def connect(self, symbols: tuple[Symbol, ...], training: bool | None = None) -> Any:
        """Call the layers in a row on a symbol; their weights are shared."""
        if len(symbols) != 1 or not self.layers:
            msg = f"model {self.name!r}: it is called on one input, got {len(symbols)}"
            raise ValueError(msg)
        value: Any = symbols[0]
        if self._known_shape() is None:
            self._build_shape = value.shape
        for layer in self.layers:
            value = layer(value, training=training)
        return value

    def entrances(self) -> list[str]:
        """Return the name of the layer that the input enters."""
        return [self.layers[0].name if self.layers else self.name]

    def __getstate__(self) -> dict[str, Any]:
        """Return everything but the symbols, which the layers in a row make again."""
        ends: dict[str, Any] = {
            "_inputs": [],
            "_outputs": [],
            "_order": [],
            "_ranked": [],
            "_names": None,
        }
        return {**super().__getstate__(), **ends}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, with symbols where the shape is known."""
        super().__setstate__(state)
        self._build_if_known()

    def get_config(self) -> dict[str, Any]:
        """Return what makes this model again, without weights."""
        shape = self._known_shape()
        return {
            "name": self.name,
            "dtype": self.dtype,
            "input_shape": None if shape is None else list(shape),
            "layers": [
                item.described() if isinstance(item, Model) else serialize(item)
                for item in self._layers
            ],
        }

    def described(self) -> dict[str, Any]:
        """Return the description of the model, as files hold it."""
        if not self.is_described_in_a_row():
            return super().described()
        return {"class": "Sequential", "config": Sequential.get_config(self)}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Sequential:
        """Make a model from the result of `get_config`, with new weights."""
        model = cls(name=config["name"], dtype=config["dtype"])
        for description in config["layers"]:
            model.add(unit_from(description, custom_objects), rebuild=False)
        if config["input_shape"] is not None:
            model.build(config["input_shape"])
        return model


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
) -> Model:
    """Return the model that `Model.save` wrote.

    Parameters
    ----------
    filepath : path
        The file.
    custom_objects : dict of str to class or function, optional
        Your own by name: layers, losses, metrics, and functions that `compile` or a layer was given.
    compile : bool
        Whether what `compile` was given is restored too.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the file is no model, truncated, altered, or written by a newer version.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import hotloop as hl
    >>> model = hl.Sequential([hl.layers.Dense(2, input_shape=(3,))])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "m.hotloop"
    ...     model.save(path)
    ...     again = hl.models.load_model(path)
    >>> bool((again.get_weights()[0] == model.get_weights()[0]).all())
    True
    """
    model: Model = saving.load_model(filepath, custom_objects, compile)
    return model


def save_model(model: Model, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a model to a file, as `Model.save` does.

    Parameters
    ----------
    model : Model
        Its layers, weights and optimizer are written.
    filepath : path
        Any name.
    overwrite : bool
        False refuses to replace a file.

    Raises
    ------
    FileExistsError
        When `overwrite` is false and the file exists.
    """
    if not isinstance(model, Model):
        msg = f"save_model: a model is needed, got {quoted(model)}"
        raise TypeError(msg)
    model.save(filepath, overwrite)


enter("model", (Model, Sequential))

__all__ = ["Sequential", "load_model", "save_model"]
