"""Peak memory of training SimpleConvNet on 60,000 images, and allocations of a running step.

Each library trains in a process of its own, whose largest resident set is read at its end.
``python bench/bench_memory.py [--quick]``
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from allocations import counting
from hotloop._bench.measure import say, table
from hotloop._bench.steps import hotloop_step
from hotloop._bench.workloads import BOOK_MLP, SIMPLE_CONV_NET, Array, Workload
from peers.worker import peak_memory

IMAGES = 60_000
LIMIT = 0.6


def train_hotloop(x: Any, labels: Any, steps: int) -> None:
    """Train with ``fit``; uint8 images are scaled while a batch is gathered."""
    import hotloop as hl  # noqa: PLC0415 - a process loads one library only

    scaling = [hl.layers.Rescaling(1 / 255)] if x.dtype == np.uint8 else []
    model = hl.Sequential(
        [
            hl.Input(shape=(28, 28, 1)),
            *scaling,
            hl.layers.Conv2D(30, 5, activation="relu"),
            hl.layers.MaxPool2D(2),
            hl.layers.Flatten(),
            hl.layers.Dense(100, activation="relu"),
            hl.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    if steps >= len(x) // 100:
        model.fit(x, labels, batch_size=100, epochs=1, verbose=0)
        return
    loader = hl.DataLoader(x, labels, batch_size=100, shuffle=True, seed=0)
    for _, (xb, yb) in zip(range(steps), loader, strict=False):
        model.train_on_batch(xb, yb)


def train_torch(x: Any, labels: Any, steps: int) -> None:
    """Train eagerly on the same arrays; uint8 images are scaled batch by batch."""
    import torch  # noqa: PLC0415 - a process loads one library only
    from torch import nn  # noqa: PLC0415

    model = nn.Sequential(
        nn.Conv2d(1, 30, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(30 * 12 * 12, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )
    optimizer = torch.optim.Adam(model.parameters())
    loss_function = nn.CrossEntropyLoss()
    images = torch.from_numpy(x).permute(0, 3, 1, 2)
    targets = torch.from_numpy(labels)
    order = torch.randperm(len(images))
    for step in range(steps):
        chosen = order[100 * step : 100 * (step + 1)]
        batch = images[chosen]
        if batch.dtype == torch.uint8:
            batch = batch.float().div_(255)
        optimizer.zero_grad()
        loss = loss_function(model(batch), targets[chosen])
        loss.backward()
        optimizer.step()


_TRAINERS: dict[str, Callable[[Any, Any, int], None]] = {
    "hotloop": train_hotloop,
    "torch": train_torch,
}


def child(library: str, dtype: str, steps: int) -> None:
    """Train in this process and print its peak."""
    rng = np.random.default_rng(0)
    x: Array = rng.integers(0, 256, (IMAGES, 28, 28, 1), dtype=np.uint8)
    if dtype == "float32":
        # Scaled piece by piece: no peak of our own making.
        wide = np.empty(x.shape, np.float32)
        for begin in range(0, IMAGES, 1000):
            np.divide(
                x[begin : begin + 1000], 255, out=wide[begin : begin + 1000], casting="same_kind"
            )
        x = wide
    _TRAINERS[library](x, rng.integers(0, 10, IMAGES), steps)
    sys.stdout.write(json.dumps({"peak": peak_memory()}) + "\n")


def peak_of(library: str, dtype: str, steps: int) -> int | None:
    """Run a child; None if it failed."""
    command = [sys.executable, str(Path(__file__)), "--child", library, dtype, str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        say(f"{library} {dtype}: {done.stderr.strip().splitlines()[-1]}")
        return None
    return int(json.loads(done.stdout.splitlines()[-1])["peak"])


def allocations_of(workload: Workload) -> tuple[int, int]:
    """Count array allocations, and their bytes, in steps 2 to 100 of ``train_on_batch``."""
    _, model = hotloop_step(workload)
    x, labels = workload.make_batch()
    model.train_on_batch(x, labels)
    with counting() as counter:
        for _ in range(99):
            model.train_on_batch(x, labels)
    return counter.count, counter.bytes


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Measure peaks and allocations and print them."""
    steps = 60 if quick else IMAGES // 100
    libraries = [name for name in _TRAINERS if importlib.util.find_spec(name)]
    found: dict[str, Any] = {"steps": steps, "peaks": {}, "allocations": {}}
    rows = []
    for dtype in ("float32", "uint8"):
        peaks = {name: peak_of(name, dtype, steps) for name in libraries}
        found["peaks"][dtype] = peaks
        own, other = peaks.get("hotloop"), peaks.get("torch")
        share = f"{own / other:.2f}" if own and other else "-"
        mega = [f"{p / 2**20:.0f} MB" if p else "-" for p in (own, other)]
        rows.append([f"{IMAGES} images {dtype}, {steps} steps", *mega, share, str(LIMIT)])
    say(table(["peak memory, SimpleConvNet", "hotloop", "PyTorch", "share", "at most"], rows))
    for workload in (BOOK_MLP, SIMPLE_CONV_NET):
        count, size = allocations_of(workload)
        found["allocations"][workload.name] = {"count": count, "bytes": size}
        say(f"{workload.title}: {count} array allocations ({size} bytes) in steps 2 to 100")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="60 steps in place of an epoch")
    parser.add_argument("--child", nargs=3, metavar=("LIBRARY", "DTYPE", "STEPS"))
    options = parser.parse_args()
    if options.child:
        child(options.child[0], options.child[1], int(options.child[2]))
    else:
        measure(quick=options.quick)
