"""Models over sequences that Keras and hotloop build alike, and what they are trained on."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Build = Callable[[Any], Any]


def tagger(cell: str, **options: Any) -> Build:
    """Label each step of sequences of words, where 0 is no word."""

    def build(keras: Any) -> Any:
        layers, words = keras.layers, keras.Input((None,), dtype="int32")
        h = layers.Embedding(15, 6, mask_zero=True)(words)
        h = getattr(layers, cell)(5, return_sequences=True, **options)(h)
        return keras.Model(words, layers.Dense(3, activation="softmax")(h))

    return build


def classifier(cell: str, **options: Any) -> Build:
    """Label sequences of numbers, where steps of zeros are none, by two layers."""

    def build(keras: Any) -> Any:
        layers, steps = keras.layers, keras.Input((None, 4))
        h = layers.Masking(0.0)(steps)
        h = getattr(layers, cell)(5, return_sequences=True, **options)(h)
        h = getattr(layers, cell)(4, **options)(h)
        return keras.Model(steps, layers.Dense(3, activation="softmax")(h))

    return build


def states(cell: str, **options: Any) -> Build:
    """Hand the last states of one layer to another."""

    def build(keras: Any) -> Any:
        layers, steps = keras.layers, keras.Input((None, 4))
        _, *last = getattr(layers, cell)(5, return_state=True, **options)(steps)
        h = getattr(layers, cell)(5, **options)(steps, initial_state=last)
        return keras.Model(steps, layers.Dense(3, activation="softmax")(h))

    return build


OPTIONS: dict[str, dict[str, Any]] = {
    "": {},
    " backwards": {"go_backwards": True},
    " without bias": {"use_bias": False},
    " of relu": {"activation": "relu"},
}
CASES: dict[str, Build] = {
    **{
        f"{kind.__name__} {cell}{text}": kind(cell, **options)
        for kind in (tagger, classifier, states)
        for cell in ("LSTM", "GRU", "SimpleRNN")
        for text, options in OPTIONS.items()
    },
    "classifier GRU reset before": classifier("GRU", reset_after=False),
    "states LSTM without forget bias": states("LSTM", unit_forget_bias=False),
}


def data(name: str) -> tuple[Any, Any]:
    """Return sequences with holes, and labels; every fifth case is a batch of one."""
    seed = zlib.crc32(name.encode())
    rng = np.random.default_rng(seed)
    n, t = (1, 5) if seed % 5 == 0 else (6, 7)
    holes = rng.random((n, t)) < 0.3
    holes[:, 0] = False
    if name.startswith("tagger"):
        x = rng.integers(1, 15, (n, t))
        x[holes] = 0
        return x, rng.integers(0, 3, (n, t))
    x = rng.normal(size=(n, t, 4)).astype("float32")
    x[holes] = 0
    return x, rng.integers(0, 3, n)


def weights(shapes: Sequence[Any]) -> list[Any]:
    """Return the same first weights for both."""
    rng = np.random.default_rng(3)
    return [(rng.normal(size=tuple(shape)) * 0.4).astype("float32") for shape in shapes]


def wrapped(cell: str, merge_mode: str | None = "concat", **options: Any) -> Build:
    """Go over masked sequences from both ends, then label each step."""

    def build(keras: Any) -> Any:
        layers, words = keras.layers, keras.Input((None,), dtype="int32")
        h = layers.Embedding(15, 6, mask_zero=True)(words)
        one = getattr(layers, cell)(4, return_sequences=True, **options)
        h = layers.Bidirectional(one, merge_mode=merge_mode)(h)
        return keras.Model(words, layers.TimeDistributed(layers.Dense(3, activation="softmax"))(h))

    return build


def cells(*names: str, **options: Any) -> Build:
    """Stack cells in one layer."""

    def build(keras: Any) -> Any:
        layers, steps = keras.layers, keras.Input((None, 4))
        stack = [getattr(layers, f"{name}Cell")(4, **options) for name in names]
        h = layers.RNN(stack if len(stack) > 1 else stack[0], go_backwards=len(stack) == 1)(
            layers.Masking(0.0)(steps)
        )
        return keras.Model(steps, layers.Dense(3, activation="softmax")(h))

    return build


CASES |= {
    "tagger from both ends LSTM": wrapped("LSTM"),
    "tagger from both ends GRU": wrapped("GRU", "sum"),
    "tagger from both ends SimpleRNN": wrapped("SimpleRNN", "mul"),
    "tagger from both ends LSTM ave": wrapped("LSTM", "ave", use_bias=False),
    "cells LSTM": cells("LSTM"),
    "cells GRU": cells("GRU", reset_after=False),
    "cells of all kinds": cells("LSTM", "GRU", "SimpleRNN"),
    "classifier LSTM of elu": classifier("LSTM", activation="elu"),
}
