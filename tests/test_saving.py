"""Model files: bit for bit, atomic, and clear about what is wrong with a file."""

from __future__ import annotations

import contextlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

import hotloop as hl
from helpers_models import Scale, batch
from hotloop import layers, optimizers, saving

LOSS = "sparse_categorical_crossentropy"


def trained(optimizer: Any = "adam", dtype: str = "float32") -> hl.Sequential:
    hl.set_seed(1)
    model = hl.Sequential(
        [
            layers.Rescaling(0.5, input_shape=(6, 6, 1)),
            layers.Conv2D(3, 3, padding=((1, 1), (0, 1)), activation="relu"),
            layers.MaxPool2D(2),
            layers.Flatten(),
            layers.Dense(5, "tanh", kernel_initializer=hl.initializers.HeNormal(seed=2)),
            layers.Dense(4, "softmax"),
        ],
        name="net",
        dtype=dtype,
    )
    model.compile(optimizer, LOSS, metrics=["accuracy"])
    x, t = images()
    model.fit(x, t, batch_size=8, epochs=2, verbose=0)
    return model


def images() -> tuple[Any, Any]:
    x, t = batch(20, features=36)
    return x.reshape(-1, 6, 6, 1), t


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(0.1),
        optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        optimizers.Adam(0.01),
        optimizers.RMSprop(0.01),
        optimizers.Adagrad(0.01),
        optimizers.AdamW(0.01),
    ],
    ids=lambda o: type(o).__name__,
)
def test_a_loaded_model_is_equal_and_continues_bit_for_bit(
    tmp_path: Path, optimizer: Any, dtype: str
) -> None:
    model = trained(type(optimizer).from_config(optimizer.get_config()), dtype)
    path = tmp_path / "m.keras"
    model.save(path)
    hl.set_seed(99)
    state = hl.random.get_state()
    again = hl.models.load_model(path)
    assert hl.random.get_state() == state
    assert again.name == "net"
    assert again.dtype == dtype
    assert again.get_config() == model.get_config()
    x, t = images()
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    for _ in range(3):
        assert again.train_on_batch(x, t) == model.train_on_batch(x, t)
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert again.optimizer.iterations == model.optimizer.iterations


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    model = trained()
    model.save(tmp_path / "a")
    model.save(str(tmp_path / "b"))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    hl.models.load_model(tmp_path / "a").save(tmp_path / "c")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "c").read_bytes()


def test_uncompiled_and_compile_false(tmp_path: Path) -> None:
    model = hl.Sequential([layers.Dense(2, input_shape=(3,))])
    model.save(tmp_path / "m")
    assert hl.models.load_model(tmp_path / "m").optimizer is None
    trained().save(tmp_path / "m")
    assert hl.models.load_model(tmp_path / "m", compile=False).optimizer is None


def test_overwrite_and_leftovers(tmp_path: Path) -> None:
    model = trained()
    model.save(tmp_path / "m")
    model.save(tmp_path / "m")
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    with pytest.raises(FileExistsError, match="overwrite is False"):
        model.save(tmp_path / "m", overwrite=False)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m"
    trained().save(path)
    old = path.read_bytes()

    def fail(*args: Any) -> None:
        del args
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", fail)
    with pytest.raises(OSError, match="No space left"):
        trained("sgd").save(path)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_unbuilt_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not built"):
        hl.Sequential([layers.Dense(2)]).save(tmp_path / "m")
    assert [p.name for p in tmp_path.iterdir()] == []


def test_what_cannot_be_described_is_refused(tmp_path: Path) -> None:
    class Nameless(hl.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: int) -> float:  # noqa: ARG002
            return 0.1

    model = hl.Sequential([hl.Input((3,)), layers.Dense(2)])
    model.compile(hl.optimizers.SGD(Nameless()), "mse")
    with pytest.raises(ValueError, match="cannot be described"):
        model.save(tmp_path / "m")


def test_custom_layers(tmp_path: Path) -> None:
    model = hl.Sequential([hl.Input((3,)), layers.Dense(2), Scale()])
    model.params["scale/scale"][...] = [2, 3]
    model.save(tmp_path / "m")
    with pytest.raises(ValueError, match=r"unknown layer class 'Scale'; give it in custom_objects"):
        hl.models.load_model(tmp_path / "m")
    again = hl.models.load_model(tmp_path / "m", custom_objects={"Scale": Scale})
    x = np.ones((2, 3))
    np.testing.assert_array_equal(again.predict(x), model.predict(x))

    registered = saving.register_keras_serializable("tests")(type("Registered", (Scale,), {}))
    model = hl.Sequential([hl.Input((3,)), registered()])
    model.save(tmp_path / "m")
    np.testing.assert_array_equal(hl.models.load_model(tmp_path / "m").predict(x), x)


