"""Sequential: building, weights, names, by hand, copies, summary."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import hotloop as hl
from helpers_models import Scale, TwoLayer, batch, check_gradients, two_layer_model
from hotloop import layers


def test_the_model_of_the_contract() -> None:
    model = hl.Sequential(
        [
            layers.Conv2D(30, 5, activation="relu", input_shape=(28, 28, 1)),
            layers.MaxPool2D(2),
            layers.Flatten(),
            layers.Dense(100, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        dtype="float32",
    )
    assert model.count_params() == 780 + 432100 + 1010
    assert [layer.output_shape for layer in model.layers] == [
        (None, 24, 24, 30),
        (None, 12, 12, 30),
        (None, 4320),
        (None, 100),
        (None, 10),
    ]
    assert list(model.params) == [
        "conv2d/kernel",
        "conv2d/bias",
        "dense/kernel",
        "dense/bias",
        "dense_1/kernel",
        "dense_1/bias",
    ]
    assert model.predict(np.zeros((3, 28, 28, 1), np.uint8)).dtype == np.float32


def test_forward_by_hand_equals_the_formulas() -> None:
    model = two_layer_model()
    plain = TwoLayer(*model.get_weights())
    x, _ = batch(7)
    np.testing.assert_allclose(model.forward(x), plain.probabilities(x), rtol=1e-12)
    np.testing.assert_allclose(model(x), model.predict(x), rtol=1e-12)


def test_backward_by_hand_equals_the_formulas() -> None:
    model = two_layer_model()
    plain = TwoLayer(*model.get_weights())
    x, t = batch(7)
    loss = hl.losses.SparseCategoricalCrossentropy()
    y = model.forward(x, training=True)
    value = loss.forward(y, t)
    model.backward(loss.backward())
    expected, grads = plain.loss_and_grads(x, t)
    assert value == pytest.approx(expected, rel=1e-12)
    for a, b in zip(model.grads.values(), grads, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-14)


def test_the_loop_by_hand_trains_like_the_formulas() -> None:
    model = two_layer_model()
    plain = TwoLayer(*model.get_weights())
    x, t = batch(50)
    loss, optimizer = hl.losses.SparseCategoricalCrossentropy(), hl.optimizers.SGD(0.5)
    for _ in range(3):
        for xb, tb in hl.DataLoader(x, t, batch_size=20):
            value = loss.forward(model.forward(xb, training=True), tb)
            model.backward(loss.backward())
            optimizer.update(model.params, model.grads)
            assert value == pytest.approx(plain.sgd(xb, tb, 0.5), rel=1e-10)
    for a, b in zip(model.get_weights(), plain.params, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_loss_and_grads_equals_the_formulas_and_moves_nothing() -> None:
    model = two_layer_model()
    plain = TwoLayer(*model.get_weights())
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, t = batch(7)
    weight = np.arange(7.0)
    for w in (None, weight):
        loss, grads = model.loss_and_grads(x, t, w)
        expected, expected_grads = plain.loss_and_grads(x, t, w)
        assert loss == pytest.approx(expected, rel=1e-12)
        for a, b in zip(grads.values(), expected_grads, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-14)
        assert grads is model.grads
    for a, b in zip(model.get_weights(), plain.params, strict=True):
        np.testing.assert_array_equal(a, b)


def test_x_may_change_between_forward_and_backward() -> None:
    model = two_layer_model()
    x, _ = batch(7)
    dy = np.random.default_rng(1).standard_normal((7, 4))
    model.forward(x, training=True)
    model.backward(dy)
    expected = {k: g.copy() for k, g in model.grads.items()}
    model.forward(x, training=True)
    x[...] = 0
    model.predict(x)
    kept = dy.copy()
    model.backward(dy)
    np.testing.assert_array_equal(dy, kept)
    for k, g in model.grads.items():
        np.testing.assert_array_equal(g, expected[k])


def test_what_is_handed_out_is_never_touched_again() -> None:
    model = two_layer_model()
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, t = batch(7)
    kept = [model.forward(x), model.predict(x), *model.get_weights()]
    copies = [a.copy() for a in kept]
    model.fit(x, t, epochs=2, verbose=0)
    model.forward(x + 1)
    model.predict(x - 1)
    for a, b in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(a, b)


def test_params_and_grads_are_live() -> None:
    model = two_layer_model()
    x, _ = batch(3)
    before = model.forward(x)
    params = model.params
    params["dense/bias"] += 1.0
    assert not np.array_equal(model.forward(x), before)
    assert model.params is params
    assert model.params["dense/kernel"].ctypes.data % 64 == 0


def test_weights_set_and_got() -> None:
    a, b = two_layer_model(seed=1), two_layer_model(seed=2)
    b.set_weights(a.get_weights())
    x, _ = batch(5)
    np.testing.assert_array_equal(a.predict(x), b.predict(x))
    kept = a.get_weights()
    with pytest.raises(ValueError, match=r"weight 'bias' has shape \(4,\), got \(3,\)"):
        a.set_weights([*[np.zeros_like(w) for w in kept[:3]], np.zeros(3)])
    with pytest.raises(ValueError, match="has 4 weights, got 1"):
        a.set_weights(kept[:1])
    for w, k in zip(a.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(w, k)


def test_building_at_the_first_call() -> None:
    model = hl.Sequential([layers.Flatten(), layers.Dense(3)])
    assert not model.built
    with pytest.raises(ValueError, match="model 'sequential' is not built"):
        model.count_params()
    assert model.predict(np.zeros((2, 4, 5))).shape == (2, 3)
    assert model.count_params() == 63
    assert model.input_shape == (None, 4, 5)
    model = hl.Sequential([layers.Dense(3)])
    model.build((None, 7))
    assert model.count_params() == 24


def test_add_pop_and_get_layer() -> None:
    model = hl.Sequential(name="net")
    model.add(hl.Input((4,)))
    model.add(layers.Dense(3, name="first"))
    model.add(layers.Dense(2))
    assert [layer.name for layer in model.layers] == ["first", "dense"]
    assert model.get_layer("first") is model.get_layer(index=0) is model.layers[0]
    kernel = model.layers[0].get_weights()[0]
    assert model.predict(np.zeros((1, 4))).shape == (1, 2)
    assert model.pop().name == "dense"
    assert model.predict(np.zeros((1, 4))).shape == (1, 3)
    np.testing.assert_array_equal(model.get_weights()[0], kernel)
    with pytest.raises(ValueError, match=r"no layer 'x'; there are \['first'\]"):
        model.get_layer("x")
    with pytest.raises(ValueError, match="unique names, 'first' is there already"):
        model.add(layers.Dense(2, name="first"))
    with pytest.raises(TypeError, match="expected a layer, got 'relu'"):
        model.add("relu")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"output would have|must have 4 axes"):
        model.add(layers.Conv2D(2, 3))
    assert model.predict(np.zeros((1, 4))).shape == (1, 3)


def test_wrong_input_names_the_layer() -> None:
    model = two_layer_model()
    with pytest.raises(
        ValueError, match=r"predict: layer 'dense' expects input of shape \(None, 6\), got \(2, 5\)"
    ):
        model.predict(np.zeros((2, 5)))
    with pytest.raises(TypeError, match="x must be real numbers, got dtype complex128"):
        model.predict(np.zeros((2, 6), complex))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.bool_, np.float16, np.float64, ">f4"])
def test_any_real_dtype_is_cast_not_scaled(dtype: str) -> None:
    model = two_layer_model("float32")
    x = np.arange(12).reshape(2, 6).astype(dtype)
    expected = model.predict(x.astype(np.float32))
    np.testing.assert_array_equal(model.predict(x), expected)
    np.testing.assert_array_equal(model.forward(np.asfortranarray(x)), expected)
    np.testing.assert_array_equal(model.predict(x.tolist()), expected)


def test_a_last_axis_of_one_is_put_right_as_keras_does() -> None:
    model = hl.Sequential([hl.Input((4, 4, 1)), layers.Conv2D(2, 3), layers.Flatten()])
    x = np.random.default_rng(0).random((3, 4, 4))
    np.testing.assert_array_equal(model.predict(x), model.predict(x[..., None]))
    flat = hl.Sequential([hl.Input((4, 4)), layers.Flatten(), layers.Dense(2)])
    np.testing.assert_array_equal(flat.predict(x), flat.predict(x[..., None]))


def test_an_empty_batch_gives_an_empty_answer() -> None:
    model = two_layer_model()
    assert model.predict(np.zeros((0, 6))).shape == (0, 4)
    assert model.forward(np.zeros((0, 6))).shape == (0, 4)


def test_dtypes_of_models() -> None:
    assert two_layer_model("float32").get_weights()[0].dtype == np.float32
    by_layer = hl.Sequential([layers.Dense(2, dtype="float64", input_shape=(3,)), layers.Dense(2)])
    assert {w.dtype.name for w in by_layer.get_weights()} == {"float64"}
    with pytest.raises(ValueError, match="a model has one dtype"):
        hl.Sequential([layers.Dense(2, dtype="float64"), layers.Dense(2, dtype="float32")]).build(
            (None, 3)
        )
    with pytest.raises(TypeError, match="float32 or float64, got dtype float16"):
        hl.Sequential(dtype="float16")


def test_frozen_layers_get_no_gradient_and_do_not_move() -> None:
    model = two_layer_model()
    model.layers[0].trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert list(model.params) == ["dense_1/kernel", "dense_1/bias"]
    before = model.get_weights()
    x, t = batch(7)
    model.train_on_batch(x, t)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])
    model.trainable = True
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert len(model.params) == 4
    model.trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    loss = model.train_on_batch(x, t)
    assert model.params == {}
    assert model.train_on_batch(x, t) == loss


def test_the_middle_frozen() -> None:
    hl.set_seed(1)
    middle = layers.Dense(5, "tanh", trainable=False)
    model = hl.Sequential(
        [hl.Input((6,)), layers.Dense(4), middle, layers.Dense(3)], dtype="float64"
    )
    assert list(model.params) == ["dense/kernel", "dense/bias", "dense_2/kernel", "dense_2/bias"]
    check_gradients(model, batch(5)[0])


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_go_their_own_way_and_continue_alike(clone: object) -> None:
    hl.set_seed(1)
    model = hl.Sequential(
        [hl.Input((6,)), layers.Dense(5, "relu"), Scale(), layers.Dense(4, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    x, t = batch(20)
    model.fit(x, t, epochs=2, verbose=0)
    other = clone(model)  # type: ignore[operator]
    kept = model.get_weights()
    losses = [other.train_on_batch(x, t) for _ in range(3)]
    for a, b in zip(model.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(a, b)
    assert [model.train_on_batch(x, t) for _ in range(3)] == losses
    assert other.params["dense/kernel"].base is not model.params["dense/kernel"].base
    assert other.optimizer is not model.optimizer


def test_summary(capsys: pytest.CaptureFixture[str]) -> None:
    model = two_layer_model("float32")
    model.summary()
    text = capsys.readouterr().out
    assert "dense (Dense)" in text
    assert "(None, 5)" in text
    assert "Total params: 59 (236.00 B)" in text
    lines: list[str] = []
    model.layers[0].trainable = False
    model.summary(print_fn=lines.append)
    assert "Trainable params: 24 (96.00 B)" in lines[-2]
    assert "Non-trainable params: 35 (140.00 B)" in lines[-1]
    open_one = hl.Sequential([layers.Dense(2)])
    open_one.summary(print_fn=lines.append)
    assert any("?" in line and "0 (unbuilt)" in line for line in lines)
    assert open_one.weights == []
    lines.clear()
    model.summary(print_fn=lines.append, show_trainable=True)
    assert lines[2].split()[-1] == "Trainable"
    assert [line.split()[-1] for line in lines[4:6]].count("N") == 1


def test_one_layer_in_two_models_is_shared() -> None:
    hl.set_seed(1)
    shared = layers.Dense(5, "tanh")
    first = hl.Sequential([hl.Input((6,)), shared, layers.Dense(4, "softmax")])
    second = hl.Sequential([hl.Input((6,)), shared])
    x, t = batch(9)
    first.compile("sgd", "sparse_categorical_crossentropy")
    for _ in range(2):
        h = second.predict(x)
        first.train_on_batch(x, t)
        moved = second.predict(x)
        assert not np.array_equal(h, moved)
        np.testing.assert_array_equal(second.get_weights()[0], first.get_weights()[0])


def test_set_seed_repeats_the_weights() -> None:
    for a, b in zip(two_layer_model().get_weights(), two_layer_model().get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
