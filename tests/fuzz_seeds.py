"""The corpus of the fuzz targets, made anew: ``scripts/fuzz.py --write-seeds``."""

from __future__ import annotations

import contextlib
import io
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import fuzz_sizes
import fuzz_watch
import hotloop as hl
from fuzz_targets import CORPUS, small, unpacked
from hotloop import layers


class _Stop(Exception):
    pass


def _models() -> dict[str, Any]:
    plain = hl.Sequential([hl.Input((4,)), layers.Dense(3, "relu"), layers.Dense(2, "softmax")])
    image = hl.Sequential(
        [
            hl.Input((6, 6, 1)),
            layers.Conv2D(2, 3, padding="same", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.MaxPool2D(2),
            layers.Dropout(0.2, seed=1),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    a = hl.Input((3,))
    b = layers.Dense(2, "tanh")(a)
    c = layers.Dense(2)(a)
    graph = hl.Model(a, layers.Concatenate()([layers.Add()([b, c]), c]))
    nested = hl.Sequential(
        [hl.Input((3,)), hl.Sequential([layers.Dense(2)]), layers.Reshape((2, 1))]
    )
    plain.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    image.compile(hl.optimizers.SGD(0.1, momentum=0.9), "mse", [hl.metrics.F1Score("macro")])
    return {"plain": plain, "image": image, "graph": graph, "nested": nested}


def _idx(code: int, shape: tuple[int, ...], data: bytes) -> bytes:
    return bytes([0, 0, code, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape) + data


def _state(folder: Path) -> bytes:
    def stop(*_: Any) -> None:
        raise _Stop

    model = small()
    calls = [
        *fuzz_watch.watched(folder),
        hl.callbacks.BackupAndRestore(folder, save_freq=1),
        hl.callbacks.LambdaCallback(on_epoch_end=stop),
    ]
    with contextlib.suppress(_Stop):
        model.fit(np.ones((8, 4)), np.arange(8) % 2, batch_size=4, verbose=0, callbacks=calls)
    return (folder / "training.state").read_bytes()


def seeds() -> dict[str, dict[str, bytes]]:
    """Return inputs by target and name."""
    made: dict[str, dict[str, bytes]] = {name: {} for name in ("model", "weights", "json")}
    with tempfile.TemporaryDirectory() as made_here:
        folder = Path(made_here)
        for name, model in _models().items():
            model.save(folder / name)
            made["model"][name] = unpacked("model", (folder / name).read_bytes())
            made["json"][name] = model.to_json().encode()
        made["model"]["raw"] = b"R" + (folder / "plain").read_bytes()
        hl.Sequential([hl.Input((4,)), layers.Activation("relu", name="a")]).save(folder / "long")
        made["model"]["long"] = b"L0300" + unpacked("model", (folder / "long").read_bytes())[1:]
        small().save_weights(folder / "weights")
        weights = (folder / "weights").read_bytes()
        made["weights"] = {"raw": b"R" + weights, "parts": unpacked("weights", weights)}
        state = _state(folder)
        made["state"] = {"raw": b"R" + state[-2000:], "watched": unpacked("state", state)}
    image = bytes(range(24))
    made["idx"] = {
        "images": b"R" + _idx(8, (2, 3, 4), image),
        "labels": b"R" + _idx(8, (3,), b"\1\2\3"),
        "float64": b"R" + _idx(14, (3,), image),
        "gzip": b"G" + _idx(12, (2, 3), image),
        "empty": b"R" + _idx(8, (0, 3), b""),
        "huge": b"R" + _idx(8, (2**32 - 1,) * 8, b""),
    }
    arrays = {"W1": np.arange(6.0).reshape(2, 3), "b1": np.zeros(3)}
    other = {"W1": np.ones((2, 3), ">f4", order="F"), "b1": np.float32(2), "n": (1, 2.5, None, {3})}
    made["pickle"] = {f"protocol{n}": pickle.dumps(arrays, n) for n in (0, 2, 4)}
    made["pickle"] |= {f"other{n}": pickle.dumps(other, n) for n in (2, 5)}
    out = io.BytesIO()
    pickle.Pickler(out, 5, buffer_callback=lambda _: None).dump(arrays)
    made["pickle"]["out-of-band"] = out.getvalue()
    lists = np.fromiter([[1, 2], [300, 70_000], []], object, 3)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": (3,)}
    )
    made["lists"] = {f"protocol{n}": header.getvalue() + pickle.dumps(lists, n) for n in (2, 4)}
    made["cli"] = {
        "info": b"info",
        "train": b"train\0--data\0digits\0--model\0mlp\0--epochs\x001\0--batch-size\x0032\0--out\0run",
        "resume": b"train\0--out\0run\0--resume\0--epochs\x003",
        "options": b"train\0--optimizer\0sgd\0--lr\x000.1\0--seed\x007\0--out\0run",
        "evaluate": b"evaluate\0model.hotloop\0--data\0digits\0--batch-size\x005",
        "bench": b"bench\0--quick\0--only\0matmul\0--json\0x.json",
        "help": b"train\0--help",
    }
    for target, inputs in fuzz_sizes.seeds().items():
        made.setdefault(target, {}).update(inputs)
    return made


def write() -> None:
    """Write the corpus; what a fuzz run has added stays."""
    for target, inputs in seeds().items():
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        for name, data in inputs.items():
            (CORPUS / target / name).write_bytes(data)


__all__ = ["seeds", "write"]
