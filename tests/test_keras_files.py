"""Keras's files: written as Keras writes them, and read as Keras 3.15 left them (tests/keras_files)."""

from __future__ import annotations

import io
import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hotloop as hl
import keras_oracle
from export_models import MODELS, answers, made, samples
from hotloop import layers, ops
from hotloop.layers import Dense, Input

h5py = pytest.importorskip("h5py", reason="h5py is not installed: pip install 'hotloop[keras]'")
HERE = Path(__file__).parent / "keras_files"


def trained(name: str) -> tuple[hl.Model, Any, Any]:
    """Return a model that has taken two steps, and data for more."""
    model = made(name)
    xs = samples(model, 8)
    rng = np.random.default_rng(0)
    ts = [rng.random(y.shape).astype("f4") for y in answers(model, xs)]
    x, t = (part if len(part) > 1 else part[0] for part in (xs, ts))
    model.compile("adam", "mse" if len(ts) == 1 else ["mse", "mae", "mse"])
    model.train_on_batch(x, t)
    model.train_on_batch(x, t)
    return model, x, t


def losses(model: Any, x: Any, t: Any, count: int = 10) -> list[float]:
    found = [model.train_on_batch(x, t) for _ in range(count)]
    return [float(one[0] if isinstance(one, list | tuple) else one) for one in found]


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path: Path, content: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def without_ours(path: Path) -> None:
    """Take away what Keras would not have written."""
    content = members(path)
    del content["hotloop.json"]
    pack(path, content)


@pytest.mark.parametrize("name", MODELS)
def test_what_keras_reads_says_it_all(name: str, tmp_path: Path) -> None:
    """Without the native description the model is the same, and goes on with the same losses."""
    model, x, t = trained(name)
    xs = x if isinstance(x, list) else [x]
    path = tmp_path / "m.keras"
    model.save(path)
    assert list(members(path)) == [
        "metadata.json", "config.json", "model.weights.h5", "hotloop.json",
    ]  # fmt: skip
    whole = hl.models.load_model(path)
    without_ours(path)
    again = hl.models.load_model(path)
    for other in (whole, again):
        assert other.name == model.name
        assert other.optimizer.iterations == 2
        for y, want in zip(answers(other, xs), answers(model, xs), strict=True):
            np.testing.assert_array_equal(y, want)
    expected = losses(whole, x, t)
    if name != "simple_convnet":  # its dropout begins anew without our own description
        np.testing.assert_allclose(losses(again, x, t), expected, rtol=1e-6)
    assert losses(model, x, t) == expected


@pytest.mark.parametrize("name", MODELS)
def test_weights_files(name: str, tmp_path: Path) -> None:
    model = made(name)
    path = tmp_path / "m.weights.h5"
    model.save_weights(path)
    expected = model.get_weights()
    model.set_weights([0 * w for w in expected])
    model.load_weights(path)
    for w, want in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(w, want)
    with h5py.File(path) as file:
        assert file["vars"].attrs["name"] == model.name


def recorded(name: str, what: str) -> list[Any]:
    with np.load(HERE / "answers.npz") as held:
        return [held[key] for key in sorted(held) if key.startswith(f"{name}_{what}")]


@pytest.mark.parametrize("name", ["sequential", "functional"])
def test_files_that_keras_wrote(name: str) -> None:
    model = hl.models.load_model(HERE / f"{name}.keras")
    xs, ys, ts = (recorded(name, what) for what in "xyt")
    x = xs[0] if len(xs) == 1 else xs
    found = model.predict(x, verbose=0)
    found = list(found.values()) if isinstance(found, dict) else [found]
    for y, want in zip(found, ys, strict=True):
        np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-5)
    t = ts[0] if len(ts) == 1 else dict(zip(("one", "two"), ts, strict=True))
    np.testing.assert_allclose(losses(model, x, t), recorded(name, "losses")[0], rtol=1e-5)
    model.set_weights([0 * w for w in model.get_weights()])
    model.load_weights(HERE / f"{name}.weights.h5")
    again = model.predict(x, verbose=0)
    again = list(again.values()) if isinstance(again, dict) else [again]
    for y, want in zip(again, ys, strict=True):
        np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-5)


