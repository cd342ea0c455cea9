"""Values of a functional model before there is data: what layers answer to an `Input`."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from numbers import Real
from typing import Any, NoReturn

from hotloop import _core, config
from hotloop._support.typing import Shape
from hotloop.autodiff import elementwise, linalg, shapes
from hotloop.autodiff.rule import Rule, mode
from hotloop.autodiff.tensor import plain_index
from hotloop.graph.layer import LayerLike
from hotloop.registry import own


class Unit:
    """What may be called on symbols: a layer or a model."""

    # What the first call on symbols answered.
    first_output: Any = None
    # The losses added in the last call, and the list of the outermost call that they belong to.
    _added: tuple[list[Any], list[Any]] | None = None

    def add_loss(self, loss: Any) -> None:
        """Add to the loss of every model that this is part of; to be used inside of `call`.

        Parameters
        ----------
        loss : symbol, tensor or number, or a list of them
            Of any shape; elements are summed.

        Examples
        --------
        >>> import hotloop as hl
        >>> class Small(hl.layers.Layer):
        ...     def call(self, x):
        ...         self.add_loss(0.01 * hl.ops.sum(hl.ops.square(x)))
        ...         return x
        >>> model = hl.Sequential([hl.Input((2,)), Small(), hl.layers.Dense(1)])
        >>> with hl.GradientTape():
        ...     y = model(hl.Tensor([[1.0, 3.0]]))
        >>> [round(float(loss), 4) for loss in model.losses]
        [0.1]
        """
        for one in loss if isinstance(loss, list | tuple) else [loss]:
            self._add_loss(one)

    def _add_loss(self, loss: Any) -> None:
        traced = _traced.get()
        if isinstance(loss, Symbol):
            if traced is None:
                msg = f"add_loss: {loss!r} has no values yet; use add_loss inside of call"
                raise TypeError(msg)
            traced.append(loss)
            return
        everything = _collected.get()
        if everything is None:
            everything = []
        else:
            everything.append(loss)
        if self._added is None or self._added[0] is not everything:
            object.__setattr__(self, "_added", (everything, []))
        own = self._added[1] if self._added is not None else []
        if own is not everything:
            own.append(loss)

    def added_losses(self) -> list[Any]:
        """Return what the last call on tensors added, here and in all parts."""
        return [] if self._added is None else list(self._added[1])


# The losses of the call under way: symbols of a traced one, and tensors of the outermost one.
_traced: ContextVar[list[Any] | None] = ContextVar("_traced", default=None)
_collected: ContextVar[list[Any] | None] = ContextVar("_collected", default=None)


def traced_losses() -> _core.Scope:
    """Collect the symbols that are added to the loss inside, in the list that the block is given."""
    return _core.Scope(_traced, [])


def one_call(unit: Unit) -> _core.Scope:
    """Collect the losses that a call on tensors adds; an outer call collects those of inner ones."""
    everything: list[Any] | None = _collected.get()
    if everything is None:
        everything = []
        object.__setattr__(unit, "_added", (everything, everything))
        if mode.recorder is not None:
            mode.recorder.passing(everything)
    return _core.Scope(_collected, everything)


# The model, or the layer made of layers, that is being called: what `Model.layers` lists.
_caller: ContextVar[Unit | None] = ContextVar("caller", default=None)


def calls_of(unit: Unit | None) -> _core.Scope:
    """Mark values made inside as those of `unit`, unless a larger one is being called."""
    return _core.Scope(_caller, None if unit is None else _caller.get() or unit)


class Symbol:
    """One value of a functional model: its shape, and the call that makes it.

    Attributes
    ----------
    shape : tuple
        Batch in front (None).
    layer : Layer
        Whose call makes it.
    inputs : tuple of Symbol
        What that call reads; none for an `Input`.
    given_dtype : str or None
        What was asked for; None leaves it to what comes next.
    training : bool or None
        What the layer is told in every run; None leaves it to the run.
    unit : Unit or None
        The model, or the layer made of layers, whose call made it; None for a call of its own.
    which : str or None
        For a value that reads no other: which of its layer's values it is. An `Input` has none.
    roles : tuple of str
        What the inputs behind the layer's own are: ``"mask"``, ``"h0"``, ``"c0"``.
    part : int
        A further answer of a call: its place; it reads the first one alone.
    """

    __array_ufunc__ = None
    # Of symbols that an earlier version wrote.
    roles: tuple[str, ...] = ()
    part = 0
    _mask: Any = False

    def __init__(
        self,
        shape: Shape,
        layer: LayerLike,
        inputs: tuple[Symbol, ...] = (),
        given_dtype: str | None = None,
        training: bool | None = None,
        which: str | None = None,
        roles: tuple[str, ...] = (),
        part: int = 0,
    ) -> None:
        self.shape, self.layer, self.inputs = shape, layer, inputs
        self.roles, self.part = roles, part
        self._mask = False  # not looked for yet
        self.given_dtype, self.training, self.which = given_dtype, training, which
        self.unit = _caller.get()

    @property
    def own_inputs(self) -> tuple[Symbol, ...]:
        """What the call reads but for masks and states."""
        return self.inputs[: len(self.inputs) - len(self.roles)]

    @property
    def mask(self) -> Symbol | None:
        """Which steps count, as Keras passes it on; None where all do."""
        stack = [(self, False)] if self._mask is False else []
        while stack:  # not recursive, as models may be deep
            symbol, ready = stack.pop()
            own = () if symbol.part else symbol.own_inputs
            if ready:
                symbol._mask = symbol.layer.mask_symbol(own)
            elif symbol._mask is False:
                symbol._mask = None
                if own:
                    stack += [(symbol, True), *((part, False) for part in own)]
        found: Symbol | None = self._mask
        return found

    @mask.setter
    def mask(self, mask: Symbol | None) -> None:
        self._mask = mask

    _keras_mask = mask

    @property
    def dtype(self) -> str:
        """The dtype that the value will have."""
        return self.given_dtype or config.floatx()

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.layer.name

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: there is no data yet."""
        msg = (
            f"{self!r} has no values: it stands for what a model will compute; use layers on it, "
            "or call the finished model on data"
        )
        raise TypeError(msg)

    def __add__(self, other: Any) -> Any:
        """Return ``layers.Add()([self, other])``, so that ``x += shortcut`` stands in a model.

        A number is added by a `Rescaling`, which multiplies by numbers too; an array, and what
        is broadcast, by `hotloop.ops`.
        """
        if isinstance(other, Symbol) and other.shape == self.shape:
            return own("layer")["Add"]()([self, other])
        return self._scaled(1.0, other) if _is_number(other) else elementwise.add(self, other)

    def __mul__(self, other: Any) -> Any:
        """Return ``layers.Multiply()([self, other])``."""
        if isinstance(other, Symbol) and other.shape == self.shape:
            return own("layer")["Multiply"]()([self, other])
        return self._scaled(other, 0.0) if _is_number(other) else elementwise.multiply(self, other)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Any:
        """Return the value times -1."""
        return self._scaled(-1.0, 0.0)

    def __sub__(self, other: Any) -> Any:
        """Return the difference."""
        if _is_number(other) or (isinstance(other, Symbol) and other.shape == self.shape):
            return self + (-other)
        return elementwise.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        """Return the difference."""
        return self._scaled(-1.0, other) if _is_number(other) else elementwise.subtract(other, self)

    def __truediv__(self, other: Any) -> Any:
        """Return the quotient."""
        if _is_number(other) and other:
            return self._scaled(1.0 / other, 0.0)
        return elementwise.divide(self, other)

    def _scaled(self, scale: Any, offset: Any) -> Any:
        return own("layer")["Rescaling"](scale, offset)(self)

    # -- every other operator is an operation of `hotloop.ops` ----------------------------------

    def __operation__(self, rule: Rule, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Return the symbol of an operation that reads this one."""
        return own("layer")["Operation"].on_symbols(rule, inputs, options)

    def __pow__(self, other: Any) -> Any:
        """Return the power."""
        return elementwise.power(self, other)

    def __rpow__(self, other: Any) -> Any:
        """Return the power."""
        return elementwise.power(other, self)

    def __rtruediv__(self, other: Any) -> Any:
        """Return the quotient."""
        return elementwise.divide(other, self)

    def __floordiv__(self, other: Any) -> Any:
        """Return the quotient, rounded down."""
        return elementwise.floor_divide(self, other)

    def __mod__(self, other: Any) -> Any:
        """Return the remainder."""
        return elementwise.mod(self, other)

    def __matmul__(self, other: Any) -> Any:
        """Return the matrix product."""
        return linalg.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        """Return the matrix product."""
        return linalg.matmul(other, self)

    def __abs__(self) -> Any:
        """Return the absolute values."""
        return elementwise.absolute(self)

    def __getitem__(self, index: Any) -> Any:
        """Return elements, as NumPy's indexing finds them."""
        return shapes.getitem(self, index=plain_index(index))

    def __lt__(self, other: Any) -> Any:
        """Return where this is less."""
        return elementwise.less(self, other)

    def __le__(self, other: Any) -> Any:
        """Return where this is less or equal."""
        return elementwise.less_equal(self, other)

    def __gt__(self, other: Any) -> Any:
        """Return where this is greater."""
        return elementwise.greater(self, other)

    def __ge__(self, other: Any) -> Any:
        """Return where this is greater or equal."""
        return elementwise.greater_equal(self, other)

    def __iter__(self) -> NoReturn:
        """Refuse: a value of a model is no list."""
        msg = f"{self!r} cannot be iterated over; use hotloop.ops.unstack or split"
        raise TypeError(msg)

    def __bool__(self) -> NoReturn:
        """Refuse: there is no data yet."""
        msg = f"{self!r} has no truth before there is data; use hotloop.ops.where"
        raise TypeError(msg)

    def __repr__(self) -> str:
        """Return shape and layer."""
        return f"<Symbol shape={self.shape} from {self.layer.name!r}>"


def _is_number(x: Any) -> bool:
    """Whether `x` is one real number, which a `Rescaling` takes in."""
    return isinstance(x, Real) and not isinstance(x, bool)


def symbols_in(x: Any) -> tuple[Symbol, ...] | None:
    """Return the symbols that a layer is called on, or None when it is called on arrays.

    Raises
    ------
    TypeError
        When symbols and arrays are mixed.
    """
    if isinstance(x, Symbol):
        return (x,)
    if not isinstance(x, list | tuple) or not any(isinstance(part, Symbol) for part in x):
        return None
    if not all(isinstance(part, Symbol) for part in x):
        msg = f"a layer is called on symbols or on arrays, got both: {x!r}"
        raise TypeError(msg)
    return tuple(x)


def connect(
    layer: LayerLike,
    inputs: tuple[Symbol, ...],
    several: bool,
    training: bool | None = None,
    which: str | None = None,
    roles: tuple[str, ...] = (),
) -> Symbol:
    """Return what `layer` answers to symbols, building it at its first call.

    Raises
    ------
    ValueError
        When shapes or dtypes do not fit; the text names the layer.
    """
    given = {symbol.given_dtype for symbol in inputs} | {layer.given_dtype}
    asked = sorted(dtype for dtype in given if dtype is not None)
    if len(asked) > 1:
        msg = f"layer {layer.name!r}: a model has one dtype, it is called for {asked}"
        raise ValueError(msg)
    dtype = asked[0] if asked else None
    own_inputs = inputs[: len(inputs) - len(roles)]
    shapes: Any = tuple(symbol.shape for symbol in own_inputs) if several else inputs[0].shape
    try:
        shape = layer.ensure_built(shapes, dtype or (layer.dtype if layer.built else None))
    except (IndexError, TypeError) as error:
        msg = f"layer {layer.name!r} ({type(layer).__name__}): inputs of {shapes}: {error}"
        raise ValueError(msg) from error
    if which is not None:
        shape = layer.output_shape_of(which)
    made = Symbol(shape, layer, inputs, dtype, training, which, roles)
    if layer.first_output is None:
        layer.first_output = made
    return made


def further(made: Symbol) -> list[Symbol]:
    """Return every answer of a call: the first, and those behind it."""
    shapes = made.layer.further_shapes(made.inputs[0].shape)
    return [
        made,
        *(
            Symbol(shape, made.layer, (made,), made.given_dtype, part=i)
            for i, shape in enumerate(shapes, 1)
        ),
    ]


def ordered(outputs: Sequence[Symbol], inputs: Sequence[Symbol]) -> tuple[list[Symbol], list[Any]]:
    """Return the values between inputs and outputs, in an order to compute them, and the layers.

    Layers come as Keras lists them: by their largest distance from an output, the farthest first.

    Raises
    ------
    ValueError
        For a cycle, and for an `Input` that an output needs and `inputs` do not hold.
    """
    start = {id(symbol) for symbol in inputs}
    done: set[int] = set()
    active: set[int] = set()
    found: dict[int, int] = {}
    order: list[Symbol] = []
    for output in outputs:
        stack: list[tuple[Symbol, bool]] = [(output, False)]
        while stack:
            symbol, finished = stack.pop()
            if finished:
                active.discard(id(symbol))
                done.add(id(symbol))
                order.append(symbol)
                continue
            if id(symbol) in done:
                continue
            if id(symbol) in active:
                msg = f"layer {symbol.name!r} is part of a cycle: it needs its own output"
                raise ValueError(msg)
            found.setdefault(id(symbol.layer), len(found))
            active.add(id(symbol))
            stack.append((symbol, True))
            if id(symbol) in start:
                continue
            if not symbol.inputs and symbol.which is None:
                msg = (
                    f"Input {symbol.name!r} is needed by the outputs but is not among the model's "
                    f"inputs {[given.name for given in inputs]}"
                )
                raise ValueError(msg)
            stack += [(part, False) for part in reversed(symbol.inputs)]
    depth: dict[int, int] = {}
    layer_depth: dict[int, int] = {}
    for symbol in reversed(order):
        at = max(depth.get(id(symbol), 0), layer_depth.get(id(symbol.layer), 0))
        depth[id(symbol)] = layer_depth[id(symbol.layer)] = at
        for part in () if id(symbol) in start else symbol.inputs:
            depth[id(part)] = max(depth.get(id(part), 0), at + 1)
    layers = {id(symbol.layer): symbol.layer for symbol in [*inputs, *order]}
    last = len(found)
    ranked = sorted(layers, key=lambda i: (-layer_depth.get(i, 0), found.get(i, last)))
    return order, [layers[i] for i in ranked]


__all__ = [
    "Symbol",
    "Unit",
    "calls_of",
    "connect",
    "further",
    "one_call",
    "ordered",
    "symbols_in",
    "traced_losses",
]
