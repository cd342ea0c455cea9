"""The common faults, planted in layers and losses of one's own, each of which gradient_check names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hotloop as hl
from hotloop.utils import gradient_check
from planted import (
    IMAGES,
    RIGHT,
    ROWS,
    SQUARE,
    Affine,
    BatchNorm,
    InPlace,
    Pool,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
    faults,
    normal,
    only,
)

Array = NDArray[Any]


@pytest.mark.parametrize("cls", RIGHT)
def test_the_right_ones_are_right(cls: Any) -> None:
    for seed in range(5):
        for x in (IMAGES,) if cls is Pool else (ROWS, SQUARE, normal(5, 3)):
            report = gradient_check(cls(), x + 0.01 * normal(*x.shape, seed=seed), seed=seed)
            assert report.ok, str(report)
            assert report.notes == []


# --- the batch mean


class Summed(hl.losses.MeanSquaredError):
    """Forgets the mean over the batch in the gradient that training uses."""

    def compute(self, y: Array, t: Array, sample_weight: Any = None, dy: Any = None) -> float:
        value = super().compute(y, t, sample_weight, dy)
        if dy is not None:
            dy *= len(y)
        return value


class SummedByHand(hl.losses.MeanSquaredError):
    def backward(self) -> Any:
        return super().backward() * len(self._seen[0])  # type: ignore[index]


class SoftmaxWithLoss:
    """As a lesson writes it, without the division by the batch."""

    def forward(self, x: Array, t: Array) -> float:
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.t, self.y = t, e / e.sum(axis=1, keepdims=True)
        return float(-np.log(self.y[np.arange(len(t)), t]).sum() / len(t))

    def backward(self, dout: float = 1) -> Any:
        dx = self.y.copy()
        dx[np.arange(len(self.t)), self.t] -= 1
        return dx * dout


MEAN = "analytic is 32 times numeric: is the batch mean missing?"


@pytest.mark.parametrize("loss", [Summed(), SummedByHand(), SoftmaxWithLoss()])
def test_missing_batch_mean_in_a_loss(loss: Any) -> None:
    t = np.arange(32) % 3 if isinstance(loss, SoftmaxWithLoss) else normal(32, 3, seed=1)
    found = faults(loss, normal(32, 3), y=t)
    assert [text.split(": ", 1)[1] for text in found] == [MEAN]


@pytest.mark.parametrize("loss", [Summed(), SoftmaxWithLoss()])
def test_missing_batch_mean_in_a_model(loss: Any) -> None:
    hl.set_seed(0)
    model = hl.Sequential(
        [hl.layers.Dense(6, "tanh", input_shape=(4,)), hl.layers.Dense(3, name="dense_1")]
    )
    t = np.arange(32) % 3 if isinstance(loss, SoftmaxWithLoss) else normal(32, 3, seed=1)
    report = gradient_check(model, normal(32, 4), t, loss=loss)
    assert f"dense_1/bias: {MEAN}" in report.faults
    assert {text.split(": ", 1)[1] for text in report.faults} == {MEAN}
    name = getattr(loss, "name", "SoftmaxWithLoss")
    assert f"dense_1/bias: follows from {name}" in report.notes


def test_mean_taken_twice() -> None:
    class Twice(Affine):
        def db(self, dy: Array) -> Any:
            return dy.mean(axis=0)

    assert only(faults(Twice(), ROWS)) == (
        "twice/b: analytic is numeric divided by 8: is the batch mean taken twice?"
    )


# --- transposes


def test_wrong_transpose_of_the_weights() -> None:
    class Turned(Affine):
        def dw(self, x: Array, dy: Array) -> Any:
            return dy.T @ x

    assert only(faults(Turned(), ROWS)) == (
        "turned/w: analytic is numeric transposed: is a transpose missing?"
    )
    assert only(faults(Turned(), normal(8, 3))).endswith(
        "could not broadcast input array from shape (4,3) into shape (3,4): is a transpose missing?"
    )


def test_reshaped_instead_of_transposed() -> None:
    class Reshaped(Affine):
        def dw(self, x: Array, dy: Array) -> Any:
            return (dy.T @ x).reshape(self.w.shape)

    assert only(faults(Reshaped(), normal(8, 3))) == (
        "reshaped/w: analytic is numeric transposed, then reshaped: transpose it, not reshape"
    )


def test_input_gradient_through_the_kernel_the_wrong_way_round() -> None:
    class Turned(Affine):
        def dx(self, dy: Array) -> Any:
            return dy @ self.w

    assert only(faults(Turned(), ROWS)) == (
        "turned/input: analytic came through w where numeric comes through w.T: is a transpose missing?"
    )


def test_axes_of_a_convolution_kernel() -> None:
    class Conv(hl.layers.Conv2D):
        def backward(self, dy: Array, cache: Any) -> Any:
            dx = super().backward(dy, cache)
            grad = cache.grad("kernel")
            grad[...] = self.spoil(grad.copy())
            return dx

        def spoil(self, grad: Array) -> Array:
            return grad.transpose(1, 0, 2, 3)

    class Flipped(Conv):
        def spoil(self, grad: Array) -> Array:
            return grad[::-1, ::-1]

    assert only(faults(Conv(3, 2), IMAGES)) == (
        "conv/kernel: analytic is numeric with its axes in the order (1, 0, 2, 3): "
        "is a transpose missing?"
    )
    assert "flipped along H and W: correlation, or convolution?" in only(
        faults(Flipped(3, 2), IMAGES)
    )


# --- in place


def test_input_gradient_modified_in_place() -> None:
    assert only(faults(InPlace(), ROWS)).startswith(
        "in_place: input gradient modified in place: backward writes into the dy"
    )
    model = hl.Sequential([hl.layers.Dense(4, input_shape=(4,)), InPlace(), hl.layers.Dense(2)])
    for y in (None, normal(8, 2)):
        report = gradient_check(model, ROWS, y, loss=None if y is None else "mse")
        assert only(report.faults).startswith("in_place: input gradient modified in place")


def test_input_modified_in_place() -> None:
    class Forward(ReLU):
        def answer(self, x: Array, cache: Any) -> Any:  # noqa: ARG002
            x[x < 0] = 0
            return x

    class Backward(Tanh):
        def backward(self, dy: Array, cache: Any) -> Any:
            dx = super().backward(dy, cache)
            cache.x *= 2
            return dx

    assert faults(Forward(), ROWS)[0].startswith("forward: input modified in place: forward writes")
    assert only(faults(Backward(), ROWS)).startswith(
        "backward: input modified in place: backward writes into x"
    )


def test_outputs_and_weights_modified_in_place() -> None:
    class Greedy(hl.losses.MeanSquaredError):
        def backward(self) -> Any:
            dy = super().backward()
            self._seen[0][...] = 0  # type: ignore[index]
            return dy

    class Leaking(Affine):
        def dw(self, x: Array, dy: Array) -> Any:
            self.b += 1
            return x.T @ dy

    assert only(faults(Greedy(), ROWS, y=ROWS + 1)).startswith(
        "mean_squared_error: outputs modified in place"
    )
    assert only(faults(Leaking(), ROWS)).startswith("leaking: weight 'b' modified in place")


# --- activations


@pytest.mark.parametrize(
    ("base", "slope", "words"),
    [
        (
            Sigmoid,
            lambda _x, y: y,
            "is the factor (1 - y) of the sigmoid's derivative y (1 - y) missing?",
        ),
        (
            Sigmoid,
            lambda _x, y: 1 - y,
            "is the factor y of the sigmoid's derivative y (1 - y) missing?",
        ),
        (
            Sigmoid,
            lambda _x, _y: 1.0,
            "is the factor y (1 - y), the derivative of the sigmoid, missing?",
        ),
        (Sigmoid, lambda _x, y: y * (1 - y) ** 2, "is the factor (1 - y) there once too often?"),
        (Sigmoid, lambda x, _y: x * (1 - x), "analytic has x (1 - x) where y (1 - y) belongs"),
        (Tanh, lambda _x, y: 1 - y, "is the factor (1 + y) of tanh's derivative 1 - y^2 missing?"),
        (Tanh, lambda _x, _y: 1.0, "is the factor (1 - y^2), the derivative of tanh, missing?"),
        (Tanh, lambda x, _y: 1 - x * x, "analytic has 1 - x^2 where 1 - y^2 belongs"),
        (
            Tanh,
            lambda _x, y: y * y - 1,
            "analytic is numeric with the other sign: is a minus missing?",
        ),
        (
            Tanh,
            lambda _x, y: 0.5 * (1 - y * y),
            "analytic is numeric divided by 2: is a factor 2 missing?",
        ),
        (
            Tanh,
            lambda _x, y: 0 * y,
            "analytic is zero everywhere, numeric is not: is it ever computed?",
        ),
    ],
)
def test_factors_of_derivatives(base: Any, slope: Any, words: str) -> None:
    class Wrong(base):  # type: ignore[misc]
        def slope(self, x: Array, y: Array) -> Any:
            return slope(x, y)

    found = only(faults(Wrong(), ROWS))
    assert found.startswith("wrong/input: analytic ")
    assert words in found


def test_missing_factor_of_a_sigmoid_inside_a_layer_and_inside_a_model() -> None:
    class Inside(Affine):
        units = 3

        def answer(self, x: Array, cache: Any) -> Any:
            y: Array = 1 / (1 + np.exp(-super().answer(x, cache)))
            return y

        def backward(self, dy: Array, cache: Any) -> Any:
            return super().backward(dy * cache.y, cache)

    assert faults(Inside(), ROWS)[0].startswith(
        "inside/input: before w, analytic is numeric / (1 - y): is the factor (1 - y) of the sigmoid's"
    )

    class Wrong(Sigmoid):
        def slope(self, x: Array, y: Array) -> Any:  # noqa: ARG002
            return y

    hl.set_seed(0)
    layers = [hl.layers.Dense(5, input_shape=(4,)), Wrong(), hl.layers.Dense(2)]
    report = gradient_check(hl.Sequential(layers), ROWS, normal(8, 2), loss="mse")
    assert "is the factor (1 - y) of the sigmoid's" in report["wrong/input"].faults[0]
    assert report["dense_1/kernel"].ok
    assert report["dense/kernel"].notes == ["follows from wrong"]


def test_softmax_of_the_diagonal_alone() -> None:
    class Diagonal(Softmax):
        def backward(self, dy: Array, cache: Any) -> Any:
            dx: Array = dy * cache.y * (1 - cache.y)
            return dx

    assert "the diagonal of softmax's Jacobian" in only(faults(Diagonal(), ROWS))


# --- pooling


@pytest.mark.parametrize("shift", [1, 2, 3])
def test_pooling_to_the_wrong_position(shift: int) -> None:
    class Shifted(Pool):
        def place(self, best: Array) -> Array:
            return (best + shift) % 4

    class First(Pool):
        def place(self, best: Array) -> Array:
            return np.zeros_like(best)

    for layer in (Shifted(), First()):
        assert only(faults(layer, IMAGES)).endswith(
            "does backward send the gradients to the wrong position of the pooling window?"
        )
    model = hl.Sequential(
        [
            hl.layers.Conv2D(2, 3, padding="same", input_shape=(6, 6, 2)),
            Shifted(),
            hl.layers.Flatten(),
            hl.layers.Dense(2),
        ]
    )
    report = gradient_check(model, IMAGES, max_elements=20)
    assert "to the wrong position of the pooling window?" in report["shifted/input"].faults[0]


# --- normalisation


@pytest.mark.parametrize("axes", [0, (0, 1, 2)], ids=["rows", "images"])
def test_batch_norm_without_a_term(axes: Any) -> None:
    class NoMean(BatchNorm):
        def dx(self, dy: Array, hat: Array, inv: Array) -> Any:
            return inv * (dy - hat * (dy * hat).mean(axis=self.axes))

    class NoVariance(BatchNorm):
        def dx(self, dy: Array, hat: Array, inv: Array) -> Any:  # noqa: ARG002
            return inv * (dy - dy.mean(axis=self.axes))

    class Neither(BatchNorm):
        def dx(self, dy: Array, hat: Array, inv: Array) -> Any:  # noqa: ARG002
            return inv * dy

    x = ROWS if axes == 0 else IMAGES
    for cls, words in ((NoMean, "mean"), (Neither, "mean"), (NoVariance, "variance")):
        layer = cls()
        layer.axes = axes
        found = only(faults(layer, 3 * x + 5))
        assert found.endswith(f"is the term of the {words} missing?")
        assert ("sums to zero over the batch" in found) == (words == "mean")


# --- biases


def test_bias_summed_over_the_wrong_axis() -> None:
    class Across(Affine):
        def db(self, dy: Array) -> Any:
            return dy.sum(axis=1)

    class Everything(Affine):
        def db(self, dy: Array) -> Any:
            return dy.sum()

    assert only(faults(Across(), SQUARE)) == (
        "across/b: analytic is dy summed over axis 1: that is the wrong axis"
    )
    assert only(faults(Across(), ROWS)).endswith(
        "could not broadcast input array from shape (8,) into shape (4,): "
        "is a sum taken over the wrong axis?"
    )
    assert "is it summed over every axis?" in only(faults(Everything(), ROWS))


def test_bias_summed_over_the_wrong_axis_in_a_model() -> None:
    class Across(Affine):
        def db(self, dy: Array) -> Any:
            return dy.sum(axis=1)

    hl.set_seed(1)
    model = hl.Sequential([Across(input_shape=(4,)), hl.layers.Dense(2, "tanh")])
    report = gradient_check(model, SQUARE, normal(4, 2, seed=2), loss="mse")
    assert report.faults == ["across/b: analytic is dy summed over axis 1: that is the wrong axis"]


def test_bias_without_the_derivative_of_its_activation() -> None:
    class Plain(Affine):
        def answer(self, x: Array, cache: Any) -> Any:
            return np.tanh(super().answer(x, cache))

        def backward(self, dy: Array, cache: Any) -> Any:
            dx = super().backward(dy * (1 - cache.y**2), cache)
            cache.grad("b")[...] = dy.sum(axis=0)
            return dx

    assert "is the derivative of the activation missing?" in only(faults(Plain(), ROWS))
