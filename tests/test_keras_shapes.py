"""Parameter counts, weight shapes and output shapes of ten models, held to Keras itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import hotloop as hl
from keras_oracle import keras

# Keras's own warnings are none of ours.
pytestmark = pytest.mark.filterwarnings("ignore")


def mlp(k: Any) -> Any:
    layers = k.layers
    return k.Sequential([k.Input((784,)), layers.Dense(50, activation="relu"), layers.Dense(10)])


def normalised_mlp(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((20,)),
            layers.Dense(30, use_bias=False),
            layers.BatchNormalization(scale=False),
            layers.LeakyReLU(),
            layers.Dropout(0.3),
            layers.LayerNormalization(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def mnist_convnet(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def lenet(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dense(84, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def strides_and_padding(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((17, 23, 4)),
            layers.Conv2D(8, (3, 5), strides=(2, 3), padding="same", groups=2),
            layers.MaxPool2D(3, strides=2, padding="same"),
            layers.AvgPool2D((2, 1), padding="same"),
            layers.GlobalAveragePooling2D(keepdims=True),
            layers.Reshape((-1,)),
        ]
    )


def dilated(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((30, 30, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, dilation_rate=2, activation="elu"),
            layers.Conv2D(8, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAvgPool2D(),
            layers.Dense(5, activation="gelu"),
        ]
    )


def residual(k: Any) -> Any:
    layers = k.layers
    x = k.Input((16, 16, 8))
    h = layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(x))
    h = layers.Conv2D(8, 3, padding="same")(layers.ReLU()(h))
    h = layers.ReLU()(layers.Add()([x, h]))
    return k.Model(x, layers.Dense(4)(layers.GlobalAveragePooling2D()(h)))


def shared(k: Any) -> Any:
    layers = k.layers
    a, b = k.Input((6,)), k.Input((6,))
    tower = layers.Dense(7, activation="relu")
    both = layers.Multiply()([tower(a), tower(b)])
    return k.Model([a, b], layers.Dense(1)(both))


def two_headed(k: Any) -> Any:
    layers = k.layers
    x, y = k.Input((5, 4)), k.Input((3,))
    h = layers.Concatenate()([layers.Flatten()(layers.Dense(6)(x)), y])
    return k.Model([x, y], [layers.Dense(2)(h), layers.Dense(3, activation="softmax")(h)])


def nested(k: Any) -> Any:
    layers = k.layers
    inner = k.Sequential([k.Input((8,)), layers.Dense(5), layers.LayerNormalization()])
    x = k.Input((8,))
    return k.Model(x, layers.Dense(2)(inner(x)))


MODELS: list[Callable[[Any], Any]] = [
    mlp,
    normalised_mlp,
    mnist_convnet,
    lenet,
    strides_and_padding,
    dilated,
    residual,
    shared,
    two_headed,
    nested,
]


@pytest.mark.parametrize("build", MODELS)
def test_counts_and_shapes_are_those_of_keras(build: Callable[[Any], Any]) -> None:
    ours, theirs = build(hl), build(keras())
    assert ours.count_params() == theirs.count_params()
    assert ours.output_shape == theirs.output_shape
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
    trained = sum(w.size for w in ours.trainable_weights)
    assert trained == sum(int(w.numpy().size) for w in theirs.trainable_weights)
    if build is not nested:  # ours lists the layers of a model within a model one by one
        mine = [(type(layer).__name__, layer.output_shape) for layer in ours.layers]
        other = []
        for layer in theirs.layers:
            name = type(layer).__name__.replace("AveragePooling2D", "AvgPool2D")
            shape = getattr(layer, "batch_shape", None) or layer.output.shape
            other.append((name.replace("MaxPooling2D", "MaxPool2D"), tuple(shape)))
        assert mine == other
    lines: list[str] = []
    ours.summary(print_fn=lines.append)
    assert f"Total params: {theirs.count_params():,}" in "\n".join(lines)
