"""Keras's ``backend``, usually imported as ``K``: tensor functions over `hotloop.ops`, names and formats.

What has a docstring of its own differs from the operation of its name.

Examples
--------
>>> from hotloop import backend as K
>>> K.mean(K.square([1.0, 2.0, 3.0]))
array(4.6666665, dtype=float32)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from hotloop import config, losses, ops, random
from hotloop._support.names import serve
from hotloop.config import check_data_format
from hotloop.config import floatx as floatx  # noqa: PLC0414  # also offered here
from hotloop.graph.symbol import Symbol

backend, epsilon, image_data_format = config.backend, config.epsilon, config.image_data_format
set_floatx, set_image_data_format = config.set_floatx, config.set_image_data_format
abs, all, any, arange = ops.abs, ops.all, ops.any, ops.arange
batch_normalization, cast, clip, cos, dot, dtype = (
    ops.batch_normalization,
    ops.cast,
    ops.clip,
    ops.cos,
    ops.dot,
    ops.dtype,
)
elu, equal, exp, expand_dims, eye = ops.elu, ops.equal, ops.exp, ops.expand_dims, ops.eye
greater, greater_equal, less, less_equal = ops.greater, ops.greater_equal, ops.less, ops.less_equal
hard_sigmoid, in_top_k, is_tensor = ops.hard_sigmoid, ops.in_top_k, ops.is_tensor
log, logsumexp, max, maximum, mean = ops.log, ops.logsumexp, ops.max, ops.maximum, ops.mean
min, minimum, ndim, not_equal, one_hot = ops.min, ops.minimum, ops.ndim, ops.not_equal, ops.one_hot
ones_like, pow, prod, reshape, round = (
    ops.ones_like,
    ops.power,
    ops.prod,
    ops.reshape,
    ops.round,
)
shape, sigmoid, sign, sin, softmax = ops.shape, ops.sigmoid, ops.sign, ops.sin, ops.softmax
softplus, softsign, square, squeeze, stack = (
    ops.softplus,
    ops.softsign,
    ops.square,
    ops.squeeze,
    ops.stack,
)
std, stop_gradient, sum, tanh, tile = ops.std, ops.stop_gradient, ops.sum, ops.tanh, ops.tile
transpose, var, zeros_like = ops.transpose, ops.var, ops.zeros_like
map_fn, reverse = ops.vectorized_map, ops.flip
random_normal, random_uniform, truncated_normal = (
    random.normal,
    random.uniform,
    random.truncated_normal,
)


def clear_session() -> None:
    """Do nothing: names of layers are counted in each model alone, and arrays go with their model.

    Examples
    --------
    >>> clear_session()
    """


def argmax(x: Any, axis: int = -1) -> Any:
    """Return the place of the maximum along an axis."""
    return ops.argmax(x, axis)


def argmin(x: Any, axis: int = -1) -> Any:
    """Return the place of the minimum along an axis."""
    return ops.argmin(x, axis)


def sqrt(x: Any) -> Any:
    """Return the square root; of what is negative, 0."""
    return ops.sqrt(ops.maximum(x, 0.0))


def cast_to_floatx(x: Any) -> Any:
    """Return `x` in the default float type."""
    return ops.cast(x, floatx())


def concatenate(tensors: Any, axis: int = -1) -> Any:
    """Return arrays one behind the other along an axis."""
    return ops.concatenate(tensors, axis)


def cumsum(x: Any, axis: int = 0) -> Any:
    """Return running sums along an axis."""
    return ops.cumsum(x, axis)


def cumprod(x: Any, axis: int = 0) -> Any:
    """Return running products along an axis."""
    return ops.cumprod(x, axis)


def flatten(x: Any) -> Any:
    """Return all elements in a row."""
    return ops.reshape(x, (-1,))


def batch_flatten(x: Any) -> Any:
    """Return each sample in a row."""
    return ops.reshape(x, (-1, math.prod(n or 0 for n in ops.shape(x)[1:])))


def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """Return sums of products over an axis of each sample of `x` and one of `y`.

    Examples
    --------
    >>> batch_dot([[1.0, 2.0]], [[3.0, 4.0]], axes=1)
    array([[11.]], dtype=float32)
    """
    ranks = ops.ndim(x), ops.ndim(y)
    if axes is None:
        axes = (ranks[0] - 1, 1 if ranks[1] == 2 else ranks[1] - 2)
    first, second = (axes, axes) if isinstance(axes, int) else axes
    first, second = first % ranks[0], second % ranks[1]
    if 0 in (first, second):
        msg = f"batch_dot: axes must not be the batch, got {axes}"
        raise ValueError(msg)
    letters = iter("bcdefghijklmnop")
    left, right = ["a"] * ranks[0], ["a"] * ranks[1]
    for names, taken in ((left, first), (right, second)):
        for i in range(1, len(names)):
            names[i] = "z" if i == taken else next(letters)
    rest = [name for name in (*left[1:], *right[1:]) if name != "z"]
    y = ops.einsum(f"{''.join(left)},{''.join(right)}->a{''.join(rest)}", x, y)
    return ops.expand_dims(y, -1) if not rest else y


def permute_dimensions(x: Any, pattern: Any) -> Any:
    """Return `x` with its axes in another order."""
    return ops.transpose(x, pattern)


def gather(reference: Any, indices: Any) -> Any:
    """Return rows by their places."""
    return ops.take(reference, indices, axis=0)


def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Any:
    """Return `x` plus a bias for each channel."""
    if check_data_format("bias_add", data_format) == "channels_first" and ops.ndim(x) > 2:
        bias = ops.reshape(bias, (-1, *(1,) * (ops.ndim(x) - 2)))
    return ops.add(x, bias)


def l2_normalize(x: Any, axis: Any = None) -> Any:
    """Return `x` over its length along an axis, or over that of all."""
    total = ops.sum(ops.square(x), axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(total, 1e-12)))


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """Return the rectifier of `x`: with a slope, a ceiling and a threshold."""
    low = ops.multiply(ops.subtract(x, threshold), alpha)
    y = ops.where(ops.greater(x, threshold), x, low)
    return y if max_value is None else ops.clip(y, 0.0, max_value)


def dropout(x: Any, level: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Return `x` with a share of `level` of its elements 0, the rest scaled up."""
    return random.dropout(x, level, noise_shape, seed)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """Return the loss of each element."""
    return ops.binary_crossentropy(target, output, from_logits)


