"""What Keras scripts ask of ``keras.backend``, usually imported as ``K``: names, formats, constants.

Tensor operations are in `hotloop.functional`, on NumPy arrays.
"""

from __future__ import annotations

from hotloop._support.names import serve
from hotloop.config import (
    epsilon,
    floatx,
    image_data_format,
    set_floatx,
    set_image_data_format,
)

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "image_data_format",
    "set_floatx",
    "set_image_data_format",
]


def backend() -> str:
    """Return the name of what computes.

    Examples
    --------
    >>> backend()
    'hotloop'
    """
    return "hotloop"


def clear_session() -> None:
    """Do what Keras asks for between two models: nothing, for no state outlives a model here.

    Names of layers are counted in each model alone, and arrays go with the model that owns them.

    Examples
    --------
    >>> clear_session()
    """


serve(__name__)
