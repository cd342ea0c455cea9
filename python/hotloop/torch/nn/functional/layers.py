"""Linear maps, convolutions, pools, normalisation, dropout and embeddings, over the core."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hotloop import _core
from hotloop.autodiff.rule import Array, Saved
from hotloop.torch import dtypes
from hotloop.torch import pointwise as pw
from hotloop.torch import reductions as red
from hotloop.torch.core import Op, Tensor, apply, in_place, one_call, wrap
from hotloop.torch.creation import rng_of
from hotloop.torch.indexing import EMBEDDING, getitem, index_select
from hotloop.torch.linalg import einsum
from hotloop.torch.shaping import cat, permute, reshape, squeeze, stack, unsqueeze

# -- linear ----------------------------------------------------------------------------------------


def _linear_forward(saved: Saved, x: Array, w: Array, b: Array | None = None) -> Array:
    """X (..., I), w (O, I), b (O,) -> (..., O)."""
    rows = x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
    y: Array = _core.matmul(rows, w, False, True)
    if b is not None:
        _core.add(y, b, y)
    if any(saved.needs):
        saved.rows, saved.w, saved.shape = rows, w, x.shape
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], w.shape[0])


def _linear_backward(saved: Saved, dy: Array) -> tuple[Array | None, ...]:
    d = dy if dy.ndim == 2 else dy.reshape(-1, dy.shape[-1])
    needs = saved.needs
    dx = _core.matmul(d, saved.w).reshape(saved.shape) if needs[0] else None
    dw = _core.matmul(d, saved.rows, True) if needs[1] else None
    if len(needs) == 2:
        return dx, dw
    return dx, dw, _core.sum(d, (0,), False) if needs[2] else None


_LINEAR = Op("AddmmBackward0", _linear_forward, _linear_backward, "AB")


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    """Return ``x w^T + b``.

    Parameters
    ----------
    input : Tensor
        (..., I).
    weight : Tensor
        (O, I).
    bias : Tensor, optional
        (O,).

    Raises
    ------
    RuntimeError
        For shapes and dtypes that do not fit.
    """
    x, w = input._array, weight._array
    if x.dtype is not w.dtype or x.dtype.char not in "fd":
        words = dtypes.WORDS
        msg = (
            "mat1 and mat2 must have the same dtype, but got "
            f"{words[x.dtype.char]} and {words[w.dtype.char]}"
        )
        raise RuntimeError(msg)
    if x.ndim == 0 or w.ndim != 2 or x.shape[-1] != w.shape[1]:
        rows = math.prod(x.shape[:-1])
        msg = (
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{x.shape[-1] if x.ndim else 1} and "
            f"{'x'.join(map(str, w.shape[::-1]))})"
        )
        raise RuntimeError(msg)
    if bias is None:
        return apply(_LINEAR, input, weight)
    return apply(_LINEAR, input, weight, bias)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    """Return ``x1 w x2 + b`` for each of the matrices ``w``."""
    y = einsum("...i,kij,...j->...k", input1, weight, input2)
    return y if bias is None else pw.add(y, bias)


# -- convolution -----------------------------------------------------------------------------------


def _pair(n: Any) -> tuple[int, int]:
    if isinstance(n, tuple | list):
        return (int(n[0]), int(n[-1]))
    return int(n), int(n)


def _conv_forward(
    saved: Saved, x: Array, w: Array, b: Array | None = None, **options: Any
) -> Array:
    """X (N, C, H, W), w (O, C / groups, KH, KW) -> (N, O, OH, OW)."""
    if any(saved.needs):
        saved.x, saved.w, saved.options = x, w, options
    return _core.conv2d(x, w, b, **options)


def _conv_backward(saved: Saved, dy: Array) -> Any:
    needs = saved.needs
    bias = len(needs) > 2 and needs[2]
    dx, dw, db = _core.conv2d_backward(
        dy, saved.x, saved.w, need_dx=needs[0], need_db=bias, **saved.options
    )
    return (dx, dw) if len(needs) == 2 else (dx, dw, db)


_CONV = Op("ConvolutionBackward0", _conv_forward, _conv_backward, "ab")


def _spread_forward(saved: Saved, x: Array, w: Array, *, size: Any, **options: Any) -> Array:
    """Run the way back of a convolution as a way forward: x (N, I, H, W), w (I, O / groups, KH, KW)."""
    saved.x, saved.w, saved.options = x, w, options
    image = np.zeros((x.shape[0], w.shape[1] * options["groups"], *size), x.dtype)
    return np.asarray(_core.conv2d_backward(x, image, w, need_db=False, **options)[0])


def _spread_backward(saved: Saved, dy: Array) -> Any:
    dx = _core.conv2d(dy, saved.w, None, **saved.options) if saved.needs[0] else None
    dw = None
    if saved.needs[1]:
        dw = _core.conv2d_backward(
            saved.x, dy, saved.w, need_dx=False, need_db=False, **saved.options
        )[1]
    return dx, dw


_SPREAD = Op("ConvolutionBackward0", _spread_forward, _spread_backward, "ab")


def _check_conv(name: str, input: Tensor, weight: Tensor, rank: int, channels: int) -> None:
    x, w = input._array, weight._array
    if x.dtype is not w.dtype or x.dtype.char not in "fd":
        words = dtypes.WORDS
        msg = (
            f"Input type ({words[x.dtype.char]}) and weight type ({words[w.dtype.char]}) should be "
            "the same"
        )
        raise RuntimeError(msg)
    if x.ndim not in (rank + 1, rank + 2):
        msg = (
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got "
            f"input of size: {list(x.shape)}"
        )
        raise RuntimeError(msg)
    if x.shape[-rank - 1] != channels:
        msg = (
            f"Given weight of size {list(w.shape)}, expected input{list(x.shape)} to have {channels} "
            f"channels, but got {x.shape[-rank - 1]} channels instead"
        )
        raise RuntimeError(msg)


def _run(op: Op, *inputs: Any, **options: Any) -> Any:
    try:
        return apply(op, *inputs, **options)
    except ValueError as error:
        raise RuntimeError(str(error)) from error


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Return the convolution of images (N, C, H, W) with kernels (O, C / groups, KH, KW).

    `padding` is a number, a pair, ``"valid"`` or ``"same"``.

    Raises
    ------
    RuntimeError
        For shapes and dtypes that do not fit.
    """
    _check_conv("conv2d", input, weight, 2, weight._array.shape[1] * groups)
    if input._array.ndim == 3:
        one = unsqueeze(input, 0)
        return squeeze(conv2d(one, weight, bias, stride, padding, dilation, groups), 0)
    if padding == "same" and _pair(stride) != (1, 1):
        msg = "padding='same' is not supported for strided convolutions"
        raise ValueError(msg)
    given = (input, weight) if bias is None else (input, weight, bias)
    return _run(
        _CONV,
        *given,
        stride=_pair(stride),
        padding=padding if isinstance(padding, str) else _pair(padding),
        dilation=_pair(dilation),
        groups=groups,
    )


