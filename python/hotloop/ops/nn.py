"""Functions of neural networks: activations, losses of elements, normalization, windows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop.autodiff import elementwise as pointwise
from hotloop.autodiff import linalg as products
from hotloop.autodiff import nn as rules
from hotloop.autodiff import reductions as sums
from hotloop.autodiff import shapes as shape_rules
from hotloop.ops.core import cast, dtype_of, ndim, shape
from hotloop.ops.elementwise import _float
from hotloop.ops.linalg import norm
from hotloop.ops.reductions import var
from hotloop.ops.shapes import repeat, split, squeeze

EPSILON = 1e-7


def relu(x: Any) -> Any:
    """Return ``max(x, 0)``.

    Examples
    --------
    >>> relu([-1.0, 2.0])
    array([0., 2.], dtype=float32)
    """
    return pointwise.relu(x)


def relu6(x: Any) -> Any:
    """Return ``min(max(x, 0), 6)``."""
    return pointwise.minimum(pointwise.relu(x), 6.0)


def sigmoid(x: Any) -> Any:
    """Return ``1 / (1 + exp(-x))``."""
    return pointwise.sigmoid(x)


def softplus(x: Any) -> Any:
    """Return ``log(1 + exp(x))``, without overflow."""
    return pointwise.softplus(x)


def softsign(x: Any) -> Any:
    """Return ``x / (1 + |x|)``."""
    x = _float(x)
    return pointwise.divide(x, pointwise.add(pointwise.absolute(x), 1.0))


def silu(x: Any) -> Any:
    """Return ``x * sigmoid(x)``, also called swish."""
    return pointwise.silu(x)


swish = silu


def log_sigmoid(x: Any) -> Any:
    """Return ``log(sigmoid(x))``, without overflow."""
    return pointwise.negative(pointwise.softplus(pointwise.negative(x)))


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """Return `x` where it is positive, else ``negative_slope * x``."""
    return pointwise.leaky_relu(x, alpha=float(negative_slope))


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return `x` where it is positive, else ``alpha * (exp(x) - 1)``."""
    return pointwise.elu(x, alpha=float(alpha))


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def selu(x: Any) -> Any:
    """Return the scaled exponential unit, which keeps mean and variance (Klambauer et al., 2017)."""
    return pointwise.multiply(pointwise.elu(x, alpha=_SELU_ALPHA), _SELU_SCALE)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """Return `x` where it is positive, else ``alpha * (exp(x / alpha) - 1)``."""
    x = _float(x)
    low = pointwise.minimum(x, 0.0)
    curve = pointwise.multiply(pointwise.expm1(pointwise.divide(low, alpha)), alpha)
    return pointwise.where(pointwise.greater(x, 0), x, curve)


def gelu(x: Any, approximate: bool = True) -> Any:
    """Return ``x * P(X <= x)`` for a standard normal X; by Keras's default approximated by tanh."""
    if not approximate:
        return pointwise.gelu(x)
    x = _float(x)
    cubic = pointwise.add(x, pointwise.multiply(pointwise.power(x, 3), 0.044715))
    gate = pointwise.tanh(pointwise.multiply(cubic, math.sqrt(2.0 / math.pi)))
    return pointwise.multiply(pointwise.multiply(x, 0.5), pointwise.add(gate, 1.0))


def hard_sigmoid(x: Any) -> Any:
    """Return ``x / 6 + 1 / 2`` within [0, 1]."""
    return pointwise.clip(pointwise.add(pointwise.divide(x, 6.0), 0.5), 0.0, 1.0)


def hard_silu(x: Any) -> Any:
    """Return ``x * hard_sigmoid(x)``."""
    return pointwise.multiply(x, hard_sigmoid(x))


hard_swish = hard_silu


def hard_tanh(x: Any) -> Any:
    """Return `x` within [-1, 1]."""
    return pointwise.clip(_float(x), -1.0, 1.0)


