"""Callbacks: what happens around epochs and batches of `fit`, with Keras's hooks."""

from __future__ import annotations

from hotloop._support.names import serve
from hotloop.callbacks.backup import BackupAndRestore
from hotloop.callbacks.base import Callback, CallbackList
from hotloop.callbacks.checkpoint import ModelCheckpoint
from hotloop.callbacks.csv_logger import CSVLogger
from hotloop.callbacks.plateau import EarlyStopping, ReduceLROnPlateau
from hotloop.callbacks.progress import History, ProgbarLogger
from hotloop.callbacks.small import (
    LambdaCallback,
    LearningRateScheduler,
    SwapEMAWeights,
    TerminateOnNaN,
)
from hotloop.callbacks.tensorboard import TensorBoard

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]

serve(__name__)
