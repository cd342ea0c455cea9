"""Keras's data sets: tiny files in the published formats, read as Keras reads them; hostile ones are refused."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hotloop as hl
from hotloop._support import unpickling
from hotloop.datasets import (
    DatasetNotFoundError,
    _npz,
    _words,
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    imdb,
    reuters,
)

RNG = np.random.default_rng(5)
PUBLISHED = [
    boston_housing.SOURCE,
    california_housing.SOURCE,
    cifar10.SOURCE,
    cifar100.SOURCE,
    imdb.SOURCE,
    imdb.WORDS,
    reuters.SOURCE,
    reuters.WORDS,
]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Name a folder of data, and keep the tests off cache and network."""
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("HOTLOOP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HOTLOOP_CACHE_DIR", str(tmp_path / "cache"))
    yield tmp_path / "data"
    hl.config.set_image_data_format("channels_last")


def publish(
    module: Any, where: Path, content: bytes, monkeypatch: Any, name: str = "SOURCE"
) -> Path:
    """Write a file as if it were the published one."""
    source = getattr(module, name)
    sha256 = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(module, name, replace(source, sha256=sha256, mirrors=()))
    path = where / str(source.name) / str(source.file)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def objects(lists: list[list[int]]) -> Any:
    return np.fromiter(lists, object, len(lists))


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


# --- words


def texts(n: int, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(1, 30, rng.integers(1, 9)).tolist() for _ in range(n)]


def as_keras(
    parts: Any, num_words: Any, skip: Any, maxlen: Any, start: Any, oov: Any, add: Any
) -> Any:
    """Encode word by word, as Keras's code does."""
    done = []
    for given_xs, ys in parts:
        xs = [[*([] if start is None else [start]), *(w + (add or 0) for w in x)] for x in given_xs]
        done.append([(x, y) for x, y in zip(xs, ys, strict=True) if not maxlen or len(x) < maxlen])
    end = num_words or max(max(x) for part in done for x, _ in part)
    if oov is None:
        return [[([w for w in x if skip <= w < end], y) for x, y in part] for part in done]
    return [[([w if skip <= w < end else oov for w in x], y) for x, y in part] for part in done]


@settings(max_examples=40, deadline=None)
@given(
    num_words=st.sampled_from([None, 1, 12, 40]),
    skip_top=st.integers(0, 9),
    maxlen=st.sampled_from([None, 4, 30]),
    start=st.sampled_from([None, 1]),
    oov=st.sampled_from([None, 2]),
    add=st.sampled_from([None, 0, 3]),
)
def test_words_are_numbered_as_keras_does_it_word_by_word(
    num_words: Any, skip_top: int, maxlen: Any, start: Any, oov: Any, add: Any
) -> None:
    parts = [([[5], *texts(9, 1)], np.arange(10)), ([[6], *texts(6, 2)], np.arange(7))]
    want = as_keras(parts, num_words, skip_top, maxlen, start, oov, add)
    got = _words.encoded(
        "t",
        parts,
        num_words=num_words,
        skip_top=skip_top,
        maxlen=maxlen,
        start_char=start,
        oov_char=oov,
        index_from=add,
    )
    for (x, y), rows in zip(got, want, strict=True):
        assert x.dtype == object
        assert x.tolist() == [row for row, _ in rows]
        assert y.tolist() == [label for _, label in rows]


