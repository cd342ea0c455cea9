"""Graphs of symbols: what a model of any graph is made from, and its description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hotloop._support import arguments
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.graph.graph import Graph, Node, put_first
from hotloop.graph.layer import LayerLike
from hotloop.graph.symbol import Symbol, Unit, connect, further, ordered
from hotloop.graph.tracing import fixed
from hotloop.layers import CLASSES, InputLayer
from hotloop.layers.base import Layer
from hotloop.layers.sources import OwnWeights, RandomDraw
from hotloop.models.layer_names import Names
from hotloop.registry import deserialize, serialize


def symbol_list(what: str, given: Any) -> list[Symbol]:
    """Return one symbol, or a list or dict of them, as a list; a TypeError for anything else."""
    items = list(given.values()) if isinstance(given, Mapping) else given
    items = list(items) if isinstance(items, list | tuple) else [items]
    if not items or not all(isinstance(item, Symbol) for item in items):
        msg = (
            f"Model: {what} must be what Input or layers called on it answer, or a list or dict "
            f"of those, got {quoted(given)}"
        )
        raise TypeError(msg)
    return items


def between(inputs: Sequence[Symbol], outputs: Sequence[Symbol]) -> tuple[list[Symbol], list[Any]]:
    """Return the values from inputs to outputs and their masks, and the layers, as `ordered` does."""
    masks = [symbol.mask for symbol in outputs]
    return ordered([*outputs, *(mask for mask in masks if mask is not None)], inputs)


def units(order: Sequence[Symbol], ranked: Sequence[Layer]) -> list[Any]:
    """Return layers, models and layers made of layers that were called, in the order of Keras."""
    callers: dict[int, list[Unit | None]] = {}
    for symbol in order:
        callers.setdefault(id(symbol.layer), []).append(symbol.unit)
    found: dict[int, Unit] = {}
    for layer in ranked:
        for unit in callers.get(id(layer), [None]):
            found.setdefault(id(unit or layer), unit or layer)
    return list(found.values())


def rank_by_attributes(ranked: list[Layer], parts: Sequence[Any]) -> None:
    """Put layers in the order of the attributes that hold them, as Keras orders weights."""
    found = [layer for part in parts for layer in part.all_layers()]
    places = {id(layer): i for i, layer in enumerate(found)}
    last = len(places)
    ranked.sort(key=lambda layer: -1 if type(layer) is InputLayer else places.get(id(layer), last))


def graph_of(inputs: Sequence[Symbol], outputs: Sequence[Symbol], order: Sequence[Symbol]) -> Graph:
    """Return the calls between symbols, `order` an order in which they can run."""
    numbers = {id(symbol): i for i, symbol in enumerate(inputs)}
    shapes: dict[int, Shape] = {i: symbol.shape for i, symbol in enumerate(inputs)}
    rescale: dict[int, LayerLike] = {}
    fronts: dict[int, LayerLike] = {}
    nodes: list[Node] = []
    makers: dict[int, int] = {}
    for symbol in order:
        if id(symbol) in numbers:
            continue
        if symbol.part:
            number = numbers[id(symbol)] = len(shapes)
            shapes[number] = symbol.shape
            place = makers[id(symbol.inputs[0])]
            node = nodes[place]
            nodes[place] = replace(node, parts=(*node.parts, (symbol.part, number)))
            continue
        read = tuple(numbers[id(part)] for part in symbol.inputs)
        if symbol.layer.builtin and symbol.layer.reads_text:
            readers = sum(part is symbol.inputs[0] for other in order for part in other.inputs)
            late = read[0] >= len(inputs) or read[0] in fronts or readers > 1
            fronts[read[0]] = put_first(symbol.layer, late)
            numbers[id(symbol)] = read[0]
            shapes[read[0]] = symbol.shape
            continue
        if _scales_input(symbol, inputs, outputs, order) and read[0] not in rescale:
            rescale[read[0]] = symbol.layer
            numbers[id(symbol)] = read[0]
            continue
        number = numbers[id(symbol)] = len(shapes)
        makers[id(symbol)] = len(nodes)
        nodes.append(Node(symbol.layer, read, number, symbol.training, symbol.which, symbol.roles))
        shapes[number] = symbol.shape
    ends = tuple(numbers[id(symbol)] for symbol in outputs)
    masks = tuple(None if s.mask is None else numbers.get(id(s.mask)) for s in outputs)
    return Graph(tuple(range(len(inputs))), ends, tuple(nodes), shapes, rescale, fronts, masks)


def _scales_input(
    symbol: Symbol, inputs: Sequence[Symbol], outputs: Sequence[Symbol], order: Sequence[Symbol]
) -> bool:
    """Whether a call is a Rescaling that alone reads an input, and so is part of gathering."""
    if not (symbol.layer.builtin and symbol.layer.scales_input) or not symbol.inputs:
        return False
    source = symbol.inputs[0]
    readers = sum(part is source for other in order for part in other.inputs)
    is_input = any(source is given for given in inputs)
    return is_input and readers == 1 and not any(source is out for out in outputs)


def connect_again(
    name: str,
    inputs: Sequence[Symbol],
    outputs: Sequence[Symbol],
    order: Sequence[Symbol],
    given: tuple[Symbol, ...],
    training: bool | None,
) -> list[Any]:
    """Call the layers between symbols on other symbols; a ValueError names the model."""
    if len(given) != len(inputs):
        msg = f"model {name!r} takes {len(inputs)} inputs, got {len(given)}"
        raise ValueError(msg)
    values = {id(mine): theirs for mine, theirs in zip(inputs, given, strict=True)}
    for mine, theirs in zip(inputs, given, strict=True):
        if len(mine.shape) != len(theirs.shape) or any(
            m not in (None, g) for m, g in zip(mine.shape, theirs.shape, strict=True)
        ):
            msg = f"model {name!r}: input {mine.name!r} is {mine.shape}, got {theirs.shape}"
            raise ValueError(msg)
    answers: dict[int, list[Symbol]] = {}
    for symbol in order:
        if id(symbol) not in values:
            parts = tuple(values[id(part)] for part in symbol.inputs)
            if symbol.part:
                first = answers.setdefault(id(parts[0]), [])
                first[:] = first or further(parts[0])
                values[id(symbol)] = first[symbol.part]
                continue
            told = symbol.training if symbol.training is not None else fixed(training)
            layer, roles = symbol.layer, symbol.roles
            if layer.reads_mask and "mask" not in roles and parts and parts[0].mask is not None:
                parts, roles = (*parts, parts[0].mask), (*roles, "mask")
            values[id(symbol)] = connect(
                layer, parts, layer.takes_several, told, symbol.which, roles
            )
    return [values[id(symbol)] for symbol in outputs]


# -- descriptions ------------------------------------------------------------------------------


def described(
    inputs: Sequence[Symbol],
    outputs: Sequence[Symbol],
    order: Sequence[Symbol],
    layers: Sequence[Layer],
) -> dict[str, Any]:
    """Return layers, inputs, calls and outputs as plain values."""
    places = {id(layer): i for i, layer in enumerate(layers)}
    values = {id(symbol): i for i, symbol in enumerate(inputs)}
    calls: list[list[Any]] = []
    for symbol in order:
        if id(symbol) not in values:
            read = [values[id(part)] for part in symbol.inputs]
            values[id(symbol)] = len(values)
            told: list[Any] = [] if symbol.training is None else [symbol.training]
            if symbol.which is not None:
                told = [symbol.training, symbol.which]
            if symbol.roles or symbol.part:
                told = [symbol.training, symbol.which, list(symbol.roles), symbol.part]
            calls.append([places[id(symbol.layer)], read, *told])
    return {
        "layers": [serialize(layer) for layer in layers],
        "inputs": [[places[id(s.layer)], list(s.shape)] for s in inputs],
        "calls": calls,
        "outputs": [values[id(symbol)] for symbol in outputs],
    }


def ends_from(
    config: dict[str, Any], custom_objects: dict[str, Any] | None
) -> tuple[Any, Any, list[Layer]]:
    """Return inputs, outputs and layers of a description, with new weights."""
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
        roles = _roles(layer, told, parts)
        if len(told) > 3 and told[3]:
            values.append(_answer(layer, told[3], parts))
            continue
        which = _which(layer, told)
        if (not parts and which is None) or (
            len(parts) - len(roles) > 1 and not layer.takes_several
        ):
            msg = f"the description gives {layer.name!r} {len(parts)} inputs"
            raise ValueError(msg)
        training = bool(told[0]) if told and told[0] is not None else None
        if "mask" in roles and parts:
            parts[0].mask = parts[len(parts) - len(roles) + roles.index("mask")]
        values.append(connect(layer, parts, layer.takes_several, training, which, roles))
    outputs = [values[_index(i, len(values))] for i in config["outputs"]]
    input_names, output_names = config["names"]
    return _named(input_names, inputs), _named(output_names, outputs), layers


def _index(i: Any, limit: int) -> int:
    if not isinstance(i, int) or not 0 <= i < limit:
        msg = f"the description reads value {i!r}, of {limit} that exist by then"
        raise ValueError(msg)
    return i


def _roles(layer: Layer, told: list[Any], parts: tuple[Symbol, ...]) -> tuple[str, ...]:
    """Return what the inputs of a described call behind the layer's own are."""
    roles = tuple(told[2]) if len(told) > 2 and isinstance(told[2], list) else ()
    if roles and (len(roles) >= len(parts) or not set(roles) <= set(layer.takes_beside)):
        msg = f"the description gives {layer.name!r} no such inputs: {quoted(roles)}"
        raise ValueError(msg)
    return roles


def _answer(layer: Layer, part: Any, parts: tuple[Symbol, ...]) -> Symbol:
    """Return a further answer of a described call."""
    found = further(parts[0]) if parts and parts[0].layer is layer and parts[0].inputs else []
    if not isinstance(part, int) or not 0 < part < len(found):
        msg = f"the description asks {layer.name!r} for answer {quoted(part)}"
        raise ValueError(msg)
    return found[part]


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


__all__ = [
    "between",
    "connect_again",
    "described",
    "ends_from",
    "graph_of",
    "name_layers",
    "rank_by_attributes",
    "symbol_list",
    "units",
]
