"""Data sets: the digits in the package, and the search, download and cache of the others."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from hotloop.datasets import DatasetNotFoundError, _fetch, digits, fashion_mnist, mnist
from hotloop.datasets.idx import FILES
from test_idx import idx_bytes


@pytest.fixture(autouse=True)
def no_outer_folders(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep the tests off the user's cache and data folder."""
    monkeypatch.setenv("HOTLOOP_CACHE_DIR", str(tmp_path / "cache"))
    if "mnist_data" not in request.fixturenames:
        monkeypatch.delenv("HOTLOOP_DATA_DIR", raising=False)


# --- digits


def test_digits() -> None:
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert (x_train.shape, y_train.shape) == ((1437, 8, 8), (1437,))
    assert (x_test.shape, y_test.shape) == ((360, 8, 8), (360,))
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert (x_train.min(), x_train.max()) == (0, 16)
    assert set(y_test.tolist()) == set(range(10))
    assert np.bincount(y_train).min() > 130  # shuffled: every class is about a tenth of it


def test_digits_are_the_uci_digits() -> None:
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    uci = sklearn_datasets.load_digits()
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x, y = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    file = resources.files("hotloop.datasets").joinpath("digits.npz")
    with file.open("rb") as stream, np.load(stream) as data:
        order = np.random.Generator(np.random.PCG64(int(data["seed"]))).permutation(len(x))
        assert "Alpaydin" in str(data["source"])
        assert "CC BY 4.0" in str(data["source"])
    np.testing.assert_array_equal(x, uci.images[order])
    np.testing.assert_array_equal(y, uci.target[order])


def test_the_digits_file_is_small() -> None:
    assert len(resources.files("hotloop.datasets").joinpath("digits.npz").read_bytes()) < 100_000


def test_arrays_are_the_callers_own() -> None:
    digits.load_data()[0][0][:] = 0
    assert digits.load_data()[0][0].any()


# --- a small set on a server of our own


class Mirror(NamedTuple):
    url: str
    folder: Path
    requests: list[str]


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, log: list[str], **kwargs: Any) -> None:
        self.log = log
        super().__init__(*args, **kwargs)

    def log_message(self, *_args: Any) -> None:
        self.log.append(self.path)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_args: Any) -> None:
        """Say nothing when a client hangs up early: one test does so on purpose."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """Serve a folder with a sound copy of the small set on the loopback interface."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    for key, array in ARRAYS.items():
        (folder / f"{FILES[key]}.gz").write_bytes(gzip.compress(idx_bytes(array), mtime=0))
    log: list[str] = []
    server = _Server(("127.0.0.1", 0), partial(_Handler, directory=str(folder), log=log))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Mirror(f"http://127.0.0.1:{server.server_address[1]}/", folder, log)
    server.shutdown()
    thread.join()
    server.server_close()


_RNG = np.random.default_rng(3)
ARRAYS: dict[str, NDArray[np.uint8]] = {
    "x_train": _RNG.integers(0, 256, (30, 7, 6), np.uint8),
    "y_train": np.arange(30, dtype=np.uint8) % 10,
    "x_test": _RNG.integers(0, 256, (9, 7, 6), np.uint8),
    "y_test": np.arange(9, dtype=np.uint8),
}
SHAPES = {key: array.shape for key, array in ARRAYS.items()}


def by_content(*mirrors: str) -> _fetch.Source:
    """Describe the small set as MNIST is described."""
    sums = {key: hashlib.sha256(idx_bytes(array)).hexdigest() for key, array in ARRAYS.items()}
    return _fetch.Source("small", mirrors, SHAPES, content_sha256=sums)


def by_file(*mirrors: str) -> _fetch.Source:
    """Describe the small set as Fashion-MNIST is described."""
    sums = {
        key: hashlib.md5(
            gzip.compress(idx_bytes(array), mtime=0), usedforsecurity=False
        ).hexdigest()
        for key, array in ARRAYS.items()
    }
    return _fetch.Source("small", mirrors, SHAPES, gz_md5=sums)


both_kinds = pytest.mark.parametrize("describe", [by_content, by_file])
Describe = Callable[..., _fetch.Source]


def assert_sound(split: Any) -> None:
    (x_train, y_train), (x_test, y_test) = split
    for key, got in zip(FILES, (x_train, y_train, x_test, y_test), strict=True):
        np.testing.assert_array_equal(got, ARRAYS[key])


