"""What `fit` costs beyond its bare steps: an epoch of W1 over 60,000 images.

A bare step gathers its batch, by the order that the epoch drew, and runs the recorded step; nothing else
happens in a bare epoch. Beside it stand the loops that a user writes, and fits with callbacks.
``python bench/bench_fit.py``
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import hotloop as hl
from hotloop._bench.measure import duration, say

IMAGES, BATCH = 60_000, 100
LIMIT = 1.15


def w1() -> hl.Sequential:
    """Return 784-50-10, sigmoid, softmax."""
    model = hl.Sequential(
        [
            hl.layers.Dense(50, "sigmoid", input_shape=(784,)),
            hl.layers.Dense(10, "softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def measure(rounds: int = 7, images: int = IMAGES) -> dict[str, float]:
    """Return the median seconds of each kind of epoch, one after the other in every round."""
    rng = np.random.default_rng(0)
    x = rng.random((images, 784), np.float32)
    y = rng.integers(0, 10, images)
    order = rng.permutation(images)
    shuffled, ids = x[order], y[order]
    batches = [(shuffled[i : i + BATCH], ids[i : i + BATCH]) for i in range(0, images, BATCH)]
    rows = [order[i : i + BATCH] for i in range(0, images, BATCH)]
    model = w1()
    model.train_on_batch(*batches[0])
    data = model._trainer.data("fit", x, y)
    step = model._trainer.step_for(data, BATCH, train=True, update=True)

    def bare() -> None:
        for chosen in rows:
            data.load(step, chosen)
            step.run()

    def by_hand() -> None:
        for chosen in rows:
            model.train_on_batch(x[chosen], y[chosen])

    def cut_out() -> None:
        for xb, yb in batches:
            model.train_on_batch(xb, yb)

    def fit(**given: Any) -> Callable[[], None]:
        def run() -> None:
            model.fit(x, y, batch_size=BATCH, verbose=0, **given)

        return run

    hooks = hl.callbacks.LambdaCallback
    ways: dict[str, Callable[[], None]] = {
        "bare": bare,
        "fit": fit(),
        "train_on_batch by hand": by_hand,
        "train_on_batch, batches cut out beforehand": cut_out,
        "fit in order": fit(shuffle=False),
        "with a callback of epochs": fit(callbacks=[hooks(on_epoch_end=lambda *_: None)]),
        "with a callback of batches": fit(callbacks=[hooks(on_train_batch_end=lambda *_: None)]),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: float(np.median(found)) for name, found in times.items()}


def main(rounds: int = 7) -> dict[str, float]:
    """Print each way beside the bare steps; what comes back holds the ratio of `fit`."""
    found = measure(rounds)
    for name, seconds in found.items():
        say(f"W1, an epoch, {name}: {duration(seconds)}, {seconds / found['bare']:.3f} of bare")
    found["ratio"] = found["fit"] / found["bare"]
    say(f"fit / bare steps: {found['ratio']:.3f} (at most {LIMIT})")
    return found


if __name__ == "__main__":
    main()
