"""Models whose class has a `call`: the graph is what the call does to symbols."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotloop import optimizers
from hotloop._support.quoting import quoted
from hotloop.engine import eager
from hotloop.graph.symbol import Symbol, calls_of, ordered
from hotloop.graph.tracing import INFERENCE, TRAINING, call_on_symbols, own_call, parts_of
from hotloop.layers import Dropout, Input, InputLayer
from hotloop.layers.base import Layer
from hotloop.models.several_ends import SeveralEnds


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


class TracedEnds(SeveralEnds):
    """A model whose ends are given, or found by tracing its `call` once.

    Parameters
    ----------
    name, dtype : str, optional
        As for every model.

    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self._order: list[Symbol] = []
        self._ranked: list[Layer] = []
        # What compile was given before a traced call showed the outputs.
        self._late: tuple[Any, ...] | None = None

    def _set_ends(self, inputs: Any, outputs: Any) -> None:
        raise NotImplementedError

    def _is_traced(self) -> bool:
        return own_call(self) is not None

    def _has_graph(self) -> bool:
        return bool(self._outputs) or not self._is_subclass()

    def _is_subclass(self) -> bool:
        """Whether the model's class says what it does, in a `call` or a `train_step`."""
        return self._is_traced() or (not self._inputs and self._steps_by_itself())

    def _eagerly(self, x: Any, training: bool) -> Any:
        """Run the `call` of the model's class, or the layers of its graph, on tensors."""
        if self._is_traced():
            call: Any = own_call(self)
            wants = "training" in inspect.signature(call).parameters
            parts = eager.tensors_in(x, self.dtype)
            return call(parts, **({"training": training} if wants else {}))
        given = list(x.values()) if isinstance(x, Mapping) else x
        if isinstance(x, Mapping) and set(x) == set(self.input_names):
            given = [x[name] for name in self.input_names]
        inputs = (
            list(given) if isinstance(given, list | tuple) and len(self.inputs) > 1 else [given]
        )
        outputs = eager.evaluate(self.graph(x), inputs, training, self.dtype)
        return outputs if len(outputs) > 1 else outputs[0]

    def build(self, input_shape: Any = None) -> None:
        """Make the weights of a model that has a `call`; every other one has them already.

        Parameters
        ----------
        input_shape : tuple, or list or dict of tuples
            Of each input, batch in front.

        Raises
        ------
        ValueError
            Without a shape.
        """
        if not self._is_traced() or self._outputs:
            return
        if input_shape is None:
            msg = f"model {self.name!r} is not built: give build the shape of its input"
            raise ValueError(msg)
        if isinstance(input_shape, Mapping):
            self._trace({name: _input(shape, name) for name, shape in input_shape.items()})
        elif isinstance(input_shape, list) and isinstance(input_shape[0], list | tuple):
            self._trace([_input(shape) for shape in input_shape])
        else:
            self._trace(_input(input_shape))

    def _settle(self, x: Any) -> None:
        """Trace the `call` for the first data."""
        if not self._is_traced() or self._outputs:
            return
        if isinstance(x, Mapping):
            self.build({name: np.shape(part) for name, part in x.items()})
        elif isinstance(x, list | tuple) and all(isinstance(part, np.ndarray) for part in x):
            shapes = [part.shape for part in x]
            self.build(shapes if len(shapes) > 1 else shapes[0])
        else:
            self.build(np.shape(x))

    def _trace(self, given: Any) -> None:
        """Find the graph of the `call`, which is one for training and for inference."""
        with calls_of(None):
            outputs = call_on_symbols(self, given, TRAINING)
            inference = call_on_symbols(self, given, INFERENCE)
        self._set_ends(given, outputs)
        ends = symbol_list("inputs", given)
        if _calls(self._outputs, ends) != _calls(symbol_list("outputs", inference), ends):
            self._inputs, self._outputs, self._order, self._ranked = [], [], [], []
            msg = (
                f"model {self.name!r}: its call uses other layers in training than in inference; "
                "only Dropout may make the difference"
            )
            raise ValueError(msg)
        # Weights go in the order of the attributes, as in Keras.
        places = {
            id(layer): i
            for i, layer in enumerate(
                layer for part in parts_of(self) for layer in part.all_layers()
            )
        }
        last = len(places)
        self._ranked.sort(
            key=lambda layer: -1 if type(layer) is InputLayer else places.get(id(layer), last)
        )
        late, self._late = self._late, None
        if late is not None:
            optimizer, loss, metrics, weighted, kwargs = late
            self.compile(optimizer, loss, metrics, weighted, **kwargs)

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        **kwargs: Any,
    ) -> None:
        """Choose optimizer, loss and metrics.

        Parameters
        ----------
        optimizer : str or Optimizer
            Keras's name or an object; a new optimizer starts without history. An object trains
            one model: a second one is refused by a ValueError when it trains.
        loss : str, function or Loss
            What `fit` makes small. A final softmax is fused with the categorical cross
            entropies and a final sigmoid with the binary one. With several outputs, one for all of
            them, or a list or a dict by output.
        metrics : list of str, function or Metric, optional
            ``"accuracy"`` resolves by targets and outputs, as in Keras. They do not see the
            samples' weights. With several outputs, a list of lists or a dict of them by output.
        weighted_metrics : list of str, function or Metric, optional
            Metrics that see the samples' weights; for one output.
        loss_weights : list or dict of float, optional
            Factor of each output's loss.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss
            What Keras has to know of its backends; without effect here.

        Raises
        ------
        ValueError
            For unknown names, with the nearest one, and numbers that do not fit the outputs.

        Examples
        --------
        >>> import hotloop as hl
        >>> model = hl.Sequential([hl.layers.Dense(2, activation="softmax", input_shape=(3,))])
        >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        """
        self._late = None
        if self._is_traced() and not self._outputs:
            self._late = (optimizers.get(optimizer), loss, metrics, weighted_metrics, kwargs)
            optimizer = self._late[0]
            if isinstance(loss, list | tuple | Mapping):
                loss = "mse"
            metrics = weighted_metrics = None
            kwargs.pop("loss_weights", None)
        super().compile(optimizer, loss, metrics, weighted_metrics, **kwargs)


def _input(shape: Sequence[int | None], name: str | None = None) -> Symbol:
    """Return an input of samples of ``shape[1:]``."""
    return Input(shape=tuple(shape)[1:], name=name)


def _calls(outputs: list[Symbol], inputs: list[Symbol]) -> list[tuple[Any, list[Any]]]:
    """Return what is called on what, without dropout, which inference leaves out."""
    order, _ = ordered(outputs, inputs)
    places: dict[int, Any] = {}
    calls: list[tuple[Any, list[Any]]] = []
    for symbol in order:
        if any(symbol is start for start in inputs):
            places[id(symbol)] = id(symbol)
        elif type(symbol.layer) is Dropout:
            places[id(symbol)] = places[id(symbol.inputs[0])]
        else:
            places[id(symbol)] = len(calls)
            calls.append(
                ((_kind(symbol.layer), symbol.which), [places[id(part)] for part in symbol.inputs])
            )
    return [*calls, (None, [places[id(symbol)] for symbol in outputs])]


def _kind(layer: Any) -> Any:
    """Return what two traces of a call agree on: the layer, or for one made anew what it does."""
    if layer.ordered_weights():
        return id(layer)
    return type(layer), {k: v for k, v in layer.get_config().items() if k != "name"}


__all__ = ["TracedEnds", "symbol_list"]
