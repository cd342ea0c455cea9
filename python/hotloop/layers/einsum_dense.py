"""A dense layer over any axes, by an Einstein sum."""

from __future__ import annotations

import re
from typing import Any

from hotloop import activations
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.autodiff import elementwise, linalg
from hotloop.layers.ruled import RuleLayer, Weights, activated, read_makers

_FORM = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


class EinsumDense(RuleLayer, builtin=True):
    """``y = activation(einsum(equation, x, kernel) + bias)``: a dense layer over any axes.

    Parameters
    ----------
    equation : str
        ``"ab,bc->ac"``, ``"...x,xy->...y"`` or ``"abx...,xy->aby..."``: input, kernel, output.
    output_shape : int or tuple of int or None
        Shape of one sample of the output, without the axes of an ellipsis; None stays open.
    activation : str, optional
        Applied to the sum.
    bias_axes : str, optional
        Letters of the output that the bias has; None for no bias.
    kernel_initializer, bias_initializer : str or Initializer
        First values.
    kernel_regularizer, bias_regularizer : str or Regularizer, optional
        Penalties.
    **kwargs
        `name`, `trainable`, `dtype`, `input_shape` of `Layer`, and constraints.

    Raises
    ------
    ValueError
        For other equations, and inputs that do not fit.

    Examples
    --------
    >>> import hotloop as hl
    >>> layer = hl.layers.EinsumDense("abc,ce->abe", output_shape=(None, 64), bias_axes="e")
    >>> layer.ensure_built((None, 32, 128)), layer.count_params()
    ((None, 32, 64), 8256)
    """

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.equation = str(equation)
        found = _FORM.fullmatch(self.equation.replace(" ", ""))
        groups = found.groups() if found else ()
        if not found or (bool(groups[0]), bool(groups[2])) != (bool(groups[4]), bool(groups[6])):
            msg = (
                "EinsumDense: equation must be 'X,Y->Z', '...X,Y->...Z' or 'X...,Y->Z...', "
                f"got {quoted(equation)}"
            )
            raise ValueError(msg)
        self._terms = groups[1], groups[3], groups[5]
        self._elided = "left" if groups[0] else "right" if groups[2] else ""
        sizes = output_shape if isinstance(output_shape, list | tuple) else [output_shape]
        self.partial_output_shape = list(sizes)
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        if bias_axes is not None and not set(bias_axes) <= set(groups[5]):
            msg = (
                f"EinsumDense: bias_axes must be letters of {groups[5]!r}, got {quoted(bias_axes)}"
            )
            raise ValueError(msg)
        read_makers(
            self,
            {
                "kernel_initializer": kernel_initializer,
                "bias_initializer": bias_initializer,
                "kernel_regularizer": kernel_regularizer,
                "bias_regularizer": bias_regularizer,
            },
        )

    def _sizes(self, input_shape: Shape) -> tuple[dict[str, int | None], Shape]:
        """Return the size of each letter, and the shape of the output."""
        inside, _, after = self._terms
        extra = len(input_shape) - len(inside)
        if extra < 0 or (extra and not self._elided):
            raise self._misfit(input_shape)
        left = extra if self._elided == "left" else 0
        known = dict(zip(inside, input_shape[left : left + len(inside)], strict=True))
        # The batch comes first: of the letters, or of the ellipsis.
        letters = after if left else after[1:]
        if len(letters) != len(self.partial_output_shape):
            raise self._misfit(input_shape)
        for letter, size in zip(letters, self.partial_output_shape, strict=True):
            if letter in known and None not in (size, known[letter]) and size != known[letter]:
                raise self._misfit(input_shape)
            known[letter] = size if known.get(letter) is None else known[letter]
        tail = input_shape[len(inside) :] if self._elided == "right" else ()
        return known, (*input_shape[:left], *(known.get(c) for c in after), *tail)

    def _misfit(self, input_shape: Shape) -> ValueError:
        return ValueError(
            f"EinsumDense {self.name!r}: inputs of shape {input_shape} and output_shape "
            f"{self.partial_output_shape} do not fit the equation {self.equation!r}"
        )

    def build(self, input_shape: Shape) -> None:
        """Make kernel and bias."""
        known, _ = self._sizes(input_shape)
        _, kernel, after = self._terms
        shape = [known.get(c) for c in kernel]
        first = after.index(min(self.bias_axes, key=after.index)) if self.bias_axes else 0
        bias = [known.get(c) if c in (self.bias_axes or "") else 1 for c in after[first:]]
        if None in shape or (self.bias_axes and None in bias):
            raise self._misfit(input_shape)
        self.kernel = self.add_weight(
            "kernel", shape, self.kernel_initializer, regularizer=self.kernel_regularizer
        )
        if self.bias_axes:
            # Axes of an ellipsis at the end have a size of 1.
            tail = [1] * (len(input_shape) - len(self._terms[0])) * (self._elided == "right")
            self.bias = self.add_weight(
                "bias", bias + tail, self.bias_initializer, regularizer=self.bias_regularizer
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        return self._sizes(input_shape)[1]

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Sum products, add the bias, apply the activation."""
        y = linalg.einsum(x, weights["kernel"], subscripts=self.equation.replace(" ", ""))
        if self.bias_axes:
            y = elementwise.add(y, weights["bias"])
        return activated(self.activation, y)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        given = super().get_config()
        return {**given, "output_shape": self.partial_output_shape}
