"""Tensors of a step that is being recorded: operations go into the recording, values stay unseen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from hotloop.autodiff import shapes
from hotloop.autodiff.rule import Array, mode
from hotloop.autodiff.tensor import METHODS, REDUCTIONS, UFUNCS, Tensor, plain_index, reduced

_PACKAGE = str(Path(__file__).parent.parent)
# The slot that `Recorded.data` hides.
_slot: Any = Tensor.__dict__["data"]

_NUMBER = "return the tensor and read it after the step, or pass the number as an argument"
_CHOICE = "choose between values with hotloop.ops.where, or decide outside of the step"
_NEW = "make a new tensor with hotloop.ops"
_ARRAY = "use hotloop.ops on the tensor, or return it and read it after the step"

# Functions of NumPy that look at shape and dtype alone.
_OF_SHAPES = frozenset({np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.full_like})


def where_called() -> str:
    """Return file and line of the code outside of the package that led here."""
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    if frame is None:
        return "unknown place"
    return f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"


def refuse(advice: str, what: str) -> TypeError:
    """Return the error of a recorded step that `what` would make depend on values."""
    msg = (
        f"compile: {what} ({where_called()}) depends on the values of a tensor, but a recorded step "
        f"runs again without Python: {advice}"
    )
    return TypeError(msg)


def array_of(x: Any) -> Array:
    """Return the live array of any tensor, without asking what it is wanted for."""
    array: Array = _slot.__get__(x)
    return array


class Recorded(Tensor):
    """A tensor of a step that `compile` records; its values cannot be read inside of the step.

    Attributes
    ----------
    kind : str
        What the step answers in its place: "tensor", "array" or "number".
    """

    __slots__ = ("kind",)

    def __init__(self, array: Array, kind: str = "tensor") -> None:
        _slot.__set__(self, array)
        self.kind = kind
        self.requires_grad = False
        self._grad, self.entry, self.index = None, None, 0

    @property
    def data(self) -> Array:
        """Refused: the values of this run are not those of the next."""
        raise refuse(_ARRAY, "reading .data")

    @data.setter
    def data(self, _: Any) -> None:
        raise refuse(_NEW, "setting .data")

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return array_of(self).shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return array_of(self).ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return array_of(self).size

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        return array_of(self).dtype

    def detach(self) -> Tensor:
        """Return the same values without a way back."""
        return Recorded(array_of(self))

    def numpy(self) -> Array:
        """Refused."""
        raise refuse(_ARRAY, ".numpy()")

    def item(self) -> Any:
        """Refused."""
        raise refuse(_NUMBER, ".item()")

    def tolist(self) -> Any:
        """Refused."""
        raise refuse(_ARRAY, ".tolist()")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Refused."""
        raise refuse(_ARRAY, "making a NumPy array of a tensor")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Record NumPy's functions of elements as those of `hotloop.ops`."""
        rule, out = UFUNCS.get(ufunc), kwargs.pop("out", None)
        if rule is not None and method == "__call__" and not kwargs:
            answer = rule(*inputs)
            if out is None:
                return answer
            mode.recorder.assign(out[0], answer)
            return out[0]
        if method == "reduce" and ufunc in REDUCTIONS and out is None:
            return reduced(ufunc, inputs[0], **kwargs)
        raise refuse(_ARRAY, f"numpy.{ufunc.__name__}")

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Act as the method of the name, or look at shape and dtype."""
        if func in METHODS and isinstance(args[0], Tensor):
            return getattr(args[0], METHODS[func])(*args[1:], **kwargs)
        if func in _OF_SHAPES:
            stand = np.broadcast_to(np.zeros((), self.dtype), self.shape)
            return func(stand, *args[1:], **kwargs)
        raise refuse(_ARRAY, f"numpy.{func.__name__}")

    def __len__(self) -> int:
        """Return the size of the first axis."""
        return len(array_of(self))

    def __iter__(self) -> Any:
        """Go over the first axis."""
        if self.ndim == 0:
            msg = "a tensor without axes cannot be iterated over"
            raise TypeError(msg)
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        """Return elements; an index that is a tensor picks rows."""
        if isinstance(index, Tensor) and index.dtype.kind in "iu":
            return shapes.take(self, index, axis=0)
        return shapes.getitem(self, index=plain_index(index))

    def __float__(self) -> float:
        """Refused."""
        raise refuse(_NUMBER, "float(tensor)")

    def __int__(self) -> int:
        """Refused."""
        raise refuse(_NUMBER, "int(tensor)")

    def __index__(self) -> int:
        """Refused."""
        raise refuse(_NUMBER, "a tensor as an index or a count")

    def __bool__(self) -> bool:
        """Refused."""
        raise refuse(_CHOICE, "the truth of a tensor (if, while, and, or, not)")

    def __format__(self, spec: str) -> str:
        """Describe; a format of its number is refused."""
        if spec:
            raise refuse(_NUMBER, "formatting the number of a tensor")
        return repr(self)

    def __repr__(self) -> str:
        """Return shape and dtype."""
        return f"<Tensor of a recorded step, shape {self.shape}, {self.dtype}>"

    __str__ = __repr__
    __hash__ = object.__hash__