def test_a_legacy_model(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    shutil.copy(HERE / "sequential.h5", path)
    model = hl.models.load_model(path)
    (x,), (y,), (t,) = (recorded("sequential", what) for what in "xyt")
    np.testing.assert_allclose(model.predict(x, verbose=0), y, rtol=1e-5, atol=1e-5)
    assert losses(model, x, t)[-1] < recorded("sequential", "losses")[0][0]
    model.set_weights([0 * w for w in model.get_weights()])
    model.load_weights(path)
    np.testing.assert_allclose(model.predict(x, verbose=0), y, rtol=1e-5, atol=1e-5)


def test_a_model_of_keras_2_by_its_config(tmp_path: Path) -> None:
    """Nodes as lists, shapes of the batch in the first layer, initializers without modules."""
    glorot = {"class_name": "GlorotUniform", "config": {"seed": None}}
    rest = {"dtype": "float32", "kernel_initializer": glorot, "activation": "tanh"}

    def entry(kind: str, name: str, nodes: Any, **config: Any) -> dict[str, Any]:
        given = {"name": name, "trainable": True, **config}
        return {"class_name": kind, "name": name, "config": given, "inbound_nodes": nodes}

    config = {
        "class_name": "Functional",
        "config": {
            "name": "old",
            "layers": [
                entry("InputLayer", "x", [], batch_input_shape=[None, 4], dtype="float32"),
                entry("Dense", "a", [[["x", 0, 0, {}]]], units=3, **rest),
                entry("Dense", "b", [[["x", 0, 0, {}]]], units=3, **rest),
                entry("Add", "sum", [[["a", 0, 0, {}], ["b", 0, 0, {"training": None}]]]),
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["sum", 0, 0]],
        },
    }
    x = Input((4,))
    model = hl.Model(x, layers.Add()([Dense(3, "tanh")(x), Dense(3, "tanh")(x)]))
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        held = file.create_group("model_weights")
        held.attrs["layer_names"] = [b"x", b"a", b"b", b"sum"]
        arrays = iter(model.get_weights())
        for name in ("x", "a", "b", "sum"):
            group = held.create_group(name)
            names = [f"{name}/kernel:0", f"{name}/bias:0"] if name in "ab" else []
            group.attrs["weight_names"] = [n.encode() for n in names]
            for n in names:
                group.create_dataset(n, data=next(arrays))
    again = hl.models.load_model(tmp_path / "old.h5")
    (data,) = samples(model)
    np.testing.assert_array_equal(again.predict(data, verbose=0), model.predict(data, verbose=0))


def test_configs_are_those_of_keras(tmp_path: Path) -> None:
    """Each layer's module, class and keys stand in a file of Keras's."""
    theirs = json.loads(members(HERE / "sequential.keras")["config.json"])
    model = hl.models.load_model(HERE / "sequential.keras")
    model.save(tmp_path / "m.keras")
    ours = json.loads(members(tmp_path / "m.keras")["config.json"])
    assert set(ours) == set(theirs)
    for mine, other in zip(ours["config"]["layers"], theirs["config"]["layers"], strict=True):
        assert mine["module"] == other["module"]
        assert mine["class_name"] == other["class_name"]
        assert set(mine["config"]) <= set(other["config"])
        for key, value in mine["config"].items():
            if isinstance(value, dict):
                assert value["class_name"] == other["config"][key]["class_name"]
            elif key != "dtype":
                assert value == other["config"][key]
    with (
        h5py.File(io.BytesIO(members(tmp_path / "m.keras")["model.weights.h5"])) as mine,
        h5py.File(io.BytesIO(members(HERE / "sequential.keras")["model.weights.h5"])) as other,
    ):
        shapes: list[dict[str, Any]] = []
        for file in (mine, other):
            found: dict[str, Any] = {}
            file.visititems(lambda n, o, found=found: found.update({n: getattr(o, "shape", None)}))
            shapes.append({name: shape for name, shape in found.items() if shape is not None})
        assert shapes[0] == shapes[1]


def test_operations_and_losses_of_ones_own_come_back(tmp_path: Path) -> None:
    x = Input((4,))
    model = hl.Model(x, ops.exp(Dense(3)(x)) * 0.5)
    model.compile("nadam", loss=own_loss)
    data, t = samples(model)[0], np.ones((4, 3), "f4")
    model.train_on_batch(data, t)
    model.save(tmp_path / "m.keras")
    again = hl.models.load_model(tmp_path / "m.keras", {"own_loss": own_loss})
    assert losses(again, data, t) == losses(model, data, t)
    without_ours(tmp_path / "m.keras")
    plain = hl.models.load_model(tmp_path / "m.keras", compile=False)
    plain.set_weights(model.get_weights())
    np.testing.assert_array_equal(plain.predict(data), model.predict(data))


def own_loss(t: Any, y: Any) -> Any:
    return ops.mean(ops.square(t - y), axis=-1)


def test_old_archives_under_keras_names_load(tmp_path: Path) -> None:
    model = made("residual")
    model.save(tmp_path / "m.hotloop")
    model.save_weights(tmp_path / "w.hotloop")
    shutil.move(tmp_path / "m.hotloop", tmp_path / "m.keras")
    shutil.move(tmp_path / "w.hotloop", tmp_path / "m.weights.h5")
    again = hl.models.load_model(tmp_path / "m.keras")
    (x,) = samples(model)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    again.load_weights(tmp_path / "m.weights.h5")
    again.load_weights(tmp_path / "m.keras")


def _edit(change: Callable[[Any], Any]) -> Callable[[dict[str, bytes]], None]:
    def edit(content: dict[str, bytes]) -> None:
        config = json.loads(content["config.json"])
        change(config["config"]["layers"])
        content["config.json"] = json.dumps(config).encode()

    return edit


def _weights(change: Callable[[Any], Any]) -> Callable[[dict[str, bytes]], None]:
    def edit(content: dict[str, bytes]) -> None:
        file = io.BytesIO(content["model.weights.h5"])
        with h5py.File(file, "r+") as held:
            change(held)
        content["model.weights.h5"] = file.getvalue()

    return edit


def _replace(held: Any, value: Any) -> None:
    del held["layers/dense/vars/0"]
    held["layers/dense/vars/0"] = value


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_edit(lambda ls: ls[1].update(class_name="Conv7D")), "unknown layer class 'Conv7D'"),
        (_edit(lambda ls: ls[1]["config"].update(lora_rank=3)), "lora_rank"),
        (_edit(lambda ls: ls[1]["config"].update(magic=3)), "'magic' is not known here, got 3"),
        (_edit(lambda ls: ls[1]["config"].update(dtype="bfloat16")), "not in 'bfloat16'"),
        (_edit(lambda ls: ls[1].pop("config")), "no description of a layer"),
        (lambda c: c.update({"config.json": b"{"}), "load_model"),
        (lambda c: c.update({"config.json": b"[1]"}), "no description of a layer or model"),
        (lambda c: c.update({"config.json": b'{"class_name": "Mine", "config": {}}'}), "'Mine' is unknown here"),
        (lambda c: c.pop("model.weights.h5"), "no Keras model"),
        (lambda c: c.update({"model.weights.h5": b"\x89HDF"}), "no HDF5 file, truncated or altered"),
        (_weights(lambda f: f.pop("layers/dense/vars")), "has 2 weights, 0 in the file"),
        (_weights(lambda f: _replace(f, np.ones((2, 2)))), r"weight dense/kernel is \(20, 13\) here"),
        (_weights(lambda f: _replace(f, h5py.SoftLink("/vars"))), "is a link"),
        (_weights(lambda f: _replace(f, h5py.ExternalLink("/etc/passwd", "/"))), "is a link"),
        (_weights(lambda f: _replace(f, np.full((20, 13), b"x"))), r"\|S1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(
    change: Callable[[dict[str, bytes]], None], why: str, tmp_path: Path
) -> None:
    path = tmp_path / "m.keras"
    made("mlp").save(path)
    content = members(path)
    del content["hotloop.json"]
    change(content)
    pack(path, content)
    with pytest.raises(ValueError, match=why) as caught:
        hl.models.load_model(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path))


