"""Constraints on weights: where each update brings them back to, as Keras has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop import registry
from hotloop._support.arguments import number, whole
from hotloop._support.describing import Described
from hotloop._support.names import serve
from hotloop._support.quoting import quoted
from hotloop._support.watched import Watched
from hotloop.registry import deserialize as _deserialize
from hotloop.registry import lookup, snake_case

Array = NDArray[Any]
_EPSILON = 1e-7


class Constraint(Described, Watched):
    """Base of all constraints; a subclass writes ``__call__(w)``, which answers the new value."""

    def __call__(self, w: Any) -> Any:
        """Return the weight where it may be."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this constraint again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        """Make a constraint from the result of `get_config`."""
        return cls(**config)


class _Along(Constraint):
    """Norms along axes."""

    axis: Any

    def norms(self, w: Array) -> Array:
        """Return the norms, with axes of 1."""
        squares: Array = np.square(w).sum(axis=self.axis, keepdims=True)
        return np.sqrt(squares)


def _axis(owner: str, axis: Any) -> Any:
    if isinstance(axis, Sequence) and not isinstance(axis, str):
        return tuple(whole(owner, "axis", one) for one in axis)
    return whole(owner, "axis", axis)


def _plain(axis: Any) -> Any:
    return list(axis) if isinstance(axis, tuple) else axis


class MaxNorm(_Along, builtin=True):
    """Norms of at most `max_value` (Srivastava et al., JMLR 2014).

    ``w *= clip(|w|, 0, max_value) / (|w| + 1e-7)``.

    Parameters
    ----------
    max_value : float
        Not negative.
    axis : int or list of int
        Along which norms are taken: 0 of a kernel ``(I, O)``, ``[0, 1, 2]`` of ``(KH, KW, C, O)``.

    Examples
    --------
    >>> import numpy as np
    >>> MaxNorm(1.0)(np.array([[3.0], [4.0]])).round(6)
    array([[0.6],
           [0.8]])
    """

    def __init__(self, max_value: float = 2.0, axis: Any = 0) -> None:
        self.max_value = number(
            "MaxNorm", "max_value", max_value, "not be negative", lambda v: v >= 0.0
        )
        self.axis = _axis("MaxNorm", axis)

    def __call__(self, w: Any) -> Any:
        """Return the weight with norms held down."""
        w = np.asarray(w)
        norms = self.norms(w)
        return w * (np.clip(norms, 0.0, self.max_value) / (norms + _EPSILON)).astype(w.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"max_value": self.max_value, "axis": _plain(self.axis)}


class NonNeg(Constraint, builtin=True):
    """No negative elements.

    Examples
    --------
    >>> import numpy as np
    >>> NonNeg()(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    def __call__(self, w: Any) -> Any:
        """Return the weight with zeros for what is negative."""
        w = np.asarray(w)
        return np.maximum(w, w.dtype.type(0))


class UnitNorm(_Along, builtin=True):
    """Norms of 1: ``w / (|w| + 1e-7)``.

    Parameters
    ----------
    axis : int or list of int
        Along which norms are taken.

    Examples
    --------
    >>> import numpy as np
    >>> UnitNorm()(np.array([[3.0], [4.0]])).round(6)
    array([[0.6],
           [0.8]])
    """

    def __init__(self, axis: Any = 0) -> None:
        self.axis = _axis("UnitNorm", axis)

    def __call__(self, w: Any) -> Any:
        """Return the weight with norms of 1."""
        w = np.asarray(w)
        return w / (self.norms(w) + w.dtype.type(_EPSILON))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"axis": _plain(self.axis)}


class MinMaxNorm(_Along, builtin=True):
    """Norms between two values, or nearer to them.

    ``w *= (rate clip(|w|, min_value, max_value) + (1 - rate) |w|) / (|w| + 1e-7)``.

    Parameters
    ----------
    min_value, max_value : float
        Not negative.
    rate : float
        In [0, 1]: 1 brings norms all the way.
    axis : int or list of int
        Along which norms are taken.

    Examples
    --------
    >>> import numpy as np
    >>> MinMaxNorm(0.0, 1.0, rate=0.5)(np.array([[3.0], [4.0]])).round(6)
    array([[1.8],
           [2.4]])
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0
    ) -> None:
        owner = "MinMaxNorm"
        self.min_value = number(
            owner, "min_value", min_value, "not be negative", lambda v: v >= 0.0
        )
        rule = f"be a number of at least min_value, {min_value}"
        self.max_value = number(owner, "max_value", max_value, rule, lambda v: v >= self.min_value)
        self.rate = number(owner, "rate", rate, "lie in [0, 1]", lambda r: 0.0 <= r <= 1.0)
        self.axis = _axis(owner, axis)

    def __call__(self, w: Any) -> Any:
        """Return the weight with norms between the values."""
        w = np.asarray(w)
        norms = self.norms(w)
        wanted = self.rate * np.clip(norms, self.min_value, self.max_value)
        wanted += (1.0 - self.rate) * norms
        return w * (wanted / (norms + _EPSILON)).astype(w.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate}
        return {**own, "axis": _plain(self.axis)}


CLASSES: dict[str, type[Constraint]] = registry.enter(
    "constraint", (MaxNorm, MinMaxNorm, NonNeg, UnitNorm)
)
# Keras's other names.
max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm
_STRINGS: dict[str, type[Constraint]] = {
    **{snake_case(name): cls for name, cls in CLASSES.items()},
    **CLASSES,
}


def get(identifier: Any) -> Any:
    """Return the constraint that None, a string, a description, a class or a function stands for.

    Parameters
    ----------
    identifier : None, str, dict, class, Constraint or callable
        ``"max_norm"``, ``"non_neg"`` ...

    Raises
    ------
    ValueError
        For an unknown name; the text lists the valid ones.
    TypeError
        For anything else.

    Examples
    --------
    >>> get("max_norm").max_value
    2.0
    """
    if isinstance(identifier, str):
        return lookup("constraint", identifier, _STRINGS)()
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, type) and issubclass(identifier, Constraint):
        return identifier()
    if identifier is None or callable(identifier):
        return identifier
    msg = f"a constraint must be a name, a Constraint or a function, got {quoted(identifier)}"
    raise TypeError(msg)


def serialize(constraint: Any) -> dict[str, Any] | None:
    """Return the description of a constraint; None stays None."""
    return None if constraint is None else registry.serialize(constraint)


def deserialize(config: dict[str, Any], custom_objects: Any = None) -> Any:
    """Make a constraint from its description, which `serialize` answers.

    Examples
    --------
    >>> deserialize(serialize(MaxNorm(3.0))).max_value
    3.0
    """
    return _deserialize("constraint", config, CLASSES, custom_objects)


__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

serve(__name__)
