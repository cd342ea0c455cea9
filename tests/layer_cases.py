"""Layers and their arguments, beside what Keras 3.15 makes of them in 20 steps (`layer_values.json`).

``python tests/layer_cases.py`` adds what is missing in that file, where Keras and PyTorch are installed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
VALUES = Path(__file__).parent / "layer_values.json"
STEPS, SAMPLES = 20, 4


class Case(NamedTuple):
    """One layer between inputs of `shapes` and a dense one."""

    name: str
    arguments: dict[str, Any]
    shapes: tuple[tuple[int, ...], ...]
    call: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What the recorded values are found by."""
        given = ", ".join(f"{key}={value!r}" for key, value in self.arguments.items())
        return " ".join([f"{self.name}({given})", *map(str, self.shapes), *self.call])


def called(
    name: str, *shapes: tuple[int, ...], call: tuple[str, ...] = (), **arguments: Any
) -> Case:
    """Return a case whose layer is called with further arguments, each True."""
    return Case(name, arguments, shapes, call)


def case(name: str, *shapes: tuple[int, ...], **arguments: Any) -> Case:
    return Case(name, arguments, shapes)


T, I = (9, 4), (6, 5, 4)  # noqa: E741 - images
FIRST = {"data_format": "channels_first"}

CASES = [
    case("Conv1D", T, filters=3, kernel_size=3),
    case("Conv1D", T, filters=3, kernel_size=3, strides=2, padding="same", activation="relu"),
    case("Conv1D", T, filters=2, kernel_size=3, dilation_rate=2, padding="causal"),
    case("Conv1D", T, filters=4, kernel_size=2, groups=2, use_bias=False),
    case("Conv1D", T, filters=3, kernel_size=3, padding="same", **FIRST),
    case("MaxPooling1D", T, pool_size=2),
    case("MaxPooling1D", T, pool_size=3, strides=2, padding="same", **FIRST),
    case("AveragePooling1D", T, pool_size=2),
    case("AveragePooling1D", T, pool_size=3, strides=1, padding="same", **FIRST),
    case("GlobalMaxPooling1D", T),
    case("GlobalMaxPooling1D", T, keepdims=True, **FIRST),
    case("GlobalAveragePooling1D", T),
    case("GlobalAveragePooling1D", T, keepdims=True, **FIRST),
    case("GlobalMaxPooling2D", I),
    case("GlobalMaxPooling2D", I, keepdims=True, **FIRST),
    case("Conv2DTranspose", I, filters=3, kernel_size=3),
    case(
        "Conv2DTranspose", I, filters=2, kernel_size=3, strides=2, padding="same", activation="relu"
    ),
    case(
        "Conv2DTranspose", I, filters=2, kernel_size=(4, 2), strides=(2, 3), padding="same", **FIRST
    ),
    case("Conv2DTranspose", I, filters=2, kernel_size=2, strides=3),
    case(
        "Conv2DTranspose", I, filters=2, kernel_size=3, strides=2, output_padding=1, use_bias=False
    ),
    case("Conv2DTranspose", I, filters=2, kernel_size=3, dilation_rate=2, padding="same"),
    case("Conv1DTranspose", T, filters=3, kernel_size=3, strides=2, padding="same"),
    case("Conv1DTranspose", T, filters=3, kernel_size=4, strides=3, activation="tanh", **FIRST),
    case("DepthwiseConv2D", I, kernel_size=3, depth_multiplier=2),
    case(
        "DepthwiseConv2D", I, kernel_size=3, strides=2, padding="same", activation="relu", **FIRST
    ),
    case("DepthwiseConv1D", T, kernel_size=3, depth_multiplier=2, padding="same"),
    case("DepthwiseConv1D", T, kernel_size=2, use_bias=False, **FIRST),
    case("SeparableConv2D", I, filters=3, kernel_size=3, depth_multiplier=2, activation="relu"),
    case("SeparableConv2D", I, filters=3, kernel_size=2, padding="same", use_bias=False, **FIRST),
    case("SeparableConv1D", T, filters=3, kernel_size=3, strides=2, padding="same"),
    case("ZeroPadding2D", I, padding=((1, 0), (2, 3))),
    case("ZeroPadding2D", I, padding=(1, 2), **FIRST),
    case("ZeroPadding1D", T, padding=(2, 1)),
    case("ZeroPadding1D", T, padding=1, **FIRST),
    case("Cropping2D", I, cropping=((1, 0), (2, 1))),
    case("Cropping2D", I, cropping=1, **FIRST),
    case("Cropping1D", T, cropping=(2, 1)),
    case("Cropping1D", T, cropping=1),
    case("UpSampling2D", I, size=(2, 3)),
    case("UpSampling2D", I, size=2, **FIRST),
    case("UpSampling2D", I, size=(2, 3), interpolation="bilinear"),
    case("UpSampling2D", I, size=2, interpolation="bilinear", **FIRST),
    case("UpSampling1D", T, size=3),
    case("RepeatVector", (5,), n=3),
    case("Permute", I, dims=(3, 1, 2)),
    case("Identity", I),
    case("Add", (5,), (4, 5)),
    case("Average", T, T, T),
    case("Maximum", T, (1, 4)),
    case("Minimum", T, T),
    case("Multiply", (5,), (1, 5), (3, 5)),
    case("Subtract", T, T),
    case("Dot", (6,), (6,), axes=1),
    case("Dot", (6,), (6,), axes=-1, normalize=True),
    case("Dot", (3, 4), (4, 2), axes=(2, 1)),
    case("Dot", (3, 4), (3,), axes=1),
    case("PReLU", I, shared_axes=[1, 2]),
    case("PReLU", T, alpha_regularizer="l2"),
    case("GroupNormalization", I, groups=2),
    case("GroupNormalization", (4, 3, 3), groups=-1, axis=1, center=False),
    case("GroupNormalization", T, groups=1, scale=False, epsilon=1e-4),
    case("RMSNormalization", T),
    case("RMSNormalization", I, axis=[-2, -1], epsilon=1e-4),
    case("UnitNormalization", T),
    case("UnitNormalization", I, axis=[1, 2]),
    case("EinsumDense", T, equation="abc,ce->abe", output_shape=(9, 3), bias_axes="e"),
    case("EinsumDense", I, equation="...x,xy->...y", output_shape=3, activation="relu"),
    case("EinsumDense", T, equation="abc,cde->abde", output_shape=(9, 2, 3), bias_axes="de"),
    case("EinsumDense", I, equation="ab...,bc->ac...", output_shape=3, bias_axes="c"),
    case("Attention", T, (5, 4)),
    case("Attention", T, (5, 3), (5, 4), use_scale=True),
    case("Attention", T, T, score_mode="concat", use_scale=True),
    called("Attention", T, T, call=("use_causal_mask",)),
    case("AdditiveAttention", T, (5, 4)),
    case("AdditiveAttention", T, (5, 3), (5, 4), use_scale=False),
    case("MultiHeadAttention", T, (5, 4), num_heads=2, key_dim=3),
    case(
        "MultiHeadAttention", T, (5, 3), (5, 2), num_heads=2, key_dim=3, value_dim=2, output_shape=5
    ),
    called(
        "MultiHeadAttention",
        T,
        T,
        call=("use_causal_mask",),
        num_heads=3,
        key_dim=2,
        use_bias=False,
    ),
    case("MultiHeadAttention", I, I, num_heads=2, key_dim=3, attention_axes=2),
    case("MultiHeadAttention", I, I, num_heads=2, key_dim=2, attention_axes=(1, 2)),
    case("MultiHeadAttention", T, T, num_heads=2, key_dim=3, sliding_window=2, use_gate=True),
    called("MultiHeadAttention", T, T, call=("return_attention_scores",), num_heads=2, key_dim=3),
    case("GroupQueryAttention", T, (5, 4), head_dim=3, num_query_heads=4, num_key_value_heads=2),
    called(
        "GroupQueryAttention",
        T,
        T,
        call=("use_causal_mask",),
        head_dim=2,
        num_query_heads=2,
        num_key_value_heads=1,
    ),
    case("AdaptiveAveragePooling1D", T, output_size=4),
    case("AdaptiveAveragePooling2D", I, output_size=(3, 2)),
    case("AdaptiveMaxPooling1D", T, output_size=3),
    case("AdaptiveMaxPooling2D", I, output_size=(3, 5), **FIRST),
    case("ActivityRegularization", T, l1=0.01, l2=0.02),
    case("GaussianNoise", T, stddev=0.0),
    case("GaussianDropout", T, rate=0.0, seed=3),
    case("AlphaDropout", T, rate=0.0),
    case("SpatialDropout1D", T, rate=0.0),
    case("SpatialDropout2D", I, rate=0.0, seed=1),
    case("Dropout", T, rate=0.0, noise_shape=(None, 1, 4)),
]


