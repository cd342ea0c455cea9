"""Faults planted in layers and losses of one's own, each of which gradient_check names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hotloop as hl
from hotloop.utils import gradient_check

Array = NDArray[Any]


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


class Layer(hl.layers.Layer):
    """What the layers below share."""

    def forward(self, x: Array, cache: Any, training: bool) -> Any:  # noqa: ARG002
        cache.x, cache.y = x, self.answer(x, cache)
        y: Array = cache.y
        return y

    def answer(self, x: Array, cache: Any) -> Any:
        raise NotImplementedError


class Affine(Layer):
    """x w + b, right."""

    units = 4

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight("w", (input_shape[-1], self.units), "glorot_normal")
        self.b = self.add_weight("b", (self.units,), "normal")

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def answer(self, x: Array, cache: Any) -> Any:  # noqa: ARG002
        y: Array = x @ self.w + self.b
        return y

    def backward(self, dy: Array, cache: Any) -> Any:
        cache.grad("w")[...] = self.dw(cache.x, dy)
        cache.grad("b")[...] = self.db(dy)
        return self.dx(dy)

    def dw(self, x: Array, dy: Array) -> Any:
        return x.T @ dy

    def db(self, dy: Array) -> Any:
        return dy.sum(axis=0)

    def dx(self, dy: Array) -> Any:
        return dy @ self.w.T


class Sigmoid(Layer):
    def answer(self, x: Array, cache: Any) -> Any:  # noqa: ARG002
        y: Array = 1 / (1 + np.exp(-x))
        return y

    def backward(self, dy: Array, cache: Any) -> Any:
        return self.slope(cache.x, cache.y) * dy

    def slope(self, x: Array, y: Array) -> Any:  # noqa: ARG002
        return y * (1 - y)


class Tanh(Sigmoid):
    def answer(self, x: Array, cache: Any) -> Any:  # noqa: ARG002
        return np.tanh(x)

    def slope(self, x: Array, y: Array) -> Any:  # noqa: ARG002
        return 1 - y * y


class ReLU(Layer):
    def answer(self, x: Array, cache: Any) -> Any:  # noqa: ARG002
        return np.maximum(x, 0)

    def backward(self, dy: Array, cache: Any) -> Any:
        return np.where(cache.x > 0, dy, 0)


class Pool(Layer):
    """The largest of 2 x 2."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        n, h, w, c = input_shape
        return (n, h // 2, w // 2, c)

    def answer(self, x: Array, cache: Any) -> Any:
        n, h, w, c = x.shape
        windows = x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4)
        windows = windows.reshape(n, h // 2, w // 2, c, 4)
        cache.best = windows.argmax(axis=-1)
        y: Array = windows.max(axis=-1)
        return y

    def backward(self, dy: Array, cache: Any) -> Any:
        n, h, w, c = cache.x.shape
        windows = np.zeros((n, h // 2, w // 2, c, 4))
        np.put_along_axis(windows, self.place(cache.best)[..., None], dy[..., None], -1)
        windows = windows.reshape(n, h // 2, w // 2, c, 2, 2)
        return windows.transpose(0, 1, 4, 2, 5, 3).reshape(cache.x.shape)

    def place(self, best: Array) -> Array:
        return best


class BatchNorm(Layer):
    axes: Any = 0

    def answer(self, x: Array, cache: Any) -> Any:
        cache.inv = 1 / np.sqrt(x.var(axis=self.axes) + 1e-5)
        cache.hat = (x - x.mean(axis=self.axes)) * cache.inv
        hat: Array = cache.hat
        return hat

    def backward(self, dy: Array, cache: Any) -> Any:
        return self.dx(dy, cache.hat, cache.inv)

    def dx(self, dy: Array, hat: Array, inv: Array) -> Any:
        mean, along = dy.mean(axis=self.axes), (dy * hat).mean(axis=self.axes)
        return inv * (dy - mean - hat * along)


class Softmax(Layer):
    def answer(self, x: Array, cache: Any) -> Any:  # noqa: ARG002
        e = np.exp(x - x.max(axis=1, keepdims=True))
        y: Array = e / e.sum(axis=1, keepdims=True)
        return y

    def backward(self, dy: Array, cache: Any) -> Any:
        y: Array = cache.y
        return y * (dy - (dy * y).sum(axis=1, keepdims=True))


RIGHT = [Affine, Sigmoid, Tanh, ReLU, Pool, BatchNorm, Softmax]
ROWS, SQUARE, IMAGES = normal(8, 4), normal(4, 4), normal(3, 6, 6, 2)


@pytest.mark.parametrize("cls", RIGHT)
def test_the_right_ones_are_right(cls: Any) -> None:
    for seed in range(5):
        for x in (IMAGES,) if cls is Pool else (ROWS, SQUARE, normal(5, 3)):
            report = gradient_check(cls(), x + 0.01 * normal(*x.shape, seed=seed), seed=seed)
            assert report.ok, str(report)
            assert report.notes == []


def faults(layer: Any, x: Array, **kwargs: Any) -> list[str]:
    report = gradient_check(layer, x, **kwargs)
    assert report.ok == (not report.faults)
    return report.faults


def only(found: list[str]) -> str:
    assert len(found) == 1, found
    return found[0]


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


class InPlace(ReLU):
    def backward(self, dy: Array, cache: Any) -> Any:
        dy[cache.x <= 0] = 0
        return dy


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


# --- what else goes wrong


def test_gradients_added_to_what_was_there_and_gradients_never_written() -> None:
    class Adding(Affine):
        def backward(self, dy: Array, cache: Any) -> Any:
            grad = cache.grad("w")
            grad += cache.x.T @ dy
            return self.dx(dy)

    assert faults(Adding(), ROWS) == [
        "adding/w: added to what cache.grad held, or written in part: every element must be overwritten",
        "adding/b: no gradient: backward never asks for cache.grad('b')",
    ]


def test_answers_of_the_wrong_form() -> None:
    class Nothing(ReLU):
        def backward(self, dy: Array, cache: Any) -> Any:
            del dy, cache

    class Short(ReLU):
        def backward(self, dy: Array, cache: Any) -> Any:  # noqa: ARG002
            return dy[:-1]

    class Pair(ReLU):
        def backward(self, dy: Array, cache: Any) -> Any:  # noqa: ARG002
            return dy, dy

    assert "backward answered None for an array of shape (8, 4)" in only(faults(Nothing(), ROWS))
    assert "backward answered shape (7, 4)" in only(faults(Short(), ROWS))
    assert "backward answered 2 gradients for 1 inputs" in only(faults(Pair(), ROWS))


def test_state_on_a_layer_that_is_called_twice() -> None:
    class Keeps(Layer):
        def forward(self, x: Array, cache: Any, training: bool) -> Any:  # noqa: ARG002
            self.kept = np.tanh(x)
            return self.kept

        def backward(self, dy: Array, cache: Any) -> Any:  # noqa: ARG002
            return dy * (1 - self.kept**2)

    hl.set_seed(0)
    x, keeps = hl.Input((4,)), Keeps(name="keeps")
    inner = hl.layers.Dense(4, name="inner")(keeps(hl.layers.Dense(4, name="first")(x)))
    report = gradient_check(hl.Model(x, keeps(inner)), ROWS)
    assert "'keeps' is called 2 times: does it keep what backward needs on itself" in only(
        [text for text in report.faults if text.startswith("first/kernel")]
    )


def test_a_generator_of_its_own_is_frozen_and_chance_from_outside_is_named() -> None:
    class Noisy(Layer):
        def __init__(self, rng: Any) -> None:
            super().__init__()
            self.draw = rng

        def answer(self, x: Array, cache: Any) -> Any:
            drawn: Array = x * self.draw.normal(size=x.shape)
            cache.mask = drawn / x
            return drawn

        def backward(self, dy: Array, cache: Any) -> Any:
            dx: Array = dy * cache.mask
            return dx

    assert faults(Noisy(np.random.default_rng(0)), ROWS) == []
    assert faults(Noisy(np.random.RandomState(0)), ROWS) == []

    hidden = np.random.default_rng(0)

    class Hidden(ReLU):
        def answer(self, x: Array, cache: Any) -> Any:  # noqa: ARG002
            return np.asarray(x + hidden.normal())

    assert "forward answers the same input in two ways" in only(faults(Hidden(), ROWS))


def test_a_fault_without_a_name_says_where() -> None:
    class Odd(Tanh):
        def slope(self, x: Array, y: Array) -> Any:
            slope = super().slope(x, y)
            slope[2, 1] += 0.5
            return slope

    found = only(faults(Odd(), ROWS))
    assert "analytic differs from numeric at 1 of 32 elements, most at (2, 1): " in found


# --- kinks


def test_kinks_are_notes() -> None:
    x = ROWS.copy()
    x[0, :3] = [3e-6, -4e-6, 0.0]
    report = gradient_check(hl.layers.ReLU(), x)
    assert report.ok
    assert report.notes == ["re_lu/input: kink of ReLU within h at 3 of 32 elements, left out"]
    report = gradient_check(hl.layers.Dense(4, "relu"), np.zeros((3, 2)))
    assert report.ok, str(report)
    assert "dense/bias: kink of ReLU within h at 4 of 4 elements, left out" in report.notes


def test_kinks_of_a_maximum_and_of_a_loss() -> None:
    report = gradient_check(hl.layers.MaxPool2D(), np.ones((1, 4, 4, 1)))
    assert report.ok, str(report)
    assert "kink of the maximum within h at 16 of 16 elements" in report.notes[0]
    report = gradient_check(
        hl.losses.MeanAbsoluteError(), ROWS, ROWS + np.array([3e-6, -3e-6, 1, -1])
    )
    assert report.ok, str(report)
    assert "kink of the absolute value within h at 16 of 32" in report.notes[0]


def test_a_kink_hides_no_fault() -> None:
    class Wrong(ReLU):
        def backward(self, dy: Array, cache: Any) -> Any:
            return 2 * super().backward(dy, cache)

    x = ROWS.copy()
    x[0, :3] = [3e-6, -4e-6, 0.0]
    report = gradient_check(Wrong(), x)
    assert "analytic is 2 times numeric" in only(report.faults)


# --- layers as lessons write them


class LessonAffine:
    def __init__(self, w: Array, b: Array) -> None:
        self.W, self.b = w, b
        self.dW: Any = None
        self.db: Any = None

    def forward(self, x: Array) -> Any:
        self.x = x
        y: Array = x @ self.W + self.b
        return y

    def backward(self, dout: Array) -> Any:
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        dx: Array = dout @ self.W.T
        return dx


def test_layers_as_lessons_write_them() -> None:
    layer = LessonAffine(normal(4, 3).astype(np.float32), np.zeros(3))
    before = layer.W.copy()
    report = gradient_check(layer, ROWS)
    assert report.ok, str(report)
    names = [entry.name for entry in report]
    assert names == ["lesson_affine/input", "lesson_affine/W", "lesson_affine/b"]
    assert layer.dW is None
    np.testing.assert_array_equal(layer.W, before)

    class Mean(LessonAffine):
        def backward(self, dout: Array) -> Any:
            dx = super().backward(dout)
            self.dW = self.dW * len(dout)
            return dx

    assert only(faults(Mean(normal(4, 3), np.zeros(3)), ROWS)) == (
        "mean/W: analytic is 8 times numeric: is the batch mean missing?"
    )


def test_a_fault_raises_when_asked_to() -> None:
    assert gradient_check(Affine(), ROWS, raises=True).ok
    with pytest.raises(AssertionError, match=r"gradient check of in_place: a gradient is wrong"):
        gradient_check(InPlace(), ROWS, raises=True)


def test_what_cannot_be_copied_is_refused() -> None:
    class Stuck(ReLU):
        def __deepcopy__(self, memo: Any) -> Any:
            raise RuntimeError

    with pytest.raises(TypeError, match=r"'stuck' cannot be copied"):
        gradient_check(Stuck(), ROWS)
