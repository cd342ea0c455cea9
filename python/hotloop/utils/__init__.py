"""Helpers around training: one-hot labels, scaling, splitting, seeding, and checks of gradients."""

from __future__ import annotations

from typing import Any

from hotloop.backend import clear_session
from hotloop.indexed import PyDataset
from hotloop.utils.arrays import normalize, to_categorical, train_test_split
from hotloop.utils.gradients import gradient_check
from hotloop.utils.numerical import numerical_gradient
from hotloop.utils.seeding import set_random_seed

__all__ = [
    "PyDataset",
    "Sequence",
    "clear_session",
    "gradient_check",
    "normalize",
    "numerical_gradient",
    "set_random_seed",
    "to_categorical",
    "train_test_split",
]

Sequence = PyDataset  # Keras's older name


def __getattr__(name: str) -> Any:
    """Find what Keras has here too, and hotloop in modules that cost more to import."""
    if name == "register_keras_serializable":
        from hotloop.saving import register_keras_serializable  # noqa: PLC0415

        return register_keras_serializable
    msg = f"module 'hotloop.utils' has no attribute {name!r}"
    raise AttributeError(msg)
