"""PyTorch's operations under the names of ``hotloop.functional``, with ``out`` where it has one.

Backward passes are called directly (``torch.ops.aten``), which spares PyTorch its autograd graph.
An entry takes a job and whether tensors are channels-last, and gives two functions: one that turns
a result into NumPy arrays in the order of the reference, and one that does the work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch

from peers.base import Array, OpJob, Task

Entry: TypeAlias = tuple[Callable[[Any], list[Array | None]], Callable[[], Any]]
aten = torch.ops.aten


def _tensor(job: OpJob, name: str, last: bool, of: Mapping[str, Any] | None = None) -> Any:
    """Make a tensor; images and kernels become (N, C, H, W) in the wanted memory order."""
    array = (job.args if of is None else of)[name]
    tensor = torch.from_numpy(array.copy())
    if tensor.ndim != 4 or not job.images:
        return tensor
    tensor = tensor.permute((3, 2, 0, 1) if name == "w" else (0, 3, 1, 2))
    return tensor.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)


def _array(value: Any, order: tuple[int, ...] = (0, 2, 3, 1)) -> Array | None:
    """Bring a result back to (N, H, W, C)."""
    if value is None:
        return None
    tensor = value.detach()
    array: Array = (tensor.permute(order) if tensor.ndim == 4 else tensor).numpy()
    return array.copy()


def _results(value: Any) -> list[Array | None]:
    return [_array(v) for v in (value if isinstance(value, tuple | list) else (value,))]


def _with_out(function: Any, keyword: str = "out", **options: Any) -> Callable[..., Entry]:
    """Wrap a function of the job's arrays that writes to a buffer of the first one's shape."""

    def entry(job: OpJob, last: bool) -> Entry:
        tensors = [_tensor(job, name, last) for name in job.args]
        buffer = {keyword: torch.empty_like(tensors[0])}
        return _results, partial(function, *tensors, **options, **buffer)

    return entry


def _backward(function: Any, *middle: Any) -> Callable[..., Entry]:
    """Wrap ``function(dy, y, *middle, grad_input=buffer)``."""

    def entry(job: OpJob, last: bool) -> Entry:
        dy, y = (_tensor(job, name, last) for name in job.args)
        return _results, partial(function, dy, y, *middle, grad_input=torch.empty_like(dy))

    return entry


def _matmul(job: OpJob, last: bool) -> Entry:
    a, b = _tensor(job, "a", last), _tensor(job, "b", last)
    a = a.T if job.params.get("transpose_a") else a
    b = b.T if job.params.get("transpose_b") else b
    out = torch.empty((a.shape[0], b.shape[1]), dtype=a.dtype)
    return _results, partial(torch.matmul, a, b, out=out)


def _affine(job: OpJob, last: bool) -> Entry:
    x, w, b = (_tensor(job, name, last) for name in ("x", "w", "b"))
    out = torch.empty((x.shape[0], w.shape[1]), dtype=x.dtype)
    name = job.params.get("activation")
    if not name:
        return _results, partial(torch.addmm, b, x, w, out=out)
    activate = {"relu": torch.relu_, "sigmoid": torch.sigmoid_, "tanh": torch.tanh_}[name]
    return _results, lambda: activate(torch.addmm(b, x, w, out=out))


def _geometry(job: OpJob) -> list[Any]:
    return [
        [value] * 2 if isinstance(value, int) else list(value)
        for value in (
            job.params.get("stride", 1),
            job.params.get("padding", 0),
            job.params.get("dilation", 1),
        )
    ]


def _conv2d(job: OpJob, last: bool) -> Entry:
    x, w, b = (_tensor(job, name, last) for name in ("x", "w", "b"))
    stride, padding, dilation = _geometry(job)
    groups = job.params.get("groups", 1)
    return _results, partial(torch.conv2d, x, w, b, stride, padding, dilation, groups)


def _conv2d_backward(job: OpJob, last: bool) -> Entry:
    dy, x, w = (_tensor(job, name, last) for name in ("dy", "x", "w"))
    need_dx, need_db = job.params.get("need_dx", True), job.params.get("need_db", True)
    run = partial(
        aten.convolution_backward.default,
        dy,
        x,
        w,
        [w.shape[0]],
        *_geometry(job),
        False,
        [0, 0],
        job.params.get("groups", 1),
        [need_dx, True, need_db],
    )

    def arrays(value: Sequence[Any]) -> list[Array | None]:
        dx, dw, db = value
        found = [_array(dx)] if need_dx else []
        return [*found, _array(dw, (2, 3, 1, 0)), *([_array(db)] if need_db else [])]

    return arrays, run


def _max_pool2d(job: OpJob, last: bool) -> Entry:
    x, size = _tensor(job, "x", last), [job.args["pool_size"]] * 2
    return _results, partial(aten.max_pool2d_with_indices.default, x, size)


def _max_pool2d_backward(job: OpJob, last: bool) -> Entry:
    dy, x = _tensor(job, "dy", last), _tensor(job, "x", last, job.saved)
    size = [job.saved["pool_size"]] * 2
    _, indices = aten.max_pool2d_with_indices.default(x, size)
    call = aten.max_pool2d_with_indices_backward.grad_input
    buffer = torch.empty_like(x)
    run = partial(call, dy, x, size, size, [0, 0], [1, 1], False, indices, grad_input=buffer)
    return _results, run


def _avg_pool2d(job: OpJob, last: bool) -> Entry:
    x, size = _tensor(job, "x", last), [job.args["pool_size"]] * 2
    return _results, partial(torch.nn.functional.avg_pool2d, x, size)


def _avg_pool2d_backward(job: OpJob, last: bool) -> Entry:
    dy, x = _tensor(job, "dy", last), _tensor(job, "x", last, job.saved)
    size = [job.args["pool_size"]] * 2
    call = aten.avg_pool2d_backward.grad_input
    buffer = torch.empty_like(x)
    return _results, partial(call, dy, x, size, size, [0, 0], False, True, None, grad_input=buffer)


def _global_avg_pool2d(job: OpJob, last: bool) -> Entry:
    x = _tensor(job, "x", last)
    return _results, partial(torch.mean, x, (2, 3), out=torch.empty(x.shape[:2], dtype=x.dtype))


def _global_avg_pool2d_backward(job: OpJob, last: bool) -> Entry:
    dy, buffer = _tensor(job, "dy", last), torch.empty_like(_tensor(job, "x", last, job.saved))
    pixels = buffer.shape[2] * buffer.shape[3]
    return _results, lambda: buffer.copy_((dy / pixels)[:, :, None, None].expand_as(buffer))


def _dropout(job: OpJob, last: bool) -> Entry:
    x, rate = _tensor(job, "x", last), job.args["rate"]
    return lambda _value: [None, None], partial(aten.native_dropout.default, x, rate, True)


def _dropout_backward(job: OpJob, last: bool) -> Entry:
    dy, mask = _tensor(job, "dy", last), _tensor(job, "mask", last).bool()
    scale = 1.0 / (1.0 - job.args["rate"])
    call = aten.native_dropout_backward.out
    return _results, partial(call, dy, mask, scale, out=torch.empty_like(dy))


def _loss(function: Any) -> Callable[..., Entry]:
    """Wrap a mean loss of two tensors of one shape."""

    def entry(job: OpJob, last: bool) -> Entry:
        run = partial(function, *(_tensor(job, name, last) for name in job.args))
        return lambda value: [np.asarray(value.item())], run

    return entry


def _mean_squared_error_backward(job: OpJob, last: bool) -> Entry:
    y, t = (_tensor(job, name, last) for name in job.args)
    call = aten.mse_loss_backward.grad_input
    return _results, partial(call, torch.ones(()), y, t, 1, grad_input=torch.empty_like(y))


def _binary_cross_entropy_backward(job: OpJob, last: bool) -> Entry:
    logits, targets = (_tensor(job, name, last) for name in job.args)
    buffer, scale = torch.empty_like(logits), 1.0 / logits.numel()
    return _results, lambda: torch.sigmoid(logits, out=buffer).sub_(targets).mul_(scale)


def _cross_entropy_backward(job: OpJob, last: bool) -> Entry:
    log_probs, labels = torch.log(_tensor(job, "probs", last)), _tensor(job, "labels", last)
    buffer, one = torch.empty_like(log_probs), torch.ones(())
    count = torch.tensor(float(len(labels)))

    def run() -> Any:
        picked = aten.nll_loss_backward(one, log_probs, labels, None, 1, -100, count)
        call = aten._log_softmax_backward_data.out
        return call(picked, log_probs, -1, log_probs.dtype, out=buffer)

    return _results, run


def _norm_results(value: Sequence[Any], job: OpJob) -> list[Array | None]:
    """Flatten statistics; PyTorch's running variance is the unbiased one and is left out."""
    found = [_array(value[0]), *(v.numpy().reshape(-1).copy() for v in value[1:])]
    return [*found, *([None] * len(job.in_place))]


