"""Weights as Keras scripts see them: live arrays that a gradient tape knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from hotloop.autodiff.rule import Array, TensorBase, mode
from hotloop.autodiff.tensor import METHODS, REDUCTIONS, UFUNCS, lost, reduced


class Variable(np.ndarray[Any, Any]):
    """A live weight: an array whose arithmetic a `GradientTape` remembers.

    What is computed from it outside a tape's block is a plain array.

    Attributes
    ----------
    weight : Weight or None
        The layer's weight; None for views and results.
    trainable : bool
        Whether a tape watches it.

    Examples
    --------
    >>> import hotloop as hl
    >>> model = hl.Sequential([hl.layers.Dense(1, kernel_initializer="ones", input_shape=(2,))])
    >>> kernel, bias = model.trainable_variables
    >>> kernel.assign([[2.0], [3.0]])
    >>> model.get_weights()[0].tolist()
    [[2.0], [3.0]]
    """

    weight: Any = None
    trainable = False
    # The array that it is a view of.
    source: Any = None

    @classmethod
    def of(cls, weight: Any, trainable: bool) -> Variable:
        """Return the variable of a layer's weight; one for as long as its array stays."""
        made: Variable | None = weight.variable
        if made is None or made.source is not weight.value:
            made = weight.value.view(cls)
            made.weight, made.source = weight, weight.value
            weight.variable = made
        made.trainable = bool(trainable)
        return made

    def __array_finalize__(self, source: Any) -> None:
        """Let views and results be no weights themselves."""
        self.weight, self.source, self.trainable = None, None, False

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Remember arithmetic inside a tape's block, and answer plain arrays outside of it."""
        rule = UFUNCS.get(ufunc)
        if mode.tapes:
            if rule is not None and method == "__call__" and not kwargs:
                return rule(*inputs)
            if method == "reduce" and ufunc in REDUCTIONS and inputs[0] is self:
                return reduced(ufunc, self, **kwargs)
            if kwargs.get("out") is None and any(_is_watched(x) for x in inputs):
                raise TypeError(lost(ufunc.__name__))
        out = kwargs.get("out")
        if out is not None:
            kwargs["out"] = tuple(plain(x) for x in out)
        answer = getattr(ufunc, method)(*(plain(x) for x in inputs), **kwargs)
        return out[0] if out is not None and len(out) == 1 else answer

    def __array_wrap__(self, array: Array, *_: Any) -> Any:
        """Return results as plain arrays."""
        return array

    def __getitem__(self, index: Any) -> Any:
        """Return elements; inside a tape's block they are remembered."""
        if mode.tapes and self.weight is not None:
            from hotloop.autodiff import shapes  # noqa: PLC0415 - only inside a block

            return shapes.getitem(self, index=index)
        return plain(self)[index]

    @property
    def T(self) -> Any:
        """The axes in reverse."""
        return self.transpose()

    @property
    def value(self) -> Any:
        """The live array; inside a tape's block, the variable itself."""
        return self if mode.tapes else plain(self)

    def numpy(self) -> Array:
        """Return a copy of the values."""
        return np.array(plain(self))

    @property
    def name(self) -> str:
        """The layer's name of it."""
        return str(self.weight.name) if self.weight is not None else "variable"

    def assign(self, value: Any) -> None:
        """Copy `value` into the live array; a ValueError when the shapes differ."""
        array = self._fitting(value)
        if mode.recorder is None:
            plain(self)[...] = array
        else:
            mode.recorder.assign(plain(self), array)

    def _fitting(self, value: Any) -> Any:
        """Return a value of this shape; a ValueError for another one."""
        array: Any = value if isinstance(value, TensorBase) else np.asarray(value)
        if array.shape != self.shape:
            msg = f"variable {self.name!r} has shape {self.shape}, got {array.shape}"
            raise ValueError(msg)
        return array

    def assign_add(self, value: Any) -> None:
        """Add `value` to the live array."""
        if mode.recorder is None:
            self.assign(plain(self) + np.asarray(value))
        else:
            mode.recorder.assign(plain(self), value, add=1)

    def assign_sub(self, value: Any) -> None:
        """Subtract `value` from the live array."""
        if mode.recorder is None:
            self.assign(plain(self) - np.asarray(value))
        else:
            mode.recorder.assign(plain(self), value, add=-1)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Compute on the values, but nothing that would lose a gradient inside a tape's block."""
        if mode.tapes and func in METHODS and args[0] is self and _is_watched(self):
            return getattr(self, METHODS[func])(*args[1:], **kwargs)
        answer = super().__array_function__(func, types, args, kwargs)
        if mode.tapes and _is_watched(self) and func not in _OF_SHAPES:
            parts = answer if isinstance(answer, tuple | list) else [answer]
            if any(not hasattr(p, "entry") and np.asarray(p).dtype.kind == "f" for p in parts):
                raise TypeError(lost(func.__name__))
        return answer

    def __reduce__(self) -> Any:
        """Pickle as a plain array."""
        return np.array(plain(self)).__reduce__()


# Functions of NumPy that answer nothing of the values.
_OF_SHAPES = frozenset({np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like})


def penalties_of(variables: Iterable[Variable]) -> list[Any]:
    """Return the penalty of each variable that has a regularizer and trains."""
    return [
        variable.weight.regularizer(variable)
        for variable in variables
        if variable.trainable and variable.weight.regularizer is not None
    ]


def _is_watched(x: Any) -> bool:
    """Whether a recording tape follows `x`."""
    return isinstance(x, Variable) and x.weight is not None and x.trainable


def _method(name: str) -> Any:
    """Return a method of arrays that inside a tape's block is the tensor's, or refused."""
    of_array = getattr(np.ndarray, name)

    def method(self: Variable, *args: Any, **kwargs: Any) -> Any:
        if not (mode.tapes and _is_watched(self)):
            return of_array(plain(self), *args, **kwargs)
        leaves = (tape.leaf(self) for tape in reversed(mode.tapes))
        leaf = next((found for found in leaves if found is not None), None)
        if leaf is None:
            return of_array(plain(self), *args, **kwargs)
        if not hasattr(leaf, name):
            msg = f"inside a GradientTape's block use hotloop.ops.{name}(variable)"
            raise TypeError(msg)
        return getattr(leaf, name)(*args, **kwargs)

    method.__name__ = name
    method.__doc__ = (
        f"Return what an array's `{name}` answers; inside a tape's block, the tensor's."
    )
    return method


_METHODS = (
    *("astype", "clip", "cumprod", "cumsum", "diagonal", "dot", "flatten", "max", "mean", "min"),
    *("prod", "ravel", "repeat", "reshape", "round", "squeeze", "std", "sum", "swapaxes", "take"),
    *("trace", "transpose", "var"),
)
for _name in _METHODS:
    setattr(Variable, _name, _method(_name))


def plain(x: Any) -> Any:
    """Return a variable as the array it is; anything else as it came."""
    return x.view(np.ndarray) if isinstance(x, Variable) else x
