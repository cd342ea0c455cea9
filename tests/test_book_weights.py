"""`hotloop.book.load_params`: reads arrays, runs nothing."""

from __future__ import annotations

import os
import pickle
import subprocess
import tracemalloc
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
from hotloop.book import load_params
from hotloop.book.common.layers import Affine, Convolution, Pooling, Relu
from hotloop.book.common.multi_layer_net import MultiLayerNet

rng = np.random.default_rng(0)


def weights(dtype: Any = np.float64) -> dict[str, Any]:
    return {
        "W1": rng.standard_normal((4, 3)).astype(dtype),
        "b1": np.arange(3, dtype=dtype),
        "W2": np.asfortranarray(rng.standard_normal((3, 2)).astype(dtype)),
        "b2": np.zeros(2, dtype),
    }


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, ">f8"])
def test_arrays_of_every_protocol(tmp_path: Path, protocol: int, dtype: Any) -> None:
    path = tmp_path / "params.pkl"
    given = {
        **weights(dtype),
        "more": [
            1,
            2.5,
            "text",
            b"bytes",
            None,
            True,
            (np.float64(3), np.int64(4)),
            OrderedDict(a=1),
        ],
    }
    path.write_bytes(pickle.dumps(given, protocol))
    found = load_params(path)
    assert list(found) == list(given)
    for key in ("W1", "b1", "W2", "b2"):
        np.testing.assert_array_equal(found[key], given[key])
        assert found[key].dtype == given[key].dtype
        assert found[key].flags.writeable
    assert found["more"] == given["more"]


