"""The IDX reader: what it reads, and what it refuses."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from hotloop.datasets import load_folder, read_idx
from hotloop.datasets.idx import FILES

CODES = {
    "uint8": 0x08,
    "int8": 0x09,
    "int16": 0x0B,
    "int32": 0x0C,
    "float32": 0x0D,
    "float64": 0x0E,
}


def idx_bytes(array: NDArray[Any]) -> bytes:
    """Return `array` in the IDX format."""
    header = bytes([0, 0, CODES[array.dtype.name], array.ndim]) + struct.pack(
        f">{array.ndim}I", *array.shape
    )
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_set(folder: Path, **changes: NDArray[Any] | None) -> Path:
    """Write a small data set under MNIST's names; a change of None leaves the file out."""
    rng = np.random.default_rng(0)
    arrays: dict[str, NDArray[Any] | None] = {
        "x_train": rng.integers(0, 256, (12, 6, 5), np.uint8),
        "y_train": rng.integers(0, 3, 12, np.uint8),
        "x_test": rng.integers(0, 256, (4, 6, 5), np.uint8),
        "y_test": rng.integers(0, 3, 4, np.uint8),
        **changes,
    }
    folder.mkdir(exist_ok=True)
    for key, array in arrays.items():
        if array is not None:
            (folder / f"{FILES[key]}.gz").write_bytes(gzip.compress(idx_bytes(array)))
    return folder


IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("dtype", list(CODES))
def test_every_type_comes_back(tmp_path: Path, dtype: str, compress: bool) -> None:
    array = (np.arange(24).reshape(2, 3, 4) - (0 if dtype == "uint8" else 7)).astype(dtype)
    data = idx_bytes(array)
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(data) if compress else data)
    got = read_idx(path)
    assert got.dtype == array.dtype
    assert got.dtype.isnative
    assert got.flags.writeable
    assert got.flags.c_contiguous
    np.testing.assert_array_equal(got, array)


def test_an_empty_array_is_legal(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(idx_bytes(np.zeros((0, 28, 28), np.uint8)))
    assert read_idx(path).shape == (0, 28, 28)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "begins with nothing"),
        (b"\0\0\x08", "begins with 00 00 08"),
        (b"\x89PNG\r\n\x1a\n", "begins with 89 50 4e 47"),
        (b"\0\0\x07\x01" + bytes(8), "begins with 00 00 07 01"),
        (b"\0\0\x08\x00", "the rank must be 3, but the header says 0"),
        (idx_bytes(np.zeros(3, np.uint8)), "the rank must be 3, but the header says 1"),
        (b"\0\0\x08\x03" + bytes(7), "truncated in the header: 11 bytes, rank 3 needs 16"),
        (
            idx_bytes(IMAGES)[:-1],
            r"is truncated: the header announces \(2, 3, 4\) of uint8, 24 bytes, but 23 follow",
        ),
        (idx_bytes(IMAGES) + b"x", r"has bytes behind its end: the header announces \(2, 3, 4\)"),
        (
            b"\0\0\x08\x03" + struct.pack(">3I", 2**20, 2**10, 2),
            "more than the limit of 1073741824 bytes",
        ),
        (b"\0\0\x08\x03" + struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1), "more than the limit"),
        (b"\0\0\x0e\x03" + struct.pack(">3I", 2**16, 2**11, 2), "of float64, more than the limit"),
    ],
)
@pytest.mark.parametrize("compress", [False, True])
def test_refuses(tmp_path: Path, data: bytes, reason: str, compress: bool) -> None:
    path = tmp_path / "some-file"
    path.write_bytes(gzip.compress(data) if compress else data)
    with pytest.raises(ValueError, match=rf"^read_idx: .*some-file: .*{reason}"):
        read_idx(path, ndim=3)


def test_refuses_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    whole = gzip.compress(
        idx_bytes(np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8))
    )
    path.write_bytes(whole[:-20])
    with pytest.raises(
        ValueError, match=r"file.gz: the gzip stream ends early; the file is truncated"
    ):
        read_idx(path)
    for damaged in (
        whole[:40] + bytes([whole[40] ^ 0xFF]) + whole[41:],
        whole[:-6] + b"\0\0" + whole[-4:],
        whole + b"tail",
        b"\x1f\x8b\x07" + whole[3:],
    ):
        path.write_bytes(damaged)
        with pytest.raises(
            ValueError, match=r"file.gz: (damaged gzip data, or bytes behind its end|the file)"
        ):
            read_idx(path)


def test_a_lying_header_allocates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(
        gzip.compress(b"\0\0\x08\x03" + struct.pack(">3I", 1000, 1000, 1000) + bytes(100))
    )
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="is truncated"):
            read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20


def test_a_gzip_bomb_stops_at_the_announced_length(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(idx_bytes(np.zeros(10, np.uint8)) + bytes(50 * 2**20), 1))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="10 bytes, but 11 or more follow"):
            read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20


def test_the_limit_can_be_set(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(idx_bytes(IMAGES))
    assert read_idx(path, max_bytes=24).shape == (2, 3, 4)
    with pytest.raises(ValueError, match="more than the limit of 23 bytes"):
        read_idx(path, max_bytes=23)


@given(
    array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)),
    at=st.integers(0, 10**6),
    byte=st.integers(0, 255),
    cut=st.integers(0, 3),
)
def test_altered_files_read_or_refuse(
    tmp_path_factory: pytest.TempPathFactory, array: NDArray[Any], at: int, byte: int, cut: int
) -> None:
    data = bytearray(idx_bytes(array))
    data[at % len(data)] = byte
    path = tmp_path_factory.getbasetemp() / "altered"
    path.write_bytes(bytes(data[: len(data) - cut]))
    refusal = None
    try:
        assert read_idx(path, max_bytes=10**6).ndim == data[3]
    except ValueError as error:
        refusal = str(error)
    assert refusal is None or refusal.startswith(f"read_idx: {path}: ")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none")


def test_load_folder(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "own")
    plain = folder / FILES["y_test"]
    plain.write_bytes(gzip.decompress((folder / f"{plain.name}.gz").read_bytes()))
    (folder / f"{plain.name}.gz").unlink()
    (x_train, y_train), (x_test, y_test) = load_folder(folder)
    assert (x_train.shape, y_train.shape, x_test.shape, y_test.shape) == (
        (12, 6, 5),
        (12,),
        (4, 6, 5),
        (4,),
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"y_train": np.zeros(11, np.uint8)}, "images and labels must be of one length"),
        ({"x_test": np.zeros((4, 5, 5), np.uint8)}, "images of one size"),
        ({"y_test": np.zeros(4, np.int32)}, "holds uint8 and at least one row, but this is int32"),
        ({"x_test": np.zeros((0, 6, 5), np.uint8)}, r"this is uint8 of shape \(0, 6, 5\)"),
        ({"x_test": np.zeros((4, 30), np.uint8)}, "the rank must be 3, but the header says 2"),
    ],
)
def test_load_folder_refuses(tmp_path: Path, changes: dict[str, NDArray[Any]], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        load_folder(write_set(tmp_path / "own", **changes))


def test_load_folder_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"own lacks train-labels-idx1-ubyte, t10k-labels-idx1-ubyte \("
    ):
        load_folder(write_set(tmp_path / "own", y_train=None, y_test=None))
