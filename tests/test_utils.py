"""hotloop.utils, hotloop.random and the training curves."""

from __future__ import annotations

import json
import random as python_random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hotloop import random
from hotloop.utils import normalize, set_random_seed, to_categorical, train_test_split


@pytest.mark.parametrize(
    "x", [[0, 2, 1], [0.0, 2.0, 1.0], [[0], [2], [1]], np.array([0, 2, 1], np.uint8)]
)
def test_to_categorical(x: Any) -> None:
    got = to_categorical(x)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, np.eye(3)[[0, 2, 1]])


def test_to_categorical_shapes() -> None:
    assert to_categorical([0, 2], 5).shape == (2, 5)
    assert to_categorical([[0, 2, 1], [1, 1, 1]]).shape == (2, 3, 3)
    assert to_categorical(2).tolist() == [0.0, 0.0, 1.0]
    assert to_categorical([True, False]).tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert to_categorical([], 4).shape == (0, 4)


@pytest.mark.parametrize(
    ("x", "num_classes", "error", "reason"),
    [
        ([0, -1], None, ValueError, "class ids must be from 0 to 0, but x has -1"),
        ([0, 3], 3, ValueError, "class ids must be from 0 to 2, but x has 3"),
        ([0, 1.5], None, ValueError, "class ids must be whole numbers, but x has 1.5"),
        ([0, np.nan], None, ValueError, "class ids must be whole numbers, but x has nan"),
        ([], None, ValueError, r"num_classes must be given when there are no ids \(x: \(0,\)\)"),
        (["a"], None, TypeError, "class ids must be whole numbers, but x has dtype"),
    ],
)
def test_to_categorical_refuses(
    x: Any, num_classes: int | None, error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=f"^to_categorical: {reason}"):
        to_categorical(x, num_classes)


def test_normalize() -> None:
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    for axis in (0, 1, -1):
        got = normalize(x, axis)
        assert got.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(got, axis=axis), 1, rtol=1e-6)
    np.testing.assert_allclose(np.abs(normalize(x, order=1)).sum(-1), 1, rtol=1e-6)
    assert normalize([3, 4]).tolist() == [0.6, 0.8]
    assert normalize([[0, 0]]).tolist() == [[0.0, 0.0]]


def test_normalize_refuses() -> None:
    with pytest.raises(ValueError, match=r"^normalize: order must be positive, got 0"):
        normalize([1.0], order=0)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"test_size": 0.2},
        {"train_size": 0.3},
        {"test_size": 10, "train_size": 0.5},
        {"test_size": 0.11, "train_size": 7},
        {"shuffle": False},
    ],
)
def test_train_test_split_is_scikit_learns(options: dict[str, Any]) -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    x, y = np.arange(202).reshape(101, 2), np.arange(101.0)
    ours = train_test_split(x, y, random_state=5, **options)
    theirs = selection.train_test_split(
        x, y, random_state=5 if options.get("shuffle", True) else None, **options
    )
    assert len(ours) == 4
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_train_test_split_stratified() -> None:
    y = np.repeat(["a", "b", "c"], [60, 30, 10])
    train, test, y_train, y_test = train_test_split(
        np.arange(100), y, test_size=0.2, stratify=y, random_state=0
    )
    assert [int((y_test == label).sum()) for label in "abc"] == [12, 6, 2]
    assert [int((y_train == label).sum()) for label in "abc"] == [48, 24, 8]
    assert sorted([*train, *test]) == list(range(100))
    np.testing.assert_array_equal(y[test], y_test)
    assert test.tolist() != sorted(test)


def test_train_test_split_follows_the_seed() -> None:
    x = np.arange(50)
    set_random_seed(3)
    first = train_test_split(x)[1]
    again = train_test_split(x)[1]
    set_random_seed(3)
    np.testing.assert_array_equal(train_test_split(x)[1], first)
    assert first.tolist() != again.tolist()


@pytest.mark.parametrize(
    ("arrays", "options", "reason"),
    [
        ((), {}, "at least one array is needed"),
        (
            ([1, 2], [1]),
            {},
            r"arrays must have one number of rows, but got shapes \[\(2,\), \(1,\)\]",
        ),
        ((3,), {}, "arrays must have one number of rows"),
        (
            ([1, 2],),
            {"test_size": 1.5},
            "test_size must be a share above 0 and below 1, but got 1.5",
        ),
        (([1, 2],), {"test_size": 2}, "test_size must be a number of rows below 2, but got 2"),
        (([1, 2],), {"test_size": 0.9}, "2 rows cannot be split into 0 to train and 2 to test"),
        (
            ([1] * 9,),
            {"test_size": 5, "train_size": 5},
            "9 rows cannot be split into 5 to train and 5 to test",
        ),
        (([1, 2],), {"stratify": [0, 1], "shuffle": False}, "stratify needs shuffle=True"),
        (([1, 2, 3],), {"stratify": [0, 0, 1]}, "stratify needs two rows of each class"),
        (
            ([1, 2, 3],),
            {"stratify": [0, 0]},
            r"stratify must be one label a row, shape \(3,\), but got \(2,\)",
        ),
    ],
)
def test_train_test_split_refuses(arrays: Any, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=f"^train_test_split: {reason}"):
        train_test_split(*arrays, **options)


