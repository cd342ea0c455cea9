"""The methods of tensors: those of the other modules, and what looks at the tensor itself."""

from __future__ import annotations

import copy as copying
import itertools
from typing import Any

import numpy as np

from hotloop.autodiff.rule import Array, mode
from hotloop.torch import (
    comparing,
    creation,
    dtypes,
    engine,
    indexing,
    linalg,
    pointwise,
    printing,
    reductions,
    shaping,
)
from hotloop.torch.core import Tensor, refresh, wrap
from hotloop.torch.shaping import Size

__all__ = ["Parameter", "Tensor"]

_ids = itertools.count(1).__next__
_POINTWISE = vars(pointwise)


# -- what a tensor is ------------------------------------------------------------------------------


def _requires_grad(self: Tensor) -> bool:
    return self._needs or (self._view is not None and self._view.base._needs)


def _set_requires_grad(self: Tensor, value: bool) -> None:
    if value and self._array.dtype.kind != "f":
        msg = "only Tensors of floating point dtype can require gradients"
        raise RuntimeError(msg)
    if not value and self._node is not None:
        msg = (
            "you can only change requires_grad flags of leaf variables. If you want to use a computed "
            "variable in a subgraph that doesn't require differentiation use var_no_grad = "
            "var.detach()."
        )
        raise RuntimeError(msg)
    self._needs = bool(value) or self._node is not None
    if value and self._view is not None and self._node is None:
        self._view = None


def _requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    _set_requires_grad(self, requires_grad)
    return self


def _grad_fn(self: Tensor) -> Any:
    if self._view is not None:
        refresh(self)
    return self._node


def _grad(self: Tensor) -> Any:
    return self._grad


def _set_grad(self: Tensor, value: Any) -> None:
    if value is not None:
        if not isinstance(value, Tensor):
            msg = f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
            raise TypeError(msg)
        if value._array.shape != self._array.shape:
            msg = (
                f"assigned grad has data of a different size: expected {list(self._array.shape)}, "
                f"got {list(value._array.shape)}"
            )
            raise RuntimeError(msg)
        if value._array.dtype != self._array.dtype:
            msg = (
                f"assigned grad has data of a different type: expected {self.dtype}, got "
                f"{value.dtype}"
            )
            raise RuntimeError(msg)
    self._grad = value


def _del_grad(self: Tensor) -> None:
    self._grad = None


def _detach(self: Tensor) -> Tensor:
    made = wrap(self._array)
    made._version = self._version
    return made


def _detach_(self: Tensor) -> Tensor:
    self._node, self._index, self._needs, self._view = None, 0, False, None
    return self


def _data(self: Tensor) -> Tensor:
    return wrap(self._array)


def _set_data(self: Tensor, value: Tensor) -> None:
    self._array = value._array


def _shape(self: Tensor) -> Size:
    return Size(self._array.shape)


def _size(self: Tensor, dim: Any = None) -> Any:
    if dim is None:
        return Size(self._array.shape)
    return self._array.shape[shaping.axis_of(dim, self._array.ndim)]