def _batch_norm(job: OpJob, last: bool) -> Entry:
    names = ("x", "gamma", "beta", "running_mean", "running_var")
    tensors = [_tensor(job, name, last) for name in names]
    run = partial(aten.native_batch_norm.default, *tensors, job.params["training"], 0.1, 1e-5)
    if not job.params["training"]:
        return lambda value: [_array(value[0])], run
    return partial(_norm_results, job=job), run


def _batch_norm_backward(job: OpJob, last: bool) -> Entry:
    dy, x, gamma, mean, inv_std = (_tensor(job, name, last) for name in job.args)
    call = aten.native_batch_norm_backward.default
    masks = [True, True, True]
    return _results, partial(call, dy, x, gamma, None, None, mean, inv_std, True, 1e-5, masks)


def _layer_norm(job: OpJob, last: bool) -> Entry:
    x, gamma, beta = (_tensor(job, name, last) for name in job.args)
    call = aten.native_layer_norm.default
    return partial(_norm_results, job=job), partial(call, x, [x.shape[-1]], gamma, beta, 1e-5)


def _layer_norm_backward(job: OpJob, last: bool) -> Entry:
    dy, x, gamma, mean, inv_std = (_tensor(job, name, last) for name in job.args)
    call = aten.native_layer_norm_backward.default
    statistics = (mean.reshape(-1, 1), inv_std.reshape(-1, 1))
    run = partial(
        call, dy, x, [x.shape[-1]], *statistics, gamma, torch.zeros_like(gamma), [True] * 3
    )
    return _results, run


