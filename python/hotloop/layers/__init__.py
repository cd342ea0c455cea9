"""Layers: parameters, shapes and the order of core calls; the mathematics is in the core.

Signatures are Keras 3's; ``padding`` takes every form of `hotloop.functional.conv2d` beyond them.
"""

from __future__ import annotations

from hotloop.layers.activations import Activation, ReLU, Sigmoid, Softmax, Tanh
from hotloop.layers.base import Cache, Layer
from hotloop.layers.conv import Conv2D
from hotloop.layers.dense import Dense
from hotloop.layers.pool import MaxPool2D
from hotloop.layers.reshape import Flatten, Input, InputLayer, Rescaling, Reshape

MaxPooling2D = MaxPool2D

# What a description in a file may name.
CLASSES: dict[str, type[Layer]] = {
    cls.__name__: cls
    for cls in (
        Activation,
        Conv2D,
        Dense,
        Flatten,
        InputLayer,
        MaxPool2D,
        ReLU,
        Rescaling,
        Reshape,
        Sigmoid,
        Softmax,
        Tanh,
    )
}

__all__ = [
    "Activation",
    "Cache",
    "Conv2D",
    "Dense",
    "Flatten",
    "Input",
    "InputLayer",
    "Layer",
    "MaxPool2D",
    "MaxPooling2D",
    "ReLU",
    "Rescaling",
    "Reshape",
    "Sigmoid",
    "Softmax",
    "Tanh",
]
