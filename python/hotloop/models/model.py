"""What every model is: weights in one flat array, forward and backward by hand, training."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from hotloop import config, saving
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.autodiff.variable import Variable, penalties_of
from hotloop.data.arrays import direct
from hotloop.data.targets import as_array
from hotloop.engine import eager
from hotloop.engine.executor import Executor, ForwardStep, LossStep
from hotloop.graph.graph import Graph
from hotloop.graph.symbol import Unit, one_call
from hotloop.graph.tracing import parts_of
from hotloop.layers.base import Layer
from hotloop.layers.checks import assign_all, check_dtype
from hotloop.models import cloning
from hotloop.models.summary import print_summary
from hotloop.parameters import ArrayDict, FlatParameters, Weight
from hotloop.registry import snake_case
from hotloop.training.fitting import Trainable

Array = NDArray[Any]


class Model(Trainable, Unit):
    """Base of all models: everything that does not depend on how the layers are connected.

    Parameters
    ----------
    name : str, optional
        Shown in summaries.
    dtype : str, optional
        ``"float32"`` or ``"float64"``; None takes what the layers were given, else
        `hotloop.config.floatx`.
    """

    _said_built = False

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        self.name = name or snake_case(type(self).__name__)
        # Whether the name may change where another model has it too.
        self.name_is_ours = name is None
        self._given_dtype = None if dtype is None else check_dtype(dtype)
        self._graph: Graph | None = None
        self._executor: Executor | None = None
        self._by_hand: ForwardStep | None = None

    def __repr__(self) -> str:
        """Return class and name, and the shapes once they are known; nothing is built for it."""
        told = f"<{type(self).__name__} name={quoted(vars(self).get('name'), 60)}"
        if vars(self).get("_graph") is None:
            return f"{told}, not built>"
        count = self.count_params()
        return f"{told}, {self.input_shape} -> {self.output_shape}, {count:,} parameters>"

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
        return self._said_built or self._is_built()

    @built.setter
    def built(self, value: bool) -> None:
        self._said_built = bool(value)

    def _is_built(self) -> bool:
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
            store = FlatParameters(trainable, frozen, self.dtype, weakref.ref(self))
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
            and executor.is_current(step)
            and self.optimizer is step.optimizer
            and self.loss is step.loss
            and (step.slots is None or step.optimizer._flat is step.slots)
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
        self.executor()
        return [variable for layer in self.all_layers() for variable in layer.all_variables()]

    def _has_graph(self) -> bool:
        """Whether the calls of this model are known."""
        return True

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
        with self._step_lock:
            return [value.numpy() for value in self.weights]

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

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
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
        msg = f"get_layer: no layer {quoted(name)}; there are {quoted([layer.name for layer in layers])}"
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
            step.load(direct(array))
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
            array = as_array("backward", "dy", dy)
            if array.shape != step.output.shape:
                want = step.output.shape
                msg = f"backward: dy must have the output's shape {want}, got {array.shape}"
                raise ValueError(msg)
            step.backward(array)

    def __call__(self, x: Any, training: Any = False) -> Any:
        """Return the output for one batch; of tensors, or inside a tape's block, as a tensor."""
        if eager.is_eager(x):
            with one_call(self):
                return self._eagerly(x, bool(training))
        return self.forward(x, bool(training))

    def _eagerly(self, x: Any, training: bool) -> Any:
        """Call the layers one by one on tensors."""
        return eager.evaluate(self.graph(x), [x], training, self.dtype)[0]

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
        raise NotImplementedError

    def described(self) -> dict[str, Any]:
        """Return the description of the model, as files hold it."""
        raise NotImplementedError

    def to_json(self, **kwargs: Any) -> str:
        """Return `get_config` as JSON, for `models.model_from_json`; `kwargs` go to ``json.dumps``."""
        return cloning.to_json(self, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        """Return everything but locks, flat arrays and recorded steps."""
        with self._step_lock:
            state = dict(vars(self))
            for name in (
                "_fit_lock",
                "_step_lock",
                "_graph",
                "_executor",
                "_by_hand",
                "_fast",
                "_batch_meter",
                "_run",
                "_added",
                "first_output",
            ):
                state.pop(name, None)
            if state.get("history") is not None:
                history = type(state["history"])()
                for name in ("history", "epoch", "epochs"):
                    setattr(history, name, getattr(self.history, name))
                state["history"] = history
            return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore; arrays are laid out and steps recorded at the next use."""
        Model.__init__(self)
        self.__dict__.update(state)
        self._forget_metrics()
