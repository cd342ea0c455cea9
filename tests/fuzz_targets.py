"""What ``scripts/fuzz.py`` and ``test_fuzz.py`` feed with hostile bytes, and what may come of it.

An input is either read or refused: by a ValueError or OSError that names the file (for texts of a user's own
also a TypeError). Anything else is a fault, a `Fault` here.

Archives carry checksums that no blind change of bytes would ever meet. So their inputs begin with ``R``, the
bytes of a file as they are, or with ``Z``, parts that are packed with right checksums and lengths:
description, then header and data of each member of arrays, between separators. ``L`` and four digits stand for
``Z`` with the last layer so many times over: long models in short inputs.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import math
import os
import re
import struct
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import fuzz_sizes
import fuzz_watch
import hotloop as hl
from hotloop import cli, layers
from hotloop._bench import compare
from hotloop.book.weights import load_params
from hotloop.cli import data as cli_data
from hotloop.datasets import _npz, digits
from hotloop.datasets.idx import read_idx
from hotloop.saving.model_files import named_weights

CORPUS = Path(__file__).with_name("fuzz_corpus")
SEPARATOR = b"\n--part--\n"
MEMBERS = {
    "model": ("model.json", "weights.safetensors", "optimizer.safetensors"),
    "weights": ("weights.json", "weights.safetensors"),
    "state": ("state.json", "arrays.safetensors"),
}
_LARGE = 10**5  # elements; models beyond are read, but not run


class Fault(AssertionError):
    """An outcome that is neither an answer nor a refusal in clear words."""


@cache
def folder() -> Path:
    """Return a folder of this process's own, in memory where there is one."""
    memory = Path("/dev/shm")
    root = memory if os.access(memory, os.W_OK) else None
    made = tempfile.TemporaryDirectory(prefix="hotloop-fuzz-", dir=root)
    _KEPT.append(made)
    return Path(made.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def _file(content: bytes) -> Path:
    path = folder() / "input"
    path.write_bytes(content)
    return path


def packed(target: str, data: bytes) -> bytes:
    """Return the file that an input of an archive target stands for."""
    if data[:1] == b"L":
        first, *others = data[5:].split(SEPARATOR)
        data = b"Z" + SEPARATOR.join([_lengthened(first, data[1:5]), *others])
    if data[:1] != b"Z":
        return data[1:]
    description, *rest = data[1:].split(SEPARATOR)
    names = MEMBERS[target]
    members = {names[0]: description}
    for name, header, numbers in zip(names[1:], rest[::2], rest[1::2], strict=False):
        members[name] = struct.pack("<Q", len(header)) + header + numbers
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


def _lengthened(description: bytes, count: bytes) -> bytes:
    """Repeat the last layer of a model in a row, under other names."""
    try:
        tree = json.loads(description)
        items = tree["model"]["config"]["layers"]
        last = items[-1]
        items += [
            {**last, "config": {**last["config"], "name": f"again_{i}"}} for i in range(int(count))
        ]
    except (LookupError, TypeError, ValueError, RecursionError):
        return description
    return json.dumps(tree).encode()


def unpacked(target: str, file: bytes) -> bytes:
    """Return the input that stands for a sound file."""
    parts = []
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        for name in MEMBERS[target]:
            if name not in archive.namelist():
                continue
            content = archive.read(name)
            if name.endswith(".json"):
                parts.append(content)
            else:
                (length,) = struct.unpack("<Q", content[:8])
                parts += [content[8 : 8 + length], content[8 + length :]]
    return b"Z" + SEPARATOR.join(parts)


@contextlib.contextmanager
def refused(*kinds: type[Exception], naming: Path | str = "") -> Iterator[None]:
    """Let a refusal of these kinds through that says something, and names the file."""
    try:
        yield
    except kinds as error:
        if not str(error).strip() or str(naming) not in str(error):
            msg = f"refused without saying what: {error!r}"
            raise Fault(msg) from error
        if len(str(error)) > fuzz_watch.LONGEST + len(str(naming)):
            msg = f"refused in {len(str(error))} characters: {str(error)[:300]}"
            raise Fault(msg) from error


def _run(model: Any) -> None:
    """Predict with a model that has been read, if it is small: it must answer or refuse too.

    Padding or dilation may still ask for more memory than there is: then MemoryError is the answer.
    """
    shapes = [getattr(layer, "output_shape", None) for layer in model.all_layers()]
    shape = model.input_shape if model.built else None
    for each in [shape, *shapes]:
        if not isinstance(each, tuple) or not all(isinstance(n, int | None) for n in each):
            return
        if math.prod(n or 1 for n in each) > _LARGE:
            return
    assert shape is not None
    x = np.ones([1, *(3 if n is None else n for n in shape[1:])], np.float32)
    with refused(ValueError, TypeError, MemoryError), np.errstate(all="ignore"):
        model.predict(x, verbose=0)


def model_file(data: bytes) -> None:
    """Load a model, and run it."""
    path = _file(packed("model", data))
    with fuzz_sizes.little_memory(), refused(ValueError, OSError, naming=path):
        try:
            loaded = hl.models.load_model(path)
        except ValueError as error:
            # All that a file of some kilobytes may have made is what it holds.
            if "more memory than there is" in str(error):
                msg = f"allocated before it was checked: {error}"
                raise Fault(msg) from error
            raise
        _run(loaded)


@cache
def small() -> hl.Sequential:
    """Return the model into which weights and states are read."""
    model = hl.Sequential(
        [
            hl.Input((4,)),
            layers.Dense(3, "relu", name="a"),
            layers.BatchNormalization(name="n"),
            layers.Dropout(0.5, seed=1, name="d"),
            layers.Dense(2, "softmax", name="b"),
        ]
    )
    model.compile(hl.optimizers.Adam(0.01), "sparse_categorical_crossentropy", ["accuracy"])
    for array in named_weights(model).values():
        array[...] = 0.5
    return model


def _bits(model: Any) -> bytes:
    return b"".join(array.tobytes() for array in named_weights(model).values())


def weights_file(data: bytes) -> None:
    """Load weights into a model: all or none."""
    path, model = _file(packed("weights", data)), small()
    before = _bits(model)
    read = False
    with refused(ValueError, OSError, naming=path):
        model.load_weights(path)
        read = True
    if not read and _bits(model) != before:
        msg = "a refused file has changed weights"
        raise Fault(msg)


def training_state(data: bytes) -> None:
    """Go on with a training from a backup: all or nothing."""
    path, model = folder() / "training.state", small()
    path.write_bytes(packed("state", data))
    x, t = np.ones((8, 4), np.float32), np.arange(8) % 2
    before = _bits(model)
    begun = []
    calls = [
        *fuzz_watch.watched(path.parent),
        hl.callbacks.LambdaCallback(on_train_batch_begin=lambda *_: begun.append(1)),
        hl.callbacks.BackupAndRestore(path.parent, delete_checkpoint=False),
    ]
    given = fuzz_watch.arguments(calls)
    read = False
    with refused(ValueError, OSError, naming=path), np.errstate(all="ignore"):
        model.fit(x, t, batch_size=4, epochs=2, verbose=0, callbacks=calls)
        read = True
    if not read and (begun or _bits(model) != before):
        msg = "a refused backup has changed the training"
        raise Fault(msg)
    wrong = fuzz_watch.wrong(model, calls, given)
    if wrong:
        raise Fault(wrong)


def idx_file(data: bytes) -> None:
    """Read an IDX file; the first byte says whether it is gzipped here."""
    path = _file(gzip.compress(data[1:], 1) if data[:1] == b"G" else data[1:])
    with refused(ValueError, OSError, naming=path):
        read_idx(path, max_bytes=2**24)


def book_pickle(data: bytes) -> None:
    """Read a weight file of the book, alone and into a network."""
    path = _file(data)
    params = {"W1": np.zeros((2, 3)), "b1": np.zeros(3)}
    with refused(ValueError, OSError, naming=path):
        load_params(path)
        load_params(path, type("Network", (), {"params": params})())


def list_file(data: bytes) -> None:
    """Read a pickled array of lists, as data sets of words hold them."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", data)
    with refused(ValueError, naming="words"):
        _npz.read("words", file.getvalue(), ("x",))


def json_description(data: bytes) -> None:
    """Make a model from its description, and run it."""
    with refused(ValueError, TypeError):
        _run(hl.models.model_from_json(data.decode("utf-8", "surrogateescape")))


def _few() -> Any:
    train, test = digits.load_data()
    few = (train[0][:60], train[1][:60]), (test[0][:60], test[1][:60])
    return cli_data.Data("digits", *few, 1 / 16, [str(i) for i in range(10)], "digits")


_FAULT = re.compile(r"\w*(Error|Exception): |MemoryError|Unable to allocate")


def arguments(data: bytes) -> None:
    """Call the command, with little data, one epoch and a benchmark that does nothing."""
    texts = data.decode("utf-8", "surrogateescape").split("\0")
    # Whatever is a path stays in the folder of this process.
    argv = [text.replace("/", "_").replace("~", "_").replace("..", "_") for text in texts]
    here, old = folder() / "cli", Path.cwd()
    here.mkdir(exist_ok=True)
    model = here / "model.hotloop"
    if not model.exists():
        hl.Sequential([hl.Input((8, 8, 1)), layers.Flatten(), layers.Dense(10)]).save(model)
    keep = {cli: ["load"], compare: ["run"], hl.Sequential: ["fit"], sys: ["stdout", "stderr"]}
    kept = [(owner, name, getattr(owner, name)) for owner, names in keep.items() for name in names]
    load, fit = cli_data.load, hl.Sequential.fit
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    errors = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace")

    def one_epoch(self: Any, *args: Any, **kwargs: Any) -> Any:
        return fit(self, *args, **{**kwargs, "epochs": 1, "verbose": 0})

    def replace(owner: Any, name: str, value: Any) -> None:
        setattr(owner, name, value)

    code: object = None
    try:
        os.chdir(here)
        replace(cli, "load", lambda name: _few() if name == "digits" else load(name))
        replace(compare, "run", lambda **_: False)
        replace(hl.Sequential, "fit", one_epoch)
        replace(sys, "stdout", out)
        replace(sys, "stderr", errors)
        try:
            code = cli.main(argv)
        except SystemExit as end:
            code = end.code or 0
    finally:
        for owner, name, value in kept:
            replace(owner, name, value)
        os.chdir(old)
    errors.flush()
    said = errors.buffer.getvalue().decode()
    if code not in (0, 1, 2) or (code and not said.strip()) or (code == 1 and _FAULT.search(said)):
        msg = f"hotloop {argv} ended with {code!r}: {said}"
        raise Fault(msg)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "model": model_file,
    "calls": fuzz_sizes.call,
    "weights": weights_file,
    "state": training_state,
    "idx": idx_file,
    "pickle": book_pickle,
    "lists": list_file,
    "json": json_description,
    "cli": arguments,
}


def run(target: str, data: bytes) -> None:
    """Feed one input to a target; a `Fault` tells what must not happen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            TARGETS[target](data)
        except (Fault, KeyboardInterrupt):
            raise
        except BaseException as error:
            msg = f"{target}: {type(error).__name__}: {error}"
            raise Fault(msg) from error
