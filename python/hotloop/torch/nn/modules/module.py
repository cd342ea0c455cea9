"""`Module`, what all layers and models are."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from hotloop.torch import creation, dtypes
from hotloop.torch.core import Tensor
from hotloop.torch.nn.modules import _hooks
from hotloop.torch.nn.modules._state import IncompatibleKeys, load_state
from hotloop.torch.nn.parameter import Buffer, Parameter

_STORES = ("_parameters", "_buffers", "_modules")


class Module:
    """Base of layers and models: parameters, buffers and modules by name, and a `forward`.

    A subclass assigns parameters and modules to itself in ``__init__``, after
    ``super().__init__()``, and writes ``forward``; a call of the module runs it.

    Attributes
    ----------
    training : bool
        Whether it trains, or is judged: `train` and `eval` set it.

    Examples
    --------
    >>> from hotloop import torch
    >>> class Net(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc = torch.nn.Linear(3, 2)
    ...     def forward(self, x):
    ...         return self.fc(x).relu()
    >>> Net()
    Net(
      (fc): Linear(in_features=3, out_features=2, bias=True)
    )
    >>> [name for name, _ in Net().named_parameters()]
    ['fc.weight', 'fc.bias']
    """

    training: bool
    _version = 1
    _hooks: dict[str, dict[int, Any]] | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args or kwargs:
            msg = f"{type(self).__name__}.__init__() takes no arguments that Module knows"
            raise TypeError(msg)
        put = super().__setattr__
        put("training", True)
        for store in _STORES:
            put(store, {})
        put("_non_persistent_buffers_set", set())
        put("_hooks", None)

    # -- calls ---------------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute; a subclass writes this."""
        del args, kwargs
        msg = f'Module [{type(self).__name__}] is missing the required "forward" function'
        raise NotImplementedError(msg)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward`, and the hooks around it."""
        if self._hooks is None:
            return self.forward(*args, **kwargs)
        return _hooks.called(self, self._hooks, args, kwargs)

    def _hook(self, kind: str, hook: Callable[..., Any], prepend: bool = False) -> Any:
        if self._hooks is None:
            self._hooks = {}
        return _hooks.register(self._hooks.setdefault(kind, {}), hook, prepend)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> Any:
        """Call ``hook(module, args)`` before `forward`; what it answers replaces the arguments."""
        return self._hook("pre_kwargs" if with_kwargs else "pre", hook, prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> Any:
        """Call ``hook(module, args, output)`` after `forward`; what it answers replaces the output."""
        del always_call
        return self._hook("forward_kwargs" if with_kwargs else "forward", hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Any:
        """Call ``hook(module, grad_input, grad_output)`` on the way back; it may answer new ones."""
        return self._hook("backward", hook, prepend)

    register_backward_hook = register_full_backward_hook

    # -- attributes ----------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        """Look among parameters, buffers and modules."""
        own = self.__dict__
        for store in _STORES:
            found = own.get(store)
            if found is not None and name in found:
                return found[name]
        msg = f"'{type(self).__name__}' object has no attribute '{name}'"
        raise AttributeError(msg, name=name, obj=None)

    def __setattr__(self, name: str, value: Any) -> None:
        """Enter parameters, buffers and modules where they belong."""
        own = self.__dict__
        if isinstance(value, Parameter):
            self._take(name, "parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._take(name, "module")
            own["_modules"][name] = value
        elif isinstance(value, Buffer):
            self._take(name, "buffers")
            self.register_buffer(name, value, value.persistent)
        elif name in own.get("_parameters", ()):
            if value is not None:
                msg = (
                    f"cannot assign '{_type_of(value)}' as parameter '{name}' "
                    "(torch.nn.Parameter or None expected)"
                )
                raise TypeError(msg)
            own["_parameters"][name] = None
        elif name in own.get("_modules", ()):
            if value is not None:
                msg = (
                    f"cannot assign '{_type_of(value)}' as child module '{name}' "
                    "(torch.nn.Module or None expected)"
                )
                raise TypeError(msg)
            own["_modules"][name] = None
        elif name in own.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                msg = (
                    f"cannot assign '{_type_of(value)}' as buffer '{name}' "
                    "(torch.nn.Buffer, torch.Tensor or None expected)"
                )
                raise TypeError(msg)
            own["_buffers"][name] = value
        else:
            super().__setattr__(name, value)

    def _take(self, name: str, what: str) -> None:
        """Make room for a parameter, module or buffer of this name."""
        own = self.__dict__
        if "_parameters" not in own:
            msg = f"cannot assign {what} before Module.__init__() call"
            raise AttributeError(msg)
        own.pop(name, None)
        for store in _STORES:
            if not (what.startswith(store[1:-1])):
                own[store].pop(name, None)

    def __delattr__(self, name: str) -> None:
        """Remove a parameter, buffer, module or attribute."""
        for store in _STORES:
            if name in self.__dict__[store]:
                del self.__dict__[store][name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        """List attributes, parameters, buffers and modules."""
        named = itertools.chain(*(self.__dict__[store] for store in _STORES))
        return sorted({*super().__dir__(), *named})

    def _check_name(self, what: str, name: Any, store: str) -> None:
        if not isinstance(name, str):
            msg = f"{what} name should be a string. Got {type(name).__name__}"
            raise TypeError(msg)
        if "." in name or not name:
            msg = f'{what} name can\'t contain "." or be empty, got {name[:60]!r}'
            raise KeyError(msg)
        if hasattr(self, name) and name not in self.__dict__[store]:
            msg = f"attribute '{name}' already exists"
            raise KeyError(msg)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Enter a parameter, or None in the place of one."""
        if "_parameters" not in self.__dict__:
            msg = "cannot assign parameter before Module.__init__() call"
            raise AttributeError(msg)
        self._check_name("parameter", name, "_parameters")
        if param is not None and not isinstance(param, Parameter):
            msg = (
                f"cannot assign '{_type_of(param)}' object to parameter '{name}' "
                "(torch.nn.Parameter or None required)"
            )
            raise TypeError(msg)
        if param is not None and param._node is not None:
            msg = f"Cannot assign non-leaf Tensor to parameter '{name}'"
            raise ValueError(msg)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Enter a tensor that is kept and saved, but not learned."""
        if "_buffers" not in self.__dict__:
            msg = "cannot assign buffer before Module.__init__() call"
            raise AttributeError(msg)
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            msg = (
                f"cannot assign '{_type_of(tensor)}' object to buffer '{name}' "
                "(torch Tensor or None required)"
            )
            raise TypeError(msg)
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Enter a module."""
        if module is not None and not isinstance(module, Module):
            msg = f"{_type_of(module)} is not a Module subclass"
            raise TypeError(msg)
        self._check_name("module", name, "_modules")
        self._modules[name] = module

    register_module = add_module

    def get_submodule(self, target: str) -> Any:
        """Return the module of a dotted name."""
        found: Any = self
        for part in target.split(".") if target else ():
            if not isinstance(found, Module) or part not in found._modules:
                msg = f"{type(found).__name__} has no attribute `{part}`"
                raise AttributeError(msg)
            found = found._modules[part]
        return found

    def get_parameter(self, target: str) -> Any:
        """Return the parameter of a dotted name."""
        return self._get(target, "_parameters")

    def get_buffer(self, target: str) -> Any:
        """Return the buffer of a dotted name."""
        return self._get(target, "_buffers")

    def _get(self, target: str, store: str) -> Any:
        place, _, name = target.rpartition(".")
        found = self.get_submodule(place).__dict__[store]
        if name not in found:
            msg = f"{target!r} is none of the {store[1:]} of {type(self).__name__}"
            raise AttributeError(msg)
        return found[name]

    # -- what there is -------------------------------------------------------------------------

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield this module and all inside it, with dotted names; each once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                inner = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, inner, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all inside it."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules right below, with their names; each once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """Yield the modules right below."""
        return (module for _, module in self.named_children())

    def _named(
        self, store: str, prefix: str, recurse: bool, once: bool
    ) -> Iterator[tuple[str, Any]]:
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=once)
            if recurse
            else [(prefix, self)]
        )
        seen = set()
        for place, module in modules:
            for name, each in module.__dict__[store].items():
                if each is None or id(each) in seen:
                    continue
                if once:
                    seen.add(id(each))
                yield (f"{place}.{name}" if place else name), each

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield parameters with dotted names; each once."""
        return self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield parameters."""
        return (param for _, param in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield buffers with dotted names; each once."""
        return self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield buffers."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    # -- what changes it -----------------------------------------------------------------------

    def train(self, mode: bool = True) -> Any:
        """Let this and all inside it train (dropout draws, batch normalisation counts)."""
        if not isinstance(mode, bool):
            msg = "training mode is expected to be boolean"
            raise ValueError(msg)
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Any:
        """Let this and all inside it be judged."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Set whether its parameters are learned."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of its parameters, or fill them with zeros."""
        for param in self.parameters():
            if param._grad is not None:
                if set_to_none:
                    param._grad = None
                else:
                    param._grad._array[...] = 0

    def apply(self, fn: Callable[[Module], Any]) -> Any:
        """Call `fn` on all inside it, then on this module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Any], Any]) -> Any:
        for module in self.children():
            module._apply(fn)
        for param in self._parameters.values():
            if param is not None:
                param._array = fn(param._array)
                if param._grad is not None:
                    param._grad._array = fn(param._grad._array)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name]._array = fn(buffer._array)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Cast floating parameters and buffers to a dtype; a device is the processor."""
        dtype = kwargs.get("dtype")
        for given in (*args, kwargs.get("device")):
            if isinstance(given, Tensor):
                dtype = given.dtype
            elif isinstance(given, dtypes.dtype):
                dtype = given
            elif not isinstance(given, bool | None):
                creation.device(given)
        if dtype is None:
            return self
        if not dtype.is_floating_point:
            msg = f"nn.Module.to only accepts floating point dtypes, but got desired dtype={dtype}"
            raise TypeError(msg)
        return self._apply(
            lambda x: x.astype(dtype.numpy, copy=False) if x.dtype.kind == "f" else x
        )

    def float(self) -> Any:
        """Cast to float32."""
        return self.to(dtypes.ALL["float32"])

    def double(self) -> Any:
        """Cast to float64."""
        return self.to(dtypes.ALL["float64"])

    def type(self, dst_type: Any) -> Any:
        """Cast to a dtype."""
        return self.to(dst_type)

    def cpu(self) -> Any:
        """Return the module, which is there already."""
        return self

    def cuda(self, device: Any = None) -> Any:
        """Refuse, as PyTorch without CUDA does."""
        del device
        msg = "Torch not compiled with CUDA enabled"
        raise AssertionError(msg)

    share_memory = cpu

    # -- files ---------------------------------------------------------------------------------

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """Return parameters and persistent buffers by dotted names; they share the memory."""
        if args:
            destination = args[0]
            prefix, keep_vars = (*args[1:3], prefix, keep_vars)[:2]
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = {"version": self._version}
        for name, each in self._saved().items():
            destination[prefix + name] = each if keep_vars else each.detach()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        return destination

    def _saved(self) -> dict[str, Any]:
        """Return what is saved of this module alone."""
        kept = {**self._parameters, **self._buffers}
        left_out = self._non_persistent_buffers_set
        return {k: v for k, v in kept.items() if v is not None and k not in left_out}

    def _may_lack(self, version: Any) -> set[str]:  # noqa: ARG002 - modules say
        """Return names that a file of an older version lacks."""
        return set()

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values into parameters and buffers: all of them, or, after an error, none.

        Parameters
        ----------
        state_dict : mapping of str to Tensor
            As `state_dict` answers it.
        strict : bool
            Whether missing and unexpected names are errors.
        assign : bool
            Take the memory of the given tensors, and their dtypes, in place of copying.

        Returns
        -------
        (missing_keys, unexpected_keys)

        Raises
        ------
        RuntimeError
            When names or shapes do not fit; the text lists all.
        """
        return load_state(self, state_dict, strict, assign)

    # -- texts ---------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Return what `repr` says of this module alone; a subclass may write this."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        """Return the tree of modules."""
        extra = self.extra_repr()
        lines = [
            f"({name}): " + repr(module).replace("\n", "\n  ")
            for name, module in self._modules.items()
        ]
        head = extra.split("\n") if extra else []
        if not lines:
            inner = extra if len(head) < 2 else "\n  " + "\n  ".join(head) + "\n"
            return f"{self._get_name()}({inner})"
        return f"{self._get_name()}(\n  " + "\n  ".join([*head, *lines]) + "\n)"

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what was pickled."""
        self.__dict__.update(state)
        for tensor in (*self._parameters.values(), *self._buffers.values()):
            if tensor is not None:
                # An unpickled array has a dtype object of its own; operations compare by identity.
                tensor._array = tensor._array.view(np.dtype(tensor._array.dtype.char))


def _type_of(value: Any) -> str:
    if isinstance(value, Tensor):
        return value.type()  # type: ignore[no-any-return]
    return type(value).__name__


__all__ = ["Module"]
