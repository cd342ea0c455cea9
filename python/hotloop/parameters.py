"""Weights, and the flat arrays that the weights, gradients and optimizer slots of a model live in.

A model's weights are views of one aligned flat array, the trainable ones first, so that an
optimizer step is one pass of one kernel; the gradients and every optimizer slot are twins of its
trainable part. Each view starts on a cache line; the gaps stay zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any
from weakref import ReferenceType

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hotloop import _core
from hotloop._support.arguments import checked_size
from hotloop._support.watched import ASSIGNMENTS
from hotloop.data.targets import as_array

Array = NDArray[Any]
ALIGNMENT = 64

# While a file is loaded: the arrays that new weights take their values from, by full name.
_loading: ContextVar[Mapping[str, Array] | None] = ContextVar("_loading", default=None)


def values_from(arrays: Mapping[str, Array]) -> _core.Scope:
    """Let weights made inside take their values from `arrays`, without drawing random numbers."""
    return _core.Scope(_loading, arrays)


def is_loading() -> bool:
    """Whether a file is being loaded, so that nothing may be drawn."""
    return _loading.get() is not None


def loaded_value(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Array | None:
    """Return the value of weight `name` inside `values_from`, else None; a ValueError on misfit."""
    arrays = _loading.get()
    if arrays is None:
        return None
    if name not in arrays:
        msg = f"the file holds no weight {name!r}"
        raise ValueError(msg)
    value = arrays[name]
    if value.shape != shape or value.dtype != np.dtype(dtype):
        msg = (
            f"weight {name!r} is {value.dtype} {value.shape} in the file, "
            f"but the model needs {np.dtype(dtype)} {shape}"
        )
        raise ValueError(msg)
    return value.copy()


def aligned_zeros(shape: int | tuple[int, ...], dtype: DTypeLike) -> Array:
    """Return zeros whose first element lies on a cache line."""
    dtype = np.dtype(dtype)
    shape = (shape,) if isinstance(shape, int) else shape
    size = checked_size("aligned_zeros", "an array", shape) * dtype.itemsize
    raw = np.zeros(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)


class Weight:
    """One array that a layer owns; once in a model, a view of the model's flat array.

    Attributes
    ----------
    name : str
        The layer's own name of it: ``"kernel"``.
    value : ndarray
        Live value.
    grad : ndarray or None
        Live gradient; None before the layer is in a model, and for frozen weights.
    trainable : bool
        What `add_weight` was told; the layer's own switch comes on top.
    regularizer : Regularizer or None
        Penalty on the value.
    constraint : Constraint or None
        What each update ends with.
    """

    __slots__ = (
        "constraint",
        "grad",
        "name",
        "owner",
        "regularizer",
        "trainable",
        "value",
        "variable",
    )

    def __init__(
        self,
        name: str,
        value: Array,
        trainable: bool,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> None:
        self.name = name
        self.value = value
        self.grad: Array | None = None
        self.trainable = trainable
        self.regularizer, self.constraint = regularizer, constraint
        self.owner: FlatParameters | None = None
        # What a gradient tape knows it by, once one was asked for.
        self.variable: Any = None

    def assign(self, value: Any) -> None:
        """Copy `value` into the live array; a ValueError when the shapes differ."""
        array = as_array(f"weight {self.name!r}", "its new value", value)
        if array.shape != self.value.shape:
            msg = f"weight {self.name!r} has shape {self.value.shape}, got {array.shape}"
            raise ValueError(msg)
        self.value[...] = array

    def constrain(self) -> None:
        """Bring the value to where its constraint wants it."""
        self.value[...] = self.constraint(self.value)

    def __getstate__(self) -> dict[str, Any]:
        """Return the value alone: the flat arrays are laid out again by the model."""
        return {
            "name": self.name,
            "value": self.value.copy(),
            "trainable": self.trainable,
            "regularizer": self.regularizer,
            "constraint": self.constraint,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a weight that belongs to no model yet."""
        self.__init__(**state)  # type: ignore[misc]


class ArrayDict(dict[str, Array]):
    """Live named views of one flat array, which `flat` is.

    `weights` are whose values they are, and `model` refers to theirs.
    """

    __slots__ = ("flat", "model", "weights")

    def __init__(
        self,
        views: Iterable[tuple[str, Array]],
        flat: Array,
        weights: Mapping[str, Weight] | None = None,
        model: ReferenceType[Any] | None = None,
    ) -> None:
        super().__init__(views)
        self.flat, self.model = flat, model
        self.weights = dict(weights or {})

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and deepcopy as a plain dict: the views would part from the flat array."""
        return dict, ({name: view.copy() for name, view in self.items()},)


class Layout:
    """Where each name lies in a flat array: offsets in elements, rounded up to cache lines."""

    __slots__ = ("names", "offsets", "shapes", "size")

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], itemsize: int) -> None:
        step = ALIGNMENT // itemsize
        offset = 0
        self.names = tuple(shapes)
        self.shapes = dict(shapes)
        self.offsets: dict[str, int] = {}
        for name, shape in shapes.items():
            self.offsets[name] = offset
            offset += -(-math.prod(shape) // step) * step
        self.size = offset

    def views(self, flat: Array) -> Iterator[tuple[str, Array]]:
        """Yield each name with its view of `flat`."""
        for name in self.names:
            start, shape = self.offsets[name], self.shapes[name]
            yield name, flat[start : start + math.prod(shape)].reshape(shape)

    def __eq__(self, other: object) -> bool:
        """Two layouts are equal when names and shapes are, in order."""
        return isinstance(other, Layout) and list(self.shapes.items()) == list(other.shapes.items())

    __hash__ = None  # type: ignore[assignment]


class FlatParameters:
    """The flat arrays of one model.

    Parameters
    ----------
    trainable, frozen : mapping of str to Weight
        Full names (``"dense/kernel"``) in model order.
    dtype : str
        The model's.
    model : weakref, optional
        To the model.

    Attributes
    ----------
    params, grads : ArrayDict
        Live views of the trainable weights and their gradients.
    lost : bool
        True once another model that shares a weight has taken it into its own flat array.
    """

    def __init__(
        self,
        trainable: Mapping[str, Weight],
        frozen: Mapping[str, Weight],
        dtype: DTypeLike,
        model: ReferenceType[Any] | None = None,
    ) -> None:
        self.lost = False
        weights = {**trainable, **frozen}
        itemsize = np.dtype(dtype).itemsize
        shapes = {name: w.value.shape for name, w in weights.items()}
        self.layout = Layout({name: shapes[name] for name in trainable}, itemsize)
        everything = Layout(shapes, itemsize)
        values = aligned_zeros(everything.size, dtype)
        flat_grads = aligned_zeros(self.layout.size, dtype)
        grads = dict(self.layout.views(flat_grads))
        for name, view in everything.views(values):
            weight = weights[name]
            view[...] = weight.value
            if weight.owner is not None:
                weight.owner.lost = True
                ASSIGNMENTS[0] += 1
            weight.value, weight.grad, weight.owner = view, grads.get(name), self
        self.params = ArrayDict(
            ((name, weights[name].value) for name in trainable),
            values[: self.layout.size],
            trainable,
            model,
        )
        self.grads = ArrayDict(grads.items(), flat_grads)
