"""Operations that are cut by the sizes of the caches, for `test_caches.py`: prints digests of their results."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

import numpy as np

import hotloop as hl
from hotloop import _core, functional

F: Any = functional
# m, n, k: whole and ragged blocks of each, long sums, few columns, rows that collide.
SHAPES = [
    (130, 150, 70),
    (61, 200, 330),
    (256, 256, 256),
    (100, 90, 1030),
    (7, 10, 3000),
    (300, 5, 40),
    (33, 1, 700),
    (1, 40, 900),
]


def arrays(dtype: Any, seed: int, *shapes: tuple[int, ...]) -> list[Any]:
    """Return normal numbers."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def products(dtype: Any, seed: int) -> dict[str, tuple[Any, Any]]:
    """Return products in each transposition, beside those of NumPy in float64."""
    found = {}
    for m, n, k in SHAPES:
        a, b, bias = arrays(dtype, seed, (m, k), (k, n), (n,))
        want = a.astype(np.float64) @ b.astype(np.float64)
        for ta, tb in ((False, False), (True, False), (False, True), (True, True)):
            x = np.ascontiguousarray(a.T) if ta else a
            y = np.ascontiguousarray(b.T) if tb else b
            found[f"matmul {ta} {tb} {m}x{n}x{k} {np.dtype(dtype)}"] = (
                F.matmul(x, y, transpose_a=ta, transpose_b=tb),
                want,
            )
        found[f"affine {m}x{n}x{k} {np.dtype(dtype)}"] = (
            F.affine(a, b, bias, activation="tanh"),
            np.tanh(want + bias),
        )
    return found


def streamed(dtype: Any) -> dict[str, Any]:
    """Return results of operations whose outputs may go past the caches."""
    x, dy, images = arrays(dtype, 3, (300, 600), (300, 600), (4, 40, 40, 3))
    labels = np.arange(300) % 600
    p = F.softmax(x)
    found = {
        "softmax": p,
        "softmax_backward": F.softmax_backward(dy, p),
        "loss": F.softmax_cross_entropy(x, labels)[0],
        "loss_backward": F.softmax_cross_entropy_backward(p, labels),
        "relu": F.relu(x),
        "gelu": F.gelu(x),
        "add": _core.add(x, dy),
        "dropout": F.dropout(x, 0.4, seed=7)[0],
        "layer_norm": F.layer_norm(x, np.ones(600, dtype), np.zeros(600, dtype))[0],
        "batch_norm": F.batch_norm(
            images,
            *(np.ones(3, dtype) for _ in range(4)),
            training=True,
            data_format="channels_last",
        )[0],
    }
    return {f"{name} {np.dtype(dtype)}": value for name, value in found.items()}


def convolutions(dtype: Any) -> dict[str, Any]:
    """Return all passes of convolutions by tiles, rows, scatter and depthwise kernels."""
    found: dict[str, Any] = {}
    for c, o, kernel, options in (
        (12, 40, 3, {"padding": 1}),
        (3, 4, 3, {}),
        (1, 20, 5, {"padding": 2}),
        (24, 24, 3, {"groups": 24, "stride": 2}),
    ):
        shape = (kernel, kernel, c // options.get("groups", 1), o)
        x, w = arrays(dtype, 4, (9, 30, 30, c), shape)
        y = F.conv2d(x, w, data_format="channels_last", **options)
        dx, dw, db = F.conv2d_backward(y, x, w, data_format="channels_last", **options)
        name = f"conv2d {c} {o} {np.dtype(dtype)}"
        found |= {
            f"{name} {key}": v
            for key, v in zip(("y", "dx", "dw", "db"), (y, dx, dw, db), strict=True)
        }
    return found


def main() -> None:
    """Print the sizes in use and the digest of every result."""
    results: dict[str, Any] = {}
    for dtype in (np.float32, np.float64):
        results |= {name: got for name, (got, _) in products(dtype, 0).items()}
        results |= streamed(dtype)
        results |= convolutions(dtype)
    digests = {k: hashlib.sha256(np.asarray(v).tobytes()).hexdigest() for k, v in results.items()}
    sizes = hl.config.build_info()["cache_sizes"]
    sys.stdout.write(json.dumps({"sizes": sizes, "digests": digests}))


if __name__ == "__main__":
    main()
