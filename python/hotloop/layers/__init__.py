"""Layers: parameters, shapes and the order of core calls; the mathematics is in the core.

Signatures are Keras 3's; ``padding`` takes every form of `hotloop.functional.conv2d` beyond them.
"""

from __future__ import annotations

from hotloop._support.names import serve
from hotloop.layers.activations import (
    ELU,
    GELU,
    Activation,
    LeakyReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from hotloop.layers.added import AddedLoss
from hotloop.layers.base import Layer
from hotloop.layers.cache import Cache
from hotloop.layers.conv import Conv1D, Conv2D
from hotloop.layers.dense import Dense
from hotloop.layers.dropout import Dropout
from hotloop.layers.functions import Lambda
from hotloop.layers.global_pool import (
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    GlobalMaxPool1D,
    GlobalMaxPool2D,
)
from hotloop.layers.merge import Add, Concatenate, Multiply, add, concatenate, multiply
from hotloop.layers.norm import BatchNormalization, LayerNormalization
from hotloop.layers.operation import Operation
from hotloop.layers.pool import AvgPool1D, AvgPool2D, MaxPool1D, MaxPool2D
from hotloop.layers.reshape import Flatten, Input, InputLayer, Rescaling, Reshape
from hotloop.layers.sources import OwnWeights, RandomDraw
from hotloop.registry import enter

# Keras's other names.
AveragePooling1D, AveragePooling2D = AvgPool1D, AvgPool2D
Convolution1D, Convolution2D = Conv1D, Conv2D
GlobalAveragePooling1D, GlobalAveragePooling2D = GlobalAvgPool1D, GlobalAvgPool2D
GlobalMaxPooling1D, GlobalMaxPooling2D = GlobalMaxPool1D, GlobalMaxPool2D
MaxPooling1D, MaxPooling2D = MaxPool1D, MaxPool2D

# What a description in a file may name.
CLASSES: dict[str, type[Layer]] = enter(
    "layer",
    (
        ELU,
        GELU,
        Activation,
        Add,
        AddedLoss,
        AvgPool1D,
        AvgPool2D,
        BatchNormalization,
        Concatenate,
        Conv1D,
        Conv2D,
        Dense,
        Dropout,
        Flatten,
        GlobalAvgPool1D,
        GlobalAvgPool2D,
        GlobalMaxPool1D,
        GlobalMaxPool2D,
        InputLayer,
        LayerNormalization,
        LeakyReLU,
        MaxPool1D,
        MaxPool2D,
        Multiply,
        Operation,
        OwnWeights,
        RandomDraw,
        ReLU,
        Rescaling,
        Reshape,
        Sigmoid,
        Softmax,
        Tanh,
    ),
)

__all__ = [
    "ELU",
    "GELU",
    "Activation",
    "Add",
    "AveragePooling1D",
    "AveragePooling2D",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNormalization",
    "Cache",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Convolution1D",
    "Convolution2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "Input",
    "InputLayer",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "Multiply",
    "Operation",
    "ReLU",
    "Rescaling",
    "Reshape",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "add",
    "concatenate",
    "multiply",
]

serve(__name__)
