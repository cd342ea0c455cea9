"""Helpers around training: one-hot labels, scaling, splitting, seeding, and checks of gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotloop._support.names import serve
from hotloop.backend import clear_session
from hotloop.data.indexed import PyDataset
from hotloop.utils.arrays import normalize, to_categorical, train_test_split
from hotloop.utils.seeding import set_random_seed

if TYPE_CHECKING:
    from hotloop.gradcheck.gradients import gradient_check
    from hotloop.gradcheck.numerical import numerical_gradient
    from hotloop.saving.model_files import (
        register_keras_serializable as register_keras_serializable,
    )

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

serve(
    __name__,
    # What costs more to import than the rest: a check of gradients makes models.
    {
        "gradient_check": "hotloop.gradcheck.gradients:gradient_check",
        "numerical_gradient": "hotloop.gradcheck.numerical:numerical_gradient",
        "register_keras_serializable": "hotloop.saving:register_keras_serializable",
    },
    ["register_keras_serializable"],
)