def _flat(n: Any) -> tuple[int, int]:
    """Return a number for a row of one image."""
    return 1, int(n[0] if isinstance(n, tuple | list) else n)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Return the convolution of sequences (N, C, L) with kernels (O, C / groups, K)."""
    _check_conv("conv1d", input, weight, 1, weight._array.shape[1] * groups)
    pads = padding if isinstance(padding, str) else (0, _flat(padding)[1])
    y = conv2d(
        unsqueeze(input, -2),
        unsqueeze(weight, 2),
        bias,
        _flat(stride),
        pads,
        _flat(dilation),
        groups,
    )
    return squeeze(y, -2)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Return the transposed convolution of (N, I, H, W) with kernels (I, O / groups, KH, KW)."""
    _check_conv("conv_transpose2d", input, weight, 2, weight._array.shape[0])
    if input._array.ndim == 3:
        one = unsqueeze(input, 0)
        return squeeze(
            conv_transpose2d(one, weight, bias, stride, padding, output_padding, groups, dilation),
            0,
        )
    steps, pads, more, spread = map(_pair, (stride, padding, output_padding, dilation))
    if any(m >= max(s, d) for m, s, d in zip(more, steps, spread, strict=True)):
        msg = f"output padding must be smaller than either stride or dilation, but got {more}, {steps}, {spread}"
        raise RuntimeError(msg)
    x, w = input._array, weight._array
    size = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + m + 1
        for n, s, p, d, k, m in zip(
            x.shape[2:], steps, pads, spread, w.shape[2:], more, strict=True
        )
    )
    options = {"stride": steps, "padding": pads, "dilation": spread, "groups": groups}
    y = _run(_SPREAD, input, weight, size=size, **options)
    return y if bias is None else pw.add(y, reshape(bias, -1, 1, 1))


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Return the transposed convolution of sequences (N, I, L)."""
    pads, more = (0, _flat(padding)[1]), (0, _flat(output_padding)[1])
    one, kernel = unsqueeze(input, -2), unsqueeze(weight, 2)
    y = conv_transpose2d(one, kernel, bias, _flat(stride), pads, more, groups, _flat(dilation))
    return squeeze(y, -2)


# -- pools -----------------------------------------------------------------------------------------


def _max_forward(saved: Saved, x: Array, **options: Any) -> tuple[Array, Array]:
    y, places = _core.max_pool2d(x, **options)
    saved.shape, saved.places = x.shape, places
    return y, places


def _max_backward(saved: Saved, dy: Array, _: Any = None) -> tuple[Array]:
    return (_core.max_pool2d_backward(dy, saved.places, saved.shape),)


_MAX_POOL = Op("MaxPool2DWithIndicesBackward0", _max_forward, _max_backward)


def _avg_forward(saved: Saved, x: Array, **options: Any) -> Array:
    saved.shape, saved.options = x.shape, options
    return _core.avg_pool2d(x, **options)


def _avg_backward(saved: Saved, dy: Array) -> tuple[Array]:
    return (_core.avg_pool2d_backward(dy, saved.shape, **saved.options),)


_AVG_POOL = Op("AvgPool2DBackward0", _avg_forward, _avg_backward)


def _as_images(input: Tensor, rank: int) -> tuple[Any, Any]:
    """Return a batch of images, and what brings an answer back to the axes that came."""
    x, came = input, input._array.ndim
    if came not in (rank + 1, rank + 2):
        msg = f"expected {rank + 1}D or {rank + 2}D input, got shape {list(input._array.shape)}"
        raise RuntimeError(msg)
    if rank == 1:
        x = unsqueeze(x, -2)
    if came == rank + 1:
        x = unsqueeze(x, 0)

    def back(y: Any) -> Any:
        y = squeeze(y, 0) if came == rank + 1 else y
        return squeeze(y, -2) if rank == 1 else y

    return x, back


def _half(window: tuple[int, int], pads: tuple[int, int]) -> None:
    if any(p > k // 2 for p, k in zip(pads, window, strict=True)):
        msg = f"pad should be at most half of effective kernel size, but got pad={pads}, kernel_size={window}"
        raise RuntimeError(msg)


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the maximum of each window of (N, C, H, W); with `return_indices`, places too."""
    x, back = _as_images(input, 2)
    window, pads = _pair(kernel_size), _pair(padding)
    _half(window, pads)
    y, places = _run(
        _MAX_POOL,
        x,
        pool_size=window,
        stride=window if stride is None or stride == [] else _pair(stride),
        padding=pads,
        dilation=_pair(dilation),
        ceil_mode=ceil_mode,
    )
    return (back(y), back(places)) if return_indices else back(y)


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the maximum of each window of (N, C, L)."""
    x, back = _as_images(input, 1)
    step = None if stride is None or stride == [] else _flat(stride)
    pads = (0, _flat(padding)[1])
    found = max_pool2d(
        x, _flat(kernel_size), step, pads, _flat(dilation), ceil_mode, return_indices
    )
    return tuple(map(back, found)) if return_indices else back(found)


def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Any:
    """Return the mean of each window of (N, C, H, W)."""
    x, back = _as_images(input, 2)
    window, pads = _pair(kernel_size), _pair(padding)
    _half(window, pads)
    y = _run(
        _AVG_POOL,
        x,
        pool_size=window,
        stride=window if stride is None or stride == [] else _pair(stride),
        padding=pads,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad or divisor_override is not None,
    )
    if divisor_override is not None:
        y = pw.mul(y, math.prod(window) / divisor_override)
    return back(y)


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """Return the mean of each window of (N, C, L)."""
    x, back = _as_images(input, 1)
    step = None if stride is None or stride == [] else _flat(stride)
    pads = (0, _flat(padding)[1])
    return back(avg_pool2d(x, _flat(kernel_size), step, pads, ceil_mode, count_include_pad))


def _adaptive(input: Tensor, axis: int, n: int, reduce: Any) -> Any:
    """Return an axis reduced to `n` windows, which may overlap."""
    size = input._array.shape[axis]
    lead = (slice(None),) * axis
    parts = [
        reduce(getitem(input, (*lead, slice(i * size // n, -(-(i + 1) * size // n)))), axis)
        for i in range(n)
    ]
    return stack(parts, axis)


def _adapted(input: Tensor, output_size: Any, pool: Any, reduce: Any) -> Any:
    x, back = _as_images(input, 2)
    sizes = output_size if isinstance(output_size, tuple | list) else (output_size, output_size)
    own = x._array.shape[2:]
    wanted = [n if m is None else int(m) for n, m in zip(own, sizes, strict=True)]
    if all(m and n % m == 0 for n, m in zip(own, wanted, strict=True)):
        return back(pool(x, tuple(n // m for n, m in zip(own, wanted, strict=True))))
    return back(_adaptive(_adaptive(x, 2, wanted[0], reduce), 3, wanted[1], reduce))


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Any:
    """Return means over as many windows as `output_size` says."""
    return _adapted(input, output_size, avg_pool2d, red.mean)


def adaptive_max_pool2d(input: Tensor, output_size: Any) -> Any:
    """Return maxima over as many windows as `output_size` says."""
    return _adapted(input, output_size, max_pool2d, lambda x, axis: red.max(x, axis)[0])


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Any:
    """Return means over `output_size` windows of (N, C, L)."""
    n = output_size[0] if isinstance(output_size, tuple | list) else output_size
    return squeeze(adaptive_avg_pool2d(unsqueeze(input, -2), (1, n)), -2)


# -- normalisation ---------------------------------------------------------------------------------


def _norm_forward(
    saved: Saved, x: Array, gamma: Array, beta: Array, *, stats: Any, eps: float
) -> Array:
    mean, inv = stats
    y, mean, inv = _core.batch_norm(x, gamma, beta, mean, inv, True, 0.0, eps)
    saved.x, saved.gamma, saved.mean, saved.inv = x, gamma, mean, inv
    return y


def _norm_backward(saved: Saved, dy: Array) -> Any:
    return _core.batch_norm_backward(dy, saved.x, saved.gamma, saved.mean, saved.inv)


_BATCH_NORM = Op("NativeBatchNormBackward0", _norm_forward, _norm_backward, "ab", changes=True)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Return each channel with mean 0 and variance 1, times `weight`, plus `bias`.

    In training the running statistics move by `momentum` towards those of the batch (the variance
    with ``n - 1``); Ioffe and Szegedy, 2015.

    Raises
    ------
    ValueError
        For a single value a channel in training.
    """
    shape = input._array.shape
    if len(shape) < 2:
        msg = f"batch_norm: expected (N, C, ...), got shape {list(shape)}"
        raise ValueError(msg)
    c, kind = shape[1], input._array.dtype
    if not training:
        if running_mean is None or running_var is None:
            msg = "Expected running_mean and running_var to be defined when training=False"
            raise RuntimeError(msg)
        wide = (1, c, *([1] * (len(shape) - 2)))
        inv = pw.rsqrt(pw.add(running_var, eps))
        scale = inv if weight is None else pw.mul(weight, inv)
        shift = pw.neg(pw.mul(running_mean, scale))
        if bias is not None:
            shift = pw.add(shift, bias)
        return pw.add(pw.mul(input, reshape(scale, wide)), reshape(shift, wide))
    count = math.prod(shape) // c if c else 0
    if count <= 1:
        msg = f"Expected more than 1 value per channel when training, got input size torch.Size({list(shape)})"
        raise ValueError(msg)
    gamma = wrap(np.ones(c, kind)) if weight is None else weight
    beta = wrap(np.zeros(c, kind)) if bias is None else bias
    x = input if len(shape) in (2, 4) else reshape(input, shape[0], c, -1, 1)
    stats = np.zeros(c, kind), np.ones(c, kind)
    y = _run(_BATCH_NORM, x, gamma, beta, stats=stats, eps=float(eps))
    if running_mean is not None and running_var is not None:
        share = count / (count - 1)
        _follow(running_mean, stats[0], momentum)
        _follow(running_var, stats[1], momentum, share)
    return y if len(shape) in (2, 4) else reshape(y, shape)


