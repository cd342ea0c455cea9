"""numerical_gradient: central differences by the elements of an array that is changed and put back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hotloop.utils import numerical_gradient

Array = NDArray[Any]


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def test_numerical_gradient_of_the_lesson() -> None:
    x = np.array([3.0, 4.0])
    np.testing.assert_allclose(numerical_gradient(lambda v: v[0] ** 2 + v[1] ** 2, x), [6, 8])
    assert x.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 0), (2, 1, 3, 2)])
def test_numerical_gradient_of_any_shape(shape: tuple[int, ...]) -> None:
    x = normal(*shape) if shape else np.array(0.7)
    got = numerical_gradient(lambda v: float((v**3).sum()), x)
    assert got.shape == shape
    np.testing.assert_allclose(got, 3 * x**2, atol=1e-7)


def test_numerical_gradient_moves_x_itself() -> None:
    w = normal(2, 3)[:, ::2]  # as it lies in memory

    def loss(_: Any) -> float:  # as lessons write it: the argument is ignored
        return float((w**2).sum())

    before = w.copy()
    np.testing.assert_allclose(numerical_gradient(loss, w), 2 * before, rtol=1e-8)
    assert w.tobytes() == before.tobytes()


def test_numerical_gradient_restores_x_when_f_raises() -> None:
    x = np.array([0.1, 0.2, 0.3])
    before, calls = x.tobytes(), []

    def f(v: Array) -> float:
        calls.append(v.copy())
        if len(calls) == 4:
            raise RuntimeError
        return float(v.sum())

    with pytest.raises(RuntimeError):
        numerical_gradient(f, x)
    assert x.tobytes() == before
    np.testing.assert_allclose(calls[3], [0.1, 0.2 - 1e-4, 0.3])


def test_numerical_gradient_takes_h_and_float32() -> None:
    x = np.array([1.0, 2.0], np.float32)
    got = numerical_gradient(lambda v: np.array([float(v[0]) * 2 + v[1]]), x, h=0.5)
    assert got.dtype == np.float32
    assert got.tolist() == [2.0, 1.0]


@pytest.mark.parametrize("x", [np.array([3, 4]), [3.0], 3.0, np.array([1j]), np.array([True])])
def test_numerical_gradient_refuses_what_cannot_move(x: Any) -> None:
    with pytest.raises(TypeError, match=r"^numerical_gradient: x must be an array of float"):
        numerical_gradient(lambda v: v.sum(), x)


def test_numerical_gradient_refuses() -> None:
    x = np.array([1.0, 2.0])
    with pytest.raises(ValueError, match=r"f must give one number, but it gave .* shape \(2,\)"):
        numerical_gradient(lambda v: v, x)
    assert x.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match=r"h must be positive, but got 0"):
        numerical_gradient(lambda v: v.sum(), x, h=0)
    x.flags.writeable = False
    with pytest.raises(ValueError, match=r"must be writeable"):
        numerical_gradient(lambda v: v.sum(), x)
