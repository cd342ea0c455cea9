"""Optimizers against their equations in NumPy, over many steps, on dicts and on models."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import keras_oracle
from helpers_models import batch, two_layer_model
from hotloop import optimizers, regularizers

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


def unit(kind: str) -> optimizers.Optimizer:
    limits: dict[str, Any] = {kind: 1.0}
    return optimizers.SGD(1.0, **limits)


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        ("clipvalue", ([1.0, -1.0], [0.5, 1.0])),
        ("clipnorm", ([0.6, -0.8], [0.5 / 1.25**0.5, 1.0 / 1.25**0.5])),
        ("global_clipnorm", ([3 / 26.25**0.5, -4 / 26.25**0.5], [0.5 / 26.25**0.5, 26.25**-0.5])),
    ],
)
def test_clipping_leaves_the_gradients_that_were_given(kind: str, steps: Any) -> None:
    params = {"a": np.zeros(2), "b": np.zeros(2)}
    grads = {"a": np.array([3.0, -4.0]), "b": np.array([0.5, 1.0])}
    unit(kind).update(params, grads)
    for key, step in zip(params, steps, strict=True):
        np.testing.assert_allclose(params[key], -np.array(step), rtol=1e-14)
    np.testing.assert_array_equal(grads["a"], [3, -4])


@pytest.mark.parametrize("kind", ["clipvalue", "clipnorm", "global_clipnorm"])
def test_a_recorded_step_clips_as_the_update_by_hand_does(kind: str) -> None:
    x, y = batch(7)
    by_hand, by_step = two_layer_model(), two_layer_model()
    limits: dict[str, Any] = {kind: 0.01}
    optimizer = optimizers.Adam(0.05, **limits)
    by_hand.compile(optimizer, "sparse_categorical_crossentropy")
    by_step.compile(optimizers.Adam(0.05, **limits), "sparse_categorical_crossentropy")
    for _ in range(4):
        _, grads = by_hand.loss_and_grads(x, y)
        kept = {name: grad.copy() for name, grad in grads.items()}
        optimizer.update(by_hand.params, by_hand.grads)
        by_step.train_on_batch(x, y)
        for name, grad in by_step.grads.items():
            np.testing.assert_array_equal(grad, kept[name])
    for a, b in zip(by_hand.get_weights(), by_step.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_norm_that_is_not_finite_makes_the_global_step_nan() -> None:
    params = {"a": np.zeros(1), "b": np.zeros(1)}
    unit("global_clipnorm").update(params, {"a": np.array([np.inf]), "b": np.ones(1)})
    assert np.isnan(params["b"]).all()


@pytest.mark.parametrize("size", [1e18, 1e25, 3e38])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {}),
        ("SGD", {"momentum": 0.9}),
        ("SGD", {"momentum": 0.9, "nesterov": True}),
        ("SGD", {"clipnorm": 1.0}),
        ("SGD", {"clipvalue": 1.0}),
        ("Adagrad", {}),
        ("RMSprop", {}),
        ("RMSprop", {"momentum": 0.9}),
        ("Adam", {}),
        ("Adam", {"amsgrad": True}),
        ("Adam", {"clipnorm": 1.0}),
        ("Adam", {"global_clipnorm": 1.0}),
        ("AdamW", {}),
    ],
)
def test_huge_gradients_do_what_they_do_in_keras(
    name: str, options: dict[str, Any], size: float
) -> None:
    keras = keras_oracle.keras()
    start = np.array([1, -2, 3], np.float32)
    params = {"w": start.copy()}
    ours = getattr(optimizers, name)(0.01, **options)
    theirs = getattr(keras.optimizers, name)(0.01, **options)
    variable = keras.Variable(start)
    theirs.build([variable])
    for scale in (size, size, -size, 1.0):
        grad = np.array([scale, -scale, 0.5], np.float32)
        ours.update(params, {"w": grad})
        theirs.apply([keras.ops.convert_to_tensor(grad)], [variable])
        np.testing.assert_allclose(params["w"], keras_oracle.as_numpy(variable.value), 1e-5)


def test_a_schedule_is_asked_before_each_step() -> None:
    schedule = optimizers.schedules.PiecewiseConstantDecay([1, 3], [0.4, 0.2, 0.0])
    optimizer = optimizers.SGD(schedule)
    x, y = batch(7)
    model = two_layer_model()
    model.compile(optimizer, "sparse_categorical_crossentropy")
    rates = []
    for _ in range(5):
        before = model.get_weights()[-1]
        rates.append(optimizer.learning_rate)
        model.train_on_batch(x, y)
        step = before - model.get_weights()[-1]
        np.testing.assert_allclose(step, rates[-1] * model.grads["dense_1/bias"], atol=1e-15)
    assert rates == [0.4, 0.4, 0.2, 0.2, 0.0]
    with pytest.raises(TypeError, match="a schedule says the learning rate"):
        optimizer.learning_rate = 0.1
    again = optimizers.SGD.from_config(optimizer.get_config())
    assert again.learning_rate == 0.4
    assert again.get_config() == optimizer.get_config()
    assert optimizers.SGD(lambda: 0.3).learning_rate == 0.3


@pytest.mark.parametrize(
    "schedule",
    [
        optimizers.schedules.CosineDecay(0.1, 9, alpha=0.1, warmup_target=0.2, warmup_steps=3),
        optimizers.schedules.ExponentialDecay(0.1, 9, 0.5, staircase=True),
        optimizers.schedules.InverseTimeDecay(0.1, 9, 0.5),
        optimizers.schedules.PiecewiseConstantDecay([2], [0.2, 0.1]),
        optimizers.schedules.PolynomialDecay(0.1, 9, cycle=True),
    ],
    ids=lambda schedule: schedule.name,
)
def test_a_description_makes_the_schedule_again(schedule: Any) -> None:
    again = optimizers.schedules.deserialize(optimizers.schedules.serialize(schedule))
    assert [again(step) for step in range(30)] == [schedule(step) for step in range(30)]


def test_bad_limits_and_schedules() -> None:
    with pytest.raises(ValueError, match="Adam: at most one of clipnorm, clipvalue"):
        optimizers.Adam(clipnorm=1.0, clipvalue=1.0)
    with pytest.raises(ValueError, match="SGD: clipnorm must be positive, got -1"):
        optimizers.SGD(clipnorm=-1.0)
    with pytest.raises(ValueError, match="CosineDecay: decay_steps must be positive, got 0"):
        optimizers.schedules.CosineDecay(0.1, 0)
    with pytest.raises(ValueError, match="one item more than boundaries"):
        optimizers.schedules.PiecewiseConstantDecay([1], [0.1])


@pytest.mark.parametrize("l1", [0.0, 0.03])
def test_penalties_are_part_of_loss_and_gradients(l1: float) -> None:
    def penalty(w: Array) -> float:
        return float(l1 * np.abs(w).sum() + 0.02 * (w * w).sum())

    plain = two_layer_model()
    model = two_layer_model()
    layer = model.layers[0]
    layer.weight("kernel").regularizer = regularizers.L1L2(l1, 0.02)
    for m in (plain, model):
        m.compile("sgd", "sparse_categorical_crossentropy")
    x, y = batch(7)
    kernel = model.get_weights()[0]
    loss, grads = model.loss_and_grads(x, y)
    plain_loss, plain_grads = plain.loss_and_grads(x, y)
    assert loss == pytest.approx(plain_loss + penalty(kernel), rel=1e-12)
    slope = l1 * np.sign(kernel) + 0.04 * kernel
    np.testing.assert_allclose(
        grads["dense/kernel"], plain_grads["dense/kernel"] + slope, rtol=1e-12
    )
    np.testing.assert_array_equal(grads["dense_1/kernel"], plain_grads["dense_1/kernel"])
    assert model.evaluate(x, y, verbose=0) == pytest.approx(loss, rel=1e-12)
    assert model.train_on_batch(x, y) == pytest.approx(loss, rel=1e-12)
    layer.trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.set_weights(plain.get_weights())
    assert model.evaluate(x, y, verbose=0) == pytest.approx(plain_loss, rel=1e-12)