class Again:
    """An array of bytes that other arrays of the pickle share."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __reduce__(self) -> Any:
        make = np.zeros(1).__reduce_ex__(5)[0]
        return make, (self.data, np.dtype("f8"), (1000,), "C")


class Runs:
    """Runs a command when it is unpickled by pickle.load."""

    def __init__(self, call: Any, *args: Any) -> None:
        self.call, self.args = call, args

    def __reduce__(self) -> Any:
        return self.call, self.args


@pytest.mark.parametrize(
    "thing",
    [
        Runs(os.system, "touch ran"),
        Runs(eval, "open('ran', 'w')"),
        Runs(exec, "open('ran', 'w')"),
        Runs(subprocess.Popen, ["touch", "ran"]),
        Runs(getattr, "text", "upper"),
        Runs(np.fromfile, "params.pkl"),
        Runs(np.ndarray, (10,)),
        Runs(os.path.join, "a", "b"),
        Path("some"),
        np.array([{}], dtype=object),
        np.zeros(2, [("a", float)]),
        np.array(["text"]),
        np.random.default_rng,
        Affine(np.zeros((1, 1)), 0),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, thing: Any) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "params.pkl"
    for given in (thing, {"W1": thing}, [np.zeros(2), {"deep": (thing,)}]):
        for protocol in (0, 2, pickle.HIGHEST_PROTOCOL):
            path.write_bytes(pickle.dumps(given, protocol))
            with pytest.raises(ValueError, match="is not a weight file"):
                load_params(path)
    assert [each.name for each in tmp_path.iterdir()] == ["params.pkl"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a pickle",
        pickle.dumps({"W": np.zeros(100)})[:-60],
        pickle.dumps([1, 2]),
        pickle.dumps(np.zeros(3)),
        b"cos\nsystem\n(S'touch ran'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I99999999999\ntS'b'\ntR.",
        b"cnumpy\ndtype\n(S'O'\ntR.",
        b"\x80\x04cmultiarray\n_reconstruct\n.",
        b"\x80\x02U\x04evilQ.",
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "params.pkl"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"params\.pkl is not a weight file"):
        load_params(path)


def test_a_file_cannot_ask_for_more_time_or_memory_than_it_has_bytes(tmp_path: Path) -> None:
    path = tmp_path / "params.pkl"
    for data in (
        b"\x80\x05}\x96" + (2**34).to_bytes(8, "little") + b"ab.",
        b"\x80\x02}r\xff\xff\xff\x7f.",
    ):
        path.write_bytes(data)
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match="is not a weight file"):
                load_params(path)
            assert tracemalloc.get_traced_memory()[1] < 10**6
        finally:
            tracemalloc.stop()


def test_what_a_file_holds_often_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "params.pkl"
    nested: list[Any] = []
    for _ in range(60):
        nested = [nested, nested]
    path.write_bytes(pickle.dumps({"nested": nested}))
    found = load_params(path)["nested"]
    assert len(found) == 2
    assert found[0] is found[1]
    cycle: list[Any] = []
    cycle.append(cycle)
    path.write_bytes(pickle.dumps({"cycle": cycle}))
    with pytest.raises(ValueError, match="is not a weight file"):
        load_params(path)


def test_arrays_hold_no_more_bytes_than_the_file(tmp_path: Path) -> None:
    path = tmp_path / "params.pkl"
    numbers = bytes(8000)
    path.write_bytes(pickle.dumps({str(i): Again(numbers) for i in range(3)}, 5))
    with pytest.raises(ValueError, match="larger than the file"):
        load_params(path)


def test_keys_need_not_be_names(tmp_path: Path) -> None:
    path = tmp_path / "params.pkl"
    path.write_bytes(pickle.dumps({"W1": 1.0, 2: 2.0, (3,): 3.0}))
    assert set(load_params(path)) == {"W1", 2, (3,)}
    network = MultiLayerNet(4, [3], 2)
    with pytest.raises(ValueError, match="but the network"):
        load_params(path, network)


@pytest.mark.parametrize("value", [["n", "n", "n"], [[1.0], [1.0, 2.0], 3.0], np.full(3, 1j), None])
def test_what_is_no_number_changes_nothing(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "params.pkl"
    network = MultiLayerNet(4, [3], 2)
    before = {key: array.copy() for key, array in network.params.items()}
    path.write_bytes(pickle.dumps({**weights(), "b1": value}))
    with pytest.raises(ValueError, match=r"b1 in .*params\.pkl is no array of real numbers"):
        load_params(path, network)
    for key, array in before.items():
        np.testing.assert_array_equal(network.params[key], array)
    model = hl.Sequential([hl.Input((4,)), hl.layers.Dense(3), hl.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"b1 in .*params\.pkl is no array of real numbers"):
        load_params(path, model)


def test_a_pickle_cannot_change_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "params.pkl"
    # BUILD with slots: setattr on what find_class gave.
    path.write_bytes(b"\x80\x02cnumpy\ndtype\nN}X\x04\x00\x00\x00evilK\x01s\x86b.")
    with pytest.raises(ValueError, match="is not a weight file"):
        load_params(path)
    path.write_bytes(pickle.dumps(weights()))
    assert set(load_params(path)) == {"W1", "b1", "W2", "b2"}


def test_into_a_network_of_the_book(tmp_path: Path) -> None:
    path = tmp_path / "params.pkl"
    net = MultiLayerNet(4, [3], 2)
    given = weights()
    path.write_bytes(pickle.dumps(given))
    load_params(path, net)
    assert net.layers["Affine1"].W is net.params["W1"]
    x = rng.random((5, 4))
    wanted = np.maximum(x @ given["W1"] + given["b1"], 0) @ given["W2"] + given["b2"]
    np.testing.assert_allclose(net.predict(x), wanted)
    other = MultiLayerNet(4, [5], 2)
    before = {key: value.copy() for key, value in other.params.items()}
    with pytest.raises(
        ValueError, match=r"W1 in .* has shape \(4, 3\), but the model takes \(4, 5\)"
    ):
        load_params(path, other)
    for key, value in before.items():
        np.testing.assert_array_equal(other.params[key], value)
    with pytest.raises(ValueError, match="but the network"):
        load_params(path, MultiLayerNet(4, [3, 3], 2))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_into_a_model(tmp_path: Path, data_format: Any) -> None:
    w1, b1, w2, b2 = (rng.standard_normal(s) for s in ((5, 2, 3, 3), (5,), (45, 4), (4,)))
    path = tmp_path / "params.pkl"
    path.write_bytes(pickle.dumps({"W1": w1, "b1": b1, "W2": w2, "b2": b2}))
    last = data_format == "channels_last"
    model = hl.Sequential(
        [
            hl.layers.Conv2D(
                5,
                3,
                activation="relu",
                data_format=data_format,
                input_shape=(8, 8, 2) if last else (2, 8, 8),
            ),
            hl.layers.MaxPool2D(2, data_format=data_format),
            hl.layers.Flatten(),
            hl.layers.Dense(4),
        ],
        dtype="float64",
    )
    load_params(path, model)
    x = rng.random((3, 2, 8, 8))
    y: Any = x
    for layer in (Convolution(w1, b1), Relu(), Pooling(2, 2, 2), Affine(w2, b2)):
        y = layer.forward(y)
    found = model.predict(x.transpose(0, 2, 3, 1) if last else x, verbose=0)
    np.testing.assert_allclose(found, y, rtol=1e-10)
    small = hl.Sequential([hl.layers.Dense(4, input_shape=(45,))])
    with pytest.raises(ValueError, match="load_params"):
        load_params(path, small)
    path.write_bytes(pickle.dumps({"W1": w2[:7], "b1": b2}))
    with pytest.raises(
        ValueError, match=r"W1 in .* has shape \(7, 4\), but the model takes \(45, 4\)"
    ):
        load_params(path, small)
