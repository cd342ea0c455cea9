"""A rectifier whose slope is learned."""

from __future__ import annotations

from typing import Any

from hotloop._support.arguments import whole
from hotloop._support.typing import Shape
from hotloop.autodiff import elementwise
from hotloop.layers.checks import require_known
from hotloop.layers.ruled import RuleLayer, Weights, read_makers


class PReLU(RuleLayer, builtin=True):
    """``y = x`` where x > 0, else ``alpha * x`` with learned slopes (He et al., ICCV 2015).

    Parameters
    ----------
    alpha_initializer : str or Initializer
        First values of alpha, of the shape of a sample.
    alpha_regularizer : str or Regularizer, optional
        Penalty.
    shared_axes : int or list of int, optional
        Axes, counted from 1, that share a slope: ``[1, 2]`` for one a channel of images.
    **kwargs
        `name`, `trainable`, `dtype`, `input_shape` of `Layer`; `alpha_constraint`.

    Raises
    ------
    ValueError
        For axes that are not there.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.PReLU(hl.initializers.Constant(0.25))([[-4.0, 2.0]])
    array([[-1.,  2.]], dtype=float32)
    """

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given = {"alpha_initializer": alpha_initializer, "alpha_regularizer": alpha_regularizer}
        read_makers(self, given)
        several = shared_axes if isinstance(shared_axes, list | tuple | None) else [shared_axes]
        self.shared_axes = (
            None
            if several is None
            else [whole("PReLU", "shared_axes", a, least=1) for a in several]
        )

    def build(self, input_shape: Shape) -> None:
        """Make alpha."""
        shared = self.shared_axes or []
        if any(a >= len(input_shape) for a in shared):
            msg = f"PReLU {self.name!r}: inputs of shape {input_shape} have no axes {shared}"
            raise ValueError(msg)
        shape = tuple(
            1 if a in shared else require_known(self, input_shape, a)
            for a in range(1, len(input_shape))
        )
        self.alpha = self.add_weight(
            "alpha", shape, self.alpha_initializer, regularizer=self.alpha_regularizer
        )

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Multiply what is negative."""
        below = elementwise.negative(elementwise.relu(elementwise.negative(x)))
        return elementwise.add(elementwise.relu(x), elementwise.multiply(below, weights["alpha"]))
