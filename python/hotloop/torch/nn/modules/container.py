"""Modules that hold modules or parameters: in a row, a list, or by name."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hotloop.torch.core import Tensor
from hotloop.torch.nn.modules.module import Module
from hotloop.torch.nn.parameter import Parameter


class _Listed(Module):
    """What lists of modules and of parameters share; `_store` is where the items lie."""

    _store = "_modules"

    @property
    def _items(self) -> dict[str, Any]:
        items: dict[str, Any] = self.__dict__[self._store]
        return items

    def _place(self, index: Any) -> str:
        n = len(self._items)
        index = index.__index__()
        if not -n <= index < n:
            msg = f"index {index} is out of range"
            raise IndexError(msg)
        return str(index % n)

    def _renew(self, items: Iterable[Any]) -> None:
        values = list(items)
        self._items.clear()
        for i, item in enumerate(values):
            self._put(str(i), item)

    def _put(self, name: str, item: Any) -> None:
        setattr(self, name, item)

    def __getitem__(self, index: Any) -> Any:
        """Return an item, or several as a container of the same kind."""
        if isinstance(index, slice):
            return type(self)(list(self._items.values())[index])
        return self._items[self._place(index)]

    def __setitem__(self, index: Any, item: Any) -> None:
        """Replace an item."""
        self._put(self._place(index), item)

    def __delitem__(self, index: Any) -> None:
        """Remove items; those behind move up."""
        values = list(self._items.values())
        del values[index]
        self._renew(values)

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        """Yield the items."""
        return iter(self._items.values())

    def append(self, item: Any) -> Any:
        """Add an item at the end."""
        self._put(str(len(self)), item)
        return self

    def extend(self, items: Iterable[Any]) -> Any:
        """Add items at the end."""
        for item in list(items):
            self.append(item)
        return self

    def insert(self, index: int, item: Any) -> Any:
        """Put an item before another."""
        values = list(self._items.values())
        values.insert(index, item)
        self._renew(values)
        return self

    def pop(self, index: Any) -> Any:
        """Remove and return an item."""
        item = self[index]
        del self[index]
        return item

    def __iadd__(self, items: Iterable[Any]) -> Any:
        """Add items at the end."""
        return self.extend(items)

    def __add__(self, other: Iterable[Any]) -> Any:
        """Return a container of both."""
        return type(self)(list(itertools.chain(self, other)))


class Sequential(_Listed):
    """Modules in a row, each called with what the one before answered.

    Parameters
    ----------
    *args : Module, or one dict of them
        In order.

    Examples
    --------
    >>> from hotloop.torch import nn
    >>> nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], dict):
            for name, module in args[0].items():
                self.add_module(name, module)
            return
        for i, module in enumerate(args):
            self.add_module(str(i), module)

    def _place(self, index: Any) -> str:
        return list(self._items)[int(super()._place(index))]

    def __getitem__(self, index: Any) -> Any:
        """Return a module, or several in a row."""
        if isinstance(index, slice):
            return Sequential(OrderedDict(list(self._items.items())[index]))
        return super().__getitem__(index)

    def _put(self, name: str, item: Any) -> None:
        self.add_module(name, item)

    def __delitem__(self, index: Any) -> None:
        """Remove modules; names that are numbers move up."""
        names = list(self._items)
        for name in names[index] if isinstance(index, slice) else [names[index]]:
            del self._items[name]
        if all(name.isdigit() for name in self._items):
            self._renew(self._items.values())

    def __add__(self, other: Iterable[Any]) -> Any:
        """Return both in a row."""
        return Sequential(*self, *other)

    def forward(self, input: Any) -> Any:
        """Call each in turn."""
        for module in self._modules.values():
            input = module(input)
        return input


class ModuleList(_Listed):
    """A list of modules.

    Examples
    --------
    >>> from hotloop.torch import nn
    >>> layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    >>> len(layers), len(list(layers.parameters()))
    (3, 6)
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def _put(self, name: str, item: Any) -> None:
        self.add_module(name, item)

    def __repr__(self) -> str:
        """Return the modules, equal neighbours once."""
        texts = [repr(module) for module in self]
        if not texts:
            return "ModuleList()"
        lines = []
        start = 0
        for text, group in itertools.groupby(texts):
            count = len(list(group))
            many = f"({start}-{start + count - 1}): {count} x " if count > 1 else f"({start}): "
            lines.append((many + text).replace("\n", "\n  "))
            start += count
        return "ModuleList(\n  " + "\n  ".join(lines) + "\n)"


class ParameterList(_Listed):
    """A list of parameters; tensors become parameters.

    Examples
    --------
    >>> from hotloop import torch
    >>> list(torch.nn.ParameterList([torch.zeros(2)]).state_dict())
    ['0']
    """

    _store = "_parameters"

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend(values or ())

    def _put(self, name: str, item: Any) -> None:
        made = item if isinstance(item, Parameter) else Parameter(item)
        self.register_parameter(name, made)

    def extra_repr(self) -> str:
        """List the parameters."""
        return "\n".join(
            f"  ({name}): Parameter containing: [{p.type()} of size {'x'.join(map(str, p.shape))}]"
            for name, p in self._items.items()
        )


class _Named(Module):
    """What dicts of modules and of parameters share."""

    _store = "_modules"

    def __init__(self, values: Any = None) -> None:
        super().__init__()
        if values is not None:
            self.update(values)

    @property
    def _items(self) -> dict[str, Any]:
        items: dict[str, Any] = self.__dict__[self._store]
        return items

    def __getitem__(self, key: str) -> Any:
        """Return an item."""
        return self._items[key]

    def __setitem__(self, key: str, item: Any) -> None:
        """Enter an item."""
        if self._store == "_modules":
            self.add_module(key, item)
        else:
            self.register_parameter(key, Parameter(item) if type(item) is Tensor else item)

    def __delitem__(self, key: str) -> None:
        """Remove an item."""
        del self._items[key]

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._items)

    def __contains__(self, key: object) -> bool:
        """Whether there is an item of this name."""
        return key in self._items

    def keys(self) -> Any:
        """Return the names."""
        return self._items.keys()

    def values(self) -> Any:
        """Return the items."""
        return self._items.values()

    def items(self) -> Any:
        """Return names and items."""
        return self._items.items()

    def clear(self) -> None:
        """Remove all."""
        self._items.clear()

    def pop(self, key: str) -> Any:
        """Remove and return an item."""
        return self._items.pop(key)

    def update(self, values: Any) -> None:
        """Enter the items of a mapping, or pairs."""
        for key, item in values.items() if isinstance(values, Mapping | _Named) else values:
            self[key] = item


class ModuleDict(_Named):
    """Modules by name.

    Examples
    --------
    >>> from hotloop.torch import nn
    >>> acts = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
    >>> list(acts), "relu" in acts
    (['relu', 'tanh'], True)
    """


class ParameterDict(_Named):
    """Parameters by name."""

    _store = "_parameters"


__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]
