"""What a layer is."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Mapping, MutableMapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from hotloop import config, constraints, initializers, regularizers
from hotloop._support import arguments
from hotloop._support.answered import answered
from hotloop._support.overriding import check_overrides
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop._support.watched import Watched
from hotloop.autodiff.rule import TensorBase, mode
from hotloop.autodiff.variable import Variable, penalties_of
from hotloop.data.targets import real_array
from hotloop.graph.symbol import Symbol, Unit, connect, further, one_call, symbols_in
from hotloop.graph.tracing import (
    call_on_symbols,
    fixed,
    is_tracing,
    own_call,
    parts_of,
    weights_as_symbols,
)
from hotloop.layers.cache import Array, Cache, Views
from hotloop.layers.checks import assign_all, check_dtype
from hotloop.layers.tensors import call_on_tensors
from hotloop.parameters import Weight, loaded_value
from hotloop.registry import own, snake_case

# Arguments that Keras's layers take and that mean nothing, or are not there, when they are these.
_WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    "autocast": (True, False),
    "lora_rank": (None,),
    "synchronized": (False,),
}


# A table that is looked up, such as a frozen embedding, is not worth a copy in each step.
_MOST_RESTORED = 2**20


class Layer(Unit, Watched):
    """Base of all layers: weights, a forward and its backward.

    A subclass writes `forward(x, cache, training)` and `backward(dy, cache)`, and where it needs
    them `build(input_shape)` and `compute_output_shape(input_shape)`. `backward` returns the
    gradient of the input and writes the gradients of the weights to ``cache.grad(name)``.

    A subclass may write `call(x)` instead, or ``call(x, training)``, as in Keras: over its layers and
    weights, operators and `hotloop.ops`, whose gradients are known.

    Parameters
    ----------
    name : str, optional
        Unique in a model; None derives one from the class.
    trainable : bool
        False freezes the weights; what holds is what `Model.compile` found.
    dtype : str, optional
        ``"float32"`` or ``"float64"``; None takes the model's.
    input_shape : tuple of int, optional
        Shape of one sample, for the first layer of a `Sequential`.
    input_dim : int, optional
        Short for ``input_shape=(input_dim,)``.
    activity_regularizer : str or Regularizer, optional
        Penalty of the output, divided by the number of samples, that is added to the loss.

    Examples
    --------
    >>> import hotloop as hl
    >>> class Scale(hl.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight("scale", (input_shape[-1],), "ones")
    ...     def forward(self, x, cache, training):
    ...         cache.x = x
    ...         return x * self.scale
    ...     def backward(self, dy, cache):
    ...         cache.grad("scale")[...] = (dy * cache.x).sum(axis=0)
    ...         return dy * self.scale
    >>> model = hl.Sequential([hl.Input((3,)), Scale(), hl.layers.Dense(2)])
    >>> model.count_params()
    11
    """

    # What belongs to the model, or to the call before; `trainable` holds as `compile` found it.
    live = frozenset(
        {
            "built",
            "first_output",
            "given_dtype",
            "given_input_shape",
            "given_name",
            "input_shape",
            "model_name",
            "output_shape",
            "trainable",
        }
    )
    # False for layers that are never core calls alone.
    recordable = True
    # True for layers that only reshape: their output is a view of their input.
    is_view = False
    # True for layers that only stand for an input.
    is_input = False
    # True for layers that may become part of gathering a batch: ``x * scale + offset``.
    scales_input = False
    # True for layers that stand first in a model and run on its data as they come in.
    reads_text = False
    # True for layers of several inputs: forward gets a tuple of arrays, backward answers one.
    takes_several = False
    activity_regularizer: Any = None
    # Constraints by the argument that gave them.
    _constraints: Mapping[str, Any] = MappingProxyType({})
    # True for the layer whose further inputs are losses.
    adds_losses = False
    # True for layers whose input is whole numbers.
    reads_ids = False
    # What a call may be given beside its inputs: "mask" is passed on by itself, and states.
    takes_beside: tuple[str, ...] = ()
    # Whether the mask of the input is that of the output, and whether the layer makes one.
    supports_masking = False
    makes_mask = False
    # What stands before the names of its weights: of a layer inside of another one.
    weight_prefix = ""
    # True for a layer whose answer is a mask.
    is_mask = False

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int | None] | None = None,
        input_dim: int | None = None,
        activity_regularizer: Any = None,
        **others: Any,
    ) -> None:
        self._constraints = {
            key: constraints.get(others.pop(key))
            for key in [key for key in others if _is_constraint(type(self), key, others[key])]
        }
        for key, value in others.items():
            if key not in _WITHOUT_EFFECT:
                msg = f"{type(self).__name__}: there is no argument {key!r}"
                raise TypeError(msg)
            if not any(value is legal for legal in _WITHOUT_EFFECT[key]):
                msg = f"{type(self).__name__}: {key} is not supported, got {quoted(value)}"
                raise ValueError(msg)
        if input_dim is not None:
            input_shape = (input_dim,)
        if name is not None and (not isinstance(name, str) or not name or "/" in name):
            msg = f"a layer's name must be a string without '/', got {quoted(name)}"
            raise ValueError(msg)
        self.given_name = name
        self.model_name: str | None = None
        self.trainable = bool(trainable)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.given_dtype = None if dtype is None else check_dtype(dtype)
        self.given_input_shape = (
            None
            if input_shape is None
            else arguments.shape(type(self).__name__, "input_shape", input_shape)
        )
        self.built = False
        self.input_shape: Shape | None = None
        self.output_shape: Shape | None = None
        self.dtype = self.given_dtype or config.floatx()
        self._weights: dict[str, Weight] = {}
        self._weight_attributes: dict[str, str] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check what its methods take, and wrap `build` so that it also sets `built`."""
        super().__init_subclass__(**kwargs)
        check_overrides(
            cls,
            Layer,
            ("build", "compute_output_shape", "forward", "backward"),
            "; a layer made of layers writes call(self, inputs) instead",
        )
        build = cls.__dict__.get("build")
        if build is not None:

            @functools.wraps(build)
            def marking(self: Layer, input_shape: Shape) -> None:
                self._forget_unfinished_build()
                build(self, input_shape)
                self.input_shape, self.built = input_shape, True

            cls.build = marking  # type: ignore[method-assign]

    def _forget_unfinished_build(self) -> None:
        """Remove the weights of a build that raised, such as on Ctrl-C, before the next one."""
        known = self.__dict__
        kept = known.setdefault("_weights_of_init", frozenset(self._weights))
        if not self.built:
            for name in set(self._weights) - kept:
                del self._weights[name]

    # -- what subclasses write ---------------------------------------------------------------

    def build(self, input_shape: Shape) -> None:
        """Make the weights for inputs of `input_shape`, whose first axis is the batch (None)."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape that `forward` answers to `input_shape`; unchanged by default."""
        return input_shape

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:
        """Return the output for `x`; what backward needs goes onto `cache`.

        Other layers may read `x` too: a model hands it over read-only.
        """
        msg = f"layer {self.name!r} ({type(self).__name__}) defines no forward"
        raise NotImplementedError(msg)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Return the gradient of the input; write those of the weights to ``cache.grad``.

        A model hands `dy` over read-only where other layers read it too.
        """
        msg = f"layer {self.name!r} ({type(self).__name__}) defines no backward"
        raise NotImplementedError(msg)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer again, as plain values."""
        given: dict[str, Any] = {"name": self.name, "trainable": self.trainable}
        if self.given_dtype is not None:
            given["dtype"] = self.given_dtype
        if self.given_input_shape is not None:
            given["input_shape"] = list(self.given_input_shape)
        if self.activity_regularizer is not None:
            given["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        kept = ((key, one) for key, one in self._constraints.items() if one is not None)
        return {**given, **{key: constraints.serialize(one) for key, one in kept}}

    def is_recordable(self, shapes: Sequence[Shape]) -> bool:  # noqa: ARG002
        """Whether a call of the package's own layer on inputs of `shapes` is core calls alone."""
        return self.recordable

    def is_recorded(self, shapes: Sequence[Shape]) -> bool:
        """Whether a call on inputs of `shapes` consists of core calls alone.

        A subclass of the user's own may compute anything, so it runs as a Python step.
        """
        if not (self.builtin and self.is_recordable(shapes)):
            return False
        held = vars(self)
        return all(
            getattr(held.get(name), "recordable", True)
            for name in ("activation", "recurrent_activation")
        )

    def changed_arrays(self, cache: Cache, training: bool) -> list[Array]:  # noqa: ARG002
        """Return what `forward` changes and later calls read; an unfinished step restores it.

        Of a layer of one's own that is each weight that does not train, up to 1 MB.
        """
        if not training or self.builtin:
            return []
        kept = (weight.value for weight in self.ordered_weights() if not weight.trainable)
        return [value for value in kept if value.nbytes <= _MOST_RESTORED]

    def get_state(self) -> dict[str, int]:
        """Return what a file must hold beside the weights, such as a count of calls."""
        return {}

    def set_state(self, state: dict[str, int]) -> None:
        """Go on from what `get_state` saw."""

    @property
    def reads_mask(self) -> bool:
        """Whether a call is told which steps count."""
        return "mask" in self.takes_beside

    def mask_symbol(self, inputs: tuple[Any, ...]) -> Any:
        """Return the mask of what a call on symbols answers; None where every step counts."""
        if not self.supports_masking:
            return None
        masks = [symbol.mask for symbol in inputs]
        return next((mask for mask in masks if mask is not None), None)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of the output, from that of the input."""
        del inputs
        return mask if self.supports_masking else None

    def further_shapes(self, input_shape: Shape) -> list[Shape]:  # noqa: ARG002
        """Return the shapes of what a call answers behind its first answer."""
        return []

    # -- what subclasses use -----------------------------------------------------------------

    def add_weight(
        self,
        name: Any = None,
        shape: Any = None,
        initializer: Any = "glorot_uniform",
        trainable: bool = True,
        regularizer: Any = None,
        dtype: Any = None,
        constraint: Any = None,
        **others: Any,
    ) -> Array:
        """Make a weight and return its live array; an attribute that holds it stays live.

        Keras's order of arguments, with the shape in front, is taken too.

        Parameters
        ----------
        name : str, optional
            Unique in the layer; ``model.params`` lists it as ``"<layer>/<name>"``. Without one,
            weights are numbered.
        shape : sequence of int
            Its shape; one number by default.
        initializer : str, Initializer or callable
            Its first value.
        trainable : bool
            False for what training keeps but no gradient moves, such as running statistics.
        regularizer : str or Regularizer, optional
            Penalty that is added to the loss.
        dtype : optional
            Accepted when it is the layer's own: a model has one dtype.
        constraint : str, Constraint or callable, optional
            Where each update brings the weight back to; by default the layer's argument of this weight's name.
        **others
            What Keras has to know of its backends (``autocast``, ``aggregation`` ...), while it
            is None.

        Raises
        ------
        ValueError
            When the name is taken or holds a slash.
        TypeError
            For arguments that do not exist.
        """
        if not isinstance(name, str) and name is not None:
            # Keras's order: shape, initializer, dtype, trainable.
            name, shape, initializer = None, name, shape if shape is not None else initializer
        if name is None:
            name = next(
                n
                for i in range(10**6)
                if (n := f"weight_{i}" if i else "weight") not in self._weights
            )
        shape = () if shape is None else shape
        initializer = "glorot_uniform" if initializer is None else initializer
        if isinstance(shape, int | np.integer):
            shape = (int(shape),)
        for key in others:
            if key not in ("autocast", "aggregation", "overwrite_with_gradient", "layout"):
                msg = f"{type(self).__name__}.add_weight: there is no argument {key!r}"
                raise TypeError(msg)
        if dtype is not None and check_dtype(dtype) != self.dtype:
            msg = f"layer {self.name!r}: a weight has the layer's dtype {self.dtype}, got {dtype!r}"
            raise ValueError(msg)
        if not isinstance(name, str) or name in self._weights or "/" in name:
            msg = f"layer {self.name!r}: weight name {name!r} is no text, is taken or holds a '/'"
            raise ValueError(msg)
        sizes = arguments.shape(f"layer {self.name!r}", f"shape of {name!r}", shape, least=0)
        shape = tuple(n or 0 for n in sizes)
        full = self.weight_prefix + name
        value = loaded_value(f"{self.name}/{full}", shape, self.dtype)
        if value is None:
            drawn = initializers.get(initializer)(shape, self.dtype)
            value = np.array(drawn, dtype=self.dtype, order="C")
            if value.shape != shape:
                msg = (
                    f"layer {self.name!r}: the initializer of {name!r} answered shape "
                    f"{value.shape} instead of {shape}"
                )
                raise ValueError(msg)
        if constraint is None:
            # Keras's "pointwise_constraint" is of "pointwise_kernel", and a lone depthwise kernel is "kernel".
            stems = (name, name.removesuffix("_kernel"), "depthwise" if name == "kernel" else name)
            given = (self._constraints.get(f"{stem}_constraint") for stem in stems)
            constraint = next((one for one in given if one is not None), None)
        self._weights[name] = Weight(
            full, value, trainable, regularizers.get(regularizer), constraints.get(constraint)
        )
        return value

    def weight(self, name: str) -> Weight:
        """Return the weight `name`; a KeyError lists those that exist."""
        try:
            return self._weights[name]
        except KeyError:
            msg = f"layer {self.name!r} has no weight {name!r}; it has {sorted(self._weights)}"
            raise KeyError(msg) from None

    # -- what everybody may use --------------------------------------------------------------

    @property
    def name(self) -> str:
        """The given name, else the one that the model gave, else the class in snake case."""
        return self.given_name or self.model_name or self.base_name

    @property
    def base_name(self) -> str:
        """What a model's names for this layer begin with: the class in snake case."""
        return snake_case(type(self).__name__)

    @property
    def params(self) -> MutableMapping[str, Array]:
        """Live weights by name."""
        return Views(lambda name: self.weight(name).value, lambda: list(self._weights))

    @property
    def grads(self) -> MutableMapping[str, Array]:
        """Live gradients by name, once the layer is in a model."""
        return Views(
            self._live_grad, lambda: [k for k, w in self._weights.items() if w.grad is not None]
        )

    def _live_grad(self, name: str) -> Array:
        grad = self.weight(name).grad
        if grad is None:
            msg = f"layer {self.name!r}: weight {name!r} has no gradient (frozen, or in no model)"
            raise KeyError(msg)
        return grad

    @property
    def is_composite(self) -> bool:
        """Whether the layer has a `call`, and so consists of other layers."""
        return type(self).forward is Layer.forward and own_call(self) is not None

    def all_layers(self) -> list[Layer]:
        """Return the layer itself, or all those that it consists of."""
        if not self.is_composite:
            return [self]
        parts = [layer for part in parts_of(self) for layer in part.all_layers()]
        if not self._weights:
            return parts
        return [own("layer")["OwnWeights"].of(self), *parts]

    def ordered_weights(self) -> list[Weight]:
        """Return the weights, trainable ones first, as Keras orders them."""
        everything = list(self._weights.values())
        if self.is_composite:
            everything = [w for layer in self.all_layers() for w in layer.ordered_weights()]
        return sorted(everything, key=lambda weight: not weight.trainable)

    @property
    def input(self) -> Any:
        """What the layer was first called on: a symbol, or a list of them.

        Raises
        ------
        AttributeError
            Before it was called on a symbol.
        """
        first = self.output.inputs
        return self.output if not first else first[0] if len(first) == 1 else list(first)

    @property
    def output(self) -> Any:
        """What the layer answered when it was first called on a symbol.

        Raises
        ------
        AttributeError
            Before that.

        Examples
        --------
        >>> import hotloop as hl
        >>> model = hl.Sequential([hl.Input((4,)), hl.layers.Dense(3, name="h"), hl.layers.Dense(2)])
        >>> features = hl.Model(model.input, model.get_layer("h").output)
        >>> features.output_shape
        (None, 3)
        """
        if self.first_output is None:
            msg = f"layer {self.name!r} has no output before it is called on an Input"
            raise AttributeError(msg)
        return self.first_output

    @property
    def weights(self) -> list[Variable]:
        """Live arrays, trainable ones first, that a `GradientTape` knows."""
        return self.all_variables()

    @property
    def trainable_weights(self) -> list[Variable]:
        """Live arrays that training moves."""
        return [variable for variable in self.all_variables() if variable.trainable]

    def _variable(self, weight: Weight) -> Variable:
        """Return a weight as a gradient tape knows it."""
        return Variable.of(weight, weight.trainable and self.trainable)

    def activity_penalty(self, y: Any) -> Any:
        """Return the penalty of an output, a tensor: a mean over the samples, as in Keras."""
        assert self.activity_regularizer is not None
        return self.activity_regularizer(y) / float(max(1, len(y)))

    @property
    def losses(self) -> list[Any]:
        """What the last call on tensors added, and the penalties on trainable weights.

        They are tensors inside a tape's block.
        """
        return [*self.added_losses(), *penalties_of(self.all_variables())]

    def all_variables(self) -> list[Variable]:
        """Return every weight as a variable, trainable ones first in each layer."""
        if self.is_composite:
            return [v for layer in self.all_layers() for v in layer.all_variables()]
        return [self._variable(weight) for weight in self.ordered_weights()]

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
    def non_trainable_weights(self) -> list[Variable]:
        """Live arrays that training does not move by gradients."""
        return [variable for variable in self.all_variables() if not variable.trainable]

    def get_weights(self) -> list[Array]:
        """Return copies of the weights."""
        return [value.numpy() for value in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Copy `weights`, ordered as `get_weights` answers them, into the live arrays."""
        assign_all(f"layer {self.name!r}", self.ordered_weights(), weights)

    def count_params(self) -> int:
        """Return the number of weights' elements."""
        return sum(math.prod(w.value.shape) for w in self.ordered_weights())

    def ensure_built(self, input_shape: Any, dtype: str | None = None) -> Shape:
        """Build for `input_shape` on the first call, and return the output shape."""
        if not self.built:
            self.dtype = dtype or self.dtype
            for each in input_shape if self.takes_several else [input_shape]:
                self._check_size("the input", each)
            with weights_as_symbols(False):
                self.build(input_shape)
            self.input_shape = input_shape
            self.built = True
        elif dtype is not None and dtype != self.dtype:
            msg = f"layer {self.name!r} was built for {self.dtype}, the model computes in {dtype}"
            raise ValueError(msg)
        shape = tuple(self.compute_output_shape(input_shape))
        self._check_size("the output", shape)
        self.output_shape = shape
        return shape

    def _check_size(self, what: str, shape: Any) -> None:
        known = [n for n in shape if isinstance(n, int)]
        arguments.checked_size(f"layer {self.name!r}", what, known)

    def __call__(self, x: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the output for an array or a list of them, building the layer at first.

        Called on what `Input` or another layer answered, it returns a `Symbol`: a value of a
        functional model. `training` is then what the layer is told in every run of that model;
        None leaves it to the run.
        """
        if training is not None and not isinstance(training, bool | int | np.bool_):
            msg = (
                f"layer {self.name!r}: training must be True, False or None, got {quoted(training)}"
            )
            raise TypeError(msg)
        symbols = symbols_in(x)
        if self.is_composite:
            return self._call(x, symbols, training, mask)
        if symbols is not None:
            if len(symbols) > 1 and not self.takes_several:
                msg = f"{type(self).__name__} {self.name!r} takes one input, got {len(symbols)}"
                raise ValueError(msg)
            return self.answer_symbols(symbols, training, {"mask": mask})
        if self.takes_several and not isinstance(x, list | tuple):
            msg = f"{type(self).__name__} {self.name!r}: it takes a list of inputs, got {quoted(x)}"
            raise ValueError(msg)
        return self.answer_values(x, training, {"mask": mask})

    def answer_symbols(
        self, symbols: tuple[Any, ...], training: Any, beside: dict[str, Any]
    ) -> Any:
        """Return what a call on symbols answers; `beside` may hold a mask and states."""
        if self.reads_mask and beside.get("mask") is None:
            beside = {**beside, "mask": symbols[0].mask}
        given = {key: beside[key] for key in self.takes_beside if beside.get(key) is not None}
        parts = (*symbols, *given.values())
        made = connect(self, parts, self.takes_several, fixed(training), roles=tuple(given))
        if beside.get("mask") is not None and not self.reads_mask:
            made.mask = beside["mask"] if self.supports_masking else made.mask
        answers = further(made)
        return answers if len(answers) > 1 else made

    def answer_values(self, x: Any, training: Any, beside: dict[str, Any]) -> Any:
        """Return what a call on arrays or tensors answers."""
        given: Any = x if self.takes_several else [x]
        beside = {key: beside[key] for key in self.takes_beside if beside.get(key) is not None}
        if mode.tapes or any(isinstance(part, TensorBase) for part in given):
            with one_call(self):
                y = call_on_tensors(self, x, bool(training), beside)
                if self.activity_regularizer is not None:
                    self.add_loss(self.activity_penalty(y[0] if isinstance(y, list) else y))
                if self.adds_losses:
                    self.add_loss(list(x[1:]))
            return y
        who = f"{type(self).__name__} {self.name!r}"
        parts = [
            np.ascontiguousarray(real_array(who, "input", part), dtype=self.dtype)
            for part in (x if self.takes_several else [x])
        ]
        shapes = [(None, *part.shape[1:]) for part in parts]
        self.ensure_built(tuple(shapes) if self.takes_several else shapes[0])
        given = tuple(parts) if self.takes_several else parts[0]
        cache = Cache(self)
        if beside:
            cache.roles = tuple(beside)
            given = (*parts, *(np.ascontiguousarray(part) for part in beside.values()))
        first = np.array(self.forward(given, cache, bool(training)), copy=True)
        count = len(self.further_shapes(shapes[0]))
        if not count:
            return answered(first)
        return [answered(first), *(answered(np.array(part)) for part in cache.further[:count])]

    def _call(self, x: Any, symbols: Any, training: bool | None, mask: Any = None) -> Any:
        """Run the `call` of a layer that writes one."""
        if symbols is None and not _is_data(x):
            x = np.asarray(x, dtype=self.dtype)
        if not self.built:
            several = isinstance(x, list | tuple)
            shapes: list[Any] = [(None, *np.shape(part)[1:]) for part in (x if several else [x])]
            if symbols is not None:
                shapes = [symbol.shape for symbol in symbols]
            self.build(tuple(shapes) if several else shapes[0])
            self.built = True
        if symbols is None:
            if mode.recorder is not None:
                mode.recorder.reads_attributes(self)
            call: Any = own_call(self)
            takes = inspect.signature(call).parameters
            told = {"training": bool(training)} if "training" in takes else {}
            if mask is not None and "mask" in takes:
                told["mask"] = mask
            with one_call(self):
                answer = call(x, **told)
                if self.activity_regularizer is not None and isinstance(answer, TensorBase):
                    self.add_loss(self.activity_penalty(answer))
            return answer
        if mask is None:
            mask = symbols[0].mask
        made = call_on_symbols(self, x, training, mask)
        if self.activity_regularizer is not None:
            penalized = own("layer")["Activation"]
            made = penalized("linear", activity_regularizer=self.activity_regularizer)(made)
        if self.first_output is None:
            self.first_output = made
            self.output_shape = getattr(made, "shape", None)
        if mask is not None and isinstance(made, Symbol):
            made.mask = self.compute_mask(x, mask)
        return made

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """Make a layer from the result of `get_config`."""
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        """Return everything but the first call: its symbol leads to the whole model."""
        left_out = ("first_output", "_own_weights", "_added")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def __setattr__(self, name: str, value: Any) -> None:
        """Attributes that hold a weight stay live: setting one copies into the weight.

        The layers of a layer train as it does.
        """
        if name == "trainable" and "_weights" in self.__dict__:
            for part in parts_of(self) if self.is_composite else []:
                part.trainable = value
        weights = self.__dict__.get("_weights")
        if weights:
            known = self._weight_attributes
            if name in known:
                weights[known[name]].assign(value)
                return
            if isinstance(value, np.ndarray):
                for key, weight in weights.items():
                    if weight.value is value:
                        known[name] = key
                        self.__dict__.pop(name, None)
                        return
        if self.builtin:
            super().__setattr__(name, value)
        else:  # it runs as it is in each step, and may set attributes in each
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        """Resolve attributes that hold a weight; reached only where nothing else answers."""
        known = self.__dict__.get("_weight_attributes")
        if known and name in known:
            weight = self._weights[known[name]]
            if is_tracing():
                return own("layer")["OwnWeights"].of(self).symbol(weight.name)
            return self._variable(weight) if mode.tapes else weight.value
        if name in ("input", "output") and self.first_output is None:
            msg = f"layer {self.name!r} has no {name} before it is called on an Input"
            raise AttributeError(msg)
        msg = f"{type(self).__name__!r} object has no attribute {name!r}"
        raise AttributeError(msg)

    def __repr__(self) -> str:
        """Return class and name."""
        return f"<{type(self).__name__} name={self.name!r}>"


def _is_constraint(layer: type, key: str, value: Any) -> bool:
    """Whether an argument is a constraint that a layer takes: of each weight that has an initializer."""
    if not key.endswith("_constraint"):
        return False
    takes = key.replace("_constraint", "_initializer")
    inits = (base.__dict__.get("__init__") for base in layer.__mro__)
    return value is None or any(
        init and takes in inspect.signature(init).parameters for init in inits
    )


def _is_data(x: Any) -> bool:
    """Whether `x` is an array or tensor, or several of them."""
    parts = x.values() if isinstance(x, Mapping) else x if isinstance(x, list | tuple) else [x]
    return all(isinstance(part, np.ndarray | TensorBase) for part in parts)
