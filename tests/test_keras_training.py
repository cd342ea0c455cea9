"""Training held to Keras itself: optimizers with all that they take, running statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop as hl
from keras_oracle import as_numpy, keras

Array = np.ndarray[Any, Any]
STEPS = 50
# Keras's own warnings are none of ours.
pytestmark = pytest.mark.filterwarnings("ignore")

# Rates that float32, in which Keras keeps them, holds exactly.
OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"learning_rate": 0.125}),
    ("SGD", {"learning_rate": 0.125, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.0625, "momentum": 0.9, "nesterov": True}),
    ("Adagrad", {"learning_rate": 0.125}),
    ("RMSprop", {"learning_rate": 0.0078125}),
    ("Adam", {"learning_rate": 0.0078125}),
    ("AdamW", {"learning_rate": 0.0078125}),
    ("Adam", {"learning_rate": 0.0078125, "amsgrad": True}),
    ("RMSprop", {"learning_rate": 0.0078125, "centered": True}),
    ("RMSprop", {"learning_rate": 0.0078125, "momentum": 0.5, "centered": True}),
]
EXTRAS: list[dict[str, Any]] = [
    {},
    {"weight_decay": 0.02},
    {"clipnorm": 0.05},
    {"clipvalue": 0.01},
    {"global_clipnorm": 0.1},
    {"schedule": ("ExponentialDecay", {"decay_steps": 7, "decay_rate": 0.7, "staircase": True})},
    {"regularized": True, "weight_decay": 0.01, "global_clipnorm": 0.2},
]
SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("ExponentialDecay", {"initial_learning_rate": 0.3, "decay_steps": 9, "decay_rate": 0.5}),
    (
        "ExponentialDecay",
        {"initial_learning_rate": 0.3, "decay_steps": 9, "decay_rate": 0.5, "staircase": True},
    ),
    ("InverseTimeDecay", {"initial_learning_rate": 0.3, "decay_steps": 9, "decay_rate": 0.5}),
    ("CosineDecay", {"initial_learning_rate": 0.3, "decay_steps": 20, "alpha": 0.1}),
    (
        "CosineDecay",
        {
            "initial_learning_rate": 0.0,
            "decay_steps": 20,
            "warmup_target": 0.5,
            "warmup_steps": 7,
        },
    ),
    ("PolynomialDecay", {"initial_learning_rate": 0.3, "decay_steps": 20, "power": 2.0}),
    ("PolynomialDecay", {"initial_learning_rate": 0.3, "decay_steps": 9, "cycle": True}),
    ("PiecewiseConstantDecay", {"boundaries": [3, 11], "values": [0.3, 0.2, 0.1]}),
]


def build(lib: Any, arguments: dict[str, Any], name: str) -> tuple[Any, Any]:
    """Return a model and an optimizer, by the same script in either library."""
    given = dict(arguments)
    regularized = given.pop("regularized", False)
    schedule = given.pop("schedule", None)
    if schedule is not None:
        kind, rest = schedule
        rate = getattr(lib.optimizers.schedules, kind)(given["learning_rate"], **rest)
        given["learning_rate"] = rate
    l2, both = (lib.regularizers.L2(0.02), lib.regularizers.L1L2(0.003, 0.01))
    model = lib.Sequential(
        [
            lib.Input((6,)),
            lib.layers.Dense(
                5,
                activation="tanh",
                kernel_regularizer=l2 if regularized else None,
                bias_regularizer="l1" if regularized else None,
                dtype="float64",
            ),
            lib.layers.Dense(
                4,
                activation="softmax",
                kernel_regularizer=both if regularized else None,
                dtype="float64",
            ),
        ]
    )
    return model, getattr(lib.optimizers, name)(**given)


def batch(seed: int, shape: tuple[int, ...] = (6,), classes: int = 4) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((16, *shape)), rng.integers(0, classes, 16)


# Every optimizer plain and with everything; each extra alone with two of them.
CASES = [
    (name, arguments, extra)
    for i, (name, arguments) in enumerate(OPTIMIZERS)
    for j, extra in enumerate(EXTRAS)
    if i in (1, 5) or j in (0, len(EXTRAS) - 1)
]


@pytest.mark.parametrize(
    ("name", "arguments", "extra"), CASES, ids=[f"{n}-{'-'.join(e)}" for n, _, e in CASES]
)
def test_fifty_steps_agree(name: str, arguments: dict[str, Any], extra: dict[str, Any]) -> None:
    lib = keras()
    ours, optimizer = build(hl, {**arguments, **extra}, name)
    theirs, their_optimizer = build(lib, {**arguments, **extra}, name)
    rng = np.random.default_rng(3)
    weights = [rng.standard_normal(w.shape) * 0.5 for w in ours.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    ours.compile(optimizer, "sparse_categorical_crossentropy")
    loss_of = lib.losses.SparseCategoricalCrossentropy()
    for step in range(STEPS):
        x, y = batch(step)
        loss = ours.train_on_batch(x, y)
        theirs.zero_grad()
        their_loss = loss_of(y, theirs(x, training=True)) + sum(theirs.losses)
        their_loss.backward()
        variables = theirs.trainable_variables
        their_optimizer.apply([v.value.grad for v in variables], variables)
        assert loss == pytest.approx(float(as_numpy(their_loss)), rel=1e-5)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("name", "arguments"), SCHEDULES)
def test_schedules_agree(name: str, arguments: dict[str, Any]) -> None:
    ours = getattr(hl.optimizers.schedules, name)(**arguments)
    theirs = getattr(keras().optimizers.schedules, name)(**arguments)
    for step in range(45):
        assert ours(step) == pytest.approx(float(as_numpy(theirs(step))), rel=1e-5, abs=1e-7)


def test_running_statistics_and_normalised_training_agree() -> None:
    lib = keras()
    hl.set_seed(3)
    models = []
    for module in (hl, lib):
        models.append(
            module.Sequential(
                [
                    module.Input((6, 5, 2)),
                    module.layers.Conv2D(3, 3, padding="same", dtype="float64"),
                    module.layers.BatchNormalization(momentum=0.9, dtype="float64"),
                    module.layers.Activation("relu", dtype="float64"),
                    module.layers.AveragePooling2D(2, padding="same", dtype="float64"),
                    module.layers.LayerNormalization(dtype="float64"),
                    module.layers.Flatten(dtype="float64"),
                    module.layers.BatchNormalization(dtype="float64"),
                    module.layers.Dense(4, activation="softmax", dtype="float64"),
                ]
            )
        )
    ours, theirs = models
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
    theirs.set_weights(ours.get_weights())
    ours.compile(hl.optimizers.SGD(0.0625), "sparse_categorical_crossentropy")
    theirs.compile(lib.optimizers.SGD(0.0625), "sparse_categorical_crossentropy")
    for step in range(20):
        x, y = batch(step, (6, 5, 2))
        # Keras keeps data, rates and losses in float32.
        x = x.astype(np.float32)
        assert ours.train_on_batch(x, y) == pytest.approx(
            float(theirs.train_on_batch(x, y)), rel=1e-5
        )
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x, verbose=0), rtol=1e-5)
