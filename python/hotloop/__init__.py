"""hotloop: neural networks on one machine, with a compiled core and Keras's interface.

``import hotloop as hl`` loads the compiled core and nothing else; every other module is loaded
when it is first used, so that a script pays only for what it touches.

Examples
--------
>>> import hotloop as hl
>>> model = hl.Sequential([hl.layers.Dense(3, activation="softmax", input_shape=(4,))])
>>> model.count_params()
15
"""

from __future__ import annotations

from typing import TYPE_CHECKING

# The core is loaded at once: an instruction set that this machine lacks must raise at import.
try:
    from hotloop import _core, config
except ImportError as error:
    from hotloop._support.started import end_command

    end_command(error)
    raise
from hotloop._support.moved import answer_to_old_names
from hotloop._support.names import serve
from hotloop.config import show_config
from hotloop.registry import enter_rooms
from hotloop.version import __version__

if TYPE_CHECKING:
    from hotloop import (
        activations,
        autodiff,
        backend,
        callbacks,
        constraints,
        datasets,
        functional,
        initializers,
        layers,
        losses,
        metrics,
        mixed_precision,
        models,
        ops,
        optimizers,
        preprocessing,
        random,
        reference,
        regularizers,
        saving,
        utils,
    )
    from hotloop import book as book
    from hotloop import estimators as estimators
    from hotloop import plotting as plotting
    from hotloop.autodiff import GradientTape, Tensor
    from hotloop.autodiff import compile as compile
    from hotloop.data.data_loader import DataLoader
    from hotloop.initializers import Initializer
    from hotloop.layers import Input, Layer
    from hotloop.losses import Loss
    from hotloop.metrics import Metric
    from hotloop.models import Model, Sequential
    from hotloop.optimizers import Optimizer
    from hotloop.utils import set_random_seed as set_seed

_MODULES = (
    "activations",
    "autodiff",
    "backend",
    "book",
    "callbacks",
    "cli",
    "constraints",
    "datasets",
    "estimators",
    "functional",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "plotting",
    "preprocessing",
    "random",
    "reference",
    "regularizers",
    "saving",
    "utils",
)
_NAMES = {
    "DataLoader": "hotloop.data.data_loader:DataLoader",
    "GradientTape": "hotloop.autodiff:GradientTape",
    "Initializer": "hotloop.initializers:Initializer",
    "Input": "hotloop.layers:Input",
    "Layer": "hotloop.layers:Layer",
    "Loss": "hotloop.losses:Loss",
    "Metric": "hotloop.metrics:Metric",
    "Model": "hotloop.models:Model",
    "Optimizer": "hotloop.optimizers:Optimizer",
    "Sequential": "hotloop.models:Sequential",
    "Regularizer": "hotloop.regularizers:Regularizer",
    "Tensor": "hotloop.autodiff:Tensor",
    "compile": "hotloop.autodiff:compile",
    "keras": "hotloop",
    "name_scope": "hotloop.backend:name_scope",
    "set_seed": "hotloop.utils:set_random_seed",
}


def get_num_threads() -> int:
    """Return the number of threads that the compiled core uses.

    Returns
    -------
    int
        ``HOTLOOP_NUM_THREADS``, else ``OMP_NUM_THREADS``, else the processors this process may
        use; or what `set_num_threads` set last. No more than a limit of threadpoolctl or of
        `omp_set_num_threads` allows the calling thread.

    Examples
    --------
    >>> import hotloop as hl
    >>> hl.get_num_threads() >= 1
    True
    """
    return int(_core.get_num_threads())


def set_num_threads(n: int) -> None:
    """Set the number of threads that the compiled core uses; no result changes by a bit.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    ValueError
        When `n` is below 1.

    Examples
    --------
    >>> import hotloop as hl
    >>> before = hl.get_num_threads()
    >>> hl.set_num_threads(1)
    >>> hl.get_num_threads()
    1
    >>> hl.set_num_threads(before)
    """
    _core.set_num_threads(n)


__all__ = [
    "DataLoader",
    "GradientTape",
    "Initializer",
    "Input",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Sequential",
    "Tensor",
    "__version__",
    "activations",
    "autodiff",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "functional",
    "get_num_threads",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "reference",
    "regularizers",
    "saving",
    "set_num_threads",
    "set_seed",
    "show_config",
    "utils",
]

answer_to_old_names()
enter_rooms({"layer": "hotloop.layers", "model": "hotloop.models"})
serve(
    __name__,
    {**{name: f"hotloop.{name}" for name in _MODULES}, **_NAMES},
    # Not in `__all__`: a star import must not need an extra.
    (*_MODULES, *_NAMES),
)
