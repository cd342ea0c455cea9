"""The recorded step: what is recorded, what is bound, shared and custom layers, bad labels."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from helpers_models import Scale, TwoLayer, batch, check_gradients, numerical, two_layer_model
from hotloop import layers
from hotloop.engine.executor import Executor
from hotloop.graph.graph import Graph, Node
from hotloop.parameters import FlatParameters

Array = np.ndarray[Any, Any]


def test_built_in_layers_make_one_plan_each_way() -> None:
    model = two_layer_model()
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    x, t = batch(7)
    model.train_on_batch(x, t)
    step = model.executor().loss_step(
        7, forms=((True, False),), train=True, reads=(False,), optimizer=model.optimizer
    )
    assert len(step.forward_program.steps) == 1
    assert len(step.backward_program.steps) == 1
    assert step.heads[0].counts


def test_native_arrays_are_bound_and_others_copied() -> None:
    model = two_layer_model("float32")
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, t = batch(7)
    x32, ids = x.astype(np.float32), t.astype(np.int64)
    model.train_on_batch(x32, ids)
    step = model.executor().loss_step(
        7, forms=((True, False),), train=True, reads=(False,), optimizer=model.optimizer
    )
    x_port, t_port = step.ports
    assert x_port.bound is not x_port.buffer
    assert np.shares_memory(step.ports[0].bound, x32)
    assert np.shares_memory(step.ports[1].bound, ids)
    model.train_on_batch(x, t.astype(np.int32))
    assert x_port.bound is x_port.buffer
    np.testing.assert_array_equal(x_port.buffer, x32)
    np.testing.assert_array_equal(t_port.bound, ids)


def test_arrays_from_a_pickle_are_bound() -> None:
    # Their dtype equals the usual one without being the same object.
    model = two_layer_model("float32")
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, t = batch(7)
    x32, ids = pickle.loads(pickle.dumps((x.astype(np.float32), t.astype(np.int64))))
    model.train_on_batch(x32, ids)
    step = model.executor().loss_step(
        7, forms=((True, False),), train=True, reads=(False,), optimizer=model.optimizer
    )
    assert np.shares_memory(step.ports[0].bound, x32)
    assert np.shares_memory(step.ports[1].bound, ids)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bound_and_copied_batches_train_alike(dtype: str) -> None:
    first, second = two_layer_model(dtype), two_layer_model(dtype)
    for model in (first, second):
        model.compile("adam", "sparse_categorical_crossentropy")
    for seed in range(4):
        x, t = batch(7, seed)
        a = first.train_on_batch(x.astype(dtype), t)
        strided = np.repeat(x.astype(dtype), 2, axis=1)[:, ::2]
        assert second.train_on_batch(strided, t.reshape(-1, 1).astype(np.uint8)) == a
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_inputs_and_targets_may_be_one_array() -> None:
    def make() -> hl.Sequential:
        hl.set_seed(1)
        model = hl.Sequential([hl.Input((6,)), layers.Dense(6)], dtype="float64")
        model.compile("sgd", "mse")
        return model

    first, second = make(), make()
    for seed in range(3):
        x = batch(5, seed)[0]
        a = first.train_on_batch(x, x)
        assert second.train_on_batch(x.copy(), x.copy()) == a
        y = batch(5, seed + 9)[0]
        assert first.train_on_batch(x, y) == second.train_on_batch(x.copy(), y.copy())


def test_a_model_may_be_fed_its_own_parameters() -> None:
    def make() -> hl.Sequential:
        hl.set_seed(1)
        model = hl.Sequential([hl.Input((3,)), layers.Dense(3)], dtype="float64")
        model.compile("sgd", "mse")
        return model

    first, second = make(), make()
    t = np.zeros((3, 3))
    for _ in range(3):
        kernel = second.get_weights()[0]
        a = first.train_on_batch(first.params["dense/kernel"], t)
        assert second.train_on_batch(kernel, t) == a
        other = np.ones((3, 3))
        assert first.train_on_batch(other, t) == second.train_on_batch(other.copy(), t)


def test_changed_values_in_the_same_array_are_seen() -> None:
    model = two_layer_model()
    model.compile(hl.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    plain = TwoLayer(*model.get_weights())
    x, t = batch(7)
    for seed in range(3):
        x[...], t[...] = batch(7, seed)
        assert model.train_on_batch(x, t) == pytest.approx(plain.loss_and_grads(x, t)[0])


@pytest.mark.parametrize("bad", [4, -1])
def test_bad_labels_raise_before_any_weight_moves(bad: int) -> None:
    model = two_layer_model()
    model.compile("adam", "sparse_categorical_crossentropy")
    x, t = batch(7)
    model.train_on_batch(x, t)
    before, count = model.get_weights(), model.optimizer.iterations
    slots = {k: v.copy() for k, v in model.optimizer.slot_values()["m"].items()}
    t[3] = bad
    for labels in (t, t.astype(np.int32), t.reshape(-1, 1)):
        with pytest.raises(ValueError, match=rf"labels must lie in 0..3 for 4 outputs, got {bad}"):
            model.train_on_batch(x, labels)
    with pytest.raises(ValueError, match="labels must lie in"):
        model.fit(x, t, verbose=0)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    for k, v in model.optimizer.slot_values()["m"].items():
        np.testing.assert_array_equal(v, slots[k])
    assert model.optimizer.iterations == count
    t[3] = 0
    assert np.isfinite(model.train_on_batch(x, t))


def test_nan_data_gives_a_nan_loss_and_no_error() -> None:
    model = two_layer_model()
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, t = batch(7)
    x[0, 0] = np.nan
    assert np.isnan(model.train_on_batch(x, t))


class Recorder(Scale):
    """Keeps what it was given, to see that it stays as it was until backward has returned."""

    log: list[str]

    def forward(self, x: Array, cache: Any, training: bool) -> Array:
        assert not hasattr(cache, "x")
        cache.before = x.copy()
        cache.need = training
        return super().forward(x, cache, training)

    def backward(self, dy: Array, cache: Any) -> Array:
        np.testing.assert_array_equal(cache.x, cache.before)
        assert cache.need
        return super().backward(dy, cache)


def test_a_custom_layer_in_the_middle() -> None:
    hl.set_seed(1)
    model = hl.Sequential(
        [hl.Input((6,)), layers.Dense(5, "relu"), Recorder(), layers.Dense(4, "softmax")],
        dtype="float64",
    )
    check_gradients(model, batch(5)[0])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    x, t = batch(40)
    history = model.fit(x, t, epochs=3, batch_size=16, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert not np.array_equal(model.get_layer("recorder").params["scale"], np.ones(5))


@pytest.mark.parametrize("place", [0, 2])
def test_a_custom_layer_at_either_end(place: int) -> None:
    hl.set_seed(1)
    items: list[hl.layers.Layer] = [layers.Dense(5, "tanh"), layers.Dense(4)]
    items.insert(place, Recorder())
    model = hl.Sequential([hl.Input((6,)), *items], dtype="float64")
    check_gradients(model, batch(5)[0])
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(batch(5)[0], np.zeros((5, 4))))


def test_grads_of_a_custom_layer_by_item() -> None:
    class ByItem(Scale):
        def backward(self, dy: Array, cache: Any) -> Array:
            self.grads["scale"] = (dy * cache.x).sum(axis=0)
            dx: Array = dy * self.scale
            return dx

    class Adding(Scale):
        def backward(self, dy: Array, cache: Any) -> Array:
            self.grads["scale"] += (dy * cache.x).sum(axis=0)
            dx: Array = dy * self.params["scale"]
            return dx

    for layer in (ByItem(), Adding()):
        hl.set_seed(1)
        model = hl.Sequential([hl.Input((6,)), layers.Dense(3), layer], dtype="float64")
        check_gradients(model, batch(5)[0])


def test_a_subclass_of_a_built_in_layer_runs_its_own_code() -> None:
    class Doubled(layers.Dense):
        def forward(self, x: Array, cache: Any, training: bool) -> Array:
            return 2 * super().forward(x, cache, training)

        def backward(self, dy: Array, cache: Any) -> Array | None:
            return super().backward(2 * dy, cache)

    hl.set_seed(1)
    model = hl.Sequential([hl.Input((6,)), Doubled(3, "tanh"), Doubled(2)], dtype="float64")
    check_gradients(model, batch(5)[0])


@pytest.mark.parametrize(
    ("forward", "backward", "text"),
    [
        (
            lambda x: x[:, :2],
            lambda dy: dy,
            r"layer 'odd' \(Odd\): forward answered shape \(3, 2\)",
        ),
        (lambda x: x, lambda dy: dy[:, :2], r"backward answered shape \(3, 2\) for an input of"),
        (lambda x: x, lambda _: None, "backward must return the gradient of each of its 1 inputs"),
    ],
)
def test_wrong_answers_of_custom_layers_name_the_layer(
    forward: Any, backward: Any, text: str
) -> None:
    class Odd(hl.layers.Layer):
        def forward(self, x: Array, cache: Any, training: bool) -> Array:  # noqa: ARG002
            answer: Array = forward(x)
            return answer

        def backward(self, dy: Array, cache: Any) -> Array:  # noqa: ARG002
            answer: Array = backward(dy)
            return answer

    model = hl.Sequential([hl.Input((4,)), layers.Dense(4), Odd(), layers.Dense(4)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.raises(ValueError, match=text):
        model.train_on_batch(np.ones((3, 4)), np.ones((3, 4)))
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


class AddLayer(hl.layers.Layer):
    """Two inputs, one output: for graphs with branches."""

    def forward(self, x: Any, cache: Any, training: bool) -> Array:  # noqa: ARG002
        total: Array = x[0] + x[1]
        return total

    def backward(self, dy: Array, cache: Any) -> Any:  # noqa: ARG002
        return dy, dy


@pytest.mark.parametrize("custom", [False, True])
def test_a_shared_layer_sums_its_gradients(custom: bool) -> None:
    hl.set_seed(1)
    shared: hl.layers.Layer = (
        Scale(name="shared") if custom else layers.Dense(4, "tanh", name="shared")
    )
    join = AddLayer(name="join")
    out = layers.Dense(2, name="out")
    for layer in (shared, join, out):
        layer.ensure_built((None, 4), "float64")
    graph = Graph(
        (0,),
        (4,),
        (
            Node(shared, (0,), 1),
            Node(shared, (1,), 2),
            Node(join, (1, 2), 3),
            Node(out, (3,), 4),
        ),
        {0: (None, 4), 1: (None, 4), 2: (None, 4), 3: (None, 4), 4: (None, 2)},
    )
    weights = {
        f"{layer.name}/{w.name}": w for layer in (shared, out) for w in layer.ordered_weights()
    }
    store = FlatParameters(weights, {}, "float64")
    step = Executor(graph, store, "float64").forward_step(5, training=True)
    rng = np.random.default_rng(2)
    x, direction = rng.standard_normal((5, 4)), rng.standard_normal((5, 2))

    def value() -> float:
        step.ports[0].load(x)
        step.run()
        return float((step.outputs[0] * direction).sum())

    value()
    step.backward([direction])
    grads = {name: grad.copy() for name, grad in store.grads.items()}
    for name, grad in grads.items():
        np.testing.assert_allclose(
            grad, numerical(value, store.params[name]), atol=1e-7, err_msg=name
        )


def test_final_softmax_and_sigmoid_are_fused_and_equal_the_unfused_pair() -> None:
    x, t = batch(9, classes=4)
    pairs: list[tuple[str, str, Any]] = [
        ("softmax", "sparse_categorical_crossentropy", t),
        ("softmax", "categorical_crossentropy", np.eye(4)[t]),
        ("sigmoid", "binary_crossentropy", np.eye(4)[t]),
    ]
    for activation, loss, target in pairs:
        for split in (False, True):
            hl.set_seed(1)
            end: list[hl.layers.Layer] = (
                [layers.Dense(4), layers.Activation(activation)]
                if split
                else [layers.Dense(4, activation)]
            )
            model = hl.Sequential([hl.Input((6,)), *end], dtype="float64")
            model.compile("sgd", loss, ["mse"] if target is not t else ["accuracy"])
            plain = hl.losses.get(loss)
            value = plain.forward(model.forward(x, training=True), target)
            model.backward(plain.backward())
            by_hand = [g.copy() for g in model.grads.values()]
            fused, grads = model.loss_and_grads(x, target)
            assert fused == pytest.approx(value, rel=1e-10)
            for a, b in zip(grads.values(), by_hand, strict=True):
                np.testing.assert_allclose(a, b, atol=1e-9)
            answer = model.test_on_batch(x, target)
            assert answer[0] == pytest.approx(value, rel=1e-10)


def test_saturated_softmax_trains_only_when_fused() -> None:
    model = hl.Sequential([hl.Input((2,)), layers.Dense(2, "softmax")], dtype="float64")
    model.set_weights([np.array([[500.0, 0.0], [0.0, 500.0]]), np.zeros(2)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    loss, grads = model.loss_and_grads([[1.0, 0.0]], [1])
    assert loss == 500
    np.testing.assert_allclose(grads["dense/bias"], [1, -1])


def test_recordings_are_few() -> None:
    model = two_layer_model()
    for n in range(1, 30):
        assert model.forward(np.zeros((n, 6))).shape == (n, 4)
    assert len(model.executor()._steps) <= 8
