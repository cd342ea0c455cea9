"""Types of elements, and PyTorch's rules of promotion between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop.autodiff.rule import Array


class dtype:
    """The type of a tensor's elements.

    Attributes
    ----------
    is_floating_point : bool
        Whether it has fractions, and so gradients.
    is_signed, is_complex : bool
        As in PyTorch.
    itemsize : int
        Bytes of an element.
    numpy : numpy.dtype
        The same for NumPy.
    """

    __slots__ = ("is_complex", "is_floating_point", "is_signed", "itemsize", "name", "numpy")

    def __init__(self, name: str, numpy: str) -> None:
        self.name, self.numpy = name, np.dtype(numpy)
        self.is_floating_point = self.numpy.kind == "f"
        self.is_signed, self.is_complex = self.numpy.kind in "if", False
        self.itemsize = self.numpy.itemsize

    def __repr__(self) -> str:
        """Return PyTorch's name."""
        return f"torch.{self.name}"

    def __reduce__(self) -> Any:
        """Pickle as a name."""
        return of_name, (self.name,)


_NAMES = ("float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
ALL = {name: dtype(name, name) for name in _NAMES}
_OF_NUMPY = {made.numpy: made for made in ALL.values()}
# Second names.
ALIASES = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "long": "int64",
    "int": "int32",
}
ALIASES["short"] = "int16"

# PyTorch's words for them in errors and in `Tensor.type`.
WORDS = {
    "f": "Float",
    "d": "Double",
    "e": "Half",
    "l": "Long",
    "q": "Long",
    "i": "Int",
    "h": "Short",
    "b": "Char",
    "B": "Byte",
    "?": "Bool",
}
FLOAT32, INT64, BOOL = np.dtype("float32"), np.dtype("int64"), np.dtype("bool")
_default = [FLOAT32]


def of_name(name: str) -> dtype:
    """Return the dtype called `name`."""
    return ALL[name]


def of_array(array: Array) -> dtype:
    """Return the dtype of an array."""
    return _OF_NUMPY[array.dtype]


def to_numpy(kind: Any) -> Any:
    """Return NumPy's dtype for one of ours, Python's ``float``, ``int`` or ``bool``, or NumPy's own.

    Raises
    ------
    TypeError
        For a dtype that tensors do not have.
    """
    if isinstance(kind, dtype):
        return kind.numpy
    names = {"float": _default[0], "int": INT64, "bool": BOOL}
    found = names.get(getattr(kind, "__name__", ""))
    found = np.dtype(kind) if found is None else found
    if found not in _OF_NUMPY:
        msg = f"tensors have the dtypes {', '.join(_NAMES)}, got {found}"
        raise TypeError(msg)
    return found


def get_default_dtype() -> dtype:
    """Return the dtype of floats that come without one."""
    return _OF_NUMPY[_default[0]]


def set_default_dtype(d: Any) -> None:
    """Set the dtype of floats that come without one; a TypeError unless it is a floating one."""
    found = to_numpy(d)
    if found.kind != "f":
        msg = f"only floating-point types are supported as the default type, got {d!r}"
        raise TypeError(msg)
    _default[0] = found


def default_float() -> Any:
    """Return NumPy's dtype of the default."""
    return _default[0]


def promote(a: Any, b: Any) -> Any:
    """Return the dtype that holds both of two of NumPy's, where floats win over integers."""
    if a is b or a == b:
        return a
    if (a.kind == "f") != (b.kind == "f"):
        return a if a.kind == "f" else b
    return np.promote_types(a, b)


def _combined(higher: Any, lower: Any) -> Any:
    if higher is None or higher.kind == "f":
        return lower if higher is None else higher
    if lower is not None and (higher.kind == "b" or lower.kind == "f"):
        return promote(higher, lower)
    return higher


def result_of(operands: Any) -> Any:
    """Return NumPy's dtype that arrays and Python numbers are computed in.

    Arrays with axes come before arrays without, those before Python numbers; a later one counts
    only where it is of a higher kind (bool, integer, float).
    """
    found: list[Any] = [None, None, None]
    for x in operands:
        if isinstance(x, np.ndarray):
            place, kind = (0 if x.ndim else 1), x.dtype
        else:
            place = 2
            kind = BOOL if x is True or x is False else _default[0]
            if isinstance(x, int) and kind is not BOOL:
                kind = INT64
        found[place] = kind if found[place] is None else promote(found[place], kind)
    return _combined(found[0], _combined(found[1], found[2]))


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """Return the dtype that holds both."""
    return _OF_NUMPY[promote(to_numpy(type1), to_numpy(type2))]


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether values of one dtype may be written into tensors of another."""
    return fits(to_numpy(from_), to_numpy(to))


def fits(source: Any, target: Any) -> bool:
    """Whether NumPy's dtype `source` may be written into `target`: no kind may be lost."""
    order = {"b": 0, "u": 1, "i": 1, "f": 2}
    return order[source.kind] <= order[target.kind]


class finfo:
    """Limits of a floating dtype: ``eps max min tiny smallest_normal resolution bits``."""

    def __init__(self, kind: Any = None) -> None:
        found = np.finfo(default_float() if kind is None else to_numpy(kind))
        self.bits, self.dtype = found.bits, str(found.dtype)
        for name in ("eps", "max", "min", "tiny", "smallest_normal", "resolution"):
            setattr(self, name, getattr(found, name).item())


class iinfo:
    """Limits of an integer dtype: ``max min bits``."""

    def __init__(self, kind: Any) -> None:
        found = np.iinfo(to_numpy(kind))
        self.bits, self.max, self.min, self.dtype = (
            found.bits,
            found.max,
            found.min,
            str(found.dtype),
        )
