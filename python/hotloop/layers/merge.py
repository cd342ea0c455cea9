"""Layers of several inputs: element by element, side by side, and products."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from hotloop import _core
from hotloop._support.arguments import whole
from hotloop._support.quoting import quoted
from hotloop._support.typing import Shape
from hotloop.autodiff import elementwise, linalg, reductions
from hotloop.autodiff import shapes as moves
from hotloop.layers.base import Layer
from hotloop.layers.cache import Array, Cache
from hotloop.layers.ruled import RuleLayer, Weights


class _Merge(Layer, builtin=True):
    """A layer of two or more inputs."""

    takes_several = True

    def check(self, shapes: Any) -> list[Shape]:
        """Return the inputs' shapes; a ValueError when there is one alone."""
        several = bool(shapes) and all(isinstance(s, tuple) for s in shapes)
        given = list(shapes) if several else [shapes]
        if len(given) < 2:
            msg = (
                f"{type(self).__name__} {self.name!r}: it takes a list of at least two inputs, "
                f"got {given if several else shapes}"
            )
            raise ValueError(msg)
        return given

    def misfit(self, shapes: list[Shape], rule: str) -> ValueError:
        """Return the error for shapes that do not fit."""
        return ValueError(f"{type(self).__name__} {self.name!r}: {rule}, got {quoted(shapes)}")


class _Elementwise(RuleLayer, _Merge, builtin=True):
    """Inputs of one shape, or of sizes 1 where they are broadcast; shorter ones get axes after the batch."""

    takes_several = True

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape that all inputs have, or are broadcast to."""
        shapes = self.check(input_shape)
        rank = max(map(len, shapes))
        out: list[int | None] = []
        for sizes in zip(*(_padded(shape, rank) for shape in shapes), strict=True):
            known = {n for n in sizes if n not in (1, None)}
            if len(known) > 1:
                raise self.misfit(shapes, "inputs must have one shape, or sizes of 1")
            out.append(known.pop() if known else (None if None in sizes else 1))
        return tuple(out)

    def combine(self, a: Any, b: Any) -> Any:
        """Return what two inputs make."""
        raise NotImplementedError

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Combine one after the other."""
        rank = max(part.ndim for part in x)
        parts = [
            part if part.ndim == rank else moves.reshape(part, shape=_padded(part.shape, rank))
            for part in x
        ]
        return functools.reduce(self.combine, parts)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return Layer.get_config(self)


def _padded(shape: Any, rank: int) -> Any:
    """Return a shape with sizes of 1 behind the batch, up to `rank` axes."""
    return (*shape[:1], *(1,) * (rank - len(shape)), *shape[1:])


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

    def combine(self, a: Any, b: Any) -> Any:
        """Add."""
        return elementwise.add(a, b)


class Average(_Elementwise, builtin=True):
    """The mean of its inputs; as `Add`."""

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:
        """Divide the sum."""
        return elementwise.divide(super().compute(x, weights, training), float(len(x)))

    combine = Add.combine


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

    def combine(self, a: Any, b: Any) -> Any:
        """Multiply."""
        return elementwise.multiply(a, b)


class Maximum(_Elementwise, builtin=True):
    """The largest of its inputs, element by element; as `Add`. Equal ones share the gradient."""

    def combine(self, a: Any, b: Any) -> Any:
        """Take the larger."""
        return elementwise.maximum(a, b)


class Minimum(_Elementwise, builtin=True):
    """The smallest of its inputs, element by element; as `Add`. Equal ones share the gradient."""

    def combine(self, a: Any, b: Any) -> Any:
        """Take the smaller."""
        return elementwise.minimum(a, b)


class Subtract(_Elementwise, builtin=True):
    """The first of two inputs less the second; as `Add`."""

    def check(self, shapes: Any) -> list[Shape]:
        """Return the inputs' shapes; a ValueError unless there are two."""
        given = super().check(shapes)
        if len(given) != 2:
            raise self.misfit(given, "it takes two inputs")
        return given

    def combine(self, a: Any, b: Any) -> Any:
        """Subtract."""
        return elementwise.subtract(a, b)


