"""Penalties on weights: added to the loss, and their gradient to that of the weight."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import _core, ops, registry
from hotloop._support.arguments import number
from hotloop._support.describing import Described
from hotloop._support.names import serve
from hotloop._support.quoting import quoted
from hotloop._support.watched import Watched
from hotloop.autodiff import elementwise as pointwise
from hotloop.autodiff.reductions import sum_
from hotloop.autodiff.rule import TensorBase, mode
from hotloop.autodiff.tensor import Tensor
from hotloop.registry import lookup

Array = NDArray[Any]


class Regularizer(Described, Watched):
    """Base of all penalties; a subclass writes `__call__` and `get_config`.

    What `__call__` computes with `hotloop.ops` has a known gradient; for anything else a subclass
    writes `gradient` too.
    """

    def __call__(self, w: Any) -> Any:
        """Return the penalty of a weight or an output."""
        raise NotImplementedError

    def gradient(self, w: Array) -> Array:
        """Return its gradient, in the shape and dtype of `w`."""
        tensor = Tensor(np.asarray(w), requires_grad=True)
        penalty = self(tensor)
        if not isinstance(penalty, Tensor) or not penalty.requires_grad:
            msg = f"{type(self).__name__}: its penalty has no gradient; use hotloop.ops, or write gradient(w)"
            raise TypeError(msg)
        penalty.backward()
        slope: Array = np.zeros_like(tensor.data) if tensor.grad is None else tensor.grad
        return slope

    def add_gradient(self, w: Array, grad: Array) -> None:
        """Add the gradient to `grad`, in place."""
        grad += self.gradient(w)

    @property
    def recordable(self) -> bool:
        """Whether `add_gradient` consists of core calls alone."""
        return False

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this penalty again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """Make a penalty from the result of `get_config`."""
        return cls(**config)


class L1L2(Regularizer, builtin=True):
    """``l1 * sum(|w|) + l2 * sum(w^2)``, as Keras has it: no half, no mean.

    Parameters
    ----------
    l1, l2 : float
        Not negative.

    Raises
    ------
    ValueError
        For a negative or infinite factor.

    Examples
    --------
    >>> import numpy as np
    >>> L1L2(l1=0.5, l2=0.25)(np.array([1.0, -2.0]))
    2.75
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = check_factor(type(self).__name__, "l1", l1)
        self.l2 = check_factor(type(self).__name__, "l2", l2)

    def __call__(self, w: Any) -> Any:
        """Return the penalty; of a tensor, and inside a tape's block, as a tensor."""
        if mode.tapes or isinstance(w, TensorBase):
            parts = (
                (self.l1, pointwise.absolute(w)) if self.l1 else None,
                (self.l2, pointwise.square(w)) if self.l2 else None,
            )
            total: Any = 0.0
            for scale, values in filter(None, parts):
                total = total + sum_(values, axis=None, keepdims=False) * scale
            return total
        flat = np.asarray(w, np.float64).reshape(-1)
        penalty = self.l1 * float(np.abs(flat).sum()) if self.l1 else 0.0
        return penalty + (self.l2 * float(np.square(flat).sum()) if self.l2 else 0.0)

    def gradient(self, w: Array) -> Array:
        """Return ``l1 * sign(w) + 2 * l2 * w``."""
        slope: Array = (self.l1 * np.sign(w) + 2.0 * self.l2 * w).astype(w.dtype, copy=False)
        return slope

    def add_gradient(self, w: Array, grad: Array) -> None:
        """Add the gradient to `grad`, in place."""
        if self.recordable:
            # grad -= -2 l2 w: the core's plain update is what adds a multiple of an array.
            _core.sgd_update(grad, w, -2.0 * self.l2)
        else:
            super().add_gradient(w, grad)

    @property
    def recordable(self) -> bool:
        """Whether `add_gradient` consists of core calls alone."""
        return self.l1 == 0.0 and type(self) in (L1, L2, L1L2)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2, builtin=True):
    """``l1 * sum(|w|)``.

    Parameters
    ----------
    l1 : float
        Not negative.

    Examples
    --------
    >>> L1(0.5)([1.0, -2.0])
    1.5
    """

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)

    def get_config(self) -> dict[str, Any]:
        """Return the argument."""
        return {"l1": self.l1}


