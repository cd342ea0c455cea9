"""Modules that are one function of `nn.functional`: their arguments, in one table each."""

from __future__ import annotations

from typing import Any, ClassVar

from hotloop.torch.nn import functional
from hotloop.torch.nn.modules.module import Module


class FunctionModule(Module):
    """A module that passes its options on to the function of `nn.functional` that it is named after.

    Attributes
    ----------
    function : str
        Name of the function.
    options : dict
        Names and defaults of the arguments, in PyTorch's order; `REQUIRED` where there is none.
    shown : tuple of str
        What `repr` lists: names as ``name=value``; ``"=name"`` the value alone; ``"?name"`` only
        when it is true.
    trains : bool
        Whether the function is told ``training=``.
    """

    function: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}
    shown: ClassVar[tuple[str, ...]] = ()
    trains: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        name, options = type(self).__name__, self.options
        if len(args) > len(options):
            msg = f"{name}() takes {len(options)} arguments, got {len(args)}"
            raise TypeError(msg)
        given = dict(zip(options, args, strict=False))
        for key, value in kwargs.items():
            if key not in options or key in given:
                again = "multiple values for" if key in given else "an unexpected keyword"
                msg = f"{name}() got {again} argument '{key[:60]}'"
                raise TypeError(msg)
            given[key] = value
        for key, default in options.items():
            value = given.get(key, default)
            if value is REQUIRED:
                msg = f"{name}() missing required argument: '{key}'"
                raise TypeError(msg)
            self._set(key, value)

    def _set(self, key: str, value: Any) -> None:
        setattr(self, key, value)

    def forward(self, *inputs: Any) -> Any:
        """Call the function."""
        options = {key: getattr(self, key) for key in self.options}
        if self.trains:
            options["training"] = self.training
        return getattr(functional, self.function)(*inputs, **options)

    def extra_repr(self) -> str:
        """List the options."""
        parts = []
        for key in self.shown:
            value = getattr(self, key.lstrip("=?"))
            if key[0] == "=":
                parts.append(str(value))
            elif key[0] != "?":
                parts.append(f"{key}={value}")
            elif value:
                parts.append(f"{key[1:]}={value}")
        return ", ".join(parts)


class _Required:
    """Marks an argument without a default."""


REQUIRED = _Required()