class Dot(RuleLayer, _Merge, builtin=True):
    """Products of two inputs summed along one axis of each, sample by sample.

    ``(N, ..., K, ...)`` and ``(N, ..., K, ...)`` -> ``(N, *the rest of the first, *of the second)``;
    of two rows, ``(N, 1)``.

    Parameters
    ----------
    axes : int or (int, int)
        What is summed along, of both or of each; not the batch.
    normalize : bool
        Whether both are scaled to a length of 1 along these axes first: cosines.
    **kwargs
        `name`, `dtype` of `Layer`.

    Raises
    ------
    ValueError
        When the axes do not fit.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.layers.Dot(axes=1)([[[1.0, 2.0]], [[3.0, 4.0]]])
    array([[11.]], dtype=float32)
    """

    takes_several = True

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        several = isinstance(axes, list | tuple)
        if several and len(axes) != 2:
            msg = f"Dot: axes must be one or two axes, got {quoted(axes)}"
            raise ValueError(msg)
        read = [whole("Dot", "axes", a) for a in (axes if several else [axes])]
        self.axes: Any = read if several else read[0]
        self.normalize = bool(normalize)

    def _axes(self, shapes: Any) -> list[int]:
        """Return the axis of each input, from 1."""
        given = self.axes if isinstance(self.axes, list) else [self.axes] * 2
        return [a + len(shape) if a < 0 else a for a, shape in zip(given, shapes, strict=True)]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the sizes that are left of both."""
        shapes = list(input_shape)
        if len(shapes) != 2:
            raise self.misfit(shapes, "it takes two inputs")
        axes = self._axes(shapes)
        if any(not 0 < a < len(shape) for a, shape in zip(axes, shapes, strict=True)):
            raise self.misfit(shapes, f"axes {self.axes} are the batch or outside the shapes")
        (a, b), (i, j) = shapes, axes
        if None not in (a[i], b[j]) and a[i] != b[j]:
            raise self.misfit(shapes, f"axes {self.axes} must have one size")
        out = (*a[:i], *a[i + 1 :], *b[1:j], *b[j + 1 :])
        return out if len(out) > 1 else (*out, 1)

    def compute(self, x: Any, weights: Weights, training: bool) -> Any:  # noqa: ARG002
        """Multiply matrices, one a sample."""
        axes = self._axes([part.shape for part in x])
        if self.normalize:
            x = [scaled_to_one(part, axis, 1e-7) for part, axis in zip(x, axes, strict=True)]
        rows, rests = [], []
        for part, axis in zip(x, axes, strict=True):
            rest = [a for a in range(1, part.ndim) if a != axis]
            rests.append([part.shape[a] for a in rest])
            last = moves.transpose(part, axes=[0, *rest, axis])
            size = math.prod(rests[-1])
            rows.append(moves.reshape(last, shape=(part.shape[0], size, part.shape[axis])))
        y = linalg.matmul(rows[0], moves.transpose(rows[1], axes=(0, 2, 1)))
        return moves.reshape(y, shape=(y.shape[0], *(rests[0] + rests[1] or [1])))


def scaled_to_one(x: Any, axis: Any, epsilon: float) -> Any:
    """Return a tensor divided by its lengths along an axis or several, at least `epsilon`."""
    squares = reductions.sum_(elementwise.square(x), axis=axis, keepdims=True)
    return elementwise.multiply(x, elementwise.minimum(elementwise.rsqrt(squares), 1.0 / epsilon))


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
        if any(len(shape) != rank for shape in shapes):
            raise self.misfit(shapes, "inputs must have as many axes each")
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


def average(inputs: Any, **kwargs: Any) -> Any:
    """Return ``Average(**kwargs)(inputs)``."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """Return ``Maximum(**kwargs)(inputs)``."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """Return ``Minimum(**kwargs)(inputs)``."""
    return Minimum(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """Return ``Multiply(**kwargs)(inputs)``, as Keras's function does.

    Examples
    --------
    >>> multiply([[[1.0, 2.0]], [[3.0, 4.0]]])
    array([[3., 8.]], dtype=float32)
    """
    return Multiply(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """Return ``Subtract(**kwargs)(inputs)``."""
    return Subtract(**kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """Return ``Dot(axes, **kwargs)(inputs)``."""
    return Dot(axes, **kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Return ``Concatenate(axis, **kwargs)(inputs)``, as Keras's function does.

    Examples
    --------
    >>> concatenate([[[1.0, 2.0]], [[3.0]]])
    array([[1., 2., 3.]], dtype=float32)
    """
    return Concatenate(axis, **kwargs)(inputs)
