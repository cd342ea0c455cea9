"""Models in models, layers made of layers, models with a `call`, and symbols of layers."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import check_gradients
from hotloop import layers

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 6)).astype(np.float32)
IDS = RNG.integers(0, 3, 40)


class Block(layers.Layer):
    """Two dense layers and a shortcut."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.steps = [layers.Dense(units, "relu"), layers.Dense(units)]

    def call(self, x: Any) -> Any:
        """Add the input to what the layers make of it."""
        y = x
        for step in self.steps:
            y = step(y)
        return 0.5 * y + x


class Net(hl.Model):
    """A model as Keras's page on subclassing writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(8, activation="relu")
        self.second = layers.Dense(3, activation="softmax")
        self.dropout = layers.Dropout(0.5)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Drop in training alone."""
        x = self.first(inputs)
        if training:
            x = self.dropout(x, training=training)
        return self.second(x)


def coders() -> tuple[hl.Sequential, hl.Sequential]:
    hl.set_seed(1)
    encoder = hl.Sequential([hl.Input((6,)), layers.Dense(4, "tanh"), layers.Dense(2)], "encoder")
    decoder = hl.Sequential([hl.Input((2,)), layers.Dense(4, "tanh"), layers.Dense(6)], "decoder")
    return encoder, decoder


