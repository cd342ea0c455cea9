"""Layers of several inputs: Add, Multiply, Concatenate."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from hotloop import _core
from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache


def summed_to(dy: Array, shape: tuple[int, ...]) -> Array:
    """Sum `dy` over the axes along which an input of `shape` was broadcast."""
    axes = tuple(i for i, (d, n) in enumerate(zip(dy.shape, shape, strict=True)) if d != n)
    return _core.sum(dy, axes, True) if axes else dy


class _Merge(Layer, builtin=True):
    """A layer of two or more inputs."""

    takes_several = True

    def check(self, shapes: Any) -> list[Shape]:
        """Return the inputs' shapes; a ValueError when there is one alone or ranks differ."""
        several = bool(shapes) and all(isinstance(s, tuple) for s in shapes)
        given = list(shapes) if several else [shapes]
        if len(given) < 2 or len({len(shape) for shape in given}) != 1:
            msg = (
                f"{type(self).__name__} {self.name!r}: it takes a list of at least two inputs "
                f"with as many axes each, got {given if several else shapes}"
            )
            raise ValueError(msg)
        return given

    def misfit(self, shapes: list[Shape], rule: str) -> ValueError:
        """Return the error for shapes that do not fit."""
        return ValueError(f"{type(self).__name__} {self.name!r}: {rule}, got {quoted(shapes)}")


class _Elementwise(_Merge, builtin=True):
    """Inputs of one shape, or of sizes 1 where they are broadcast."""

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape that all inputs have, or are broadcast to."""
        shapes = self.check(input_shape)
        out: list[int | None] = []
        for sizes in zip(*shapes, strict=True):
            known = {n for n in sizes if n not in (1, None)}
            if len(known) > 1:
                raise self.misfit(shapes, "inputs must have one shape, or sizes of 1")
            out.append(known.pop() if known else (None if None in sizes else 1))
        return tuple(out)


class Add(_Elementwise, builtin=True):
    """The sum of its inputs.

    Parameters
    ----------
    **kwargs
        `name`, `dtype` of `Layer`.

    Raises
    ------
    ValueError
        When the shapes do not fit.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Add()([[[1.0, 2.0]], [[3.0, 4.0]]])
    array([[4., 6.]], dtype=float32)
    """

    def forward(self, x: Any, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Add up."""
        cache.shapes = [part.shape for part in x]
        return functools.reduce(_core.add, x)

    def backward(self, dy: Array, cache: Cache) -> Any:
        """Each input's gradient is that of the sum."""
        return tuple(summed_to(dy, shape) for shape in cache.shapes)


class Multiply(_Elementwise, builtin=True):
    """The product of its inputs, element by element.

    Parameters
    ----------
    **kwargs
        `name`, `dtype` of `Layer`.

    Raises
    ------
    ValueError
        When the shapes do not fit.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Multiply()([[[1.0, 2.0]], [[3.0, 4.0]]])
    array([[3., 8.]], dtype=float32)
    """

    def forward(self, x: Any, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Multiply."""
        cache.parts = x
        return functools.reduce(_core.multiply, x)

    def backward(self, dy: Array, cache: Cache) -> Any:
        """Each input's gradient: that of the product times the others."""
        grads = []
        for i, part in enumerate(cache.parts):
            d = dy
            for j, other in enumerate(cache.parts):
                d = _core.multiply(d, other) if i != j else d
            grads.append(summed_to(d, part.shape))
        return tuple(grads)


class Concatenate(_Merge, builtin=True):
    """Its inputs side by side along one axis.

    Parameters
    ----------
    axis : int
        Not the batch.
    **kwargs
        `name`, `dtype` of `Layer`.

    Raises
    ------
    ValueError
        When other axes differ, or `axis` is the batch or none of theirs.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Concatenate()([[[1.0, 2.0]], [[3.0]]])
    array([[1., 2., 3.]], dtype=float32)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = whole("Concatenate", "axis", axis)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Sizes along the axis add up."""
        shapes = self.check(input_shape)
        rank = len(shapes[0])
        axis = self.axis + rank if self.axis < 0 else self.axis
        if not 0 < axis < rank:
            raise self.misfit(shapes, f"axis {self.axis} is the batch or outside the shapes")
        rest = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
        if len(rest) > 1:
            raise self.misfit(shapes, f"inputs must agree on every axis but {self.axis}")
        sizes = [shape[axis] for shape in shapes]
        known = [n for n in sizes if n is not None]
        total = sum(known) if len(known) == len(sizes) else None
        return (*shapes[0][:axis], total, *shapes[0][axis + 1 :])

    def forward(self, x: Any, cache: Cache, training: bool) -> Array:  # noqa: ARG002
        """Copy the inputs side by side."""
        cache.cuts = np.cumsum([part.shape[self.axis] for part in x])[:-1]
        return _core.concatenate(x, self.axis)

    def backward(self, dy: Array, cache: Cache) -> Any:
        """Cut the gradient where the inputs met."""
        return tuple(_core.copy(part) for part in np.split(dy, cache.cuts, axis=self.axis))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"axis": self.axis, **super().get_config()}


def add(inputs: Any, **kwargs: Any) -> Any:
    """Return ``Add(**kwargs)(inputs)``, as Keras's function does.

    Examples
    --------
    >>> add([[[1.0, 2.0]], [[3.0, 4.0]]])
    array([[4., 6.]], dtype=float32)
    """
    return Add(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """Return ``Multiply(**kwargs)(inputs)``, as Keras's function does.

    Examples
    --------
    >>> multiply([[[1.0, 2.0]], [[3.0, 4.0]]])
    array([[3., 8.]], dtype=float32)
    """
    return Multiply(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Return ``Concatenate(axis, **kwargs)(inputs)``, as Keras's function does.

    Examples
    --------
    >>> concatenate([[[1.0, 2.0]], [[3.0]]])
    array([[1., 2., 3.]], dtype=float32)
    """
    return Concatenate(axis, **kwargs)(inputs)
