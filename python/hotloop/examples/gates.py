"""Logic gates learnt by one unit, and the gate that one unit cannot learn.

A unit draws one straight line through the plane of its two inputs. AND, OR and NAND have their ones on one side of a
line. XOR has not; but AND of NAND and OR is XOR: two layers do what one cannot.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hotloop import functional as F
from hotloop import plotting
from hotloop.examples._lesson import Lesson, run
from hotloop.utils import numerical_gradient

INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def unit(x: Any, w: Any, b: Any) -> Any:
    """Return the answers (N,) of one sigmoid unit to rows (N, 2)."""
    return F.affine(x, w[:, None], b, activation="sigmoid")[:, 0]


def train(truth: Any) -> tuple[Any, Any, float]:
    """Return weights, bias and loss after 1000 steps of descent by central differences."""
    np.random.seed(1)  # noqa: NPY002 - the lesson's generator
    w, b = np.random.randn(2), np.random.rand(1)  # noqa: NPY002
    t = np.array(truth)

    def loss(
        _: Any = None,
    ) -> float:  # numerical_gradient moves w or b in place, so the argument is not needed
        y = unit(INPUTS, w, b)
        return float(-np.sum(t * np.log(y) + (1 - t) * np.log(1 - y)) / 2)

    for _ in range(1000):
        dw, db = numerical_gradient(loss, w, h=1e-5), numerical_gradient(loss, b, h=1e-5)
        w -= 0.1 * dw
        b -= 0.1 * db
    return w, b, loss()


def main(lesson: Lesson) -> None:
    """Train four gates with one unit each, then build XOR of three of them."""
    truths = {"AND": (0, 0, 0, 1), "OR": (0, 1, 1, 1), "NAND": (1, 1, 1, 0), "XOR": (0, 1, 1, 0)}
    gates = {name: train(truth) for name, truth in truths.items()}
    w, b, loss = gates["AND"]
    outputs = [0.00135483, 0.08867878, 0.08889176, 0.87496677]
    lesson.expect("AND: loss", loss, 0.16043926933, decimals=11)
    lesson.expect("AND: weights", w, [4.27548114, 4.27284863], decimals=8)
    lesson.expect("AND: bias", b[0], -6.6027234, decimals=7)
    lesson.expect("AND: outputs", unit(INPUTS, w, b), outputs, decimals=8)
    lesson.expect("OR: loss", gates["OR"][2], 0.09174843, decimals=8)
    lesson.expect("NAND: loss", gates["NAND"][2], 0.16530944, decimals=8)
    # 2 ln 2: the unit answers one half to everything, and learns nothing.
    lesson.expect("XOR with one unit: loss", gates["XOR"][2], 1.3862944, decimals=7)

    first = [unit(INPUTS, *gates[name][:2]) for name in ("NAND", "OR")]
    xor = unit(np.stack(first, axis=1), w, b)
    outputs = [0.12870357, 0.79966936, 0.80108545, 0.14420781]
    lesson.expect("XOR as AND(NAND, OR): outputs", xor, outputs, decimals=8)

    def draw(axes: Any) -> None:
        for ax, (name, (gw, gb, _)) in zip(axes.flat, gates.items(), strict=True):
            plotting.decision_boundary(
                lambda x, w=gw, b=gb: unit(x, w, b), INPUTS, truths[name], ax=ax
            )
            ax.set(title=name, xlabel="first input", ylabel="second input")

    lesson.picture("gates", draw, 2, 2, size=(8, 7))


if __name__ == "__main__":
    run(main)
