"""Functions whose gradient their author wrote."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from hotloop.autodiff.rule import Array, Saved, TensorBase, run
from hotloop.autodiff.tensor import no_grad


class _Custom:
    """Stands as the rule of one call of a function with a gradient of its own."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self.name = getattr(function, "__name__", "custom_gradient")
        self._function, self._options = function, options

    def forward(self, saved: Saved, *arrays: Any) -> Any:
        """Compute, and keep the function of the gradient."""
        with no_grad():
            answer = self._function(*arrays, **self._options)
        if not (isinstance(answer, tuple) and len(answer) == 2 and callable(answer[1])):
            msg = f"custom_gradient: {self.name} must answer (output, grad_fn), got {type(answer).__name__}"
            raise TypeError(msg)
        output, saved.grad = answer
        saved.arrays = arrays
        if isinstance(output, list | tuple):
            return tuple(_values(part) for part in output)
        return _values(output)

    def backward(self, saved: Saved, *dy: Array) -> tuple[Array | None, ...]:
        """Ask the function of the gradient; as on PyTorch where it takes `upstream`."""
        takes = inspect.signature(saved.grad).parameters
        kinds = {part.kind for part in takes.values()}
        with no_grad():
            if "upstream" in takes and inspect.Parameter.VAR_POSITIONAL in kinds:
                given = saved.grad(*saved.arrays, upstream=dy[0] if len(dy) == 1 else dy)
            else:
                given = saved.grad(*dy)
        grads = tuple(given) if isinstance(given, list | tuple) else (given,)
        if len(grads) != len(saved.arrays):
            msg = f"custom_gradient: {self.name} takes {len(saved.arrays)} inputs, its gradient has {len(grads)}"
            raise ValueError(msg)
        return tuple(
            None if grad is None else np.broadcast_to(_values(grad), np.shape(x))
            for grad, x in zip(grads, saved.arrays, strict=True)
        )


def _values(x: Any) -> Array:
    return x.data if isinstance(x, TensorBase) else np.asarray(x)


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return `f` with the gradient that it answers itself.

    Parameters
    ----------
    f : callable
        ``f(*args)`` -> ``(output, grad_fn)``, where ``grad_fn(*args, upstream)``, or
        ``grad_fn(upstream)``, answers one gradient for each argument.

    Examples
    --------
    >>> import hotloop as hl
    >>> @hl.ops.custom_gradient
    ... def log1pexp(x):
    ...     e = hl.ops.exp(x)
    ...     def grad(*args, upstream):
    ...         return upstream * (1.0 - 1.0 / (1.0 + e))
    ...     return hl.ops.log(1.0 + e), grad
    >>> t = hl.Tensor([100.0], requires_grad=True)
    >>> log1pexp(t).sum().backward()
    >>> t.grad
    array([1.], dtype=float32)
    """
    if not callable(f):
        msg = f"custom_gradient: takes a function, got {type(f).__name__}"
        raise TypeError(msg)

    @functools.wraps(f)
    def called(*args: Any, **kwargs: Any) -> Any:
        if any(hasattr(x, "__operation__") for x in args):
            msg = "custom_gradient: symbols are not taken; call the function in a layer's call"
            raise TypeError(msg)
        custom: Any = _Custom(f, kwargs)
        return run(custom, *args)

    return called
