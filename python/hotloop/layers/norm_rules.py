"""Normalisation within samples: by groups of channels, by the root mean square, to a length of 1."""

from __future__ import annotations

from typing import Any

from hotloop._support.arguments import number, whole
from hotloop._support.typing import Shape
from hotloop.autodiff import elementwise as el
from hotloop.autodiff import reductions, shapes
from hotloop.layers.checks import require_known
from hotloop.layers.merge import scaled_to_one
from hotloop.layers.norm import AffineNormalization
from hotloop.layers.ruled import RuleLayer, Weights


def _axes(layer: RuleLayer, axis: Any, shape: Shape) -> list[int]:
    """Return one axis or several, from 0 and in order; a ValueError for those that are not there."""
    rank = len(shape)
    found = sorted(a + rank if a < 0 else a for a in (axis if isinstance(axis, list) else [axis]))
    if not found or not all(0 < a < rank for a in found) or len(set(found)) < len(found):
        msg = (
            f"{type(layer).__name__} {layer.name!r}: axis {axis} of {shape}; it must name axes of "
            "the input, not the batch"
        )
        raise ValueError(msg)
    return found


def _read_axis(who: str, axis: Any) -> Any:
    several = isinstance(axis, list | tuple)
    read = [whole(who, "axis", a) for a in (axis if several else [axis])]
    return read if several else read[0]


class GroupNormalization(RuleLayer, AffineNormalization, builtin=True):
    """``y = gamma (x - mean) / sqrt(variance + epsilon) + beta`` within groups of channels of a sample.

    Parameters
    ----------
    groups : int
        Number of groups, which divides the channels; -1 for one a channel.
    axis : int
        The channels.
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether there is a beta, a gamma, each ``(C,)``.
    beta_initializer, gamma_initializer : str or Initializer
        First values.
    beta_regularizer, gamma_regularizer : str or Regularizer, optional
        Penalties.
    **kwargs
        `name`, `trainable`, `dtype`, `input_shape` of `Layer`; `beta_constraint`, `gamma_constraint`.

    Raises
    ------
    ValueError
        When the groups do not divide the channels.

    Notes
    -----
    Source: Wu and He, ECCV 2018.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.GroupNormalization(2, epsilon=0.0)([[1.0, 3.0, 10.0, 30.0]])
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        AffineNormalization.__init__(
            self,
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            **kwargs,
        )
        self.groups = whole("GroupNormalization", "groups", groups, least=-1)
        self.axis = whole("GroupNormalization", "axis", axis)

    def build(self, input_shape: Shape) -> None:
        """Make gamma and beta (C,)."""
        (self._place,) = _axes(self, self.axis, input_shape)
        channels = require_known(self, input_shape, self._place)
        self._parts = channels if self.groups == -1 else self.groups
        if self._parts < 1 or channels % self._parts:
            msg = (
                f"GroupNormalization {self.name!r}: groups {self.groups} do not divide "
                f"the {channels} channels of {input_shape}"
            )
            raise ValueError(msg)
        self.add_scale_and_center((channels,))

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Normalise each group."""
        shape, at = x.shape, self._place
        split = (*shape[:at], self._parts, shape[at] // self._parts, *shape[at + 1 :])
        groups = shapes.reshape(x, shape=split)
        over = tuple(a for a in range(1, len(split)) if a != at)
        centred = el.subtract(groups, reductions.mean(groups, axis=over, keepdims=True))
        variance = reductions.mean(el.square(centred), axis=over, keepdims=True)
        scaled = el.multiply(centred, el.rsqrt(el.add(variance, self.epsilon)))
        y = shapes.reshape(scaled, shape=shape)
        one_axis = [1] * len(shape)
        one_axis[at] = shape[at]
        if self.scale:
            y = el.multiply(y, shapes.reshape(weights["gamma"], shape=one_axis))
        if self.center:
            y = el.add(y, shapes.reshape(weights["beta"], shape=one_axis))
        return y


class RMSNormalization(RuleLayer, builtin=True):
    """``y = scale x / sqrt(mean(x ** 2) + epsilon)`` (Zhang and Sennrich, NeurIPS 2019).

    Parameters
    ----------
    axis : int or sequence of int
        What the mean is taken over; `scale` has its shape.
    epsilon : float
        Added to the mean.
    **kwargs
        `name`, `trainable`, `dtype`, `input_shape` of `Layer`.

    Raises
    ------
    ValueError
        For axes that are not there.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.RMSNormalization(epsilon=0.0)([[1.0, 7.0]])
    array([[0.2, 1.4]], dtype=float32)
    """

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = _read_axis("RMSNormalization", axis)
        self.epsilon = number(
            "RMSNormalization", "epsilon", epsilon, "not be negative", lambda e: e >= 0.0
        )

    def build(self, input_shape: Shape) -> None:
        """Make the scale."""
        axes = _axes(self, self.axis, input_shape)
        shape = tuple(require_known(self, input_shape, a) for a in axes)
        self.scale = self.add_weight("scale", shape, "ones")

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Divide by the root mean square."""
        axes = _axes(self, self.axis, x.shape)
        square = reductions.mean(el.square(x), axis=tuple(axes), keepdims=True)
        y = el.multiply(x, el.rsqrt(el.add(square, self.epsilon)))
        shape = [n if a in axes else 1 for a, n in enumerate(x.shape)]
        return el.multiply(y, shapes.reshape(weights["scale"], shape=shape))


class UnitNormalization(RuleLayer, builtin=True):
    """``y = x / sqrt(sum(x ** 2))`` along `axis`, one or several.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.UnitNormalization()([[3.0, 4.0]]).round(3)
    array([[0.6, 0.8]], dtype=float32)
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = _read_axis("UnitNormalization", axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape as it is; a ValueError for axes that are not there."""
        _axes(self, self.axis, input_shape)
        return input_shape

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Divide by the length."""
        return scaled_to_one(x, tuple(_axes(self, self.axis, x.shape)), 1e-12)
