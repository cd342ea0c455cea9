"""Layers that draw: what they do in training, and that a file and a recorded step go on with the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop import layers

ONES = np.ones((40, 10, 6), np.float32)


def test_spatial_dropout_drops_whole_channels() -> None:
    y = layers.SpatialDropout1D(0.5, seed=0)(ONES, training=True)
    assert (y == y[:, :1]).all()
    assert set(np.unique(y)) == {0.0, 2.0}
    assert 0.3 < (y[:, 0] == 0).mean() < 0.7
    images = np.ones((30, 4, 5, 6), np.float32)
    last = layers.SpatialDropout2D(0.25, seed=0, data_format="channels_last")(images, training=True)
    assert (last == last[:, :1, :1]).all()
    first = layers.SpatialDropout2D(0.25, seed=0, data_format="channels_first")(
        images, training=True
    )
    assert (first == first[:, :, :1, :1]).all()
    assert first[:, :, 0, 0].std() > 0
    with pytest.raises(ValueError, match=r"SpatialDropout1D .*3 axes"):
        layers.SpatialDropout1D(0.5)(images)


def test_dropout_shares_masks_along_sizes_of_one() -> None:
    y = layers.Dropout(0.5, noise_shape=(None, 10, 1), seed=1)(ONES, training=True)
    assert (y == y[:, :, :1]).all()
    assert y[:, :, 0].std() > 0
    with pytest.raises(ValueError, match=r"noise_shape .* does not fit"):
        layers.Dropout(0.5, noise_shape=(None, 3))(ONES, training=True)
    assert (layers.AlphaDropout(0.5, noise_shape=(None, 1, 1))(ONES) == ONES).all()


def test_noise_has_its_mean_and_deviation() -> None:
    x = np.ones((400, 500), np.float32)
    y = layers.GaussianNoise(0.5, seed=0)(x, training=True)
    assert abs(y.mean() - 1) < 0.01
    assert abs(y.std() - 0.5) < 0.01
    y = layers.GaussianDropout(0.2, seed=0)(x, training=True)
    assert abs(y.mean() - 1) < 0.01
    assert abs(y.std() - 0.5) < 0.01
    normal = np.random.default_rng(0).standard_normal((400, 500)).astype("f4")
    y = layers.AlphaDropout(0.3, seed=0)(normal, training=True)
    assert abs(y.mean()) < 0.02
    assert abs(y.std() - 1) < 0.02


def model() -> Any:
    hl.set_seed(2)
    made = hl.Sequential(
        [
            hl.Input((10, 6)),
            layers.SpatialDropout1D(0.3),
            layers.GaussianNoise(0.1),
            layers.Dense(4),
            layers.AlphaDropout(0.2),
            layers.GaussianDropout(0.2),
            layers.Dropout(0.3, noise_shape=(None, 1, 4)),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    made.compile("sgd", "mse")
    return made


def test_each_step_draws_anew_and_a_file_goes_on(tmp_path: Path) -> None:
    t = np.ones((40, 1), np.float32)
    made = model()
    first = [made.train_on_batch(ONES, t) for _ in range(3)]
    assert len(set(first)) == 3
    made.save(tmp_path / "m.hotloop")
    loaded = hl.models.load_model(tmp_path / "m.hotloop")
    assert [made.train_on_batch(ONES, t) for _ in range(3)] == [
        loaded.train_on_batch(ONES, t) for _ in range(3)
    ]
    assert [model().train_on_batch(ONES, t) for _ in range(2)] == [first[0]] * 2


def test_the_gradient_follows_the_mask() -> None:
    for layer in (
        layers.SpatialDropout1D(0.4, seed=3),
        layers.AlphaDropout(0.4, seed=3),
        layers.GaussianDropout(0.4, seed=3),
    ):
        x = hl.Tensor(ONES[:4], requires_grad=True)
        y = layer(x, training=True)
        y.sum().backward()
        assert x.grad is not None
        state = layer.get_state()
        layer.set_state({**state, "calls": state["calls"] - 1})
        moved = layer(ONES[:4] * 2, training=True)
        np.testing.assert_allclose(moved - y.numpy(), x.grad, atol=1e-6)


@pytest.mark.parametrize("name", ["GaussianDropout", "AlphaDropout"])
def test_a_rate_of_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}: rate must lie in \[0, 1\), got 1"):
        getattr(layers, name)(1)
    with pytest.raises(ValueError, match="GaussianNoise: stddev must not be negative"):
        layers.GaussianNoise(-1)
