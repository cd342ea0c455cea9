"""JAX's operations under the names of ``hotloop.functional``; each is compiled as a whole.

An entry takes the job and its arrays by name and gives the outputs of the reference, None for one
that JAX does not produce.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

from peers.base import OpJob

Arrays: TypeAlias = Mapping[str, Any]


def _unary(function: Callable[[Any], Any]) -> Callable[[OpJob, Arrays], list[Any]]:
    return lambda _job, arrays: [function(arrays["x"])]


def _binary(function: Callable[[Any, Any], Any]) -> Callable[[OpJob, Arrays], list[Any]]:
    return lambda job, arrays: [function(*(arrays[name] for name in job.args))]


def _matmul(job: OpJob, arrays: Arrays) -> list[Any]:
    a, b = arrays["a"], arrays["b"]
    a = a.T if job.params.get("transpose_a") else a
    return [a @ (b.T if job.params.get("transpose_b") else b)]


def _affine(job: OpJob, arrays: Arrays) -> list[Any]:
    y = arrays["x"] @ arrays["w"] + arrays["b"]
    activations = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh}
    name = job.params.get("activation")
    return [activations[name](y) if name else y]


def _convolve(job: OpJob, x: Any, w: Any) -> Any:
    def pair(value: Any) -> tuple[int, int]:
        return (value, value) if isinstance(value, int) else tuple(value)

    padding = [(p, p) for p in pair(job.params.get("padding", 0))]
    return lax.conv_general_dilated(
        x,
        w,
        pair(job.params.get("stride", 1)),
        padding,
        rhs_dilation=pair(job.params.get("dilation", 1)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=job.params.get("groups", 1),
    )


def _conv2d(job: OpJob, arrays: Arrays) -> list[Any]:
    return [_convolve(job, arrays["x"], arrays["w"]) + arrays["b"]]


def _conv2d_backward(job: OpJob, arrays: Arrays) -> list[Any]:
    x, w, dy = arrays["x"], arrays["w"], arrays["dy"]
    (dw,) = jax.vjp(lambda v: _convolve(job, x, v), w)[1](dy)
    found = [dw]
    if job.params.get("need_dx", True):
        (dx,) = jax.vjp(lambda v: _convolve(job, v, w), x)[1](dy)
        found = [dx, dw]
    return [*found, dy.sum((0, 1, 2))] if job.params.get("need_db", True) else found


def _window(size: int) -> tuple[int, int, int, int]:
    return (1, size, size, 1)


def _max_pool(x: Any, size: int) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, _window(size), _window(size), "VALID")


def _avg_pool(x: Any, size: int) -> Any:
    total = lax.reduce_window(x, 0.0, lax.add, _window(size), _window(size), "VALID")
    return total / (size * size)


def _pool_backward(function: Callable[[Any, int], Any]) -> Callable[[OpJob, Arrays], list[Any]]:
    def entry(job: OpJob, arrays: Arrays) -> list[Any]:
        size = job.saved["pool_size"]
        return list(jax.vjp(lambda v: function(v, size), arrays["x"])[1](arrays["dy"]))

    return entry


def _batch_norm(job: OpJob, arrays: Arrays) -> list[Any]:
    x = arrays["x"]
    axes = tuple(range(x.ndim - 1))
    training = job.params["training"]
    mean = x.mean(axes) if training else arrays["running_mean"]
    var = x.var(axes) if training else arrays["running_var"]
    inv_std = lax.rsqrt(var + 1e-5)
    y = (x - mean) * (inv_std * arrays["gamma"]) + arrays["beta"]
    if not training:
        return [y]
    running = [
        0.9 * arrays[name] + 0.1 * batch
        for name, batch in (("running_mean", mean), ("running_var", var))
    ]
    return [y, mean, inv_std, *running]


def _batch_norm_backward(_job: OpJob, arrays: Arrays) -> list[Any]:
    dy, x, gamma = arrays["dy"], arrays["x"], arrays["gamma"]
    axes = tuple(range(x.ndim - 1))
    normal = (x - arrays["mean"]) * arrays["inv_std"]
    dgamma, dbeta = (dy * normal).sum(axes), dy.sum(axes)
    count = x.size // x.shape[-1]
    dx = gamma * arrays["inv_std"] * (dy - dbeta / count - normal * dgamma / count)
    return [dx, dgamma, dbeta]


def _layer_norm(_job: OpJob, arrays: Arrays) -> list[Any]:
    x = arrays["x"]
    mean, inv_std = x.mean(-1), lax.rsqrt(x.var(-1) + 1e-5)
    normal = (x - mean[:, None]) * inv_std[:, None]
    return [normal * arrays["gamma"] + arrays["beta"], mean, inv_std]


def _layer_norm_backward(_job: OpJob, arrays: Arrays) -> list[Any]:
    dy, x = arrays["dy"], arrays["x"]
    inv_std = arrays["inv_std"][:, None]
    normal = (x - arrays["mean"][:, None]) * inv_std
    scaled = dy * arrays["gamma"]
    along = (scaled * normal).mean(-1, keepdims=True)
    dx = inv_std * (scaled - scaled.mean(-1, keepdims=True) - normal * along)
    return [dx, (dy * normal).sum(0), dy.sum(0)]


def _cross_entropy(_job: OpJob, arrays: Arrays) -> list[Any]:
    log_probs = jax.nn.log_softmax(arrays["logits"])
    picked = jnp.take_along_axis(log_probs, arrays["labels"][:, None], axis=1)
    return [-picked.mean(), jnp.exp(log_probs)]


def _cross_entropy_backward(_job: OpJob, arrays: Arrays) -> list[Any]:
    probs, labels = arrays["probs"], arrays["labels"]
    wanted = labels[:, None] == jnp.arange(probs.shape[1])
    return [(probs - wanted) / len(probs)]


def _binary_cross_entropy(logits: Any, targets: Any) -> Any:
    return (jnp.maximum(logits, 0) - logits * targets + jnp.log1p(jnp.exp(-abs(logits)))).mean()


def _dropout(job: OpJob, arrays: Arrays) -> list[Any]:
    x, rate = arrays["x"], job.args["rate"]
    mask = jax.random.bernoulli(jax.random.key(job.params["seed"]), 1.0 - rate, x.shape)
    return [jnp.where(mask, x / (1.0 - rate), 0), mask.astype(jnp.uint8)]


def _dropout_backward(job: OpJob, arrays: Arrays) -> list[Any]:
    return [jnp.where(arrays["mask"] != 0, arrays["dy"] / (1.0 - job.args["rate"]), 0)]


# Their outputs depend on the library's own random numbers and cannot agree.
RANDOM = frozenset({"dropout"})

OPS: dict[str, Callable[[OpJob, Arrays], list[Any]]] = {
    "matmul": _matmul,
    "affine": _affine,
    "relu": _unary(jax.nn.relu),
    "relu_backward": _binary(lambda dy, y: jnp.where(y > 0, dy, 0)),
    "leaky_relu": _unary(jax.nn.leaky_relu),
    "leaky_relu_backward": _binary(lambda dy, y: jnp.where(y > 0, dy, 0.01 * dy)),
    "elu": _unary(jax.nn.elu),
    "elu_backward": _binary(lambda dy, y: jnp.where(y > 0, dy, dy * (y + 1))),
    "gelu": _unary(lambda x: jax.nn.gelu(x, approximate=False)),
    "gelu_backward": _binary(
        lambda dy, x: jax.vjp(lambda v: jax.nn.gelu(v, approximate=False), x)[1](dy)[0]
    ),
    "sigmoid": _unary(jax.nn.sigmoid),
    "sigmoid_backward": _binary(lambda dy, y: dy * y * (1 - y)),
    "tanh": _unary(jnp.tanh),
    "tanh_backward": _binary(lambda dy, y: dy * (1 - y * y)),
    "softmax": _unary(jax.nn.softmax),
    "softmax_backward": _binary(lambda dy, y: y * (dy - (dy * y).sum(-1, keepdims=True))),
    "log_softmax": _unary(jax.nn.log_softmax),
    "log_softmax_backward": _binary(lambda dy, y: dy - jnp.exp(y) * dy.sum(-1, keepdims=True)),
    "softmax_cross_entropy": _cross_entropy,
    "softmax_cross_entropy_backward": _cross_entropy_backward,
    "binary_cross_entropy": _binary(_binary_cross_entropy),
    "binary_cross_entropy_backward": _binary(lambda x, t: (jax.nn.sigmoid(x) - t) / x.size),
    "mean_squared_error": _binary(lambda y, t: ((y - t) ** 2).mean()),
    "mean_squared_error_backward": _binary(lambda y, t: (y - t) * (2.0 / y.size)),
    "dropout": _dropout,
    "dropout_backward": _dropout_backward,
    "conv2d": _conv2d,
    "conv2d_backward": _conv2d_backward,
    "max_pool2d": lambda job, arrays: [_max_pool(arrays["x"], job.args["pool_size"]), None],
    "max_pool2d_backward": _pool_backward(_max_pool),
    "avg_pool2d": lambda job, arrays: [_avg_pool(arrays["x"], job.args["pool_size"])],
    "avg_pool2d_backward": _pool_backward(_avg_pool),
    "global_avg_pool2d": _unary(lambda x: x.mean((1, 2))),
    "global_avg_pool2d_backward": lambda _job, arrays: list(
        jax.vjp(lambda x: x.mean((1, 2)), arrays["x"])[1](arrays["dy"])
    ),
    "batch_norm": _batch_norm,
    "batch_norm_backward": _batch_norm_backward,
    "layer_norm": _layer_norm,
    "layer_norm_backward": _layer_norm_backward,
}


def _sgd(options: Arrays, state: Any, grad: Any) -> Any:
    return (state[0] - options["lr"] * grad,)


def _momentum(options: Arrays, state: Any, grad: Any) -> Any:
    velocity = options.get("momentum", 0.9) * state[1] - options["lr"] * grad
    return (state[0] + velocity, velocity)


def _adagrad(options: Arrays, state: Any, grad: Any) -> Any:
    total = state[1] + grad * grad
    return (state[0] - options["lr"] * grad / jnp.sqrt(total + options.get("eps", 1e-7)), total)


def _rmsprop(options: Arrays, state: Any, grad: Any) -> Any:
    square = 0.9 * state[1] + 0.1 * grad * grad
    return (state[0] - options["lr"] * grad / jnp.sqrt(square + options.get("eps", 1e-7)), square)


def _adam(options: Arrays, state: Any, grad: Any) -> Any:
    m = 0.9 * state[1] + 0.1 * grad
    v = 0.999 * state[2] + 0.001 * grad * grad
    step = options["step"]
    rate = options["lr"] * jnp.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    return (state[0] - rate * m / (jnp.sqrt(v) + options.get("eps", 1e-7)), m, v)


UPDATES: dict[str, Callable[[Arrays, Any, Any], Any]] = {
    "sgd_update": _sgd,
    "momentum_update": _momentum,
    "adagrad_update": _adagrad,
    "rmsprop_update": _rmsprop,
    "adam_update": _adam,
}
