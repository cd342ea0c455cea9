"""`fit` of a model with a `train_step` of its own refuses what `fit` of any model refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop as hl

X, Y = np.ones((8, 3), np.float32), np.zeros((8, 1), np.float32)


class Own(hl.Model):
    """One number, learned by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = hl.layers.Dense(1)

    def call(self, x: Any) -> Any:
        """Return the prediction."""
        return self.dense(x)

    def train_step(self, data: Any) -> dict[str, float]:
        """Count the samples."""
        return {"loss": float(len(data[0]))}

    def test_step(self, data: Any) -> dict[str, float]:
        """Count the samples."""
        return {"loss": float(len(data[0]))}


@pytest.mark.parametrize("own", [True, False], ids=["own step", "recorded step"])
@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"validation_split": 1.5}, r"validation_split must lie in \[0, 1\)"),
        ({"validation_split": -0.5}, r"validation_split must lie in \[0, 1\)"),
        ({"validation_split": 0.99}, "of 8 samples leaves one part empty"),
        ({"steps_per_epoch": 0}, "steps_per_epoch"),
        ({"validation_steps": -1, "validation_data": (X, Y)}, "validation_steps"),
        ({"initial_epoch": -1}, "initial_epoch"),
        ({"epochs": -1}, "epochs"),
        ({"shuffle": "batch"}, "shuffle must be True or False"),
        ({"validation_freq": 0, "validation_data": (X, Y)}, "validation_freq"),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)
def test_fit_checks_its_arguments(own: bool, given: dict[str, Any], match: str) -> None:
    model = Own() if own else hl.Sequential([hl.layers.Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse")
    with pytest.raises((TypeError, ValueError), match=match):
        model.fit(X, Y, verbose=0, **given)


def test_a_share_of_the_samples_validates_a_step_of_ones_own() -> None:
    model = Own()
    model.compile("sgd", "mse")
    history = model.fit(X, Y, batch_size=8, verbose=0, validation_split=0.25)
    assert history.history == {"loss": [6.0], "val_loss": [2.0]}


def test_batches_cannot_be_split() -> None:
    model = Own()
    model.compile("sgd", "mse")
    loader = hl.DataLoader(X, Y, batch_size=4)
    with pytest.raises(ValueError, match="validation_split"):
        model.fit(loader, verbose=0, validation_split=0.25)
