"""Arrays that optimizers work on: slots beside weights, and what they were given by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.data.targets import as_array, refuse_masked
from hotloop.parameters import ArrayDict, Layout, Weight, aligned_zeros

Array = NDArray[Any]


class FlatSlots:
    """Slots of a whole model: flat twins of its trainable weights, and where each name lies."""

    def __init__(self, params: ArrayDict, layout: Layout, flat: dict[str, Array]) -> None:
        self.params = params
        self.layout = layout
        self.flat = flat

    def named(self) -> dict[str, dict[str, Array]]:
        """Return live views, slot by slot, name by name."""
        return {slot: dict(self.layout.views(array)) for slot, array in self.flat.items()}


def holds_arrays(value: Any) -> bool:
    """Say whether `value` is what PyTorch's optimizers start with: weights, or an iterator over them."""
    if isinstance(value, Iterator):
        return True
    parts = value.values() if isinstance(value, Mapping) else value
    return isinstance(value, Mapping | list | tuple) and any(
        isinstance(w, np.ndarray) for w in parts
    )


class Named(dict[str, Array]):
    """Arrays by key, and the weights that some of them belong to."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: dict[str, Weight] = {}


def twin(layout: Layout, like: Array) -> ArrayDict:
    """Return named views of new zeros, laid out as `layout`, in the dtype of `like`."""
    flat = aligned_zeros(layout.size, like.dtype)
    return ArrayDict(layout.views(flat), flat)


def is_same(a: Weight | Array, b: Weight | Array) -> bool:
    """Whether two are one weight, or views of the same memory."""
    if a is b:
        return True
    v, w = (x.value if isinstance(x, Weight) else x for x in (a, b))
    return v is w or (
        v.shape == w.shape
        and v.dtype == w.dtype
        and v.strides == w.strides
        and v.ctypes.data == w.ctypes.data
    )


def working_dtype(param: Array) -> Any:
    """Return the dtype that a parameter is updated in."""
    return np.float64 if param.itemsize == 8 else np.float32


def checked(key: str, params: Mapping[str, Array], grads: Mapping[str, Any]) -> tuple[Array, Any]:
    """Return one parameter and its gradient; nothing is updated before all are checked."""
    param = params[key]
    if not isinstance(param, np.ndarray) or param.dtype.kind != "f" or param.dtype.itemsize > 8:
        kind = param.dtype if isinstance(param, np.ndarray) else type(param).__name__
        msg = f"update: params[{key!r}] must be an array of floats to change in place, got {kind}"
        raise TypeError(msg)
    if not param.flags.writeable:
        msg = f"update: params[{key!r}] is read-only"
        raise ValueError(msg)
    if key not in grads:
        msg = f"update: grads has no {key!r}; it has {sorted(grads)}"
        raise ValueError(msg)
    refuse_masked("update", f"params[{key!r}]", param)
    grad = as_array("update", f"grads[{key!r}]", grads[key])
    if grad.shape != param.shape:
        msg = f"update: params[{key!r}] has shape {param.shape}, its gradient {grad.shape}"
        raise ValueError(msg)
    return param, grad


def is_direct(param: Array) -> bool:
    """Whether the core takes an array as it stands: not strided, byte-swapped or half."""
    flags = param.flags
    plain = flags.c_contiguous and flags.aligned and param.dtype.isnative
    return plain and param.itemsize >= 4
