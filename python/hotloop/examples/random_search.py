"""Learning rate and weight decay by random search, judged on images that are kept for it.

The test must not choose: a fifth of the training images is set aside to validate. Rates are drawn evenly over their
logarithms, since .001 differs from .002 as much as .01 from .02. Random points try more rates than a grid does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import hotloop as hl
from hotloop.examples._lesson import Lesson, failing_on_purpose, run
from hotloop.layers import Dense


def main(lesson: Lesson) -> None:
    """Try a hundred pairs, show the best."""
    data, rng = lesson.data(), np.random.default_rng(lesson.seed)
    x, val_x, y, val_y = hl.utils.train_test_split(
        data.rows()[0][:500], data.y[:500], test_size=0.2, random_state=lesson.seed
    )

    count, epochs = (12, 30) if lesson.quick else (100, 50)

    def attempt(rate: float, decay: float) -> list[float]:
        hl.set_seed(lesson.seed)
        how: Any = {
            "kernel_initializer": "he_normal",
            "kernel_regularizer": hl.regularizers.L2(decay / 2),
        }
        layers = [Dense(100, "relu", **how) for _ in range(6)]
        model = hl.Sequential([hl.Input((x.shape[1],)), *layers, Dense(10, "softmax")])
        model.compile(
            hl.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        seen = model.fit(
            x, y, batch_size=100, epochs=epochs, validation_data=(val_x, val_y), verbose=0
        )
        curve: list[float] = seen.history["val_accuracy"]
        return curve

    rates, decays = 10 ** rng.uniform(-6, -2, count), 10 ** rng.uniform(-8, -4, count)
    with failing_on_purpose():  # most rates are too small to learn anything
        tries = [(attempt(*pair), *pair) for pair in zip(rates, decays, strict=True)]
    tries.sort(key=lambda one: -one[0][-1])
    for curve, rate, decay in tries[:5]:
        print(f"validation accuracy {curve[-1]:.2f}: rate {rate:.1e}, decay {decay:.1e}")
    best, rates = tries[0], np.array([rate for _, rate, _ in tries])
    lesson.holds("the best rate lies in the upper decade", best[1] > 1e-3, f"{best[1]:.1e}")
    # In these ranges the rate decides; the best fifth differs from the rest by it.
    fifth = len(tries) // 5
    top, rest = (np.median(part) for part in (rates[:fifth], rates[fifth:]))
    lesson.holds("the best fifth has larger rates", top > 3 * rest, f"{top:.1e} > {rest:.1e}")

    def draw(axes: Any) -> None:
        for curve, rate, _ in tries[:5]:
            axes[0].plot(range(1, epochs + 1), curve, label=f"{rate:.1e}")
        axes[0].set(xlabel="epoch", ylabel="validation accuracy", title="the best five")
        axes[0].figure.legend(title="rate", ncols=5, loc="outside upper center")
        axes[0].grid(visible=True)
        ends = [curve[-1] for curve, _, _ in tries]
        dots = axes[1].scatter(rates, [decay for *_, decay in tries], c=ends, cmap="cividis")
        axes[1].set(xscale="log", yscale="log", xlabel="rate", ylabel="decay", title="all")
        axes[1].figure.colorbar(dots, ax=axes[1], label="validation accuracy")

    lesson.picture("random_search", draw, 1, 2, size=(8, 3.8))


if __name__ == "__main__":
    run(main, data=True, quick=True)
