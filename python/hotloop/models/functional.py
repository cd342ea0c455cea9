"""Models of any graph: branches, shared layers, several inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hotloop._support import arguments
from hotloop._support.typing import Shape
from hotloop.graph.graph import Graph, Node
from hotloop.graph.layer import LayerLike
from hotloop.graph.symbol import Symbol, Unit, calls_of, connect, ordered, symbols_in
from hotloop.graph.tracing import fixed, parts_of
from hotloop.layers import CLASSES, InputLayer
from hotloop.layers.base import Layer
from hotloop.layers.sources import OwnWeights, RandomDraw
from hotloop.models.layer_names import Names
from hotloop.models.traced_ends import TracedEnds, symbol_list
from hotloop.registry import deserialize, serialize


class Model(TracedEnds):
    """A graph of layers, from `Input` to outputs.

    Call layers on what `Input` and other layers answer, and give the ends to this class. Layers
    may be called several times, and share their weights then; a model may be called like a layer.
    With several inputs or outputs, data come as lists in their order, or as dicts by the names of
    the input and output layers.

    A subclass may write ``call(x)`` or ``call(x, training)`` instead, as in Keras, over its layers,
    operators and `hotloop.ops`. The call is traced when the first data, or `build`, say the shape;
    what is saved is the graph, which loads as a `Model`. It may also write `train_step` and
    `test_step`, which `fit` and `evaluate` then call.

    Parameters
    ----------
    inputs, outputs : Symbol, list or dict of Symbol
        Ends of the graph; a dict gives the names under which data come.
    name : str, optional
        Shown in summaries.

    Raises
    ------
    TypeError
        For ends that are no symbols.
    ValueError
        When an output needs an `Input` that is not given, for a cycle, and for two layers of
        one name; the text names the layer. When a `call` differs between training and inference
        in more than dropout.

    Examples
    --------
    >>> import hotloop as hl
    >>> inputs = hl.Input(shape=(8,))
    >>> left = hl.layers.Dense(4, activation="relu")(inputs)
    >>> right = hl.layers.Dense(4, activation="tanh")(inputs)
    >>> both = hl.layers.Concatenate()([left, right])
    >>> model = hl.Model(inputs, hl.layers.Dense(1)(both))
    >>> model.count_params(), model.output_shape
    (81, (None, 1))
    """

    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)
        if inputs is None and outputs is None:
            return
        if name is None:
            self.name = "functional" if type(self) is Model else self.name
        self._set_ends(inputs, outputs)

    def _set_ends(self, inputs: Any, outputs: Any) -> None:
        self._inputs = symbol_list("inputs", inputs)
        self._outputs = symbol_list("outputs", outputs)
        self._order, self._ranked = ordered(self._outputs, self._inputs)
        self._given_names = (
            list(inputs) if isinstance(inputs, Mapping) else None,
            list(outputs) if isinstance(outputs, Mapping) else None,
        )
        name_layers(self._ranked)

    @property
    def layers(self) -> list[Any]:
        """Every layer once, the farthest from the outputs first, as Keras orders them.

        A model, or a layer made of layers, that was called like a layer stands for its own.
        """
        if self._is_traced():
            return parts_of(self)
        units: dict[int, list[Unit | None]] = {}
        for symbol in self._order:
            units.setdefault(id(symbol.layer), []).append(symbol.unit)
        found: dict[int, Unit] = {}
        for layer in self._ranked:
            for unit in units.get(id(layer), [None]):
                found.setdefault(id(unit or layer), unit or layer)
        return list(found.values())

    def all_layers(self) -> list[Layer]:
        """Return every layer once, also those inside of other models."""
        return list(self._ranked)

    @property
    def input_shape(self) -> Any:
        """Shape of the input, batch in front (None); a list of them for several inputs."""
        shapes = [self.graph().shapes[v] for v in self.graph().inputs]
        return shapes if len(shapes) > 1 else shapes[0]

    @property
    def output_shape(self) -> Any:
        """Shape of the output, batch in front (None); a list of them for several outputs."""
        shapes = [self.graph().shapes[v] for v in self.graph().outputs]
        return shapes if len(shapes) > 1 else shapes[0]

    def first_layer_name(self) -> str:
        """Name of the layer that the input enters."""
        return self._inputs[0].name if self._inputs else super().first_layer_name()

    def _make_graph(self, x: Any) -> Graph:
        if x is not None:
            self._settle(x)
        if not self._outputs:
            msg = (
                f"model {self.name!r} is not built: give Model(inputs, outputs) its ends, or write "
                "a call and let build, or the first data, say the shape"
            )
            raise ValueError(msg)
        numbers = {id(symbol): i for i, symbol in enumerate(self._inputs)}
        shapes: dict[int, Shape] = {i: symbol.shape for i, symbol in enumerate(self._inputs)}
        rescale: dict[int, LayerLike] = {}
        nodes: list[Node] = []
        for symbol in self._order:
            if id(symbol) in numbers:
                continue
            read = tuple(numbers[id(part)] for part in symbol.inputs)
            if self._scales_input(symbol) and read[0] not in rescale:
                rescale[read[0]] = symbol.layer
                numbers[id(symbol)] = read[0]
                continue
            number = numbers[id(symbol)] = len(self._inputs) + len(nodes)
            nodes.append(Node(symbol.layer, read, number, symbol.training, symbol.which))
            shapes[number] = symbol.shape
        return Graph(
            tuple(range(len(self._inputs))),
            tuple(numbers[id(symbol)] for symbol in self._outputs),
            tuple(nodes),
            shapes,
            rescale,
        )

    def _scales_input(self, symbol: Symbol) -> bool:
        """Whether a call is a Rescaling that alone reads an input, and so is part of gathering."""
        if not (symbol.layer.builtin and symbol.layer.scales_input) or not symbol.inputs:
            return False
        source = symbol.inputs[0]
        readers = sum(part is source for other in self._order for part in other.inputs)
        is_input = any(source is given for given in self._inputs)
        return is_input and readers == 1 and not any(source is out for out in self._outputs)

    def _is_built(self) -> bool:
        """Return whether shapes and weights exist: always, once there are outputs."""
        return bool(self._outputs) or super()._is_built()

    # -- as a layer --------------------------------------------------------------------------

    def __call__(self, x: Any, training: bool | None = None) -> Any:
        """Return the output for one batch, or symbols when called on symbols."""
        symbols = symbols_in(list(x.values()) if isinstance(x, Mapping) else x)
        if symbols is None:
            return super().__call__(x, training)
        if self._is_traced() and not self._outputs:
            self.build(
                {name: part.shape for name, part in x.items()}
                if isinstance(x, Mapping)
                else [part.shape for part in symbols]
                if len(symbols) > 1
                else symbols[0].shape
            )
        with calls_of(self):
            answer = self.connect(symbols, training)
        self.first_output = answer if self.first_output is None else self.first_output
        return answer

    def connect(self, symbols: tuple[Symbol, ...], training: bool | None = None) -> Any:
        """Call every layer of this model on further symbols; its weights are shared."""
        if len(symbols) != len(self._inputs):
            msg = f"model {self.name!r} takes {len(self._inputs)} inputs, got {len(symbols)}"
            raise ValueError(msg)
        values = {id(mine): given for mine, given in zip(self._inputs, symbols, strict=True)}
        for mine, given in zip(self._inputs, symbols, strict=True):
            if len(mine.shape) != len(given.shape) or any(
                m not in (None, g) for m, g in zip(mine.shape, given.shape, strict=True)
            ):
                msg = f"model {self.name!r}: input {mine.name!r} is {mine.shape}, got {given.shape}"
                raise ValueError(msg)
        for symbol in self._order:
            if id(symbol) not in values:
                parts = tuple(values[id(part)] for part in symbol.inputs)
                told = symbol.training if symbol.training is not None else fixed(training)
                layer = symbol.layer
                values[id(symbol)] = connect(layer, parts, layer.takes_several, told, symbol.which)
        answers = [values[id(symbol)] for symbol in self._outputs]
        return answers if len(answers) > 1 else answers[0]

    def __getstate__(self) -> dict[str, Any]:
        """Return everything, values in the order of their making: a deep graph needs no recursion."""
        return {"_order": self._order, **super().__getstate__()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore; layers know their first calls again."""
        super().__setstate__(state)
        for symbol in self._order:
            if symbol.layer.first_output is None:
                symbol.layer.first_output = symbol

    # -- descriptions ------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return what makes this model again, without weights."""
        places = {id(layer): i for i, layer in enumerate(self._ranked)}
        values = {id(symbol): i for i, symbol in enumerate(self._inputs)}
        calls: list[list[Any]] = []
        for symbol in self._order:
            if id(symbol) not in values:
                read = [values[id(part)] for part in symbol.inputs]
                values[id(symbol)] = len(values)
                told: list[Any] = [] if symbol.training is None else [symbol.training]
                if symbol.which is not None:
                    told = [symbol.training, symbol.which]
                calls.append([places[id(symbol.layer)], read, *told])
        return {
            "name": self.name,
            "dtype": self.dtype,
            "layers": [serialize(layer) for layer in self._ranked],
            "inputs": [[places[id(s.layer)], list(s.shape)] for s in self._inputs],
            "calls": calls,
            "outputs": [values[id(symbol)] for symbol in self._outputs],
            "names": list(self._given_names),
        }

    def described(self) -> dict[str, Any]:
        """Return the description of the model as files hold it: of one's own class by its graph."""
        self.graph()
        return {"class": "Model", "config": Model.get_config(self)}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Model:
        """Make a model from the result of `get_config`, with new weights."""
        layers = [deserialize("layer", d, CLASSES, custom_objects) for d in config["layers"]]
        dtype = config["dtype"]
        values: list[Symbol] = []
        for place, sizes in config["inputs"]:
            shape = arguments.shape("Model", "the shape of an input", sizes, least=0)
            layers[place].first_output = Symbol(shape, layers[place], (), dtype)
            values.append(layers[place].first_output)
            if type(layers[place]) is InputLayer:
                layers[place].ensure_built(shape, dtype)
        inputs = list(values)
        for place, read, *told in config["calls"]:
            layer = layers[place]
            parts = tuple(values[_index(i, len(values))] for i in read)
            which = _which(layer, told)
            if (not parts and which is None) or (len(parts) > 1 and not layer.takes_several):
                msg = f"the description gives {layer.name!r} {len(parts)} inputs"
                raise ValueError(msg)
            training = bool(told[0]) if told and told[0] is not None else None
            values.append(connect(layer, parts, layer.takes_several, training, which))
        outputs = [values[_index(i, len(values))] for i in config["outputs"]]
        input_names, output_names = config["names"]
        model = cls(
            _named(input_names, inputs), _named(output_names, outputs), config["name"], dtype
        )
        # The order of weights is that of the description.
        model._ranked = layers
        return model


