"""Relative error of long float32 sums of equal numbers: this library, NumPy and PyTorch.

A sum that runs through one accumulator rounds every addition the same way once the sum is large, so
equal numbers show the worst of it. ``python bench/bench_accuracy.py [--sizes 1e6,1e7] [--only conv]``
"""

from __future__ import annotations

import argparse
import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hotloop.functional as F
from hotloop._bench.measure import say, table

torch: Any
try:
    torch = importlib.import_module("torch")
    TF = importlib.import_module("torch.nn.functional")
    conv2d_weight = importlib.import_module("torch.nn.grad").conv2d_weight
except ImportError:
    torch = None

Array = NDArray[np.float32]
Answer = Any
VALUE = np.float32(0.1)
FAR = np.float32(123456.7)
LOG_TENTH = np.log(VALUE)
TENTH = math.exp(float(LOG_TENTH))
ONE = np.ones((1, 1), np.float32)


def full(*shape: int, value: Any = VALUE) -> Array:
    """Return an array of equal float32 numbers."""
    return np.full(shape, value, np.float32)


def error(got: Answer, want: float) -> float:
    """Return the largest relative error; for a wanted zero the largest number."""
    off = np.abs(np.asarray(got, np.float64) - want).max()
    return float(off / abs(want)) if want else float(off)


class Row:
    """One sum of n numbers: what it should be, and a way to compute it in each library."""

    def __init__(
        self,
        name: str,
        want: Callable[[int], float],
        ours: Callable[[int], Answer],
        plain: Callable[[int], Answer] | None = None,
        peer: Callable[[int], Answer] | None = None,
        most: float = 1e8,
    ) -> None:
        self.name = name
        self.want = want
        self.makers = {"hotloop": ours, "numpy": plain, "torch": peer}
        self.most = most

    def errors(self, n: int) -> list[str]:
        """Return the error of each library as text."""
        cells = []
        for maker in self.makers.values():
            if maker is None or n > self.most or (maker is self.makers["torch"] and torch is None):
                cells.append("-")
                continue
            cells.append(f"{error(maker(n), self.want(n)):.1e}")
        return cells


def side(n: int) -> int:
    """Return the side of a square of about n pixels."""
    return math.isqrt(n)


def square(n: int, channels: int = 1) -> Array:
    """Return an image of about n equal pixels, channels first."""
    return full(1, channels, side(n), side(n))


def tensor(array: Array) -> Any:
    """Return the same memory as a tensor of PyTorch."""
    return torch.from_numpy(array)


def dw(n: int, size: int, channels: int = 1, **more: Any) -> Answer:
    """Return the weight gradient of a convolution whose windows are n pixels."""
    s = side(n)
    w = full(channels, 1, size, size)
    x = full(1, channels, s + size - 1, s + size - 1)
    return F.conv2d_backward(full(1, channels, s, s), x, w, need_dx=False, **more)[1]


def torch_dw(n: int, size: int) -> Answer:
    """Return the same from PyTorch."""
    s = side(n)
    x = tensor(full(1, 1, s + size - 1, s + size - 1))
    y = tensor(full(1, 1, s, s))
    gradient: Any = conv2d_weight
    return gradient(x, (1, 1, size, size), y).numpy()