def pattern(shape: tuple[int, ...], start: int, scale: float = 0.5) -> Array:
    """Return numbers that look random and are the same everywhere."""
    return np.asarray(scale * np.random.default_rng(start).standard_normal(shape), np.float32)


def inputs(case: Case) -> list[Array]:
    return [pattern((SAMPLES, *shape), 7 + i, 1.0) for i, shape in enumerate(case.shapes)]


def model(package: Any, case: Case) -> Any:
    """Return a model of `case` in Keras or here: inputs, dense, the layer, dense, all weights set."""
    layers = package.layers
    given = [package.Input(shape) for shape in case.shapes]
    dense = [layers.Dense(shape[-1], name=f"in_{i}") for i, shape in enumerate(case.shapes)]
    before = [layer(x) for layer, x in zip(dense, given, strict=True)]
    layer = make(package, case)
    apart = case.name in ("MultiHeadAttention", "GroupQueryAttention")
    options = dict.fromkeys(case.call, True)
    y = layer(*before, **options) if apart else layer(one_or_list(before), **options)
    y = y[0] if isinstance(y, tuple) else y
    made = package.Model(given, layers.Dense(2, name="out")(layers.Flatten(name="flat")(y)))
    ours = [*dense, layer, made.get_layer("out")]
    for i, one in enumerate(ours):
        one.set_weights([pattern(w.shape, 100 * i + j) for j, w in enumerate(one.get_weights())])
    return made, ours


