"""Gradients: `backward`, `grad`, and functions with a way back of one's own."""

from __future__ import annotations

from hotloop.torch.autograd.function import Function
from hotloop.torch.engine import backward, grad
from hotloop.torch.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from hotloop.torch.tensor import Tensor as Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "enable_grad",
    "grad",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]


class detect_anomaly:
    """Without effect: errors of a way back name the operation as they are."""

    def __init__(self, mode: bool = True, check_nan: bool = True) -> None:
        self.mode, self.check_nan = mode, check_nan

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


set_detect_anomaly = detect_anomaly
