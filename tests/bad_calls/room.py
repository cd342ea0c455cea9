"""What the bad calls are written with; each is one line of Python over these names."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import hotloop as hl
from hotloop import layers

X = np.zeros((8, 4), np.float32)
Y = np.zeros(8, np.int64)
IMAGES = np.zeros((4, 6, 6, 1), np.float32)
HALVES = np.arange(8) % 2
FOLDER = Path(tempfile.gettempdir())
NOWHERE = FOLDER / "no such folder"


def bare() -> Any:
    """Give a model that was not compiled."""
    return hl.Sequential([layers.Dense(3, input_shape=(4,)), layers.Dense(2)])


def net(**compiled: Any) -> Any:
    """Give a compiled model of 4 features and 2 classes."""
    model = hl.Sequential(
        [
            layers.Dense(3, activation="relu", input_shape=(4,)),
            layers.Dense(2, activation="softmax"),
        ]
    )
    given = {"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", **compiled}
    model.compile(**given)
    return model


def fit(x: Any = X, y: Any = Y, **given: Any) -> Any:
    """Train it without a bar."""
    return net().fit(x, y, **{"verbose": 0, **given})


def built(layer: Any, x: Any = X) -> Any:
    """Call a layer on data, so that it has weights."""
    layer(x)
    return layer


class Own(layers.Layer):
    """A layer that defines nothing."""
