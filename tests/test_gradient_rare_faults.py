"""What else gradient_check finds, and what it must not call a fault: kinks, chance, layers of lessons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import hotloop as hl
from hotloop.utils import gradient_check
from planted import (
    ROWS,
    Affine,
    InPlace,
    Layer,
    ReLU,
    Tanh,
    faults,
    normal,
    only,
)

Array = NDArray[Any]


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
