"""No argument of a layer is taken and then forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import check_gradients
from hotloop import layers
from keras_oracle import as_numpy, keras

Array = np.ndarray[Any, Any]
X = np.random.default_rng(0).standard_normal((3, 2, 4, 5))


def test_flatten_of_channels_first_has_the_columns_of_channels_last() -> None:
    first = layers.Flatten(data_format="channels_first", dtype="float64")
    want = X.transpose(0, 2, 3, 1).reshape(3, -1)
    np.testing.assert_array_equal(first(X), want)
    model = hl.Sequential([hl.Input(X.shape[1:]), first], dtype="float64")
    np.testing.assert_array_equal(model.predict(X), want)
    again = hl.models.clone_model(model)
    np.testing.assert_array_equal(again.predict(X), want)
    for how in (None, "channels_last"):
        kept = layers.Flatten(data_format=how, dtype="float64")
        np.testing.assert_array_equal(kept(X), X.reshape(3, -1))


@pytest.mark.parametrize("shape", [(3, 2, 4, 5), (3, 4, 5), (3, 6)])
def test_flatten_agrees_with_keras(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    for how in ("channels_first", "channels_last"):
        theirs = keras().layers.Flatten(data_format=how)(x)
        np.testing.assert_array_equal(layers.Flatten(data_format=how)(x), as_numpy(theirs))


def test_flatten_of_channels_first_has_its_gradient() -> None:
    model = hl.Sequential(
        [
            hl.Input(X.shape[1:]),
            layers.Conv2D(3, 3, data_format="channels_first"),
            layers.Flatten(data_format="channels_first"),
            layers.Dense(2),
        ],
        dtype="float64",
    )
    check_gradients(model, X)
    model.compile("sgd", "mse")
    losses = model.fit(X, np.ones((3, 2)), epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


OPEN: dict[str, Callable[[], Any]] = {
    "Input": lambda: hl.Input((None, 4)).shape,
    "InputLayer": lambda: hl.Sequential([layers.InputLayer((None, 4)), layers.ReLU()]).input_shape,
    "batch_shape": lambda: hl.Input(batch_shape=(None, None, 4)).shape,
    "input_shape": lambda: hl.Sequential([layers.Dense(2, input_shape=(None, 4))]).input_shape,
}


@pytest.mark.parametrize("way", OPEN)
def test_an_open_axis_is_left_to_the_batches(way: str) -> None:
    assert OPEN[way]() == (None, None, 4)


def test_an_axis_that_weights_need_may_not_be_open() -> None:
    with pytest.raises(ValueError, match=r"axis -1 of \(None, None\) must be known"):
        hl.Sequential([layers.Dense(2, input_shape=(None,))])


def test_an_input_has_one_shape_and_a_size_of_the_batch_that_is_one() -> None:
    with pytest.raises(ValueError, match="and once; got shape and batch_shape"):
        hl.Input((4,), batch_shape=(None, 5))
    with pytest.raises(ValueError, match="batch_size must be a positive integer, got 'x'"):
        hl.Input((4,), batch_size="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="give the shape of one sample"):
        hl.Input()
    assert hl.Input((4,), batch_size=3).shape == (None, 4)
    assert hl.Input(batch_shape=(3, 4)).shape == (None, 4)
