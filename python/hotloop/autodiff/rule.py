"""Rules of differentiation: what an operation computes, what it keeps, and its way back.

An operation is written once, as a `Rule`. Called on NumPy arrays it computes; called on a `Tensor`
it is also remembered for the way back; called on a symbol of a model it becomes a node of the
model's graph. Layers, losses and `hotloop.ops` all call the same rules.
"""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hotloop import _core, config

Array = NDArray[Any]


class Saved:
    """What one call keeps for its way back; a rule stores on it what it likes.

    Attributes
    ----------
    needs : tuple of bool
        Which inputs need a gradient; all False where nothing is remembered.
    """

    needs: tuple[bool, ...] = ()

    def __getattr__(self, name: str) -> Any:
        """Only reached for attributes that the forward did not store."""
        msg = f"forward stored no {name!r}"
        raise AttributeError(msg)

    if TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            """Any attribute may be stored."""


_ARRAY = np.ndarray
_ONE = (True,)
_NONE = ((), (False,), (False, False), (False, False, False))


def run(rule: Any, /, *inputs: Any, **options: Any) -> Any:
    """Return what `rule` answers to arrays, tensors or symbols.

    Raises
    ------
    TypeError
        For an input that is no real array.
    """
    # Small arrays spend their time here: no generators, and each attribute is read once.
    tapes = mode.tapes
    if tapes and mode.recorder is not None:
        return mode.recorder.apply(rule, inputs, options)
    arrays: list[Any] = []
    # The inputs that a gradient is wanted of, None in the place of others.
    tensors: list[Any] = []
    make: Any = None
    track = False
    for x in inputs:
        kind = type(x)
        if kind is make or isinstance(x, TensorBase):
            arrays.append(x.data)
            make = kind
            if x.requires_grad:
                tensors.append(x)
                track = True
            else:
                tensors.append(None)
            continue
        tensor = None
        if kind is _ARRAY:
            arrays.append(x)
            if tapes:
                tensor = _watched(x)
        elif kind is float or kind is int:
            arrays.append(x)
        elif hasattr(x, "__operation__"):
            return x.__operation__(rule, inputs, options)
        else:
            arrays.append(operand(rule.name, x))
            if tapes and isinstance(x, np.ndarray):
                tensor = _watched(x)
        if tensor is not None:
            make = type(tensor)
            if tensor.requires_grad:
                track = True
            else:
                tensor = None
        tensors.append(tensor)
    saved = Saved()
    if not (track and mode.enabled and rule.backward is not None):
        saved.needs = _NONE[len(tensors)] if len(tensors) < 4 else (False,) * len(tensors)
        answer = rule.forward(saved, *arrays, **options)
        if make is None:
            return answer
        return make(answer) if type(answer) is not tuple else tuple(map(make, answer))
    if len(tensors) == 1:
        saved.needs = _ONE
    else:
        saved.needs = tuple([tensor is not None for tensor in tensors])
    answer = rule.forward(saved, *arrays, **options)
    if type(answer) is not tuple:
        return make.made_by(answer, Entry(rule, saved, tensors, None), 0)
    entry = Entry(rule, saved, tensors, [(part.shape, part.dtype) for part in answer])
    return tuple([make.made_by(part, entry, i) for i, part in enumerate(answer)])


class Rule:
    """One operation.

    Parameters
    ----------
    name : str
        Under which a model's file knows it.
    forward : callable
        ``forward(saved, *arrays, **options)`` -> array, or a tuple of arrays.
    backward : callable, optional
        ``backward(saved, *dy)`` -> one gradient for each input, None where there is none. It may
        skip inputs for which ``saved.needs`` is False. Without it the answer has no gradient.
    """

    __slots__ = ("backward", "forward", "name")

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        backward: Callable[..., tuple[Array | None, ...]] | None = None,
    ) -> None:
        if name in RULES:
            msg = f"there is a rule {name!r} already"
            raise ValueError(msg)
        self.name, self.forward, self.backward = name, forward, backward
        RULES[name] = self

    __call__ = run

    def __repr__(self) -> str:
        """Return the name."""
        return f"<Rule {self.name}>"

    def __reduce__(self) -> Any:
        """Pickle as a name."""
        return rule_of, (self.name,)


