"""One layer in several calls: nothing that belongs to a call is kept by the layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import layers

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)
WIDE, NARROW = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 1))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(
    ("kind", "combine"), [(layers.Add, np.add), (layers.Multiply, np.multiply)]
)
def test_one_merge_is_used_for_equal_and_for_broadcast_shapes(
    kind: Any, combine: Callable[..., Array], order: tuple[int, int]
) -> None:
    merge = kind()
    a, b = hl.Input((3,)), hl.Input((1,))
    pairs = [[a, a], [a, b]]
    ends: list[Any] = [None, None]
    for i in order:
        ends[i] = merge(pairs[i])
    model = hl.Model([a, b], ends, dtype="float64")
    same, broadcast = model.predict([WIDE, NARROW])
    np.testing.assert_allclose(same, combine(WIDE, WIDE))
    np.testing.assert_allclose(broadcast, combine(WIDE, NARROW))


@pytest.mark.parametrize("first", [(3,), (1,)])
def test_one_add_is_used_in_two_models(first: tuple[int, ...]) -> None:
    merge = layers.Add()
    x = hl.Input((3,))
    shapes = [first, (1,) if first == (3,) else (3,)]
    for shape in shapes:
        other = hl.Input(shape)
        model = hl.Model([x, other], merge([x, other]), dtype="float64")
        value = WIDE if shape == (3,) else NARROW
        np.testing.assert_allclose(model.predict([WIDE, value]), WIDE + value)
    # On arrays too.
    np.testing.assert_allclose(merge([WIDE, NARROW]), (WIDE + NARROW).astype(np.float32), 1e-6)
    np.testing.assert_allclose(merge([WIDE, WIDE]), (WIDE + WIDE).astype(np.float32), 1e-6)


def test_an_add_that_broadcasts_trains_through() -> None:
    merge = layers.Add()
    a, b = hl.Input((3,)), hl.Input((1,))
    hidden = layers.Dense(3, name="wide")(a)
    both = merge([hidden, hidden])
    end = merge([both, layers.Dense(1, name="thin")(b)])
    model = hl.Model([a, b], end, dtype="float64")
    model.compile(hl.optimizers.SGD(0.1), "mse")
    first, thin = model.get_layer("wide"), model.get_layer("thin")
    target = RNG.normal(size=(5, 3))
    y = 2 * (WIDE @ first.weights[0]) + NARROW @ thin.weights[0]
    np.testing.assert_allclose(model.predict([WIDE, NARROW]), y, rtol=1e-6)
    model.loss_and_grads([WIDE, NARROW], target)
    d = 2 * (model.predict([WIDE, NARROW]) - target) / target.size
    np.testing.assert_allclose(first.grads["kernel"], WIDE.T @ (2 * d))
    np.testing.assert_allclose(thin.grads["kernel"], NARROW.T @ d.sum(1, keepdims=True))


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("momentum", [0.5, 0.99])
def test_a_fixed_call_of_a_batch_normalization_beside_a_normal_one(
    first: bool, momentum: float
) -> None:
    """The gradient of the fixed call is that of the statistics its forward read."""
    hl.set_seed(3)
    norm = layers.BatchNormalization(momentum=momentum)
    x = hl.Input((3,))
    # Weights before the layer, whose gradient passes through both calls.
    h = layers.Dense(3)(x)
    if first:
        fixed, normal = norm(h, training=False), norm(h)
    else:
        normal = norm(h)
        fixed = norm(h, training=False)
    model = hl.Model(x, layers.Add()([fixed, normal]), dtype="float64")
    model.compile(hl.optimizers.SGD(0.0), "mse")
    start = RNG.normal(size=(7, 3)) * 3 + 1
    target = RNG.normal(size=(7, 3))
    weights = model.get_weights()

    def loss(values: list[Array]) -> float:
        model.set_weights(values)
        found: float = model.loss_and_grads(start, target)[0]
        return found

    loss(weights)
    grads = {name: grad.copy() for name, grad in model.grads.items()}
    for name in grads:
        place = next(
            i for i, w in enumerate(model.weights) if np.shares_memory(w, model.params[name])
        )
        for index in np.ndindex(weights[place].shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [w.copy() for w in weights]
                moved[place][index] += step
                ends.append(loss(moved))
            slope = (ends[0] - ends[1]) / 2e-6
            assert grads[name][index] == pytest.approx(slope, rel=1e-5, abs=1e-8), name


def test_a_fixed_call_between_two_that_move_the_statistics() -> None:
    """It reads what the first call left, and so does its backward, after the last call."""
    x0, dy = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 3))
    x = hl.Input((3,))
    norm, dense = layers.BatchNormalization(momentum=0.5), layers.Dense(3, name="dense")
    h = dense(x)
    model = hl.Model(x, layers.Add()([norm(h), norm(h, training=False), norm(h)]), dtype="float64")
    start = model.get_weights()
    alone = hl.Model(x, norm(h), dtype="float64")
    alone.forward(x0, training=True)
    between = norm.get_weights()
    # The same with layers of their own, of which the second holds what the first call leaves.
    others = [layers.BatchNormalization(momentum=0.5) for _ in range(3)]
    twin_dense = layers.Dense(3, name="dense")
    h = twin_dense(x)
    calls = [others[0](h), others[1](h, training=False), others[2](h)]
    twin = hl.Model(x, layers.Add()(calls), dtype="float64")
    twin.get_weights()  # in float64 from here
    twin_dense.set_weights(dense.get_weights())
    others[1].set_weights(between)
    model.set_weights(start)
    y = model.forward(x0, training=True)
    model.backward(dy)
    np.testing.assert_allclose(y, twin.forward(x0, training=True), rtol=1e-12)
    twin.backward(dy)
    for name in ("dense/kernel", "dense/bias"):
        np.testing.assert_allclose(model.grads[name], twin.grads[name], rtol=1e-9, atol=1e-12)
    parts = [layer.grads["gamma"] for layer in others]
    np.testing.assert_allclose(norm.grads["gamma"], sum(parts), rtol=1e-9)


@pytest.mark.parametrize("kind", [layers.BatchNormalization, layers.LayerNormalization])
@pytest.mark.parametrize("given", [{"scale": False}, {"center": False}])
def test_what_is_left_out_follows_the_dtype_of_the_model(kind: Any, given: Any) -> None:
    x = hl.Input((3,))
    model = hl.Model(x, layers.Dense(2, "softmax")(kind(**given)(x)), dtype="float64")
    assert model.predict(WIDE).dtype == np.float64
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert np.isfinite(model.train_on_batch(WIDE, [0, 1, 0, 1, 0]))
    fixed = layers.BatchNormalization(**given, trainable=False)
    model = hl.Model(x, layers.Dense(2, "softmax")(fixed(x)), dtype="float64")
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert np.isfinite(model.train_on_batch(WIDE, [0, 1, 0, 1, 0]))


def test_a_layer_normalization_refuses_other_sizes() -> None:
    norm = layers.LayerNormalization()
    norm(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="sizes"):
        norm(np.zeros((2, 8)))
    assert norm(np.zeros((2, 3, 4))).shape == (2, 3, 4)
    with pytest.raises(ValueError, match="sizes"):
        norm(hl.Input((8,)))


@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        (lambda: layers.Dense(2), [(3,), (4, 3), (2, 4, 3)]),
        (lambda: layers.Conv2D(2, 3, padding="same"), [(4, 4, 1), (5, 7, 1)]),
        (lambda: layers.MaxPool2D(2), [(4, 4, 1), (6, 8, 2)]),
        (lambda: layers.AvgPool2D(2), [(4, 4, 1), (6, 8, 2)]),
        (layers.GlobalAvgPool2D, [(4, 4, 1), (6, 8, 2)]),
        (layers.Flatten, [(4, 2), (3,), (2, 2, 2)]),
        (lambda: layers.Reshape((2, -1)), [(4,), (6,), (3, 2)]),
        (lambda: layers.Dropout(0.5), [(4,), (2, 3)]),
        (layers.Softmax, [(4,), (2, 3)]),
        (lambda: layers.Activation("tanh"), [(4,), (2, 3)]),
        (lambda: layers.ReLU(1.0), [(4,), (2, 3)]),
        (layers.LeakyReLU, [(4,), (2, 3)]),
        (layers.LayerNormalization, [(3,), (4, 3)]),
        (lambda: layers.Rescaling(0.5), [(4,), (2, 3)]),
    ],
)
def test_one_layer_in_models_of_several_shapes(
    make: Callable[[], Any], shapes: list[tuple[int, ...]]
) -> None:
    layer = make()
    inputs = [hl.Input(shape) for shape in shapes]
    model = hl.Model(inputs, [layer(x) for x in inputs], dtype="float64")
    data = [RNG.normal(size=(3, *shape)) for shape in shapes]
    for x, y in zip(data, model.predict(data), strict=True):
        alone = type(layer).from_config({**layer.get_config(), "name": "alone"})
        single = hl.Sequential([hl.Input(x.shape[1:]), alone], dtype="float64")
        if layer.weights:
            single.set_weights(layer.get_weights())
        np.testing.assert_allclose(y, single.predict(x), rtol=1e-12, atol=1e-12)
