"""Calls of ``hotloop.functional`` as plain data: named arrays in argument order, and keywords.

Images are described as (N, H, W, C) and made in the data format that the case asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hotloop import reference
from hotloop._bench.workloads import Array, Shape


@dataclass(frozen=True)
class OpCase:
    """One call: the op, the shape of its main input, of its weight if it has one, keywords."""

    op: str
    shape: Shape
    weight: Shape = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = "float32"

    @property
    def label(self) -> str:
        """Name of the row: op, shapes and the keywords that matter."""
        shapes = ["x".join(map(str, s)) for s in (self.shape, self.weight) if s]
        words = [
            str(v) if isinstance(v, str) else f"{k} {v}"
            for k, v in self.params.items()
            if v is not True and v is not False and k not in _QUIET
        ]
        words += [k for k, v in self.params.items() if v is True and k not in _QUIET]
        kind = [] if self.dtype == "float32" else [self.dtype]
        return " ".join([self.op, *shapes, *words, *kind])


_QUIET = frozenset({"lr", "seed", "step", "need_db", "num_classes"})


@dataclass
class Call:
    """The arrays and keywords of one call.

    ``args`` are in the order of the function's arguments; ``saved`` holds what other libraries need
    to do the same work (the input of a pooling layer, for one); ``in_place`` names the arrays that
    the call changes, which are then its outputs.
    """

    op: str
    args: dict[str, Any]
    params: dict[str, Any]
    saved: dict[str, Any] = field(default_factory=dict)
    in_place: tuple[str, ...] = ()

    def cast(self, dtype: str) -> Call:
        """Copy the call with its floating arrays in another type."""

        def convert(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                return value.astype(dtype if value.dtype.kind == "f" else value.dtype)
            return value

        args = {name: convert(value) for name, value in self.args.items()}
        saved = {name: convert(value) for name, value in self.saved.items()}
        return Call(self.op, args, dict(self.params), saved, self.in_place)

    def run(self, functions: Any, **keywords: Any) -> Any:
        """Call the op of ``functions`` (``hotloop.functional`` or ``hotloop.reference``)."""
        return getattr(functions, self.op)(*self.args.values(), **self.params, **keywords)

    def outputs(self, functions: Any, **keywords: Any) -> list[Array]:
        """Run once on copies and give every array that came out or was changed."""
        copy = Call(
            self.op,
            {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in self.args.items()},
            self.params,
        )
        result = copy.run(functions, **keywords)
        found = list(result) if isinstance(result, tuple) else [result]
        found += [copy.args[name] for name in self.in_place]
        return [np.asarray(value) for value in found if value is not None]


def make_call(case: OpCase, seed: int = 0) -> Call:
    """Make the arrays of a case.

    Raises
    ------
    KeyError
        If no maker stands for the op of the case.
    """
    rng = np.random.default_rng(seed)
    call = _MAKERS[case.op](case, rng)
    return call.cast(case.dtype)


def _images(case: OpCase, rng: np.random.Generator, shape: Shape) -> Array:
    x = rng.standard_normal(shape, dtype=np.float32)
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if _first(case) else x


def _first(case: OpCase) -> bool:
    return bool(case.params.get("data_format", "channels_first") == "channels_first")


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def conv_output(case: OpCase) -> Shape:
    """Output shape (N, OH, OW, O) of a convolution case."""
    kernel = case.weight[:2]
    params = case.params
    stride, padding, dilation = (
        _pair(params.get(name, default))
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))
    )
    rows, columns = (
        (case.shape[1 + i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1
        for i in range(2)
    )
    return (case.shape[0], rows, columns, case.weight[3])


def _kernel(case: OpCase, rng: np.random.Generator) -> Array:
    w = 0.1 * rng.standard_normal(case.weight, dtype=np.float32)
    return np.ascontiguousarray(w.transpose(3, 2, 0, 1)) if _first(case) else w


def _conv2d(case: OpCase, rng: np.random.Generator) -> Call:
    x, w = _images(case, rng, case.shape), _kernel(case, rng)
    b = rng.standard_normal(case.weight[3], dtype=np.float32)
    return Call(case.op, {"x": x, "w": w, "b": b}, dict(case.params))


def _conv2d_backward(case: OpCase, rng: np.random.Generator) -> Call:
    dy = _images(case, rng, conv_output(case))
    x, w = _images(case, rng, case.shape), _kernel(case, rng)
    return Call(case.op, {"dy": dy, "x": x, "w": w}, dict(case.params))


def _matmul(case: OpCase, rng: np.random.Generator) -> Call:
    m, n, k = case.shape
    a = rng.standard_normal((k, m) if case.params.get("transpose_a") else (m, k))
    b = rng.standard_normal((n, k) if case.params.get("transpose_b") else (k, n))
    return Call(case.op, {"a": a, "b": b}, dict(case.params))


def _affine(case: OpCase, rng: np.random.Generator) -> Call:
    m, n, k = case.shape
    w = rng.standard_normal((k, n)) / np.sqrt(k)
    args = {"x": rng.standard_normal((m, k)), "w": w, "b": rng.standard_normal(n)}
    if case.op == "affine_backward":
        args = {"dy": rng.standard_normal((m, n)), "x": args["x"], "w": w}
    return Call(case.op, args, dict(case.params))


def _unary(case: OpCase, rng: np.random.Generator) -> Call:
    return Call(case.op, {"x": _normal(case, rng)}, dict(case.params))


def _binary(case: OpCase, rng: np.random.Generator) -> Call:
    dy, y = _normal(case, rng), _normal(case, rng)
    if case.op in {"sigmoid_backward", "tanh_backward"}:
        y = np.tanh(y)
    if case.op in {"softmax_backward", "log_softmax_backward"}:
        y -= y.max(axis=-1, keepdims=True)
        y -= np.log(np.exp(y).sum(axis=-1, keepdims=True))
        y = np.exp(y) if case.op == "softmax_backward" else y
    second = "x" if case.op == "gelu_backward" else "y"
    return Call(case.op, {"dy": dy, second: y}, dict(case.params))


def _normal(case: OpCase, rng: np.random.Generator) -> Array:
    return rng.standard_normal(case.shape, dtype=np.float32)


def _loss(case: OpCase, rng: np.random.Generator) -> Call:
    rows, classes = case.shape
    labels = rng.integers(0, classes, rows)
    scores = _normal(case, rng)
    probs = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    first: dict[str, Array] = {
        "softmax_cross_entropy": {"logits": scores},
        "softmax_cross_entropy_backward": {"probs": probs},
        "cross_entropy": {"probs": probs},
        "cross_entropy_backward": {"probs": probs},
        "nll": {"log_probs": np.log(probs)},
        "nll_backward": {"log_probs": np.log(probs)},
    }[case.op]
    return Call(case.op, {**first, "labels": labels}, dict(case.params))


def _loss_rows(case: OpCase, rng: np.random.Generator) -> Call:
    y, t = _normal(case, rng), rng.random(case.shape, dtype=np.float32)
    return Call(case.op, {"y": y, "t": t}, dict(case.params))


def _pool(case: OpCase, rng: np.random.Generator) -> Call:
    x = _images(case, rng, case.shape)
    params = dict(case.params)
    if not case.op.endswith("_backward"):
        size = params.pop("pool_size", None)
        return Call(case.op, {"x": x} | ({"pool_size": size} if size else {}), params)
    forward = case.op.removesuffix("_backward")
    size = params.pop("pool_size", None)
    saved = {"x": x, "pool_size": size}
    window = (size,) if size else ()
    y = getattr(reference, forward)(x, *window, **params)
    if forward == "max_pool2d":
        out, argmax = y
        keep = {k: v for k, v in params.items() if k == "data_format"}
        args = {"dy": _like(out, rng), "argmax": argmax, "input_shape": x.shape}
        return Call(case.op, args, keep, {**saved, **params})
    args = {"dy": _like(y, rng), "input_shape": x.shape}
    return Call(case.op, args | ({"pool_size": size} if size else {}), params, saved)


def _like(y: Array, rng: np.random.Generator) -> Array:
    return rng.standard_normal(y.shape, dtype=np.float32)


def _im2col(case: OpCase, rng: np.random.Generator) -> Call:
    x = _images(case, rng, case.shape)
    params = dict(case.params)
    kernel = params.pop("kernel_size")
    if case.op == "im2col":
        return Call(case.op, {"x": x, "kernel_size": kernel}, params)
    columns = _like(reference.im2col(x, kernel, **params), rng)
    args = {"cols": columns, "input_shape": x.shape, "kernel_size": kernel}
    return Call(case.op, args, params)


def _norm(case: OpCase, rng: np.random.Generator) -> Call:
    image = len(case.shape) == 4
    x = _images(case, rng, case.shape) if image else _normal(case, rng)
    features = case.shape[-1]
    gamma, beta = 1.0 + 0.1 * rng.standard_normal(features), rng.standard_normal(features)
    args: dict[str, Array] = {"x": x, "gamma": gamma, "beta": beta}
    if case.op == "batch_norm":
        args |= {"running_mean": np.zeros(features), "running_var": np.ones(features)}
        in_place = ("running_mean", "running_var") if case.params["training"] else ()
        return Call(case.op, args, dict(case.params), in_place=in_place)
    if case.op == "layer_norm":
        return Call(case.op, args, dict(case.params))
    channel = 1 if image and _first(case) else x.ndim - 1
    axes = tuple(i for i in range(x.ndim) if (i == channel) is (case.op[:5] == "layer"))
    mean = x.mean(axis=axes, dtype=np.float64)
    inv_std = 1.0 / np.sqrt(x.var(axis=axes, dtype=np.float64) + 1e-5)
    backward = {"dy": _like(x, rng), "x": x, "gamma": gamma, "mean": mean, "inv_std": inv_std}
    return Call(case.op, backward, dict(case.params))


def _dropout(case: OpCase, rng: np.random.Generator) -> Call:
    x = _normal(case, rng)
    if case.op == "dropout":
        return Call(case.op, {"x": x, "rate": 0.5}, {"seed": 7})
    mask = (rng.random(case.shape) < 0.5).astype(np.uint8)
    return Call(case.op, {"dy": x, "mask": mask, "rate": 0.5}, {})


def _one_hot(case: OpCase, rng: np.random.Generator) -> Call:
    classes = case.params["num_classes"]
    return Call(case.op, {"labels": rng.integers(0, classes, case.shape[0])}, dict(case.params))


_SLOTS: dict[str, tuple[str, ...]] = {
    "sgd_update": (),
    "momentum_update": ("velocity",),
    "adagrad_update": ("accumulator",),
    "rmsprop_update": ("square",),
    "adam_update": ("m", "v"),
}


def _update(case: OpCase, rng: np.random.Generator) -> Call:
    args = {"param": _normal(case, rng), "grad": _normal(case, rng)}
    for name in _SLOTS[case.op]:
        args[name] = rng.random(case.shape, dtype=np.float32)
    return Call(case.op, args, dict(case.params), in_place=("param", *_SLOTS[case.op]))


_MAKERS: dict[str, Callable[[OpCase, np.random.Generator], Call]] = {
    "matmul": _matmul,
    "affine": _affine,
    "affine_backward": _affine,
    "conv2d": _conv2d,
    "conv2d_backward": _conv2d_backward,
    "im2col": _im2col,
    "col2im": _im2col,
    "one_hot": _one_hot,
    "dropout": _dropout,
    "dropout_backward": _dropout,
    **dict.fromkeys(("step", "identity"), _unary),
    **dict.fromkeys(_SLOTS, _update),
}
for _name in ("relu", "leaky_relu", "elu", "gelu", "sigmoid", "tanh", "softmax", "log_softmax"):
    _MAKERS |= {_name: _unary, _name + "_backward": _binary}
for _name in ("softmax_cross_entropy", "cross_entropy", "nll"):
    _MAKERS |= {_name: _loss, _name + "_backward": _loss}
for _name in ("binary_cross_entropy", "mean_squared_error"):
    _MAKERS |= {_name: _loss_rows, _name + "_backward": _loss_rows}
for _name in ("max_pool2d", "avg_pool2d", "global_avg_pool2d"):
    _MAKERS |= {_name: _pool, _name + "_backward": _pool}
for _name in ("batch_norm", "layer_norm"):
    _MAKERS |= {_name: _norm, _name + "_backward": _norm}
