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
from hotloop.layers.conv import Conv2D
from hotloop.layers.dense import Dense
from hotloop.layers.dropout import Dropout
from hotloop.layers.functions import Lambda
from hotloop.layers.merge import Add, Concatenate, Multiply, add, concatenate, multiply
from hotloop.layers.norm import BatchNormalization, LayerNormalization
from hotloop.layers.operation import Operation
from hotloop.layers.pool import AvgPool2D, GlobalAvgPool2D, MaxPool2D
from hotloop.layers.reshape import Flatten, Input, InputLayer, Rescaling, Reshape
from hotloop.layers.sources import OwnWeights, RandomDraw
from hotloop.registry import enter

# Keras's other names.
MaxPooling2D = MaxPool2D
AveragePooling2D = AvgPool2D
GlobalAveragePooling2D = GlobalAvgPool2D

# What a description in a file may name.
CLASSES: dict[str, type[Layer]] = enter(
    "layer",
    (
        ELU,
        GELU,
        Activation,
        Add,
        AddedLoss,
        AvgPool2D,
        BatchNormalization,
        Concatenate,
        Conv2D,
        Dense,
        Dropout,
        Flatten,
        GlobalAvgPool2D,
        InputLayer,
        LayerNormalization,
        LeakyReLU,
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
    "AveragePooling2D",
    "AvgPool2D",
    "BatchNormalization",
    "Cache",
    "Concatenate",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalAvgPool2D",
    "Input",
    "InputLayer",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPool2D",
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
