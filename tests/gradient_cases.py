"""What a gradient check is made of: every layer, every loss, and several models, with batches that fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hotloop as hl
from hotloop import zoo

Array = NDArray[Any]
L, C = hl.layers, hl.losses


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


# --- layers

ROWS, IMAGES, FIRST = (5, 4), (3, 6, 5, 4), (3, 4, 6, 5)
ACTIVATIONS = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "tanh",
    "tanh_shrink",
]

LAYERS: list[tuple[Callable[[], Any], Any]] = [
    (lambda: L.LSTM(3, return_sequences=True), (2, 4, 3)),
    (lambda: L.LSTM(2, go_backwards=True), (2, 4, 3)),
    (lambda: L.GRU(3), (2, 4, 3)),
    (lambda: L.GRU(2, reset_after=False, return_sequences=True), (2, 4, 3)),
    (lambda: L.SimpleRNN(3), (2, 4, 3)),
    (lambda: L.Bidirectional(L.LSTM(2)), (2, 4, 3)),
    (lambda: L.TimeDistributed(L.Dense(2, "tanh")), (2, 4, 3)),
    (lambda: L.Masking(0.5), (2, 4, 3)),
    (lambda: L.Operation("arctan2", [None, None]), [(4, 3), (4, 3)]),
    (lambda: L.Operation("logsumexp", [None], {"axis": 1, "keepdims": True}), (4, 3)),
    *[(lambda a=a: L.Activation(a), (4, 6)) for a in ACTIVATIONS],
    *[(lambda a=a: L.Dense(3, a), ROWS) for a in ACTIVATIONS if a != "glu"],
    *[(lambda a=a: L.Conv2D(3, 2, activation=a), IMAGES) for a in ACTIVATIONS if a != "glu"],
    (lambda: L.Dense(3, use_bias=False), ROWS),
    (lambda: L.Dense(3, "relu"), (2, 3, 4)),
    (lambda: L.Conv2D(4, 3, padding="same", strides=2), IMAGES),
    (lambda: L.Conv2D(4, (2, 3), padding=((1, 0), (2, 1)), use_bias=False), IMAGES),
    (lambda: L.Conv2D(4, 2, dilation_rate=2, groups=2), IMAGES),
    (lambda: L.Conv2D(3, 3, data_format="channels_first", strides=(2, 1)), FIRST),
    (lambda: L.Conv2D(3, 1), IMAGES),
    (L.MaxPool2D, IMAGES),
    (lambda: L.MaxPool2D(3, strides=2, padding="same"), IMAGES),
    (lambda: L.MaxPool2D(2, strides=1, data_format="channels_first"), FIRST),
    (L.AvgPool2D, IMAGES),
    (lambda: L.AvgPool2D(3, strides=2, padding="same"), IMAGES),
    (lambda: L.AvgPool2D((2, 1), data_format="channels_first"), FIRST),
    (L.GlobalAvgPool2D, IMAGES),
    (lambda: L.GlobalAvgPool2D(data_format="channels_first"), FIRST),
    (L.BatchNormalization, ROWS),
    (L.BatchNormalization, IMAGES),
    (lambda: L.BatchNormalization(axis=1), FIRST),
    (lambda: L.BatchNormalization(center=False), ROWS),
    (lambda: L.BatchNormalization(scale=False, epsilon=0.1), ROWS),
    (lambda: L.BatchNormalization(trainable=False), ROWS),
    (L.LayerNormalization, ROWS),
    (lambda: L.LayerNormalization(axis=[1, 2]), (3, 4, 5)),
    (lambda: L.LayerNormalization(center=False, scale=False), ROWS),
    (lambda: L.Dropout(0.4, seed=1), ROWS),
    (lambda: L.Dropout(0.0), ROWS),
    (L.Flatten, IMAGES),
    (lambda: L.Reshape((5, -1)), (2, 10)),
    (lambda: L.Rescaling(0.5, 1.0), ROWS),
    (lambda: L.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1.0, 2.0, 3.0, 4.0]), ROWS),
    (lambda: L.Discretization([-30.0, 30.0]), ROWS),
    (lambda: L.Resizing(3, 5), IMAGES),
    (lambda: L.CenterCrop(2, 2), IMAGES),
    # With draws from a range of one number, for each call draws anew.
    (lambda: L.RandomRotation((0.1, 0.1)), IMAGES),
    (lambda: L.RandomZoom((0.2, 0.2), (-0.3, -0.3)), IMAGES),
    (lambda: L.RandomTranslation((0.3, 0.3), (0.1, 0.1), "wrap"), IMAGES),
    (lambda: L.RandomContrast(0.0, (-100, 100)), IMAGES),
    (lambda: L.RandomBrightness((0.1, 0.1), (-100, 100)), IMAGES),
    (lambda: L.RandomErasing((0.0, 0.0)), IMAGES),
    (lambda: L.RandomGrayscale(1.0), (2, 3, 3, 3)),
    (L.ReLU, IMAGES),
    (lambda: L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2), ROWS),
    (lambda: L.LeakyReLU(0.2), ROWS),
    (lambda: L.ELU(0.7), ROWS),
    (L.GELU, ROWS),
    (L.Sigmoid, ROWS),
    (L.Tanh, ROWS),
    (L.Softmax, ROWS),
    (lambda: L.Softmax(axis=1), (3, 4, 2)),
    (L.Add, [ROWS, ROWS]),
    (L.Add, [ROWS, (5, 1), ROWS]),
    (L.Multiply, [ROWS, ROWS, ROWS]),
    (L.Multiply, [ROWS, (5, 1)]),
    (L.Concatenate, [ROWS, (5, 2)]),
    (lambda: L.Concatenate(axis=1), [IMAGES, IMAGES]),
]


# --- losses

PROBS = np.exp(normal(6, 3)) / np.exp(normal(6, 3)).sum(axis=1, keepdims=True)
IDS = np.array([0, 2, 1, 1, 0, 2])
LOSSES: list[tuple[Any, Array, Array]] = [
    (C.SparseCategoricalCrossentropy(), PROBS, IDS),
    (C.SparseCategoricalCrossentropy(from_logits=True), normal(6, 3), IDS),
    (C.CategoricalCrossentropy(), PROBS, np.eye(3)[IDS]),
    (
        C.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        normal(6, 3),
        np.eye(3)[IDS],
    ),
    (C.CategoricalCrossentropy(from_logits=True), normal(2, 3, 3), np.eye(3)[IDS].reshape(2, 3, 3)),
    (C.BinaryCrossentropy(), PROBS, np.eye(3)[IDS]),
    (C.BinaryCrossentropy(from_logits=True, label_smoothing=0.2), normal(6, 1), IDS % 2),
    (C.MeanSquaredError(), normal(6, 3), normal(6, 3, seed=1)),
    (C.MeanSquaredError(reduction="sum"), normal(6, 2, 3), normal(6, 2, 3, seed=1)),
    (C.MeanAbsoluteError(), normal(6, 3), normal(6, 3, seed=1)),
    (C.Huber(0.5), normal(6, 3), normal(6, 3, seed=1)),
    (C.NLL(), np.log(PROBS), IDS),
    (C.NLL(), np.log(PROBS), np.eye(3)[IDS]),
    (C.SumSquaredError(), normal(6, 3), normal(6, 3, seed=1)),
    (C.MeanAbsolutePercentageError(), normal(6, 3), normal(6, 3, seed=1)),
    (C.MeanSquaredLogarithmicError(), PROBS, np.eye(3)[IDS]),
    (C.LogCosh(), normal(6, 3), normal(6, 3, seed=1)),
    (C.CosineSimilarity(), normal(6, 3), normal(6, 3, seed=1)),
    (C.Hinge(), normal(6, 3), np.sign(normal(6, 3, seed=1))),
    (C.SquaredHinge(), normal(6, 3), np.sign(normal(6, 3, seed=1))),
    (C.CategoricalHinge(), normal(6, 3), np.eye(3)[IDS]),
    (C.KLDivergence(), PROBS, PROBS[::-1].copy()),
    (C.Poisson(), PROBS, np.eye(3)[IDS]),
    (C.BinaryFocalCrossentropy(), PROBS, np.eye(3)[IDS]),
    (C.CategoricalFocalCrossentropy(), PROBS, np.eye(3)[IDS]),
    (C.CategoricalGeneralizedCrossEntropy(), PROBS, IDS),
    (C.Dice(), PROBS, np.eye(3)[IDS]),
    (C.Tversky(), PROBS, np.eye(3)[IDS]),
    (C.Circle(), normal(6, 3) / 3, IDS),
    (C.CTC(), normal(3, 4, 3), np.array([[1, 1], [2, 0], [1, 2]])),
]


# --- models


def branches() -> Any:
    x = hl.Input((4,))
    left = L.Dense(3, "relu", name="left")(x)
    right = L.Dense(3, "tanh", name="right")(L.Dropout(0.3)(x))
    both = L.Concatenate()([left, right, L.Multiply()([left, right])])
    return hl.Model(x, L.Dense(2, "softmax", name="end")(L.BatchNormalization()(both)))


def shared() -> Any:
    x = hl.Input((4,))
    twice = L.Dense(4, "tanh", name="twice")
    return hl.Model(x, L.Dense(2, name="end")(L.Add()([twice(twice(x)), x])))


def residual() -> Any:
    x = hl.Input((6, 6, 2))
    inner = L.Conv2D(2, 3, padding="same", use_bias=False)(x)
    inner = L.BatchNormalization()(inner)
    inner = L.ReLU()(inner)
    out = L.GlobalAvgPool2D()(L.Add()([inner, x]))
    return hl.Model(x, L.Dense(2, "softmax")(out))


def perceptron() -> Any:
    return hl.Sequential(
        [
            L.Rescaling(0.5, 0.1, input_shape=(4,)),
            L.Dense(6, "relu", kernel_regularizer="l2"),
            L.BatchNormalization(),
            L.Dropout(0.5),
            L.Dense(5, "sigmoid", bias_regularizer="l1"),
            L.LayerNormalization(),
            L.Dense(2, "softmax"),
        ]
    )


def first() -> Any:
    return hl.Sequential(
        [
            L.Conv2D(3, 3, activation="relu", data_format="channels_first", input_shape=(1, 6, 6)),
            L.MaxPool2D(data_format="channels_first"),
            L.Flatten(),
            L.Dense(2, "softmax"),
        ]
    )


MODELS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "perceptron": (perceptron, (7, 4)),
    "channels first": (first, (7, 1, 6, 6)),
    "branches": (branches, (7, 4)),
    "shared": (shared, (7, 4)),
    "residual": (residual, (7, 6, 6, 2)),
    "mlp": (lambda: zoo.mlp((3, 3, 1), 2, scale=0.5), (7, 3, 3, 1)),
    "simple_cnn": (lambda: zoo.simple_cnn((6, 6, 1), 2, scale=0.5), (4, 6, 6, 1)),
    "deep_cnn": (lambda: zoo.deep_cnn((4, 4, 1), 2, scale=0.5), (3, 4, 4, 1)),
}