def test_members_are_not_larger_than_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    made("mlp").save(path)
    content = members(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**content, "config.json": b" " * 10**7}.items():
            archive.writestr(name, data)
    with pytest.raises(ValueError, match="compressed or larger than the file"):
        hl.models.load_model(path)


def test_without_the_package_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = made("mlp")
    model.save(tmp_path / "m.keras")
    monkeypatch.setitem(sys.modules, "h5py", None)
    for call in (
        lambda: model.save(tmp_path / "n.keras"),
        lambda: model.save_weights(tmp_path / "n.weights.h5"),
        lambda: hl.models.load_model(tmp_path / "m.keras"),
    ):
        with pytest.raises(ImportError, match=r"^this needs h5py: pip install 'hotloop\[keras\]'$"):
            call()
    assert not (tmp_path / "n.keras").exists()


@pytest.mark.filterwarnings("ignore")  # of Keras's, about NumPy and PyTorch
def test_keras_reads_what_we_write_and_goes_on(tmp_path: Path) -> None:
    keras = keras_oracle.keras()
    for name in ("mlp", "norms", "separable", "shared"):
        model, x, t = trained(name)
        model.save(tmp_path / "m.keras")
        theirs = keras.saving.load_model(tmp_path / "m.keras")
        found = theirs.predict(x, verbose=0)
        xs = x if isinstance(x, list) else [x]
        for y, want in zip(
            found if isinstance(found, list) else [found], answers(model, xs), strict=True
        ):
            np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-5)
        assert [layer.name for layer in theirs.layers] == [layer.name for layer in model.layers]
        np.testing.assert_allclose(losses(theirs, x, t), losses(model, x, t), rtol=1e-4)
        theirs.save(tmp_path / "k.keras")
        again = hl.models.load_model(tmp_path / "k.keras")
        np.testing.assert_allclose(losses(theirs, x, t), losses(again, x, t), rtol=1e-4)
