"""Models: `Sequential`, `Model` of any graph, classes with a `call`, and their files."""

from hotloop._support.names import serve
from hotloop.models.cloning import clone_model, model_from_json
from hotloop.models.model import Model
from hotloop.models.sequential import Sequential, load_model, save_model

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]

serve(__name__)
