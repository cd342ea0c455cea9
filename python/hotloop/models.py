"""Models: layers in a row, with weights in one flat array, trained and used as in Keras."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import config
from hotloop.executor import Executor, ForwardStep, LossStep
from hotloop.graph import Graph, chain
from hotloop.layers.base import Layer, Shape, Weight, assign_all, check_dtype
from hotloop.parameters import ArrayDict, FlatParameters
from hotloop.registry import deserialize, serialize, snake_case
from hotloop.training import Trainable

Array = NDArray[Any]


class Model(Trainable):
    """Base of all models: everything that does not depend on how the layers are connected.

    Parameters
    ----------
    name : str, optional
        Shown in summaries.
    dtype : str, optional
        ``"float32"`` or ``"float64"``; None takes what the layers were given, else
        `hotloop.config.floatx`.
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        self.name = name or snake_case(type(self).__name__)
        self._given_dtype = None if dtype is None else check_dtype(dtype)
        self._graph: Graph | None = None
        self._executor: Executor | None = None
        self._by_hand: ForwardStep | None = None

    # -- what subclasses give ----------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers, without a leading Input."""
        raise NotImplementedError

    def _make_graph(self, x: Any) -> Graph:
        """Build the layers and return their calls; `x` gives the shape where nothing else does."""
        raise NotImplementedError

    def all_layers(self) -> list[Layer]:
        """Return every layer once, a leading Input too."""
        raise NotImplementedError

    # -- weights -----------------------------------------------------------------------------

    @property
    def dtype(self) -> str:
        """The dtype that the model computes in."""
        if self._given_dtype is not None:
            return self._given_dtype
        given = {layer.given_dtype for layer in self.all_layers()} - {None}
        if len(given) > 1:
            msg = f"model {self.name!r}: a model has one dtype, its layers ask for {sorted(map(str, given))}"
            raise ValueError(msg)
        return given.pop() or config.floatx() if given else self._settled_dtype()

    def _settled_dtype(self) -> str:
        built = [layer.dtype for layer in self.all_layers() if layer.built]
        return built[0] if built else config.floatx()

    @property
    def built(self) -> bool:
        """Whether shapes and weights exist."""
        return self._graph is not None

    def graph(self, x: Any = None) -> Graph:
        """Return the calls, building the model on the first use."""
        if self._graph is None:
            self._graph = self._make_graph(x)
        return self._graph

    def executor(self, x: Any = None) -> Executor:
        """Return the recorded steps, building the model for `x` when it is not built."""
        if self._executor is None or self._executor.store.lost:
            graph = self.graph(x)
            trainable: dict[str, Weight] = {}
            frozen: dict[str, Weight] = {}
            for layer in self.all_layers():
                for weight in layer.ordered_weights():
                    kind = trainable if layer.trainable and weight.trainable else frozen
                    kind[f"{layer.name}/{weight.name}"] = weight
            store = FlatParameters(trainable, frozen, self.dtype)
            self._executor = Executor(graph, store, self.dtype)
            self._by_hand = self._fast = None
        return self._executor

    def relayout(self) -> None:
        """Lay the weights out again at the next use, trainable ones first."""
        self._executor = None
        self._by_hand = self._fast = None

    def _is_current(self, step: LossStep) -> bool:
        """Whether a step still works on this model's arrays."""
        executor = self._executor
        return (
            executor is not None
            and not executor.store.lost
            and self.optimizer is step.optimizer
            and self.loss is step.loss
            and (step.slots is None or self.optimizer._flat is step.slots)
        )

    def first_layer_name(self) -> str:
        """Name of the layer that the input enters."""
        return self.layers[0].name if self.layers else self.name

    def _weights(self) -> list[Weight]:
        self.executor()
        return [w for layer in self.all_layers() for w in layer.ordered_weights()]

    @property
    def params(self) -> ArrayDict:
        """Live trainable weights by name: ``"dense/kernel"``, ``"dense/bias"``, ..."""
        return self.executor().store.params

    @property
    def grads(self) -> ArrayDict:
        """Live gradients by name, as the last backward left them."""
        return self.executor().store.grads

    @property
    def weights(self) -> list[Array]:
        """Live arrays, layer by layer, trainable ones first in each."""
        return [weight.value for weight in self._weights()]

    @property
    def trainable_weights(self) -> list[Array]:
        """Live arrays that training moves."""
        self.executor()
        return [value for layer in self.all_layers() for value in layer.trainable_weights]

    @property
    def non_trainable_weights(self) -> list[Array]:
        """Live arrays that training does not move by gradients."""
        self.executor()
        return [value for layer in self.all_layers() for value in layer.non_trainable_weights]

    @property
    def trainable(self) -> bool:
        """Whether any layer trains; setting it sets every layer, for the next `compile`."""
        return any(layer.trainable for layer in self.all_layers())

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.all_layers():
            layer.trainable = bool(value)

    def get_weights(self) -> list[Array]:
        """Return copies of all weights, in the order of `weights`."""
        with self._step_lock:
            return [value.copy() for value in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Copy `weights`, ordered as `get_weights` answers them; a ValueError changes nothing."""
        with self._step_lock:
            assign_all(f"model {self.name!r}", self._weights(), weights)

    def count_params(self) -> int:
        """Return the number of weights' elements."""
        self.graph()
        return sum(layer.count_params() for layer in self.all_layers())

    @property
    def input_shape(self) -> Shape:
        """Shape of the input, batch in front (None)."""
        graph = self.graph()
        return graph.shapes[graph.inputs[0]]

    @property
    def output_shape(self) -> Shape:
        """Shape of the output, batch in front (None)."""
        graph = self.graph()
        return graph.shapes[graph.outputs[0]]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by name or index; a ValueError lists the names."""
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                msg = f"get_layer: index {index} with {len(layers)} layers"
                raise ValueError(msg)
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        msg = f"get_layer: no layer {name!r}; there are {[layer.name for layer in layers]}"
        raise ValueError(msg)

    # -- by hand -----------------------------------------------------------------------------

    def forward(self, x: Any, training: bool = False) -> Array:
        """Return the output for one batch; with ``training=True``, `backward` may follow.

        Parameters
        ----------
        x : array_like
            ``(N, ...)``; may be changed afterwards, also before `backward`.
        training : bool
            Whether layers run in training mode and keep what backward needs.

        Returns
        -------
        ndarray
            A new array of the model's dtype.

        Raises
        ------
        ValueError
            For samples of another shape.
        """
        with self._step_lock:
            array = self._input("forward", x)
            step = self.executor().forward_step(len(array), bool(training))
            step.load(array)
            step.run()
            out = step.output.copy()
            step.release()
            if training:
                self._by_hand = step
            return out

    def backward(self, dy: Any) -> None:
        """Fill `grads` from the gradient of the last ``forward(x, training=True)``'s output.

        Parameters
        ----------
        dy : array_like
            In the shape of that output.

        Raises
        ------
        RuntimeError
            Without such a forward.
        ValueError
            For another shape.
        """
        with self._step_lock:
            step = self._by_hand
            if step is None or self.executor().store.lost:
                msg = "backward: call model.forward(x, training=True) first"
                raise RuntimeError(msg)
            array = np.asarray(dy)
            if array.shape != step.output.shape:
                msg = f"backward: dy must have the output's shape {step.output.shape}, got {array.shape}"
                raise ValueError(msg)
            step.backward(array)

    def __call__(self, x: Any, training: bool = False) -> Array:
        """Return the output for one batch."""
        return self.forward(x, training)

    # -- the rest ----------------------------------------------------------------------------

    def summary(
        self, line_length: int | None = None, print_fn: Callable[[str], Any] | None = None
    ) -> None:
        """Print layers, output shapes and numbers of parameters.

        Parameters
        ----------
        line_length : int, optional
            Width of the table.
        print_fn : callable, optional
            Called with each line instead of printing.

        Raises
        ------
        ValueError
            When the model is not built yet.
        """
        from hotloop.summary import print_summary

        print_summary(self, line_length, print_fn)

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the model, its weights and its optimizer's state to one file, atomically.

        Parameters
        ----------
        filepath : path
            Any name; ``.hotloop`` and ``.keras`` are usual.
        overwrite : bool
            False refuses to replace a file.

        Raises
        ------
        ValueError
            When the model is not built, or an object in it cannot be described.
        FileExistsError
            When `overwrite` is false and the file exists.
        """
        from hotloop.saving import save_model

        save_model(self, filepath, overwrite=overwrite)

    def get_config(self) -> dict[str, Any]:
        """Return what makes this model again, without weights."""
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        """Return everything but locks, flat arrays and recorded steps."""
        with self._step_lock:
            state = dict(vars(self))
            for name in ("_fit_lock", "_step_lock", "_graph", "_executor", "_by_hand", "_fast"):
                state.pop(name, None)
            if state.get("history") is not None:
                history = type(state["history"])()
                history.history, history.epoch = self.history.history, self.history.epoch  # type: ignore[union-attr]
                state["history"] = history
            return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore; arrays are laid out and steps recorded at the next use."""
        Model.__init__(self)
        self.__dict__.update(state)
        self._found_metrics = None


class Sequential(Model):
    """Layers in a row.

    Parameters
    ----------
    layers : list of Layer, optional
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
        self, layers: Sequence[Layer] | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)
        self._layers: list[Layer] = []
        self._build_shape: Shape | None = None
        for layer in layers or []:
            self.add(layer, rebuild=False)
        self._build_if_known()

    def add(self, layer: Layer, rebuild: bool = True) -> None:
        """Append a layer.

        Raises
        ------
        TypeError
            When it is no layer.
        ValueError
            When its name is taken, or an Input is not the first.
        """
        if not isinstance(layer, Layer):
            msg = f"Sequential: expected a layer, got {layer!r}"
            raise TypeError(msg)
        names = {other.name for other in self._layers}
        if layer.given_name is None and layer.model_name is None:
            base = snake_case(type(layer).__name__)
            count = 0
            while (name := base if not count else f"{base}_{count}") in names:
                count += 1
            layer.model_name = name
        elif layer.name in names:
            msg = f"Sequential: all layers need unique names, {layer.name!r} is there already"
            raise ValueError(msg)
        self._layers.append(layer)
        self._forget()
        if rebuild:
            try:
                self._build_if_known()
            except ValueError:
                self._layers.pop()
                self._forget()
                raise

    def pop(self) -> Layer:
        """Remove the last layer and return it.

        Raises
        ------
        IndexError
            When there is none.
        """
        if not self._layers:
            msg = "pop: the model has no layers"
            raise IndexError(msg)
        layer = self._layers.pop()
        self._forget()
        return layer

    def _forget(self) -> None:
        self._graph = None
        self.relayout()

    @property
    def layers(self) -> list[Layer]:
        """The layers, without a leading Input."""
        from hotloop.layers import InputLayer

        return [layer for layer in self._layers if type(layer) is not InputLayer]

    def all_layers(self) -> list[Layer]:
        """Return every layer, a leading Input too."""
        return list(self._layers)

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
            self._build_shape = (None, *tuple(input_shape)[1:])
        self._graph = None
        self.graph()

    def _known_shape(self) -> Shape | None:
        first = self._layers[0] if self._layers else None
        if first is not None and first.given_input_shape is not None:
            return (None, *first.given_input_shape)
        return self._build_shape

    def _build_if_known(self) -> None:
        shape = self._known_shape()
        if shape is not None and self.layers:
            self.graph()

    def _make_graph(self, x: Any) -> Graph:
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
                raise ValueError(msg)
            shape = self._build_shape = (None, *np.shape(x)[1:])
        return chain(self._layers, shape, self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what makes this model again, without weights."""
        shape = self._known_shape()
        return {
            "name": self.name,
            "dtype": self.dtype,
            "input_shape": None if shape is None else list(shape),
            "layers": [serialize(layer) for layer in self._layers],
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Sequential:
        """Make a model from the result of `get_config`, with new weights."""
        from hotloop.layers import CLASSES

        model = cls(name=config["name"], dtype=config["dtype"])
        for description in config["layers"]:
            layer = deserialize("layer", description, CLASSES, custom_objects)
            model.add(layer, rebuild=False)
        if config["input_shape"] is not None:
            model._build_shape = tuple(config["input_shape"])
            model.build()
        return model


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,  # noqa: A002  (Keras's name)
) -> Model:
    """Return the model that `Model.save` wrote.

    Parameters
    ----------
    filepath : path
        The file.
    custom_objects : dict of str to class, optional
        Classes of your own by name.
    compile : bool
        Whether optimizer, loss and metrics are restored too.

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
    from hotloop import saving

    return saving.load_model(filepath, custom_objects, compile)


__all__ = ["Model", "Sequential", "load_model"]