def _index(i: Any, limit: int) -> int:
    if not isinstance(i, int) or not 0 <= i < limit:
        msg = f"the description reads value {i!r}, of {limit} that exist by then"
        raise ValueError(msg)
    return i


def _which(layer: Layer, told: list[Any]) -> str | None:
    """Return which of its layer's values a described call answers, where it reads none."""
    if len(told) < 2 or told[1] is None:
        return None
    if not isinstance(layer, OwnWeights | RandomDraw) or not isinstance(told[1], str):
        msg = f"the description gives {layer.name!r} no input"
        raise ValueError(msg)
    return told[1]


def _named(names: list[str] | None, symbols: list[Symbol]) -> Any:
    return symbols if names is None else dict(zip(names, symbols, strict=True))


def name_layers(layers: Sequence[Layer]) -> None:
    """Give every layer a name of its own; a ValueError when two were given the same.

    A name that another model gave changes when it is taken here: two models may each have a
    ``dense``, and become parts of a third.
    """
    taken = Names()
    open_ones: list[Layer] = []
    for layer in layers:
        if layer.given_name is not None:
            if layer.given_name in taken:
                msg = f"Model: all layers need unique names, {layer.name!r} is there twice"
                raise ValueError(msg)
            taken.add(layer.given_name)
    for layer in layers:
        if layer.given_name is None and layer.model_name is not None:
            if layer.model_name in taken:
                open_ones.append(layer)
            else:
                taken.add(layer.model_name)
        elif layer.given_name is None:
            open_ones.append(layer)
    for layer in open_ones:
        Names.changes += layer.model_name is not None
        layer.model_name = taken.free(layer.base_name)
        taken.add(layer.model_name)


__all__ = ["Model", "name_layers"]
