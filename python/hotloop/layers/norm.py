"""Normalisation layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hotloop import _core, initializers, regularizers
from hotloop._support.arguments import number, whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.layers.checks import require_known
from hotloop.parameters import aligned_zeros
from hotloop.registry import serialize

# One array outside training, three in it.
_batch_norm: Any = _core.batch_norm


def _copied(array: Array) -> Array:
    """Return a copy, made anew in each run of a recorded step."""
    return _core.gather_rows(array.reshape(1, -1), None).reshape(-1)


class AffineNormalization(Layer, builtin=True):
    """What both share: gamma and beta, either of which may be left out."""

    # With an axis of one size the core sees the very array; other ranks pass it a view.
    binds_input = True

    def __init__(
        self,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.epsilon = number(
            type(self).__name__, "epsilon", epsilon, "not be negative", lambda e: e >= 0.0
        )
        self.center, self.scale = bool(center), bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)

    def add_scale_and_center(self, shape: tuple[int, ...]) -> None:
        """Make gamma and beta, unless they are left out."""
        if self.scale:
            self.gamma = self.add_weight(
                "gamma", shape, self.gamma_initializer, regularizer=self.gamma_regularizer
            )
        if self.center:
            self.beta = self.add_weight(
                "beta", shape, self.beta_initializer, regularizer=self.beta_regularizer
            )

    def factors(self, features: int, dtype: Any) -> tuple[Array, Array]:
        """Return gamma and beta ``(F,)`` as the core takes them, constants for what is left out."""
        gamma = self.gamma.reshape(-1) if self.scale else np.ones(features, dtype)
        return gamma, self.beta.reshape(-1) if self.center else np.zeros(features, dtype)

    def grads_out(self, cache: Cache, features: int, dtype: Any) -> tuple[Array, Array]:
        """Return where the gradients of gamma and beta go; scratch for what is left out."""
        dgamma = cache.grad("gamma") if self.scale else np.empty(features, dtype)
        dbeta = cache.grad("beta") if self.center else np.empty(features, dtype)
        return dgamma.reshape(-1), dbeta.reshape(-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": serialize(self.beta_initializer),
            "gamma_initializer": serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            **super().get_config(),
        }


class BatchNormalization(AffineNormalization, builtin=True):
    """``y = gamma (x - mean) / sqrt(variance + epsilon) + beta`` for each channel.

    In training mean and variance are those of the batch (the biased variance), and
    ``moving = momentum * moving + (1 - momentum) * batch``; else they are the moving ones. A layer
    with ``trainable=False`` uses the moving ones in training too and leaves them alone.
    Weights, in this order: gamma, beta, moving_mean, moving_variance, each ``(C,)``.

    Parameters
    ----------
    axis : int
        The channels: the last axis, or axis 1 of an image batch ``(N, C, H, W)``.
    momentum : float
        Share of the moving statistics that a step keeps.
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether there is a beta, a gamma.
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer
        First values.
    beta_regularizer, gamma_regularizer : str or Regularizer, optional
        Penalties.
    **kwargs
        `name`, `trainable`, `dtype`, `input_shape` of `Layer`; `beta_constraint`, `gamma_constraint`.

    Raises
    ------
    ValueError
        For an axis that is neither, or whose size is not known.

    Notes
    -----
    Source: Ioffe and Szegedy, ICML 2015.

    Examples
    --------
    >>> import hotloop as hl
    >>> layer = hl.layers.BatchNormalization(epsilon=0.0)
    >>> layer([[1.0], [3.0]], training=True)
    array([[-1.],
           [ 1.]], dtype=float32)
    >>> layer.moving_mean
    array([0.02], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            **kwargs,
        )
        axes = list(axis) if isinstance(axis, Sequence) else [axis]
        if len(axes) != 1:
            msg = f"BatchNormalization: axis must be one axis, got {quoted(axis)}"
            raise ValueError(msg)
        self.axis = whole("BatchNormalization", "axis", axes[0])
        self.momentum = number(
            "BatchNormalization", "momentum", momentum, "lie in [0, 1]", lambda m: 0.0 <= m <= 1.0
        )
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def build(self, input_shape: Shape) -> None:
        """Make gamma, beta and the moving statistics (C,)."""
        rank = len(input_shape)
        axis = self.axis + rank if self.axis < 0 else self.axis
        if rank < 2 or (axis != rank - 1 and not (axis == 1 and rank == 4)):
            msg = (
                f"BatchNormalization {self.name!r}: axis {self.axis} of {input_shape}; it must be "
                "the last one, or axis 1 of an image batch (N, C, H, W)"
            )
            raise ValueError(msg)
        self.channels = require_known(self, input_shape, axis)
        self.rank = rank
        first = axis == 1 and rank == 4
        self.data_format: Any = "channels_first" if first else "channels_last"
        shape = (self.channels,)
        self.add_scale_and_center(shape)
        self.moving_mean = self.add_weight(
            "moving_mean", shape, self.moving_mean_initializer, trainable=False
        )
        self.moving_variance = self.add_weight(
            "moving_variance", shape, self.moving_variance_initializer, trainable=False
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape as it is; a ValueError when the channels are not those of the build."""
        if self.built:
            axis = 1 if self.data_format == "channels_first" else -1
            if len(input_shape) != self.rank or input_shape[axis] != self.channels:
                msg = (
                    f"BatchNormalization {self.name!r}: it has {self.channels} channels on axis "
                    f"{self.axis} of {self.rank}, got input of shape {input_shape}"
                )
                raise ValueError(msg)
        return input_shape

    def _as_core(self, x: Array) -> Array:
        return x if x.ndim in (2, 4) else x.reshape(-1, self.channels)

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:
        """Normalise by the batch's statistics in training, else by the moving ones."""
        gamma, beta = self.factors(self.channels, x.dtype)
        cache.gamma = gamma
        rows = self._as_core(x)
        y: Array
        cache.x = rows
        cache.by_batch = training and cache.trainable
        rest = (self.momentum, self.epsilon, self.data_format)
        moving = (self.moving_mean, self.moving_variance)
        if cache.by_batch:
            y, cache.mean, cache.inv_std = _batch_norm(rows, gamma, beta, *moving, True, *rest)
        else:
            if cache.backward_follows:
                # Another call of this layer in the same step may move them before the backward.
                moving = (_copied(self.moving_mean), _copied(self.moving_variance))
            cache.moving = moving
            y = _batch_norm(rows, gamma, beta, *moving, False, *rest)
        return y if y.ndim == x.ndim else y.reshape(x.shape)

    def backward(self, dy: Array, cache: Cache) -> Array | None:
        """Gradients of input, gamma and beta."""
        d = self._as_core(dy)
        if cache.by_batch:
            dgamma, dbeta = self.grads_out(cache, self.channels, d.dtype)
            out = (aligned_zeros(d.shape, d.dtype), dgamma, dbeta)
            dx = _core.batch_norm_backward(
                d, cache.x, cache.gamma, cache.mean, cache.inv_std, self.data_format, out
            )[0]
        else:
            dx = self._backward_by_moving(d, cache)
        return dx if dx.ndim == dy.ndim else dx.reshape(dy.shape)

    def _backward_by_moving(self, d: Array, cache: Cache) -> Array:
        """Return the gradient of the affine map that fixed statistics make."""
        rest = (False, self.momentum, self.epsilon)
        mean, variance = cache.moving
        zeros = np.zeros(self.channels, d.dtype)
        if cache.trainable:
            ones = np.ones(self.channels, d.dtype)
            args = (zeros, zeros, variance, *rest, "channels_last")
            inv_std = _batch_norm(ones.reshape(1, -1), ones, *args).reshape(-1)
            grads = self.grads_out(cache, self.channels, d.dtype)
            out = (aligned_zeros(d.shape, d.dtype), *grads)
            _core.batch_norm_backward(d, cache.x, cache.gamma, mean, inv_std, self.data_format, out)
        dx: Array = _batch_norm(d, cache.gamma, zeros, zeros, variance, *rest, self.data_format)
        return dx

    def changed_arrays(self, cache: Cache, training: bool) -> list[Array]:
        """Return the moving statistics, where a call moves them."""
        moves = training and cache.trainable
        return [self.moving_mean, self.moving_variance] if moves else []

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "axis": self.axis,
            "momentum": self.momentum,
            "moving_mean_initializer": serialize(self.moving_mean_initializer),
            "moving_variance_initializer": serialize(self.moving_variance_initializer),
            **super().get_config(),
        }


