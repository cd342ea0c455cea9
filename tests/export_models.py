"""Models of every layer that leaves hotloop, for the tests of all formats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import hotloop as hl
from hotloop.layers import (
    ELU,
    GELU,
    Activation,
    Add,
    AvgPool2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Input,
    LayerNormalization,
    LeakyReLU,
    MaxPool2D,
    Multiply,
    ReLU,
    Rescaling,
    Reshape,
    Sigmoid,
    Softmax,
    Tanh,
)

Array = Any


def mlp() -> hl.Model:
    return hl.Sequential(
        [Input((20,)), Dense(13, activation="sigmoid"), Dense(5, activation="softmax")]
    )


def wide() -> hl.Model:
    """Panels of uneven width, rows of a sequence, every activation that has a name."""
    layers: list[Any] = [Input((3, 10)), Rescaling(0.5, -1.0), Dense(131, activation="relu")]
    for name in ("tanh", "elu", "gelu", "leaky_relu", "linear", "log_softmax"):
        layers.append(Dense(9, activation=name))
    return hl.Sequential(layers, name='na"me\\ */')


def simple_convnet() -> hl.Model:
    return hl.Sequential(
        [
            Input((12, 12, 1)),
            Conv2D(30, 5, activation="relu"),
            MaxPool2D(2),
            Flatten(),
            Dense(20, activation="relu"),
            Dropout(0.5),
            Dense(10, activation="softmax"),
        ]
    )


def lenet() -> hl.Model:
    return hl.Sequential(
        [
            Input((16, 16, 1)),
            Conv2D(6, 5, padding="same", activation="tanh"),
            AvgPool2D(2),
            Conv2D(16, 5, activation="tanh", use_bias=False),
            AvgPool2D(2),
            Flatten(),
            Dense(24, activation="tanh"),
            Dense(10),
            Softmax(),
        ]
    )


def paddings() -> hl.Model:
    return hl.Sequential(
        [
            Input((11, 9, 3)),
            Conv2D(5, (3, 2), strides=(2, 1), padding="same"),
            Conv2D(40, 3, padding=((2, 1), (0, 3)), dilation_rate=(2, 1)),
            MaxPool2D(3, strides=2, padding="same"),
            AvgPool2D((2, 3), strides=1, padding=((1, 0), (1, 1))),
            GlobalAvgPool2D(keepdims=True),
        ]
    )


def first() -> hl.Model:
    """Channels first."""
    given: Any = {"data_format": "channels_first"}
    return hl.Sequential(
        [
            Input((4, 10, 8)),
            Conv2D(8, 3, groups=2, padding=1, dilation_rate=(1, 2), **given),
            BatchNormalization(axis=1),
            ReLU(6.0, negative_slope=0.1, threshold=0.2),
            MaxPool2D((2, 1), **given),
            AvgPool2D(2, padding="same", strides=1, **given),
            Flatten(**given),
            Dense(3),
        ]
    )


def norms() -> hl.Model:
    return hl.Sequential(
        [
            Input((4, 6)),
            BatchNormalization(scale=False),
            LayerNormalization(axis=[1, 2], center=False),
            LayerNormalization(),
            LeakyReLU(0.2),
            ELU(0.7),
            Sigmoid(),
            Tanh(),
            GELU(),
            ReLU(),
            Activation("softmax"),
            Softmax(axis=1),
        ]
    )


def separable() -> hl.Model:
    """Depthwise and pointwise convolutions with running statistics."""
    return hl.Sequential(
        [
            Input((8, 8, 6)),
            Conv2D(12, 3, groups=6, padding="same", use_bias=False),
            BatchNormalization(),
            ReLU(),
            Conv2D(7, 1),
            BatchNormalization(center=False),
            GlobalAvgPool2D(),
            Dense(4, activation="softmax"),
        ]
    )


def residual() -> hl.Model:
    x = Input((6, 6, 2), name="image")
    h = Conv2D(4, 3, padding="same", activation="relu")(x)
    g = Conv2D(4, 3, padding="same")(h)
    h = ReLU()(Add()([h, g]))
    h = Concatenate(axis=-1)([h, x, g])
    return hl.Model(x, Dense(3)(Flatten()(h)))


def shared() -> hl.Model:
    """Two inputs through one layer, and outputs that are also read."""
    a, b = Input((5,), name="a"), Input((5,), name="b")
    twin = Dense(6, activation="tanh", name="twin")
    left, right = twin(a), twin(b)
    both = Multiply()([left, right])
    out = Dense(2, name="out")(Reshape((2, 3))(both))
    return hl.Model([a, b], [out, both, Add()([both, Dense(1)(a)])])


def nested() -> hl.Model:
    x = Input((4, 4, 1))
    inner = hl.Sequential(
        [Rescaling(2.0), Conv2D(3, 2), Flatten(), Dense(4, activation="relu")], name="inner"
    )
    return hl.Model(x, Dense(2)(Add()([inner(x), inner(Rescaling(-1.0)(x))])), name="outer")


def one_axis() -> hl.Model:
    """Add, multiply and join axes that are broadcast."""
    x = Input((3, 4))
    row = Reshape((1, 4))(Dense(4)(Flatten()(x)))
    h = Multiply()([Add()([x, row]), Dense(1)(x)])
    return hl.Model(x, Concatenate(axis=1)([h, row]))


MODELS: dict[str, Callable[[], hl.Model]] = {
    function.__name__: function
    for function in (
        mlp,
        wide,
        simple_convnet,
        lenet,
        paddings,
        first,
        norms,
        separable,
        residual,
        shared,
        nested,
        one_axis,
    )
}


def made(name: str, dtype: str = "float32") -> hl.Model:
    """Return a model with weights that show a mistake: running statistics and biases that are not 0 or 1."""
    hl.set_seed(3)
    before = hl.config.floatx()
    hl.config.set_floatx(dtype)
    try:
        model = MODELS[name]()
        model.executor()
    finally:
        hl.config.set_floatx(before)
    rng = np.random.default_rng(5)
    for key, value in {**model.params, **_frozen(model)}.items():
        if value.ndim == 1:
            value[...] = rng.uniform(0.5, 1.5, value.shape) - 0.8 * ("bias" in key)
    return model


def _frozen(model: hl.Model) -> dict[str, Array]:
    return {
        f"{layer.name}/{weight.name}": weight.value
        for layer in model.all_layers()
        for weight in layer.ordered_weights()
        if not weight.trainable
    }


def samples(model: hl.Model, count: int = 4) -> list[Array]:
    """Return data for each input of a model."""
    rng = np.random.default_rng(1)
    shapes: list[Any] = [symbol.shape for symbol in model.inputs]
    return [rng.standard_normal((count, *shape[1:])).astype(model.dtype) for shape in shapes]


def answers(model: hl.Model, xs: list[Array]) -> list[Array]:
    """Return what a model predicts, always as a list."""
    found = model.predict(xs if len(xs) > 1 else xs[0], verbose=0)
    return list(found) if isinstance(found, list) else [found]
