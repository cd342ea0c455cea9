"""The one list of shapes and networks that is timed.

A ``Case`` has a roof: its FLOPs over the FMA peak or its bytes over the bandwidth. Bytes count each
array once. Cases marked ``quick`` stay in the short run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hotloop._bench.ops import Call, OpCase, conv_output, make_call
from hotloop._bench.workloads import (
    BOOK_MLP,
    SIMPLE_CONV_NET,
    Workload,
    conv,
    dense,
    flatten,
    max_pool,
)


@dataclass(frozen=True)
class Case:
    """A call to time, with what is known about it beforehand.

    ``minus`` names another case whose time is taken off: PyTorch and JAX can compute an input
    gradient alone, the public function computes the weight gradient with it.
    """

    name: str
    op: OpCase
    flops: float = 0.0
    quick: bool = False
    minus: str = ""
    tags: Mapping[str, Any] = field(default_factory=dict)

    def call(self) -> Call:
        """Make the arrays."""
        return make_call(self.op)


def bytes_of(call: Call, outputs: Iterable[Any]) -> int:
    """Bytes of all arrays of a call, inputs and outputs, each counted once."""
    inputs = sum(v.nbytes for v in call.args.values() if isinstance(v, np.ndarray))
    fresh = list(outputs)[: -len(call.in_place) or None]
    return inputs + sum(int(np.asarray(y).nbytes) for y in fresh)


def _gemm(kind: str, m: int, n: int, k: int, dtype: str = "float32", quick: bool = False) -> Case:
    params = {"transpose_a": kind == "TN", "transpose_b": kind == "NT"}
    name = f"gemm {kind} {m}x{n}x{k} {dtype}"
    case = OpCase("matmul", (m, n, k), params=params, dtype=dtype)
    return Case(name, case, 2.0 * m * n * k, quick)


_GEMM = (
    ("NN", 128, 512, 784),
    ("TN", 784, 512, 128),
    ("NN", 1024, 1024, 1024),
    ("NN", 100, 50, 784),
    ("NT", 128, 784, 512),
    ("NT", 256, 1024, 1024),
    ("NN", 256, 1024, 1024),
)
_GEMM_UNSEEN = (
    ("NN", 33, 19, 7),
    ("NN", 77, 101, 784),
    ("TN", 785, 101, 77),
    ("NT", 77, 785, 101),
    ("NN", 1, 1000, 1000),
    ("NN", 10_000, 16, 25),
    ("TN", 64, 10, 60_000),
)

GEMM = [
    *(_gemm(*shape, quick=True) for shape in _GEMM),
    *(_gemm(*shape) for shape in _GEMM_UNSEEN),
    *(_gemm(*shape, dtype="float64") for shape in _GEMM),
]


def _conv(
    name: str,
    image: tuple[int, int, int, int],
    kernel: int,
    filters: int,
    *,
    quick: bool = False,
    first: bool = False,
    **params: int,
) -> list[Case]:
    """Forward, dw, and dw with dx; a first layer has no dx."""
    groups = params.get("groups", 1)
    weight = (kernel, kernel, image[3] // groups, filters)
    layout = {"data_format": "channels_last"}
    forward = OpCase("conv2d", image, weight, {**params, **layout})
    flops = 2.0 * float(np.prod(conv_output(forward))) * kernel * kernel * weight[2]
    backward = {**params, **layout, "need_db": False}
    tags = {"channels": min(image[3], filters)}
    name = f"conv {name}"
    cases = [
        Case(f"{name} forward", forward, flops, quick, tags=tags),
        Case(
            f"{name} dw",
            OpCase("conv2d_backward", image, weight, {**backward, "need_dx": False}),
            flops,
            quick,
            tags=tags,
        ),
    ]
    if not first:
        both = OpCase("conv2d_backward", image, weight, backward)
        cases.append(Case(f"{name} dw+dx", both, 2 * flops, quick, minus=f"{name} dw", tags=tags))
    return cases


CONV = [
    *_conv("SimpleConvNet 28x28x1 5x5 30", (100, 28, 28, 1), 5, 30, first=True, quick=True),
    *_conv("LeNet 1: 28x28x1 5x5 6 pad 2", (100, 28, 28, 1), 5, 6, first=True, padding=2),
    *_conv("LeNet 2: 14x14x6 5x5 16", (100, 14, 14, 6), 5, 16, quick=True),
    *_conv("DeepConvNet 1: 28x28x1 3x3 16 pad 1", (100, 28, 28, 1), 3, 16, first=True, padding=1),
    *_conv("DeepConvNet 2: 28x28x16 3x3 16 pad 1", (100, 28, 28, 16), 3, 16, padding=1, quick=True),
    *_conv("DeepConvNet 3: 14x14x16 3x3 32 pad 1", (100, 14, 14, 16), 3, 32, padding=1),
    *_conv("DeepConvNet 4: 14x14x32 3x3 32 pad 2", (100, 14, 14, 32), 3, 32, padding=2, quick=True),
    *_conv("DeepConvNet 5: 8x8x32 3x3 64 pad 1", (100, 8, 8, 32), 3, 64, padding=1),
    *_conv("DeepConvNet 6: 8x8x64 3x3 64 pad 1", (100, 8, 8, 64), 3, 64, padding=1, quick=True),
    *_conv("12x12x16 5x5 32", (100, 12, 12, 16), 5, 32),
    *_conv("32x32x3 3x3 32 stride 2 pad 1", (64, 32, 32, 3), 3, 32, stride=2, padding=1),
    *_conv("28x28x32 3x3 64 stride 2 pad 1", (64, 28, 28, 32), 3, 64, stride=2, padding=1),
    *_conv("28x28x16 3x3 32 dilation 2", (64, 28, 28, 16), 3, 32, dilation=2),
    *_conv("14x14x32 3x3 depthwise pad 1", (64, 14, 14, 32), 3, 32, groups=32, padding=1),
    *_conv("28x28x32 1x1 64", (64, 28, 28, 32), 1, 64),
    *_conv("31x29x3 5x5 17 odd", (33, 31, 29, 3), 5, 17),
]

SIZES = {
    "64 KB": ((128, 128), (4, 16, 16, 16)),
    "256 KB": ((256, 256), (8, 16, 16, 32)),
    "1 MB": ((512, 512), (16, 16, 16, 64)),
    "64 MB": ((4096, 4096), (64, 64, 64, 64)),
}
_ACTIVATIONS = ("relu", "sigmoid", "tanh", "gelu", "elu", "leaky_relu")
_LOSSES = ("softmax_cross_entropy", "binary_cross_entropy", "mean_squared_error")
_QUICK_OPS = frozenset({"relu", "sigmoid", "softmax", "max_pool2d", "batch_norm", "adam_update"})
_UPDATES: dict[str, dict[str, Any]] = {
    "sgd_update": {"lr": 0.01},
    "momentum_update": {"lr": 0.01},
    "adagrad_update": {"lr": 0.01},
    "rmsprop_update": {"lr": 0.01, "eps": 1e-16},
    "adam_update": {"lr": 0.001, "step": 3},
}


def _elementwise() -> Iterable[Case]:
    layout = {"data_format": "channels_last"}
    for size, (matrix, image) in SIZES.items():
        rows: list[tuple[str, tuple[int, ...], dict[str, Any]]] = []
        for op in (*_ACTIVATIONS, "softmax", "log_softmax", *_LOSSES, "dropout"):
            rows += [(op, matrix, {}), (op + "_backward", matrix, {})]
        for op in ("max_pool2d", "avg_pool2d", "global_avg_pool2d"):
            pool = layout if op == "global_avg_pool2d" else {"pool_size": 2, **layout}
            rows += [(op, image, pool), (op + "_backward", image, pool)]
        rows += [
            ("batch_norm", image, {"training": True, **layout}),
            ("batch_norm", image, {"training": False, **layout}),
            ("batch_norm_backward", image, layout),
            ("layer_norm", matrix, {}),
            ("layer_norm_backward", matrix, {}),
        ]
        rows += [(op, (int(np.prod(matrix)),), params) for op, params in _UPDATES.items()]
        for op, shape, params in rows:
            kind = " inference" if params.get("training") is False else ""
            yield Case(
                f"{op}{kind} {size}",
                OpCase(op, shape, params=params),
                quick=op in _QUICK_OPS and not kind and size in {"64 KB", "64 MB"},
                tags={"size": size},
            )


ELEMENTWISE = list(_elementwise())

# Every eps is far below the gradients: libraries differ on where in the quotient they add it.
_ADAM = SIMPLE_CONV_NET.optimizer
_SGD = {"name": "sgd", "lr": 0.1}
_RMSPROP = {"name": "rmsprop", "lr": 0.001, "eps": 1e-16}


def _mlp(
    name: str, widths: tuple[int, ...], activation: str, batch: int, optimizer: Mapping[str, Any]
) -> Workload:
    hidden = [dense(units, activation) for units in widths[1:-1]]
    kind = {"adam": "Adam", "sgd": "SGD", "rmsprop": "RMSprop"}[optimizer["name"]]
    title = f"{'-'.join(map(str, widths))} {activation}, batch {batch}, {kind}"
    layers = (*hidden, dense(widths[-1]))
    return Workload(name, title, widths[:1], layers, batch, optimizer)


LENET = Workload(
    "W6",
    "LeNet-5 with ReLU and max-pool, batch 100, Adam",
    (28, 28, 1),
    (
        conv(6, 5, padding=2),
        max_pool(2),
        conv(16, 5),
        max_pool(2),
        flatten(),
        dense(120, "relu"),
        dense(84, "relu"),
        dense(10),
    ),
    100,
    _ADAM,
)

DEEP_CONV_NET = Workload(
    "W7",
    "DeepConvNet without dropout, batch 100, Adam",
    (28, 28, 1),
    (
        conv(16, 3, padding=1),
        conv(16, 3, padding=1),
        max_pool(2),
        conv(32, 3, padding=1),
        conv(32, 3, padding=2),
        max_pool(2),
        conv(64, 3, padding=1),
        conv(64, 3, padding=1),
        max_pool(2),
        flatten(),
        dense(50, "relu"),
        dense(10),
    ),
    100,
    _ADAM,
)

WORKLOADS = [
    _mlp("W0", (20, 30, 5), "relu", 32, _ADAM),
    BOOK_MLP,
    _mlp("W2", (784, 512, 10), "relu", 128, _RMSPROP),
    _mlp("W3", (784, 256, 100, 64, 32, 10), "relu", 256, _ADAM),
    _mlp("W4", (784, 1024, 1024, 10), "relu", 256, _SGD),
    SIMPLE_CONV_NET,
    LENET,
    DEEP_CONV_NET,
]

UNSEEN = [
    _mlp("U0", (13, 37, 11, 7), "tanh", 33, {**_SGD, "momentum": 0.9}),
    _mlp("U1", (784, 101, 53, 10), "tanh", 77, _ADAM),
    _mlp("U2", (64, 32, 10), "relu", 32, _SGD),
    _mlp("U3", (333, 517, 129, 17), "sigmoid", 111, _RMSPROP),
    Workload(
        "U4",
        "8x8 images, conv 8, 10 classes, batch 32, Adam",
        (8, 8, 1),
        (conv(8, 3), max_pool(2), flatten(), dense(10)),
        32,
        _ADAM,
    ),
    Workload(
        "U5",
        "32x32x3, two convs with stride 2, batch 64, Adam",
        (32, 32, 3),
        (
            conv(32, 3, padding=1, stride=2),
            conv(64, 3, padding=1, stride=2),
            flatten(),
            dense(64, "relu"),
            dense(10),
        ),
        64,
        _ADAM,
    ),
    Workload(
        "U6",
        "31x29x3 tanh, odd widths, dilation 2, batch 37, SGD with momentum",
        (31, 29, 3),
        (
            conv(17, 3, "tanh"),
            max_pool(2),
            conv(23, 3, "tanh", dilation=2),
            flatten(),
            dense(41, "tanh"),
            dense(11),
        ),
        37,
        {"name": "sgd", "lr": 0.05, "momentum": 0.9},
    ),
    Workload(
        "U7",
        "16x16x16 depthwise and 1x1, batch 50, Adam",
        (16, 16, 16),
        (
            conv(16, 3, padding=1, groups=16),
            conv(48, 1),
            max_pool(2),
            flatten(),
            dense(10),
        ),
        50,
        _ADAM,
    ),
]