class L2(L1L2, builtin=True):
    """``l2 * sum(w^2)``.

    Parameters
    ----------
    l2 : float
        Not negative.

    Examples
    --------
    >>> L2(0.5)([1.0, -2.0])
    2.5
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)

    def get_config(self) -> dict[str, Any]:
        """Return the argument."""
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer, builtin=True):
    """``factor`` times the mean ``|cos|`` of the angles between rows, or columns, of a matrix.

    Parameters
    ----------
    factor : float
        Not negative.
    mode : str
        ``"rows"`` or ``"columns"``.

    Raises
    ------
    ValueError
        For another mode, and for a weight that is no matrix.

    Examples
    --------
    >>> round(float(OrthogonalRegularizer(1.0)(np.array([[1.0, 0.0], [3.0, 4.0]]))), 6)
    0.6
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = check_factor("OrthogonalRegularizer", "factor", factor)
        if mode not in ("rows", "columns"):
            msg = f"OrthogonalRegularizer: mode must be 'rows' or 'columns', got {quoted(mode)}"
            raise ValueError(msg)
        self.mode = mode

    def __call__(self, w: Any) -> Any:
        """Return the penalty."""
        if ops.ndim(w) != 2:
            msg = f"OrthogonalRegularizer: the weight must be a matrix, got shape {ops.shape(w)}"
            raise ValueError(msg)
        rows = w if self.mode == "rows" else ops.transpose(w)
        rows = ops.normalize(rows, axis=1)
        n = len(rows)
        apart = ops.matmul(rows, ops.transpose(rows)) * (1.0 - np.eye(n, dtype=w.dtype))
        return ops.sum(ops.absolute(apart)) * (self.factor / max(1, n * (n - 1)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"factor": self.factor, "mode": self.mode}


def check_factor(owner: str, name: str, value: float) -> float:
    """Return `value` as a float; a ValueError when it is negative or not finite."""
    rule = "be a finite number, not negative"
    return number(owner, name, value, rule, lambda v: 0.0 <= v < float("inf"))


CLASSES: dict[str, type[Regularizer]] = {
    cls.__name__: cls for cls in (L1, L2, L1L2, OrthogonalRegularizer)
}


def get(identifier: Any) -> Regularizer | None:
    """Return the penalty that None, a string, a description, a class or a penalty stands for.

    Parameters
    ----------
    identifier : None, str, dict, class or Regularizer
        ``"l1"``, ``"l2"`` with Keras's factor of 0.01; ``"l1l2"`` is `L1L2` with both 0.

    Raises
    ------
    ValueError
        For an unknown name; the text lists the valid ones.
    TypeError
        For anything else.

    Examples
    --------
    >>> get("l2").l2
    0.01
    """
    if identifier is None or isinstance(identifier, Regularizer):
        return identifier
    if isinstance(identifier, str):
        named: Regularizer = lookup("regularizer", identifier.lower(), _STRINGS)()
        return named
    if isinstance(identifier, dict):
        made: Regularizer = deserialize(identifier)
        return made
    if isinstance(identifier, type) and issubclass(identifier, Regularizer):
        return identifier()
    msg = f"a regularizer must be a name or a hotloop.regularizers.Regularizer, got {quoted(identifier)}"
    raise TypeError(msg)


# Keras's other names.
l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer
_STRINGS: dict[str, Any] = {"l1": L1, "l2": L2, "l1_l2": L1L2, "l1l2": L1L2}
_STRINGS["orthogonal_regularizer"] = OrthogonalRegularizer


def serialize(regularizer: Regularizer | None) -> dict[str, Any] | None:
    """Return the description of a penalty; None stays None."""
    return None if regularizer is None else registry.serialize(regularizer)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """Make a penalty from its description, which `serialize` answers."""
    return registry.deserialize("regularizer", config, CLASSES, custom_objects)


__all__ = ["L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "deserialize", "get"]
__all__ += ["l1", "l1_l2", "l2", "orthogonal_regularizer", "serialize"]

serve(__name__)
