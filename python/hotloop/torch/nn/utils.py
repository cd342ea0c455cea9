"""Gradients cut to a size, and parameters as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from hotloop._support.names import serve
from hotloop.torch.core import Tensor, one_call, wrap
from hotloop.torch.shaping import cat


def _grads(parameters: Any) -> list[Any]:
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [param._grad for param in listed if param._grad is not None]


def get_total_norm(
    tensors: Iterable[Any], norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Return the norm of all tensors together, as if they were one vector."""
    arrays = [t._array for t in ([tensors] if isinstance(tensors, Tensor) else tensors)]
    kind = arrays[0].dtype if arrays else np.dtype(np.float32)
    order = float(norm_type)
    norms = [np.linalg.norm(a.reshape(-1), order) if a.size else 0.0 for a in arrays]
    total = np.linalg.norm(np.array(norms, kind), order) if norms else 0.0
    if error_if_nonfinite and not math.isfinite(total):
        msg = (
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so it "
            "cannot be clipped. To disable this error and scale the gradients by the non-finite "
            "norm anyway, set `error_if_nonfinite=False`"
        )
        raise RuntimeError(msg)
    return wrap(np.asarray(total, kind))


@one_call
def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients so that their norm, all together, is at most `max_norm`.

    Parameters
    ----------
    parameters : iterable of Tensor
        Whose gradients are scaled, in place.
    max_norm, norm_type : float
        The largest norm, and its order.
    error_if_nonfinite : bool
        Whether a norm that is not finite is an error.

    Returns
    -------
    Tensor
        The norm before.
    """
    del foreach
    grads = _grads(parameters)
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    scale = min(float(max_norm) / (float(total._array) + 1e-6), 1.0)
    for grad in grads:
        grad._array *= grad._array.dtype.type(scale)
        grad._version[0] += 1
    return total


@one_call
def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Cut each element of the gradients at ``-clip_value`` and ``clip_value``, in place."""
    del foreach
    limit = float(clip_value)
    for grad in _grads(parameters):
        np.clip(grad._array, -limit, limit, out=grad._array)
        grad._version[0] += 1


def parameters_to_vector(parameters: Iterable[Any]) -> Any:
    """Return all parameters as one vector."""
    return cat([param.reshape(-1) for param in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Write a vector into the parameters, one after the other."""
    start = 0
    for param in parameters:
        end = start + param._array.size
        param._array[...] = vec._array[start:end].reshape(param._array.shape)
        param._version[0] += 1
        start = end


__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "get_total_norm",
    "parameters_to_vector",
    "vector_to_parameters",
]

serve(__name__)