def torch_affine(n: int) -> Any:
    """Return dw and db of a linear layer from PyTorch."""
    x = tensor(full(n, 1))
    w = torch.ones(1, 1, requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    dw, db = torch.autograd.grad(TF.linear(x, w, b), (w, b), tensor(full(n, 1)))
    return dw.numpy(), db.numpy()


def batch_moments(n: int, value: Any, channels_last: bool) -> Answer:
    """Return y and mean of a batch normalisation of equal numbers."""
    x = full(n, 1, value=value) if channels_last else full(1, 1, side(n), side(n), value=value)
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    y, mean, _ = F.batch_norm(x, one, zero, zero.copy(), one.copy(), training=True)
    return y, mean


def layer_moments(n: int, value: Any) -> Answer:
    """Return y and mean of a layer normalisation of one row of equal numbers."""
    return F.layer_norm(full(1, n, value=value), np.ones(n, np.float32), np.zeros(n, np.float32))


def plain_norm(n: int) -> Answer:
    """Return the normalised row from NumPy in float32."""
    x = full(n, value=FAR)
    return (x - x.mean()) / np.sqrt(x.var() + np.float32(1e-5))


def layer_back(n: int) -> Answer:
    """Return dbeta of n rows."""
    x = np.tile(np.array([[-1.0, 1.0]], np.float32), (n // 2, 1))
    g = np.ones(2, np.float32)
    mean, inv = np.zeros(n // 2, np.float32), np.ones(n // 2, np.float32)
    return F.layer_norm_backward(full(n // 2, 2), x, g, mean, inv)[2]


def scores(n: int) -> Array:
    """Return a row of which each but the first has a tenth of the first one's share."""
    x = full(1, n, value=LOG_TENTH)
    x[0, 0] = 0
    return x


def plain_softmax(n: int) -> Answer:
    """Return the softmax of the row from NumPy in float32."""
    e = np.exp(scores(n))
    return e / e.sum(axis=1)


v = float(VALUE)
ROWS = [
    Row(
        "global_avg_pool2d",
        lambda _: v,
        lambda n: F.global_avg_pool2d(square(n)),
        lambda n: square(n).mean(axis=(2, 3)),
        lambda n: tensor(square(n)).mean(dim=(2, 3)).numpy(),
    ),
    Row(
        "global_avg_pool2d, channels last",
        lambda _: v,
        lambda n: F.global_avg_pool2d(
            full(1, side(n) // 2, side(n) // 2, 4), data_format="channels_last"
        ),
        lambda n: full(1, side(n) // 2, side(n) // 2, 4).mean(axis=(1, 2)),
        lambda n: tensor(full(1, side(n) // 2, side(n) // 2, 4)).mean(dim=(1, 2)).numpy(),
    ),
    Row(
        "avg_pool2d, one window",
        lambda _: v,
        lambda n: F.avg_pool2d(square(n), side(n)),
        lambda n: square(n).mean(axis=(2, 3)),
        lambda n: TF.avg_pool2d(tensor(square(n)), side(n)).numpy(),
    ),
    Row(
        "matmul, k = n",
        lambda n: n * v * v,
        lambda n: F.matmul(full(1, n), full(n, 1)),
        lambda n: full(1, n) @ full(n, 1),
        lambda n: (tensor(full(1, n)) @ tensor(full(n, 1))).numpy(),
    ),
    Row(
        "affine_backward dw, n rows",
        lambda n: n * v * v,
        lambda n: F.affine_backward(full(n, 1), full(n, 1), ONE, need_dx=False)[1],
        lambda n: full(n, 1).T @ full(n, 1),
        lambda n: torch_affine(n)[0],
    ),
    Row(
        "affine_backward db, n rows",
        lambda n: n * v,
        lambda n: F.affine_backward(full(n, 1), full(n, 1), ONE, need_dx=False)[2],
        lambda n: full(n, 1).sum(axis=0),
        lambda n: torch_affine(n)[1],
    ),
    Row(
        "affine_backward db, n / 4 rows of 4",
        lambda n: n // 4 * v,
        lambda n: F.affine_backward(full(n // 4, 4), full(n // 4, 1), full(1, 4), need_dx=False)[2],
        lambda n: full(n // 4, 4).sum(axis=0),
        lambda n: tensor(full(n // 4, 4)).sum(dim=0).numpy(),
    ),
    *(
        Row(
            f"conv2d_backward dw {k} x {k}{name}",
            lambda n: side(n) ** 2 * v * v,
            lambda n, k=k, more=more: dw(n, k, **more),  # type: ignore[misc]
            None,
            (lambda n, k=k: torch_dw(n, k)) if not more else None,  # type: ignore[misc]
            most,
        )
        for k, name, more, most in (
            (3, "", {}, 1e8),
            (4, "", {}, 1e8),
            (3, ", im2col", {"algorithm": "im2col"}, 1e7),
            (3, ", depthwise", {"channels": 2, "groups": 2}, 5e7),
        )
    ),
    Row(
        "conv2d, a kernel of n pixels",
        lambda n: side(n) ** 2 * v * v,
        lambda n: F.conv2d(square(n), square(n)),
        None,
        lambda n: TF.conv2d(tensor(square(n)), tensor(square(n))).numpy(),
    ),
    Row(
        "batch_norm mean",
        lambda _: v,
        lambda n: batch_moments(n, VALUE, True)[1],
        lambda n: full(n, 1).mean(axis=0),
        lambda n: tensor(full(n, 1)).mean(dim=0).numpy(),
    ),
    Row(
        "batch_norm of 123456.7",
        lambda _: 0.0,
        lambda n: batch_moments(n, FAR, False)[0],
        plain_norm,
        lambda n: TF.batch_norm(tensor(full(n, 1, value=FAR)), None, None, training=True).numpy(),
    ),
    Row(
        "layer_norm mean",
        lambda _: v,
        lambda n: layer_moments(n, VALUE)[1],
        lambda n: full(n).mean(),
        lambda n: tensor(full(n)).mean().numpy(),
    ),
    Row(
        "layer_norm of 123456.7",
        lambda _: 0.0,
        lambda n: layer_moments(n, FAR)[0],
        plain_norm,
        lambda n: TF.layer_norm(tensor(full(1, n, value=FAR)), (n,)).numpy(),
    ),
    Row("layer_norm_backward dbeta", lambda n: n // 2 * v, layer_back),
    Row(
        "softmax",
        lambda n: 1 / (1 + (n - 1) * TENTH),
        lambda n: F.softmax(scores(n))[0, 0],
        lambda n: plain_softmax(n)[0, 0],
        lambda n: tensor(scores(n)).softmax(dim=1).numpy()[0, 0],
    ),
    Row(
        "softmax_backward",
        lambda n: v * (v - n * v * v),
        lambda n: F.softmax_backward(full(1, n), full(1, n)),
        None,
        None,
    ),
    Row(
        "mean_squared_error",
        lambda _: v * v,
        lambda n: F.mean_squared_error(full(n, 1), np.zeros((n, 1), np.float32)),
        lambda n: np.square(full(n, 1)).mean(),
        lambda n: TF.mse_loss(tensor(full(n, 1)), torch.zeros(n, 1)).numpy(),
    ),
]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="1e6,1e7,1e8", help="how many numbers, with commas")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    options = parser.parse_args()
    sizes = [int(float(size)) for size in options.sizes.split(",")]
    heads = ["sum", *(f"{name} {n:.0e}" for n in sizes for name in ("hotloop", "numpy", "torch"))]
    rows = [
        [row.name, *(cell for n in sizes for cell in row.errors(n))]
        for row in ROWS
        if options.only in row.name
    ]
    say(table(heads, rows))


if __name__ == "__main__":
    main()