def rewrite(path: Path, change: Any) -> None:
    """Write the archive again, its members changed by `change(members)`."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    description = json.loads(members["model.json"])
    change(members, description)
    if "model.json" in members:
        members["model.json"] = json.dumps(description).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def set_in(*keys: Any, value: Any) -> Any:
    def change(members: Any, description: Any) -> None:
        del members
        inner = description
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value

    return change


def shift_weight(members: Any, description: Any) -> None:
    del description
    arrays = load(members["weights.safetensors"])
    arrays["other"] = arrays.pop("dense/bias")
    members["weights.safetensors"] = save(arrays)


def drop_slot_shape(members: Any, description: Any) -> None:
    del description
    arrays = load(members["optimizer.safetensors"])
    arrays["m/dense/bias"] = np.zeros(2, np.float32)
    members["optimizer.safetensors"] = save(arrays)


LAYERS = ("model", "config", "layers")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (set_in("format_version", value=2), "newer than this hotloop .* reads .*update hotloop"),
        (set_in("format_version", value="x"), "altered: format version 'x'"),
        (set_in("format", value="other"), "not a hotloop model file"),
        (set_in("model", "class", value="os.system"), "unknown model class"),
        (set_in(*LAYERS, 4, "class", value="Denze"), "unknown layer class 'Denze'"),
        (set_in(*LAYERS, 4, "config", "units", value=6), "needs float32"),
        (set_in(*LAYERS, 4, "config", "units", value=10**12), "needs float32"),
        (set_in(*LAYERS, 4, "config", "units", value="many"), "load_model"),
        (set_in(*LAYERS, 4, "config", "unit", value=6), "its config does not fit"),
        (set_in(*LAYERS, 4, "config", "name", value="d"), "the file holds no weight 'd/kernel'"),
        (set_in(*LAYERS, value=[]), "model 'net' has no layers"),
        (set_in(*LAYERS, value=3), "load_model"),
        (set_in("model", "config", value=None), "load_model"),
        *(
            (set_in("model", "config", "input_shape", value=sizes), "input_shape must be a tuple")
            for sizes in ([-4, 6, 6, 2], [None, True, 6, 2], [[0], 6, 6, 2], "", 3)
        ),
        # What NumPy says to "f4,,2" is a SyntaxError.
        (
            set_in("model", "config", "dtype", value="f4,,2"),
            "float32 or float64, got dtype 'f4,,2'",
        ),
        (set_in("compile", "optimizer", "class", value="Adamm"), "unknown optimizer class 'Adamm'"),
        (set_in("compile", "iterations", value=-1), "altered: iterations -1"),
        (set_in("compile", value=None), "do not fit the description"),
        (shift_weight, "the file holds no weight 'dense/bias'"),
        (drop_slot_shape, "optimizer slot 'm/dense/bias' fits no weight"),
        (lambda m, _: m.pop("model.json"), "no 'model.json' in it"),
        (lambda m, _: m.pop("weights.safetensors"), "do not fit the description"),
        (lambda m, _: m.update({"evil.pkl": b"x"}), "it holds 'evil.pkl'"),
        (
            lambda m, _: m.update({"weights.safetensors": b"junk"}),
            "'weights.safetensors' is altered",
        ),
    ],
)
def test_altered_and_foreign_descriptions(tmp_path: Path, change: Any, text: str) -> None:
    path = tmp_path / "m"
    trained().save(path)
    rewrite(path, change)
    with pytest.raises(ValueError, match=text) as caught:
        hl.models.load_model(path)
    assert str(path) in str(caught.value)


def test_truncated_files(tmp_path: Path) -> None:
    path = tmp_path / "m"
    trained().save(path)
    whole = path.read_bytes()
    for size in [0, 1, 100, len(whole) // 2, len(whole) - 30, len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="not a hotloop model file, or truncated"):
            hl.models.load_model(path)


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "m"
    model = trained()
    model.save(path)
    whole = path.read_bytes()
    x, _ = images()
    expected = model.predict(x)
    refused = 0
    for place in range(0, len(whole), 37):
        broken = bytearray(whole)
        broken[place] ^= 0x55
        path.write_bytes(bytes(broken))
        # Bytes that no checksum covers, dates and attributes of the archive, change no weight.
        again = None
        with contextlib.suppress(ValueError):
            again = hl.models.load_model(path)
        if again is None:
            refused += 1
        else:
            np.testing.assert_array_equal(again.predict(x), expected)
    assert refused > 0.9 * len(range(0, len(whole), 37))


def test_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        hl.models.load_model(tmp_path / "none")
    path = tmp_path / "m"
    path.write_text("hello")
    with pytest.raises(ValueError, match="not a hotloop model file"):
        hl.models.load_model(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ValueError, match=r"it holds 'config.json'"):
        hl.models.load_model(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.json", "0" * 10**6)
    with pytest.raises(ValueError, match="compressed or larger than the file"):
        hl.models.load_model(path)


def test_an_archive_makes_no_room_for_what_its_directory_alone_says(tmp_path: Path) -> None:
    path = tmp_path / "model.hotloop"
    hl.Sequential([layers.Dense(2, input_shape=(3,))]).save(path)
    whole = bytearray(path.read_bytes())
    entry = whole.rindex(b"PK\x01\x02")
    whole[entry + 20 : entry + 24] = (2**31).to_bytes(4, "little")  # the compressed size
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="larger than the file"):
        hl.models.load_model(path)