def _stride(self: Tensor, dim: Any = None) -> Any:
    steps = tuple(s // self._array.itemsize for s in self._array.strides)
    return steps if dim is None else steps[dim]


def _base(self: Tensor) -> Any:
    return None if self._view is None else self._view.base


# -- out of torch ----------------------------------------------------------------------------------


def _seen() -> None:
    """Refuse to look at values inside a step that is being recorded."""
    if mode.recorder is not None:
        mode.recorder.refuse_values()


def _numpy(self: Tensor, *, force: bool = False) -> Array:
    _seen()
    if _requires_grad(self) and not force:
        msg = (
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
        raise RuntimeError(msg)
    return self._array


def _item(self: Tensor) -> Any:
    _seen()
    if self._array.size != 1:
        msg = f"a Tensor with {self._array.size} elements cannot be converted to Scalar"
        raise RuntimeError(msg)
    return self._array.item()


def _tolist(self: Tensor) -> Any:
    _seen()
    return self._array.tolist()


def _bool(self: Tensor) -> bool:
    _seen()
    size = self._array.size
    if size != 1:
        what = "more than one value" if size else "no values"
        msg = f"Boolean value of Tensor with {what} is ambiguous"
        raise RuntimeError(msg)
    return bool(self._array.item())


def _index(self: Tensor) -> int:
    _seen()
    if self._array.size != 1 or self._array.dtype.kind not in "biu":
        msg = "only integer tensors of a single element can be converted to an index"
        raise TypeError(msg)
    return int(self._array.item())


def _array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Array:
    found = _numpy(self)
    return found if dtype is None and not copy else np.array(found, dtype=dtype)


def _len(self: Tensor) -> int:
    if self._array.ndim == 0:
        msg = "len() of a 0-d tensor"
        raise TypeError(msg)
    return len(self._array)


def _iter(self: Tensor) -> Any:
    if self._array.ndim == 0:
        msg = "iteration over a 0-d tensor"
        raise TypeError(msg)
    return iter(shaping.unbind(self, 0))


def _contains(self: Tensor, element: Any) -> bool:
    return bool((pointwise.eq(self, element))._array.any())


def _format(self: Tensor, spec: str) -> str:
    if self._array.ndim == 0 and spec:
        return format(_item(self), spec)
    return str(self) if not spec else format(str(self), spec)


def _repr(self: Tensor) -> str:
    if mode.recorder is not None:
        return f"<Tensor of a recorded step, shape {tuple(self._array.shape)}>"
    ending = ""
    node = _grad_fn(self)
    if node is not None:
        ending = f"grad_fn=<{node.op.name}>"
    elif self._needs:
        ending = "requires_grad=True"
    if isinstance(self, Parameter):
        return f"Parameter containing:\n{printing.described(self._array, 'tensor', ending)}"
    return printing.described(self._array, "tensor", ending)


# -- kinds -----------------------------------------------------------------------------------------


def _to(self: Tensor, *args: Any, **kwargs: Any) -> Any:
    kind, copy = None, bool(kwargs.pop("copy", False))
    kwargs.pop("non_blocking", None)
    kwargs.pop("memory_format", None)
    for value in (*args, *kwargs.values()):
        if isinstance(value, dtypes.dtype):
            kind = value.numpy
        elif isinstance(value, Tensor):
            kind = value._array.dtype
        elif isinstance(value, bool) or value is None:
            continue
        elif value in (float, int, bool):
            kind = dtypes.to_numpy(value)
        else:
            creation.device(value)
    if kind is None or self._array.dtype == kind:
        return pointwise.clone(self) if copy else self
    return pointwise.cast(self, kind)


def _kind(name: str) -> Any:
    kind = dtypes.ALL[name].numpy
    return lambda self: pointwise.cast(self, kind)


def _type(self: Tensor, dtype: Any = None) -> Any:
    if dtype is None:
        return f"torch.{dtypes.WORDS[self._array.dtype.char]}Tensor"
    if isinstance(dtype, str):
        word = dtype.rpartition(".")[2].removesuffix("Tensor")
        chars = {v: k for k, v in dtypes.WORDS.items()}
        return pointwise.cast(self, np.dtype(chars[word]))
    return pointwise.cast(self, dtypes.to_numpy(dtype))


def _same(self: Tensor, *_: Any, **__: Any) -> Tensor:
    return self


def _no_cuda(*_: Any, **__: Any) -> Any:
    creation.device("cuda")


# -- hooks -----------------------------------------------------------------------------------------


class Handle:
    """Removes a hook: ``handle.remove()``."""

    def __init__(self, hooks: dict[int, Any]) -> None:
        self.hooks, self.id = hooks, _ids()

    def remove(self) -> None:
        """Remove the hook."""
        self.hooks.pop(self.id, None)


def _register_hook(self: Tensor, hook: Any) -> Handle:
    if not _requires_grad(self):
        msg = "cannot register a hook on a tensor that doesn't require gradient"
        raise RuntimeError(msg)
    if self._node is None:
        handle = Handle(self.__dict__.setdefault("_hooks", {}))
        handle.hooks[handle.id] = hook
        return handle
    node = self._node
    if node.hooks is None:
        node.hooks = {}
    handle = Handle(node.hooks)
    node.hooks[handle.id] = (self._index, hook)
    return handle


def _after_accumulate(self: Tensor, hook: Any) -> Handle:
    handle = Handle(self.__dict__.setdefault("_after", {}))
    handle.hooks[handle.id] = hook
    return handle


def _retain_grad(self: Tensor) -> None:
    if not _requires_grad(self):
        msg = "can't retain_grad on Tensor that has requires_grad=False"
        raise RuntimeError(msg)
    if self._node is None or "_retained" in self.__dict__:
        return
    self.__dict__["_retained"] = True

    def keep(grad: Tensor) -> None:
        copied = wrap(np.array(grad._array))
        self._grad = copied if self._grad is None else pointwise.add(self._grad, copied)

    _register_hook(self, keep)


# -- copies ----------------------------------------------------------------------------------------


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Any:
    if id(self) in memo:
        return memo[id(self)]
    if self._node is not None:
        msg = (
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment."
        )
        raise RuntimeError(msg)
    made = object.__new__(type(self))
    _fill(made, np.array(self._array), self._needs)
    memo[id(self)] = made
    if self._grad is not None:
        made._grad = copying.deepcopy(self._grad, memo)
    for name, value in self.__dict__.items():
        if name not in ("_hooks", "_after"):
            made.__dict__[name] = copying.deepcopy(value, memo)
    return made


def _fill(made: Any, array: Array, needs: bool) -> None:
    made._array, made._needs = array, needs
    made._grad = made._node = made._view = None
    made._index, made._version = 0, [0]


def _rebuilt(kind: Any, array: Array, needs: bool, more: dict[str, Any]) -> Any:
    made = object.__new__(kind)
    _fill(made, array, needs)
    made.__dict__.update(more)
    return made


def _reduce(self: Tensor, protocol: int) -> Any:  # noqa: ARG001
    more = {k: v for k, v in self.__dict__.items() if k not in ("_hooks", "_after", "_retained")}
    return _rebuilt, (type(self), np.array(self._array), self._needs and self._node is None, more)


# -- in place --------------------------------------------------------------------------------------


def _drawn(name: str, draw: Any) -> Any:
    def function(self: Tensor, *args: Any, generator: Any = None, **kwargs: Any) -> Tensor:
        drawn = draw(creation.rng_of(generator), self._array, *args, **kwargs)
        return pointwise.copy_(self, wrap(np.asarray(drawn, self._array.dtype)))  # type: ignore[no-any-return]

    function.__name__ = name
    return function


def _random(rng: Any, x: Array, low: Any = None, high: Any = None) -> Any:
    if low is None or high is None:
        end = low if high is None and low is not None else (1 << 24 if x.dtype.kind == "f" else 127)
        low, high = 0, end
    return rng.integers(low, high, x.shape)


_DRAWN = {
    "uniform_": lambda rng, x, low=0.0, high=1.0, **ends: rng.uniform(
        ends.get("from", low), ends.get("to", high), x.shape
    ),
    "normal_": lambda rng, x, mean=0.0, std=1.0: rng.normal(mean, std, x.shape),
    "bernoulli_": lambda rng, x, p=0.5: (
        rng.random(x.shape) < (p._array if isinstance(p, Tensor) else p)
    ),
    "exponential_": lambda rng, x, lambd=1.0: rng.exponential(1 / lambd, x.shape),
    "random_": _random,
}


def _iadd(name: str) -> Any:
    function = _POINTWISE[name]

    def changed(self: Tensor, other: Any) -> Any:
        return function(self, other)

    return changed


def _operator(name: str, reverse: bool = False) -> Any:
    function = {**_POINTWISE, "matmul": linalg.matmul}[name]

    def plain(self: Tensor, other: Any) -> Any:
        if isinstance(other, Tensor | int | float | np.generic):
            return function(self, other)
        return NotImplemented

    def reversed_one(self: Tensor, other: Any) -> Any:
        if isinstance(other, Tensor | int | float | np.generic):
            return function(other, self)
        return NotImplemented

    return reversed_one if reverse else plain


def _shaped_method(name: str) -> Any:
    function = getattr(shaping, name)

    def method(self: Tensor, *sizes: Any, **kwargs: Any) -> Any:
        given = next(iter(kwargs.values()), None)
        return function(self, *(sizes or (() if given is None else (given,))))

    method.__name__, method.__doc__ = name, function.__doc__
    return method


def _new(name: str) -> Any:
    maker = getattr(creation, name)

    def method(self: Tensor, *args: Any, dtype: Any = None, **kwargs: Any) -> Any:
        return maker(*args, dtype=self.dtype if dtype is None else dtype, **kwargs)

    return method


class Parameter(Tensor):
    """A tensor that a module lists among its parameters.

    Parameters
    ----------
    data : Tensor
        Whose memory it shares.
    requires_grad : bool
        True.
    """

    __slots__ = ()

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        """Make a leaf."""
        array = np.zeros(0, dtypes.default_float()) if data is None else data._array
        made = object.__new__(cls)
        _fill(made, array, False)
        _set_requires_grad(made, requires_grad)
        return made


_METHODS: dict[str, Any] = {
    **pointwise.FUNCTIONS,
    **{
        name: value
        for module in (shaping, reductions, linalg, indexing)
        for name, value in vars(module).items()
        if callable(value)
        and not name.startswith("_")
        and getattr(value, "__module__", "") == module.__name__
        and not isinstance(value, type)
    },
    **{name: _drawn(name, draw) for name, draw in _DRAWN.items()},
    **{
        name: _shaped_method(name)
        for name in ("view", "reshape", "permute", "expand", "repeat", "flip", "tile")
    },
    **{f"new_{name}": _new(name) for name in ("zeros", "ones", "empty", "full", "tensor")},
    **{name: _kind(kind) for name, kind in {**dtypes.ALIASES, "bool": "bool"}.items()},
    "allclose": comparing.allclose,
    "equal": comparing.equal,
    "isclose": comparing.isclose,
    "bernoulli": creation.bernoulli,
    "multinomial": creation.multinomial,
    "backward": lambda self, gradient=None, retain_graph=None, create_graph=False, inputs=None: (
        engine.backward(self, gradient, retain_graph, create_graph, inputs)
    ),
    "requires_grad_": _requires_grad_,
    "detach": _detach,
    "detach_": _detach_,
    "size": _size,
    "stride": _stride,
    "dim": lambda self: self._array.ndim,
    "ndimension": lambda self: self._array.ndim,
    "numel": lambda self: self._array.size,
    "nelement": lambda self: self._array.size,
    "element_size": lambda self: self._array.itemsize,
    "data_ptr": lambda self: self._array.ctypes.data,
    "storage_offset": lambda _: 0,
    "is_contiguous": lambda self, **_: self._array.flags.c_contiguous,
    "is_floating_point": lambda self: self._array.dtype.kind == "f",
    "is_complex": lambda _: False,
    "is_pinned": lambda _: False,
    "get_device": lambda _: -1,
    "numpy": _numpy,
    "item": _item,
    "tolist": _tolist,
    "to": _to,
    "type": _type,
    "type_as": lambda self, other: pointwise.cast(self, other._array.dtype),
    "cpu": _same,
    "cuda": _no_cuda,
    "pin_memory": _same,
    "share_memory_": _same,
    "register_hook": _register_hook,
    "register_post_accumulate_grad_hook": _after_accumulate,
    "retain_grad": _retain_grad,
    "__array__": _array,
    "__bool__": _bool,
    "__float__": lambda self: float(_item(self)),
    "__int__": lambda self: int(_item(self)),
    "__index__": _index,
    "__len__": _len,
    "__iter__": _iter,
    "__contains__": _contains,
    "__format__": _format,
    "__repr__": _repr,
    "__str__": _repr,
    "__deepcopy__": _deepcopy,
    "__reduce_ex__": _reduce,
    "__getitem__": indexing.getitem,
    "__setitem__": indexing.setitem,
    "__neg__": pointwise.neg,
    "__pos__": _same,
    "__abs__": pointwise.abs,
    "__invert__": pointwise.bitwise_not,
    "__matmul__": _operator("matmul"),
}
for _dunder, _name in {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "truediv": "div",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "pow",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
}.items():
    _METHODS[f"__{_dunder}__"] = _operator(_name)
    _METHODS[f"__r{_dunder}__"] = _operator(_name, reverse=True)
    if f"{_name}_" in _POINTWISE:
        _METHODS[f"__i{_dunder}__"] = _iadd(f"{_name}_")
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _METHODS[f"__{_name}__"] = _operator(_name)
for _name, _value in _METHODS.items():
    setattr(Tensor, _name, _value)
for _name, _getter in {
    "data": property(_data, _set_data),
    "requires_grad": property(_requires_grad, _set_requires_grad),
    "grad": property(_grad, _set_grad, _del_grad),
    "grad_fn": property(_grad_fn),
    "is_leaf": property(lambda self: _grad_fn(self) is None),
    "shape": property(_shape),
    "ndim": property(lambda self: self._array.ndim),
    "dtype": property(lambda self: dtypes.of_array(self._array)),
    "device": property(lambda _: creation.CPU),
    "is_cuda": property(lambda _: False),
    "itemsize": property(lambda self: self._array.itemsize),
    "nbytes": property(lambda self: self._array.nbytes),
    "T": property(shaping.reversed_axes),
    "mT": property(lambda self: shaping.transpose(self, -2, -1)),
    "_base": property(_base),
    "layout": property(lambda _: "torch.strided"),
    "names": property(lambda self: (None,) * self._array.ndim),
    "output_nr": property(lambda self: self._index),
}.items():
    setattr(Tensor, _name, _getter)