@one_call
def _follow(running: Tensor, batch: Array, momentum: float, share: float = 1.0) -> None:
    """Move running statistics towards those of a batch."""
    own = running._array
    own[...] = own * (1 - momentum) + batch * (momentum * share)
    running._version[0] += 1


def _layer_forward(saved: Saved, x: Array, gamma: Array, beta: Array, *, eps: float) -> Array:
    y, mean, inv = _core.layer_norm(x, gamma, beta, eps)
    saved.x, saved.gamma, saved.mean, saved.inv = x, gamma, mean, inv
    return y


def _layer_backward(saved: Saved, dy: Array) -> Any:
    return _core.layer_norm_backward(dy, saved.x, saved.gamma, saved.mean, saved.inv)


_LAYER_NORM = Op("NativeLayerNormBackward0", _layer_forward, _layer_backward, "ab")


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Any:
    """Return the last axes with mean 0 and variance 1, times `weight`, plus `bias`."""
    given = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    shape, n = input._array.shape, math.prod(given)
    if shape[len(shape) - len(given) :] != given:
        msg = (
            f"Given normalized_shape={list(given)}, expected input with shape [*, "
            f"{', '.join(map(str, given))}], but got input of size{list(shape)}"
        )
        raise RuntimeError(msg)
    kind = input._array.dtype
    gamma = wrap(np.ones(n, kind)) if weight is None else reshape(weight, n)
    beta = wrap(np.zeros(n, kind)) if bias is None else reshape(bias, n)
    y = _run(_LAYER_NORM, reshape(input, -1, n), gamma, beta, eps=float(eps))
    return reshape(y, shape)


