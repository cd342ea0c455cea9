"""An optimizer trains one model: what it remembers never reaches another."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import optimizers

Array = np.ndarray[Any, Any]
LOSS = "sparse_categorical_crossentropy"
MAKERS: dict[str, Callable[[], optimizers.Optimizer]] = {
    "adam": lambda: optimizers.Adam(0.01),
    "momentum": lambda: optimizers.SGD(0.01, momentum=0.9),
    "schedule": lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "plain": lambda: optimizers.SGD(0.1),
}


def data() -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((40, 5)), rng.integers(0, 3, 40)


def model(optimizer: Any, units: int = 4) -> hl.Sequential:
    hl.set_seed(1)
    made = hl.Sequential(
        [
            hl.Input((5,)),
            hl.layers.Dense(units, activation="tanh"),
            hl.layers.Dense(3, activation="softmax"),
        ],
        dtype="float64",
    )
    made.compile(optimizer, LOSS)
    return made


WAYS: dict[str, Callable[[hl.Model], Any]] = {
    "fit": lambda m: m.fit(*data(), shuffle=False, verbose=0),
    "batches": lambda m: m.fit(hl.DataLoader(*data()), verbose=0),
    "train_on_batch": lambda m: m.train_on_batch(*data()),
    "by hand": lambda m: (m.loss_and_grads(*data()), m.optimizer.update(m.params, m.grads)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", MAKERS)
def test_a_second_model_is_refused_and_the_first_goes_on(kind: str, way: str) -> None:
    optimizer = MAKERS[kind]()
    first, alone = model(optimizer), model(MAKERS[kind]())
    second = model(optimizer, units=6)
    before = second.get_weights()
    for _ in range(2):
        WAYS[way](first)
        WAYS[way](alone)
        with pytest.raises(ValueError, match="trains another model already"):
            WAYS[way](second)
    for a, b in zip(first.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(second.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert optimizer.iterations == alone.optimizer.iterations


def test_folds_of_one_optimizer_are_refused_also_after_the_first_model_is_gone() -> None:
    optimizer = optimizers.Adam()
    model(optimizer).fit(*data(), verbose=0)
    with pytest.raises(ValueError, match=r"Adam\.from_config\(optimizer\.get_config\(\)\)"):
        model(optimizer).fit(*data(), verbose=0)


def test_folds_with_the_advice_of_the_error_are_equal() -> None:
    optimizer = optimizers.Adam(0.01)
    losses = []
    for _ in range(4):
        fold = model(type(optimizer).from_config(optimizer.get_config()))
        losses.append(fold.fit(*data(), epochs=2, shuffle=False, verbose=0).history["loss"])
    assert all(loss == losses[0] for loss in losses)


def test_the_refusal_comes_before_callbacks_begin() -> None:
    optimizer = optimizers.Adam()
    model(optimizer).fit(*data(), verbose=0)
    begun: list[Any] = []
    watch = hl.callbacks.LambdaCallback(on_train_begin=begun.append)
    with pytest.raises(ValueError, match="another model already"):
        model(optimizer).fit(*data(), callbacks=watch, verbose=0)
    assert not begun


def test_one_model_may_go_on_with_its_optimizer() -> None:
    optimizer = optimizers.Adam(0.01)
    made = model(optimizer)
    made.fit(*data(), verbose=0)
    made.compile(optimizer, LOSS)
    made.fit(*data(), verbose=0)
    assert optimizer.iterations == 4
    made.layers[0].trainable = False
    made.compile(optimizer, LOSS)
    made.fit(*data(), verbose=0)
    made.layers[0].trainable = True
    made.compile(optimizer, LOSS)
    made.fit(*data(), verbose=0)
    assert optimizer.iterations == 8
    wider = hl.Model(made.inputs, made.outputs[0])
    wider.compile(optimizer, LOSS)
    wider.fit(*data(), verbose=0)
    assert optimizer.iterations == 10


def test_a_layer_that_takes_the_place_of_another_begins_anew() -> None:
    made, alone = model(optimizers.Adam(0.01)), model(optimizers.Adam(0.01))
    made.fit(*data(), verbose=0)
    values = made.get_weights()
    for each in (made, alone):
        each.pop()
        each.add(hl.layers.Dense(3, activation="softmax"))
    head = [np.ones((4, 3)), np.zeros(3)]
    for each in (made, alone):
        each.set_weights(values[:2] + head)
        each.layers[0].trainable = False
        each.compile(each.optimizer, LOSS)
    alone.optimizer.iterations = made.optimizer.iterations
    for each in (made, alone):
        each.train_on_batch(*data())
    for a, b in zip(made.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_that_shares_some_weights_is_refused() -> None:
    optimizer = optimizers.Adam(0.01)
    made = model(optimizer)
    made.fit(*data(), verbose=0)
    other = hl.Sequential([made.layers[0], hl.layers.Dense(3, activation="softmax")])
    other.compile(optimizer, LOSS)
    with pytest.raises(ValueError, match="another model already"):
        other.fit(*data(), verbose=0)


@pytest.mark.parametrize("way", ["pickle", "deepcopy", "saved"])
def test_copies_of_a_model_train_apart(way: str, tmp_path: Any) -> None:
    made = model(optimizers.Adam(0.01))
    made.fit(*data(), shuffle=False, verbose=0)
    if way == "pickle":
        other = pickle.loads(pickle.dumps(made))
    elif way == "deepcopy":
        other = copy.deepcopy(made)
    else:
        made.save(tmp_path / "m.hotloop")
        other = hl.models.load_model(tmp_path / "m.hotloop")
    histories = [m.fit(*data(), shuffle=False, verbose=0).history for m in (made, other)]
    assert histories[0] == histories[1]


def test_a_copied_optimizer_shares_nothing() -> None:
    first = optimizers.SGD(0.1)
    second = copy.copy(first)
    second.learning_rate = 0.5
    assert first.learning_rate == 0.1


@pytest.mark.parametrize("kind", ["adam", "momentum", "schedule"])
def test_by_hand_other_arrays_under_the_same_keys_are_refused(kind: str) -> None:
    optimizer, alone = MAKERS[kind](), MAKERS[kind]()
    first, second = {"w": np.ones(3)}, {"w": np.ones(3)}
    grads = {"w": np.full(3, 0.5)}
    optimizer.update(first, grads)
    with pytest.raises(ValueError, match="'w' is another array than before"):
        optimizer.update(second, grads)
    np.testing.assert_array_equal(second["w"], 1.0)
    assert optimizer.iterations == 1
    optimizer.update(dict(first), grads)  # another dict of the same array
    optimizer.update({"w": first["w"][:]}, grads)  # a new view of it
    expected = {"w": np.ones(3)}
    for _ in range(3):
        alone.update(expected, grads)
    np.testing.assert_array_equal(first["w"], expected["w"])


def test_by_hand_keys_of_their_own_and_optimizers_without_memory_are_free() -> None:
    adam, plain = optimizers.Adam(0.1), optimizers.SGD(0.1)
    grads = {"a": np.ones(2), "b": np.ones(2)}
    adam.update({"a": np.ones(2)}, grads)
    adam.update({"b": np.ones(2)}, grads)
    for _ in range(2):
        params = {"a": np.ones(2)}
        plain.update(params, grads)
        np.testing.assert_allclose(params["a"], 0.9)


def test_by_hand_and_by_fit_are_one_training() -> None:
    mixed, alone = model(optimizers.Adam(0.01)), model(optimizers.Adam(0.01))
    mixed.loss_and_grads(*data())
    mixed.optimizer.update(dict(mixed.params), mixed.grads)
    mixed.train_on_batch(*data())
    for _ in range(2):
        alone.train_on_batch(*data())
    for a, b in zip(mixed.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_estimators_copy_the_optimizer_that_they_are_given() -> None:
    pytest.importorskip("sklearn", reason="the estimators need scikit-learn")
    optimizer = optimizers.Adam(0.01)
    x, y = data()
    estimator = hl.estimators.HotloopClassifier(
        optimizer=optimizer, max_iter=3, random_state=0, n_iter_no_change=9, tol=0.0
    )
    with pytest.warns(match="max_iter"):
        curves = [estimator.fit(x, y).loss_curve_ for _ in range(2)]
    assert curves[0] == curves[1]
    assert optimizer.iterations == 0


def test_an_estimator_begins_anew_with_an_optimizer_that_has_trained() -> None:
    pytest.importorskip("sklearn", reason="the estimators need scikit-learn")
    used = optimizers.Adam(0.01)
    model(used).fit(*data(), epochs=5, verbose=0)
    curves = []
    for optimizer in (used, optimizers.Adam(0.01)):
        estimator = hl.estimators.HotloopClassifier(
            hidden_layer_sizes=4, activation="tanh", optimizer=optimizer, max_iter=3, random_state=0
        )
        with pytest.warns(match="max_iter"):
            curves.append(estimator.fit(*data()).loss_curve_)
    assert curves[0] == curves[1]