def _cross_entropy(job: OpJob, last: bool) -> Entry:
    logits, labels = _tensor(job, "logits", last), _tensor(job, "labels", last)
    run = partial(torch.nn.functional.cross_entropy, logits, labels)
    return lambda value: [np.asarray(value.item()), None], run


def _softmax(function: Any) -> Callable[..., Entry]:
    return _with_out(lambda x, out: function(x, -1, out=out))


def _softmax_backward(function: Any, keyword: str) -> Callable[..., Entry]:
    def entry(job: OpJob, last: bool) -> Entry:
        dy, y = (_tensor(job, name, last) for name in job.args)
        buffer = {keyword: torch.empty_like(dy)}
        return _results, partial(function, dy, y, -1, dy.dtype, **buffer)

    return entry


def _elu_backward(job: OpJob, last: bool) -> Entry:
    dy, y = (_tensor(job, name, last) for name in job.args)
    call = aten.elu_backward.grad_input
    return _results, partial(call, dy, 1.0, 1.0, 1.0, True, y, grad_input=torch.empty_like(dy))


_nn: Any = torch._C._nn

OPS: dict[str, Callable[[OpJob, bool], Entry]] = {
    "matmul": _matmul,
    "affine": _affine,
    "relu": _with_out(partial(torch.clamp_min, min=0.0)),
    "relu_backward": _backward(aten.threshold_backward.grad_input, 0),
    "leaky_relu": _with_out(partial(_nn.leaky_relu, negative_slope=0.01)),
    "leaky_relu_backward": _backward(aten.leaky_relu_backward.grad_input, 0.01, True),
    "elu": _with_out(_nn.elu),
    "elu_backward": _elu_backward,
    "gelu": _with_out(_nn.gelu),
    "gelu_backward": _backward(aten.gelu_backward.grad_input),
    "sigmoid": _with_out(torch.sigmoid),
    "sigmoid_backward": _backward(aten.sigmoid_backward.grad_input),
    "tanh": _with_out(torch.tanh),
    "tanh_backward": _backward(aten.tanh_backward.grad_input),
    "softmax": _softmax(torch.softmax),
    "softmax_backward": _softmax_backward(aten._softmax_backward_data.out, "grad_input"),
    "log_softmax": _softmax(torch.log_softmax),
    "log_softmax_backward": _softmax_backward(aten._log_softmax_backward_data.out, "out"),
    "softmax_cross_entropy": _cross_entropy,
    "softmax_cross_entropy_backward": _cross_entropy_backward,
    "binary_cross_entropy": _loss(torch.nn.functional.binary_cross_entropy_with_logits),
    "binary_cross_entropy_backward": _binary_cross_entropy_backward,
    "mean_squared_error": _loss(torch.nn.functional.mse_loss),
    "mean_squared_error_backward": _mean_squared_error_backward,
    "dropout": _dropout,
    "dropout_backward": _dropout_backward,
    "conv2d": _conv2d,
    "conv2d_backward": _conv2d_backward,
    "max_pool2d": _max_pool2d,
    "max_pool2d_backward": _max_pool2d_backward,
    "avg_pool2d": _avg_pool2d,
    "avg_pool2d_backward": _avg_pool2d_backward,
    "global_avg_pool2d": _global_avg_pool2d,
    "global_avg_pool2d_backward": _global_avg_pool2d_backward,
    "batch_norm": _batch_norm,
    "batch_norm_backward": _batch_norm_backward,
    "layer_norm": _layer_norm,
    "layer_norm_backward": _layer_norm_backward,
}