# The table: every rule by its name.
RULES: dict[str, Rule] = {}


def rule_of(name: str) -> Rule:
    """Return the rule called `name`; a ValueError when there is none."""
    try:
        return RULES[name]
    except (KeyError, TypeError):
        msg = f"there is no operation {str(name)[:80]!r}"
        raise ValueError(msg) from None


class _Mode(threading.local):
    """What this thread remembers.

    Attributes
    ----------
    enabled : bool
        False inside `no_grad`.
    tapes : tuple
        The gradient tapes that record, the innermost last.
    recorder : Recorder or None
        What `compile` records a step with; it stands first among the tapes too.
    """

    enabled = True
    tapes: tuple[Any, ...] = ()
    recorder: Any = None


mode = _Mode()


_next = itertools.count(1).__next__


class Entry:
    """One remembered call: a node of the graph that the way back follows.

    Attributes
    ----------
    order : int
        Calls are numbered as they are made, so that the way back can go in reverse.
    inputs : sequence of Tensor or None
        What it read; None where no gradient is needed.
    outputs : sequence of (shape, dtype), or None
        What it answered, when that is more than one array.
    """

    __slots__ = ("inputs", "order", "outputs", "rule", "saved")

    def __init__(
        self,
        rule: Any,
        saved: Any,
        inputs: Sequence[Any],
        outputs: Sequence[tuple[tuple[int, ...], Any]] | None,
    ) -> None:
        self.order = _next()
        self.rule = rule
        self.saved = saved
        self.inputs = inputs
        self.outputs = outputs

    def filled(self, grads: list[Array | None]) -> list[Any]:
        """Return the gradients of the outputs, zeros where there is none.

        Raises
        ------
        RuntimeError
            When the saved values are gone.
        """
        if self.saved is None:
            msg = (
                f"{self.rule.name}: its saved values are gone: backward runs once through a graph; "
                "use retain_graph=True, or a persistent tape, to run it again"
            )
            raise RuntimeError(msg)
        if self.outputs is None:
            return grads
        return [
            np.zeros(shape, dtype) if grad is None else grad
            for grad, (shape, dtype) in zip(grads, self.outputs, strict=True)
        ]

    def backward(self, grads: list[Array | None]) -> Sequence[Array | None]:
        """Return the gradients of the inputs, from those of the outputs."""
        answer: Sequence[Array | None] = self.rule.backward(self.saved, *self.filled(grads))
        return answer


def _watched(x: Array) -> Any:
    """Return the leaf that a recording tape keeps for array `x`, or None."""
    if not mode.enabled:
        return None
    for tape in reversed(mode.tapes):
        leaf = tape.leaf(x)
        if leaf is not None:
            return leaf
    return None


class TensorBase:
    """What `run` needs to know of a tensor; see `hotloop.Tensor`."""

    __slots__ = ()
    data: Array
    requires_grad: bool

    @classmethod
    def made_by(cls, data: Array, entry: Entry, index: int) -> Any:
        """Return the tensor that output `index` of a call is."""
        raise NotImplementedError


# -- dtypes: as Keras promotes, so that integers beside float32 stay float32 ------------------------


def operand(name: str, x: Any) -> Any:
    """Return `x` as an array or a Python number, which takes the dtype of what it meets.

    Raises
    ------
    TypeError
        When `x` is not made of real numbers.
    """
    if isinstance(x, bool | int | float):
        return x
    if isinstance(x, np.ma.MaskedArray):
        msg = f"{name}: masked arrays are not taken, their masks would be lost; use x.filled(value)"
        raise TypeError(msg)
    if isinstance(x, np.ndarray):
        array = np.asarray(x)
    else:
        try:
            array = np.asarray(x)
        except (TypeError, ValueError) as error:
            msg = f"{name}: inputs must be arrays of numbers, got {type(x).__name__}"
            raise TypeError(msg) from error
        if not isinstance(x, np.generic):
            array = array.astype(_plain_dtype(array), copy=False)
    if array.dtype.kind not in "biuf":
        msg = f"{name}: inputs must be real numbers, got dtype {array.dtype}"
        raise TypeError(msg)
    return array


