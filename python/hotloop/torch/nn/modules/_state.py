"""Loading a state dict: what is missing, what does not fit, and then all values at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from hotloop._support.quoting import shortened
from hotloop.torch.core import Tensor


class IncompatibleKeys(NamedTuple):
    """Names that a state dict lacked, and those that it had too many."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        """Return the names, or that all matched."""
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"_IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )

    def __str__(self) -> str:
        """Return the same."""
        return repr(self)


def _named(module: Any, prefix: str, metadata: Any) -> Any:
    """Yield name, module, name in the module, tensor, and whether it may be missing."""
    version = metadata.get(prefix[:-1], {}).get("version") if metadata is not None else None
    spare = module._may_lack(version)
    for name, each in module._saved().items():
        yield prefix + name, module, name, each, name in spare
    for name, inner in module._modules.items():
        if inner is not None:
            yield from _named(inner, f"{prefix}{name}.", metadata)


def _names(names: list[str]) -> str:
    return shortened(", ".join(f'"{name}"' for name in names), 3000)


def load_state(
    module: Any, state: Mapping[str, Any], strict: bool, assign: bool
) -> IncompatibleKeys:
    """Copy a state dict into a module; see `Module.load_state_dict`."""
    if not isinstance(state, Mapping):
        msg = f"Expected state_dict to be dict-like, got {type(state)}."
        raise TypeError(msg)
    missing: list[str] = []
    wrong: list[str] = []
    pairs = []
    known = set()
    for name, owner, key, own, spare in _named(module, "", getattr(state, "_metadata", None)):
        known.add(name)
        if name not in state:
            if not spare:
                missing.append(name)
            continue
        given = state[name]
        array = given._array if isinstance(given, Tensor) else given
        if not isinstance(array, np.ndarray):
            wrong.append(
                f'While copying the parameter named "{name}", expected torch.Tensor from '
                f"checkpoint object but received {type(given)}"
            )
        elif array.shape != own._array.shape and not (own._array.ndim == 0 and array.size == 1):
            wrong.append(
                f"size mismatch for {name}: copying a param with shape "
                f"torch.Size({list(array.shape)}) from checkpoint, the shape in current model is "
                f"torch.Size({list(own._array.shape)})."
            )
        else:
            pairs.append((owner, key, own, array))
    unexpected = [name for name in state if name not in known]
    if strict and unexpected:
        wrong.insert(0, f"Unexpected key(s) in state_dict: {_names(unexpected)}. ")
    if strict and missing:
        wrong.insert(0, f"Missing key(s) in state_dict: {_names(missing)}. ")
    if wrong:
        kind = type(module).__name__
        msg = f"Error(s) in loading state_dict for {kind}:\n\t" + "\n\t".join(wrong)
        raise RuntimeError(msg)
    for _, _, own, array in pairs:
        if assign:
            own._array = array.reshape(own._array.shape)
        else:
            own._array[...] = array.reshape(own._array.shape)
        own._version[0] += 1
    return IncompatibleKeys(missing, unexpected)
