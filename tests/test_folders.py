"""Data sets from folders and series, split data, and the methods of `Dataset`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop.data import Dataset

pytest.importorskip("PIL")
FLOWERS = ["daisy", "rose", "tulip"]


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """Five pictures of each of three classes, each class of its own grey; sizes differ."""
    for i, name in enumerate(FLOWERS):
        (tmp_path / "flowers" / name).mkdir(parents=True)
        for j in range(5):
            pixels = np.full((6 + j, 8, 3), 50 * i + 10 * j, np.float32)
            hl.utils.save_img(tmp_path / "flowers" / name / f"{j}.png", pixels, scale=False)
    (tmp_path / "flowers" / ".hidden").mkdir()
    (tmp_path / "flowers" / "rose" / "notes.txt").write_text("no picture")
    return tmp_path / "flowers"


def load(folder: Path, **options: Any) -> Any:
    given = {"image_size": (4, 4), "batch_size": 4, "verbose": False, **options}
    return hl.utils.image_dataset_from_directory(folder, **given)


def test_pictures_in_folders(flowers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = load(flowers, shuffle=False, verbose=True)
    assert capsys.readouterr().out == "Found 15 files belonging to 3 classes.\n"
    assert data.class_names == FLOWERS
    assert [Path(path).name for path in data.file_paths[:2]] == ["0.png", "1.png"]
    batches = list(data)
    assert [x.shape for x, _ in batches] == [(4, 4, 4, 3)] * 3 + [(3, 4, 4, 3)]
    assert len(data) == 4
    x, y = (np.concatenate([batch[i] for batch in batches]) for i in (0, 1))
    assert (x.dtype, y.dtype) == (np.dtype(np.float32), np.dtype(np.int32))
    assert y.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    np.testing.assert_allclose(x[:, 0, 0, 0], 50 * y + 10 * np.tile(np.arange(5), 3), atol=1e-4)
    assert load(flowers, data_format="channels_first", color_mode="grayscale").take(1).map(
        lambda a, _: a.shape
    ).as_numpy_iterator().__next__() == (4, 1, 4, 4)


def test_labels(flowers: Path) -> None:
    two = ["tulip", "daisy"]
    binary = next(iter(load(flowers, class_names=two, label_mode="binary", shuffle=False)))[1]
    assert (binary.shape, binary.dtype) == ((4, 1), np.dtype(np.float32))
    rows = next(iter(load(flowers, label_mode="categorical", shuffle=False)))[1]
    assert rows.tolist() == [[1, 0, 0]] * 4
    assert next(iter(load(flowers, label_mode=None))).shape == (4, 4, 4, 3)
    given = load(flowers, labels=list(range(15)), shuffle=False, batch_size=15)
    assert next(iter(given))[1].tolist() == list(range(15))
    one = next(iter(load(flowers, batch_size=None, shuffle=False)))
    assert (one[0].shape, int(one[1])) == ((4, 4, 3), 0)


def test_parts_are_those_of_keras(flowers: Path) -> None:
    """Files are put into the order of NumPy's older generator; the last are for validation."""
    options = {"validation_split": 0.2, "seed": 123}
    train = load(flowers, subset="training", **options)
    val = load(flowers, subset="validation", **options)
    order = np.arange(15)
    np.random.RandomState(123).shuffle(order)
    names = [f"{FLOWERS[i // 5]}/{i % 5}.png" for i in order]
    got = ["/".join(Path(path).parts[-2:]) for path in [*train.file_paths, *val.file_paths]]
    assert got == names
    assert len(val.file_paths) == 3
    both = load(flowers, subset="both", **options)
    assert [each.file_paths for each in both] == [train.file_paths, val.file_paths]
    passes = [np.concatenate([y for _, y in train]).tolist() for _ in range(4)]
    assert len({tuple(labels) for labels in passes}) > 1  # a new order in each pass
    assert {tuple(sorted(labels)) for labels in passes} == {tuple(sorted(passes[0]))}