def test_imdb(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, t = texts(20), texts(8, 3)
    labels = np.arange(20) % 2, np.arange(8) % 2
    content = npz(x_train=objects(x), y_train=labels[0], x_test=objects(t), y_test=labels[1])
    publish(imdb, data, content, monkeypatch)
    (x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=20)
    order, later = np.arange(20), np.arange(8)
    rng = np.random.RandomState(113)
    rng.shuffle(order)
    rng.shuffle(later)
    assert x_train[0] == [1, *(w + 3 if w + 3 < 20 else 2 for w in x[order[0]])]
    assert y_train.tolist() == labels[0][order].tolist()
    assert x_test[3][1:] == [w + 3 if w + 3 < 20 else 2 for w in t[later[3]]]
    assert y_test.tolist() == labels[1][later].tolist()
    assert all(type(word) is int for row in x_train for word in row)
    assert imdb.load_data(nb_words=20)[1][0].tolist() == x_test.tolist()
    with pytest.raises(TypeError, match="there is no argument 'words'"):
        imdb.load_data(words=3)
    with pytest.raises(ValueError, match="maxlen=1 keeps no text"):
        imdb.load_data(maxlen=1)


def test_lists_of_one_length(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(reuters, data, npz(x=objects([[5, 6]] * 10), y=np.arange(10)), monkeypatch)
    (x, y), (x_test, _) = reuters.load_data(test_split=0.3, start_char=None, index_from=0)
    assert (x.shape, y.shape, x_test.shape) == ((7,), (7,), (3,))
    assert x[0] == [5, 2]  # as in Keras, the largest of all is left out without num_words
    with pytest.raises(ValueError, match="test_split must be from 0 to below 1, got 1"):
        reuters.load_data(test_split=1)


def test_words_by_name(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (imdb, reuters):
        publish(module, data, json.dumps({"the": 1, "film": 7}).encode(), monkeypatch, "WORDS")
        assert module.get_word_index() == {"the": 1, "film": 7}
        publish(module, data, b"[1]", monkeypatch, "WORDS")
        with pytest.raises(ValueError, match="holds no dict of words"):
            module.get_word_index()
        publish(module, data, b"{", monkeypatch, "WORDS")
        with pytest.raises(ValueError, match="is no JSON"):
            module.get_word_index()
    assert len(reuters.get_label_names()) == 46


# --- tables


def test_tables(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = RNG.normal(size=(700, 8)), RNG.normal(size=700)
    for module in (boston_housing, california_housing):
        publish(module, data, npz(x=x, y=y), monkeypatch)
        (x_train, y_train), (x_test, y_test) = module.load_data(test_split=0.25, seed=4)
        order = np.arange(700)
        np.random.RandomState(4).shuffle(order)
        np.testing.assert_array_equal(np.concatenate([x_train, x_test]), x[order])
        np.testing.assert_array_equal(np.concatenate([y_train, y_test]), y[order])
        assert len(x_train) == 525
        with pytest.raises(ValueError, match="test_split"):
            module.load_data(test_split=-0.1)
    assert len(california_housing.load_data("small")[0][0]) == 480
    with pytest.raises(ValueError, match="version must be 'large' or 'small', got 'tiny'"):
        california_housing.load_data("tiny")


# --- images


def batch(n: int, seed: int, keys: dict[str, int]) -> tuple[bytes, Any]:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 256, (n, 3072), np.uint8)
    found: dict[Any, Any] = {key: rng.integers(0, k, n).tolist() for key, k in keys.items()}
    return _as_python_2({"data": rows, **found, "filenames": ["a.png"] * n}), (rows, found)


def _as_python_2(value: dict[str, Any]) -> bytes:
    """Pickle as Python 2 did: texts and bytes are the same kind of string."""

    def text(given: bytes | str) -> bytes:
        data = given.encode() if isinstance(given, str) else given
        return b"T" + len(data).to_bytes(4, "little") + data

    out = b"\x80\x02}("
    for key, each in value.items():
        out += text(key)
        if isinstance(each, np.ndarray):
            shape = b"".join(b"M" + n.to_bytes(2, "little") for n in each.shape) + b"\x86"
            kind = b"cnumpy\ndtype\n" + text("u1") + b"K\x00K\x01\x87R"
            kind += b"(K\x03" + text("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
            out += b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text("b")
            out += b"\x87R(K\x01" + shape + kind + b"\x89" + text(each.tobytes()) + b"tb"
        else:
            items = [text(i) if isinstance(i, str) else b"K" + bytes([i]) for i in each]
            out += b"](" + b"".join(items) + b"e"
    return out + b"u."


def tar(folder: str, files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


@pytest.mark.parametrize("form", ["channels_last", "channels_first"])
def test_cifar10(data: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    made = {name: batch(4, i, {"labels": 10}) for i, name in enumerate(cifar10.MD5)}
    content = tar(
        "cifar-10-batches-py", {"readme.html": b"x", **{n: b for n, (b, _) in made.items()}}
    )
    publish(cifar10, data, content, monkeypatch)
    hl.config.set_image_data_format(form)
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    size = (32, 32, 3) if form == "channels_last" else (3, 32, 32)
    assert (x_train.shape, y_train.shape) == ((20, *size), (20, 1))
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    rows, found = made["test_batch"][1]
    flat = x_test if form == "channels_first" else x_test.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(flat.reshape(4, -1), rows)
    assert y_test[:, 0].tolist() == found["labels"]
    np.testing.assert_array_equal(y_train[8:12, 0], made["data_batch_3"][1][1]["labels"])


def test_cifar100(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"fine_labels": 100, "coarse_labels": 20}
    made = {name: batch(5, i, keys) for i, name in enumerate(cifar100.MD5)}
    publish(
        cifar100, data, tar("cifar-100-python", {n: b for n, (b, _) in made.items()}), monkeypatch
    )
    for mode in ("fine", "coarse"):
        labels = cifar100.load_data(mode)[1][1]
        assert labels[:, 0].tolist() == made["test"][1][1][f"{mode}_labels"]
    with pytest.raises(ValueError, match="label_mode must be 'fine' or 'coarse', got 'middle'"):
        cifar100.load_data("middle")


@pytest.mark.parametrize("below", ["cifar100", "cifar100/cifar-100-python", ""])
def test_an_unpacked_archive_is_read_too(
    data: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    made = {name: batch(5, i, {"fine_labels": 100})[0] for i, name in enumerate(cifar100.MD5)}
    sums = {n: hashlib.md5(b, usedforsecurity=False).hexdigest() for n, b in made.items()}
    monkeypatch.setattr(cifar100, "MD5", sums)
    (data / below).mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        (data / below / name).write_bytes(content)
    assert cifar100.load_data()[0][0].shape == (5, 32, 32, 3)
    monkeypatch.setitem(sums, "test", "0" * 32)
    monkeypatch.setattr(cifar100, "SOURCE", replace(cifar100.SOURCE, mirrors=()))
    error = ValueError if below else DatasetNotFoundError
    with pytest.raises(error, match="is not the published file: its md5 is"):
        cifar100.load_data()


# --- where files come from


@pytest.mark.parametrize("source", PUBLISHED, ids=lambda source: source.file)
def test_sources_have_a_checksum(source: Any) -> None:
    assert len(source.sha256) == 64 or len(source.md5) == 32
    assert all(url.startswith("https://") and url.endswith("/") for url in source.mirrors)


def test_nowhere_says_where_it_looked_and_what_to_do(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imdb, "SOURCE", replace(imdb.SOURCE, mirrors=("http://127.0.0.1:9/",)))
    with pytest.raises(DatasetNotFoundError, match="no copy at hand") as caught:
        imdb.load_data()
    for part in (
        f"looked in {data / 'imdb'} (no imdb.npz)",
        f"looked in {tmp_path / 'cache' / 'imdb'} (no imdb.npz)",
        "tried http://127.0.0.1:9/imdb.npz: ",
        "put the file (imdb.npz) into a folder 'imdb' and set HOTLOOP_DATA_DIR",
    ):
        assert part in str(caught.value)


def test_a_file_that_is_not_the_published_one_is_refused(data: Path) -> None:
    (data / "imdb").mkdir()
    (data / "imdb/imdb.npz").write_bytes(npz(x_train=np.arange(3)))
    with pytest.raises(ValueError, match=r"its sha256 is .*; replace or remove it, or point"):
        imdb.load_data()


# --- hostile files


class Command:
    """Runs a command when it is unpickled by pickle.load."""

    def __reduce__(self) -> Any:
        return os.system, ("touch hostile",)


def member(shape: tuple[int, ...], pickled: bytes, descr: str = "|O") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    return file.getvalue() + pickled


def archive(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("x.npy", content)
    return file.getvalue()


SOUND = pickle.dumps(objects([[1, 2], [300, 70_000], []]), protocol=2)
HOSTILE = {
    "a call": member((1,), pickle.dumps(objects([[Command()]]), protocol=2)),  # type: ignore[list-item]
    "a dict": member((1,), pickle.dumps(np.array([{}], object))),
    "texts": member((1,), pickle.dumps(np.array(["a"], object))),
    "not ints": member((1,), pickle.dumps(objects([["a"]]))),  # type: ignore[list-item]
    "another count": member((4,), SOUND),
    "cut": member((3,), SOUND[:-5]),
    "a far place": member((3,), b"\x80\x02]r\xff\xff\xff\x7f."),
    "one list many times": member(
        (9,), b"\x80\x02](](" + b"K\x01" * 99 + b"eq\x01" + b"h\x01" * 99 + b"e."
    ),
    "deep": member((1,), b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b"."),
    "a huge shape": member((2**40, 2**40), b"", "<f8"),
    "texts as numbers": member((1,), b"\0" * 8, "<U2"),
    "cut numbers": member((4,), b"\0" * 24, "<f8"),
    "no header": b"\x93NUMPY\x01\x00\xff\xff{",
    "a version to come": b"\x93NUMPY\x09\x00",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_archives_are_refused(what: str) -> None:
    with pytest.raises(ValueError, match="t: the file is no archive of its arrays: ") as caught:
        _npz.read("t", archive(HOSTILE[what]), ("x",))
    assert len(str(caught.value)) <= 400
    assert not Path("hostile").exists()


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_changed_pickles_of_lists_are_read_or_refused(draw: st.DataObject) -> None:
    changed = bytearray(SOUND)
    for _ in range(draw.draw(st.integers(1, 4))):
        changed[draw.draw(st.integers(0, len(SOUND) - 1))] = draw.draw(st.integers(0, 255))
    found: list[Any] = [[]]
    said = "t: the file is no archive"
    try:
        found = _npz.read("t", archive(member((3,), bytes(changed))), ("x",))[0]
    except ValueError as error:
        said = str(error)
    assert said.startswith("t: the file is no archive")
    assert all(type(each) is list for each in found)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_lists_of_any_protocol(protocol: int) -> None:
    lists = [[1, 2], [300, 70_000], [], [2**40, -1]]
    assert unpickling.read_lists(pickle.dumps(objects(lists), protocol=protocol)) == lists


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"data": Command(), "labels": [0]}, protocol=2),
        pickle.dumps({"data": np.zeros((1, 3), np.uint8), "labels": [0]}),
        pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [10]}),
        pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [0, 1]}),
        pickle.dumps([1]),
        b"\x80\x02",
    ],
)
def test_hostile_batches_are_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    files = dict.fromkeys(cifar10.MD5, content)
    publish(cifar10, data, tar("cifar-10-batches-py", files), monkeypatch)
    with pytest.raises(ValueError, match=r"cifar10: data_batch_1 (is no batch|should hold)"):
        cifar10.load_data()
    assert not Path("hostile").exists()


@pytest.mark.parametrize("content", [b"no archive", tar("elsewhere", {"data_batch_1": b""})])
def test_other_archives_are_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    publish(cifar10, data, content, monkeypatch)
    with pytest.raises(ValueError, match=r"cifar10: the archive (is damaged|lacks)"):
        cifar10.load_data()
