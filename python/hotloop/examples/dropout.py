"""Overfitting, and units that are left out by lot.

In each step dropout silences a share of the units, others each time: no unit can rely on a single other one. For the
test all work. Three hundred images, as in `weight_decay`.
"""

from __future__ import annotations

from hotloop.examples._lesson import Lesson, run
from hotloop.examples.weight_decay import draw_gaps, train


def main(lesson: Lesson) -> None:
    """Train without and with dropout of a fifth."""
    data = lesson.data()
    epochs = 150 if lesson.quick else 300
    curves = {
        "without": train(data, lesson.seed, epochs, None),
        "dropout .2": train(data, lesson.seed, epochs, None, dropout=0.2),
    }
    gaps = {name: pairs[-1][0] - pairs[-1][1] for name, pairs in curves.items()}
    for name, pairs in curves.items():
        print(f"{name:10} train {pairs[-1][0]:.4f}, test {pairs[-1][1]:.4f}, gap {gaps[name]:.4f}")
    told = f"{gaps['dropout .2']:.4f} < {gaps['without']:.4f}"
    # The small digits of the package leave little to overfit: there it is shown only.
    narrower, mnist = gaps["dropout .2"] < gaps["without"], data.name == "mnist"
    lesson.holds("dropout narrows the gap to the test", narrower, told, compare=mnist)
    draw_gaps(lesson, curves)


if __name__ == "__main__":
    run(main, data=True, quick=True)