class LayerNormalization(AffineNormalization, builtin=True):
    """``y = gamma (x - mean) / sqrt(variance + epsilon) + beta`` within each sample.

    Parameters
    ----------
    axis : int or sequence of int
        What is normalised over: the last axis, or the last few.
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether there is a beta, a gamma, each of the shape of the axes.
    beta_initializer, gamma_initializer : str or Initializer
        First values.
    beta_regularizer, gamma_regularizer : str or Regularizer, optional
        Penalties.
    **kwargs
        `name`, `trainable`, `dtype`, `input_shape` of `Layer`; `beta_constraint`, `gamma_constraint`.

    Raises
    ------
    ValueError
        When the axes are not the last ones, or their sizes are not known.

    Notes
    -----
    Source: Ba, Kiros and Hinton, arXiv 1607.06450, 2016.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.LayerNormalization(epsilon=0.0)([[1.0, 3.0]])
    array([[-1.,  1.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            **kwargs,
        )
        several = axis if isinstance(axis, list | tuple) else [axis]
        read = [whole("LayerNormalization", "axis", a) for a in several]
        self.axis = read if isinstance(axis, list | tuple) else read[0]

    def build(self, input_shape: Shape) -> None:
        """Make gamma and beta."""
        self.shape = self._normalized(input_shape)
        self.features = math.prod(self.shape)
        self.add_scale_and_center(self.shape)

    def _normalized(self, input_shape: Shape) -> tuple[int, ...]:
        """Return the sizes of the axes that are normalised over."""
        rank = len(input_shape)
        given = self.axis if isinstance(self.axis, list) else [self.axis]
        axes = sorted(a + rank if a < 0 else a for a in given)
        if not axes or axes[0] < 1 or axes != list(range(axes[0], rank)):
            msg = (
                f"LayerNormalization {self.name!r}: axis {self.axis} of {input_shape}; it must be "
                "the last axis or the last few, without the batch"
            )
            raise ValueError(msg)
        return tuple(require_known(self, input_shape, a) for a in axes)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape as it is; a ValueError when the axes are not those of the build."""
        if self.built and self._normalized(input_shape) != self.shape:
            msg = (
                f"LayerNormalization {self.name!r}: it normalises axes {self.axis} of sizes "
                f"{self.shape}, got input of shape {input_shape}"
            )
            raise ValueError(msg)
        return input_shape

    def forward(self, x: Array, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Normalise each sample."""
        rows = x.reshape(-1, self.features)
        factors = self.factors(self.features, x.dtype)
        y, cache.mean, cache.inv_std = _core.layer_norm(rows, *factors, self.epsilon)
        cache.gamma = factors[0]
        cache.x = rows
        return y.reshape(x.shape)

    def backward(self, dy: Array, cache: Cache) -> Array:
        """Gradients of input, gamma and beta."""
        d = dy.reshape(-1, self.features)
        out = (aligned_zeros(d.shape, d.dtype), *self.grads_out(cache, self.features, d.dtype))
        dx = _core.layer_norm_backward(d, cache.x, cache.gamma, cache.mean, cache.inv_std, out)[0]
        return dx.reshape(dy.shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"axis": self.axis, **super().get_config()}
