"""What a recorded step depends on: each of these may be set after a first step, and holds then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import batch
from hotloop import layers

Array = np.ndarray[Any, Any]
X, T = batch(16)
ONE_HOT = np.eye(4)[T]


def built(change: Callable[[hl.Model], None] | None = None) -> hl.Sequential:
    """Return a compiled model of every kind of layer, which `change` alters before a first step."""
    hl.set_seed(2)
    model = hl.Sequential(
        [
            hl.Input((6,)),
            layers.Rescaling(0.5, name="scaled"),
            layers.Dense(
                8, "relu", name="dense", kernel_regularizer=hl.regularizers.L1L2(0.0, 0.1)
            ),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.25, seed=1, name="drop"),
            layers.LayerNormalization(name="layer"),
            layers.LeakyReLU(0.1, name="leaky"),
            layers.ELU(0.5, name="elu"),
            layers.ReLU(negative_slope=0.2, name="relu"),
            layers.Reshape((4, 2, 1)),
            layers.Conv2D(2, 2, padding="same", name="conv"),
            layers.MaxPool2D(2, name="max"),
            layers.AvgPool2D((2, 1), padding="same", name="mean"),
            layers.Flatten(),
            layers.Dense(4, name="last"),
            layers.Softmax(name="end"),
        ]
    )
    model.compile(
        hl.optimizers.SGD(0.05, momentum=0.5, weight_decay=0.01, clipnorm=0.5),
        hl.losses.CategoricalCrossentropy(label_smoothing=0.1),
    )
    if change is not None:
        change(model)
    return model


def setting(layer: str, name: str, value: Any) -> Callable[[hl.Model], None]:
    """Return what sets an attribute of a layer."""

    def change(model: hl.Model) -> None:
        setattr(model.get_layer(layer), name, value)

    return change


def loss(name: str, value: Any) -> Callable[[hl.Model], None]:
    """Return what sets an attribute of the loss."""
    return lambda model: setattr(model.loss, name, value)


def optimizer(name: str, value: Any) -> Callable[[hl.Model], None]:
    """Return what sets an attribute of the optimizer."""
    return lambda model: setattr(model.optimizer, name, value)


def other_loss(model: hl.Model) -> None:
    model.loss = hl.losses.MeanSquaredError()


def like_loss(model: hl.Model) -> None:
    model.loss = hl.losses.CategoricalCrossentropy(label_smoothing=0.4)


def other_optimizer(model: hl.Model) -> None:
    model.optimizer = hl.optimizers.Adam(0.01)


def weaker_penalty(model: hl.Model) -> None:
    model.get_layer("dense").kernel_regularizer.l2 = 0.5


def other_penalty(model: hl.Model) -> None:
    model.get_layer("dense").kernel_regularizer.l1 = 0.5


CHANGES = {
    "the loss": other_loss,
    "a loss of the same class": like_loss,
    "label_smoothing": loss("label_smoothing", 0.3),
    "reduction": loss("reduction", "sum"),
    "the optimizer": other_optimizer,
    "learning_rate": optimizer("learning_rate", 0.5),
    "momentum": optimizer("momentum", 0.9),
    "nesterov": optimizer("nesterov", True),
    "weight_decay": optimizer("weight_decay", 0.5),
    "clipnorm": optimizer("clipnorm", 0.01),
    "no clipnorm": optimizer("clipnorm", None),
    "l2": weaker_penalty,
    "l1": other_penalty,
    "scale": setting("scaled", "scale", 2.0),
    "offset": setting("scaled", "offset", 1.0),
    "activation": setting("dense", "activation", hl.activations.tanh),
    "the last activation": setting("last", "activation", hl.activations.tanh),
    "the momentum of statistics": setting("norm", "momentum", 0.1),
    "epsilon": setting("norm", "epsilon", 1.0),
    "rate": setting("drop", "rate", 0.75),
    "no dropout": setting("drop", "rate", 0.0),
    "epsilon of a layer normalisation": setting("layer", "epsilon", 1.0),
    "negative_slope": setting("leaky", "negative_slope", 0.6),
    "alpha": setting("elu", "alpha", 2.0),
    "the slope of a ReLU": setting("relu", "negative_slope", 0.7),
    "threshold": setting("relu", "threshold", 0.3),
    "max_value": setting("relu", "max_value", 0.5),
    "the activation of a convolution": setting("conv", "activation", hl.activations.sigmoid),
    "dilation_rate": setting("conv", "dilation_rate", (2, 1)),
    "axis": setting("end", "axis", 0),
}


@pytest.mark.parametrize("how", ["train_on_batch", "fit"])
@pytest.mark.parametrize("what", CHANGES)
def test_what_is_set_after_a_first_step_holds(what: str, how: str) -> None:
    change = CHANGES[what]
    model, other = built(), built()

    def step(net: hl.Model) -> None:
        if how == "fit":
            net.fit(X, ONE_HOT, batch_size=16, shuffle=False, verbose=0)
        else:
            net.train_on_batch(X, ONE_HOT)

    step(model)
    step(other)
    np.testing.assert_array_equal(model.predict(X), other.predict(X))
    change(model)
    change(other)
    # The other one records everything anew.
    other.relayout()
    for net in (model, other):
        step(net)
        step(net)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(model.predict(X), other.predict(X))
    unchanged = built()
    for _ in range(3):
        step(unchanged)
    moved = zip(model.get_weights(), unchanged.get_weights(), strict=True)
    assert any(not np.array_equal(a, b) for a, b in moved), "the change does nothing"


def test_trainable_holds_as_compile_found_it() -> None:
    def make() -> hl.Sequential:
        hl.set_seed(2)
        norm = layers.BatchNormalization(name="norm")
        model = hl.Sequential([hl.Input((6,)), norm, layers.Dense(4, "softmax")])
        model.compile("sgd", "categorical_crossentropy")
        return model

    model, other = make(), make()
    model.train_on_batch(X, ONE_HOT)
    other.train_on_batch(X, ONE_HOT)
    model.get_layer("norm").trainable = False
    for n in (16, 8):  # a step that is recorded, and a new one
        model.train_on_batch(X[:n], ONE_HOT[:n])
        other.train_on_batch(X[:n], ONE_HOT[:n])
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.compile("sgd", "categorical_crossentropy")
    before = model.get_layer("norm").get_weights()
    model.train_on_batch(X, ONE_HOT)
    for a, b in zip(before, model.get_layer("norm").get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_loss_weights_of_several_outputs_hold() -> None:
    def make() -> hl.Model:
        hl.set_seed(2)
        x = hl.Input((6,))
        ends = [layers.Dense(4, "softmax", name=name)(x) for name in ("a", "b")]
        model = hl.Model(x, ends)
        model.compile("sgd", "categorical_crossentropy")
        return model

    model, other = make(), make()
    for net in (model, other):
        net.train_on_batch(X, [ONE_HOT, ONE_HOT])
        net.loss.weights[0] = 0.25
        net.loss.losses[1].label_smoothing = 0.5
    other.relayout()
    for net in (model, other):
        net.train_on_batch(X, [ONE_HOT, ONE_HOT])
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_metrics_of_a_new_compile_hold() -> None:
    model = built()
    assert isinstance(model.train_on_batch(X, ONE_HOT), float)
    model.compile(model.optimizer, model.loss, metrics=["mse"])
    assert len(model.train_on_batch(X, ONE_HOT)) == 2


def test_floatx_and_data_format_hold_as_the_layers_found_them() -> None:
    model = built()
    model.train_on_batch(X, ONE_HOT)
    before = hl.config.floatx(), hl.config.image_data_format()
    hl.config.set_floatx("float64")
    hl.config.set_image_data_format("channels_first")
    try:
        model.train_on_batch(X, ONE_HOT)
        model.train_on_batch(X[:8], ONE_HOT[:8])
    finally:
        hl.config.set_floatx(before[0])
        hl.config.set_image_data_format(before[1])
    other = built()
    for n in (16, 16, 8):
        other.train_on_batch(X[:n], ONE_HOT[:n])
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        assert a.dtype == np.float32
        np.testing.assert_array_equal(a, b)


def test_a_layer_of_ones_own_that_sets_attributes_keeps_the_recorded_step() -> None:
    class Counting(layers.Layer):
        calls = 0

        def forward(self, x: Array, cache: Any, training: bool) -> Array:  # noqa: ARG002
            self.calls += 1
            return x + 0.0

        def backward(self, dy: Array, cache: Any) -> Array:  # noqa: ARG002
            return dy

    model = hl.Sequential([hl.Input((6,)), Counting(), layers.Dense(4, "softmax")])
    model.compile("sgd", "categorical_crossentropy")
    model.train_on_batch(X, ONE_HOT)
    step = model._trainer._fast
    model.train_on_batch(X, ONE_HOT)
    assert step is not None
    assert model._trainer._fast is step
