"""Files of models, of weights alone, and of runs under way."""

from hotloop._support.names import serve
from hotloop.saving.model_files import (
    load_model,
    load_weights,
    register_keras_serializable,
    save_model,
    save_weights,
)

__all__ = [
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
]

serve(__name__)
