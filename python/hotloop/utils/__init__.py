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
    from hotloop.utils.drawing import get_source_inputs, model_to_dot, plot_model
    from hotloop.utils.files import get_file
    from hotloop.utils.folders import (
        image_dataset_from_directory,
        text_dataset_from_directory,
    )
    from hotloop.utils.images import array_to_img, img_to_array, load_img, save_img
    from hotloop.utils.objects import (
        CustomObjectScope,
        custom_object_scope,
        deserialize_keras_object,
        get_custom_objects,
        get_registered_name,
        get_registered_object,
        serialize_keras_object,
    )
    from hotloop.utils.progbar import Progbar
    from hotloop.utils.sequences import pad_sequences
    from hotloop.utils.windows import split_dataset, timeseries_dataset_from_array

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "gradient_check",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "model_to_dot",
    "normalize",
    "numerical_gradient",
    "pad_sequences",
    "plot_model",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "train_test_split",
]

Sequence = PyDataset  # Keras's older name

# What costs more to import than the rest, or is seldom needed.
_LAZY = {
    "drawing": ["get_source_inputs", "model_to_dot", "plot_model"],
    "files": ["get_file"],
    "folders": ["image_dataset_from_directory", "text_dataset_from_directory"],
    "images": ["array_to_img", "img_to_array", "load_img", "save_img"],
    "objects": [
        "CustomObjectScope",
        "custom_object_scope",
        "deserialize_keras_object",
        "get_custom_objects",
        "get_registered_name",
        "get_registered_object",
        "serialize_keras_object",
    ],
    "progbar": ["Progbar"],
    "sequences": ["pad_sequences"],
    "windows": ["split_dataset", "timeseries_dataset_from_array"],
}

serve(
    __name__,
    {
        "gradient_check": "hotloop.gradcheck.gradients:gradient_check",
        "numerical_gradient": "hotloop.gradcheck.numerical:numerical_gradient",
        "register_keras_serializable": "hotloop.saving:register_keras_serializable",
        **{
            name: f"hotloop.utils.{module}:{name}"
            for module, names in _LAZY.items()
            for name in names
        },
    },
    ["register_keras_serializable"],
)
