"""ImageDataGenerator: changes, standardization, and batches from arrays, folders and tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop.preprocessing.image import ImageDataGenerator

pytest.importorskip("PIL")
X = np.random.default_rng(0).uniform(0, 255, (12, 8, 6, 3)).astype("float32")
Y = np.arange(12)


def one(x: Any = X, **options: Any) -> Any:
    """Return all pictures, changed, in order."""
    flow = ImageDataGenerator(**options).flow(x, batch_size=len(x), shuffle=False, seed=2)
    return flow[0]


def test_without_options_pictures_stay_as_they_are() -> None:
    np.testing.assert_array_equal(one(), X)
    x, y = ImageDataGenerator(rescale=1 / 255).flow(X, Y, batch_size=5, shuffle=False)[2]
    np.testing.assert_allclose(x, X[10:] / 255, rtol=1e-6)
    assert y.tolist() == [10, 11]


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({"horizontal_flip": True}, [lambda x: x, lambda x: x[:, ::-1]]),
        ({"vertical_flip": True}, [lambda x: x, lambda x: x[::-1]]),
        (
            {"width_shift_range": [2], "fill_mode": "wrap"},
            [lambda x: np.roll(x, 2, 1), lambda x: np.roll(x, -2, 1)],
        ),
        (
            {"height_shift_range": [1], "fill_mode": "wrap"},
            [lambda x: np.roll(x, 1, 0), lambda x: np.roll(x, -1, 0)],
        ),
    ],
)
def test_each_picture_is_one_of_two(options: dict[str, Any], same: Any) -> None:
    got = one(**options)
    chosen = [
        [i for i, change in enumerate(same) if np.allclose(y, change(x), atol=1e-3)]
        for x, y in zip(X, got, strict=True)
    ]
    assert all(len(each) == 1 for each in chosen)
    assert {each[0] for each in chosen} == {0, 1}


def test_affine_changes_leave_the_middle_and_what_is_constant() -> None:
    """Values agree with Keras's legacy generator on square pictures to 3e-5 (see the matrices)."""
    options = {"rotation_range": 30, "shear_range": 10, "zoom_range": 0.3, "fill_mode": "reflect"}
    flat = np.full((4, 9, 9, 1), 7.0, np.float32)
    np.testing.assert_allclose(one(flat, **options), flat, rtol=1e-5)
    dot = np.zeros((4, 9, 9, 1), np.float32)
    dot[:, 4, 4] = 1
    turned = one(dot, rotation_range=90, fill_mode="constant")
    np.testing.assert_allclose(turned[:, 4, 4], 1, rtol=1e-5)
    generator = ImageDataGenerator(rotation_range=90)
    x, h = np.arange(16.0, dtype=np.float32).reshape(1, 4, 4, 1), 1.5

    class Quarter:
        """Draws a quarter of a turn, and nothing else."""

        def __init__(self) -> None:
            self.left = [np.array([90.0]), np.zeros(1), np.ones((2, 1)), np.zeros(1), np.zeros(1)]

        def uniform(self, *_: Any) -> Any:
            return self.left.pop(0)

    rng: Any = Quarter()
    (matrix,) = generator._matrices(rng, 1, 4, 4)  # type: ignore[misc]
    quarter: Any = [[0, -1, 2 * h], [1, 0, 0]]
    np.testing.assert_allclose(matrix, quarter, atol=1e-12)
    rng = Quarter()
    np.testing.assert_allclose(
        generator._transformed(x, rng)[0, :, :, 0], np.rot90(x[0, :, :, 0]), atol=1e-4
    )


def test_channels_and_brightness() -> None:
    shifted = one(channel_shift_range=20.0)
    inside = (shifted > X.min((1, 2, 3), keepdims=True)) & (
        shifted < X.max((1, 2, 3), keepdims=True)
    )
    for x, y, kept in zip(X, shifted, inside, strict=True):
        assert np.ptp((y - x)[kept]) < 1e-3
    bright = one(brightness_range=(1.5, 1.5))
    np.testing.assert_allclose(bright, np.clip(X * 1.5, 0, 255), rtol=1e-6)


def test_standardization() -> None:
    by_sample = one(samplewise_center=True, samplewise_std_normalization=True)
    np.testing.assert_allclose(by_sample.mean((1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(by_sample.std((1, 2, 3)), 1, atol=1e-4)
    generator = ImageDataGenerator(featurewise_std_normalization=True)
    with pytest.raises(ValueError, match="call fit"):
        generator.standardize(X)
    generator.fit(X)
    y = generator.standardize(X)
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 1, 2)), 1, atol=1e-5)
    np.testing.assert_allclose(generator.standardize(X[0]), y[0], rtol=1e-5)
    small = X[:, :2, :2]
    white = ImageDataGenerator(zca_whitening=True)
    white.fit(small[:, :, :, :1])
    flat = white.standardize(small[:, :, :, :1]).reshape(12, 4)
    np.testing.assert_allclose(flat.T @ flat / 12, np.eye(4), atol=1e-3)
    own = one(preprocessing_function=lambda picture: picture * 0 + picture.shape[0])
    assert (own == 8).all()


def test_channels_first() -> None:
    options: dict[str, Any] = {
        "horizontal_flip": True,
        "rotation_range": 20,
        "featurewise_center": True,
    }
    last, first = (
        ImageDataGenerator(data_format=f"channels_{f}", **options) for f in ("last", "first")
    )
    last.fit(X)
    first.fit(X.transpose(0, 3, 1, 2))
    a = last.flow(X, seed=3, batch_size=12)[0]
    b = first.flow(X.transpose(0, 3, 1, 2), seed=3, batch_size=12)[0]
    np.testing.assert_allclose(b.transpose(0, 2, 3, 1), a, atol=1e-3)