def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """Return the loss along an axis."""
    return ops.categorical_crossentropy(target, output, from_logits, axis)


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """Return the loss along an axis of class ids."""
    return ops.sparse_categorical_crossentropy(target, output, from_logits, axis)


binary_focal_crossentropy = losses.binary_focal_crossentropy
categorical_focal_crossentropy = losses.categorical_focal_crossentropy


def repeat(x: Any, n: int) -> Any:
    """Return each row ``(N, F)`` `n` times: ``(N, n, F)``."""
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def repeat_elements(x: Any, rep: int, axis: int) -> Any:
    """Return each element along an axis `rep` times."""
    return ops.repeat(x, rep, axis=axis)


def resize_images(
    x: Any,
    height_factor: int,
    width_factor: int,
    data_format: str = "channels_last",
    interpolation: str = "nearest",
) -> Any:
    """Return images whose pixels are repeated."""
    if interpolation != "nearest":
        msg = f"resize_images: interpolation must be 'nearest', got {interpolation!r}; see layers.Resizing"
        raise ValueError(msg)
    first = 2 if check_data_format("resize_images", data_format) == "channels_first" else 1
    return ops.repeat(ops.repeat(x, height_factor, first), width_factor, first + 1)


def temporal_padding(x: Any, padding: Any = (1, 1)) -> Any:
    """Return sequences with zeros before and behind."""
    return ops.pad(x, ((0, 0), tuple(padding), (0, 0)))


def spatial_2d_padding(x: Any, padding: Any = ((1, 1), (1, 1)), data_format: Any = None) -> Any:
    """Return images with zeros around."""
    first = check_data_format("spatial_2d_padding", data_format) == "channels_first"
    around = [tuple(pair) for pair in padding]
    return ops.pad(x, ((0, 0), (0, 0), *around) if first else ((0, 0), *around, (0, 0)))


def conv1d(x: Any, kernel: Any, strides: int = 1, padding: str = "valid", **kwargs: Any) -> Any:
    """Return the convolution of sequences."""
    return ops.conv(x, kernel, strides, padding, **kwargs)


def conv2d(
    x: Any, kernel: Any, strides: Any = (1, 1), padding: str = "valid", **kwargs: Any
) -> Any:
    """Return the convolution of images."""
    return ops.conv(x, kernel, strides, padding, **kwargs)


def depthwise_conv2d(
    x: Any, depthwise_kernel: Any, strides: Any = (1, 1), padding: str = "valid", **kwargs: Any
) -> Any:
    """Return the convolution of each channel."""
    return ops.depthwise_conv(x, depthwise_kernel, strides, padding, **kwargs)


