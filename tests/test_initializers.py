"""Initializers: the distributions they promise, seeds, strings."""

from __future__ import annotations

import math

import numpy as np
import pytest

import hotloop as hl
from hotloop import initializers

SHAPE = (300, 200)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / 500),
        ("glorot_normal", 2 / 500),
        ("he_uniform", 2 / 300),
        ("he_normal", 2 / 300),
        ("lecun_uniform", 1 / 300),
        ("lecun_normal", 1 / 300),
        ("random_normal", 0.05**2),
        ("normal", 0.05**2),
        ("random_uniform", 0.1**2 / 12),
        ("uniform", 0.1**2 / 12),
    ],
)
def test_mean_and_variance(name: str, variance: float) -> None:
    hl.set_seed(1)
    w = initializers.get(name)(SHAPE, "float64")
    assert abs(w.mean()) < 4 * math.sqrt(variance / w.size)
    assert w.var() == pytest.approx(variance, rel=0.02)


def test_limits_of_the_bounded_ones() -> None:
    hl.set_seed(1)
    assert np.abs(initializers.GlorotUniform()(SHAPE)).max() <= math.sqrt(6 / 500) + 1e-9
    assert np.abs(initializers.TruncatedNormal(stddev=1.0)(SHAPE)).max() <= 2
    he = initializers.HeNormal()(SHAPE, "float64")
    assert np.abs(he).max() <= 2 * math.sqrt(2 / 300) / 0.87962566103423978


def test_fans_of_a_convolution_kernel() -> None:
    assert initializers.compute_fans((5, 3, 4, 8)) == (60, 120)
    assert initializers.compute_fans((7,)) == (7, 7)


def test_constants() -> None:
    np.testing.assert_array_equal(initializers.get("zeros")((2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(initializers.get("ones")((2,)), [1, 1])
    np.testing.assert_array_equal(initializers.Constant(0.25)((2,)), [0.25, 0.25])
    np.testing.assert_array_equal(initializers.Constant([1, 2])((2,)), [1, 2])


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 3, 2, 5)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    q = initializers.Orthogonal(gain=2.0, seed=1)(shape, "float64").reshape(-1, shape[-1])
    rows, columns = q.shape
    product = q.T @ q if rows >= columns else q @ q.T
    np.testing.assert_allclose(product, 4 * np.eye(min(rows, columns)), atol=1e-12)


def test_seeds() -> None:
    fixed = initializers.HeNormal(seed=4)
    np.testing.assert_array_equal(fixed((5, 3)), fixed((5, 3)))
    free = initializers.HeNormal()
    hl.set_seed(4)
    first, second = free((5, 3)), free((5, 3))
    assert not np.array_equal(first, second)
    hl.set_seed(4)
    np.testing.assert_array_equal(free((5, 3)), first)


def test_dtype_and_shape() -> None:
    for cls in initializers.CLASSES.values():
        w = cls()((4, 3), "float32")
        assert w.dtype == np.float32
        assert w.shape == (4, 3)


def test_strings_classes_objects_and_functions() -> None:
    assert isinstance(initializers.get("HeNormal"), initializers.HeNormal)
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    layer = hl.layers.Dense(2, kernel_initializer=lambda shape, dtype: np.full(shape, 3, dtype))
    np.testing.assert_array_equal(layer(np.ones((1, 2))), [[6, 6]])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"scale": 0}, "scale must be positive, got 0"),
        ({"mode": "fan"}, "mode must be one of .*'fan_in'.* got 'fan'"),
        ({"distribution": "flat"}, "distribution must be one of .* got 'flat'"),
    ],
)
def test_bad_variance_scaling(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        initializers.VarianceScaling(**arguments)  # type: ignore[arg-type]


def test_bad_identifiers() -> None:
    with pytest.raises(ValueError, match=r"unknown initializer 'he'; valid names: .*he_normal"):
        initializers.get("he")
    with pytest.raises(TypeError, match="an initializer must be"):
        initializers.get(3)
    with pytest.raises(ValueError, match="at least two axes"):
        initializers.Orthogonal()((3,))
