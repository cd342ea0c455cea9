"""A model with two inputs and two outputs beside the two models that it is made of.

The answer is checked first: both ways train to the same bits. Then a step of ``train_on_batch`` and an
epoch of ``fit`` of the one model are timed against those of the two, one after the other.
``python bench/bench_ends.py``
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import hotloop as hl
from hotloop._bench.measure import Sample, duration, interleave, require_agreement, say, time_calls

LIMIT = 1.1
SAMPLES, BATCH = 6400, 100
# Units of the hidden layer, features.
SIZES = {"tiny": (30, 20), "W1": (50, 784)}


def ends(features: int, hidden: int) -> list[tuple[Any, Any]]:
    """Return the ends of a classifier and of a regression, with the same weights each time."""
    hl.set_seed(1)
    found = []
    for name, units, end in (("a", 10, "softmax"), ("b", 3, None)):
        x = hl.Input((features,))
        h = hl.layers.Dense(hidden, activation="relu", name=f"h_{name}")(x)
        found.append((x, hl.layers.Dense(units, activation=end, name=name)(h)))
    return found


def measure(name: str, seconds: float = 2.0) -> dict[str, float]:
    """Return the medians of a step and of an epoch, of the one model and of the two."""
    hidden, features = SIZES[name]
    rng = np.random.default_rng(0)
    x: list[Any] = [rng.random((SAMPLES, features), np.float32) for _ in range(2)]
    y: list[Any] = [rng.integers(0, 10, SAMPLES), rng.random((SAMPLES, 3), np.float32)]
    goals: list[Any] = ["sparse_categorical_crossentropy", "mse"]
    pairs = ends(features, hidden)
    both = hl.Model([x for x, _ in pairs], [out for _, out in pairs])
    both.compile("sgd", goals)
    apart = [hl.Model(*end) for end in ends(features, hidden)]
    for model, goal in zip(apart, goals, strict=True):
        model.compile("sgd", goal)
    xb: Any = [part[:BATCH] for part in x]
    yb: Any = [part[:BATCH] for part in y]

    def one_step() -> Any:
        return both.train_on_batch(xb, yb)

    def two_steps() -> None:
        apart[0].train_on_batch(xb[0], yb[0])
        apart[1].train_on_batch(xb[1], yb[1])

    def one_fit() -> None:
        both.fit(x, y, batch_size=BATCH, verbose=0)

    def two_fits() -> None:
        apart[0].fit(x[0], y[0], batch_size=BATCH, verbose=0)
        apart[1].fit(x[1], y[1], batch_size=BATCH, verbose=0)

    for _ in range(5):
        one_step()
        two_steps()
    weights = {key: value for model in apart for key, value in model.params.items()}
    require_agreement([both.params[key] for key in weights], list(weights.values()), 0.0, name)

    def timed(call: Callable[[], object]) -> Callable[[float], list[float]]:
        return lambda turn: time_calls(call, turn)

    ways = {"one step": one_step, "two steps": two_steps, "one fit": one_fit, "two fits": two_fits}
    samples: dict[str, Sample] = interleave(
        {way: timed(call) for way, call in ways.items()}, seconds, rounds=5
    )
    return {way: sample.median for way, sample in samples.items()}


def main(seconds: float = 2.0) -> dict[str, float]:
    """Print the one model beside the two; what comes back holds the ratios."""
    ratios = {}
    for name in SIZES:
        found = measure(name, seconds)
        for kind, one, two in (("step", "one step", "two steps"), ("fit", "one fit", "two fits")):
            ratio = ratios[f"{name} {kind}"] = found[one] / found[two]
            say(
                f"{name}, {kind}: two inputs and outputs {duration(found[one])}, two models "
                f"{duration(found[two])}, ratio {ratio:.3f} (at most {LIMIT})"
            )
    return ratios


if __name__ == "__main__":
    main()
