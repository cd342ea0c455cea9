"""A layer around a layer, beside Keras and by what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import check_gradients
from hotloop import layers
from keras_oracle import keras
from layer_cases import pattern

X, T = pattern((6, 5), 1, 1.0), pattern((6, 2), 2, 1.0)


def model(package: Any, iterations: int = 2) -> Any:
    around = package.layers.SpectralNormalization(
        package.layers.Dense(4, activation="tanh"), power_iterations=iterations
    )
    made = package.Sequential([package.Input((5,)), around, package.layers.Dense(2)])
    made.compile(package.optimizers.SGD(0.1), "mse")
    return made


@pytest.mark.filterwarnings("ignore")
def test_spectral_normalization_trains_as_that_of_keras() -> None:
    theirs, mine = model(keras()), model(hl)
    # Keras lists the vector before the bias.
    order = [0, 2, 1, 3, 4]
    start = [pattern(w.shape, i, 1.0) for i, w in enumerate(mine.get_weights())]
    mine.set_weights(start)
    theirs.set_weights([start[i] for i in order])
    for _ in range(20):
        theirs.train_on_batch(X, T)
        mine.train_on_batch(X, T)
    for i, b in zip(order, theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine.get_weights()[i], b, atol=1e-5)


def test_the_largest_singular_value_is_one_and_a_file_keeps_it(tmp_path: Path) -> None:
    made = model(hl, iterations=30)
    made.layers[0](X, training=True)
    kernel = made.get_weights()[0]
    assert abs(np.linalg.norm(kernel, 2) - 1) < 1e-4
    np.testing.assert_allclose(
        made.predict(X, verbose=0), np.tanh(X @ kernel + made.get_weights()[1])
        @ made.layers[1].get_weights()[0] + made.layers[1].get_weights()[1], atol=1e-5,
    )  # fmt: skip
    made.save(tmp_path / "m.hotloop")
    again = hl.models.load_model(tmp_path / "m.hotloop")
    assert [made.train_on_batch(X, T) for _ in range(3)] == [
        again.train_on_batch(X, T) for _ in range(3)
    ]


def test_a_wrapper_is_the_layer_that_it_holds() -> None:
    hl.set_seed(1)
    around = layers.Wrapper(layers.Conv1D(2, 3, activation="relu"))
    made = hl.Sequential(
        [hl.Input((6, 3)), around, layers.Flatten(), layers.Dense(2)], dtype="float64"
    )
    x = np.asarray(pattern((4, 6, 3), 5), np.float64)
    np.testing.assert_array_equal(made.layers[0](x), around.layer(x))
    check_gradients(made, x, tolerance=1e-6)
    again = layers.Wrapper.from_config(around.get_config())
    assert again.get_config() == around.get_config()
    with pytest.raises(ValueError, match="Wrapper: it takes a layer of one input, got 3"):
        layers.Wrapper(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has neither kernel nor embeddings"):
        layers.SpectralNormalization(layers.ReLU())(X)