def tanh_shrink(x: Any) -> Any:
    """Return ``x - tanh(x)``."""
    return pointwise.subtract(x, pointwise.tanh(x))


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Return `x` where it is farther than `threshold` from 0, else 0."""
    return pointwise.where(pointwise.greater(pointwise.absolute(x), threshold), x, 0.0)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Return `x` moved towards 0 by `threshold`, and 0 where it is nearer than that."""
    x = _float(x)
    low = pointwise.minimum(pointwise.add(x, threshold), 0.0)
    return pointwise.add(low, pointwise.maximum(pointwise.subtract(x, threshold), 0.0))


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """Return `x` where it is larger than `threshold`, else `default_value`."""
    return pointwise.where(pointwise.greater(x, threshold), x, default_value)


def squareplus(x: Any, b: float = 4) -> Any:
    """Return ``(x + sqrt(x ** 2 + b)) / 2``."""
    x = _float(x)
    root = pointwise.sqrt(pointwise.add(pointwise.square(x), float(b)))
    return pointwise.multiply(pointwise.add(x, root), 0.5)


def sparse_plus(x: Any) -> Any:
    """Return 0 below -1, `x` above 1, and ``(x + 1) ** 2 / 4`` between."""
    x = _float(x)
    between = pointwise.multiply(pointwise.square(pointwise.add(x, 1.0)), 0.25)
    upper = pointwise.where(pointwise.greater_equal(x, 1.0), x, between)
    return pointwise.where(pointwise.less_equal(x, -1.0), 0.0, upper)


def sparse_sigmoid(x: Any) -> Any:
    """Return ``(x + 1) / 2`` within [0, 1]."""
    return pointwise.clip(pointwise.multiply(pointwise.add(x, 1.0), 0.5), 0.0, 1.0)


def glu(x: Any, axis: int = -1) -> Any:
    """Return the first half along an axis times the sigmoid of the second."""
    if (shape(x)[axis] or 0) % 2:
        msg = f"glu: axis {axis} of shape {shape(x)} must have an even size"
        raise ValueError(msg)
    first, second = split(x, 2, axis)
    return pointwise.multiply(first, pointwise.sigmoid(second))


def softmax(x: Any, axis: Any = -1) -> Any:
    """Return ``exp(x) / sum(exp(x))`` along an axis, or over several.

    Examples
    --------
    >>> softmax([0.0, 0.0])
    array([0.5, 0.5], dtype=float32)
    """
    return _over_axes(rules.softmax, x, axis)


def sparsemax(x: Any, axis: int = -1) -> Any:
    """Return the nearest point of the simplex, ``max(x - tau, 0)`` (Martins and Astudillo, 2016)."""
    x = _float(x)
    falling = pointwise.negative(shape_rules.sort(pointwise.negative(x), axis=axis))
    place = sums.axes_of("sparsemax", axis, ndim(x))[0]
    counts = np.arange(1, (shape(x)[place] or 0) + 1, dtype=dtype_of(x))
    counts = counts.reshape([-1 if i == place else 1 for i in range(ndim(x))])
    above = pointwise.subtract(sums.cumsum(falling, axis=axis), 1.0)
    inside = pointwise.less(pointwise.divide(above, counts), falling)
    total = sums.sum_(pointwise.where(inside, falling, 0.0), axis=axis, keepdims=True)
    number = sums.sum_(inside, axis=axis, keepdims=True)
    tau = pointwise.divide(pointwise.subtract(total, 1.0), number)
    return pointwise.relu(pointwise.subtract(x, tau))


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """Return ``x - logsumexp(x)`` along an axis, or over several."""
    return _over_axes(rules.log_softmax, x, axis)


