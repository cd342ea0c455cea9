"""Functions of networks: activations, layers without parameters of their own, losses."""

from __future__ import annotations

from typing import Any

from hotloop._support.names import no_attribute
from hotloop.torch.nn.functional import activations, layers, losses

_FUNCTIONS: dict[str, Any] = {
    name: value
    for module in (activations, layers, losses)
    for name, value in vars(module).items()
    if callable(value)
    and getattr(value, "__module__", "") == module.__name__
    and not name.startswith("_")
    and name not in ("called", "reduced")
} | {"sigmoid": activations.sigmoid, "tanh": activations.tanh, "upsample": layers.interpolate}
globals().update(_FUNCTIONS)
__all__: list[str] = []
__all__ += list(_FUNCTIONS)


def __getattr__(name: str) -> Any:
    """Say which name was probably meant."""
    raise no_attribute(__name__, name, __all__)
