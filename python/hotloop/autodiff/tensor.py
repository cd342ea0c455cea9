"""Tensors: arrays that remember how they were made, define by run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ContextDecorator
from typing import Any

import numpy as np

from hotloop import _core
from hotloop.autodiff import elementwise, linalg, reductions, shapes
from hotloop.autodiff.backward import gradients, ones
from hotloop.autodiff.rule import Array, Entry, TensorBase, as_array, mode, operand


class Tensor(TensorBase):
    """An array whose operations are remembered, so that gradients can be computed.

    ``(t * t).sum().backward()`` fills ``t.grad``. All of `hotloop.ops` takes tensors, and answers
    tensors; NumPy's functions see the values alone.

    Parameters
    ----------
    data : array_like
        Real numbers. An array is not copied; floats in lists become the default float type.
    requires_grad : bool
        Whether `backward` fills `grad`.

    Attributes
    ----------
    data : ndarray
        The values.
    grad : ndarray or None
        Sum of the gradients of every `backward` so far; None before the first.
    requires_grad : bool
        Whether a gradient leads here.

    Raises
    ------
    TypeError
        For data that are no real numbers, and for integers that require a gradient.

    Examples
    --------
    >>> import hotloop as hl
    >>> t = hl.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (t * t).sum().backward()
    >>> t.grad
    array([2., 4., 6.], dtype=float32)
    """

    __slots__ = ("__weakref__", "_grad", "data", "entry", "index", "requires_grad")
    __array_priority__ = 1000

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        array = data.data if isinstance(data, TensorBase) else as_array(operand("Tensor", data))
        if requires_grad and array.dtype.kind != "f":
            msg = f"Tensor: only floating point has gradients, got dtype {array.dtype}"
            raise TypeError(msg)
        self.data: Array = array
        self.requires_grad = bool(requires_grad)
        self._grad: Array | None = None
        self.entry: Entry | None = None
        self.index = 0

    @classmethod
    def made_by(cls, data: Array, entry: Entry, index: int) -> Tensor:
        """Return output `index` of a remembered call; integers have no gradient."""
        made = cls.__new__(cls)
        made.data = data
        made._grad = None
        if data.dtype.kind == "f":
            made.requires_grad = True
            made.entry = entry
            made.index = index
        else:
            made.requires_grad, made.entry, made.index = False, None, 0
        return made

    # -- the way back --------------------------------------------------------------------------

    def backward(self, gradient: Any = None, *, retain_graph: bool = False) -> None:
        """Add the gradient of this tensor to ``grad`` of every tensor that it was made of.

        Parameters
        ----------
        gradient : array_like, optional
            Gradient to start with; a tensor of one element starts with 1.
        retain_graph : bool
            Keep the saved values, so that backward can run again.

        Raises
        ------
        RuntimeError
            When the tensor requires no gradient, or its graph was used up by a backward before.
        ValueError
            For a tensor of several elements without `gradient`, or one of another shape.
        """
        if not self.requires_grad:
            msg = "backward: this tensor requires no gradient: nothing it was made of does"
            raise RuntimeError(msg)
        found = gradients([(self, start_of(self, gradient))], [], retain_graph)
        for tensor in _leaves(found, self):
            grad = found[id(tensor)]
            if mode.recorder is not None:
                mode.recorder.accumulate(tensor, grad)
            elif tensor._grad is None:
                tensor._grad = np.array(grad)
            else:
                tensor._grad = tensor._grad + grad

    @property
    def grad(self) -> Array | None:
        """Sum of the gradients so far, or None."""
        return self._grad if mode.recorder is None else mode.recorder.grad_of(self)

    @grad.setter
    def grad(self, value: Array | None) -> None:
        if mode.recorder is None:
            self._grad = value
        else:
            mode.recorder.set_grad(self, value)

    def detach(self) -> Tensor:
        """Return a tensor of the same values that no gradient leads to."""
        return type(self)(self.data)

    # -- as an array ---------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.data.size

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        return self.data.dtype

    @property
    def T(self) -> Any:
        """The axes in reverse."""
        return shapes.transpose(self, axes=None)

    def numpy(self) -> Array:
        """Return the values, as the array that they are."""
        return self.data

    def item(self) -> Any:
        """Return the only element as a Python number."""
        return self.data.item()

    def tolist(self) -> Any:
        """Return the values as nested lists."""
        return self.data.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Return the values; what NumPy makes of them has no gradient."""
        if dtype is None and not copy:
            return self.data
        return np.array(self.data, dtype=dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Let NumPy's functions of elements act as those of `hotloop.ops`, gradients included."""
        rule = UFUNCS.get(ufunc)
        if rule is not None and method == "__call__" and not kwargs:
            return rule(*inputs)
        if method == "reduce" and ufunc in REDUCTIONS:
            return reduced(ufunc, inputs[0], **kwargs)
        if mode.enabled and any(isinstance(x, Tensor) and x.requires_grad for x in inputs):
            raise TypeError(lost(ufunc.__name__))
        plain = [x.data if isinstance(x, Tensor) else x for x in inputs]
        return getattr(ufunc, method)(*plain, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Act as the method of the name; other functions see the values, if no gradient is lost."""
        if func in METHODS and isinstance(args[0], Tensor):
            return getattr(args[0], METHODS[func])(*args[1:], **kwargs)
        found = _tensors_in((args, list(kwargs.values())))
        answer = func(*_without_tensors(args), **_without_tensors(kwargs))
        if mode.enabled and any(tensor.requires_grad for tensor in found):
            parts = answer if isinstance(answer, tuple | list) else [answer]
            if any(np.asarray(part).dtype.kind == "f" for part in parts):
                raise TypeError(lost(func.__name__))
        return answer

    def __len__(self) -> int:
        """Return the size of the first axis."""
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        """Go over the first axis."""
        if self.ndim == 0:
            msg = "a tensor without axes cannot be iterated over"
            raise TypeError(msg)
        return (self[i] for i in range(len(self.data)))

    def __float__(self) -> float:
        """Return the only element."""
        return float(self.data)

    def __int__(self) -> int:
        """Return the only element."""
        return int(self.data)

    def __bool__(self) -> bool:
        """Return the truth of the only element."""
        return bool(self.data)

    def __index__(self) -> int:
        """Return the only element, a whole number."""
        return self.data.__index__()

    def __format__(self, spec: str) -> str:
        """Format the only element as the number that it is."""
        return format(self.data.item() if self.ndim == 0 else str(self.data), spec)

    def __repr__(self) -> str:
        """Return values and whether a gradient is required."""
        text = np.array2string(self.data, separator=", ", prefix="Tensor(")
        dtype = "" if self.dtype in (np.float32, np.int64, np.bool_) else f", dtype={self.dtype}"
        grad = ", requires_grad=True" if self.requires_grad else ""
        return f"Tensor({text}{dtype}{grad})"

    __hash__ = object.__hash__

    # -- operators -----------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        """Return the sum."""
        return elementwise.add(self, other)

    def __radd__(self, other: Any) -> Any:
        """Return the sum."""
        return elementwise.add(other, self)

    def __sub__(self, other: Any) -> Any:
        """Return the difference."""
        return elementwise.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        """Return the difference."""
        return elementwise.subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        """Return the product, element by element."""
        return elementwise.multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        """Return the product, element by element."""
        return elementwise.multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        """Return the quotient."""
        return elementwise.divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        """Return the quotient."""
        return elementwise.divide(other, self)

    def __floordiv__(self, other: Any) -> Any:
        """Return the quotient, rounded down."""
        return elementwise.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        """Return the quotient, rounded down."""
        return elementwise.floor_divide(other, self)

    def __mod__(self, other: Any) -> Any:
        """Return the remainder."""
        return elementwise.mod(self, other)

    def __rmod__(self, other: Any) -> Any:
        """Return the remainder."""
        return elementwise.mod(other, self)

    def __pow__(self, other: Any) -> Any:
        """Return the power."""
        return elementwise.power(self, other)

    def __rpow__(self, other: Any) -> Any:
        """Return the power."""
        return elementwise.power(other, self)

    def __matmul__(self, other: Any) -> Any:
        """Return the matrix product."""
        return linalg.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        """Return the matrix product."""
        return linalg.matmul(other, self)

    def __neg__(self) -> Any:
        """Return minus the tensor."""
        return elementwise.negative(self)

    def __pos__(self) -> Any:
        """Return the tensor."""
        return self

    def __abs__(self) -> Any:
        """Return the absolute values."""
        return elementwise.absolute(self)

    def __invert__(self) -> Any:
        """Return the negation of bits or truths."""
        return elementwise.bitwise_not(self)

    def __and__(self, other: Any) -> Any:
        """Return the conjunction of bits or truths."""
        return elementwise.bitwise_and(self, other)

    def __or__(self, other: Any) -> Any:
        """Return the disjunction of bits or truths."""
        return elementwise.bitwise_or(self, other)

    def __xor__(self, other: Any) -> Any:
        """Return where exactly one bit or truth is set."""
        return elementwise.bitwise_xor(self, other)

    def __eq__(self, other: object) -> Any:
        """Return where elements are equal."""
        return elementwise.equal(self, other)

    def __ne__(self, other: object) -> Any:
        """Return where elements differ."""
        return elementwise.not_equal(self, other)

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

    def __getitem__(self, index: Any) -> Any:
        """Return elements, as NumPy's indexing finds them."""
        return shapes.getitem(self, index=plain_index(index))

    # -- methods -------------------------------------------------------------------------------

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the sum over axes."""
        return reductions.sum_(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the mean over axes."""
        return reductions.mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the maximum over axes."""
        return reductions.max_(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the minimum over axes."""
        return reductions.min_(self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Any:
        """Return the elements in another shape."""
        given = shape[0] if len(shape) == 1 and isinstance(shape[0], list | tuple) else shape
        return shapes.reshape(self, shape=tuple(given))

    def transpose(self, *axes: Any) -> Any:
        """Return the axes in another order; in reverse without one."""
        given = axes[0] if len(axes) == 1 and isinstance(axes[0], list | tuple) else axes
        return shapes.transpose(self, axes=tuple(given) or None)

    def astype(self, dtype: Any) -> Any:
        """Return the elements in another dtype."""
        return elementwise.cast(self, dtype=np.dtype(dtype).name)


def lost(name: str) -> str:
    """Return what to say of a function of NumPy that would drop a gradient."""
    return (
        f"numpy.{name} would lose the gradient; use hotloop.ops, or .numpy() where no gradient is "
        "wanted"
    )


def reduced(ufunc: Any, x: Any, axis: Any = 0, keepdims: bool = False, **others: Any) -> Any:
    """Return NumPy's sum, product, maximum or minimum over axes as the rule answers it.

    Raises
    ------
    TypeError
        For arguments that the rule does not have.
    """
    given = {key: value for key, value in others.items() if value is not None and key != "where"}
    if given or others.get("where", True) is not True:
        raise TypeError(lost(f"{ufunc.__name__}.reduce"))
    return REDUCTIONS[ufunc](x, axis=axis, keepdims=bool(keepdims))


def _tensors_in(items: Any) -> list[Any]:
    """Return the tensors in nested arguments."""
    found = []
    for item in items:
        if isinstance(item, TensorBase):
            found.append(item)
        elif isinstance(item, list | tuple):
            found += _tensors_in(item)
    return found


def _without_tensors(item: Any) -> Any:
    """Return nested arguments with arrays in place of tensors."""
    if isinstance(item, TensorBase):
        return item.data
    if isinstance(item, list | tuple):
        return type(item)(_without_tensors(part) for part in item)
    if isinstance(item, dict):
        return {key: _without_tensors(value) for key, value in item.items()}
    return item


def plain_index(index: Any) -> Any:
    """Return an index without tensors and lists, which NumPy reads as arrays."""
    if isinstance(index, tuple):
        return tuple(plain_index(part) for part in index)
    if isinstance(index, TensorBase):
        return index.data
    return np.asarray(index) if isinstance(index, list) else index


def start_of(tensor: Any, gradient: Any) -> Array:
    """Return the gradient that `tensor` starts with.

    Raises
    ------
    ValueError
        For several elements without `gradient`, and for one of another shape.
    """
    if gradient is None:
        if tensor.size != 1:
            msg = (
                "backward: a tensor of several elements needs the gradient to start with, got "
                f"shape {tensor.shape}; sum or mean it first"
            )
            raise ValueError(msg)
        return ones(tensor.shape, tensor.dtype)
    start: Array
    if mode.recorder is not None and isinstance(gradient, TensorBase):
        start = mode.recorder.cast(mode.recorder.live(gradient), tensor.dtype)
    else:
        start = np.asarray(gradient, dtype=tensor.dtype)
    if start.shape != tensor.shape:
        msg = f"backward: the gradient must have shape {tensor.shape}, got {start.shape}"
        raise ValueError(msg)
    return start


def _leaves(found: dict[int, Array], end: Tensor) -> list[Tensor]:
    """Return the leaves below `end` whose gradients were found."""
    if end.entry is None:
        return [end]
    leaves: dict[int, Tensor] = {}
    seen: set[int] = set()
    stack = [end.entry]
    while stack:
        entry = stack.pop()
        if entry.order in seen:
            continue
        seen.add(entry.order)
        for tensor in entry.inputs:
            if tensor is None:
                continue
            if tensor.entry is None:
                if id(tensor) in found:
                    leaves[id(tensor)] = tensor
            else:
                stack.append(tensor.entry)
    return list(leaves.values())


class no_grad(_core.Scope, ContextDecorator):
    """Remember nothing inside, in this thread.

    Examples
    --------
    >>> import hotloop as hl
    >>> t = hl.Tensor([1.0], requires_grad=True)
    >>> with hl.autodiff.no_grad():
    ...     y = t * 2
    >>> y.requires_grad
    False
    """

    def __init__(self) -> None:
        super().__init__(mode, enabled=False)

    def _recreate_cm(self) -> no_grad:
        return no_grad()


UFUNCS: dict[Any, Any] = {
    getattr(np, name): getattr(elementwise, name)
    for name in [
        "absolute",
        "add",
        "arccos",
        "arccosh",
        "arcsin",
        "arcsinh",
        "arctan",
        "arctan2",
        "arctanh",
        "cbrt",
        "ceil",
        "cos",
        "cosh",
        "divide",
        "equal",
        "exp",
        "exp2",
        "expm1",
        "floor",
        "floor_divide",
        "fmod",
        "greater",
        "greater_equal",
        "isfinite",
        "isinf",
        "isnan",
        "less",
        "less_equal",
        "log",
        "log10",
        "log1p",
        "log2",
        "logaddexp",
        "logical_and",
        "logical_not",
        "logical_or",
        "logical_xor",
        "maximum",
        "minimum",
        "mod",
        "multiply",
        "negative",
        "not_equal",
        "power",
        "reciprocal",
        "rint",
        "sign",
        "sin",
        "sinh",
        "sqrt",
        "square",
        "subtract",
        "tan",
        "tanh",
        "trunc",
    ]
} | {np.matmul: linalg.matmul}
REDUCTIONS: dict[Any, Any] = {
    np.add: reductions.sum_,
    np.multiply: reductions.prod,
    np.maximum: reductions.max_,
    np.minimum: reductions.min_,
}
# Functions that a method of the same arguments stands for.
METHODS: dict[Any, str] = {
    np.sum: "sum",
    np.mean: "mean",
    np.max: "max",
    np.min: "min",
    np.reshape: "reshape",
    np.transpose: "transpose",
}
