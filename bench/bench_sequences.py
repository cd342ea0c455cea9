"""One training step of layers over sequences, beside PyTorch and Keras: ``python bench/bench_sequences.py``.

LSTM and GRU: 64 steps of 32 inputs, 128 units, batch 32. Embedding: 20,000 x 64 over 32 x 200 ids, averaged. Then a
dense layer of 10, cross entropy, SGD. Best round in milliseconds; losses of five
steps are compared first.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np

import hotloop as hl

N, T, FEATURES, U, V, D, L = 32, 64, 32, 128, 20_000, 64, 200
KINDS = ("lstm", "gru", "embedding")
WHO = (
    ("hotloop", "hotloop", "torch"),
    ("torch", "torch", "torch"),
    ("keras on torch", "keras", "torch"),
    ("keras on jax", "keras", "jax"),
)
Step = Callable[[], Any]


def best(step: Step, seconds: float = 1.5) -> float:
    """Return the best of rounds of ten steps, in milliseconds a step."""
    for _ in range(3):
        step()
    found, end = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(10):
            step()
        found = min(found, (time.perf_counter() - start) / 10)
    return 1e3 * float(found)


def data(kind: str) -> tuple[Any, Any]:
    """Return a batch."""
    rng = np.random.default_rng(0)
    t = rng.integers(0, 10, N)
    if kind == "embedding":
        return rng.integers(0, V, (N, L)), t
    return rng.normal(size=(N, T, FEATURES)).astype("float32"), t


def keras_like(keras: Any, kind: str) -> Any:
    """Return the model of `hotloop` or `keras`."""
    layers = keras.layers
    if kind == "embedding":
        first = keras.Input((L,), dtype="int32")
        h = keras.ops.mean(layers.Embedding(V, D)(first), axis=1)
    else:
        first = keras.Input((T, FEATURES))
        h = getattr(layers, kind.upper())(U)(first)
    model = keras.Model(first, layers.Dense(10, activation="softmax")(h))
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    return model


def torch_step(kind: str) -> Any:
    """Return one step of PyTorch."""
    torch: Any = importlib.import_module("torch")

    x, t = map(torch.from_numpy, data(kind))
    if kind == "embedding":
        first: Any = torch.nn.Embedding(V, D)
    else:
        first = getattr(torch.nn, kind.upper())(FEATURES, U, batch_first=True)
    last = torch.nn.Linear(D if kind == "embedding" else U, 10)
    optimizer = torch.optim.SGD([*first.parameters(), *last.parameters()], 0.01)

    def step() -> Any:
        optimizer.zero_grad()
        h = first(x).mean(1) if kind == "embedding" else first(x)[0][:, -1]
        loss = torch.nn.functional.cross_entropy(last(h), t)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def timed(who: str, kind: str) -> float:
    """Return the milliseconds of one library's step; each has a process, as thread teams disturb one another."""
    if who == "torch":
        return best(torch_step(kind))
    library: Any = hl if who == "hotloop" else importlib.import_module("keras")
    model, (x, t) = keras_like(library, kind), data(kind)
    return best(lambda: model.train_on_batch(x, t))


def check(kind: str) -> None:
    """Compare the losses of five steps with Keras's."""
    (x, t), ours = data(kind), keras_like(hl, kind)
    theirs = keras_like(importlib.import_module("keras"), kind)
    theirs.set_weights(ours.get_weights())
    for _ in range(5):
        a, b = ours.train_on_batch(x, t), float(theirs.train_on_batch(x, t))
        assert abs(a - b) < 1e-5, (kind, a, b)


def main() -> None:
    """Print a table."""
    if len(sys.argv) == 3:
        sys.stdout.write(f"{timed(sys.argv[1], sys.argv[2])}\n")
        return
    for kind in KINDS:
        check(kind)
        found = {}
        for name, who, backend in WHO:
            command = [sys.executable, __file__, who, kind]
            ran = subprocess.run(
                command,
                env={**os.environ, "KERAS_BACKEND": backend},
                capture_output=True,
                text=True,
                check=True,
            )
            found[name] = float(ran.stdout.split()[-1])
        text = "  ".join(f"{name} {value:.3f} ms" for name, value in found.items())
        ratio = min(v for name, v in found.items() if name != "hotloop") / found["hotloop"]
        sys.stdout.write(f"{kind:10} {text}  fastest peer / hotloop {ratio:.2f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
