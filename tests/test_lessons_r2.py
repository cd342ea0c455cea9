"""Descents and logic gates of the lessons end in the figures that the lessons print."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from hotloop.book import lessons
from hotloop.book.lessons import GATES, INPUTS, LogicGateNet, XORNet


def bowl(x: Any) -> Any:
    return x[0] ** 2 + x[1] ** 2


def test_numerical_gradient_of_a_bowl() -> None:
    x = np.array([3.0, 4.0])
    np.testing.assert_allclose(lessons.numerical_gradient(bowl, x), [6, 8], rtol=1e-10)
    np.testing.assert_allclose(lessons.differential(bowl, x), [6, 8], rtol=1e-9)
    assert x.tolist() == [3, 4]


@pytest.mark.parametrize(
    ("rate", "end"),
    [
        (0.1, (-6.11110793e-10, 8.14814391e-10)),
        (0.01, (-0.39785867, 0.53047822)),
        (10.0, (-2.58983747e13, -1.29524862e12)),
    ],
)
def test_descent_on_a_bowl(rate: float, end: tuple[float, float]) -> None:
    start = np.array([-3.0, 4.0])
    found = lessons.gradient_descent(bowl, init_x=start, lr=rate, step_num=100)
    # Rounding of each step is amplified by 19 with rate 10: the lesson's digits are those of NumPy.
    np.testing.assert_allclose(found, end, rtol=2e-8)
    assert start.tolist() == [-3, 4]


def f3(x: Any) -> Any:
    return x * np.sin(x**2) + 1


def df3(x: Any) -> Any:
    return np.sin(x**2) + 2 * x**2 * np.cos(x**2)


@pytest.mark.parametrize(("start", "moves"), [(-2.2, 17), (-0.5, 100), (1.5, 28), (1.2, 100)])
def test_moves_on_a_wave(start: float, moves: int) -> None:
    x_log, y_log, count = lessons.gradient_descent2(f3, df3, start, 0.01, 100)
    assert count == moves == len(x_log) - 1 == len(y_log) - 1
    if start == 1.2:
        assert f"{x_log[-1]:.5f}" == "0.28328"  # near the saddle at 0


def f2(x: Any) -> Any:
    return 0.01 * x**4 - 0.3 * x**3 - 1.0 * x + 10.0


def df2(x: Any) -> Any:
    return 0.04 * x**3 - 0.9 * x**2 - 1.0


@pytest.mark.parametrize(("start", "moves"), [(-10.0, 100), (5.0, 82), (33.0, 50)])
def test_moves_on_a_quartic(start: float, moves: int) -> None:
    x_log, _, count = lessons.gradient_descent2(f2, df2, start, 0.01, 100)
    assert count == moves
    if start == -10.0:
        assert f"{x_log[-1]:.5f}" == "-0.47592"
        assert f"{df2(x_log[-1]):.3f}" == "-1.208"
        assert lessons.gradient_descent2(f2, df2, start, 0.01, 10_000)[2] == 378


@pytest.mark.parametrize(
    ("rate", "moves", "end"),
    [
        (0.001, 100, "8.1857"),
        (0.01, 100, "1.3262"),
        (0.1, 55, None),
        (1.01, 100, "72.446"),
        (1.05, 100, "137806"),
    ],
)
def test_rates_on_a_parabola(rate: float, moves: int, end: str | None) -> None:
    x_log, _, count = lessons.gradient_descent2(lambda x: x**2, lambda x: 2 * x, 10.0, rate)
    assert count == moves
    if end is not None:
        decimals = len(end.partition(".")[2])
        assert f"{abs(x_log[-1]):.{decimals}f}" == end


def test_descent_along_a_given_slope_keeps_the_whole_way() -> None:
    x_log, y_log = lessons.gradient_descent(
        lambda x: x**2, lambda x: 2 * x, 10.0, learning_rate=0.1, step_num=100
    )
    np.testing.assert_allclose(x_log, 10.0 * 0.8 ** np.arange(101), rtol=1e-12)
    np.testing.assert_allclose(y_log, np.square(x_log))


def trained(name: str) -> tuple[LogicGateNet, float]:
    gate = LogicGateNet()
    losses = gate.fit(INPUTS, np.array(GATES[name])[:, None], learning_rate=0.1, steps=1000)
    return gate, losses[-1]


def test_logic_gates() -> None:
    gate, loss = trained("AND")
    assert f"{loss:.11f}" == "0.16043926933"
    np.testing.assert_allclose(gate.weights, [4.27548114, 4.27284863], atol=5e-9)
    np.testing.assert_allclose(gate.bias, [-6.6027234], atol=5e-8)
    expected = [0.00135483, 0.08867878, 0.08889176, 0.87496677]
    np.testing.assert_allclose(gate.predict(INPUTS)[:, 0], expected, atol=5e-9)
    either, either_loss = trained("OR")
    not_both, not_both_loss = trained("NAND")
    assert [f"{x:.8f}" for x in (either_loss, not_both_loss)] == ["0.09174843", "0.16530944"]
    hidden = np.hstack([not_both.predict(INPUTS), either.predict(INPUTS)])
    expected = [0.12870357, 0.79966936, 0.80108545, 0.14420781]
    np.testing.assert_allclose(gate.predict(hidden)[:, 0], expected, atol=5e-9)


def test_one_unit_cannot_learn_xor() -> None:
    assert f"{trained('XOR')[1]:.7f}" == "1.3862944"


def test_two_layers_learn_xor() -> None:
    net = XORNet()
    losses = net.fit(INPUTS, np.array(GATES["XOR"])[:, None], learning_rate=0.3, steps=1000)
    assert f"{losses[-1]:.10f}" == "0.0420271224"
    y = net.predict(INPUTS)
    assert y.shape == (4, 2)
    expected = [0.00846377, 0.98354369, 0.99163498, 0.0084976]
    np.testing.assert_allclose(y, np.array(expected)[:, None].repeat(2, 1), atol=5e-9)


def small_problem(rows: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.random((rows, 784)), np.eye(10)[rng.integers(10, size=rows)]


def test_two_losses_for_each_weight() -> None:
    model = lessons.NumericalModel()
    assert 2 * sum(p.size for p in model.params.values()) == 101_780
    x, t = small_problem(3)
    expected = 0.01 * np.random.RandomState(777).randn(784, 64)
    np.testing.assert_array_equal(model.params["w_1"], expected)
    # The gradient of a few weights by hand, and that each has cost two losses.
    small = lessons.NumericalModel(4, 3, 10)
    small.params["w_1"][...] = np.random.default_rng(1).normal(size=(4, 3))
    grads = small.get_gradient(x[:, :4], t)
    assert small.evaluations == 2 * (4 * 3 + 3 + 3 * 10 + 10)
    w1, b1, w2, b2 = small.params.values()
    h = 1 / (1 + np.exp(-(x[:, :4] @ w1 + b1)))
    z = h @ w2 + b2
    p = np.exp(z) / np.exp(z).sum()  # the whole batch, as the lesson has it
    dp = 0.5 * ((1 - t) / (1 - p) - t / p)
    dz = p * (dp - (dp * p).sum())
    np.testing.assert_allclose(grads["b_2"], dz.sum(0), atol=1e-8)
    np.testing.assert_allclose(grads["w_1"], x[:, :4].T @ (dz @ w2.T * h * (1 - h)), atol=1e-8)


@pytest.mark.slow
def test_mnist_by_numerical_gradient(mnist_data: Any) -> None:
    """Two steps of one batch, with their time beside that of backpropagation."""
    (images, labels), _ = mnist_data
    x = lessons.flatten_for_mnist(images[:100]) / 255
    t = lessons._change_one_hot_label(labels[:100])
    model = lessons.NumericalModel()
    losses = [model.loss(x, t)]
    for _ in range(2):
        before, start = model.evaluations, time.perf_counter()
        grads = model.get_gradient(x, t)
        numerical = time.perf_counter() - start
        assert model.evaluations - before == 101_780
        for name, grad in grads.items():
            model.params[name] -= 0.01 * grad  # at 0.1 the summed loss climbs, in NumPy too
        losses.append(model.loss(x, t))
    net = lessons.BackpropNet((784, 64, 10))
    net.step(x, labels[:100])
    start = time.perf_counter()
    net.step(x, labels[:100])
    backward = time.perf_counter() - start
    print(f"numerical {numerical:.1f} s, backpropagation {backward * 1e3:.2f} ms")  # noqa: T201
    assert losses[2] < losses[1] < losses[0]
    assert backward < numerical / 1000
