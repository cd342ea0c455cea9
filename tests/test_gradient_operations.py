"""The gradient check and the diagnosis on what is made of `hotloop.ops`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import ops
from hotloop.gradcheck.gradients import gradient_check

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 4))
IDS = RNG.integers(0, 3, 6)
LOGITS = hl.losses.SparseCategoricalCrossentropy(from_logits=True)


class Own(hl.layers.Layer):
    """A call over operations, its own weight and an added loss."""

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight("w", (input_shape[-1], 3))

    def call(self, x: Any) -> Any:
        self.add_loss(0.1 * ops.mean(ops.square(x)))
        return ops.tanh(ops.matmul(x, self.w))


class OwnLoss(hl.losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.square(y_true - y_pred) * ops.exp(y_pred * 0.1), axis=-1)


def with_operations() -> hl.Model:
    x = hl.Input((4,))
    h = hl.layers.Dense(4, "tanh", activity_regularizer="l2", kernel_regularizer="l2")(x)
    return hl.Model(x, hl.layers.Dense(3)(ops.exp(-h * h) + h[:, ::-1]))


CHECKS: dict[str, Any] = {
    "layer with a call": lambda: gradient_check(Own(), X),
    "lambda": lambda: gradient_check(hl.layers.Lambda(lambda z: ops.sin(z) * 2), X),
    "loss with a call": lambda: gradient_check(OwnLoss(), X, T),
    "function as a loss": lambda: gradient_check(
        lambda t, p: ops.mean(ops.square(t - p), axis=-1), X, T
    ),
    "function": lambda: gradient_check(lambda z: ops.logsumexp(z, axis=1), X),
    "number": lambda: gradient_check(lambda z: ops.mean(z * z), X),
    "function of two": lambda: gradient_check(lambda a, b: ops.matmul(a, b.T), [X, T]),
    "model with operations": lambda: gradient_check(with_operations(), X),
    "model with losses": lambda: gradient_check(with_operations(), X, IDS, loss=LOGITS),
    "model with added losses": lambda: gradient_check(
        hl.Sequential([hl.Input((4,)), Own(), hl.layers.Dense(3)]), X, IDS, loss=LOGITS
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_right_gradients_of_operations_are_found_right(name: str) -> None:
    report = CHECKS[name]()
    assert report.ok, str(report)


def test_a_wrong_gradient_of_ones_own_is_named() -> None:
    @ops.custom_gradient
    def square(x: Any) -> Any:
        return ops.square(x), lambda upstream: upstream * x

    report = gradient_check(lambda z: square(z), X)  # noqa: PLW0108 - a plain function is checked
    assert not report.ok
    assert "numeric divided by 2" in report.faults[0]


def test_what_is_no_function_of_tensors_says_so() -> None:
    with pytest.raises(TypeError, match="must answer one tensor, got ndarray"):
        gradient_check(lambda z: z.numpy() * 2, X)
    with pytest.raises(TypeError, match="must be a layer, a loss or a model"):
        gradient_check(3, X)


def told(model: hl.Model, x: Any, y: Any, **kwargs: Any) -> str:
    hl.config.set_diagnosis(True)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model.fit(x, y, verbose=0, **kwargs)
    hl.config.set_diagnosis(True)
    return " ".join(str(w.message) for w in found)


def test_dead_units_and_targets_out_of_reach_of_operations_are_seen() -> None:
    x = hl.Input((4,))
    dead = ops.relu(hl.layers.Dense(16, bias_initializer=hl.initializers.Constant(-50.0))(x))
    model = hl.Model(x, hl.layers.Dense(3)(dead))
    model.compile("sgd", LOGITS)
    assert "dead ReLUs" in told(model, np.tile(X, (8, 1)), np.tile(IDS, 8), batch_size=48)
    model = hl.Model(x, ops.sigmoid(hl.layers.Dense(1)(x)))
    model.compile("sgd", "mse")
    assert "outputs of sigmoid lie from 0 to 1" in told(model, X, np.full((6, 1), 7.0))


def test_a_loss_that_becomes_nan_in_a_step_of_ones_own_is_told() -> None:
    class Steps(hl.Sequential):
        def train_step(self, data: Any) -> Any:
            return {"loss": ops.mean(ops.log(self(data[0]) * 0.0 - 1.0))}

    for x, where in ((X, "in the train_step"), (X * np.nan, "in the batch")):
        model = Steps([hl.Input((4,)), hl.layers.Dense(2)])
        model.compile("sgd", "mse")
        text = told(model, x, T)
        assert "the loss became NaN in step 1" in text
        assert where in text
