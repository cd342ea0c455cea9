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

import importlib
from typing import TYPE_CHECKING, Any

# The core is loaded at once: an instruction set that this machine lacks must raise at import.
from hotloop import _core, config
from hotloop.config import show_config
from hotloop.version import __version__

if TYPE_CHECKING:
    from hotloop import (
        activations,
        backend,
        callbacks,
        datasets,
        functional,
        initializers,
        layers,
        losses,
        metrics,
        models,
        optimizers,
        random,
        reference,
        saving,
        utils,
    )
    from hotloop.data_loader import DataLoader
    from hotloop.initializers import Initializer
    from hotloop.layers import Input, Layer
    from hotloop.losses import Loss
    from hotloop.metrics import Metric
    from hotloop.models import Model, Sequential
    from hotloop.optimizers import Optimizer
    from hotloop.utils import set_random_seed as set_seed

_MODULES = frozenset(
    {
        "activations",
        "backend",
        "book",
        "callbacks",
        "cli",
        "datasets",
        "estimators",
        "functional",
        "initializers",
        "layers",
        "losses",
        "metrics",
        "models",
        "optimizers",
        "plotting",
        "random",
        "reference",
        "regularizers",
        "saving",
        "utils",
    }
)
_NAMES = {
    "DataLoader": ("hotloop.data_loader", "DataLoader"),
    "Initializer": ("hotloop.initializers", "Initializer"),
    "Input": ("hotloop.layers", "Input"),
    "Layer": ("hotloop.layers", "Layer"),
    "Loss": ("hotloop.losses", "Loss"),
    "Metric": ("hotloop.metrics", "Metric"),
    "Model": ("hotloop.models", "Model"),
    "Optimizer": ("hotloop.optimizers", "Optimizer"),
    "Sequential": ("hotloop.models", "Sequential"),
    "set_seed": ("hotloop.utils", "set_random_seed"),
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


def __getattr__(name: str) -> Any:
    """Load a public module or name when it is first used (PEP 562)."""
    if name in _MODULES:
        try:
            return importlib.import_module(f"hotloop.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"hotloop.{name}":
                raise
    elif name in _NAMES:
        module, attribute = _NAMES[name]
        value = getattr(importlib.import_module(module), attribute)
        globals()[name] = value
        return value
    msg = f"module 'hotloop' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    """List the public names, also those that are not loaded yet."""
    return sorted({*globals(), *__all__})


__all__ = [
    "DataLoader",
    "Initializer",
    "Input",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Sequential",
    "__version__",
    "activations",
    "backend",
    "callbacks",
    "config",
    "datasets",
    "functional",
    "get_num_threads",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "random",
    "reference",
    "saving",
    "set_num_threads",
    "set_seed",
    "show_config",
    "utils",
]
