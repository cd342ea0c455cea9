"""Masks are never dropped in silence, and nothing without an end is read as an array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop as hl
import hotloop.functional as F

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((12, 5)), RNG.integers(0, 3, 12)
MX = np.ma.masked_array(X, np.zeros(X.shape, bool))
MX[2, 3] = np.ma.masked
MY = np.ma.masked_array(Y, np.arange(12) == 4)
W = np.ma.masked_array(np.ones(12), np.arange(12) == 4)


class Unlimited:
    """Answers for any index, so that NumPy would never stop asking."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        return X[index % 12]


Endless: Any = Unlimited


def model() -> hl.Sequential:
    made = hl.Sequential([hl.Input((5,)), hl.layers.Dense(3, activation="softmax")])
    made.compile("adam", "sparse_categorical_crossentropy")
    return made


def two_inputs() -> hl.Model:
    a, b = hl.Input((5,)), hl.Input((5,))
    made = hl.Model([a, b], hl.layers.Dense(3)(hl.layers.Add()([a, b])))
    made.compile("sgd", "mse")
    return made


def by_hand(params: Any, grads: Any) -> Any:
    return hl.optimizers.SGD().update({"w": params}, {"w": grads})


def backward() -> Any:
    made = model()
    made.forward(X, training=True)
    return made.backward(MX[:, 2:])


def sums() -> Any:
    return hl.metrics.get("mse")(MX, X)


def estimator() -> Any:
    pytest.importorskip("sklearn", reason="the estimators need scikit-learn")
    return hl.estimators.HotloopClassifier(max_iter=1)


CALLS: dict[str, Callable[[], Any]] = {
    "fit x": lambda: model().fit(MX, Y, verbose=0),
    "fit y": lambda: model().fit(X, MY, verbose=0),
    "fit w": lambda: model().fit(X, Y, sample_weight=W, verbose=0),
    "fit batches": lambda: model().fit(iter([(MX, Y)]), verbose=0),
    "validation": lambda: model().fit(X, Y, validation_data=(MX, Y), verbose=0),
    "train_on_batch": lambda: model().train_on_batch(MX, Y),
    "evaluate": lambda: model().evaluate(MX, Y, verbose=0),
    "predict": lambda: model().predict(MX),
    "forward": lambda: model().forward(MX),
    "backward": backward,
    "several": lambda: two_inputs().predict([X, MX]),
    "loader": lambda: hl.DataLoader(MX, Y),
    "rows in a list": lambda: model().predict(list(MX)),
    "layer": lambda: hl.layers.Dense(2)(MX),
    "set_weights": lambda: model().set_weights([MX[:5, 2:], np.zeros(3)]),
    "loss": lambda: hl.losses.MeanSquaredError()(MX, X),
    "loss forward": lambda: hl.losses.MeanSquaredError().forward(MX, X),
    "loss weights": lambda: hl.losses.MeanSquaredError()(X, X, sample_weight=W),
    "metric": sums,
    "confusion_matrix": lambda: hl.metrics.confusion_matrix(MY, Y),
    "params": lambda: by_hand(MX, X),
    "grads": lambda: by_hand(X.copy(), MX),
    "to_categorical": lambda: hl.utils.to_categorical(MY),
    "normalize": lambda: hl.utils.normalize(MX),
    "train_test_split": lambda: hl.utils.train_test_split(MX, Y),
    "F.relu": lambda: F.relu(MX),
    "F.relu of a list": lambda: F.relu([MX, MX]),
    "F.affine": lambda: F.affine(X, MX.T),
    "F.labels": lambda: F.softmax_cross_entropy(X, MY),
    "F.rows": lambda: F.cross_entropy(abs(X), abs(MX)),
    "F.one_hot": lambda: F.one_hot(MY, 3),
    "F.sgd_update": lambda: F.sgd_update(X.copy(), MX, lr=0.1),
    "F.sgd_update of it": lambda: F.sgd_update(MX.copy(), X, lr=0.1),
    "estimator X": lambda: estimator().fit(MX, Y),
    "estimator y": lambda: estimator().fit(X, MY),
    "estimator weights": lambda: estimator().fit(X, Y, sample_weight=W),
    "estimator predict": lambda: estimator().fit(X, Y).predict(MX),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", CALLS)
def test_masked_values_are_refused_with_what_to_do(way: str) -> None:
    with pytest.raises(ValueError, match=r"has masked values, which cannot be left out; fill them"):
        CALLS[way]()


def test_a_mask_that_hides_nothing_is_taken() -> None:
    clear = np.ma.masked_array(X, np.zeros(X.shape, bool))
    made = model()
    np.testing.assert_array_equal(made.predict(clear), made.predict(X))
    np.testing.assert_array_equal(F.relu(clear), F.relu(X))
    assert F.relu([clear, clear]).shape == (2, 12, 5)


ENDLESS: dict[str, Callable[[], Any]] = {
    "relu": lambda: F.relu(Endless()),
    "labels": lambda: F.softmax_cross_entropy(X, Endless()),
    "one_hot": lambda: F.one_hot(Endless(), 3),
    "update": lambda: F.sgd_update(X.copy(), Endless(), lr=0.1),
    "forward": lambda: model().forward(Endless()),
    "split": lambda: hl.utils.train_test_split(Endless()),
    "loss": lambda: hl.losses.MeanSquaredError()(Endless(), X),
}


@pytest.mark.parametrize("way", ENDLESS)
def test_items_behind_an_index_are_no_array(way: str) -> None:
    with pytest.raises(TypeError, match="must be an array, got Unlimited, which has items behind"):
        ENDLESS[way]()
