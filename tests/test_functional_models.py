"""Functional models: branches, shared layers, several inputs and outputs, models as layers."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import Scale, check_gradients, numerical
from hotloop import layers
from hotloop.graph.symbol import Symbol

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(4)


def start(seed: int = 1) -> Any:
    hl.set_seed(seed)
    return hl.Input((6,), dtype="float64")


def branched() -> hl.Model:
    """Return a residual block whose branches pass one gradient on, and a product."""
    x = start()
    h = layers.Dense(5, activation="tanh", name="stem")(x)
    left = layers.Dense(5, activation="relu")(layers.Activation("linear")(h))
    right = layers.Dense(5, activation="sigmoid")(h)
    total = layers.Add()([left, right, h])
    gate = layers.Multiply()([total, right])
    both = layers.Concatenate()([gate, layers.Dropout(0.0)(total), layers.ReLU()(total)])
    return hl.Model(x, layers.Dense(3)(both))


def two_ends() -> hl.Model:
    """Two inputs, a layer that both share, two outputs."""
    hl.set_seed(2)
    a, b = hl.Input((4,), name="a", dtype="float64"), hl.Input((4,), name="b")
    shared = layers.Dense(5, activation="tanh", name="shared")
    ha, hb = shared(a), shared(b)
    both = layers.Concatenate()([ha, hb])
    classes = layers.Dense(3, activation="softmax", name="classes")(both)
    value = layers.Dense(1, name="value")(layers.Add()([ha, hb]))
    return hl.Model([a, b], [classes, value])


def batch(n: int, seed: int = 0) -> tuple[list[Array], list[Array]]:
    rng = np.random.default_rng(seed)
    x = [rng.standard_normal((n, 4)) for _ in range(2)]
    return x, [rng.integers(0, 3, n), rng.standard_normal((n, 1))]


def test_a_chain_equals_the_sequential_of_its_layers() -> None:
    x = start()
    items = [layers.Dense(5, "relu"), layers.BatchNormalization(), layers.Dense(3, "softmax")]
    value = x
    for item in items:
        value = item(value)
    model = hl.Model(inputs=x, outputs=value)
    hl.set_seed(1)
    other = hl.Sequential(
        [
            hl.Input((6,)),
            layers.Dense(5, "relu"),
            layers.BatchNormalization(),
            layers.Dense(3, "softmax"),
        ],
        dtype="float64",
    )
    data, ids = RNG.standard_normal((40, 6)), RNG.integers(0, 3, 40)
    for m in (model, other):
        m.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        hl.set_seed(5)
        m.fit(data, ids, epochs=2, verbose=0, validation_split=0.25)
    assert model.history is not None
    assert other.history is not None
    assert model.history.history == other.history.history
    np.testing.assert_array_equal(model.predict(data), other.predict(data))
    assert model.count_params() == other.count_params()
    assert list(model.params) == list(other.params)


def test_gradients_of_branches() -> None:
    check_gradients(branched(), RNG.standard_normal((4, 6)))


def test_a_gradient_that_two_branches_share_is_not_written_over() -> None:
    x = start()
    a = layers.Dense(4, activation="relu")(x)
    b = layers.Dense(4, activation="tanh")(x)
    total = layers.Add()([layers.Flatten()(a), layers.Activation("linear")(b)])
    check_gradients(hl.Model(x, total), RNG.standard_normal((5, 6)))


@pytest.mark.parametrize("block", ["last", "first"])
def test_a_gradient_from_a_pool_that_a_convolution_and_a_shortcut_share(block: str) -> None:
    x = hl.Input((6, 6, 1), dtype="float64")
    shortcut = layers.Conv2D(2, 3, activation="tanh")(x)
    y = layers.Conv2D(2, 3, padding="same")(shortcut)
    both = [y, shortcut] if block == "last" else [shortcut, y]
    pooled = layers.MaxPool2D(2)(layers.Add()(both))
    check_gradients(hl.Model(x, pooled), RNG.standard_normal((3, 6, 6, 1)))


def test_gradients_and_shapes_with_several_inputs_and_outputs() -> None:
    model = two_ends()
    x, _ = batch(4)
    assert model.input_shape == [(None, 4), (None, 4)]
    assert model.output_shape == [(None, 3), (None, 1)]
    outs = model.forward(x, training=True)
    dys = [RNG.standard_normal(y.shape) for y in outs]
    model.backward(dys)

    def projected() -> float:
        return sum(float((y * dy).sum()) for y, dy in zip(model.forward(x, True), dys, strict=True))

    for name, grad in list(model.grads.items()):
        np.testing.assert_allclose(
            grad.copy(), numerical(projected, model.params[name]), atol=1e-7, err_msg=name
        )
    for one, other in zip(model.predict(x, batch_size=3), outs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_of_several_outputs(weighted: bool) -> None:
    model = two_ends()
    x, (ids, values) = batch(7)
    w = np.linspace(0.5, 2, 7) if weighted else None
    model.compile(
        hl.optimizers.SGD(0.1),
        loss={"classes": "sparse_categorical_crossentropy", "value": "mse"},
        loss_weights={"value": 0.3},
        metrics={"classes": ["accuracy"], "value": ["mae"]},
    )
    given = {"a": x[0], "b": x[1]}
    targets = {"value": values, "classes": ids}
    loss, grads = model.loss_and_grads(given, targets, w)
    analytic = {name: grad.copy() for name, grad in grads.items()}

    def by_formula() -> float:
        p, y = model.forward(x)
        weights = np.ones(7) if w is None else w
        return float(
            (-np.log(p[np.arange(7), ids]) * weights).mean()
            + 0.3 * ((y - values)[:, 0] ** 2 * weights).mean()
        )

    assert loss == pytest.approx(by_formula(), rel=1e-10)
    for name, grad in analytic.items():
        np.testing.assert_allclose(grad, numerical(by_formula, model.params[name]), atol=1e-7)
    logs = model.evaluate(given, targets, sample_weight=w, verbose=0, return_dict=True)
    assert list(logs) == [
        "loss",
        "classes_loss",
        "value_loss",
        "classes_accuracy",
        "value_mae",
    ] or (list(logs)[:4] == ["loss", "classes_loss", "value_loss", "classes_accuracy"])
    assert logs["loss"] == pytest.approx(loss)
    p, _ = model.predict(x)
    assert logs["classes_accuracy"] == pytest.approx((p.argmax(1) == ids).mean())
    before = model.get_weights()
    answered = model.train_on_batch(given, targets, sample_weight=w)
    assert answered[0] == pytest.approx(loss)
    for (name, grad), a, b in zip(
        analytic.items(), before, (model.params[k] for k in analytic), strict=True
    ):
        np.testing.assert_allclose(b, a - 0.1 * grad, rtol=1e-9, atol=1e-12, err_msg=name)


def test_fit_with_several_outputs_learns_and_validates() -> None:
    model = two_ends()
    x, _ = batch(200)
    ids = (x[0].sum(axis=1) > 0).astype(int)
    values = x[1].sum(axis=1, keepdims=True)
    losses = ["sparse_categorical_crossentropy", "mse"]
    model.compile(hl.optimizers.Adam(0.02), losses, metrics=[["accuracy"], None])
    history = model.fit(x, [ids, values], epochs=30, verbose=0, validation_split=0.2).history
    assert history["classes_accuracy"][-1] > 0.85
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert {"val_loss", "val_value_loss", "val_classes_accuracy"} <= set(history)
    again = model.fit(x, (ids, values), validation_data=(x, [ids, values]), verbose=0)
    assert len(again.history["val_loss"]) == 1


def test_one_output_among_those_may_be_held_to_nothing() -> None:
    model = two_ends()
    x, (_, values) = batch(6)
    model.compile("sgd", {"value": "mse"})
    before = model.get_weights()
    model.fit(x, {"value": values}, verbose=0)
    moved = dict(zip(model.params, (before, model.get_weights()), strict=False))
    del moved
    names = [f"{layer.name}/{k}" for layer in model.layers for k in layer.params]
    for name, a, b in zip(names, before, model.get_weights(), strict=True):
        assert (a == b).all() == name.startswith("classes"), name


def test_dicts_of_ends_name_the_data() -> None:
    hl.set_seed(1)
    a, b = hl.Input((2,)), hl.Input((3,))
    left, right = layers.Dense(1)(a), layers.Dense(2)(b)
    model = hl.Model({"p": a, "q": b}, {"u": left, "v": right})
    x = {"q": np.ones((4, 3)), "p": np.ones((4, 2))}
    answer: Any = model.predict(x)
    assert {k: y.shape for k, y in answer.items()} == {"u": (4, 1), "v": (4, 2)}
    model.compile("sgd", "mse")
    model.fit(x, {"u": np.ones(4), "v": np.ones((4, 2))}, verbose=0)
    with pytest.raises(ValueError, match=r"predict: no \['z'\]; there are \['p', 'q'\]"):
        model.predict({"z": np.ones((4, 2))})


def test_models_are_layers_of_others_and_share_their_weights() -> None:
    hl.set_seed(1)
    encoder = hl.Sequential([hl.Input((6,)), layers.Dense(3, "tanh"), layers.Dense(2)])
    code = hl.Input((2,))
    decoder = hl.Model(code, layers.Dense(6)(layers.Dense(3, activation="tanh")(code)))
    x = hl.Input((6,))
    whole = hl.Model(x, decoder(encoder(x)))
    data = RNG.standard_normal((20, 6)).astype(np.float32)
    np.testing.assert_allclose(
        whole.predict(data), decoder.predict(encoder.predict(data)), rtol=1e-5
    )
    assert len(set(whole.params)) == 8
    whole.compile("adam", "mse")
    first = whole.train_on_batch(data, data)
    for _ in range(30):
        last = whole.train_on_batch(data, data)
    assert last < first
    np.testing.assert_allclose(
        whole.predict(data), decoder.predict(encoder.predict(data)), rtol=1e-4, atol=1e-6
    )


def test_a_shared_layer_adds_up_its_gradients() -> None:
    x = start()
    shared, scale = layers.Dense(6, activation="tanh"), Scale()
    model = hl.Model(x, layers.Add()([scale(shared(shared(x))), scale(shared(x))]))
    assert len(model.params) == 3
    check_gradients(model, RNG.standard_normal((3, 6)))


def test_a_leading_rescaling_is_part_of_gathering() -> None:
    x = hl.Input((2, 2, 1), dtype="uint8")
    h = layers.Flatten()(layers.Rescaling(1 / 255)(x))
    model = hl.Model(x, layers.Dense(1, kernel_initializer="ones")(h))
    images = np.full((3, 2, 2, 1), 255, np.uint8)
    np.testing.assert_allclose(model.predict(images), np.full((3, 1), 4.0), rtol=1e-6)
    assert len(model.graph().nodes) == 2
    both = layers.Concatenate()([layers.Flatten()(x), layers.Flatten()(layers.Rescaling(0.5)(x))])
    unscaled = hl.Model(x, both).predict(images)
    np.testing.assert_allclose(unscaled, [[255] * 4 + [127.5] * 4] * 3)


@pytest.mark.parametrize("make", [branched, two_ends])
def test_saved_copied_and_pickled_models_go_on_alike(make: Any, tmp_path: Any) -> None:
    model = make()
    several = model.is_several
    x, y = batch(12) if several else (RNG.standard_normal((12, 6)), RNG.standard_normal((12, 3)))
    losses = ["sparse_categorical_crossentropy", "mse"] if several else "mse"
    metrics: Any = [["accuracy"], ["mae"]] if several else ["mae"]
    model.compile(hl.optimizers.Adam(0.01), losses, metrics=metrics)
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.hotloop")
    others = [
        hl.models.load_model(tmp_path / "m.hotloop"),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ]
    model.fit(x, y, verbose=0, shuffle=False, epochs=2)
    figures = model.evaluate(x, y, verbose=0)
    for other in others:
        other.fit(x, y, verbose=0, shuffle=False, epochs=2)
        assert other.evaluate(x, y, verbose=0) == figures
        for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_errors_name_the_layer() -> None:
    a, b = hl.Input((3,), name="a"), hl.Input((3,), name="b")
    h = layers.Dense(2, name="mine")(a)
    with pytest.raises(ValueError, match=r"Input 'b' is needed by the outputs but is not among"):
        hl.Model(a, layers.Concatenate()([h, b]))
    with pytest.raises(ValueError, match="Add 'sum': inputs must have one shape"):
        layers.Add(name="sum")([h, b])
    with pytest.raises(ValueError, match="Conv2D 'conv': input must have 4 axes"):
        layers.Conv2D(3, 3, name="conv")(a)
    with pytest.raises(ValueError, match=r"Dense 'mine': kernel takes 3 features"):
        h.layer(hl.Input((4,)))
    with pytest.raises(ValueError, match="Dense 'dense' takes one input, got 2"):
        layers.Dense(2)([a, b])
    with pytest.raises(ValueError, match="all layers need unique names, 'mine' is there twice"):
        hl.Model(a, layers.Dense(2, name="mine")(h))
    with pytest.raises(TypeError, match="outputs must be what Input or layers"):
        hl.Model(a, np.ones(3))
    with pytest.raises(TypeError, match="has no values: it stands for"):
        np.asarray(h)
    with pytest.raises(ValueError, match=r"layer 'late': a model has one dtype"):
        layers.Dense(2, dtype="float64", name="late")(hl.Input((3,), dtype="float32"))
    end = Symbol((None, 2), layers.ReLU(name="loop"), (h,))
    end.inputs = (end,)
    with pytest.raises(ValueError, match="layer 'loop' is part of a cycle"):
        hl.Model(a, end)
    model = hl.Model([a, b], [h, layers.Dense(1)(b)])
    with pytest.raises(ValueError, match="one item for each of"):
        model.predict(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"layer 'b' expects input of shape \(None, 3\)"):
        model.predict([np.ones((2, 3)), np.ones((2, 4))])
    with pytest.raises(ValueError, match="as many samples each, got"):
        model.predict([np.ones((2, 3)), np.ones((4, 3))])
    with pytest.raises(ValueError, match="loss: one item for each of"):
        model.compile("sgd", ["mse"])
    with pytest.raises(RuntimeError, match=r"call model\.compile"):
        model.fit([np.ones((2, 3))] * 2, [np.ones((2, 2)), np.ones(2)])


def test_layers_come_in_the_order_of_keras() -> None:
    model = branched()
    names = [layer.name for layer in model.layers]
    assert names[:2] == ["input_layer", "stem"]
    assert names.index("add") < names.index("multiply") < names.index("concatenate")
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert any("stem" in line for line in lines)


@pytest.mark.parametrize("sizes", [[None, False, 3], [None, -3], [[0], 3], "", 3])
def test_a_description_with_an_impossible_shape_is_refused(sizes: Any) -> None:
    a = hl.Input((3,))
    config = hl.Model(a, layers.Dense(2)(a)).get_config()
    config["inputs"][0][1] = sizes
    with pytest.raises(ValueError, match="the shape of an input must be a tuple of sizes"):
        hl.Model.from_config(config)
