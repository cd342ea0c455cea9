"""Functions as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotloop._support.quoting import quoted
from hotloop.layers.base import Layer


class Lambda(Layer, builtin=True):
    """A function over `hotloop.ops` as a layer.

    Parameters
    ----------
    function : callable
        Answers the output for the input, and for `arguments`.
    output_shape, mask : optional
        Accepted as Keras does; the shape is worked out, and there are no masks here.
    arguments : dict, optional
        Further arguments of the function.
    **kwargs
        As for every layer.

    Raises
    ------
    TypeError
        When `function` cannot be called.

    Examples
    --------
    >>> import hotloop as hl
    >>> layer = hl.layers.Lambda(lambda x: x * 2.0)
    >>> layer([[1.0, 2.0]])
    array([[2., 4.]], dtype=float32)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        del output_shape
        super().__init__(**kwargs)
        if not callable(function):
            msg = f"Lambda: function must be callable, got {quoted(function)}"
            raise TypeError(msg)
        if mask is not None:
            msg = "Lambda: mask is not supported"
            raise ValueError(msg)
        self.function, self.arguments = function, dict(arguments or {})

    def call(self, inputs: Any) -> Any:
        """Return what the function answers."""
        return self.function(inputs, **self.arguments)