def _update(
    make: Callable[..., torch.optim.Optimizer],
    slots: Mapping[str, str],
    *,
    falling: bool = False,
) -> Callable[..., Task]:
    """Wrap one optimizer step on one tensor; ``slots`` maps our slot names to PyTorch's.

    A ``falling`` slot is a velocity, which PyTorch keeps as minus ours over the rate.
    """

    def build(job: OpJob, *, fused: bool) -> Task:
        param = torch.from_numpy(job.args["param"].copy()).requires_grad_()
        param.grad = torch.from_numpy(job.args["grad"].copy())
        options: dict[str, Any] = {"fused": True} if fused else {}
        if "eps" in job.params:
            options["eps"] = job.params["eps"] ** 0.5  # RMSprop adds it outside the root
        optimizer = make([param], lr=job.params["lr"], **options)
        scale = np.float32(-1.0 / job.params["lr"] if falling else 1.0)
        state: dict[str, Any] = {"step": torch.tensor(float(job.params.get("step", 1)) - 1.0)}
        state |= {
            theirs: torch.from_numpy(job.args[ours] * scale) for ours, theirs in slots.items()
        }
        optimizer.state[param] = state

        def outputs() -> list[Array | None]:
            optimizer.step()
            kept = optimizer.state[param]
            found = [param.detach(), *(kept[name] / float(scale) for name in slots.values())]
            return [t.numpy().copy() for t in found]

        return Task(outputs, optimizer.step)

    return build


UPDATES: dict[str, Callable[..., Task]] = {
    "sgd_update": _update(torch.optim.SGD, {}),
    "momentum_update": _update(
        partial(torch.optim.SGD, momentum=0.9), {"velocity": "momentum_buffer"}, falling=True
    ),
    "adagrad_update": _update(partial(torch.optim.Adagrad, eps=1e-7), {"accumulator": "sum"}),
    "rmsprop_update": _update(partial(torch.optim.RMSprop, alpha=0.9), {"square": "square_avg"}),
    "adam_update": _update(
        partial(torch.optim.Adam, eps=1e-7), {"m": "exp_avg", "v": "exp_avg_sq"}
    ),
}
