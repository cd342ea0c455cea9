"""Normalization, Discretization and CategoryEncoding; recorded values are Keras 3.15's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import layers

X = np.random.default_rng(0).normal(3, 2, (50, 4, 3)).astype("float32")


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), None])
def test_normalization_finds_mean_and_variance(axis: Any) -> None:
    layer = layers.Normalization(axis)
    layer.adapt(X)
    kept = (
        () if axis is None else {-1: (2,)}.get(axis, axis if isinstance(axis, tuple) else (axis,))
    )
    over = tuple(a for a in range(3) if a not in kept)
    mean, var = X.mean(over, keepdims=True), X.var(over, keepdims=True)
    y = layer(X)
    np.testing.assert_allclose(y, (X - mean) / np.sqrt(var), atol=2e-6)
    by_parts = layers.Normalization(axis)
    by_parts.adapt(iter([(X[:7], "targets"), (X[7:30], "targets"), (X[30:], "targets")]))
    np.testing.assert_allclose(by_parts(X), y, atol=2e-6)
    back = layers.Normalization(axis, invert=True)
    back.adapt(X)
    np.testing.assert_allclose(back(y), X, atol=1e-5)
    assert [w.shape for w in layer.get_weights()] == [layer.mean.shape, layer.variance.shape, ()]
    assert float(layer.get_weights()[2]) == X.size / layer.mean.size


def test_normalization_with_values_given() -> None:
    for options in (
        {"mean": 2.0, "variance": 4.0},
        {"mean": [2.0] * 3, "variance": [4.0] * 3},
        {"axis": (1, 2), "mean": [2.0] * 3, "variance": [4.0] * 3},
        {"axis": None, "mean": 2.0, "variance": 4.0},
    ):
        layer = layers.Normalization(**options)
        np.testing.assert_allclose(layer(X), (X - 2) / 2, atol=1e-6)
        again = layers.Normalization.from_config(layer.get_config())
        np.testing.assert_array_equal(again(X), layer(X))
        with pytest.raises(ValueError, match="there is nothing to adapt"):
            layer.adapt(X)
    assert layers.Normalization(mean=1.0, variance=0.0)([[1.0]]).item() == 0  # not divided by 0


def test_a_constant_column_becomes_zeros() -> None:
    layer = layers.Normalization()
    layer.adapt([[1.0, 5.0], [3.0, 5.0]])
    assert layer([[3.0, 5.0]]).tolist() == [[1.0, 0.0]]


def test_normalization_in_a_model(tmp_path: Path) -> None:
    """As in the regression lesson: adapted before or after the model is made, saved with it."""
    x = np.random.default_rng(1).normal(50, 10, (64, 2)).astype("float32")
    y = x @ [[0.1], [-0.2]]
    layer = layers.Normalization(axis=-1)
    layer.adapt(x)
    model = hl.Sequential([layer, layers.Dense(1)])
    model.compile(hl.optimizers.Adam(0.1), "mae")
    losses = model.fit(x, y, epochs=20, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 5
    model.save(tmp_path / "m.hotloop")
    again = hl.models.load_model(tmp_path / "m.hotloop")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    before = model.predict(x)
    layer.adapt(x * 2)
    assert np.abs(model.predict(x) - before).max() > 0.1
    series = layers.Normalization(input_shape=[1], axis=None)
    series.adapt(x[:, 0])
    one = hl.Sequential([series, layers.Dense(1)])
    assert one.predict(x[:, 0]).shape == (64, 1)


def test_normalization_refuses() -> None:
    for make, said in (
        (lambda: layers.Normalization(mean=1.0), "give mean and variance, or neither"),
        (lambda: layers.Normalization(mean=[1.0], variance=2.0), "must have one shape"),
        (lambda: layers.Normalization(3)(X), "is outside of inputs"),
        (lambda: layers.Normalization().adapt(np.zeros((0, 3))), "the data has no samples"),
    ):
        with pytest.raises(ValueError, match=said):
            make()


# --- classes


def test_discretization() -> None:
    edges = [-0.5, 0.0, 0.5]
    x = [[-1.0, -0.5, 0.2], [0.5, 7.0, -0.6]]
    want: dict[str, Any] = {
        "int": [[0, 1, 2], [3, 3, 0]],
        "multi_hot": [[1, 1, 1, 0], [1, 0, 0, 1]],
        "count": [[1, 1, 1, 0], [1, 0, 0, 2]],
    }
    for mode, rows in want.items():
        layer = layers.Discretization(edges, output_mode=mode)
        assert layer(x).tolist() == rows
        assert layer.compute_output_shape((None, 3)) == (None, len(rows[0]))
        again = layers.Discretization.from_config(layer.get_config())
        assert again(x).tolist() == rows
    one_hot = layers.Discretization(edges, output_mode="one_hot")([[0.2], [9.0]])
    assert one_hot.tolist() == [[0, 0, 1, 0], [0, 0, 0, 1]]


def test_discretization_finds_bins_of_one_size() -> None:
    x = np.random.default_rng(0).gamma(2, 2, (5000, 1))
    layer = layers.Discretization(num_bins=4)
    layer.adapt(x)
    counts = np.bincount(layer(x).astype(int).ravel())
    assert np.abs(counts / 5000 - 0.25).max() < 0.02
    by_parts = layers.Discretization(num_bins=4)
    by_parts.adapt(iter(np.array_split(x, 7)))
    parts: Any = by_parts.bin_boundaries
    whole: Any = layer.bin_boundaries
    np.testing.assert_allclose(parts, whole, rtol=0.05)
    again = layers.Discretization.from_config(layer.get_config())
    np.testing.assert_array_equal(again(x), layer(x))
    few = layers.Discretization(num_bins=2)
    few.adapt([1.0, 5.0, 3.0])
    assert few.bin_boundaries == [1.9999998807907104]  # Keras's, from float32


def test_category_encoding() -> None:
    ids = [[0, 1, 1], [3, 0, 0]]
    assert layers.CategoryEncoding(4)(ids).tolist() == [[1, 1, 0, 0], [1, 0, 0, 1]]
    rows = layers.CategoryEncoding(4, "one_hot")(ids)
    np.testing.assert_array_equal(rows, np.eye(4)[ids])
    assert layers.CategoryEncoding(4, "one_hot")([[2], [0]]).tolist() == [
        [0, 0, 1, 0],
        [1, 0, 0, 0],
    ]
    model = hl.Sequential([hl.Input((2,)), layers.CategoryEncoding(5, "count"), layers.Dense(1)])
    assert model.output_shape == (None, 1)
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).integers(0, 5, (12, 2))
    losses = model.fit(x, x.sum(axis=1), epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    with pytest.raises(ValueError, match=r"ids must lie in 0\.\.4, got 7"):
        model.predict([[1, 7]])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (layers.CategoryEncoding, "num_tokens"),
        (lambda: layers.CategoryEncoding(3, "int"), "output_mode must be one of one_hot"),
        (lambda: layers.CategoryEncoding(3, sparse=True), "sparse must be False"),
        (layers.Discretization, "give bin_boundaries or num_bins"),
        (lambda: layers.Discretization([1.0], 3), "give bin_boundaries or num_bins"),
        (lambda: layers.Discretization(num_bins=3)([[1.0]]), "call adapt first"),
        (lambda: layers.Discretization([1.0]).adapt([1.0]), "there is nothing to adapt"),
        (lambda: layers.Discretization(num_bins=3).adapt([]), "the data has no values"),
    ],
)
def test_wrong_arguments_are_refused(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()