def test_models_in_a_row_are_one_model() -> None:
    encoder, decoder = coders()
    model = hl.Sequential([encoder, decoder])
    assert model.layers == [encoder, decoder]
    assert model.get_layer("encoder") is encoder
    assert model.count_params() == encoder.count_params() + decoder.count_params() == 80
    assert (model.input_shape, model.output_shape) == ((None, 6), (None, 6))
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert any("encoder (Sequential)" in line and "38" in line for line in lines)
    want = decoder.predict(encoder.predict(X, verbose=0), verbose=0)
    np.testing.assert_allclose(model.predict(X, verbose=0), want, rtol=1e-5, atol=1e-6)
    model.compile(hl.optimizers.Adam(0.02), "mse")
    losses = model.fit(X, X, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    want = decoder.predict(encoder.predict(X, verbose=0), verbose=0)
    np.testing.assert_allclose(model.predict(X, verbose=0), want, rtol=1e-4, atol=1e-5)


def test_models_in_a_row_are_saved_as_such(tmp_path: Path) -> None:
    model = hl.Sequential([*coders(), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(X, X[:, 0], verbose=0)
    model.save(tmp_path / "m.keras")
    others = [hl.models.load_model(tmp_path / "m.keras"), copy.deepcopy(model)]
    others.append(pickle.loads(pickle.dumps(model)))
    for other in others:
        assert [type(layer) for layer in other.layers] == [type(layer) for layer in model.layers]
        assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]
        np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
        assert other.train_on_batch(X, X[:, 0]) == copy.deepcopy(model).train_on_batch(X, X[:, 0])
    new = hl.models.clone_model(model)
    assert new.count_params() == model.count_params()


def test_two_nameless_models_in_a_row() -> None:
    parts = [hl.Sequential([layers.Dense(n)]) for n in (4, 2)]
    model = hl.Sequential([hl.Input((6,)), *parts])
    assert [part.name for part in model.layers] == ["sequential", "sequential_1"]
    assert model.count_params() == 7 * 4 + 5 * 2
    # They have the shape that they were first called on.
    assert [part.output_shape for part in parts] == [(None, 4), (None, 2)]
    assert parts[1].predict(np.ones((5, 4)), verbose=0).shape == (5, 2)
    named = hl.Sequential([layers.Dense(1)], name="sequential_1")
    with pytest.raises(ValueError, match="'sequential_1' is there already"):
        model.add(named)


def test_a_model_called_like_a_layer_is_listed_and_frozen() -> None:
    encoder, _ = coders()
    x = hl.Input((6,))
    model = hl.Model(x, layers.Dense(3, "softmax", name="head")(encoder(x)))
    assert [layer.name for layer in model.layers] == ["input_layer", "encoder", "head"]
    encoder.trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    assert len(model.trainable_weights) == 2
    before = encoder.get_weights()
    model.fit(X, IDS, verbose=0)
    for a, b in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("training", [None, False, True])
def test_what_a_call_says_of_training_holds_in_every_run(
    training: bool | None, tmp_path: Path
) -> None:
    x = hl.Input((6,))
    norm = layers.BatchNormalization()
    model = hl.Model(x, layers.Dropout(0.5, seed=1)(norm(x, training=training), training=training))
    model.save(tmp_path / "m.hotloop")
    for made in (model, hl.models.load_model(tmp_path / "m.hotloop")):
        first, second = made(X), made(X)
        np.testing.assert_array_equal(first == second, training is not True or first == second)
        if training:
            assert (first != second).any()
        made.forward(X, training=True)
        moved = (made.layers[1].moving_mean != 0).all()
        assert moved == (training is not False)


def test_layers_have_inputs_and_outputs() -> None:
    model = hl.Sequential(
        [hl.Input((6,)), layers.Dense(5, "relu", name="h"), layers.Dense(3, name="y")]
    )
    features = hl.Model(model.inputs, [layer.output for layer in model.layers])
    hidden, out = features.predict(X)
    np.testing.assert_allclose(out, model.predict(X, verbose=0), rtol=1e-6)
    assert hidden.shape == (40, 5)
    assert model.layers[1].input is model.get_layer("h").output
    assert model.input.shape == (None, 6)
    longer = hl.Model(model.input, layers.Dense(2)(model.layers[-2].output))
    assert longer.output.shape == (None, 2)
    branched = layers.Add()
    branched([model.output, model.output])
    assert len(branched.input) == 2
    with pytest.raises(AttributeError, match="'dense' has no output before it is called"):
        _ = layers.Dense(1).output
    with pytest.raises(AttributeError, match="no attribute 'outputt'"):
        _ = model.layers[0].outputt


def test_a_layer_made_of_layers() -> None:
    hl.set_seed(1)
    block = Block(6, name="block")
    model = hl.Sequential([hl.Input((6,), dtype="float64"), block, layers.Dense(2)])
    assert [layer.name for layer in model.layers] == ["block", "dense"]
    assert block.count_params() == 2 * 42
    assert len(block.get_weights()) == 4
    check_gradients(model, RNG.standard_normal((5, 6)))
    by_hand = X + 0.5 * block.steps[1](block.steps[0](X))
    np.testing.assert_allclose(block(X), by_hand, rtol=1e-6)
    block.trainable = False
    assert len(model.trainable_weights) == 2
    assert not block.trainable_weights
    assert len(block.non_trainable_weights) == 4


def test_a_layer_made_of_layers_is_saved_by_its_graph(tmp_path: Path) -> None:
    x = hl.Input((6,))
    shared = Block(6)
    for model in (hl.Sequential([hl.Input((6,)), Block(6)]), hl.Model(x, shared(shared(x)))):
        model.compile("sgd", "mse")
        model.fit(X, X, verbose=0)
        model.save(tmp_path / "m.hotloop")
        other = hl.models.load_model(tmp_path / "m.hotloop")
        np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
        assert other.count_params() == model.count_params() == 84


def test_a_model_with_a_call(tmp_path: Path) -> None:
    hl.set_seed(1)
    model = Net()
    with pytest.raises(ValueError, match="'net' is not built"):
        model.count_params()
    model.compile(hl.optimizers.Adam(0.02), "sparse_categorical_crossentropy", ["accuracy"])
    history = model.fit(X, (X[:, 0] > 0).astype(int), epochs=40, verbose=0).history
    assert history["accuracy"][-1] > 0.8
    assert model.layers == [model.first, model.second, model.dropout]
    assert list(model.params) == [
        f"{n}/{k}" for n in ("dense", "dense_1") for k in ("kernel", "bias")
    ]
    assert sum(type(node.layer) is layers.Dropout for node in model.graph().nodes) == 1
    p = model.predict(X, verbose=0)
    np.testing.assert_allclose(p, model.second(model.first(X)), rtol=1e-5)
    np.testing.assert_allclose(p, model.call(X), rtol=1e-5)
    model.save(tmp_path / "m.keras")
    other = hl.models.load_model(tmp_path / "m.keras")
    assert type(other) is hl.Model
    np.testing.assert_array_equal(other.predict(X, verbose=0), p)
    assert pickle.loads(pickle.dumps(model)).layers[0].units == 8


def test_a_call_on_several_values() -> None:
    class Two(hl.Model):
        def __init__(self) -> None:
            super().__init__(name="two")
            self.a, self.b = layers.Dense(3, name="a"), layers.Dense(1, name="b")

        def call(self, inputs: Any) -> Any:
            left, right = inputs["left"], inputs["right"]
            both = layers.concatenate([left, right])
            return [self.a(both - 1.0), self.b(both)]

    model = Two()
    model.compile("adam", ["mse", "mae"], loss_weights=[1.0, 0.5])
    data = {"left": X, "right": X[:, :2]}
    history = model.fit(data, [X[:, :3], X[:, 0]], verbose=0).history
    assert set(history) == {"loss", "a_loss", "b_loss"}
    assert [y.shape for y in model.predict(data)] == [(40, 3), (40, 1)]
    again = Two()
    again.build({"left": (None, 6), "right": (None, 2)})
    assert again.count_params() == model.count_params() == 27 + 9


def test_a_model_with_a_call_is_a_layer_of_others() -> None:
    x = hl.Input((6,))
    net = Net()
    model = hl.Model(x, layers.Dense(2)(net(x)))
    assert model.layers[1] is net
    assert model.count_params() == net.count_params() + 8


def test_what_a_call_cannot_be() -> None:
    class Arithmetic(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight("w", (input_shape[-1], 2))

        def call(self, x: Any) -> Any:
            return np.matmul(x, self.w)

    with pytest.raises(TypeError, match=r"'arithmetic': .* write a layer with forward\(x, cache"):
        hl.Sequential([hl.Input((3,)), Arithmetic()])

    class Answers(layers.Layer):
        def call(self, x: Any) -> Any:
            return x.shape

    with pytest.raises(TypeError, match="this call answered tuple"):
        Answers()(hl.Input((3,)))

    class Moody(Net):
        def call(self, inputs: Any, training: bool = False) -> Any:
            return self.first(inputs) if training else self.second(inputs)

    with pytest.raises(ValueError, match="only Dropout may make the difference"):
        Moody().build((None, 4))

    class Steps(Net):
        def train_step(self, data: Any) -> Any:
            return float(data[0].sum())

    model = Steps()
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="train_step must return a dict of numbers, got float"):
        model.fit(X, X, verbose=0)
    with pytest.raises(ValueError, match="give build the shape"):
        Net().build()
    with pytest.raises(ValueError, match="write a call"):
        hl.Model().count_params()


def test_arithmetic_of_symbols() -> None:
    x = hl.Input((6,))
    a = layers.Dense(6)(x)
    row = np.arange(6.0)
    model = hl.Model(x, [a - x, 2.0 - a, -a / 4, 1 + a * np.float32(3), a / (2 + x * x), a * row])
    y = model.layers[1](X)
    wanted = [y - X, 2 - y, -y / 4, 1 + 3 * y, y / (2 + X * X), y * row]
    for got, want in zip(model.predict(X), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"add: inputs of shape .* do not fit"):
        a + np.ones(5)
    with pytest.raises(TypeError, match="has no truth before there is data"):
        bool(a > 0)


def test_activations_of_symbols() -> None:
    x = hl.Input((6,))
    model = hl.Model(x, hl.activations.softmax(hl.activations.relu(layers.Dense(3)(x))))
    assert [type(layer) for layer in model.layers[2:]] == [layers.Activation] * 2
    want = hl.activations.softmax(hl.activations.relu(model.layers[1](X)))
    np.testing.assert_allclose(model.predict(X), want, rtol=1e-5)


def test_an_only_array_may_come_in_a_list() -> None:
    model = hl.Sequential([layers.Dense(1, input_shape=(6,))])
    model.compile("sgd", "mse", ["mae"])
    hl.set_seed(3)
    weights = model.get_weights()
    model.fit([X], [X[:, :1]], verbose=0, validation_data=([X], [X[:, :1]]))
    moved = model.get_weights()
    model.set_weights(weights)
    model.compile("sgd", "mse", ["mae"])
    hl.set_seed(3)
    model.fit(X, X[:, :1], verbose=0)
    for a, b in zip(model.get_weights(), moved, strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.evaluate([X], [X[:, 0]], verbose=0) == model.evaluate(X, X[:, 0], verbose=0)
    np.testing.assert_array_equal(model.predict([X]), model.predict(X))
    # A plain list is a batch of samples.
    assert model.predict([[0.0] * 6]).shape == (1, 1)


def test_build_by_hand_is_building() -> None:
    layer = layers.Dense(3)
    layer.build((None, 6))
    assert layer.built
    assert layer.kernel.shape == (6, 3)
    kernel = layer.kernel.copy()
    model = hl.Sequential([hl.Input((6,)), layer])
    np.testing.assert_array_equal(model.get_weights()[0], kernel)


def test_arguments_that_keras_has_beside() -> None:
    layer = layers.Dense(2, kernel_constraint=None, activity_regularizer=None)
    assert layer(X).shape == (40, 2)
    with pytest.raises(ValueError, match="Dense: lora_rank is not supported, got 4"):
        layers.Dense(2, lora_rank=4)
    with pytest.raises(TypeError, match="Flatten: there is no argument 'kernel_constraint'"):
        layers.Flatten(kernel_constraint="unit_norm")
    with pytest.raises(TypeError, match="Dense: there is no argument 'unit'"):
        layers.Dense(2, unit=3)


def test_deep_models_are_copied() -> None:
    x = value = hl.Input((2,))
    rows: list[Any] = [hl.Input((2,))]
    for _ in range(300):
        value = layers.Activation("relu")(value)
        rows.append(layers.Activation("relu"))
    for model in (hl.Model(x, value), hl.Sequential(rows)):
        again = pickle.loads(pickle.dumps(model))
        assert again.predict([[1.0, -1.0]]).tolist() == [[1.0, 0.0]]
        assert again.layers[-1].output.shape == (None, 2)