def put(folder: Path, *, plain: bool = False, level: int = 9) -> Path:
    """Write the small set into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for key, array in ARRAYS.items():
        data = idx_bytes(array)
        path = folder / (FILES[key] if plain else f"{FILES[key]}.gz")
        path.write_bytes(data if plain else gzip.compress(data, level, mtime=0))
    return folder


@both_kinds
def test_download_then_cache(mirror: Mirror, tmp_path: Path, describe: Describe) -> None:
    source = describe(mirror.url)
    assert_sound(_fetch.load(source))
    assert len(mirror.requests) == 4
    assert_sound(_fetch.load(source))
    assert len(mirror.requests) == 4  # the second time comes from the disk
    assert sorted(p.name for p in (tmp_path / "cache/small").iterdir()) == sorted(
        f"{n}.gz" for n in FILES.values()
    )


@both_kinds
def test_the_next_mirror_is_tried(mirror: Mirror, describe: Describe) -> None:
    assert_sound(_fetch.load(describe(f"{mirror.url}none/", "http://127.0.0.1:9/", mirror.url)))


@both_kinds
@pytest.mark.parametrize("damage", ["cut", "flipped", "other content", "html"])
def test_a_wrong_download_is_not_kept(
    mirror: Mirror, tmp_path: Path, describe: Describe, damage: str
) -> None:
    path = mirror.folder / f"{FILES['x_test']}.gz"
    data = path.read_bytes()
    path.write_bytes(
        {
            "cut": data[:-30],
            "flipped": data[:100] + bytes([data[100] ^ 1]) + data[101:],
            "other content": gzip.compress(idx_bytes(ARRAYS["x_test"] ^ 1)),
            "html": b"<html>Please log in</html>",
        }[damage]
    )
    with pytest.raises(DatasetNotFoundError, match=rf"tried {mirror.url}{path.name}: "):
        _fetch.load(describe(mirror.url))
    names = [p.name for p in (tmp_path / "cache/small").iterdir()]
    assert path.name not in names
    assert not [name for name in names if name.endswith(".part")]


@both_kinds
def test_a_cached_file_altered_on_disk_is_fetched_anew(
    mirror: Mirror, tmp_path: Path, describe: Describe
) -> None:
    source = describe(mirror.url)
    _fetch.load(source)
    path = tmp_path / "cache/small" / f"{FILES['y_test']}.gz"
    path.write_bytes(gzip.compress(idx_bytes(ARRAYS["y_test"][::-1].copy())))
    assert_sound(_fetch.load(source))
    assert len(mirror.requests) == 5
    path.write_bytes(path.read_bytes()[:-4])
    assert_sound(_fetch.load(source))
    assert len(mirror.requests) == 6


def test_without_network_the_damaged_cache_is_named_and_kept(tmp_path: Path) -> None:
    source = by_content("http://127.0.0.1:9/")
    folder = put(tmp_path / "cache/small")
    path = folder / f"{FILES['y_test']}.gz"
    path.write_bytes(gzip.compress(idx_bytes(ARRAYS["y_test"] ^ 1)))
    before = path.read_bytes()
    with pytest.raises(
        DatasetNotFoundError, match=r"cache.small \(small: .*is not the published file: sha256"
    ):
        _fetch.load(source)
    assert path.read_bytes() == before


def test_nowhere_says_where_it_looked_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTLOOP_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    with pytest.raises(OSError, match="no copy at hand and none could be downloaded") as caught:
        _fetch.load(by_content("http://127.0.0.1:9/a/", "http://127.0.0.1:9/b/"))
    text = str(caught.value)
    for part in (
        f"looked in {tmp_path / 'data' / 'small'} (no train-images-idx3-ubyte[.gz])",
        f"looked in {tmp_path / 'data'} (no",
        f"looked in {tmp_path / 'cache' / 'small'} (no",
        "tried http://127.0.0.1:9/a/train-images-idx3-ubyte.gz: ",
        "tried http://127.0.0.1:9/b/train-images-idx3-ubyte.gz: ",
        "put the four files (train-images-idx3-ubyte.gz,",
        "set HOTLOOP_DATA_DIR",
    ):
        assert part in text


def test_a_folder_of_data_that_does_not_exist_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTLOOP_DATA_DIR", str(tmp_path / "dta"))
    with pytest.raises(FileNotFoundError, match=r"HOTLOOP_DATA_DIR=.*dta is not a folder"):
        _fetch.load(by_content("http://127.0.0.1:9/a/"))


def test_a_cache_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HOTLOOP_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(DatasetNotFoundError, match="the cache cannot be written"):
        _fetch.load(by_content("http://127.0.0.1:9/"))


@both_kinds
def test_a_file_without_end_stops(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch, describe: Describe
) -> None:
    monkeypatch.setattr(_fetch, "_MAX_DOWNLOAD", 1000)
    (mirror.folder / f"{FILES['x_train']}.gz").write_bytes(bytes(200_000))
    with pytest.raises(DatasetNotFoundError, match="longer than any of this data set"):
        _fetch.load(describe(mirror.url))


def test_an_interrupted_download_leaves_nothing(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_url: str, file: Any) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(_fetch, "stream", interrupt)
    with pytest.raises(KeyboardInterrupt):
        _fetch.load(by_content(mirror.url))
    assert not list((tmp_path / "cache/small").iterdir())


def test_what_a_killed_download_left_goes_after_a_day(mirror: Mirror, tmp_path: Path) -> None:
    folder = tmp_path / "cache/small"
    folder.mkdir(parents=True)
    old, fresh = folder / ".x.gz.1-a.part", folder / ".x.gz.2-b.part"
    for path in (old, fresh):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 90_000,) * 2)
    _fetch.load(by_content(mirror.url))
    assert not old.exists()
    assert fresh.exists()  # another process may be at it


def test_two_processes_at_once(mirror: Mirror, tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); import test_datasets as t; "
        "t.assert_sound(t._fetch.load(t.by_file(sys.argv[1])))"
    )
    here = str(Path(__file__).parent)
    runs = [subprocess.Popen([sys.executable, "-c", code, mirror.url, here]) for _ in range(3)]
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    assert len(list((tmp_path / "cache/small").iterdir())) == 4


# --- the user's folder


@both_kinds
@pytest.mark.parametrize("below", ["small", ""])
def test_data_dir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, describe: Describe, below: str
) -> None:
    put(tmp_path / "data" / below)
    monkeypatch.setenv("HOTLOOP_DATA_DIR", str(tmp_path / "data"))
    assert_sound(_fetch.load(describe()))
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("below", ["small", ""])
def test_content_is_known_in_any_wrapping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    monkeypatch.setenv("HOTLOOP_DATA_DIR", str(tmp_path / "data"))
    put(tmp_path / "data" / below, plain=True)
    assert_sound(_fetch.load(by_content()))
    put(tmp_path / "data" / below, level=1)
    assert_sound(_fetch.load(by_content()))


def test_a_file_without_published_sum_counts_in_the_named_folder_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTLOOP_DATA_DIR", str(tmp_path / "data"))
    put(tmp_path / "data", plain=True)
    with pytest.raises(
        DatasetNotFoundError, match=r"is not the published \.gz file: its md5 is not"
    ):
        _fetch.load(by_file())
    put(tmp_path / "data/small", plain=True)
    assert_sound(_fetch.load(by_file()))


def test_a_wrong_file_in_the_named_folder_is_refused(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTLOOP_DATA_DIR", str(tmp_path / "data"))
    path = put(tmp_path / "data/small") / f"{FILES['y_train']}.gz"
    path.write_bytes(gzip.compress(idx_bytes(ARRAYS["y_train"] + np.uint8(1))))
    advice = "replace or remove it, or point HOTLOOP_DATA_DIR elsewhere"
    with pytest.raises(
        ValueError, match=rf"is not the published file: sha256 of its content .*; {advice}"
    ):
        _fetch.load(by_content(mirror.url))
    with pytest.raises(
        ValueError, match=r"should hold uint8 of shape \(30,\), labels 0 to 9, .* largest 10"
    ):
        _fetch.load(by_file(mirror.url))
    assert not mirror.requests


def test_the_other_set_of_the_same_names_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTLOOP_DATA_DIR", str(tmp_path / "data"))
    put(tmp_path / "data/small")
    source = replace(
        by_file(), gz_md5=dict.fromkeys(FILES, "0" * 32), foreign_sha256=by_content().content_sha256
    )
    with pytest.raises(ValueError, match="belongs to another data set of the same file names"):
        _fetch.load(source)


def test_the_cache_is_the_systems_unless_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pooch = pytest.importorskip("pooch")
    monkeypatch.delenv("HOTLOOP_CACHE_DIR")
    assert _fetch.cache_folder() == Path(pooch.os_cache("hotloop"))
    monkeypatch.setenv("HOTLOOP_CACHE_DIR", str(tmp_path))
    assert _fetch.cache_folder() == tmp_path


# --- the published sets


@pytest.mark.parametrize("module", [mnist, fashion_mnist])
def test_sources_are_complete(module: Any) -> None:
    source = module.SOURCE
    assert set(source.shapes) == set(FILES)
    assert set(source.content_sha256 or source.gz_md5) == set(FILES)
    assert len(source.mirrors) >= 2
    assert all(url.startswith("http") and url.endswith("/") for url in source.mirrors)


def test_mnist(mnist_data: Any) -> None:
    (x_train, y_train), (x_test, y_test) = mnist_data
    assert (x_train.shape, x_test.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert y_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert x_train.dtype == y_train.dtype == np.uint8
    assert int(x_train.max()) == 255


def test_mnist_is_not_taken_for_fashion(mnist_data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(mnist_data) == 2
    root = Path(os.environ["HOTLOOP_DATA_DIR"])
    monkeypatch.setenv(
        "HOTLOOP_DATA_DIR", str(root / "mnist" if (root / "mnist").is_dir() else root)
    )
    monkeypatch.setattr(fashion_mnist, "SOURCE", replace(fashion_mnist.SOURCE, mirrors=()))
    with pytest.raises(
        DatasetNotFoundError, match=r"belongs to another data set of the same file names \(MNIST\)"
    ):
        fashion_mnist.load_data()


def test_keras_names() -> None:
    code = "import hotloop as keras; from hotloop.datasets import mnist; print(keras.datasets.mnist is mnist)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "True\n"
