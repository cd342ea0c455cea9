"""Optimizers against their equations in NumPy, over many steps, on dicts and on models."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from helpers_models import batch, two_layer_model
from hotloop import optimizers

Array = np.ndarray[Any, Any]


def sgd(w: Array, g: Array, _: dict[str, Array], __: int) -> None:
    w -= 0.1 * g


def momentum(w: Array, g: Array, s: dict[str, Array], _: int) -> None:
    s["v"] = 0.9 * s.get("v", 0.0) - 0.1 * g
    w += s["v"]


def nesterov(w: Array, g: Array, s: dict[str, Array], _: int) -> None:
    s["v"] = 0.9 * s.get("v", 0.0) - 0.1 * g
    w += 0.9 * s["v"] - 0.1 * g


def adam(w: Array, g: Array, s: dict[str, Array], t: int) -> None:
    s["m"] = 0.9 * s.get("m", 0.0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0.0) + 0.001 * g * g
    rate = 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    w -= rate * s["m"] / (np.sqrt(s["v"]) + 1e-7)


def adamw(w: Array, g: Array, s: dict[str, Array], t: int) -> None:
    w -= 0.1 * 0.004 * w
    adam(w, g, s, t)


def rmsprop(w: Array, g: Array, s: dict[str, Array], _: int) -> None:
    s["s"] = 0.9 * s.get("s", 0.0) + 0.1 * g * g
    w -= 0.1 * g / np.sqrt(s["s"] + 1e-7)


def adagrad(w: Array, g: Array, s: dict[str, Array], _: int) -> None:
    s["a"] = s.get("a", 0.1) + g * g
    w -= 0.1 * g / np.sqrt(s["a"] + 1e-7)


CASES: list[tuple[Callable[[], optimizers.Optimizer], Any]] = [
    (lambda: optimizers.SGD(0.1), sgd),
    (lambda: optimizers.SGD(0.1, momentum=0.9), momentum),
    (lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True), nesterov),
    (lambda: optimizers.Adam(0.1), adam),
    (lambda: optimizers.AdamW(0.1), adamw),
    (lambda: optimizers.RMSprop(0.1), rmsprop),
    (lambda: optimizers.Adagrad(0.1), adagrad),
]
IDS = [rule.__name__ for _, rule in CASES]


@pytest.mark.parametrize(("make", "rule"), CASES, ids=IDS)
def test_equations_over_twenty_steps(make: Any, rule: Any) -> None:
    rng = np.random.default_rng(1)
    optimizer = make()
    params = {"a": rng.standard_normal((3, 2)), "b": rng.standard_normal(5)}
    expected = {k: v.copy() for k, v in params.items()}
    slots: dict[str, dict[str, Array]] = {"a": {}, "b": {}}
    for t in range(1, 21):
        grads = {k: rng.standard_normal(v.shape) for k, v in params.items()}
        optimizer.update(params, grads)
        for k, w in expected.items():
            rule(w, grads[k], slots[k], t)
    for k, w in expected.items():
        np.testing.assert_allclose(params[k], w, rtol=1e-12, atol=1e-13)
    assert optimizer.iterations == 20


@pytest.mark.parametrize(("make", "rule"), CASES, ids=IDS)
def test_the_flat_update_of_a_model_is_that_of_its_arrays(make: Any, rule: Any) -> None:
    del rule
    model, twin = two_layer_model(), two_layer_model()
    params = {k: v.copy() for k, v in twin.params.items()}
    flat, plain = make(), make()
    model.compile(flat, "sparse_categorical_crossentropy")
    twin.compile("sgd", "sparse_categorical_crossentropy")
    x, y = batch(7)
    for _ in range(5):
        twin.set_weights(list(params.values()))
        _, grads = twin.loss_and_grads(x, y)
        plain.update(params, {k: g.copy() for k, g in grads.items()})
        model.train_on_batch(x, y)
    for k, w in model.params.items():
        np.testing.assert_allclose(w, params[k], rtol=1e-12, atol=1e-14)
    assert flat.iterations == plain.iterations == 5


def test_updating_model_params_by_hand_equals_train_on_batch() -> None:
    x, y = batch(7)
    by_hand, by_step = two_layer_model(), two_layer_model()
    optimizer = optimizers.Adam(0.05)
    by_hand.compile(optimizer, "sparse_categorical_crossentropy")
    by_step.compile(optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    for i in range(6):
        if i % 2:
            by_hand.train_on_batch(x, y)
        else:
            by_hand.loss_and_grads(x, y)
            optimizer.update(by_hand.params, by_hand.grads)
        by_step.train_on_batch(x, y)
    for a, b in zip(by_hand.get_weights(), by_step.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weight_decay_is_decoupled() -> None:
    params = {"w": np.array([2.0])}
    optimizers.SGD(0.1, weight_decay=0.5).update(params, {"w": np.array([1.0])})
    np.testing.assert_allclose(params["w"], [2.0 - 0.1 * 0.5 * 2.0 - 0.1])


def test_the_learning_rate_may_change_between_steps() -> None:
    x, y = batch(7)
    model = two_layer_model()
    model.compile(optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    model.train_on_batch(x, y)
    before = model.get_weights()
    model.optimizer.learning_rate = 0.0
    model.train_on_batch(x, y)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_any_float_array_is_updated_in_place() -> None:
    base = np.ones((4, 6))
    params: dict[str, Array] = {
        "strided": base[:, ::2],
        "transposed": np.ones((2, 3)).T,
        "half": np.ones(3, np.float16),
        "swapped": np.ones(3, ">f8"),
    }
    optimizer = optimizers.Adam(0.5)
    for _ in range(2):
        optimizer.update(params, {k: np.ones(v.shape, np.float32) for k, v in params.items()})
    for key, value in params.items():
        np.testing.assert_allclose(value, 0, atol=1e-3, err_msg=key)
    np.testing.assert_array_equal(base[:, 1::2], np.ones((4, 3)))


@pytest.mark.parametrize(
    ("params", "grads", "error", "text"),
    [
        ({"w": np.ones(2)}, {}, ValueError, "grads has no 'w'"),
        (
            {"w": np.ones(2)},
            {"w": np.ones(3)},
            ValueError,
            r"has shape \(2,\), its gradient \(3,\)",
        ),
        ({"w": [1.0]}, {"w": [1.0]}, TypeError, "must be an array of floats .* got list"),
        ({"w": np.ones(2, int)}, {"w": np.ones(2)}, TypeError, "got int64"),
    ],
)
def test_bad_updates_change_nothing(
    params: dict[str, Any], grads: dict[str, Any], error: type[Exception], text: str
) -> None:
    first = np.ones(2)
    with pytest.raises(error, match=text):
        optimizers.SGD().update({"first": first, **params}, {"first": np.ones(2), **grads})
    np.testing.assert_array_equal(first, [1, 1])


def test_read_only_parameters_are_refused() -> None:
    w = np.ones(2)
    w.flags.writeable = False
    with pytest.raises(ValueError, match=r"params\['w'\] is read-only"):
        optimizers.SGD().update({"w": w}, {"w": np.ones(2)})


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="learning_rate must not be negative, got -1"):
        optimizers.Adam(-1)
    with pytest.raises(ValueError, match=r"beta_1 must lie in \[0, 1\), got 1"):
        optimizers.Adam(beta_1=1.0)
    with pytest.raises(ValueError, match="momentum must lie in"):
        optimizers.SGD(momentum=2)
    with pytest.raises(ValueError, match="weight_decay must not be negative"):
        optimizers.SGD(weight_decay=-1)
    with pytest.raises(ValueError, match=r"unknown optimizer 'adamm'; valid names: .*adam"):
        optimizers.get("adamm")
    with pytest.raises(TypeError, match="an optimizer must be a name"):
        optimizers.get(3)


@pytest.mark.parametrize(("make", "rule"), CASES, ids=IDS)
@pytest.mark.parametrize("clone", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_continue_bit_for_bit(make: Any, rule: Any, clone: Any) -> None:
    del rule
    rng = np.random.default_rng(1)
    first = {"w": rng.standard_normal(7)}
    optimizer = make()
    optimizer.update(first, {"w": rng.standard_normal(7)})
    second, other = {"w": first["w"].copy()}, clone(optimizer)
    grads = {"w": rng.standard_normal(7)}
    optimizer.update(first, grads)
    other.update(second, grads)
    np.testing.assert_array_equal(first["w"], second["w"])
    assert type(other).from_config(other.get_config()).get_config() == optimizer.get_config()