def one_or_list(xs: list[Any]) -> Any:
    return xs if len(xs) > 1 else xs[0]


def make(package: Any, case: Case) -> Any:
    """Return the layer of `case`."""
    return getattr(package.layers, case.name)(**case.arguments)


def probe(array: Any) -> float:
    """Return a number that tells whether all of an array is right: a weighted sum."""
    flat = np.asarray(array, np.float64).reshape(-1)
    return float((flat * np.cos(np.arange(flat.size))).sum())


def probes(package: Any, case: Case) -> list[float]:
    """Return the output, the losses of 20 steps and the weights that they leave, as probes."""
    made, ours = model(package, case)
    xs = inputs(case)
    x, t = one_or_list(xs), pattern((SAMPLES, 2), 3, 1.0)
    found = [probe(made.predict(x, verbose=0))]
    made.compile(package.optimizers.SGD(0.002), "mse")
    losses = [float(made.train_on_batch(x, t)) for _ in range(STEPS)]
    return [*found, probe(losses), *(probe(w) for one in ours for w in one.get_weights())]


def write() -> None:
    """Record what Keras makes of new cases."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras  # noqa: PLC0415 - an extra
    import torch  # noqa: PLC0415 - an extra

    torch.set_num_threads(1)
    known = json.loads(VALUES.read_text(encoding="utf-8")) if VALUES.exists() else {}
    values = {
        one.label: known.get(one.label) or [round(v, 6) for v in probes(keras, one)]
        for one in CASES
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(row)}" for key, row in values.items())
    VALUES.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    write()
