"""Optimizers and whole small trainings of `hotloop.book` against the book's formulas in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import book_oracle as plain
from hotloop.book.common import optimizer as optimizers
from hotloop.book.common.gradient import numerical_gradient
from hotloop.book.common.layers import Affine, Convolution, Pooling, Relu, SoftmaxWithLoss
from hotloop.book.common.multi_layer_net import MultiLayerNet
from hotloop.book.common.multi_layer_net_extend import MultiLayerNetExtend
from hotloop.book.common.trainer import Trainer

Array = NDArray[Any]
NAMES = ["SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam"]


def seed(value: int) -> None:
    np.random.seed(value)  # noqa: NPY002 - as scripts of the book seed


def step(name: str, p: Array, g: Array, a: Array, b: Array, t: int, lr: float) -> Array:
    """Return the parameter after step t; a and b are the slots, changed in place."""
    if name == "SGD":
        return p - lr * g
    if name in ("Momentum", "Nesterov"):
        before = a.copy()
        a[...] = 0.9 * a - lr * g
        return p + (a if name == "Momentum" else 0.81 * before - 1.9 * lr * g)
    if name == "Adam":
        a[...] = 0.9 * a + 0.1 * g
        b[...] = 0.999 * b + 0.001 * g**2
        rate = lr * float(np.sqrt(1 - 0.999**t)) / (1 - 0.9**t)
        return p - rate * a / (np.sqrt(b) + 1e-7)
    a[...] = a + g**2 if name == "AdaGrad" else 0.99 * a + 0.01 * g**2
    return p - lr * g / (np.sqrt(a) + 1e-7)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_optimizers_step_arrays_in_place_and_numbers_too(name: str, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    params: dict[str, Any] = {
        "W": rng.standard_normal((6, 5)).astype(dtype),
        "b": np.zeros((3, 4), dtype).T,
        "x": -7.0,
    }
    wanted = {key: np.array(value, np.float64) for key, value in params.items()}
    slots = {key: (np.zeros_like(value), np.zeros_like(value)) for key, value in wanted.items()}
    held = params["W"]
    optimizer = getattr(optimizers, name)(lr=0.05)
    for t in range(1, 30):
        size = 10.0 ** rng.integers(-6, 1)  # from near 1e-7, which each adds somewhere
        grads = {key: size * rng.standard_normal(np.shape(value)) for key, value in wanted.items()}
        optimizer.update(
            params, {key: dtype(g) if np.ndim(g) else float(g) for key, g in grads.items()}
        )
        for key, value in wanted.items():
            wanted[key] = step(name, value, grads[key], *slots[key], t, 0.05)
    assert params["W"] is held
    assert held.dtype == dtype
    for key, value in wanted.items():
        tolerance = 1e-13 if dtype == np.float64 or key == "x" else 1e-5
        np.testing.assert_allclose(params[key], value, rtol=tolerance, atol=tolerance)


def test_optimizers_have_the_attributes_of_the_book() -> None:
    params, grads = {"W": np.ones(2)}, {"W": np.ones(2)}
    assert optimizers.SGD().lr == 0.01
    momentum, rms, adam = optimizers.Momentum(), optimizers.RMSprop(), optimizers.Adam()
    assert (momentum.momentum, momentum.v, rms.decay_rate, rms.h) == (0.9, None, 0.99, None)
    assert (adam.lr, adam.beta1, adam.beta2, adam.iter, adam.m) == (0.001, 0.9, 0.999, 0, None)
    for each in (momentum, rms, adam, optimizers.AdaGrad()):
        each.update(params, grads)
    np.testing.assert_allclose(momentum.v["W"], -0.01)
    np.testing.assert_allclose(rms.h["W"], 0.01)
    np.testing.assert_allclose(adam.v["W"], 0.001)
    assert adam.iter == 1
    integers = {"W": np.ones(2, int)}
    with pytest.raises(TypeError):
        optimizers.SGD().update(integers, grads)  # as NumPy refuses it


class PlainNet:
    """The book's fully connected network once more, with nothing but functions."""

    def __init__(
        self, sizes: list[int], std: Any, decay: float, ratio: float, norm: bool, relu: bool
    ):
        self.n, self.decay, self.ratio, self.norm, self.relu = (
            len(sizes) - 1,
            decay,
            ratio,
            norm,
            relu,
        )
        self.p: dict[str, Array] = {}
        self.running = [(np.zeros(units), np.zeros(units)) for units in sizes[1:-1]]
        for i in range(self.n):
            scale = {"he": np.sqrt(2 / sizes[i]), "xavier": np.sqrt(1 / sizes[i])}.get(std, std)
            self.p[f"W{i + 1}"] = scale * np.random.randn(sizes[i], sizes[i + 1])  # noqa: NPY002
            self.p[f"b{i + 1}"] = np.zeros(sizes[i + 1])
        for i in range(1, self.n if norm else 1):
            self.p[f"gamma{i}"], self.p[f"beta{i}"] = np.ones(sizes[i]), np.zeros(sizes[i])

    def scores(self, x: Array, back: list[Any] | None, training: bool) -> Array:
        """Go forward, and leave in `back` how to return."""
        back = [] if back is None else back
        for i in range(1, self.n + 1):
            w, b, given = self.p[f"W{i}"], self.p[f"b{i}"], x
            back.append(lambda d, x=given, w=w, b=b, i=i: self._affine(d, x, w, b, i))
            x = x @ w + b
            if i == self.n:
                break
            if self.norm:
                gamma, beta, given = self.p[f"gamma{i}"], self.p[f"beta{i}"], x
                back.append(lambda d, x=given, g=gamma, b=beta, i=i: self._normed(d, x, g, b, i))
                mean, var = self.running[i - 1]
                if training:
                    x, *_, batch_mean, batch_var = plain.batch_norm(x, gamma, beta, x)
                    self.running[i - 1] = (
                        0.9 * mean + 0.1 * batch_mean,
                        0.9 * var + 0.1 * batch_var,
                    )
                else:
                    x = gamma * (x - mean) / np.sqrt(var + 1e-6) + beta
            if self.relu:
                back.append(lambda d, on=x > 0: d * on)
                x = np.maximum(x, 0)
            else:
                x = 1 / (1 + np.exp(-x))
                back.append(lambda d, y=x: d * y * (1 - y))
            if self.ratio and training:
                mask = np.random.rand(*x.shape) > self.ratio  # noqa: NPY002
                back.append(lambda d, mask=mask: d * mask)
                x = x * mask
            elif self.ratio:
                x = x * (1 - self.ratio)
        return x

    def _affine(self, d: Array, x: Array, w: Array, b: Array, i: int) -> Array:
        _, dx, dw, self.g[f"b{i}"] = plain.affine(x, w, b, d)
        self.g[f"W{i}"] = dw + self.decay * w
        return dx

    def _normed(self, d: Array, x: Array, gamma: Array, beta: Array, i: int) -> Array:
        _, dx, self.g[f"gamma{i}"], self.g[f"beta{i}"], _, _ = plain.batch_norm(x, gamma, beta, d)
        return dx

    def loss(
        self, x: Array, t: Array, training: bool = False, back: list[Any] | None = None
    ) -> float:
        weights = sum(np.sum(self.p[f"W{i + 1}"] ** 2) for i in range(self.n))
        loss, self.d = plain.softmax_loss(self.scores(x, back, training), t)
        return float(loss + 0.5 * self.decay * weights)

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        back: list[Any] = []
        self.g: dict[str, Array] = {}
        self.loss(x, t, True, back)
        d = self.d
        for way in reversed(back):
            d = way(d)
        return self.g

    def accuracy(self, x: Array, t: Array) -> float:
        return float(np.mean(self.scores(x, None, False).argmax(axis=1) == t))


