"""PyTorch's names on hotloop's engine: ``import hotloop.torch as torch``.

Tensors share memory with their views, change in place and find gradients as PyTorch's do; random
streams are hotloop's own. A name that is not here raises AttributeError.

Examples
--------
>>> import hotloop.torch as torch
>>> x = torch.ones(2, 2, requires_grad=True)
>>> y = (3 * x * x).mean()
>>> y.backward()
>>> y
tensor(3., grad_fn=<MeanBackward0>)
>>> x.grad
tensor([[1.5000, 1.5000],
        [1.5000, 1.5000]])
"""

from __future__ import annotations

import math
from typing import Any

from hotloop._support.names import no_attribute
from hotloop.torch import autograd as autograd
from hotloop.torch import (
    comparing,
    creation,
    dtypes,
    grad_mode,
    indexing,
    linalg,
    pointwise,
    printing,
    reductions,
    settings,
    shaping,
)
from hotloop.torch.tensor import Tensor
from hotloop.version import __version__

pi, e, inf, nan, newaxis = math.pi, math.e, math.inf, math.nan, None
strided, preserve_format, contiguous_format, channels_last = (
    "torch.strided",
    "torch.preserve_format",
    "torch.contiguous_format",
    "torch.channels_last",
)

# What is no function of torch, though it is one of its methods, or serves the other modules.
_INNER = {
    *("of_name", "of_array", "to_numpy", "default_float", "promote", "result_of", "fits"),
    *("axis_of", "sizes_of", "in_one_dtype", "reversed_axes", "view", "view_as", "reshape_as"),
    *(
        "axes_of",
        "apply_plain",
        "gather_op",
        "floats_alone",
        "getitem",
        "setitem",
        "embedding_rows",
    ),
    *("made", "rng_of", "text_of", "described", "expand", "expand_as", "repeat", "contiguous"),
}


def _names() -> dict[str, Any]:
    """Return the functions of the modules by PyTorch's names."""
    found: dict[str, Any] = dict(pointwise.FUNCTIONS)
    for module in (shaping, reductions, linalg, indexing, comparing, creation, dtypes, grad_mode):
        for name, value in vars(module).items():
            own = getattr(value, "__module__", "") == module.__name__
            if own and callable(value) and not name.startswith("_") and name not in _INNER:
                found[name] = value
    found.update(dtypes.ALL)
    found.update({name: dtypes.ALL[kind] for name, kind in dtypes.ALIASES.items()})
    found.update(
        Size=shaping.Size,
        device=creation.device,
        set_printoptions=printing.set_printoptions,
        concat=shaping.cat,
        concatenate=shaping.cat,
        row_stack=shaping.vstack,
        swapaxes=shaping.transpose,
        swapdims=shaping.transpose,
        moveaxis=shaping.movedim,
        manual_seed=creation.manual_seed,
        result_type=settings.result_type,
    )
    for name in settings.PUBLIC:
        found[name] = getattr(settings, name)
    for kind, word in dtypes.WORDS.items():
        if kind not in "q":
            found[f"{word}Tensor"] = settings.typed(word, kind)
    return found


_NAMES = _names()
globals().update(_NAMES)
_LAZY = ("nn", "optim", "utils", "jit", "func", "random")
__all__ = ["Tensor", "__version__", "autograd"]
__all__ += list(_NAMES)


def __getattr__(name: str) -> Any:
    """Load a module when it is first used."""
    import importlib.util  # noqa: PLC0415 - only here

    target = f"hotloop.torch.{name}"
    if name in _LAZY and importlib.util.find_spec(target) is not None:
        return importlib.import_module(target)
    if name in ("save", "load", "compile"):
        place = {"compile": "hotloop.torch.compiling"}.get(name, "hotloop.torch.serialization")
        if importlib.util.find_spec(place) is not None:
            return getattr(importlib.import_module(place), name)
    raise no_attribute(__name__, name, [*__all__, *_LAZY])
