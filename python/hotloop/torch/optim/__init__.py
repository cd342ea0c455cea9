"""Optimizers and schedules of their rates, with PyTorch's names and equations."""

from hotloop._support.names import serve
from hotloop.torch.optim import lr_scheduler
from hotloop.torch.optim.algorithms import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    NAdam,
    RMSprop,
)
from hotloop.torch.optim.optimizer import Optimizer

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "RMSprop",
    "lr_scheduler",
]

serve(__name__)
