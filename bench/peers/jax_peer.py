"""JAX: each operation and each whole training step compiled, buffers that change donated."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from peers._jax_ops import OPS, RANDOM, UPDATES
from peers.base import (
    Array,
    Job,
    OpJob,
    Task,
    TrainingJob,
    UnsupportedError,
    training_outputs,
)

_jax: Any = jax  # for the parts of JAX without annotations
_jax.config.update("jax_enable_x64", True)

_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
}


def variants(_job: Job) -> list[str]:
    """Name the one way: (N, H, W, C), JAX's own layout."""
    return [""]


def build(job: Job, _variant: str) -> Task:
    """Make a job ready; ``run`` waits until the result is there."""
    if isinstance(job, TrainingJob):
        return _training(job)
    if job.op in UPDATES:
        return _update(job)
    if job.op not in OPS:
        raise UnsupportedError(job.op)
    arrays = {k: jnp.array(v) for k, v in job.args.items() if isinstance(v, np.ndarray)}
    arrays |= {k: jnp.array(v) for k, v in job.saved.items() if isinstance(v, np.ndarray)}
    function = jax.jit(partial(OPS[job.op], job))

    def outputs() -> list[Array | None]:
        hidden = job.op in RANDOM
        return [None if y is None or hidden else np.array(y) for y in function(arrays)]

    return Task(outputs, lambda: _jax.block_until_ready(function(arrays)))


def _update(job: OpJob) -> Task:
    function = jax.jit(partial(UPDATES[job.op], job.params), donate_argnums=(0,))
    state = tuple(jnp.array(job.args[name]) for name in job.in_place)
    grad = jnp.array(job.args["grad"])

    def run() -> Any:
        nonlocal state
        state = _jax.block_until_ready(function(state, grad))
        return state

    return Task(lambda: [np.array(y) for y in run()], run)


def _forward(job: TrainingJob, weights: Any, x: Any) -> Any:
    remaining = iter(weights)
    for layer in job.layers:
        if layer["kind"] == "dense":
            x = x @ next(remaining) + next(remaining)
        elif layer["kind"] == "conv":
            x = lax.conv_general_dilated(
                x,
                next(remaining),
                (layer["stride"],) * 2,
                [(layer["padding"],) * 2] * 2,
                rhs_dilation=(layer["dilation"],) * 2,
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
                feature_group_count=layer["groups"],
            ) + next(remaining)
        elif layer["kind"] == "max_pool":
            window = (1, layer["size"], layer["size"], 1)
            x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
        else:
            x = x.reshape(len(x), -1)
        if layer.get("activation"):
            x = _ACTIVATIONS[layer["activation"]](x)
    return x


def _step(job: TrainingJob, state: Any, x: Any, labels: Any) -> tuple[Any, Any]:
    weights, slots, count = state

    def loss_of(params: Any) -> Any:
        log_probs = jax.nn.log_softmax(_forward(job, params, x))
        return -jnp.mean(jnp.take_along_axis(log_probs, labels[:, None], axis=1))

    loss, grads = jax.value_and_grad(loss_of)(weights)
    options: dict[str, Any] = {**job.optimizer, "step": count + 1}
    name = options["name"] if "momentum" not in options else "momentum"
    update = partial(UPDATES[name + "_update"], options)
    new = [update((w, *kept), g) for w, kept, g in zip(weights, slots, grads, strict=True)]
    return ([n[0] for n in new], [n[1:] for n in new], count + 1), loss


def _training(job: TrainingJob) -> Task:
    slots = {"adam": 2, "rmsprop": 1, "sgd": int("momentum" in job.optimizer)}
    weights = [jnp.array(w) for w in job.weights]
    kept = [tuple(jnp.zeros_like(w) for _ in range(slots[job.optimizer["name"]])) for w in weights]
    state: Any = (weights, kept, jnp.zeros((), jnp.float32))
    compiled = jax.jit(partial(_step, job), donate_argnums=(0,))
    x, labels = jnp.array(job.x), jnp.array(job.labels)

    def step() -> Any:
        nonlocal state
        state, loss = compiled(state, x, labels)
        _jax.block_until_ready(state)
        return loss

    return Task(lambda: training_outputs(step, lambda: [np.array(w) for w in state[0]]), step)
