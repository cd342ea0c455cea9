"""What comes out of six layers, for eleven ways to begin the weights.

If every answer lies at 0 or 1, the slopes of the sigmoid vanish; if all lie at one place, fifty units do the work of
one. Weights as wide as sqrt(1 / n) (Xavier) keep a sigmoid or tanh alive, sqrt(2 / n) (He) a ReLU.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import functional as F
from hotloop import plotting
from hotloop.examples._lesson import Lesson, run

N = 50  # units in each layer
SCALES = {"zero": 0.0, "normal": 1.0, "normal * .01": 0.01, "Xavier": N**-0.5, "He": (2 / N) ** 0.5}
CASES = {
    "sigmoid": ("zero", "uniform 1-10", "normal", "normal * .01", "Xavier"),
    "tanh": ("Xavier",),
    "relu": ("zero", "normal", "normal * .01", "Xavier", "He"),
}


def layers(activation: str, weights: str, seed: int = 0) -> list[Any]:
    """Return the answers (1000, 50) of six layers in a row to normal inputs."""
    rng = np.random.default_rng(seed)
    x, answers = rng.normal(size=(1000, N)), []
    for _ in range(6):
        if weights == "uniform 1-10":
            w = rng.uniform(1, 10, (N, N))
        else:
            w = SCALES[weights] * rng.normal(size=(N, N))
        x = getattr(F, activation)(F.matmul(x, w))
        answers.append(x)
    return answers


def main(lesson: Lesson) -> None:
    """Say in numbers what the histograms show, and draw them."""
    last = {(a, w): layers(a, w)[5] for a, names in CASES.items() for w in names}
    y = last["sigmoid", "normal"]
    ends = np.mean((y < 0.1) | (y > 0.9))
    lesson.holds("sigmoid, normal: most at both ends", ends > 0.5, f"{ends:.0%} beyond .1, .9")
    y = last["sigmoid", "normal * .01"]
    lesson.holds("sigmoid, normal * .01: all near .5", y.std() < 0.05, f"deviation {y.std():.3f}")
    y = last["sigmoid", "Xavier"]
    lesson.holds("sigmoid, Xavier: spread", y.std() > 0.1, f"deviation {y.std():.3f}")
    lesson.expect("sigmoid, zero weights: all at", np.unique(last["sigmoid", "zero"]), [0.5])
    lesson.holds("sigmoid, uniform 1-10: all at 1", last["sigmoid", "uniform 1-10"].min() > 0.999)
    for name, figure in (("Xavier", "fades"), ("He", "keeps its size")):
        first, sixth = (layers("relu", name)[i].std() for i in (0, 5))
        kept = sixth / first
        ok = 0.5 < kept < 2 if name == "He" else kept < 0.5
        lesson.holds(f"ReLU, {name}: {figure}", ok, f"layer 6 / layer 1 {kept:.2f}")

    for activation, names in CASES.items():
        if lesson.quick and activation != "tanh":  # the others have thirty panels each
            continue
        ranges = [(0, 1), (-1, 1)] if activation == "tanh" else [(0, 1)] * len(names)

        def draw(
            axes: Any, function: str = activation, names: Any = names, ranges: Any = ranges
        ) -> None:
            for row, place in enumerate(ranges):
                name = names[0 if function == "tanh" else row]
                answers = {f"layer {i + 1}": y for i, y in enumerate(layers(function, name))}
                top = 0.06 if function == "relu" else None  # half is 0: cut, to see the rest
                plotting.activations(answers, range=place, top=top, bins=50, ax=axes[row])
                # Two rows of one start differ in what they show of it.
                shown = "{}, {} to {}".format(name, *place) if function == "tanh" else name
                axes[row, 0].set_ylabel(f"{shown}\nshare")

        lesson.picture(activation, draw, len(ranges), 6, size=(8, 1.6 * len(ranges) + 0.4))


if __name__ == "__main__":
    run(main, quick=True)