def pool2d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Any:
    """Return maxima or means of windows."""
    pool = ops.max_pool if pool_mode == "max" else ops.average_pool
    return pool(x, pool_size, strides, padding, data_format)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """Return elements of one or of the other, both arrays or functions that answer them."""
    pair = (x() if callable(x) else x for x in (then_expression, else_expression))
    return ops.where(condition, *pair)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """Return a new array of `value`."""
    del name
    array = np.asarray(value, dtype or floatx())
    return array.copy() if shape is None else np.broadcast_to(array, shape).copy()


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Return zeros."""
    del name
    return ops.zeros(shape, dtype or floatx())


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Return ones."""
    del name
    return ops.ones(shape, dtype or floatx())


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Any:
    """Return a new array of `value`, which `update` writes to."""
    del name, constraint
    return np.array(value, dtype or floatx())


def random_normal_variable(
    shape: Any,
    mean: float,
    scale: float,
    dtype: Any = None,
    name: str | None = None,
    seed: Any = None,
) -> Any:
    """Return a new array of normally distributed numbers."""
    del name
    return random.normal(shape, mean, scale, dtype, seed)


def random_uniform_variable(
    shape: Any,
    low: float,
    high: float,
    dtype: Any = None,
    name: str | None = None,
    seed: Any = None,
) -> Any:
    """Return a new array of numbers between two bounds."""
    del name
    return random.uniform(shape, low, high, dtype, seed)


def random_bernoulli(shape: Any, p: float = 0.0, dtype: Any = None, seed: Any = None) -> Any:
    """Return ones with a probability of `p`, else zeros."""
    return random.binomial(shape, 1, p, dtype, seed)


def int_shape(x: Any) -> tuple[int | None, ...]:
    """Return the shape, None for an open size.

    Examples
    --------
    >>> import hotloop as hl
    >>> int_shape(hl.Input((3,)))
    (None, 3)
    """
    return tuple(ops.shape(x))


def eval(x: Any) -> Any:
    """Return the values of `x`."""
    return ops.convert_to_numpy(x)


get_value = to_dense = eval


def batch_get_value(tensors: Iterable[Any]) -> list[Any]:
    """Return the values of each."""
    return [eval(x) for x in tensors]


def set_value(x: Any, value: Any) -> None:
    """Write `value` into a variable, such as ``model.optimizer.learning_rate``."""
    if hasattr(x, "assign"):
        x.assign(value)
    else:
        x[...] = value


def batch_set_value(tuples: Iterable[tuple[Any, Any]]) -> None:
    """Write values into variables."""
    for x, value in tuples:
        set_value(x, value)


def update(x: Any, new_x: Any) -> Any:
    """Write into a variable, and return it."""
    set_value(x, new_x)
    return x


def update_add(x: Any, increment: Any) -> Any:
    """Add to a variable, and return it."""
    return update(x, x + increment)


def update_sub(x: Any, decrement: Any) -> Any:
    """Subtract from a variable, and return it."""
    return update(x, x - decrement)


def moving_average_update(x: Any, value: Any, momentum: float) -> Any:
    """Move a variable towards `value`."""
    return update(x, x * momentum + value * (1.0 - momentum))


def count_params(x: Any) -> int:
    """Return how many elements there are."""
    return math.prod(n or 0 for n in ops.shape(x))


def is_keras_tensor(x: Any) -> bool:
    """Return whether `x` is what layers answer to an `Input`."""
    return isinstance(x, Symbol)


def is_sparse(tensor: Any) -> bool:
    """Return False: arrays are dense."""
    del tensor
    return False


def is_float_dtype(dtype: Any) -> bool:
    """Return whether `dtype` is one of floating point."""
    return standardize_dtype(dtype).startswith("float")


def is_int_dtype(dtype: Any) -> bool:
    """Return whether `dtype` is one of whole numbers."""
    return standardize_dtype(dtype).lstrip("u").startswith("int")


def standardize_dtype(dtype: Any) -> str:
    """Return the name of a dtype.

    Examples
    --------
    >>> standardize_dtype(None), standardize_dtype(float)
    ('float32', 'float32')
    """
    return ops.dtype(ops.zeros((), dtype))


def result_type(*dtypes: Any) -> str:
    """Return the dtype that arrays of these are computed in."""
    total = ops.zeros((), dtypes[0] if dtypes else None)
    for one in dtypes[1:]:
        total = ops.add(total, ops.zeros((), one))
    return ops.dtype(total)


def learning_phase() -> int:
    """Return 0: calls take ``training=`` instead."""
    return 0


class name_scope:
    """A block without effect: names of layers do not depend on it."""

    def __init__(self, name: str, **kwargs: Any) -> None:
        del kwargs
        self.name = name

    def __enter__(self) -> str:
        """Return the name."""
        return self.name

    def __exit__(self, *args: object) -> None:
        """Do nothing."""


_IMPORTED = {"Any", "Iterable", "Symbol", "check_data_format", "serve"}
__all__ = [
    name
    for name, value in list(vars().items())
    if callable(value) and not name.startswith("_") and name not in _IMPORTED
]

serve(__name__)