def _plain_dtype(array: Array) -> Any:
    """Return the dtype of numbers that came as Python lists: Keras's float and int32."""
    if array.dtype.kind == "f":
        return config.floatx()
    return np.int32 if array.dtype.kind in "iu" else array.dtype


def floating(x: Any) -> Array:
    """Return `x` as an array of floating point, integers as the default float type."""
    if type(x) is np.ndarray and x.dtype.kind == "f":
        return x
    array = np.asarray(x)
    if array.dtype.kind == "f" and not isinstance(x, float):
        return array
    return array.astype(config.floatx())


def as_array(x: Any) -> Array:
    """Return `x` as an array; a Python number as Keras's float or int32."""
    if type(x) is np.ndarray:
        return x
    array = np.asarray(x)
    return array.astype(_plain_dtype(array)) if isinstance(x, int | float) else array


def common_dtype(arrays: tuple[Any, ...]) -> Any:
    """Return the dtype that arrays and Python numbers are computed in.

    The widest floating type wins, and a Python number or an integer array takes it; without one,
    NumPy's rule for integers holds, and Python floats make it the default float type.
    """
    dtypes = [x.dtype for x in arrays if isinstance(x, np.ndarray | np.generic)]
    floats = [d for d in dtypes if d.kind == "f"]
    if floats:
        return np.result_type(*floats)
    numbers = [x for x in arrays if not isinstance(x, np.ndarray | np.generic)]
    if any(isinstance(x, float) for x in numbers):
        return np.dtype(config.floatx())
    whole = [x for x in numbers if not isinstance(x, bool)]
    if not dtypes:
        return np.dtype(np.int32 if whole else np.bool_)
    found = np.result_type(*dtypes)
    return np.dtype(np.int32) if found.kind == "b" and whole else found


def promoted(*arrays: Any) -> tuple[Array, ...]:
    """Return all as arrays of one dtype, `common_dtype`."""
    first = arrays[0]
    if type(first) is np.ndarray:
        dtype = first.dtype
        for x in arrays:
            if type(x) is not np.ndarray or x.dtype is not dtype:
                break
        else:
            return arrays
    dtype = common_dtype(arrays)
    return tuple([np.asarray(x, dtype=dtype) for x in arrays])


def promoted_pair(x: Any, y: Any) -> tuple[Array, Array]:
    """Return both as arrays of one dtype, `common_dtype`; the same as `promoted`, sooner."""
    if type(x) is np.ndarray:
        if type(y) is np.ndarray:
            if x.dtype is y.dtype:
                return x, y
        elif type(y) is float and x.dtype.kind == "f":
            return x, np.asarray(y, x.dtype)
    dtype = common_dtype((x, y))
    return np.asarray(x, dtype=dtype), np.asarray(y, dtype=dtype)


def _quiet_in_a_block(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return called


# A function without the warnings of floating point. As a decorator, NumPy 2 takes half as long as
# for a with statement; before it, threads would share the state of a decorator.
quiet: Callable[[Callable[..., Any]], Callable[..., Any]] = (
    np.errstate(all="ignore") if np.__version__ >= "2" else _quiet_in_a_block
)


def summed_to(grad: Array, shape: tuple[int, ...]) -> Array:
    """Return `grad` summed over the axes along which an input of `shape` was broadcast."""
    if grad.shape == shape:
        return grad
    lead = grad.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(
        i + lead for i, n in enumerate(shape) if n == 1 and grad.shape[i + lead] != 1
    )
    total = grad
    if axes and grad.dtype.char in "fd":
        total = _core.sum(grad, axes, True)
    elif axes:
        total = grad.sum(axis=axes, keepdims=True, dtype=grad.dtype)
    return total.reshape(shape)


__all__ = [
    "RULES",
    "Entry",
    "Rule",
    "Saved",
    "TensorBase",
    "as_array",
    "common_dtype",
    "floating",
    "mode",
    "operand",
    "promoted",
    "promoted_pair",
    "quiet",
    "rule_of",
    "run",
    "summed_to",
]
