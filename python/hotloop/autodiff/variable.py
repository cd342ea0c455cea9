"""Weights as Keras scripts see them: live arrays that a gradient tape knows."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop.autodiff.rule import Array, mode
from hotloop.autodiff.tensor import UFUNCS


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
        if mode.tapes and rule is not None and method == "__call__" and not kwargs:
            return rule(*inputs)
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
        array = np.asarray(value)
        if array.shape != self.shape:
            msg = f"variable {self.name!r} has shape {self.shape}, got {array.shape}"
            raise ValueError(msg)
        plain(self)[...] = array

    def assign_add(self, value: Any) -> None:
        """Add `value` to the live array."""
        self.assign(plain(self) + np.asarray(value))

    def assign_sub(self, value: Any) -> None:
        """Subtract `value` from the live array."""
        self.assign(plain(self) - np.asarray(value))

    def __reduce__(self) -> Any:
        """Pickle as a plain array."""
        return np.array(plain(self)).__reduce__()


def plain(x: Any) -> Any:
    """Return a variable as the array it is; anything else as it came."""
    return x.view(np.ndarray) if isinstance(x, Variable) else x