def data() -> tuple[Array, Array, Array, Array]:
    """Return 300 pictures of 30 pixels in 4 classes, float32 as MNIST, and 100 to test."""
    rng = np.random.default_rng(2)
    t = rng.integers(0, 4, 400).astype(np.uint8)
    x = (rng.random((400, 30)) + np.eye(4, 30)[t]).astype(np.float32)
    return x[:300], t[:300], x[300:], t[300:]


@pytest.mark.parametrize("optimizer", NAMES)
@pytest.mark.parametrize(
    ("std", "decay", "ratio", "norm", "activation"),
    [
        ("relu", 0, 0, False, "relu"),
        ("xavier", 0.1, 0, False, "sigmoid"),
        ("he", 0, 0.2, False, "relu"),
        (0.01, 0.001, 0.3, True, "relu"),
        (1.0, 0, 0, True, "sigmoid"),
    ],
)
def test_a_whole_training(
    optimizer: str, std: Any, decay: float, ratio: float, norm: bool, activation: str
) -> None:
    x, t, x_test, t_test = data()
    steps, lr = 90, 0.01
    extended = bool(ratio or norm)
    seed(4)
    net: Any = (
        MultiLayerNetExtend(30, [20, 15], 4, activation, std, decay, bool(ratio), ratio, norm)
        if extended
        else MultiLayerNet(30, [20, 15], 4, activation, std, decay)
    )
    trainer = Trainer(net, x, t, x_test, t_test, 30, 100, optimizer, {"lr": lr}, verbose=False)
    trainer.train()
    seed(4)
    std = {"relu": "he"}.get(std, std)
    other = PlainNet([30, 20, 15, 4], std, decay, ratio, norm, activation == "relu")
    slots = {key: (np.zeros_like(p), np.zeros_like(p)) for key, p in other.p.items()}
    losses, accuracies = [], []
    for i in range(steps):
        drawn = np.random.choice(300, 100)  # noqa: NPY002 - with replacement
        xb, tb = x[drawn].astype(np.float64), t[drawn]
        for key, g in other.gradient(xb, tb).items():
            other.p[key] = step(optimizer, other.p[key], g, *slots[key], i + 1, lr)
        losses.append(other.loss(xb, tb))
        if i % 3 == 0:
            accuracies.append((other.accuracy(x, t), other.accuracy(x_test, t_test)))
    np.testing.assert_allclose(trainer.train_loss_list, losses, rtol=1e-8)
    assert list(zip(trainer.train_acc_list, trainer.test_acc_list, strict=True)) == accuracies
    assert trainer.current_epoch == 30
    for key, p in other.p.items():
        # Before a normalisation b has no gradient but rounding error.
        np.testing.assert_allclose(net.params[key], p, rtol=0, atol=1e-8 * np.abs(p).max() + 1e-9)
    assert set(net.params) == set(other.p)


