"""Scripts after Keras's examples of losses, layers, models and loops of one's own."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl

FOLDER = Path(__file__).parent / "keras_scripts"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    """Give a function that runs a script and answers its global names."""
    monkeypatch.chdir(tmp_path)
    return lambda name: runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")


def test_losses_of_ones_own_train(run: Callable[[str], dict[str, Any]]) -> None:
    found = run("own_losses")
    assert found["smooth_history"]["loss"][-1] < 0.2 * found["smooth_history"]["loss"][0]
    assert "largest_error" in found["smooth_history"]
    assert found["upper_history"]["loss"][-1] < found["upper_history"]["loss"][0]
    assert found["below_upper"] > 0.75


def test_layers_with_a_call_over_ops_train_and_are_saved(
    run: Callable[[str], dict[str, Any]],
) -> None:
    found = run("own_call")
    assert found["accuracy"] > 0.9
    assert found["difference"] == 0.0
    assert found["model"].count_params() == 64 * 64 + 64 + 1 + 2 * 64 * 24 + 24 + 48 * 10 + 10


def test_a_variational_autoencoder_trains(run: Callable[[str], dict[str, Any]]) -> None:
    found = run("variational")
    assert list(found["history"]) == ["total", "apart"]
    assert found["history"]["total"][-1] < 0.85 * found["history"]["total"][0]
    assert found["codes"].shape == (1437, 2)
    assert np.std(found["codes"]) > 0.3


def test_two_models_train_against_each_other(run: Callable[[str], dict[str, Any]]) -> None:
    found = run("adversarial")
    assert set(found["history"]) == {"critic", "forger"}
    assert np.isfinite(found["history"]["critic"]).all()
    after = found["forger"].get_weights()
    assert all((a != b).any() for a, b in zip(after, found["before"], strict=True))
    assert found["made"].shape == (1, 8, 8, 1)


def test_a_loop_with_a_tape_learns(run: Callable[[str], dict[str, Any]]) -> None:
    found = run("tape_loop")
    assert found["losses"][-1] < 0.3 * found["losses"][0]
    assert found["accuracies"][-1] > 0.95
    assert found["test_accuracy"] > 0.9


def test_a_tape_and_a_recorded_step_agree() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((16, 6)).astype("float32")
    y = rng.integers(0, 3, 16)

    def model() -> Any:
        hl.utils.set_random_seed(2)
        made = hl.Sequential(
            [
                hl.Input((6,)),
                hl.layers.Dense(8, activation="relu"),
                hl.layers.BatchNormalization(),
                hl.layers.Dense(3),
            ]
        )
        loss = hl.losses.SparseCategoricalCrossentropy(from_logits=True)
        made.compile(hl.optimizers.Adam(0.01), loss)
        return made

    recorded, taped = model(), model()
    optimizer = hl.optimizers.Adam(0.01)
    for _ in range(5):
        recorded.train_on_batch(x, y)
        with hl.GradientTape() as tape:
            value = taped.loss(y, taped(x, training=True))
        grads = tape.gradient(value, taped.trainable_variables)
        optimizer.apply_gradients(zip(grads, taped.trainable_variables, strict=True))
    for mine, other in zip(taped.get_weights(), recorded.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-5, atol=2e-6)


def test_arithmetic_of_values_becomes_part_of_a_model() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(0.5, 2.0, (4, 6)).astype("float32")
    inputs = hl.Input((6,))
    one, two = inputs[:, :3], inputs[:, 3:]
    row = np.asarray([1, 2, 3], "float32")
    values = {
        "sum": (one + two, x[:, :3] + x[:, 3:]),
        "difference": (one - two, x[:, :3] - x[:, 3:]),
        "from": (1.0 - one, 1.0 - x[:, :3]),
        "product": (one * two, x[:, :3] * x[:, 3:]),
        "quotient": (one / two, x[:, :3] / x[:, 3:]),
        "inverse": (2.0 / one, 2.0 / x[:, :3]),
        "power": (one**2, x[:, :3] ** 2),
        "root": (4.0**one, 4.0 ** x[:, :3]),
        "broadcast": (one + row, x[:, :3] + row),
        "matrix": (one @ np.ones((3, 2), "float32"), x[:, :3] @ np.ones((3, 2), "float32")),
        "greater": (hl.ops.where(one > two, one, 0.0), np.where(x[:, :3] > x[:, 3:], x[:, :3], 0)),
        "mean": (hl.ops.mean(inputs, axis=1, keepdims=True), x.mean(axis=1, keepdims=True)),
        "stacked": (hl.ops.stack([one, two], axis=1), np.stack([x[:, :3], x[:, 3:]], axis=1)),
        "flat": (hl.ops.reshape(inputs, (-1, 2, 3)), x.reshape(-1, 2, 3)),
        "top": (hl.ops.top_k(inputs, 2)[0], -np.sort(-x, axis=1)[:, :2]),
    }
    for name, (symbol, expected) in values.items():
        answer = hl.Model(inputs, symbol).predict(x, verbose=0)
        np.testing.assert_allclose(answer, expected, rtol=1e-5, err_msg=name)


def test_second_derivatives_are_refused() -> None:
    x = hl.Tensor([1.0])
    with hl.GradientTape() as outer:
        outer.watch(x)
        with hl.GradientTape() as inner:
            inner.watch(x)
            y = x * x
        with pytest.raises(NotImplementedError, match="second derivatives"):
            inner.gradient(y, x)


def test_a_tape_answers_once_unless_persistent() -> None:
    x = hl.Tensor([2.0])
    with hl.GradientTape() as tape:
        tape.watch(x)
        y = x**3
    assert tape.gradient(y, x).tolist() == [12.0]
    with pytest.raises(RuntimeError, match="persistent"):
        tape.gradient(y, x)
    with hl.GradientTape(persistent=True) as kept:
        kept.watch(x)
        y, z = x * x, x * 5
    assert kept.gradient(y, x).tolist() == [4.0]
    assert kept.gradient(z, x).tolist() == [5.0]
    assert kept.gradient(z, {"x": x})["x"].tolist() == [5.0]


def test_weights_of_a_call_have_the_gradient_of_differences() -> None:
    class Mixed(hl.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight(shape=(input_shape[-1], 2), name="w")
            self.b = self.add_weight(shape=(2,), initializer="ones", name="b")

        def call(self, inputs: Any) -> Any:
            return hl.ops.tanh(hl.ops.matmul(inputs, self.w)) * self.b + self.b

    hl.utils.set_random_seed(4)
    model = hl.Sequential([hl.Input((3,)), Mixed(), Mixed()], dtype="float64")
    model.compile("sgd", "mse")
    x, t = np.random.default_rng(0).standard_normal((2, 5, 3))
    t = t[:, :2]
    _, grads = model.loss_and_grads(x, t)
    found = {name: grad.copy() for name, grad in grads.items()}
    assert len(found) == 4
    for name, value in model.params.items():
        expected = hl.utils.numerical_gradient(
            lambda _: model.loss_and_grads(x, t)[0], value, h=1e-5
        )
        np.testing.assert_allclose(found[name], expected, rtol=1e-6, atol=1e-9, err_msg=name)


def test_no_function_of_numpy_loses_a_gradient_silently() -> None:
    t = hl.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    for call in (
        lambda: np.concatenate([t, t]),
        lambda: np.dot(t, t),
        lambda: np.cumsum(t),
        lambda: np.median(t),
        lambda: np.add.accumulate(t),
    ):
        with pytest.raises(TypeError, match=r"would lose the gradient; use hotloop\.ops"):
            call()
    assert np.shape(t) == (2, 2)
    assert np.argmax(t) == 3
    assert np.mean(t.detach()) == 2.5
    rows = np.transpose(np.reshape(np.square(t), (1, 4)))
    (np.sum(rows) + np.max(t) + np.mean(t, axis=0).sum()).backward()
    assert t.grad is not None
    assert t.grad.tolist() == [[2.5, 4.5], [6.5, 9.5]]


def test_methods_of_a_weight_are_remembered_or_refused() -> None:
    model = hl.Sequential([hl.layers.Dense(2, kernel_initializer="ones", input_shape=(3,))])
    kernel = model.trainable_variables[0]
    kernel.assign(np.arange(6.0).reshape(3, 2))

    def twice() -> Any:
        return (kernel.T * 2.0).sum()

    def squares() -> Any:
        return (kernel.reshape(2, 3) * kernel.reshape(2, 3)).sum()

    makers: list[tuple[Any, Any]] = [
        (kernel.sum, np.ones((3, 2))),
        (kernel.mean, np.full((3, 2), 1 / 6)),
        (twice, np.full((3, 2), 2.0)),
        (squares, 2 * np.asarray(kernel)),
        (lambda: np.sum(kernel), np.ones((3, 2))),
        (lambda: np.max(kernel), np.eye(6)[5].reshape(3, 2)),
    ]
    for make, expected in makers:
        with hl.GradientTape() as tape:
            value = make()
        np.testing.assert_allclose(tape.gradient(value, kernel), expected, rtol=1e-6)
    with hl.GradientTape():
        for wrong in (
            kernel.flatten,
            kernel.std,
            lambda: np.median(kernel),
            lambda: np.dot(kernel, [1.0, 1.0]),
        ):
            with pytest.raises(TypeError, match=r"hotloop\.ops"):
                wrong()
    assert kernel.flatten().tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert type(kernel.T) is np.ndarray


def test_penalties_of_a_model_train_in_a_loop_of_ones_own() -> None:
    model = hl.Sequential(
        [hl.layers.Dense(2, kernel_regularizer=hl.regularizers.L1L2(0.5, 0.25), input_shape=(3,))]
    )
    assert [float(p) for p in model.losses] == [
        pytest.approx(float(hl.regularizers.L1L2(0.5, 0.25)(model.get_weights()[0])), rel=1e-6)
    ]
    with hl.GradientTape() as tape:
        total = sum(model.losses)
    grads = tape.gradient(total, model.trainable_variables)
    w = model.get_weights()[0]
    np.testing.assert_allclose(grads[0], 0.5 * np.sign(w) + 0.5 * w, rtol=1e-5)
    assert grads[1] is None


def test_losses_added_in_a_call_hold_a_code_small(run: Callable[[str], dict[str, Any]]) -> None:
    found = run("sparse_codes")
    assert found["history"]["loss"][-1] < 0.5 * found["history"]["loss"][0]
    assert found["activity"] < 0.25
