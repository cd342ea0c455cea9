"""What calls answer has `numpy` and is an array or a float all the same."""

from __future__ import annotations

import copy
import pickle

import numpy as np

import hotloop as hl

X = np.ones((4, 3), np.float32)


def test_answers_of_layers_models_and_losses_have_numpy() -> None:
    model = hl.Sequential([hl.Input((3,)), hl.layers.Dense(2)])
    for y in (hl.layers.Dense(2)(X), model(X)):
        assert issubclass(type(y), np.ndarray)
        assert type(y.numpy()) is np.ndarray
        assert y[0].numpy().shape == (2,)
        assert type(y + 1) is np.ndarray
        assert type(y.sum()) is np.float32
        assert repr(y) == repr(y.numpy())
        assert type(pickle.loads(pickle.dumps(y))) is np.ndarray
        np.testing.assert_array_equal(hl.ops.square(y), y.numpy() ** 2)
    loss = hl.losses.MeanSquaredError()(X, X + 1)
    assert issubclass(type(loss), float)
    assert loss.numpy() == np.float32(1.0)
    assert type(copy.deepcopy(loss)) is float
    model.compile("sgd", "mse")
    model.fit(np.asarray(X), model(X), verbose=0)
    model.fit(hl.layers.Dense(3)(X), model(X), verbose=0)
