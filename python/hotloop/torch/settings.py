"""What scripts ask of a machine: processors, threads, and devices that are not there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from hotloop import _core
from hotloop.torch import dtypes
from hotloop.torch.core import Tensor, wrap

PUBLIC = (
    *("backends", "cuda", "get_num_threads", "set_num_threads", "get_num_interop_threads", "mps"),
    *("set_num_interop_threads", "use_deterministic_algorithms", "xpu", "accelerator", "version"),
    *("set_float32_matmul_precision", "get_float32_matmul_precision", "set_default_device"),
    *("are_deterministic_algorithms_enabled", "set_default_tensor_type", "is_storage"),
)


def _nothing(*_: Any, **__: Any) -> None:
    """Do nothing."""


def _absent(*_: Any, **__: Any) -> bool:
    """Answer that it is not there."""
    return False


def _none_of(*_: Any, **__: Any) -> int:
    return 0


cuda = SimpleNamespace(
    is_available=_absent,
    device_count=_none_of,
    manual_seed=_nothing,
    manual_seed_all=_nothing,
    empty_cache=_nothing,
    synchronize=_nothing,
    is_initialized=_absent,
    max_memory_allocated=_none_of,
    memory_allocated=_none_of,
)
mps = xpu = SimpleNamespace(is_available=_absent, device_count=_none_of, manual_seed=_nothing)
accelerator = SimpleNamespace(is_available=_absent, device_count=_none_of)
backends = SimpleNamespace(
    cudnn=SimpleNamespace(
        benchmark=False, deterministic=False, enabled=False, is_available=_absent
    ),
    mps=SimpleNamespace(is_available=_absent, is_built=_absent),
    cuda=SimpleNamespace(is_built=_absent, matmul=SimpleNamespace(allow_tf32=False)),
    mkldnn=SimpleNamespace(is_available=_absent),
    openmp=SimpleNamespace(is_available=lambda: True),
)
version = SimpleNamespace(cuda=None, hip=None)


def get_num_threads() -> int:
    """Return the number of threads that an operation may use."""
    return _core.get_num_threads()


def set_num_threads(n: int) -> None:
    """Set the number of threads that an operation may use; results do not depend on it."""
    _core.set_num_threads(n)


def get_num_interop_threads() -> int:
    """Return 1: operations run one after the other."""
    return 1


set_num_interop_threads = use_deterministic_algorithms = set_float32_matmul_precision = _nothing


def are_deterministic_algorithms_enabled() -> bool:
    """Answer True: results never depend on the number of threads."""
    return True


def get_float32_matmul_precision() -> str:
    """Return "highest"."""
    return "highest"


def set_default_device(device: Any) -> None:
    """Take the processor alone."""
    if str(device).partition(":")[0] not in ("cpu", "None"):
        msg = f"hotloop.torch computes on the processor: device must be 'cpu', got {device!r}"
        raise RuntimeError(msg)


def set_default_tensor_type(t: Any) -> None:
    """Set the default dtype by the name of a tensor type, such as ``torch.DoubleTensor``."""
    word = getattr(t, "__name__", str(t)).rpartition(".")[2].removesuffix("Tensor")
    dtypes.set_default_dtype({"Float": "float32", "Double": "float64"}[word])


def is_storage(obj: Any) -> bool:  # noqa: ARG001
    """Answer False: there are no storages."""
    return False


def result_type(tensor1: Any, tensor2: Any) -> dtypes.dtype:
    """Return the dtype that two tensors or numbers are computed in."""
    given = [x._array if isinstance(x, Tensor) else x for x in (tensor1, tensor2)]
    return dtypes.of_array(np.empty(0, dtypes.result_of(given)))


def typed(word: str, kind: str) -> Any:
    """Return PyTorch's old maker of tensors of one dtype, such as ``torch.LongTensor``."""

    def maker(*data: Any) -> Tensor:
        if len(data) == 1 and not isinstance(data[0], int):
            given = data[0]._array if isinstance(data[0], Tensor) else data[0]
            return wrap(np.array(given, kind))
        return wrap(np.empty(data, kind))

    maker.__name__ = f"{word}Tensor"
    return maker