def _per_channel(y: Any, weight: Any, bias: Any) -> Any:
    wide = (1, -1, *([1] * (y._array.ndim - 2)))
    y = y if weight is None else pw.mul(y, reshape(weight, wide))
    return y if bias is None else pw.add(y, reshape(bias, wide))


def group_norm(
    input: Tensor, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Return groups of channels with mean 0 and variance 1; Wu and He, 2018."""
    shape = input._array.shape
    if shape[1] % num_groups:
        msg = f"Expected number of channels in input to be divisible by num_groups, got {list(shape)}, {num_groups}"
        raise RuntimeError(msg)
    rows = reshape(input, shape[0], num_groups, -1)
    y = reshape(layer_norm(rows, rows._array.shape[-1], eps=eps), shape)
    return _per_channel(y, weight, bias)


def instance_norm(
    input: Tensor,
    running_mean: Any = None,  # noqa: ARG001
    running_var: Any = None,  # noqa: ARG001
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,  # noqa: ARG001
    momentum: float = 0.1,  # noqa: ARG001
    eps: float = 1e-5,
) -> Any:
    """Return each channel of each sample with mean 0 and variance 1."""
    return group_norm(input, input._array.shape[1], weight, bias, eps)


def rms_norm(input: Tensor, normalized_shape: Any, weight: Any = None, eps: Any = None) -> Any:
    """Return the last axes over the root of their mean square, times `weight`."""
    axes = tuple(range(-len(normalized_shape), 0))
    small = float(np.finfo(input._array.dtype).eps) if eps is None else eps
    y = pw.mul(input, pw.rsqrt(pw.add(red.mean(pw.square(input), axes, True), small)))
    return y if weight is None else pw.mul(y, weight)


# -- dropout ---------------------------------------------------------------------------------------


def _drop_forward(saved: Saved, x: Array, *, rate: float) -> Array:
    seed = int(rng_of(None).integers(2**63))
    y, saved.mask = _core.dropout(x, rate, seed)
    saved.rate = rate
    return y


_DROPOUT = Op(
    "DropoutBackward0",
    _drop_forward,
    lambda s, dy: (_core.dropout_backward(dy, s.mask, s.rate),),
    changes=True,
)


def _rate(p: float) -> float:
    if not 0 <= p <= 1:
        msg = f"dropout probability has to be between 0 and 1, but got {p}"
        raise ValueError(msg)
    return float(p)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Return elements set to 0 with probability `p`, the others over ``1 - p``, in training."""
    if _rate(p) == 0 or not training:
        return input
    if p == 1:
        return (pw.mul_ if inplace else pw.mul)(input, 0.0)
    return (in_place if inplace else apply)(_DROPOUT, input, rate=float(p))


def _channels_dropped(rank: int) -> Any:
    def function(
        input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Any:
        if _rate(p) == 0 or not training:
            return input
        shape = input._array.shape
        lead = len(shape) - rank
        kept = rng_of(None).random((*shape[:lead], *([1] * rank))) >= p
        factor = kept / (1 - p) if p < 1 else np.zeros(kept.shape)
        mask = wrap(factor.astype(input._array.dtype))
        return (pw.mul_ if inplace else pw.mul)(input, mask)

    function.__name__ = f"dropout{rank}d"
    function.__doc__ = "Return whole channels set to 0 with probability `p`, in training."
    return function


dropout1d, dropout2d, dropout3d = map(_channels_dropped, (1, 2, 3))
feature_dropout = dropout2d


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Any:
    """Return a dropout that keeps mean and variance of SELU; Klambauer et al., 2017."""
    if _rate(p) == 0 or not training:
        return input
    alpha = -1.7580993408473766
    a = 1.0 / math.sqrt((alpha * alpha * p + 1) * (1 - p)) if p < 1 else 0.0
    kept = rng_of(None).random(input._array.shape) >= p
    kind = input._array.dtype
    low = wrap(((~kept) * (alpha * a) + alpha * a * (p - 1) * 1.0).astype(kind))
    y = pw.add(pw.mul(input, wrap((kept * a).astype(kind))), low)
    return pw.copy_(input, y) if inplace else y


# -- embeddings, padding, sizes --------------------------------------------------------------------


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: Any = None,
    norm_type: float = 2.0,  # noqa: ARG001
    scale_grad_by_freq: bool = False,
    sparse: bool = False,  # noqa: ARG001
) -> Any:
    """Return rows of `weight` (K, I) at whole numbers; no gradient for row `padding_idx`.

    Raises
    ------
    IndexError
        For numbers outside.
    NotImplementedError
        For `max_norm` and `scale_grad_by_freq`.
    """
    if max_norm is not None or scale_grad_by_freq:
        msg = "embedding: max_norm and scale_grad_by_freq are not there"
        raise NotImplementedError(msg)
    array = input._array
    if array.dtype.char not in "ilq":
        word = dtypes.WORDS[array.dtype.char]
        msg = (
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got torch.{word}Tensor instead (while checking arguments for embedding)"
        )
        raise RuntimeError(msg)
    if array.size and not (int(array.min()) >= 0 and int(array.max()) < weight._array.shape[0]):
        msg = "index out of range in self"
        raise IndexError(msg)
    rows = apply(EMBEDDING, weight, array, axis=0)
    if padding_idx is None:
        return rows
    unseen = wrap((array == padding_idx % weight._array.shape[0])[..., None])
    return pw.where(unseen, rows.detach(), rows) if unseen._array.any() else rows


def one_hot(tensor: Tensor, num_classes: int = -1) -> Any:
    """Return rows of 0 with a 1 at each whole number, as int64."""
    array = tensor._array
    if array.dtype.char not in "lq":
        msg = "one_hot is only applicable to index tensor of type LongTensor."
        raise RuntimeError(msg)
    n = int(array.max()) + 1 if num_classes == -1 else num_classes
    if array.size and (array.min() < 0 or array.max() >= n):
        msg = "Class values must be non-negative and smaller than num_classes."
        raise RuntimeError(msg)
    return wrap((array[..., None] == np.arange(n)).astype(np.int64))


_PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(input: Tensor, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    """Return the tensor with elements around: ``(left, right, top, bottom, ...)`` from the last axis on."""
    rank = input._array.ndim
    if len(pad) % 2 or len(pad) > 2 * rank:
        msg = f"Padding length must be divisible by 2 and at most twice the number of dimensions, got {list(pad)}"
        raise RuntimeError(msg)
    widths = [(0, 0)] * rank
    for i in range(len(pad) // 2):
        widths[rank - 1 - i] = (int(pad[2 * i]), int(pad[2 * i + 1]))
    if any(n < 0 for pair in widths for n in pair):
        index = tuple(
            slice(max(0, -low), n + min(0, high) if high < 0 else None)
            for (low, high), n in zip(widths, input._array.shape, strict=True)
        )
        input = getitem(input, index)
        widths = [(max(0, low), max(0, high)) for low, high in widths]
    if mode == "constant":
        for axis, (low, high) in enumerate(widths):
            parts = []
            for n in (low, None, high):
                shape = list(input._array.shape)
                if n is not None:
                    shape[axis] = n
                parts.append(
                    input if n is None else wrap(np.full(shape, value or 0, input._array.dtype))
                )
            if low or high:
                input = cat([p for p in parts if p._array.shape[axis]], axis)
        return input
    if mode not in _PAD_MODES:
        msg = f"Unrecognised padding mode {mode}"
        raise NotImplementedError(msg)
    for axis, (low, high) in enumerate(widths):
        if low or high:
            n = input._array.shape[axis]
            if mode == "reflect" and max(low, high) >= n:
                msg = (
                    "Argument #4: Padding size should be less than the corresponding input dimension, "
                    f"but got: padding ({low}, {high}) at dimension {axis} of input {list(input._array.shape)}"
                )
                raise RuntimeError(msg)
            order = np.pad(np.arange(n), (low, high), _PAD_MODES[mode])  # type: ignore[call-overload]
            input = index_select(input, axis, wrap(order))
    return input


def _between(n: int, m: int, mode: str, corners: bool, scale: Any) -> Array:
    """Return the matrix (m, n) that interpolates an axis of n to one of m."""
    if corners:
        at = np.arange(m) * ((n - 1) / (m - 1) if m > 1 else 0.0)
    else:
        at = (np.arange(m) + 0.5) * (n / m if scale is None else 1 / scale) - 0.5
    table = np.zeros((m, n))
    rows = np.arange(m)
    if mode == "linear":
        at = np.clip(at, 0, None)
        low = np.minimum(np.floor(at).astype(int), n - 1)
        share = at - low
        np.add.at(table, (rows, low), 1 - share)
        np.add.at(table, (rows, np.minimum(low + 1, n - 1)), share)
        return table
    low = np.floor(at).astype(int)
    a = -0.75
    for k in range(-1, 3):
        d = np.abs(at - low - k)
        near = (a + 2) * d**3 - (a + 3) * d**2 + 1
        far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
        np.add.at(table, (rows, np.clip(low + k, 0, n - 1)), np.where(d <= 1, near, far))
    return table


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """Return sequences or images in another size: ``nearest``, ``linear``, ``bilinear``, ``bicubic``, ``area``.

    Raises
    ------
    NotImplementedError
        For other modes, and `antialias`.
    """
    own = input._array.shape[2:]
    rank = len(own)
    scales: list[Any] = [None] * rank
    if size is not None:
        wanted = list(size) if isinstance(size, tuple | list) else [size] * rank
    elif scale_factor is not None:
        given = (
            list(scale_factor) if isinstance(scale_factor, tuple | list) else [scale_factor] * rank
        )
        wanted = [math.floor(n * s) for n, s in zip(own, given, strict=True)]
        scales = [None] * rank if recompute_scale_factor else given
    else:
        msg = "either size or scale_factor should be defined"
        raise ValueError(msg)
    kinds = {"linear": (1, "linear"), "bilinear": (2, "linear"), "bicubic": (2, "cubic")}
    if antialias or (mode not in kinds and mode not in ("nearest", "nearest-exact", "area")):
        msg = f"interpolate: mode {mode!r} (antialias={antialias}) is not there"
        raise NotImplementedError(msg)
    if mode == "area":
        return adaptive_avg_pool2d(input, tuple(wanted))
    y = input
    for i, (n, m, s) in enumerate(zip(own, wanted, scales, strict=True)):
        axis = i + 2
        if mode.startswith("nearest"):
            step = n / m if s is None else 1 / s
            more = 0.5 if mode == "nearest-exact" else 0.0
            places = np.minimum(np.floor((np.arange(m) + more) * np.float32(step)), n - 1)
            y = index_select(y, axis, wrap(places.astype(np.int64)))
            continue
        if kinds[mode][0] != rank:
            msg = f"Got {rank + 2}D input, but {mode} mode needs {kinds[mode][0] + 2}D input"
            raise NotImplementedError(msg)
        table = wrap(_between(n, m, kinds[mode][1], bool(align_corners), s).astype(y._array.dtype))
        letters = "nchw"[: rank + 2]
        y = einsum(f"{letters},z{letters[axis]}->{letters.replace(letters[axis], 'z')}", y, table)
    return y


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Any:
    """Return (N, C r r, H, W) as (N, C, H r, W r)."""
    n, c, h, w = input._array.shape
    r = upscale_factor
    y = permute(reshape(input, n, c // (r * r), r, r, h, w), 0, 1, 4, 2, 5, 3)
    return reshape(y, n, c // (r * r), h * r, w * r)


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """Return the windows of (N, C, H, W) as columns: (N, C KH KW, L)."""
    n, c = input._array.shape[:2]
    kh, kw = _pair(kernel_size)
    eye = wrap(
        np.tile(np.eye(kh * kw, dtype=input._array.dtype).reshape(-1, 1, kh, kw), (c, 1, 1, 1))
    )
    y = conv2d(input, eye, None, stride, padding, dilation, c)
    return reshape(y, n, c * kh * kw, -1)
