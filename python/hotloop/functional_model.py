"""Models of any graph: branches, shared layers, several inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import metrics as metrics_module
from hotloop.callbacks import CallbackList
from hotloop.data import input_array, weight_array
from hotloop.executor import Executor
from hotloop.graph import Graph, Node
from hotloop.layers import CLASSES, InputLayer, Rescaling
from hotloop.layers.base import Layer, Shape
from hotloop.losses.several import PerOutput
from hotloop.model import Model as BaseModel
from hotloop.registry import deserialize, serialize, snake_case
from hotloop.several import (
    OutputLoss,
    SeveralData,
    SeveralForward,
    SeveralLossStep,
    SeveralMeter,
    by_name,
)
from hotloop.symbol import Symbol, connect, ordered, symbols_in
from hotloop.targets import real_array

Array = NDArray[Any]


def _symbols(what: str, given: Any) -> list[Symbol]:
    items = list(given.values()) if isinstance(given, Mapping) else given
    items = list(items) if isinstance(items, list | tuple) else [items]
    if not items or not all(isinstance(item, Symbol) for item in items):
        msg = (
            f"Model: {what} must be what Input or layers called on it answer, or a list or dict "
            f"of those, got {given!r}"
        )
        raise TypeError(msg)
    return items


class Model(BaseModel):
    """A graph of layers, from `Input` to outputs.

    Call layers on what `Input` and other layers answer, and give the ends to this class. Layers
    may be called several times, and share their weights then; a model may be called like a layer.
    With several inputs or outputs, data come as lists in their order, or as dicts by the names of
    the input and output layers.

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
        one name; the text names the layer.

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
        self._inputs: list[Symbol] = []
        self._outputs: list[Symbol] = []
        if inputs is None and outputs is None:
            return
        if name is None:
            self.name = "functional"
        self._inputs = _symbols("inputs", inputs)
        self._outputs = _symbols("outputs", outputs)
        self._order, self._ranked = ordered(self._outputs, self._inputs)
        self._given_names: tuple[list[str] | None, list[str] | None] = (
            list(inputs) if isinstance(inputs, Mapping) else None,
            list(outputs) if isinstance(outputs, Mapping) else None,
        )
        name_layers(self._ranked)

    # -- names and shapes --------------------------------------------------------------------

    @property
    def inputs(self) -> list[Symbol]:
        """The inputs, as symbols."""
        return list(self._inputs)

    @property
    def outputs(self) -> list[Symbol]:
        """The outputs, as symbols."""
        return list(self._outputs)

    @property
    def input_names(self) -> list[str]:
        """Names by which a dict gives samples."""
        return self._given_names[0] or [symbol.name for symbol in self._inputs]

    @property
    def output_names(self) -> list[str]:
        """Names by which a dict gives targets, losses and metrics."""
        return self._given_names[1] or [symbol.name for symbol in self._outputs]

    @property
    def is_several(self) -> bool:
        """Whether there is more than one input or output."""
        return len(self._inputs) > 1 or len(self._outputs) > 1

    @property
    def layers(self) -> list[Layer]:
        """Every layer once, the farthest from the outputs first, as Keras orders them."""
        return list(self._ranked)

    def all_layers(self) -> list[Layer]:
        """Return every layer once."""
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

    def _make_graph(self, x: Any) -> Graph:  # noqa: ARG002
        numbers = {id(symbol): i for i, symbol in enumerate(self._inputs)}
        shapes: dict[int, Shape] = {i: symbol.shape for i, symbol in enumerate(self._inputs)}
        rescale: dict[int, tuple[float, float]] = {}
        nodes: list[Node] = []
        for symbol in self._order:
            if id(symbol) in numbers:
                continue
            read = tuple(numbers[id(part)] for part in symbol.inputs)
            if self._scales_input(symbol) and read[0] not in rescale:
                layer = symbol.layer
                assert isinstance(layer, Rescaling)
                rescale[read[0]] = (layer.scale, layer.offset)
                numbers[id(symbol)] = read[0]
                continue
            number = numbers[id(symbol)] = len(self._inputs) + len(nodes)
            nodes.append(Node(symbol.layer, read, number))
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
        if type(symbol.layer) is not Rescaling:
            return False
        source = symbol.inputs[0]
        readers = sum(part is source for other in self._order for part in other.inputs)
        is_input = any(source is given for given in self._inputs)
        return is_input and readers == 1 and not any(source is out for out in self._outputs)

    @property
    def built(self) -> bool:
        """Whether shapes and weights exist: always, once there are outputs."""
        return bool(self._outputs) or super().built

    # -- as a layer --------------------------------------------------------------------------

    def __call__(self, x: Any, training: bool = False) -> Any:
        """Return the output for one batch, or symbols when called on symbols."""
        symbols = symbols_in(list(x.values()) if isinstance(x, Mapping) else x)
        return super().__call__(x, training) if symbols is None else self.connect(symbols)

    def connect(self, symbols: tuple[Symbol, ...]) -> Any:
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
                values[id(symbol)] = connect(symbol.layer, parts, symbol.layer.takes_several)
        answers = [values[id(symbol)] for symbol in self._outputs]
        return answers if len(answers) > 1 else answers[0]

    # -- several inputs and outputs ----------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        *,
        loss_weights: Any = None,
        **kwargs: Any,
    ) -> None:
        """Choose optimizer, loss and metrics.

        Parameters
        ----------
        optimizer, loss, metrics, weighted_metrics, **kwargs
            As for every model. With several outputs, `loss` is one for all of them, or a list or
            a dict by output; so is `metrics`, of lists.
        loss_weights : list or dict of float, optional
            Factor of each output's loss.

        Raises
        ------
        ValueError
            For unknown names, and numbers that do not fit the outputs.

        Examples
        --------
        >>> import hotloop as hl
        >>> x = hl.Input((3,))
        >>> ends = [hl.layers.Dense(1, name="a")(x), hl.layers.Dense(1, name="b")(x)]
        >>> model = hl.Model(x, ends)
        >>> model.compile("sgd", {"a": "mse", "b": "mae"}, loss_weights=[1.0, 0.5])
        """
        if not self.is_several:
            weights = by_name("loss_weights", loss_weights, ["output"], 1.0) if loss_weights else []
            if isinstance(loss, list | tuple | Mapping) and "class" not in loss:
                loss = by_name("loss", loss, self._names_or_one())[0]
            if isinstance(metrics, Mapping) or (
                isinstance(metrics, list) and metrics and isinstance(metrics[0], list)
            ):
                metrics = by_name("metrics", metrics, self._names_or_one())[0]
            if weights and weights[0] != 1.0:
                if not self._outputs:
                    msg = f"compile: loss_weights {loss_weights} for a model without named outputs"
                    raise ValueError(msg)
                loss = PerOutput([loss], weights)
            super().compile(optimizer, loss, metrics, weighted_metrics, **kwargs)
            return
        if weighted_metrics:
            msg = "compile: weighted_metrics need a model with one output"
            raise ValueError(msg)
        names = self.output_names
        if not isinstance(loss, PerOutput):
            one_for_all = loss is None or not isinstance(loss, list | tuple | Mapping)
            losses = [loss] * len(names) if one_for_all else by_name("loss", loss, names)
            given = 1.0 if loss_weights is None else loss_weights
            one_for_all = isinstance(given, float)
            weights = (
                [given] * len(names) if one_for_all else by_name("loss_weights", given, names, 1.0)
            )
            flat = isinstance(metrics, list) and not any(isinstance(m, list) for m in metrics)
            if metrics is None or isinstance(metrics, str) or (flat and len(metrics) == 1):
                lists = [metrics] * len(names)
            else:
                lists = by_name("metrics", metrics, names)
            pairs = [
                (i, m)
                for i, items in enumerate(lists)
                for m in (items if isinstance(items, list | tuple) else [items])
                if m is not None
            ]
            loss = PerOutput(losses, weights, [i for i, _ in pairs])
            metrics = [m for _, m in pairs]
        super().compile(optimizer, loss, metrics, **kwargs)

    def _names_or_one(self) -> list[str]:
        return self.output_names if self._outputs else ["output"]

    def _in_lists(self) -> bool:
        return self.is_several or isinstance(self.loss, PerOutput)

    def _arrays(self, name: str, x: Any) -> list[Array]:
        """Return checked samples for each input."""
        self.executor()
        parts = by_name(name, x, self.input_names)
        arrays = [
            np.ascontiguousarray(input_array(name, symbol.name, part, symbol.shape))
            for part, symbol in zip(parts, self._inputs, strict=True)
        ]
        if len({len(array) for array in arrays}) > 1:
            msg = f"{name}: inputs must have as many samples each, got {[*map(len, arrays)]}"
            raise ValueError(msg)
        return arrays

    def _input(self, name: str, x: Any) -> Any:
        if self._inputs and isinstance(x, Mapping):
            x = by_name(name, x, self.input_names)[0]
        return super()._input(name, x)

    def _data(
        self,
        name: str,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
    ) -> Any:
        if not self._in_lists():
            if self._outputs and isinstance(y, Mapping):
                y = by_name(name, y, self.output_names)[0]
            return super()._data(name, x, y, sample_weight, class_weight)
        per_output = self._compiled(name, optimizer=False)
        assert isinstance(per_output, PerOutput)
        if class_weight is not None:
            msg = f"{name}: class_weight needs a model with one output"
            raise ValueError(msg)
        arrays = self._arrays(name, x)
        n, names = len(arrays[0]), self.output_names
        if isinstance(sample_weight, list | tuple | Mapping):
            given = by_name(f"{name}: sample_weight", sample_weight, names)
        else:
            given = [sample_weight] * len(names)
        ys: list[Any] = []
        ts: list[Any] = []
        ws: list[Any] = []
        for target, loss, symbol, weight in zip(
            by_name(f"{name}: y", y, names), per_output.losses, self._outputs, given, strict=True
        ):
            if loss is None:
                ys.append(target)
                ts.append(None)
                ws.append(None)
                continue
            array = real_array(name, f"y of {symbol.name!r}", target)
            if array.ndim == 0 or len(array) != n:
                msg = f"{name}: x has {n} samples but y of {symbol.name!r} {np.shape(array)}"
                raise ValueError(msg)
            shape = (n, *(size or 0 for size in symbol.shape[1:]))
            ys.append(array)
            ts.append(loss.targets(array, shape, self.dtype))
            ws.append(weight_array(name, n, array, weight, None, self.dtype))
        return SeveralData(arrays, ys, ts, ws)

    def _step_for(self, data: Any, n: int, *, train: bool, update: bool) -> Any:
        if not isinstance(data, SeveralData):
            return super()._step_for(data, n, train=train, update=update)
        executor, form = self.executor(), data.form
        executor.loss = self.loss
        optimizer = self.optimizer if update else None
        key = ("several", n, form, train, update)
        return executor.step_of(
            key, lambda: SeveralLossStep(executor, n, form, train, optimizer), optimizer
        )

    def _meter(self, data: Any) -> Any:
        if not isinstance(data, SeveralData):
            return super()._meter(data)
        if self._found_metrics is None:
            self._resolve_metrics(tuple(np.shape(y) for y in data.ys))
        return SeveralMeter(self._found_metrics or [], self.loss)

    def _resolve_metrics(self, target_shape: Any) -> None:
        if not self._in_lists():
            super()._resolve_metrics(target_shape)
            return
        self._target_shape = target_shape
        names, shapes = self.output_names, [symbol.shape for symbol in self._outputs]
        found: list[metrics_module.Metric] = [
            OutputLoss(f"{name}_loss")
            for name, loss in zip(names, self.loss.losses, strict=True)
            if loss is not None
        ]
        for i, identifier in zip(self.loss.metric_outputs, self._metric_names, strict=True):
            targets = tuple(target_shape[i])
            shape = (targets[0], *(size or 0 for size in shapes[i][1:]))
            metric = metrics_module.resolve(identifier, targets, shape)
            if not metric.name.startswith(f"{names[i]}_"):
                metric.name = f"{names[i]}_{metric.name}"
            found.append(metric)
        self._found_metrics = found

    def _batch_answer(self, step: Any, loss: float, data: Any, return_dict: bool) -> Any:
        if not isinstance(data, SeveralData):
            return super()._batch_answer(step, loss, data, return_dict)
        meter = self._meter(data)
        meter.reset()
        meter.update(step, loss, data, slice(0, len(data)))
        logs = meter.logs()
        return logs if return_dict else list(logs.values())

    def _several_step(self, n: int, training: bool) -> SeveralForward:
        executor: Executor = self.executor()
        make: Callable[[], Any] = lambda: SeveralForward(executor, n, training)  # noqa: E731
        step: SeveralForward = executor.step_of(("several", n, training), make, None)
        return step

    def _predict_array(
        self, x: Any, size: int, steps: int | None, calls: CallbackList, first: int
    ) -> Any:
        if not self.is_several:
            return super()._predict_array(x, size, steps, calls, first)
        with self._step_lock:
            arrays = self._arrays("predict", x)
        n = len(arrays[0]) if steps is None else min(len(arrays[0]), steps * size)
        shapes = [tuple(k or 0 for k in symbol.shape[1:]) for symbol in self._outputs]
        outs = [np.empty((n, *shape), self.dtype) for shape in shapes]
        for batch, start in enumerate(range(0, n, size), first):
            rows = slice(start, min(n, start + size))
            calls.batch_begin("predict", batch)
            with self._step_lock:
                step = self._several_step(rows.stop - start, training=False)
                step.gather([array[rows] for array in arrays], None)
                step.run()
                for out, y in zip(outs, step.outputs, strict=True):
                    out[rows] = y

            def logs(rows: slice = rows) -> dict[str, Any]:
                return {"outputs": [out[rows].copy() for out in outs]}

            calls.batch_end("predict", batch, logs)
        return self._as_given(outs)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch, in inference mode."""
        if not self.is_several:
            return super().predict_on_batch(x)
        n = max(1, len(by_name("predict_on_batch", x, self.input_names)[0]))
        return self.predict(x, batch_size=n, verbose=0)

    def _as_given(self, outs: list[Array]) -> Any:
        """Return outputs as they were declared: in a dict, or in a list when there are several."""
        if self._given_names[1] is not None:
            return dict(zip(self._given_names[1], outs, strict=True))
        return outs if len(outs) > 1 else outs[0]

    def forward(self, x: Any, training: bool = False) -> Any:
        """Return the output for one batch; with ``training=True``, `backward` may follow.

        Parameters
        ----------
        x : array_like, list or dict of array_like
            One batch for each input.
        training : bool
            Whether layers run in training mode and keep what backward needs.

        Returns
        -------
        ndarray, list or dict of ndarray
            New arrays of the model's dtype.

        Raises
        ------
        ValueError
            For samples of another shape.
        """
        if not self.is_several:
            return super().forward(x, training)
        with self._step_lock:
            arrays = self._arrays("forward", x)
            step: Any = self._several_step(len(arrays[0]), bool(training))
            step.gather(arrays, None)
            step.run()
            if training:
                self._by_hand = step
            return self._as_given([y.copy() for y in step.outputs])

    def backward(self, dy: Any) -> None:
        """Fill `grads` from the gradients of the last ``forward(x, training=True)``'s outputs.

        Parameters
        ----------
        dy : array_like, list or dict of array_like
            In the shapes of those outputs.

        Raises
        ------
        RuntimeError
            Without such a forward.
        ValueError
            For another shape.
        """
        if not self.is_several:
            super().backward(dy)
            return
        with self._step_lock:
            step: Any = self._by_hand
            if step is None or self.executor().store.lost:
                msg = "backward: call model.forward(x, training=True) first"
                raise RuntimeError(msg)
            arrays = [np.asarray(part) for part in by_name("backward", dy, self.output_names)]
            want = [y.shape for y in step.outputs]
            if [array.shape for array in arrays] != want:
                got = [array.shape for array in arrays]
                msg = f"backward: dy must have the outputs' shapes {want}, got {got}"
                raise ValueError(msg)
            step.backward(arrays)

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
                calls.append([places[id(symbol.layer)], read])
        return {
            "name": self.name,
            "dtype": self.dtype,
            "layers": [serialize(layer) for layer in self._ranked],
            "inputs": [[places[id(s.layer)], list(s.shape)] for s in self._inputs],
            "calls": calls,
            "outputs": [values[id(symbol)] for symbol in self._outputs],
            "names": list(self._given_names),
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Model:
        """Make a model from the result of `get_config`, with new weights."""
        layers = [deserialize("layer", d, CLASSES, custom_objects) for d in config["layers"]]
        dtype = config["dtype"]
        values: list[Symbol] = []
        for place, shape in config["inputs"]:
            values.append(Symbol(tuple(shape), layers[place], (), dtype))
            if type(layers[place]) is InputLayer:
                layers[place].ensure_built(tuple(shape), dtype)
        inputs = list(values)
        for place, read in config["calls"]:
            layer = layers[place]
            parts = tuple(values[_index(i, len(values))] for i in read)
            values.append(connect(layer, parts, layer.takes_several))
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


def _named(names: list[str] | None, symbols: list[Symbol]) -> Any:
    return symbols if names is None else dict(zip(names, symbols, strict=True))


def name_layers(layers: Sequence[Layer]) -> None:
    """Give every layer a name of its own; a ValueError when two were given the same.

    A name that another model gave changes when it is taken here: two models may each have a
    ``dense``, and become parts of a third.
    """
    taken: set[str] = set()
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
        base = snake_case(type(layer).__name__)
        count = 0
        while (name := base if not count else f"{base}_{count}") in taken:
            count += 1
        layer.model_name = name
        taken.add(name)


__all__ = ["Model", "name_layers"]
