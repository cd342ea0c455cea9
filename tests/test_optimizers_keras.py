"""The breadth of Keras's optimizers: 20 steps of Keras itself, recorded steps, files, and what is refused."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
import keras_oracle
from helpers_models import batch, two_layer_model
from hotloop import optimizers
from optimizer_cases import CASES, data, probe

Array = np.ndarray[Any, Any]
NAMES = sorted({name for name, _, _ in CASES})


def made(name: str, config: dict[str, Any]) -> optimizers.Optimizer:
    optimizer: optimizers.Optimizer = getattr(optimizers, name)(**config)
    return optimizer


@pytest.mark.parametrize(("name", "config", "right"), CASES)
def test_twenty_steps_on_arrays(name: str, config: dict[str, Any], right: list[float]) -> None:
    weights, grads = data()
    optimizer = made(name, config)
    for grad in grads:
        optimizer.update(weights, grad)
    np.testing.assert_allclose(probe(weights), right, rtol=1e-5, atol=2e-5)
    assert optimizer.iterations == 20


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("name", "config"), [(n, c) for n, c, _ in CASES])
def test_as_keras(name: str, config: dict[str, Any]) -> None:
    keras = keras_oracle.keras()
    weights, grads = data()
    theirs = getattr(keras.optimizers, name)(**config)
    variables = [keras.Variable(w.copy(), name=k) for k, w in weights.items()]
    own = made(name, config)
    # On PyTorch Keras's old z is the new one, from the second step on.
    for grad in grads[: 1 if name == "ScheduleFreeAdamW" else 20]:
        theirs.apply([keras.ops.convert_to_tensor(g) for g in grad.values()], variables)
        own.update(weights, grad)
    for w, variable in zip(weights.values(), variables, strict=True):
        np.testing.assert_allclose(w, keras_oracle.as_numpy(variable.value), rtol=1e-5, atol=1e-5)
    known = theirs.get_config()
    for key, value in own.get_config().items():
        if key in known and key not in ("name", "learning_rate", "weight_decay"):
            assert value == known[key] or (value is None and not known[key]), key
    assert set(known) <= set(own.get_config())


@pytest.mark.parametrize(("name", "config"), [(n, c) for n, c, _ in CASES])
def test_a_recorded_step_is_the_update(name: str, config: dict[str, Any]) -> None:
    x, t = batch(24)
    model, by_hand = two_layer_model(), two_layer_model()
    model.compile(made(name, config), "sparse_categorical_crossentropy")
    optimizer = made(name, config)
    loss = hl.losses.SparseCategoricalCrossentropy()
    for _ in range(7):
        model.train_on_batch(x, t)
        y = by_hand.forward(x, training=True)
        loss.forward(y, t)
        by_hand.backward(loss.backward())
        optimizer.update(by_hand.params, by_hand.grads)
    for got, want in zip(model.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "config"), [(n, c) for n, c, _ in CASES])
def test_a_file_goes_on_with_the_same_bits(
    name: str, config: dict[str, Any], tmp_path: Path
) -> None:
    x, t = batch(24)
    model = two_layer_model("float32")
    model.compile(made(name, config), "sparse_categorical_crossentropy")
    for _ in range(4):
        model.train_on_batch(x, t)
    model.save(tmp_path / "m.hotloop")
    again = hl.models.load_model(tmp_path / "m.hotloop")
    pickled = pickle.loads(pickle.dumps(model))
    for _ in range(4):
        for one in (model, again, pickled):
            one.train_on_batch(x, t)
    for other in (again, pickled):
        for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    assert again.optimizer.get_config() == model.optimizer.get_config()


@pytest.mark.parametrize(("name", "config"), [(n, c) for n, c, _ in CASES[::2]])
def test_a_compiled_step_is_the_update(name: str, config: dict[str, Any]) -> None:
    ends = []
    for wrap in (lambda step: step, hl.compile):
        model, optimizer = two_layer_model(), made(name, config)
        loss = hl.losses.SparseCategoricalCrossentropy()

        def step(x: Any, t: Any, model: Any = model, loss: Any = loss, opt: Any = optimizer) -> Any:
            with hl.GradientTape() as tape:
                value = loss(t, model(x, training=True))
            weights = model.trainable_variables
            opt.apply_gradients(zip(tape.gradient(value, weights), weights, strict=True))
            return value

        run = wrap(step)
        for i in range(6):
            run(*batch(8, seed=i))
        assert optimizer.iterations == 6
        ends.append(model.get_weights())
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_names_descriptions_and_empty_weights(name: str) -> None:
    own = optimizers.get(name.lower())
    assert type(own).__name__ == name
    assert type(optimizers.get(optimizers.serialize(own))) is type(own)
    assert copy.deepcopy(own).get_config() == own.get_config()
    params: dict[str, Array] = {
        "w": np.zeros((0, 3), np.float32),
        "v": np.ones((1, 1), np.float32)[:, ::-1],
    }
    own.update(params, {"w": np.zeros((0, 3)), "v": np.ones((1, 1))})
    assert np.isfinite(params["v"]).all()


def test_averages_take_the_place_of_the_weights_when_fit_ends() -> None:
    x, t = batch(16)
    ends = []
    for use_ema in (False, True):
        model = two_layer_model()
        model.compile(
            optimizers.SGD(0.5, use_ema=use_ema, ema_momentum=0.5),
            "sparse_categorical_crossentropy",
        )
        seen: list[Array] = []
        keep = hl.callbacks.LambdaCallback(
            on_batch_end=lambda *_, seen=seen, model=model: seen.append(model.get_weights()[0])
        )
        model.fit(x, t, batch_size=4, epochs=1, shuffle=False, verbose=0, callbacks=[keep])
        ends.append((seen, model.get_weights()[0]))
    (plain, last), (same, averaged) = ends
    for a, b in zip(plain, same, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(last, plain[-1])
    want = plain[0]
    for w in plain[1:]:
        want = 0.5 * want + 0.5 * w
    np.testing.assert_allclose(averaged, want, rtol=1e-12)


def test_weights_without_decay() -> None:
    grads = {"dense/kernel": np.zeros(2), "dense/bias": np.zeros(2)}
    for kind in (optimizers.SGD, optimizers.AdamW, optimizers.Lamb, optimizers.Muon):
        params = {name: np.ones(2) for name in grads}
        optimizer = kind(learning_rate=0.1, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        optimizer.update(params, grads)
        assert params["dense/bias"].tolist() == [1.0, 1.0]
        assert (params["dense/kernel"] < 1.0).all()
        with pytest.raises(ValueError, match="before the first step"):
            optimizer.exclude_from_weight_decay(var_names=["kernel"])
    model = two_layer_model()
    before = model.get_weights()
    optimizer = optimizers.SGD(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[model.trainable_variables[0]])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    plain = two_layer_model()
    plain.compile(optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    for one in (model, plain):
        one.train_on_batch(*batch(8))
    np.testing.assert_array_equal(model.get_weights()[0], plain.get_weights()[0])
    shrunk = plain.get_weights()[2] - 0.05 * before[2]
    np.testing.assert_allclose(model.get_weights()[2], shrunk, rtol=1e-12)


def test_learning_rate_answers_as_a_variable() -> None:
    optimizer = optimizers.Adam(0.25)
    assert optimizer.learning_rate.numpy() == np.float32(0.25)
    assert float(optimizer.learning_rate) == optimizer.learning_rate == 0.25
    optimizer.learning_rate.assign(0.5)
    assert optimizer.learning_rate == 0.5
    assert type(copy.deepcopy(optimizer.learning_rate)) is float
    optimizer.learning_rate = optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    assert optimizer.learning_rate == 0.1
    with pytest.raises(TypeError, match="schedule"):
        optimizer.learning_rate.assign(0.5)


RESTARTS: list[tuple[dict[str, Any], list[float]]] = [
    ({}, [0.5, 0.375, 0.496202, 0.484923, 0.375, 0.164495, 0.499049, 0.144345]),
    ({"t_mul": 1.0}, [0.5, 0.375, 0.484923, 0.441511, 0.125, 0.441511, 0.484923, 0.206588]),
    (
        {"t_mul": 1.5, "m_mul": 0.8, "alpha": 0.1},
        [0.5, 0.3875, 0.405148, 0.390854, 0.261257, 0.079612, 0.288683, 0.249503],
    ),
]


@pytest.mark.parametrize(("config", "right"), RESTARTS)
def test_cosine_with_restarts(config: dict[str, Any], right: list[float]) -> None:
    own = optimizers.schedules.CosineDecayRestarts(0.5, 9, **config)
    steps = (0, 3, 10, 11, 15, 20, 28, 50)
    assert [own(step) for step in steps] == pytest.approx(right, abs=1e-6)
    again = optimizers.schedules.deserialize(optimizers.schedules.serialize(own))
    assert [again(step) for step in steps] == [own(step) for step in steps]
    with pytest.raises(ValueError, match="t_mul must be at least 1"):
        optimizers.schedules.CosineDecayRestarts(0.5, 9, t_mul=0.5)


def test_decay_is_ignored_as_keras_does() -> None:
    with pytest.warns(UserWarning, match="InverseTimeDecay"):
        optimizer = optimizers.SGD(0.1, decay=1e-6)
    assert optimizer.get_config() == optimizers.SGD(0.1).get_config()


BAD: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("SGD", {"lr": 0.1}, TypeError, "SGD: there is no argument 'lr'; it is called learning_rate"),
    ("Adam", {"gradient_accumulation_steps": 1}, ValueError, "an integer of at least 2, got 1"),
    (
        "Adam",
        {"use_ema": True, "ema_momentum": 1.5},
        ValueError,
        r"ema_momentum must lie in \[0, 1",
    ),
    ("Adam", {"ema_overwrite_frequency": 0.5}, ValueError, "positive integer, got 0.5"),
    ("Adam", {"loss_scale_factor": -1.0}, ValueError, "loss_scale_factor must be positive"),
    ("Lion", {"beta_1": 0.0}, ValueError, r"Lion: beta_1 must lie in \(0, 1\], got 0.0"),
    ("Ftrl", {"learning_rate_power": 0.5}, ValueError, "learning_rate_power must not be positive"),
    ("Ftrl", {"l1_regularization_strength": -1.0}, ValueError, "must not be negative, got -1.0"),
    ("Adadelta", {"rho": 1.0}, ValueError, r"Adadelta: rho must lie in \[0, 1\), got 1.0"),
    ("Nadam", {"beta_2": "x"}, ValueError, "Nadam: beta_2 must be a number, got 'x'"),
    ("Adafactor", {"clip_threshold": 0.0}, ValueError, "clip_threshold must be positive, got 0.0"),
    ("Muon", {"ns_steps": 1.5}, ValueError, "ns_steps must be an integer, not negative, got 1.5"),
    ("Muon", {"exclude_layers": "dense"}, ValueError, "must be a list of names, got 'dense'"),
    ("ScheduleFreeAdamW", {"beta_1": 0.0}, ValueError, r"beta_1 must lie in \(0, 1\), got 0.0"),
    ("Lamb", {"epsilon": -1}, ValueError, "Lamb: epsilon must not be negative, got -1"),
]


@pytest.mark.parametrize(("name", "config", "error", "text"), BAD)
def test_what_is_refused(
    name: str, config: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        made(name, config)