def test_training_on_a_folder(flowers: Path) -> None:
    train, val = load(flowers, subset="both", validation_split=0.4, seed=1)
    normalization = hl.layers.Rescaling(1 / 255)
    train = train.map(lambda x, y: (normalization(x), y)).cache().prefetch(1)
    hl.set_seed(1)
    model = hl.Sequential(
        [hl.Input((4, 4, 3)), hl.layers.RandomFlip(), hl.layers.Flatten(), hl.layers.Dense(3)]
    )
    loss = hl.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(hl.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    scaled = val.map(lambda x, y: (x / 255, y))
    history = model.fit(train, validation_data=scaled, epochs=5, verbose=0).history
    assert len(history["val_accuracy"]) == 5
    assert model.predict(scaled).shape == (6, 3)
    assert len(model.evaluate(scaled, verbose=0)) == 2
    endless = model.fit(train.repeat(), epochs=2, steps_per_epoch=3, verbose=0)
    assert len(endless.history["loss"]) == 2


def test_texts_in_folders(tmp_path: Path) -> None:
    for name, words in (("neg", "bad"), ("pos", "good")):
        (tmp_path / name).mkdir()
        for i in range(3):
            (tmp_path / name / f"{i}.txt").write_text(f"{words} film {i}", encoding="utf-8")
    data = hl.utils.text_dataset_from_directory(
        tmp_path, batch_size=4, shuffle=False, verbose=False
    )
    x, y = next(iter(data))
    assert x.tolist() == ["bad film 0", "bad film 1", "bad film 2", "good film 0"]
    assert (y.tolist(), data.class_names) == ([0, 0, 0, 1], ["neg", "pos"])
    cut = hl.preprocessing.text_dataset_from_directory(
        tmp_path, max_length=3, label_mode=None, shuffle=False, verbose=False
    )
    assert next(iter(cut)).tolist() == ["bad"] * 3 + ["goo"] * 3
    vectorize = hl.layers.TextVectorization(output_mode="multi_hot")
    vectorize.adapt(data.map(lambda text, _: text))
    assert {"bad", "good", "film"} <= set(vectorize.get_vocabulary())
    assert next(iter(data.map(lambda text, label: (vectorize(text), label))))[0].shape == (4, 7)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"label_mode": "ints"}, "label_mode must be one of"),
        ({"label_mode": "binary"}, "needs two classes"),
        ({"validation_split": 0.2}, "belong together"),
        ({"validation_split": 0.2, "subset": "training"}, "give a seed"),
        ({"validation_split": 1.2, "subset": "training", "seed": 1}, r"lie in \(0, 1\)"),
        ({"validation_split": 0.2, "subset": "test", "seed": 1}, "subset must be"),
        ({"class_names": ["lily"]}, "no folder for the class 'lily'"),
        ({"labels": [1, 2]}, "2 labels for 15 files"),
        ({"labels": None, "class_names": ["rose"]}, "class_names needs"),
        ({"image_size": (4,)}, "image_size must be"),
        ({"interpolation": "cubic"}, "interpolation must be one of"),
        ({"color_mode": "bgr"}, "color_mode must be one of"),
    ],
)
def test_wrong_arguments_are_refused(flowers: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        list(load(flowers, **options))


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        load(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no file that ends in"):
        load(tmp_path)


# --- series and parts


def test_windows_of_a_series() -> None:
    """The example of Keras's documentation: windows of ten, every second value."""
    windows = hl.utils.timeseries_dataset_from_array(
        np.arange(100), None, sequence_length=10, sampling_rate=2, sequence_stride=3
    )
    (x,) = windows
    assert (x[0].tolist(), x[1][0], x[-1][0]) == (list(range(0, 20, 2)), 3, 81)
    x, y = next(
        iter(
            hl.utils.timeseries_dataset_from_array(
                np.arange(100).reshape(50, 2),
                np.arange(50),
                3,
                batch_size=4,
                start_index=10,
                end_index=20,
            )
        )
    )
    assert (x.shape, y.tolist()) == ((4, 3, 2), [10, 11, 12, 13])
    drawn = hl.utils.timeseries_dataset_from_array(
        np.arange(50), np.arange(50), 3, shuffle=True, seed=1
    )
    order = np.arange(48)
    np.random.RandomState(1).shuffle(order)
    (x, y) = next(iter(drawn))
    assert y.tolist() == order.tolist()
    np.testing.assert_array_equal(x[:, 0], y)
    with pytest.raises(ValueError, match="lies outside of 5 steps"):
        hl.utils.timeseries_dataset_from_array(range(5), None, 2, end_index=9)


def test_split_dataset() -> None:
    left, right = hl.utils.split_dataset((np.arange(10), np.arange(10) ** 2), left_size=0.7)
    assert (left.cardinality(), right.cardinality()) == (7, 3)
    assert [int(y) for _, y in right] == [49, 64, 81]
    batched = Dataset.from_tensor_slices(np.arange(10)).batch(4)
    left, right = hl.utils.split_dataset(batched, right_size=3, shuffle=True, seed=1)
    values = np.concatenate([*left, *right])
    assert [len(x) for x in left] == [4, 3]
    assert sorted(values.tolist()) == list(range(10))
    assert values.tolist() != list(range(10))
    for sizes, said in (
        ((None, None), "give left_size"),
        ((8, 8), "cannot be split into 8 and 8"),
        ((1.5, None), "must be a share"),
        ((12, None), "must be a share, or a number up to 10"),
    ):
        with pytest.raises(ValueError, match=said):
            hl.utils.split_dataset(np.arange(10), *sizes)


# --- Dataset


def numbers(data: Any) -> list[Any]:
    return [each.tolist() for each in data]


def test_methods_of_a_dataset() -> None:
    data = Dataset.range(7)
    assert numbers(data.batch(3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert numbers(data.batch(3, drop_remainder=True)) == [[0, 1, 2], [3, 4, 5]]
    short: Any = data.batch(3, drop_remainder=True)
    assert len(short) == 2
    assert numbers(data.skip(2).take(3).map(lambda x: x * 10)) == [20, 30, 40]
    assert numbers(data.filter(lambda x: x % 2 == 0)) == [0, 2, 4, 6]
    assert numbers(data.take(2).repeat(2)) == [0, 1, 0, 1]
    assert numbers(data.batch(2).unbatch().concatenate(Dataset.range(2))) == [*range(7), 0, 1]
    assert [(i, int(x)) for i, x in data.enumerate(5).take(2)] == [(5, 0), (6, 1)]
    assert [(int(a), int(b)) for a, b in Dataset.zip(data, data.skip(5))] == [(0, 5), (1, 6)]
    named = Dataset.from_tensor_slices({"a": np.arange(3), "b": np.eye(3)}).batch(2)
    assert next(iter(named))["b"].shape == (2, 3)
    pairs = Dataset.from_generator(lambda: ((i, -i) for i in range(3))).batch(3)
    assert [part.tolist() for part in next(iter(pairs))] == [[0, 1, 2], [0, -1, -2]]
    assert numbers(Dataset.from_tensors(np.arange(2))) == [[0, 1]]
    assert data.filter(bool).cardinality() == -2
    with pytest.raises(TypeError, match="has no len"):
        len(data.repeat())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one number of rows"):
        Dataset.from_tensor_slices((np.arange(3), np.arange(4)))


def test_each_pass_of_a_shuffled_dataset_is_new() -> None:
    data = Dataset.range(20).shuffle(8, seed=3)
    first, second = numbers(data), numbers(data)
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert all(value < i + 8 for i, value in enumerate(first))  # from the eight that are next
    assert numbers(Dataset.range(20).shuffle(8, seed=3)) == first
    still = Dataset.range(20).shuffle(8, seed=3, reshuffle_each_iteration=False)
    assert numbers(still) == numbers(still)
    hl.set_seed(1)
    drawn = numbers(Dataset.range(20).shuffle(20))
    hl.set_seed(1)
    assert numbers(Dataset.range(20).shuffle(20)) == drawn


def test_cache_makes_elements_once() -> None:
    made = []

    def keep(x: Any) -> Any:
        made.append(int(x))
        return x

    data = Dataset.range(3).map(keep).cache()
    next(iter(data))
    assert [numbers(data), numbers(data)] == [[0, 1, 2]] * 2
    assert made == [0, 0, 1, 2]  # a pass that stopped early is not kept