def draws() -> list[float]:
    return [python_random.random(), float(np.random.rand()), float(random.generator().random())]  # noqa: NPY002


def test_set_random_seed_seeds_all_three() -> None:
    set_random_seed(11)
    first = draws()
    set_random_seed(np.int64(11))  # type: ignore[arg-type]
    assert draws() == first
    set_random_seed(12)
    assert all(a != b for a, b in zip(draws(), first, strict=True))


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "1", None, True])
def test_set_random_seed_refuses(seed: Any) -> None:
    before = random.get_state()
    with pytest.raises(
        ValueError,
        match=r"^set_random_seed: seed must be an integer from 0 to 2\*\*32 - 1, but got",
    ):
        set_random_seed(seed)
    assert random.get_state() == before


def test_the_generators_state_goes_through_json() -> None:
    rng = random.generator()
    random.set_seed(4)
    rng.integers(0, 10, 3, np.uint32)  # leaves half a word in the state
    state = json.loads(json.dumps(random.get_state()))
    first = rng.integers(0, 10**9, 5, np.uint32)
    random.set_state(state)
    assert random.generator() is rng
    np.testing.assert_array_equal(rng.integers(0, 10**9, 5, np.uint32), first)


@pytest.mark.parametrize(
    "state", [{}, None, {"bit_generator": "MT19937"}, {"bit_generator": "PCG64", "state": 3}]
)
def test_a_wrong_state_changes_nothing(state: Any) -> None:
    before = random.get_state()
    with pytest.raises(ValueError, match=r"^set_state: not the state of a PCG64 generator: "):
        random.set_state(state)
    assert random.get_state() == before


def test_set_seed_refuses() -> None:
    with pytest.raises(ValueError, match=r"^set_seed: seed must not be negative, but got -1"):
        random.set_seed(-1)
    with pytest.raises(TypeError, match=r"^set_seed: seed must be an integer, but got 1\.5"):
        random.set_seed(1.5)  # type: ignore[arg-type]


# --- training curves

CURVES = {
    "loss": [1.0, 0.5],
    "accuracy": [0.5, 0.8],
    "val_loss": [1.1, 0.7],
    "val_accuracy": [0.4, 0.7],
}


def test_history_curves() -> None:
    figure_module = pytest.importorskip("matplotlib.figure")
    from hotloop import plotting  # noqa: PLC0415 - below the importorskip

    axes = figure_module.Figure(figsize=(8, 3.4)).subplots(1, 2)
    drawn = plotting.history(CURVES, ax=axes)
    assert [ax.get_ylabel() for ax in drawn] == ["loss", "accuracy"]
    assert [line.get_label() for line in drawn[1].lines] == ["train", "validation"]
    np.testing.assert_array_equal(drawn[1].lines[1].get_xydata(), [[1, 0.4], [2, 0.7]])
    assert drawn[0].get_xlabel() == "epoch"
    assert drawn[0].get_legend() is not None

    class Resumed:
        history = CURVES
        epoch = (3, 4)

    one = figure_module.Figure().subplots()
    assert plotting.history(Resumed(), ax=one) is one
    assert one.get_ylabel() == "loss"
    assert one.lines[0].get_xdata().tolist() == [4, 5]


def test_history_curves_refuse() -> None:
    figure_module = pytest.importorskip("matplotlib.figure")
    from hotloop import plotting  # noqa: PLC0415 - below the importorskip

    with pytest.raises(ValueError, match=r"nothing to draw"):
        plotting.history({"loss": []})
    with pytest.raises(
        ValueError, match=r"2 panels \(loss, accuracy\) need as many axes, but got 1"
    ):
        plotting.history(CURVES, ax=[figure_module.Figure().subplots()])


def test_plotting_without_matplotlib_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from hotloop import plotting\n"
        "try: plotting.history({'loss': [1.0]})\n"
        "except ImportError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "plotting needs matplotlib: pip install 'hotloop[plot]'\n"


# --- whole files


def test_atomic_open(tmp_path: Path) -> None:
    from hotloop._support.atomic import atomic_open  # noqa: PLC0415

    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail() -> None:
        with atomic_open(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old"
    with atomic_open(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