def test_batches_without_end_and_by_index() -> None:
    flow = ImageDataGenerator(validation_split=0.25).flow(
        X, Y, batch_size=4, seed=2, subset="training"
    )
    assert (len(flow), flow.n) == (3, 9)
    firsts = [np.concatenate([next(flow)[1] for _ in range(3)]).tolist() for _ in range(3)]
    assert all(sorted(labels) == list(range(3, 12)) for labels in firsts)
    assert firsts[0] != firsts[1]
    validation = ImageDataGenerator(validation_split=0.25).flow(X, Y, subset="validation")
    assert sorted(validation[0][1].tolist()) == [0, 1, 2]
    with pytest.raises(IndexError):
        flow[3]
    loop = [labels for _, (_, labels) in zip(range(7), flow, strict=False)]
    assert len(loop) == 7


def test_training() -> None:
    model = hl.Sequential([hl.Input((8, 6, 3)), hl.layers.Flatten(), hl.layers.Dense(1)])
    model.compile(hl.optimizers.Adam(0.001), "mse")
    generator = ImageDataGenerator(rescale=1 / 255, rotation_range=10, zoom_range=0.1)
    history = model.fit(
        generator.flow(X, Y / 12, batch_size=4),
        epochs=2,
        verbose=0,
        validation_data=generator.flow(X, Y / 12),
    ).history
    assert len(history["val_loss"]) == 2
    short = model.fit(
        generator.flow(X, Y / 12, batch_size=4), steps_per_epoch=2, epochs=2, verbose=0
    )
    assert len(short.history["loss"]) == 2
    assert model.predict(generator.flow(X, batch_size=5, shuffle=False)).shape == (12, 1)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for i, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for j in range(4):
            pixels = np.full((5, 5, 3), 100 * i + 10 * j, np.float32)
            hl.utils.save_img(tmp_path / name / f"{j}.png", pixels, scale=False)
    return tmp_path


def test_pictures_in_folders(pets: Path) -> None:
    generator = ImageDataGenerator(validation_split=0.25)
    options: dict[str, Any] = {"target_size": (4, 4), "batch_size": 8, "shuffle": False}
    train = generator.flow_from_directory(pets, subset="training", class_mode="binary", **options)
    assert train.class_indices == {"cat": 0, "dog": 1}
    assert (train.samples, train.num_classes, train.image_shape) == (6, 2, (4, 4, 3))
    assert train.filenames[0] == "cat/1.png"
    x, y = next(train)
    assert y.tolist() == [0, 0, 0, 1, 1, 1]
    assert x[:, 0, 0, 0].tolist() == [10, 20, 30, 110, 120, 130]
    held = generator.flow_from_directory(pets, subset="validation", **options)
    assert held[0][1].tolist() == [[1, 0], [0, 1]]
    same = generator.flow_from_directory(
        pets, class_mode="input", color_mode="grayscale", **options
    )
    np.testing.assert_array_equal(*same[0])
    assert generator.flow_from_directory(pets, class_mode=None, **options)[0].shape == (8, 4, 4, 3)


def test_pictures_in_a_table(pets: Path) -> None:
    table: dict[str, Any] = {
        "filename": ["cat/0.png", "dog/1.png", "none.png", "dog/2.png"],
        "class": ["cat", "dog", "cat", "dog"],
        "age": [1.0, 2.0, 3.0, 4.0],
        "w": [1.0, 0.5, 1.0, 2.0],
    }
    options: dict[str, Any] = {"directory": pets, "target_size": (4, 4), "shuffle": False}
    generator = ImageDataGenerator()
    flow = generator.flow_from_dataframe(table, weight_col="w", class_mode="sparse", **options)
    _, y, w = flow[0]
    assert (y.tolist(), w.tolist()) == ([0, 1, 1], [1.0, 0.5, 2.0])
    raw = generator.flow_from_dataframe(table, y_col="age", class_mode="raw", **options)
    assert raw[0][1].tolist() == [1.0, 2.0, 4.0]
    several = generator.flow_from_dataframe(
        table, y_col=["age", "w"], class_mode="multi_output", **options
    )
    assert [part.tolist() for part in several[0][1:]] == [[1.0, 2.0, 4.0], [1.0, 0.5, 2.0]]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ImageDataGenerator(fill_mode="mirror"), "fill_mode must be one of"),
        (lambda: ImageDataGenerator(interpolation_order=3), "interpolation_order must be one of"),
        (lambda: ImageDataGenerator(zoom_range=(1, 2, 3)), "have two ends"),
        (lambda: ImageDataGenerator(validation_split=1.0), "validation_split must lie in"),
        (lambda: ImageDataGenerator().flow(X[0]), "four axes"),
        (lambda: ImageDataGenerator().flow(X, Y[:3]), "x has 12 samples"),
        (lambda: ImageDataGenerator().flow(X, subset="training"), "subset needs validation_split"),
        (lambda: ImageDataGenerator(validation_split=0.5).flow(X, subset="test"), "subset must be"),
        (lambda: ImageDataGenerator().flow(X, save_to_dir="x"), "save_to_dir must be None"),
        (lambda: ImageDataGenerator().fit(X[0]), "four axes"),
    ],
)
def test_wrong_arguments_are_refused(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_wrong_class_modes_are_refused(pets: Path) -> None:
    generator = ImageDataGenerator()
    with pytest.raises(ValueError, match="class_mode must be one of"):
        generator.flow_from_directory(pets, class_mode="rows")
    with pytest.raises(ValueError, match="needs two classes"):
        generator.flow_from_directory(pets, classes=["cat"], class_mode="binary")
    with pytest.raises(TypeError, match="there is no argument 'colour'"):
        generator.flow_from_directory(pets, colour=1)
