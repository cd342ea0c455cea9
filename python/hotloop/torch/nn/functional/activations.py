"""Activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop.autodiff import elementwise as rules
from hotloop.torch import grad_mode
from hotloop.torch import pointwise as pw
from hotloop.torch import reductions as red
from hotloop.torch.core import Op, Tensor, apply, in_place, wrap
from hotloop.torch.creation import rng_of
from hotloop.torch.shaping import axis_of, chunk, reshape, transpose

sigmoid, tanh = pw.sigmoid, pw.tanh

_RELU = Op("ReluBackward0", rules.relu.forward, rules.relu.backward, "r")
_LEAKY = Op("LeakyReluBackward0", rules.leaky_relu.forward, rules.leaky_relu.backward, "a")
_ELU = Op("EluBackward0", rules.elu.forward, rules.elu.backward, "a")
_GELU = Op("GeluBackward0", rules.gelu.forward, rules.gelu.backward, "a")
_SILU = Op("SiluBackward0", rules.silu.forward, rules.silu.backward, "a")
_SOFTPLUS = Op("SoftplusBackward0", rules.softplus.forward, rules.softplus.backward, "a")


def called(op: Op, input: Tensor, inplace: bool, **options: Any) -> Any:
    """Call an activation, in place where that is wanted."""
    return (in_place if inplace else apply)(op, input, **options)


def relu(input: Tensor, inplace: bool = False) -> Any:
    """Return ``max(x, 0)``."""
    if input._array.dtype.kind == "f":
        return in_place(_RELU, input) if inplace else apply(_RELU, input)
    return pw.clamp_(input, 0) if inplace else pw.clamp(input, 0)


def relu_(input: Tensor) -> Any:
    """Set elements below 0 to 0."""
    return relu(input, True)


def _into(input: Tensor, answer: Any, inplace: bool) -> Any:
    return pw.copy_(input, answer) if inplace else answer


def relu6(input: Tensor, inplace: bool = False) -> Any:
    """Return ``min(max(x, 0), 6)``."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Any:
    """Return elements moved between bounds; at these the gradient is 0."""
    inside = wrap((input._array > min_val) & (input._array < max_val))
    answer = pw.where(inside, input, pw.clamp(input.detach(), min_val, max_val))
    return _into(input, answer, inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """Return ``x`` above 0, ``negative_slope x`` below."""
    return called(_LEAKY, input, inplace, alpha=float(negative_slope))


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Any:
    """`leaky_relu` in place."""
    return leaky_relu(input, negative_slope, True)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Any:
    """Return ``x`` above 0, ``alpha (exp(x) - 1)`` below."""
    return called(_ELU, input, inplace, alpha=float(alpha))


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Any:
    """Return ``x`` above 0, ``alpha (exp(x / alpha) - 1)`` below."""
    low = pw.mul(pw.expm1(pw.div(pw.clamp(input, max=0.0), alpha)), alpha)
    return _into(input, pw.add(pw.clamp(input, min=0.0), low), inplace)


def selu(input: Tensor, inplace: bool = False) -> Any:
    """Return the scaled ELU of Klambauer et al., 2017."""
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return _into(input, pw.mul(elu(input, alpha), scale), inplace)


def gelu(input: Tensor, approximate: str = "none") -> Any:
    """Return ``x`` times the normal distribution at ``x``; with ``"tanh"``, its approximation."""
    red.floats_alone("GeluKernelImpl", input)
    if approximate == "none":
        return apply(_GELU, input)
    if approximate != "tanh":
        msg = f"approximate argument must be either none or tanh, got {approximate!r}."
        raise RuntimeError(msg)
    inner = pw.mul(pw.add(input, pw.mul(pw.pow(input, 3), 0.044715)), math.sqrt(2 / math.pi))
    return pw.mul(pw.mul(input, 0.5), pw.add(pw.tanh(inner), 1.0))


def silu(input: Tensor, inplace: bool = False) -> Any:
    """Return ``x sigmoid(x)``."""
    return called(_SILU, input, inplace)


def mish(input: Tensor, inplace: bool = False) -> Any:
    """Return ``x tanh(softplus(x))``."""
    return _into(input, pw.mul(input, pw.tanh(softplus(input))), inplace)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """Return ``log(1 + exp(beta x)) / beta``; ``x`` above the threshold."""
    red.floats_alone("softplus_cpu", input)
    if beta == 1 and input._array.size and float(input._array.max()) <= threshold:
        return apply(_SOFTPLUS, input)
    scaled = pw.mul(input, beta)
    return pw.where(pw.gt(scaled, threshold), input, pw.div(apply(_SOFTPLUS, scaled), beta))


def logsigmoid(input: Tensor) -> Any:
    """Return ``log(sigmoid(x))``."""
    return pw.neg(apply(_SOFTPLUS, pw.neg(input)))


def softsign(input: Tensor) -> Any:
    """Return ``x / (1 + |x|)``."""
    return pw.div(input, pw.add(pw.abs(input), 1.0))


def tanhshrink(input: Tensor) -> Any:
    """Return ``x - tanh(x)``."""
    return pw.sub(input, pw.tanh(input))


def hardshrink(input: Tensor, lambd: float = 0.5) -> Any:
    """Return ``x`` outside of ``[-lambd, lambd]``, else 0."""
    return pw.where(pw.gt(pw.abs(input), lambd), input, 0.0)


def softshrink(input: Tensor, lambd: float = 0.5) -> Any:
    """Return ``x`` moved by `lambd` towards 0."""
    return pw.sub(input, pw.clamp(input, -lambd, lambd))


def hardsigmoid(input: Tensor, inplace: bool = False) -> Any:
    """Return ``relu6(x + 3) / 6``."""
    return _into(input, pw.div(relu6(pw.add(input, 3.0)), 6.0), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Any:
    """Return ``x relu6(x + 3) / 6``."""
    return _into(input, pw.mul(input, hardsigmoid(input)), inplace)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Any:
    """Return ``x`` above the threshold, else `value`."""
    return _into(input, pw.where(pw.gt(input, threshold), input, value), inplace)


def glu(input: Tensor, dim: int = -1) -> Any:
    """Return one half of an axis times the sigmoid of the other."""
    n = input._array.shape[axis_of(dim, input._array.ndim)]
    if n % 2:
        msg = f"Halving dimension must be even, but dimension {dim} is size {n}"
        raise RuntimeError(msg)
    a, b = chunk(input, 2, dim)
    return pw.mul(a, pw.sigmoid(b))


def prelu(input: Tensor, weight: Tensor) -> Any:
    """Return ``x`` above 0, ``weight x`` below; one weight, or one for each channel."""
    if weight._array.size > 1 and input._array.ndim > 1:
        weight = reshape(weight, 1, -1, *([1] * (input._array.ndim - 2)))
    return pw.where(pw.gt(input, 0), input, pw.mul(weight, input))


def softmax(input: Tensor, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """Return ``exp(x)`` over its sum along an axis."""
    return red.softmax(input, dim, dtype=dtype)


def log_softmax(input: Tensor, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """Return the logarithm of `softmax`."""
    return red.log_softmax(input, dim, dtype=dtype)


def softmin(input: Tensor, dim: Any = None, dtype: Any = None) -> Any:
    """Return `softmax` of ``-x``."""
    return softmax(pw.neg(input), dim, dtype=dtype)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, dim: int = -1) -> Any:
    """Return a sample of the Gumbel-softmax distribution; with `hard`, one-hot ahead."""
    drawn = rng_of(None).gumbel(size=logits._array.shape).astype(logits._array.dtype)
    soft_one = softmax(pw.div(pw.add(logits, wrap(drawn)), tau), dim)
    if not hard:
        return soft_one
    with grad_mode.no_grad():
        top = red.max(soft_one, dim, True)[1]
        places = np.zeros_like(soft_one._array)
        np.put_along_axis(places, top._array, 1, axis=dim)
    return pw.add(pw.sub(wrap(places), soft_one.detach()), soft_one)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """Return ``x / max(norm, eps)`` along an axis."""
    return pw.div(input, pw.clamp(red.norm(input, p, dim, True), min=eps))


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: Any = None,
) -> Any:
    """Return ``softmax(q k^T / sqrt(d) + mask) v``; Vaswani et al., 2017."""
    rows, columns = query._array.shape[-2], key._array.shape[-2]
    factor = 1 / math.sqrt(query._array.shape[-1]) if scale is None else scale
    scores = pw.mul(query, factor) @ transpose(key, -2, -1)
    if is_causal:
        attn_mask = wrap(np.tri(rows, columns, dtype=bool))
    if attn_mask is not None:
        if attn_mask._array.dtype.kind == "b":
            scores = pw.where(attn_mask, scores, -math.inf)
        else:
            scores = pw.add(scores, attn_mask)
    weights = softmax(scores, -1)
    if dropout_p > 0:
        kept = rng_of(None).random(weights._array.shape) >= dropout_p
        weights = pw.mul(weights, wrap((kept / (1 - dropout_p)).astype(weights._array.dtype)))
    return weights @ value