def test_networks_check_their_gradients() -> None:
    x, t, *_ = data()
    x = x.astype(np.float64)
    seed(0)
    plain_net = MultiLayerNet(30, [6], 4, "sigmoid", weight_decay_lambda=0.1)
    normed = MultiLayerNetExtend(30, [6, 5], 4, use_batchnorm=True, weight_decay_lambda=0.1)
    for net in (plain_net, normed):
        found, wanted = net.gradient(x[:8], t[:8]), net.numerical_gradient(x[:8], t[:8])
        assert list(found) == list(wanted)
        for key in wanted:
            # The loss has its 1e-7, the gradient has not.
            assert np.abs(found[key] - wanted[key]).mean() < 1e-5, key
    assert list(normed.layers)[:3] == ["Affine1", "BatchNorm1", "Activation_function1"]
    assert normed.layers["Affine1"].W is normed.params["W1"]
    assert plain_net.last_layer.t is not None
    one_hot = np.eye(4)[t]
    assert plain_net.accuracy(x, one_hot) == plain_net.accuracy(x, t)
    with pytest.raises(KeyError):
        MultiLayerNet(2, [2], 2, activation="tanh")


def test_a_convolutional_network_as_chapter_7_trains_it() -> None:
    rng = np.random.default_rng(8)
    t = rng.integers(0, 3, 60)
    x = (
        rng.random((60, 1, 10, 10)).astype(np.float32)
        + np.eye(3, 10, dtype=np.float32)[t][:, None, None]
    )
    w1, w2 = 0.1 * rng.standard_normal((6, 1, 3, 3)), 0.1 * rng.standard_normal((96, 3))
    params = {"W1": w1, "b1": np.zeros(6), "W2": w2, "b2": np.zeros(3)}
    wanted = {key: value.copy() for key, value in params.items()}
    slots = {key: (np.zeros_like(p), np.zeros_like(p)) for key, p in wanted.items()}
    net: list[Any] = [
        Convolution(w1, params["b1"]),
        Relu(),
        Pooling(2, 2, 2),
        Affine(w2, params["b2"]),
    ]
    last, adam = SoftmaxWithLoss(), optimizers.Adam(lr=0.01)
    for i in range(40):
        batch = slice(20 * (i % 3), 20 * (i % 3) + 20)
        y: Any = x[batch]
        for layer in net:
            y = layer.forward(y)
        loss = last.forward(y, t[batch])
        d: Any = last.backward()
        for layer in reversed(net):
            d = layer.backward(d)
        # The same by the functions of the oracle.
        xb = x[batch].astype(np.float64)
        hidden, *_ = plain.conv(xb, wanted["W1"], wanted["b1"], None, 1, 0)
        pooled, _ = plain.max_pool(np.maximum(hidden, 0), (2, 2), 2, None)
        scores, *_ = plain.affine(pooled, wanted["W2"], wanted["b2"], np.zeros((20, 3)))
        expected, dscores = plain.softmax_loss(scores, t[batch])
        _, dpooled, dw2, db2 = plain.affine(pooled, wanted["W2"], wanted["b2"], dscores)
        _, drelu = plain.max_pool(np.maximum(hidden, 0), (2, 2), 2, dpooled)
        _, dx, dw1, db1 = plain.conv(xb, wanted["W1"], wanted["b1"], drelu * (hidden > 0), 1, 0)
        assert float(loss) == pytest.approx(expected, rel=1e-8)
        if i % 20 == 7:
            np.testing.assert_allclose(d, dx, rtol=0, atol=1e-9)
        adam.update(params, {"W1": net[0].dW, "b1": net[0].db, "W2": net[3].dW, "b2": net[3].db})
        for key, g in (("W1", dw1), ("b1", db1), ("W2", dw2), ("b2", db2)):
            wanted[key] = step("Adam", wanted[key], g, *slots[key], i + 1, 0.01)
    for key, p in wanted.items():
        np.testing.assert_allclose(params[key], p, rtol=0, atol=1e-8 * np.abs(p).max())

    def f(_: Any) -> Any:
        y: Any = x[:5]
        for layer in net:
            y = layer.forward(y)
        return last.forward(y, t[:5])

    numeric = numerical_gradient(f, w1)
    f(None)
    d = last.backward()
    for layer in reversed(net):
        d = layer.backward(d)
    assert np.abs(numeric - net[0].dW).mean() < 1e-7


def test_the_trainer_prints_what_the_books_does(capsys: pytest.CaptureFixture[str]) -> None:
    x, t, x_test, t_test = data()
    seed(1)
    net = MultiLayerNet(30, [5], 4)
    trainer = Trainer(net, x, t, x_test, t_test, 2, 150, evaluate_sample_num_per_epoch=50)
    trainer.train()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"train loss:{trainer.train_loss_list[0]}"
    accuracies = f"train acc:{trainer.train_acc_list[0]}, test acc:{trainer.test_acc_list[0]}"
    assert lines[1] == f"=== epoch:1, {accuracies} ==="
    assert lines[-2] == "=============== Final Test Accuracy ==============="
    assert lines[-1] == f"test acc:{net.accuracy(x_test, t_test)}"
    assert len(lines) == 4 + 2 + 2
    # 300 / 128 is not whole: of 4 epochs, the book looks at the first alone.
    seldom = Trainer(net, x, t, x_test, t_test, 4, 128, verbose=False)
    seldom.train()
    assert (len(seldom.train_loss_list), seldom.current_epoch) == (9, 1)
