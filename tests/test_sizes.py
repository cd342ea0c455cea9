"""Sizes that no array can have are refused before memory is asked for, and models grow in linear time."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from fuzz_targets import packed, unpacked
from hotloop import layers, models
from hotloop._support.arguments import checked_size

HUGE = (2**31, 2**32, 2**62, 2**63, 2**64, 10**40)


@pytest.mark.parametrize("sizes", [(2**59,), (2**30, 2**29), (), (3, 4), (0,), (0, 5), (None, 2)])
def test_a_size_that_fits_is_the_product(sizes: Any) -> None:
    assert checked_size("op", "x", sizes) == int(np.prod([n for n in sizes if n is not None]))


@pytest.mark.parametrize("sizes", [(2**60,), (2**30, 2**30), (0, 2**60), (2**63, 2), (None, 2**62)])
def test_a_size_that_does_not_fit_is_named(sizes: Any) -> None:
    with pytest.raises(ValueError, match=r"op: x of sizes .* is too large"):
        checked_size("op", "x", sizes)


CALLS: dict[str, Callable[[int], object]] = {
    "input": lambda n: hl.Sequential([hl.Input((n, n, n)), layers.Flatten()]),
    "dense": lambda n: layers.Dense(n).ensure_built((None, n)),
    "conv": lambda n: layers.Conv2D(n, n).ensure_built((None, n, n, n)),
    "padding": lambda n: layers.MaxPool2D(2, padding=n).ensure_built((None, n, n, 1)),
    "flatten": lambda n: layers.Flatten().ensure_built((None, n, n)),
    "reshape": lambda n: layers.Reshape((n, n, -1)).ensure_built((None, n, n)),
    "norm": lambda n: layers.LayerNormalization(axis=[1, 2]).ensure_built((None, n, n)),
    "batch norm": lambda n: layers.BatchNormalization().ensure_built((None, n, n, n)),
    "concatenate": lambda n: layers.Concatenate()([hl.Input((n, n)), hl.Input((n, n))]),
    "to_categorical": lambda n: hl.utils.to_categorical([0] * 2**10, n * 2**29),
    "one_hot": lambda n: hl.functional.one_hot([0] * 2**10, min(n * 2**29, 2**62)),
    "zeros": lambda n: hl.initializers.Zeros()((n, n)),
    "glorot": lambda n: hl.initializers.GlorotNormal()((n, n)),
    "orthogonal": lambda n: hl.initializers.Orthogonal()((n, n)),
}


@pytest.mark.parametrize("n", HUGE)
@pytest.mark.parametrize("name", CALLS)
def test_products_that_no_array_can_have_are_a_value_error(name: str, n: int) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        CALLS[name](n)
    assert len(str(caught.value)) <= 400


def test_a_number_beyond_floats_is_no_number() -> None:
    with pytest.raises(ValueError, match="units must be a positive integer") as caught:
        layers.Dense(10**5000)
    assert len(str(caught.value)) <= 400


def altered(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    parts = unpacked("model", path.read_bytes()).split(b"\n--part--\n")
    description = json.loads(parts[0][1:])
    change(description)
    parts[0] = b"Z" + json.dumps(description).encode()
    path.write_bytes(packed("model", b"\n--part--\n".join(parts)))


def widened(description: dict[str, Any]) -> None:
    config = description["model"]["config"]
    config["input_shape"] = [None, 10**9]
    for layer in config["layers"]:
        if "input_shape" in layer["config"]:
            layer["config"]["input_shape"] = [10**9]


NORMS: list[Any] = [
    layers.LayerNormalization(center=False, scale=False),
    layers.LayerNormalization(center=False),
    layers.LayerNormalization(),
    layers.BatchNormalization(center=False, scale=False),
    layers.BatchNormalization(),
    layers.Dense(3),
]


@pytest.mark.parametrize("layer", NORMS, ids=lambda layer: type(layer).__name__)
def test_a_wide_description_takes_no_memory(layer: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.hotloop"
    model = hl.Sequential([hl.Input((4,)), type(layer).from_config(layer.get_config())])
    model.save(path)
    altered(path, widened)
    tracemalloc.start()
    try:
        try:
            models.load_model(path)
        except ValueError as error:
            assert "m.hotloop" in str(error)  # noqa: PT017 - one without weights loads
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()


def test_normalisation_without_weights_still_computes(tmp_path: Path) -> None:
    x = np.arange(8, dtype=np.float32).reshape(2, 4) ** 2
    model = hl.Sequential([hl.Input((4,)), layers.LayerNormalization(center=False, scale=False)])
    model.save(tmp_path / "m")
    again = pickle.loads(pickle.dumps(models.load_model(tmp_path / "m")))
    want = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(again.predict(x, verbose=0), want, rtol=1e-5)


def steps(call: Callable[[], object]) -> int:
    """Count the lines that Python runs: a measure of time that no other process disturbs."""
    import sys  # noqa: PLC0415

    count = 0

    def tell(*_: object) -> Any:
        nonlocal count
        count += 1
        return tell

    before = sys.gettrace()
    sys.settrace(tell)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def row(n: int) -> hl.Sequential:
    return hl.Sequential([hl.Input((2,)), *(layers.Dense(2) for _ in range(n))])


def one_by_one(n: int) -> hl.Sequential:
    model = hl.Sequential([hl.Input((2,))])
    for _ in range(n):
        model.add(layers.Dense(2))
    return model


def graph(n: int) -> hl.Model:
    start = value = hl.Input((2,))
    for _ in range(n):
        value = layers.Dense(2)(value)
    return hl.Model(start, value)


def trained(model: Any) -> Any:
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 2), np.float32), np.ones((2, 2), np.float32))
    return model


def again(model: Any, path: Path) -> Any:
    trained(model).save(path)
    return models.load_model(path)


WAYS: dict[str, Callable[[int, Path], Any]] = {
    "in a row": lambda n, _: row(n),
    "one by one": lambda n, _: one_by_one(n),
    "as a graph": lambda n, _: graph(n),
    "loaded": lambda n, path: again(row(n), path),
    "a graph loaded": lambda n, path: again(graph(n), path),
    "from JSON": lambda n, _: models.model_from_json(row(n).to_json()),
    "cloned": lambda n, _: models.clone_model(row(n)),
    "summary": lambda n, _: row(n).summary(print_fn=lambda _: None),
    "first step": lambda n, _: trained(row(n)),
    "first step of a graph": lambda n, _: trained(graph(n)),
    "first predict": lambda n, _: row(n).predict(np.ones((2, 2), np.float32), verbose=0),
}


@pytest.mark.parametrize("way", WAYS)
def test_models_grow_in_linear_time(way: str, tmp_path: Path) -> None:
    WAYS[way](3, tmp_path / "m")
    few = steps(lambda: WAYS[way](20, tmp_path / "m"))
    many = steps(lambda: WAYS[way](320, tmp_path / "m"))
    assert many < 18 * few


def test_layers_added_one_by_one_make_the_same_model() -> None:
    x = np.ones((3, 2), np.float32)
    hl.set_seed(1)
    one = row(3)
    hl.set_seed(1)
    other = one_by_one(3)
    assert [layer.name for layer in one.layers] == [layer.name for layer in other.layers]
    assert one.to_json() == other.to_json()
    np.testing.assert_array_equal(one.predict(x, verbose=0), other.predict(x, verbose=0))
    other.pop()
    other.add(layers.Dense(4))
    assert other.layers[-1].name == "dense_2"
    assert other.predict(x, verbose=0).shape == (3, 4)
    with pytest.raises(ValueError, match="do not fit"):
        other.add(layers.Reshape((3, 3)))
    assert other.predict(x, verbose=0).shape == (3, 4)
    features = hl.Model(other.input, other.layers[1].output)
    assert features.predict(x, verbose=0).shape == (3, 2)


def test_a_name_that_another_model_changed_is_seen() -> None:
    first, second = row(1), row(1)
    shared = first.layers[0]
    hl.Model(second.input, shared(second.output))  # both are "dense": one becomes "dense_1"
    for model in (first, second):
        model.add(layers.Dense(2))
        names = [layer.name for layer in model.layers]
        assert len(set(names)) == len(names)
