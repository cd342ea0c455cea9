"""`Model`: a network of layers, and a trainer for it, under Keras's names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from hotloop import config, saving
from hotloop._support.answered import answered
from hotloop._support.quoting import quoted
from hotloop.autodiff.variable import Variable, penalties_of
from hotloop.callbacks import History
from hotloop.engine import eager
from hotloop.engine.executor import Executor
from hotloop.engine.network import Network
from hotloop.graph.graph import Graph
from hotloop.graph.symbol import Symbol, calls_of, one_call, symbols_in
from hotloop.graph.tracing import own_call, parts_of, wants_training
from hotloop.layers.base import Layer
from hotloop.layers.checks import assign_all, check_dtype
from hotloop.models import cloning, functional
from hotloop.models.subclass import shapes_of, traced
from hotloop.models.summary import NotBuilt, print_summary
from hotloop.models.trained import Trained
from hotloop.parameters import ArrayDict
from hotloop.registry import snake_case
from hotloop.training import in_order
from hotloop.training.trainer import Trainer, compiled_before

Array = NDArray[Any]


class Model(Trained):
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

    _said_built = False

    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None, dtype: Any = None
    ) -> None:
        self.name = name or snake_case(type(self).__name__)
        # Whether the name may change where another model has it too.
        self.name_is_ours = name is None
        self._given_dtype = None if dtype is None else check_dtype(dtype)
        self._inputs: list[Symbol] = []
        self._outputs: list[Symbol] = []
        # Every value from inputs to outputs, and every layer, the farthest from an output first.
        self._order: list[Symbol] = []
        self._ranked: list[Layer] = []
        # The keys of the dicts that the ends were given in.
        self._given_names: tuple[list[str] | None, list[str] | None] = (None, None)
        self._network = Network(self)
        self._trainer = Trainer(self._network, self)
        self.history: History | None = None
        if inputs is None and outputs is None:
            return
        if name is None and type(self) is Model:
            self.name = "functional"
        self._set_ends(inputs, outputs)

    def __repr__(self) -> str:
        """Return class and name, and the shapes once they are known; nothing is built for it."""
        told = f"<{type(self).__name__} name={quoted(vars(self).get('name'), 60)}"
        if "_network" not in vars(self) or not self._network.is_built:
            return f"{told}, not built>"
        count = self.count_params()
        return f"{told}, {self.input_shape} -> {self.output_shape}, {count:,} parameters>"

    # -- ends and layers ---------------------------------------------------------------------

    def _set_ends(self, inputs: Any, outputs: Any) -> None:
        self._inputs = functional.symbol_list("inputs", inputs)
        self._outputs = functional.symbol_list("outputs", outputs)
        self._order, self._ranked = functional.between(self._inputs, self._outputs)
        self._given_names = (
            list(inputs) if isinstance(inputs, Mapping) else None,
            list(outputs) if isinstance(outputs, Mapping) else None,
        )
        functional.name_layers(self._ranked)

    @property
    def inputs(self) -> list[Symbol]:
        """The inputs, as symbols."""
        return list(self._inputs)

    @property
    def outputs(self) -> list[Symbol]:
        """The outputs, as symbols."""
        return list(self._outputs)

    @property
    def input(self) -> Any:
        """The input as a symbol; a list of them for several."""
        return self._inputs[0] if len(self.inputs) == 1 else self.inputs

    @property
    def output(self) -> Any:
        """The output as a symbol; a list of them for several."""
        return self._outputs[0] if len(self.outputs) == 1 else self.outputs

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

    def entrances(self) -> list[str]:
        """Return the name of the layer that each input enters, for error texts."""
        return [symbol.name for symbol in self._inputs]

    @property
    def layers(self) -> list[Any]:
        """Every layer once, the farthest from the outputs first, as Keras orders them.

        A model, or a layer made of layers, that was called like a layer stands for its own.
        """
        return parts_of(self) if self._is_traced() else functional.units(self._order, self._ranked)

    def all_layers(self) -> list[Layer]:
        """Return every layer once, also those inside of other models."""
        return list(self._ranked)

    def _is_traced(self) -> bool:
        """Whether the model's class says what it does, in a `call`."""
        return own_call(self) is not None

    def knows_its_ends(self) -> bool:
        """Whether no `call` has to be traced before the outputs are known."""
        return bool(self._outputs) or not self._is_traced()

    def _has_graph(self) -> bool:
        """Whether the calls of this model are known, or will be without data."""
        own = self._is_traced() or (not self._inputs and self.steps_by_itself())
        return bool(self._outputs) or not own

    def make_graph(self, x: Any) -> Graph:
        """Build the layers and return their calls; `x` gives the shape where nothing else does."""
        if x is not None:
            self.settle(x)
        if not self._outputs:
            msg = (
                f"model {self.name!r} is not built: give Model(inputs, outputs) its ends, or write "
                "a call and let build, or the first data, say the shape"
            )
            raise NotBuilt(msg)
        return functional.graph_of(self._inputs, self._outputs, self._order)

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
        inputs, outputs = traced(self, input_shape)
        self._set_ends(inputs, outputs)
        functional.rank_by_attributes(self._ranked, parts_of(self))
        self._trainer.compile_late()

    def settle(self, x: Any) -> None:
        """Trace the `call` for the first data."""
        if self._is_traced() and not self._outputs:
            self.build(shapes_of(x))

    def alone(self, x: Any) -> Any:
        """Return what may say the shape of an only input: the array in ``[x]``."""
        return in_order.alone(x, None)

    # -- as a layer --------------------------------------------------------------------------

    def __call__(self, x: Any, training: Any = None) -> Any:
        """Return the output for one batch, or symbols when called on symbols.

        Of tensors, or inside a tape's block, the output is a tensor.
        """
        symbols = symbols_in(list(x.values()) if isinstance(x, Mapping) else x)
        if symbols is None:
            if eager.is_eager(x):
                with one_call(self):
                    return self._eagerly(x, bool(training))
            return answered(self.forward(x, bool(training)))
        if self._is_traced() and not self._outputs:
            self.build(shapes_of(x))
        with calls_of(self):
            answer = self.connect(symbols, training)
        self.first_output = answer if self.first_output is None else self.first_output
        return answer

    def _eagerly(self, x: Any, training: bool) -> Any:
        """Run the `call` of the model's class, or the layers of its graph, on tensors."""
        if self._is_traced():
            call: Any = own_call(self)
            told = {"training": training} if wants_training(call) else {}
            return call(eager.tensors_in(x, self.dtype), **told)
        given = list(x.values()) if isinstance(x, Mapping) else x
        if isinstance(x, Mapping) and set(x) == set(self.input_names):
            given = [x[name] for name in self.input_names]
        several = isinstance(given, list | tuple) and len(self.inputs) > 1
        inputs = list(given) if several else [given]
        outputs = eager.evaluate(self.graph(x), inputs, training, self.dtype)
        return outputs if len(outputs) > 1 else outputs[0]

    def connect(self, symbols: tuple[Symbol, ...], training: bool | None = None) -> Any:
        """Call every layer of this model on further symbols; its weights are shared."""
        answers = functional.connect_again(
            self.name, self._inputs, self._outputs, self._order, symbols, training
        )
        return answers if len(answers) > 1 else answers[0]

    # -- the network -------------------------------------------------------------------------

    def graph(self, x: Any = None) -> Graph:
        """Return the calls, building the model on the first use."""
        return self._network.graph(x)

    def executor(self, x: Any = None) -> Executor:
        """Return the recorded steps, building the model for `x` when it is not built."""
        return self._network.executor(x)

    def relayout(self) -> None:
        """Lay the weights out again at the next use, trainable ones first."""
        self._network.relayout()

    @property
    def dtype(self) -> str:
        """The dtype that the model computes in."""
        if self._given_dtype is not None:
            return self._given_dtype
        given = {layer.given_dtype for layer in self.all_layers()} - {None}
        if len(given) > 1:
            asked = sorted(map(str, given))
            msg = f"model {self.name!r}: a model has one dtype, its layers ask for {asked}"
            raise ValueError(msg)
        return next(iter(given)) or config.floatx() if given else self._settled_dtype()

    def _settled_dtype(self) -> str:
        built = [layer.dtype for layer in self.all_layers() if layer.built]
        return built[0] if built else config.floatx()

    @property
    def built(self) -> bool:
        """Whether shapes and weights exist; a subclass may say so itself."""
        return self._said_built or bool(self._outputs) or self._network.is_built

    @built.setter
    def built(self, value: bool) -> None:
        self._said_built = bool(value)

    @property
    def input_shape(self) -> Any:
        """Shape of the input, batch in front (None); a list of them for several inputs."""
        shapes = self._network.input_shapes
        return shapes if len(shapes) > 1 else shapes[0]

    @property
    def output_shape(self) -> Any:
        """Shape of the output, batch in front (None); a list of them for several outputs."""
        shapes = self._network.output_shapes
        return shapes if len(shapes) > 1 else shapes[0]

    @property
    def params(self) -> ArrayDict:
        """Live trainable weights by name: ``"dense/kernel"``, ``"dense/bias"``, ..."""
        return self.executor().store.params

    @property
    def grads(self) -> ArrayDict:
        """Live gradients by name, as the last backward left them."""
        return self.executor().store.grads

    @property
    def weights(self) -> list[Variable]:
        """Live arrays, layer by layer, trainable ones first in each, that a `GradientTape` knows."""
        return self.all_variables()

    @property
    def trainable_weights(self) -> list[Variable]:
        """Live arrays that training moves."""
        return [variable for variable in self.all_variables() if variable.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Live arrays that training does not move by gradients."""
        return [variable for variable in self.all_variables() if not variable.trainable]

    @property
    def losses(self) -> list[Any]:
        """What `add_loss` and activity regularizers added in the last call on tensors, and penalties.

        For a loop of one's own; inside a tape's block they are tensors. `fit` adds them by itself.
        """
        return [*self.added_losses(), *penalties_of(self.all_variables())]

    def all_variables(self) -> list[Variable]:
        """Return every weight as a variable; of a model without a graph, those of its parts."""
        if not self._has_graph():
            return [variable for part in parts_of(self) for variable in part.all_variables()]
        try:
            self.executor()
        except NotBuilt:
            return []
        return [variable for layer in self.all_layers() for variable in layer.all_variables()]

    @property
    def variables(self) -> list[Variable]:
        """Keras's other name of `weights`."""
        return self.weights

    @property
    def trainable_variables(self) -> list[Variable]:
        """Keras's other name of `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """Keras's other name of `non_trainable_weights`."""
        return self.non_trainable_weights

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
        with self._trainer.step_lock:
            return [value.numpy() for value in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Copy `weights`, ordered as `get_weights` answers them; a ValueError changes nothing."""
        with self._trainer.step_lock:
            assign_all(f"model {self.name!r}", self._live_weights(), weights)

    def count_params(self) -> int:
        """Return the number of weights' elements."""
        self.graph()
        return sum(layer.count_params() for layer in self.all_layers())

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """Return a layer by name or index; a ValueError lists the names."""
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                msg = f"get_layer: index {quoted(index)} with {len(layers)} layers"
                raise ValueError(msg)
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        msg = f"get_layer: no layer {quoted(name)}; there are {quoted([layer.name for layer in layers])}"
        raise ValueError(msg)

    def _live_weights(self) -> list[Any]:
        self.executor()
        return [w for layer in self.all_layers() for w in layer.ordered_weights()]

    # -- by hand -----------------------------------------------------------------------------

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
        with self._trainer.step_lock:
            arrays = self._trainer.samples("forward", x)
            return self._as_given(self._network.forward(arrays, bool(training)))

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
        with self._trainer.step_lock:
            several = len(self._outputs) > 1
            dys = in_order.by_name("backward", dy, self.output_names) if several else [dy]
            self._network.backward(dys)

    # -- the rest ----------------------------------------------------------------------------

    def summary(
        self,
        line_length: int | None = None,
        print_fn: Callable[[str], Any] | None = None,
        *,
        show_trainable: bool = False,
        positions: Any = None,  # noqa: ARG002
        expand_nested: bool = False,  # noqa: ARG002
    ) -> None:
        """Print layers, output shapes and numbers of parameters, as far as the model is built.

        Parameters
        ----------
        line_length : int, optional
            Width of the table.
        print_fn : callable, optional
            Called with each line instead of printing.
        show_trainable : bool
            Whether a column says which layers train.
        positions, expand_nested : optional
            Accepted as Keras does, without effect.
        """
        print_summary(self, line_length, print_fn, show_trainable)

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
        saving.save_model(self, filepath, overwrite=overwrite)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights alone to one file, atomically.

        Parameters
        ----------
        filepath : path
            Any name; ``.weights.h5``, Keras's, is taken too, the content is ours.
        overwrite : bool
            False refuses to replace a file.

        Raises
        ------
        ValueError
            When the model is not built.
        FileExistsError
            When `overwrite` is false and the file exists.
        """
        saving.save_weights(self, filepath, overwrite=overwrite)

    def load_weights(self, filepath: str | os.PathLike[str]) -> None:
        """Copy the weights of a file that `save_weights` or `save` wrote into this model.

        Weights are matched by name; where the names differ, in order.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        ValueError
            When the file is truncated, altered, of a newer version or of another model; no
            weight has changed then.
        """
        saving.load_weights(self, filepath)

    def get_config(self) -> dict[str, Any]:
        """Return what makes this model again, without weights."""
        ends = functional.described(self._inputs, self._outputs, self._order, self._ranked)
        config = {"name": self.name, "dtype": self.dtype, **ends}
        return {**config, "names": list(self._given_names)}

    def described(self) -> dict[str, Any]:
        """Return the description of the model as files hold it: of one's own class by its graph."""
        self.graph()
        return {"class": "Model", "config": Model.get_config(self)}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Model:
        """Make a model from the result of `get_config`, with new weights."""
        inputs, outputs, layers = functional.ends_from(config, custom_objects)
        model = cls(inputs, outputs, config["name"], config["dtype"])
        # The order of weights is that of the description.
        model._ranked = layers
        return model

    def to_json(self, **kwargs: Any) -> str:
        """Return `get_config` as JSON, for `models.model_from_json`; `kwargs` go to ``json.dumps``."""
        return cloning.to_json(self, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        """Return everything but locks, flat arrays and recorded steps."""
        with self._trainer.step_lock:
            # Values in the order of their making: a deep graph needs no recursion.
            state = {"_order": self._order, **vars(self)}
            for name in ("_network", "_added", "first_output"):
                state.pop(name, None)
            state["_trainer"] = self._trainer.get_state()
            if state.get("history") is not None:
                history = type(state["history"])()
                for name in ("history", "epoch", "epochs"):
                    setattr(history, name, getattr(self.history, name))
                state["history"] = history
            return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore; arrays are laid out and steps recorded at the next use."""
        Model.__init__(self)
        trainer = self._trainer
        self.__dict__.update(state)
        self._trainer = trainer
        trainer.set_state(state["_trainer"] if "_trainer" in state else compiled_before(vars(self)))
        for symbol in self._order:  # layers know their first calls again
            if symbol.layer.first_output is None:
                symbol.layer.first_output = symbol


__all__ = ["Model"]