def _over_axes(rule: Any, x: Any, axis: Any) -> Any:
    if not isinstance(axis, list | tuple):
        return rule(x, axis=-1 if axis is None else axis)
    rank, sizes = ndim(x), shape(x)
    axes = sums.axes_of("softmax", axis, rank)
    rest = [i for i in range(rank) if i not in axes]
    order = [*rest, *axes]
    moved = shape_rules.transpose(x, axes=order)
    flat = shape_rules.reshape(moved, shape=(*(sizes[i] for i in rest), -1))
    y = shape_rules.reshape(rule(flat, axis=-1), shape=tuple(sizes[i] for i in order))
    return shape_rules.transpose(y, axes=[int(i) for i in np.argsort(order)])


def one_hot(
    x: Any,
    num_classes: int,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,  # noqa: ARG001
) -> Any:
    """Return rows with a 1 at each class id; ids outside the classes give zeros.

    Examples
    --------
    >>> one_hot([0, 2], 3)
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    ids = shape_rules.getitem(x, index=(Ellipsis, None))
    rows = cast(pointwise.equal(ids, np.arange(num_classes)), dtype)
    if axis in (-1, ndim(rows) - 1):
        return rows
    order = list(range(ndim(rows) - 1))
    order.insert(axis % ndim(rows), ndim(rows) - 1)
    return shape_rules.transpose(rows, axes=order)


def multi_hot(
    inputs: Any,
    num_classes: int,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,  # noqa: ARG001
) -> Any:
    """Return rows with a 1 at every class id of a sample."""
    rows = one_hot(inputs, num_classes, axis, dtype)
    return sums.max_(rows, axis=1 if ndim(inputs) > 1 else 0, keepdims=False)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """Return ``-t log(p) - (1 - t) log(1 - p)``, element by element.

    Parameters
    ----------
    target, output : array_like, Tensor or symbol
        Targets and probabilities (or logits) of one shape.
    from_logits : bool
        Whether `output` are logits; probabilities are clipped to [1e-7, 1 - 1e-7].
    """
    _same("binary_crossentropy", target, output)
    if from_logits:
        # softplus(z) - t z, without overflow
        return pointwise.subtract(pointwise.softplus(output), pointwise.multiply(target, output))
    p = pointwise.clip(_float(output), EPSILON, 1.0 - EPSILON)
    first = pointwise.multiply(target, pointwise.log(p))
    second = pointwise.multiply(
        pointwise.subtract(1.0, target), pointwise.log(pointwise.subtract(1.0, p))
    )
    return pointwise.negative(pointwise.add(first, second))


def _same(name: str, target: Any, output: Any) -> None:
    if shape(target) != shape(output):
        msg = f"{name}: target and output must have one shape, got {shape(target)} and {shape(output)}"
        raise ValueError(msg)


def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """Return ``-sum(t log(p))`` along an axis; probabilities are divided by their sum and clipped."""
    _same("categorical_crossentropy", target, output)
    logs = _log_probabilities(output, from_logits, axis)
    return pointwise.negative(
        sums.sum_(pointwise.multiply(target, logs), axis=axis, keepdims=False)
    )


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """Return ``-log(p[t])`` for class ids `target`, which have no axis of classes, or one of 1."""
    ids = target
    if ndim(ids) == ndim(output) and shape(ids)[axis] == 1:
        ids = squeeze(ids, axis)
    logs = _log_probabilities(output, from_logits, axis)
    classes = shape(output)[axis]
    rows = one_hot(ids, int(classes or 0), axis, dtype_of(logs))
    return pointwise.negative(sums.sum_(pointwise.multiply(rows, logs), axis=axis, keepdims=False))


def _log_probabilities(output: Any, from_logits: bool, axis: int) -> Any:
    if from_logits:
        return rules.log_softmax(output, axis=axis)
    total = sums.sum_(output, axis=axis, keepdims=True)
    share = pointwise.divide(output, total)
    return pointwise.log(pointwise.clip(share, EPSILON, 1.0 - EPSILON))


def moments(
    x: Any,
    axes: Any,
    keepdims: bool = False,
    synchronized: bool = False,  # noqa: ARG001
) -> tuple[Any, Any]:
    """Return mean and variance over axes."""
    return sums.mean(x, axis=axes, keepdims=keepdims), var(x, axes, keepdims)


def normalize(x: Any, axis: Any = -1, order: float = 2, epsilon: float | None = None) -> Any:
    """Return `x` divided by its norm along an axis, which is no smaller than `epsilon`."""
    least = EPSILON if epsilon is None else epsilon
    if order == 2:
        total = sums.sum_(pointwise.square(x), axis=axis, keepdims=True)
        return pointwise.multiply(x, pointwise.rsqrt(pointwise.maximum(total, least * least)))
    return pointwise.divide(x, pointwise.maximum(norm(x, order, axis, keepdims=True), least))


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
) -> Any:
    """Return ``(x - mean) / sqrt(variance + epsilon) * scale + offset``, each along `axis`."""
    sizes = [1] * ndim(x)
    sizes[axis] = -1

    def along(v: Any) -> Any:
        return shape_rules.reshape(v, shape=tuple(sizes))

    inverse = pointwise.rsqrt(pointwise.add(along(variance), epsilon))
    if scale is not None:
        inverse = pointwise.multiply(inverse, along(scale))
    y = pointwise.multiply(pointwise.subtract(x, along(mean)), inverse)
    return y if offset is None else pointwise.add(y, along(offset))


def layer_normalization(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    axis: Any = -1,
    epsilon: float | None = None,
    rms_scaling: bool = False,  # noqa: ARG001
) -> Any:
    """Return `x` less its mean, over its standard deviation, times `gamma`, plus `beta`."""
    least = 1e-3 if epsilon is None else epsilon
    mean, variance = moments(x, axis, keepdims=True)
    y = pointwise.multiply(
        pointwise.subtract(x, mean), pointwise.rsqrt(pointwise.add(variance, least))
    )
    y = y if gamma is None else pointwise.multiply(y, gamma)
    return y if beta is None else pointwise.add(y, beta)


def rms_normalization(
    x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None
) -> Any:
    """Return `x` over the root of its mean square, times `scale` (Zhang and Sennrich, 2019)."""
    least = EPSILON if epsilon is None else epsilon
    square = sums.mean(pointwise.square(x), axis=axis, keepdims=True)
    y = pointwise.multiply(x, pointwise.rsqrt(pointwise.add(square, least)))
    return y if scale is None else pointwise.multiply(y, scale)


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,  # noqa: ARG001
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """Return attention over ``(batch, time, heads, size)``: softmax of scaled products, times values."""
    width = shape(query)[-1] or 1
    factor = 1.0 / math.sqrt(width) if scale is None else scale
    heads, groups = shape(query)[2] or 1, shape(key)[2] or 1
    if heads != groups:
        key, value = (repeat(part, heads // groups, axis=2) for part in (key, value))
    logits = pointwise.multiply(products.einsum(query, key, subscripts="btnh,bsnh->bnts"), factor)
    if attn_logits_soft_cap is not None:
        cap = attn_logits_soft_cap
        logits = pointwise.multiply(pointwise.tanh(pointwise.divide(logits, cap)), cap)
    if bias is not None:
        logits = pointwise.add(logits, bias)
    lowest = float(np.finfo(dtype_of(logits)).max) * -0.7
    if is_causal:
        t, s = shape(query)[1] or 0, shape(key)[1] or 0
        logits = pointwise.where(np.tri(t, s, dtype=bool), logits, lowest)
    if mask is not None:
        logits = pointwise.where(mask, logits, lowest)
    return products.einsum(rules.softmax(logits, axis=-1), value, subscripts="bnts,bsnh->btnh")


def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """Return the peak signal-to-noise ratio in decibels."""
    error = sums.mean(pointwise.square(pointwise.subtract(x1, x2)), axis=None, keepdims=False)
    ratio = pointwise.divide(max_val * max_val, error)
    return pointwise.multiply(pointwise.log10(ratio), 10.0)
