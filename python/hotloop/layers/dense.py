"""The fully connected layer."""

from __future__ import annotations

from typing import Any

from hotloop import _core, activations, initializers, regularizers
from hotloop._support.arguments import whole
from hotloop._support.typing import Shape
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.layers.checks import require_known
from hotloop.parameters import aligned_zeros
from hotloop.registry import serialize


class Dense(Layer, builtin=True):
    """Fully connected: ``y = activation(x @ kernel + bias)`` over the last axis.

    Parameters
    ----------
    units : int
        Outputs O.
    activation : str, optional
        Applied before the store where the core fuses it (relu, sigmoid, tanh).
    use_bias : bool
        Whether a bias is added.
    kernel_initializer, bias_initializer : str or Initializer
        First values of kernel ``(I, O)`` and bias ``(O,)``.
    kernel_regularizer, bias_regularizer : str or Regularizer, optional
        Penalties, added to the loss.
    **kwargs
        `name`, `trainable`, `dtype`, `input_shape` of `Layer`, and constraints: `kernel_constraint`, `bias_constraint`.

    Raises
    ------
    ValueError
        When `units` is not a positive integer, or the input's last axis is open or changes.

    Examples
    --------
    >>> import hotloop as hl
    >>> layer = hl.layers.Dense(2, kernel_initializer="ones")
    >>> layer([[1.0, 2.0]])
    array([[3., 3.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = whole("Dense", "units", units, least=1)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias: Array | None = None
        self.features = 0

    def build(self, input_shape: Shape) -> None:
        """Make kernel (I, O) and bias (O,)."""
        if len(input_shape) < 2:
            msg = f"Dense {self.name!r}: input must be (N, ..., I), got shape {input_shape}"
            raise ValueError(msg)
        self.features = require_known(self, input_shape, -1)
        self.kernel = self.add_weight(
            "kernel",
            (self.features, self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                "bias", (self.units,), self.bias_initializer, regularizer=self.bias_regularizer
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(N, ..., I) -> (N, ..., O)."""
        if self.built and input_shape[-1] != self.features:
            msg = (
                f"Dense {self.name!r}: kernel takes {self.features} features, "
                f"got input of shape {input_shape}"
            )
            raise ValueError(msg)
        return (*input_shape[:-1], self.units)

    @property
    def binds_input(self) -> bool:
        """Whether the core sees the very array that forward is given."""
        return self.input_shape is not None and len(self.input_shape) == 2

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """(N, ..., I) -> (N, ..., O)."""
        rows = x if x.ndim == 2 else x.reshape(-1, self.features)
        act = activations.linear if cache.logits else self.activation
        z = _core.affine(rows, self.kernel, self.bias, act.fused_name)
        y = z if act.fused else act.forward(z)
        cache.x, cache.saved, cache.act = rows, y if act.saves == "y" else z, act
        return y if x.ndim == 2 else y.reshape(*x.shape[:-1], self.units)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Gradients of input, kernel and bias."""
        d = dy if dy.ndim == 2 else dy.reshape(-1, self.units)
        d = cache.act.backward(d, cache.saved, cache.owns_dy)
        dx = aligned_zeros(cache.x.shape, cache.x.dtype) if cache.need_dx else None
        db = cache.grad("bias") if self.use_bias else None
        _core.affine_backward(
            d,
            cache.x,
            self.kernel,
            cache.need_dx,
            self.use_bias,
            out=(dx, cache.grad("kernel"), db),
        )
        return dx if dx is None or dy.ndim == 2 else dx.reshape(*dy.shape[:-1], self.features)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": serialize(self.kernel_initializer),
            "bias_initializer": serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            **super().get_config(),
        }
